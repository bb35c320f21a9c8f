"""Databases that are missing, broken, locked or replaced: the right error, at the right place, and recovery."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from data_access.database import Database
from data_access.errors import (
    DatabaseCorrupt,
    DatabaseError,
    DatabaseLocked,
    DatabaseMissing,
    TableMissing,
)
from tests.data_access.database_samples import SLOW_SQL, OtherProcess, make_database, numbers, plain

COUNT = "SELECT count(*) FROM t"


async def _error_of(path: Path, sql: str = COUNT) -> DatabaseError:
    database = Database("products", path, busy_timeout_s=0.2)
    with pytest.raises(DatabaseError) as caught:
        await database.fetch(sql)
    await database.close()
    assert caught.value.facts["path"] == str(path)
    return caught.value


async def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    assert type(await _error_of(tmp_path / "none.sqlite3")) is DatabaseMissing


async def test_a_path_below_a_file_is_missing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    assert type(await _error_of(tmp_path / "file" / "n.sqlite3")) is DatabaseMissing


async def test_an_empty_file_has_no_tables(tmp_path: Path) -> None:
    (tmp_path / "n.sqlite3").touch()
    assert type(await _error_of(tmp_path / "n.sqlite3")) is TableMissing


async def test_garbage_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "n.sqlite3").write_bytes(os.urandom(8192))
    assert type(await _error_of(tmp_path / "n.sqlite3")) is DatabaseCorrupt


async def test_a_truncated_file_is_damaged(tmp_path: Path) -> None:
    path = numbers(tmp_path / "n.sqlite3", 5000, journal="delete")
    os.truncate(path, path.stat().st_size // 2)
    assert type(await _error_of(path, "SELECT sum(x) FROM t")) is DatabaseCorrupt


async def test_a_page_full_of_rubbish_is_damage_and_not_a_wrong_answer(tmp_path: Path) -> None:
    path = numbers(tmp_path / "n.sqlite3", 5000, journal="delete")
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xde\xad" * 2048)
    assert type(await _error_of(path, "SELECT sum(x) FROM t")) is DatabaseCorrupt


async def test_a_folder_is_no_database(tmp_path: Path) -> None:
    assert "cannot be opened" in (await _error_of(tmp_path)).message


async def test_a_pipe_is_no_database_and_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "n.sqlite3")
    async with asyncio.timeout(2):
        error = await _error_of(tmp_path / "n.sqlite3")
    assert "a pipe or a device, and not a file" in error.message


async def test_a_name_that_is_too_long_is_an_error_of_the_database(tmp_path: Path) -> None:
    assert "cannot be opened" in (await _error_of(tmp_path / ("n" * 300))).message


async def test_an_exclusive_writer_is_waited_for_and_then_named(tmp_path: Path) -> None:
    path = numbers(tmp_path / "n.sqlite3", 3, journal="delete")
    database = Database("products", path, busy_timeout_s=0.4)
    await database.fetch(COUNT)
    with OtherProcess(path) as writer:
        writer.run("BEGIN EXCLUSIVE")
        began = time.monotonic()
        with pytest.raises(DatabaseLocked):
            await database.fetch(COUNT)
        waited = time.monotonic() - began
        writer.run("COMMIT")
        after = await database.fetch(COUNT)
    await database.close()
    assert 0.3 < waited < 1.0
    assert plain(after) == [[3]]


async def test_a_database_that_is_locked_when_it_is_opened_is_called_locked(tmp_path: Path) -> None:
    path = numbers(tmp_path / "n.sqlite3", 3, journal="delete")
    with OtherProcess(path) as writer:
        writer.run("BEGIN EXCLUSIVE")
        assert type(await _error_of(path)) is DatabaseLocked


async def test_a_short_lock_is_waited_out(tmp_path: Path) -> None:
    path = numbers(tmp_path / "n.sqlite3", 3, journal="delete")
    database = Database("products", path, busy_timeout_s=5.0)
    with OtherProcess(path) as writer:
        writer.run("BEGIN EXCLUSIVE")
        asking = asyncio.create_task(database.fetch(COUNT))
        await asyncio.sleep(0.1)
        assert not asking.done()
        writer.run("COMMIT")
        found = await asking
    await database.close()
    assert plain(found) == [[3]]


@pytest.mark.parametrize("journal", ["wal", "delete"])
async def test_a_file_replaced_by_rename_is_read_anew(tmp_path: Path, journal: str) -> None:
    path = numbers(tmp_path / "n.sqlite3", 3, journal=journal)
    database = Database("products", path)
    before = await database.fetch(COUNT)
    version = await database.version()
    numbers(tmp_path / "new.sqlite3", 8, journal=journal).replace(path)
    after = await database.fetch(COUNT)
    assert (plain(before), plain(after)) == ([[3]], [[8]])
    assert await database.version() != version
    await database.close()


async def test_the_schema_of_a_replaced_file_is_read_anew(tmp_path: Path) -> None:
    path = numbers(tmp_path / "n.sqlite3", 3)
    database = Database("products", path)
    await database.schema()
    make_database(tmp_path / "new.sqlite3", "CREATE TABLE other (y)").replace(path)
    with pytest.raises(TableMissing):
        await database.fetch(COUNT)
    assert set((await database.schema()).tables) == {"other"}
    await database.close()


async def test_many_readers_survive_a_replacement_under_their_hands(tmp_path: Path) -> None:
    path = numbers(tmp_path / "n.sqlite3", 3, journal="delete")
    database = Database("products", path, lanes=3)
    asking = [asyncio.create_task(database.fetch(COUNT)) for _ in range(30)]
    for n in range(4, 12):
        await asyncio.sleep(0.003)
        numbers(tmp_path / "new.sqlite3", n, journal="delete").replace(path)
        asking += [asyncio.create_task(database.fetch(COUNT)) for _ in range(10)]
    counts = [found.rows[0][0] for found in await asyncio.gather(*asking)]
    await database.close()
    assert counts[-1] == 11
    assert set(counts) <= set(range(3, 12))


async def test_a_deleted_file_is_missing_and_comes_back(tmp_path: Path) -> None:
    path = numbers(tmp_path / "n.sqlite3", 3, journal="delete")
    database = Database("products", path)
    await database.fetch(COUNT)
    path.unlink()
    with pytest.raises(DatabaseMissing):
        await database.fetch(COUNT)
    numbers(path, 5, journal="delete")
    found = await database.fetch(COUNT)
    await database.close()
    assert plain(found) == [[5]]


async def test_a_file_that_appears_later_is_found(tmp_path: Path) -> None:
    path = tmp_path / "n.sqlite3"
    database = Database("products", path)
    with pytest.raises(DatabaseMissing):
        await database.fetch(COUNT)
    numbers(path, 5)
    found = await database.fetch(COUNT)
    await database.close()
    assert plain(found) == [[5]]


async def test_a_lock_is_waited_for_once_and_not_by_every_question_in_turn(tmp_path: Path) -> None:
    path = numbers(tmp_path / "a.sqlite3", 3, journal="delete")
    database = Database("products", path, lanes=1, busy_timeout_s=2.0)
    await database.fetch(COUNT)
    with OtherProcess(path) as writer:
        writer.run("BEGIN EXCLUSIVE")
        began = time.monotonic()
        for _ in range(5):
            with pytest.raises(DatabaseLocked):
                await database.fetch(COUNT)
        assert time.monotonic() - began < 2 * 2.0
        writer.run("ROLLBACK")
        assert (await database.fetch(COUNT)).rows[0][0] == 3
        # a read that succeeded makes the next one wait for a short lock again
        writer.run("BEGIN EXCLUSIVE")
        late = asyncio.ensure_future(database.fetch(COUNT))
        await asyncio.sleep(0.8)
        writer.run("ROLLBACK")
        assert (await late).rows[0][0] == 3
    await database.close()


async def test_a_locked_database_does_not_delay_another_one(tmp_path: Path) -> None:
    locked, other = numbers(tmp_path / "a.sqlite3", 3, journal="delete"), numbers(tmp_path / "b.sqlite3", 4)
    first, second = Database("alerts", locked, busy_timeout_s=3.0), Database("products", other)
    with OtherProcess(locked) as writer:
        writer.run("BEGIN EXCLUSIVE")
        waiting = asyncio.create_task(first.fetch(COUNT))
        async with asyncio.timeout(1):
            found = await second.fetch(COUNT)
        writer.run("COMMIT")
        await waiting
    await first.close()
    await second.close()
    assert plain(found) == [[4]]


async def test_a_caller_that_gives_up_while_a_database_is_opened_leaves_it_usable(tmp_path: Path) -> None:
    path = numbers(tmp_path / "n.sqlite3", 3)
    database = Database("products", path, lanes=1)
    for steps in range(1, 12):
        task = asyncio.create_task(database.fetch(SLOW_SQL))
        for _ in range(steps):
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    async with asyncio.timeout(2):
        found = await database.fetch(COUNT)
    await database.close()
    assert plain(found) == [[3]]
