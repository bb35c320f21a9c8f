"""What stands below the picture of one epoch: when, how bright, how sure, measured how."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dashboards.plots.measurement_kinds import FluxKind, FluxUnit, MeasurementKind, fluxes, measurement_kinds
from dashboards.plots.style import how_many
from dashboards.plots.time_axis import MJD_OF_1970, MS_PER_DAY
from data_access.analysis.times import format_mjd_utc
from data_access.records import Epoch, LightCurve
from data_access.records.epochs import EpochFrame, EpochScale

_SAME_SNR = 0.05
"""A stored SNR is that of its flux and error when it differs by no more than this share, or than this, below 1."""


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
        What the reader must know about time and SNR, and what was measured where only a limit is shown.
    """

    time: str
    flux: str
    snr: str
    kind: MeasurementKind
    utc_ms: float | None
    remark: str


def epoch_words(curve: LightCurve, index: int, flux: FluxKind, unit: FluxUnit) -> EpochWords:
    """Return the words for one measurement of a light curve."""
    scale = 1e3 if unit == "mJy" else 1.0
    value, error = (float(column[index]) * scale for column in fluxes(curve, flux))
    per = f"{unit}/beam" if flux == "peak" else unit
    kinds = measurement_kinds(curve, flux)
    kind: MeasurementKind = kinds.kind[index].item()
    measured = _flux_text(value, error, per)
    snr, how = _snr(curve, index, value, error)
    mjd = float(curve.mjd[index])
    known = math.isfinite(mjd)
    remarks = [f"MJD {mjd:.5f} (UTC), from the {curve.origin[index]}" if known else "no time is recorded", how]
    if kind == "limit" and math.isfinite(value):
        remarks.append(f"measured: {measured}")
    if kinds.is_borrowed[index]:
        remarks.append("the limit is made of the noise per beam: the integrated flux has no error")
    time = format_mjd_utc(mjd) if known else "time not known"
    if known and not Epoch(mjd, curve.origin[index]).is_observation:
        time += " (processing)"
    return EpochWords(
        time=time,
        flux=f"< {float(kinds.at[index]) * scale:.4g} {per}" if kind == "limit" else measured,
        snr=snr,
        kind=kind,
        utc_ms=(mjd - MJD_OF_1970) * MS_PER_DAY if known else None,
        remark="; ".join(part for part in remarks if part),
    )


def order_words(curve: LightCurve, shown: Sequence[int]) -> str:
    """Return what epochs are in order of: the times of some measurements may only be those of the processing."""
    timed = [i for i in shown if math.isfinite(curve.mjd[i])]
    late = int(np.count_nonzero(~curve.is_observed[timed]))
    if not late:
        return "in order of observation, UTC"
    if late == len(timed):
        return "in order of processing time, UTC"
    return f"in order of time, UTC ({how_many(late, 'processing time')})"


def missing_words(frame: EpochFrame) -> str:
    """Return why an epoch has no picture: a path would be broken into pieces in a tile, and is 'the image' here."""
    path = frame.source.path
    return frame.problem.replace(path, "the image") if path else frame.problem


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


def _snr(curve: LightCurve, index: int, value: float, error: float) -> tuple[str, str]:
    stored = float(curve.snr[index])
    ratio = value / error if math.isfinite(value) and math.isfinite(error) and error > 0 else math.nan
    if not math.isfinite(stored):
        remark = "SNR is flux over error: none is recorded"
        return ("", "no SNR") if math.isnan(ratio) else (f"SNR {ratio:.1f}", remark)
    if math.isnan(ratio) or abs(stored - ratio) <= _SAME_SNR * max(1.0, abs(ratio)):
        return f"SNR {stored:.1f}", ""
    return f"SNR {ratio:.1f} (stored: {stored:.1f})", "SNR is flux over error: the stored one is not"


def _flux_text(value: float, error: float, unit: str) -> str:
    if not math.isfinite(value):
        return "flux not recorded"
    if not np.isfinite(error) or error <= 0:
        return f"{value:.4g} {unit}"
    digits = min(6, max(0, 1 - math.floor(math.log10(error))))
    return f"{value:.{digits}f} ± {error:.{digits}f} {unit}"
