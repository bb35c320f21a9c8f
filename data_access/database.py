"""The only place that opens a pipeline database: read-only by construction, bounded in time and rows.

Measured reasons (two shared cores, SQLite 3.40, ratios hold): a fair pool of two or three long-lived connections beats
both one shared connection and one per call. A statement is opened, read and closed in one thread hop, its rows packed
into one JSON text, because stepping rows in several threads fights over the interpreter lock.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import aiosqlite

from data_access.errors import (
    DatabaseCorrupt,
    DatabaseError,
    DatabaseLocked,
    DatabaseMissing,
    QueryTooSlow,
    TableMissing,
)

SQLITE_VERSION = sqlite3.sqlite_version
Mode = Literal["closed", "read-only", "immutable"]
Identity = tuple[int, ...]

_ALLOWED_ACTIONS = {
    sqlite3.SQLITE_SELECT,
    sqlite3.SQLITE_READ,
    sqlite3.SQLITE_FUNCTION,
    sqlite3.SQLITE_RECURSIVE,
}
_ALLOWED_PRAGMAS = {"data_version", "schema_version", "journal_mode", "table_info"}
_STEPS_BETWEEN_CLOCK_LOOKS = 4000
_SCHEMA_RECHECK_S = 1.0
_LARGE_TEXT = 200_000


class _FileReplaced(Exception):
    """The file under this connection is another one now."""


def _authorize(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    """Allow reading only: ``mode=ro`` alone still lets SQL attach and write another file."""
    if action in _ALLOWED_ACTIONS:
        return sqlite3.SQLITE_OK if first != "load_extension" and second != "load_extension" else sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_PRAGMA and first in _ALLOWED_PRAGMAS:
        return sqlite3.SQLITE_OK if second is None or first == "table_info" else sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_DENY


def _decode(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def file_identity(path: Path, *, immutable: bool) -> Identity:
    """Return what tells one file from another under the same name; an immutable one also by content time and size."""
    stat = path.stat()
    if not immutable:
        return (stat.st_dev, stat.st_ino)
    has_wal = int(Path(f"{path}-wal").exists())
    return (stat.st_dev, stat.st_ino, stat.st_mtime_ns, stat.st_size, has_wal)


class _ReadOnlyConnection(sqlite3.Connection):
    """An SQLite connection that can only read, stops at a deadline and notices when its file was replaced."""

    path: Path
    immutable: bool
    identity: Identity
    budget_s: float = 5.0
    expires: float = 0.0

    def restrict(self, path: Path, *, immutable: bool) -> None:
        self.path, self.immutable = path, immutable
        self.identity = file_identity(path, immutable=immutable)
        self.text_factory = _decode
        self.set_progress_handler(self._out_of_time, _STEPS_BETWEEN_CLOCK_LOOKS)
        super().execute("SELECT count(*) FROM sqlite_master").fetchone()
        self.set_authorizer(_authorize)

    def _out_of_time(self) -> int:
        return int(self.expires > 0 and time.monotonic() > self.expires)

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        if file_identity(self.path, immutable=self.immutable) != self.identity:
            raise _FileReplaced
        self.expires = time.monotonic() + self.budget_s
        return super().execute(sql, parameters)


@dataclass(slots=True)
class _Lane:
    connection: aiosqlite.Connection
    raw: _ReadOnlyConnection


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one answer, and whether the row cap cut it."""

    rows: list[list[Any]]
    truncated: bool


@dataclass(frozen=True, slots=True)
class Schema:
    """Tables of one file: name -> column names, in the order of the file."""

    tables: dict[str, tuple[str, ...]]
    version: int


