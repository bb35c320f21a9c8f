"""Paging by position: every row once, in order, forwards and backwards, at a cost that does not grow."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_access.database import Database
from data_access.errors import ValidationError
from data_access.layout import Table
from data_access.records import Cursor, PageRequest
from data_access.repositories.base import Listing, Where, count_rows, listing_segments, read_page

VALUES = st.one_of(
    st.none(),
    st.integers(-3, 3),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.sampled_from([0.1, 0.1 + 2**-55, 0.30000000000000004, 1e300, -0.0, 60961.123456789012]),
    st.text(max_size=4),
    st.sampled_from(["", "A", "a", "ä", "nul\x00inside", "'quote", "%", "12"]),
    st.binary(max_size=3),
)
ROWS = st.lists(VALUES, max_size=25)


def _listing(database: Database, name: str = "t") -> Listing:
    table = Table("images", name, database, frozenset({"id", "v"}))
    sorts = {"id": "t.rowid", "v": 't."v"'}
    return Listing(table, f'"{name}" t', ("t.rowid",), "t.rowid", sorts, "id")


async def _walk(listing: Listing, request: PageRequest) -> tuple[list[int], list[int]]:
    """Return the keys met on the way forwards, and on the way back from the last page."""
    segments = listing_segments(listing, Where(), request.sort)

    async def page(cursor: str) -> Any:
        wanted = PageRequest(request.limit, cursor, request.sort, request.descending)
        return await read_page(segments, wanted, lambda row: int(row[0]))

    forwards: list[int] = []
    found = await page("")
    while True:
        forwards += found.rows
        if not found.next_cursor:
            break
        found = await page(found.next_cursor)
        assert found.rows, "a page that was announced is empty"
    backwards = list(found.rows)
    while found.previous_cursor:
        found = await page(found.previous_cursor)
        backwards = [*found.rows, *backwards]
    return forwards, backwards


def _expected(path: Path, *, descending: bool, sort: str) -> list[int]:
    way = "DESC" if descending else "ASC"
    connection = sqlite3.connect(path)
    if sort == "id":
        found = connection.execute(f"SELECT rowid FROM t ORDER BY rowid {way}").fetchall()
    else:
        parts = ["v < x''", "v IS NULL", "v >= x''"]
        orders = [f"v {way}, rowid {way}", f"rowid {way}", f"rowid {way}"]
        found = [
            row
            for part, order in zip(parts, orders, strict=True)
            for row in connection.execute(f"SELECT rowid FROM t WHERE {part} ORDER BY {order}")
        ]
    connection.close()
    return [row[0] for row in found]


@settings(max_examples=40, deadline=None)
@given(rows=ROWS, limit=st.integers(1, 6), descending=st.booleans(), sort=st.sampled_from(["v", "v", "id"]))
@pytest.mark.parametrize("affinity", ["", "REAL", "TEXT"])
def test_a_walk_meets_every_row_once_and_in_order(
    affinity: str, rows: list[Any], limit: int, descending: bool, sort: str
) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "p.sqlite3"
        connection = sqlite3.connect(path)
        connection.execute(f"CREATE TABLE t (id INTEGER PRIMARY KEY, v {affinity})")
        connection.executemany("INSERT INTO t (v) VALUES (?)", [(value,) for value in rows])
        connection.commit()
        connection.close()
        expected = _expected(path, descending=descending, sort=sort)

        async def walk() -> tuple[list[int], list[int]]:
            database = Database("products", path)
            try:
                return await _walk(_listing(database), PageRequest(limit, "", sort, descending))
            finally:
                await database.close()

        forwards, backwards = asyncio.run(walk())
    assert forwards == expected
    assert backwards == expected


async def test_a_row_that_vanishes_between_two_pages_does_not_lose_the_place(tmp_path: Path) -> None:
    path = tmp_path / "p.sqlite3"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v REAL)")
    connection.executemany("INSERT INTO t (v) VALUES (?)", [(i / 3,) for i in range(6)])
    database = Database("products", path)
    segments = listing_segments(_listing(database), Where(), "v")
    first = await read_page(segments, PageRequest(3, "", "v", False), lambda row: int(row[0]))
    connection.execute("DELETE FROM t WHERE id = 3")
    second = await read_page(segments, PageRequest(3, first.next_cursor, "v", False), lambda row: int(row[0]))
    await database.close()
    assert (first.rows, second.rows) == ((1, 2, 3), (4, 5, 6))


BAD_CURSORS = [
    "x", "!!!!", "é", "a" * 10_000, "W10", "bnVsbA", "eyJhIjoxfQ",
    Cursor([1], 1).encode(), Cursor(1, {"a": 1}).encode(), Cursor(1, 1, 7).encode(), Cursor(1, 1, -1).encode(),
    Cursor(2**63, 1).encode(), Cursor(1, -(2**70)).encode(), Cursor(1, 1, 2).encode() + "AAAA",
]  # fmt: skip


@pytest.mark.parametrize("cursor", BAD_CURSORS)
async def test_a_cursor_that_means_nothing_is_a_validation_error(tmp_path: Path, cursor: str) -> None:
    database = _small(tmp_path, 3)
    segments = listing_segments(_listing(database), Where(), "v")
    with pytest.raises(ValidationError):
        await read_page(segments, PageRequest(3, cursor, "v"), lambda row: row[0])
    await database.close()


def test_deeply_nested_text_is_no_cursor() -> None:
    nested = Cursor("x", 1).encode()[:0] + __import__("base64").urlsafe_b64encode(b"[" * 50_000).decode()
    with pytest.raises(ValidationError):
        Cursor.decode(nested)


@pytest.mark.parametrize("limit", [0, -1, 1001])
def test_a_page_of_an_impossible_size_is_a_validation_error(limit: int) -> None:
    with pytest.raises(ValidationError):
        PageRequest(limit=limit)


async def test_an_unknown_order_is_a_validation_error(tmp_path: Path) -> None:
    database = _small(tmp_path, 3)
    with pytest.raises(ValidationError, match="cannot be sorted by"):
        listing_segments(_listing(database), Where(), "v; DROP TABLE t")
    await database.close()


def _small(tmp_path: Path, n: int) -> Database:
    path = tmp_path / "c.sqlite3"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
    connection.executemany("INSERT INTO t (v) VALUES (?)", [(i,) for i in range(n)])
    connection.commit()
    connection.close()
    return Database("products", path)


@pytest.mark.parametrize(
    ("n", "clause", "whole_table", "expected"),
    [
        (7, "", True, "7"),
        (10_000, "", True, "10,000"),
        (10_001, "", True, "at most 10,001"),
        (10_004, "", True, "at most 10,004"),
        (10_004, "", False, "10,000+"),
        (10_004, "v >= 0", True, "10,000+"),
        (10_004, "v < 5", True, "5"),
    ],
)
async def test_a_count_says_how_sure_it_is(
    tmp_path: Path, n: int, clause: str, whole_table: bool, expected: str
) -> None:
    database = _small(tmp_path, n)
    where = Where()
    if clause:
        where.add(clause)
    table = Table("images", "t", database, frozenset({"id", "v"}))
    count = await count_rows(table, '"t"', where, deadline_s=5.0, whole_table=whole_table)
    await database.close()
    assert str(count) == expected


async def test_rows_deleted_at_either_end_are_not_counted_and_those_between_make_it_an_upper_bound(
    tmp_path: Path,
) -> None:
    database = _small(tmp_path, 40_000)
    with closing(sqlite3.connect(database.path)) as db, db:
        db.execute("DELETE FROM t WHERE rowid <= 15000 OR rowid > 39000 OR rowid BETWEEN 20000 AND 20999")
    table = Table("images", "t", database, frozenset({"id", "v"}))
    count = await count_rows(table, '"t"', Where(), deadline_s=5.0, whole_table=True)
    await database.close()
    assert (str(count), count.value) == ("at most 24,000", 24_000)


async def test_a_count_that_takes_too_long_is_unknown(tmp_path: Path) -> None:
    database = _small(tmp_path, 9000)
    table = Table("images", "t", database, frozenset({"id", "v"}))
    count = await count_rows(table, '"t" a, "t" b', Where(["a.v + b.v < 0"]), deadline_s=0.05)
    await database.close()
    assert (count.value, count.kind) == (None, "unknown")
