"""The database gate: reads only, bounded in time and rows, beside a live writer."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from data_access.database import Database
from data_access.errors import ArchiveError, DatabaseError, QueryTooSlow, ValidationError
from data_access.read_only_connection import connect_read_only
from tests.data_access.database_samples import SLOW_SQL, OtherProcess, make_database, numbers, plain

ROOT = Path(__file__).resolve().parents[2]

FORBIDDEN = [
    "ATTACH DATABASE '{other}' AS other",
    "PRAGMA journal_mode=DELETE",
    "PRAGMA user_version=7",
    "PRAGMA writable_schema=1",
    "PRAGMA wal_checkpoint(TRUNCATE)",
    "PRAGMA query_only=0",
    "PRAGMA optimize",
    "INSERT INTO t (x) VALUES (1)",
    "UPDATE t SET x = 0",
    "DELETE FROM t",
    "REPLACE INTO t (id, x) VALUES (1, 1)",
    "CREATE TABLE u (x)",
    "CREATE TEMP TABLE u (x)",
    "CREATE INDEX i ON t (x)",
    "DROP TABLE t",
    "ALTER TABLE t ADD COLUMN y",
    "VACUUM",
    "VACUUM INTO '{other}'",
    "ANALYZE",
    "REINDEX t_x",
    "BEGIN IMMEDIATE",
    "BEGIN",
    "SAVEPOINT s",
    "SELECT load_extension('x')",
    "DETACH DATABASE main",
]


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    found = Database("products", numbers(tmp_path / "n.sqlite3", 100), deadline_s=1.0, busy_timeout_s=0.3, row_cap=50)
    yield found
    await found.close()


@pytest.mark.parametrize("statement", FORBIDDEN)
def test_a_connection_refuses_everything_but_reading(tmp_path: Path, statement: str) -> None:
    path, other = tmp_path / "n.sqlite3", tmp_path / "other.sqlite3"
    make_database(path, "CREATE TABLE t (id INTEGER PRIMARY KEY, x REAL)", "CREATE INDEX t_x ON t (x)")
    connection = connect_read_only(path, busy_timeout_s=0.1, immutable=False)
    with pytest.raises(sqlite3.DatabaseError, match=r"not authorized|prohibited|read-?only|authorization denied"):
        connection.execute(statement.format(other=other)).fetchall()
    connection.close()
    assert not other.exists()


@pytest.mark.parametrize("statement", ["DELETE FROM t", "SELECT 1; DELETE FROM t", "PRAGMA user_version=7"])
async def test_fetch_answers_a_writing_statement_with_an_error(database: Database, statement: str) -> None:
    with pytest.raises(DatabaseError):
        await database.fetch(statement)


@pytest.mark.parametrize("journal", ["wal", "delete"])
async def test_a_commit_of_another_process_is_read_at_once(tmp_path: Path, journal: str) -> None:
    path = numbers(tmp_path / "n.sqlite3", 3, journal=journal)
    database = Database("products", path)
    with OtherProcess(path) as writer:
        before = await database.fetch("SELECT count(*) FROM t")
        writer.run("INSERT INTO t (x) VALUES (4)")
        after = await database.fetch("SELECT count(*) FROM t")
    await database.close()
    assert (plain(before), plain(after), database.path.exists()) == ([[3]], [[4]], True)


async def test_reading_beside_an_open_write_transaction_shows_the_committed_state(tmp_path: Path) -> None:
    path = numbers(tmp_path / "n.sqlite3", 3)
    database = Database("products", path, busy_timeout_s=0.2)
    with OtherProcess(path) as writer:
        writer.run("BEGIN IMMEDIATE", "INSERT INTO t (x) VALUES (4)")
        found = await database.fetch("SELECT count(*) FROM t")
        writer.run("ROLLBACK")
    await database.close()
    assert plain(found) == [[3]]
    assert database.mode == "closed"


async def test_an_open_idle_database_does_not_stop_the_writers_checkpoint(tmp_path: Path) -> None:
    path = numbers(tmp_path / "n.sqlite3", 3)
    database = Database("products", path)
    with OtherProcess(path) as writer:
        await database.fetch("SELECT x FROM t")
        with pytest.raises(QueryTooSlow):
            await database.fetch(SLOW_SQL, deadline_s=0.05)
        await database.version()
        await database.schema()
        writer.run("INSERT INTO t (x) VALUES (4)")
        ((busy, _, _),) = writer.run("PRAGMA wal_checkpoint(TRUNCATE)")
    await database.close()
    assert busy == 0


@pytest.mark.parametrize("journal", ["wal", "delete"])
async def test_the_journal_mode_is_reported_and_not_changed(tmp_path: Path, journal: str) -> None:
    path = numbers(tmp_path / "n.sqlite3", 3, journal=journal)
    database = Database("products", path)
    reported = await database.journal_mode()
    await database.close()
    assert reported == journal
    assert sqlite3.connect(path).execute("PRAGMA journal_mode").fetchone() == (journal,)


async def test_the_row_cap_cuts_and_says_so(database: Database) -> None:
    found = await database.fetch("SELECT x FROM t ORDER BY id")
    assert (len(found.rows), found.truncated) == (50, True)


async def test_exactly_the_row_cap_is_not_called_cut(database: Database) -> None:
    found = await database.fetch("SELECT x FROM t ORDER BY id LIMIT 50")
    assert (len(found.rows), found.truncated) == (50, False)


async def test_the_row_cap_does_not_cut_what_is_known_of_the_file(tmp_path: Path) -> None:
    path = make_database(tmp_path / "d.sqlite3", "CREATE TABLE s (x, y)", "CREATE TABLE t (x, y, z)")
    database = Database("products", path, row_cap=1)
    schema = await database.schema()
    await database.close()
    assert dict(schema.tables) == {"s": ("x", "y"), "t": ("x", "y", "z")}


async def test_a_query_is_stopped_within_twice_its_deadline(database: Database) -> None:
    began = time.monotonic()
    with pytest.raises(QueryTooSlow):
        await database.fetch(SLOW_SQL, deadline_s=0.4)
    assert time.monotonic() - began < 0.8


async def test_a_slow_query_does_not_delay_the_fast_ones(database: Database) -> None:
    slow = asyncio.create_task(database.fetch(SLOW_SQL, slow=True, deadline_s=0.8))
    await asyncio.sleep(0)  # it takes its lane
    answers = [await database.fetch("SELECT 1") for _ in range(20)]
    assert len(answers) == 20
    assert not slow.done()
    with pytest.raises(QueryTooSlow):
        await slow


@pytest.mark.parametrize("steps", [1, 2, 3, 5, 8, 50])
async def test_a_cancelled_query_leaves_its_lane_usable_at_once(tmp_path: Path, steps: int) -> None:
    database = Database("products", numbers(tmp_path / "n.sqlite3", 3), lanes=1, deadline_s=20.0)
    await database.fetch("SELECT 1")
    task = asyncio.create_task(database.fetch(SLOW_SQL))
    for _ in range(steps):  # cancelled at different points: waiting for the lane, queued, running
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(2):
        found = await database.fetch("SELECT count(*) FROM t")
    await database.close()
    assert plain(found) == [[3]]


async def test_a_query_cancelled_while_it_waits_for_a_lane_gives_its_place_back(tmp_path: Path) -> None:
    database = Database("products", numbers(tmp_path / "n.sqlite3", 3), lanes=1, deadline_s=20.0)
    running = asyncio.create_task(database.fetch(SLOW_SQL, deadline_s=0.3))
    waiting = asyncio.create_task(database.fetch("SELECT 1"))
    await asyncio.sleep(0.05)
    waiting.cancel()
    with pytest.raises(QueryTooSlow):
        await running
    async with asyncio.timeout(2):
        found = await database.fetch("SELECT count(*) FROM t")
    await database.close()
    assert plain(found) == [[3]]


async def test_concurrent_queries_are_answered_in_the_order_they_were_asked(tmp_path: Path) -> None:
    database = Database("products", numbers(tmp_path / "n.sqlite3", 20_000), lanes=1)
    finished: list[int] = []

    async def ask(number: int) -> None:
        await database.fetch("SELECT sum(x) FROM t")
        finished.append(number)

    await asyncio.gather(*(ask(number) for number in range(200)))
    await database.close()
    assert finished == list(range(200))


async def test_numbers_keep_all_digits(database: Database) -> None:
    value = 0.1234567890123456789
    found = await database.fetch("SELECT ?", (value,))
    assert plain(found) == [[value]]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT x'ff00'", "\ufffd\x00"),
        ("SELECT CAST(x'61ff62' AS TEXT)", "a\ufffdb"),
        ("SELECT CAST(x'610062' AS TEXT)", "a\x00b"),
        ("SELECT 'quote \" and \\ and \n'", 'quote " and \\ and \n'),
        ("SELECT 9223372036854775807", 2**63 - 1),
        ("SELECT 9e999", float("inf")),
        ("SELECT NULL", None),
    ],
)
async def test_any_value_of_sqlite_comes_through(database: Database, sql: str, expected: object) -> None:
    found = await database.fetch(sql)
    assert plain(found) == [[expected]]


@pytest.mark.parametrize("value", [2**63, -(2**70), "\ud800"])
async def test_a_value_that_sqlite_cannot_hold_is_a_validation_error(database: Database, value: object) -> None:
    with pytest.raises(ValidationError):
        await database.fetch("SELECT ?", (value,))


async def test_a_broken_view_does_not_hide_the_tables(tmp_path: Path) -> None:
    path = make_database(
        tmp_path / "v.sqlite3", "CREATE TABLE t (x)", "CREATE TABLE gone (y)", "CREATE VIEW v AS SELECT y FROM gone",
        "PRAGMA legacy_alter_table=ON", "DROP TABLE gone",
    )  # fmt: skip
    database = Database("products", path)
    schema = await database.schema()
    await database.close()
    assert dict(schema.tables) == {"t": ("x",)}


async def test_a_new_column_is_seen_after_the_schema_was_looked_at_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("data_access.database._RECENT_S", 0.0)
    path = make_database(tmp_path / "d.sqlite3", "CREATE TABLE t (x)")
    database = Database("products", path)
    before = await database.schema()
    with OtherProcess(path) as writer:
        writer.run("ALTER TABLE t ADD COLUMN y")
    after = await database.schema()
    await database.close()
    assert (before.tables["t"], after.tables["t"]) == (("x",), ("x", "y"))


async def test_closing_stops_what_runs_and_leaves_no_connection_behind(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    database = Database("products", numbers(tmp_path / "n.sqlite3", 3), deadline_s=20.0)
    task = asyncio.create_task(database.fetch(SLOW_SQL))
    await asyncio.sleep(0.1)
    async with asyncio.timeout(1):
        await database.close()
    with pytest.raises(QueryTooSlow):
        await task
    for thread in set(threading.enumerate()) - before:
        if "_connection_worker_thread" in thread.name:
            thread.join(1.0)
            assert not thread.is_alive()


async def test_a_question_that_waits_when_a_database_is_closed_is_refused_and_opens_nothing(tmp_path: Path) -> None:
    database = Database("products", numbers(tmp_path / "n.sqlite3", 3), lanes=1, deadline_s=20.0)
    running = asyncio.create_task(database.fetch(SLOW_SQL))
    waiting = asyncio.create_task(database.fetch("SELECT 1"))
    lanes = database._lanes["fast"]
    while not any(lane.raw.is_stuck(0) for lane in lanes._at_work):  # noqa: ASYNC110  nothing says that it has begun
        await asyncio.sleep(0.01)
    before = set(threading.enumerate())
    await database.close()
    with pytest.raises(QueryTooSlow):
        await running
    with pytest.raises(DatabaseError, match="was closed"):
        await waiting
    assert not {t for t in set(threading.enumerate()) - before if "_connection_worker_thread" in t.name}


@pytest.mark.parametrize("delay_s", [0.0, 0.1])
def test_closing_waits_for_a_connection_whose_opening_was_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, delay_s: float
) -> None:
    """Its thread would speak to an event loop that is gone."""
    spoken: list[object] = []
    monkeypatch.setattr(threading, "excepthook", spoken.append)
    monkeypatch.setattr("data_access.database.connect_read_only", _slowly(connect_read_only))
    before = set(threading.enumerate())

    async def give_up() -> None:
        database = Database("products", numbers(tmp_path / "n.sqlite3", 3))
        task = asyncio.create_task(database.fetch("SELECT 1"))
        await asyncio.sleep(0.05 + delay_s)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await database.close()

    asyncio.run(give_up())
    for thread in set(threading.enumerate()) - before:
        thread.join(2.0)
    assert spoken == []


def _slowly(connect: Callable[..., Any]) -> Callable[..., Any]:
    def opened(*args: Any, **options: Any) -> Any:
        time.sleep(0.3)
        return connect(*args, **options)

    return opened


async def test_every_error_of_the_gate_is_of_the_archives_tree(database: Database) -> None:
    for sql in ("SELECT nothing", "not sql", "SELECT 1 FROM nowhere", "SELECT abs(-9223372036854775808)"):
        with pytest.raises(ArchiveError):
            await database.fetch(sql)
