"""What the eta-V plane draws, as columns: one computation for the figure, its updates and its words.

For a million sources it takes a second or two: a page calls `eta_v_data` in a thread.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from dashboards.plots.style import how_many
from data_access.analysis.eta_v import LogGaussian, beyond_both, density
from data_access.records.variability import VariabilityTable

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
# A canvas redraws this many points while a line is dragged; more become counts in cells.
MOST_POINTS = 20_000
# What has a place in the plane has a mean above zero: this only keeps logarithms finite.
_LEAST_MJY = 1e-12
# What is drawn against what in the diagnostic panels (Rowlinson et al. 2019).
PANELS = (("log_max", "log_eta"), ("log_ratio", "log_eta"), ("log_max", "log_v"), ("log_ratio", "log_v"))
# What is selected in, by its name in URLs: the plane itself and the panels.
AXES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "": ("log_eta", "log_v"),
        "max-eta": PANELS[0],
        "ratio-eta": PANELS[1],
        "max-v": PANELS[2],
        "ratio-v": PANELS[3],
    }
)
_N_BINS = 40
_ROOM = 0.06


@dataclass(frozen=True, slots=True)
class Cuts:
    """Where the lines stand: the published recipe and the reader's own; all linear values, NaN for none."""

    eta_fit: LogGaussian
    v_fit: LogGaussian
    k_sigma: float
    eta: float
    v: float

    @property
    def published(self) -> tuple[float, float]:
        """Cuts in eta and in V by the published recipe."""
        return self.eta_fit.cut(self.k_sigma), self.v_fit.cut(self.k_sigma)


@dataclass(frozen=True, slots=True)
class EtaVData:
    """Columns of every source of the figure by its name, and what is said of them.

    Attributes
    ----------
    columns : dict
        ``eta_v`` (points), ``eta_v_cells``, ``bars_eta``, ``fit_eta``, ``bars_v``, ``fit_v``.
    floor : dict
        See `floor_of`.
    n_rows, n_drawn : int
        Sources with a place in the plane, and those of them that are points.
    limits : tuple of 4 float
        Ends of the axes in log10: eta from and to, V from and to.
    count : str
        How many lie above both cuts.
    """

    columns: dict[str, dict[str, Any]]
    floor: dict[str, float]
    n_rows: int
    n_drawn: int
    count: str
    limits: tuple[float, float, float, float]


def eta_v_data(table: VariabilityTable, cuts: Cuts, *, min_epochs: int = 2) -> EtaVData:
    """Return everything that `plot_eta_v` draws of a table."""
    rows = drawable(table, min_epochs)
    drawn = one_by_one(table, rows, cuts)
    columns = {"eta_v": eta_v_columns(table, drawn), "eta_v_cells": cell_columns(table, rows, drawn)}
    for axis, values, fit in (("eta", table.eta[rows], cuts.eta_fit), ("v", table.v[rows], cuts.v_fit)):
        columns[f"bars_{axis}"], columns[f"fit_{axis}"] = margin_columns(values, fit)
    count = counted(table, rows, cuts)
    limits = (*_ends(table.eta[rows]), *_ends(table.v[rows]))
    return EtaVData(columns, floor_of(table, rows, drawn), int(rows.size), int(drawn.size), count, limits)


def _ends(values: FloatArray) -> tuple[float, float]:
    """Return the ends of an axis of log10 values with some room around them."""
    if values.size == 0:
        return -1.0, 1.0
    low, high = math.log10(float(values.min())), math.log10(float(values.max()))
    room = _ROOM * (high - low) if high > low else 1.0
    return low - room, high + room


def drawable(table: VariabilityTable, min_epochs: int) -> IntArray:
    """Return the positions of the sources that have a place in the plane, shape (n,)."""
    return np.flatnonzero((table.reason == 0) & (table.n >= max(2, min_epochs)))


