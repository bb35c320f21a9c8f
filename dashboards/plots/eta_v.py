"""The eta-V plane: every source as a point, cuts that are dragged in the browser, histograms with their fits.

The data are log10 values on linear axes whose ticks are written as powers of ten: what is drawn, binned and fitted is
then the same number.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dashboards.plots.bokeh_models import Figure, models
from dashboards.plots.empty import empty_figure
from dashboards.plots.style import add_hover, add_subtitle, new_figure, paint
from dashboards.plots.theme import Theme, get_theme
from data_access.analysis.eta_v import LogGaussian, beyond_both, density
from data_access.records.variability import VariabilityTable

# A canvas redraws this many points while a line is dragged; more become counts in cells.
MOST_POINTS = 20_000
_N_BINS = 40
_MARGIN_PX = 110
_LEFT_PX = 88
_RIGHT_PX = 12
_SAME_DEX = 0.003

# Decades, and 2 and 5 between them when few decades are in view.
_PLACES = """
const {start, end} = cb_data.range, low = Math.min(start, end), high = Math.max(start, end)
const step = Math.max(1, Math.ceil((high - low) / 12))
const between = high - low < 2.5 ? [0, Math.log10(2), Math.log10(5)] : [0]
const places = []
for (let decade = Math.floor(low / step) * step; decade <= high; decade += step)
  for (const part of between) if (decade + part >= low && decade + part <= high) places.push(decade + part)
return places
"""
_TICKS = "return Math.abs(tick - Math.round(tick)) < 1e-9 && Math.abs(tick) > 3 ? '1e' + Math.round(tick) : \
Number((10 ** tick).toPrecision(3)).toString()"
# Above both lines: also what the label counts. Without a round trip, while a line is dragged.
_BEYOND = """
const {eta, v} = source.data
const e = 10 ** eta_line.location, w = 10 ** v_line.location
const found = []
for (let i = 0; i < eta.length; i++) if (eta[i] > e && v[i] > w) found.push(i)
"""
_FILTER = _BEYOND + "return found"
_MOVED = (
    _BEYOND
    + """
const short = x => Number(x.toPrecision(3)).toString()
const floor = source.tags[0] ?? {}
const cut_short = floor.eta > e && floor.v > w
title.text = `${cut_short ? 'at least ' : ''}${found.length.toLocaleString('en')} above both: `
  + `η > ${short(e)} and V > ${short(w)}`
