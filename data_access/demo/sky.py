"""The simulated sky: a catalogue of radio sources and how bright each is at a given time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from data_access.demo.plan import SIDEREAL_DAY_S, STRIPS_DEG, meridian_ra_deg, mjd

FloatArray = npt.NDArray[np.float64]
SourceKind = Literal["constant", "calibrator", "variable", "ese", "transient"]

IMAGE_SIZE_PX = 512
CELL_ARCSEC = 6.0
HALF_WIDTH_DEG = IMAGE_SIZE_PX * CELL_ARCSEC / 3600.0 / 2

N_SOURCES = {STRIPS_DEG[0]: 1060, STRIPS_DEG[1]: 420}
"""Around the whole sky, evenly; about 300 of the first strip are above the telescope in one night."""
FAINTEST_JY = 0.012
BRIGHTEST_JY = 1.5
COUNTS_SLOPE = 0.95
"""N(>S) is proportional to S**-slope; between the Euclidean 1.5 and the flatter counts of bright sources."""

ESE_DEPTH = 0.45
ESE_DAYS = 14.0
ESE_CENTRE_DAYS_AGO = 12.0
TRANSIENT_START_DAYS_AGO = 5.8
TRANSIENT_PEAK_JY = 0.090
TRANSIENT_DECAY_DAYS = 1.6
PECULIAR_KINDS: tuple[SourceKind, ...] = ("ese", "transient", "variable")
HOURS_AGO_OF_THE_PECULIAR = (0.6, 0.9, 1.3, 1.7, 2.1, 2.5, 2.9, 3.2)
"""How long before `now` the peculiar sources crossed the meridian in the newest night."""


@dataclass(frozen=True, slots=True)
class Source:
    """One simulated source.

    Attributes
    ----------
    ra_deg, dec_deg : float
        ICRS.
    flux_jy : float
        Quiet flux density at 1.4 GHz.
    catalog_flux_jy : float or None
        What the reference catalogue lists; None for the transient, which it does not know.
    amplitude, period_days, phase_rad : float
        Sine of the variable ones, relative to `flux_jy`.
    """

    source_id: str
    ra_deg: float
    dec_deg: float
    flux_jy: float
    catalog_flux_jy: float | None
    kind: SourceKind
    amplitude: float = 0.0
    period_days: float = 1.0
    phase_rad: float = 0.0


@dataclass(frozen=True, slots=True)
class Sky:
    """All sources, and the moment that the events are counted from."""

    sources: tuple[Source, ...]
    reference_mjd: float
    ra_deg: FloatArray
    dec_deg: FloatArray

    def find_within(self, ra_deg: float, dec_deg: float, half_width_deg: float) -> list[int]:
        """Return where in `sources` those in a square of the tangent plane around a position are, in order."""
        x_deg, y_deg = project_sin(self.ra_deg, self.dec_deg, ra_deg, dec_deg)
        inside = (np.abs(x_deg) < half_width_deg) & (np.abs(y_deg) < half_width_deg)
        return [int(index) for index in np.flatnonzero(inside)]

    def nearest_calibrator(self, ra_deg: float, dec_deg: float) -> tuple[Source, float, float]:
        """Return the calibrator nearest to a position, and how far east and north of it that is, degrees."""
        places = [index for index, source in enumerate(self.sources) if source.kind == "calibrator"]
        east_deg, north_deg = project_sin(self.ra_deg[places], self.dec_deg[places], ra_deg, dec_deg)
        nearest = int(np.nanargmin(np.hypot(east_deg, north_deg)))
        return self.sources[places[nearest]], float(east_deg[nearest]), float(north_deg[nearest])

    def flux_jy(self, source: Source, at_mjd: float) -> float:
        """Return the flux density of `source` at `at_mjd`, Jy."""
        days = at_mjd - self.reference_mjd
        if source.kind == "variable":
            angle = 2 * np.pi * days / source.period_days + source.phase_rad
            return float(source.flux_jy * (1.0 + source.amplitude * np.sin(angle)))
        if source.kind == "ese":
            return source.flux_jy * _lensing(days + ESE_CENTRE_DAYS_AGO)
        if source.kind == "transient":
            since = days + TRANSIENT_START_DAYS_AGO
            return 0.0 if since < 0 else float(source.flux_jy * np.exp(-since / TRANSIENT_DECAY_DAYS))
        return source.flux_jy


def _lensing(days: float) -> float:
    """Return the magnification of an extreme scattering event: a dip between two short brightenings.

    Shape after Fiedler et al. (1987, Nature 326, 675), who found it in 0954+658.
    """
    edge = ESE_DAYS / 2
    dip = ESE_DEPTH * 0.25 * (1 + np.tanh((days + edge) / 0.7)) * (1 - np.tanh((days - edge) / 0.7))
    spikes = 0.30 * sum(np.exp(-0.5 * ((days - side) / 1.2) ** 2) for side in (-edge - 1.5, edge + 1.5))
    return float(1.0 - dip + spikes)


def project_sin(
    ra_deg: npt.ArrayLike, dec_deg: npt.ArrayLike, ra0_deg: float, dec0_deg: float
) -> tuple[FloatArray, FloatArray]:
    """Return offsets east and north in the tangent plane, degrees; NaN beyond 90 degrees.

    Orthographic projection, Calabretta & Greisen (2002), eq. 61-62 with xi = eta = 0.
    """
    ra, dec = np.radians(ra_deg), np.radians(dec_deg)
    ra0, dec0 = np.radians(ra0_deg), np.radians(dec0_deg)
    east = np.cos(dec) * np.sin(ra - ra0)
    north = np.sin(dec) * np.cos(dec0) - np.cos(dec) * np.sin(dec0) * np.cos(ra - ra0)
    in_front = np.sin(dec) * np.sin(dec0) + np.cos(dec) * np.cos(dec0) * np.cos(ra - ra0) > 0
    return np.where(in_front, np.degrees(east), np.nan), np.where(in_front, np.degrees(north), np.nan)


def make_sky(seed: int, now: float) -> Sky:
    """Return the sky of one archive: power-law sources, calibrators every hour, and a few that vary."""
    rng = np.random.default_rng([seed, 3])
    sources: list[Source] = []
    for dec0_deg, count in N_SOURCES.items():
        sources += _field_sources(rng, dec0_deg, count, now)
        sources += _calibrators(rng, dec0_deg, now)
    sources += _peculiar_sources(rng, now)
    return Sky(
        sources=tuple(sources),
        reference_mjd=mjd(now),
        ra_deg=np.array([source.ra_deg for source in sources]),
        dec_deg=np.array([source.dec_deg for source in sources]),
    )


def _field_sources(rng: np.random.Generator, dec0_deg: float, count: int, now: float) -> list[Source]:
    # One in each of `count` equal steps around the sky, as wholly random places leave one image in sixty empty.
    turns = (rng.permutation(count) + rng.uniform(size=count)) / count
    ra_deg = [_passed_ra_deg(now, turn, dec0_deg) for turn in turns]
    dec_deg = dec0_deg + rng.uniform(-0.95, 0.95, count) * HALF_WIDTH_DEG
    flux_jy = np.minimum(FAINTEST_JY * rng.uniform(size=count) ** (-1.0 / COUNTS_SLOPE), BRIGHTEST_JY)
    catalog_jy = flux_jy * np.exp(rng.normal(0.0, 0.08, count))
    return [
        Source(source_name(ra, dec), float(ra), float(dec), float(flux), float(known), "constant")
        for ra, dec, flux, known in zip(ra_deg, dec_deg, flux_jy, catalog_jy, strict=True)
    ]


def _passed_ra_deg(now: float, turns: float, dec0_deg: float) -> float:
    """Return the right ascension that crossed the meridian some sidereal days before `now`.

    The sky turns with the moment that an archive is written for: what it has to show does not depend on the hour.
    """
    return meridian_ra_deg(now - turns * SIDEREAL_DAY_S, dec0_deg)


def _calibrators(rng: np.random.Generator, dec0_deg: float, now: float) -> list[Source]:
    found = []
    for hour in range(24):
        ra_deg = _passed_ra_deg(now, (hour + rng.uniform(2.0, 13.0) / 15.0) / 24.0, dec0_deg)
        dec_deg = float(dec0_deg + rng.uniform(-0.5, 0.5) * HALF_WIDTH_DEG)
        flux_jy = float(rng.uniform(2.0, 5.0))
        found.append(Source(source_name(ra_deg, dec_deg), ra_deg, dec_deg, flux_jy, flux_jy, "calibrator"))
    return found


def _peculiar_sources(rng: np.random.Generator, now: float) -> list[Source]:
    dec0_deg = STRIPS_DEG[0]
    found = []
    for number, hours in enumerate(HOURS_AGO_OF_THE_PECULIAR):
        kind = PECULIAR_KINDS[min(number, 2)]
        ra_deg = meridian_ra_deg(now - hours * 3600.0, dec0_deg)
        dec_deg = float(dec0_deg + rng.uniform(-0.6, 0.6) * HALF_WIDTH_DEG)
        flux_jy = {"ese": 0.180, "transient": TRANSIENT_PEAK_JY}.get(kind, float(rng.uniform(0.04, 0.25)))
        found.append(
            Source(
                source_id=source_name(ra_deg, dec_deg),
                ra_deg=ra_deg,
                dec_deg=dec_deg,
                flux_jy=flux_jy,
                catalog_flux_jy=None if kind == "transient" else flux_jy,
                kind=kind,
                amplitude=float(rng.uniform(0.15, 0.45)) if kind == "variable" else 0.0,
                period_days=float(rng.uniform(6.0, 45.0)),
                phase_rad=float(rng.uniform(0.0, 2 * np.pi)),
            )
        )
    return found


def source_name(ra_deg: float, dec_deg: float) -> str:
    """Return the catalogue's name for a position, ``NVSS JHHMMSS+DDMMSS`` (truncated, as the IAU asks)."""
    ra_s = int(ra_deg / 15.0 * 3600.0)
    dec_s = int(abs(dec_deg) * 3600.0)
    sign = "-" if dec_deg < 0 else "+"
    return (
        f"NVSS J{ra_s // 3600:02d}{ra_s // 60 % 60:02d}{ra_s % 60:02d}"
        f"{sign}{dec_s // 3600:02d}{dec_s // 60 % 60:02d}{dec_s % 60:02d}"
    )
