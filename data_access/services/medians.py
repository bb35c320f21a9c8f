"""The median flux of every source: no kept sum has it, so the measurements are read when somebody asks."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from data_access.analysis.variability.medians import medians_by_source
from data_access.analysis.variability.moments import FloatArray, FluxKind
from data_access.offload import Offload
from data_access.readers.photometry import UsableFluxes, read_usable_fluxes
from data_access.records.variability import BlockQuery, VariabilityTable
from data_access.repositories.photometry_blocks import PhotometryBlocks
from data_access.services.variability import VariabilityService

# 12 bytes each: 240 MB. What was measured before the newest so many rows is left out, and that is said.
MOST_ROWS = 20_000_000
_ROWS_AT_ONCE = 500_000
# Read anew after every commit, a large table would be read all the time: a tenth of the time goes into that.
_REST = 10.0
_SHORT_S = 2.0


@dataclass(frozen=True, slots=True)
class Medians:
    """Medians of the sources of a table.

    Attributes
    ----------
    flux : float64, shape (n_src,)
        Jy/beam or Jy; NaN where nothing usable was read.
    last_id : int
        Newest photometry row that was read.
    after_id : int
        Rows up to this one were not read: 0 when all were.
    """

    flux: FloatArray
    last_id: int
    after_id: int = 0

    @property
    def is_partial(self) -> bool:
        """True when only the newest rows were read."""
        return self.after_id > 0


class MedianService:
    """Exact medians of the usable measurements, of the newest `MOST_ROWS` rows where there are more.

    Read in worker processes, put together in threads, and kept while nothing is written; after a reading that took
    long, for ten times as long.
    """

    def __init__(
        self, variability: VariabilityService, blocks: PhotometryBlocks, offload: Offload, *, n_workers: int
    ) -> None:
        self._variability = variability
        self._blocks = blocks
        self._offload = offload
        self._n_workers = max(1, n_workers)
        self._kept: dict[FluxKind, tuple[VariabilityTable, Medians, float]] = {}
        self._locks: dict[FluxKind, asyncio.Lock] = {"peak": asyncio.Lock(), "integrated": asyncio.Lock()}

    async def of(self, table: VariabilityTable) -> Medians:
        """Return the medians of the sources of a table, those of a moment ago where they were read just now.

        A source without any peak flux has the median of its integrated ones, as its light curve.

        Raises
        ------
        DatabaseError
            The photometry cannot be read.
        """
        async with self._locks[table.flux]:  # those who ask at the same time share one reading
            kept = self._kept.get(table.flux)
            if kept is not None and (kept[0] is table or time.monotonic() < kept[2]):
                again = await self._offload.in_thread(_for_table, kept[1], kept[0], table)
                if again is not None:
                    return again
            began = time.monotonic()
            made = await self._read(table)
            if not await self._offload.in_thread(self._is_in_place, table):
                # The sums were made anew meanwhile: whoever shows this table will ask for the new one.
                return Medians(np.full(len(table), np.nan), table.last_id)
            took = time.monotonic() - began
            self._kept[table.flux] = (table, made, began + (_REST * took if took > _SHORT_S else 0.0))
            return made

    async def _read(self, table: VariabilityTable) -> Medians:
        _, query = await self._blocks.look()
        after = max(0, table.last_id - MOST_ROWS)
        flux = await self._of_kind(table, query, after, table.flux)
        if table.flux == "peak" and not after:
            absent = np.isnan(flux) & (table.n > 0)
            if absent.any():
                other = await self._of_kind(table, query, after, "integrated")
                flux = np.where(absent, other, flux)
        return Medians(flux, table.last_id, after)

    async def _of_kind(self, table: VariabilityTable, query: BlockQuery, after: int, kind: FluxKind) -> FloatArray:
        edges = [*range(after, table.last_id, _ROWS_AT_ONCE), table.last_id]
        stretches = list(pairwise(edges))
        gate = asyncio.Semaphore(self._n_workers)

        async def read(first: int, last: int) -> tuple[npt.NDArray[np.int32], FloatArray]:
            async with gate:
                if last - first < _ROWS_AT_ONCE // 5:  # a trip to another process costs more
                    found = await self._offload.in_thread(read_usable_fluxes, query, first, last, kind)
                else:
                    found = await self._offload.in_process(
                        read_usable_fluxes, query, first, last, kind, in_worker=True
                    )
                return await self._offload.in_thread(self._placed, found), found.flux

        parts = await asyncio.gather(*(read(first, last) for first, last in stretches))
        return await self._offload.in_thread(_together, parts, len(table))

    def _is_in_place(self, table: VariabilityTable) -> bool:
        places = self._variability.positions_of(table.source_id.tolist())
        return bool((places == np.arange(len(table))).all())

    def _placed(self, found: UsableFluxes) -> npt.NDArray[np.int32]:
        positions = self._variability.positions_of(found.names).astype(np.int32)
        return positions[found.codes] if positions.size else found.codes


def _together(parts: list[tuple[npt.NDArray[np.int32], FloatArray]], n_src: int) -> FloatArray:
    if not parts:
        return np.full(n_src, np.nan)
    positions, flux = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    positions[positions >= n_src] = -1  # sources that came since
    return medians_by_source(positions, flux, n_src)


def _for_table(medians: Medians, of: VariabilityTable, table: VariabilityTable) -> Medians | None:
    """Return medians for a table with more sources; None when the sources stand at other places."""
    n = len(of)
    if of is table:
        return medians
    if len(table) < n or not np.array_equal(of.source_id, table.source_id[:n]):
        return None
    flux = np.concatenate([medians.flux, np.full(len(table) - n, np.nan)])
    return Medians(flux, medians.last_id, medians.after_id)
