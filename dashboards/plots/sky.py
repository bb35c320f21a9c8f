"""From file pixels to the sky and back, for drawing: frames, directions on the image, sexagesimal text."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from astropy.wcs import WCS

from data_access.analysis.image_sky import (
    FloatArray,
    celestial_wcs,
    equinox_of,
    frame_name,
    icrs_to_pixel,
    native_frame,
    pixel_to_sky,
    sky_to_pixel,
)
from data_access.records import BeamShape, ImageHeader

__all__ = [
    "Box",
    "FloatArray",
    "LocalSky",
    "Orientation",
    "axis_names",
    "beam_outline",
    "beam_words",
    "celestial_wcs",
    "decimal_text",
    "degrees_text",
    "hours_text",
    "icrs_to_pixel",
    "is_equatorial",
    "local_sky",
    "native_frame",
    "orientation",
    "pixel_to_sky",
    "sky_grid",
    "sky_to_pixel",
]

Box = tuple[float, float, float, float]
ARCSEC_PER_DEG = 3600.0
# North this close to a pixel axis is shown without resampling: the graticule shows the rest.
ALIGNED_DEG = 3.0
# An image turned by less than this is called upright.
UPRIGHT_DEG = 20.0
NEAREST_TO_POLE_DEG = 90.0 - 30.0 / ARCSEC_PER_DEG


def axis_names(header: ImageHeader) -> tuple[str, str]:
    """Return the titles of the longitude and latitude axes, with the frame as the file states it."""
    if header.frame in ("galactic", "supergalactic", "ecliptic"):
        word = header.frame.capitalize()
        return f"{word} longitude (degrees)", f"{word} latitude (degrees)"
    if not is_equatorial(header):
        name = frame_name(header.wcs_header)
        return f"Longitude ({name}, degrees)", f"Latitude ({name}, degrees)"
    equinox = equinox_of(header)
    frame = {
        "icrs": "ICRS",
        "fk5": f"FK5 J{equinox or 2000.0:.1f}",
        "fk4": f"FK4 B{equinox or 1950.0:.1f}",
        "fk4-no-e": f"FK4 without E-terms, B{equinox or 1950.0:.1f}",
    }.get(header.frame) or f"frame {frame_name(header.wcs_header)}"
    return f"Right ascension ({frame})", f"Declination ({frame})"


def is_equatorial(header: ImageHeader) -> bool:
    """Say whether longitudes are written as hours."""
    if header.frame == "unknown":
        return str(header.wcs_header.get("CTYPE1", "")).startswith("RA--")
    return header.frame not in ("galactic", "supergalactic", "ecliptic")


@dataclass(frozen=True, slots=True)
class LocalSky:
    """Directions and scale at one point of the image.

    Attributes
    ----------
    x, y : float
        The point, 0-based file pixels.
    east, north : (dx, dy)
        Pixels per arcsecond towards east and north: the two vectors carry scale, rotation and mirroring.
    """

    x: float
    y: float
    east: tuple[float, float]
    north: tuple[float, float]

    @property
    def pixel_arcsec(self) -> float:
        """Size of a pixel: the square root of its area."""
        area = abs(self.east[0] * self.north[1] - self.east[1] * self.north[0])
        return float(1.0 / np.sqrt(area)) if area > 0 else float("nan")

    def offsets(self, east_arcsec: FloatArray, north_arcsec: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return pixel offsets (dx, dy) of small sky offsets."""
        dx = east_arcsec * self.east[0] + north_arcsec * self.north[0]
        dy = east_arcsec * self.east[1] + north_arcsec * self.north[1]
        return dx, dy


@dataclass(frozen=True, slots=True)
class Orientation:
    """How the axes of an image must run on the screen.

    Attributes
    ----------
    turn_x, turn_y : bool
        The axis runs to the left, or downwards.
    upright : bool
        North is then up and east left, to `UPRIGHT_DEG`; not where the axes of the image are not square to each
        other, or a pole is in the middle.
    """

    turn_x: bool
    turn_y: bool
    upright: bool


def orientation(sky: LocalSky | None) -> Orientation:
    """Return how to show north up and east left: an image stored mirrored or upside down is turned round.

    Axes are only turned by which north and east come nearer to where they belong; the rest is up to
    `dashboards.plots.image_turn`. Without a sky the axes run as they are stored.
    """
    if sky is None:
        return Orientation(False, False, True)
    west, north = -np.array(sky.east), np.array(sky.north)
    lying = abs(north[0]) > abs(north[1])
    turn_x, turn_y = not lying and bool(west[0] < 0), not lying and bool(north[1] < 0)
    signs = np.array([-1 if turn_x else 1, -1 if turn_y else 1])
    nearest = min((north * signs)[1] / np.hypot(*north), (west * signs)[0] / np.hypot(*west))
    return Orientation(turn_x, turn_y, bool(not lying and nearest > np.cos(np.radians(UPRIGHT_DEG))))


def local_sky(wcs: WCS, box: Box) -> LocalSky | None:
    """Return directions at the middle of the box, or at the reference point when the middle is off the sky."""
    middle = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
    reference = (float(wcs.wcs.crpix[0]) - 1, float(wcs.wcs.crpix[1]) - 1)
    step = 1.0 / ARCSEC_PER_DEG
    for x, y in (middle, reference):
        lon, lat = pixel_to_sky(wcs, np.array([x]), np.array([y]))
        if not np.isfinite(lat[0]):
            continue
        # at a pole itself there is no east: take the directions half an arcminute beside it
        base = float(np.clip(lat[0], -NEAREST_TO_POLE_DEG, NEAREST_TO_POLE_DEG))
        half_lon = 0.5 * step / float(np.cos(np.radians(base)))
        lons = lon[0] + np.array([-half_lon, half_lon, 0.0, 0.0])
        lats = base + np.array([0.0, 0.0, -0.5 * step, 0.5 * step])
        px, py = sky_to_pixel(wcs, lons, lats)
        if np.all(np.isfinite(px)):
            east = (float(px[1] - px[0]), float(py[1] - py[0]))
            north = (float(px[3] - px[2]), float(py[3] - py[2]))
            return LocalSky(x, y, east, north)
    return None


