"""The only place that opens a pipeline database: read-only by construction, bounded in time and rows.

Measured reasons (two shared cores, SQLite 3.40, ratios hold): a fair pool of two or three long-lived connections
beats both one shared connection and one per call, if a lane takes those who wait along in one thread hop. A statement
is opened, read and closed in one.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from data_access.database_errors import explained_error
from data_access.errors import (
    DatabaseCorrupt,
    DatabaseError,
    DatabaseLocked,
    DatabaseMissing,
    QueryTooSlow,
)
from data_access.introspection import INDEXES_SQL, Schema, indexed_columns
from data_access.lane import CLOSE_S, Lane, connect_in_thread
from data_access.patience import Patience
from data_access.read_only_connection import (
    Answers,
    FileReplaced,
    Identity,
    Question,
    ReadOnlyConnection,
    Statement,
    connect_read_only,
    file_identity,
    has_write_ahead_log,
)
from data_access.sharing import SharedQuestions
from data_access.waiting import WaitingQuestions

SQLITE_VERSION = sqlite3.sqlite_version
Mode = Literal["closed", "read-only", "immutable"]
_Begun = Callable[[], None] | None

_RECENT_S = 1.0
_REPLACEMENTS_IN_A_ROW = 5
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
        self._free: dict[str, list[Lane]] = {"fast": [], "slow": [], "watch": []}
        self._n_lanes = {"fast": lanes, "slow": 1, "watch": 1}
        self._gates = {name: asyncio.Semaphore(n) for name, n in self._n_lanes.items()}
        self._waiting = {name: WaitingQuestions() for name in self._n_lanes}
        self._busy: set[Lane] = set()
        self._given_up: set[threading.Thread] = set()
        self._closing = False
        self._schema: Schema | None = None
        self._schema_seen = 0.0
        self._quiet = (0.0, 0.0)
        self._schema_gate = asyncio.Lock()
        self._generation = 0
        self._identity: Identity = ()
        self._shared = SharedQuestions()
        patience = Patience(busy_timeout_s)
        self._patience = {"fast": patience, "slow": patience, "watch": Patience(_WATCH_BUSY_TIMEOUT_S)}

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
        """Return the rows of one statement of our own."""
        return (await self._run(((sql, ()),), self.row_cap, lane, self.deadline_s))[0]

    async def _run(self, statements: tuple[Statement, ...], limit: int, lane_name: str, budget_s: float) -> Answers:
        def run(begun: _Begun = None) -> Coroutine[Any, Any, Answers]:
            question = Question(statements, limit, budget_s, self._patience[lane_name], begun)
            return self._run_on_this_file(question, lane_name)

        if not self._gates[lane_name].locked():
            return await run()
        asked = tuple((sql, *parameters, *map(type, parameters)) for sql, parameters in statements)
        found: Answers = await self._shared.ask((lane_name, budget_s, limit, asked), run)
        return found

    async def _run_on_this_file(self, question: Question, lane_name: str) -> Answers:
        for attempt in range(_REPLACEMENTS_IN_A_ROW):
            try:
                return await self._run_once(question, lane_name)
            except FileReplaced:
                await self._drop_lanes()
                await asyncio.sleep(0.05 * attempt)
        raise DatabaseError(f"{self.path} keeps being replaced under the reader", path=str(self.path), role=self.role)

    async def _run_once(self, question: Question, lane_name: str) -> Answers:
        try:
            answered = None
            if self._gates[lane_name].locked():
                answered = await self._waiting[lane_name].wait(question, lambda: self._send_lanes(lane_name))
            found, connection = answered or await self._run_in_lane(question, lane_name)
        except Exception as err:
            if (explained := explained_error(err, self.role, self.path)) is not None:
                question.patience.failed(explained)
                raise explained from err
            raise
        question.patience.succeeded()
        if connection.immutable and await asyncio.to_thread(self._was_replaced, connection):
            raise FileReplaced
        self._identity = connection.identity
        return found

    async def _run_in_lane(self, question: Question, name: str) -> tuple[Answers, ReadOnlyConnection]:
        lane = await self._take(name)
        try:
            found: Answers = await lane.run(lane.raw.answer, question)
        except asyncio.CancelledError:
            # The lane is free when its thread is: a caller that gives up does not hand a busy lane to the next one.
            question.given_up = True
            if lane.errand is None:
                self._send(lane)
            raise
        except BaseException:
            self._give_back(lane)
            raise
        self._give_back(lane)
        return found, lane.raw

    @staticmethod
    def _was_replaced(connection: ReadOnlyConnection) -> bool:
        try:
            return file_identity(connection.path, immutable=connection.immutable) != connection.identity
        except OSError:
            return True

    async def _take(self, name: str) -> Lane:
        await self._gates[name].acquire()
        try:
            lane = await self._free_or_new(name)
        except BaseException:
            self._release(name)
            raise
        self._busy.add(lane)
        return lane

    async def _free_or_new(self, name: str) -> Lane:
        while self._free[name]:
            lane = self._free[name].pop()
            if lane.generation == self._generation:
                return lane
            await lane.connection.close()
        if not self._closing:
            lane = await self._open(name)
            if not self._closing:
                return lane
            await lane.connection.close()
        # Nobody would close what a question that is met by `close` opens.
        raise DatabaseError(f"{self.path} was closed", path=str(self.path), role=self.role)

    def _send_lanes(self, name: str) -> None:
        """Let every lane that is at work take those along who wait."""
        for lane in self._busy:
            if lane.name == name and lane.errand is None:
                self._send(lane)

    def _send(self, lane: Lane) -> None:
        """Let a lane answer those who wait, after what it is doing."""
        lane.errand = asyncio.ensure_future(lane.run(self._waiting[lane.name].answer_with, lane.raw))
        lane.errand.add_done_callback(lambda done: self._is_back(lane, done))

    def _is_back(self, lane: Lane, done: asyncio.Future[bool]) -> None:
        lane.errand = None
        self._give_back(lane, is_sound=not done.cancelled() and done.exception() is None and done.result())

    def _give_back(self, lane: Lane, *, is_sound: bool = True) -> None:
        if lane.errand is not None:
            return
        if is_sound and self._waiting[lane.name] and lane.generation == self._generation and not self._closing:
            self._send(lane)
            return
        self._busy.discard(lane)
        self._free[lane.name].append(lane)
        self._release(lane.name)

    def _release(self, name: str) -> None:
        self._gates[name].release()
        self._waiting[name].let_one_go()

    async def _open(self, name: str) -> Lane:
        """Open one connection: ``mode=ro``; ``immutable=1`` only when that fails and no write-ahead log exists."""
        patience = self._patience[name]
        try:
            await asyncio.to_thread(self.path.stat)
            try:
                lane = await self._connected(name, immutable=False)
            except sqlite3.OperationalError as err:
                if "locked" in str(err) or await asyncio.to_thread(has_write_ahead_log, self.path):
                    raise
                lane = await self._connected(name, immutable=True)
        except (sqlite3.Error, OSError) as err:
            explained = explained_error(err, self.role, self.path) or err
            patience.failed(explained)
            raise explained from err
        self.mode = "immutable" if lane.raw.immutable else "read-only"
        return lane

    async def _connected(self, name: str, *, immutable: bool) -> Lane:
        generation, busy_timeout_s = self._generation, self._patience[name].seconds
        raw, connection = await connect_in_thread(
            lambda: connect_read_only(self.path, busy_timeout_s=busy_timeout_s, immutable=immutable), self._given_up
        )
        return Lane(connection, raw, generation, name)

    async def _drop_lanes(self) -> None:
        self._schema = None
        self._generation += 1  # a lane in use is closed before its next use
        for free in self._free.values():
            while free:
                await free.pop().connection.close()

    async def close(self) -> None:
        """Stop what runs and close every connection; questions that wait are refused, later ones open it again."""
        self._closing = True
        try:
            await self._stop()
        finally:
            self._closing = False
        self.mode = "closed"

    async def _stop(self) -> None:
        await self._drop_lanes()
        for lane in tuple(self._busy):
            lane.raw.abandon()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                for name in self._gates:
                    await self._wait_until_idle(name)
        await self._drop_lanes()
        await asyncio.gather(*(asyncio.to_thread(thread.join, CLOSE_S) for thread in self._given_up))

    @property
    def recent_schema(self) -> Schema | None:
        """The schema if it is known to be as it was a second ago: the same object until another one was read."""
        return self._schema if self.is_unchanged_since(self._schema_seen) else None

    def tell_quiet(self, begin: float, end: float) -> None:
        """Take note that nothing was committed between two moments (`time.monotonic`): so says the watcher."""
        self._quiet = (begin, end)

    def is_unchanged_since(self, moment: float) -> bool:
        """Return whether what was read then may be taken for what is there: read within a second, or nothing was
        committed from then until a second ago.
        """
        return is_recent(moment) or (self._quiet[0] <= moment and is_recent(self._quiet[1]))

    async def _wait_until_idle(self, name: str) -> None:
        n_taken = 0
        try:
            for _ in range(self._n_lanes[name]):
                await self._gates[name].acquire()
                n_taken += 1
        finally:
            for _ in range(n_taken):
                self._release(name)

    async def schema(self) -> Schema:
        """Return the tables and columns of the file, read again when its schema changed."""
        async with self._schema_gate:
            return await self._recent_schema()

    async def _recent_schema(self) -> Schema:
        now = time.monotonic()
        if (recent := self.recent_schema) is not None:
            return recent
        version = int((await self._ask("PRAGMA schema_version"))[0][0])
        schema = self._schema
        if schema is None or schema.version != version:
            schema = await self._introspect(version)
        self._schema, self._schema_seen = schema, now
        return schema

    async def _introspect(self, version: int) -> Schema:
        found = await self._ask(
            "SELECT name, type = 'table' AND upper(sql) NOT LIKE '%WITHOUT ROWID%' "
            "FROM sqlite_master WHERE type IN ('table', 'view') ORDER BY name"
        )
        described = {name: await self._columns(name) for name, _ in found}
        tables = {name: tuple(column for column, _ in columns) for name, columns in described.items()}
        keys = {name: [column for column, place in columns if place] for name, columns in described.items()}
        return Schema(
            {name: columns for name, columns in tables.items() if columns},
            version,
            frozenset(name for name, with_rowid in found if with_rowid),
            {name: columns[0] for name, columns in keys.items() if len(columns) == 1},
            indexed_columns(keys, await self._ask(INDEXES_SQL)),
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
        """Return a value that changes with every commit by anybody else (``PRAGMA data_version``)."""
        found = await self._ask("PRAGMA data_version", "watch")
        return (int(found[0][0]), *self._identity)

    async def journal_mode(self) -> str:
        """Return the journal mode recorded in the file (``wal``, ``delete``, ...)."""
        found = await self._ask("PRAGMA journal_mode", "watch")
        return str(found[0][0])


def is_recent(moment: float) -> bool:
    """Return whether what was read then (`time.monotonic`) is taken for what is there without another look."""
    return time.monotonic() - moment < _RECENT_S


def _capped(rows: list[Any], limit: int) -> Rows:
    return Rows(rows[:limit], truncated=True) if len(rows) > limit else Rows(rows, truncated=False)
