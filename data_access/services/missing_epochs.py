"""Why an epoch is missing in a light curve: images near the source on which it was not measured."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from data_access.analysis.cones import Cone
from data_access.analysis.coordinates import separation_arcsec
from data_access.analysis.image_sky import middle_of
from data_access.analysis.times import stamp_in_name
from data_access.errors import ArchiveError, ValidationError
from data_access.records import Cutout, FileState, Image, LightCurve, PageRequest
from data_access.records.missing_epochs import MissingEpoch, MissingEpochs
from data_access.repositories.image_filter import ImageFilter
from data_access.repositories.images import ImageRepository
from data_access.services.cutouts import CutoutService, Place
from data_access.services.files import FileService

# An image is some degrees wide: a source further from its middle than this is on none of them.
RADIUS_DEG = 2.5
MOST_IMAGES = 200
MOST_LOOKED_AT = 40
MOST_HEADERS = 100
# The pipeline fits in a box around the position; nearer to the edge than this there is not enough of it.
EDGE_PIXELS = 30.0
# Below this expected signal to noise a fit fails more often than not.
LEAST_SNR = 5.0
_WIDTH_ARCMIN = 2.0


class MissingEpochService:
    """Compares the images near a source with its measurements; opens at most `MOST_LOOKED_AT` files."""

    def __init__(self, images: ImageRepository, files: FileService, cutouts: CutoutService) -> None:
        self._images = images
        self._files = files
        self._cutouts = cutouts

    async def of(self, curve: LightCurve, place: Place) -> MissingEpochs:
        """Return the images near `place` that have no measurement in `curve`, with the reason for each.

        An observation counts once, whatever the number of its images. Where no position is recorded, the header of
        the file is asked, of at most `MOST_HEADERS` images that are not measured.

        Raises
        ------
        DatabaseError
        """
        wanted = ImageFilter(cone=Cone(place.ra_deg or 0.0, place.dec_deg or 0.0, RADIUS_DEG))
        page = await self._images.find(wanted, PageRequest(limit=MOST_IMAGES))
        measured = {_observation(path) for path in curve.image_path if path is not None}
        unplaced, n_unplaced = await self._images.find_without_place(limit=MOST_IMAGES)
        by_header, n_unknown = await self._near_by_header(unplaced, measured, place)
        n_unknown += n_unplaced - len(unplaced)
        every = sorted((*page.rows, *by_header), key=lambda image: image.id)
        once = {_observation(image.path): image for image in every}
        missing = [image for key, image in reversed(once.items()) if key not in measured]
        looked_at = missing[:MOST_LOOKED_AT]
        states = await self._files.states([image.path for image in looked_at])
        usual = _usual_flux(curve)
        found = [await self._judge(image, states[image.path], place, usual) for image in looked_at]
        truncated = len(looked_at) < len(missing) or bool(page.next_cursor)
        return MissingEpochs(tuple(found), len(once), truncated, n_unknown)

    async def _near_by_header(
        self, images: Sequence[Image], measured: set[str], place: Place
    ) -> tuple[list[Image], int]:
        """Return those of some images whose header puts them near `place`, and how many nothing places."""
        near: list[Image] = []
        wanted = [image for image in images if _observation(image.path) not in measured]
        n_unknown = max(0, len(wanted) - MOST_HEADERS)
        cone = Cone(place.ra_deg or 0.0, place.dec_deg or 0.0, RADIUS_DEG)
        for image in wanted[:MOST_HEADERS]:
            try:
                header = await self._files.image_header(image.path)  # kept by path and time of the file
            except ArchiveError:
                n_unknown += 1
                continue
            ra_deg, dec_deg = middle_of(header)
            if not math.isfinite(ra_deg):
                n_unknown += 1
            elif cone.contains([ra_deg], [dec_deg])[0]:
                near.append(image)
        return near, n_unknown

    async def _judge(self, image: Image, state: FileState, place: Place, usual_jy: float) -> MissingEpoch:
        if not state.exists:
            beyond = _beyond_recorded_size(image, place)
            if beyond:
                return MissingEpoch(image, "not covered", beyond)
            return MissingEpoch(image, "image gone", "the file is not on disk any more")
        try:
            cutout = await self._cutouts.cutout(image, place, width=_WIDTH_ARCMIN, unit="arcmin")
        except ValidationError as err:
            return MissingEpoch(image, "not covered", err.message)
        except ArchiveError as err:
            return MissingEpoch(image, "unreadable", err.message)
        return _judge_pixels(image, cutout, usual_jy)


def _beyond_recorded_size(image: Image, place: Place) -> str:
    """Return in words that a source lies outside of an image whose file is gone; empty when that is not certain."""
    at = image.position
    if at.ra_deg is None or at.dec_deg is None or not (image.imsize_x and image.imsize_y and image.cellsize_arcsec):
        return ""
    away = float(separation_arcsec(at.ra_deg, at.dec_deg, place.ra_deg or 0.0, place.dec_deg or 0.0))
    corner = math.hypot(image.imsize_x, image.imsize_y) / 2 * image.cellsize_arcsec
    if away <= corner:
        return ""
    return f"{away / 3600:.2f}° from the middle of an image that reached {corner / 3600:.2f}°, as recorded"


def _judge_pixels(image: Image, cutout: Cutout, usual_jy: float) -> MissingEpoch:
    finite = np.isfinite(cutout.data)
    if not finite.any():
        return MissingEpoch(image, "not covered", "the image is blank there")
    n_y, n_x = cutout.header.shape[-2:]
    edge = min(cutout.x, cutout.y, n_x - 1 - cutout.x, n_y - 1 - cutout.y)
    if edge < EDGE_PIXELS or not finite.all():
        return MissingEpoch(
            image, "near the edge", f"{edge:.0f} pixels from it, {finite.mean():.0%} of 2′ has pixels"
        )
    noise = image.noise_jy if image.noise_jy is not None else math.nan
    if math.isfinite(usual_jy) and noise > 0 and usual_jy < LEAST_SNR * noise:
        detail = f"noise {1e3 * noise:.3g} mJy/beam: {usual_jy / noise:.1f} σ expected, {LEAST_SNR:g} are needed"
        return MissingEpoch(image, "too noisy", detail)
    return MissingEpoch(image, "no fit", "covered and quiet enough, but no measurement is recorded")


def _usual_flux(curve: LightCurve) -> float:
    finite = curve.peak_jyb[np.isfinite(curve.peak_jyb) & ~curve.is_flagged]
    return float(np.median(finite)) if finite.size else math.nan


def _observation(path: str) -> str:
    return stamp_in_name(path) or path
