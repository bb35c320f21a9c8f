"""The only place that opens a pipeline database: read-only by construction, bounded in time and rows.

A few long-lived connections beat both one shared connection and one per call (see `data_access.lanes`). A statement
is opened, read and closed in one.
"""

from __future__ import annotations

import asyncio
import functools
import sqlite3
import stat
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from data_access.database_errors import EXPLAINED, explained_error, explained_file_error, no_file_error
from data_access.errors import (
    DatabaseCorrupt,
    DatabaseError,
    DatabaseLocked,
    DatabaseMissing,
    QueryTooSlow,
)
from data_access.introspection import INDEXES_SQL, Schema, indexed_columns
from data_access.lane import CLOSE_S, Lane, connect_in_thread
from data_access.lanes import Lanes, LanesClosed
from data_access.patience import Patience
from data_access.read_only_connection import (
    Answers,
    FileReplaced,
    Identity,
    Statement,
    connect_read_only,
)
from data_access.side_files import Stamps, has_hot_journal, has_write_ahead_log, is_in_wal_mode, write_stamps

SQLITE_VERSION = sqlite3.sqlite_version
Mode = Literal["closed", "read-only", "immutable"]

_RECENT_S = 1.0
_REPLACEMENTS_IN_A_ROW = 5
_ALL_ROWS = 1_000_000  # of the tables or columns of a file: nobody can ask for more than those
# The watcher looks at one database after the other: a locked one must not keep the news of the others waiting.
_WATCH_BUSY_TIMEOUT_S = 0.2


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one answer, and whether the row cap cut it."""

    rows: list[Any]
    truncated: bool


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
        self._given_up: set[threading.Thread] = set()
        self._schema: Schema | None = None
        self._schema_seen = 0.0
        self._quiet = (0.0, 0.0)
        self._schema_gate = asyncio.Lock()
        self._generation = 0
        self._n_closing = 0
        self._watched: tuple[int, ...] = ()
        self._stamps: Stamps = ()
        self._n_commits = 0
        self._connections: dict[str, tuple[int, Identity]] = {}
        patience = Patience(busy_timeout_s)
        self._lanes = {
            name: Lanes(n, kept, functools.partial(self._open, kept))
            for name, n, kept in (
                ("fast", lanes, patience),
                ("slow", 1, patience),
                ("watch", 1, Patience(_WATCH_BUSY_TIMEOUT_S)),
            )
        }

    async def fetch(
        self,
        sql: str,
        parameters: Sequence[Any] = (),
        *,
        slow: bool = False,
        deadline_s: float | None = None,
        cap: int | None = None,
    ) -> Rows:
        """Return the rows of one SELECT, at most `cap` of them.

        Raises
        ------
        DatabaseMissing, DatabaseLocked, DatabaseCorrupt, TableMissing, QueryTooSlow, DatabaseError
        """
        limit = min(cap or self.row_cap, self.row_cap)
        budget_s = self.deadline_s if deadline_s is None else deadline_s
        found = await self._run(((sql, parameters),), limit + 1, "slow" if slow else "fast", budget_s)
        return _capped(found[0], limit)

    async def fetch_together(self, statements: Sequence[Statement]) -> list[Rows]:
        """Return the answers of several fast SELECTs that are run in one thread hop, which costs more than they do.

        Raises what `fetch` raises.
        """
        found = await self._run(tuple(statements), self.row_cap + 1, "fast", self.deadline_s)
        return [_capped(rows, self.row_cap) for rows in found]

    async def _ask(self, sql: str, lane: str = "fast") -> list[Any]:
        """Return the rows of one statement of our own, all of them: `row_cap` is for those of the pages."""
        return (await self._run(((sql, ()),), _ALL_ROWS, lane, self.deadline_s))[0]

    async def _run(self, statements: tuple[Statement, ...], limit: int, lane_name: str, budget_s: float) -> Answers:
        lanes = self._lanes[lane_name]
        for attempt in range(_REPLACEMENTS_IN_A_ROW):
            if self._n_closing:
                raise self._closed()
            generation = self._generation
            try:
                found, connection = await lanes.ask(statements, limit, budget_s)
            except FileReplaced:
                if generation == self._generation:  # of all whom it met, the first one
                    self.open_anew()
                await asyncio.sleep(0.05 * attempt)
                continue
            except LanesClosed as err:
                raise self._closed() from err
            except EXPLAINED as err:
                explained = explained_error(err, self.role, self.path)
                lanes.patience.failed(explained)
                if isinstance(explained, DatabaseCorrupt) and not attempt:
                    if generation == self._generation:
                        self.open_anew()  # what the connection keeps of the file may be what is damaged
                    continue
                raise explained from err
            lanes.patience.succeeded()
            self._connections[lane_name] = (connection.serial, connection.identity)
            return found
        raise self._replaced_again()

    def _closed(self) -> DatabaseError:
        return DatabaseError(f"{self.path} was closed", path=str(self.path), role=self.role)

    async def _open(self, patience: Patience) -> Lane:
        """Open one connection: ``mode=ro``; ``immutable=1`` only when that fails and the file is all there is."""
        if not stat.S_ISREG((await asyncio.to_thread(self.path.stat)).st_mode):
            raise no_file_error(self.role, self.path)  # to open a pipe would wait for somebody who writes to it
        try:
            lane = await self._connected(patience, immutable=False)
        except sqlite3.OperationalError as err:
            if "locked" in str(err) or await asyncio.to_thread(_says_less_than_there_is, self.path):
                raise
            lane = await self._connected(patience, immutable=True)
        self.mode = "immutable" if lane.raw.immutable else "read-only"
        return lane

    async def _connected(self, patience: Patience, *, immutable: bool) -> Lane:
        held_logs = frozenset[Identity]().union(*(lanes.held_logs for lanes in self._lanes.values()))
        raw, connection = await connect_in_thread(
            lambda: connect_read_only(
                self.path, busy_timeout_s=patience.seconds, immutable=immutable, held_logs=held_logs
            ),
            self._given_up,
        )
        return Lane(connection, raw)

    def open_anew(self) -> None:
        """Let every question from now on be read from the file as it is, and nothing from what is kept of it."""
        self._schema = None
        self._generation += 1
        for lanes in self._lanes.values():
            lanes.drop()

    async def close(self) -> None:
        """Stop what runs and close every connection; questions that wait are refused, later ones open it again."""
        self._n_closing += 1
        try:
            await asyncio.gather(*(lanes.close() for lanes in self._lanes.values()))
            await asyncio.gather(*(asyncio.to_thread(thread.join, CLOSE_S) for thread in self._given_up))
        finally:
            self._n_closing -= 1
        self._schema = None
        self.mode = "closed"

    @property
    def recent_schema(self) -> Schema | None:
        """The schema if it is known to be as it was a second ago: the same object until another one was read."""
        return self._schema if self.is_unchanged_since(self._schema_seen) else None

    def tell_quiet(self, begin: float, end: float) -> None:
        """Take note that nothing was committed between two moments (`time.monotonic`): so says the watcher."""
        self._quiet = (begin, end)

    def tell_changed(self) -> None:
        """Take note that something was committed: what was read before may not be taken for what is there."""
        self._schema_seen, self._quiet = 0.0, (0.0, 0.0)

    def is_unchanged_since(self, moment: float) -> bool:
        """Return whether what was read then may be taken for what is there: read within a second, or nothing was
        committed from then until a second ago.
        """
        return is_recent(moment) or (self._quiet[0] <= moment and is_recent(self._quiet[1]))

    async def schema(self) -> Schema:
        """Return the tables and columns of the file, read again when its schema changed."""
        async with self._schema_gate:
            return await self._recent_schema()

    async def _recent_schema(self) -> Schema:
        now = time.monotonic()
        if (recent := self.recent_schema) is not None:
            return recent
        for _ in range(_REPLACEMENTS_IN_A_ROW):
            generation = self._generation
            version = int((await self._ask("PRAGMA schema_version"))[0][0])
            schema = self._schema
            if schema is None or schema.version != version:
                schema = await self._introspect(version)
            if generation == self._generation:  # else the steps may be of two files
                self._schema, self._schema_seen = schema, now
                return schema
        raise self._replaced_again()

    def _replaced_again(self) -> DatabaseError:
        message = f"{self.path} keeps being replaced under the reader"
        return DatabaseError(message, path=str(self.path), role=self.role)

    async def _introspect(self, version: int) -> Schema:
        found = await self._ask(
            "SELECT name, type = 'table' AND upper(sql) NOT LIKE '%WITHOUT ROWID%', type = 'view' "
            "FROM sqlite_master WHERE type IN ('table', 'view') ORDER BY name"
        )
        described = {name: await self._columns(name) for name, *_ in found}
        tables = {name: tuple(column for column, _ in columns) for name, columns in described.items()}
        keys = {name: [column for column, place in columns if place] for name, columns in described.items()}
        return Schema(
            {name: columns for name, columns in tables.items() if columns},
            version,
            frozenset(name for name, with_rowid, _ in found if with_rowid),
            {name: columns[0] for name, columns in keys.items() if len(columns) == 1},
            indexed_columns(keys, await self._ask(INDEXES_SQL)),
            frozenset(name for name, _, is_view in found if is_view),
            tuple(name for name, columns in tables.items() if not columns),
        )

    async def _columns(self, table: str) -> tuple[tuple[str, int], ...]:
        """Return the columns of a table with their place in its primary key (0: not in it).

        None for a view or module that is broken, which hurts no other table.
        """
        quoted = table.replace('"', '""')
        try:
            columns = await self._ask(f'PRAGMA table_info("{quoted}")')
        except (DatabaseCorrupt, DatabaseLocked, DatabaseMissing, QueryTooSlow):
            raise
        except DatabaseError:
            return ()
        return tuple((column[1], column[5]) for column in columns)

    async def version(self) -> tuple[int, ...]:
        """Return a value that changes with every commit by anybody else.

        ``PRAGMA data_version`` tells one, but only to a connection that was open before: another one goes by the
        times of the files. The first number counts; the rest tells one file from another under the same name.
        """
        before = await asyncio.to_thread(write_stamps, self.path)
        found = await self._ask("PRAGMA data_version", "watch")
        serial, identity = self._connections["watch"]
        watched = (int(found[0][0]), serial)
        if watched != self._watched:
            is_same_connection = self._watched[1:] == (serial,)
            # What was written while it was asked may be told twice, and never not at all.
            if is_same_connection or await asyncio.to_thread(write_stamps, self.path) != self._stamps:
                self._n_commits += 1
        self._watched, self._stamps = watched, before
        return self._n_commits, *identity

    async def journal_mode(self) -> str:
        """Return the journal mode recorded in the file (``wal``, ``delete``, ...)."""
        found = await self._ask("PRAGMA journal_mode", "watch")
        if self.mode == "immutable" and await self._is_in_wal_mode():
            return "wal"  # which SQLite does not care about in a file that it takes for fixed
        return str(found[0][0])

    async def _is_in_wal_mode(self) -> bool:
        try:
            return await asyncio.to_thread(is_in_wal_mode, self.path)
        except OSError as err:
            raise explained_file_error(err, self.role, self.path) from err


def is_recent(moment: float) -> bool:
    """Return whether what was read then (`time.monotonic`) is taken for what is there without another look."""
    return time.monotonic() - moment < _RECENT_S


def _says_less_than_there_is(path: Path) -> bool:
    """Return whether commits stand beside the file, or what tells which of its pages were never committed."""
    return has_write_ahead_log(path) or has_hot_journal(path)


def _capped(rows: list[Any], limit: int) -> Rows:
    return Rows(rows[:limit], truncated=True) if len(rows) > limit else Rows(rows, truncated=False)
