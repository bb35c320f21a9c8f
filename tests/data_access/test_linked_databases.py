"""Databases that are symbolic links: SQLite keeps their logs beside the file that the link leads to."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from data_access import open_archive
from data_access.changes import ChangeWatcher
from data_access.database import Database
from data_access.side_files import has_hot_journal, has_write_ahead_log
from tests.data_access.database_samples import OtherProcess, die_writing, numbers

INSERT = "INSERT INTO t (x) VALUES (1)"
LONG_AGO_S = 1_000_000_000


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """A database that was written long ago."""
    path = numbers(tmp_path / "elsewhere" / "p.sqlite3", 3)
    os.utime(path, (LONG_AGO_S, LONG_AGO_S))
    return path


@pytest.fixture
def link(tmp_path: Path, target: Path) -> Path:
    """The name in the state folder by which it is known."""
    path = tmp_path / "state" / "products.sqlite3"
    path.parent.mkdir()
    path.symlink_to(target)
    return path


def written_at(target: Path) -> float:
    return Path(f"{target}-wal").stat().st_mtime


async def test_a_commit_behind_a_link_is_told(link: Path, target: Path) -> None:
    database = Database("products", link)
    watcher = ChangeWatcher({"products": database}, interval_s=1.0)
    with OtherProcess(target) as writer:
        await watcher.look()
        writer.run(INSERT)
        change = await watcher.look()
        written = written_at(target)
    await database.close()
    assert change is not None
    assert change.roles == {"products"}
    assert watcher.last_write == pytest.approx(written)


async def test_a_commit_is_told_behind_a_link_that_leads_elsewhere_now(link: Path, tmp_path: Path) -> None:
    database = Database("products", link)
    watcher = ChangeWatcher({"products": database}, interval_s=1.0)
    await watcher.look()
    other = numbers(tmp_path / "other.sqlite3", 3)
    (tmp_path / "new").symlink_to(other)
    (tmp_path / "new").replace(link)
    with OtherProcess(other) as writer:
        await watcher.look()
        writer.run(INSERT)
        change = await watcher.look()
    await database.close()
    assert change is not None


async def test_the_age_in_the_report_is_that_of_the_log_behind_the_link(link: Path, target: Path) -> None:
    async with open_archive(link.parent) as archive:
        with OtherProcess(target) as writer:
            writer.run(INSERT)
            (state,) = (await archive.health.report()).databases
            written = written_at(target)
    assert state.path == str(link)
    assert state.last_write_at == pytest.approx(written)


def test_what_stands_beside_the_file_is_seen_behind_the_link(link: Path, target: Path) -> None:
    with OtherProcess(target) as writer:
        writer.run(INSERT)
        assert has_write_ahead_log(link)
        writer.run("DELETE FROM t", "PRAGMA journal_mode = DELETE")
    numbers(target.with_name("big.sqlite3"), 5000, journal="delete").replace(target)
    assert not has_write_ahead_log(link)
    die_writing(target, "UPDATE t SET x = -1")
    assert has_hot_journal(link)
