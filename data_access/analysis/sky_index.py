"""Positions on the sky, sorted so that a cone search looks only at its neighbourhood.

The sky is cut in zones of declination; within a zone positions are sorted by right ascension, so that one number,
zone times 360 plus right ascension, orders them all (Gray, Nieto-Santisteban & Szalay 2006, "The Zones Algorithm").
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from data_access.analysis.coordinates import separation_arcsec

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
ZONE_DEG = 0.05
FARTHEST_NEIGHBOUR_ARCSEC = 3600.0
_LEAST_RADIUS_ARCSEC = 4.0
_LARGER = 4.0
_CELL_DEG = 0.5
# More than the last digit of zone times 360 plus right ascension in the finest zones.
_MARGIN_DEG = 1e-7
_ROWS_AT_ONCE = 100_000
# So many pairs are compared at once: 30 MB each for a few columns.
_PAIRS_AT_ONCE = 2_000_000


class SkyIndex:
    """Positions, shape (n,), ICRS degrees; those that are not finite or not on the sky are never found."""

    def __init__(self, ra_deg: FloatArray, dec_deg: FloatArray, *, zone_deg: float = ZONE_DEG) -> None:
        self.ra_deg, self.dec_deg = ra_deg, dec_deg
        self._zone_deg = zone_deg
        with np.errstate(invalid="ignore"):
            known = np.flatnonzero(np.isfinite(ra_deg) & (np.abs(dec_deg) <= 90.0))
        keys = self._keys(ra_deg[known], dec_deg[known])
        order = np.argsort(keys, kind="stable")
        self._rows, self._sorted = known[order], keys[order]

    def _keys(self, ra_deg: FloatArray, dec_deg: FloatArray) -> FloatArray:
        return np.asarray(self._zones(dec_deg) * 360.0 + ra_deg % 360.0, dtype=np.float64)

    def _zones(self, dec_deg: FloatArray) -> FloatArray:
        return np.asarray(np.floor((dec_deg + 90.0) / self._zone_deg), dtype=np.float64)

    def within(self, ra_deg: float, dec_deg: float, radius_arcsec: float) -> tuple[IntArray, FloatArray]:
        """Return the positions (as their numbers, ascending) in a cone, its rim included, and their separations."""
        low, high = self._windows(np.array([ra_deg]), np.array([dec_deg]), radius_arcsec / 3600.0)
        parts = [self._rows[a:b] for a, b in zip(low.ravel().tolist(), high.ravel().tolist(), strict=True) if b > a]
        rows = np.unique(np.concatenate(parts)) if parts else np.array([], dtype=np.int64)
        apart = separation_arcsec(ra_deg, dec_deg, self.ra_deg[rows], self.dec_deg[rows])
        inside = apart <= radius_arcsec * (1 + 1e-12)
        return rows[inside], apart[inside]

    def _windows(self, ra_deg: FloatArray, dec_deg: FloatArray, radius_deg: float) -> tuple[IntArray, IntArray]:
        """Return where, for each position, the neighbourhood begins and ends in every zone, shape (n_window, n)."""
        n_zones = math.ceil(180.0 / self._zone_deg)
        reach = math.ceil(radius_deg / self._zone_deg)
        if reach >= n_zones:
            here, steps = np.zeros(len(ra_deg)), np.arange(0, n_zones + 1)
        else:
            here, steps = self._zones(dec_deg), np.arange(-reach, reach + 1)
        zones = here[None, :] + steps[:, None]
        ra, half = ra_deg % 360.0, _half_width_deg(dec_deg, radius_deg)
        spans = [(ra - half, ra + half), (ra - half + 360.0, np.full_like(ra, 360.0)), (0.0 * ra, ra + half - 360.0)]
        lows, highs = [], []
        for begin, end in spans:
            low = np.searchsorted(self._sorted, zones * 360.0 + np.clip(begin, 0.0, 360.0), side="left")
            high = np.searchsorted(self._sorted, zones * 360.0 + np.clip(end, 0.0, 359.9999999999), side="right")
            # A window that wraps around 0 h goes on at the other end; one that does not has no second part.
            wraps = np.broadcast_to(begin < end, zones.shape)
            lows.append(low)
            highs.append(np.where(wraps & (zones >= 0), np.maximum(high, low), low))
        return np.concatenate(lows), np.concatenate(highs)

    def nearest_arcsec(self) -> FloatArray:
        """Return the angle from every position to the nearest other one, shape (n,).

        Infinite when there is none within `FARTHEST_NEIGHBOUR_ARCSEC`; NaN for what is not on the sky.
        """
        nearest = np.full(len(self.ra_deg), np.nan)
        rest, radius = self._rows, self._first_radius_arcsec()
        while rest.size:
            zoned = SkyIndex(self.ra_deg, self.dec_deg, zone_deg=radius / 3600.0)
            pieces = [rest[i : i + _ROWS_AT_ONCE] for i in range(0, rest.size, _ROWS_AT_ONCE)]
            apart = np.concatenate([zoned._nearest_of(piece, radius) for piece in pieces])
            near = apart <= radius
            nearest[rest[near]] = apart[near]
            rest = rest[~near]
            if radius >= FARTHEST_NEIGHBOUR_ARCSEC:
                break
            radius = min(_LARGER * radius, FARTHEST_NEIGHBOUR_ARCSEC)
        nearest[rest] = np.inf
        return nearest

    def _first_radius_arcsec(self) -> float:
        """Return a tenth of the usual distance of sources: few have a neighbour that near, so few pairs are made."""
        ra, dec = self.ra_deg[self._rows], self.dec_deg[self._rows]
        across = np.floor(ra % 360.0 * np.cos(np.radians(dec)) / _CELL_DEG)
        cells = np.unique(np.floor((dec + 90.0) / _CELL_DEG) * 1000.0 + across).size
        usual_deg = _CELL_DEG * math.sqrt(cells / max(1, self._rows.size))
        return min(max(_LEAST_RADIUS_ARCSEC, 360.0 * usual_deg), FARTHEST_NEIGHBOUR_ARCSEC)

    def _nearest_of(self, rows: IntArray, radius_arcsec: float) -> FloatArray:
        best = np.full(rows.size, np.inf)
        low, high = self._windows(self.ra_deg[rows], self.dec_deg[rows], radius_arcsec / 3600.0)
        for begin, end in zip(low, high, strict=True):
            some = np.flatnonzero(end > begin)
            for part in _parts(some, (end - begin)[some]):
                counts = (end - begin)[part]
                own = np.repeat(part, counts)
                within = np.arange(own.size) - np.repeat(np.cumsum(counts) - counts, counts)
                other = self._rows[begin[own] + within]
                pairs = other != rows[own]
                own, other = own[pairs], other[pairs]
                a = rows[own]
                apart = separation_arcsec(self.ra_deg[a], self.dec_deg[a], self.ra_deg[other], self.dec_deg[other])
                np.minimum.at(best, own, apart)
        return best


def _parts(rows: IntArray, counts: IntArray) -> list[IntArray]:
    """Cut `rows` so that each part has about `_PAIRS_AT_ONCE` pairs."""
    if not rows.size:
        return []
    bins = np.cumsum(counts) // _PAIRS_AT_ONCE
    return np.split(rows, np.flatnonzero(np.diff(bins)) + 1)


def _half_width_deg(dec_deg: FloatArray, radius_deg: float) -> FloatArray:
    """Return how far in right ascension a circle reaches, a little more than that; 180 around a pole."""
    with np.errstate(invalid="ignore", divide="ignore"):
        sine = np.sin(np.radians(min(radius_deg, 90.0))) / np.cos(np.radians(dec_deg))
        half = np.degrees(np.arcsin(np.minimum(sine, 1.0))) * (1 + 1e-9) + _MARGIN_DEG
    over_pole = np.abs(dec_deg) + radius_deg >= 90.0
    return np.where(over_pole | (radius_deg >= 90.0), 180.0, half)
