"""Figures of the pixels in a region, added up block by block: no region needs the memory of all its pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from data_access.analysis.coordinates import separation_arcsec
from data_access.analysis.flux_units import jy_per_beam, jy_per_pixel
from data_access.analysis.region_geometry import FloatArray, ImageGrid
from data_access.records.regions import Histogram, RegionStatistics

# Up to here median, robust rms and histogram are exact; above, they come from a random sample.
EXACT_PIXELS = 4_000_000
_SAMPLE_PIXELS = 1_000_000
_MAD_TO_SIGMA = 1.4826
_FEWEST_BINS, _MOST_BINS = 10, 120


class RegionFigures:
    """Statistics that grow block by block.

    Parameters
    ----------
    n_expected : int
        Pixels that may come at most: decides whether all values are kept for median and histogram.
    """

    def __init__(self, n_expected: int) -> None:
        self.n_pixels = self.n_finite = 0
        self.total = self._mean = self._m2 = 0.0
        self.minimum, self.maximum = math.nan, math.nan
        self.minimum_xy = self.maximum_xy = (-1, -1)
        self._share = 1.0 if n_expected <= EXACT_PIXELS else _SAMPLE_PIXELS / n_expected
        # A fixed seed: the same region always gives the same median.
        self._random = np.random.default_rng(110)
        self._kept: list[npt.NDArray[np.float32]] = []

    @property
    def sampled(self) -> bool:
        """True when median and histogram come from a sample."""
        return self._share < 1.0

    def add(self, data: npt.NDArray[np.float32], inside: npt.NDArray[np.bool_], x0: int, y0: int) -> None:
        """Count a block of pixels whose first one is pixel (x0, y0) of the image."""
        self.n_pixels += int(np.count_nonzero(inside))
        good = inside & np.isfinite(data)
        values = data[good]
        if not values.size:
            return
        self._add_extremes(values, good, x0, y0)
        exact = values.astype(np.float64)
        n, total = exact.size, float(exact.sum())
        mean = total / n
        m2 = float(np.square(exact - mean).sum())
        # Chan et al. (1979): no digits are lost for a small scatter about a large mean.
        delta, n_before = mean - self._mean, self.n_finite
        self.n_finite += n
        self.total += total
        self._mean += delta * n / self.n_finite
        self._m2 += m2 + delta**2 * n * n_before / self.n_finite
        if self.sampled:
            values = values[self._random.integers(0, n, max(1, round(n * self._share)))]
        self._kept.append(values)

    def _add_extremes(self, values: npt.NDArray[np.float32], good: npt.NDArray[np.bool_], x0: int, y0: int) -> None:
        def place(n: int) -> tuple[int, int]:
            row, column = divmod(int(np.flatnonzero(good)[n]), good.shape[1])
            return x0 + column, y0 + row

        low, high = float(values.min()), float(values.max())
        if not self.minimum <= low:
            self.minimum, self.minimum_xy = low, place(int(np.argmin(values)))
        if not self.maximum >= high:
            self.maximum, self.maximum_xy = high, place(int(np.argmax(values)))

    def result(self, grid: ImageGrid, centre: tuple[float, float], n_outside: int) -> RegionStatistics:
        """Return the figures of everything that was added, for a region about `centre` (pixels)."""
        n, nan = self.n_finite, math.nan
        kept = np.concatenate(self._kept).astype(np.float64) if self._kept else np.empty(0)
        median = float(np.median(kept)) if kept.size else nan
        total = self.total if n else nan
        area = grid.pixel_area_arcsec2(*centre)
        flux = integrated_flux(total, grid, area)
        return RegionStatistics(
            n_pixels=self.n_pixels,
            n_blank=self.n_pixels - n,
            n_outside=n_outside,
            total=total,
            mean=self._mean if n else nan,
            median=median,
            minimum=self.minimum,
            maximum=self.maximum,
            minimum_xy=self.minimum_xy,
            maximum_xy=self.maximum_xy,
            maximum_sky=_sky_of(grid, self.maximum_xy),
            rms=math.sqrt(self._m2 / n + self._mean**2) if n else nan,
            std=math.sqrt(self._m2 / (n - 1)) if n > 1 else nan,
            robust_rms=_MAD_TO_SIGMA * float(np.median(np.abs(kept - median))) if kept.size else nan,
            unit=grid.header.bunit,
            flux_jy=flux.jy,
            flux_reason=flux.reason,
            beam_pixels=flux.beam_pixels,
            sampled=self.sampled,
            area_arcsec2=None if area is None else area * self.n_pixels,
            histogram=histogram_of(kept),
        )


@dataclass(frozen=True, slots=True)
class Flux:
    """An integrated flux density, or why there is none."""

    jy: float | None
    reason: str
    beam_pixels: float | None


def integrated_flux(total: float, grid: ImageGrid, pixel_area_arcsec2: float | None) -> Flux:
    """Return the sum over pixels as a flux density: per beam divided by the beam's area, per pixel as it is.

    The area of a Gaussian beam is pi / (4 ln 2) times major times minor axis (FWHM).
    """
    beam, unit = grid.header.beam, grid.header.bunit.strip()
    beam_pixels = None
    if beam is not None and pixel_area_arcsec2 is not None and beam.major_arcsec > 0 and beam.minor_arcsec > 0:
        solid = math.pi / (4 * math.log(2)) * beam.major_arcsec * beam.minor_arcsec
        beam_pixels = solid / pixel_area_arcsec2
    if not math.isfinite(total):
        return Flux(None, "no pixel of the region has a value", beam_pixels)
    if (factor := jy_per_pixel(unit)) is not None:
        return Flux(total * factor, "sum of the pixels: the unit is per pixel", beam_pixels)
    factor = jy_per_beam(unit)
    if factor is None:
        what = f"the unit is {unit[:24]}" if unit else "the file states no unit"
        return Flux(None, f"{what}: only Jy/beam and Jy/pixel add up to a flux density", beam_pixels)
    if beam_pixels is None:
        if beam is None:
            return Flux(None, "the file states no beam", None)
        return Flux(None, "the size of a pixel on the sky is not known here", None)
    words = f"sum / beam area of {beam_pixels:.4g} pixels"
    if beam is not None and beam.minor_assumed:
        words += ", taken for round: its minor axis is not recorded"
    return Flux(total * factor / beam_pixels, words, beam_pixels)


def histogram_of(values: FloatArray) -> Histogram | None:
    """Return the histogram from the least to the largest value; None without values."""
    if not values.size:
        return None
    n_bins = int(np.clip(math.sqrt(values.size), _FEWEST_BINS, _MOST_BINS))
    low, high = float(values.min()), float(values.max())
    if not high - low > 1e-12 * max(abs(low), abs(high)):
        half = 0.5 * max(abs(low) * 1e-3, 1e-12)
        low, high, n_bins = low - half, high + half, 1
    counts, edges = np.histogram(values, bins=n_bins, range=(low, high))
    return Histogram(edges, counts.astype(np.int64))


def values_along(data: npt.NDArray[np.float32], origin: tuple[int, int], x: FloatArray, y: FloatArray) -> FloatArray:
    """Return the values at samples of a line, bilinear between the four nearest pixels; NaN where one is blank.

    Parameters
    ----------
    data : float32, shape (ny, nx)
        Full resolution; its first pixel is pixel `origin` of the image.
    x, y : float64, shape (n,)
        Samples in pixels of the image.
    """
    n_y, n_x = data.shape
    left = np.clip(np.floor(x - origin[0]).astype(np.int64), 0, max(n_x - 2, 0))
    below = np.clip(np.floor(y - origin[1]).astype(np.int64), 0, max(n_y - 2, 0))
    # half a pixel beyond the outermost centres a sample has the value of the outermost pixel
    a, b = np.clip(x - origin[0] - left, 0.0, 1.0), np.clip(y - origin[1] - below, 0.0, 1.0)
    right, above = np.minimum(left + 1, n_x - 1), np.minimum(below + 1, n_y - 1)
    value = np.zeros(x.shape)
    for rows, columns, weight in (
        (below, left, (1 - a) * (1 - b)), (below, right, a * (1 - b)),
        (above, left, (1 - a) * b), (above, right, a * b),
    ):  # fmt: skip
        # a blank pixel without weight leaves the sample as it is
        value += np.where(weight > 0, weight * data[rows, columns], 0.0)
    return value


def offsets_along(grid: ImageGrid, x: FloatArray, y: FloatArray) -> tuple[FloatArray, Literal["arcsec", "pixel"]]:
    """Return how far samples are from the first one, on the sky; in pixels where there is none."""
    ra, dec = grid.to_icrs(x, y)
    if np.isfinite(ra + dec).all():
        return separation_arcsec(ra[0], dec[0], ra, dec), "arcsec"
    return np.hypot(x - x[0], y - y[0]), "pixel"


def line_samples(x: FloatArray, y: FloatArray, *, most: int) -> tuple[FloatArray, FloatArray]:
    """Return samples from the first to the second end, at most a pixel apart (further for more than `most`)."""
    n = min(max(2, math.ceil(float(np.hypot(x[1] - x[0], y[1] - y[0]))) + 1), most)
    share = np.linspace(0.0, 1.0, n)
    return x[0] + share * (x[1] - x[0]), y[0] + share * (y[1] - y[0])


def _sky_of(grid: ImageGrid, xy: tuple[int, int]) -> tuple[float, float] | None:
    if xy[0] < 0:
        return None
    ra, dec = grid.to_icrs([float(xy[0])], [float(xy[1])])
    return (float(ra[0]), float(dec[0])) if math.isfinite(float(ra[0] + dec[0])) else None
