"""The simulated array: where its antennas stand and what each does to a signal.

Two arms and a few outriggers, as published for the DSA-110 (Hallinan et al.; 51 antennas from east to west, 51 from
north to south, 15 further out); the positions themselves are drawn, not the surveyed ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from data_access.demo.plan import ALTITUDE_M, LATITUDE_DEG, LONGITUDE_DEG

FloatArray = npt.NDArray[np.float64]
ComplexArray = npt.NDArray[np.complex128]

N_ANT = 117
N_ARM = 51
DISH_DIAMETER_M = 4.65
SHORTEST_SPACING_M = 5.75
REFERENCE_ANTENNA = 102
"""0-based; its phases and delays are zero by definition."""
INACTIVE = frozenset({9, 20, 21, 22, *range(51, 67), 116})
ACTIVE = tuple(index for index in range(N_ANT) if index not in INACTIVE)
DEAD = (14, 33, 78, 95)
"""Antennas that record data which is worthless."""

N_SPW = 4
N_CHAN = 12
HIGHEST_HZ = 1498.6426e6
CHANNEL_WIDTH_HZ = -187.5e6 / (N_SPW * N_CHAN)
"""Negative: the first subband and the first channel have the highest frequency, as in the real files."""

WGS84_RADIUS_M = 6378137.0
WGS84_FLATTENING = 1 / 298.257223563


def antenna_names() -> list[str]:
    """Return the names '1' to '117'."""
    return [str(index + 1) for index in range(N_ANT)]


def channel_frequencies_hz() -> FloatArray:
    """Return channel frequencies, Hz, shape (n_spw, n_chan), in the order of the files."""
    number = np.arange(N_SPW * N_CHAN).reshape(N_SPW, N_CHAN)
    return np.asarray(HIGHEST_HZ + (number + 0.5) * CHANNEL_WIDTH_HZ)


@cache
def _local_positions_m() -> FloatArray:
    """Return east, north, up in metres, shape (n_ant, 3)."""
    rng = np.random.default_rng(N_ANT)
    enu_m = np.zeros((N_ANT, 3))
    enu_m[:N_ARM, 0] = _arm_m(rng)
    enu_m[N_ARM : 2 * N_ARM, 1] = _arm_m(rng)
    n_outer = N_ANT - 2 * N_ARM
    distance = rng.uniform(350.0, 1250.0, n_outer)
    angle = 2 * np.pi * (np.arange(n_outer) + rng.uniform(-0.3, 0.3, n_outer)) / n_outer
    enu_m[2 * N_ARM :, 0] = distance * np.sin(angle)
    enu_m[2 * N_ARM :, 1] = distance * np.cos(angle)
    enu_m[:, 2] = rng.normal(0.0, 0.4, N_ANT)
    return enu_m


def _arm_m(rng: np.random.Generator) -> FloatArray:
    """Return positions along one arm: neighbours as close as the dishes allow, with a few gaps."""
    spacing = SHORTEST_SPACING_M * rng.choice([1.0, 1.0, 1.0, 2.0, 3.0], N_ARM - 1)
    along = np.concatenate([[0.0], np.cumsum(spacing)])
    return np.asarray(along - along.mean())


def itrf_positions_m() -> FloatArray:
    """Return geocentric positions (ITRF x, y, z) in metres, shape (n_ant, 3)."""
    lat, lon = np.radians(LATITUDE_DEG), np.radians(LONGITUDE_DEG)
    square = WGS84_FLATTENING * (2 - WGS84_FLATTENING)
    normal = WGS84_RADIUS_M / np.sqrt(1 - square * np.sin(lat) ** 2)
    centre = np.array(
        [
            (normal + ALTITUDE_M) * np.cos(lat) * np.cos(lon),
            (normal + ALTITUDE_M) * np.cos(lat) * np.sin(lon),
            (normal * (1 - square) + ALTITUDE_M) * np.sin(lat),
        ]
    )
    east = np.array([-np.sin(lon), np.cos(lon), 0.0])
    north = np.array([-np.sin(lat) * np.cos(lon), -np.sin(lat) * np.sin(lon), np.cos(lat)])
    up = np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    return np.asarray(centre + _local_positions_m() @ np.array([east, north, up]))


def baseline_uvw_m(
    ant1: npt.NDArray[np.intp], ant2: npt.NDArray[np.intp], hour_angle_deg: float, dec_deg: float
) -> FloatArray:
    """Return u, v, w of the baselines, metres, shape (n_bl, 3).

    Thompson, Moran & Swenson (2017), eq. 4.1, with x towards the local meridian.
    """
    lon = np.radians(LONGITUDE_DEG)
    turn = np.array([[np.cos(lon), np.sin(lon), 0.0], [-np.sin(lon), np.cos(lon), 0.0], [0.0, 0.0, 1.0]])
    positions = itrf_positions_m() @ turn.T
    difference = positions[ant2] - positions[ant1]
    angle, dec = np.radians(hour_angle_deg), np.radians(dec_deg)
    rotation = np.array(
        [
            [np.sin(angle), np.cos(angle), 0.0],
            [-np.sin(dec) * np.cos(angle), np.sin(dec) * np.sin(angle), np.cos(dec)],
            [np.cos(dec) * np.cos(angle), -np.cos(dec) * np.sin(angle), np.sin(dec)],
        ]
    )
    return np.asarray(difference @ rotation.T)


@dataclass(frozen=True, slots=True)
class Instrument:
    """What the electronics do during one night.

    Attributes
    ----------
    delay_ns : (n_ant, 2)
    bandpass : complex, (n_ant, n_spw, n_chan, 2)
        Amplitude near 1; without the delay.
    phase_rad : (n_ant, 2)
        At the middle of the calibrator observation.
    drift_rad_s : (n_ant, 2)
        Change of phase per second.
    """

    delay_ns: FloatArray
    bandpass: ComplexArray
    phase_rad: FloatArray
    drift_rad_s: FloatArray

    def gains(self, seconds: float) -> ComplexArray:
        """Return the complete gain, shape (n_ant, n_spw, n_chan, 2), `seconds` after the calibration."""
        turns = channel_frequencies_hz()[None, :, :, None] * self.delay_ns[:, None, None, :] * 1e-9
        phase = 2 * np.pi * turns + (self.phase_rad + seconds * self.drift_rad_s)[:, None, None, :]
        return np.asarray(self.bandpass * np.exp(1j * phase))


def instrument_of_night(night: int, *, seed: int) -> Instrument:
    """Return the instrument of one night: steady cable delays and filters, with small changes every night."""
    steady = np.random.default_rng([seed, 7])
    nightly = np.random.default_rng([seed, night, 8])
    delay = steady.normal(0.0, 9.0, (N_ANT, 2)) + nightly.normal(0.0, 0.35, (N_ANT, 2))
    if night == 0:
        delay[40] += (14.0, -11.0)
    phase = steady.uniform(-np.pi, np.pi, (N_ANT, 2)) + nightly.normal(0.0, 0.3, (N_ANT, 2))
    drift = nightly.normal(0.0, 4e-4, (N_ANT, 2))
    for quantity in (delay, phase, drift):
        quantity -= quantity[REFERENCE_ANTENNA]
    across = np.linspace(-1.0, 1.0, N_SPW * N_CHAN).reshape(N_SPW, N_CHAN)[None, :, :, None]
    level = steady.lognormal(0.0, 0.12, (N_ANT, 1, 1, 2))
    slope = steady.normal(0.0, 0.10, (N_ANT, 1, 1, 2))
    ripple = steady.uniform(0.0, 0.05, (N_ANT, 1, 1, 2))
    wiggle = np.sin(2 * np.pi * (across * steady.uniform(1.5, 4.0, (N_ANT, 1, 1, 2)) + slope * 5))
    amplitude = level * (1.0 + slope * across + ripple * wiggle - 0.25 * across**6)
    return Instrument(
        delay_ns=delay,
        bandpass=amplitude * np.exp(1j * 0.3 * ripple * wiggle),
        phase_rad=phase,
        drift_rad_s=drift,
    )
