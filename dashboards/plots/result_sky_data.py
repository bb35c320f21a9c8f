"""Where the sources of a result are on the sky, as columns: points, or counts in cells when they are many.

For a million sources it takes a tenth of a second: a page calls `result_sky_data` in a thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from dashboards.plots.style import how_many

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Projection = Literal["flat", "aitoff"]
MOST_POINTS = 20_000
_CELLS = (120, 60)


@dataclass(frozen=True, slots=True)
class ResultSky:
    """What the map draws.

    Attributes
    ----------
    columns : dict
        ``points`` (x, y, name, ra, dec) or ``cells`` (x, y, width, height, count, alpha); the other one is empty.
    rows : shape (n,)
        Of the sources with a position, as given.
    cell_of : shape (n,)
        The cell in which each of them is counted; its own number where each is a point.
    centre_ra_deg : float
        In the middle of a flat map, so that a field around 0 h stays in one piece.
    n_given : int
        Sources in the result, those without a position included.
    """

    projection: Projection
    columns: dict[str, dict[str, Any]]
    rows: IntArray
    cell_of: IntArray
    centre_ra_deg: float
    n_given: int

    @property
    def is_counted(self) -> bool:
        """True when cells stand for the sources."""
        return bool(len(self.columns["cells"]["x"]))

    def rows_in(self, indices: Sequence[int]) -> IntArray:
        """Return the sources behind selected points or cells."""
        return self.rows[np.isin(self.cell_of, np.asarray(indices, dtype=np.int64))]


def result_sky_data(
    rows: IntArray, ra_deg: FloatArray, dec_deg: FloatArray, names: Sequence[str], projection: Projection
) -> ResultSky:
    """Return what the map of some sources draws.

    Parameters
    ----------
    rows : shape (n,)
        Numbers of the sources, of which `ra_deg`, `dec_deg` (ICRS) and `names` hold all.
    """
    with np.errstate(invalid="ignore"):
        known = rows[np.isfinite(ra_deg[rows]) & (np.abs(dec_deg[rows]) <= 90.0)]
    ra, dec = ra_deg[known] % 360.0, dec_deg[known]
    centre = middle_ra_deg(ra) if projection == "flat" else 0.0
    x, y = project(ra, dec, projection, centre_ra_deg=centre)
    if known.size <= MOST_POINTS:
        points = {"x": x, "y": y, "name": [names[i] for i in known.tolist()], "ra": ra, "dec": dec}
        columns = {"points": points, "cells": _no_cells()}
        return ResultSky(projection, columns, known, np.arange(known.size), centre, int(rows.size))
    cells, cell_of = _counted(x, y)
    columns = {"points": {name: [] for name in ("x", "y", "name", "ra", "dec")}, "cells": cells}
    return ResultSky(projection, columns, known, cell_of, centre, int(rows.size))


def project(
    ra_deg: FloatArray, dec_deg: FloatArray, projection: Projection, *, centre_ra_deg: float = 0.0
) -> tuple[FloatArray, FloatArray]:
    """Return plane coordinates: degrees for ``"flat"``; for ``"aitoff"`` x grows to the west, as east is left.

    Aitoff as in Snyder & Voxland (1989), in units of the radius.
    """
    offset = (ra_deg - centre_ra_deg + 180.0) % 360.0 - 180.0
    if projection == "flat":
        return centre_ra_deg + offset, np.asarray(dec_deg, dtype=np.float64)
    half, lat = np.radians(offset) / 2.0, np.radians(dec_deg)
    angle = np.arccos(np.clip(np.cos(lat) * np.cos(half), -1.0, 1.0))
    stretch = 1.0 / np.sinc(angle / np.pi)
    return -2.0 * np.cos(lat) * np.sin(half) * stretch, np.sin(lat) * stretch


def middle_ra_deg(ra_deg: FloatArray) -> float:
    """Return the right ascension opposite to the largest gap between positions."""
    if ra_deg.size == 0:
        return 180.0
    places = np.unique(ra_deg)
    gaps = np.diff(np.concatenate([places, places[:1] + 360.0]))
    at = int(np.argmax(gaps))
    return float((places[at] + gaps[at] / 2.0 + 180.0) % 360.0)


def _counted(x: FloatArray, y: FloatArray) -> tuple[dict[str, Any], IntArray]:
    """Return the cells with sources in them, and the cell of each source."""
    edges = [
        np.linspace(v.min(), v.max() if v.max() > v.min() else v.min() + 1.0, n + 1)
        for v, n in zip((x, y), _CELLS, strict=True)
    ]
    i, j = (
        np.clip(np.searchsorted(e, v, side="right") - 1, 0, n - 1)
        for e, v, n in zip(edges, (x, y), _CELLS, strict=True)
    )
    found, cell_of, counts = np.unique(i * _CELLS[1] + j, return_inverse=True, return_counts=True)
    steps = [float(e[1] - e[0]) for e in edges]
    cells = {
        "x": edges[0][found // _CELLS[1]] + steps[0] / 2,
        "y": edges[1][found % _CELLS[1]] + steps[1] / 2,
        "width": np.full(found.size, steps[0]),
        "height": np.full(found.size, steps[1]),
        "count": counts,
        "alpha": 0.15 + 0.75 * np.log1p(counts) / np.log1p(counts.max()),
    }
    return cells, np.asarray(cell_of, dtype=np.int64)


def _no_cells() -> dict[str, Any]:
    return {name: [] for name in ("x", "y", "width", "height", "count", "alpha")}


def count_words(sky: ResultSky) -> str:
    """Return how many sources are drawn and how, in words."""
    n = sky.rows.size
    without = f"; {sky.n_given - n:,} without a position" if sky.n_given > n else ""
    if sky.is_counted:
        return f"{how_many(n, 'source')}, counted in cells (stronger: more, by the logarithm){without}"
    return f"{how_many(n, 'source')}{without}"
