"""How SQLite answers the lists: an indexed order is read from its index, at any depth, without sorting."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from data_access.archive import Archive, open_archive
from data_access.database import Database
from data_access.demo.databases import DemoDatabases
from data_access.errors import RecordNotFound
from data_access.records import Cursor, PageRequest
from data_access.repositories.calibration import CaltableFilter
from data_access.repositories.images import ImageFilter
from data_access.repositories.jobs import RunFilter
from data_access.repositories.measurement_sets import MeasurementSetFilter
from data_access.repositories.sources import SourceFilter

Find = Callable[[Archive, PageRequest], Awaitable[Any]]

LISTS: dict[str, tuple[str, Find]] = {
    "images": ("images", lambda archive, page: archive.images.find(ImageFilter(), page)),
    "measurement sets": (
        "ms_index", lambda archive, page: archive.measurement_sets.find(MeasurementSetFilter(), page)
    ),
    "runs": ("ms_index", lambda archive, page: archive.jobs.find_runs(RunFilter(), page)),
    "tables": ("caltables", lambda archive, page: archive.calibration.find(CaltableFilter(), page)),
    "tasks": ("jobs", lambda archive, page: archive.jobs.find_tasks(page)),
    "sources": ("variability_stats", lambda archive, page: archive.sources.find(SourceFilter(), page)),
}  # fmt: skip
SORTS = {
    "images": ("id",),  # the pipeline indexes neither their paths nor their times
    "measurement sets": ("status", "path"),
    "runs": ("status", "path"),
    "tables": ("id", "valid_start_mjd", "path"),
    "tasks": ("id", "created_at", "status"),
    "sources": ("eta_metric", "sigma_deviation", "chi2_nu", "last_mjd"),
}
CASES = [(name, sort) for name, sorts in SORTS.items() for sort in sorts]


@pytest.fixture(scope="module", params=["split", "unified"])
def empty_archive(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Empty databases of the demo's layout, which are those of the pipeline."""
    root = tmp_path_factory.mktemp(f"plans_{request.param}")
    with DemoDatabases(root, request.param) as databases:
        databases.create()
    return root


async def _statements(
    root: Path, find: Find, page: PageRequest, monkeypatch: pytest.MonkeyPatch
) -> list[tuple[Path, str, list[Any]]]:
    """Return the SQL that a list runs."""
    seen: list[tuple[Path, str, list[Any]]] = []
    fetch = Database.fetch

    async def spy(self: Database, sql: str, parameters: Any = (), **options: Any) -> Any:
        seen.append((self.path, sql, list(parameters)))
        return await fetch(self, sql, parameters, **options)

    together = Database.fetch_together

    async def spy_together(self: Database, statements: Any) -> Any:
        seen.extend((self.path, sql, list(parameters)) for sql, parameters in statements)
        return await together(self, statements)

    monkeypatch.setattr(Database, "fetch", spy)
    monkeypatch.setattr(Database, "fetch_together", spy_together)
    async with open_archive(root) as archive:
        await find(archive, page)
    return seen


def _first_index_columns(path: Path, table: str) -> set[str]:
    connection = sqlite3.connect(path)
    names = [row[1] for row in connection.execute(f"PRAGMA index_list({table})")]
    first = {connection.execute(f'PRAGMA index_info("{name}")').fetchone()[2] for name in names}
    connection.close()
    return first | {"id"}


def _plan(path: Path, sql: str, values: list[Any]) -> str:
    connection = sqlite3.connect(path)
    steps = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
    connection.close()
    return "; ".join(steps)


@pytest.mark.parametrize("deep", [False, True], ids=["first page", "deep page"])
@pytest.mark.parametrize(("name", "sort"), CASES)
async def test_an_indexed_order_is_read_from_its_index(
    empty_archive: Path, monkeypatch: pytest.MonkeyPatch, name: str, sort: str, deep: bool
) -> None:
    table, find = LISTS[name]
    cursor = Cursor("2025" if sort in ("path", "status") else 60_000.5, 5).encode() if deep else ""
    if deep and sort == "id":
        cursor = Cursor(None, 5).encode()
    seen = await _statements(empty_archive, find, PageRequest(50, cursor, sort), monkeypatch)
    pages = [(path, sql, values) for path, sql, values in seen if "ORDER BY" in sql and "LIMIT 51" in sql]
    assert pages
    path, sql, values = pages[0]
    assert sort in _first_index_columns(path, table)
    plan = _plan(path, sql, values)
    # An index of several columns, or a descending one, leaves the rows of one equal value to be sorted: few.
    assert "TEMP B-TREE" not in plan.replace("USE TEMP B-TREE FOR RIGHT PART OF ORDER BY", "")
    assert deep <= ("SEARCH" in plan.split(";")[0]), plan


