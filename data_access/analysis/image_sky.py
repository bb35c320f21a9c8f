"""From file pixels to the sky and back: native frames, and ICRS through them."""

from __future__ import annotations

import math
import threading
import warnings
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.coordinates import (
    FK4,
    FK5,
    ICRS,
    BarycentricMeanEcliptic,
    BaseCoordinateFrame,
    FK4NoETerms,
    Galactic,
    SkyCoord,
    Supergalactic,
)
from astropy.io.fits import Header
from astropy.wcs import WCS, FITSFixedWarning

from data_access.analysis.plain_projection import PlainProjection
from data_access.records.files import ImageHeader, SkyFrame

FloatArray = npt.NDArray[np.float64]
Matrix = tuple[tuple[float, ...], ...]
_SAME: Matrix = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


def celestial_wcs(header: ImageHeader) -> WCS | None:
    """Return the celestial WCS of an image, or None when it has none that wcslib understands."""
    if not header.wcs_header:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FITSFixedWarning)
            cards = {key: value for key, value in header.wcs_header.items() if value is not None}
            wcs = WCS(Header(cards), naxis=2)
    except (ValueError, TypeError, KeyError):
        return None
    return wcs if wcs.has_celestial else None


def pixel_to_sky(wcs: WCS, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return (lon_deg, lat_deg) in the native frame of 0-based pixels; NaN outside of the projection."""
    world = wcs.all_pix2world(np.column_stack([np.ravel(x), np.ravel(y)]), 0)
    lon = np.mod(world[:, wcs.wcs.lng], 360.0)
    return lon.reshape(np.shape(x)), world[:, wcs.wcs.lat].reshape(np.shape(x))


def sky_to_pixel(wcs: WCS, lon_deg: FloatArray, lat_deg: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return 0-based (x, y) of native positions; NaN where the projection has no such point."""
    world = np.empty((np.size(lon_deg), 2))
    world[:, wcs.wcs.lng] = np.ravel(lon_deg)
    world[:, wcs.wcs.lat] = np.ravel(lat_deg)
    pixel = wcs.all_world2pix(world, 0, quiet=True) if wcs.has_distortion else wcs.wcs_world2pix(world, 0)
    return pixel[:, 0].reshape(np.shape(lon_deg)), pixel[:, 1].reshape(np.shape(lon_deg))


def icrs_to_pixel(
    header: ImageHeader, wcs: WCS, ra_deg: FloatArray, dec_deg: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return 0-based (x, y) of ICRS positions, through the native frame of the image; NaN where that is not known."""
    frame = native_frame(header)
    if frame is None:
        return np.full(np.shape(ra_deg), np.nan), np.full(np.shape(ra_deg), np.nan)
    if isinstance(frame, ICRS):
        return sky_to_pixel(wcs, ra_deg, dec_deg)
    native = SkyCoord(ra_deg, dec_deg, unit="deg", frame=ICRS()).transform_to(frame).spherical
    return sky_to_pixel(wcs, np.asarray(native.lon.deg), np.asarray(native.lat.deg))


def middle_of(header: ImageHeader) -> tuple[float, float]:
    """Return ICRS right ascension and declination (degrees) of the middle of an image; NaN where not known."""
    wcs, frame = celestial_wcs(header), native_frame(header)
    if wcs is None or frame is None or len(header.shape) < 2:
        return math.nan, math.nan
    x, y = (np.array([(n - 1) / 2]) for n in (header.shape[-1], header.shape[-2]))
    lon, lat = pixel_to_sky(wcs, x, y)
    if not np.isfinite(lat[0]):
        return math.nan, math.nan
    if isinstance(frame, ICRS):
        return float(lon[0]), float(lat[0])
    place = SkyCoord(lon[0], lat[0], unit="deg", frame=frame).icrs
    return float(place.ra.deg), float(place.dec.deg)


def native_frame(header: ImageHeader) -> BaseCoordinateFrame | None:
    """Return the astropy frame of the image; None for one that is not known here."""
    return _frame(header.frame, equinox_of(header))


def frame_name(cards: Mapping[str, Any]) -> str:
    """Return how cards call their frame: RADESYS for right ascensions, else the longitude's name in CTYPE."""
    longitude = str(cards.get("CTYPE1", ""))[:4].rstrip("-")
    return str(cards.get("RADESYS") or longitude) if longitude == "RA" else longitude


def frame_problem(frame: SkyFrame, cards: Mapping[str, Any]) -> str:
    """Return why sky coordinates cannot be brought to ICRS; empty where they can, and without any."""
    if frame != "unknown" or not cards:
        return ""
    return f"the frame of the sky coordinates ({frame_name(cards)}) is not known here: they are not brought to ICRS"


def is_same_frame(one: ImageHeader, other: ImageHeader) -> bool:
    """Say whether native coordinates of two images mean the same; frames that are not known by their names."""
    frames = [
        (header.frame, equinox_of(header), frame_name(header.wcs_header) if header.frame == "unknown" else "")
        for header in (one, other)
    ]
    return frames[0] == frames[1]


def equinox_of(header: ImageHeader) -> float | None:
    """Return the EQUINOX of the sky cards; None when there is none."""
    try:
        return float(header.wcs_header["EQUINOX"])
    except (KeyError, TypeError, ValueError):
        return None


def _frame(name: SkyFrame, equinox: float | None) -> BaseCoordinateFrame | None:
    match name:
        case "icrs":
            return ICRS()
        case "galactic":
            return Galactic()
        case "fk5":
            return FK5(equinox=f"J{equinox or 2000.0}")
        case "fk4":
            return FK4(equinox=f"B{equinox or 1950.0}")
        case "fk4-no-e":
            return FK4NoETerms(equinox=f"B{equinox or 1950.0}")
        case "supergalactic":
            return Supergalactic()
        case "ecliptic":
            return BarycentricMeanEcliptic()
        case "unknown":
            return None


class ImageSky:
    """The sky of one image, kept to be asked many times: a question costs microseconds.

    All frames but FK4 are plain rotations of ICRS, so a 3 x 3 matrix replaces astropy's transformation
    (milliseconds); FK4 has the E-terms of aberration and goes through astropy. A frame that is not known has no way
    to ICRS: `problem` says so, and positions are NaN.

    Attributes
    ----------
    problem : str
        Why there is no way to ICRS; empty where there is one.

    Notes
    -----
    A lock guards the WCS: wcslib works in place on its structure, and readers run in several threads.
    """

    def __init__(self, header: ImageHeader, projection: PlainProjection | _LockedWCS) -> None:
        self._projection = projection
        self._header = header
        self.problem = frame_problem(header.frame, header.wcs_header)
        is_rotated = not self.problem and header.frame not in ("fk4", "fk4-no-e")
        self._rotation = _rotation(header.frame, equinox_of(header)) if is_rotated else None
        self._back = _SAME
        if self._rotation is not None and self._rotation is not _SAME:
            self._back = tuple(zip(*self._rotation, strict=True))

    @classmethod
    def of(cls, header: ImageHeader) -> ImageSky | None:
        """Return the sky of an image; None without coordinates."""
        if not header.wcs_header:
            return None
        if (plain := PlainProjection.of(header.wcs_header)) is not None:
            return cls(header, plain)
        wcs = celestial_wcs(header)
        return None if wcs is None else cls(header, _LockedWCS(wcs))

    def to_pixel(self, ra_deg: float, dec_deg: float) -> tuple[float, float]:
        """Return the 0-based pixel of an ICRS position; NaN where the projection does not reach."""
        if self._rotation is None:
            frame = native_frame(self._header)
            if frame is None:
                return math.nan, math.nan
            native = SkyCoord(ra_deg, dec_deg, unit="deg", frame=ICRS()).transform_to(frame).spherical
            lon, lat = float(native.lon.deg), float(native.lat.deg)
        else:
            lon, lat = _turned(self._rotation, ra_deg, dec_deg)
        return self._projection.to_pixel(lon, lat)

    def to_icrs(self, x: float, y: float) -> tuple[float, float]:
        """Return the ICRS position of a 0-based pixel, degrees; NaN off the sky."""
        lon, lat = self._projection.to_native(x, y)
        if self.problem or not math.isfinite(lon + lat):
            return math.nan, math.nan
        if self._rotation is None:
            position = SkyCoord(lon, lat, unit="deg", frame=native_frame(self._header)).icrs
            return float(position.ra.deg), float(position.dec.deg)
        return _turned(self._back, lon, lat)

    def to_native(self, x: float, y: float) -> tuple[float, float]:
        """Return (lon, lat) of a 0-based pixel in the frame of the file, degrees; NaN off the sky."""
        return self._projection.to_native(x, y)

    def pixel_size_arcsec(self, x: float, y: float) -> tuple[float, float]:
        """Return how much sky one pixel covers along x and along y at this place; NaN off the sky.

        Measured there and not at the reference pixel: in an all-sky projection they differ.
        """
        native = self._projection.to_native
        left, right, below, above = native(x - 0.5, y), native(x + 0.5, y), native(x, y - 0.5), native(x, y + 0.5)
        return _distance_arcsec(left, right), _distance_arcsec(below, above)


class _LockedWCS:
    """wcslib for one position at a time, with the interface of `PlainProjection`."""

    def __init__(self, wcs: WCS) -> None:
        self._wcs = wcs
        self._lock = threading.Lock()
        self._lng_lat = (int(wcs.wcs.lng), int(wcs.wcs.lat))

    def to_pixel(self, lon_deg: float, lat_deg: float) -> tuple[float, float]:
        with self._lock:
            x, y = sky_to_pixel(self._wcs, np.array([lon_deg]), np.array([lat_deg]))
        return float(x[0]), float(y[0])

    def to_native(self, x: float, y: float) -> tuple[float, float]:
        with self._lock:
            if self._wcs.has_distortion:
                world = self._wcs.all_pix2world([(x, y)], 0)
            else:
                world = self._wcs.wcs.p2s([(x, y)], 0)["world"]
        (row,), (lng, lat) = world.tolist(), self._lng_lat
        return row[lng], row[lat]


@lru_cache(maxsize=64)
def _rotation(name: SkyFrame, equinox: float | None) -> Matrix:
    """Return the matrix from ICRS unit vectors to those of a frame."""
    frame = _frame(name, equinox)
    if frame is None or isinstance(frame, ICRS):
        return _SAME
    axes = SkyCoord([0.0, 90.0, 0.0], [0.0, 0.0, 90.0], unit="deg", frame=ICRS())
    matrix = np.asarray(axes.transform_to(frame).cartesian.xyz.value, dtype=np.float64)
    return tuple(tuple(row) for row in matrix.tolist())


def _turned(matrix: Matrix, lon_deg: float, lat_deg: float) -> tuple[float, float]:
    """Return (lon, lat) after a rotation. Plain floats: numpy needs ten times as long for three numbers."""
    if matrix is _SAME:
        return lon_deg % 360.0, lat_deg
    lon, lat = math.radians(lon_deg), math.radians(lat_deg)
    vector = (math.cos(lat) * math.cos(lon), math.cos(lat) * math.sin(lon), math.sin(lat))
    x, y, z = (sum(m * v for m, v in zip(row, vector, strict=True)) for row in matrix)
    return math.degrees(math.atan2(y, x)) % 360.0, math.degrees(math.atan2(z, math.hypot(x, y)))


def _distance_arcsec(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Return a small angle on the sky by the haversine formula (exact for small angles)."""
    lon1, lat1, lon2, lat2 = (math.radians(angle) for angle in (*one, *other))
    half = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return math.degrees(2 * math.asin(math.sqrt(min(1.0, half)))) * 3600
