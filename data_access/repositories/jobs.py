"""Runs (processed Measurement Sets), tasks, batches, the processing queue and the raw-file index."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from data_access.analysis.times import mjd_of_stamp, stamp_in_name
from data_access.errors import RecordNotFound, ValidationError
from data_access.layout import TABLES, Layout, Table
from data_access.records import (
    Batch,
    BatchItem,
    Count,
    PageRequest,
    RecordPage,
    Run,
    Task,
)
from data_access.records.jobs import UNFINISHED_STATES
from data_access.repositories.base import (
    Listing,
    RowReader,
    Where,
    count_rows,
    listing_segments,
    read_page,
)
from data_access.repositories.large_tables import is_large
from data_access.repositories.observed import add_interval, number_sql, segments_between
from data_access.repositories.run_rows import RUN_COLUMNS, run_id_of, state_sql, to_run

_RUN_SORTS = ("mid_mjd", "processed_at", "stage_updated_at", "stage", "status", "path", "imagename")
_TASK_SORTS = ("created_at", "started_at", "finished_at", "status", "type")
_BATCH_SORTS = ("type", "status", "created_at")
_TASK_COLUMNS = (*TABLES["jobs"].columns, "run_id")
_BATCH_COLUMNS = TABLES["batch_jobs"].columns
_ITEM_COLUMNS = TABLES["batch_job_items"].columns
_RUN_ID = re.compile(r"[^/\x00]{1,300}")
_RUN_STAMP = re.compile(r"job-(\d{4}-\d{2}-\d{2})-(\d{2})(\d{2})(\d{2})")
# The name has the start, the row the middle of an observation of 5 minutes.
_QUARTER_HOUR_DAYS = 900.0 / 86400.0
_GROUPS_SPAN_DAYS = 7.0
_MOST_ITEMS = 500


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs are wanted; empty fields do not filter. Times are MJD (UTC) of the observation."""

    text: str = ""
    stage: str = ""
    status: str = ""
    after_mjd: float | None = None
    before_mjd: float | None = None


