"""The two-epoch metrics of all sources: made when somebody asks for them, behind the readers, and then kept."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from data_access.analysis.variability import maximum_pair
from data_access.analysis.variability.fronts import (
    Fronts,
    Members,
    TwoEpochMaxima,
    merged_fronts,
    two_epoch_maxima,
)
from data_access.analysis.variability.metric import FloatArray
from data_access.analysis.variability.moments import FluxKind
from data_access.errors import ArchiveError, ValidationError
from data_access.offload import Offload
from data_access.readers.photometry_fronts import read_fronts
from data_access.records.two_epoch import TwoEpochColumns, TwoEpochState
from data_access.records.variability import BlockQuery, VariabilityTable
from data_access.repositories.photometry import PhotometryRepository
from data_access.repositories.photometry_blocks import PhotometryBlocks
from data_access.services.two_epoch_file import KeptFronts, fronts_path, load_fronts, save_fronts
from data_access.services.variability import VariabilityService

_ROWS_AT_ONCE = 500_000
_ROWS_IN_A_THREAD = 100_000
# All measurements of a source that fronts cannot decide are read; of so many sources at a time.
_MOST_READ = 20_000
_READ_TOGETHER = 2
# A million sources take seconds to go through: a fifth of the time at most.
_REST = 5.0
_SHORT_S = 1.0
_SAVE_EVERY_S = 600.0


@dataclass(slots=True)
class _Kind:
    """What is known of one kind of flux."""

    kept: KeptFronts | None = None
    columns: TwoEpochColumns | None = None
    task: asyncio.Task[None] | None = None
    path: Path | None = None
    due: float = 0.0
    saved: float = 0.0
    is_saved: bool = True


class TwoEpochService:
    """|Vs| and |m| of the pair that the page of a source takes, for every source.

    Fronts (see `analysis.variability.fronts`) grow by the new rows; they are of the sums that `VariabilityService`
    keeps, and begin anew when those do. Nothing is read before somebody asks.

    Parameters
    ----------
    open_folder : callable
        Returns the cache folder; may raise `ValidationError`, then the fronts live in memory only.
    """

    def __init__(
        self,
        variability: VariabilityService,
        blocks: PhotometryBlocks,
        photometry: PhotometryRepository,
        offload: Offload,
        open_folder: Callable[[], Path],
    ) -> None:
        self._variability = variability
        self._blocks = blocks
        self._photometry = photometry
        self._offload = offload
        self._open_folder = open_folder
        self._kinds: dict[FluxKind, _Kind] = {"peak": _Kind(), "integrated": _Kind()}
        self._states: dict[FluxKind, TwoEpochState] = {"peak": TwoEpochState(), "integrated": TwoEpochState()}
        self.version = 0

    def state(self, kind: FluxKind) -> TwoEpochState:
        """Return how far the metrics have come."""
        return self._states[kind]

    def columns(self, kind: FluxKind) -> TwoEpochColumns | None:
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
        maxima = await self._offload.in_thread(two_epoch_maxima, kept.fronts, len(table))
        other = await self._integrated_where_no_peak(kind, kept, table)
        while True:
            undecided = await self._offload.in_thread(_undecided, maxima, kept, table)
            self._publish(kind, one, await self._offload.in_thread(_columns, maxima, kept, table, other, undecided))
            if not undecided.size:
                return
            await self._read_whole(kind, kept, table, undecided[:_MOST_READ])

    async def _kept_of(self, kind: FluxKind, one: _Kind, table: VariabilityTable) -> KeptFronts:
        """Return the fronts of these sums: those in memory, those on disk, or none yet."""
        if one.kept is None or one.kept.history != table.history:
            loaded = None
            try:
                _, query = await self._blocks.look()
                one.path = fronts_path(self._open_folder(), query.path, kind)
                loaded = await self._offload.in_thread(load_fronts, one.path, table.history)
            except ValidationError:
                one.path = None
            is_usable = loaded is not None and loaded.last_id <= table.last_id
            one.kept = loaded if loaded is not None and is_usable else KeptFronts.nothing(table.history)
            one.saved = time.monotonic() if is_usable else -_SAVE_EVERY_S
        return one.kept

    async def _grow(self, kind: FluxKind, kept: KeptFronts, table: VariabilityTable) -> None:
        """Read what was counted since, one stretch after the other: nobody else's reading waits long."""
        _, query = await self._blocks.look()
        while kept.last_id < table.last_id:
            self._say(kind, last_id=kept.last_id, newest_id=table.last_id)
            last = min(kept.last_id + _ROWS_AT_ONCE, table.last_id)
            names, fronts = await self._read(query, kept.last_id, last, kind)
            if self._variability.history != kept.history:
                return
            places = self._variability.positions_of(names).astype(np.int32)
            kept.fronts = await self._offload.in_thread(_grown, kept.fronts, fronts, places)
            kept.last_id = last
            if not names:  # row numbers may have gaps of any length
                kept.last_id = max(last, (await self._blocks.next_id(last) or table.last_id + 1) - 1)

    async def _read(self, query: BlockQuery, after: int, last: int, kind: FluxKind) -> tuple[tuple[str, ...], Fronts]:
        if last - after <= _ROWS_IN_A_THREAD:
            return await self._offload.in_thread(read_fronts, query, after, last, kind)
        return await self._offload.in_process(read_fronts, query, after, last, kind, in_worker=True)

    async def _integrated_where_no_peak(
        self, kind: FluxKind, kept: KeptFronts, table: VariabilityTable
    ) -> TwoEpochColumns | None:
        """Return the metrics of the integrated fluxes where a source has no other, as its light curve."""
        if kind != "peak" or not _without_peak(kept, table).any():
            return None
        await self.ready("integrated", patience_s=None)
        return self.columns("integrated")

    async def _read_whole(
        self, kind: FluxKind, kept: KeptFronts, table: VariabilityTable, places: npt.NDArray[np.int64]
    ) -> None:
        """Look at all measurements of some sources."""
        gate = asyncio.Semaphore(_READ_TOGETHER)

        async def read(place: int) -> None:
            async with gate:
                curve = await self._photometry.get_light_curve(str(table.source_id[place]))
                flux, err = (
                    (curve.peak_jyb, curve.peak_err_jyb) if kind == "peak" else (curve.flux_jy, curve.flux_err_jy)
                )
                good = ~curve.is_flagged
                vs, m = await self._offload.in_thread(_of_one, flux[good], err[good])
                kept.read_n[place], kept.read_vs[place], kept.read_m[place] = table.n[place], vs, m

        for start in range(0, places.size, 100):
            await asyncio.gather(*(read(place) for place in places[start : start + 100].tolist()))
            self._say(kind, last_id=kept.last_id, newest_id=table.last_id, n_waiting=places.size - start)

    def _publish(self, kind: FluxKind, one: _Kind, columns: TwoEpochColumns) -> None:
        one.columns = columns
        self.version += 1
        self._say(kind, last_id=columns.last_id, newest_id=columns.last_id, n_waiting=columns.n_waiting)

    def _say(
        self, kind: FluxKind, *, last_id: int = 0, newest_id: int = 0, n_waiting: int = 0, problem: str = ""
    ) -> None:
        self._states[kind] = TwoEpochState(last_id, newest_id, n_waiting, problem)

    async def _save(self, one: _Kind) -> None:
        if one.is_saved or one.kept is None or one.path is None:
            return
        one.is_saved, one.saved = True, time.monotonic()
        try:
            await self._offload.in_thread(save_fronts, one.path, one.kept)
        except OSError:
            one.path = None  # a full disk: they live in memory


