"""Runs (processed Measurement Sets), tasks, batches, the processing queue and the raw-file index."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from data_access.analysis.times import epoch_of_ms, mjd_of_stamp
from data_access.errors import RecordNotFound, ValidationError
from data_access.layout import TABLES, Layout, Table
from data_access.records import (
    Batch,
    BatchItem,
    Count,
    ObservationGroup,
    PageRequest,
    QueueItem,
    RecordPage,
    Run,
    Task,
)
from data_access.repositories.base import Listing, RowReader, Where, count_rows, listing_segments, read_page

_RUN_COLUMNS = ("path", "status", "stage", "processed_at", "stage_updated_at", "mid_mjd", "start_mjd", "imagename")
_RUN_SORTS = ("mid_mjd", "processed_at", "stage_updated_at", "stage", "status", "path")
_TASK_COLUMNS = (*TABLES["jobs"].columns, "run_id")
_BATCH_COLUMNS = TABLES["batch_jobs"].columns
_ITEM_COLUMNS = TABLES["batch_job_items"].columns
_QUEUE_COLUMNS = TABLES["ingest_queue"].columns
_RUN_ID = re.compile(r"[^/\x00]{1,300}")
_RUN_STAMP = re.compile(r"job-(\d{4}-\d{2}-\d{2})-(\d{2})(\d{2})(\d{2})")
_FAILED = {"failed", "error", "skipped_no_caltables"}
_FINISHED = {"done", "completed", "ok"}
_ONE_DAY = 1.0


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs are wanted; empty fields do not filter. Times are MJD (UTC) of the observation."""

    text: str = ""
    stage: str = ""
    status: str = ""
    after_mjd: float | None = None
    before_mjd: float | None = None


def run_id_of(ms_path: str) -> str:
    """Return the pipeline's name for the run of a Measurement Set.

    ``2025-10-02T00:12:00.ms`` -> ``job-2025-10-02-001200``; a stem without a time keeps its name: ``job-<stem>``.
    """
    name = PurePosixPath(ms_path).name
    stem = name[:-3] if name.endswith(".ms") else name
    date, found, time = stem.partition("T")
    if not found or not re.fullmatch(r"\d{4}-\d{2}-\d{2}", date):
        return f"job-{stem}"
    return f"job-{date}-{re.sub(r'(?<=[0-9]{2}:[0-9]{2}:[0-9]{2})[.][0-9]+', '', time).replace(':', '')}"


def state_of(status: str | None, stage: str | None) -> str:
    """Return one word for a run: failed, completed, running or pending, from the row's own status and stage."""
    word = (status or "").lower()
    if word in _FAILED:
        return "failed"
    if word in _FINISHED:
        return "completed"
    if word in ("", "discovered", "pending"):
        return "pending"
    return "completed" if (stage or "") in ("imaged", "mosaicked", "cataloged") else "running"