area.left = eta_line.location
area.bottom = v_line.location
eta_margin.location = eta_line.location
v_margin.location = v_line.location
chosen.change.emit()
"""
)


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
class EtaVPlot:
    """The layout, and the parts of it that are patched or listened to."""

    layout: Any
    figure: Figure
    eta_line: Any
    v_line: Any
    source: Any


def drawable(table: VariabilityTable, min_epochs: int) -> npt.NDArray[np.int64]:
    """Return the positions of the sources that have a place in the plane, shape (n,)."""
    return np.flatnonzero((table.reason == 0) & (table.n >= max(2, min_epochs)))


def one_by_one(table: VariabilityTable, rows: npt.NDArray[np.int64], cuts: Cuts) -> npt.NDArray[np.int64]:
    """Return those of `rows` that are drawn as points: all, or above `MOST_POINTS` the ones that stand out.

    First what lies beyond both cuts, then what lies highest in its lower and in its higher coordinate, each in units
    of the fitted widths.
    """
    if rows.size <= MOST_POINTS:
        return rows
    eta, v = table.eta[rows], table.v[rows]
    x, y = (_in_widths(np.log10(values), fit) for values, fit in ((eta, cuts.eta_fit), (v, cuts.v_fit)))
    beyond = beyond_both(eta, v, cuts.eta, cuts.v)
    both = np.argsort(np.where(beyond, -np.inf, -np.minimum(x, y)), kind="stable")[: MOST_POINTS // 2]
    left = np.setdiff1d(np.arange(rows.size), both)
    either = left[np.argsort(-np.maximum(x, y)[left], kind="stable")[: MOST_POINTS - both.size]]
    return np.asarray(rows[np.sort(np.concatenate([both, either]))])


def _in_widths(x: npt.NDArray[np.float64], fit: LogGaussian) -> npt.NDArray[np.float64]:
    middle = fit.mu if math.isfinite(fit.mu) else 0.0
    return (x - middle) / (fit.sigma if fit.sigma > 0 else 1.0)


def eta_v_columns(table: VariabilityTable, rows: npt.NDArray[np.int64]) -> dict[str, Any]:
    """Return ``log_eta, log_v, eta, v, name, n, flux_mjy, max_mjy`` of some sources."""
    return {
        "log_eta": np.log10(table.eta[rows]),
        "log_v": np.log10(table.v[rows]),
        "eta": table.eta[rows],
        "v": table.v[rows],
        "name": table.source_id[rows].tolist(),
        "n": table.n[rows],
        "flux_mjy": table.mean[rows] * 1e3,
        "max_mjy": table.max[rows] * 1e3,
    }


def cell_columns(
    table: VariabilityTable, rows: npt.NDArray[np.int64], drawn: npt.NDArray[np.int64]
) -> dict[str, Any]:
    """Return ``x, y, width, height, count, alpha`` of the cells that stand for the sources not drawn one by one."""
    rest = np.setdiff1d(rows, drawn)
    made = density(np.log10(table.eta[rest]), np.log10(table.v[rest]))
    most = max(int(made.count.max()) if made.count.size else 1, 2)
    return {
        "x": made.log_eta,
        "y": made.log_v,
        "width": np.full(made.count.size, made.step_eta),
        "height": np.full(made.count.size, made.step_v),
        "count": made.count,
        "alpha": 0.15 + 0.65 * np.log(made.count) / math.log(most),
    }


def margin_columns(values: npt.NDArray[np.float64], fit: LogGaussian) -> tuple[dict[str, Any], dict[str, Any]]:
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


def plot_eta_v(
    table: VariabilityTable, cuts: Cuts, *, min_epochs: int = 2, theme: str = "dark", height: int = 520
) -> EtaVPlot | Figure:
    """Return the plane with its margins; a figure that says so when no source has a place in it.

    Parameters
    ----------
    cuts : Cuts
        The reader's lines are solid and can be dragged; those of the published recipe are dashed.
    """
    rows = drawable(table, min_epochs)
    if rows.size == 0:
        return empty_figure("no source has enough measurements for η and V", theme, title="η-V plane", height=height)
    colours = get_theme(theme)
    figure = _plane(colours, height, cuts)
    source = _add_points(figure, colours, table, rows, cuts)
    eta_line, v_line = (_own_line(colours, dim, at) for dim, at in (("height", cuts.eta), ("width", cuts.v)))
    area = models.BoxAnnotation(
        left=eta_line.location, bottom=v_line.location, fill_color=colours.warn, fill_alpha=0.07, line_color=None,
        name="beyond",
    )  # fmt: skip
    for part in (area, eta_line, v_line):
        figure.add_layout(part)
    chosen = models.CustomJSFilter(args={"eta_line": eta_line, "v_line": v_line}, code=_FILTER)
    candidates = figure.scatter(
        "log_eta", "log_v", source=source, view=models.CDSView(filter=chosen), marker="diamond", size=10,
        color=colours.warn, name="candidates",
    )  # fmt: skip
    points = figure.select_one({"name": "points"})
    _hover(figure, colours, [points, candidates], table.flux)
    top, top_line = _margin(colours, table.eta[rows], cuts.eta_fit, cuts, figure, axis="eta")
    right, right_line = _margin(colours, table.v[rows], cuts.v_fit, cuts, figure, axis="v")
    title = add_subtitle(figure, colours, counted(table, rows, cuts), name="beyond_count")
    moved = models.CustomJS(
        args={
            "source": source, "eta_line": eta_line, "v_line": v_line, "title": title, "area": area,
            "eta_margin": top_line, "v_margin": right_line, "chosen": chosen,
        },
        code=_MOVED,
    )  # fmt: skip
    for line in (eta_line, v_line):
        line.js_on_change("location", moved)
    source.js_on_change("data", moved)
    paint(figure, colours)
    corner = models.Spacer(width=_MARGIN_PX, height=_MARGIN_PX)
    layout = models.Column(
        models.Row(top, corner, sizing_mode="stretch_width"),
        models.Row(figure, right, sizing_mode="stretch_width"),
        sizing_mode="stretch_width",
        height=height + _MARGIN_PX,
        name="eta_v_layout",
    )
    return EtaVPlot(layout, figure, eta_line, v_line, source)


def counted(table: VariabilityTable, rows: npt.NDArray[np.int64], cuts: Cuts) -> str:
    """Return the line below the title: how many lie above both cuts."""
    n = int(beyond_both(table.eta[rows], table.v[rows], cuts.eta, cuts.v).sum())
    return f"{n:,} above both: η > {cuts.eta:.3g} and V > {cuts.v:.3g}"


def drawn_words(n_rows: int, n_drawn: int) -> str:
    """Return how the sources are drawn, in words."""
    if n_drawn == n_rows:
        return f"{n_rows:,} sources, each a point"
    return (
        f"{n_rows:,} sources: the {n_drawn:,} most variable are points, the other {n_rows - n_drawn:,} are counted "
        "in cells (stronger: more, by the logarithm)"
    )


def _plane(colours: Theme, height: int, cuts: Cuts) -> Figure:
    figure = new_figure(
        colours, title="η-V plane", x_label="η, weighted reduced χ² against a constant (no unit)",
        y_label="V, modulation index (no unit)", height=height, name="eta_v_plane",
        tools="pan,box_zoom,wheel_zoom,box_select,lasso_select,tap,reset,save",
        x_range=models.DataRange1d(range_padding=0.08, default_span=2.0),
        y_range=models.DataRange1d(range_padding=0.08, default_span=2.0),
    )  # fmt: skip
    figure.update(min_border_left=_LEFT_PX, min_border_right=_RIGHT_PX, toolbar_location="above")
    for axis in (figure.xaxis, figure.yaxis):
        axis.ticker = models.CustomJSTicker(major_code=_PLACES)
        axis.formatter = models.CustomJSTickFormatter(code=_TICKS)
    for grid, axis in zip(figure.grid, (*figure.xaxis, *figure.yaxis), strict=True):
        grid.ticker = axis.ticker
    for dimension, at in zip(("height", "width"), cuts.published, strict=True):
        if math.isfinite(at) and at > 0:
            figure.add_layout(
                models.Span(
                    location=math.log10(at), dimension=dimension, line_color=colours.muted, line_dash="dashed",
                    name=f"published_{dimension}",
                )
            )  # fmt: skip
    return figure


def _add_points(
    figure: Figure, colours: Theme, table: VariabilityTable, rows: npt.NDArray[np.int64], cuts: Cuts
) -> Any:
    drawn = one_by_one(table, rows, cuts)
    cells = models.ColumnDataSource(cell_columns(table, rows, drawn), name="eta_v_cells")
    figure.rect(
        "x", "y", "width", "height", source=cells, fill_color=colours.muted, fill_alpha="alpha", line_color=None,
        name="cells",
    )  # fmt: skip
    source = models.ColumnDataSource(eta_v_columns(table, drawn), name="eta_v")
    source.tags = [floor_of(table, rows, drawn)]
    figure.scatter(
        "log_eta", "log_v", source=source, size=6 if drawn.size < 2000 else 4, color=colours.accent, fill_alpha=0.55,
        line_alpha=0.0, nonselection_fill_alpha=0.15, selection_fill_alpha=0.9, name="points",
    )  # fmt: skip
    # only points decide what is in view: the lines may stand far away
    figure.x_range.renderers = figure.y_range.renderers = list(figure.renderers)
    return source


def floor_of(table: VariabilityTable, rows: npt.NDArray[np.int64], drawn: npt.NDArray[np.int64]) -> dict[str, float]:
    """Return the highest eta and V among the sources that are only counted: below both, a count is a lower bound."""
    rest = np.setdiff1d(rows, drawn)
    if rest.size == 0:
        return {}
    return {"eta": float(table.eta[rest].max()), "v": float(table.v[rest].max())}


def _own_line(colours: Theme, dimension: str, at: float) -> Any:
    location = math.log10(at) if math.isfinite(at) and at > 0 else 0.0
    return models.Span(
        location=location, dimension=dimension, editable=True, line_color=colours.warn, line_width=2,
        hover_line_color=colours.bad, hover_line_width=4, name=f"cut_{'eta' if dimension == 'height' else 'v'}",
    )  # fmt: skip


def _hover(figure: Figure, colours: Theme, renderers: list[Any], flux: str) -> None:
    unit = "mJy/beam" if flux == "peak" else "mJy"
    rows = [
        ("source", "@name"),
        ("measurements", "@n{0,0}"),
        ("η", "@eta{%.4g}"),
        ("V", "@v{%.4g}"),
        ("mean flux", f"@flux_mjy{{%.4g}} {unit}"),
        ("largest", f"@max_mjy{{%.4g}} {unit}"),
    ]
    formats = {f"@{name}": "printf" for name in ("eta", "v", "flux_mjy", "max_mjy")}
    add_hover(figure, colours, rows, renderers=renderers, formatters=formats)


def _margin(
    colours: Theme, values: npt.NDArray[np.float64], fit: LogGaussian, cuts: Cuts, plane: Figure, *, axis: str
) -> tuple[Figure, Any]:
    """Return the histogram beside one axis of the plane, and the line in it that follows the reader's cut."""
    across = axis == "eta"
    bars, bell = margin_columns(values, fit)
    figure = new_figure(
        colours, title="", x_label="" if across else "Sources", y_label="Sources" if across else "",
        height=_MARGIN_PX if across else plane.height, tools="", name=f"margin_{axis}",
        **({"x_range": plane.x_range} if across else {"y_range": plane.y_range}),
    )  # fmt: skip
    figure.toolbar_location = None
    source = models.ColumnDataSource(bars, name=f"bars_{axis}")
    line = models.ColumnDataSource(bell, name=f"fit_{axis}")
    look = {"fill_color": colours.accent, "fill_alpha": 0.35, "line_color": None}
    if across:
        figure.quad(left="low", right="high", bottom=0, top="count", source=source, **look)
        figure.line("x", "y", source=line, line_color=colours.text, line_width=1.5)
        figure.xaxis.visible = False
        figure.update(min_border_left=_LEFT_PX, min_border_right=_RIGHT_PX)
        figure.yaxis.ticker = models.BasicTicker(desired_num_ticks=3)
        figure.xgrid.ticker = plane.xaxis[0].ticker
    else:
        figure.quad(bottom="low", top="high", left=0, right="count", source=source, **look)
        figure.line("y", "x", source=line, line_color=colours.text, line_width=1.5)
        figure.yaxis.visible = False
        figure.update(width=_MARGIN_PX, min_width=_MARGIN_PX, sizing_mode="fixed")
        figure.xaxis.ticker = models.BasicTicker(desired_num_ticks=2)
        figure.ygrid.ticker = plane.yaxis[0].ticker
    dimension = "height" if across else "width"
    at = cuts.eta if across else cuts.v
    own = models.Span(
        location=math.log10(at) if math.isfinite(at) and at > 0 else 0.0, dimension=dimension,
        line_color=colours.warn, line_width=2, name=f"margin_cut_{axis}",
    )  # fmt: skip
    figure.add_layout(own)
    return paint(figure, colours), own


