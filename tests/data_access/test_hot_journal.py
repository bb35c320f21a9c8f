"""A writer that dies in the middle of a transaction: what it wrote is never shown, and its end is noticed."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from pathlib import Path

import pytest

from data_access.changes import ChangeWatcher
from data_access.database import Database
from data_access.errors import TransactionLeftOpen
from data_access.read_only_connection import file_identity
from data_access.side_files import has_hot_journal
from tests.data_access.database_samples import OtherProcess, die_writing, make_database, numbers, plain

UNTRUE = "UPDATE t SET x = -1"
SUM = "SELECT count(*), sum(x = -1) FROM t"
ROLL_BACK = "SELECT count(*) FROM sqlite_master"


@pytest.mark.parametrize("opened_before", [False, True])
async def test_what_a_dead_writer_left_is_refused_until_rolled_back(tmp_path: Path, opened_before: bool) -> None:
    path = numbers(tmp_path / "n.sqlite3", 5000, journal="delete")
    database = Database("products", path)
    if opened_before:
        await database.fetch(SUM)
    die_writing(path, UNTRUE)
    with pytest.raises(TransactionLeftOpen, match="died in the middle of a transaction") as refusal:
        await database.fetch(SUM)
    with OtherProcess(path) as pipeline:
        pipeline.run(ROLL_BACK)
    after = await database.fetch(SUM)
    await database.close()
    assert plain(after) == [[5000, 0]]
    assert refusal.value.status == 503
    assert f"`sqlite3 {path} .tables` run as its user" in refusal.value.remedy


async def test_the_command_of_the_remedy_rolls_it_back(tmp_path: Path) -> None:
    if shutil.which("sqlite3") is None:
        pytest.skip("there is no sqlite3 program: install it to run this test")
    path = numbers(tmp_path / "with space.sqlite3", 5000, journal="delete")
    die_writing(path, UNTRUE)
    database = Database("products", path)
    with pytest.raises(TransactionLeftOpen) as refusal:
        await database.fetch(SUM)
    await asyncio.to_thread(subprocess.run, refusal.value.remedy.split("`")[1], shell=True, check=True)
    after = await database.fetch(SUM)
    await database.close()
    assert plain(after) == [[5000, 0]]


async def test_the_watcher_tells_of_a_dead_writer_and_of_its_end(tmp_path: Path) -> None:
    path = numbers(tmp_path / "n.sqlite3", 5000, journal="delete")
    database = Database("products", path)
    watcher = ChangeWatcher({"products": database}, interval_s=1.0)
    await watcher.look()
    die_writing(path, UNTRUE)
    broken = await watcher.look()
    said = dict(watcher.trouble)
    with OtherProcess(path) as pipeline:
        pipeline.run(ROLL_BACK)
    mended = await watcher.look()
    await database.close()
    assert broken is not None
    assert mended is not None
    assert "died in the middle" in said["products"]
    assert watcher.trouble == {}


def test_an_immutable_connection_notices_a_writer_that_writes(tmp_path: Path) -> None:
    path = numbers(tmp_path / "n.sqlite3", 5000, journal="delete")
    before = file_identity(path, immutable=True)[4:]
    with OtherProcess(path) as writer:
        writer.run("PRAGMA cache_size = 2", "BEGIN", UNTRUE)
        meanwhile = file_identity(path, immutable=True)[4:]  # without time and size
        is_hot = has_hot_journal(path)
        writer.run("ROLLBACK")
    assert meanwhile != before
    assert (is_hot, has_hot_journal(path)) == (True, False)


def test_a_journal_that_is_kept_after_its_transaction_is_not_hot(tmp_path: Path) -> None:
    path = make_database(tmp_path / "n.sqlite3", "CREATE TABLE t (x)", "INSERT INTO t VALUES (1)", journal="persist")
    assert Path(f"{path}-journal").stat().st_size > 0
    assert not has_hot_journal(path)