def beam_words(beam: BeamShape | None) -> str:
    """Return axes and position angle of a beam as far as they are recorded."""
    if beam is None:
        return "beam not recorded"
    angle = "PA not recorded" if beam.pa_deg is None else f"PA {beam.pa_deg:.0f}°"
    if beam.minor_assumed:
        return f"beam {beam.major_arcsec:.3g}″ (minor axis not recorded), {angle}"
    return f"beam {beam.major_arcsec:.3g}″ × {beam.minor_arcsec:.3g}″, {angle}"


def beam_outline(sky: LocalSky, beam: BeamShape, *, n_points: int = 73) -> tuple[FloatArray, FloatArray]:
    """Return pixel offsets of the half-power ellipse; the position angle runs from north through east.

    Only for a beam that `has_outline`.
    """
    angle = np.linspace(0.0, 2 * np.pi, n_points)
    along = 0.5 * beam.major_arcsec * np.cos(angle)
    across = 0.5 * beam.minor_arcsec * np.sin(angle)
    pa = np.radians(beam.pa_deg or 0.0)  # a round beam has none
    north = along * np.cos(pa) - across * np.sin(pa)
    east = along * np.sin(pa) + across * np.cos(pa)
    return sky.offsets(east, north)


def sky_grid(wcs: WCS, box: Box, *, tolerance_px: float = 0.05, largest: int = 65) -> dict[str, FloatArray]:
    """Return unit vectors of the sky on a grid of pixels, for interpolation in the browser.

    The grid is refined until linear interpolation is good to `tolerance_px` at the middle of its cells, or
    until it has `largest` points a side (all-sky maps). Columns ``ux, uy, uz`` of length n*n, row by row
    from the bottom; n is the square root of their length. NaN off the sky.
    """
    n = 9
    while True:
        grid = _unit_vectors(wcs, box, n)
        if n >= largest or _interpolation_error_px(wcs, box, grid) <= tolerance_px:
            return {f"u{axis}": grid[..., i].ravel() for i, axis in enumerate("xyz")}
        n = 2 * n - 1


def _unit_vectors(wcs: WCS, box: Box, n: int) -> FloatArray:
    x, y = np.meshgrid(np.linspace(box[0], box[2], n), np.linspace(box[1], box[3], n))
    lon, lat = (np.radians(angle) for angle in pixel_to_sky(wcs, x, y))
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1)


def _interpolation_error_px(wcs: WCS, box: Box, grid: FloatArray) -> float:
    n = grid.shape[0]
    fine = _unit_vectors(wcs, box, 2 * n - 1)[1::2, 1::2]
    middle = (grid[:-1, :-1] + grid[1:, :-1] + grid[:-1, 1:] + grid[1:, 1:]) / 4
    middle /= np.linalg.norm(middle, axis=-1, keepdims=True)
    error = np.linalg.norm(middle - fine, axis=-1)
    if not np.isfinite(error).any():
        return 0.0
    # the size of a pixel on the sky, from the grid itself
    step = np.linalg.norm(np.diff(grid, axis=1), axis=-1) * (n - 1) / max(box[2] - box[0], 1e-9)
    pixel = np.nanmedian(step) if np.isfinite(step).any() else np.nan
    return float(np.nanmax(error) / pixel) if pixel > 0 else 0.0


def hours_text(lon_deg: float, step_deg: float) -> str:
    """Return a right ascension such as ``12h30m`` with as many parts as the spacing of the lines needs."""
    step_s = step_deg * 240.0
    digits = 0 if step_s >= 1 else int(np.ceil(-np.log10(step_s) - 1e-9))
    total = round((lon_deg % 360.0) * 240.0, digits) % 86400
    hours, rest = divmod(total, 3600)
    minutes, seconds = divmod(rest, 60)
    text = f"{int(hours):02d}h"
    if step_s < 3600:
        text += f"{int(minutes):02d}m"
    if step_s < 60:
        text += f"{seconds:0{3 + digits if digits else 2}.{digits}f}s"
    return text


def degrees_text(lat_deg: float, step_deg: float) -> str:
    """Return a declination such as ``+33°12′`` with as many parts as the spacing of the lines needs."""
    step_s = step_deg * 3600.0
    digits = 0 if step_s >= 1 else int(np.ceil(-np.log10(step_s) - 1e-9))
    total = round(abs(lat_deg) * 3600.0, digits)
    degrees, rest = divmod(total, 3600)
    minutes, seconds = divmod(rest, 60)
    sign = "−" if lat_deg < 0 and total > 0 else "+"
    text = f"{sign}{int(degrees)}°"
    if step_s < 3600:
        text += f"{int(minutes):02d}′"
    if step_s < 60:
        text += f"{seconds:0{3 + digits if digits else 2}.{digits}f}″"
    return text


def decimal_text(angle_deg: float, step_deg: float) -> str:
    """Return decimal degrees with as many digits as the spacing of the lines needs."""
    digits = 0 if step_deg >= 1 else int(np.ceil(-np.log10(step_deg) - 1e-9))
    return f"{angle_deg:.{digits}f}°".replace("-", "−")
