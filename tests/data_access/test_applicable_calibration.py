"""Which set of calibration tables applies: one moment at a time and many at once, by the same rule."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from data_access import open_archive

# name, status, start and end of validity (MJD), made at; the second one overlaps the first and is the newer one
TABLES = [
    ("first", "active", 100.0, 102.0, 1.0),
    ("second", "active", 101.0, 103.0, 2.0),
    ("retired", "retired", 100.0, 110.0, 3.0),
    ("open", "active", 105.0, None, 4.0),
    ("always", "active", None, 99.0, 5.0),
]
MOMENTS = [98.0, 99.0, 99.5, 100.0, 100.5, 101.0, 102.5, 103.0, 104.0, 105.0, 1000.0]


def write_registry(state: Path, tables: list[tuple[str, str, float | None, float | None, float | str]]) -> Path:
    """Write a registry of these tables, one to a set."""
    state.mkdir()
    with closing(sqlite3.connect(state / "cal_registry.sqlite3")) as db, db:
        db.execute(
            "CREATE TABLE caltables (id INTEGER PRIMARY KEY, set_name TEXT, path TEXT, table_type TEXT, "
            "order_index INTEGER, created_at REAL, valid_start_mjd REAL, valid_end_mjd REAL, status TEXT)"
        )
        for name, status, start, end, made in tables:
            db.execute(
                "INSERT INTO caltables (set_name, path, table_type, order_index, created_at, valid_start_mjd, "
                "valid_end_mjd, status) VALUES (?, ?, 'K', 0, ?, ?, ?, ?)",
                (name, f"/caltables/{name}_kcal", made, start, end, status),
            )
    return state


async def test_many_moments_get_the_set_that_each_gets_by_itself(tmp_path: Path) -> None:
    async with open_archive(write_registry(tmp_path / "state", TABLES)) as archive:
        together = await archive.calibration.find_applicable_names(MOMENTS)
        alone = [(await archive.calibration.find_applicable(mjd)).set_name for mjd in MOMENTS]
        assert await archive.calibration.find_applicable_names([]) == ()
    assert list(together) == alone
    assert alone == ["always", "always", None, "first", "first", "second", "second", "second", None, "open", "open"]


@pytest.mark.parametrize("made", ["2026-11-30T20:00:00", "yesterday", 1.7e12])
async def test_a_table_with_an_impossible_time_of_making_is_neither_applied_nor_the_newest(
    tmp_path: Path, made: float | str
) -> None:
    tables = [("odd", "active", None, None, made), ("dated", "active", 100.0, None, 1.0)]
    async with open_archive(write_registry(tmp_path / "state", tables)) as archive:
        newest = await archive.calibration.newest_active()
        assert (await archive.calibration.find_applicable(101.0)).set_name == "dated"
        assert await archive.calibration.find_applicable_names([99.0, 101.0]) == ("odd", "dated")
    assert newest is not None
    assert newest.set_name == "dated"
