"""Why an epoch is missing in a light curve: images near the source on which it was not measured."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from data_access.analysis.cones import Cone
from data_access.analysis.coordinates import separation_arcsec
from data_access.analysis.image_sky import middle_of
from data_access.analysis.times import stamp_in_name
from data_access.errors import ArchiveError, ValidationError
from data_access.records import Cutout, Image, LightCurve, PageRequest
from data_access.records.missing_epochs import MissingEpoch, MissingEpochs
from data_access.repositories.image_filter import ImageFilter
from data_access.repositories.images import ImageRepository
from data_access.services.cutouts import CutoutService, Place
from data_access.services.files import FileService

# An image is some degrees wide: a source further from its middle than this is on none of them.
RADIUS_DEG = 2.5
# Years of nights; they are read in turns, because the answer is sorted by the time of the observation.
MOST_IMAGES = 5000
_IMAGES_AT_ONCE = 1000
_MOST_TURNS = 10
# Of one page: files that are opened, and epochs that are listed (what cannot cover the source needs no file).
MOST_LOOKED_AT = 40
MOST_LISTED = 200
MOST_UNPLACED = 200
MOST_HEADERS = 100
# The pipeline fits in a box around the position; nearer to the edge than this there is not enough of it.
EDGE_PIXELS = 30.0
# Below this expected signal to noise a fit fails more often than not.
LEAST_SNR = 5.0
_WIDTH_ARCMIN = 2.0


class MissingEpochService:
    """Compares the images near a source with its measurements; opens at most `MOST_LOOKED_AT` files for a page."""

    def __init__(self, images: ImageRepository, files: FileService, cutouts: CutoutService) -> None:
        self._images = images
        self._files = files
        self._cutouts = cutouts

    async def of(self, curve: LightCurve, place: Place, *, page: int = 1) -> MissingEpochs:
        """Return a page of the images near `place` that have no measurement in `curve`, with the reason for each.

        An observation counts once, whatever the number of its images. Where no position is recorded, the header of
        the file is asked, of at most `MOST_HEADERS` images that are not measured. A page that is not there is the
        oldest one.

        Raises
        ------
        DatabaseError
        """
        near, truncated = await self._near(place)
        measured = {_observation(path) for path in curve.image_path if path is not None}
        unplaced, n_unplaced = await self._images.find_without_place(limit=MOST_UNPLACED)
        by_header, n_unknown = await self._near_by_header(unplaced, measured, place)
        n_unknown += n_unplaced - len(unplaced)
        every = sorted((*near, *by_header), key=lambda image: image.id)
        once = {_observation(image.path): image for image in every}
        missing = sorted((image for key, image in once.items() if key not in measured), key=_age, reverse=True)
        beyond = {image.id: _beyond_recorded_size(image, place) for image in missing}
        pages = _pages(missing, beyond)
        at = min(max(page, 1), len(pages))
        states = await self._files.states([image.path for image in pages[at - 1] if not beyond[image.id]])
        usual, reach = _usual_flux(curve), _reach_by_type(near)
        found = []
        for image in pages[at - 1]:
            if beyond[image.id]:
                found.append(MissingEpoch(image, "not covered", beyond[image.id]))
            elif not states[image.path].exists:
                found.append(_judge_gone(image, place, reach.get(image.type)))
            else:
                found.append(await self._judge(image, place, usual))
        return MissingEpochs(tuple(found), len(once), len(missing), at, len(pages), truncated, n_unknown)

    async def _near(self, place: Place) -> tuple[list[Image], bool]:
        """Return the images with their middle near `place`, and whether there are more than are read."""
        wanted = ImageFilter(cone=Cone(place.ra_deg or 0.0, place.dec_deg or 0.0, RADIUS_DEG))
        near: list[Image] = []
        cursor = ""
        for _ in range(_MOST_TURNS):
            limit = min(_IMAGES_AT_ONCE, MOST_IMAGES - len(near))
            found = await self._images.find(wanted, PageRequest(limit, cursor))
            near += found.rows
            cursor = found.next_cursor
            if not cursor or len(near) >= MOST_IMAGES:
                break
        return near, bool(cursor)

    async def _near_by_header(
        self, images: Sequence[Image], measured: set[str], place: Place
    ) -> tuple[list[Image], int]:
        """Return those of some images whose header puts them near `place`, and how many nothing places."""
        near: list[Image] = []
        wanted = [image for image in images if _observation(image.path) not in measured]
        wanted.sort(key=_age, reverse=True)
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

    async def _judge(self, image: Image, place: Place, usual_jy: float) -> MissingEpoch:
        try:
            cutout = await self._cutouts.cutout(image, place, width=_WIDTH_ARCMIN, unit="arcmin")
        except ValidationError as err:
            return MissingEpoch(image, "not covered", err.message)
        except ArchiveError as err:
            return MissingEpoch(image, "unreadable", err.message)
        return _judge_pixels(image, cutout, usual_jy)


def _age(image: Image) -> tuple[bool, float, int]:
    """Return what sorts images by the time of the observation; those without one count as the oldest."""
    mjd = image.epoch.mjd
    return mjd is not None, mjd or 0.0, image.id


def _pages(missing: Sequence[Image], beyond: Mapping[int, str]) -> list[list[Image]]:
    """Return the images page by page, at least one: a page ends when its files or its lines are used up."""
    pages: list[list[Image]] = [[]]
    n_files = 0
    for image in missing:
        needs_file = not beyond[image.id]
        if len(pages[-1]) == MOST_LISTED or (needs_file and n_files == MOST_LOOKED_AT):
            pages.append([])
            n_files = 0
        pages[-1].append(image)
        n_files += needs_file
    return pages


def _beyond_recorded_size(image: Image, place: Place) -> str:
    """Return in words that a source lies outside of an image by its recorded size; empty when not certain."""
    away, reach = _away_arcsec(image, place), _recorded_reach_arcsec(image)
    if away is None or reach is None or away <= reach:
        return ""
    return f"{away / 3600:.2f}° from the middle of an image that reached {reach / 3600:.2f}°, as recorded"


def _away_arcsec(image: Image, place: Place) -> float | None:
    """Return how far a source is from the middle of an image; None where that is not recorded."""
    at = image.position
    if at.ra_deg is None or at.dec_deg is None:
        return None
    return float(separation_arcsec(at.ra_deg, at.dec_deg, place.ra_deg or 0.0, place.dec_deg or 0.0))


def _recorded_reach_arcsec(image: Image) -> float | None:
    """Return how far the corners of an image are from its middle; None without a recorded size."""
    if not (image.imsize_x and image.imsize_y and image.cellsize_arcsec):
        return None
    return math.hypot(image.imsize_x, image.imsize_y) / 2 * image.cellsize_arcsec


def _reach_by_type(images: Sequence[Image]) -> dict[str | None, float]:
    """Return the farthest recorded reach of the images of each type, arcsec: others may be mosaics or cutouts."""
    farthest: dict[str | None, float] = {}
    for image in images:
        reach = _recorded_reach_arcsec(image)
        if reach is not None:
            farthest[image.type] = max(reach, farthest.get(image.type, 0.0))
    return farthest


def _judge_gone(image: Image, place: Place, usual_reach: float | None) -> MissingEpoch:
    """Judge an image without a file: one that none of its type would have reached from was never of use here."""
    away = _away_arcsec(image, place)
    if away is None or usual_reach is None or away <= usual_reach:
        return MissingEpoch(image, "image gone", "the file is not on disk any more")
    middle = "the pointing of its MS" if image.position.origin == "MS" else "its middle"
    detail = (
        f"{away / 3600:.2f}° from {middle}; images of its type near here reached {usual_reach / 3600:.2f}° at most, "
        "as recorded (the file is gone)"
    )
    return MissingEpoch(image, "not covered", detail)


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
