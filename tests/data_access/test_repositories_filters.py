"""Filters mean what they say, text is never a pattern nor SQL, and names lead to exactly one record."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from data_access.archive import open_archive
from data_access.errors import RecordNotFound, ValidationError
from data_access.records import PageRequest
from data_access.repositories.calibration import CaltableFilter
from data_access.repositories.images import ImageFilter
from data_access.repositories.jobs import RunFilter
from data_access.repositories.measurement_sets import MeasurementSetFilter
from data_access.repositories.run_rows import run_id_of, state_of
from data_access.repositories.sources import SourceFilter

IMAGES = (
    "CREATE TABLE images (id INTEGER PRIMARY KEY, path TEXT, ms_path, type, field_name, center_dec_deg, noise_jy)"
)
MS_INDEX = "CREATE TABLE ms_index (path TEXT PRIMARY KEY, mid_mjd REAL, start_mjd REAL, stage, status, dec_deg REAL)"
CALTABLES = (
    "CREATE TABLE caltables (id INTEGER PRIMARY KEY, set_name, path, table_type, order_index, status, "
    "created_at REAL, valid_start_mjd REAL, valid_end_mjd REAL)"
)
STATS = "CREATE TABLE variability_stats (source_id TEXT PRIMARY KEY, eta_metric REAL, n_obs INTEGER, dec_deg REAL)"
PHOTOMETRY = "CREATE TABLE photometry (id INTEGER PRIMARY KEY, source_id TEXT, image_path, peak_jyb REAL)"
ESE = "CREATE TABLE ese_candidates (id INTEGER PRIMARY KEY, source_id TEXT, status TEXT, significance REAL)"
HOSTILE = ["%", "_", "'", '"', "\\", "'; DROP TABLE images; --", "\x00", "' OR 1=1 --", "*", "\U0001f52d"]


def _fill(folder: Path, ddl: str, columns: str, rows: Sequence[Sequence[Any]]) -> None:
    connection = sqlite3.connect(folder / "products.sqlite3")
    connection.execute(ddl)
    name = ddl.split()[2]
    marks = ", ".join("?" * len(columns.split()))
    connection.executemany(f"INSERT INTO {name} ({', '.join(columns.split())}) VALUES ({marks})", rows)
    connection.commit()
    connection.close()


async def _image_names(folder: Path, wanted: ImageFilter) -> list[str]:
    async with open_archive(folder) as archive:
        page = await archive.images.find(wanted, PageRequest(50, descending=False))
        assert str(await archive.images.count(wanted)) == str(len(page.rows))
    return [image.name for image in page.rows]


@pytest.mark.parametrize("text", HOSTILE)
async def test_text_is_looked_for_as_it_is_written(tmp_path: Path, text: str) -> None:
    _fill(tmp_path, IMAGES, "path", [("/plain.fits",), (f"/with {text} inside.fits",)])
    assert await _image_names(tmp_path, ImageFilter(text=text)) == [f"with {text} inside.fits"]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (ImageFilter(), ["2025-10-13T01:00:00.fits", "2025-10-14T01:00:00.fits", "other.fits"]),
        (ImageFilter(text="  OTHER "), ["other.fits"]),
        (ImageFilter(text="3c286"), ["2025-10-14T01:00:00.fits"]),
        (ImageFilter(type="dirty"), ["2025-10-13T01:00:00.fits"]),
        (ImageFilter(after_mjd=60962.0), ["2025-10-14T01:00:00.fits"]),
        (ImageFilter(dec_min_deg=10, dec_max_deg=20), ["2025-10-13T01:00:00.fits"]),
        (ImageFilter(noise_max_jy=0.001), ["2025-10-14T01:00:00.fits"]),
        (ImageFilter(type="dirty", after_mjd=60962.0), []),
    ],
)
async def test_images_are_filtered(tmp_path: Path, wanted: ImageFilter, expected: list[str]) -> None:
    rows = [
        ("/2025-10-13T01:00:00.fits", "dirty", None, 16.0, 0.01),
        ("/2025-10-14T01:00:00.fits", "5min", "3C286", 54.0, 0.0005),
        ("/other.fits", None, None, None, None),
    ]
    _fill(tmp_path, IMAGES, "path type field_name center_dec_deg noise_jy", rows)
    assert await _image_names(tmp_path, wanted) == expected


async def test_measurement_sets_are_filtered_by_time_stage_and_declination(tmp_path: Path) -> None:
    rows = [
        ("/a.ms", 60961.0, "imaged", 16.0),
        ("/b.ms", 60962.0, "imaged", 54.0),
        ("/c.ms", None, "converted", 16.0),
    ]
    _fill(tmp_path, MS_INDEX, "path mid_mjd stage dec_deg", rows)

    async def names(wanted: MeasurementSetFilter) -> list[str]:
        async with open_archive(tmp_path) as archive:
            return [ms.path for ms in (await archive.measurement_sets.find(wanted, PageRequest())).rows]

    assert await names(MeasurementSetFilter()) == ["/b.ms", "/a.ms", "/c.ms"]
    assert await names(MeasurementSetFilter(after_mjd=60961.5)) == ["/b.ms"]
    assert await names(MeasurementSetFilter(stage="imaged", dec_max_deg=20)) == ["/a.ms"]
    assert await names(MeasurementSetFilter(text="c.m")) == ["/c.ms"]


@pytest.mark.parametrize(
    ("after", "before", "expected"),
    [
        (60961.5, None, ["/c.ms"]), (None, 60961.5, ["/a.ms"]), (60960.0, 60963.0, ["/a.ms", "/c.ms"]),
        (None, None, ["/a.ms", "/c.ms", "/d.ms"]), (60963.0, 60964.0, []),
    ],
)  # fmt: skip
async def test_runs_sets_and_stages_of_an_interval_are_the_same_with_a_start_for_a_missing_middle(
    tmp_path: Path, after: float | None, before: float | None, expected: list[str]
) -> None:
    rows = [
        ("/a.ms", 60961.0, 60960.9, "imaged"), ("/c.ms", None, 60962.0, "converted"), ("/d.ms", None, None, "odd")
    ]  # fmt: skip
    _fill(tmp_path, MS_INDEX, "path mid_mjd start_mjd stage", rows)
    bounds = {"after_mjd": after, "before_mjd": before}
    async with open_archive(tmp_path) as archive:
        runs = (await archive.jobs.find_runs(RunFilter(**bounds), PageRequest())).rows
        sets = (await archive.measurement_sets.find(MeasurementSetFilter(**bounds), PageRequest())).rows
        assert (await archive.jobs.count_runs(RunFilter(**bounds))).value == len(expected)
        stages = await archive.measurement_sets.count_stages(after or 0.0, before or 1e5)
    assert sorted(run.ms_path for run in runs) == sorted(ms.path for ms in sets) == expected
    dated = {path: stage for path, _, _, stage in rows if path != "/d.ms"}
    assert stages == {dated[path]: 1 for path in expected if path in dated}


async def _tables_at(tmp_path: Path, mjd: float, rows: Sequence[Sequence[Any]]) -> tuple[str | None, list[str]]:
    columns = "set_name path order_index status created_at valid_start_mjd valid_end_mjd"
    _fill(tmp_path, CALTABLES, columns, rows)
    async with open_archive(tmp_path) as archive:
        found = await archive.calibration.find_applicable(mjd)
        listed = await archive.calibration.find(CaltableFilter(status="active", valid_at_mjd=mjd), PageRequest())
    assert {table.path for table in found.tables} <= {table.path for table in listed.rows}
    return found.set_name, [table.path for table in found.tables]


async def test_the_set_made_last_applies_in_the_order_of_application(tmp_path: Path) -> None:
    rows = [
        ("old", "/old", 10, "active", 100.0, 60000.0, None),
        ("new", "/new-second", 20, "active", 200.0, 60000.0, 60002.0),
        ("new", "/new-first", 10, "active", 199.0, 60000.0, None),
        ("retired", "/retired", 10, "retired", 300.0, 60000.0, None),
        ("later", "/later", 10, "active", 400.0, 60001.5, None),
    ]
    assert await _tables_at(tmp_path, 60001.0, rows) == ("new", ["/new-first", "/new-second"])


@pytest.mark.parametrize(("mjd", "expected"), [(60000.0, "a"), (60002.0, "a"), (59999.999, None), (60002.001, None)])
async def test_both_ends_of_a_validity_window_belong_to_it(tmp_path: Path, mjd: float, expected: str | None) -> None:
    found, _ = await _tables_at(tmp_path, mjd, [("a", "/a", 10, "active", 1.0, 60000.0, 60002.0)])
    assert found == expected


async def _source_names(folder: Path, wanted: SourceFilter, sort: str = "") -> list[str]:
    async with open_archive(folder) as archive:
        page = await archive.sources.find(wanted, PageRequest(50, "", sort, descending=False))
        assert str(await archive.sources.count(wanted)) == str(len(page.rows))
    return [source.source_id for source in page.rows]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (SourceFilter(), ["A", "B", "C", "D"]),
        (SourceFilter(text="b"), ["B"]),
        (SourceFilter(eta_min=2.0), ["B"]),
        (SourceFilter(n_obs_min=5), ["A", "B"]),
        (SourceFilter(dec_min_deg=0, dec_max_deg=20), ["A"]),
        (SourceFilter(ese_status="active"), ["C"]),
        (SourceFilter(ese_status="active", text="x"), []),
    ],
)
async def test_sources_are_filtered(tmp_path: Path, wanted: SourceFilter, expected: list[str]) -> None:
    _fill(tmp_path, STATS, "source_id eta_metric n_obs dec_deg", [("A", 1.0, 9, 16.0), ("B", 3.0, 5, 54.0)])
    _fill(tmp_path, PHOTOMETRY, "source_id", [("A",), ("C",), ("C",), (None,)])
    _fill(tmp_path, ESE, "source_id status", [("C", "active"), ("D", "dismissed"), ("C", "active")])
    if wanted == SourceFilter(ese_status="active", text="x"):
        async with open_archive(tmp_path) as archive:
            assert (await archive.sources.find(wanted, PageRequest())).rows == ()
        return
    assert await _source_names(tmp_path, wanted) == expected


async def test_sources_without_the_statistic_come_last_in_its_order(tmp_path: Path) -> None:
    _fill(tmp_path, STATS, "source_id eta_metric", [("A", 2.0), ("B", 1.0), ("Z", None)])
    _fill(tmp_path, PHOTOMETRY, "source_id", [("M",), ("A",)])
    assert await _source_names(tmp_path, SourceFilter(), "eta_metric") == ["B", "A", "Z", "M"]


async def test_an_impossible_sigma_is_pointed_out(tmp_path: Path) -> None:
    _fill(tmp_path, PHOTOMETRY, "source_id", [("A",)] * 10)
    _fill(tmp_path, ESE, "source_id status significance", [("A", "active", 5.2)])
    async with open_archive(tmp_path) as archive:
        (candidate,) = await archive.sources.find_ese_candidates()
    assert (candidate.significance, candidate.largest_possible) == (5.2, 3.0)


@pytest.mark.parametrize(
    ("n_rows", "n_stored", "expected"),
    [(10, 20, (10, False, 3.0)), (0, 17, (17, True, 4.0)), (1, 20, (1, False, 0.0)), (0, None, (None, False, None)),
     (0, 1, (1, True, 0.0)), (0, "nonsense", (None, False, None))],
)  # fmt: skip
async def test_the_bound_of_a_candidate_is_of_the_photometry_else_of_the_stored_statistics(
    tmp_path: Path, n_rows: int, n_stored: object, expected: tuple[object, ...]
) -> None:
    _fill(tmp_path, PHOTOMETRY, "source_id", [("A",)] * n_rows + [("B",)])
    _fill(tmp_path, STATS, "source_id n_obs", [("A", n_stored)])
    _fill(tmp_path, ESE, "source_id status significance", [("A", "active", 5.2)])
    async with open_archive(tmp_path) as archive:
        (candidate,) = await archive.sources.find_ese_candidates()
    assert (candidate.n_epoch, candidate.n_is_stored, candidate.largest_possible) == expected


NAMES = [
    "/ms/2025-10-02T00:12:00.ms", "/ms/2025-10-02T00:12:01.ms", "/ms/2025-10-02T00:12:00_second.ms", "/ms/aegean.ms",
    "/ms/2025-10-02T00:12:00", "/ms/no time at all", "/ms/2025-10-02.ms", "/other/field.ms",
    "/ms/2025-10-02T00:12:00.5.ms2",
]  # fmt: skip


async def test_a_run_is_found_by_its_whole_name_only(tmp_path: Path) -> None:
    _fill(tmp_path, MS_INDEX, "path mid_mjd", [(name, 60950.0 + i) for i, name in enumerate(NAMES)])
    async with open_archive(tmp_path) as archive:
        for name in NAMES:
            assert (await archive.jobs.get_run(run_id_of(name))).run_id == run_id_of(name)
        with pytest.raises(RecordNotFound):
            await archive.jobs.get_run("job-2025-10-02-001202")
        with pytest.raises(RecordNotFound):
            await archive.jobs.get_run("job-2025-10-02-0012")
        runs = (await archive.jobs.find_runs(RunFilter(), PageRequest())).rows
    assert len(runs) == len(NAMES)


SAME_NAME = ["/ms/failed/2025-10-02T00:12:00.ms", "/ms/2025-10-02T00:12:00.ms", "/ms/2025-10-02T00:12:00.500.ms"]


async def test_of_several_sets_with_one_run_name_the_wanted_one_is_returned_else_the_newest(tmp_path: Path) -> None:
    mid = (None, 60950.0105, 60950.0105 * 86400.0)  # never written, right, in seconds
    rows = [(path, mid[i], 1e9 + i % 2) for i, path in enumerate(SAME_NAME)]
    _fill(tmp_path, f"{MS_INDEX[:-1]}, processed_at REAL)", "path mid_mjd processed_at", rows)
    async with open_archive(tmp_path) as archive:
        for path in SAME_NAME:
            assert (await archive.jobs.get_run(run_id_of(path), ms_path=path)).ms_path == path
        run_id = run_id_of(SAME_NAME[0])
        for other in ("", "/ms/gone/2025-10-02T00:12:00.ms", "/ms/aegean.ms"):
            assert (await archive.jobs.get_run(run_id, ms_path=other)).ms_path == SAME_NAME[1]
        found = [run.ms_path for run in await archive.jobs.find_runs_named(run_id)]
        assert found == [SAME_NAME[1], SAME_NAME[0], SAME_NAME[2]]


@pytest.mark.parametrize("run_id", ["", "a/b", "\x00", "x" * 301])
async def test_a_name_that_is_no_run_name_is_a_validation_error(tmp_path: Path, run_id: str) -> None:
    _fill(tmp_path, MS_INDEX, "path", [])
    async with open_archive(tmp_path) as archive:
        with pytest.raises(ValidationError):
            await archive.jobs.get_run(run_id)


@pytest.mark.parametrize(
    ("status", "stage", "expected"),
    [
        ("failed", "imaged", "failed"), ("skipped_no_caltables", None, "failed"), ("done", None, "completed"),
        ("OK", "converted", "running"), ("ok", "ingested", "running"), ("ok", "calibrated", "running"),
        ("ok", "mosaicked", "completed"), ("ok", None, "completed"), (None, "imaged", "pending"),
        ("discovered", None, "pending"),
        ("converted", "calibrated", "running"), ("converted", "cataloged", "completed"),
    ],
)  # fmt: skip
def test_the_state_of_a_run_follows_from_its_own_row(status: str | None, stage: str | None, expected: str) -> None:
    assert state_of(status, stage, "/stage/ms/science/2025-10-13/2025-10-13T13:28:03.ms") == expected


def test_a_calibrator_set_is_completed_when_it_is_calibrated() -> None:
    path = "/stage/ms/calibrators/2025-10-13/2025-10-13T13:28:03.ms"
    assert state_of("ok", "calibrated", path) == "completed"
    assert state_of("ok", "converted", path) == "running"


@pytest.mark.parametrize("key", ["0", "-1", "1.5", "²", "٣", "9" * 30, "", "/no/such", "\ud800"])
async def test_a_key_that_no_image_has_is_an_error_in_words(tmp_path: Path, key: str) -> None:
    _fill(tmp_path, IMAGES, "path", [("/a.fits",)])
    async with open_archive(tmp_path) as archive:
        with pytest.raises((RecordNotFound, ValidationError)):
            await archive.images.get(key)


async def test_the_neighbours_of_an_image_are_the_rows_before_and_after(tmp_path: Path) -> None:
    _fill(tmp_path, IMAGES, "id path", [(2, "/a"), (5, "/b"), (9, "/c")])
    async with open_archive(tmp_path) as archive:
        found = [await archive.images.find_neighbours(await archive.images.get(i)) for i in (2, 5, 9)]
    names = [tuple(one and (one.id, one.name) for one in pair) for pair in found]
    assert names == [(None, (5, "b")), ((2, "a"), (9, "c")), ((5, "b"), None)]