def update_eta_v(plot: EtaVPlot, table: VariabilityTable, cuts: Cuts, *, min_epochs: int = 2) -> bool:
    """Give a plane that is on a screen newer numbers and cuts; False when it has to be made anew (no source left)."""
    rows = drawable(table, min_epochs)
    if rows.size == 0:
        return False
    drawn = one_by_one(table, rows, cuts)
    for line, at in ((plot.eta_line, cuts.eta), (plot.v_line, cuts.v)):
        # a line under the reader's hand is not moved by the digits that the URL leaves out
        if math.isfinite(at) and at > 0 and abs(math.log10(at) - line.location) > _SAME_DEX:
            line.location = math.log10(at)
    for dimension, at in zip(("height", "width"), cuts.published, strict=True):
        published = plot.figure.select_one({"name": f"published_{dimension}"})
        if published is not None and math.isfinite(at) and at > 0:
            published.location = math.log10(at)
    newer = {"eta_v_cells": cell_columns(table, rows, drawn)}
    for axis, values, fit in (("eta", table.eta[rows], cuts.eta_fit), ("v", table.v[rows], cuts.v_fit)):
        newer[f"bars_{axis}"], newer[f"fit_{axis}"] = margin_columns(values, fit)
    for name, columns in newer.items():
        source = plot.layout.select_one({"name": name, "type": models.ColumnDataSource})
        source.data = columns
    plot.source.tags = [floor_of(table, rows, drawn)]
    plot.source.data = eta_v_columns(table, drawn)
    plot.figure.select_one({"name": "beyond_count"}).text = counted(table, rows, cuts)
    return True
