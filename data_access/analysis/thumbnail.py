"""A small picture of an image: north up and east left, levels from the noise, the same whatever the theme."""

from __future__ import annotations

import io
import math

import numpy as np
import numpy.typing as npt

from data_access.analysis.image_sky import celestial_wcs, pixel_to_sky, sky_to_pixel
from data_access.records.files import ImageHeader, ImagePreview

BLANK_LEVEL = 255
LOW_SIGMA, HIGH_SIGMA = 2.5, 15.0
_SOFTENING = 4.0
_BLANK_COLOUR = (38, 46, 60)
_LEAST_PIXELS = 96
_STEP_DEG = 1.0 / 3600.0
_NEAREST_TO_POLE_DEG = 90.0 - 30.0 / 3600.0
Levels = npt.NDArray[np.uint8]
Vector = tuple[float, float]


def thumbnail_png(preview: ImagePreview) -> bytes:
    """Return a PNG of grey levels with a colour of their own for blank pixels; see `thumbnail_levels`."""
    from PIL import Image  # some ten milliseconds, and not every process draws

    levels = thumbnail_levels(preview)
    picture = Image.fromarray(levels, mode="P")
    greys = np.repeat(np.arange(BLANK_LEVEL) * 256 // BLANK_LEVEL, 3).tolist()
    picture.putpalette([*greys, *_BLANK_COLOUR])
    file = io.BytesIO()
    picture.save(file, "PNG", compress_level=6)
    return file.getvalue()


def thumbnail_levels(preview: ImagePreview) -> Levels:
    """Return levels 0 to 254, `BLANK_LEVEL` where there is no value; the first row is the north.

    Turned images are resampled (nearest pixel), small ones enlarged by whole numbers. Without sky coordinates the
    first row is the last one of the file.
    """
    levels = upright(_levels(preview.data), directions(preview))
    enlarge = max(1, _LEAST_PIXELS // max(levels.shape))
    enlarged: Levels = np.repeat(np.repeat(levels, enlarge, axis=0), enlarge, axis=1)
    return enlarged


def _levels(data: npt.NDArray[np.float32]) -> Levels:
    low, high = level_limits(data)
    share = np.clip((np.nan_to_num(data, nan=low, posinf=high, neginf=low) - low) / (high - low), 0.0, 1.0)
    bent = np.arcsinh(_SOFTENING * share) / math.asinh(_SOFTENING)
    levels: Levels = np.rint(bent * (BLANK_LEVEL - 1)).astype(np.uint8)
    levels[~np.isfinite(data)] = BLANK_LEVEL
    return levels


def level_limits(data: npt.NDArray[np.float32]) -> tuple[float, float]:
    """Return the values drawn black and white: some robust sigmas below and above the median.

    So all images of a night have their noise at the same grey. A model or a mask, most of whose pixels are the same,
    has no noise: its extremes are taken.
    """
    finite = data[np.isfinite(data)].astype(np.float64)
    if not finite.size:
        return 0.0, 1.0
    median = float(np.median(finite))
    sigma = 1.4826 * float(np.median(np.abs(finite - median)))
    low, high = max(median - LOW_SIGMA * sigma, float(finite.min())), median + HIGH_SIGMA * sigma
    high = min(high, float(finite.max()))
    if sigma <= 0:
        low, high = float(finite.min()), float(finite.max())
    return (low, high) if high > low else (low, low + (abs(low) or 1.0))


def directions(preview: ImagePreview) -> tuple[Vector, Vector] | None:
    """Return east and north at the middle as pixel vectors of unit mean length; None without sky coordinates."""
    ny, nx = preview.data.shape
    x = preview.origin_x + (nx * preview.factor - 1) / 2
    y = preview.origin_y + (ny * preview.factor - 1) / 2
    return _directions(preview.header, x, y)


def _directions(header: ImageHeader, x: float, y: float) -> tuple[Vector, Vector] | None:
    wcs = celestial_wcs(header)
    if wcs is None:
        return None
    reference = (float(wcs.wcs.crpix[0]) - 1, float(wcs.wcs.crpix[1]) - 1)
    for place in ((x, y), reference):
        lon, lat = pixel_to_sky(wcs, np.array([place[0]]), np.array([place[1]]))
        if not np.isfinite(lat[0]):
            continue
        # At a pole itself there is no east: the directions are taken beside it.
        base = float(np.clip(lat[0], -_NEAREST_TO_POLE_DEG, _NEAREST_TO_POLE_DEG))
        half = 0.5 * _STEP_DEG
        lons = lon[0] + np.array([-1.0, 1.0, 0.0, 0.0]) * half / math.cos(math.radians(base))
        px, py = sky_to_pixel(wcs, lons, base + np.array([0.0, 0.0, -half, half]))
        east, north = (float(px[1] - px[0]), float(py[1] - py[0])), (float(px[3] - px[2]), float(py[3] - py[2]))
        area = abs(east[0] * north[1] - east[1] * north[0])
        if np.all(np.isfinite(px + py)) and area > 0:
            length = math.sqrt(area)
            return (east[0] / length, east[1] / length), (north[0] / length, north[1] / length)
    return None


def upright(levels: Levels, sky: tuple[Vector, Vector] | None) -> Levels:
    """Return the levels (first row: first of the file) with the first row in the north and the last column west."""
    if sky is None:
        return levels[::-1]
    east, north = sky
    ny, nx = levels.shape
    # Corners of the image along west (to the right) and north, from its middle.
    corners = np.array([(-nx / 2, -ny / 2), (nx / 2, -ny / 2), (-nx / 2, ny / 2), (nx / 2, ny / 2)])
    to_sky = np.linalg.inv(np.array([[-east[0], north[0]], [-east[1], north[1]]]))
    half_west, half_north = np.abs(corners @ to_sky.T).max(axis=0)
    width, height = max(1, round(2 * half_west - 1e-3)), max(1, round(2 * half_north - 1e-3))
    west = np.arange(width) - (width - 1) / 2
    up = (height - 1) / 2 - np.arange(height)[:, None]
    x = np.rint((nx - 1) / 2 - west * east[0] + up * north[0]).astype(np.int64)
    y = np.rint((ny - 1) / 2 - west * east[1] + up * north[1]).astype(np.int64)
    inside = (x >= 0) & (x < nx) & (y >= 0) & (y < ny)
    made = np.full((height, width), BLANK_LEVEL, dtype=np.uint8)
    made[inside] = levels[y[inside], x[inside]]
    return made
