"""What stands below the picture of one epoch: when, how bright, how sure, measured how."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from dashboards.plots.light_curve_data import LIMIT_SIGMA, FluxKind, FluxUnit
from dashboards.plots.time_axis import MJD_OF_1970, MS_PER_DAY
from data_access.analysis.times import format_mjd_utc
from data_access.records import Epoch, LightCurve
from data_access.records.epochs import EpochFrame, EpochScale

EpochKind = Literal["detection", "forced", "flagged", "limit"]


@dataclass(frozen=True, slots=True)
class EpochWords:
    """One measurement in words.

    Attributes
    ----------
    time, flux, snr : str
        UTC; flux density with its error and unit; empty SNR when there is none.
    kind : str
    utc_ms : float or None
        Milliseconds since 1970; None without a time.
    remark : str
        What the reader must know about time and SNR.
    """

    time: str
    flux: str
    snr: str
    kind: EpochKind
    utc_ms: float | None
    remark: str


def epoch_words(curve: LightCurve, index: int, flux: FluxKind, unit: FluxUnit) -> EpochWords:
    """Return the words for one measurement of a light curve."""
    values, errors = (curve.peak_jyb, curve.peak_err_jyb) if flux == "peak" else (curve.flux_jy, curve.flux_err_jy)
    scale = 1e3 if unit == "mJy" else 1.0
    value, error, rms = (float(n[index]) * scale for n in (values, errors, curve.rms_jy))
    per = f"{unit}/beam" if flux == "peak" else unit
    kind = _kind(curve, index, value, rms)
    snr, how = _snr(curve, index, value, error)
    mjd = float(curve.mjd[index])
    known = math.isfinite(mjd)
    remarks = [f"MJD {mjd:.5f} (UTC), from the {curve.origin[index]}" if known else "no time is recorded", how]
    time = format_mjd_utc(mjd) if known else "time not known"
    if known and not Epoch(mjd, curve.origin[index]).is_observation:
        time += " (processing)"
    return EpochWords(
        time=time,
        flux=_flux_text(kind, value, error, rms, per),
        snr=snr,
        kind=kind,
        utc_ms=(mjd - MJD_OF_1970) * MS_PER_DAY if known else None,
        remark="; ".join(part for part in remarks if part),
    )


def reaches_above(frame: EpochFrame, scale: EpochScale | None) -> bool:
    """Say whether the brightest pixels of an epoch lie beyond the common scale."""
    if scale is None or frame.limits is None or frame.unit != scale.unit:
        return False
    return frame.limits[1] > scale.high * (1 + 1e-6)


def limits_for(frame: EpochFrame, scale: EpochScale | None) -> tuple[float, float] | None:
    """Return the colour limits of an epoch: the common ones where its unit allows; None for its own."""
    if scale is None or frame.preview is None or frame.unit != scale.unit:
        return None
    return scale.low, scale.high


def _kind(curve: LightCurve, index: int, value: float, rms: float) -> EpochKind:
    if curve.is_flagged[index]:
        return "flagged"
    if not math.isfinite(value) and rms > 0:
        return "limit"
    return "forced" if curve.is_forced[index] else "detection"


def _snr(curve: LightCurve, index: int, value: float, error: float) -> tuple[str, str]:
    recorded = float(curve.snr[index])
    if math.isfinite(recorded):
        return f"SNR {recorded:.1f}", ""
    if math.isfinite(value) and math.isfinite(error) and error > 0:
        return f"SNR {value / error:.1f}", "SNR is flux over error: none is recorded"
    return "", "no SNR"


def _flux_text(kind: EpochKind, value: float, error: float, rms: float, unit: str) -> str:
    if kind == "limit":
        return f"< {LIMIT_SIGMA * rms:.4g} {unit}"
    if not math.isfinite(value):
        return "flux not recorded"
    if not np.isfinite(error) or error <= 0:
        return f"{value:.4g} {unit}"
    digits = min(6, max(0, 1 - math.floor(math.log10(error))))
    return f"{value:.{digits}f} ± {error:.{digits}f} {unit}"
