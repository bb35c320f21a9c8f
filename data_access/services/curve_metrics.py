"""Metrics of whole light curves of all sources: made when somebody asks, behind the readers, and then kept."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from data_access.analysis.variability.extremes import LargestDeviations, largest_leave_one_out
from data_access.analysis.variability.fronts import (
    Fronts,
    Members,
    TwoEpochMaxima,
    merged_fronts,
    two_epoch_maxima,
)
from data_access.analysis.variability.metric import FloatArray
from data_access.analysis.variability.moments import KINDS, FluxKind
from data_access.analysis.variability.runs import Runs, merged_runs, von_neumann_ratios
from data_access.errors import ArchiveError, ValidationError
from data_access.offload import Offload
from data_access.readers.photometry_curves import CurveParts, WholeCurves, read_curve_parts, read_whole_curves
from data_access.records.curve_metrics import CurveMetrics, CurveMetricsState
from data_access.records.variability import BlockQuery, VariabilityTable
from data_access.repositories.photometry_blocks import PhotometryBlocks
from data_access.services.curve_metrics_file import KeptCurves, curves_path, load_curves, save_curves
from data_access.services.variability import VariabilityService

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
_ROWS_AT_ONCE = 500_000
_ROWS_IN_A_THREAD = 100_000
# All measurements of a source that its kept parts cannot decide are read; of so many sources between two answers.
_MOST_READ = 20_000
# One question names at most so many sources, and reads about so many rows.
_NAMES_AT_ONCE, _ROWS_OF_NAMES = 500, 100_000
_NAMED_ROWS_IN_A_THREAD = 5_000
MOST_ROWS_OF_FEW = 200_000
# A million sources take seconds to go through: a fifth of the time at most.
_REST = 5.0
_SHORT_S = 1.0
_SAVE_EVERY_S = 600.0


@dataclass(slots=True)
class _Kind:
    """What is known of one kind of flux."""

    kept: KeptCurves | None = None
    columns: CurveMetrics | None = None
    task: asyncio.Task[None] | None = None
    path: Path | None = None
    due: float = 0.0
    saved: float = 0.0
    is_saved: bool = True


class CurveMetricService:
    """Metrics that no kept sum has, for every source as its own page shows them.

    |Vs|, |m| and the leave-one-out z come from fronts, the von Neumann ratio from runs (see `fronts`, `extremes` and
    `runs` in `analysis.variability`). Both grow by the new rows; they are of the sums that `VariabilityService`
    keeps, and begin anew when those do. Sources that they cannot decide are read whole. Nothing is read before
    somebody asks.

    Parameters
    ----------
    open_folder : callable
        Returns the cache folder; may raise `ValidationError`, then everything lives in memory only.
    """

    def __init__(
        self,
        variability: VariabilityService,
        blocks: PhotometryBlocks,
        offload: Offload,
        open_folder: Callable[[], Path],
    ) -> None:
        self._variability = variability
        self._blocks = blocks
        self._offload = offload
        self._open_folder = open_folder
        self._kinds: dict[FluxKind, _Kind] = {"peak": _Kind(), "integrated": _Kind()}
        self._states: dict[FluxKind, CurveMetricsState] = {
            "peak": CurveMetricsState(),
            "integrated": CurveMetricsState(),
        }
        self.version = 0

    def state(self, kind: FluxKind) -> CurveMetricsState:
        """Return how far the metrics have come."""
        return self._states[kind]

    def columns(self, kind: FluxKind) -> CurveMetrics | None:
        """Return what was made last; None before the first time, and when the sums began anew since."""
        made = self._kinds[kind].columns
        return made if made is not None and made.history == self._variability.history else None

    def follow(self, kind: FluxKind) -> asyncio.Task[None] | None:
        """Begin to count what is new; return the work that is under way, None when there is nothing to do now."""
        one, made = self._kinds[kind], self.columns(kind)
        if one.task is not None and not one.task.done():
            return one.task
        if made is not None and made.last_id == self._variability.state.last_id and not made.n_waiting:
            return None
        if time.monotonic() < one.due and (made is not None or self.state(kind).problem):
            return None
        one.task = asyncio.ensure_future(self._follow(kind))
        return one.task

    async def ready(self, kind: FluxKind, *, patience_s: float | None) -> bool:
        """Return whether there are metrics, waiting for those that are being made."""
        task = self.follow(kind)
        if task is not None:
            await asyncio.wait({task}, timeout=patience_s)
        return self.columns(kind) is not None

    async def pairs_of(self, table: VariabilityTable, places: IntArray) -> tuple[FloatArray, FloatArray]:
        """Return |Vs| and |m| of a few sources, shape (n,): as made for all, else from their own light curves.

        NaN where there is none, and from the source on with which more than `MOST_ROWS_OF_FEW` rows would be read.

        Parameters
        ----------
        table : VariabilityTable
        places : int64, shape (n,)
            Where the sources stand in it.

        Raises
        ------
        ArchiveError
            The photometry cannot be read.
        """
        made = self.columns(table.flux)
        if made is not None and (made.history, made.last_id, made.n_waiting) == (table.history, table.last_id, 0):
            return made.vs[places], made.m[places]
        _, query = await self._blocks.look()
        vs, m = np.full((2, places.size), np.nan)
        n_read = int(np.count_nonzero(np.cumsum(table.n_rows[places]) <= MOST_ROWS_OF_FEW))
        wanted = np.arange(n_read)
        for kind in KINDS if table.flux == "peak" else KINDS[1:]:
            for part in _parts(wanted, table.n_rows[places]):
                asked = (table, places[part], np.ones(part.size, dtype=np.bool_))
                whole = await self._read_named(query, table.last_id, kind, asked)
                vs[part], m[part] = whole.vs, whole.m
            # A source without any peak is answered by its integrated fluxes, as its light curve is.
            wanted = wanted[np.isnan(vs[wanted]) & (table.n[places[wanted]] > 1)]
        return vs, m

    async def close(self) -> None:
        """Stop what is under way, and keep what was made."""
        for one in self._kinds.values():
            if one.task is not None and not one.task.done():
                one.task.cancel()
                await asyncio.wait({one.task})
            await self._save(one)

    async def _follow(self, kind: FluxKind) -> None:
        one, began = self._kinds[kind], time.monotonic()
        try:
            await self._bring_up_to_date(kind, one)
        except ArchiveError as err:
            self._say(kind, problem=err.message)
            one.due = time.monotonic() + _REST
            return
        took = time.monotonic() - began
        one.due = time.monotonic() + (_REST * took if took > _SHORT_S else 0.0)
        if time.monotonic() - one.saved > _SAVE_EVERY_S:
            await self._save(one)

    async def _bring_up_to_date(self, kind: FluxKind, one: _Kind) -> None:
        table = await self._variability.table(kind)
        made = self.columns(kind)
        if made is not None and made.last_id == table.last_id and not made.n_waiting:
            return
        kept = await self._kept_of(kind, one, table)
        if kind == "peak" or bool((table.n > 0).any()):
            await self._grow(kind, kept, table)
        kept.last_id = table.last_id
        kept.grow(len(table))
        if self._variability.history != kept.history:
            one.kept = None
            return
        one.is_saved = False
        found = await self._offload.in_thread(_found, kept, table)
        other = await self._integrated_where_no_peak(kind, kept, table)
        while True:
            waiting = await self._offload.in_thread(_waiting, found, kept, table)
            self._publish(kind, one, await self._offload.in_thread(_columns, found, kept, table, other, waiting))
            if not waiting.size:
                return
            await self._read_whole(kind, kept, table, (waiting, found))

    async def _kept_of(self, kind: FluxKind, one: _Kind, table: VariabilityTable) -> KeptCurves:
        """Return what is kept of these sums: in memory, on disk, or nothing yet."""
        if one.kept is None or one.kept.history != table.history:
            loaded = None
            try:
                _, query = await self._blocks.look()
                one.path = curves_path(self._open_folder(), query.path, kind)
                loaded = await self._offload.in_thread(load_curves, one.path, table.history)
            except ValidationError:
                one.path = None
            is_usable = loaded is not None and loaded.last_id <= table.last_id
            one.kept = loaded if loaded is not None and is_usable else KeptCurves.nothing(table.history)
            one.saved = time.monotonic() if is_usable else -_SAVE_EVERY_S
        return one.kept

    async def _grow(self, kind: FluxKind, kept: KeptCurves, table: VariabilityTable) -> None:
        """Read what was counted since, one stretch after the other: nobody else's reading waits long."""
        _, query = await self._blocks.look()
        while kept.last_id < table.last_id:
            self._say(kind, last_id=kept.last_id, newest_id=table.last_id)
            last = min(kept.last_id + _ROWS_AT_ONCE, table.last_id)
            parts = await self._read(query, kept.last_id, last, kind)
            if self._variability.history != kept.history:
                return
            places = self._variability.positions_of(parts.names)
            more = await self._offload.in_thread(_with_more, kept, parts, places, len(table))
            # All at once: who is stopped between two of them would count rows twice.
            kept.fronts, kept.runs, kept.last_id = *more, last
            if not parts.names:  # row numbers may have gaps of any length
                kept.last_id = max(last, (await self._blocks.next_id(last) or table.last_id + 1) - 1)

    async def _read(self, query: BlockQuery, after: int, last: int, kind: FluxKind) -> CurveParts:
        if last - after <= _ROWS_IN_A_THREAD:
            return await self._offload.in_thread(read_curve_parts, query, after, last, kind)
        return await self._offload.in_process(read_curve_parts, query, after, last, kind, in_worker=True)

    async def _integrated_where_no_peak(
        self, kind: FluxKind, kept: KeptCurves, table: VariabilityTable
    ) -> CurveMetrics | None:
        """Return the metrics of the integrated fluxes where a source has no other, as its light curve."""
        if kind != "peak" or not _without_peak(kept, table).any():
            return None
        await self.ready("integrated", patience_s=None)
        return self.columns("integrated")

    async def _read_whole(
        self, kind: FluxKind, kept: KeptCurves, table: VariabilityTable, asked: tuple[IntArray, _Found]
    ) -> None:
        """Look at all measurements of some of the sources that wait for it."""
        _, query = await self._blocks.look()
        waiting, found = asked
        n_left = int(waiting.size)
        for part in _parts(waiting[:_MOST_READ], table.n_rows):
            wanted = ~found.decided[part]
            whole = await self._read_named(query, kept.last_id, kind, (table, part, wanted))
            kept.runs[part] = whole.runs
            read = part[wanted]
            kept.read_n[read] = table.n[read]
            kept.read_vs[read], kept.read_m[read], kept.read_z[read] = (
                column[wanted] for column in (whole.vs, whole.m, whole.z)
            )
            n_left -= int(part.size)
            self._say(kind, last_id=kept.last_id, newest_id=table.last_id, n_waiting=n_left)

    async def _read_named(
        self, query: BlockQuery, last_id: int, kind: FluxKind, asked: tuple[VariabilityTable, IntArray, BoolArray]
    ) -> WholeCurves:
        table, places, wanted = asked
        named = self._blocks.of_sources(query, table.source_id[places].tolist())
        if int(table.n_rows[places].sum()) <= _NAMED_ROWS_IN_A_THREAD:
            return await self._offload.in_thread(read_whole_curves, named, last_id, kind, wanted=wanted)
        return await self._offload.in_process(read_whole_curves, named, last_id, kind, wanted=wanted, in_worker=True)

    def _publish(self, kind: FluxKind, one: _Kind, columns: CurveMetrics) -> None:
        one.columns = columns
        self.version += 1
        self._say(kind, last_id=columns.last_id, newest_id=columns.last_id, n_waiting=columns.n_waiting)

    def _say(
        self, kind: FluxKind, *, last_id: int = 0, newest_id: int = 0, n_waiting: int = 0, problem: str = ""
    ) -> None:
        self._states[kind] = CurveMetricsState(last_id, newest_id, n_waiting, problem)

    async def _save(self, one: _Kind) -> None:
        if one.is_saved or one.kept is None or one.path is None:
            return
        one.is_saved, one.saved = True, time.monotonic()
        try:
            await self._offload.in_thread(save_curves, one.path, one.kept)
        except OSError:
            one.path = None  # a full disk: they live in memory


