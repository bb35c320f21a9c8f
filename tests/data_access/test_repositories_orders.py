"""What lists are sorted by that is no column of its own."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from data_access.database import Database
from data_access.records import PageRequest
from data_access.repositories.calibration import CaltableFilter
from data_access.repositories.images import ImageFilter
from data_access.repositories.jobs import RunFilter
from data_access.repositories.measurement_sets import MeasurementSetFilter
from tests.data_access.database_samples import Make

ASCENDING = {"limit": 200, "descending": False}


async def test_runs_are_sorted_by_the_state_that_the_page_shows(make: Make) -> None:
    words = ("", "Discovered", "pending", "converted", "OK", "done", "failed", "skipped_no_caltables", None)
    stages = ("discovered", "calibrated", "imaged", "cataloged", "photometry_complete", "", None)
    cases = itertools.product(("science", "calibrators"), words, stages)
    rows = [f"('/ms/{kind}/{n}.ms', {_sql(w)}, {_sql(s)})" for n, (kind, w, s) in enumerate(cases)]
    archive = await make(
        "CREATE TABLE ms_index (path TEXT PRIMARY KEY, status TEXT, stage TEXT)",
        f"INSERT INTO ms_index VALUES {', '.join(rows)}",
    )
    page = await archive.jobs.find_runs(RunFilter(), PageRequest(sort="state", **ASCENDING))
    states = [run.state for run in page.rows]
    assert states == sorted(states)
    assert set(states) == {"completed", "failed", "pending", "running"}


def _sql(text: str | None) -> str:
    return "NULL" if text is None else f"'{text}'"


async def test_tasks_are_sorted_by_the_name_of_their_run_wherever_the_set_lies(make: Make) -> None:
    archive = await make(
        "CREATE TABLE jobs (id INTEGER PRIMARY KEY, ms_path TEXT)",
        "INSERT INTO jobs (ms_path) VALUES ('/a/2025-03.ms'), ('/b/2025-01.ms/'), ('2025-02.ms'), (NULL)",
    )
    page = await archive.jobs.find_tasks(PageRequest(sort="run", **ASCENDING))
    assert [task.run_id for task in page.rows] == ["job-2025-01", "job-2025-02", "job-2025-03", ""]


async def test_batches_are_sorted_by_what_failed_in_them(make: Make) -> None:
    archive = await make(
        "CREATE TABLE batch_jobs (id INTEGER PRIMARY KEY, failed_items INT)",
        "INSERT INTO batch_jobs (failed_items) VALUES (2), (NULL), (7)",
    )
    page = await archive.jobs.find_batches(PageRequest(sort="failed"))
    assert [batch.failed_items for batch in page.rows] == [7, 2, None]


async def test_measurement_sets_are_sorted_by_the_declination_and_the_length_that_are_shown(make: Make) -> None:
    archive = await make(
        "CREATE TABLE ms_index (path TEXT PRIMARY KEY, start_mjd REAL, end_mjd REAL, dec_deg REAL, "
        "pointing_dec_deg REAL)",
        "INSERT INTO ms_index VALUES ('/a.ms', 1, 3, 10, NULL), ('/b.ms', 5, 6, 90, -5), ('/c.ms', 1, NULL, NULL, 3)",
    )

    async def names(sort: str) -> str:
        page = await archive.measurement_sets.find(MeasurementSetFilter(), PageRequest(sort=sort, **ASCENDING))
        return "".join(ms.name[0] for ms in page.rows)

    assert await names("dec_deg") == "bca"
    assert await names("duration") == "bac"


async def test_tables_are_sorted_by_what_their_solver_stored_and_the_unreadable_come_last(make: Make) -> None:
    archive = await make(
        "CREATE TABLE caltables (id INTEGER PRIMARY KEY, path TEXT, quality_metrics TEXT)",
        """INSERT INTO caltables VALUES (1, '/a', '{"flagged_fraction": 0.5, "snr_mean": 3}'), (2, '/b', 'not JSON'),
        (3, '/c', '{"flagged_fraction": 0.1, "snr_median": 90, "snr_mean": 1}'), (4, '/d', NULL)""",
    )

    async def names(sort: str) -> list[str]:
        page = await archive.calibration.find(CaltableFilter(), PageRequest(sort=sort, **ASCENDING))
        return [table.path for table in page.rows]

    assert await names("flagged") == ["/c", "/a", "/b", "/d"]
    assert await names("snr") == ["/a", "/c", "/b", "/d"]


@pytest.mark.parametrize("small", [1, 100])
async def test_images_are_sorted_by_the_time_of_their_measurement_set(
    make: Make, monkeypatch: pytest.MonkeyPatch, small: int
) -> None:
    monkeypatch.setattr("data_access.repositories.large_tables.SMALL_TABLE", small)
    archive = await make(
        "CREATE TABLE images (id INTEGER PRIMARY KEY, path TEXT, ms_path TEXT)",
        "INSERT INTO images VALUES (1, '/late.fits', '/late.ms'), (2, '/early.fits', '/early.ms'), (3, '/x', '')",
        "CREATE TABLE ms_index (path TEXT PRIMARY KEY, mid_mjd REAL)",
        "INSERT INTO ms_index VALUES ('/late.ms', 60002.0), ('/early.ms', 60001.0)",
    )
    page = await archive.images.find(ImageFilter(), PageRequest(sort="epoch", **ASCENDING))
    assert [image.id for image in page.rows] == [2, 1, 3]


@pytest.mark.parametrize("index", ["", "CREATE INDEX by_path ON jobs(ms_path)"])
async def test_the_tasks_of_a_set_are_looked_for_in_the_slow_lane_where_no_index_has_them(
    make: Make, monkeypatch: pytest.MonkeyPatch, index: str
) -> None:
    monkeypatch.setattr("data_access.repositories.large_tables.SMALL_TABLE", 1)
    archive = await make(
        "CREATE TABLE jobs (id INTEGER PRIMARY KEY, ms_path TEXT)",
        "INSERT INTO jobs (ms_path) VALUES ('/a.ms'), ('/b.ms'), ('/a.ms')",
        *([index] if index else []),
    )
    lanes: list[bool] = []
    fetch = Database.fetch

    async def spy(self: Database, sql: str, *values: Any, slow: bool = False, **options: Any) -> Any:
        lanes.extend([slow] if "ms_path" in sql else [])
        return await fetch(self, sql, *values, slow=slow, **options)

    monkeypatch.setattr(Database, "fetch", spy)
    assert [task.id for task in await archive.jobs.find_tasks_of("/a.ms")] == [3, 1]
    assert lanes == [not index]
