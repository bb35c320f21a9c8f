"""Pixels of one image on the grid of another: where each lies, and the value between four pixels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS

from data_access.analysis.image_sky import (
    celestial_wcs,
    is_same_frame,
    native_frame,
    pixel_to_sky,
    sky_to_pixel,
)
from data_access.records.files import ImageHeader

FloatArray = npt.NDArray[np.float64]
Pixels = npt.NDArray[np.float32]
# Between every fourth place the other image's pixels are interpolated: on a field of 5 degrees in 800 places that is
# right to 1e-4 of a place. Larger fields bend more and are computed place by place.
_STEP = 4
_WIDEST_DEG = 5.0


def places(origin: tuple[int, int], factor: int, shape: tuple[int, int]) -> tuple[FloatArray, FloatArray]:
    """Return x (length nx) and y (length ny) of the middles of blocks, in 0-based file pixels.

    Parameters
    ----------
    origin : tuple of int
        File pixel of the lower left corner.
    factor : int
        File pixels per block, along each axis.
    shape : tuple of int
        (ny, nx) blocks.
    """
    middle = (factor - 1) / 2
    x, y = (
        first + middle + factor * np.arange(n, dtype=np.float64) for first, n in zip(origin, shape[::-1], strict=True)
    )
    return x, y


def other_pixels(
    first: ImageHeader, other: ImageHeader, x: FloatArray, y: FloatArray
) -> tuple[FloatArray, FloatArray] | None:
    """Return where the places of one image lie in another, through the sky.

    Parameters
    ----------
    x, y : length nx, ny
        0-based pixels of the first image.

    Returns
    -------
    tuple of arrays of shape (ny, nx), or None
        0-based pixels of the other image, NaN where it has no such place. None when either has no sky coordinates,
        or when their frames differ and one is not known.
    """
    one, two = celestial_wcs(first), celestial_wcs(other)
    if one is None or two is None:
        return None
    span = max(len(x), len(y)) * abs(x[1] - x[0] if len(x) > 1 else 1.0) * _scale_deg(one)
    step = 1 if span > _WIDEST_DEG else _STEP
    coarse_x, weights_x = _knots(x, step)
    coarse_y, weights_y = _knots(y, step)
    grid_x, grid_y = np.meshgrid(coarse_x, coarse_y)
    lon, lat = pixel_to_sky(one, grid_x, grid_y)
    if not is_same_frame(first, other):
        if native_frame(first) is None or native_frame(other) is None:
            return None
        lon, lat = _turned(lon, lat, first, other)
    found = sky_to_pixel(two, lon, lat)
    return weights_y @ found[0] @ weights_x.T, weights_y @ found[1] @ weights_x.T


def _scale_deg(wcs: WCS) -> float:
    return float(np.max(np.abs(wcs.pixel_scale_matrix)))


def _knots(values: FloatArray, step: int) -> tuple[FloatArray, FloatArray]:
    """Return every `step`-th value with the last one, and the weights (n, n_knots) that give all values from them."""
    n = len(values)
    index = np.unique(np.append(np.arange(0, n, step), n - 1))
    weights = np.zeros((n, len(index)))
    after = np.minimum(np.searchsorted(index, np.arange(n), side="right"), len(index) - 1)
    before = np.maximum(after - 1, 0)
    gap = np.maximum(index[after] - index[before], 1)
    share = (np.arange(n) - index[before]) / gap
    np.add.at(weights, (np.arange(n), before), 1 - share)
    np.add.at(weights, (np.arange(n), after), share)
    return values[index], weights


def _turned(
    lon: FloatArray, lat: FloatArray, first: ImageHeader, other: ImageHeader
) -> tuple[FloatArray, FloatArray]:
    good = np.isfinite(lon + lat)
    native = SkyCoord(lon[good], lat[good], unit="deg", frame=native_frame(first)).transform_to(native_frame(other))
    turned_lon, turned_lat = np.full_like(lon, np.nan), np.full_like(lat, np.nan)
    turned_lon[good], turned_lat[good] = native.spherical.lon.deg, native.spherical.lat.deg
    return turned_lon, turned_lat


def between_pixels(data: Pixels, origin: tuple[int, int], factor: int, x: FloatArray, y: FloatArray) -> Pixels:
    """Return values at places by bilinear interpolation between the middles of blocks.

    Blank pixels do not count; a place with more blank than finite weight is blank, as is one beyond the middle of the
    outermost blocks by more than half a block.

    Parameters
    ----------
    data : shape (ny, nx)
        Blocks of `factor` file pixels from `origin` on.
    x, y : arrays of the same shape
        0-based file pixels.
    """
    middle = (factor - 1) / 2
    column, line = (x - origin[0] - middle) / factor, (y - origin[1] - middle) / factor
    ny, nx = data.shape
    with np.errstate(invalid="ignore"):
        inside = (column > -0.5) & (column < nx - 0.5) & (line > -0.5) & (line < ny - 0.5)
    column = np.clip(np.where(inside, column, 0), 0, nx - 1)
    line = np.clip(np.where(inside, line, 0), 0, ny - 1)
    left, lower = np.minimum(column.astype(int), max(nx - 2, 0)), np.minimum(line.astype(int), max(ny - 2, 0))
    right, upper = np.minimum(left + 1, nx - 1), np.minimum(lower + 1, ny - 1)
    dx, dy = column - left, line - lower
    total, weight = np.zeros(x.shape), np.zeros(x.shape)
    corners = (
        (lower, left, (1 - dx) * (1 - dy)),
        (lower, right, dx * (1 - dy)),
        (upper, left, (1 - dx) * dy),
        (upper, right, dx * dy),
    )
    for row, place, share in corners:
        value = data[row, place]
        finite = np.isfinite(value)
        total += np.where(finite, value, 0) * share
        weight += finite * share
    good = inside & (weight > 0.5)
    return np.where(good, total / np.where(good, weight, 1), np.nan).astype(np.float32)
