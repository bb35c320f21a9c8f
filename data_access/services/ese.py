"""The pipeline's ESE candidates with what their light curves say, kept while their measurements stay the same."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from data_access.analysis.ese_summary import EseOptions, EseSummary, summarise_ese
from data_access.analysis.variability.moments import FluxKind
from data_access.errors import ArchiveError
from data_access.offload import Offload
from data_access.records import EseCandidate, LightCurve
from data_access.records.neighbours import NeighbourCurves
from data_access.repositories.photometry import PhotometryRepository
from data_access.repositories.photometry_versions import CurveVersion
from data_access.repositories.sources import SourceRepository
from data_access.services.neighbours import NeighbourService

MOST_CANDIDATES = 500
_MOST_KEPT = 2000
_VERSIONS_AT_ONCE = 200
_PATIENCE_S = 60.0
_UNKNOWN = CurveVersion(0, 0)


@dataclass(frozen=True, slots=True)
class EseAnalysis:
    """What a light curve says, and the neighbours that it was divided by (None when they cannot be known now)."""

    summary: EseSummary
    neighbours: NeighbourCurves | None


@dataclass(frozen=True, slots=True)
class EseEntry:
    """One candidate of the list.

    Attributes
    ----------
    candidate : EseCandidate
    n_epoch : int
        Measurements of any quality.
    summary : EseSummary or None
        None until it is computed, and when that failed.
    problem : str
        Why it could not be computed.
    """

    candidate: EseCandidate
    n_epoch: int = 0
    summary: EseSummary | None = None
    problem: str = ""


class EseService:
    """Analyses light curves off the event loop; an analysis is kept until the measurements of its source change."""

    def __init__(
        self, sources: SourceRepository, photometry: PhotometryRepository, neighbours: NeighbourService,
        offload: Offload,
    ) -> None:  # fmt: skip
        self._sources = sources
        self._photometry = photometry
        self._neighbours = neighbours
        self._offload = offload
        self._kept: OrderedDict[tuple[object, ...], EseSummary] = OrderedDict()

    async def analyse(
        self,
        curve: LightCurve,
        *,
        flux: FluxKind = "peak",
        used: npt.NDArray[np.bool_] | None = None,
        options: EseOptions = EseOptions(),  # noqa: B008  (frozen)
        with_neighbours: bool = True,
    ) -> EseAnalysis:
        """Return the analysis of a light curve; without the index of all sources, the part without neighbours.

        Parameters
        ----------
        used : bool, shape (n_epoch,), optional
            Measurements that count; those that are not flagged by default.
        """
        left_out = curve.is_flagged if used is None else ~used
        if not with_neighbours or not await self._neighbours.are_known(patience_s=0.0):
            summary = await self._summarise(curve, None, flux, left_out, options)
            return EseAnalysis(replace(summary, reason="the index of all sources is being made"), None)
        neighbours = await self._neighbours.of(curve, flux=flux)
        return EseAnalysis(await self._summarise(curve, neighbours, flux, left_out, options), neighbours)

    async def _summarise(
        self,
        curve: LightCurve,
        neighbours: NeighbourCurves | None,
        flux: FluxKind,
        left_out: npt.NDArray[np.bool_],
        options: EseOptions,
    ) -> EseSummary:
        values, errors = (
            (curve.peak_jyb, curve.peak_err_jyb) if flux == "peak" else (curve.flux_jy, curve.flux_err_jy)
        )
        ensemble = None if neighbours is None else neighbours.ensemble
        return await self._offload.in_thread(
            summarise_ese, curve.mjd, values, errors, flagged=left_out, ensemble=ensemble, options=options
        )

    async def wait_for_neighbours(self) -> None:
        """Return when neighbours can be found, or after a minute."""
        await self._neighbours.are_known(patience_s=_PATIENCE_S)

    async def find(self) -> tuple[tuple[EseEntry, ...], bool]:
        """Return the newest candidates, nothing computed yet, and whether there are more than 500."""
        found = await self._sources.find_ese_candidates(limit=MOST_CANDIDATES + 1, required=True)
        return tuple(EseEntry(candidate) for candidate in found[:MOST_CANDIDATES]), len(found) > MOST_CANDIDATES

    async def summaries(
        self, entries: Sequence[EseEntry], *, options: EseOptions = EseOptions()  # noqa: B008
    ) -> AsyncIterator[EseEntry]:  # fmt: skip
        """Yield the candidates in their order with their summaries, each as soon as it is there.

        A light curve that cannot be read gives the entry its problem; the others are not affected. While the index
        of all sources is being made, every candidate comes without its neighbours first and then once more.
        """
        if not await self._neighbours.are_known(patience_s=0.0):
            async for entry in self._in_turn(entries, options, with_neighbours=False):
                yield entry
            await self._neighbours.are_known(patience_s=_PATIENCE_S)
        async for entry in self._in_turn(entries, options, with_neighbours=True):
            yield entry

    async def _in_turn(
        self, entries: Sequence[EseEntry], options: EseOptions, *, with_neighbours: bool
    ) -> AsyncIterator[EseEntry]:
        for start in range(0, len(entries), _VERSIONS_AT_ONCE):
            part = entries[start : start + _VERSIONS_AT_ONCE]
            versions = await self._photometry.find_versions([entry.candidate.source_id for entry in part])
            for entry in part:
                version = versions.get(entry.candidate.source_id, _UNKNOWN)
                yield await self._entry(entry, version, options, with_neighbours=with_neighbours)

    async def _entry(
        self, entry: EseEntry, version: CurveVersion, options: EseOptions, *, with_neighbours: bool
    ) -> EseEntry:
        name = entry.candidate.source_id
        if not version.n:
            return replace(entry, problem="no photometry")
        key = (name, version, options)
        kept = self._kept.get(key)
        if kept is not None:
            self._kept.move_to_end(key)
            return replace(entry, n_epoch=version.n, summary=kept)
        try:
            curve = await self._sources.get_light_curve(name)
            analysis = await self.analyse(curve, options=options, with_neighbours=with_neighbours)
        except ArchiveError as err:
            return replace(entry, n_epoch=version.n, problem=err.message)
        if analysis.neighbours is not None:
            self._kept[key] = analysis.summary
            while len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        return replace(entry, n_epoch=version.n, summary=analysis.summary)
