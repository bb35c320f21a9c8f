"""The two-epoch metrics of many sources at once, without looking at every pair of epochs.

A pair is the more significant the higher its high flux, the lower its low flux, and the smaller both errors. A
measurement can thus be left out where another one of the same source is as high (or as low) with as small an error:
what is left are two fronts per source, of about ln n measurements each, and the fronts of two parts of a light curve
make the fronts of the whole. For fluxes that are not negative the same holds for m, which then grows with the ratio
of the two fluxes. With a negative flux it does not: `two_epoch_maxima` says of which sources everything is needed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from data_access.analysis.variability.metric import FloatArray
from data_access.analysis.variability.pairs import VS_THRESHOLD

CodeArray = npt.NDArray[np.int32]
BoolArray = npt.NDArray[np.bool_]
# Pairs looked at together: some arrays of 8 MB each.
_PAIRS_AT_ONCE = 1_000_000


@dataclass(frozen=True, slots=True)
class Members:
    """Measurements of many sources, in any order; arrays of shape (n_member,).

    Attributes
    ----------
    codes : int32
        Which source each belongs to.
    flux, err : float64
        Same unit; usable ones only (finite, error above zero).
    """

    codes: CodeArray
    flux: FloatArray
    err: FloatArray

    def __len__(self) -> int:
        return int(self.codes.size)

    def __getitem__(self, which: npt.NDArray[np.generic]) -> Members:
        return Members(self.codes[which], self.flux[which], self.err[which])


@dataclass(frozen=True, slots=True)
class Fronts:
    """What the two-epoch metrics can come from: no other measurement is as high (low) with as small an error."""

    high: Members
    low: Members


@dataclass(frozen=True, slots=True)
class TwoEpochMaxima:
    """|Vs| and |m| of every source, shape (n_src,); NaN where there is none.

    Attributes
    ----------
    decided : bool
        False where a negative flux could have the larger |m| in a pair that no front has: look at all measurements.
    """

    vs: FloatArray
    m: FloatArray
    decided: BoolArray


def no_fronts() -> Fronts:
    """Return the fronts of no measurement."""
    nothing = Members(np.empty(0, dtype=np.int32), np.empty(0), np.empty(0))
    return Fronts(nothing, nothing)


def fronts_of(members: Members) -> Fronts:
    """Return the two fronts of every source."""
    return Fronts(members[_on_front(members, -members.flux)], members[_on_front(members, members.flux)])


def merged_fronts(kept: Fronts, more: Fronts) -> Fronts:
    """Return the fronts of two parts of the same light curves together; a source may be in one only."""
    high, low = (
        _merged(a, b, sign) for a, b, sign in ((kept.high, more.high, -1.0), (kept.low, more.low, 1.0))
    )  # fmt: skip
    return Fronts(high, low)


def _merged(kept: Members, more: Members, sign: float) -> Members:
    changed = np.zeros(_size(kept, more), dtype=np.bool_)
    changed[more.codes] = True
    again = changed[kept.codes]
    both = _together(kept[again], more)
    return _together(kept[~again], both[_on_front(both, sign * both.flux)])


def _size(*parts: Members) -> int:
    return 1 + max((int(part.codes.max()) for part in parts if len(part)), default=-1)


def _together(*parts: Members) -> Members:
    columns = ((p.codes for p in parts), (p.flux for p in parts), (p.err for p in parts))
    return Members(*(np.concatenate(list(column)) for column in columns))


def _on_front(members: Members, key: FloatArray) -> npt.NDArray[np.int64]:
    """Return the members without another of the same source that has neither a larger key nor a larger error."""
    if not len(members):
        return np.empty(0, dtype=np.int64)
    order = np.lexsort((members.err, key, members.codes))
    codes = members.codes[order].astype(np.int64)
    values, rank = np.unique(members.err[order], return_inverse=True)
    # One running minimum serves all sources: every error of a source ranks below all of the source before.
    ranks = rank.reshape(-1) - codes * values.size
    lowest = np.minimum.accumulate(ranks)
    keep = np.ones(order.size, dtype=np.bool_)
    keep[1:] = ranks[1:] < lowest[:-1]
    found: npt.NDArray[np.int64] = order[keep]
    return found


def two_epoch_maxima(fronts: Fronts, n_src: int, *, vs_threshold: float = VS_THRESHOLD) -> TwoEpochMaxima:
    """Return |Vs| and |m| of the pair that `maximum_pair` takes, for sources 0 to n_src-1.

    A source with a single measurement gets 0 for both: who knows how many there are leaves it out.
    """
    made = TwoEpochMaxima(np.full(n_src, np.nan), np.full(n_src, np.nan), np.ones(n_src, dtype=np.bool_))
    high, low = (part[np.argsort(part.codes, kind="stable")] for part in (fronts.high, fronts.low))
    n_high, n_low = (np.bincount(part.codes, minlength=n_src) for part in (high, low))
    n_pairs = n_high * n_low
    # A front is long where errors grow with the flux: then the measurements themselves are no more work.
    made.decided[n_pairs > _PAIRS_AT_ONCE] = False
    wanted = np.flatnonzero((n_pairs > 0) & made.decided)
    starts = [np.cumsum(n) - n for n in (n_high, n_low)]
    for sources in np.split(wanted, _cuts(n_pairs[wanted])):
        if sources.size:
            first, second = _pairs(sources, n_high, n_low, starts)
            _decide(made, sources, n_pairs[sources], (high[first], low[second]), vs_threshold)
    return made


def _cuts(n_pairs: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    part = np.cumsum(n_pairs) // _PAIRS_AT_ONCE
    return np.flatnonzero(np.diff(part)) + 1


def _pairs(
    sources: npt.NDArray[np.int64],
    n_high: npt.NDArray[np.int64],
    n_low: npt.NDArray[np.int64],
    starts: list[npt.NDArray[np.int64]],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return places among the high and the low members: every high one of a source with every low one of it."""
    n = n_high[sources] * n_low[sources]
    within = np.arange(int(n.sum())) - np.repeat(np.cumsum(n) - n, n)
    width = np.repeat(n_low[sources], n)
    first, second = (np.repeat(start[sources], n) for start in starts)
    return first + within // width, second + within % width


