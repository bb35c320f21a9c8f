"""One SQLite connection that can only read, stops at a deadline and notices when its file was replaced."""

from __future__ import annotations

import math
import os
import sqlite3
import time
from asyncio import Future
from collections.abc import Collection, Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain, count
from pathlib import Path
from typing import Any

from data_access.patience import Patience
from data_access.side_files import has_files_of_wal_mode, is_guest, side_identity

Identity = tuple[int, ...]
Statement = tuple[str, Sequence[Any]]
Answers = list[list[Any]]

_ALLOWED_ACTIONS = {
    sqlite3.SQLITE_SELECT,
    sqlite3.SQLITE_READ,
    sqlite3.SQLITE_FUNCTION,
    sqlite3.SQLITE_RECURSIVE,
}
_ALLOWED_PRAGMAS = {"data_version", "schema_version", "journal_mode", "table_info"}
_STEPS_BETWEEN_CLOCK_LOOKS = 4000
_CACHE_KIB = 16_384
_serials = count()


class FileReplaced(Exception):
    """The file under this connection is another one now."""


@dataclass(slots=True, eq=False)
class Question:
    """Statements that are answered together.

    Attributes
    ----------
    limit : int
        Rows of each statement, at most.
    budget_s : float
        The time they have together.
    patience : Patience
        How long a writer's lock is waited for.
    key : hashable
        The same for the same statements.
    asked_at : float
        When the last of them asked, `time.monotonic`.
    answers : list of Future
        Those who wait for it.
    has_begun : bool
        Set in the thread of the connection before the first statement.
    given_up : bool
        Set when nobody waits for the answer any more: what runs stops.
    """

    statements: Sequence[Statement]
    limit: int
    budget_s: float
    patience: Patience
    key: Hashable
    asked_at: float = field(default_factory=time.monotonic)
    answers: list[Future[Any]] = field(default_factory=list)
    has_begun: bool = False
    given_up: bool = False


