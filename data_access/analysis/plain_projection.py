"""The two projections of nearly every radio image, TAN and SIN, in plain arithmetic.

wcslib through astropy needs half a millisecond to be set up for a header; this needs microseconds. Whatever is not
plain (distortions, slants, tables, other projections and units) is left to wcslib: `PlainProjection.of` returns None.
Formulas: Calabretta & Greisen 2002, sections 2.2 to 2.4, 5.1.3 and 5.1.5, for zenithal projections.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

_KINDS = ("-TAN", "-SIN")
# CASA writes PV2_1 = PV2_2 = 0 for a SIN that is not slanted: zeros are as good as nothing.
_NOT_PLAIN = ("PV", "PS", "A_", "B_", "AP_", "BP_", "CROTA1")
_DEGREES = ("deg", "")
_CD = frozenset(("CD1_1", "CD1_2", "CD2_1", "CD2_2"))
_PC = {"PC1_1": 1.0, "PC1_2": 0.0, "PC2_1": 0.0, "PC2_2": 1.0}
Matrix = tuple[float, float, float, float]


class PlainProjection:
    """Pixels (from 0) to native longitude and latitude in degrees, and back."""

    __slots__ = ("_back", "_cos0", "_forth", "_lon0", "_sin0", "_tangent", "_turn", "_x0", "_y0")

    def __init__(
        self,
        *,
        tangent: bool,
        centre: tuple[float, float],
        pixel: tuple[float, float],
        matrix: Matrix,
        turn_deg: float,
    ) -> None:
        a, b, c, d = (math.radians(value) for value in matrix)
        determinant = a * d - b * c
        self._tangent = tangent
        self._lon0 = math.radians(centre[0])
        self._sin0, self._cos0 = math.sin(math.radians(centre[1])), math.cos(math.radians(centre[1]))
        self._x0, self._y0 = pixel[0] - 1, pixel[1] - 1
        self._forth = (a, b, c, d)
        self._back = (d / determinant, -b / determinant, -c / determinant, a / determinant)
        turn = math.radians(turn_deg)
        self._turn = (math.cos(turn), math.sin(turn))

    @classmethod
    def of(cls, cards: Mapping[str, Any]) -> PlainProjection | None:
        """Return the projection of cards from `readers.celestial.sky_cards`; None where it takes wcslib."""
        return _read(tuple(cards.items()))

    def to_native(self, x: float, y: float) -> tuple[float, float]:
        """Return (lon, lat) in degrees of a 0-based pixel; NaN off the sky."""
        x, y = x - self._x0, y - self._y0
        a, b, c, d = self._forth
        east, north = a * x + b * y, c * x + d * y
        squared = east * east + north * north
        if self._tangent:
            height = 1 / math.sqrt(1 + squared)
            east, north = east * height, north * height
        elif squared <= 1:
            height = math.sqrt(1 - squared)
        else:
            return math.nan, math.nan
        cos, sin = self._turn
        east, north = east * cos + north * sin, north * cos - east * sin
        forward = height * self._cos0 - north * self._sin0
        lon = self._lon0 + math.atan2(east, forward)
        lat = math.atan2(height * self._sin0 + north * self._cos0, math.hypot(east, forward))
        return math.degrees(lon) % 360.0, math.degrees(lat)

    def to_pixel(self, lon_deg: float, lat_deg: float) -> tuple[float, float]:
        """Return the 0-based (x, y) of a native position; NaN on the half of the sky that is not projected."""
        lon, lat = math.radians(lon_deg) - self._lon0, math.radians(lat_deg)
        sin_lat, cos_lat, cos_lon = math.sin(lat), math.cos(lat), math.cos(lon)
        height = sin_lat * self._sin0 + cos_lat * self._cos0 * cos_lon
        if not (height > 0 or (height == 0 and not self._tangent)):
            return math.nan, math.nan
        east = cos_lat * math.sin(lon)
        north = sin_lat * self._cos0 - cos_lat * self._sin0 * cos_lon
        cos, sin = self._turn
        east, north = east * cos - north * sin, north * cos + east * sin
        if self._tangent:
            east, north = east / height, north / height
        a, b, c, d = self._back
        return a * east + b * north + self._x0, c * east + d * north + self._y0


@lru_cache(maxsize=512)
def _read(items: tuple[tuple[str, Any], ...]) -> PlainProjection | None:
    cards = dict(items)
    kind = str(cards.get("CTYPE1", ""))[4:]
    if kind not in _KINDS or str(cards.get("CTYPE2", ""))[4:] != kind:
        return None
    if cards.get("CUNIT1", "deg") not in _DEGREES or cards.get("CUNIT2", "deg") not in _DEGREES:
        return None
    if any(value != 0 and name.startswith(_NOT_PLAIN) for name, value in items):
        return None
    try:
        lon, lat = float(cards["CRVAL1"]), float(cards["CRVAL2"])
        pixel = float(cards["CRPIX1"]), float(cards["CRPIX2"])
        matrix = _matrix(cards)
        # The default turns the native pole to the celestial one (section 2.2): 180, and 0 at the pole itself.
        pole = float(cards.get("LONPOLE", 180.0 if lat < 90 else 0.0))
    except (KeyError, TypeError, ValueError):
        return None
    if not math.isfinite(lon + sum(pixel) + sum(matrix) + pole) or not abs(lat) <= 90:
        return None
    if matrix[0] * matrix[3] == matrix[1] * matrix[2]:
        return None
    return PlainProjection(
        tangent=kind == "-TAN", centre=(lon, lat), pixel=pixel, matrix=matrix, turn_deg=pole - 180.0
    )


def _matrix(cards: Mapping[str, Any]) -> Matrix:
    """Return degrees per pixel: CD, else CDELT times PC or the turn by CROTA2; raise for contradictions."""
    has_cd, has_pc = not _CD.isdisjoint(cards), not _PC.keys().isdisjoint(cards)
    angle = float(cards.get("CROTA2", 0.0))
    if has_cd and (has_pc or angle):
        raise ValueError("two matrices")
    if has_cd:
        cd = [float(cards.get(name, 0.0)) for name in sorted(_CD)]
        return cd[0], cd[1], cd[2], cd[3]
    dx, dy = float(cards["CDELT1"]), float(cards["CDELT2"])
    if has_pc:
        pc = [float(cards.get(name, default)) for name, default in _PC.items()]
        return dx * pc[0], dx * pc[1], dy * pc[2], dy * pc[3]
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    return dx * cos, -dy * sin, dx * sin, dy * cos
