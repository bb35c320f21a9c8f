"""A number that may not exist, with the reason in words: shared by all statistics."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from data_access.errors import ValidationError

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Metric:
    """A statistic, or why there is none.

    Attributes
    ----------
    value : float or None
        Always finite; None means "not applicable" or "cannot be computed", never zero.
    reason : str
        Why there is no value. Beside a value it is a caution to show with it; usually empty.
    """

    value: float | None
    reason: str = ""


def metric_of(value: float, caution: str = "") -> Metric:
    """Return a metric of a computed number; overflow and not-a-number become a reason."""
    if not math.isfinite(value):
        return Metric(None, "the numbers are too large or too small to compute with")
    return Metric(float(value), caution)


def paired_arrays(flux: npt.ArrayLike, err: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return both as float64 of shape (n_epoch,); None becomes NaN.

    Raises
    ------
    ValidationError
        When they are not one-dimensional and equally long.
    """
    flux_array = np.asarray(flux, dtype=np.float64)
    err_array = np.asarray(err, dtype=np.float64)
    if flux_array.ndim != 1 or flux_array.shape != err_array.shape:
        raise ValidationError(
            f"Fluxes of shape {flux_array.shape} and errors of shape {err_array.shape} do not belong together",
            remedy="Give one error for every flux, both as one-dimensional arrays.",
        )
    return flux_array, err_array


def total_error(
    flux: FloatArray, err: FloatArray, *, fractional_error: float = 0.0, additive_error: float = 0.0
) -> FloatArray:
    """Return sqrt(err² + (fractional_error · flux)² + additive_error²), shape (n_epoch,), unit of `flux`.

    A measurement without an error (NaN, zero or negative) stays without one: a systematic term does not replace it.
    """
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        total = np.sqrt(err**2 + (fractional_error * flux) ** 2 + additive_error**2)
    return np.where(np.isfinite(err) & (err > 0), total, np.nan)


def usable(flux: FloatArray, err: FloatArray) -> npt.NDArray[np.bool_]:
    """Return which measurements have a finite flux and a finite error above zero, shape (n_epoch,)."""
    return np.isfinite(flux) & np.isfinite(err) & (err > 0)


def valid_measurements(
    flux: npt.ArrayLike, err: npt.ArrayLike, *, fractional_error: float = 0.0, additive_error: float = 0.0
) -> tuple[FloatArray, FloatArray]:
    """Return fluxes and total errors of the usable measurements, shape (n_valid,), in the order given."""
    f, e = paired_arrays(flux, err)
    e = total_error(f, e, fractional_error=fractional_error, additive_error=additive_error)
    keep = usable(f, e)
    return f[keep], e[keep]


def weighted_mean_of(flux: FloatArray, err: FloatArray) -> float:
    """Return the mean weighted by 1/err² of usable measurements.

    Taken about the first flux, which keeps the digits of a small spread on a large flux, with the largest weight
    scaled to 1, which keeps tiny and huge errors computable.
    """
    weights = (float(np.min(err)) / err) ** 2
    return float(flux[0] + np.sum(weights * (flux - flux[0])) / np.sum(weights))


def too_few(needed: int, n: int) -> Metric:
    """Return the metric that says that `n` usable measurements are not enough."""
    there = "is 1" if n == 1 else f"are {n or 'none'}"
    return Metric(
        None, f"needs at least {needed} measurements with a finite flux and an error above zero; there {there}"
    )
