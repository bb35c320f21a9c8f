"""What lies near a source: the local catalogues, the other sources, and those that may be the same one."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from data_access.analysis.sky_match import position_angle_deg, spectral_index
from data_access.analysis.source_index import SourceIndex
from data_access.analysis.times import stamp_in_name
from data_access.errors import ArchiveError, ValidationError
from data_access.offload import Offload
from data_access.records import Image, LightCurve, SourceDetail
from data_access.records.context import ComparedMatch, NearSource, OwnFlux, SourceContext, SpectralIndex
from data_access.records.cross_matches import CatalogueMatch
from data_access.repositories.cross_matches import CrossMatchRepository
from data_access.repositories.images import ImageRepository
from data_access.repositories.photometry import PhotometryRepository
from data_access.services.review import position_of
from data_access.services.source_search import SourceSearchService

MOST_NEIGHBOURS = 100
# Middle of the band of DSA-110, 1.311 to 1.499 GHz.
BAND_GHZ = 1.405
USUAL_BEAM_ARCSEC = 30.0
_RECENT = 20


class ContextService:
    """Brings catalogues and our own sources together around one place."""

    def __init__(
        self,
        catalogues: CrossMatchRepository,
        search: SourceSearchService,
        photometry: PhotometryRepository,
        images: ImageRepository,
        offload: Offload,
    ) -> None:
        self._catalogues = catalogues
        self._search = search
        self._photometry = photometry
        self._images = images
        self._offload = offload

    async def of(self, detail: SourceDetail, *, radius_arcsec: float) -> SourceContext:
        """Return what lies within a radius of a source; what cannot be asked is a problem, not a failure.

        Raises
        ------
        ValidationError
            The source has no position, or the radius makes no sense.
        """
        ra_deg, dec_deg = position_of(detail)
        if ra_deg is None or dec_deg is None:
            raise ValidationError(
                "No position of this source is recorded", remedy="Nothing can be looked for near it."
            )
        problems: list[str] = []
        image = await self._newest_image(detail.light_curve, problems)
        own = await self._offload.in_thread(_own_flux, detail.light_curve, image)
        beam = image.beam_major_arcsec if image is not None else None
        known = beam is not None and math.isfinite(beam) and 0 < beam < 3600
        beam_arcsec = float(beam) if known and beam is not None else USUAL_BEAM_ARCSEC
        answers = await self._catalogues.find_near(ra_deg, dec_deg, radius_arcsec)
        place = (ra_deg, dec_deg)
        neighbours, cut = await self._neighbours(
            detail, place, max(radius_arcsec, beam_arcsec), beam_arcsec, problems
        )
        return SourceContext(
            ra_deg=ra_deg,
            dec_deg=dec_deg,
            radius_arcsec=radius_arcsec,
            own=own,
            answers=answers,
            matches=tuple(_compared(match, own) for answer in answers for match in answer.matches),
            neighbours=neighbours,
            beam_arcsec=beam_arcsec,
            beam_assumed=not known,
            neighbours_truncated=cut,
            problems=tuple(problems),
        )

    async def _newest_image(self, curve: LightCurve, problems: list[str]) -> Image | None:
        paths = [path for path in curve.image_path[::-1][:_RECENT] if path]
        try:
            behind = await self._images.find_behind(paths)
        except ArchiveError as err:
            problems.append(f"images: {err.message}")
            return None
        images = [behind[path] for path in paths if path in behind]
        return next((image for image in images if image.beam_major_arcsec), images[0] if images else None)

    async def _neighbours(
        self, detail: SourceDetail, place: tuple[float, float], radius_arcsec: float, beam_arcsec: float,
        problems: list[str],
    ) -> tuple[tuple[NearSource, ...], bool]:  # fmt: skip
        own_name = detail.source.source_id
        try:
            index = await self._search.index()
            found, cut = await self._offload.in_thread(_near, index, place, radius_arcsec, own_name)
            close = [near.name for near in found if near.separation_arcsec < beam_arcsec]
            rows, is_cut = await self._photometry.find_fluxes(close, "peak") if close else ((), False)
        except ArchiveError as err:
            problems.append(f"other sources: {err.message}")
            return (), False
        epochs: dict[str, set[str]] = {}
        for name, path, _, _ in rows:
            epochs.setdefault(name, set()).add(stamp_in_name(path) or path)
        own_epochs = {stamp_in_name(path) or path for path in detail.light_curve.image_path if path}
        is_partial = is_cut or detail.light_curve.truncated
        return tuple(_judged(near, own_epochs, epochs, beam_arcsec, is_partial=is_partial) for near in found), cut


def _near(
    index: SourceIndex, place: tuple[float, float], radius_arcsec: float, own_name: str
) -> tuple[list[NearSource], bool]:
    rows, apart = index.sky.within(*place, radius_arcsec)
    order = np.argsort(apart, kind="stable")
    found = []
    for i in order[: MOST_NEIGHBOURS + 1]:
        row = int(rows[i])
        name = str(index.names.names[row])
        if name == own_name:
            continue
        ra, dec = float(index.columns["ra_deg"][row]), float(index.columns["dec_deg"][row])
        n, mean = float(index.columns["n"][row]), float(index.columns["mean"][row])
        found.append(
            NearSource(
                name,
                float(apart[i]),
                position_angle_deg(*place, ra, dec),
                int(n) if math.isfinite(n) else None,
                mean * 1e3 if math.isfinite(mean) else None,
            )
        )
    return found[:MOST_NEIGHBOURS], order.size > MOST_NEIGHBOURS + 1


def _judged(
    near: NearSource, own: set[str], epochs: dict[str, set[str]], beam_arcsec: float, *, is_partial: bool
) -> NearSource:
    if near.separation_arcsec >= beam_arcsec:
        return near
    theirs = epochs.get(near.name, set())
    shared = len(own & theirs)
    return NearSource(
        near.name, near.separation_arcsec, near.position_angle_deg, near.n, near.mean_mjy, shared,
        is_possible_double=bool(own) and bool(theirs) and not shared and not is_partial, is_partial=is_partial,
    )  # fmt: skip


def _own_flux(curve: LightCurve, image: Image | None) -> OwnFlux:
    freq = image.freq_ghz if image is not None else None
    known = freq is not None and math.isfinite(freq) and freq > 0
    freq_ghz = float(freq) if known and freq is not None else BAND_GHZ
    flux, err = np.asarray(curve.peak_jyb), np.asarray(curve.peak_err_jyb)
    usable = np.isfinite(flux) & ~curve.is_flagged & np.isfinite(err) & (err > 0)
    if not usable.any():
        return OwnFlux(None, None, freq_ghz, not known)
    smallest = float(err[usable].min())
    weights = (smallest / err[usable]) ** 2
    mean = float(np.sum(weights * flux[usable]) / np.sum(weights))
    return OwnFlux(mean * 1e3, 1e3 * smallest / math.sqrt(float(np.sum(weights))), freq_ghz, not known)


def _compared(match: CatalogueMatch, own: OwnFlux) -> ComparedMatch:
    index = spectral_index(
        own.mean_mjy, own.freq_ghz, match.flux_mjy, match.freq_ghz, err=own.err_mjy, other_err=match.flux_err_mjy
    )
    ratio = own.mean_mjy / match.flux_mjy if own.mean_mjy is not None and match.flux_mjy else None
    return ComparedMatch(match, ratio, index)


def pair_index(one: ComparedMatch, other: ComparedMatch) -> SpectralIndex:
    """Return the spectral index between the entries of two catalogues."""
    a, b = one.match, other.match
    return spectral_index(
        a.flux_mjy, a.freq_ghz, b.flux_mjy, b.freq_ghz, err=a.flux_err_mjy, other_err=b.flux_err_mjy
    )


def nearest_with_flux(matches: Sequence[ComparedMatch], catalogue: str) -> ComparedMatch | None:
    """Return the nearest entry of a catalogue that has a flux density."""
    own = [m for m in matches if m.match.catalogue == catalogue and m.match.flux_mjy is not None]
    return min(own, key=lambda m: m.match.separation_arcsec, default=None)
