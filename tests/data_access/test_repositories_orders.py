"""What lists are sorted by that is no column of its own."""

from __future__ import annotations

import itertools
from dataclasses import replace
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


async def test_a_task_at_work_takes_until_now(make: Make) -> None:
    archive = await make(
        "CREATE TABLE jobs (id INTEGER PRIMARY KEY, status TEXT, started_at REAL, finished_at REAL)",
        "INSERT INTO jobs VALUES (1, 'completed', 100, 7000), (2, 'running', 1000, NULL), (3, 'failed', 5, NULL), "
        "(4, 'completed', 100, 400), (5, 'pending', NULL, NULL), "
        "(6, 'completed', 100, 'noon'), (7, 'running', 900, NULL)",
    )
    page = await archive.jobs.find_tasks(PageRequest(sort="took"))
    assert [task.id for task in page.rows] == [7, 2, 1, 4, 6, 5, 3]


async def test_an_open_end_of_validity_is_later_than_all_others(make: Make) -> None:
    archive = await make(
        "CREATE TABLE caltables (id INTEGER PRIMARY KEY, path TEXT, valid_start_mjd REAL, valid_end_mjd REAL)",
        "INSERT INTO caltables VALUES (1, '/a', 60000, 60001), (2, '/b', 60000, NULL), (3, '/c', NULL, NULL), "
        "(4, '/d', 60000, 70000), (5, '/e', 60000, 'never')",
    )
    page = await archive.calibration.find(CaltableFilter(), PageRequest(sort="valid_end_mjd"))
    assert [table.path for table in page.rows] == ["/e", "/b", "/d", "/a", "/c"]


@pytest.mark.parametrize("index", ["", "CREATE INDEX at ON images(created_at)"])
@pytest.mark.parametrize("descending", [True, False])
async def test_a_text_is_no_time_of_registration(make: Make, index: str, descending: bool) -> None:
    archive = await make(
        "CREATE TABLE images (id INTEGER PRIMARY KEY, path TEXT, created_at REAL)",
        "INSERT INTO images VALUES (1, '/a', 100), (2, '/b', '5min'), (3, '/c', 300), (4, '/d', NULL), "
        "(5, '/e', 200)",
        *([index] if index else []),
    )
    request = PageRequest(2, "", "created_at", descending)
    pages = [await archive.images.find(ImageFilter(), request)]
    while pages[-1].next_cursor:
        pages.append(await archive.images.find(ImageFilter(), replace(request, cursor=pages[-1].next_cursor)))
    timed = [3, 5, 1] if descending else [1, 5, 3]
    assert [image.id for page in pages for image in page.rows] == [*timed, 4, 2]
    position = await archive.images.position_of(pages[-1].rows[-1], sort="created_at", backwards=True)
    before = await archive.images.find(ImageFilter(), replace(request, cursor=position))
    assert [image.id for image in before.rows] == [timed[-1], 4]


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
