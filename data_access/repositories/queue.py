"""Groups of raw files in the processing queue."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from data_access.layout import TABLES, Layout, Table
from data_access.records import Count, PageRequest, QueueItem, RecordPage, StateCounts
from data_access.records.jobs import STUCK_S, UNFINISHED_STATES
from data_access.repositories.base import (
    COUNT_CAP,
    Listing,
    RowReader,
    Where,
    count_rows,
    listing_segments,
    read_page,
)
from data_access.repositories.large_tables import is_large

UNKNOWN_STATE = "unknown"
"""The state of the groups that have none."""

_QUEUE_COLUMNS = TABLES["ingest_queue"].columns
_SORTS = ("group_id", "state", "processing_stage", "received_at", "last_update", "retry_count", "error")
_NO_QUEUE = "This archive has no processing queue: newer pipelines keep it outside of these databases."


@dataclass(frozen=True, slots=True)
class QueueFilter:
    """Which groups are wanted; empty fields do not filter. `text` is a part of the name or of the error."""

    state: str = ""
    text: str = ""


class QueueRepository:
    """Rows of ``ingest_queue`` / ``processing_queue``."""

    def __init__(self, layout: Layout, *, count_deadline_s: float) -> None:
        self._layout = layout
        self._count_deadline_s = count_deadline_s

    async def find(self, request: PageRequest, wanted: QueueFilter | None = None) -> RecordPage[QueueItem]:
        """Return one page of the queue, by group unless asked otherwise; none, with a note, without a queue.

        Raises
        ------
        TableMissing
            There is no database at all.
        ValidationError
            No index serves the order, and the table is too large to go through.
        """
        table = await self._layout.find_optional("ingest_queue")
        if table is None:
            return RecordPage((), note=_NO_QUEUE)
        subbands = await self._subbands_of(table)
        sorts = {"subbands": subbands, **{name: table.column(name, "q") for name in _SORTS}}
        columns = (*table.select(_QUEUE_COLUMNS, "q"), subbands)
        listing = Listing(table, f'"{table.name}" q', columns, table.key("group_id", "q"), sorts, "group_id")
        where = _where(table, wanted or QueueFilter())
        return await read_page(listing_segments(listing, where, request.sort), request, _to_queue_item)

    async def count(self, wanted: QueueFilter) -> Count | None:
        """Return how many groups match; None without a queue."""
        table = await self._layout.find_optional("ingest_queue")
        if table is None:
            return None
        where, deadline_s = _where(table, wanted), self._count_deadline_s
        return await count_rows(table, f'"{table.name}" q', where, deadline_s=deadline_s, whole_table=True)

    async def _subbands_of(self, table: Table) -> str:
        files = await self._layout.find_or_none("subband_files")
        if files is None or files.database is not table.database:
            return "NULL"
        return f'(SELECT count(*) FROM "{files.name}" f WHERE f.group_id = q.group_id)'

    async def count_by_state(self, *, now: float | None = None) -> StateCounts:
        """Return the number of groups per state; of a large table those among its newest rows (0.5 s at a million).

        Parameters
        ----------
        now : float, optional
            Unix seconds, decides which are stuck; the clock by default.

        Raises
        ------
        TableMissing
            There is no database at all.
        """
        table = await self._layout.find_optional("ingest_queue")
        if table is None:
            return StateCounts({})
        large = await is_large(table)
        newest = (
            f'(SELECT * FROM "{table.name}" ORDER BY rowid DESC LIMIT {COUNT_CAP})' if large else f'"{table.name}"'
        )
        sql = (
            f"SELECT coalesce({table.column('state')}, '{UNKNOWN_STATE}'), count(*), total({_is_stuck(table)}) "
            f"FROM {newest} GROUP BY 1 ORDER BY 1 LIMIT 20"
        )
        found = await table.fetch(sql, (time.time() if now is None else now,))
        n_stuck = int(sum(n for *_, n in found.rows))
        return StateCounts({str(state): int(n) for state, n, _ in found.rows}, COUNT_CAP if large else None, n_stuck)


def _is_stuck(table: Table) -> str:
    """Return `QueueItem.is_stuck` as SQL; the parameter is the present time, unix seconds."""
    moments = (table.column(name) for name in ("last_update", "received_at"))
    updated, received = (f"CASE WHEN typeof({m}) IN ('integer', 'real') THEN {m} END" for m in moments)
    states = ", ".join(f"'{state}'" for state in sorted(UNFINISHED_STATES))
    return f"({table.column('state')} IN ({states}) AND ? - coalesce({updated}, {received}) > {STUCK_S})"


def _where(table: Table, wanted: QueueFilter) -> Where:
    where, state = Where(), table.column("state", "q")
    if wanted.state == UNKNOWN_STATE:
        where.add(f"({state} IS NULL OR {state} = ?)", wanted.state)
    elif wanted.state:
        where.add(f"{state} = ?", wanted.state)
    where.contains(f"(q.group_id || ' ' || coalesce({table.column('error', 'q')}, ''))", wanted.text)
    return where


def _to_queue_item(values: Sequence[Any]) -> QueueItem:
    row = RowReader((*_QUEUE_COLUMNS, "n_subbands"), values)
    return QueueItem(
        group_id=row.text("group_id") or "",
        state=row.text("state"),
        received_at=row.unix("received_at"),
        last_update=row.unix("last_update"),
        expected_subbands=row.integer("expected_subbands"),
        n_subbands=row.integer("n_subbands"),
        retry_count=row.integer("retry_count"),
        error=row.text("error"),
        processing_stage=row.text("processing_stage"),
    )
