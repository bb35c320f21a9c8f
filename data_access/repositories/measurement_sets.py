"""Measurement Sets as the index knows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from data_access.analysis.times import epoch_of_ms, latest_observed_mjd
from data_access.errors import RecordNotFound
from data_access.layout import TABLES, Layout, Table
from data_access.records import Count, MeasurementSet, PageRequest, RecordPage
from data_access.repositories.base import Listing, RowReader, Where, count_rows, read_page
from data_access.repositories.large_tables import is_large
from data_access.repositories.observed import add_interval, segments_between

_COLUMNS = TABLES["ms_index"].columns
_SORTS = ("mid_mjd", "processed_at", "stage_updated_at", "stage", "status", "path", "field_name", "cal_applied")
# Of the sets whose middle is no number so many are looked at, the ones registered last.
_WITHOUT_MIDDLE = 100


@dataclass(frozen=True, slots=True)
class MeasurementSetFilter:
    """Which Measurement Sets are wanted; empty fields do not filter. Times are MJD (UTC)."""

    text: str = ""
    stage: str = ""
    status: str = ""
    after_mjd: float | None = None
    before_mjd: float | None = None
    dec_min_deg: float | None = None
    dec_max_deg: float | None = None


class MeasurementSetRepository:
    """Rows of ``ms_index``."""

    def __init__(self, layout: Layout, *, count_deadline_s: float) -> None:
        self._layout = layout
        self._count_deadline_s = count_deadline_s

    async def get(self, path: str) -> MeasurementSet:
        """Return one Measurement Set by its full path; raise `RecordNotFound`."""
        found = await self.find_by_paths((path,))
        if path not in found:
            raise RecordNotFound(f"There is no Measurement Set '{path}' in the index", table="ms_index", key=path)
        return found[path]

    async def find_by_paths(self, paths: Sequence[str]) -> dict[str, MeasurementSet]:
        """Return the indexed ones among these paths, by path."""
        wanted = list(dict.fromkeys(paths))[:200]
        if not wanted:
            return {}
        table = await self._layout.find("ms_index")
        sql = (
            f'SELECT {", ".join(table.select(_COLUMNS))} FROM "{table.name}" '
            f"WHERE path IN ({','.join('?' * len(wanted))}) ORDER BY path LIMIT 200"
        )
        found = await table.fetch(sql, wanted)
        return {ms.path: ms for ms in map(to_measurement_set, found.rows)}

    async def find(self, wanted: MeasurementSetFilter, request: PageRequest) -> RecordPage[MeasurementSet]:
        """Return one page, the newest observation first unless asked otherwise."""
        table = await self._layout.find("ms_index")
        sorts = {name: table.column(name, "m") for name in _SORTS} | _computed_sorts(table)
        columns, key = table.select(_COLUMNS, "m"), table.key("path", "m")
        listing = Listing(table, f'"{table.name}" m', columns, key, sorts, "mid_mjd")
        interval = (wanted.after_mjd, wanted.before_mjd)
        segments = segments_between(listing, _where(wanted, table), interval, request.sort)
        return await read_page(segments, request, to_measurement_set)

    async def count(self, wanted: MeasurementSetFilter) -> Count:
        """Return how many match."""
        table = await self._layout.find("ms_index")
        where, deadline_s = _where(wanted, table), self._count_deadline_s
        add_interval(where, table, (wanted.after_mjd, wanted.before_mjd))
        return await count_rows(table, f'"{table.name}" m', where, deadline_s=deadline_s, whole_table=True)

    async def find_between(self, start_mjd: float, end_mjd: float, *, limit: int = 600) -> tuple[MeasurementSet, ...]:
        """Return the Measurement Sets observed in an interval, in order of time."""
        page = await self.find(
            MeasurementSetFilter(after_mjd=start_mjd, before_mjd=end_mjd), PageRequest(limit=limit, descending=False)
        )
        return page.rows

    async def count_stages(self, start_mjd: float, end_mjd: float) -> dict[str, int]:
        """Return the number of Measurement Sets per stage observed in an interval."""
        table = await self._layout.find("ms_index")
        where = Where()
        add_interval(where, table, (start_mjd, end_mjd))
        stage = f"coalesce({table.column('stage', 'm')}, 'unknown')"
        sql = f'SELECT {stage}, count(*) FROM "{table.name}" m{where.sql()} GROUP BY 1 ORDER BY 2 DESC LIMIT 30'
        found = await table.fetch(sql, where.values)
        return {str(stage): int(n) for stage, n in found.rows}

    async def newest(self, *, now: float | None = None) -> MeasurementSet | None:
        """Return the Measurement Set observed last, or None when there is none with a possible time.

        A time that is no number, or later than now, is no reason to be the newest. A set without a middle counts
        with its start or the time in its name, if it is among the last ones registered.

        Parameters
        ----------
        now : float, optional
            Unix seconds; the clock by default.
        """
        table = await self._layout.find("ms_index")
        latest = latest_observed_mjd(now)
        slow = "mid_mjd" not in table.indexed and await is_large(table)
        found = await table.fetch(_newest_sql(table), (latest,), slow=slow)
        possible = [
            (ms.epoch.mjd, ms)
            for ms in map(to_measurement_set, found.rows)
            if ms.epoch.mjd is not None and 0 < ms.epoch.mjd <= latest
        ]
        return max(possible, key=lambda dated: dated[0], default=(0.0, None))[1]


def _newest_sql(table: Table) -> str:
    """Return SQL for all that may be the newest set: the last middle up to a time, and some without a middle.

    Each part is read from the end of the index on the middle: numbers come before texts there.
    """
    select, mid, key = ", ".join(table.select(_COLUMNS)), table.column("mid_mjd"), table.key("path")
    parts = (
        (f"{mid} > 0 AND {mid} <= ?1", f"{mid} DESC", 1),
        (f"{mid} IS NULL", f"{key} DESC", _WITHOUT_MIDDLE),
        (f"{mid} >= '' AND {mid} < x''", f"{mid} DESC, {key} DESC", _WITHOUT_MIDDLE),
    )
    return " UNION ALL ".join(
        f'SELECT * FROM (SELECT {select} FROM "{table.name}" WHERE {condition} ORDER BY {order} LIMIT {limit})'
        for condition, order, limit in parts
    )


def _computed_sorts(table: Table) -> dict[str, str]:
    """Return the orders by what the list shows and no column has: the length, and the declination that is known."""
    start, end = table.column("start_mjd", "m"), table.column("end_mjd", "m")
    decs = [sql for name in ("pointing_dec_deg", "dec_deg") if (sql := table.column(name, "m")) != "NULL"]
    return {
        "duration": "NULL" if "NULL" in (start, end) else f"({end} - {start})",
        "dec_deg": f"coalesce({', '.join(decs)})" if len(decs) > 1 else "".join(decs) or "NULL",
    }


def _where(wanted: MeasurementSetFilter, table: Table) -> Where:
    where = Where()
    if wanted.text.strip():
        name = table.column("field_name", "m")
        where.contains(f"(m.path || ' ' || coalesce({name}, ''))", wanted.text)
    for column, value in (("stage", wanted.stage), ("status", wanted.status)):
        if value:
            where.add(f"{table.column(column, 'm')} = ?", value)
    where.between(table.first_of("pointing_dec_deg", "dec_deg"), wanted.dec_min_deg, wanted.dec_max_deg)
    return where


def to_measurement_set(values: Sequence[Any]) -> MeasurementSet:
    """Return the record of one row of ``ms_index``."""
    row = RowReader(_COLUMNS, values)
    path = row.text("path") or ""
    mid, start = row.real("mid_mjd", 0, 1e6), row.real("start_mjd", 0, 1e6)
    ra, dec = row.real("pointing_ra_deg", -360, 360), row.real("pointing_dec_deg", -90, 90)
    return MeasurementSet(
        path=path,
        start_mjd=start,
        end_mjd=row.real("end_mjd", 0, 1e6),
        mid_mjd=mid,
        processed_at=row.unix("processed_at"),
        status=row.text("status"),
        stage=row.text("stage"),
        stage_updated_at=row.unix("stage_updated_at"),
        cal_applied=row.flag("cal_applied"),
        imagename=row.text("imagename"),
        field_name=row.text("field_name"),
        pointing_ra_deg=ra if ra is not None else row.real("ra_deg", -360, 360),
        pointing_dec_deg=dec if dec is not None else row.real("dec_deg", -90, 90),
        epoch=epoch_of_ms(path, mid, start),
        problems=tuple(row.problems),
    )