def _decide(
    made: TwoEpochMaxima,
    sources: npt.NDArray[np.int64],
    n_pairs: npt.NDArray[np.int64],
    pairs: tuple[Members, Members],
    vs_threshold: float,
) -> None:
    a, b = pairs
    first = np.cumsum(n_pairs) - n_pairs
    with np.errstate(all="ignore"):
        difference, total = np.abs(a.flux - b.flux), a.flux + b.flux
        vs = np.nan_to_num(difference / np.hypot(a.err, b.err))
        m = np.where(total > 0, 2 * difference / total, -1.0)
    significant = np.where(vs >= vs_threshold, m, -1.0)
    best_m, vs_of_best = _largest(significant, vs, first, n_pairs)
    largest_vs, m_of_largest = _largest(vs, m, first, n_pairs)
    chosen = best_m >= 0
    found_m = np.where(chosen, best_m, m_of_largest)
    made.vs[sources] = np.where(chosen, vs_of_best, largest_vs)
    made.m[sources] = np.where((found_m >= 0) & np.isfinite(found_m), found_m, np.nan)
    negative = np.minimum.reduceat(b.flux, first) < 0
    made.decided[sources] = ~negative | (largest_vs < vs_threshold)


def _largest(
    values: FloatArray, then: FloatArray, first: npt.NDArray[np.int64], n_pairs: npt.NDArray[np.int64]
) -> tuple[FloatArray, FloatArray]:
    """Return the largest value of every source, and the largest of `then` where the values are as large."""
    top = np.maximum.reduceat(values, first)
    is_top = values == np.repeat(top, n_pairs)
    return top, np.maximum.reduceat(np.where(is_top, then, -1.0), first)
