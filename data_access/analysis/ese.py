"""Extreme scattering events: what the pipeline's flag can see, and two statistics that see more.

The pipeline flags ``sigma_deviation`` = max|I - mean| / std, where the outlier itself is part of the mean and of
the standard deviation. That statistic has an upper bound which grows with the number of epochs only, so that its
threshold of 5 can never be reached by fewer than 26 epochs, whatever the source does.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from data_access.analysis.variability.extremes import AS_LARGE
from data_access.analysis.variability.metric import (
    FloatArray,
    Metric,
    metric_of,
    paired_arrays,
    too_few,
    total_error,
    usable,
)
from data_access.analysis.variability.sigma_deviation import (
    Ddof,
    fewest_epochs_for_sigma_deviation,
    largest_possible_sigma_deviation,
    longest_visible_dip_fraction,
    sigma_deviation,
)
from data_access.errors import ValidationError

__all__ = [
    "PRESET_SIGMA",
    "Ddof",
    "Dip",
    "LeaveOneOut",
    "fewest_epochs_for_sigma_deviation",
    "find_dips",
    "largest_possible_sigma_deviation",
    "leave_one_out",
    "longest_visible_dip_fraction",
    "running_median",
    "sigma_deviation",
]

PRESET_SIGMA = (("conservative", 5.0), ("moderate", 3.5), ("sensitive", 2.5))
"""The pipeline's presets for ``sigma_deviation``."""


@dataclass(frozen=True, slots=True)
class LeaveOneOut:
    """Each measurement against the weighted mean of all others.

    Attributes
    ----------
    z : float64, shape (n_epoch,)
        Signed deviation in standard errors; NaN for unusable measurements.
    largest : Metric
        The z of largest absolute value, signed; of two that are as large (both of two measurements), a positive one.
    index : int or None
        Its position in the input.
    """

    z: FloatArray
    largest: Metric
    index: int | None


@dataclass(frozen=True, slots=True)
class Dip:
    """A run of measurements below the baseline.

    Attributes
    ----------
    first, last, deepest : int
        Positions in the input of the first, last and most significant measurement of the run.
    start_mjd, end_mjd, duration_days : float
        Of the measurements of the run: the event itself is longer, up to the neighbours on either side.
    run_length : int
        Usable measurements in the run.
    depth_fraction : float
        Largest loss as a fraction of the baseline: 0.5 is half of the flux; above 1 for negative fluxes.
    depth_sigma : float
        Most negative z of the run.
    touches_edge : bool
        The run begins with the first or ends with the last measurement: the duration is a lower limit.
    """

    first: int
    last: int
    deepest: int
    start_mjd: float
    end_mjd: float
    duration_days: float
    run_length: int
    depth_fraction: float
    depth_sigma: float
    touches_edge: bool


def leave_one_out(
    flux: npt.ArrayLike, err: npt.ArrayLike, *, fractional_error: float = 0.0, additive_error: float = 0.0
) -> LeaveOneOut:
    """Return how far each measurement is from the weighted mean of all others, in standard errors.

    z_i = (I_i - ξ_(-i)) / sqrt(σ_i² + 1/Σ_(j≠i) 1/σ_j²). Unlike ``sigma_deviation`` it has no upper bound,
    because a measurement takes no part in what it is compared with.

    Parameters
    ----------
    flux, err : shape (n_epoch,)
        Same unit; unusable measurements get NaN.
    fractional_error, additive_error : float
        Systematic terms added in quadrature to every error.
    """
    f, e = paired_arrays(flux, err)
    e = total_error(f, e, fractional_error=fractional_error, additive_error=additive_error)
    z = np.full(f.shape, np.nan)
    positions = np.flatnonzero(usable(f, e))
    if positions.size < 2:
        return LeaveOneOut(z, too_few(2, int(positions.size)), None)
    with np.errstate(all="ignore"):
        z[positions] = _leave_one_out(f[positions], e[positions])
    if not np.any(np.isfinite(z)):
        return LeaveOneOut(z, metric_of(math.nan), None)
    size = np.abs(z)
    as_large = np.flatnonzero(size >= np.nanmax(size) * (1 - AS_LARGE))
    index = int(as_large[np.argmax(z[as_large])])
    return LeaveOneOut(z, metric_of(float(z[index])), index)


def _leave_one_out(f: FloatArray, e: FloatArray) -> FloatArray:
    """Return z of usable measurements; sums of the others are built from both sides, never by subtraction.

    Taking a dominant weight off the total would leave nothing but rounding.
    """
    smallest = float(np.min(e))
    weights = (smallest / e) ** 2
    centred = f - np.median(f)
    others_weight = _sum_of_others(weights)
    mean_of_others = _sum_of_others(weights * centred) / others_weight
    return np.asarray((centred - mean_of_others) / np.sqrt(e**2 + smallest**2 / others_weight), dtype=np.float64)


