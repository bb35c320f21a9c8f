"""The eta-V plane: every source as a point, cuts that are dragged in the browser, histograms with their fits.

The data are log10 values on linear axes whose ticks are written as powers of ten: what is drawn, binned and fitted is
then the same number.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from dashboards.plots.bokeh_models import Figure, models
from dashboards.plots.empty import empty_figure
from dashboards.plots.eta_v_data import PANELS, Cuts, EtaVData, drawn_in_short, eta_v_data
from dashboards.plots.style import add_hover, add_subtitle, new_figure, paint, plain_text
from dashboards.plots.theme import Theme, get_theme
from data_access.records.variability import VariabilityTable

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
# Asks 150 ms after the pointer came to rest; where every source is a point, the hover box answers without the server.
_ASK = """
clearTimeout(probe._resting)
if (probe.data.x.length) probe.data = {x: [], y: [], text: []}
if (source.tags[0]?.eta === undefined) return
const {x_range, y_range, inner_width, inner_height} = figure, {x, y} = cb_obj
const dex = [(x_range.end - x_range.start) / inner_width, (y_range.end - y_range.start) / inner_height]
probe._resting = setTimeout(() => { probe.tags = [x, y, ...dex] }, 150)
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
// Panels come later: a link made then would change this line before the browser knows what it leads to.
for (const name of panel_cuts) {
  const cut = eta_line.document?.get_model_by_name(name)
  if (cut != null) cut.location = name.endsWith('log_eta') ? eta_line.location : v_line.location
}
chosen.change.emit()
"""
)


@dataclass(frozen=True, slots=True)
class EtaVPlot:
    """The layout, and the parts of it that are patched or listened to."""

    layout: Any
    figure: Figure
    eta_line: Any
    v_line: Any
    source: Any
    probe: Any


def plot_eta_v(
    table: VariabilityTable,
    cuts: Cuts,
    *,
    min_epochs: int = 2,
    theme: str = "dark",
    height: int = 520,
    data: EtaVData | None = None,
) -> EtaVPlot | Figure:
    """Return the plane with its margins; a figure that says so when no source has a place in it.

    Parameters
    ----------
    cuts : Cuts
        The reader's lines are solid and can be dragged; those of the published recipe are dashed.
    data : EtaVData, optional
        What `eta_v_data` gave for the same table, cuts and `min_epochs`.
    """
    data = data or eta_v_data(table, cuts, min_epochs=min_epochs)
    if data.n_rows == 0:
        return empty_figure("no source has enough measurements for η and V", theme, title="η-V plane", height=height)
    colours = get_theme(theme)
    figure = _plane(colours, height, cuts, data)
    source = _add_points(figure, colours, data)
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
    top, top_line = _margin(colours, data, cuts, figure, axis="eta")
    right, right_line = _margin(colours, data, cuts, figure, axis="v")
    add_subtitle(figure, colours, drawn_in_short(data.n_rows, data.n_drawn), name="drawn_how")
    title = add_subtitle(figure, colours, data.count, name="beyond_count")
    moved = models.CustomJS(
        args={
            "source": source, "eta_line": eta_line, "v_line": v_line, "title": title, "area": area,
            "eta_margin": top_line, "v_margin": right_line, "chosen": chosen,
            "panel_cuts": [panel_cut(x, y) for x, y in PANELS],
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
    return EtaVPlot(layout, figure, eta_line, v_line, source, _add_probe(figure, colours, source))


def _plane(colours: Theme, height: int, cuts: Cuts, data: EtaVData) -> Figure:
    # The margins share these ranges and are drawn first: ranges that follow the points would have no ends yet.
    eta_low, eta_high, v_low, v_high = data.limits
    figure = new_figure(
        colours, title="η-V plane", x_label="η, weighted reduced χ² against a constant (no unit)",
        y_label="V, modulation index (no unit)", height=height, name="eta_v_plane",
        tools="pan,box_zoom,wheel_zoom,box_select,lasso_select,tap,reset,save",
        x_range=models.Range1d(eta_low, eta_high, reset_start=eta_low, reset_end=eta_high),
        y_range=models.Range1d(v_low, v_high, reset_start=v_low, reset_end=v_high),
    )  # fmt: skip
    figure.update(min_border_left=_LEFT_PX, min_border_right=_RIGHT_PX, toolbar_location="above")
    lasso_when_closed(figure)
    write_decades(figure)
    for dimension, at in zip(("height", "width"), cuts.published, strict=True):
        if math.isfinite(at) and at > 0:
            figure.add_layout(
                models.Span(
                    location=math.log10(at), dimension=dimension, line_color=colours.muted, line_dash="dashed",
                    name=f"published_{dimension}",
                )
            )  # fmt: skip
    return figure


def panel_cut(x: str, y: str) -> str:
    """Return the name of the line in a diagnostic panel that stands where the cut in the plane does."""
    return f"panel cut {x} {y}"


def lasso_when_closed(figure: Figure) -> None:
    """Let a lasso select when it is closed: on the way it would send thousands of points with every move."""
    for tool in figure.select({"type": models.LassoSelectTool}):
        tool.continuous = False


def write_decades(figure: Figure) -> None:
    """Label both axes, which carry log10 values, with the values themselves."""
    for axis in (figure.xaxis, figure.yaxis):
        axis.ticker = models.CustomJSTicker(major_code=_PLACES)
        axis.formatter = models.CustomJSTickFormatter(code=_TICKS)
    for grid, axis in zip(figure.grid, (*figure.xaxis, *figure.yaxis), strict=True):
        grid.ticker = axis.ticker


def _add_points(figure: Figure, colours: Theme, data: EtaVData) -> Any:
    cells = models.ColumnDataSource(data.columns["eta_v_cells"], name="eta_v_cells")
    figure.rect(
        "x", "y", "width", "height", source=cells, fill_color=colours.muted, fill_alpha="alpha", line_color=None,
        name="cells",
    )  # fmt: skip
    source = models.ColumnDataSource(data.columns["eta_v"], name="eta_v", tags=[data.floor])
    figure.scatter(
        "log_eta", "log_v", source=source, size=6 if data.n_drawn < 2000 else 4, color=colours.accent,
        fill_alpha=0.55, line_alpha=0.0, nonselection_fill_alpha=0.15, selection_fill_alpha=0.9, name="points",
    )  # fmt: skip
    return source


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


def _margin(colours: Theme, data: EtaVData, cuts: Cuts, plane: Figure, *, axis: str) -> tuple[Figure, Any]:
    """Return the histogram beside one axis of the plane, and the line in it that follows the reader's cut."""
    across = axis == "eta"
    figure = new_figure(
        colours, title="", x_label="" if across else "Sources", y_label="Sources" if across else "",
        height=_MARGIN_PX if across else plane.height, tools="", name=f"margin_{axis}",
        **({"x_range": plane.x_range} if across else {"y_range": plane.y_range}),
    )  # fmt: skip
    figure.toolbar_location = None
    source = models.ColumnDataSource(data.columns[f"bars_{axis}"], name=f"bars_{axis}")
    line = models.ColumnDataSource(data.columns[f"fit_{axis}"], name=f"fit_{axis}")
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


