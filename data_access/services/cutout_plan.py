"""Which pixels of an image a cutout needs, and the record that comes of them: no file is touched here."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from data_access.analysis.coordinates import parse_position, separation_arcsec
from data_access.analysis.image_sky import ImageSky
from data_access.errors import ValidationError
from data_access.readers.plane import Box, plane_index, reduce_plane
from data_access.readers.raw_pixels import RawPixels
from data_access.records import Cutout, CutoutUnit, Image, ImageHeader, ImagePreview, ImageStatistics
from data_access.services.cache import FileKey

UNITS: tuple[CutoutUnit, ...] = get_args(CutoutUnit)
_ARCSEC = {"arcsec": 1.0, "arcmin": 60.0, "deg": 3600.0}
# 64 MB of float32; a larger piece is better fetched as the file.
MAX_PIXELS = 1 << 24
_LARGEST_SIZE = 1e7
# A pixel's centre, told as a position, comes back some 1e-4 pixels off: the box must be the same.
_ROUNDING = 1e-3
_NO_STATISTICS = ImageStatistics(math.nan, -1, -1, math.nan, math.nan, math.nan, math.nan, 0)
_PIXEL = re.compile(r"pix(?:els?)?\s*[:=]?\s*(-?[\d.]+)[\s,]+(-?[\d.]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the middle of a cutout is: ICRS degrees, or 0-based pixels of the image; `name` where it was named."""

    ra_deg: float | None = None
    dec_deg: float | None = None
    pixel: tuple[float, float] | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class Ask:
    """A cutout as it is asked for."""

    path: str
    place: Place
    width: float
    height: float
    unit: CutoutUnit
    plane: int


@dataclass(frozen=True, slots=True)
class Known:
    """What is kept of an image file: no pixels, no open file."""

    real: str
    key: FileKey
    is_directory: bool
    modified_at: float
    header: ImageHeader
    sky: ImageSky | None
    raw: RawPixels | None


@dataclass(frozen=True, slots=True)
class Plan:
    """Which pixels of which file: `inside` is the part of `box` that the image has."""

    known: Known
    x: float
    y: float
    pixel_arcsec: tuple[float, float] | None
    box: Box
    inside: Box


def is_pixel(text: str) -> bool:
    """Say whether a text names a pixel, as in ``pixel 120 88``."""
    return _PIXEL.fullmatch(text.strip()) is not None


def parse_place(text: str) -> Place:
    """Return the place that a reader typed: any position that `parse_position` understands, or ``pixel 120 88``.

    Raises
    ------
    ValidationError
        With examples.
    """
    if found := _PIXEL.fullmatch(text.strip()):
        try:
            return Place(pixel=(float(found[1]), float(found[2])))
        except ValueError as err:
            raise ValidationError(f"'{text[:80]}' is not a pixel", remedy="Write for example: pixel 120 88") from err
    position = parse_position(text)
    return Place(position.ra_deg, position.dec_deg)


def make_ask(
    image: Image | str, position: str | Place, width: float, height: float, unit: CutoutUnit, plane: int
) -> Ask:
    """Return what is asked for, checked; raise `ValidationError` for what makes no sense on any image."""
    if unit not in UNITS:
        raise ValidationError(f"'{unit}' is not a unit of a cutout", remedy=f"Choose one of: {', '.join(UNITS)}.")
    for name, size in (("width", width), ("height", height)):
        if not 0 < size < _LARGEST_SIZE:
            raise ValidationError(
                f"The {name} of a cutout cannot be {size:g} {unit}",
                remedy=f"Give a size above 0 and below {_LARGEST_SIZE:g}.",
            )
    place = parse_place(position) if isinstance(position, str) else position
    numbers = place.pixel if place.pixel is not None else (place.ra_deg, place.dec_deg)
    if not all(number is not None and math.isfinite(number) for number in numbers):
        raise ValidationError("A cutout needs a position", remedy="Give RA and Dec (degrees), or a pixel.")
    if place.pixel is None and abs(place.dec_deg or 0.0) > 90:
        raise ValidationError(f"A declination of {place.dec_deg:g} degrees is beyond 90")
    return Ask(image if isinstance(image, str) else image.path, place, width, height, unit, plane)


