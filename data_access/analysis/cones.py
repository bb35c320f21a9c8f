"""Circles on the sky: a box of right ascension and declination around them, and the exact test."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from data_access.analysis.coordinates import separation_arcsec

# Rounding must not lose what lies on the edge of the box: 0.1 mas.
_MARGIN_DEG = 3e-8


@dataclass(frozen=True, slots=True)
class Cone:
    """A circle on the sky; ICRS degrees, its edge belongs to it."""

    ra_deg: float
    dec_deg: float
    radius_deg: float

    def contains(self, ra_deg: Sequence[float | None], dec_deg: Sequence[float | None]) -> npt.NDArray[np.bool_]:
        """Return which positions are inside, by the great circle; one that is not known is not.

        Parameters
        ----------
        ra_deg, dec_deg : length n, degrees
        """
        ra, dec = np.array(ra_deg, dtype=np.float64), np.array(dec_deg, dtype=np.float64)
        with np.errstate(invalid="ignore"):
            return np.asarray(separation_arcsec(ra, dec, self.ra_deg, self.dec_deg) <= self.radius_deg * 3600 + 1e-6)


@dataclass(frozen=True, slots=True)
class SkyBox:
    """What a circle spans: a declination strip and the right ascensions in it.

    Attributes
    ----------
    dec_low_deg, dec_high_deg : float
    ra_spans : tuple of (low, high)
        Within 0 to 360 degrees, two when the circle crosses 0h; empty when it holds every right ascension (a pole).
    """

    dec_low_deg: float
    dec_high_deg: float
    ra_spans: tuple[tuple[float, float], ...]


def box_of(cone: Cone) -> SkyBox:
    """Return the smallest box around a circle.

    The widest right ascension is ``asin(sin r / cos dec)``, above the centre's own declination (Meeus 1998, ch. 17).
    """
    low, high = cone.dec_deg - cone.radius_deg - _MARGIN_DEG, cone.dec_deg + cone.radius_deg + _MARGIN_DEG
    if low <= -90 or high >= 90:
        return SkyBox(max(low, -90.0), min(high, 90.0), ())
    share = math.sin(math.radians(cone.radius_deg)) / math.cos(math.radians(cone.dec_deg))
    half = math.degrees(math.asin(min(share, 1.0))) + _MARGIN_DEG / max(math.cos(math.radians(cone.dec_deg)), 1e-9)
    if half >= 180:
        return SkyBox(low, high, ())
    first, last = cone.ra_deg % 360 - half, cone.ra_deg % 360 + half
    if first < 0:
        return SkyBox(low, high, ((0.0, last), (first + 360, 360.0)))
    if last > 360:
        return SkyBox(low, high, ((first, 360.0), (0.0, last - 360)))
    return SkyBox(low, high, ((first, last),))