class JobRepository:
    """Everything that is or was being worked on."""

    def __init__(self, layout: Layout, *, count_deadline_s: float) -> None:
        self._layout = layout
        self._count_deadline_s = count_deadline_s

    async def get_run(self, run_id: str) -> Run:
        """Return the run with this name; raise `ValidationError` or `RecordNotFound`.

        The name is compared as a whole: no other run of the same day is ever returned.
        """
        if not _RUN_ID.fullmatch(run_id):
            raise ValidationError(f"'{run_id}' is not a run name", remedy="A run is named job-YYYY-MM-DD-HHMMSS.")
        for candidate in await self._run_candidates(run_id):
            if candidate.run_id == run_id:
                return candidate
        raise RecordNotFound(f"There is no run '{run_id}'", table="ms_index", key=run_id)

    async def _run_candidates(self, run_id: str) -> tuple[Run, ...]:
        table = await self._layout.find("ms_index")
        match = _RUN_STAMP.match(run_id)
        if match is None:
            stem = run_id.removeprefix("job-")
            return await self._runs(
                table,
                "(substr(path, -length(?1)) = ?1 OR substr(path, -length(?2)) = ?2)",
                (f"/{stem}.ms", f"/{stem}"),
            )
        stamp = f"{match[1]}T{match[2]}:{match[3]}:{match[4]}"
        mjd = mjd_of_stamp(stamp)
        near: tuple[Run, ...] = ()
        if mjd is not None and "mid_mjd" in table.columns:
            near = await self._runs(
                table,
                "mid_mjd BETWEEN ? AND ? AND instr(path, ?) > 0",
                (mjd - _ONE_DAY, mjd + _ONE_DAY, stamp),
            )
        # Rows whose time is missing or wrong are found by their name.
        return (
            near if any(r.run_id == run_id for r in near) else await self._runs(table, "instr(path, ?) > 0", (stamp,))
        )

    async def _runs(self, table: Table, condition: str, values: Sequence[Any]) -> tuple[Run, ...]:
        sql = (
            f'SELECT {", ".join(table.select(_RUN_COLUMNS))} FROM "{table.name}" '
            f"WHERE {condition} ORDER BY path LIMIT 500"
        )
        found = await table.fetch(sql, values, n_columns=len(_RUN_COLUMNS))
        return tuple(_to_run(row) for row in found.rows)

    async def find_runs(self, wanted: RunFilter, request: PageRequest) -> RecordPage[Run]:
        """Return one page of runs, the newest observation first unless asked otherwise."""
        table = await self._layout.find("ms_index")
        sorts = {name: table.column(name, "m") for name in _RUN_SORTS}
        columns, key = table.select(_RUN_COLUMNS, "m"), table.key("path", "m")
        listing = Listing(table, f'"{table.name}" m', columns, key, sorts, "mid_mjd")
        return await read_page(listing_segments(listing, _run_where(wanted, table), request.sort), request, _to_run)

    async def count_runs(self, wanted: RunFilter) -> Count:
        """Return how many runs match."""
        table = await self._layout.find("ms_index")
        return await count_rows(
            table, f'"{table.name}" m', _run_where(wanted, table), deadline_s=self._count_deadline_s, whole_table=True
        )

    async def find_tasks(self, request: PageRequest, *, text: str = "", status: str = "") -> RecordPage[Task]:
        """Return one page of ``jobs``, newest first; empty when the table is absent."""
        table = await self._layout.find_or_none("jobs")
        if table is None:
            return RecordPage((), note="This archive has no jobs table.")
        where = Where()
        if text.strip():
            where.contains(
                f"(coalesce({table.column('ms_path', 'j')}, '') || ' ' || coalesce({table.column('type', 'j')}, ''))",
                text,
            )
        if status:
            where.add(f"{table.column('status', 'j')} = ?", status)
        key = table.key("id", "j")
        sorts = {"id": key, **{n: table.column(n, "j") for n in ("created_at", "status", "type", "finished_at")}}
        listing = Listing(table, f'"{table.name}" j', table.select(_TASK_COLUMNS, "j"), key, sorts, "id")
        return await read_page(listing_segments(listing, where, request.sort), request, _to_task)

    async def find_tasks_of(self, ms_path: str) -> tuple[Task, ...]:
        """Return the tasks of one Measurement Set, newest first."""
        table = await self._layout.find_or_none("jobs")
        if table is None:
            return ()
        sql = (
            f'SELECT {", ".join(table.select(_TASK_COLUMNS))} FROM "{table.name}" '
            f"WHERE {table.column('ms_path')} = ? ORDER BY {table.key('id')} DESC LIMIT 100"
        )
        found = await table.fetch(sql, (ms_path,), n_columns=len(_TASK_COLUMNS))
        return tuple(_to_task(row) for row in found.rows)

    async def find_batches(self, request: PageRequest) -> RecordPage[Batch]:
        """Return one page of batches, newest first; empty when the table is absent."""
        table = await self._layout.find_or_none("batch_jobs")
        if table is None:
            return RecordPage((), note="This archive has no batch_jobs table.")
        key = table.key("id", "b")
        listing = Listing(table, f'"{table.name}" b', table.select(_BATCH_COLUMNS, "b"), key, {"id": key}, "id")
        return await read_page(listing_segments(listing, Where(), ""), request, _to_batch)

    async def find_batch_items(self, batch_id: int) -> tuple[BatchItem, ...]:
        """Return the items of a batch, the failed ones first."""
        table = await self._layout.find_or_none("batch_job_items")
        if table is None:
            return ()
        sql = (
            f'SELECT {", ".join(table.select(_ITEM_COLUMNS))} FROM "{table.name}" '
            f"WHERE {table.column('batch_id')} = ? "
            f"ORDER BY {table.column('status')} = 'failed' DESC, {table.key('id')} LIMIT 500"
        )
        found = await table.fetch(sql, (batch_id,), n_columns=len(_ITEM_COLUMNS))
        return tuple(_to_item(row) for row in found.rows)

    async def find_batch_items_of(self, ms_path: str) -> tuple[BatchItem, ...]:
        """Return the newest batch items that worked on a Measurement Set.

        Photometry batches write the position behind the path: ``<path>:<ra>:<dec>``.
        """
        table = await self._layout.find_or_none("batch_job_items")
        if table is None or "ms_path" not in table.columns:
            return ()
        sql = (
            f'SELECT {", ".join(table.select(_ITEM_COLUMNS))} FROM "{table.name}" '
            "WHERE ms_path = ?1 OR substr(ms_path, 1, length(?1) + 1) = ?1 || ':' "
            f"ORDER BY {table.key('id')} DESC LIMIT 100"
        )
        found = await table.fetch(sql, (ms_path,), n_columns=len(_ITEM_COLUMNS))
        return tuple(_to_item(row) for row in found.rows)

    async def find_queue(self, *, limit: int = 100, state: str = "") -> tuple[QueueItem, ...]:
        """Return the processing queue, the newest group first; empty when the layout has none."""
        table = await self._layout.find_or_none("ingest_queue")
        if table is None:
            return ()
        files = await self._layout.find_or_none("subband_files")
        counted = "NULL"
        if files is not None and files.database is table.database:
            counted = f'(SELECT count(*) FROM "{files.name}" f WHERE f.group_id = q.group_id)'
        condition = f"WHERE {table.column('state', 'q')} = ?" if state else ""
        sql = (
            f'SELECT {", ".join(table.select(_QUEUE_COLUMNS, "q"))}, {counted} FROM "{table.name}" q {condition} '
            f"ORDER BY q.group_id DESC LIMIT {int(limit)}"
        )
        found = await table.fetch(sql, (state,) if state else (), n_columns=len(_QUEUE_COLUMNS) + 1)
        return tuple(_to_queue_item(row) for row in found.rows)

    async def count_queue(self) -> dict[str, int]:
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

    async def find_raw_groups(self, *, limit: int = 50) -> tuple[ObservationGroup, ...]:
        """Return the newest groups of raw files; empty when there is no index, or one without groups."""
        table = await self._layout.find_or_none("hdf5_files")
        if table is None or "group_id" not in table.columns:
            return ()
        size, mjd = table.column("file_size_bytes"), table.column("timestamp_mjd")
        newest = (
            f'SELECT DISTINCT group_id FROM "{table.name}" WHERE group_id IS NOT NULL '
            f"ORDER BY group_id DESC LIMIT {int(limit)}"
        )
        sql = (
            f"SELECT group_id, count(*), group_concat({table.column('subband_code')}), total({size}), min({mjd}), "
            f"min({table.column('ra_deg')}), min({table.column('dec_deg')}) "
            f'FROM "{table.name}" WHERE group_id IN ({newest}) '
            f"GROUP BY group_id ORDER BY group_id DESC LIMIT {int(limit)}"
        )
        found = await table.fetch(sql, n_columns=7)
        return tuple(_to_group(row) for row in found.rows)


