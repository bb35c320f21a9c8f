"""FITS images of the simulated sky: SIN projection, four axes, noise with the shape of the beam."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from astropy.io import fits

from data_access.demo.photometry import Measurement, local_rms_jy, measure
from data_access.demo.plan import TILE_S, Tile, iso, mjd
from data_access.demo.sky import CELL_ARCSEC, IMAGE_SIZE_PX, Sky, project_sin

FloatArray = npt.NDArray[np.float64]

BEAM_MAJOR_ARCSEC = 30.0
BEAM_MINOR_ARCSEC = 25.0
BEAM_PA_DEG = 12.0
FREQ_HZ = 1.405e9
BANDWIDTH_HZ = 187.5e6
STAMP_SIGMAS = 5.5
SIGMA_PER_FWHM = 1.0 / np.sqrt(8.0 * np.log(2.0))


@dataclass(frozen=True, slots=True)
class Frame:
    """Geometry of an image: centre (ICRS degrees), size in pixels (x, y) and pixel size."""

    ra_deg: float
    dec_deg: float
    size_px: tuple[int, int]
    cell_arcsec: float

    @property
    def reference_px(self) -> tuple[float, float]:
        """0-based pixel of the centre, along x and y."""
        return self.size_px[0] / 2, self.size_px[1] / 2

    def pixel_of(self, east_deg: float, north_deg: float) -> tuple[float, float]:
        """Return the 0-based pixel (x, y) of an offset in the tangent plane."""
        x0, y0 = self.reference_px
        return x0 - east_deg * 3600.0 / self.cell_arcsec, y0 + north_deg * 3600.0 / self.cell_arcsec


def tile_frame(tile: Tile) -> Frame:
    """Return the geometry of the image of one tile."""
    return Frame(tile.ra_deg, tile.dec_deg, (IMAGE_SIZE_PX, IMAGE_SIZE_PX), CELL_ARCSEC)


def beam_pattern(x_px: npt.ArrayLike, y_px: npt.ArrayLike, cell_arcsec: float) -> FloatArray:
    """Return the restoring beam (peak 1) at offsets in pixels; its position angle counts from north to east."""
    angle = np.radians(BEAM_PA_DEG)
    # East is towards smaller x.
    east, north = -np.asarray(x_px, dtype=float) * cell_arcsec, np.asarray(y_px, dtype=float) * cell_arcsec
    along = (east * np.sin(angle) + north * np.cos(angle)) / (BEAM_MAJOR_ARCSEC * SIGMA_PER_FWHM)
    across = (east * np.cos(angle) - north * np.sin(angle)) / (BEAM_MINOR_ARCSEC * SIGMA_PER_FWHM)
    return np.asarray(np.exp(-0.5 * (along**2 + across**2)))


@lru_cache(maxsize=4)
def _beam_transfer(size_px: tuple[int, int], cell_arcsec: float) -> FloatArray:
    """Return |FFT| of the beam, scaled so that white noise of rms 1 keeps rms 1 when multiplied by it."""
    n_x, n_y = size_px
    x = np.fft.fftfreq(n_x, 1.0 / n_x)
    y = np.fft.fftfreq(n_y, 1.0 / n_y)
    transfer = np.abs(np.fft.rfft2(beam_pattern(x[None, :], y[:, None], cell_arcsec)))
    full = np.abs(np.fft.fft2(beam_pattern(x[None, :], y[:, None], cell_arcsec)))
    return np.asarray(transfer / np.sqrt(np.mean(full**2)))


def beam_noise(frame: Frame, rng: np.random.Generator) -> FloatArray:
    """Return noise of rms 1 with the correlation of the beam, shape (y, x)."""
    n_x, n_y = frame.size_px
    spectrum = np.fft.rfft2(rng.standard_normal((n_y, n_x), dtype=np.float32))
    return np.asarray(np.fft.irfft2(spectrum * _beam_transfer(frame.size_px, frame.cell_arcsec), s=(n_y, n_x)))


def add_source(plane: FloatArray, frame: Frame, x_px: float, y_px: float, peak_jyb: float) -> None:
    """Add a point source of `peak_jyb` at a 0-based pixel to `plane`, in place."""
    n_x, n_y = frame.size_px
    radius = int(np.ceil(STAMP_SIGMAS * BEAM_MAJOR_ARCSEC * SIGMA_PER_FWHM / frame.cell_arcsec))
    x = np.arange(max(int(x_px) - radius, 0), min(int(x_px) + radius + 1, n_x))
    y = np.arange(max(int(y_px) - radius, 0), min(int(y_px) + radius + 1, n_y))
    if x.size and y.size:
        stamp = beam_pattern(x[None, :] - x_px, y[:, None] - y_px, frame.cell_arcsec)
        plane[y[0] : y[-1] + 1, x[0] : x[-1] + 1] += peak_jyb * stamp


def draw_tile(tile: Tile, measurements: Sequence[Measurement], *, seed: int) -> FloatArray:
    """Return the image of one tile in Jy/beam, shape (y, x), in which each source shows the flux measured."""
    frame = tile_frame(tile)
    rng = np.random.default_rng([seed, tile.draw, 5])
    n_x, n_y = frame.size_px
    x0, y0 = frame.reference_px
    distance_px = np.hypot(np.arange(n_x)[None, :] - x0, np.arange(n_y)[:, None] - y0)
    plane = beam_noise(frame, rng) * local_rms_jy(tile, distance_px * CELL_ARCSEC / 3600.0)
    if tile.is_disturbed:
        angle = rng.uniform(0.0, np.pi)
        ramp = np.arange(n_x)[None, :] * np.cos(angle) + np.arange(n_y)[:, None] * np.sin(angle)
        plane += 0.8 * tile.noise_jy * np.sin(2 * np.pi * ramp / 17.0)
    for measured in measurements:
        x_px, y_px = frame.pixel_of(measured.east_deg, measured.north_deg)
        # The noise already there is part of what was measured.
        below = plane[round(y_px), round(x_px)]
        add_source(plane, frame, x_px, y_px, measured.peak_jyb - float(below))
    return plane


def write_tile_image(path: Path, tile: Tile, sky: Sky, *, seed: int, is_pbcor: bool = True) -> FloatArray:
    """Write the FITS image of `tile` and return its plane (Jy/beam, shape (y, x))."""
    plane = draw_tile(tile, measure(tile, sky, seed=seed), seed=seed)
    extra: dict[str, str | float | int] = {
        "DATE-OBS": iso(tile.start_unix),
        "DATE-END": iso(tile.start_unix + TILE_S),
        "MJD-OBS": mjd(tile.start_unix),
        "MJD-END": mjd(tile.start_unix + TILE_S),
        "OBJECT": field_name(tile),
        "PBCOR": "T" if is_pbcor else "F",
        "DUR": TILE_S,
    }
    write_image(path, plane, tile_frame(tile), extra)
    return plane


def write_mosaic(path: Path, tiles: Sequence[Tile], sky: Sky, *, seed: int) -> Frame:
    """Write one FITS image of the sky that `tiles` cover and return its geometry."""
    middle = tiles[len(tiles) // 2]
    cell_arcsec = 2 * CELL_ARCSEC
    east, _ = project_sin([t.ra_deg for t in tiles], [t.dec_deg for t in tiles], middle.ra_deg, middle.dec_deg)
    width_px = 2 * int(np.max(np.abs(east)) * 3600.0 / cell_arcsec + IMAGE_SIZE_PX // 4)
    frame = Frame(middle.ra_deg, middle.dec_deg, (width_px, IMAGE_SIZE_PX // 2), cell_arcsec)
    noise_jy = float(np.median([tile.noise_jy for tile in tiles])) / np.sqrt(1.3)
    plane = noise_jy * beam_noise(frame, np.random.default_rng([seed, middle.draw, 6]))
    for index in sky.find_within(middle.ra_deg, middle.dec_deg, float(np.max(np.abs(east))) + 0.4):
        source = sky.sources[index]
        offset = project_sin(source.ra_deg, source.dec_deg, middle.ra_deg, middle.dec_deg)
        x_px, y_px = frame.pixel_of(float(offset[0]), float(offset[1]))
        add_source(plane, frame, x_px, y_px, sky.flux_jy(source, middle.mid_mjd))
    extra: dict[str, str | float | int] = {
        "DATE-OBS": iso(tiles[0].start_unix),
        "OBJECT": field_name(middle),
        "NIMAGES": len(tiles),
        "MEDRMS": float(np.median([tile.noise_jy for tile in tiles])),
        "EFFNOISE": noise_jy,
    }
    write_image(path, plane, frame, extra)
    return frame


def field_name(tile: Tile) -> str:
    """Return the name of the drift field of a tile."""
    return f"meridian_dec{tile.dec_deg:+06.2f}"


def write_image(path: Path, plane: FloatArray, frame: Frame, extra: dict[str, str | float | int]) -> None:
    """Write `plane` (Jy/beam, shape (y, x)) as float32 FITS with axes (RA, Dec, frequency, Stokes).

    The file appears under its name when it is complete, never half-written.
    """
    hdu = fits.PrimaryHDU(plane.astype(np.float32)[None, None])
    header = hdu.header
    x0, y0 = frame.reference_px
    cell_deg = frame.cell_arcsec / 3600.0
    axes = [
        ("RA---SIN", frame.ra_deg, x0 + 1, -cell_deg, "deg"),
        ("DEC--SIN", frame.dec_deg, y0 + 1, cell_deg, "deg"),
        ("FREQ", FREQ_HZ, 1.0, BANDWIDTH_HZ, "Hz"),
        ("STOKES", 1.0, 1.0, 1.0, ""),
    ]
    for number, (kind, value, pixel, step, unit) in enumerate(axes, start=1):
        header[f"CTYPE{number}"] = kind
        header[f"CRVAL{number}"] = value
        header[f"CRPIX{number}"] = pixel
        header[f"CDELT{number}"] = step
        header[f"CUNIT{number}"] = unit
    header["RADESYS"] = "ICRS"
    header["BUNIT"] = "Jy/beam"
    header["BTYPE"] = "Intensity"
    header["BMAJ"] = BEAM_MAJOR_ARCSEC / 3600.0
    header["BMIN"] = BEAM_MINOR_ARCSEC / 3600.0
    header["BPA"] = BEAM_PA_DEG
    header["RESTFRQ"] = FREQ_HZ
    header["TELESCOP"] = "DSA-110"
    header["ORIGIN"] = "synthetic demo data"
    header.update(extra)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".part")
    hdu.writeto(unfinished, overwrite=True)
    unfinished.replace(path)
