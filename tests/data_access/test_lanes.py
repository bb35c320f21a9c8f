"""Questions that find every lane busy are taken along: in order, each with its own answer or error, none lost."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from data_access.database import Database
from data_access.errors import DatabaseError, DatabaseMissing, QueryTooSlow, TableMissing
from tests.data_access.database_samples import SLOW_SQL, make_database, numbers


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    found = Database("products", numbers(tmp_path / "n.sqlite3", 100), lanes=2, deadline_s=20.0)
    yield found
    await found.close()


async def _echo(database: Database, value: object) -> object:
    return (await database.fetch("SELECT ?", (value,))).rows[0][0]


async def _ask_slowly(database: Database, *, deadline_s: float = 20.0, word: str = "") -> None:
    await database.fetch(f"{SLOW_SQL} WHERE '{word}' = '{word}'", deadline_s=deadline_s)


async def _comes_to_rest(database: Database) -> bool:
    """Return whether every lane is back and nobody waits; the last lane comes back after the last answer."""
    async with asyncio.timeout(5):
        while not all(lanes.is_idle for lanes in database._lanes.values()):  # noqa: ASYNC110  nothing announces it
            await asyncio.sleep(0.01)
    return True


async def test_everyone_gets_their_own_answer(database: Database) -> None:
    values = list(range(500))
    assert await asyncio.gather(*(_echo(database, value) for value in values)) == values
    assert await _comes_to_rest(database)


async def test_they_are_begun_in_the_order_they_were_asked(tmp_path: Path) -> None:
    database = Database("products", numbers(tmp_path / "n.sqlite3", 100), lanes=1)
    finished: list[int] = []

    async def ask(number: int) -> None:
        await _echo(database, number)
        finished.append(number)

    await asyncio.gather(*(ask(number) for number in range(200)))
    await database.close()
    assert finished == list(range(200))


async def test_nobody_waits_behind_a_slow_question_while_another_lane_is_ready(database: Database) -> None:
    await asyncio.gather(_echo(database, 1), _echo(database, 2))
    slow = asyncio.create_task(_ask_slowly(database, deadline_s=3.0))
    await asyncio.sleep(0.1)
    began = time.monotonic()
    await asyncio.gather(*(_echo(database, value) for value in range(100)))
    assert time.monotonic() - began < 1.5
    assert not slow.done()
    with pytest.raises(QueryTooSlow):
        await slow


async def test_an_error_reaches_only_who_asked(database: Database) -> None:
    asked = [database.fetch("SELECT nothing FROM nowhere") if i % 3 == 0 else _echo(database, i) for i in range(60)]
    found = await asyncio.gather(*asked, return_exceptions=True)
    for i, answer in enumerate(found):
        assert isinstance(answer, DatabaseError) if i % 3 == 0 else answer == i
    assert await _comes_to_rest(database)


async def test_who_waits_is_not_stopped_by_another_who_gives_up(tmp_path: Path) -> None:
    """Both are in the hands of the same lane: the first runs when it is given up, the second stands behind it."""
    database = Database("products", numbers(tmp_path / "n.sqlite3", 3), lanes=1, deadline_s=20.0)
    first = asyncio.create_task(_ask_slowly(database, deadline_s=0.3, word="a"))
    await asyncio.sleep(0.1)
    second = asyncio.create_task(_ask_slowly(database, word="b"))
    third = asyncio.create_task(_echo(database, 3))
    with pytest.raises(QueryTooSlow):
        await first
    await asyncio.sleep(0.1)
    second.cancel()
    async with asyncio.timeout(2):
        assert await third == 3
    with pytest.raises(asyncio.CancelledError):
        await second
    await database.close()


async def test_what_nobody_waits_for_any_more_is_not_begun(tmp_path: Path) -> None:
    database = Database("products", numbers(tmp_path / "n.sqlite3", 3), lanes=1, deadline_s=20.0)
    first = asyncio.create_task(_ask_slowly(database, deadline_s=0.3, word="a"))
    await asyncio.sleep(0.1)
    given_up = [asyncio.create_task(_ask_slowly(database, word=str(i))) for i in range(5)]
    last = asyncio.create_task(_echo(database, 7))
    await asyncio.sleep(0.05)
    for task in given_up:
        task.cancel()
    async with asyncio.timeout(2):
        assert await last == 7
    await asyncio.gather(first, *given_up, return_exceptions=True)
    await database.close()


async def test_those_who_wait_when_the_file_is_replaced_are_answered_from_the_new_one(tmp_path: Path) -> None:
    path = numbers(tmp_path / "n.sqlite3", 3)
    database = Database("products", path, lanes=2)
    new = make_database(
        tmp_path / "new.sqlite3", "CREATE TABLE t (x)", "INSERT INTO t VALUES (1), (2), (3), (4), (5)"
    )
    sql = "SELECT count(*), ? FROM t"
    await asyncio.gather(database.fetch(sql, (-1,)), database.fetch(sql, (-2,)))
    asked = [asyncio.create_task(database.fetch(sql, (i,))) for i in range(200)]
    new.replace(path)
    found = [(await task).rows[0] for task in asked]
    assert [row[1] for row in found] == list(range(200))
    assert {row[0] for row in found} <= {3, 5}
    assert (await database.fetch(sql, (0,))).rows[0][0] == 5
    assert await _comes_to_rest(database)
    await database.close()


@pytest.mark.parametrize("seed", range(6))
async def test_nothing_is_lost_whoever_gives_up_when(database: Database, seed: int) -> None:
    chance = random.Random(seed)
    tasks: dict[int, asyncio.Task[object]] = {}
    for number in range(400):
        tasks[number] = asyncio.create_task(_echo(database, number))
        if chance.random() < 0.3:
            await asyncio.sleep(chance.choice([0, 0, 0.0005]))
        if chance.random() < 0.4:
            tasks[chance.randrange(number + 1)].cancel()
    async with asyncio.timeout(10):
        found = await asyncio.gather(*tasks.values(), return_exceptions=True)
    assert await _comes_to_rest(database)
    for number, answer in zip(tasks, found, strict=True):
        assert answer == number or isinstance(answer, asyncio.CancelledError)
    assert await _echo(database, "still there") == "still there"
    assert len(database._lanes["fast"]._free) <= 2


async def test_a_version_that_was_waited_for_is_that_of_the_same_file(database: Database) -> None:
    """The lane may still be answering others: what it says must not depend on whether it is back."""
    await database.version()
    _, waited_for, _ = await asyncio.gather(database.journal_mode(), database.version(), database.journal_mode())
    assert waited_for == await database.version()


# Every run of it has another answer.
_RANDOM = "SELECT random()"
_SLOWLY_RANDOM = (
    "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 1500000) "
    "SELECT random() FROM (SELECT max(n) FROM c)"
)


@pytest.fixture
async def busy(tmp_path: Path) -> AsyncIterator[Database]:
    """A database with one lane that is at work for a while."""
    found = Database("products", numbers(tmp_path / "n.sqlite3", 3), lanes=1, deadline_s=20.0)
    await _echo(found, 1)
    slow = asyncio.create_task(_ask_slowly(found, deadline_s=0.3))
    await asyncio.sleep(0.05)
    yield found
    await asyncio.gather(slow, return_exceptions=True)
    await found.close()


async def _value(database: Database, sql: str = _RANDOM) -> object:
    return (await database.fetch(sql)).rows[0][0]


async def test_those_who_ask_the_same_while_it_waits_share_one_answer(busy: Database) -> None:
    assert len(set(await asyncio.gather(*(_value(busy) for _ in range(5))))) == 1
    assert await _value(busy) != await _value(busy)


async def test_a_question_that_has_begun_is_not_shared(database: Database) -> None:
    first = asyncio.create_task(_value(database, _SLOWLY_RANDOM))
    await asyncio.sleep(0.1)
    assert not first.done()
    assert await _value(database, _SLOWLY_RANDOM) != await first


async def test_values_that_are_equal_but_of_another_type_are_other_questions(busy: Database) -> None:
    asked = (busy.fetch("SELECT typeof(?)", (value,)) for value in (1, 1.0, True, "1"))
    assert [found.rows[0][0] for found in await asyncio.gather(*asked)] == ["integer", "real", "integer", "text"]


async def test_those_who_share_and_give_up_take_the_answer_from_nobody(busy: Database) -> None:
    tasks = [asyncio.create_task(_value(busy)) for _ in range(4)]
    await asyncio.sleep(0.02)
    tasks[0].cancel()
    tasks[1].cancel()
    async with asyncio.timeout(5):
        third, fourth = await asyncio.gather(*tasks[2:])
    assert third == fourth


async def test_what_everybody_gave_up_can_be_asked_again(busy: Database) -> None:
    given_up = [asyncio.create_task(_value(busy)) for _ in range(2)]
    await asyncio.sleep(0.02)
    for task in given_up:
        task.cancel()
    async with asyncio.timeout(5):
        assert isinstance(await _value(busy), int)
    assert await _comes_to_rest(busy)
    assert busy._lanes["fast"]._asked == {}


async def test_an_error_is_raised_to_all_who_share_it(busy: Database) -> None:
    found = await asyncio.gather(*(_value(busy, "SELECT x FROM nowhere") for _ in range(3)), return_exceptions=True)
    assert [type(err) for err in found] == [TableMissing] * 3


async def test_what_keeps_a_database_from_being_opened_is_told_to_all_who_wait(tmp_path: Path) -> None:
    database = Database("products", tmp_path / "none.sqlite3")
    async with asyncio.timeout(2):
        found = await asyncio.gather(*(_echo(database, i) for i in range(20)), return_exceptions=True)
    assert [type(err) for err in found] == [DatabaseMissing] * 20
    numbers(tmp_path / "none.sqlite3", 3)
    assert await _echo(database, "there now") == "there now"
    await database.close()


async def test_quick_questions_are_all_answered_by_one_lane(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two threads that compete for the interpreter cost twice the processor time."""
    monkeypatch.setattr("data_access.lanes._STUCK_S", 30.0)  # however busy the machine is
    for _ in range(20):
        await asyncio.gather(*(_echo(database, value) for value in range(50)))
    assert len(database._lanes["fast"]._free) == 1