def _run_where(wanted: RunFilter, table: Table) -> Where:
    where = Where()
    where.contains("m.path", wanted.text)
    for column, value in (("stage", wanted.stage), ("status", wanted.status)):
        if value:
            where.add(f"{table.column(column, 'm')} = ?", value)
    where.between(table.column("mid_mjd", "m"), wanted.after_mjd, wanted.before_mjd)
    return where


def _to_run(values: Sequence[Any]) -> Run:
    row = RowReader(_RUN_COLUMNS, values)
    path, status, stage = row.text("path") or "", row.text("status"), row.text("stage")
    return Run(
        run_id=run_id_of(path),
        ms_path=path,
        state=state_of(status, stage),
        status=status,
        stage=stage,
        processed_at=row.unix("processed_at"),
        stage_updated_at=row.unix("stage_updated_at"),
        epoch=epoch_of_ms(path, row.real("mid_mjd"), row.real("start_mjd")),
        imagename=row.text("imagename"),
    )


def _to_task(values: Sequence[Any]) -> Task:
    row = RowReader(_TASK_COLUMNS, values)
    ms_path = row.text("ms_path")
    artifacts = row.decoded("artifacts")
    return Task(
        id=row.integer("id") or 0,
        run_id=row.text("run_id") or (run_id_of(ms_path) if ms_path else ""),
        type=row.text("type"),
        status=row.text("status"),
        ms_path=ms_path,
        params=row.decoded("params"),
        logs=row.text("logs"),
        artifacts=tuple(str(a) for a in artifacts) if isinstance(artifacts, list) else (),
        created_at=row.unix("created_at"),
        started_at=row.unix("started_at"),
        finished_at=row.unix("finished_at"),
    )


def _to_batch(values: Sequence[Any]) -> Batch:
    row = RowReader(_BATCH_COLUMNS, values)
    return Batch(
        id=row.integer("id") or 0,
        type=row.text("type"),
        created_at=row.unix("created_at"),
        status=row.text("status"),
        total_items=row.integer("total_items"),
        completed_items=row.integer("completed_items"),
        failed_items=row.integer("failed_items"),
        params=row.decoded("params"),
    )


def _to_item(values: Sequence[Any]) -> BatchItem:
    row = RowReader(_ITEM_COLUMNS, values)
    return BatchItem(
        id=row.integer("id") or 0,
        batch_id=row.integer("batch_id") or 0,
        ms_path=row.text("ms_path"),
        status=row.text("status"),
        error=row.text("error"),
        started_at=row.unix("started_at"),
        completed_at=row.unix("completed_at"),
    )


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