def make_plan(known: Known, ask: Ask) -> Plan:
    """Return the pixels that are needed; raise `ValidationError` when the image has none of them."""
    n_y, n_x = known.header.shape[-2:]
    plane_index(known.header.shape[:-2], ask.plane)
    x, y = _pixel(known, ask.place)
    size = _pixel_size(known, x, y)
    if size is None and ask.unit != "pixel":
        if not (-0.5 <= x <= n_x - 0.5 and -0.5 <= y <= n_y - 0.5):
            raise _outside(known, ask, x, y)
        raise ValidationError(
            "How large a pixel is there is not known: the image has no sky coordinates at this place",
            remedy="Give the size in pixels (unit=pixel).",
        )
    scale = _ARCSEC.get(ask.unit, 1.0)
    step = size if size is not None and ask.unit != "pixel" else (1.0, 1.0)
    width, height = (max(1, round(n)) for n in (ask.width * scale / step[0], ask.height * scale / step[1]))
    if width * height > MAX_PIXELS:
        raise ValidationError(
            f"The cutout would have {width} × {height} pixels, more than {MAX_PIXELS:,}",
            remedy="Ask for a smaller one, or fetch the whole file.",
        )
    x0, y0 = math.ceil(x - width / 2 - _ROUNDING), math.ceil(y - height / 2 - _ROUNDING)
    box = (x0, y0, x0 + width, y0 + height)
    inside = (max(x0, 0), max(y0, 0), min(box[2], n_x), min(box[3], n_y))
    if inside[0] >= inside[2] or inside[1] >= inside[3]:
        raise _outside(known, ask, x, y)
    return Plan(known, x, y, size, box, inside)


def _pixel(known: Known, place: Place) -> tuple[float, float]:
    if place.pixel is not None:
        return place.pixel
    if known.sky is None:
        raise ValidationError(
            f"{Path(known.real).name} has no sky coordinates",
            remedy="Give a pixel instead, for example: pixel 120 88",
        )
    if known.sky.problem:
        raise ValidationError(
            f"A position in RA and Dec has no place on {Path(known.real).name}: {known.sky.problem}",
            remedy="Give a pixel instead, for example: pixel 120 88",
        )
    x, y = known.sky.to_pixel(place.ra_deg or 0.0, place.dec_deg or 0.0)
    if math.isfinite(x + y) and max(abs(x), abs(y)) < 1e9:
        return x, y
    raise ValidationError(
        f"The position is not on the projection of this image{_from_centre(known, place)}",
        remedy="Choose a position inside the image.",
    )


def _pixel_size(known: Known, x: float, y: float) -> tuple[float, float] | None:
    size = (math.nan, math.nan) if known.sky is None else known.sky.pixel_size_arcsec(x, y)
    return size if all(math.isfinite(one) and one > 0 for one in size) else None


def _outside(known: Known, ask: Ask, x: float, y: float) -> ValidationError:
    """Return the error for a cutout of which nothing is inside: it names the distance."""
    n_y, n_x = known.header.shape[-2:]
    edge = min(max(x, -0.5), n_x - 0.5), min(max(y, -0.5), n_y - 0.5)
    words = f"{math.hypot(x - edge[0], y - edge[1]):.0f} pixels from the nearest edge"
    if known.sky is not None:
        here, there = known.sky.to_icrs(x, y), known.sky.to_icrs(*edge)
        distance = float(separation_arcsec(*here, *there))
        if math.isfinite(distance):
            words = f"{_angle(distance)} ({words.split(' from ')[0]}) from the nearest edge"
    return ValidationError(
        f"The cutout is wholly outside the image: its position is {words}{_from_centre(known, ask.place)}",
        remedy=f"The image has {n_x} × {n_y} pixels. Choose a position inside it, or another image.",
    )


def _from_centre(known: Known, place: Place) -> str:
    """Return how far a position is from the middle of the image, empty when that is not known."""
    n_y, n_x = known.header.shape[-2:]
    if known.sky is None or place.ra_deg is None or place.dec_deg is None:
        return ""
    centre = known.sky.to_icrs((n_x - 1) / 2, (n_y - 1) / 2)
    distance = float(separation_arcsec(place.ra_deg, place.dec_deg, *centre))
    return f", {_angle(distance)} from its centre" if math.isfinite(distance) else ""


