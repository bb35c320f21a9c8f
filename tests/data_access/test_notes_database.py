"""Our own database: where it lies, how its tables come about, and what happens when it cannot be used."""

from __future__ import annotations

import asyncio
import itertools
import multiprocessing
import os
import sqlite3
import subprocess
import sys
import tomllib
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from data_access import Archive
from data_access.errors import DatabaseCorrupt, DatabaseError, DatabaseLocked, NotesTooNew, ValidationError
from data_access.notes import HEAD, REVISIONS, NotesDatabase
from data_access.notes.schema import MIGRATIONS, read_revision, upgrade
from data_access.offload import Offload
from data_access.records.marks import Mark
from data_access.settings import load_settings

ROOT = Path(__file__).resolve().parents[2]
COUNT = "SELECT count(*) AS n FROM marks"
INSERT = (
    "INSERT INTO marks (kind, object_id, revision, who, marked_at) VALUES ('source', ?, 1, 'Ada', 1.0) RETURNING id"
)


@pytest.fixture
async def offload() -> AsyncIterator[Offload]:
    made = Offload(threads=4, processes=1, deadline_s=10)
    yield made
    await made.close()


def _notes(folder: Path, offload: Offload, *forbidden: Path) -> NotesDatabase:
    return NotesDatabase(folder, offload, forbidden=forbidden, busy_timeout_s=0.3)


