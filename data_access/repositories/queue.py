"""Groups of raw files: those in the processing queue, and those that the index of files knows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from data_access.database import Rows
from data_access.layout import TABLES, Layout, Table
from data_access.records import Count, Cursor, ObservationGroup, PageRequest, QueueItem, RecordPage
from data_access.repositories.base import (
    Listing,
    RowReader,
    Segment,
    Where,
    count_rows,
    listing_segments,
    read_page,
)

_QUEUE_COLUMNS = TABLES["ingest_queue"].columns
_SORTS = ("group_id", "state", "received_at", "last_update", "retry_count")


class QueueRepository:
    """Groups in the processing queue, and groups of raw files."""

    def __init__(self, layout: Layout, *, count_deadline_s: float) -> None:
        self._layout = layout
        self._count_deadline_s = count_deadline_s

    async def find(self, request: PageRequest, *, state: str = "") -> RecordPage[QueueItem]:
        """Return one page of the queue, by group unless asked otherwise; empty without a queue."""
        table = await self._layout.find_or_none("ingest_queue")
        if table is None:
            return RecordPage(())
        sorts = {name: table.column(name, "q") for name in _SORTS}
        columns = (*table.select(_QUEUE_COLUMNS, "q"), await self._subbands_of(table))
        listing = Listing(table, f'"{table.name}" q', columns, table.key("group_id", "q"), sorts, "group_id")
        where = Where()
        if state:
            where.add(f"{table.column('state', 'q')} = ?", state)
        return await read_page(listing_segments(listing, where, request.sort), request, _to_queue_item)

    async def _subbands_of(self, table: Table) -> str:
        files = await self._layout.find_or_none("subband_files")
        if files is None or files.database is not table.database:
            return "NULL"
        return f'(SELECT count(*) FROM "{files.name}" f WHERE f.group_id = q.group_id)'

    async def count_by_state(self) -> dict[str, int]:
        """Return the number of groups per state of the processing queue."""
        table = await self._layout.find_or_none("ingest_queue")
        if table is None:
            return {}
        sql = (
            f"SELECT coalesce({table.column('state')}, 'unknown'), count(*) "
            f'FROM "{table.name}" GROUP BY 1 ORDER BY 1 LIMIT 20'
        )
        found = await table.fetch(sql, n_columns=2)
        return {str(state): int(n) for state, n in found.rows}

    async def find_raw_groups(self, request: PageRequest) -> RecordPage[ObservationGroup]:
        """Return one page of groups of raw files by name; empty when there is no index, or one without groups."""
        table = await self._layout.find_or_none("hdf5_files")
        if table is None or "group_id" not in table.columns:
            return RecordPage(())
        return await read_page((_raw_segment(table),), request, _to_group)

    async def count_raw_groups(self) -> Count | None:
        """Return how many groups of raw files are indexed; None when there is no index, or one without groups."""
        table = await self._layout.find_or_none("hdf5_files")
        if table is None or "group_id" not in table.columns:
            return None
        groups = f'(SELECT DISTINCT group_id FROM "{table.name}" WHERE group_id IS NOT NULL)'
        return await count_rows(table, groups, Where(), deadline_s=self._count_deadline_s)


def _raw_segment(table: Table) -> Segment:
    size, mjd = table.column("file_size_bytes"), table.column("timestamp_mjd")
    columns = (
        f"count(*), group_concat({table.column('subband_code')}), total({size}), min({mjd}), "
        f"min({table.column('ra_deg')}), min({table.column('dec_deg')})"
    )

    async def read(after: Cursor | None, descending: bool, limit: int) -> Rows:
        way, sign = ("DESC", "<") if descending else ("ASC", ">")
        beyond = "" if after is None else f"AND group_id {sign} ?"
        names = (
            f'SELECT DISTINCT group_id FROM "{table.name}" WHERE group_id IS NOT NULL {beyond} '
            f"ORDER BY group_id {way} LIMIT {int(limit)}"
        )
        sql = (
            f'SELECT NULL, group_id, group_id, {columns} FROM "{table.name}" WHERE group_id IN ({names}) '
            f"GROUP BY group_id ORDER BY group_id {way} LIMIT {int(limit)}"
        )
        return await table.fetch(sql, () if after is None else (after.key,), n_columns=9)

    return Segment(read)


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


def _to_group(values: Sequence[Any]) -> ObservationGroup:
    names = ("group_id", "n_files", "subbands", "size_bytes", "timestamp_mjd", "ra_deg", "dec_deg")
    row = RowReader(names, values)
    return ObservationGroup(
        group_id=row.text("group_id") or "",
        n_files=row.integer("n_files") or 0,
        subbands=tuple(sorted(set((row.text("subbands") or "").split(",")) - {""})),
        size_bytes=row.integer("size_bytes"),
        timestamp_mjd=row.real("timestamp_mjd"),
        ra_deg=row.real("ra_deg"),
        dec_deg=row.real("dec_deg"),
    )
