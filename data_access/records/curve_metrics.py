"""Metrics of whole light curves of all sources together, and how far they have come."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class CurveMetrics:
    """Metrics that no kept sum has; arrays of shape (n_src,), NaN where there is none.

    Attributes
    ----------
    vs, m : float64
        |Vs| and |m| of one pair of measurements.
    leave_one_out : float64
        The largest leave-one-out z, signed.
    von_neumann : float64
        The von Neumann ratio in the order of the epochs.
    history : str
        Of the sums whose places the sources have; see `VariabilityTable`.
    last_id : int
        Newest photometry row that is counted.
    n_waiting : int
        Sources that lack some number yet, because all of their measurements must be looked at.
    """

    vs: FloatArray
    m: FloatArray
    leave_one_out: FloatArray
    von_neumann: FloatArray
    history: str
    last_id: int
    n_waiting: int = 0


@dataclass(frozen=True, slots=True)
class CurveMetricsState:
    """How far the making has come.

    Attributes
    ----------
    last_id, newest_id : int
        Newest photometry row that is counted, and the one that will be.
    n_waiting : int
        Sources of which all measurements are still to be looked at.
    problem : str
        Why the last attempt failed; empty when it did not.
    """

    last_id: int = 0
    newest_id: int = 0
    n_waiting: int = 0
    problem: str = ""

    @property
    def words(self) -> str:
        """What the reader must know; empty when everything is counted."""
        if self.problem:
            return f"{_NAMES} cannot be made: {self.problem}."
        if self.last_id < self.newest_id or not self.newest_id:
            share = 100 * self.last_id / self.newest_id if self.newest_id else 0
            return f"{_NAMES} are being made: {self.last_id:,} rows are counted ({share:.0f}%)."
        if self.n_waiting:
            return f"{_NAMES} of {self.n_waiting:,} sources are still being made."
        return ""


_NAMES = "Vs, m, leave-one-out z and von Neumann ratio"
