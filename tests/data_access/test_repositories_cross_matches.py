"""Entries of local catalogues near a place: real SQLite files in the shapes that the pipeline writes."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from data_access import open_archive
from data_access.database import Database
from data_access.errors import ValidationError
from data_access.records.cross_matches import CatalogueAnswer
from data_access.repositories.cross_matches import CrossMatchRepository

STRIP = "source_id INTEGER PRIMARY KEY, ra_deg REAL, dec_deg REAL, flux_mjy REAL, flux_err_mjy REAL, name TEXT"


def make(path: Path, table: str, columns: str, *rows: tuple[object, ...]) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"CREATE TABLE IF NOT EXISTS {table} ({columns})")
        for row in rows:
            connection.execute(f"INSERT INTO {table} VALUES ({','.join('?' * len(row))})", row)


def strip(path: Path, *rows: tuple[float, float, float | None], error: float | None = None) -> None:
    values = [(None, ra, dec, flux, error, f"S{i}") for i, (ra, dec, flux) in enumerate(rows)]
    make(path, "sources", STRIP, *values)


async def _no_lists() -> None:
    return None


async def ask(folder: Path, ra: float, dec: float, radius: float = 60.0) -> dict[str, CatalogueAnswer]:
    repository = CrossMatchRepository(folder, _no_lists, lambda name, path: Database(name, path, lanes=1))
    answers = await repository.find_near(ra, dec, radius)
    await repository.close()
    return {answer.catalogue: answer for answer in answers}


async def test_entries_within_the_radius_come_with_the_nearest_first(tmp_path: Path) -> None:
    strip(tmp_path / "nvss_dec+16.0.sqlite3", (150.0, 16.01, 5.0), (150.0, 16.001, 7.0), (150.0, 16.1, 9.0))
    nvss = (await ask(tmp_path, 150.0, 16.0))["NVSS"]
    assert [(round(m.separation_arcsec, 1), m.flux_mjy) for m in nvss.matches] == [(3.6, 7.0), (36.0, 5.0)]
    assert nvss.matches[0].freq_ghz == 1.4
    assert nvss.matches[0].position_angle_deg == pytest.approx(0.0, abs=1e-6)


async def test_a_missing_an_uncovered_and_a_damaged_catalogue_are_told_apart(tmp_path: Path) -> None:
    strip(tmp_path / "nvss_dec+16.0.sqlite3", (150.0, 15.0, 5.0), (150.0, 17.0, 5.0))
    strip(tmp_path / "rax_dec-65.0.sqlite3", (150.0, -64.0, 5.0))
    (tmp_path / "vlass_dec+16.0.sqlite3").write_bytes(b"torn" * 500)
    answers = await ask(tmp_path, 150.0, 16.0)
    assert {name: answers[name].status for name in ("NVSS", "RACS", "VLASS", "FIRST")} == {
        "NVSS": "asked", "RACS": "not covered", "VLASS": "failed", "FIRST": "missing",
    }  # fmt: skip
    assert "first*.sqlite3" in answers["FIRST"].message
    assert "+16.0°" in answers["RACS"].message


async def test_a_place_at_zero_hours_is_searched_on_both_sides(tmp_path: Path) -> None:
    strip(tmp_path / "nvss_dec+16.0.sqlite3", (359.999, 16.0, 1.0), (0.001, 16.0, 2.0))
    nvss = (await ask(tmp_path, 0.0, 16.0))["NVSS"]
    assert sorted(m.flux_mjy or 0 for m in nvss.matches) == [1.0, 2.0]


async def test_strips_that_overlap_give_an_entry_once(tmp_path: Path) -> None:
    for middle in ("+15.0", "+17.0"):
        strip(tmp_path / f"nvss_dec{middle}.sqlite3", (150.0, 16.0, 5.0))
    assert len((await ask(tmp_path, 150.0, 16.0))["NVSS"].matches) == 1


async def test_pulsars_say_their_period_and_dispersion(tmp_path: Path) -> None:
    make(tmp_path / "atnf_pulsars.sqlite3", "pulsars",
         "pulsar_name TEXT, ra_deg REAL, dec_deg REAL, period_s REAL, dm_pc_cm3 REAL, flux_1400mhz_mjy REAL",
         ("B0531+21", 83.63322, 22.01446, 0.0333924, 56.77, 14.0))  # fmt: skip
    (match,) = (await ask(tmp_path, 83.6332, 22.0145))["Pulsars"].matches
    assert (match.name, match.flux_mjy) == ("B0531+21", 14.0)
    assert match.note == "period 0.0333924 s, DM 56.77 pc/cm³"


async def test_calibrators_have_their_flux_at_20_cm(tmp_path: Path) -> None:
    path = tmp_path / "vla_calibrators.sqlite3"
    make(
        path, "calibrators", "name TEXT, ra_deg REAL, dec_deg REAL, position_code TEXT", ("3C286", 202.78, 30.5, "A")
    )
    make(path, "fluxes", "name TEXT, band TEXT, flux_jy REAL", ("3C286", "6cm", 7.5), ("3C286", "20cm", 15.0))
    (match,) = (await ask(tmp_path, 202.78, 30.5))["VLA calibrators"].matches
    assert (match.flux_mjy, match.note) == (15_000.0, "position code A")


async def test_the_master_list_has_nvss_flux_densities_in_jy(tmp_path: Path) -> None:
    make(tmp_path / "master_sources.sqlite3", "sources", "source_id, ra_deg, dec_deg, s_nvss, s_vlass, alpha",
         (7, 150.0, 16.0, 0.11, 0.05, -0.7))  # fmt: skip
    (match,) = (await ask(tmp_path, 150.0, 16.0))["Master list"].matches
    assert (match.name, match.flux_mjy, match.note) == ("7", 110.0, "α -0.70, VLASS 0.05 Jy")


MASTER_COLUMNS = "source_id, ra_deg, dec_deg, s_nvss"


async def test_the_master_list_is_found_beside_the_databases_too(tmp_path: Path) -> None:
    (tmp_path / "db").mkdir()
    make(tmp_path / "db" / "master_sources.sqlite3", "sources", MASTER_COLUMNS, (7, 150.0, 16.0, 0.11))
    async with open_archive(tmp_path) as archive:
        answers = await archive.cross_matches.find_near(150.0, 16.0, 60.0)
        around = await archive.catalogs.find_near(150.0, 16.0, 0.1)
    (match,) = next(a for a in answers if a.catalogue == "Master list").matches
    assert (match.name, match.flux_mjy) == ("7", 110.0)
    assert around is not None
    assert (around.file, [source.flux_mjy for source in around.sources]) == ("master_sources.sqlite3", [110.0])


async def test_of_two_master_lists_that_of_the_catalogue_folder_is_asked(tmp_path: Path) -> None:
    for folder, name in (("db", 7), ("catalogs", 8)):
        (tmp_path / folder).mkdir()
        path = tmp_path / folder / "master_sources.sqlite3"
        make(path, "sources", MASTER_COLUMNS, (name, 150.0, 16.0, 0.11))
    async with open_archive(tmp_path) as archive:
        answers = await archive.cross_matches.find_near(150.0, 16.0, 60.0)
    assert [m.name for m in next(a for a in answers if a.catalogue == "Master list").matches] == ["8"]


async def test_a_missing_master_list_is_said_with_both_places(tmp_path: Path) -> None:
    async with open_archive(tmp_path) as archive:
        answers = {a.catalogue: a for a in await archive.cross_matches.find_near(150.0, 16.0, 60.0)}
    assert answers["Master list"].message.endswith(f"in the catalogue folder or in {tmp_path / 'db'}")
    assert answers["NVSS"].message.endswith("in the catalogue folder")


async def test_missing_columns_and_wrong_values_are_no_values(tmp_path: Path) -> None:
    make(tmp_path / "nvss_dec+16.0.sqlite3", "sources", "ra_deg, dec_deg, flux_mjy",
         (150.0, 16.0, "bright"), (150.001, 16.0, None), ("x", 16.0, 3.0))  # fmt: skip
    nvss = (await ask(tmp_path, 150.0, 16.0))["NVSS"]
    assert [(m.name, m.flux_mjy) for m in nvss.matches] == [("", None), ("", None)]


async def test_no_more_entries_than_a_page_can_show_are_read(tmp_path: Path) -> None:
    strip(tmp_path / "nvss_dec+16.0.sqlite3", *((150.0 + i * 1e-5, 16.0, 1.0) for i in range(300)))
    nvss = (await ask(tmp_path, 150.0, 16.0))["NVSS"]
    assert (len(nvss.matches), nvss.truncated) == (200, True)


@pytest.mark.parametrize(("dec", "radius"), [(91.0, 60.0), (0.0, 0.0), (0.0, 4000.0)])
async def test_a_place_or_radius_that_makes_no_sense_is_refused(tmp_path: Path, dec: float, radius: float) -> None:
    with pytest.raises(ValidationError):
        await ask(tmp_path, 0.0, dec, radius)


async def test_every_strip_of_the_real_archive_gives_back_its_own_entries(real_archive_split: Path) -> None:
    async with open_archive(real_archive_split) as archive:
        for path in sorted((real_archive_split / "state" / "catalogs").glob("*_dec*.sqlite3")):
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
                ra, dec, flux = connection.execute(
                    "SELECT ra_deg, dec_deg, flux_mjy FROM sources ORDER BY flux_mjy DESC LIMIT 1"
                ).fetchone()
            answers = await archive.cross_matches.find_near(ra, dec, 10.0)
            name = "RACS" if path.name.startswith("rax") else "NVSS"
            nearest = next(a for a in answers if a.catalogue == name).matches[0]
            assert nearest.separation_arcsec < 0.01
            assert nearest.flux_mjy == pytest.approx(flux)
