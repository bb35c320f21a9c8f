"""Databases of another account: read without a right to write beside them, and never so that the owner is harmed."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

import pytest

from tests.data_access.database_samples import OtherProcess, die_writing, numbers

ROOT = Path(__file__).resolve().parents[2]
OWNER = 1
NOBODY = 65534
INSERT = "INSERT INTO t (x) VALUES (4)"

_ONLY_WHAT_IS_NEEDED = """
import concurrent.futures.thread, sys, types  # asyncio imports the first one when it may not be readable any more
sys.modules["data_access"] = package = types.ModuleType("data_access")
package.__path__ = ["data_access"]  # all that the package itself imports takes a second
"""
_READER = """
import asyncio, os, sys
from pathlib import Path
from data_access.database import Database
os.setgroups([]); os.setgid(int(sys.argv[2])); os.setuid(int(sys.argv[2]))
async def main():
    database = Database("products", Path(sys.argv[1]), busy_timeout_s=0.3)
    while line := sys.stdin.readline():
        try:
            if line.strip() == "journal":
                print(await database.journal_mode(), flush=True)
                continue
            found = await database.fetch("SELECT count(*) FROM t")
            await database.version()  # by another connection
            print(database.mode, found.rows[0][0], flush=True)
        except Exception as err:
            print(type(err).__name__, err, flush=True)
    await database.close()
asyncio.run(main())
"""


class Reader:
    """A dashboard under the account `nobody`, which may run some lines before it begins."""

    def __init__(self, path: Path, before: str = "") -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _ONLY_WHAT_IS_NEEDED + before + _READER, str(path), str(NOBODY)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
        )  # fmt: skip

    def ask(self, what: str = "rows") -> str:
        """Return how it was opened and its number of rows, or its ``"journal"``; or the kind of the error."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{what}\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=10)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder in which other accounts can read, but not create the files beside a database."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        pytest.skip("only root can become another account: run the tests as root in a container")
    # Not below pytest's own folder: every session that starts closes that one to other accounts again.
    with TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def open_folder(folder: Path) -> Path:
    """A folder in which everybody may create files."""
    folder.chmod(0o777)
    return folder


def owned(path: Path) -> Path:
    """Give a database to the owner; the others may only read it."""
    path.chmod(0o644)
    os.chown(path, OWNER, OWNER)
    return path


def files(folder: Path) -> dict[str, int]:
    """Return the ending of each file -> its owner."""
    return {path.name.removeprefix("n.sqlite3"): path.stat().st_uid for path in folder.iterdir()}


def test_without_write_permission_the_file_is_read_as_immutable_and_again_when_it_changes(folder: Path) -> None:
    path = numbers(folder / "n.sqlite3", 3)
    with Reader(path) as reader:
        first = reader.ask()
        with OtherProcess(path) as writer:
            writer.run(INSERT)
        second = reader.ask()
        journal = reader.ask("journal")
    assert (first, second, journal) == ("immutable 3", "immutable 4", "wal")


def test_a_write_ahead_log_is_never_ignored_by_the_immutable_way(folder: Path) -> None:
    path = numbers(folder / "n.sqlite3", 3)
    with OtherProcess(path) as writer:
        writer.run(INSERT)
        shared_memory = Path(f"{path}-shm")
        shared_memory.chmod(0o600)
        with Reader(path) as reader:
            answer = reader.ask()
    assert not answer.startswith("immutable")
    assert answer in ("read-only 4",) or answer.startswith("DatabaseError")


def test_a_log_behind_a_link_is_never_ignored_by_the_immutable_way(folder: Path) -> None:
    path = numbers(folder / "n.sqlite3", 3)
    link = folder / "link.sqlite3"
    link.symlink_to(path)
    with OtherProcess(path) as writer:
        writer.run(INSERT)
        Path(f"{path}-shm").chmod(0o600)
        with Reader(link) as reader:
            answer = reader.ask()
    assert answer.startswith("DatabaseError")


def test_what_a_dead_writer_left_is_not_read_as_immutable(folder: Path) -> None:
    path = numbers(folder / "n.sqlite3", 5000)
    with Reader(path) as reader:
        first = reader.ask()
        with OtherProcess(path) as writer:
            writer.run("PRAGMA journal_mode = DELETE")
        die_writing(path, "UPDATE t SET x = -1")
        second = reader.ask()
        with OtherProcess(path) as writer:
            writer.run("SELECT count(*) FROM sqlite_master")
        third = reader.ask()
    assert (first, third) == ("immutable 5000", "read-only 5000")
    assert second.startswith("TransactionLeftOpen")


def test_a_reader_makes_no_file_that_the_owner_could_not_write(open_folder: Path) -> None:
    path = owned(numbers(open_folder / "n.sqlite3", 3))
    with Reader(path) as reader:
        before = reader.ask(), files(open_folder)
        with OtherProcess(path, user=OWNER) as owner:
            said = [owner.run(INSERT)]
            meanwhile = reader.ask()
            said.append(owner.run(INSERT))
            again = reader.ask()
        after_owner = reader.ask()
    with OtherProcess(path, user=OWNER) as owner:
        said.append(owner.run(INSERT))
    assert before == ("immutable 3", {"": OWNER})
    assert (meanwhile, again, after_owner) == ("read-only 4", "read-only 5", "read-only 5")
    assert said == [[], [], []]
    assert set(files(open_folder).values()) == {OWNER}


