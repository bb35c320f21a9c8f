"""One range of colours for the images of many epochs, that one bad image does not spoil."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from data_access.records.epochs import EpochFrame, EpochScale

_LOW_PERCENTILE = 1.0
# Of the brightest pixels one in so many is left out: none of a small cutout, whose brightest one is the source.
_LEFT_OUT = 1000
_LARGEST_RATIO = 10.0


def common_scale(frames: Sequence[EpochFrame]) -> EpochScale | None:
    """Return one range for these epochs; None when none of them has a finite pixel.

    From the median of their faint limits to the largest of their bright ones, of those not above ten times the
    median one: a bad image does not turn the other epochs black. Epochs with another unit than most
    are left out.
    """
    ranges = [(frame.unit, *frame.limits) for frame in frames if frame.limits is not None]
    if not ranges:
        return None
    unit = Counter(one[0] for one in ranges).most_common(1)[0][0]
    lows = np.array([low for bunit, low, _ in ranges if bunit == unit])
    highs = np.array([high for bunit, _, high in ranges if bunit == unit])
    middle = float(np.median(highs))
    usual = highs[highs <= _LARGEST_RATIO * middle] if middle > 0 else highs
    low, high = float(np.median(lows)), float(usual.max())
    if not high > low:
        high = low + (abs(low) * 1e-3 or 1.0)
    return EpochScale(low, high, unit, int(lows.size))


def robust_limits(data: npt.NDArray[np.float32]) -> tuple[float, float] | None:
    """Return the 1st percentile of the finite pixels and the brightest without the upper 0.1 %; None without any."""
    finite = data[np.isfinite(data)]
    if not finite.size:
        return None
    at = finite.size - 1 - finite.size // _LEFT_OUT
    return float(np.percentile(finite, _LOW_PERCENTILE)), float(np.partition(finite, at)[at])
