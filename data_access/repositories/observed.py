"""Rows of ``ms_index`` by the time of their observation.

A set whose end was never written has no middle: its start stands for it, as in its epoch.
"""

from __future__ import annotations

from data_access.layout import Table
from data_access.repositories.base import Listing, Segment, Where, listing_segments

Interval = tuple[float | None, float | None]
"""First and last MJD (UTC), each optional."""


def add_interval(where: Where, table: Table, interval: Interval) -> None:
    """Limit the time of rows (alias m).

    Written as one OR of two ranges, so that SQLite uses the index on the middle for both.
    """
    if interval == (None, None):
        return
    of_mid, of_start = _by_middle(table, interval), _by_start(table, interval)
    where.add(
        f"({' AND '.join(of_mid.clauses)} OR ({' AND '.join(of_start.clauses)}))", *of_mid.values, *of_start.values
    )


def segments_between(listing: Listing, where: Where, interval: Interval, sort: str) -> tuple[Segment, ...]:
    """Return `listing_segments` of the rows within an interval.

    In the order of the middle each segment has its own half of the condition: with both, SQLite would read every
    row of the interval and sort it (0.4 s for 800,000) instead of walking the index.
    """
    table = listing.table
    if interval == (None, None) or listing.sort_expression(sort) != table.column("mid_mjd", "m"):
        limited = _joined(where)
        add_interval(limited, table, interval)
        return listing_segments(listing, limited, sort)
    with_middle = listing_segments(listing, _joined(where, _by_middle(table, interval)), sort)[0]
    without_middle = listing_segments(listing, _joined(where, _by_start(table, interval)), sort)[1]
    return with_middle, without_middle


def _by_middle(table: Table, interval: Interval) -> Where:
    where = Where()
    where.between(table.column("mid_mjd", "m"), *interval)
    return where


def _by_start(table: Table, interval: Interval) -> Where:
    where = Where()
    where.add(f"{table.column('mid_mjd', 'm')} IS NULL")
    where.between(table.column("start_mjd", "m"), *interval)
    return where


def _joined(*parts: Where) -> Where:
    return Where([c for part in parts for c in part.clauses], [v for part in parts for v in part.values])
