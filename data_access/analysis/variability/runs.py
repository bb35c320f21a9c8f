"""The von Neumann ratio of many sources at once, from stretches of their light curves.

The sum of squared successive differences of two stretches of one light curve is that of the whole when one ends
before the other begins: what must be kept of a stretch is that sum and its first and last measurement. Stretches that
overlap in time are `torn`: then all measurements of the source are needed.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from data_access.analysis.variability.metric import FloatArray

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
_FEWEST = 3


@dataclass(slots=True)
class Runs:
    """A stretch of the light curve of every source, usable measurements only; arrays of shape (n_src,).

    Attributes
    ----------
    first_mjd, last_mjd : float64
        Epochs of its ends, infinite for measurements without a time, which stand last; NaN without measurements.
    first_flux, last_flux : float64
        Fluxes there.
    squares : float64
        Sum of the squared differences of successive fluxes.
    torn : bool
        Two stretches overlapped: the other numbers mean nothing.
    """

    first_mjd: FloatArray
    last_mjd: FloatArray
    first_flux: FloatArray
    last_flux: FloatArray
    squares: FloatArray
    torn: BoolArray

    @classmethod
    def nothing(cls, n_src: int) -> Self:
        """Return the runs of no measurements."""
        absent = np.full(n_src, np.nan)
        ends = (absent, absent.copy(), absent.copy(), absent.copy())
        return cls(*ends, squares=np.zeros(n_src), torn=np.zeros(n_src, dtype=np.bool_))

    def __len__(self) -> int:
        return int(self.squares.size)

    def __getitem__(self, which: npt.NDArray[np.generic] | slice) -> Runs:
        return Runs(*(column[which] for column in self._columns()))

    def __setitem__(self, which: IntArray, runs: Runs) -> None:
        for column, values in zip(self._columns(), runs._columns(), strict=True):
            column[which] = values

    def grown(self, n_src: int) -> Runs:
        """Return them with room for sources that came since."""
        more = Runs.nothing(max(0, n_src - len(self)))
        return Runs(*(np.concatenate(pair) for pair in zip(self._columns(), more._columns(), strict=True)))

    def _columns(self) -> tuple[npt.NDArray[Any], ...]:
        return tuple(getattr(self, field.name) for field in fields(self))


def runs_of(codes: npt.NDArray[np.integer], mjd: FloatArray, flux: FloatArray, n_src: int) -> Runs:
    """Return the run of every source, 0 to n_src-1.

    Parameters
    ----------
    codes : shape (n_measurement,)
        Which source each measurement belongs to.
    mjd, flux : shape (n_measurement,)
        Epochs (UTC; those of the same time in the order given, those without one last) and finite fluxes.
    """
    made = Runs.nothing(n_src)
    if not codes.size:
        return made
    times = np.where(np.isnan(mjd), np.inf, mjd)
    order = np.lexsort((times, codes))
    c, t, f = codes[order], times[order], flux[order]
    begins = np.flatnonzero(np.concatenate(([True], np.diff(c) != 0)))
    ends = np.append(begins[1:], c.size) - 1
    sources = c[begins]
    with np.errstate(over="ignore"):
        squares = np.diff(f, prepend=f[0]) ** 2
        squares[begins] = 0.0
        made.squares[sources] = np.add.reduceat(squares, begins)
    made.first_mjd[sources], made.first_flux[sources] = t[begins], f[begins]
    made.last_mjd[sources], made.last_flux[sources] = t[ends], f[ends]
    return made


def merged_runs(kept: Runs, where: IntArray, more: Runs, n_src: int) -> Runs:
    """Return the runs of sources 0 to n_src-1 with `more`, rows that were written later, of the sources `where`.

    A source is in `where` at most once.
    """
    made = kept.grown(n_src)
    old = made[where]
    is_new, is_nothing = np.isnan(old.first_mjd), np.isnan(more.first_mjd)
    follows = more.first_mjd >= old.last_mjd
    precedes = more.last_mjd < old.first_mjd
    with np.errstate(over="ignore", invalid="ignore"):
        gap = np.where(follows, more.first_flux - old.last_flux, old.first_flux - more.last_flux)
        squares = np.where(is_new, more.squares, old.squares + more.squares + gap**2)
    begins_with_more, ends_with_more = is_new | precedes, is_new | follows
    merged = Runs(
        first_mjd=np.where(begins_with_more, more.first_mjd, old.first_mjd),
        last_mjd=np.where(ends_with_more, more.last_mjd, old.last_mjd),
        first_flux=np.where(begins_with_more, more.first_flux, old.first_flux),
        last_flux=np.where(ends_with_more, more.last_flux, old.last_flux),
        squares=squares,
        torn=old.torn | more.torn | ~(is_new | follows | precedes),
    )
    made[where[~is_nothing]] = merged[~is_nothing]
    return made


def von_neumann_ratios(runs: Runs, n: IntArray, std: FloatArray, flux_range: FloatArray) -> FloatArray:
    """Return the von Neumann ratio of every source as `formulas.von_neumann` has it, shape (n_src,).

    NaN for fewer than three measurements, for fluxes that are all equal, and where there is no run or a torn one.

    Parameters
    ----------
    n, std, flux_range : shape (n_src,)
        Number of measurements, their sample standard deviation (n - 1), and the largest less the smallest flux.
    """
    with np.errstate(all="ignore"):
        ratio = runs.squares / (std**2 * (n - 1))
    is_known = ~runs.torn & ~np.isnan(runs.first_mjd) & np.isfinite(ratio)
    return np.where((n >= _FEWEST) & (flux_range > 0) & is_known, ratio, np.nan)
