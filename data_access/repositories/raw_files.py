"""Groups of raw files as an index of files knows them, whichever of its shapes it has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from data_access.analysis.times import format_mjd_utc
from data_access.database import Rows
from data_access.errors import ValidationError
from data_access.layout import Layout, Table
from data_access.records import Count, Cursor, ObservationGroup, PageRequest, RecordPage
from data_access.repositories.base import RowReader, Segment, Where, count_rows, read_page
from data_access.repositories.large_tables import is_large, sort_large

N_SUBBANDS = 16
_BY_TIME = "This index names no groups: files are grouped by their time."
_BY_NAME = "This index names no groups: files are grouped by the time in their name."


@dataclass(frozen=True, slots=True)
class RawFilter:
    """Which groups are wanted; empty fields do not filter. Times are MJD (UTC) of the group's name.

    `complete` asks for groups with all subbands, or for those that lack some.
    """

    after_mjd: float | None = None
    before_mjd: float | None = None
    complete: bool | None = None


@dataclass(frozen=True, slots=True)
class _Shape:
    """SQL for what the shapes of the index call differently."""

    group: str
    subband: str
    size: str
    mjd: str
    note: str = ""


class RawFileRepository:
    """Rows of ``hdf5_files`` / ``hdf5_file_index``, by group."""

    def __init__(self, layout: Layout, *, count_deadline_s: float) -> None:
        self._layout = layout
        self._count_deadline_s = count_deadline_s

    async def find_groups(
        self, request: PageRequest, wanted: RawFilter | None = None
    ) -> RecordPage[ObservationGroup]:
        """Return one page of groups, by name unless asked otherwise; none, with a note, without an index.

        An index of a shape that is not understood has none either. Every other order goes through all files.

        Raises
        ------
        TableMissing
            There is no database at all.
        ValidationError
            There are too many files to sort their groups by anything but their name.
        """
        table = await self._layout.find_optional("hdf5_files")
        if table is None:
            return RecordPage((), note="This archive has no index of raw files.")
        shape = _shape_of(table)
        if shape is None:
            columns = ", ".join(sorted(table.columns))
            return RecordPage((), note=f"The columns of the index '{table.name}' are not understood: {columns}.")
        segments = _segments(table, shape, wanted or RawFilter(), request.sort)
        return await read_page(segments, request, _to_group, note=shape.note)

    async def count_groups(self, wanted: RawFilter | None = None) -> Count | None:
        """Return how many groups match; None when there is no index, or one of unknown shape."""
        table = await self._layout.find_optional("hdf5_files")
        shape = None if table is None else _shape_of(table)
        if table is None or shape is None:
            return None
        where, having = _conditions(shape, wanted or RawFilter())
        groups = f'(SELECT {shape.group} AS g FROM "{table.name}"{where.sql()} GROUP BY g{having})'
        return await count_rows(table, groups, Where(values=where.values), deadline_s=self._count_deadline_s)


def _shape_of(table: Table) -> _Shape | None:
    at = "instr(path, '_sb')" if "path" in table.columns else ""
    by_name = f"CASE WHEN {at} > 19 THEN substr(path, {at} - 19, 19) END" if at else "NULL"
    subband = _subband(table, f"CASE WHEN {at} > 0 THEN substr(path, {at} + 1, 4) END" if at else "NULL")
    size = table.first_of("file_size_bytes", "size_bytes")
    mjd = table.first_of("timestamp_mjd", "mid_mjd")
    if "group_id" in table.columns:
        return _Shape('"group_id"', subband, size, mjd)
    time = table.first_of("timestamp_iso", "timestamp")
    if time != "NULL":
        by_time = f"CASE WHEN {time} LIKE '____-__-__%' THEN substr(replace({time}, ' ', 'T'), 1, 19) END"
        return _Shape(f"coalesce({by_time}, {by_name})", subband, size, mjd, _BY_TIME)
    return _Shape(by_name, subband, size, mjd, _BY_NAME) if at else None


def _subband(table: Table, by_name: str) -> str:
    if "subband_code" in table.columns:
        return '"subband_code"'
    number = table.first_of("subband_num", "subband")
    if number == "NULL":
        return by_name
    return f"CASE WHEN typeof({number}) = 'text' THEN {number} ELSE printf('sb%02d', {number}) END"


def _conditions(shape: _Shape, wanted: RawFilter) -> tuple[Where, str]:
    where = Where()
    where.add(f"{shape.group} IS NOT NULL")
    for mjd, sign in ((wanted.after_mjd, ">="), (wanted.before_mjd, "<")):
        if mjd is not None:
            where.add(f"{shape.group} {sign} ?", format_mjd_utc(mjd).replace(" ", "T"))
    if wanted.complete is None:
        return where, ""
    sign = ">=" if wanted.complete else "<"
    return where, f" HAVING count(DISTINCT {shape.subband}) {sign} {N_SUBBANDS}"


def _segments(table: Table, shape: _Shape, wanted: RawFilter, sort: str) -> tuple[Segment, ...]:
    """Return the groups by name, or those with a sort value and then those without."""
    if sort in ("", "group"):
        return (_segment_by_name(table, shape, wanted),)
    sorts = {
        "files": "count(*)",
        "missing": f"{N_SUBBANDS} - count(DISTINCT {shape.subband})",
        "size": f"total({shape.size})",
        "time": f"min({shape.mjd})",
        "dec": f"min({table.column('dec_deg')})",
    }
    if sort not in sorts:
        raise ValidationError(
            f"This list cannot be sorted by '{sort}'", remedy=f"Choose one of: group, {', '.join(sorts)}."
        )
    return _segments_by_value(table, shape, wanted, (sort, sorts[sort]))


def _columns_of(table: Table, shape: _Shape) -> str:
    return (
        f"count(*), group_concat({shape.subband}), total({shape.size}), min({shape.mjd}), "
        f"min({table.column('ra_deg')}), min({table.column('dec_deg')})"
    )


def _segments_by_value(
    table: Table, shape: _Shape, wanted: RawFilter, order: tuple[str, str]
) -> tuple[Segment, Segment]:
    sort, expression = order

    async def read(has_value: bool, after: Cursor | None, descending: bool, limit: int) -> Rows:
        way, sign = ("DESC", "<") if descending else ("ASC", ">")
        where, having = _conditions(shape, wanted)
        groups = f'SELECT {shape.group} AS g, {expression} AS v FROM "{table.name}"{where.sql()} GROUP BY g{having}'
        rest = Where([f"v IS {'NOT ' if has_value else ''}NULL"], list(where.values))
        if after is not None and has_value:
            rest.add(f"(v, g) {sign} (?, ?)", after.value, after.key)
        elif after is not None:
            rest.add(f"g {sign} ?", after.key)
        names = f"SELECT v, g FROM ({groups}){rest.sql()} ORDER BY v {way}, g {way} LIMIT {int(limit)}"
        sql = (
            f'SELECT n.v, n.g, n.g, {_columns_of(table, shape)} FROM ({names}) n JOIN "{table.name}" '
            f"ON {shape.group} = n.g GROUP BY n.g, n.v ORDER BY n.v {way}, n.g {way} LIMIT {int(limit)}"
        )
        if await is_large(table):
            return await sort_large(table, (sql, rest.values), sort, ("group",))
        return await table.fetch(sql, rest.values)

    return Segment(partial(read, True)), Segment(partial(read, False))


def _segment_by_name(table: Table, shape: _Shape, wanted: RawFilter) -> Segment:
    async def read(after: Cursor | None, descending: bool, limit: int) -> Rows:
        way, sign = ("DESC", "<") if descending else ("ASC", ">")
        where, having = _conditions(shape, wanted)
        if after is not None:
            where.add(f"{shape.group} {sign} ?", after.key)
        names = (
            f'SELECT {shape.group} AS g FROM "{table.name}"{where.sql()} '
            f"GROUP BY g{having} ORDER BY g {way} LIMIT {int(limit)}"
        )
        sql = (
            f'SELECT NULL, {shape.group} AS g, {shape.group}, {_columns_of(table, shape)} FROM "{table.name}" '
            f"WHERE {shape.group} IN ({names}) GROUP BY g ORDER BY g {way} LIMIT {int(limit)}"
        )
        return await table.fetch(sql, where.values)

    return Segment(read)


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
