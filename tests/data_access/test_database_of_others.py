"""Databases of another account: read without a right to write beside them, and never so that the owner is harmed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.data_access.database_samples import OtherProcess, die_writing, numbers

ROOT = Path(__file__).resolve().parents[2]

_UNPRIVILEGED = """
import asyncio, os, sqlite3, sys
from pathlib import Path
from data_access.database import Database
os.setgid(65534); os.setuid(65534)
path = Path(sys.argv[1])
async def main():
    database = Database("products", path)
    while True:
        try:
            found = await database.fetch("SELECT count(*) FROM t")
            print(database.mode, found.rows[0][0], flush=True)
        except Exception as err:
            print(type(err).__name__, err, flush=True)
        if not sys.stdin.readline():
            break
    await database.close()
asyncio.run(main())
"""


@pytest.fixture
def no_write_folder() -> Iterator[Path]:
    """A folder in which an unprivileged account can read, but not create the files beside a database."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        pytest.skip("only root can become another account: run the tests as root in a container")
    # Not below pytest's own folder: every session that starts closes that one to other accounts again.
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def _as_nobody(path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _UNPRIVILEGED, str(path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip


def _ask_again(process: subprocess.Popen[str]) -> str:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("again\n")
    process.stdin.flush()
    return process.stdout.readline().strip()


def test_without_write_permission_the_file_is_read_as_immutable_and_again_when_it_changes(
    no_write_folder: Path,
) -> None:
    path = numbers(no_write_folder / "n.sqlite3", 3)
    with _as_nobody(path) as process:
        assert process.stdout is not None
        first = process.stdout.readline().strip()
        with OtherProcess(path) as writer:
            writer.run("INSERT INTO t (x) VALUES (4)")
        second = _ask_again(process)
        assert process.stdin is not None
        process.stdin.close()
    assert (first, second) == ("immutable 3", "immutable 4")


def test_a_write_ahead_log_is_never_ignored_by_the_immutable_way(no_write_folder: Path) -> None:
    path = numbers(no_write_folder / "n.sqlite3", 3)
    with OtherProcess(path) as writer:
        writer.run("INSERT INTO t (x) VALUES (4)")
        shared_memory = Path(f"{path}-shm")
        shared_memory.chmod(0o600)
        with _as_nobody(path) as process:
            assert process.stdout is not None
            answer = process.stdout.readline().strip()
            assert process.stdin is not None
            process.stdin.close()
    assert not answer.startswith("immutable")
    assert answer in ("read-only 4",) or answer.startswith("DatabaseError")


def test_what_a_dead_writer_left_is_not_read_as_immutable(no_write_folder: Path) -> None:
    path = numbers(no_write_folder / "n.sqlite3", 5000)
    with _as_nobody(path) as process:
        assert process.stdout is not None
        first = process.stdout.readline().strip()
        with OtherProcess(path) as writer:
            writer.run("PRAGMA journal_mode = DELETE")
        die_writing(path, "UPDATE t SET x = -1")
        second = _ask_again(process)
        with OtherProcess(path) as writer:
            writer.run("SELECT count(*) FROM sqlite_master")
        third = _ask_again(process)
        assert process.stdin is not None
        process.stdin.close()
    assert (first, third) == ("immutable 5000", "read-only 5000")
    assert second.startswith("TransactionLeftOpen")