class JobRepository:
    """Everything that is or was being worked on."""

    def __init__(self, layout: Layout, *, count_deadline_s: float) -> None:
        self._layout = layout
        self._count_deadline_s = count_deadline_s

    async def get_run(self, run_id: str, *, ms_path: str = "") -> Run:
        """Return the run with this name; raise `ValidationError` or `RecordNotFound`.

        Parameters
        ----------
        ms_path : str
            Several Measurement Sets can have one name: the run of this one is wanted. Without it, or when it has
            another name, it is the run that was processed last.
        """
        _check_run_id(run_id)
        if ms_path and run_id_of(ms_path) == run_id:
            for run in await self._runs(await self._layout.find("ms_index"), "path = ?", (ms_path,)):
                return run
        runs = await self.find_runs_named(run_id)
        if not runs:
            raise RecordNotFound(f"There is no run '{run_id}'", table="ms_index", key=run_id)
        return runs[0]

    async def find_runs_named(self, run_id: str) -> tuple[Run, ...]:
        """Return the runs with this name, the one processed last first; raise `ValidationError` for no name.

        The name is compared as a whole: no other run of the same day is ever returned. It says nothing of the
        folder, nor of fractions of a second: some sets have one together.
        """
        _check_run_id(run_id)
        runs = [run for run in await self._run_candidates(run_id) if run.run_id == run_id]
        return tuple(sorted(runs, key=lambda run: (run.processed_at or 0.0, run.ms_path), reverse=True))

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
                # Not written, in seconds or a text: each is read from the index on it.
                "(mid_mjd BETWEEN ? AND ? OR mid_mjd IS NULL OR mid_mjd > 1e6) AND instr(path, ?) > 0",
                (mjd - _QUARTER_HOUR_DAYS, mjd + _QUARTER_HOUR_DAYS, stamp),
            )
        # Rows whose time is wrong are found by their name.
        return (
            near if any(r.run_id == run_id for r in near) else await self._runs(table, "instr(path, ?) > 0", (stamp,))
        )

    async def _runs(self, table: Table, condition: str, values: Sequence[Any]) -> tuple[Run, ...]:
        # With a plain "path" SQLite would walk through the whole index on it instead of looking for the condition.
        sql = (
            f'SELECT {", ".join(table.select(RUN_COLUMNS))} FROM "{table.name}" '
            f"WHERE {condition} ORDER BY +path LIMIT 500"
        )
        found = await table.fetch(sql, values)
        return tuple(to_run(row) for row in found.rows)

    async def find_runs(self, wanted: RunFilter, request: PageRequest) -> RecordPage[Run]:
        """Return one page of runs, the newest observation first unless asked otherwise."""
        table = await self._layout.find("ms_index")
        sorts = {name: table.column(name, "m") for name in _RUN_SORTS} | {"state": state_sql(table)}
        columns, key = table.select(RUN_COLUMNS, "m"), table.key("path", "m")
        listing = Listing(table, f'"{table.name}" m', columns, key, sorts, "mid_mjd")
        interval = (wanted.after_mjd, wanted.before_mjd)
        segments = segments_between(listing, _run_where(wanted, table), interval, request.sort)
        return await read_page(segments, request, to_run)

    async def count_runs(self, wanted: RunFilter) -> Count:
        """Return how many runs match."""
        table = await self._layout.find("ms_index")
        where = _run_where(wanted, table)
        add_interval(where, table, (wanted.after_mjd, wanted.before_mjd))
        return await self._count(table, "m", where)

    async def find_runs_of_groups(self, groups: Sequence[str]) -> dict[str, str]:
        """Return group -> name of its run, for groups such as those of one page (some days at most).

        Runs whose time is not recorded, and groups further apart, are not found.
        """
        known = {group: mjd for group in groups if (mjd := mjd_of_stamp(group)) is not None}
        if not known or max(known.values()) - min(known.values()) > _GROUPS_SPAN_DAYS:
            return {}
        table = await self._layout.find("ms_index")
        if "mid_mjd" not in table.columns:
            return {}
        low, high = min(known.values()) - _QUARTER_HOUR_DAYS, max(known.values()) + _QUARTER_HOUR_DAYS
        sql = f'SELECT path FROM "{table.name}" WHERE mid_mjd BETWEEN ? AND ? ORDER BY mid_mjd LIMIT 3000'
        paths = [str(row[0]) for row in (await table.fetch(sql, (low, high))).rows]
        return {stamp: run_id_of(path) for path in paths if (stamp := stamp_in_name(path)) in known}

    async def find_tasks(self, request: PageRequest, *, text: str = "", status: str = "") -> RecordPage[Task]:
        """Return one page of ``jobs``, newest first; none, with a note, when the table is absent.

        Raises
        ------
        ValidationError
            No index serves the order, and the table is too large to go through.
        """
        table = await self._layout.find_optional("jobs")
        if table is None:
            return RecordPage((), note="This archive has no jobs table.")
        key = table.key("id", "j")
        sorts = {"id": key, "run": _run_sql(table), "took": _took_sql(table)}
        sorts |= {name: table.column(name, "j") for name in _TASK_SORTS}
        listing = Listing(table, f'"{table.name}" j', table.select(_TASK_COLUMNS, "j"), key, sorts, "id")
        return await read_page(
            listing_segments(listing, _task_where(table, text, status), request.sort), request, _to_task
        )

    async def count_tasks(self, *, text: str = "", status: str = "") -> Count | None:
        """Return how many tasks match; None when the table is absent."""
        table = await self._layout.find_optional("jobs")
        return None if table is None else await self._count(table, "j", _task_where(table, text, status))

    async def _count(self, table: Table, alias: str, where: Where) -> Count:
        source, deadline_s = f'"{table.name}" {alias}', self._count_deadline_s
        return await count_rows(table, source, where, deadline_s=deadline_s, whole_table=True)

    async def find_tasks_of(self, ms_path: str) -> tuple[Task, ...]:
        """Return the tasks of one Measurement Set, newest first.

        The split layout has no index for them (0.1 s at a million rows): then they are looked for in the lane of
        slow questions, and pages ask for them after everything else of the database.
        """
        table = await self._layout.find_or_none("jobs")
        if table is None:
            return ()
        sql = (
            f'SELECT {", ".join(table.select(_TASK_COLUMNS))} FROM "{table.name}" '
            f"WHERE {table.column('ms_path')} = ? ORDER BY {table.key('id')} DESC LIMIT 100"
        )
        slow = "ms_path" not in table.indexed and await is_large(table)
        found = await table.fetch(sql, (ms_path,), slow=slow)
        return tuple(_to_task(row) for row in found.rows)

    async def find_batches(self, request: PageRequest, *, kind: str = "", status: str = "") -> RecordPage[Batch]:
        """Return one page of batches, newest first unless asked otherwise; none, with a note, without the table."""
        table = await self._layout.find_optional("batch_jobs")
        if table is None:
            return RecordPage((), note="This archive has no batch_jobs table.")
        key = table.key("id", "b")
        sorts = {"id": key, "done": table.column("completed_items", "b"), "failed": table.column("failed_items", "b")}
        sorts |= {name: table.column(name, "b") for name in _BATCH_SORTS}
        listing = Listing(table, f'"{table.name}" b', table.select(_BATCH_COLUMNS, "b"), key, sorts, "id")
        segments = listing_segments(listing, _batch_where(table, kind, status), request.sort)
        return await read_page(segments, request, _to_batch)

    async def count_batches(self, *, kind: str = "", status: str = "") -> Count | None:
        """Return how many batches match; None when the table is absent."""
        table = await self._layout.find_optional("batch_jobs")
        return None if table is None else await self._count(table, "b", _batch_where(table, kind, status))

    async def find_batch_items(self, batch_id: int) -> RecordPage[BatchItem]:
        """Return the items of a batch, the failed ones first; a note says when they are not all.

        Raises
        ------
        RecordNotFound
            Neither a batch nor an item has this number.
        """
        table = await self._layout.find_or_none("batch_job_items")
        if table is None:
            return RecordPage(())
        sql = (
            f'SELECT {", ".join(table.select(_ITEM_COLUMNS))} FROM "{table.name}" '
            f"WHERE {table.column('batch_id')} = ? "
            f"ORDER BY {table.column('status')} = 'failed' DESC, {table.key('id')} LIMIT {_MOST_ITEMS + 1}"
        )
        rows = (await table.fetch(sql, (batch_id,))).rows
        batches = None if rows else await self._layout.find_or_none("batch_jobs")
        if batches is not None:
            known = f'SELECT 1 FROM "{batches.name}" WHERE {batches.key("id")} = ?'
            if not (await batches.fetch(known, (batch_id,))).rows:
                raise RecordNotFound(f"There is no batch '{batch_id}'", table="batch_jobs", key=batch_id)
        note = f"Only the first {_MOST_ITEMS} items are shown." if len(rows) > _MOST_ITEMS else ""
        return RecordPage(tuple(_to_item(row) for row in rows[:_MOST_ITEMS]), note=note)

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
        found = await table.fetch(sql, (ms_path,))
        return tuple(_to_item(row) for row in found.rows)


