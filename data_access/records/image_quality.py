"""What an image's own pixels say of its quality."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from data_access.records.files import BeamShape


@dataclass(frozen=True, slots=True)
class NoiseMap:
    """Robust noise in a grid of cells over a plane, in the unit of the image.

    Attributes
    ----------
    noise : float, shape (n, n)
        1.4826 x median absolute deviation by cell, first row first; NaN where less than a tenth of a cell is finite.
    x_edges, y_edges : int, length n + 1
        File pixels (0-based) between which the cells lie.
    """

    noise: npt.NDArray[np.float64]
    x_edges: tuple[int, ...]
    y_edges: tuple[int, ...]

    @property
    def median(self) -> float:
        """The middle one of the cells' values; NaN without any."""
        finite = self.noise[np.isfinite(self.noise)]
        return float(np.median(finite)) if finite.size else float("nan")

    @property
    def worst(self) -> tuple[float, tuple[int, int, int, int]] | None:
        """The highest noise, and its cell as x0, y0, x1, y1 (0-based, half open); None when no cell has a value."""
        if not np.isfinite(self.noise).any():
            return None
        row, column = np.unravel_index(int(np.nanargmax(self.noise)), self.noise.shape)
        box = (self.x_edges[column], self.y_edges[row], self.x_edges[column + 1], self.y_edges[row + 1])
        return float(self.noise[row, column]), box


@dataclass(frozen=True, slots=True)
class ResidualStatistics:
    """How far what is left beside the sources is from plain noise.

    Every pixel is measured from its cell's median in units of its cell's noise, so that noise that only changes over
    the field looks plain.

    Attributes
    ----------
    origin : str
        ``"residual image"``, or ``"image without its sources"``.
    path : str
        Of the residual image; empty otherwise.
    skewness, kurtosis : float
        Third moment, and fourth moment above 3: both 0 for plain noise; NaN for fewer than 100 pixels.
    bowl : float
        How far the lowest cell median lies below the middle one, in units of the noise: the depth of a negative bowl.
    n_pixels : int
    """

    origin: str
    path: str
    skewness: float
    kurtosis: float
    bowl: float
    n_pixels: int


@dataclass(frozen=True, slots=True)
class CatalogSource:
    """One position of a reference catalogue: ICRS degrees, mJy."""

    ra_deg: float
    dec_deg: float
    flux_mjy: float | None


@dataclass(frozen=True, slots=True)
class Catalog:
    """The sources of one reference catalogue near a place, brightest first."""

    name: str
    file: str
    freq_hz: float | None
    sources: tuple[CatalogSource, ...]


@dataclass(frozen=True, slots=True)
class CatalogOffsets:
    """Positions and brightness in the image against a catalogue.

    Attributes
    ----------
    n_expected : int
        Sources that should stand out of the noise and have no neighbour.
    n_matched : int
        Of these, the ones with a peak above 5 times the noise at their place.
    east_arcsec, north_arcsec : float
        Median of image minus catalogue: (RA difference) x cos(Dec), and Dec; NaN without matches.
    east_scatter_arcsec, north_scatter_arcsec : float
        1.4826 x median absolute deviation.
    flux_ratio, flux_ratio_scatter : float
        Peak in the image over catalogue flux, brought to the frequency of the image with a spectral index of -0.7;
        NaN where the image is not in Jy/beam.
    """

    catalog: str
    n_expected: int
    n_matched: int
    east_arcsec: float
    north_arcsec: float
    east_scatter_arcsec: float
    north_scatter_arcsec: float
    flux_ratio: float
    flux_ratio_scatter: float

    @property
    def position_error_arcsec(self) -> float:
        """Standard error of the median offset: 1.25 x scatter / sqrt(n), of the worse axis; NaN without matches."""
        if not self.n_matched:
            return float("nan")
        return 1.2533 * max(self.east_scatter_arcsec, self.north_scatter_arcsec) / math.sqrt(self.n_matched)


@dataclass(frozen=True, slots=True)
class MeasuredQuality:
    """Figures of one plane, in the unit of the image.

    Attributes
    ----------
    noise : float
        1.4826 x median absolute deviation of the whole plane (of at most 4 million pixels, chosen at random).
    offsets : CatalogOffsets or None
        None where no catalogue covers the image or it has no sky coordinates.
    """

    unit: str
    noise: float
    peak: float
    nan_fraction: float
    n_pixels: int
    noise_map: NoiseMap
    residual: ResidualStatistics
    beam: BeamShape | None
    freq_hz: float | None
    telescope: str
    offsets: CatalogOffsets | None

    @property
    def dynamic_range(self) -> float:
        """Peak over noise; NaN when there is none."""
        return self.peak / self.noise if self.noise > 0 else float("nan")
