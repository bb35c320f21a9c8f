"""What may happen to those who wait while files are replaced, databases closed, callers and event loops gone."""

from __future__ import annotations

import asyncio
import gc
import random
import sqlite3
import threading
import time
import warnings
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from data_access.database import Database
from data_access.errors import DatabaseError, DatabaseLocked, DatabaseMissing, QueryTooSlow
from tests.data_access.database_samples import SLOW_SQL, OtherProcess, make_database, numbers

COUNT = "SELECT count(*) FROM t"
# One call of a function, which no deadline and no closing can stop.
_ONE_CALL = ("SELECT instr(?, ?)", ("a" * 500_000, "a" * 250_000 + "b"))
_EXPECTED = (QueryTooSlow, asyncio.CancelledError)


async def _value(database: Database, sql: str, *values: object, **options: Any) -> Any:
    async with asyncio.timeout(20):
        return (await database.fetch(sql, values, **options)).rows[0][0]


async def _took(asked: Coroutine[Any, Any, Any]) -> float:
    began = time.monotonic()
    await asked
    return time.monotonic() - began


def _connection_threads() -> int:
    return sum("_connection_worker_thread" in thread.name for thread in threading.enumerate())


async def test_an_answer_does_not_wait_for_the_next_question_of_its_lane(tmp_path: Path) -> None:
    database = Database("products", numbers(tmp_path / "n.sqlite3", 3), lanes=1, deadline_s=2.0)
    await _value(database, COUNT)
    quick = asyncio.create_task(_took(_value(database, "SELECT 1")))
    slow = asyncio.create_task(_value(database, SLOW_SQL))
    assert await quick < 1.0
    with pytest.raises(QueryTooSlow):
        await slow
    await database.close()


@pytest.mark.parametrize("journal", ["wal", "delete"])
async def test_of_those_who_ask_a_deleted_file_nobody_gets_an_answer(tmp_path: Path, journal: str) -> None:
    path = numbers(tmp_path / "n.sqlite3", 3, journal=journal)
    database = Database("products", path)
    await _value(database, COUNT)
    path.unlink()
    asked = (_value(database, "SELECT count(*), ? FROM t", i) for i in range(4))
    found = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(one) for one in found] == [DatabaseMissing] * 4
    await database.close()


async def test_who_joins_a_question_after_the_file_was_replaced_is_answered_from_the_new_one(tmp_path: Path) -> None:
    path = numbers(tmp_path / "n.sqlite3", 3)
    database = Database("products", path, lanes=1, deadline_s=20.0)
    await _value(database, "SELECT 0")
    slow = asyncio.create_task(database.fetch(SLOW_SQL, deadline_s=0.4))
    early = asyncio.create_task(_value(database, COUNT))
    await asyncio.sleep(0.1)
    numbers(tmp_path / "new.sqlite3", 8).replace(path)
    assert await _value(database, COUNT) == 8
    await asyncio.gather(slow, early, return_exceptions=True)
    await database.close()


async def test_a_database_closed_in_the_moment_it_is_opened_can_be_used_again(tmp_path: Path) -> None:
    database = Database("products", numbers(tmp_path / "n.sqlite3", 3))
    asked = asyncio.create_task(_value(database, COUNT))
    await database.close()
    with pytest.raises(DatabaseError, match="was closed"):
        await asked
    assert await _value(database, COUNT) == 3
    await database.close()


def test_a_database_can_be_used_in_one_event_loop_after_the_other(tmp_path: Path) -> None:
    path = numbers(tmp_path / "n.sqlite3", 3)
    database = Database("products", path, lanes=1, deadline_s=20.0)

    async def end_while_it_works() -> None:
        asyncio.create_task(database.fetch(*_ONE_CALL))  # noqa: RUF006  it ends with its loop
        await asyncio.sleep(0.1)

    async def end_while_it_opens() -> None:
        asyncio.create_task(database.fetch(COUNT))  # noqa: RUF006  it ends with its loop

    for ended in (end_while_it_opens, end_while_it_works):
        asyncio.run(ended())
        assert asyncio.run(_value(database, COUNT)) == 3
    asyncio.run(database.close())
    assert asyncio.run(_value(database, COUNT)) == 3
    asyncio.run(database.close())


async def test_while_a_database_is_being_closed_nothing_is_opened(tmp_path: Path) -> None:
    before = _connection_threads()
    database = Database("products", numbers(tmp_path / "n.sqlite3", 3), deadline_s=20.0)
    await asyncio.gather(_value(database, COUNT), _value(database, COUNT, slow=True))
    slow = asyncio.create_task(database.fetch(*_ONE_CALL, slow=True))
    await asyncio.sleep(0.05)
    closing = asyncio.create_task(database.close())
    await asyncio.sleep(0.02)
    assert not closing.done()
    with pytest.raises(DatabaseError, match="was closed"):
        await _value(database, COUNT)
    await closing
    await asyncio.gather(slow, return_exceptions=True)
    await asyncio.sleep(0.1)
    assert _connection_threads() <= before


async def test_closing_does_not_mind_a_lane_that_has_closed_already(tmp_path: Path) -> None:
    path = numbers(tmp_path / "n.sqlite3", 3)
    before = _connection_threads()
    database = Database("products", path, deadline_s=20.0)
    await asyncio.gather(_value(database, "SELECT 0"), database.version())
    slow = asyncio.create_task(database.fetch(SLOW_SQL, deadline_s=0.2))
    await asyncio.sleep(0.05)
    numbers(tmp_path / "new.sqlite3", 8).replace(path)
    await database.version()  # every lane is dropped, the one at work when it has ended
    asyncio.get_running_loop().call_soon(time.sleep, 0.5)  # its thread ends meanwhile, and nobody hears of it
    await database.close()
    with pytest.raises(QueryTooSlow):
        await slow
    await asyncio.sleep(0.1)
    assert _connection_threads() <= before


