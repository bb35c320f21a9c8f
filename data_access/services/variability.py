"""Variability of every source, from kept sums that follow the photometry row by row."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from data_access.analysis.variability.moments import FluxKind, empty_moments, merge_moments, metrics_of
from data_access.errors import DatabaseError, ValidationError
from data_access.offload import Offload
from data_access.readers.photometry import PhotometryBlock, read_photometry_block
from data_access.records.variability import BlockQuery, Chunk, VariabilityState, VariabilityTable
from data_access.repositories.photometry_blocks import POSITIONS_AT_ONCE, Growth, PhotometryBlocks
from data_access.sidecar import Sidecar, Sums

CHUNK_ROWS = 250_000
# As many chunks are read in one go: a hundred thousand sources travel between the processes as one answer.
_CHUNKS_AT_ONCE = 4
# A worker process costs a trip there and back: a few new rows are read in a thread.
_ROWS_IN_A_THREAD = 100_000
_CLOSE = 1e-10
_MOST_DERIVED = 8
T = TypeVar("T")
_Reading = deque[tuple[int, int, asyncio.Task[PhotometryBlock]]]


class VariabilityService:
    """Kept sums over the photometry: filled by ``id > last``, checked against the database, kept in the sidecar.

    What is checked at every refresh: the identity of the file, that its rows still reach as far, and row count and
    sums of the newest chunk; after a start, the number of all rows too. Behind every refresh the same is done for one
    older chunk in turn. A chunk that differs (rows deleted, changed, numbers used again) means that everything is
    added up anew by the next refresh. A single old row that was changed in place is thus found when the turn comes
    to its chunk, `CHUNK_ROWS` rows per refresh.

    Parameters
    ----------
    make_sidecar : callable
        Returns the file for a database path; may raise `ValidationError`, then the sums live in memory only.
    """

    def __init__(
        self, blocks: PhotometryBlocks, offload: Offload, make_sidecar: Callable[[str], Sidecar], *, n_workers: int
    ) -> None:
        self._blocks = blocks
        self._offload = offload
        self._make_sidecar = make_sidecar
        self._n_workers = max(1, n_workers)
        self._sums: Sums | None = None
        self._index: dict[str, int] = {}
        self._names: npt.NDArray[np.str_] = np.array([], dtype=np.str_)
        self._tables: dict[FluxKind, VariabilityTable] = {}
        self._derived: dict[tuple[FluxKind, Hashable], tuple[VariabilityTable, Any]] = {}
        self._turn = 0
        self._running: asyncio.Task[None] | None = None
        self._afterwards: asyncio.Task[None] | None = None
        self._distrust = ""
        self._gate = asyncio.Lock()  # no table is made of sums that are just being merged
        self.state = VariabilityState()

    async def table(self, flux: FluxKind = "peak") -> VariabilityTable:
        """Return the metrics of all sources, brought up to date first; the same object while nothing was written.

        Raises
        ------
        DatabaseError
            The photometry cannot be read.
        """
        await self.refresh()
        async with self._gate:
            made = self._tables.get(flux)
            if made is None:
                made = self._tables[flux] = await self._offload.in_thread(self._make_table, flux)
            return made

    async def derived(self, flux: FluxKind, key: Hashable, make: Callable[[VariabilityTable], T]) -> T:
        """Return ``make(table)`` of the present metrics, made in a thread, and kept until something is written.

        A plane of a million sources takes a second to prepare: the next reader who asks for the same gets the same.
        """
        table = await self.table(flux)
        found = self._derived.get((flux, key))
        if found is None or found[0] is not table:
            while len(self._derived) >= _MOST_DERIVED:
                del self._derived[next(iter(self._derived))]
            found = self._derived[flux, key] = (table, await self._offload.in_thread(make, table))
        made: T = found[1]
        return made

    def positions_of(self, names: Sequence[str]) -> npt.NDArray[np.int64]:
        """Return where these sources stand in the tables, -1 for those that are not counted yet."""
        return np.array([self._index.get(name, -1) for name in names], dtype=np.int64)

    @property
    def history(self) -> str:
        """Of the present sums; see `VariabilityTable`."""
        return "" if self._sums is None else self._sums.history

    def recent_derived(self, flux: FluxKind, key: Hashable) -> Any:
        """Return what `derived` gave last for the same question, of metrics that may be outdated, or None."""
        found = self._derived.get((flux, key))
        return None if found is None else found[1]

    def _make_table(self, flux: FluxKind) -> VariabilityTable:
        sums = self._sums or _nothing("")
        kept = sums.moments[: len(self._names)]
        return VariabilityTable(
            flux=flux,
            source_id=self._names,
            n_rows=kept["n_rows"].copy(),
            ra_deg=kept["ra_deg"].copy(),
            dec_deg=kept["dec_deg"].copy(),
            last_mjd=kept["last_mjd"].copy(),
            last_processed=kept["last_processed"].copy(),
            last_id=sums.last_id,
            n_flagged=kept["n_flagged"].copy(),
            history=sums.history,
            **metrics_of(kept, flux),
        )

    async def refresh(self) -> VariabilityState:
        """Count what was written since; those who ask at the same time share one reading.

        Raises
        ------
        DatabaseError
        """
        if self._running is None or self._running.done():
            self._running = asyncio.ensure_future(self._refresh())
            self._running.add_done_callback(_look_at_error)
        # shield: one reader who goes away must not stop the sums of the others.
        await asyncio.shield(self._running)
        return self.state

    async def close(self) -> None:
        """Stop a reading that is under way; what is being saved is saved."""
        if self._running is not None and not self._running.done():
            self._running.cancel()
            await asyncio.wait({self._running})
        await self._finish()

    async def _finish(self) -> None:
        if self._afterwards is not None:
            await asyncio.wait({self._afterwards})

    async def _refresh(self) -> None:
        await self._finish()  # what is saved must not change meanwhile
        self.state = replace(self.state, computing=True)
        try:
            growth, query = await self._blocks.look()
            self.state = replace(self.state, newest_id=growth.newest_id)
            await self._take_over(growth, query)
            await self._check(growth)
            changed = await self._grow(growth, query)
            self.state = replace(self.state, checked_at=time.time())
            self._afterwards = asyncio.ensure_future(self._save_and_audit(query, changed))
            self._afterwards.add_done_callback(_look_at_error)
            if changed is None:
                await self._finish()  # the first time: what cannot be kept is said at once
        finally:
            self.state = replace(self.state, computing=False)

    async def _take_over(self, growth: Growth, query: BlockQuery) -> None:
        """Start with what is kept on the disk, or with nothing."""
        if self._sums is not None and self._sums.identity == growth.identity:
            return
        replaced = self._sums is not None
        kept = None if replaced else await self._load(growth, query)
        if kept is not None and await self._blocks.count_up_to(kept.last_id) != sum(c.n_rows for c in kept.chunks):
            self._say("rows were deleted or added before the newest one counted: all sums were made anew")
            kept = None
        elif replaced:
            self._say("the database was replaced or has other columns: all sums were made anew")
        self._start(kept or _nothing(growth.identity))

    async def _load(self, growth: Growth, query: BlockQuery) -> Sums | None:
        try:
            sidecar = self._make_sidecar(query.path)
            return await self._offload.in_thread(sidecar.load, growth.identity)
        except (ValidationError, DatabaseError) as err:
            self._say(f"the sums are kept in memory only: {err}")
            return None

    def _start(self, sums: Sums) -> None:
        self._sums = sums
        self._index = {name: i for i, name in enumerate(sums.names)}
        self._names = np.array(sums.names, dtype=np.str_)
        self._tables.clear()
        self._derived.clear()
        self.state = replace(self.state, last_id=sums.last_id)

    def _say(self, note: str) -> None:
        self.state = replace(self.state, note=note)

    async def _check(self, growth: Growth) -> None:
        """Compare the newest chunk with the database; start from nothing when something differs."""
        sums = self._sums
        if sums is None or not sums.chunks:
            return
        problem, self._distrust = self._distrust, ""
        if growth.newest_id < sums.last_id:
            problem = "the newest rows were deleted"
        if problem := problem or await self._differs(sums.chunks[-1]):
            self._say(f"{problem}: all sums were made anew")
            self._start(_nothing(growth.identity))

    async def _differs(self, chunk: Chunk) -> str:
        """Return in words how a chunk differs from what was counted; empty when it does not."""
        n_rows, totals = await self._blocks.totals(chunk.after_id, chunk.last_id)
        where = f"rows {chunk.after_id + 1:,} to {chunk.last_id:,}"
        if n_rows != chunk.n_rows:
            return f"{where} are {n_rows:,}, not {chunk.n_rows:,}"
        same = np.allclose(totals, chunk.totals, rtol=_CLOSE, atol=0, equal_nan=True)
        return "" if same else f"values in {where} were changed"

    async def _save_and_audit(self, query: BlockQuery, changed: npt.NDArray[np.int64] | None) -> None:
        """Keep the sums, then look at one older chunk: nobody waits for either."""
        sums = self._sums
        if sums is None or not sums.chunks:
            return
        if changed is None or changed.size:
            await self._save(query, sums, changed)
        older = sums.chunks[:-1]
        if older and changed is not None:
            self._turn = (self._turn + 1) % len(older)
            self._distrust = await self._differs(older[self._turn])

    async def _grow(self, growth: Growth, query: BlockQuery) -> npt.NDArray[np.int64] | None:
        """Read what is above the newest row counted, some stretches ahead, and merge it in order.

        Returns
        -------
        Positions of the sources that changed; None when all are new.
        """
        sums = self._sums
        if sums is None or growth.newest_id <= sums.last_id:
            return np.array([], dtype=np.int64)
        began, n_read, anew = time.perf_counter(), 0, not sums.chunks
        changed: list[npt.NDArray[np.int64]] = []
        reading: _Reading = deque()
        after = sums.last_id
        try:
            while after < growth.newest_id or reading:
                while after < growth.newest_id and len(reading) < self._n_workers + 1:
                    last = min(after + _CHUNKS_AT_ONCE * CHUNK_ROWS, growth.newest_id)
                    reading.append((after, last, asyncio.ensure_future(self._read(query, after, last))))
                    after = last
                _, last, task = reading.popleft()
                block = await task
                async with self._gate:
                    changed.append(await self._offload.in_thread(self._merge, sums, block))
                n_read += block.n_rows
                self._progress(last, n_read, time.perf_counter() - began)
                if block.n_rows == 0:
                    # Row numbers may have gaps of any length: what was asked for inside one is not waited for.
                    _drop(reading)
                    after = max(last, (await self._blocks.next_id(last) or growth.newest_id + 1) - 1)
        finally:
            _drop(reading)
        await self._find_positions(sums)
        if len(self._names) != len(sums.names):
            self._names = np.array(sums.names, dtype=np.str_)
        self._tables.clear()
        self._say(self.state.note if anew else "")
        return None if anew else np.unique(np.concatenate(changed))

    async def _read(self, query: BlockQuery, after: int, last: int) -> PhotometryBlock:
        if last - after <= _ROWS_IN_A_THREAD:
            return await self._offload.in_thread(read_photometry_block, query, after, last, CHUNK_ROWS)
        return await self._offload.in_process(read_photometry_block, query, after, last, CHUNK_ROWS, in_worker=True)

    def _merge(self, sums: Sums, block: PhotometryBlock) -> npt.NDArray[np.int64]:
        where = np.empty(len(block.names), dtype=np.int64)
        for i, name in enumerate(block.names):
            position = self._index.get(name)
            if position is None:
                position = self._index[name] = len(sums.names)
                sums.names.append(name)
            where[i] = position
        missing = len(sums.names) - len(sums.moments)
        if missing:
            sums.moments = np.concatenate([sums.moments, empty_moments(missing)])
        merge_moments(sums.moments, where, block.moments)
        for chunk in block.chunks:
            _append(sums.chunks, chunk)
        return where

    def _progress(self, last_id: int, n_read: int, seconds: float) -> None:
        self.state = replace(self.state, last_id=last_id, rows_per_s=n_read / max(seconds, 1e-6))

    async def _find_positions(self, sums: Sums) -> None:
        new = np.flatnonzero(~np.isfinite(sums.moments["ra_deg"]) & (sums.moments["first_id"] > 0))
        for start in range(0, len(new), POSITIONS_AT_ONCE):
            part = new[start : start + POSITIONS_AT_ONCE]
            ids = sums.moments["first_id"][part]
            found = await self._blocks.positions(ids.tolist())
            known = np.array([found.get(int(i), (np.nan, np.nan)) for i in ids])
            sums.moments["ra_deg"][part], sums.moments["dec_deg"][part] = known[:, 0], known[:, 1]

    async def _save(self, query: BlockQuery, sums: Sums, changed: npt.NDArray[np.int64] | None) -> None:
        try:
            sidecar = self._make_sidecar(query.path)
            await self._offload.in_thread(sidecar.save, sums, changed)
        except (ValidationError, DatabaseError) as err:
            self._say(f"the sums are kept in memory only: {err}")


def _append(chunks: list[Chunk], more: Chunk) -> None:
    """Add a chunk at the end; small ones, as every commit brings, grow together."""
    newest = chunks[-1] if chunks else None
    if newest is None:
        chunks.append(more)
    elif newest.n_rows + more.n_rows <= CHUNK_ROWS:
        totals = tuple(a + b for a, b in zip(newest.totals, more.totals, strict=True))
        chunks[-1] = Chunk(newest.after_id, more.last_id, newest.n_rows + more.n_rows, totals)
    else:
        chunks.append(replace(more, after_id=newest.last_id))


def _drop(reading: _Reading) -> None:
    while reading:
        reading.pop()[2].cancel()


def _nothing(identity: str) -> Sums:
    return Sums(identity, [], empty_moments(0), [])


def _look_at_error(task: asyncio.Task[None]) -> None:
    """Take note of an error even when every reader has gone: asyncio would log it as lost."""
    if not task.cancelled():
        task.exception()
