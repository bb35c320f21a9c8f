"""When and where the simulated telescope observes: nights, five-minute tiles, sidereal time.

The telescope drifts along the meridian at a fixed declination. The right ascension of a tile is therefore given by
the clock alone: the local sidereal time at its middle, precessed to ICRS.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

LONGITUDE_DEG = -118.2817
LATITUDE_DEG = 37.2339
ALTITUDE_M = 1222.0

INTEGRATION_S = 12.885
TILE_S = 24 * INTEGRATION_S
TILES_PER_NIGHT = 60
SIDEREAL_DAY_S = 86164.0905
STRIPS_DEG = (54.57, 16.10)
"""Declinations observed; the first is the usual one."""

MOST_RECENT_LAG_S = 900.0
EARLIER_NIGHTS_LAG_S = -5400.0
"""Earlier nights run on past the sidereal time of `now`, so that a live run meets sources with long light curves."""

DRAWS_FROM_S = 10**9
NOISE_JY = 1.2e-3
BAD_HOUR = range(36, 48)
"""Tiles of the newest night that were observed through interference."""
BAD_HOUR_FACTOR = 3.2


@dataclass(frozen=True, slots=True)
class Tile:
    """One observation of 24 integrations.

    Attributes
    ----------
    start_unix : int
        First integration, unix seconds (UTC).
    ra_deg, dec_deg : float
        Middle of the tile, ICRS.
    noise_jy : float
        Noise of its image at the centre, Jy/beam.
    draw : int
        What is random about the tile follows from this. It counts from the moment that the archive was written for:
        what an archive has to show does not depend on the hour.
    night : int
        0 is the newest.
    """

    start_unix: int
    ra_deg: float
    dec_deg: float
    noise_jy: float
    draw: int
    night: int
    is_disturbed: bool = False

    @property
    def group_id(self) -> str:
        """Name of the observation: its start, UTC."""
        return iso(self.start_unix)

    @property
    def date(self) -> str:
        """UTC date, the folder its Measurement Set is in."""
        return self.group_id[:10]

    @property
    def mid_mjd(self) -> float:
        """Middle of the observation, MJD (UTC)."""
        return mjd(self.start_unix + TILE_S / 2)

    @property
    def run_id(self) -> str:
        """Name of the pipeline run: ``job-<date>-<hhmmss>``."""
        return f"job-{self.date}-{self.group_id[11:].replace(':', '')}"


def mjd(unix: float) -> float:
    """Return the Modified Julian Date of `unix` seconds (UTC)."""
    return unix / 86400.0 + 40587.0


def iso(unix: float) -> str:
    """Return ``YYYY-MM-DDTHH:MM:SS`` (UTC)."""
    return datetime.fromtimestamp(math.floor(unix), UTC).strftime("%Y-%m-%dT%H:%M:%S")


def meridian_ra_deg(unix: float, dec_deg: float) -> float:
    """Return the ICRS right ascension that crosses the meridian of the array, degrees.

    Mean sidereal time (Meeus 1998, eq. 12.4) and first-order precession from J2000 (eq. 21.1); nutation and
    aberration, below 0.01 degrees, are left out.
    """
    days = mjd(unix) - 51544.5
    sidereal_deg = 280.46061837 + 360.98564736629 * days + LONGITUDE_DEG
    years = days / 365.25
    n_arcsec = 20.0431 * math.sin(math.radians(sidereal_deg)) * math.tan(math.radians(dec_deg))
    return (sidereal_deg - years * (46.1244 + n_arcsec) / 3600.0) % 360.0


def strip_of_night(night: int) -> float:
    """Return the declination observed in `night`: every fourth night goes to the second strip."""
    return STRIPS_DEG[1] if night % 4 == 2 else STRIPS_DEG[0]


def observe(start_unix: int, *, now: float, seed: int, night: int = 0, is_disturbed: bool = False) -> Tile:
    """Return the tile that starts at `start_unix` in an archive written for `now`; the same give the same tile."""
    dec_deg = strip_of_night(night)
    draw = start_unix - math.floor(now) + DRAWS_FROM_S
    rng = np.random.default_rng([seed, draw, 1])
    slow = 1.0 + 0.18 * math.sin(2 * math.pi * draw / (6.5 * 3600.0)) + 0.06 * math.sin(draw / 4e5)
    noise_jy = NOISE_JY * slow * math.exp(rng.normal(0.0, 0.04)) * (BAD_HOUR_FACTOR if is_disturbed else 1.0)
    return Tile(
        start_unix=start_unix,
        ra_deg=meridian_ra_deg(start_unix + TILE_S / 2, dec_deg),
        dec_deg=dec_deg,
        noise_jy=noise_jy,
        draw=draw,
        night=night,
        is_disturbed=is_disturbed,
    )


def plan_night(now: float, night: int, *, seed: int) -> tuple[Tile, ...]:
    """Return the tiles of one night before `now`, in time order."""
    lag_s = MOST_RECENT_LAG_S if night == 0 else EARLIER_NIGHTS_LAG_S
    # Nights do not start at the same sidereal time: sources are not always at the same place in the image.
    jitter_s = 0.0 if night == 0 else float(np.random.default_rng([seed, night, 2]).uniform(-150.0, 150.0))
    first_unix = now - lag_s - TILES_PER_NIGHT * TILE_S - night * SIDEREAL_DAY_S + jitter_s
    return tuple(
        observe(
            math.floor(first_unix + index * TILE_S),
            now=now,
            seed=seed,
            night=night,
            is_disturbed=night == 0 and index in BAD_HOUR,
        )
        for index in range(TILES_PER_NIGHT)
    )