def one_by_one(table: VariabilityTable, rows: IntArray, cuts: Cuts) -> IntArray:
    """Return those of `rows` that are drawn as points: all, or above `MOST_POINTS` the ones that stand out.

    First what lies beyond both cuts, then what lies highest in its lower and in its higher coordinate, each in units
    of the fitted widths.
    """
    if rows.size <= MOST_POINTS:
        return rows
    eta, v = table.eta[rows], table.v[rows]
    x, y = (_in_widths(np.log10(values), fit) for values, fit in ((eta, cuts.eta_fit), (v, cuts.v_fit)))
    lower = np.where(beyond_both(eta, v, cuts.eta, cuts.v), np.inf, np.minimum(x, y))
    chosen = np.zeros(rows.size, dtype=np.bool_)
    chosen[_highest(lower, MOST_POINTS // 2)] = True
    chosen[_highest(np.where(chosen, -np.inf, np.maximum(x, y)), MOST_POINTS - MOST_POINTS // 2)] = True
    return rows[chosen]


def _highest(values: FloatArray, n: int) -> IntArray:
    return np.asarray(np.argpartition(values, -n)[-n:])


def _in_widths(x: FloatArray, fit: LogGaussian) -> FloatArray:
    middle = fit.mu if math.isfinite(fit.mu) else 0.0
    return (x - middle) / (fit.sigma if fit.sigma > 0 else 1.0)


def eta_v_columns(table: VariabilityTable, rows: IntArray) -> dict[str, Any]:
    """Return ``log_eta, log_v, log_max, log_ratio, eta, v, name, n, flux_mjy, max_mjy`` of some sources.

    ``log_ratio``, of the largest flux over the median one, is NaN until the medians are read: see `panel_data`.
    """
    return {
        "log_max": _log_max(table, rows),
        "log_ratio": np.full(rows.size, np.nan),
        "log_eta": np.log10(table.eta[rows]),
        "log_v": np.log10(table.v[rows]),
        "eta": table.eta[rows],
        "v": table.v[rows],
        "name": table.source_id[rows].tolist(),
        "n": table.n[rows],
        "flux_mjy": table.mean[rows] * 1e3,
        "max_mjy": table.max[rows] * 1e3,
    }


def _log_max(table: VariabilityTable, rows: IntArray) -> FloatArray:
    return np.asarray(np.log10(np.maximum(table.max[rows] * 1e3, _LEAST_MJY)))


def places_of(
    table: VariabilityTable, rows: IntArray, axes: tuple[str, str], medians: FloatArray | None
) -> tuple[FloatArray, FloatArray]:
    """Return where sources stand in the plane or in a panel: both coordinates of `axes`, names as in its columns.

    Parameters
    ----------
    medians : shape (n_src,), or None
        For ``log_ratio``; without them it is NaN.
    """

    def place(name: str) -> FloatArray:
        if name == "log_ratio":
            return np.full(rows.size, np.nan) if medians is None else log_ratio(table, medians, rows)
        if name == "log_max":
            return _log_max(table, rows)
        return np.asarray(np.log10((table.eta if name == "log_eta" else table.v)[rows]))

    return place(axes[0]), place(axes[1])


def cell_columns(table: VariabilityTable, rows: IntArray, drawn: IntArray) -> dict[str, Any]:
    """Return ``x, y, width, height, count, alpha`` of the cells that stand for the sources not drawn one by one."""
    rest = counted_only(rows, drawn)
    return _cells(np.log10(table.eta[rest]), np.log10(table.v[rest]))


@dataclass(frozen=True, slots=True)
class PanelData:
    """What the diagnostic panels draw beside the points of the plane.

    Attributes
    ----------
    cells : dict
        Sources that are only counted, by ``"x y"`` of the panel, names as in `eta_v_columns`.
    log_ratio : float64, shape (n_drawn,)
        Of the points of the plane, in their order: log10 of the largest flux over the median one; NaN without one.
    n_without : int
        Sources of the plane without a largest flux and a median above zero.
    """

    cells: dict[str, dict[str, Any]]
    log_ratio: FloatArray
    n_without: int


def panel_data(table: VariabilityTable, cuts: Cuts, medians: FloatArray, *, min_epochs: int = 2) -> PanelData:
    """Return what the four diagnostic panels draw.

    Parameters
    ----------
    medians : shape (n_src,)
        Of the fluxes of every source of the table, in the same unit.
    """
    rows = drawable(table, min_epochs)
    drawn = one_by_one(table, rows, cuts)
    rest = counted_only(rows, drawn)
    columns = eta_v_columns(table, rest) | {"log_ratio": log_ratio(table, medians, rest)}
    of_drawn = log_ratio(table, medians, drawn)
    n_without = int(np.isnan(of_drawn).sum() + np.isnan(columns["log_ratio"]).sum())
    return PanelData({f"{x} {y}": _cells(columns[x], columns[y]) for x, y in PANELS}, of_drawn, n_without)


def log_ratio(table: VariabilityTable, medians: FloatArray, rows: IntArray) -> FloatArray:
    """Return log10 of the largest flux over the median one of some sources; NaN unless both are above zero."""
    largest, middle = table.max[rows], medians[rows]
    with np.errstate(all="ignore"):
        return np.where((largest > 0) & (middle > 0), np.log10(largest / middle), np.nan)


def _cells(x: FloatArray, y: FloatArray) -> dict[str, Any]:
    known = np.isfinite(x) & np.isfinite(y)
    made = density(x[known], y[known])
    most = max(int(made.count.max()) if made.count.size else 1, 2)
    return {
        "x": made.log_eta,
        "y": made.log_v,
        "width": np.full(made.count.size, made.step_eta),
        "height": np.full(made.count.size, made.step_v),
        "count": made.count,
        "alpha": 0.15 + 0.65 * np.log(made.count) / math.log(most),
    }


def margin_columns(values: FloatArray, fit: LogGaussian) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a histogram (``low, high, count``) of log10 values and the fit (``x, y``) in the same counts."""
    x = np.log10(values)
    if x.size == 0:
        nothing = np.array([])
        return {"low": nothing, "high": nothing, "count": nothing}, {"x": nothing, "y": nothing}
    counts, edges = np.histogram(x, bins=_N_BINS)
    bars = {"low": edges[:-1], "high": edges[1:], "count": counts}
    if not (math.isfinite(fit.mu) and fit.sigma > 0):
        return bars, {"x": np.array([]), "y": np.array([])}
    at = np.linspace(edges[0], edges[-1], 200)
    bell = np.exp(-0.5 * ((at - fit.mu) / fit.sigma) ** 2) / (fit.sigma * math.sqrt(2 * math.pi))
    return bars, {"x": at, "y": bell * fit.n_kept * (edges[1] - edges[0])}


def counted_only(rows: IntArray, drawn: IntArray) -> IntArray:
    """Return those of `rows`, which rise, that are not in `drawn`, which rises too."""
    keep = np.ones(rows.size, dtype=np.bool_)
    keep[np.searchsorted(rows, drawn)] = False
    return rows[keep]


def counted(table: VariabilityTable, rows: IntArray, cuts: Cuts) -> str:
    """Return the line below the title: how many lie above both cuts."""
    n = int(beyond_both(table.eta[rows], table.v[rows], cuts.eta, cuts.v).sum())
    return f"{n:,} above both: η > {cuts.eta:.3g} and V > {cuts.v:.3g}"


def drawn_in_short(n_rows: int, n_drawn: int) -> str:
    """Return the same in so few words that they fit beside the tools of the figure."""
    others = "" if n_drawn == n_rows else f": {n_drawn:,} points, others counted in cells"
    return how_many(n_rows, "source") + others


def drawn_words(n_rows: int, n_drawn: int) -> str:
    """Return how the sources are drawn, in words."""
    if n_drawn == n_rows:
        return f"{how_many(n_rows, 'source')}, each a point"
    return (
        f"{n_rows:,} sources: the {n_drawn:,} most variable are points, the other {n_rows - n_drawn:,} are counted "
        "in cells (stronger: more, by the logarithm)"
    )


def floor_of(table: VariabilityTable, rows: IntArray, drawn: IntArray) -> dict[str, float]:
    """Return the highest eta and V among the sources that are only counted: below both, a count is a lower bound."""
    rest = counted_only(rows, drawn)
    if rest.size == 0:
        return {}
    return {"eta": float(table.eta[rest].max()), "v": float(table.v[rest].max())}