def _at_revision(path: Path, revision: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        upgrade(connection, revision)


def _schema(path: Path) -> list[tuple[str, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY type, name").fetchall()


_UNPRIVILEGED = """
import asyncio, os, sys
from pathlib import Path
from data_access.errors import DatabaseError
from data_access.notes import NotesDatabase
from data_access.offload import Offload
os.setgid(65534); os.setuid(65534)

async def ask():
    offload = Offload(threads=1, processes=1, deadline_s=10)
    notes = NotesDatabase(Path(sys.argv[1]), offload, forbidden=(), busy_timeout_s=0.3)
    rows = await notes.read("SELECT object_id FROM current_marks")
    try:
        await notes.write("DELETE FROM marks")
        failure = "none"
    except DatabaseError as err:
        failure = err.remedy
    state = await notes.state()
    await offload.close()
    return rows[0]["object_id"], "data_dir" in failure, state.writable, state.revision, bool(state.problem)

print(*asyncio.run(ask()))
"""


async def test_nothing_is_made_before_somebody_writes(tmp_path: Path, offload: Offload) -> None:
    notes = _notes(tmp_path / "data", offload)
    assert await notes.read(COUNT) == []
    assert not (tmp_path / "data").exists()


async def test_the_first_write_makes_the_file_with_the_newest_tables(tmp_path: Path, offload: Offload) -> None:
    notes = _notes(tmp_path / "data" / "deep", offload)
    await notes.write(INSERT, ("A",))
    assert await notes.read(COUNT) == [{"n": 1}]
    assert (await notes.state()).revision == HEAD


async def test_the_file_has_a_write_ahead_log_so_that_readers_never_wait(tmp_path: Path, offload: Offload) -> None:
    notes = _notes(tmp_path, offload)
    await notes.write(INSERT, ("A",))
    with closing(sqlite3.connect(notes.path, isolation_level=None)) as writer:
        assert writer.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        writer.execute("BEGIN IMMEDIATE")
        writer.execute(INSERT, ("B",))
        assert await notes.read(COUNT) == [{"n": 1}]


@pytest.mark.parametrize(("before", "after"), list(itertools.pairwise(REVISIONS)))
async def test_an_older_file_is_brought_up_to_date_with_its_rows(
    tmp_path: Path, offload: Offload, before: str, after: str
) -> None:
    path = tmp_path / "notes.sqlite3"
    _at_revision(path, before)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(INSERT, ("old",))
    assert await _notes(tmp_path, offload).read("SELECT object_id FROM current_marks") == [{"object_id": "old"}]
    with closing(sqlite3.connect(path)) as connection:
        assert REVISIONS.index(read_revision(connection)) >= REVISIONS.index(after)


def test_step_by_step_leads_to_the_same_tables_as_all_at_once(tmp_path: Path) -> None:
    for revision in REVISIONS:
        _at_revision(tmp_path / "steps.sqlite3", revision)
    _at_revision(tmp_path / "once.sqlite3", HEAD)
    assert _schema(tmp_path / "steps.sqlite3") == _schema(tmp_path / "once.sqlite3")


def test_the_list_of_revisions_is_that_of_the_migrations() -> None:
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory(str(MIGRATIONS))
    assert [script.revision for script in scripts.walk_revisions()][::-1] == list(REVISIONS)


def test_a_failed_migration_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "notes.sqlite3"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE current_marks (x)")  # stands in the way of the second revision
    before = _schema(path)
    with (
        closing(sqlite3.connect(path, isolation_level=None)) as connection,
        pytest.raises(sqlite3.OperationalError, match="already"),
    ):
        upgrade(connection)
    assert _schema(path) == before


async def test_tables_of_a_newer_dashboard_are_refused_and_left_alone(tmp_path: Path, offload: Offload) -> None:
    notes = _notes(tmp_path, offload)
    await notes.write(INSERT, ("A",))
    with closing(sqlite3.connect(notes.path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    for question in (notes.read(COUNT), notes.write(INSERT, ("B",))):
        with pytest.raises(NotesTooNew, match="9999"):
            await question
    state = await notes.state()
    assert (state.writable, "9999" in state.problem) == (False, True)


def _write_once(folder: str, name: str, start: Any = None) -> None:
    async def write() -> None:
        offload = Offload(threads=1, processes=1, deadline_s=20)
        notes = NotesDatabase(Path(folder), offload, forbidden=(), busy_timeout_s=20)
        if start is not None:
            start.wait()
        await notes.write(INSERT, (name,))
        await offload.close()

    asyncio.run(write())


def test_two_processes_that_start_at_the_same_time_make_the_tables_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(2)
    workers = [context.Process(target=_write_once, args=(str(tmp_path), name, start)) for name in ("A", "B")]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0]
    with closing(sqlite3.connect(tmp_path / "notes.sqlite3")) as connection:
        assert connection.execute("SELECT object_id FROM marks ORDER BY object_id").fetchall() == [("A",), ("B",)]


async def test_many_writers_in_one_process_lose_nothing(tmp_path: Path, offload: Offload) -> None:
    notes = NotesDatabase(tmp_path, offload, forbidden=(), busy_timeout_s=20)
    await asyncio.gather(*(notes.write(INSERT, (f"{i}",)) for i in range(12)))
    assert await notes.read(COUNT) == [{"n": 12}]


async def test_a_second_writer_is_waited_for_and_then_named(tmp_path: Path, offload: Offload) -> None:
    notes = _notes(tmp_path, offload)
    await notes.write(INSERT, ("A",))
    with closing(sqlite3.connect(notes.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseLocked):
            await notes.write(INSERT, ("B",))
        assert await notes.read(COUNT) == [{"n": 1}]
        other.execute("ROLLBACK")
    await notes.write(INSERT, ("B",))
    assert await notes.read(COUNT) == [{"n": 2}]


async def test_a_damaged_file_is_named_and_not_replaced(tmp_path: Path, offload: Offload) -> None:
    path = tmp_path / "notes.sqlite3"
    path.write_bytes(b"not a database at all " * 400)
    notes = _notes(tmp_path, offload)
    for question in (notes.read(COUNT), notes.write(INSERT, ("B",))):
        with pytest.raises(DatabaseCorrupt):
            await question
    assert path.read_bytes().startswith(b"not a database")
    assert not (await notes.state()).writable


def test_on_a_disk_that_cannot_be_written_everything_is_still_readable() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become another account")
    # Not below pytest's own folder: every session that starts closes that one to other accounts again.
    with TemporaryDirectory() as folder:
        _write_once(folder, "A")
        Path(folder).chmod(0o755)
        command = [sys.executable, "-c", _UNPRIVILEGED, folder]
        answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert answer == ["A", "True", "False", HEAD, "True"]


async def test_what_was_written_is_neither_changed_nor_deleted(tmp_path: Path, offload: Offload) -> None:
    notes = _notes(tmp_path, offload)
    await notes.write(INSERT, ("A",))
    for sql in ("UPDATE marks SET who = 'Eve'", "DELETE FROM marks"):
        with pytest.raises(DatabaseError, match="kept as they were"):
            await notes.write(sql)


@pytest.mark.parametrize("place", ["state", "state/db", "stage/images", "state/logs"])
async def test_nothing_is_ever_written_in_a_folder_of_the_pipeline(tmp_path: Path, place: str) -> None:
    for folder in ("state/db", "stage/images", "state/logs"):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    link = tmp_path / "link"
    link.symlink_to(tmp_path / place)
    settings = load_settings(state_dir=tmp_path, environment={"DSA110_DASHBOARD_DATA": str(link)})
    async with Archive(settings) as archive:
        with pytest.raises(ValidationError, match="pipeline's folder"):
            await archive.marks.add(Mark("source", "A", who="Ada", verdict="real"))
        assert not (await archive.marks.state()).writable
    assert not list((tmp_path / place).glob("notes*"))


def test_the_migrations_are_in_the_wheel() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = project["tool"]["setuptools"]["package-data"]["data_access"]
    packed = {path for pattern in patterns for path in (ROOT / "data_access").glob(pattern)}
    scripts = set(MIGRATIONS.rglob("*.py"))
    assert len(scripts) > len(REVISIONS)
    assert scripts <= packed
