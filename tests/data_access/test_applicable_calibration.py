"""Which set of calibration tables applies: one moment at a time and many at once, by the same rule."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

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


async def test_many_moments_get_the_set_that_each_gets_by_itself(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    with closing(sqlite3.connect(tmp_path / "state" / "cal_registry.sqlite3")) as db:
        db.execute(
            "CREATE TABLE caltables (id INTEGER PRIMARY KEY, set_name TEXT, path TEXT, table_type TEXT, "
            "order_index INTEGER, created_at REAL, valid_start_mjd REAL, valid_end_mjd REAL, status TEXT)"
        )
        for name, status, start, end, made in TABLES:
            db.execute(
                "INSERT INTO caltables (set_name, path, table_type, order_index, created_at, valid_start_mjd, "
                "valid_end_mjd, status) VALUES (?, ?, 'K', 0, ?, ?, ?, ?)",
                (name, f"/caltables/{name}_kcal", made, start, end, status),
            )
        db.commit()
    async with open_archive(tmp_path / "state") as archive:
        together = await archive.calibration.find_applicable_names(MOMENTS)
        alone = [(await archive.calibration.find_applicable(mjd)).set_name for mjd in MOMENTS]
        assert await archive.calibration.find_applicable_names([]) == ()
    assert list(together) == alone
    assert alone == ["always", "always", None, "first", "first", "second", "second", "second", None, "open", "open"]
