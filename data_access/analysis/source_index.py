"""Every source in memory, as columns: searched by name and place, filtered and sorted without reading anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from data_access.analysis.name_index import NameIndex
from data_access.analysis.sky_index import SkyIndex
from data_access.records.source_query import Cone, Found, SourceQuery

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
# A truncated name in a list may mean several sources; more than these, and it was hardly meant as one.
_MOST_BY_ONE_ENTRY = 20
ANY_STATE = "any"


@dataclass(frozen=True, slots=True)
class SourceIndex:
    """All sources at one moment; arrays of shape (n,) in the order in which the sources appeared.

    Attributes
    ----------
    columns : mapping
        See `data_access.records.source_columns`; NaN where absent.
    states : mapping of kind to (mapping of word to positions)
        Of the pipeline's ESE and transient candidates.
    as_of, stored_as_of : float
        Unix seconds at which photometry and stored statistics were read.
    """

    names: NameIndex
    sky: SkyIndex
    columns: Mapping[str, FloatArray]
    states: Mapping[str, Mapping[str, IntArray]]
    as_of: float = 0.0
    stored_as_of: float = 0.0

    def __len__(self) -> int:
        return len(self.names.names)


def select_sources(index: SourceIndex, query: SourceQuery) -> Found:
    """Return the sources that a query means: names and places first, which leaves little to look at."""
    rows: IntArray | None = None
    apart: FloatArray | None = None
    notes: list[str] = []
    unmatched: tuple[str, ...] = ()
    if query.cone is not None:
        rows, apart = index.sky.within(query.cone.ra_deg, query.cone.dec_deg, query.cone.radius_arcsec)
        notes += _coarse(query.cone)
    if query.name:
        named, apart_from_name, note = _named(index, query)
        notes += [note] if note else []
        rows, apart = (named, apart_from_name) if rows is None else _both(rows, apart, named)
    if query.numbers:
        rows, apart, unmatched, notes = _numbered(index, query)
    if query.entries is not None:
        listed, unknown = _listed(index, query.entries)
        rows, apart = _both(rows, apart, listed)
        unmatched += unknown
    if query.only is not None:
        exact = [row for name in query.only if (row := index.names.get(name)) is not None]
        rows, apart = _both(rows, apart, np.unique(np.array(exact, dtype=np.int64)))
    for kind, word in query.states:
        rows, apart = _both(rows, apart, in_state(index, kind, word))
    rows, apart = _in_ranges(index, query, rows, apart)
    return Found(np.arange(len(index)) if rows is None else rows, apart, tuple(notes), unmatched)


def _coarse(cone: Cone) -> list[str]:
    """Say that a position has few digits, and whether the circle is as wide as they are."""
    given = cone.given_arcsec
    if given is None:
        return []
    shown = f"{given / 3600:.2g}°" if given >= 60 else f"{given:g} arcsec"
    if given == cone.radius_arcsec:
        return [f"The position is given to {shown}: that is the radius, because none was asked for."]
    return [
        f"The position is given to {shown}: what it means may lie outside of the {cone.radius_arcsec:g} arcsec "
        "asked for."
    ]


def _both(rows: IntArray | None, apart: FloatArray | None, more: IntArray) -> tuple[IntArray, FloatArray | None]:
    if rows is None:
        return more, None
    keep = np.isin(rows, more, assume_unique=True)
    return rows[keep], None if apart is None else apart[keep]


def _named(index: SourceIndex, query: SourceQuery) -> tuple[IntArray, FloatArray | None, str]:
    """Return the sources called so, else those whose names contain it, else those at the place that it means."""
    found = index.names.beginning(query.name)
    if found.size:
        return found, None, ""
    found = index.names.containing(query.name)
    if found.size or query.otherwise is None:
        return found, None, f"No name begins with '{query.name}': these contain it." if found.size else ""
    cone = query.otherwise
    found, apart = index.sky.within(cone.ra_deg, cone.dec_deg, cone.radius_arcsec)
    words = f"No source is called '{query.name}'; within {cone.radius_arcsec:g} arcsec of the position that it means:"
    return found, apart, " ".join([f"{words} {found.size:,}.", *_coarse(cone)])


def _numbered(
    index: SourceIndex, query: SourceQuery
) -> tuple[IntArray, FloatArray | None, tuple[str, ...], list[str]]:
    """Return the sources that are called by these numbers if all are, else those at the place that they mean.

    The third value are numbers without a source, the last says which way they were read.
    """
    named = [index.names.same(number) for number in query.numbers]
    unknown = tuple(number for number, rows in zip(query.numbers, named, strict=True) if not rows.size)
    known = np.unique(np.concatenate(named))
    cone, n = query.otherwise, len(query.numbers)
    if cone is None:
        why = f" As a position they mean nothing: {query.no_place}." if query.no_place else ""
        return known, None, unknown, [f"Read as the names of {n} sources.{why}"]
    if not unknown:
        return (
            known,
            None,
            (),
            [f"Read as the names of {n} sources; with decimals it is a position: {_decimals(query)}."],
        )
    found, apart = index.sky.within(cone.ra_deg, cone.dec_deg, cone.radius_arcsec)
    words = f"Read as a position, {cone.text}: no source is called {' or '.join(unknown)}."
    return found, apart, (), [words, *_coarse(cone)]


def _decimals(query: SourceQuery) -> str:
    return " ".join(f"{number}.0" for number in query.numbers)


def _listed(index: SourceIndex, entries: tuple[str | Cone, ...]) -> tuple[IntArray, tuple[str, ...]]:
    """Return the sources that any entry of a list means, and the entries that mean none."""
    found: list[IntArray] = []
    unmatched: list[str] = []
    for entry in entries:
        if isinstance(entry, Cone):
            rows, _ = index.sky.within(entry.ra_deg, entry.dec_deg, entry.radius_arcsec)
        else:
            rows = index.names.meant(entry, most=_MOST_BY_ONE_ENTRY)
        if rows.size:
            found.append(rows)
        else:
            unmatched.append(entry.text if isinstance(entry, Cone) else entry)
    empty = np.array([], dtype=np.int64)
    return (np.unique(np.concatenate(found)) if found else empty), tuple(unmatched)


def in_state(index: SourceIndex, kind: str, word: str) -> IntArray:
    """Return the sources with a candidate in this state, or in any."""
    words = index.states.get(kind, {})
    parts = list(words.values()) if word == ANY_STATE else [words[word]] if word in words else []
    return np.unique(np.concatenate(parts)) if parts else np.array([], dtype=np.int64)


def _in_ranges(
    index: SourceIndex, query: SourceQuery, rows: IntArray | None, apart: FloatArray | None
) -> tuple[IntArray | None, FloatArray | None]:
    for wanted in query.ranges:
        column = index.columns.get(wanted.column)
        if column is None:
            return np.array([], dtype=np.int64), None
        values = column if rows is None else column[rows]
        with np.errstate(invalid="ignore"):
            inside = ~np.isnan(values)
            if wanted.low is not None:
                inside &= values >= wanted.low
            if wanted.high is not None:
                inside &= values <= wanted.high
        rows = np.flatnonzero(inside) if rows is None else rows[inside]
        apart = None if apart is None else apart[inside]
    return rows, apart


def sort_values(index: SourceIndex, found: Found, sort: str) -> FloatArray | None:
    """Return what the found sources are sorted by, shape (n,); None for their names.

    Raises
    ------
    KeyError
        There is no such column.
    """
    if sort in ("", "source_id"):
        return None
    if sort == "sep_arcsec" and found.separation_arcsec is not None:
        return found.separation_arcsec
    return index.columns[sort][found.rows]


def ordered(index: SourceIndex, found: Found, sort: str, *, descending: bool) -> IntArray:
    """Return places in `found.rows`, sorted: equal values by name, what has no value last."""
    rank = index.names.rank[found.rows]
    values = sort_values(index, found, sort)
    if values is None:
        return np.argsort(-rank if descending else rank, kind="stable")
    return np.lexsort((rank, -values if descending else values, np.isnan(values)))


def place_after(
    index: SourceIndex,
    found: Found,
    order: IntArray,
    sort: str,
    at: tuple[float | None, str],
    *,
    descending: bool,
    including: bool,
) -> int:
    """Return how many of the ordered sources come before a position (a value and a name), or up to and with it.

    The position need not be among them: a list that has changed since is entered where the source would stand.
    """
    value, name = at
    values = sort_values(index, found, sort)
    rank = index.names.place_of(name)
    own = (rank if not descending or values is not None else -rank) + (0.5 if including else 0.0)
    if values is None:
        ranks = index.names.rank[found.rows[order]]
        return int(np.searchsorted(-ranks if descending else ranks, own, side="left"))
    seen = values[order]
    known = int(np.count_nonzero(~np.isnan(seen)))
    if value is None:
        low, high = known, len(seen)
    else:
        keys, key = (-seen[:known], -value) if descending else (seen[:known], value)
        low, high = (int(np.searchsorted(keys, key, side=side)) for side in ("left", "right"))  # type: ignore[call-overload]
    ranks = index.names.rank[found.rows[order[low:high]]]
    return low + int(np.searchsorted(ranks, own, side="left"))


def made_index(
    names: NameIndex, columns: Mapping[str, FloatArray], states: Mapping[str, Mapping[str, IntArray]],
    *, before: SourceIndex | None, as_of: float, stored_as_of: float,
) -> SourceIndex:  # fmt: skip
    """Return an index of these columns; what positions alone decide is kept from `before`, where it is right."""
    all_columns = dict(columns)
    ra, dec = all_columns["ra_deg"], all_columns["dec_deg"]
    same = before is not None and np.array_equal(before.sky.ra_deg, ra, equal_nan=True)
    if before is not None and same and np.array_equal(before.sky.dec_deg, dec, equal_nan=True):
        sky, all_columns["neighbour_arcsec"] = before.sky, before.columns["neighbour_arcsec"]
    else:
        sky = SkyIndex(ra, dec)
        all_columns["neighbour_arcsec"] = sky.nearest_arcsec()
    return SourceIndex(names, sky, all_columns, states, as_of, stored_as_of)