@dataclass(frozen=True, slots=True)
class _Found:
    """What the fronts say; `decided`, shape (n_src,): both metrics need no look at all measurements."""

    maxima: TwoEpochMaxima
    deviations: LargestDeviations
    decided: BoolArray


def _found(kept: KeptCurves, table: VariabilityTable) -> _Found:
    maxima = two_epoch_maxima(kept.fronts, len(table))
    deviations = largest_leave_one_out(kept.fronts, table.xi, table.xi_err, table.max - table.min)
    return _Found(maxima, deviations, (maxima.decided & deviations.decided) | (table.n < 2))


def _with_more(kept: KeptCurves, parts: CurveParts, places: IntArray, n_src: int) -> tuple[Fronts, Runs]:
    """Return what is kept together with what was read; sources whose place is -1 are not counted yet."""
    codes = places.astype(np.int32)
    high, low = (Members(codes[part.codes], part.flux, part.err) for part in (parts.fronts.high, parts.fronts.low))
    fronts = merged_fronts(kept.fronts, Fronts(high[high.codes >= 0], low[low.codes >= 0]))
    known = np.flatnonzero(places >= 0)
    return fronts, merged_runs(kept.runs, places[known], parts.runs[known], n_src)


def _parts(places: IntArray, n_rows: IntArray) -> Iterator[IntArray]:
    """Yield the sources in parts of neither many names nor many rows, unless a single source has them."""
    ends = np.cumsum(n_rows[places])
    start = 0
    while start < places.size:
        before = int(ends[start - 1]) if start else 0
        stop = int(np.searchsorted(ends, before + _ROWS_OF_NAMES, side="right"))
        stop = min(max(stop, start + 1), start + _NAMES_AT_ONCE)
        yield places[start:stop]
        start = stop


