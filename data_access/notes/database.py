"""Our own SQLite file: made and brought up to date at the first write, readable also when it cannot be written."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from data_access.database_errors import explained_error
from data_access.errors import ArchiveError, DatabaseError
from data_access.notes.schema import HEAD, read_revision, upgrade
from data_access.offload import Offload
from data_access.own_folder import own_folder

T = TypeVar("T")
Values = Mapping[str, Any] | Sequence[Any]

FILE_NAME = "notes.sqlite3"
ROLE = "notes"
_NOT_WRITTEN = "Nothing is saved. Check the folder `data_dir`: its disk, its permissions, and who else writes there."


@dataclass(frozen=True, slots=True)
class NotesState:
    """How our own database is.

    Attributes
    ----------
    path : str
        Of the file; of the folder in the settings when that may not be used.
    revision : str
        Of its tables; empty when there is no file yet.
    problem, remedy : str
        Why it cannot be used, in words; empty when all is well.
    writable : bool
    """

    path: str
    revision: str = ""
    problem: str = ""
    remedy: str = ""
    writable: bool = True


class NotesDatabase:
    """The file with what people wrote.

    A connection lives for one question or one transaction, in a thread, so that a page never holds a lock while
    somebody thinks. Questions to a file that does not exist yet are answered by nothing at all.

    Parameters
    ----------
    data_dir : Path
        Made at the first write.
    forbidden : sequence of Path
        Folders of the pipeline.
    busy_timeout_s : float
        How long another writer is waited for.
    """

    def __init__(self, data_dir: Path, offload: Offload, *, forbidden: Sequence[Path], busy_timeout_s: float) -> None:
        self._data_dir = data_dir
        self._offload = offload
        self._forbidden = tuple(forbidden)
        self._busy_timeout_s = busy_timeout_s

    @property
    def file(self) -> Path:
        """Where the file is or would be, whether it may be used or not."""
        return self._data_dir / FILE_NAME

    @property
    def path(self) -> Path:
        """The file, with symbolic links followed.

        Raises
        ------
        ValidationError
            The folder lies inside one of the pipeline's.
        """
        folder = own_folder(self._data_dir, self._forbidden, name="folder of our own database", setting="data_dir")
        return folder / FILE_NAME

    async def read(self, sql: str, values: Values = ()) -> list[dict[str, Any]]:
        """Return the rows of a question; none when nothing was ever written.

        Raises
        ------
        ValidationError
            The folder is not one of our own.
        DatabaseError
            The file is there and cannot be read.
        """
        return await self._offload.in_thread(self._explained, self._read, sql, values)

    async def write(self, sql: str, values: Values = ()) -> list[dict[str, Any]]:
        """Run one statement as a transaction of its own and return what it returns (``RETURNING``).

        Raises
        ------
        ValidationError
            The folder is not one of our own.
        DatabaseError
            Nothing was written.
        """
        try:
            return await self._offload.in_thread(self._explained, self._write, sql, values)
        except DatabaseError as err:
            if type(err) is DatabaseError:
                err.remedy = _NOT_WRITTEN
            raise

    async def state(self) -> NotesState:
        """Return how the file is; never raises."""
        return await self._offload.in_thread(self._state)

    def _explained(self, work: Callable[[Path, str, Values], T], sql: str, values: Values) -> T:
        path = self.path
        try:
            return work(path, sql, values)
        except (sqlite3.Error, OSError) as err:
            raise explained_error(err, ROLE, path) from err

    def _read(self, path: Path, sql: str, values: Values) -> list[dict[str, Any]]:
        if not path.is_file():
            return []
        with closing(self._open_to_read(path)) as connection:
            if read_revision(connection) != HEAD and not self._brought_up_to_date(path):
                return []
            return _rows(connection.execute(sql, values))

    def _brought_up_to_date(self, path: Path) -> bool:
        """Return whether the tables are of the newest revision now; a file without any tables stays as it is."""
        if path.stat().st_size == 0:
            return False
        with closing(self._open_to_write(path)):
            return True

    def _write(self, path: Path, sql: str, values: Values) -> list[dict[str, Any]]:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with closing(self._open_to_write(path)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                rows = _rows(connection.execute(sql, values))
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            return rows

    def _open_to_write(self, path: Path) -> sqlite3.Connection:
        connection = sqlite3.connect(path, timeout=self._busy_timeout_s, isolation_level=None)
        try:
            _use_write_ahead_log(connection, self._busy_timeout_s)
            connection.execute("PRAGMA synchronous=FULL")  # what somebody typed survives a power cut
            if read_revision(connection) != HEAD:
                upgrade(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _open_to_read(self, path: Path) -> sqlite3.Connection:
        """Return a connection that cannot write; on a disk that cannot be written the file is read as it lies."""
        uri = path.as_uri()
        connection = sqlite3.connect(f"{uri}?mode=ro", uri=True, timeout=self._busy_timeout_s, isolation_level=None)
        try:
            connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
        except sqlite3.OperationalError as err:
            connection.close()
            if "locked" in str(err) or os.access(path.parent, os.W_OK):
                raise
            return sqlite3.connect(f"{uri}?mode=ro&immutable=1", uri=True, isolation_level=None)
        except BaseException:
            connection.close()
            raise
        return connection

    def _state(self) -> NotesState:
        try:
            path = self.path
        except ArchiveError as err:
            return NotesState(str(self._data_dir), problem=err.message, remedy=err.remedy, writable=False)
        try:
            revision = self._explained(self._read_state, "", ())
        except ArchiveError as err:
            return NotesState(str(path), problem=err.message, remedy=err.remedy, writable=False)
        writable = os.access(_nearest(path), os.W_OK) and os.access(_nearest(path.parent), os.W_OK)
        problem = "" if writable else f"{path} cannot be written; what is there is shown"
        return NotesState(str(path), revision, problem, "" if writable else _NOT_WRITTEN, writable)

    def _read_state(self, path: Path, _sql: str, _values: Values) -> str:
        if not path.is_file():
            return ""
        with closing(self._open_to_read(path)) as connection:
            return read_revision(connection)


def _use_write_ahead_log(connection: sqlite3.Connection, busy_timeout_s: float) -> None:
    """Switch once; SQLite answers "locked" without waiting when two switch at the same time, so we wait."""
    give_up = time.monotonic() + busy_timeout_s
    while True:
        try:
            if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as err:
            if "locked" not in str(err) or time.monotonic() > give_up:
                raise
            time.sleep(0.02)
        else:
            return


def _nearest(path: Path) -> Path:
    """Return the path, or the nearest folder above it that exists."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def _rows(cursor: sqlite3.Cursor) -> list[dict[str, Any]]:
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