class Database:
    """Read-only, bounded, concurrent access to one SQLite file.

    Parameters
    ----------
    role : str
        What the pipeline calls it (see `data_access.settings.ROLES`).
    path : Path
    lanes : int
        Connections for fast reads; one more is kept for slow ones.
    deadline_s, busy_timeout_s : float
    row_cap : int
    """

    def __init__(
        self,
        role: str,
        path: Path,
        *,
        lanes: int = 2,
        deadline_s: float = 5.0,
        busy_timeout_s: float = 5.0,
        row_cap: int = 20_000,
    ) -> None:
        self.role = role
        self.path = path
        self.mode: Mode = "closed"
        self.deadline_s = deadline_s
        self.busy_timeout_s = busy_timeout_s
        self.row_cap = row_cap
        self._free: dict[str, list[_Lane]] = {"fast": [], "slow": [], "watch": []}
        self._gates = {"fast": asyncio.Semaphore(lanes), "slow": asyncio.Semaphore(1), "watch": asyncio.Semaphore(1)}
        self._schema: Schema | None = None
        self._schema_seen = 0.0

    async def fetch(
        self,
        sql: str,
        parameters: Sequence[Any] = (),
        *,
        n_columns: int,
        slow: bool = False,
        deadline_s: float | None = None,
        cap: int | None = None,
        exact: bool = False,
    ) -> Rows:
        """Return the rows of one SELECT with `n_columns` columns, at most `cap` of them.

        Parameters
        ----------
        exact : bool
            Real numbers with all their digits. Otherwise they pass through JSON, which keeps 15: enough for
            every plot and page, not for an export.

        Raises
        ------
        DatabaseMissing, DatabaseLocked, DatabaseCorrupt, TableMissing, QueryTooSlow, DatabaseError
        """
        limit = min(cap or self.row_cap, self.row_cap)
        lane = "slow" if slow else "fast"
        budget = self.deadline_s if deadline_s is None else deadline_s
        if exact:
            rows = await self._plain(sql, parameters, limit, lane, budget)
        else:
            try:
                rows = await self._packed(sql, parameters, n_columns, limit, lane, budget)
            except _BlobInText:
                rows = await self._plain(sql, parameters, limit, lane, budget)
        return Rows(rows[:limit], len(rows) > limit)

    async def _packed(
        self, sql: str, parameters: Sequence[Any], n_columns: int, limit: int, lane: str, budget_s: float
    ) -> list[list[Any]]:
        names = ",".join(f"c{i}" for i in range(n_columns))
        packed = (
            f"WITH answer({names}) AS ({sql}) "
            f"SELECT json_group_array(json_array({names})) FROM (SELECT * FROM answer LIMIT {limit + 1})"
        )
        found = await self._run(packed, parameters, lane, budget_s)
        text: str = found[0][0]
        if len(text) > _LARGE_TEXT:
            return await asyncio.to_thread(json.loads, text, strict=False)
        rows: list[list[Any]] = json.loads(text, strict=False)
        return rows

    async def _plain(
        self, sql: str, parameters: Sequence[Any], limit: int, lane: str, budget_s: float
    ) -> list[list[Any]]:
        found = await self._run(f"SELECT * FROM ({sql}) LIMIT {limit + 1}", parameters, lane, budget_s)
        return [[_decode(v) if isinstance(v, bytes) else v for v in row] for row in found]

    async def _run(self, sql: str, parameters: Sequence[Any], lane_name: str, budget_s: float) -> list[Any]:
        for attempt in (1, 2):
            try:
                return await self._run_once(sql, parameters, lane_name, budget_s)
            except _FileReplaced as err:
                await self._drop_lanes()
                if attempt == 2:
                    raise DatabaseError(f"{self.path} keeps changing under the reader", path=str(self.path)) from err
        raise AssertionError("unreachable")

    async def _run_once(self, sql: str, parameters: Sequence[Any], lane_name: str, budget_s: float) -> list[Any]:
        async with self._lane(lane_name) as lane:
            lane.raw.budget_s = budget_s
            try:
                found = list(await lane.connection.execute_fetchall(sql, parameters))
            except asyncio.CancelledError:
                lane.raw.interrupt()
                raise
            except sqlite3.Error as err:
                raise self._translate(err) from err
            except FileNotFoundError as err:
                raise self._missing() from err
            if lane.raw.immutable and file_identity(self.path, immutable=True) != lane.raw.identity:
                raise _FileReplaced
            return found

    @contextlib.asynccontextmanager
    async def _lane(self, name: str) -> AsyncIterator[_Lane]:
        async with self._gates[name]:
            free = self._free[name]
            lane = free.pop() if free else await self._open()
            try:
                yield lane
            except _FileReplaced:
                await lane.connection.close()
                raise
            except BaseException:
                free.append(lane)
                raise
            free.append(lane)

    async def _open(self) -> _Lane:
        """Open one connection: ``mode=ro``; ``immutable=1`` only when that fails and no write-ahead log exists."""
        if not await asyncio.to_thread(self.path.exists):
            raise self._missing()
        try:
            lane = await self._connect(immutable=False)
        except sqlite3.OperationalError as err:
            if "locked" in str(err) or await asyncio.to_thread(Path(f"{self.path}-wal").exists):
                raise self._translate(err) from err
            try:
                lane = await self._connect(immutable=True)
            except sqlite3.Error as second:
                raise self._translate(second) from second
        except sqlite3.Error as err:
            raise self._translate(err) from err
        self.mode = "immutable" if lane.raw.immutable else "read-only"
        return lane

    async def _connect(self, *, immutable: bool) -> _Lane:
        opened: list[_ReadOnlyConnection] = []

        def connect() -> sqlite3.Connection:
            raw = sqlite3.connect(
                f"{self.path.absolute().as_uri()}?mode=ro{'&immutable=1' if immutable else ''}",
                uri=True,
                timeout=self.busy_timeout_s,
                isolation_level=None,
                check_same_thread=False,
                cached_statements=256,
                factory=_ReadOnlyConnection,
            )
            try:
                raw.restrict(self.path, immutable=immutable)
            except BaseException:
                raw.close()
                raise
            opened.append(raw)
            return raw

        connection = aiosqlite.Connection(connect, iter_chunk_size=64)
        # Reads never outlive the process: a forgotten thread must not keep a notebook or a test from ending.
        connection._thread.daemon = True
        await connection
        return _Lane(connection, opened[0])

    async def _drop_lanes(self) -> None:
        self._schema = None
        for free in self._free.values():
            while free:
                await free.pop().connection.close()

    async def close(self) -> None:
        """Close every connection that is not in use."""
        await self._drop_lanes()
        self.mode = "closed"

    async def schema(self) -> Schema:
        """Return the tables and columns of the file, read again when its schema changed."""
        now = time.monotonic()
        if self._schema is not None and now - self._schema_seen < _SCHEMA_RECHECK_S:
            return self._schema
        version = int((await self._run("PRAGMA schema_version", (), "watch", self.deadline_s))[0][0])
        self._schema_seen = now
        if self._schema is None or self._schema.version != version:
            self._schema = Schema(await self._introspect(), version)
        return self._schema

    async def _introspect(self) -> dict[str, tuple[str, ...]]:
        found = await self._run(
            "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') ORDER BY name",
            (),
            "watch",
            self.deadline_s,
        )
        tables: dict[str, tuple[str, ...]] = {}
        for (table,) in found:
            quoted = table.replace('"', '""')
            columns = await self._run(f'PRAGMA table_info("{quoted}")', (), "watch", self.deadline_s)
            tables[table] = tuple(column[1] for column in columns)
        return tables

    async def version(self) -> tuple[int, ...]:
        """Return a value that changes with every commit by anybody else (``PRAGMA data_version``)."""
        found = await self._run("PRAGMA data_version", (), "watch", self.deadline_s)
        lanes = self._free["watch"]
        identity = lanes[0].raw.identity if lanes else ()
        return (int(found[0][0]), *identity)

    async def journal_mode(self) -> str:
        """Return the journal mode recorded in the file (``wal``, ``delete``, ...)."""
        found = await self._run("PRAGMA journal_mode", (), "watch", self.deadline_s)
        return str(found[0][0])

    def _missing(self) -> DatabaseMissing:
        return DatabaseMissing(f"The {self.role} database {self.path} does not exist", path=str(self.path))

    def _translate(self, err: sqlite3.Error) -> Exception:
        text = str(err)
        where = f"the {self.role} database {self.path}"
        facts = {"path": str(self.path), "role": self.role}
        if "BLOB" in text:
            return _BlobInText(text)
        if "interrupted" in text:
            return QueryTooSlow(f"A query on {where} was stopped at its deadline", **facts)
        if "locked" in text or "busy" in text:
            return DatabaseLocked(f"{where[0].upper()}{where[1:]} is locked by a writer", **facts)
        if "no such table" in text:
            return TableMissing(f"{text} in {where}", **facts)
        if "not a database" in text or "malformed" in text or "disk image" in text:
            return DatabaseCorrupt(f"{where[0].upper()}{where[1:]} is damaged or no database: {text}", **facts)
        if "unable to open" in text:
            return DatabaseError(
                f"{where[0].upper()}{where[1:]} cannot be opened",
                remedy="Check the permissions of the file, its -wal and -shm files and its folder.",
                **facts,
            )
        return DatabaseError(f"A query on {where} failed: {text}", **facts)


class _BlobInText(Exception):
    """A column holds bytes, which JSON cannot carry."""