_STOP_AFTER_THE_LOOK = """
import sys
from data_access import read_only_connection
look = read_only_connection.has_files_of_wal_mode
def look_and_stop(path):
    found = look(path)
    print("found", found, flush=True)
    sys.stdin.readline()
    return found
read_only_connection.has_files_of_wal_mode = look_and_stop
"""


def test_the_owners_files_do_not_go_between_a_readers_look_and_its_use_of_them(open_folder: Path) -> None:
    path = owned(numbers(open_folder / "n.sqlite3", 3))
    with Reader(path, _STOP_AFTER_THE_LOOK) as reader:
        with OtherProcess(path, user=OWNER) as owner:
            owner.run(INSERT)
            answers = [reader.ask()]
        answers.append(reader.ask())
        seen = files(open_folder)
    assert answers == ["found True", "read-only 4"]
    assert seen == {"": OWNER, "-wal": OWNER, "-shm": OWNER}


@pytest.mark.parametrize("log", ["", "-wal"])
def test_a_log_of_the_owner_is_read_without_making_a_file_or_refused(open_folder: Path, log: str) -> None:
    path = numbers(open_folder / "n.sqlite3", 5000)
    with OtherProcess(path) as writer:
        writer.run(INSERT)
        content = Path(f"{path}-wal").read_bytes() if log else b""
    owned(path)
    Path(f"{path}-wal").write_bytes(content)
    with Reader(path) as reader:
        answer = reader.ask()
    assert files(open_folder).keys() == {"", "-wal"}
    assert answer.startswith("DatabaseError") if log else answer == "immutable 5001"
    assert "cannot be opened: unable to open database file" in answer or not log


def test_a_database_that_is_put_into_wal_mode_under_a_reader_is_left_to_its_owner(open_folder: Path) -> None:
    path = owned(numbers(open_folder / "n.sqlite3", 3, journal="delete"))
    with Reader(path) as reader:
        answers = [reader.ask()]
        with OtherProcess(path, user=OWNER) as owner:
            owner.run(INSERT)
            answers.append(reader.ask())
            owner.run("PRAGMA journal_mode = WAL")
        answers.append(reader.ask())
        seen = files(open_folder)
    with OtherProcess(path, user=OWNER) as owner:
        assert owner.run(INSERT) == []
    assert answers == ["read-only 3", "read-only 4", "immutable 4"]
    assert seen == {"": OWNER}


def test_a_reader_holds_no_lock_after_its_answer_whatever_it_met(open_folder: Path) -> None:
    path = owned(numbers(open_folder / "n.sqlite3", 5000, journal="delete"))
    with Reader(path) as reader:
        answers = [reader.ask()]
        with OtherProcess(path, user=OWNER) as owner:
            said = [owner.run("PRAGMA cache_size = 2", "BEGIN", "UPDATE t SET x = -1")]
            answers.append(reader.ask())
            said += [owner.run("COMMIT"), owner.run(INSERT)]
            answers.append(reader.ask())
            said.append(owner.run("BEGIN EXCLUSIVE", "COMMIT"))
        die_writing(path, "UPDATE t SET x = -2")
        answers.append(reader.ask())
        with OtherProcess(path, user=OWNER) as owner:
            said += [owner.run("PRAGMA busy_timeout = 0", "SELECT count(*) FROM t WHERE x = -2"), owner.run(INSERT)]
        answers.append(reader.ask())
    assert [answer.split()[0] for answer in answers] == [
        "read-only", "DatabaseLocked", "read-only", "TransactionLeftOpen", "read-only",
    ]  # fmt: skip
    assert said == [[], [], [], [], [[0]], []]


_WORKER = """
import os, sys
from pathlib import Path
from data_access.arrow_connection import NotAsArrow, read_arrow_batches
options = dict(immutable=False, busy_timeout_s=0.3, deadline_s=5.0, batch_rows=100)
list(read_arrow_batches(Path(sys.argv[-1]), "SELECT x FROM t", (), **options))  # imports what only root may see
os.setgroups([]); os.setgid(int(sys.argv[1])); os.setuid(int(sys.argv[1]))
for name in sys.argv[2:]:
    try:
        print(sum(batch.num_rows for batch in read_arrow_batches(Path(name), "SELECT x FROM t", (), **options)))
    except NotAsArrow:
        print("refused")
"""


def test_a_worker_process_makes_no_file_either(open_folder: Path) -> None:
    paths = [owned(numbers(open_folder / f"{journal}.sqlite3", 3, journal=journal)) for journal in ("wal", "delete")]
    command = [sys.executable, "-c", _ONLY_WHAT_IS_NEEDED + _WORKER, str(NOBODY), *map(str, paths)]
    answers = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert answers == ["refused", "3"]
    assert set(open_folder.iterdir()) == set(paths)


def test_a_reader_that_meets_rubbish_holds_no_lock(open_folder: Path) -> None:
    path = owned(numbers(open_folder / "n.sqlite3", 3, journal="delete"))
    with Reader(path) as reader:
        reader.ask()
        path.write_bytes(b"rubbish " * 1024)
        answer = reader.ask()
        with path.open("r+b") as file:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 510, 0x40000002)  # the bytes that SQLite's readers lock
    assert answer.startswith("DatabaseCorrupt")