async def test_the_names_of_sources_are_walked_from_index_to_index(
    empty_archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, find = LISTS["sources"]
    seen = await _statements(empty_archive, find, PageRequest(50, Cursor(None, "J1").encode()), monkeypatch)
    path, sql, values = next(statement for statement in seen if "WITH RECURSIVE" in statement[1])
    plan = _plan(path, sql, values)
    assert "SEARCH photometry USING COVERING INDEX" in plan
    assert "SCAN photometry" not in plan


async def test_the_light_curve_is_looked_up_by_the_index_of_sources(
    empty_archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def find(archive: Archive, _: PageRequest) -> Any:
        return await archive.photometry.get_light_curve("J1")

    seen = await _statements(empty_archive, find, PageRequest(), monkeypatch)
    path, sql, values = next(s for s in seen if "WHERE" in s[1] and "peak_jyb" in s[1])
    assert "SEARCH photometry USING INDEX" in _plan(path, sql, values)


@pytest.mark.parametrize("name", ["runs", "measurement sets"])
@pytest.mark.parametrize("after_mjd", [None, 60_000.0], ids=["all", "interval"])
@pytest.mark.parametrize("deep", [False, True], ids=["first page", "deep page"])
async def test_the_order_of_observation_is_walked_along_the_index_of_middles(
    empty_archive: Path, monkeypatch: pytest.MonkeyPatch, name: str, after_mjd: float | None, deep: bool
) -> None:
    async def find(archive: Archive, page: PageRequest) -> Any:
        if name == "runs":
            return await archive.jobs.find_runs(RunFilter(after_mjd=after_mjd), page)
        return await archive.measurement_sets.find(MeasurementSetFilter(after_mjd=after_mjd), page)

    page = PageRequest(50, Cursor(60_500.0, 5).encode() if deep else "")
    seen = await _statements(empty_archive, find, page, monkeypatch)
    path, sql, values = next(s for s in seen if "UNION ALL" in s[1])
    with_middle, without = sql.split(" UNION ALL ")
    n = with_middle.count("?")
    walked = _plan(path, with_middle, values[:n])
    assert "SEARCH m USING INDEX" in walked
    assert "mid_mjd" in walked
    # The rows of one page are merged with those without a middle.
    assert "TEMP B-TREE" not in walked
    # Of two bounds SQLite takes the first: it would walk from there to the page.
    assert ("9e999" in with_middle) == (not deep)
    rest = _plan(path, without.rpartition(" ORDER BY 1")[0], values[n:])
    assert "SCAN m" not in rest


async def test_the_newest_measurement_set_is_read_from_the_end_of_its_index(
    empty_archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def find(archive: Archive, _: PageRequest) -> Any:
        return await archive.measurement_sets.newest()

    seen = await _statements(empty_archive, find, PageRequest(), monkeypatch)
    path, sql, values = next(s for s in seen if "mid_mjd" in s[1])
    steps = _plan(path, sql, values).split("; ")
    reads = [step for step in steps if "ms_index" in step]
    assert len(reads) == 3
    assert all(step.startswith("SEARCH ms_index USING INDEX") and "mid_mjd" in step for step in reads)
    assert not [step for step in steps if "TEMP B-TREE" in step]


async def test_a_run_is_looked_up_by_the_index_of_middles(
    empty_archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def find(archive: Archive, _: PageRequest) -> Any:
        with pytest.raises(RecordNotFound):
            await archive.jobs.get_run("job-2025-10-13-132803")

    seen = await _statements(empty_archive, find, PageRequest(), monkeypatch)
    path, sql, values = next(s for s in seen if "mid_mjd BETWEEN" in s[1])
    steps = _plan(path, sql, values).split("; ")
    reads = [step for step in steps if "ms_index" in step]
    assert reads
    assert all(step.startswith("SEARCH ms_index USING INDEX") and "mid_mjd" in step for step in reads)
