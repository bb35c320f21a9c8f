"""Search over all sources in memory: names and places at once, filters and orders over every metric."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from data_access.analysis.name_index import NameIndex
from data_access.analysis.source_index import (
    SourceIndex,
    made_index,
    ordered,
    place_after,
    select_sources,
    sort_values,
)
from data_access.analysis.variability.moments import KINDS
from data_access.errors import ArchiveError, DatabaseError, SearchNotReady, ValidationError
from data_access.offload import Offload
from data_access.records import Cursor, PageRequest, RecordPage
from data_access.records.source_columns import COLUMNS, CURVE_METRICS, METRIC_NAMES, STATE_KINDS, STORED_NAMES
from data_access.records.source_query import Found, SearchState, SourceNumbers, SourceQuery, Step
from data_access.records.variability import VariabilityTable
from data_access.repositories.source_columns import SourceColumnRepository
from data_access.services.curve_metrics import CurveMetricService
from data_access.services.variability import VariabilityService

T = TypeVar("T")
FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
# A reader waits this long for newer data; then the older ones answer, and say how old they are.
PATIENCE_S = 0.8
_LOOK_AGAIN_S = 1.0
_MOST_KEPT = 12
# The stored statistics are read as a whole: at most a twentieth of the time goes into that.
_REST_OF_STORED = 20.0
# With a million sources a new index takes seconds: no more than a fifth of the time goes into that.
_REST_OF_INDEX = 5.0
_NAMES_AT_ONCE = 20_000
_SORTS = frozenset({"", "source_id", "sep_arcsec", *(column.name for column in COLUMNS)})


class SourceSearchService:
    """Finds sources in an index of all of them, kept in memory and brought up to date behind the readers."""

    def __init__(
        self,
        variability: VariabilityService,
        columns: SourceColumnRepository,
        curve_metrics: CurveMetricService,
        offload: Offload,
    ) -> None:
        self._variability = variability
        self._columns = columns
        self._curve_metrics = curve_metrics
        self._curve_version = 0
        self._not_made = frozenset(CURVE_METRICS)
        self._offload = offload
        self._index: SourceIndex | None = None
        self._stored: tuple[list[str], dict[str, FloatArray]] = ([], {})
        self._stored_due = 0.0
        self._version: tuple[Any, ...] = ()
        self._seen = 0.0
        self._rest_s = 0.0
        self._running: asyncio.Task[None] | None = None
        self._kept: OrderedDict[tuple[Any, ...], Any] = OrderedDict()
        self.state = SearchState()

    async def index(self, *, patience_s: float = PATIENCE_S) -> SourceIndex:
        """Return all sources as they are now, or after `patience_s` as they were a moment ago (see `state`).

        Raises
        ------
        SearchNotReady
            There is none yet.
        ArchiveError
            The photometry cannot be read and never could be.
        """
        is_old = time.monotonic() - self._seen > max(_LOOK_AGAIN_S, self._rest_s)
        if is_old or self._index is None or self._curve_metrics.version != self._curve_version:
            await self._look(patience_s)
        if self._index is None:
            raise SearchNotReady(
                f"The index of all sources is being made ({100 * self._variability.state.share:.0f}% of the "
                "measurements are counted)"
            )
        return self._index

    async def _look(self, patience_s: float) -> None:
        """Begin to bring the index up to date when something was written, and wait a moment for it."""
        if self._running is None or self._running.done():
            version = await self._columns.version()
            self._seen = time.monotonic()
            same = version == self._version and self._curve_metrics.version == self._curve_version
            if same and self._index is not None:
                self.state = replace(self.state, as_of=time.time())
                return
            self._running = asyncio.ensure_future(self._refresh(version))
            self._running.add_done_callback(_look_at_error)
        await asyncio.wait({self._running}, timeout=patience_s)
        if self._running.done() and self._index is None and (err := self._running.exception()) is not None:
            raise err

    async def _refresh(self, version: tuple[Any, ...]) -> None:
        self.state = replace(self.state, building=True)
        try:
            began, curve_version = time.time(), self._curve_metrics.version
            peak = await self._variability.table("peak")
            integrated = await self._variability.table("integrated")
            stored_as_of = await self._read_stored()
            monitored = await self._columns.monitored()
            states = {kind: await self._columns.candidates(kind) for kind in STATE_KINDS}
            index = await self._offload.in_thread(
                _make, peak, integrated, self._stored, monitored, states, self._index, began, stored_as_of
            )
            curves, self._not_made = self._whole_curve_columns(len(index))
            self._index = replace(index, columns={**index.columns, **curves})
            took = time.time() - began
            self._rest_s = _REST_OF_INDEX * took if took > 1.0 else 0.0
            self._version, self._seen = version, time.monotonic()
            self._curve_version = curve_version
            self._kept.clear()
            self.state = SearchState(began, stored_as_of, len(self._index))
        except ArchiveError as err:
            self.state = replace(self.state, problem=err.message)
            raise
        finally:
            self.state = replace(self.state, building=False)

    def _whole_curve_columns(self, n: int) -> tuple[dict[str, FloatArray], frozenset[str]]:
        """Return the metrics of whole light curves as far as they are made, else NaN, and which are not made."""
        made = {kind: self._curve_metrics.columns(kind) for kind in KINDS}
        columns = {}
        for name, kind in CURVE_METRICS.items():
            found = made[kind]
            values = np.empty(0) if found is None else getattr(found, name.removesuffix("_int"))
            columns[name] = _padded(values[:n], n)
        return columns, frozenset(name for name, kind in CURVE_METRICS.items() if made[kind] is None)

    def follow_curve_metrics(self, names: Iterable[str]) -> tuple[str, bool]:
        """Have the metrics of whole light curves made where their columns are among these.

        Returns
        -------
        What the reader must know of them, and whether they are being made now.
        """
        kinds = sorted({CURVE_METRICS[name] for name in names if name in CURVE_METRICS})
        tasks = [self._curve_metrics.follow(kind) for kind in kinds]
        words = dict.fromkeys(self._curve_metrics.state(kind).words for kind in kinds)
        return " ".join(text for text in words if text), any(task is not None for task in tasks)

    async def curve_metrics_made(self, names: Iterable[str], *, patience_s: float | None = None) -> bool:
        """Return whether the metrics of whole light curves among these are made, waiting for what is being made."""
        kinds = {CURVE_METRICS[name] for name in names if name in CURVE_METRICS}
        return all([await self._curve_metrics.ready(kind, patience_s=patience_s) for kind in sorted(kinds)])

    async def _need(self, query: SourceQuery, sort: str) -> None:
        """Raise `SearchNotReady` when the question needs metrics of whole light curves that no moment brings."""
        names = (sort, *(wanted.column for wanted in query.ranges))
        if not await self.curve_metrics_made(names, patience_s=PATIENCE_S):
            words, is_going_on = self.follow_curve_metrics(names)
            # Who gets "not ready" asks again at once: not when nothing is being made.
            raise (SearchNotReady if is_going_on else DatabaseError)(words.removesuffix("."))

    async def _read_stored(self) -> float:
        now = time.time()
        if now < self._stored_due and self.state.stored_as_of is not None:
            return self.state.stored_as_of
        self._stored = await self._columns.stored()
        took = time.time() - now
        self._stored_due = now + (_REST_OF_STORED * took if took > 1.0 else 0.0)
        return now

    async def select(self, query: SourceQuery) -> tuple[SourceIndex, Found]:
        """Return the index and what the query means in it; the same question again costs nothing."""
        await self._need(query, "")
        index = await self.index()
        found = await self._remembered((id(index), query), lambda: self._in_thread(select_sources, index, query))
        return index, found

    async def order(self, query: SourceQuery, sort: str, *, descending: bool) -> tuple[SourceIndex, Found, IntArray]:
        """Return the index, what the query means and its order: positions in `Found.rows`.

        Raises
        ------
        ValidationError
            There is no such column.
        """
        if sort not in _SORTS:  # known without the index: nobody waits for it to hear of a wrong name
            raise _no_such_order(sort)
        await self._need(SourceQuery(), sort)
        index, found = await self.select(query)
        try:
            sort_values(index, found, sort)
        except KeyError as err:
            raise _no_such_order(sort) from err
        order = await self._remembered(
            (id(index), query, sort, descending),
            lambda: self._in_thread(ordered, index, found, sort, descending=descending),
        )
        return index, found, order

    async def find(self, query: SourceQuery, request: PageRequest) -> tuple[RecordPage[int], Found, SourceIndex]:
        """Return one page of sources (as positions in the index), everything that was found, and the index."""
        descending = request.descending
        index, found, order = await self.order(query, request.sort, descending=descending)
        first, last = 0, request.limit
        if request.cursor:
            cursor = Cursor.decode(request.cursor)
            value = float(cursor.value) if isinstance(cursor.value, int | float) else None
            place = place_after(
                index, found, order, request.sort, (value, str(cursor.key)),
                descending=descending, including=not cursor.backwards,
            )  # fmt: skip
            first, last = (
                (max(0, place - request.limit), place) if cursor.backwards else (place, place + request.limit)
            )
        rows = found.rows[order[first:last]]
        page = RecordPage(
            tuple(rows.tolist()),
            next_cursor=_cursor(index, found, order, request.sort, last - 1) if last < order.size else "",
            previous_cursor=(
                _cursor(index, found, order, request.sort, first, backwards=True) if first > 0 and rows.size else ""
            ),
        )
        return page, found, index

    async def step(self, query: SourceQuery, sort: str, name: str, *, descending: bool) -> Step:
        """Return the place of a source in a result, and the sources before and after it."""
        index, found, order = await self.order(query, sort, descending=descending)
        row = index.names.get(name)
        rows = found.rows
        here = np.flatnonzero(rows[order] == row) if row is not None else np.array([], dtype=np.int64)
        if not here.size:
            return Step(0, int(order.size))
        at, names = int(here[0]), index.names.names
        return Step(
            at + 1,
            int(order.size),
            names[int(rows[order[at - 1]])] if at > 0 else None,
            names[int(rows[order[at + 1]])] if at + 1 < order.size else None,
        )

    def names_of(self, rows: IntArray) -> tuple[str, ...]:
        """Return the names of sources by their positions in the index; none while there is no index."""
        index = self._index
        return () if index is None else tuple(index.names.names[i] for i in rows.tolist())

    def numbers(self, names: Sequence[str]) -> SourceNumbers | None:
        """Return the columns of these sources that are made; None when there is no index yet."""
        index = self._index
        if index is None:
            return None
        rows = [index.names.get(name) for name in names]
        at = np.array([row for row in rows if row is not None], dtype=np.int64)
        known = tuple(name for name, row in zip(names, rows, strict=True) if row is not None)
        return SourceNumbers(
            known, {c.name: index.columns[c.name][at] for c in COLUMNS if c.name not in self._not_made}
        )

    async def _in_thread(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        return await self._offload.in_thread(function, *args, **kwargs)

    async def _remembered(self, key: tuple[Any, ...], make: Callable[[], Awaitable[T]]) -> T:
        if key in self._kept:
            self._kept.move_to_end(key)
            kept: T = self._kept[key]
            return kept
        made = await make()
        self._kept[key] = made
        while len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)
        return made

    async def close(self) -> None:
        """Stop what is under way."""
        if self._running is not None and not self._running.done():
            self._running.cancel()
            await asyncio.wait({self._running})


def _look_at_error(task: asyncio.Task[None]) -> None:
    if not task.cancelled():
        task.exception()


def _cursor(
    index: SourceIndex, found: Found, order: IntArray, sort: str, place: int, *, backwards: bool = False
) -> str:
    at = int(order[place])
    values = sort_values(index, found, sort)
    value = None if values is None or np.isnan(values[at]) else float(values[at])
    return Cursor(value, index.names.names[int(found.rows[at])], 0, backwards).encode()


def _no_such_order(sort: str) -> ValidationError:
    return ValidationError(f"Sources cannot be sorted by '{sort[:40]}'", remedy="Click on the head of a column.")


def _make(
    peak: VariabilityTable,
    integrated: VariabilityTable,
    stored: tuple[list[str], dict[str, FloatArray]],
    monitored: tuple[list[str], dict[str, FloatArray], list[tuple[str, str]]],
    candidates: Mapping[str, Sequence[tuple[str, str]]],
    before: SourceIndex | None,
    as_of: float,
    stored_as_of: float,
) -> SourceIndex:
    """Make the index: the measured sources first, then those that only other tables know."""
    measured: list[str] = []
    known: set[str] = set()
    for start in range(0, peak.source_id.size, _NAMES_AT_ONCE):
        piece = peak.source_id[start : start + _NAMES_AT_ONCE].tolist()
        measured += piece
        known.update(piece)
    listed = (*stored[0], *monitored[0], *(name for pairs in candidates.values() for name, _ in pairs))
    others = _new(listed, known)
    wanted = [*measured, *others]
    names = _names(wanted, monitored[2], before)
    n = len(wanted)
    columns = {"n_rows": _padded(peak.n_rows, n, 0.0), "n_flagged": _padded(peak.n_flagged, n, 0.0)}
    columns["seen_mjd"] = _padded(peak.last_mjd, n)
    columns["seen_processed"] = _padded(peak.last_processed, n)
    for suffix, table in (("", peak), ("_int", integrated)):
        for name in METRIC_NAMES:
            columns[f"{name}{suffix}"] = _padded(getattr(table, name), n, 0.0 if name == "n" else np.nan)
        columns[f"chi2{suffix}"] = columns[f"eta{suffix}"]
    ra, dec = _padded(peak.ra_deg, n), _padded(peak.dec_deg, n)
    stored_rows = _rows_of(names, stored[0])
    for name in STORED_NAMES:
        columns[name] = _placed(stored_rows, stored[1].get(name), n)
    with np.errstate(all="ignore"):
        v = columns["std_flux_mjy"] / columns["mean_flux_mjy"]
    v = np.where(columns["mean_flux_mjy"] > 0, v, np.nan)
    monitored_rows = _rows_of(names, monitored[0])
    v_index, eta = (_placed(monitored_rows, monitored[1].get(name), n) for name in ("v_index", "eta"))
    columns["v_stored"] = np.where(np.isnan(v_index), v, v_index)
    columns["eta_metric"] = np.where(np.isnan(columns["eta_metric"]), eta, columns["eta_metric"])
    for rows, source in ((stored_rows, stored[1]), (monitored_rows, monitored[1])):
        for target, name in ((ra, "ra_deg"), (dec, "dec_deg")):
            more = _placed(rows, source.get(name), n)
            target[np.isnan(target)] = more[np.isnan(target)]
    columns["ra_deg"], columns["dec_deg"] = ra, dec
    return made_index(
        names, columns, {kind: _by_word(names, pairs) for kind, pairs in candidates.items()},
        before=before, as_of=as_of, stored_as_of=stored_as_of,
    )  # fmt: skip


def _names(wanted: list[str], aliases: Sequence[tuple[str, str]], before: SourceIndex | None) -> NameIndex:
    """Return the index of names, the one of before when nobody is called otherwise."""
    if before is not None and before.names.names == wanted:
        pairs = tuple((row, alias) for name, alias in aliases if (row := before.names.get(name)) is not None)
        if before.names.aliases == pairs:
            return before.names
    row_of = {name: row for row, name in enumerate(wanted)} if aliases else {}
    return NameIndex(wanted, tuple((row_of[name], alias) for name, alias in aliases if name in row_of))


def _new(names: Iterable[str], known: set[str]) -> list[str]:
    found: list[str] = []
    for name in names:
        if name not in known:
            known.add(name)
            found.append(name)
    return found


def _padded(values: npt.NDArray[Any], n: int, fill: float = np.nan) -> FloatArray:
    made = np.full(n, fill)
    made[: values.size] = values
    return made


def _rows_of(names: NameIndex, wanted: Sequence[str]) -> IntArray:
    return np.array([names.get(name) for name in wanted], dtype=np.int64)


def _placed(rows: IntArray, values: FloatArray | None, n: int) -> FloatArray:
    made = np.full(n, np.nan)
    if values is not None:
        made[rows] = values
    return made


def _by_word(names: NameIndex, pairs: Sequence[tuple[str, str]]) -> dict[str, IntArray]:
    words: dict[str, set[int]] = {}
    for name, word in pairs:
        row = names.get(name)
        if row is not None:
            words.setdefault(word, set()).add(row)
    return {word: np.array(sorted(rows), dtype=np.int64) for word, rows in words.items()}
