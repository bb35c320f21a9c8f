"""Two-epoch metrics: how much a source changed between two measurements."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from data_access.analysis.variability.metric import FloatArray, Metric, metric_of, paired_arrays, too_few, usable

VS_THRESHOLD = 4.3
"""Two-epoch significance: 95 % of a Student t distribution (Mooley et al. 2016, ApJ 818, 105, section 5)."""
M_THRESHOLD = 0.26
"""Two-epoch modulation above which a source is called variable: a change by 30 % (same section)."""

# The full matrix of 10,000 epochs is 800 MB; rows of it that stay in the processor's cache are the fastest.
_PAIRS_AT_ONCE = 50_000


@dataclass(frozen=True, slots=True)
class PairMetrics:
    """Vs and m of one and the same pair.

    Attributes
    ----------
    first, second : int or None
        Positions of the pair in the input, None without a pair.
    is_significant : bool
        Whether |Vs| reaches the threshold that was asked for.
    """

    vs: Metric
    m: Metric
    first: int | None = None
    second: int | None = None
    is_significant: bool = False


def pair_metrics(flux_a: float, err_a: float, flux_b: float, err_b: float) -> PairMetrics:
    """Return Vs and m of two measurements, signed as a minus b (Mooley et al. 2016, section 5)."""
    if not (math.isfinite(flux_a) and math.isfinite(flux_b)):
        missing = Metric(None, "one of the two fluxes is missing")
        return PairMetrics(missing, missing)
    sigma = math.hypot(err_a, err_b)
    if not (err_a > 0 and err_b > 0 and math.isfinite(sigma)):
        vs = Metric(None, "one of the two errors is missing or not above zero")
    else:
        vs = metric_of((flux_a - flux_b) / sigma)
    total = flux_a + flux_b
    if total <= 0:
        return PairMetrics(vs, Metric(None, "the two fluxes do not add up to more than zero"))
    caution = "one of the two fluxes is negative: noise can make this as large as it likes"
    return PairMetrics(vs, metric_of(2 * (flux_a - flux_b) / total, caution if min(flux_a, flux_b) < 0 else ""))


def maximum_pair(flux: npt.ArrayLike, err: npt.ArrayLike, *, vs_threshold: float = VS_THRESHOLD) -> PairMetrics:
    """Return the pair of largest |m| among the pairs with |Vs| of at least `vs_threshold`, else that of largest |Vs|.

    Both numbers are of the *same* pair: the largest Vs and the largest m of a source often belong to different ones.
    Pairs whose fluxes do not add up to more than zero have no m and are passed over where others are significant.
    Of equal ones the other number decides, then the order. Takes time n_epoch²/2.

    Returns
    -------
    PairMetrics
        Signed as earlier minus later in the order given. No pair for fewer than two measurements.
    """
    f, e = paired_arrays(flux, err)
    positions = np.flatnonzero(usable(f, e))
    if positions.size < 2:
        missing = too_few(2, int(positions.size))
        return PairMetrics(missing, missing)
    first, second = _search_pairs(f[positions], e[positions], vs_threshold)
    a, b = int(positions[first]), int(positions[second])
    pair = pair_metrics(float(f[a]), float(e[a]), float(f[b]), float(e[b]))
    is_significant = pair.vs.value is not None and abs(pair.vs.value) >= vs_threshold
    return PairMetrics(pair.vs, pair.m, a, b, is_significant)


def _search_pairs(f: FloatArray, e: FloatArray, vs_threshold: float) -> tuple[int, int]:
    """Return the significant pair of largest |m|; without one, the pair of largest |Vs|."""
    best, best_key = (-1, -1), (-1.0, -1.0)
    widest, widest_key = (0, 1), (-1.0, -1.0)
    n_rows = max(1, _PAIRS_AT_ONCE // f.size)
    for start in range(0, f.size - 1, n_rows):
        rows = slice(start, min(start + n_rows, f.size - 1))
        later = np.arange(f.size) > np.arange(rows.start, rows.stop)[:, np.newaxis]
        with np.errstate(all="ignore"):
            difference, total = np.abs(f[rows, np.newaxis] - f), f[rows, np.newaxis] + f
            vs = np.where(later, np.nan_to_num(difference / np.hypot(e[rows, np.newaxis], e)), -1.0)
            m = np.where(later & (total > 0), 2 * difference / total, -1.0)
        pair, key = _largest(vs, m, start)
        if key > widest_key:
            widest, widest_key = pair, key
        pair, key = _largest(np.where(vs >= vs_threshold, m, -1.0), vs, start)
        if key > best_key:
            best, best_key = pair, key
    return best if best_key[0] >= 0 else widest


def _largest(values: FloatArray, then: FloatArray, start: int) -> tuple[tuple[int, int], tuple[float, float]]:
    """Return the pair of the largest value, of equal ones that with the largest of `then`, and both numbers."""
    places = np.flatnonzero(values == values.max())
    k = int(places[np.argmax(then.ravel()[places])])
    row, column = divmod(k, values.shape[1])
    return (start + row, column), (float(values.flat[k]), float(then.flat[k]))
