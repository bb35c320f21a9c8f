"""Medians of many light curves at once."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from data_access.analysis.variability.metric import FloatArray

# Sorting all measurements at once would need as much memory again as they take.
_MEASUREMENTS_AT_ONCE = 1_000_000


def medians_by_source(positions: npt.NDArray[np.int32], flux: FloatArray, n_src: int) -> FloatArray:
    """Return the median flux of every source, shape (n_src,); NaN for those without a measurement.

    Parameters
    ----------
    positions : int32, shape (n_measurement,)
        Which source each flux belongs to; negative for none.
    flux : shape (n_measurement,)
        Finite.
    """
    made = np.full(n_src, np.nan)
    known = positions[positions >= 0]
    edges = _edges(np.bincount(known, minlength=n_src))
    for first, last in pairwise(edges):
        here = np.flatnonzero((positions >= first) & (positions < last))
        made[first:last] = _medians(positions[here] - first, flux[here], last - first)
    return made


def _edges(counts: npt.NDArray[np.int64]) -> list[int]:
    """Return where to cut the sources so that no part has many measurements, unless a single source has."""
    ends = np.cumsum(counts)
    edges, before = [0], 0
    while edges[-1] < counts.size:
        end = max(int(np.searchsorted(ends, before + _MEASUREMENTS_AT_ONCE, side="right")), edges[-1] + 1)
        edges.append(end)
        before = int(ends[end - 1])
    return edges


def _medians(codes: npt.NDArray[np.int32], flux: FloatArray, n_src: int) -> FloatArray:
    order = np.lexsort((flux, codes))
    in_order = flux[order]
    counts = np.bincount(codes, minlength=n_src)
    starts = np.cumsum(counts) - counts
    some = np.flatnonzero(counts)
    low, high = (in_order[starts[some] + place] for place in ((counts[some] - 1) // 2, counts[some] // 2))
    made = np.full(n_src, np.nan)
    made[some] = (low + high) / 2
    return made