def _grown(kept: Fronts, more: Fronts, places: npt.NDArray[np.int32]) -> Fronts:
    high, low = (Members(places[part.codes], part.flux, part.err) for part in (more.high, more.low))
    known = [part[part.codes >= 0] for part in (high, low)]
    return merged_fronts(kept, Fronts(*known))


def _without_peak(kept: KeptFronts, table: VariabilityTable) -> npt.NDArray[np.bool_]:
    has_peak = np.zeros(len(table), dtype=np.bool_)
    has_peak[kept.fronts.high.codes] = True
    return ~has_peak & (table.n > 0)


def _undecided(maxima: TwoEpochMaxima, kept: KeptFronts, table: VariabilityTable) -> npt.NDArray[np.int64]:
    """Return the sources of which all measurements must be looked at, and were not as they are now."""
    return np.flatnonzero(~maxima.decided & (kept.read_n[: len(table)] != table.n) & (table.n > 1))


def _columns(
    maxima: TwoEpochMaxima,
    kept: KeptFronts,
    table: VariabilityTable,
    other: TwoEpochColumns | None,
    undecided: npt.NDArray[np.int64],
) -> TwoEpochColumns:
    n = len(table)
    vs, m = (
        np.where(maxima.decided, own, read[:n]) for own, read in ((maxima.vs, kept.read_vs), (maxima.m, kept.read_m))
    )
    vs[undecided] = m[undecided] = np.nan
    if other is not None:
        known = min(n, other.vs.size)
        absent = np.flatnonzero(_without_peak(kept, table)[:known])
        vs[absent], m[absent] = other.vs[absent], other.m[absent]
    vs[table.n < 2] = m[table.n < 2] = np.nan
    return TwoEpochColumns(vs, m, table.history, table.last_id, int(undecided.size))


def _of_one(flux: FloatArray, err: FloatArray) -> tuple[float, float]:
    pair = maximum_pair(flux, err)
    vs, m = (np.nan if metric.value is None else abs(metric.value) for metric in (pair.vs, pair.m))
    return vs, m
