"""The neighbours of a source on the same images: who they are, what was measured, how the flux scale moved."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from data_access.analysis.ensemble import FEWEST_EPOCHS, ensemble_of
from data_access.analysis.source_index import SourceIndex
from data_access.analysis.variability.moments import FluxKind
from data_access.errors import SearchNotReady
from data_access.offload import Offload
from data_access.records import LightCurve
from data_access.records.neighbours import NeighbourCurves
from data_access.repositories.photometry import PhotometryRepository
from data_access.services.source_search import SourceSearchService

RADIUS_DEG = 2.0
MOST_NEIGHBOURS = 30
# Of one measurement: fainter neighbours would tell more about the noise than about the flux scale.
LEAST_SNR = 10.0
_NOT_ITSELF_ARCSEC = 5.0


class NeighbourService:
    """Finds neighbours in the index of all sources and reads what was measured of them."""

    def __init__(self, search: SourceSearchService, photometry: PhotometryRepository, offload: Offload) -> None:
        self._search = search
        self._photometry = photometry
        self._offload = offload

    async def are_known(self, *, patience_s: float) -> bool:
        """Say whether neighbours can be found, waiting so long for the index of all sources."""
        try:
            await self._search.index(patience_s=patience_s)
        except SearchNotReady:
            return False
        return True

    async def of(
        self, curve: LightCurve, *, flux: FluxKind = "peak", radius_deg: float = RADIUS_DEG,
        most: int = MOST_NEIGHBOURS,
    ) -> NeighbourCurves:  # fmt: skip
        """Return the neighbours of a source and their common factor at each of its measurements.

        Those within `radius_deg` with at least 10 usable measurements, each of a typical signal to noise of 10, are
        taken, at most `most` and the nearest; which of them are steady is decided with the flux scale taken out (see
        `ensemble_of`).

        Raises
        ------
        SearchNotReady
            The index of all sources is being made.
        DatabaseError
        """
        index = await self._search.index()
        names, apart = await self._offload.in_thread(_near, index, curve, flux, radius_deg, most)
        rows, truncated = await self._photometry.find_fluxes(names, flux)
        return await self._offload.in_thread(_curves, curve, names, apart, rows, radius_deg, truncated)


def _near(
    index: SourceIndex, curve: LightCurve, flux: FluxKind, radius_deg: float, most: int
) -> tuple[tuple[str, ...], np.ndarray]:
    """Return names and separations (arcsec) of the nearest neighbours that may serve."""
    if curve.ra_deg is None or curve.dec_deg is None:
        return (), np.zeros(0)
    rows, apart = index.sky.within(curve.ra_deg, curve.dec_deg, 3600 * radius_deg)
    suffix = "" if flux == "peak" else "_int"
    n, snr = (index.columns[f"{name}{suffix}"][rows] for name in ("n", "snr"))
    keep = (n >= FEWEST_EPOCHS) & (snr >= LEAST_SNR) & (apart > _NOT_ITSELF_ARCSEC)
    order = np.flatnonzero(keep)[np.argsort(apart[keep], kind="stable")][:most]
    names = tuple(index.names.names[int(row)] for row in rows[order])
    mine = [i for i, name in enumerate(names) if name != curve.source_id]
    return tuple(names[i] for i in mine), apart[order][mine]


def _curves(
    curve: LightCurve, names: tuple[str, ...], apart: np.ndarray, rows: Sequence[tuple[str, str, float, float]],
    radius_deg: float, truncated: bool,
) -> NeighbourCurves:  # fmt: skip
    """Put the measurements into tables, one column per measurement of the source, and find the common factor."""
    fluxes = np.full((len(names), curve.n_epoch), np.nan)
    errors = fluxes.copy()
    row_of = {name: i for i, name in enumerate(names)}
    columns: dict[str, list[int]] = {}
    for k, path in enumerate(curve.image_path):
        if path is not None:
            columns.setdefault(path, []).append(k)
    for name, path, value, error in rows:
        for k in columns.get(path, ()):
            if not np.isfinite(fluxes[row_of[name], k]):  # the newest measurement of an image counts
                fluxes[row_of[name], k], errors[row_of[name], k] = value, error
    return NeighbourCurves(names, apart, fluxes, errors, ensemble_of(fluxes, errors), radius_deg, truncated)
