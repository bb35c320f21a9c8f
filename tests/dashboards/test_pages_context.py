"""What lies near a source, on its page."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from dashboards.components.browser_state import write_query
from dashboards.outside_links import sky_links
from dashboards.pages.context_part import ContextPart
from dashboards.pages.source import SourcePage
from dashboards.session import Session
from data_access import Archive, open_archive


@pytest.fixture
def writable(demo_folder: Path, tmp_path: Path) -> Path:
    shutil.copytree(demo_folder / "state", tmp_path / "archive" / "state")
    return tmp_path / "archive"


@pytest.fixture
def name(demo_folder: Path) -> str:
    """The source of the demo archive with the most measurements of those that its NVSS strips know."""
    known: set[str] = set()
    for path in (demo_folder / "state" / "catalogs").glob("nvss_dec*.sqlite3"):
        with closing(sqlite3.connect(path)) as strip:
            known |= {row[0] for row in strip.execute("SELECT name FROM sources")}
    with closing(sqlite3.connect(demo_folder / "state" / "db" / "products.sqlite3")) as db:
        counted = db.execute("SELECT source_id FROM photometry GROUP BY source_id ORDER BY count(*) DESC, source_id")
        return next(str(row[0]) for row in counted if row[0] in known)


async def open_context(archive: Archive, name: str, **query: str) -> tuple[SourcePage, ContextPart]:
    prepared = await archive.sources.get(name)
    view = SourcePage(Session(archive, path_params={"source_id": name}, query=query, prepared=prepared))
    view.__panel__()
    part = next(p for p in view.parts if isinstance(p, ContextPart))
    await part.load()
    return view, part


def words(row: dict[str, Any]) -> list[str]:
    return [cell["t"] for cell in row["cells"]]


async def test_an_entry_stands_with_separation_direction_ratio_and_spectral_index(writable: Path, name: str) -> None:
    async with open_archive(writable) as archive:
        source = (await archive.sources.get(name)).source
        assert source.ra_deg is not None and source.dec_deg is not None
        path = writable / "state" / "catalogs" / f"vlass_dec{source.dec_deg:+.1f}.sqlite3"
        with closing(sqlite3.connect(path)) as strip, strip:
            strip.execute("CREATE TABLE sources (ra_deg, dec_deg, flux_mjy, flux_err_mjy, name)")
            strip.execute(
                "INSERT INTO sources VALUES (?, ?, 80.0, 1.0, '<b>V</b>')", (source.ra_deg, source.dec_deg + 0.001)
            )
        _, part = await open_context(archive, name)
        own = (await archive.context.of(await archive.sources.get(name), radius_arcsec=60)).own
    row = next(words(r) for r in part.matches.rows if r["cells"][0]["t"] == "VLASS")
    assert row[1] == "<b>V</b>"
    assert (row[2], row[3]) == ("3.6", "0")
    assert own.mean_mjy is not None
    assert row[8] == f"{own.mean_mjy / 80:.3g}"
    assert "±" in row[9]
    assert "α NVSS to VLASS" in [item["label"] for item in part.facts.groups[0]["items"]]


async def test_every_catalogue_says_what_it_could_answer(demo_folder: Path, name: str) -> None:
    async with open_archive(demo_folder) as archive:
        _, part = await open_context(archive, name)
    said = {item["label"]: item["cell"] for item in part.facts.groups[1]["items"]}
    assert said["NVSS"]["t"] == "1 found"
    assert said["FIRST"]["t"] == "missing" and "first*.sqlite3" in said["FIRST"]["n"]


async def test_a_source_under_two_names_is_called_a_possible_double(writable: Path, name: str) -> None:
    with closing(sqlite3.connect(writable / "state" / "db" / "products.sqlite3")) as db, db:
        ra, dec = db.execute("SELECT ra_deg, dec_deg FROM photometry WHERE source_id = ? LIMIT 1", (name,)).fetchone()
        for stamp in ("2024-01-01T00:00:00", "2024-01-02T00:00:00"):
            db.execute(
                "INSERT INTO photometry (source_id, image_path, ra_deg, dec_deg, peak_jyb, peak_err_jyb, "
                "measured_at) VALUES ('TWIN', ?, ?, ?, 0.15, 0.001, 1.7e9)",
                (f"/x/{stamp}.img.fits", ra, dec + 0.002),
            )  # fmt: skip
    async with open_archive(writable) as archive:
        await archive.search.index(patience_s=60)
        _, part = await open_context(archive, name)
    twin = next(r for r in part.neighbours.rows if r["key"] == "TWIN")
    assert twin["cells"][-1]["t"] == "possibly"
    assert "1 may be this source under another name" in part.neighbours.note


async def test_of_a_cut_answer_nobody_says_that_two_sources_were_never_measured_together(
    writable: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(sqlite3.connect(writable / "state" / "db" / "products.sqlite3")) as db, db:
        ra, dec = db.execute("SELECT ra_deg, dec_deg FROM photometry WHERE source_id = ? LIMIT 1", (name,)).fetchone()
        shared = db.execute("SELECT image_path FROM photometry WHERE source_id = ? LIMIT 1", (name,)).fetchone()[0]
        for path in (shared, "/x/2024-01-01T00:00:00.img.fits", "/x/2024-01-02T00:00:00.img.fits"):
            db.execute(
                "INSERT INTO photometry (source_id, image_path, ra_deg, dec_deg, peak_jyb, peak_err_jyb, "
                "measured_at) VALUES ('TWIN', ?, ?, ?, 0.15, 0.001, 1.7e9)",
                (path, ra, dec + 0.002),
            )  # fmt: skip
    async with open_archive(writable) as archive:
        whole = archive.photometry.find_fluxes

        async def newest_two(*asked: Any) -> Any:
            return (await whole(*asked))[0][:2], True

        monkeypatch.setattr(archive.photometry, "find_fluxes", newest_two)
        await archive.search.index(patience_s=60)
        _, part = await open_context(archive, name)
    twin = next(r for r in part.neighbours.rows if r["key"] == "TWIN")
    assert twin["cells"][-1]["t"] == "not known"
    assert "only the newest measurements were compared" in twin["cells"][-1]["n"]


async def test_sources_measured_together_are_no_double(real_archive_split: Path) -> None:
    async with open_archive(real_archive_split) as archive:
        await archive.search.index(patience_s=60)
        _, part = await open_context(archive, "10", near="100")
    same = next(r for r in part.neighbours.rows if r["key"] == "5")
    assert (same["cells"][-1]["t"], same["cells"][-1]["n"]) == ("same place", "both measured at 2 epochs")
    far = next(r for r in part.neighbours.rows if r["key"] == "12")
    assert far["cells"][-1]["t"] == "no"


async def test_the_radius_is_in_the_url_and_a_bad_one_is_said_at_its_field(demo_folder: Path, name: str) -> None:
    async with open_archive(demo_folder) as archive:
        view, part = await open_context(archive, name, near="abc")
        assert view.near == 60.0
        assert part.filters is not None
        part.filters._handle_msg({"type": "submit", "values": {"near": "-5"}})
        assert "above 0" in part.filters.errors["near"]
        part.filters._handle_msg({"type": "submit", "values": {"near": "1800"}})
        await view.settled()
        assert "near=1800" in write_query(view, view.url_params)
        assert part.matches.total.endswith("within 1800″")


def test_links_to_other_services_name_the_place() -> None:
    links = dict(sky_links(88.163589, 54.453971, radius_arcsec=60))
    assert set(links) == {"SIMBAD", "NED", "VizieR", "Aladin"}
    assert all("88.163589" in address and "%2B54.453971" in address for address in links.values())
