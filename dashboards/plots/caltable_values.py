"""Numbers behind the plots of a calibration table: medians over what is good, in order of frequency.

Arrays have the shape of `CaltableDetail.values`: (n_time, n_ant, n_spw, n_chan, n_pol).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dashboards.plots.time_axis import utc_ms
from data_access.records import CaltableDetail
from data_access.records.calibration import ANTENNA_POSITIONS

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Quantity:
    """What is drawn of a solution: a real number of it; `circular` for degrees that wrap at 180."""

    name: str
    unit: str
    of: Callable[[npt.NDArray[Any]], FloatArray]
    circular: bool = False


def _amplitude(values: npt.NDArray[Any]) -> FloatArray:
    return np.asarray(np.abs(values), dtype=float)


def _phase_deg(values: npt.NDArray[Any]) -> FloatArray:
    phase = np.degrees(np.angle(values))
    return np.where(np.isfinite(values), phase, np.nan)


def _real(values: npt.NDArray[Any]) -> FloatArray:
    return np.real(values).astype(float)


AMPLITUDE = Quantity("Amplitude", "ratio", _amplitude)
PHASE = Quantity("Phase", "degrees", _phase_deg, circular=True)
DELAY = Quantity("Delay", "ns", _real)
OFFSET = Quantity("Offset", "m", _real)
VALUE = Quantity("Value", "as stored", _real)
_OF_KIND = {"K Jones": DELAY, "Kcross Jones": DELAY, ANTENNA_POSITIONS: OFFSET}


def quantities(detail: CaltableDetail) -> tuple[Quantity, ...]:
    """Return what to draw: amplitude and phase of complex tables, delays, offsets, else the stored real value."""
    if np.iscomplexobj(detail.values):
        return AMPLITUDE, PHASE
    return (_OF_KIND.get(detail.kind, VALUE),)


def good_values(detail: CaltableDetail) -> npt.NDArray[Any]:
    """Return the values with NaN in place of flagged and not finite ones."""
    bad = detail.flag | ~np.isfinite(detail.values)
    return np.where(bad, np.nan, detail.values)


def antenna_band(
    detail: CaltableDetail, good: npt.NDArray[Any], quantity: Quantity, pol: int
) -> dict[str, FloatArray]:
    """Return ``freq_mhz, median, low, high`` (16th and 84th percentile) over times and antennas.

    Channels are in order of frequency, whatever the order of the spectral windows in the file; a NaN row parts
    windows that do not join, so that no line bridges a gap.
    """
    freq, columns = [], []
    for spw, window in enumerate(detail.spectral_windows):
        n_chan = min(window.chan_freq_hz.size, good.shape[3])
        freq.append(window.chan_freq_hz[:n_chan])
        columns.append(quantity.of(good[:, :, spw, :n_chan, pol]).reshape(-1, n_chan))
    freq_mhz = np.concatenate(freq) / 1e6 if freq else np.array([])
    order = np.argsort(freq_mhz, kind="stable")
    freq_mhz = freq_mhz[order]
    values = np.concatenate(columns, axis=1)[:, order] if columns else np.empty((0, 0))
    low, median, high = _percentiles(values, circular=quantity.circular)
    gaps = np.diff(freq_mhz)
    breaks = np.flatnonzero(gaps > 2.5 * np.median(gaps)) + 1 if gaps.size > 2 else np.array([], dtype=int)
    named = {"freq_mhz": freq_mhz, "median": median, "low": low, "high": high}
    return {name: np.insert(column, breaks, np.nan) for name, column in named.items()}


def antenna_points(detail: CaltableDetail, good: npt.NDArray[Any], quantity: Quantity, pol: int) -> dict[str, Any]:
    """Return ``antenna`` (row of the table), ``name`` and ``value``: the median over times, windows and channels.

    Antennas without a good solution are left out.
    """
    values = quantity.of(good[..., pol])
    n_ant = values.shape[1]
    _, median, _ = _percentiles(np.moveaxis(values, 1, -1).reshape(-1, n_ant), circular=quantity.circular)
    known = np.flatnonzero(np.isfinite(median))
    return {"antenna": known, "name": [detail.antennas.names[i] for i in known], "value": median[known]}


def time_band(detail: CaltableDetail, good: npt.NDArray[Any], quantity: Quantity, pol: int) -> dict[str, FloatArray]:
    """Return ``utc_ms, median, low, high`` over antennas, windows and channels, in order of time."""
    values = quantity.of(good[..., pol])
    low, median, high = _percentiles(values.reshape(values.shape[0], -1).T, circular=quantity.circular)
    order = np.argsort(detail.times_mjd, kind="stable")
    named = {"utc_ms": utc_ms(detail.times_mjd), "median": median, "low": low, "high": high}
    return {name: column[order] for name, column in named.items()}


def antenna_snr(detail: CaltableDetail) -> dict[str, Any]:
    """Return ``antenna, name, value``: the median signal-to-noise of what `good_values` keeps of each antenna."""
    snr = np.where(detail.flag | ~np.isfinite(detail.values), np.nan, detail.snr)
    n_ant = snr.shape[1]
    _, median, _ = _percentiles(np.moveaxis(snr, 1, -1).reshape(-1, n_ant))
    known = np.flatnonzero(np.isfinite(median))
    return {"antenna": known, "name": [detail.antennas.names[i] for i in known], "value": median[known]}


def _percentiles(values: FloatArray, *, circular: bool = False) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the 16th, 50th and 84th percentile over the first axis; NaN where nothing is finite.

    Degrees that wrap are measured from their circular mean, so that 179 and -179 have the median 180 and not 0.
    """
    if values.shape[0] == 0:
        nothing = np.full(values.shape[1], np.nan)
        return nothing, nothing, nothing
    values = np.where(np.isfinite(values), values, np.nan)
    centre = np.zeros(values.shape[1])
    if circular:
        vectors = np.where(np.isfinite(values), np.exp(1j * np.radians(values)), 0.0)
        centre = np.degrees(np.angle(vectors.sum(axis=0)))
        values = (values - centre + 180.0) % 360.0 - 180.0
    with warnings.catch_warnings():
        # a channel that every antenna has flagged is expected: its percentile is NaN
        warnings.filterwarnings("ignore", "All-NaN slice encountered", RuntimeWarning)
        low, median, high = np.nanpercentile(values, (16, 50, 84), axis=0) + centre
    return low, median, high
