"""Which Measurement Set was observed last, whatever stands in the times of some rows."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from data_access.analysis.times import unix_to_mjd
from data_access.archive import Archive, open_archive
from tests.data_access.database_samples import Make

NOW = 1_764_500_000.0
TODAY = unix_to_mjd(NOW)
MS_INDEX = "CREATE TABLE ms_index (path TEXT PRIMARY KEY, start_mjd REAL, mid_mjd REAL, stage TEXT)"
INDEX = "CREATE INDEX idx_ms_index_mid_mjd ON ms_index(mid_mjd)"


async def archive_with(make: Make, *rows: tuple[str, Any, Any]) -> Archive:
    """Return an archive whose index has a set observed an hour ago and these rows (name, start, middle)."""
    known = ("an hour ago", "NULL", TODAY - 1 / 24)
    inserts = [
        f"INSERT INTO ms_index (path, start_mjd, mid_mjd) VALUES ('/ms/{name}.ms', {start}, {mid})"
        for name, start, mid in (known, *rows)
    ]
    return await make(MS_INDEX, INDEX, *inserts)


@pytest.mark.parametrize("mid", ["'unknown'", TODAY * 86400.0, -5.0, TODAY + 3.0, "x'00'"])
async def test_a_time_that_cannot_be_does_not_make_a_set_the_newest(make: Make, mid: Any) -> None:
    archive = await archive_with(make, ("odd", "NULL", mid))
    newest = await archive.measurement_sets.newest(now=NOW)
    assert newest is not None
    assert newest.path == "/ms/an hour ago.ms"


@pytest.mark.parametrize("mid", ["NULL", "'unknown'"])
async def test_a_set_whose_middle_is_missing_counts_with_its_start(make: Make, mid: str) -> None:
    archive = await archive_with(make, ("just begun", TODAY - 0.001, mid), ("older", TODAY - 2, "NULL"))
    newest = await archive.measurement_sets.newest(now=NOW)
    assert newest is not None
    assert newest.path == "/ms/just begun.ms"


async def test_a_set_without_any_time_counts_with_the_time_in_its_name(make: Make) -> None:
    archive = await archive_with(make, ("2025-11-30T10:50:00", "NULL", "NULL"))
    newest = await archive.measurement_sets.newest(now=NOW)
    assert newest is not None
    assert newest.path == "/ms/2025-11-30T10:50:00.ms"


async def test_without_a_possible_time_there_is_no_newest_set(make: Make) -> None:
    archive = await make(MS_INDEX, "INSERT INTO ms_index (path, mid_mjd) VALUES ('/ms/odd.ms', 'unknown')")
    assert await archive.measurement_sets.newest(now=NOW) is None


async def test_the_night_of_an_archive_with_one_odd_row_is_that_of_the_others(make: Make) -> None:
    archive = await archive_with(make, ("odd", "NULL", TODAY * 86400.0))
    night = await archive.night.summary(now=NOW + 3 * 86400.0)
    assert not night.window.is_current
    assert night.newest_ms.value is not None
    assert [ms.path for ms in night.observed.value or ()] == ["/ms/an hour ago.ms"]


async def test_columns_that_are_not_there_cost_only_what_they_would_say(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "products.sqlite3")) as db, db:
        db.execute("CREATE TABLE ms_index (path TEXT PRIMARY KEY)")
        db.execute("INSERT INTO ms_index VALUES ('/ms/2025-11-30T10:50:00.ms')")
    async with open_archive(tmp_path) as archive:
        newest = await archive.measurement_sets.newest(now=NOW)
    assert newest is not None