def _authorize(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    """Allow reading only: ``mode=ro`` alone still lets SQL attach and write another file."""
    if action in _ALLOWED_ACTIONS:
        return sqlite3.SQLITE_OK if first != "load_extension" and second != "load_extension" else sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_PRAGMA and first in _ALLOWED_PRAGMAS:
        return sqlite3.SQLITE_OK if second is None or first == "table_info" else sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_DENY


def decode_text(raw: bytes) -> str:
    """Return stored text; bytes that are not UTF-8 become replacement characters."""
    return raw.decode("utf-8", "replace")


def is_lock(err: sqlite3.Error) -> bool:
    """Return whether a writer held the database for longer than was waited for."""
    return "locked" in str(err) or "busy" in str(err)


def _is_refused_lock(err: sqlite3.Error) -> bool:
    return err.sqlite_errorname == "SQLITE_IOERR_LOCK"


def file_identity(path: Path, *, immutable: bool) -> Identity:
    """Return what tells one file from another under the same name; an immutable one also by content time and size."""
    stat = os.stat(path)  # noqa: PTH116  half the time of Path.stat, before every question
    if not immutable:
        return (stat.st_dev, stat.st_ino)
    return (stat.st_dev, stat.st_ino, stat.st_mtime_ns, stat.st_size, *side_identity(path))


class ReadOnlyConnection(sqlite3.Connection):
    """A connection opened with ``mode=ro`` that allows nothing but reading.

    A database in WAL mode needs a log and a shared memory beside it, which SQLite makes for a reader too. They would
    be the reader's, and a pipeline under another account could not write any more. So where they could be made, the
    connection finds out whether the file is in WAL mode without making them, when it is opened and whenever a file in
    another mode has been written since. It uses them where they are: its lock is held from before the look at them,
    and until it is closed it keeps the writer that ends last from removing them. Without them it is given up.

    Attributes
    ----------
    serial : int
        No other connection of this process has the same.
    holds_log : bool
        Set when the file is in WAL mode and the files beside it stay there for as long as this connection.
    wary : bool
        Set when the file is in another mode, and files beside it would be ours and not its owner's.
    abandoned : bool
        Set when the connection is about to be closed: what runs, and what is queued behind it, stops.
    """

    path: Path
    immutable: bool
    identity: Identity
    serial: int = -1
    holds_log: bool = False
    wary: bool = False
    patience_s: float = -1.0
    expires: float = 0.0
    abandoned: bool = False
    _question: Question | None = None
    _busy_since: float = math.inf
    _looked_at: float = 0.0
    _written_ns: int = 0

    def restrict(self, path: Path, identity: Identity, *, immutable: bool, log_is_held: bool) -> None:
        """Forbid everything but reading; reads the schema once, so that a file that is no database is seen here."""
        self.path, self.identity, self.immutable, self.serial = path, identity, immutable, next(_serials)
        self.set_progress_handler(self._out_of_time, _STEPS_BETWEEN_CLOCK_LOOKS)
        if not immutable and is_guest(path):
            self.holds_log = log_is_held or self._meets_log()
            self.wary = not self.holds_log
        super().execute(f"PRAGMA cache_size = -{_CACHE_KIB}").close()  # the first statement that reads the file
        self._read_schema()
        self.set_authorizer(_authorize)

    def _meets_log(self) -> bool:
        """Return whether the file is in WAL mode; raise `sqlite3.OperationalError` when its files would be made."""
        self._written_ns = self.path.stat().st_mtime_ns
        try:
            self._read_outside_wal_mode()
        except sqlite3.OperationalError as err:
            # Busy it is, in SQLite of 2023 and later, also for a connection of this process that holds the log.
            if not (_is_refused_lock(err) or is_lock(err)):
                raise
            if has_files_of_wal_mode(self.path):
                return True
            if is_lock(err):
                raise
            raise sqlite3.OperationalError("unable to open database file") from err
        return False

    def _read_schema(self) -> None:
        super().execute("SELECT count(*) FROM sqlite_master").fetchone()

    def _read_outside_wal_mode(self) -> None:
        """Read a little; raise `sqlite3.OperationalError` in WAL mode.

        To lock it exclusively, which a read-only one cannot, is what SQLite tries before it makes the files beside a
        database in WAL mode. The lock of a reader is held after that, until the end of the next read.
        """
        super().execute("PRAGMA locking_mode = EXCLUSIVE").close()
        try:
            self._read_schema()
        finally:
            super().execute("PRAGMA locking_mode = NORMAL").close()

    def _out_of_time(self) -> int:
        nobody_waits = self.abandoned or (self._question is not None and self._question.given_up)
        return int(nobody_waits or (self.expires > 0 and time.monotonic() > self.expires))

    def abandon(self) -> None:
        """Stop what runs, and what is queued behind it."""
        self.abandoned = True
        with suppress(sqlite3.ProgrammingError):  # its thread may have closed it already
            self.interrupt()

    def is_stuck(self, for_s: float) -> bool:
        """Return whether it has been at the same question for so long."""
        return time.monotonic() - self._busy_since > for_s

    def begin(self, budget_s: float, asked_at: float = math.inf, patience: Patience | None = None) -> None:
        """Let what follows take `budget_s`; raise `FileReplaced` when the path named another file since then."""
        if self.abandoned:
            raise sqlite3.OperationalError("interrupted")
        self._busy_since = now = time.monotonic()
        self.expires = now + budget_s
        if patience is not None:
            self._wait_for_locks(patience.seconds)
        if asked_at >= self._looked_at:
            self._look_at_file()
            self._looked_at = now

    def _look_at_file(self) -> None:
        """Raise `FileReplaced` when the path names another file now, or one that is not to be read like this."""
        if file_identity(self.path, immutable=self.immutable) != self.identity:
            raise FileReplaced
        if self.wary and self._written_ns != (written_ns := self.path.stat().st_mtime_ns):
            self._look_at_mode()
            self._written_ns = written_ns

    def _look_at_mode(self) -> None:
        if has_files_of_wal_mode(self.path):
            raise FileReplaced
        self.set_authorizer(None)
        try:
            self._read_outside_wal_mode()
            self._read_schema()
        except sqlite3.DatabaseError as err:
            if is_lock(err):
                raise
            raise FileReplaced from err  # so that it is closed: it may hold a reader's lock still
        finally:
            self.set_authorizer(_authorize)

    def _wait_for_locks(self, patience_s: float) -> None:
        """Wait so long for a writer from now on: only the statement that says so is let through."""
        if patience_s != self.patience_s:
            self.set_authorizer(None)
            super().execute(f"PRAGMA busy_timeout = {int(1000 * patience_s)}").close()
            self.set_authorizer(_authorize)
            self.patience_s = patience_s

    def answer(self, question: Question) -> Answers:
        """Return the rows of each statement, all within the time of the question.

        Raises
        ------
        FileReplaced, sqlite3.Error
        """
        question.has_begun = True
        self._question = question
        try:
            self.begin(question.budget_s, question.asked_at, question.patience)
            found = [self._rows(sql, parameters, question.limit) for sql, parameters in question.statements]
        except sqlite3.Error as err:
            if is_lock(err):
                question.patience.waited_in_vain()  # before the next question begins to wait
            self._check_immutable()
            raise
        finally:
            self._busy_since = math.inf
        self._check_immutable()
        return found

    def _check_immutable(self) -> None:
        """Raise `FileReplaced` when what was read may be of two states of the file, for which nobody held a lock."""
        if self.immutable and not self.abandoned:
            self._look_at_file()

    def _rows(self, sql: str, parameters: Sequence[Any], limit: int) -> list[Any]:
        try:
            rows = self._fetched(sql, parameters, limit)
        except sqlite3.OperationalError as err:
            if "decode to UTF-8" not in str(err):
                raise
            self.text_factory = decode_text  # six times slower, and only for files with such text
            rows = self._fetched(sql, parameters, limit)
        if bytes in map(type, chain.from_iterable(rows)):
            rows = [[decode_text(v) if isinstance(v, bytes) else v for v in row] for row in rows]
        return rows

    def _fetched(self, sql: str, parameters: Sequence[Any], limit: int) -> list[Any]:
        cursor = self.execute(sql, parameters)
        try:
            return cursor.fetchmany(limit)
        finally:
            cursor.close()  # a statement left open would keep its lock


def connect_read_only(
    path: Path, *, busy_timeout_s: float, immutable: bool, held_logs: Collection[Identity] = ()
) -> ReadOnlyConnection:
    """Return an open connection.

    Parameters
    ----------
    held_logs : collection
        Files of which another connection of this process `holds_log`.

    Raises
    ------
    sqlite3.Error, OSError
        Nothing is left open then.
    """
    identity = file_identity(path, immutable=immutable)  # first: a file replaced meanwhile is then seen as replaced
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' if immutable else ''}",
        uri=True,
        timeout=busy_timeout_s,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
        factory=ReadOnlyConnection,
    )
    connection.patience_s = busy_timeout_s
    try:
        connection.restrict(path, identity, immutable=immutable, log_is_held=identity in held_logs)
    except BaseException:
        connection.close()
        raise
    return connection