def _sum_of_others(values: FloatArray) -> FloatArray:
    before = np.concatenate(([0.0], np.cumsum(values)[:-1]))
    after = np.concatenate((np.cumsum(values[::-1])[::-1][1:], [0.0]))
    return before + after


def running_median(mjd: npt.ArrayLike, flux: npt.ArrayLike, *, window_days: float) -> FloatArray:
    """Return the median of the finite fluxes within ± `window_days`/2 of each epoch, shape (n_epoch,).

    NaN where the epoch is not finite or nothing finite is in its window. Any order of epochs.
    """
    t, f = paired_arrays(mjd, flux)
    if not window_days > 0:
        raise ValidationError(f"A window of {window_days} days is not possible; above zero is")
    baseline = np.full(t.shape, np.nan)
    order = np.flatnonzero(np.isfinite(t) & np.isfinite(f))
    order = order[np.argsort(t[order], kind="stable")]
    times, fluxes = t[order].tolist(), f[order].tolist()
    asked = np.flatnonzero(np.isfinite(t))
    asked = asked[np.argsort(t[asked], kind="stable")]
    # The window slides over a sorted list: a median of every window anew takes 20 times as long for 8,000 epochs.
    window: list[float] = []
    first = behind = 0
    for i, when in zip(asked.tolist(), t[asked].tolist(), strict=True):
        while behind < len(times) and times[behind] <= when + window_days / 2:
            insort(window, fluxes[behind])
            behind += 1
        while first < behind and times[first] < when - window_days / 2:
            del window[bisect_left(window, fluxes[first])]
            first += 1
        if window:
            baseline[i] = (window[(len(window) - 1) // 2] + window[len(window) // 2]) / 2
    return baseline


def find_dips(
    mjd: npt.ArrayLike,
    flux: npt.ArrayLike,
    err: npt.ArrayLike,
    *,
    window_days: float = 365.0,
    threshold_sigma: float = 3.0,
    fewest_points: int = 2,
    fractional_error: float = 0.0,
    additive_error: float = 0.0,
) -> tuple[Dip, ...]:
    """Return the runs of measurements below a running-median baseline, most significant first.

    z = (I - baseline) / sqrt(σ² + (fractional_error · I)² + additive_error²); a run is an unbroken series of usable
    measurements with z below -`threshold_sigma`. The error of the baseline is not included.

    Parameters
    ----------
    mjd, flux, err : shape (n_epoch,)
        MJD UTC days; flux and error in one unit. Any order; unusable measurements neither count nor break a run.
    window_days : float
        Full width of the baseline window. It must be more than twice the length of the dip, or the median
        follows the dip itself; events last weeks to months.
    fewest_points : int
        Shorter runs are left out.
    """
    t, f = paired_arrays(mjd, flux)
    _, e = paired_arrays(flux, err)
    baseline = running_median(t, f, window_days=window_days)
    with np.errstate(all="ignore"):
        z = (f - baseline) / total_error(f, e, fractional_error=fractional_error, additive_error=additive_error)
    order = np.flatnonzero(np.isfinite(t) & np.isfinite(z))
    order = order[np.argsort(t[order], kind="stable")]
    dips = [
        _dip(t, f, baseline, z, order, start, stop)
        for start, stop in _runs(z[order] < -threshold_sigma)
        if stop - start >= fewest_points
    ]
    return tuple(sorted(dips, key=lambda dip: dip.depth_sigma))


def _runs(below: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return (start, stop) of each unbroken series of True."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], below, [False])).astype(np.int8)))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _dip(
    t: FloatArray,
    f: FloatArray,
    baseline: FloatArray,
    z: FloatArray,
    order: npt.NDArray[np.intp],
    start: int,
    stop: int,
) -> Dip:
    run = order[start:stop]
    deepest = int(run[np.argmin(z[run])])
    with np.errstate(all="ignore"):
        losses = np.where(baseline[run] > 0, 1 - f[run] / baseline[run], np.nan)
    first, last = int(run[0]), int(run[-1])
    return Dip(
        first=first,
        last=last,
        deepest=deepest,
        start_mjd=float(t[first]),
        end_mjd=float(t[last]),
        duration_days=float(t[last] - t[first]),
        run_length=stop - start,
        depth_fraction=float(np.nanmax(losses)) if np.any(np.isfinite(losses)) else math.nan,
        depth_sigma=float(z[deepest]),
        touches_edge=start == 0 or stop == order.size,
    )
