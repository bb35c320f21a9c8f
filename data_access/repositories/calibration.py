"""Calibration tables, the set that applies to a moment, calibrator transits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from data_access.errors import RecordNotFound
from data_access.layout import TABLES, Layout, Table
from data_access.records import (
    AppliedCaltable,
    CalibratorTransit,
    Caltable,
    CaltableSet,
    Count,
    PageRequest,
    RecordPage,
)
from data_access.repositories.base import (
    UNIX_BOUNDS,
    Listing,
    RowReader,
    Where,
    count_rows,
    listing_segments,
    read_page,
)
from data_access.repositories.observed import number_sql

_COLUMNS = TABLES["caltables"].columns
_APPLIED_COLUMNS = TABLES["calibration_applied"].columns
_TRANSIT_COLUMNS = TABLES["calibrator_transits"].columns
_SORTS = (
    "created_at", "valid_start_mjd", "valid_end_mjd", "set_name", "table_type", "status", "path", "cal_field",
    "refant",
)  # fmt: skip
_NUMBERS = frozenset({"created_at", "valid_start_mjd", "valid_end_mjd"})
_OPEN_END_MJD = 1e9
APPLY_RULE = (
    "among active tables whose validity window contains the moment (an open end counts as containing), "
    "the set that was made last, in the order of application"
)
_VALID = (
    "status = 'active' AND (valid_start_mjd IS NULL OR valid_start_mjd <= ?) "
    "AND (valid_end_mjd IS NULL OR valid_end_mjd >= ?)"
)
# Text sorts above every number in SQLite: a time that is none would make its table the newest for ever.
_NEWEST_FIRST = f"(created_at BETWEEN {UNIX_BOUNDS[0]} AND {UNIX_BOUNDS[1]}) DESC, created_at DESC, id DESC"
# A table that says that it was made in an hour or later would be the newest until then, however old all others are.
_NEWEST_UP_TO_NOW = f"(created_at BETWEEN {UNIX_BOUNDS[0]} AND strftime('%s', 'now') + 3600) DESC, {_NEWEST_FIRST}"
_MOST_OVERLAPPING = 5000
_MOST_APPLIED = 60  # of one Measurement Set: applied ten times over, with room
_MOST_PATHS = 500


@dataclass(frozen=True, slots=True)
class CaltableFilter:
    """Which tables are wanted; empty fields do not filter."""

    text: str = ""
    table_type: str = ""
    status: str = ""
    valid_at_mjd: float | None = None


class CalibrationRepository:
    """Rows of ``caltables``, ``calibration_applied`` and ``calibrator_transits``."""

    def __init__(self, layout: Layout, *, count_deadline_s: float) -> None:
        self._layout = layout
        self._count_deadline_s = count_deadline_s

    async def get(self, path: str) -> Caltable:
        """Return one registered table by its full path; raise `RecordNotFound`."""
        tables = await self._some("path = ?", (path,), order="id DESC")
        if not tables:
            raise RecordNotFound(
                f"There is no calibration table '{path}' in the registry", table="caltables", key=path
            )
        return tables[0]

    async def find(self, wanted: CaltableFilter, request: PageRequest) -> RecordPage[Caltable]:
        """Return one page, the newest registered first unless asked otherwise."""
        table = await self._layout.find("caltables")
        key = table.key("id", "c")
        sorts = {"id": key, **{name: table.column(name, "c") for name in _SORTS}, **_stored_sorts(table)}
        sorts["valid_end_mjd"] = _end_sql(table)
        listing = Listing(table, f'"{table.name}" c', table.select(_COLUMNS, "c"), key, sorts, "id", _NUMBERS)
        return await read_page(listing_segments(listing, _where(wanted, table), request.sort), request, _to_caltable)

    async def count(self, wanted: CaltableFilter) -> Count:
        """Return how many match."""
        table = await self._layout.find("caltables")
        where, deadline_s = _where(wanted, table), self._count_deadline_s
        return await count_rows(table, f'"{table.name}" c', where, deadline_s=deadline_s, whole_table=True)

    async def find_of_ms(self, ms_path: str) -> tuple[Caltable, ...]:
        """Return the tables that were solved from this (calibrator) Measurement Set."""
        return await self._some("source_ms_path = ?", (ms_path,), order="order_index, id")

    async def find_set(self, set_name: str) -> tuple[Caltable, ...]:
        """Return all tables of a set in the order of application."""
        return await self._some("set_name = ?", (set_name,), order="order_index, id")

    async def find_applicable(self, mjd: float) -> CaltableSet:
        """Return the set that the pipeline's validity-window rule chooses for a moment (MJD, UTC).

        The rule is the pipeline's own (state of November 2025); `CaltableSet.rule` says it in words. A table whose
        time of making is no number counts as older than all others.
        """
        candidates = await self._some(_VALID, (mjd, mjd), order=_NEWEST_FIRST)
        if not candidates:
            return CaltableSet(None, mjd, (), APPLY_RULE)
        name = candidates[0].set_name
        chosen = [table for table in candidates if table.set_name == name]
        chosen.sort(key=lambda t: (t.order_index if t.order_index is not None else 10**6, t.id))
        return CaltableSet(name, mjd, tuple(chosen), APPLY_RULE)

    async def find_applicable_names(self, moments_mjd: Sequence[float]) -> tuple[str | None, ...]:
        """Return the name of the set that the rule of `find_applicable` chooses for each of some moments."""
        if not moments_mjd:
            return ()
        moments = (max(moments_mjd), min(moments_mjd))
        tables = await self._some(_VALID, moments, order=_NEWEST_FIRST, limit=_MOST_OVERLAPPING)
        return tuple(next((t.set_name for t in tables if t.is_valid_at(mjd)), None) for mjd in moments_mjd)

    async def find_applied(self, ms_paths: Sequence[str]) -> dict[str, tuple[AppliedCaltable, ...]]:
        """Return the tables that are recorded as applied to Measurement Sets, by their paths, in the order of that.

        Sets without a record lack, and so do all where the table ``calibration_applied`` or its paths are absent. Of
        very many records the newest count.
        """
        table, wanted = await self._layout.find_optional("calibration_applied"), list(dict.fromkeys(ms_paths))
        if table is None or not wanted or not {"ms_path", "caltable_path"} <= table.columns:
            return {}
        sql = (
            f'SELECT ms_path, {", ".join(table.select(_APPLIED_COLUMNS))} FROM "{table.name}" '
            f"WHERE ms_path IN ({','.join('?' * len(wanted))}) "
            f"ORDER BY {table.key('id')} DESC LIMIT {_MOST_APPLIED * len(wanted)}"
        )
        rows = (await table.fetch(sql, wanted)).rows
        recorded = [(str(ms_path), _to_applied(values)) for ms_path, *values in reversed(rows)]
        known = await self._find_by_paths([one.path for _, one in recorded])
        found: dict[str, list[AppliedCaltable]] = {}
        for ms_path, one in recorded:
            found.setdefault(ms_path, []).append(replace(one, caltable=known.get(one.path)))
        return {ms_path: tuple(sorted(applied, key=_when_applied)) for ms_path, applied in found.items()}

    async def _find_by_paths(self, paths: Sequence[str]) -> dict[str, Caltable]:
        """Return the registered tables among these paths; the newest row of a path counts."""
        wanted = list(dict.fromkeys(paths))[:_MOST_PATHS]
        if not wanted or await self._layout.find_or_none("caltables") is None:
            return {}
        marks = ",".join("?" * len(wanted))
        found = await self._some(f"path IN ({marks})", wanted, order="id DESC", limit=4 * _MOST_PATHS)
        return {table.path: table for table in reversed(found)}

    async def newest_active(self) -> Caltable | None:
        """Return the active table made last; one whose time of making is impossible only when there is no other.

        A time to come is as impossible as one that is no number.
        """
        tables = await self._some("status = 'active'", (), order=_NEWEST_UP_TO_NOW, limit=1)
        return tables[0] if tables else None

    async def find_transits(self, start_mjd: float, end_mjd: float) -> tuple[CalibratorTransit, ...]:
        """Return the calibrator transits in an interval, in order; none when the table is absent."""
        table = await self._layout.find_optional("calibrator_transits")
        if table is None:
            return ()
        sql = (
            f'SELECT {", ".join(table.select(_TRANSIT_COLUMNS))} FROM "{table.name}" '
            f"WHERE {table.column('transit_mjd')} BETWEEN ? AND ? ORDER BY {table.column('transit_mjd')} LIMIT 500"
        )
        found = await table.fetch(sql, (start_mjd, end_mjd))
        return tuple(_to_transit(row) for row in found.rows)

    async def _some(
        self, condition: str, values: Sequence[Any], *, order: str, limit: int = 200
    ) -> tuple[Caltable, ...]:
        table = await self._layout.find("caltables")
        select = ", ".join(f'{sql} AS "{name}"' for name, sql in zip(_COLUMNS, table.select(_COLUMNS), strict=True))
        sql = f'SELECT * FROM (SELECT {select} FROM "{table.name}") WHERE {condition} ORDER BY {order} LIMIT {limit}'
        found = await table.fetch(sql, values)
        return tuple(_to_caltable(row) for row in found.rows)


def _end_sql(table: Table) -> str:
    """Return SQL for the end of a validity window, MJD: an open one is later than all others, if it has a start."""
    start, end = (table.column(f"valid_{bound}_mjd", "c") for bound in ("start", "end"))
    if end == "NULL":
        return end
    return f"coalesce({number_sql(end)}, CASE WHEN {number_sql(start)} IS NOT NULL THEN {_OPEN_END_MJD} END)"


def _stored_sorts(table: Table) -> dict[str, str]:
    """Return the orders by what the solver stored in `quality_metrics`; a row whose metrics are no JSON has none."""
    metrics = table.column("quality_metrics", "c")
    if metrics == "NULL":
        return {"flagged": "NULL", "snr": "NULL"}

    def stored(*names: str) -> str:
        values = [f"json_extract({metrics}, '$.{name}')" for name in names]
        value = f"coalesce({', '.join(values)})" if len(values) > 1 else values[0]
        return f"(CASE WHEN json_valid({metrics}) THEN {value} END)"

    return {"flagged": stored("flagged_fraction"), "snr": f"nullif({stored('snr_median', 'snr_mean')}, 0)"}


def _where(wanted: CaltableFilter, table: Table) -> Where:
    where = Where()
    if wanted.text.strip():
        parts = " || ' ' || ".join(f"coalesce({table.column(n, 'c')}, '')" for n in ("path", "set_name", "cal_field"))
        where.contains(f"({parts})", wanted.text)
    for column, value in (("table_type", wanted.table_type), ("status", wanted.status)):
        if value:
            where.add(f"{table.column(column, 'c')} = ?", value)
    if wanted.valid_at_mjd is not None:
        start, end = table.column("valid_start_mjd", "c"), table.column("valid_end_mjd", "c")
        where.add(f"({start} IS NULL OR {start} <= ?)", wanted.valid_at_mjd)
        where.add(f"({end} IS NULL OR {end} >= ?)", wanted.valid_at_mjd)
    return where


def _to_caltable(values: Sequence[Any]) -> Caltable:
    row = RowReader(_COLUMNS, values)
    metrics = row.decoded("quality_metrics")
    if metrics is not None and not isinstance(metrics, dict):
        row.problems.append("quality_metrics cannot be read")
        metrics = None
    return Caltable(
        id=row.integer("id") or 0,
        set_name=row.text("set_name"),
        path=row.text("path") or "",
        table_type=row.text("table_type"),
        order_index=row.integer("order_index"),
        cal_field=row.text("cal_field"),
        refant=row.text("refant"),
        created_at=row.unix("created_at"),
        valid_start_mjd=row.real("valid_start_mjd", 0, 1e6),
        valid_end_mjd=row.real("valid_end_mjd", 0, 1e6),
        status=row.text("status"),
        notes=row.text("notes"),
        source_ms_path=row.text("source_ms_path"),
        solver_command=row.text("solver_command"),
        solver_version=row.text("solver_version"),
        solver_params=row.decoded("solver_params"),
        quality_metrics=metrics,
        problems=tuple(row.problems),
    )


def _to_applied(values: Sequence[Any]) -> AppliedCaltable:
    row = RowReader(_APPLIED_COLUMNS, values)
    return AppliedCaltable(
        path=row.text("caltable_path") or "",
        applied_at=row.unix("applied_at"),
        success=row.flag("success"),
        error_message=row.text("error_message"),
    )


def _when_applied(one: AppliedCaltable) -> tuple[float, int]:
    """Sort by the time; tables of one time, which is that of the whole set, by their order in the set."""
    order = one.caltable.order_index if one.caltable is not None else None
    at = math.inf if one.applied_at is None else one.applied_at
    return at, order if order is not None else 10**6


def _to_transit(values: Sequence[Any]) -> CalibratorTransit:
    row = RowReader(_TRANSIT_COLUMNS, values)
    return CalibratorTransit(
        calibrator_name=row.text("calibrator_name") or "",
        transit_mjd=row.real("transit_mjd", 0, 1e6),
        has_data=row.flag("has_data"),
        group_id=row.text("group_id"),
        delta_minutes=row.real("delta_minutes"),
        pb_response=row.real("pb_response", 0, 1),
        dec_match=row.flag("dec_match"),
    )