async def test_who_asks_while_an_opening_is_about_to_fail_gets_a_try_of_their_own(tmp_path: Path) -> None:
    path = numbers(tmp_path / "n.sqlite3", 3, journal="delete")
    database = Database("products", path, busy_timeout_s=0.6)
    with OtherProcess(path) as writer:
        writer.run("BEGIN EXCLUSIVE")
        first = asyncio.create_task(_value(database, COUNT))
        await asyncio.sleep(0.5)
        late = asyncio.create_task(_value(database, "SELECT count(*) + 0 FROM t"))
        with pytest.raises(DatabaseLocked):
            await first
        writer.run("COMMIT")
        assert await late == 3
    await database.close()


async def test_a_lock_is_waited_for_once_by_those_who_asked_together(tmp_path: Path) -> None:
    path = numbers(tmp_path / "n.sqlite3", 3, journal="delete")
    database = Database("products", path, lanes=1, busy_timeout_s=1.0)
    await _value(database, COUNT)
    with OtherProcess(path) as writer:
        writer.run("BEGIN EXCLUSIVE")
        began = time.monotonic()
        asked = (_value(database, "SELECT count(*), ? FROM t", i) for i in range(4))
        found = await asyncio.gather(*asked, return_exceptions=True)
        assert [type(one) for one in found] == [DatabaseLocked] * 4
        assert time.monotonic() - began < 3.0
        writer.run("ROLLBACK")
    await database.close()


async def test_a_schema_is_of_one_file_even_if_it_is_replaced_while_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_database(tmp_path / "n.sqlite3", "CREATE TABLE old (a)", "CREATE TABLE t (x)")
    new = make_database(tmp_path / "new.sqlite3", "CREATE TABLE new (b)", "CREATE TABLE t (x, y)")
    database = Database("products", path)
    ask = database._ask

    async def replace_after_names(sql: str, *lane: str) -> list[Any]:
        found = await ask(sql, *lane)
        if "FROM sqlite_master WHERE type" in sql and new.exists():
            new.replace(path)
        return found

    monkeypatch.setattr(database, "_ask", replace_after_names)
    assert (await database.schema()).tables == {"new": ("b",), "t": ("x", "y")}
    await database.close()


async def test_a_forgotten_database_ends_its_threads(tmp_path: Path) -> None:
    path, before = numbers(tmp_path / "n.sqlite3", 3), _connection_threads()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # that it was not closed
        for _ in range(5):
            assert await _value(Database("products", path), COUNT) == 3
        for _ in range(3):
            gc.collect()
            await asyncio.sleep(0.1)
    assert _connection_threads() <= before


async def test_what_cannot_be_compared_is_asked_all_the_same(tmp_path: Path) -> None:
    database = Database("products", numbers(tmp_path / "n.sqlite3", 3))
    assert await _value(database, "SELECT ?", bytearray(b"raw")) == "raw"
    with pytest.raises((DatabaseError, sqlite3.Error)):
        await _value(database, "SELECT ?", [1])
    await database.close()


@pytest.mark.parametrize("seed", range(8))
async def test_whatever_happens_everyone_gets_an_answer_that_is_theirs_and_not_too_old(
    tmp_path: Path, seed: int
) -> None:
    chance, path = random.Random(seed), numbers(tmp_path / "n.sqlite3", 3)
    before = _connection_threads()
    database = Database("products", path, lanes=chance.choice([1, 2, 3]), deadline_s=0.05)
    n_rows = 3

    async def ask() -> None:
        mine, at_least = chance.randrange(6), n_rows
        if chance.random() < 0.1:
            await database.fetch(SLOW_SQL, deadline_s=chance.choice([0.002, 0.015]), slow=chance.random() < 0.5)
        elif chance.random() < 0.1:
            await chance.choice([database.schema, database.version])()
        else:
            found = await database.fetch("SELECT count(*), ? FROM t", (mine,), slow=chance.random() < 0.2)
            assert found.rows[0][1] == mine
            assert found.rows[0][0] >= at_least

    async def replace() -> None:
        nonlocal n_rows
        for n in range(4, 9):
            await asyncio.sleep(chance.random() * 0.02)
            numbers(tmp_path / "new.sqlite3", n).replace(path)
            n_rows = n

    async def close() -> None:
        for _ in range(3):
            await asyncio.sleep(chance.random() * 0.03)
            await database.close()

    sides = [asyncio.create_task(side()) for side in (replace, close)[: 1 + seed % 2]]
    tasks = []
    for _ in range(150):
        tasks.append(asyncio.create_task(ask()))
        if chance.random() < 0.4:
            await asyncio.sleep(chance.choice([0, 0, 0.0003, 0.001]))
        if chance.random() < 0.35:
            chance.choice(tasks).cancel()
    async with asyncio.timeout(15):
        found = await asyncio.gather(*tasks, *sides, return_exceptions=True)
    errors = [one for one in found if isinstance(one, BaseException) and not isinstance(one, _EXPECTED)]
    assert [err for err in errors if "was closed" not in str(err) and "being replaced" not in str(err)] == []
    await database.close()
    assert all(lanes.is_idle and not lanes._asked for lanes in database._lanes.values())
    await asyncio.sleep(0.1)
    assert _connection_threads() <= before