def _angle(arcsec: float) -> str:
    if arcsec >= 3600:
        return f"{arcsec / 3600:.3g}°"
    return f"{arcsec / 60:.3g}′" if arcsec >= 60 else f"{arcsec:.3g}″"


def make_cutout(plan: Plan, ask: Ask, pixels: npt.NDArray[np.float32]) -> Cutout:
    """Return the record for the pixels of the part that is inside."""
    known, (x0, y0, x1, y1), inside = plan.known, plan.box, plan.inside
    data, outside = pixels, 0.0
    if inside != plan.box:
        data = np.full((y1 - y0, x1 - x0), np.nan, dtype=np.float32)
        data[inside[1] - y0 : inside[3] - y0, inside[0] - x0 : inside[2] - x0] = pixels
        outside = 1.0 - pixels.size / data.size
    ra_deg, dec_deg = ask.place.ra_deg, ask.place.dec_deg
    if ra_deg is None and known.sky is not None:
        sky = known.sky.to_icrs(plan.x, plan.y)
        ra_deg, dec_deg = sky if math.isfinite(sum(sky)) else (None, None)
    header = known.header.of_plane(ask.plane)
    return Cutout(
        path=ask.path, header=header, wcs_header=_shifted(header.wcs_header, plan.box), data=data,
        origin_x=x0, origin_y=y0, plane=ask.plane, x=plan.x, y=plan.y, ra_deg=ra_deg, dec_deg=dec_deg,
        width=ask.width, height=ask.height, unit=ask.unit, pixel_arcsec=plan.pixel_arcsec,
        outside_fraction=outside, key=known.key, modified_at=known.modified_at, name=ask.place.name,
    )  # fmt: skip


def _shifted(cards: dict[str, Any], box: Box) -> dict[str, Any]:
    """Return the celestial cards for pixels counted from the corner of the box (a missing CRPIX is 0)."""
    if not cards:
        return {}
    reference = {f"CRPIX{i + 1}": float(cards.get(f"CRPIX{i + 1}", 0.0)) - box[i] for i in range(2)}
    return cards | reference | {"NAXIS1": box[2] - box[0], "NAXIS2": box[3] - box[1]}


def preview_of(cutout: Cutout, *, max_size: int = 1200) -> ImagePreview:
    """Return a cutout as the plots take it, block-averaged where it is larger than `max_size` pixels.

    `origin_x`, `origin_y` and the peak of the statistics are pixels of the whole image.
    """
    n_y, n_x = cutout.data.shape
    reduced = reduce_plane(lambda y0, y1: cutout.data[y0:y1], (0, 0, n_x, n_y), max_size=max_size)
    found = reduced.statistics
    if found.peak_x >= 0:
        found = replace(found, peak_x=found.peak_x + cutout.origin_x, peak_y=found.peak_y + cutout.origin_y)
    return ImagePreview(
        header=cutout.header,
        data=reduced.data,
        factor=reduced.factor,
        origin_x=cutout.origin_x,
        origin_y=cutout.origin_y,
        plane=cutout.plane,
        statistics=found,
    )


def picture_of(cutout: Cutout, *, max_size: int = 1200) -> ImagePreview:
    """Return a cutout as `preview_of` does, without statistics where it is drawn pixel by pixel.

    A picture shows none, and they take as long as its colours.
    """
    n_y, n_x = cutout.data.shape
    if max(n_y, n_x) > max_size:
        return preview_of(cutout, max_size=max_size)
    data = np.where(np.isfinite(cutout.data), cutout.data, np.float32(np.nan))
    return ImagePreview(cutout.header, data, 1, cutout.origin_x, cutout.origin_y, cutout.plane, _NO_STATISTICS)


def without_cards(header: ImageHeader) -> ImageHeader:
    """Return the header without its cards: they are most of it, and nobody asks a cutout for them."""
    return replace(header, cards=()) if header.cards else header
