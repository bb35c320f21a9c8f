"""The largest leave-one-out z of many sources at once, without looking at every measurement.

With ξ the mean weighted by 1/σ² of all measurements and W the sum of the weights, the deviation of one measurement
from the mean of all others in standard errors is (I - ξ) / √(σ² - 1/W): it grows with the flux above ξ, with the
missing flux below it, and with a smaller error. The largest one is thus on one of the two fronts (see `fronts`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from data_access.analysis.variability.fronts import Fronts, Members
from data_access.analysis.variability.metric import FloatArray

# Two deviations that differ by less are equal but for rounding; then the positive one is taken.
AS_LARGE = 1e-9
# The share of the weight that all others must have together: below it 1/σ² - 1/W has too few digits left.
_LEAST_SHARE = 1e-4


@dataclass(frozen=True, slots=True)
class LargestDeviations:
    """The z of largest absolute value of every source, signed, shape (n_src,); NaN where there is none.

    Attributes
    ----------
    decided : bool
        False where one measurement outweighs all others so far that they must be looked at by themselves.
    """

    z: FloatArray
    decided: npt.NDArray[np.bool_]


def largest_leave_one_out(
    fronts: Fronts, xi: FloatArray, xi_err: FloatArray, flux_range: FloatArray
) -> LargestDeviations:
    """Return the largest leave-one-out z of sources 0 to n_src-1.

    A source with a single measurement is never decided: who knows how many there are leaves it out.

    Parameters
    ----------
    xi, xi_err, flux_range : shape (n_src,)
        Mean weighted by 1/err² of all measurements, its standard error 1/√W, and the largest less the smallest flux.
    """
    decided = np.isfinite(xi) & (xi_err > 0)
    above, below = (
        _furthest(part, sign, xi, xi_err, decided) for part, sign in ((fronts.high, 1.0), (fronts.low, -1.0))
    )
    with np.errstate(invalid="ignore"):
        z = np.where(above >= below * (1 - AS_LARGE), above, -below)
    z[(flux_range == 0) & ~np.isnan(z)] = 0.0  # not what the rounding of the mean left
    decided &= ~np.isinf(z)
    return LargestDeviations(np.where(decided, z, np.nan), decided)


def _furthest(
    members: Members, sign: float, xi: FloatArray, xi_err: FloatArray, decided: npt.NDArray[np.bool_]
) -> FloatArray:
    """Return the largest deviation to one side, NaN without members; mark the sources that cannot be decided."""
    furthest = np.full(xi.size, np.nan)
    codes = members.codes
    with np.errstate(all="ignore"):
        # As a product: the squares of nearly equal errors would lose the digits of their difference.
        own = (members.err - xi_err[codes]) * (members.err + xi_err[codes])
        deviation = sign * (members.flux - xi[codes]) / np.sqrt(own)
        decided[codes[~(own > _LEAST_SHARE * members.err**2)]] = False
        np.fmax.at(furthest, codes, deviation)
    return furthest
