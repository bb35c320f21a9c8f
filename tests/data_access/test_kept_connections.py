"""Connections are kept while somebody asks, and never longer than what they keep of a file is true."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

import pytest

from data_access.changes import ChangeWatcher
from data_access.database import Database
from data_access.errors import DatabaseCorrupt, DatabaseError
from tests.data_access.database_samples import OtherProcess, numbers, plain

COUNT = "SELECT count(*) FROM t"


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let connections be idle after a moment."""
    monkeypatch.setattr("data_access.lanes.IDLE_S", 0.2)


@pytest.mark.usefixtures("soon")
async def test_a_connection_that_nobody_asks_leaves_the_pipeline_alone(tmp_path: Path) -> None:
    path = numbers(tmp_path / "n.sqlite3", 3)
    database = Database("products", path)
    with OtherProcess(path) as writer:
        writer.run("INSERT INTO t (x) VALUES (4)")
        assert plain(await database.fetch(COUNT)) == [[4]]
        assert "locked" in writer.run("PRAGMA busy_timeout = 0", "PRAGMA journal_mode = DELETE")
        await database.version()
        await database.fetch(COUNT, slow=True)
        await asyncio.sleep(1.5)
        assert writer.run("PRAGMA journal_mode = DELETE") == [["delete"]]
        writer.run("PRAGMA journal_mode = WAL", "INSERT INTO t (x) VALUES (5)")
    assert not path.with_name("n.sqlite3-wal").exists()  # the writer, the last to close it, cleared it away
    assert plain(await database.fetch(COUNT)) == [[5]]
    await database.close()


@pytest.mark.usefixtures("soon")
async def test_questions_keep_their_connections(tmp_path: Path) -> None:
    path = numbers(tmp_path / "n.sqlite3", 3)
    database = Database("products", path)
    versions = set()
    for _ in range(10):
        versions.add(await database.version())
        await asyncio.sleep(0.1)
    await asyncio.sleep(1.5)
    versions.add(await database.version())  # of another connection, and nothing was written meanwhile
    assert len(versions) == 1
    await asyncio.sleep(1.5)
    with OtherProcess(path) as writer:
        writer.run("INSERT INTO t (x) VALUES (4)")
        assert await database.version() not in versions
    await database.close()


@pytest.mark.parametrize("journal", ["wal", "delete"])
async def test_a_file_that_is_overwritten_in_place_is_read_anew(tmp_path: Path, journal: str) -> None:
    path = numbers(tmp_path / "n.sqlite3", 3, journal=journal)
    other = numbers(tmp_path / "other.sqlite3", 2000, journal=journal)
    database = Database("products", path)
    watcher = ChangeWatcher({"products": database}, interval_s=1.0)
    await watcher.look()
    assert plain(await database.fetch(COUNT)) == [[3]]
    shutil.copyfile(other, path)
    change = await watcher.look()
    assert change is not None and change.roles == {"products"}
    assert plain(await database.fetch(COUNT)) == [[2000]]
    assert await watcher.look() is None
    await database.close()


@pytest.mark.parametrize("journal", ["wal", "delete"])
async def test_garbage_written_over_a_file_is_said_and_its_return_is_news(tmp_path: Path, journal: str) -> None:
    path = numbers(tmp_path / "n.sqlite3", 2000, journal=journal)
    whole = path.read_bytes()
    database = Database("products", path)
    watcher = ChangeWatcher({"products": database}, interval_s=1.0)
    await watcher.look()
    await database.fetch(COUNT)
    path.write_bytes(os.urandom(len(whole)))
    assert await watcher.look() is not None
    with pytest.raises(DatabaseCorrupt):
        await database.fetch(COUNT)
    assert watcher.remarks == ("cannot be read now: products",)
    path.write_bytes(whole)
    assert await watcher.look() is not None
    assert plain(await database.fetch(COUNT)) == [[2000]]
    assert watcher.remarks == ()
    await database.close()


async def test_a_file_that_is_whole_again_is_read_though_nothing_was_committed(tmp_path: Path) -> None:
    path = numbers(tmp_path / "n.sqlite3", 2000, journal="delete")
    whole = path.read_bytes()
    database = Database("products", path)
    await database.fetch(COUNT)
    for rest in (b"", whole[:6000]):
        path.write_bytes(rest)
        with pytest.raises(DatabaseError):
            await database.fetch("SELECT sum(x) FROM t")
        path.write_bytes(whole)
        await asyncio.sleep(0.01)
        assert plain(await database.fetch(COUNT)) == [[2000]]
    await database.close()


async def test_a_commit_ends_what_was_known_of_the_columns(tmp_path: Path) -> None:
    path = numbers(tmp_path / "n.sqlite3", 3)
    database = Database("products", path)
    watcher = ChangeWatcher({"products": database}, interval_s=1.0)
    with OtherProcess(path) as writer:
        await watcher.look()
        await watcher.look()
        assert (await database.schema()).tables["t"] == ("id", "x")
        writer.run("ALTER TABLE t RENAME COLUMN x TO y")
        assert await watcher.look() is not None
        assert database.recent_schema is None
        assert (await database.schema()).tables["t"] == ("id", "y")
    await database.close()