def _check_run_id(run_id: str) -> None:
    if not _RUN_ID.fullmatch(run_id):
        raise ValidationError(f"'{run_id}' is not a run name", remedy="A run is named job-YYYY-MM-DD-HHMMSS.")


def _run_where(wanted: RunFilter, table: Table) -> Where:
    where = Where()
    where.contains("m.path", wanted.text)
    for column, value in (("stage", wanted.stage), ("status", wanted.status)):
        if value:
            where.add(f"{table.column(column, 'm')} = ?", value)
    return where


def _run_sql(table: Table) -> str:
    """Return SQL that is in the order of the names of the runs: the recorded name, else the last part of the path."""
    path, run_id = table.column("ms_path", "j"), table.column("run_id", "j")
    if path == "NULL":
        return run_id
    whole = f"rtrim({path}, '/')"
    name = f"('job-' || replace({whole}, rtrim({whole}, replace({whole}, '/', '')), ''))"
    return name if run_id == "NULL" else f"coalesce({run_id}, {name})"


def _took_sql(table: Table) -> str:
    """Return SQL for the seconds that a task took; one that is being worked on takes until now."""
    start, end = table.column("started_at", "j"), table.column("finished_at", "j")
    if start == "NULL":
        return start
    states = ", ".join(f"'{state}'" for state in sorted(UNFINISHED_STATES))
    until_now = f"CASE WHEN {table.column('status', 'j')} IN ({states}) THEN strftime('%s', 'now') END"
    return f"(coalesce({number_sql(end)}, {until_now}) - {number_sql(start)})"


def _task_where(table: Table, text: str, status: str) -> Where:
    where = Where()
    ms_path, kind = table.column("ms_path", "j"), table.column("type", "j")
    where.contains(f"(coalesce({ms_path}, '') || ' ' || coalesce({kind}, ''))", text)
    if status:
        where.add(f"{table.column('status', 'j')} = ?", status)
    return where


def _batch_where(table: Table, kind: str, status: str) -> Where:
    where = Where()
    where.contains(f"coalesce({table.column('type', 'b')}, '')", kind)
    if status:
        where.add(f"{table.column('status', 'b')} = ?", status)
    return where


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
