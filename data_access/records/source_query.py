"""Which sources are wanted, and what was found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Cone:
    """A circle on the sky; ICRS degrees, radii in arcsec; `text` is what was written.

    `given_arcsec` is the size of the last digit of the position, where that is more than the radius that was asked
    for. It is the radius itself where none was asked for.
    """

    ra_deg: float
    dec_deg: float
    radius_arcsec: float
    text: str = ""
    given_arcsec: float | None = None


@dataclass(frozen=True, slots=True)
class Range:
    """Bounds on one column, both included; None for none. What has no value is not inside."""

    column: str
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class SourceQuery:
    """Which sources are wanted; everything that is given must hold.

    Attributes
    ----------
    name : str
        Beginning of a name, its catalogue's prefix may be left out; else a part of it.
    entries : tuple of (str or Cone), or None
        A list of names and positions: sources that any of them means.
    states : tuple of (kind, word)
        For example ``("ese", "active")``; the word ``"any"`` means whatever state.
    otherwise : Cone or None
        What the name or the numbers mean as a position: asked for when no source is called so.
    only : tuple of str, or None
        Exact names: no other source is wanted.
    numbers : tuple of str
        Whole numbers that may be names of sources, or a position.
    no_place : str
        Why the numbers are no position, where there is no `otherwise`.
    """

    name: str = ""
    cone: Cone | None = None
    entries: tuple[str | Cone, ...] | None = None
    ranges: tuple[Range, ...] = ()
    states: tuple[tuple[str, str], ...] = ()
    otherwise: Cone | None = None
    only: tuple[str, ...] | None = None
    numbers: tuple[str, ...] = ()
    no_place: str = ""

    @property
    def is_everything(self) -> bool:
        """True when nothing is asked for."""
        lists = (self.entries, self.only)
        return not (self.name or self.cone or self.ranges or self.states or self.numbers) and lists == (None, None)


@dataclass(frozen=True, slots=True)
class Found:
    """The sources that a query means, by their positions in an index.

    Attributes
    ----------
    rows : shape (n,)
        In the order of the index.
    separation_arcsec : shape (n,), or None
        From the middle of the cone, where one was asked for.
    notes : tuple of str
        How the query was understood, where it could be understood in another way.
    unmatched : tuple of str
        Entries of the list that mean no source.
    """

    rows: IntArray
    separation_arcsec: FloatArray | None = None
    notes: tuple[str, ...] = ()
    unmatched: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """Where a source stands in an ordered result: its place from 1 (0 when it is not in it), and its neighbours."""

    place: int
    total: int
    previous: str | None = None
    next: str | None = None


@dataclass(frozen=True, slots=True)
class SearchState:
    """The moment of the data that a search answers from.

    Attributes
    ----------
    as_of : float or None
        Unix seconds at which the newest photometry in the index was read; None before the first time.
    stored_as_of : float or None
        The same for the pipeline's stored statistics.
    n_sources : int
    building : bool
    problem : str
        Why the last attempt failed; empty when it did not.
    """

    as_of: float | None = None
    stored_as_of: float | None = None
    n_sources: int = 0
    building: bool = False
    problem: str = ""


@dataclass(frozen=True, slots=True)
class SourceNumbers:
    """Columns of some sources, as the index knows them; `values` by column name, NaN where absent."""

    source_id: tuple[str, ...]
    values: dict[str, npt.NDArray[Any]]
