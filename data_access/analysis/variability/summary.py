"""All variability metrics of one light curve together."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from data_access.analysis.variability.formulas import (
    debiased_modulation_index,
    eta,
    modulation_index,
    unweighted_chi_squared,
    von_neumann,
    weighted_mean,
)
from data_access.analysis.variability.metric import (
    Metric,
    metric_of,
    paired_arrays,
    too_few,
    usable,
    valid_measurements,
)
from data_access.analysis.variability.pairs import PairMetrics, maximum_pair


@dataclass(frozen=True, slots=True)
class VariabilityMetrics:
    """All metrics of one light curve, in the unit of its flux.

    Attributes
    ----------
    n, n_valid : int
        Measurements given, and those with a finite flux and an error above zero. Only the valid ones are used.
    maximum_pair : PairMetrics
        See `maximum_pair`.
    """

    n: int
    n_valid: int
    weighted_mean: Metric
    mean: Metric
    std: Metric
    min: Metric
    max: Metric
    eta: Metric
    modulation_index: Metric
    debiased_modulation_index: Metric
    reduced_chi_squared: Metric
    unweighted_chi_squared: Metric
    von_neumann: Metric
    maximum_pair: PairMetrics


def variability_metrics(
    flux: npt.ArrayLike, err: npt.ArrayLike, *, fractional_error: float = 0.0, additive_error: float = 0.0
) -> VariabilityMetrics:
    """Return every metric of one light curve.

    Parameters
    ----------
    flux, err : shape (n_epoch,)
        Same unit, in order of time (only `von_neumann` depends on the order).
    fractional_error, additive_error : float
        Systematic error added in quadrature to every error.

    Raises
    ------
    ValidationError
        Only when the two arrays do not belong together; odd values never raise.
    """
    given, _ = paired_arrays(flux, err)
    f, e = valid_measurements(flux, err, fractional_error=fractional_error, additive_error=additive_error)
    n = int(f.size)
    eta_value = eta(f, e)
    with np.errstate(all="ignore"):
        return VariabilityMetrics(
            n=int(given.size),
            n_valid=n,
            weighted_mean=weighted_mean(f, e),
            mean=metric_of(float(np.mean(f))) if n else too_few(1, 0),
            std=metric_of(float(np.std(f, ddof=1))) if n > 1 else too_few(2, n),
            min=metric_of(float(np.min(f))) if n else too_few(1, 0),
            max=metric_of(float(np.max(f))) if n else too_few(1, 0),
            eta=eta_value,
            modulation_index=modulation_index(f, e),
            debiased_modulation_index=debiased_modulation_index(f, e),
            reduced_chi_squared=eta_value,
            unweighted_chi_squared=unweighted_chi_squared(f, e),
            von_neumann=von_neumann(f),
            maximum_pair=_pair_in_input(maximum_pair(f, e), flux, err),
        )


def _pair_in_input(pair: PairMetrics, flux: npt.ArrayLike, err: npt.ArrayLike) -> PairMetrics:
    """Turn positions among the valid measurements into positions in the input."""
    if pair.first is None or pair.second is None:
        return pair
    positions = np.flatnonzero(usable(*paired_arrays(flux, err)))
    return replace(pair, first=int(positions[pair.first]), second=int(positions[pair.second]))
