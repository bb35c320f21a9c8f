"""The statistics of one light curve, one definition each.

All sums are two-pass: the one-pass form of eta that is common in pipelines returns 0.0 for four
measurements of 1000 ± 1e-6 where the answer is 0.67, because both of its means agree to every digit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from data_access.analysis.variability.metric import (
    FloatArray,
    Metric,
    metric_of,
    too_few,
    valid_measurements,
    weighted_mean_of,
)

# Sums of some thousand squares differ by this share of themselves when they are equal.
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Definition:
    """What a metric is, for tooltips: `symbol`, `formula` in plain text, `reference`."""

    symbol: str
    formula: str
    reference: str


DEFINITIONS: Mapping[str, Definition] = MappingProxyType(
    {
        "eta": Definition(
            "η",
            "1/(N−1) · Σ (I−ξ)²/σ², with ξ the mean weighted by 1/σ²",
            "Scheers 2011, ch. 3; Swinbank et al. 2015, A&C 11, 25",
        ),
        "modulation_index": Definition(
            "V", "s / mean(I), with s the sample standard deviation (N−1)", "Swinbank et al. 2015, A&C 11, 25"
        ),
        "debiased_modulation_index": Definition(
            "m_d",
            "√( Σ(I−mean)²/N − Σσ²/N ) / mean(I): the scatter left when that of the errors is taken off",
            "Barvainis et al. 2005, ApJ 618, 108; Bell et al. 2014, MNRAS 438, 352",
        ),
        "reduced_chi_squared": Definition(
            "χ²ν",
            "Σ (I−ξ)²/σ² / (N−1) about the weighted mean ξ: the same number as η",
            "Bevington & Robinson 2003, ch. 4",
        ),
        "unweighted_chi_squared": Definition(
            "χ²ν", "Σ (I−mean)²/σ² / (N−1) about the unweighted mean", "Bevington & Robinson 2003, ch. 4"
        ),
        "vs": Definition("Vs", "(Ia−Ib) / √(σa²+σb²)", "Mooley et al. 2016, ApJ 818, 105, section 5"),
        "m": Definition("m", "2 (Ia−Ib) / (Ia+Ib)", "Mooley et al. 2016, ApJ 818, 105, section 5"),
        "von_neumann": Definition(
            "η_N",
            "Σ(I[i+1]−I[i])² / Σ(I−mean)²: near 2 for uncorrelated points, small for smooth changes",
            "von Neumann 1941, Ann. Math. Stat. 12, 367",
        ),
        "weighted_mean": Definition("ξ", "Σ I/σ² / Σ 1/σ²", "Bevington & Robinson 2003, ch. 4"),
        "mean": Definition("mean", "Σ I / N", ""),
        "std": Definition("s", "√( Σ(I−mean)² / (N−1) )", ""),
    }
)


def weighted_mean(flux: npt.ArrayLike, err: npt.ArrayLike) -> Metric:
    """Return the mean weighted by 1/err²; shapes (n_epoch,), unusable measurements left out."""
    f, e = valid_measurements(flux, err)
    if f.size == 0:
        return too_few(1, 0)
    with np.errstate(all="ignore"):
        return metric_of(weighted_mean_of(f, e))


def eta(
    flux: npt.ArrayLike, err: npt.ArrayLike, *, fractional_error: float = 0.0, additive_error: float = 0.0
) -> Metric:
    """Return eta: the weighted reduced chi-squared against a constant, by two passes.

    Parameters
    ----------
    flux, err : shape (n_epoch,)
        Same unit. Measurements with a flux that is not finite or an error that is not above zero are left out.
    fractional_error, additive_error : float
        Systematic terms added in quadrature: a fraction of each flux, and a constant in the unit of `flux`.

    Returns
    -------
    Metric
        No value for fewer than two usable measurements.

    References
    ----------
    Scheers 2011, ch. 3; Swinbank et al. 2015, A&C 11, 25.
    """
    f, e = valid_measurements(flux, err, fractional_error=fractional_error, additive_error=additive_error)
    if f.size < 2:
        return too_few(2, f.size)
    with np.errstate(all="ignore"):
        return metric_of(float(np.sum(((f - weighted_mean_of(f, e)) / e) ** 2)) / (f.size - 1))


def reduced_chi_squared(
    flux: npt.ArrayLike, err: npt.ArrayLike, *, fractional_error: float = 0.0, additive_error: float = 0.0
) -> Metric:
    """Return chi-squared per degree of freedom about the weighted mean: the same number as `eta`."""
    return eta(flux, err, fractional_error=fractional_error, additive_error=additive_error)


def unweighted_chi_squared(flux: npt.ArrayLike, err: npt.ArrayLike) -> Metric:
    """Return chi-squared per degree of freedom about the *unweighted* mean.

    This is what the pipeline stores as ``chi2_nu``. It is never smaller than `eta`, and the same for equal errors.
    """
    f, e = valid_measurements(flux, err)
    if f.size < 2:
        return too_few(2, f.size)
    with np.errstate(all="ignore"):
        return metric_of(float(np.sum(((f - np.mean(f)) / e) ** 2)) / (f.size - 1))


def modulation_index(flux: npt.ArrayLike, err: npt.ArrayLike | None = None) -> Metric:
    """Return V: sample standard deviation over mean.

    Parameters
    ----------
    flux : shape (n_epoch,)
        Values that are not finite are left out.
    err : shape (n_epoch,), optional
        When given, only measurements with an error above zero are used, and a mean that the errors cannot tell
        from zero (below three of its standard errors) is a caution beside the value.

    Returns
    -------
    Metric
        No value for fewer than two measurements or a mean that is not above zero.
    """
    f, e = valid_measurements(flux, np.ones_like(np.asarray(flux, dtype=np.float64)) if err is None else err)
    if f.size < 2:
        return too_few(2, f.size)
    with np.errstate(all="ignore"):
        mean = float(np.mean(f))
        if (refusal := _mean_refusal(mean)) is not None:
            return refusal
        caution = "" if err is None else _faint_mean(mean, e)
        return metric_of(float(np.std(f, ddof=1)) / mean, caution)


def debiased_modulation_index(flux: npt.ArrayLike, err: npt.ArrayLike) -> Metric:
    """Return the modulation index with the scatter of the errors taken off (Barvainis et al. 2005).

    No value when the scatter is smaller than the errors: the source is then consistent with being constant.
    """
    f, e = valid_measurements(flux, err)
    if f.size < 2:
        return too_few(2, f.size)
    with np.errstate(all="ignore"):
        mean = float(np.mean(f))
        if (refusal := _mean_refusal(mean)) is not None:
            return refusal
        excess = float(excess_variance(np.mean((f - mean) ** 2), np.mean(e**2)))
        if excess < 0:
            return Metric(None, "the scatter is smaller than the errors: consistent with a constant source")
        return metric_of(math.sqrt(excess) / mean, _faint_mean(mean, e))


def excess_variance(scatter: npt.ArrayLike, errors: npt.ArrayLike) -> FloatArray:
    """Return mean squares of a scatter with those of the errors taken off; 0 where rounding is all that is left."""
    scatter, errors = np.asarray(scatter, dtype=np.float64), np.asarray(errors, dtype=np.float64)
    excess = scatter - errors
    return np.where(np.abs(excess) <= _ROUNDING * (scatter + errors), 0.0, excess)


def von_neumann(flux: npt.ArrayLike) -> Metric:
    """Return the von Neumann ratio of a light curve in order of time, shape (n_epoch,).

    No value for fewer than three finite measurements (two always give 2) or when all are equal.
    """
    values = np.asarray(flux, dtype=np.float64)
    f = values[np.isfinite(values)]
    if f.size < 3:
        return too_few(3, f.size)
    with np.errstate(all="ignore"):
        spread = float(np.sum((f - np.mean(f)) ** 2))
        if spread == 0 or np.ptp(f) == 0:
            return Metric(None, "all fluxes are equal")
        return metric_of(float(np.sum(np.diff(f) ** 2)) / spread)


def _mean_refusal(mean: float) -> Metric | None:
    if mean > 0:
        return None
    word = "zero" if mean == 0 else "negative"
    return Metric(None, f"the mean flux is {word}: a ratio to it means nothing")


def _faint_mean(mean: float, e: FloatArray) -> str:
    if mean >= 3 * float(np.sqrt(np.sum(e**2))) / e.size:
        return ""
    return "the errors cannot tell the mean flux from zero (below 3 of its standard errors)"
