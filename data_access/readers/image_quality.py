"""One pass over an image for the figures of its quality. Blocks, and takes seconds for a large one: for a worker."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from astropy.coordinates import ICRS, SkyCoord
from astropy.wcs import WCS

from data_access.analysis.flux_units import jy_per_beam
from data_access.analysis.image_quality import SOURCE_SIGMA, SPECTRAL_INDEX, CellFigures, catalog_offsets, peak_near
from data_access.analysis.image_sky import ImageSky, celestial_wcs, icrs_to_pixel, native_frame, pixel_to_sky
from data_access.readers.casa_image import opened_casa_rows
from data_access.readers.fits import opened_fits_rows
from data_access.readers.images import is_casa_image, read_image_header
from data_access.readers.plane import PlaneRows
from data_access.records.files import ImageHeader
from data_access.records.image_quality import Catalog, CatalogOffsets, MeasuredQuality, ResidualStatistics

FloatArray = npt.NDArray[np.float64]
# In beams: a source that is further off is another one, and one with a neighbour this near cannot be told from it.
_SEARCH_BEAMS, _ALONE_BEAMS = 1.0, 3.0
_LEAST_SEARCH, _MOST_SEARCH = 3, 30
# Twice the least signal of a match: sources at the limit are found only when noise lifts them, and look too bright.
_ROUNDING = 1e-3
_EXPECTED_SIGMA = 2 * SOURCE_SIGMA


def measure_quality(
    path: str, *, plane: int = 0, residual_path: str = "", catalog: Catalog | None = None
) -> MeasuredQuality:
    """Return the figures of one plane, FITS or CASA.

    Parameters
    ----------
    residual_path : str
        An image of the residuals. Empty, or with another number of planes: the moments are those of the image
        without its sources.
    catalog : Catalog, optional
        Sources near the image.

    Raises
    ------
    FileError, ValidationError
        As the readers of images.

    Notes
    -----
    Memory is an eighth of the plane (one row of cells), whatever its size; all of it for ``.gz``.
    """
    header = read_image_header(path).of_plane(plane)
    n_y, n_x = header.shape[-2:]
    expected = _Expected.of(header, catalog)
    reach = _beam_pixels(header)
    figures = CellFigures((n_y, n_x), reach=reach, masks_sources=True)
    margin = expected.search + 2 if expected else 0
    for number, first, band, (top, bottom) in _bands(path, plane, figures.y_edges, margin):
        figures.add(number, band[top - first : bottom - first])
        if expected is not None:
            expected.look(band, first, top, bottom)
    noise, peak, nan_fraction = figures.figures()
    residual = figures.residual(origin="image without its sources")
    if residual_path and (beside := read_image_header(residual_path)).n_planes == header.n_planes:
        residual = _of_residual(beside, plane)
    offsets = None if expected is None else expected.offsets(noise)
    return MeasuredQuality(
        unit=header.bunit, noise=noise, peak=peak, nan_fraction=nan_fraction, n_pixels=n_x * n_y,
        noise_map=figures.noise_map(), residual=residual, beam=header.beam, freq_hz=header.freq_hz,
        telescope=header.telescope, offsets=offsets,
    )  # fmt: skip


def _of_residual(header: ImageHeader, plane: int) -> ResidualStatistics:
    figures = CellFigures((header.shape[-2], header.shape[-1]), reach=0, masks_sources=False)
    for number, first, band, (top, bottom) in _bands(header.path, plane, figures.y_edges, 0):
        figures.add(number, band[top - first : bottom - first])
    return figures.residual(origin="residual image", path=header.path)


def _opened(path: str, plane: int) -> AbstractContextManager[PlaneRows]:
    return opened_casa_rows(path, plane) if is_casa_image(path) else opened_fits_rows(path, plane)


def _bands(
    path: str, plane: int, edges: tuple[int, ...], margin: int
) -> Iterator[tuple[int, int, npt.NDArray[np.floating], tuple[int, int]]]:
    """Yield (number, first row, pixels, (top, bottom)) of every row of cells, with `margin` rows around it."""
    with _opened(path, plane) as rows:
        at_once = None if rows.row_step < rows.n_y else rows.read(0, rows.n_y)
        for number, (top, bottom) in enumerate(pairwise(edges)):
            first, last = max(0, top - margin), min(rows.n_y, bottom + margin)
            stored = rows.read(first, last) if at_once is None else at_once[first:last]
            kind = stored.dtype.newbyteorder("=") if stored.dtype.kind == "f" else np.dtype(np.float64)
            yield number, first, np.asarray(stored, dtype=kind), (top, bottom)


@dataclass(slots=True)
class _Expected:
    """Catalogue sources in an image, and what was found at their places."""

    catalog: Catalog
    header: ImageHeader
    wcs: WCS
    search: int
    x: FloatArray
    y: FloatArray
    flux_jy: FloatArray
    positions: tuple[FloatArray, FloatArray]
    found: dict[int, tuple[float, float, float]]

    @classmethod
    def of(cls, header: ImageHeader, catalog: Catalog | None) -> _Expected | None:
        """Return the sources that lie inside and have no neighbour; None without catalogue or a way to ICRS."""
        wcs = celestial_wcs(header)
        if catalog is None or not catalog.sources or wcs is None or native_frame(header) is None:
            return None
        ra = np.array([source.ra_deg for source in catalog.sources])
        dec = np.array([source.dec_deg for source in catalog.sources])
        flux = np.array([math.nan if s.flux_mjy is None else s.flux_mjy / 1e3 for s in catalog.sources])
        if catalog.freq_hz and header.freq_hz:
            flux = flux * (header.freq_hz / catalog.freq_hz) ** SPECTRAL_INDEX
        x, y = icrs_to_pixel(header, wcs, ra, dec)
        n_y, n_x = header.shape[-2:]
        with np.errstate(invalid="ignore"):
            inside = (x >= 0) & (x < n_x - 1) & (y >= 0) & (y < n_y - 1)
        x, y, flux, ra, dec = (values[inside] for values in (x, y, flux, ra, dec))
        beam = _beam_pixels(header)
        alone = _alone(x, y, _ALONE_BEAMS * beam)
        x, y, flux, ra, dec = (values[alone] for values in (x, y, flux, ra, dec))
        search = min(max(_LEAST_SEARCH, math.ceil(_SEARCH_BEAMS * beam)), _MOST_SEARCH)
        return cls(catalog, header, wcs, search, x, y, flux, (ra, dec), {})

    def look(self, band: npt.NDArray[np.floating], first: int, top: int, bottom: int) -> None:
        """Find the peaks of the sources whose place is in the rows from `top` to `bottom`."""
        for number in np.flatnonzero((self.y >= top) & (self.y < bottom)):
            peak = peak_near(band, float(self.x[number]), float(self.y[number]) - first, self.search)
            if peak is not None:
                self.found[int(number)] = (peak[0], peak[1] + first, peak[2])

    def offsets(self, noise: float) -> CatalogOffsets:
        """Return the differences of the sources that stand out of the noise."""
        factor = jy_per_beam(self.header.bunit)
        with np.errstate(invalid="ignore"):
            bright = np.isfinite(self.flux_jy) if factor is None else self.flux_jy >= _EXPECTED_SIGMA * noise * factor
        numbers = [
            n for n in np.flatnonzero(bright).tolist() if n in self.found and self.found[n][2] >= SOURCE_SIGMA * noise
        ]
        found = np.array([self.found[n] for n in numbers]).reshape(-1, 3)
        ra, dec = _icrs(self.header, self.wcs, found[:, 0], found[:, 1])
        east = ((ra - self.positions[0][numbers] + 180) % 360 - 180) * np.cos(np.radians(dec)) * 3600
        north = (dec - self.positions[1][numbers]) * 3600
        ratio = found[:, 2] * (math.nan if factor is None else factor) / self.flux_jy[numbers]
        return catalog_offsets(self.catalog.name, int(np.count_nonzero(bright)), east, north, ratio)


def _icrs(header: ImageHeader, wcs: WCS, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    lon, lat = pixel_to_sky(wcs, x, y)
    frame = native_frame(header)
    if isinstance(frame, ICRS):
        return lon, lat
    position = SkyCoord(lon, lat, unit="deg", frame=frame).icrs
    return np.asarray(position.ra.deg), np.asarray(position.dec.deg)


def _alone(x: FloatArray, y: FloatArray, distance: float) -> npt.NDArray[np.bool_]:
    """Return which positions have no other one nearer than `distance`."""
    squares = (x[:, None] - x) ** 2 + (y[:, None] - y) ** 2
    np.fill_diagonal(squares, np.inf)
    return np.asarray(squares.min(axis=1, initial=np.inf) > distance**2)


def _beam_pixels(header: ImageHeader) -> int:
    """Return the beam's major axis in pixels, at least 1; 3 where it is not known."""
    sky = ImageSky.of(header)
    if header.beam is None or sky is None:
        return 3
    n_y, n_x = header.shape[-2:]
    # measured on the sky: cards differ by unit, by matrix and by how the image is turned
    scale = math.sqrt(math.prod(sky.pixel_size_arcsec((n_x - 1) / 2, (n_y - 1) / 2)))
    if not (math.isfinite(scale) and scale > 0):
        return 3
    return min(max(1, math.ceil(header.beam.major_arcsec / scale - _ROUNDING)), 60)
