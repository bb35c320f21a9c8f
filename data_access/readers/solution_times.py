"""Which times of a calibration table are one solution interval."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from data_access.records.measurement_sets import FloatArray

# Windows of one interval differ by a fraction of a second to some seconds; longer is another interval.
MAX_SPREAD_S = 120.0


def group_times(time_s: FloatArray, key: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], FloatArray]:
    """Return the solution interval of each row, and the mean time of each interval.

    CASA stamps a solution with the mean time of its unflagged data, so the windows and antennas of one
    interval differ slightly. Times belong together when they lie closer than half of the shortest
    step between two solutions of the same antenna and window, and than `MAX_SPREAD_S`.

    Parameters
    ----------
    time_s : shape (n_row,)
        Seconds.
    key : shape (n_row,)
        Number of the antenna and window of the row: one interval has it once.

    Returns
    -------
    index : shape (n_row,)
        Interval of each row, from 0, in order of time.
    mean_s : shape (n_time,)
        Mean over the distinct times of the interval.
    """
    if not len(time_s):
        return np.empty(0, dtype=np.int64), np.empty(0)
    spread = min(MAX_SPREAD_S, 0.5 * _shortest_step(time_s, key))
    distinct, inverse = np.unique(time_s, return_inverse=True)
    group = np.zeros(len(distinct), dtype=np.int64)
    start = distinct[0]
    for i in range(1, len(distinct)):
        is_new = distinct[i] - start >= spread
        group[i] = group[i - 1] + is_new
        if is_new:
            start = distinct[i]
    # About the first time: seconds since 1858 leave only microseconds in a sum of thousands.
    offset = np.bincount(group, weights=distinct - distinct[0]) / np.bincount(group)
    return group[inverse], distinct[0] + offset


def _shortest_step(time_s: FloatArray, key: npt.NDArray[np.int64]) -> float:
    order = np.lexsort((time_s, key))
    steps = np.diff(time_s[order])
    steps = steps[(np.diff(key[order]) == 0) & (steps > 0)]
    return float(steps.min()) if len(steps) else float("inf")
