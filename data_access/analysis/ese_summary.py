"""Everything about one light curve that speaks for or against an extreme scattering event, in one go."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from data_access.analysis.ensemble import Ensemble, divide_by_ensemble
from data_access.analysis.ese import Dip, find_dips, leave_one_out, running_median
from data_access.analysis.variability.metric import FloatArray, Metric, total_error, usable
from data_access.analysis.variability.sigma_deviation import largest_possible_sigma_deviation, sigma_deviation

WINDOW_DAYS = 365.0
THRESHOLD_SIGMA = 3.0
FEWEST_POINTS = 2
# With the factor unknown at more than this share of a dip, its absence beside the neighbours says nothing.
LARGEST_UNKNOWN_SHARE = 0.5

Verdict = Literal["source", "flux scale", "not known", "no dip"]


@dataclass(frozen=True, slots=True)
class EseOptions:
    """How dips are looked for, see `data_access.analysis.ese.find_dips`; additive errors in the unit of the flux."""

    window_days: float = WINDOW_DAYS
    threshold_sigma: float = THRESHOLD_SIGMA
    fractional_error: float = 0.0
    fewest_points: int = FEWEST_POINTS
    additive_error: float = 0.0

    @property
    def errors(self) -> dict[str, float]:
        """The systematic errors by name."""
        return {"fractional_error": self.fractional_error, "additive_error": self.additive_error}


@dataclass(frozen=True, slots=True)
class DipCurve:
    """A light curve against its running baseline; arrays of shape (n_epoch,).

    Attributes
    ----------
    flux, error : float64
        NaN where a measurement is not used.
    baseline : float64
        Running median.
    z : float64
        (flux - baseline) / error, with the systematic part of the error.
    dips : tuple of Dip
        Most significant first; their positions are those of the light curve.
    """

    flux: FloatArray
    error: FloatArray
    baseline: FloatArray
    z: FloatArray
    dips: tuple[Dip, ...]


@dataclass(frozen=True, slots=True)
class EseSummary:
    """What one light curve says.

    Attributes
    ----------
    n : int
        Usable, unflagged measurements.
    sigma : Metric
        The pipeline's statistic, ``sigma_deviation``, of these measurements.
    bound : float or None
        The largest value that it can have with so many, whatever the source does; None below two.
    leave_one_out : Metric
        Largest deviation from all others in standard errors, signed; without a bound.
    own, normalised : DipCurve
        As measured, and divided by the common factor of the neighbours; all NaN without one.
    reason : str
        Why there is no normalised curve; empty when there is one.
    n_compared : int
        Measurements of the most significant dip at which the factor of the neighbours is known.
    fewest_points : int
        Measurements that make a dip.
    """

    n: int
    sigma: Metric
    bound: float | None
    leave_one_out: Metric
    own: DipCurve
    normalised: DipCurve
    reason: str = ""
    n_compared: int = 0
    fewest_points: int = FEWEST_POINTS

    @property
    def bound_fraction(self) -> float | None:
        """How much of what is possible the pipeline's statistic has, 0 to 1."""
        if self.sigma.value is None or not self.bound:
            return None
        return self.sigma.value / self.bound

    @property
    def dip(self) -> Dip | None:
        """The most significant dip as measured."""
        return self.own.dips[0] if self.own.dips else None

    @property
    def normalised_dip(self) -> Dip | None:
        """The most significant dip after the division by the neighbours at the time of the one as measured.

        A dip at any other time says nothing about that one.
        """
        own = self.dip
        if own is None:
            return None
        at_once = (d for d in self.normalised.dips if d.start_mjd <= own.end_mjd and d.end_mjd >= own.start_mjd)
        return next(at_once, None)

    @property
    def verdict(self) -> Verdict:
        """What the division by the neighbours says of the most significant dip, judged at its own epochs."""
        if self.dip is None:
            return "no dip"
        if self.reason:
            return "not known"
        if self.normalised_dip is not None:
            return "source"
        enough = max(self.fewest_points, (1 - LARGEST_UNKNOWN_SHARE) * self.dip.run_length)
        return "flux scale" if self.n_compared >= enough else "not known"


def summarise_ese(
    mjd: npt.ArrayLike,
    flux: npt.ArrayLike,
    err: npt.ArrayLike,
    *,
    flagged: npt.ArrayLike,
    ensemble: Ensemble | None = None,
    options: EseOptions = EseOptions(),
) -> EseSummary:
    """Return the statistics and dips of a light curve.

    Parameters
    ----------
    mjd, flux, err : shape (n_epoch,)
        MJD UTC days; flux and error in one unit.
    flagged : bool, shape (n_epoch,)
        Measurements to leave out.
    ensemble : Ensemble, optional
        Of the neighbours, for the same measurements.
    """
    t, f, e = (np.asarray(values, dtype=np.float64) for values in (mjd, flux, err))
    good = usable(f, e) & ~np.asarray(flagged, dtype=bool)
    f, e = np.where(good, f, np.nan), np.where(good, e, np.nan)
    n = int(np.count_nonzero(good))
    bound = largest_possible_sigma_deviation(n) if n > 1 else None
    reason = "neighbours were not looked at" if ensemble is None else ensemble.reason
    if ensemble is None or ensemble.reason:
        own = normalised = np.full(f.shape, np.nan)
    else:
        own, normalised = divide_by_ensemble(f, e, ensemble)
    own_dips = _dip_curve(t, f, e, options)
    return EseSummary(
        n=n,
        sigma=sigma_deviation(f, e),
        bound=bound,
        leave_one_out=leave_one_out(f, e, **options.errors).largest,
        own=own_dips,
        normalised=_dip_curve(t, own, normalised, options),
        reason=reason,
        n_compared=_n_known(t, own, own_dips.dips),
        fewest_points=options.fewest_points,
    )


def _n_known(t: FloatArray, normalised_flux: FloatArray, dips: tuple[Dip, ...]) -> int:
    if not dips:
        return 0
    in_dip = (t >= dips[0].start_mjd) & (t <= dips[0].end_mjd)
    return int(np.count_nonzero(in_dip & np.isfinite(normalised_flux)))


def _dip_curve(t: FloatArray, f: FloatArray, e: FloatArray, options: EseOptions) -> DipCurve:
    baseline = running_median(t, f, window_days=options.window_days)
    with np.errstate(all="ignore"):
        z = (f - baseline) / total_error(f, e, **options.errors)
    dips = find_dips(
        t, f, e,
        window_days=options.window_days, threshold_sigma=options.threshold_sigma,
        fewest_points=options.fewest_points, **options.errors,
    )  # fmt: skip
    return DipCurve(f, e, np.where(np.isfinite(f), baseline, np.nan), z, dips)


def days_words(days: float) -> str:
    """Return a duration in days, or in hours or minutes below one day."""
    if not math.isfinite(days):
        return "not known"
    if days >= 1:
        return f"{days:.3g} d"
    return f"{days * 24:.3g} h" if days * 24 >= 1 else f"{days * 1440:.3g} min"
