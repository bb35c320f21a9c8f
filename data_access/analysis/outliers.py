"""Values that stand out of the others, and why: by the median and the median absolute deviation."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
# Iglewicz & Hoaglin (1993), "How to detect and handle outliers".
THRESHOLD = 3.5
_TO_SIGMA = 1.4826
_MEAN_TO_SIGMA = 1.2533
_FEWEST = 8


@dataclass(frozen=True, slots=True)
class Spread:
    """Middle and width of values, hardly moved by outliers, and how far each value lies from it.

    Attributes
    ----------
    median, sigma : float
        1.4826 times the median absolute deviation; where more than half are equal, 1.2533 times the mean one.
        NaN without values.
    score : float64, shape (n,)
        Distance from the median in sigmas; NaN for values that are not finite, and for all when there are too few.
    """

    median: float
    sigma: float
    score: FloatArray

    @property
    def stands_out(self) -> npt.NDArray[np.bool_]:
        """Which values lie more than `THRESHOLD` sigmas from the median."""
        return np.asarray(np.abs(np.nan_to_num(self.score)) > THRESHOLD)

    @property
    def band(self) -> tuple[float, float]:
        """The values between which nothing stands out."""
        return self.median - THRESHOLD * self.sigma, self.median + THRESHOLD * self.sigma


def spread_of(values: FloatArray) -> Spread:
    """Return middle, width and scores; fewer than 8 finite values are too few to call one of them an outlier."""
    values = np.asarray(values, dtype=np.float64)
    finite = values[np.isfinite(values)]
    score = np.full(values.shape, np.nan)
    if not finite.size:
        return Spread(math.nan, math.nan, score)
    median = float(np.median(finite))
    distance = np.abs(finite - median)
    sigma = _TO_SIGMA * float(np.median(distance)) or _MEAN_TO_SIGMA * float(distance.mean())
    if finite.size >= _FEWEST and sigma > 0:
        score = (values - median) / sigma
        score[~np.isfinite(values)] = np.nan
    return Spread(median, sigma, score)
