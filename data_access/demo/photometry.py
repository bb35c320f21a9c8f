"""What the pipeline measures of the sources in one tile, and the statistics it keeps of each source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from data_access.demo.plan import TILE_S, Tile, mjd
from data_access.demo.sky import HALF_WIDTH_DEG, Sky, Source, project_sin

FloatArray = npt.NDArray[np.float64]

GAIN_ERROR = 0.03
"""Fractional error of one measurement: calibration differs this much from tile to tile."""
EDGE_DEG = 0.02
FORCED_FLAG = 1
NEAR_EDGE_FLAG = 2
DISTURBED_FLAG = 4
DETECTION_SIGMA = 5.0
ESE_SIGMA = 5.0
VARIABLE_ETA = 2.0
VARIABLE_INDEX = 0.1


@dataclass(frozen=True, slots=True)
class Measurement:
    """Peak flux density of one source in one tile, Jy/beam; offsets from the centre in degrees (east, north)."""

    source: Source
    peak_jyb: float
    error_jyb: float
    local_rms_jy: float
    east_deg: float
    north_deg: float
    flags: int

    @property
    def separation_deg(self) -> float:
        """Distance from the centre of the image."""
        return float(np.hypot(self.east_deg, self.north_deg))


def local_rms_jy(tile: Tile, separation_deg: npt.ArrayLike) -> FloatArray:
    """Return the noise at a distance from the centre: the primary beam correction raises it outwards."""
    distance = np.asarray(separation_deg, dtype=float) / HALF_WIDTH_DEG
    return np.asarray(tile.noise_jy * (1.0 + 0.2 * distance**2))


def measure(tile: Tile, sky: Sky, *, seed: int) -> list[Measurement]:
    """Return the measurements of all catalogue sources inside the image of `tile`, in catalogue order.

    The error of each is ``hypot(3 % of the flux, local noise)`` and the scatter is drawn from just that: eta of a
    constant source is 1 on average.
    """
    # A draw for every source of the sky: one more or less at the edge of the tile changes nothing of the others.
    scatter = np.random.default_rng([seed, tile.draw, 4]).standard_normal(len(sky.sources))
    found = []
    for index in sky.find_within(tile.ra_deg, tile.dec_deg, HALF_WIDTH_DEG - EDGE_DEG):
        source = sky.sources[index]
        east, north = project_sin(source.ra_deg, source.dec_deg, tile.ra_deg, tile.dec_deg)
        separation = float(np.hypot(east, north))
        rms = float(local_rms_jy(tile, separation))
        flux = sky.flux_jy(source, tile.mid_mjd)
        error = float(np.hypot(GAIN_ERROR * flux, rms))
        flags = FORCED_FLAG if flux < DETECTION_SIGMA * rms else 0
        flags |= NEAR_EDGE_FLAG if separation > 1.2 * HALF_WIDTH_DEG else 0
        flags |= DISTURBED_FLAG if tile.is_disturbed else 0
        peak = float(flux + error * scatter[index])
        found.append(Measurement(source, peak, error, rms, float(east), float(north), flags))
    return found


def photometry_rows(
    tile: Tile, measurements: list[Measurement], *, image_path: str, measured_at: float
) -> list[dict[str, Any]]:
    """Return the rows of ``photometry`` as the pipeline writes them.

    Its quirks are kept: `mjd` is the time of the processing, the normalised flux is just the raw peak, and the
    signal-to-noise ratio is missing in one tile of seven.
    """
    has_snr = int(tile.draw / TILE_S) % 7 != 0
    return [
        {
            "source_id": m.source.source_id,
            "image_path": image_path,
            "ra_deg": m.source.ra_deg,
            "dec_deg": m.source.dec_deg,
            "nvss_flux_mjy": None if m.source.catalog_flux_jy is None else m.source.catalog_flux_jy * 1e3,
            "peak_jyb": m.peak_jyb,
            "peak_err_jyb": m.error_jyb,
            "measured_at": measured_at,
            "snr": m.peak_jyb / m.local_rms_jy if has_snr else None,
            "mjd": mjd(measured_at),
            "flux_jy": m.peak_jyb,
            "flux_err_jy": m.error_jyb,
            "normalized_flux_jy": m.peak_jyb,
            "normalized_flux_err_jy": m.error_jyb,
            "mosaic_path": None,
            "sep_from_center_deg": m.separation_deg,
            "local_rms": m.local_rms_jy,
            "rms_jy": m.local_rms_jy,
            "peak_flux_jy": m.peak_jyb,
            "quality_flag": "forced" if m.flags & FORCED_FLAG else "good",
            "flags": m.flags,
        }
        for m in measurements
    ]


def variability_row(
    source: Source, peak_jyb: npt.ArrayLike, error_jyb: npt.ArrayLike, measured_at: npt.ArrayLike, *, now: float
) -> dict[str, Any]:
    """Return the row of ``variability_stats`` of one source, by the pipeline's own recipe.

    Fluxes in mJy; chi-squared and eta on fluxes divided by the catalogue's where there is one (neither changes by
    that); sigma_deviation is the largest distance from the mean in units of the population standard deviation. One
    measurement gives no scatter: those columns are None.
    """
    flux_mjy = np.asarray(peak_jyb, dtype=float) * 1e3
    error_mjy = np.asarray(error_jyb, dtype=float) * 1e3
    last = float(np.max(np.asarray(measured_at, dtype=float)))
    n_obs = int(flux_mjy.size)
    mean, std = float(flux_mjy.mean()), float(flux_mjy.std())
    row: dict[str, Any] = {
        "source_id": source.source_id,
        "ra_deg": source.ra_deg,
        "dec_deg": source.dec_deg,
        "nvss_flux_mjy": None if source.catalog_flux_jy is None else source.catalog_flux_jy * 1e3,
        "n_obs": n_obs,
        "mean_flux_mjy": mean,
        "std_flux_mjy": std if n_obs > 1 else None,
        "min_flux_mjy": float(flux_mjy.min()),
        "max_flux_mjy": float(flux_mjy.max()),
        "chi2_nu": None,
        "sigma_deviation": None,
        "eta_metric": None,
        "last_measured_at": last,
        "last_mjd": mjd(last),
        "updated_at": now,
    }
    if n_obs > 1:
        row["chi2_nu"] = float(np.sum(((flux_mjy - mean) / error_mjy) ** 2) / (n_obs - 1))
        row["sigma_deviation"] = float(np.max(np.abs(flux_mjy - mean)) / std)
        row["eta_metric"] = eta(flux_mjy, error_mjy)
    return row


def eta(flux: FloatArray, error: FloatArray) -> float:
    """Return the weighted reduced chi-squared against a constant (Swinbank et al. 2015, eq. 8)."""
    weight = 1.0 / error**2
    mean = np.sum(weight * flux) / np.sum(weight)
    return float(np.sum(weight * (flux - mean) ** 2) / (flux.size - 1))


def monitoring_row(stats: Mapping[str, Any], first_at: float, *, kind: str) -> dict[str, Any]:
    """Return the row of ``monitoring_sources`` that belongs to a row of ``variability_stats``; fluxes in Jy."""
    has_scatter = stats["n_obs"] > 1 and stats["mean_flux_mjy"] > 0
    v_index: float | None = stats["std_flux_mjy"] / stats["mean_flux_mjy"] if has_scatter else None
    eta_value: float | None = stats["eta_metric"]
    is_scattered = v_index is not None and v_index > VARIABLE_INDEX
    is_variable = is_scattered and eta_value is not None and eta_value > VARIABLE_ETA
    return {
        "source_id": stats["source_id"],
        "name": stats["source_id"],
        "ra_deg": stats["ra_deg"],
        "dec_deg": stats["dec_deg"],
        "catalog": None if stats["nvss_flux_mjy"] is None else "NVSS",
        "priority": "high" if is_variable or kind == "calibrator" else "normal",
        "n_detections": stats["n_obs"],
        "mean_flux_jy": stats["mean_flux_mjy"] * 1e-3,
        "std_flux_jy": None if stats["std_flux_mjy"] is None else stats["std_flux_mjy"] * 1e-3,
        "eta": eta_value,
        "v_index": v_index,
        "chi_squared": stats["chi2_nu"],
        "is_variable": int(is_variable),
        "ese_candidate": int(is_ese_candidate(stats)),
        "first_detected_at": first_at,
        "last_detected_at": stats["last_measured_at"],
        "last_updated": stats["updated_at"],
        "notes": None,
    }


def is_ese_candidate(stats: Mapping[str, Any]) -> bool:
    """Return whether the pipeline's rule flags the source: five standard deviations from its mean.

    With n epochs no value can be further than sqrt(n - 1) away (Samuelson 1968): below 27 epochs it never does.
    """
    return stats["sigma_deviation"] is not None and stats["sigma_deviation"] >= ESE_SIGMA