def _add_probe(figure: Figure, colours: Theme, source: Any) -> Any:
    """Let a resting pointer ask for the source below it, where sources are only counted; see `show_probe`."""
    probe = models.ColumnDataSource({"x": [], "y": [], "text": []}, name="probe")
    figure.scatter(
        "x", "y", source=probe, marker="circle", size=9, line_color=colours.text, line_width=1.5, fill_color=None
    )
    figure.add_layout(
        models.LabelSet(
            x="x", y="y", text="text", source=probe, x_offset=10, y_offset=8, text_color=colours.text,
            text_font_size="12px", background_fill_color=colours.background, background_fill_alpha=0.9,
            name="probe_label",
        )
    )  # fmt: skip
    asking = models.CustomJS(args={"probe": probe, "figure": figure, "source": source}, code=_ASK)
    figure.js_on_event("mousemove", asking)
    return probe


def show_probe(plot: EtaVPlot, table: VariabilityTable | None, row: int) -> None:
    """Name the source of one row of the table at its place in the plane; nothing without a table."""
    if table is None:
        plot.probe.data = {"x": [], "y": [], "text": []}
        return
    eta, v = float(table.eta[row]), float(table.v[row])
    text = plain_text(f"{table.source_id[row]}: N {int(table.n[row]):,}, η {eta:.4g}, V {v:.4g}")
    plot.probe.data = {"x": [math.log10(eta)], "y": [math.log10(v)], "text": [text]}


def update_eta_v(
    plot: EtaVPlot, table: VariabilityTable, cuts: Cuts, *, min_epochs: int = 2, data: EtaVData | None = None
) -> bool:
    """Give a plane that is on a screen newer numbers and cuts; False when it has to be made anew (no source left)."""
    data = data or eta_v_data(table, cuts, min_epochs=min_epochs)
    if data.n_rows == 0:
        return False
    for line, at in ((plot.eta_line, cuts.eta), (plot.v_line, cuts.v)):
        # a line under the reader's hand is not moved by the digits that the URL leaves out
        if math.isfinite(at) and at > 0 and abs(math.log10(at) - line.location) > _SAME_DEX:
            line.location = math.log10(at)
    for dimension, at in zip(("height", "width"), cuts.published, strict=True):
        published = plot.figure.select_one({"name": f"published_{dimension}"})
        if published is not None and math.isfinite(at) and at > 0:
            published.location = math.log10(at)
    for axis, (start, end) in zip(
        (plot.figure.x_range, plot.figure.y_range), (data.limits[:2], data.limits[2:]), strict=True
    ):
        _follow(axis, start, end)
    plot.source.tags = [data.floor]
    for name, columns in data.columns.items():
        plot.layout.select_one({"name": name, "type": models.ColumnDataSource}).data = columns
    plot.figure.select_one({"name": "beyond_count"}).text = data.count
    plot.figure.select_one({"name": "drawn_how"}).text = drawn_in_short(data.n_rows, data.n_drawn)
    return True


def _follow(axis: Any, start: float, end: float) -> None:
    """Give a range new ends, which is what a reset leads to; what the reader zoomed into stays in view."""
    as_made = (axis.start, axis.end) == (axis.reset_start, axis.reset_end)
    axis.update(reset_start=start, reset_end=end)
    if as_made:
        axis.update(start=start, end=end)
