"""The z-scale limits of IRAF: a line through the sorted pixels, steepened about the median.

After the task `display` of IRAF (Tody 1986, Proc. SPIE 627, 733), with its usual constants. `astropy.visualization`
has the same, but to import it takes 150 ms, and whoever asks first would hold up everybody's pages.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_MOST_SAMPLES = 1000
_CONTRAST = 0.25
_LEAST_GOOD_SHARE, _LEAST_GOOD = 0.5, 5
_REJECT_SIGMA, _MOST_ROUNDS = 2.5, 5
_GROW_SHARE = 0.01


def zscale_limits(finite: npt.NDArray[np.float32]) -> tuple[float, float]:
    """Return (low, high) of pixels that are all finite, at least one; never beyond the sampled ones."""
    flat = finite.ravel()
    samples = np.sort(flat[:: max(1, flat.size // _MOST_SAMPLES)][:_MOST_SAMPLES]).astype(np.float64)
    n = samples.size
    low, high = float(samples[0]), float(samples[-1])
    slope = _slope(samples)
    if slope is None:
        return low, high
    slope /= _CONTRAST
    middle, median = (n - 1) // 2, float(np.median(samples))
    return max(low, median - (middle - 1) * slope), min(high, median + (n - middle) * slope)


def _slope(samples: npt.NDArray[np.float64]) -> float | None:
    """Return the rise per sample of the line through the samples that are near it; None when too few are."""
    n = samples.size
    least = max(_LEAST_GOOD, int(n * _LEAST_GOOD_SHARE))
    place, good = np.arange(n), np.ones(n, dtype=bool)
    grown = np.ones(max(1, int(n * _GROW_SHARE)), dtype=bool)
    n_good, n_before, slope = n, n + 1, None
    for _ in range(_MOST_ROUNDS):
        if n_good >= n_before or n_good < least:
            break
        slope, offset = (float(one) for one in np.polyfit(place[good], samples[good], 1))
        off = samples - (slope * place + offset)
        bad = np.abs(off) > _REJECT_SIGMA * float(off[good].std())
        good = ~np.convolve(bad | ~good, grown, mode="same")
        n_before, n_good = n_good, int(np.count_nonzero(good))
    return slope if n_good >= least else None
