"""Neighbours in the same images as a standard of flux: what they all do together is the scale, not the sky.

A bad flux scale raises or lowers every source of an image by one factor. The median of steady neighbours, each
divided by its own usual flux, is that factor; a light curve divided by it keeps only what is its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from data_access.analysis.variability.metric import FloatArray, paired_arrays
from data_access.errors import ValidationError

LARGEST_STEADY_ETA = 1.5
FEWEST_EPOCHS = 10
FEWEST_NEIGHBOURS = 3
_PASSES = 3
_NORMAL_MAD = 1.4826
# Standard error of a median over that of a mean, for normal errors: √(π/2).
_MEDIAN_EXCESS = math.sqrt(math.pi / 2)


@dataclass(frozen=True, slots=True)
class Ensemble:
    """The common factor of the neighbours at every epoch.

    Attributes
    ----------
    factor : float64, shape (n_epoch,)
        Median of the steady neighbours' fluxes, each over its own median; NaN where too few were measured.
    error : float64, shape (n_epoch,)
        Standard error of `factor`.
    scatter : float64, shape (n_epoch,)
        1.4826 times the median absolute deviation of the neighbours from `factor`.
    n_used : int64, shape (n_epoch,)
        Steady neighbours measured at that epoch.
    baseline : float64, shape (n_neighbour,)
        The usual flux of each neighbour, in the unit of the fluxes; NaN where it has none above zero.
    eta : float64, shape (n_neighbour,)
        Of each neighbour after the division by `factor`; NaN with fewer than two usable epochs.
    is_steady : bool, shape (n_neighbour,)
        Which neighbours were used.
    reason : str
        Why there is no factor at all; empty when there is one.
    """

    factor: FloatArray
    error: FloatArray
    scatter: FloatArray
    n_used: npt.NDArray[np.int64]
    baseline: FloatArray
    eta: FloatArray
    is_steady: npt.NDArray[np.bool_]
    reason: str = ""


def ensemble_of(
    fluxes: npt.ArrayLike,
    errors: npt.ArrayLike,
    *,
    largest_eta: float = LARGEST_STEADY_ETA,
    fewest_epochs: int = FEWEST_EPOCHS,
    fewest_neighbours: int = FEWEST_NEIGHBOURS,
) -> Ensemble:
    """Return the common factor of neighbours that were measured on the same images.

    Parameters
    ----------
    fluxes, errors : shape (n_neighbour, n_epoch)
        Any one unit; NaN where a neighbour was not measured. A value without a positive error is not used.
    largest_eta : float
        A neighbour is steady when its eta is not above this. Eta is taken after the division by the common factor:
        a bad flux scale would otherwise make every neighbour look variable, and leave nobody to show it.
    fewest_epochs : int
        Neighbours with fewer usable measurements are left out.
    fewest_neighbours : int
        Epochs with fewer steady neighbours get NaN: the median of two cannot tell which of them is wrong.

    Raises
    ------
    ValidationError
        When the two arrays are not tables of one shape.

    Notes
    -----
    The limits on eta and on the number of epochs are those of the pipeline's own relative fluxes.
    """
    f, e = _tables(fluxes, errors)
    good = np.isfinite(f) & np.isfinite(e) & (e > 0)
    f, e = np.where(good, f, np.nan), np.where(good, e, np.nan)
    often = np.count_nonzero(good, axis=1) >= max(1, fewest_epochs)
    factor = np.ones(f.shape[1])
    steady = often
    baseline = eta = np.full(f.shape[0], np.nan)
    for number in range(_PASSES):
        known = np.where(np.isfinite(factor) & (factor > 0), factor, 1.0)
        baseline = _medians(f / known, axis=1)
        baseline = np.where(baseline > 0, baseline, np.nan)
        eta = _etas(f / known, e / known)
        # The first factor comes from all: none is known to be variable before the scale is taken out.
        steady = often & np.isfinite(baseline) & ((eta <= largest_eta) if number else True)
        factor = _medians((f / baseline[:, None])[steady], axis=0)
    return _ensemble(f, e, baseline, eta, steady, fewest_neighbours)


def _ensemble(
    f: FloatArray, e: FloatArray, baseline: FloatArray, eta: FloatArray,
    steady: npt.NDArray[np.bool_], fewest_neighbours: int,
) -> Ensemble:  # fmt: skip
    ratio, ratio_error = (f / baseline[:, None])[steady], (e / baseline[:, None])[steady]
    factor = _medians(ratio, axis=0)
    n_used = np.count_nonzero(np.isfinite(ratio), axis=0).astype(np.int64)
    scatter = _NORMAL_MAD * _medians(np.abs(ratio - factor), axis=0)
    known = (n_used >= fewest_neighbours) & (factor > 0)
    # Three neighbours agree by chance at times: the error is never below that of their own errors.
    own = np.sqrt(np.nansum(ratio_error**2, axis=0) / np.maximum(n_used, 1))
    error = _MEDIAN_EXCESS * np.maximum(scatter, own) / np.sqrt(np.maximum(n_used, 1))
    return Ensemble(
        factor=np.where(known, factor, np.nan),
        error=np.where(known, error, np.nan),
        scatter=np.where(known, scatter, np.nan),
        n_used=n_used,
        baseline=baseline,
        eta=eta,
        is_steady=steady,
        reason="" if known.any() else _reason(f.shape[0], int(np.count_nonzero(steady)), fewest_neighbours),
    )


def divide_by_ensemble(flux: npt.ArrayLike, err: npt.ArrayLike, ensemble: Ensemble) -> tuple[FloatArray, FloatArray]:
    """Return a light curve freed of the common factor, and its errors, shape (n_epoch,), unit of `flux`.

    F/c and √((σ/c)² + (F σ_c/c²)²); NaN where the factor c is not known: an uncorrected value is not a corrected one.
    """
    f, e = paired_arrays(flux, err)
    c, c_error = ensemble.factor, ensemble.error
    if c.shape != f.shape:
        raise ValidationError(f"A light curve of {f.size} epochs and an ensemble of {c.size} do not belong together")
    with np.errstate(all="ignore"):
        return f / c, np.hypot(e / c, f * c_error / c**2)


def _reason(n_neighbour: int, n_steady: int, fewest: int) -> str:
    if n_steady < fewest:
        there = (
            f"of {n_neighbour} there {'is' if n_steady == 1 else 'are'} {n_steady} steady"
            if n_neighbour
            else "there is none"
        )
        return f"needs {fewest} steady neighbours in the same images; {there}"
    return f"no epoch has {fewest} steady neighbours at once"


def _tables(fluxes: npt.ArrayLike, errors: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    f, e = np.asarray(fluxes, dtype=np.float64), np.asarray(errors, dtype=np.float64)
    if f.ndim != 2 or f.shape != e.shape:
        raise ValidationError(
            f"Fluxes of shape {f.shape} and errors of shape {e.shape} do not belong together",
            remedy="Give both as tables of one row per neighbour and one column per epoch.",
        )
    return f, e


def _medians(values: FloatArray, *, axis: int) -> FloatArray:
    """Return medians of the finite values along an axis; NaN, without a warning, where there are none.

    Sorting puts NaN last; `numpy.nanmedian` goes through masked arrays, which takes 30 times as long here.
    """
    rows = np.sort(values if axis == 1 else values.T, axis=1)
    n = np.count_nonzero(np.isfinite(rows), axis=1)
    some = np.flatnonzero(n)
    made = np.full(rows.shape[0], np.nan)
    made[some] = (rows[some, (n[some] - 1) // 2] + rows[some, n[some] // 2]) / 2
    return made


def _etas(f: FloatArray, e: FloatArray) -> FloatArray:
    """Return eta of every row, two-pass: Σ (I-ξ)²/σ² / (N-1) about the weighted mean ξ."""
    with np.errstate(all="ignore"):
        weights = 1.0 / e**2
        n = np.count_nonzero(np.isfinite(weights), axis=1)
        centred = f - _medians(f, axis=1)[:, None]
        mean = np.nansum(weights * centred, axis=1) / np.nansum(weights, axis=1)
        eta = np.nansum(weights * (centred - mean[:, None]) ** 2, axis=1) / (n - 1)
    return np.where(n > 1, eta, np.nan)