def _without_peak(kept: KeptCurves, table: VariabilityTable) -> npt.NDArray[np.bool_]:
    has_peak = np.zeros(len(table), dtype=np.bool_)
    has_peak[kept.fronts.high.codes] = True
    return ~has_peak & (table.n > 0)


def _waiting(found: _Found, kept: KeptCurves, table: VariabilityTable) -> IntArray:
    """Return the sources of which all measurements must be looked at, and were not as they are now."""
    n = len(table)
    needed = (~found.decided & (kept.read_n[:n] != table.n)) | kept.runs.torn[:n]
    return np.flatnonzero(needed)


def _columns(
    found: _Found,
    kept: KeptCurves,
    table: VariabilityTable,
    other: CurveMetrics | None,
    waiting: IntArray,
) -> CurveMetrics:
    n = len(table)
    of_reading = {"vs": kept.read_vs, "m": kept.read_m, "leave_one_out": kept.read_z}
    of_fronts = {"vs": found.maxima.vs, "m": found.maxima.m, "leave_one_out": found.deviations.z}
    made = {name: np.where(found.decided, values, of_reading[name][:n]) for name, values in of_fronts.items()}
    undecided = waiting[~found.decided[waiting]]
    for values in made.values():
        values[undecided] = np.nan
        values[table.n < 2] = np.nan
    made["von_neumann"] = von_neumann_ratios(kept.runs[:n], table.n, table.std, table.max - table.min)
    if other is not None:
        known = min(n, other.vs.size)
        absent = np.flatnonzero(_without_peak(kept, table)[:known])
        for name, values in made.items():
            values[absent] = getattr(other, name)[absent]
    return CurveMetrics(**made, history=table.history, last_id=table.last_id, n_waiting=int(waiting.size))
