"""The queue of candidates from everything that names some, and what is looked at to judge one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from data_access.analysis.ese import leave_one_out
from data_access.analysis.eta_v import beyond_both, fit_log_gaussian
from data_access.analysis.variability import maximum_pair
from data_access.errors import ArchiveError, RecordNotFound
from data_access.offload import Offload
from data_access.records import Image, LightCurve, SourceDetail, TransientCandidate
from data_access.records.marks import MarkKind
from data_access.records.review import Candidate, Dossier, EtaV, ReviewPicture, ReviewQueue
from data_access.records.variability import VariabilityTable
from data_access.repositories.images import ImageRepository
from data_access.repositories.sources import SourceRepository
from data_access.services.cutouts import CutoutService, Place
from data_access.services.files import FileService
from data_access.services.variability import VariabilityService

T = TypeVar("T")

MOST_OF_A_KIND = 500
# How many epochs are tried until one has its image still on disk.
_TRIES = 8
_BEAMS_WIDE = 14.0
_WIDTH_ARCSEC = (60.0, 600.0)
_UNKNOWN_BEAM_ARCSEC = 15.0


class ReviewService:
    """Candidates of the pipeline and of the eta-V plane in one queue."""

    def __init__(
        self,
        sources: SourceRepository,
        images: ImageRepository,
        variability: VariabilityService,
        files: FileService,
        cutouts: CutoutService,
        offload: Offload,
    ) -> None:
        self._sources = sources
        self._images = images
        self._variability = variability
        self._files = files
        self._cutouts = cutouts
        self._offload = offload
        self._above: tuple[VariabilityTable, tuple[Candidate, ...]] | None = None

    async def queue(self, *, patience_s: float | None = None) -> ReviewQueue:
        """Return everything that was flagged, each thing once: ESE candidates, transients, then eta-V.

        What cannot be asked is a problem of the queue, not a failure of the rest.

        Parameters
        ----------
        patience_s : float, optional
            How long the eta-V plane is waited for: adding up the photometry the first time takes a while.
        """
        problems: list[str] = []
        ese = await _answer(self._sources.find_ese_candidates(limit=MOST_OF_A_KIND), "ESE candidates", problems)
        transients = await _answer(self._sources.find_transients(limit=MOST_OF_A_KIND), "transients", problems)
        plane = asyncio.ensure_future(self._above_the_cuts())
        try:
            await asyncio.wait({plane}, timeout=patience_s)
            is_complete = plane.done()
            above = await _answer(plane, "sources above the η and V cuts", problems) if is_complete else None
        finally:
            plane.cancel()
        flagged = [Candidate("source", c.source_id, c.source_id, ese=(c,)) for c in ese or ()]
        for name, found in (("ESE candidates", ese), ("transients", transients)):
            if found is not None and len(found) >= MOST_OF_A_KIND:
                problems.append(f"only the newest {MOST_OF_A_KIND} {name} are here")
        everything = [*flagged, *map(candidate_of, transients or ()), *(above or ())]
        return ReviewQueue(_merged(everything), tuple(problems), is_complete)

    async def dossier(self, candidate: Candidate) -> Dossier:
        """Return what is looked at to judge a candidate; what cannot be read is a problem, not a failure."""
        problems: list[str] = []
        detail = None
        if candidate.source_id is not None:
            detail = await self._detail(candidate.source_id, problems)
        if detail is None or not detail.light_curve.n_epoch:
            return Dossier(candidate, detail, problems=(*problems, "no light curve is recorded under this name"))
        newest_first, calm_first, deviation, index = _epochs(detail.light_curve)
        asked = (("newest", newest_first), ("reference", calm_first), ("most deviating", index))
        pictures = await _answer(self._pictures(detail, asked), "images", problems)  # type: ignore[arg-type]
        good, curve = ~detail.light_curve.is_flagged, detail.light_curve
        pair = await self._offload.in_thread(maximum_pair, curve.peak_jyb[good], curve.peak_err_jyb[good])
        two_epoch = (pair.vs.value, pair.m.value)
        return Dossier(candidate, detail, pictures or (), deviation, *two_epoch, problems=tuple(problems))

    async def _detail(self, source_id: str, problems: list[str]) -> SourceDetail | None:
        try:
            return await _answer(self._sources.get(source_id), "the source", problems, expected=RecordNotFound)
        except RecordNotFound:
            return None

    async def _above_the_cuts(self) -> tuple[Candidate, ...]:
        table = await self._variability.table("peak")
        if self._above is None or self._above[0] is not table:
            self._above = table, await self._offload.in_thread(above_the_cuts, table)
        return self._above[1]

    async def _pictures(
        self, detail: SourceDetail, asked: Sequence[tuple[str, Sequence[int]]]
    ) -> tuple[ReviewPicture, ...]:
        curve = detail.light_curve
        paths = {i: path for _, indices in asked for i in indices if (path := curve.image_path[i])}
        behind = await self._images.find_behind(tuple(dict.fromkeys(paths.values())))
        there = await self._files.states([image.path for image in behind.values()])
        images = {i: behind[path] for i, path in paths.items() if path in behind and there[behind[path].path].exists}
        chosen: dict[int, ReviewPicture] = {}
        for role, indices in asked:
            index = next((i for i in indices if i in images and i not in chosen), None)
            if index is not None:
                chosen[index] = ReviewPicture(role, index, images[index], _width(images[index]))  # type: ignore[arg-type]
        return await self._on_one_scale(detail, tuple(chosen.values()))

    async def _on_one_scale(
        self, detail: SourceDetail, pictures: tuple[ReviewPicture, ...]
    ) -> tuple[ReviewPicture, ...]:
        """Return the pictures with one size and common limits, so that blinking shows the sky and not the scale."""
        ra_deg, dec_deg = position_of(detail)
        if not pictures or ra_deg is None or dec_deg is None:
            return ()
        width = max(picture.width_arcsec for picture in pictures)
        images: list[Image | str] = [picture.image for picture in pictures]
        cut = await self._cutouts.strip(images, Place(ra_deg, dec_deg), width=width)
        kept = [(p, c) for p, c in zip(pictures, cut, strict=True) if not isinstance(c, ArchiveError)]
        low, high = _common_limits([c.data for _, c in kept])
        return tuple(replace(p, width_arcsec=width, low=low, high=high) for p, _ in kept)


def above_the_cuts(table: VariabilityTable) -> tuple[Candidate, ...]:
    """Return the sources above both published cuts (Rowlinson et al. 2019), the highest eta first."""
    rows = np.flatnonzero((table.reason == 0) & (table.n >= 2) & (table.eta > 0) & (table.v > 0))
    eta_cut, v_cut = fit_log_gaussian(table.eta[rows]).cut(), fit_log_gaussian(table.v[rows]).cut()
    beyond = rows[beyond_both(table.eta[rows], table.v[rows], eta_cut, v_cut)]
    beyond = beyond[np.argsort(-table.eta[beyond], kind="stable")][:MOST_OF_A_KIND]
    return tuple(_of_row(table, int(i), eta_cut, v_cut) for i in beyond)


def position_of(detail: SourceDetail) -> tuple[float | None, float | None]:
    """Return where a source is (ICRS degrees), from its record, else from its first measurement."""
    source, curve = detail.source, detail.light_curve
    ra_deg = source.ra_deg if source.ra_deg is not None else curve.ra_deg
    dec_deg = source.dec_deg if source.dec_deg is not None else curve.dec_deg
    if ra_deg is None or dec_deg is None or not abs(dec_deg) <= 90 or not abs(ra_deg) <= 360:
        return None, None
    return ra_deg, dec_deg


def _of_row(table: VariabilityTable, i: int, eta_cut: float, v_cut: float) -> Candidate:
    name = str(table.source_id[i])
    eta_v = EtaV(int(table.n[i]), float(table.eta[i]), float(table.v[i]), eta_cut, v_cut)
    return Candidate("source", name, name, float(table.ra_deg[i]), float(table.dec_deg[i]), eta_v=eta_v)


def candidate_of(found: TransientCandidate) -> Candidate:
    """Return the candidate: a source where it has a name, else a place (row numbers begin anew in a new file)."""
    kind: MarkKind = "source" if found.source_name else "transient"
    place = "" if found.ra_deg is None or found.dec_deg is None else f"{found.ra_deg:.5f} {found.dec_deg:+.5f}"
    object_id = found.source_name or place or f"row {found.id}"
    return Candidate(kind, object_id, found.source_name, found.ra_deg, found.dec_deg, transients=(found,))


def _merged(found: Iterable[Candidate]) -> tuple[Candidate, ...]:
    merged: dict[tuple[MarkKind, str], Candidate] = {}
    for one in found:
        known = merged.get(one.key)
        merged[one.key] = one if known is None else _together(known, one)
    return tuple(merged.values())


def _together(known: Candidate, new: Candidate) -> Candidate:
    return replace(
        known,
        ra_deg=known.ra_deg if known.ra_deg is not None else new.ra_deg,
        dec_deg=known.dec_deg if known.dec_deg is not None else new.dec_deg,
        ese=(*known.ese, *new.ese),
        transients=(*known.transients, *new.transients),
        eta_v=known.eta_v or new.eta_v,
    )


async def _answer(
    question: Awaitable[T], name: str, problems: list[str], *, expected: type[ArchiveError] | None = None
) -> T | None:
    try:
        return await question
    except ArchiveError as err:
        if expected is not None and isinstance(err, expected):
            raise
        _add_problem(problems, name, f": {err.message}")
        return None


def _add_problem(problems: list[str], name: str, message: str) -> None:
    """Say what cannot be asked and why; what has the same reason is said together."""
    for i, known in enumerate(problems):
        if known.endswith(message):
            problems[i] = f"{known.removesuffix(message)}, {name}{message}"
            return
    problems.append(f"{name}{message}")


def _epochs(curve: LightCurve) -> tuple[list[int], list[int], float | None, list[int]]:
    """Return the epochs to try: the newest, those nearest to the median; the largest deviation and where it is."""
    usable = np.isfinite(curve.peak_jyb) & ~curve.is_flagged
    known = np.flatnonzero(np.isfinite(curve.mjd))
    newest = [int(i) for i in known[::-1][:_TRIES]]
    distance = np.abs(curve.peak_jyb - np.median(curve.peak_jyb[usable])) if usable.any() else curve.peak_jyb
    order = np.argsort(np.where(usable, distance, np.inf), kind="stable")
    calm = [*newest[1:], *(int(i) for i in order[:_TRIES])]
    calm = sorted(dict.fromkeys(calm), key=lambda i: distance[i] if usable[i] else np.inf)
    measured = leave_one_out(np.where(usable, curve.peak_jyb, np.nan), curve.peak_err_jyb)
    index = [] if measured.index is None else [int(measured.index)]
    return newest, calm, measured.largest.value, index


def _width(image: Image) -> float:
    beam = image.beam_major_arcsec
    known = beam is not None and np.isfinite(beam) and 0 < beam < 3600
    width = _BEAMS_WIDE * (beam if known and beam is not None else _UNKNOWN_BEAM_ARCSEC)
    return float(round(min(max(width, _WIDTH_ARCSEC[0]), _WIDTH_ARCSEC[1])))


def _common_limits(data: Sequence[npt.NDArray[np.float32]]) -> tuple[float | None, float | None]:
    """Return limits from two noise widths below the median up to the brightest pixel of all."""
    finite = [values[np.isfinite(values)] for values in data]
    finite = [values for values in finite if values.size]
    if not finite:
        return None, None
    everything = np.concatenate(finite)
    middle = float(np.median(everything))
    noise = 1.4826 * float(np.median(np.abs(everything - middle)))
    low, high = middle - 2 * noise, float(everything.max())
    return (low, high) if high > low else (None, None)
