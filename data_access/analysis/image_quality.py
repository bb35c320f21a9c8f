"""Noise in cells, moments of what is left beside the sources, peaks at expected places: arrays in, figures out."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from data_access.records.image_quality import CatalogOffsets, NoiseMap, ResidualStatistics

N_CELLS = 8
SOURCE_SIGMA = 5.0
SPECTRAL_INDEX = -0.7
_CELL_SAMPLE = 62_500
_LEAST_FINITE = 0.1
_LEAST_PIXELS = 100
_TO_SIGMA = 1.4826

Pixels = npt.NDArray[np.floating]
FloatArray = npt.NDArray[np.float64]


def robust_sigma(values: Pixels) -> tuple[float, float]:
    """Return (median, 1.4826 x median absolute deviation) of finite values; NaN for none."""
    if not values.size:
        return math.nan, math.nan
    median = float(np.median(values))
    return median, _TO_SIGMA * float(np.median(np.abs(values - median)))


def cell_edges(n: int) -> tuple[int, ...]:
    """Return the edges of the cells along an axis of `n` pixels: `N_CELLS` of them, fewer on a tiny image."""
    n_cells = min(N_CELLS, max(1, n // 4))
    return tuple(round(n * i / n_cells) for i in range(n_cells + 1))


class CellFigures:
    """Figures of a plane that grow by one row of cells at a time.

    Parameters
    ----------
    shape : tuple of int
        (ny, nx) of the plane.
    reach : int
        Pixels around a bright one that belong to its source too: about a beam.
    masks_sources : bool
        Whether pixels above `SOURCE_SIGMA` (and what is around them) are left out of the moments.
    """

    def __init__(self, shape: tuple[int, int], *, reach: int, masks_sources: bool) -> None:
        self.y_edges, self.x_edges = cell_edges(shape[0]), cell_edges(shape[1])
        self._n_pixels, self._reach, self._masks_sources = shape[0] * shape[1], reach, masks_sources
        n_cells = len(self.y_edges) - 1, len(self.x_edges) - 1
        self._median, self._noise = np.full(n_cells, np.nan), np.full(n_cells, np.nan)
        self._peak, self._n_finite = -math.inf, 0
        self._powers = np.zeros(5)
        self._kept: list[Pixels] = []
        # A fixed seed: the same file always has the same noise.
        self._random = np.random.default_rng(110)

    def add(self, row: int, band: Pixels) -> None:
        """Count the cells of one row; `band` has all their pixels, infinities count as blank."""
        for column, (x0, x1) in enumerate(pairwise(self.x_edges)):
            cell = band[:, x0:x1]
            finite = cell[np.isfinite(cell)]
            if not finite.size:
                continue
            self._n_finite += finite.size
            self._peak = max(self._peak, float(finite.max()))
            sample = finite if finite.size <= _CELL_SAMPLE else self._random.choice(finite, _CELL_SAMPLE)
            self._kept.append(sample)
            if finite.size < _LEAST_FINITE * cell.size:
                continue
            median, noise = robust_sigma(sample)
            self._median[row, column], self._noise[row, column] = median, noise
            if noise > 0:
                self._add_moments((cell - median) / noise)

    def _add_moments(self, levels: Pixels) -> None:
        keep = np.isfinite(levels)
        if self._masks_sources:
            bright = keep & (levels > SOURCE_SIGMA)
            if bright.any():
                keep &= ~_grown(bright, self._reach)
        values = levels[keep].astype(np.float64)
        squares = values * values
        self._powers += (
            values.size,
            values.sum(),
            squares.sum(),
            (squares * values).sum(),
            (squares * squares).sum(),
        )

    def figures(self) -> tuple[float, float, float]:
        """Return (noise, peak, share of blank pixels) of the whole plane."""
        _, noise = robust_sigma(np.concatenate(self._kept) if self._kept else np.empty(0))
        return noise, self._peak if self._n_finite else math.nan, 1 - self._n_finite / self._n_pixels

    def noise_map(self) -> NoiseMap:
        """Return the noise by cell."""
        return NoiseMap(self._noise, self.x_edges, self.y_edges)

    def residual(self, *, origin: str, path: str = "") -> ResidualStatistics:
        """Return the moments of what was counted."""
        n, mean = self._powers[0], math.nan
        skewness = kurtosis = math.nan
        if n >= _LEAST_PIXELS:
            mean, square, cube, fourth = (self._powers[1:] / n).tolist()
            variance = square - mean**2
            if variance > 0:
                third = cube - 3 * mean * square + 2 * mean**3
                skewness = third / variance**1.5
                kurtosis = (fourth - 4 * mean * cube + 6 * mean**2 * square - 3 * mean**4) / variance**2 - 3
        bowl = math.nan
        noise = self.noise_map().median
        if np.isfinite(self._median).any() and noise > 0:
            bowl = float(np.nanmedian(self._median) - np.nanmin(self._median)) / noise
        return ResidualStatistics(origin, path, skewness, kurtosis, bowl, int(n))


def _grown(mask: npt.NDArray[np.bool_], reach: int) -> npt.NDArray[np.bool_]:
    """Return a mask grown by `reach` pixels to all sides (a square)."""
    grown = mask
    for axis in (0, 1):
        # How many are set among the 2 reach + 1 pixels around each: the difference of two running sums.
        padding = [(reach + 1, reach) if one == axis else (0, 0) for one in (0, 1)]
        sums = np.cumsum(np.pad(grown.astype(np.int32), padding), axis=axis)
        n = mask.shape[axis]
        grown = np.take(sums, np.arange(n) + 2 * reach + 1, axis=axis) > np.take(sums, np.arange(n), axis=axis)
    return grown


def peak_near(band: Pixels, x: float, y: float, reach: int) -> tuple[float, float, float] | None:
    """Return (x, y, value) of the peak within `reach` pixels of a place, to a fraction of a pixel.

    The place of the maximum of a parabola through three pixels along each axis; the value is that of the highest
    pixel. None when the highest pixel is on the edge of the search box (it belongs to something else), of the array,
    or beside a blank one.
    """
    i, j = round(y), round(x)
    y0, x0 = i - reach, j - reach
    if y0 < 1 or x0 < 1 or i + reach + 1 >= band.shape[0] or j + reach + 1 >= band.shape[1]:
        return None
    box = band[y0 : i + reach + 1, x0 : j + reach + 1]
    if not np.isfinite(box).any():
        return None
    row, column = np.unravel_index(int(np.nanargmax(box)), box.shape)
    if row in (0, 2 * reach) or column in (0, 2 * reach):
        return None
    i, j = y0 + int(row), x0 + int(column)
    around = band[i - 1 : i + 2, j - 1 : j + 2].astype(np.float64)
    if not np.isfinite(around).all():
        return None
    return j + _vertex(around[1]), i + _vertex(around[:, 1]), float(around[1, 1])


def _vertex(three: FloatArray) -> float:
    """Return where the parabola through three equally spaced values has its top, from the middle one."""
    bend = three[0] - 2 * three[1] + three[2]
    return float(0.5 * (three[0] - three[2]) / bend) if bend < 0 else 0.0


def catalog_offsets(
    catalog: str, n_expected: int, east_arcsec: FloatArray, north_arcsec: FloatArray, flux_ratio: FloatArray
) -> CatalogOffsets:
    """Return medians and scatter of the differences, image minus catalogue; one value per match.

    One match alone has no scatter.
    """
    known = flux_ratio[np.isfinite(flux_ratio)]
    east, north, ratio = (
        robust_sigma(values) if values.size != 1 else (float(values[0]), np.nan)
        for values in (east_arcsec, north_arcsec, known)
    )
    return CatalogOffsets(
        catalog=catalog, n_expected=n_expected, n_matched=int(east_arcsec.size), east_arcsec=east[0],
        north_arcsec=north[0], east_scatter_arcsec=east[1], north_scatter_arcsec=north[1], flux_ratio=ratio[0],
        flux_ratio_scatter=ratio[1],
    )  # fmt: skip
