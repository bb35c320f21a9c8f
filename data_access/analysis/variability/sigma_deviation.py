"""The pipeline's ``sigma_deviation`` and the bound that it cannot pass, whatever the source does."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import numpy.typing as npt

from data_access.analysis.variability.metric import Metric, metric_of, too_few, valid_measurements
from data_access.errors import ValidationError

Ddof = Literal[0, 1]


def largest_possible_sigma_deviation(n: int, *, ddof: Ddof = 0) -> float:
    """Return the largest max|x - mean|/std that any `n` numbers can have; NaN for fewer than two.

    sqrt(n-1) with the population standard deviation (`ddof` 0), (n-1)/sqrt(n) with that of the sample
    (Samuelson 1968, J. Am. Stat. Assoc. 63, 1522).
    """
    if n < 2:
        return math.nan
    return math.sqrt(n - 1) if ddof == 0 else (n - 1) / math.sqrt(n)


def largest_possible_stored(n: int | None) -> float | None:
    """Return the largest value that the pipeline can have found in `n` measurements; None when `n` is not known.

    0 for one measurement, which deviates by nothing from its own mean: any other stored value is impossible.
    """
    if n is None or n < 1:
        return None
    return 0.0 if n == 1 else largest_possible_sigma_deviation(n)


def fewest_epochs_for_sigma_deviation(threshold: float, *, ddof: Ddof = 0) -> int:
    """Return the smallest number of epochs with which `threshold` can be reached at all."""
    if not (threshold > 0 and math.isfinite(threshold)):
        raise ValidationError(f"A threshold of {threshold} standard deviations is not possible; above zero is")
    root = math.sqrt(threshold**2 + 1) if ddof == 0 else (threshold + math.sqrt(threshold**2 + 4)) / 2
    # the closed form can land on either side of a whole number by rounding
    n = max(2, math.floor(root**2) - 1)
    while largest_possible_sigma_deviation(n, ddof=ddof) < threshold:
        n += 1
    return n


def longest_visible_dip_fraction(threshold: float) -> float:
    """Return the largest share of the epochs that a noiseless box-shaped dip may cover and still reach `threshold`.

    A dip over the share p reaches sqrt((1-p)/p) however deep it is, hence p <= 1/(1 + threshold²).
    """
    return 1 / (1 + threshold**2)


def sigma_deviation(flux: npt.ArrayLike, err: npt.ArrayLike | None = None, *, ddof: Ddof = 0) -> Metric:
    """Return the pipeline's statistic max|I - mean|/std of the finite fluxes, shape (n_epoch,).

    With `err` of the same shape only usable measurements count, as in every other metric: the number that the bound
    is of must be theirs.
    """
    values = np.asarray(flux, dtype=np.float64)
    f = values[np.isfinite(values)] if err is None else valid_measurements(flux, err)[0]
    if f.size < 2:
        return Metric(None, "needs at least 2 measurements with a finite flux") if err is None else too_few(2, f.size)
    with np.errstate(all="ignore"):
        std = float(np.std(f, ddof=ddof))
        if std == 0 or np.ptp(f) == 0:
            return Metric(None, "all fluxes are equal")
        return metric_of(float(np.max(np.abs(f - np.mean(f)))) / std)
