"""When the telescope observed, and never the processing time without saying so; units of times; loose notations."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data_access.analysis.times import mjd_of_stamp, unix_to_mjd
from data_access.archive import open_archive
from data_access.errors import RecordNotFound
from data_access.records import LightCurve, PageRequest
from data_access.repositories.base import decode_loose
from tests.data_access.database_samples import OtherProcess, make_database

STAMP = "2025-10-13T13:28:03"
OBSERVED_MJD = 60961.561145833  # 2025-10-13 13:28:03 UTC: JD 2460962.061145833
PROCESSED_UNIX = 1764000000.0
PROCESSED_MJD = 61003.666666667  # 1764000000 / 86400 + 40587
PHOTOMETRY = (
    "CREATE TABLE photometry (id INTEGER PRIMARY KEY, source_id TEXT, image_path TEXT, mosaic_path TEXT, mjd REAL, "
    "measured_at REAL, peak_jyb REAL, flux_jy REAL, flags, quality_flag TEXT)"
)


async def _light_curve(tmp_path: Path, *rows: dict[str, Any], ddl: str = PHOTOMETRY) -> LightCurve:
    path = make_database(tmp_path / "products.sqlite3", ddl)
    with OtherProcess(path) as writer:
        for row in rows:
            values = {"source_id": "J1", **row}
            marks = ", ".join("?" * len(values))
            writer.run((f"INSERT INTO photometry ({', '.join(values)}) VALUES ({marks})", list(values.values())))
    async with open_archive(tmp_path) as archive:
        return await archive.sources.get_light_curve("J1")


async def test_a_misspelt_name_is_no_empty_light_curve(tmp_path: Path) -> None:
    make_database(
        tmp_path / "products.sqlite3", PHOTOMETRY, "INSERT INTO photometry (source_id) VALUES ('J1')",
        "CREATE TABLE monitoring_sources (source_id TEXT)", "INSERT INTO monitoring_sources VALUES ('J2')",
        "CREATE TABLE transient_candidates (id INTEGER PRIMARY KEY, source_name TEXT)",
        "INSERT INTO transient_candidates (source_name) VALUES ('T1')",
    )  # fmt: skip
    async with open_archive(tmp_path) as archive:
        assert (await archive.sources.get_light_curve("J2")).n_epoch == 0  # known, never measured
        assert (await archive.sources.get("T1")).transients  # known as a transient only
        with pytest.raises(RecordNotFound, match="no source 'J3'"):
            await archive.sources.get_light_curve("J3")


@pytest.mark.parametrize("column", ["image_path", "mosaic_path"])
async def test_the_time_in_the_images_name_wins_over_every_column(tmp_path: Path, column: str) -> None:
    curve = await _light_curve(
        tmp_path, {column: f"/img/{STAMP}.img.fits", "mjd": PROCESSED_MJD, "measured_at": PROCESSED_UNIX}
    )
    assert curve.mjd[0] == pytest.approx(OBSERVED_MJD, abs=1e-8)
    assert curve.origin == ("image name",)


async def test_an_mjd_that_is_the_moment_of_processing_is_called_so(tmp_path: Path) -> None:
    curve = await _light_curve(
        tmp_path, {"image_path": "/img/field.fits", "mjd": PROCESSED_MJD, "measured_at": PROCESSED_UNIX}
    )
    assert curve.origin == ("processing time",)
    assert curve.problems[0].startswith("1 of 1 epochs are processing times")


async def test_an_mjd_that_differs_from_the_processing_is_an_observation(tmp_path: Path) -> None:
    curve = await _light_curve(
        tmp_path, {"image_path": "/img/field.fits", "mjd": OBSERVED_MJD, "measured_at": PROCESSED_UNIX}
    )
    assert (curve.origin, curve.mjd[0]) == (("mjd column",), OBSERVED_MJD)


async def test_without_any_other_time_the_processing_time_is_shown_as_such(tmp_path: Path) -> None:
    curve = await _light_curve(tmp_path, {"measured_at": PROCESSED_UNIX})
    assert curve.origin == ("processing time",)
    assert curve.mjd[0] == pytest.approx(PROCESSED_MJD, abs=1e-8)


@pytest.mark.parametrize(
    "row", [{}, {"mjd": 0.0}, {"mjd": 1.76e9}, {"mjd": "x", "measured_at": 1e300}, {"measured_at": -1e18}]
)
async def test_an_impossible_time_is_unknown_and_keeps_its_point(tmp_path: Path, row: dict[str, Any]) -> None:
    curve = await _light_curve(tmp_path, {"peak_jyb": 1.5, **row})
    assert (curve.origin, curve.peak_jyb[0]) == (("unknown",), 1.5)
    assert np.isnan(curve.mjd[0])
    assert "no time at all" in curve.problems[0]


async def test_a_light_curve_is_ordered_by_observation_and_not_by_processing(tmp_path: Path) -> None:
    names = ["2025-10-15T00:00:00", "2025-10-13T00:00:00", "2025-10-14T00:00:00"]
    rows = [{"image_path": f"/{name}.fits", "measured_at": PROCESSED_UNIX + i} for i, name in enumerate(names)]
    curve = await _light_curve(tmp_path, *rows)
    assert list(curve.photometry_id) == [2, 3, 1]
    assert np.all(np.diff(curve.mjd) == 1.0)


async def test_measurements_that_repeat_an_observation_are_counted(tmp_path: Path) -> None:
    images = [
        f"/{STAMP}.img.pbcor.fits",
        f"/{STAMP}.img.fits",
        f"/{STAMP}.img.pbcor.fits",
        "/2025-10-20T00:00:00.fits",
    ]
    curve = await _light_curve(
        tmp_path, *({"image_path": path, "peak_jyb": 1.0} for path in images), {"measured_at": PROCESSED_UNIX},
        {"measured_at": PROCESSED_UNIX}, {}, {},
    )  # fmt: skip
    assert curve.n_repeated(np.ones(8, dtype=np.bool_)) == 2
    assert curve.n_repeated(~np.isin(curve.photometry_id, [2, 3])) == 0
    assert "2 of 8 measurements repeat an observation" in curve.problems[-1]


async def test_points_without_a_time_come_last(tmp_path: Path) -> None:
    curve = await _light_curve(tmp_path, {"peak_jyb": 1.0}, {"image_path": f"/{STAMP}.fits", "peak_jyb": 2.0})
    assert list(curve.peak_jyb) == [2.0, 1.0]


@pytest.mark.parametrize("flags", [1e300, 9e999, "text", None, -(2**63), 2**63 - 1])
async def test_absurd_flags_do_not_stop_the_light_curve(tmp_path: Path, flags: Any) -> None:
    curve = await _light_curve(tmp_path, {"peak_jyb": 1.0, "flags": flags})
    assert (curve.n_epoch, curve.flags.dtype) == (1, np.int64)


async def test_the_peak_of_the_second_of_december_is_read_from_its_column(tmp_path: Path) -> None:
    ddl = "CREATE TABLE photometry (id INTEGER PRIMARY KEY, source_id TEXT, peak_flux_jy REAL, flux_jy REAL)"
    curve = await _light_curve(tmp_path, {"peak_flux_jy": 0.25, "flux_jy": 0.5}, ddl=ddl)
    assert (curve.peak_jyb[0], curve.flux_jy[0]) == (0.25, 0.5)


async def test_without_any_peak_the_integrated_flux_stands_in_and_is_called_so(tmp_path: Path) -> None:
    curve = await _light_curve(tmp_path, {"flux_jy": 0.5})
    assert curve.peak_jyb[0] == 0.5
    assert any("integrated one" in problem for problem in curve.problems)


async def test_a_light_curve_longer_than_the_row_cap_shows_its_newest_rows_and_says_so(
    tmp_path: Path,
) -> None:
    make_database(
        tmp_path / "products.sqlite3", PHOTOMETRY,
        "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 50) "
        "INSERT INTO photometry (source_id, peak_jyb) SELECT 'J1', i FROM c",
    )  # fmt: skip
    settings = tmp_path / "settings.toml"
    settings.write_text("row_cap = 20\n")
    async with open_archive(tmp_path, config=settings) as archive:
        curve = await archive.sources.get_light_curve("J1")
    assert (curve.n_epoch, curve.truncated, min(curve.photometry_id)) == (20, True, 31)
    assert "only the newest 20 measurements" in curve.problems[-1]


async def test_the_words_of_quality_are_carried_and_say_what_is_forced_a_limit_or_flagged(tmp_path: Path) -> None:
    said: list[tuple[str | None, int]] = [
        ("good", 0), (None, 0), ("forced", 1), ("upper_limit", 1), ("Upper Limit", 1), ("near bright source", 0),
        ("good", 2), ("upper_limit", 3),
    ]  # fmt: skip
    rows = [{"quality_flag": word, "flags": flags, "measured_at": PROCESSED_UNIX + i, "peak_jyb": 1.0}
            for i, (word, flags) in enumerate(said)]  # fmt: skip
    curve = await _light_curve(tmp_path, *rows)
    assert curve.quality == tuple(word or "" for word, _ in said)
    assert np.flatnonzero(curve.is_forced).tolist() == [2]
    assert np.flatnonzero(curve.is_upper_limit).tolist() == [3, 4, 7]
    assert np.flatnonzero(curve.is_flagged).tolist() == [5, 6, 7]


async def test_every_question_about_photometry_takes_the_words_of_quality_in_the_same_way(tmp_path: Path) -> None:
    words = ["good", None, "forced", "UPPER-LIMIT", "artefact", "0"]
    rows = ", ".join(
        f"('J1', '/img/2025-10-1{i}T00:00:00.fits', {i}, {i}, 0.1, {1 if i in (2, 3) else 0}, "
        + ("NULL" if word is None else f"'{word}'") + ")"
        for i, word in enumerate(words)
    )  # fmt: skip
    make_database(
        tmp_path / "products.sqlite3",
        "CREATE TABLE photometry (id INTEGER PRIMARY KEY, source_id TEXT, image_path TEXT, mjd REAL, peak_jyb REAL, "
        "peak_err_jyb REAL, flags INTEGER, quality_flag TEXT)",
        "INSERT INTO photometry (source_id, image_path, mjd, peak_jyb, peak_err_jyb, flags, quality_flag) "
        f"VALUES {rows}",
    )
    async with open_archive(tmp_path) as archive:
        curve = await archive.sources.get_light_curve("J1")
        fluxes, _ = await archive.photometry.find_fluxes(("J1",), "peak")
        small = (await archive.curves.newest(("J1",)))["J1"]
        table = await archive.variability.table()
    assert curve.peak_jyb[curve.is_flagged].tolist() == [4.0]
    assert sorted(flux for _, _, flux, _ in fluxes) == [0.0, 1.0, 2.0, 3.0, 5.0]
    assert [m.peak_jyb for m in small if m.is_flagged] == [4.0]
    assert [m.peak_jyb for m in small if m.is_forced] == [2.0, 3.0]
    assert (table.n_rows.tolist(), table.n_flagged.tolist(), table.n.tolist()) == ([6], [1], [5])


async def test_an_exact_light_curve_has_all_digits(tmp_path: Path) -> None:
    value = 0.12345678901234567
    make_database(tmp_path / "products.sqlite3", PHOTOMETRY)
    with OtherProcess(tmp_path / "products.sqlite3") as writer:
        writer.run(("INSERT INTO photometry (source_id, peak_jyb) VALUES ('J1', ?)", [value]))
    async with open_archive(tmp_path) as archive:
        curve = await archive.sources.get_light_curve("J1")
    assert curve.peak_jyb[0] == value


async def _pointings(tmp_path: Path, column: str, times: Sequence[float]) -> list[float]:
    rows = ", ".join(f"({time}, 10.0, 16.0)" for time in times)
    make_database(
        tmp_path / "ingest.sqlite3", f"CREATE TABLE pointing_history ({column} REAL, ra_deg REAL, dec_deg REAL)",
        f"INSERT INTO pointing_history VALUES {rows}",
    )  # fmt: skip
    async with open_archive(tmp_path) as archive:
        return [pointing.mjd for pointing in await archive.operations.find_pointing()]


@pytest.mark.parametrize("column", ["timestamp", "timestamp_mjd"])
async def test_a_pointing_time_written_as_mjd_is_read_as_mjd(tmp_path: Path, column: str) -> None:
    assert await _pointings(tmp_path, column, [60962.5, 60961.5]) == [60961.5, 60962.5]


async def test_a_pointing_time_written_as_unix_seconds_is_converted(tmp_path: Path) -> None:
    assert await _pointings(tmp_path, "timestamp", [PROCESSED_UNIX]) == pytest.approx([PROCESSED_MJD], abs=1e-8)


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        ('{"a": [1, null, true]}', {"a": [1, None, True]}),
        ("{'a': [1, None, True]}", {"a": [1, None, True]}),
        ("('x', 1)", ("x", 1)),
        ("plain words", "plain words"),
        ("{[]: 1}", "{[]: 1}"),
        ("__import__('os').getcwd()", "__import__('os').getcwd()"),
        ("[" * 100_000, "[" * 100_000),
        ("(" * 3_000, "(" * 3_000),
        ("a\x00b", "a\x00b"),
    ],
)
def test_parameters_are_read_as_json_or_as_a_literal_or_shown_as_they_are(stored: str, expected: Any) -> None:
    assert decode_loose(stored) == expected


async def test_batches_have_their_parameters_in_either_notation(tmp_path: Path) -> None:
    make_database(
        tmp_path / "products.sqlite3", "CREATE TABLE batch_jobs (id INTEGER PRIMARY KEY, type TEXT, params TEXT)",
        """INSERT INTO batch_jobs (type, params) VALUES ('a', '{"n": 1}'), ('b', '{''n'': True}')""",
    )  # fmt: skip
    async with open_archive(tmp_path) as archive:
        page = await archive.jobs.find_batches(PageRequest(5, descending=False))
    assert [batch.params for batch in page.rows] == [{"n": 1}, {"n": True}]


def test_the_stamp_of_a_group_is_its_time() -> None:
    assert mjd_of_stamp(STAMP) == pytest.approx(OBSERVED_MJD, abs=1e-8)
    assert unix_to_mjd(PROCESSED_UNIX) == pytest.approx(PROCESSED_MJD, abs=1e-8)


@pytest.mark.parametrize(
    ("places", "expected"),
    [((359.9999, 0.0001), 0.0), ((0.0003, 359.9999, 0.0001), 0.0001), ((-0.5, 359.7), 359.6), ((10.0, 30.0), 20.0),
     ((None, 120.25), 120.25)],
)  # fmt: skip
async def test_the_right_ascension_of_a_source_near_0_h_is_near_0_h(
    tmp_path: Path, places: Sequence[float | None], expected: float
) -> None:
    ddl = "CREATE TABLE photometry (id INTEGER PRIMARY KEY, source_id TEXT, ra_deg REAL, peak_jyb REAL)"
    curve = await _light_curve(tmp_path, *({"ra_deg": ra, "peak_jyb": 0.1} for ra in places), ddl=ddl)
    assert curve.ra_deg is not None
    assert 0.0 <= curve.ra_deg < 360.0
    assert (curve.ra_deg - expected + 180.0) % 360.0 - 180.0 == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize(
    ("row", "error", "words"),
    [
        ({"peak_err_jyb": 0.02, "flux_err_jy": 0.05}, 0.02, ""),
        ({"flux_err_jy": 0.05}, 0.05, "that of the integrated flux is shown"),
        ({"flux_err_jy": 0.05, "local_rms": 0.01}, 0.01, "; the local rms is shown"),
        ({"flux_err_jy": 0.05, "peak_jyb": None}, 0.05, "that of the integrated flux is shown"),
        ({}, None, ""),
    ],
)
async def test_what_stands_in_for_the_error_of_a_peak_is_named(
    tmp_path: Path, row: dict[str, Any], error: float | None, words: str
) -> None:
    ddl = (
        "CREATE TABLE photometry (id INTEGER PRIMARY KEY, source_id TEXT, image_path TEXT, peak_jyb REAL, "
        "peak_err_jyb REAL, flux_jy REAL, flux_err_jy REAL, local_rms REAL)"
    )
    stored = {"image_path": f"/{STAMP}.fits", "peak_jyb": 0.1, "flux_jy": 0.12, **row}
    curve = await _light_curve(tmp_path, stored, ddl=ddl)
    assert curve.peak_err_jyb.tolist() == pytest.approx([np.nan if error is None else error], nan_ok=True)
    said = [problem for problem in curve.problems if "no error of the peak" in problem]
    assert len(said) == bool(words)
    assert all(words in problem for problem in said)
    assert curve.peak_err_is_recorded == (not words)
