"""The time of an observation in SQL, and the rows of ``ms_index`` in its order.

It is the epoch of the records: the middle of a Measurement Set, else its start, else the time in its name.
"""

from __future__ import annotations

from data_access.database import Rows
from data_access.layout import Table
from data_access.records import Cursor
from data_access.repositories.base import Listing, Segment, Where, listing_segments, segment_by_key

Interval = tuple[float | None, float | None]
"""First and last MJD (UTC), each optional."""

_MJD_0 = 2400000.5
_DAY = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]"
_TWO = "[0-9][0-9]"
# Infinities, texts and bytes sort after every number in SQLite: none is a time.
_NO_TIME = "9e999"


def stamp_sql(path: str) -> str:
    """Return SQL for the time in the last part of a path, MJD (UTC); NULL where there is none.

    It is `mjd_in_name` but for fractions of a second. A name that begins with its time is read first: the rest takes
    twice as long.
    """
    name = f"replace({path}, rtrim({path}, replace({path}, '/', '')), '')"
    begin = f"substr({path}, length(rtrim({path}, replace({path}, '/', ''))) + 1, 19)"
    compact = "substr(s, 1, 13) || ':' || substr(s, 14, 2) || ':' || substr(s, 16, 2)"
    within = (
        f"(SELECT CASE WHEN s GLOB '{_DAY}T{_TWO}:{_TWO}:{_TWO}*' THEN julianday(substr(s, 1, 19)) "
        f"WHEN s GLOB '{_DAY}T{_TWO}:{_TWO}*' THEN julianday(substr(s, 1, 16)) "
        f"WHEN s GLOB '{_DAY}T{_TWO}{_TWO}{_TWO}*' THEN julianday({compact}) END "
        f"FROM (SELECT substr(n, max(1, instr(n, 'T') - 10)) AS s FROM (SELECT {name} AS n)))"
    )
    return f"(CASE WHEN {path} GLOB '*{_DAY}T{_TWO}*' THEN coalesce(julianday({begin}), {within}) END - {_MJD_0})"


def number_sql(column: str) -> str:
    """Return SQL for a column where it holds a number; NULL for texts and bytes."""
    return f"(CASE WHEN typeof({column}) IN ('real', 'integer') THEN {column} END)"


def add_interval(where: Where, table: Table, interval: Interval) -> None:
    """Limit the time of rows (alias m).

    Written as one OR of two ranges, so that SQLite uses the index on the middle for both.
    """
    if interval == (None, None):
        return
    halves = [_half(Where(), *half, interval) for half in _halves(table)]
    either = " OR ".join(f"({' AND '.join(half.clauses)})" for half in halves)
    where.add(f"({either})", *_values(halves))


def segments_between(listing: Listing, where: Where, interval: Interval, sort: str) -> tuple[Segment, ...]:
    """Return `listing_segments` of the rows within an interval; in the order of the middle: by epoch.

    Then rows with a middle are walked along its index, and those without are sorted between them: with one condition
    for both, SQLite would read and sort every row of the interval (0.4 s for 800,000).
    """
    table = listing.table
    if listing.sort_expression(sort) != table.column("mid_mjd", "m"):
        limited = _joined(where)
        add_interval(limited, table, interval)
        return listing_segments(listing, limited, sort)

    async def read(after: Cursor | None, descending: bool, limit: int) -> Rows:
        return await _read_by_epoch(listing, where, interval, after, limit, descending=descending)

    if interval != (None, None):
        return (Segment(read),)
    epoch, condition = _halves(table)[-1]
    return Segment(read), segment_by_key(listing, where, sort, f"{condition} AND {epoch} IS NULL")


async def _read_by_epoch(
    listing: Listing, where: Where, interval: Interval, after: Cursor | None, limit: int, *, descending: bool
) -> Rows:
    way, sign = ("DESC", "<") if descending else ("ASC", ">")
    columns, parts, halves = ", ".join(listing.columns), [], []
    mid = listing.table.column("mid_mjd", "m")
    if after is not None:  # the position is a closer bound; of two, SQLite would walk the index from the first
        interval = (interval[0], None) if descending else (None, interval[1])
    for epoch, condition in _halves(listing.table):
        is_bound = after is not None and descending and epoch == mid
        half = _half(_joined(where), epoch, "1" if is_bound else condition, interval)
        if after is not None:
            half.add(f"({epoch}, {listing.key}) {sign} (?, ?)", after.value, after.key)
        halves.append(half)
        parts.append(
            f"SELECT * FROM (SELECT {epoch}, {listing.key}, {columns} FROM {listing.source}{half.sql()} "
            f"ORDER BY {epoch} {way}, {listing.key} {way} LIMIT {int(limit)})"
        )
    sql = f"{' UNION ALL '.join(parts)} ORDER BY 1 {way}, 2 {way} LIMIT {int(limit)}"
    return await listing.table.fetch(sql, _values(halves))


def _halves(table: Table) -> list[tuple[str, str]]:
    """Return (SQL of the epoch, condition) of rows (alias m): those with a middle, and those without."""
    mid, start = table.column("mid_mjd", "m"), number_sql(table.column("start_mjd", "m"))
    without = f"coalesce({start}, {stamp_sql(table.column('path', 'm'))})"
    if mid == "NULL":
        return [(without, "1")]
    return [(mid, f"{mid} < {_NO_TIME}"), (without, f"({mid} IS NULL OR {mid} >= {_NO_TIME})")]


def _half(where: Where, epoch: str, condition: str, interval: Interval) -> Where:
    where.add(condition)
    where.between(epoch, *interval)
    if interval == (None, None):
        where.add(f"{epoch} IS NOT NULL")
    return where


def _values(parts: list[Where]) -> list[object]:
    return [value for part in parts for value in part.values]


def _joined(*parts: Where) -> Where:
    return Where([c for part in parts for c in part.clauses], [v for part in parts for v in part.values])
