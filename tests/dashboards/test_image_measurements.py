"""The list of what was measured on an image: how many sources they are, and what is left out."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from dashboards.components.record_table import RecordTable
from data_access import open_archive
from data_access.demo.schema import create_database
from tests.integration.page_opening import open_view

IMAGE = "/stage/images/2026-01-21T05:00:00.img.fits"
Measured = Callable[[list[str]], Awaitable[RecordTable]]


@pytest.fixture
async def measured(tmp_path: Path) -> Any:
    """Return a function that gives the list of what was measured, each time brighter than before."""
    async with AsyncExitStack() as stack:

        async def listed(names: list[str]) -> RecordTable:
            database = tmp_path / "state" / "db" / "products.sqlite3"
            create_database(database, "products")
            with closing(sqlite3.connect(database)) as db, db:
                db.execute(
                    "INSERT INTO images (path, ms_path, created_at, type) VALUES (?, 'x.ms', 1.769e9, '5min')",
                    (IMAGE,),
                )
                db.executemany(
                    "INSERT INTO photometry (source_id, image_path, ra_deg, dec_deg, peak_jyb, measured_at) "
                    "VALUES (?, ?, 10.0, 54.0, ?, 1.769e9)",
                    [(name, IMAGE, 0.001 * n) for n, name in enumerate(names, start=1)],
                )
            archive = await stack.enter_async_context(open_archive(tmp_path))
            page: Any = await open_view(archive, "/images/{image_id}", {}, {"image_id": "1"})
            table: RecordTable = page.sources_slot.content
            return table

        yield listed


async def test_of_very_many_the_brightest_are_listed_and_that_is_said(measured: Measured) -> None:
    table = await measured([f"J{n}" for n in range(501)])
    assert len(table.rows) == 500
    assert (table.rows[0]["cells"][0]["t"], table.rows[-1]["cells"][0]["t"]) == ("J500", "J1")
    assert (table.truncated, table.note) == (True, "the brightest 500, more were measured")


async def test_as_many_as_can_be_listed_are_all(measured: Measured) -> None:
    table = await measured([f"J{n}" for n in range(500)])
    assert (len(table.rows), table.truncated, table.note) == (500, False, "")
    assert table.total == "500 sources, brightest first"


async def test_sources_measured_twice_are_counted_once_and_listed_twice(measured: Measured) -> None:
    table = await measured(["J1", "J2", "J1", "J2", "J3"])
    assert table.total == "3 sources in 5 measurements, brightest first"
    assert [row["cells"][0]["t"] for row in table.rows] == ["J3", "J2", "J1", "J2", "J1"]
    assert len({row["key"] for row in table.rows}) == 5
