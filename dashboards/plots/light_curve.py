"""A light curve: flux of one source against the time of observation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from bokeh.transform import transform

from dashboards.plots.bokeh_models import Figure, models, value
from dashboards.plots.empty import empty_figure
from dashboards.plots.light_curve_data import (
    MANY_POINTS,
    NO_MARKS,
    Marks,
    light_curve_columns,
    light_curve_summary,
    point_columns,
    reach_of,
)
from dashboards.plots.light_curve_gaps import show_gaps
from dashboards.plots.light_curve_hover import add_measurement_hover, show_unit, tell_words, unit_text
from dashboards.plots.light_curve_lines import (
    NO_LINE,
    Y_PADDING,
    Line,
    Reference,
    line_key,
    line_looks,
    lines_across,
)
from dashboards.plots.measurement_kinds import FluxKind, FluxUnit
from dashboards.plots.style import (
    add_subtitle,
    how_many,
    new_figure,
    paint,
    plain_text,
    steady_formatter,
)
from dashboards.plots.theme import SYMBOLS, Theme, get_theme
from dashboards.plots.time_axis import MJD_OF_1970, MS_PER_DAY, add_mjd_axis, utc_formatter
from data_access.records import LightCurve

_KINDS = ("detection", "forced", "limit", "flagged", "left out", "mean", "off scale")
_FORGET_VIEW = "figure.reset.emit()"
# pixels, of symbols and their outlines
_SIZE, _SIZE_OF_MANY = (8, 1.5), (6, 1.0)


def plot_light_curve(
    lc: LightCurve,
    *,
    theme: str = "dark",
    flux: FluxKind = "peak",
    unit: FluxUnit = "mJy",
    height: int = 320,
    marks: Marks = NO_MARKS,
    reference: Reference | None = None,
    legend: bool = True,
) -> Figure:
    """Return flux against UTC (below) and MJD (above), with error bars of one standard deviation.

    Kinds of measurement differ by symbol and colour; hollow symbols are epochs that do not say when the sky was
    seen. Points far outside of the rest do not squeeze the axis: they are marked by triangles at its edge. The
    dashed line is the mean of the measurements in use, weighted by 1/error²; it is on the axis, unless outliers drew
    it as far away as they are themselves. The systematic errors of `marks` are in bars and weights. Above 20,000
    points the curve is averaged in equal bins of time, and the subtitle says so. A reference does not widen the axis.
    Long gaps are shaded, with their length as text.

    The figure's sources are named ``"light_curve"`` (the points), ``"words"`` (what the hover box says of them),
    ``"reach"``, ``"mean"``, ``"reference"``, ``"gaps"`` and ``"off_scale"``; `update_light_curve` patches a figure in
    place, `show_brush` marks a stretch of time. What symbols and lines mean stands in ``figure.tags`` (marker or
    dash, colour and word of each), and without `legend` only there.
    """
    if lc.n_epoch == 0:
        return empty_figure("no photometry", theme, title=f"Light curve of {lc.source_id}", height=height)
    colours = get_theme(theme)
    figure = new_figure(
        colours,
        title=_title(lc),
        x_label="Time (UTC)",
        y_label=flux_label(flux, unit),
        height=height,
        x_axis_type="datetime",
        name="light_curve",
        x_range=models.DataRange1d(range_padding=0.04, default_span=MS_PER_DAY),
        y_range=models.DataRange1d(range_padding=Y_PADDING),
    )
    columns = light_curve_columns(lc, flux, unit, theme=theme, marks=marks)
    source = models.ColumnDataSource(point_columns(columns), name="light_curve")
    brush = models.BoxAnnotation(
        fill_color=colours.accent, fill_alpha=0.1, line_color=colours.accent, visible=False, name="brush"
    )
    figure.add_layout(brush)
    points = _draw(figure, colours, source, _reach_columns(columns))
    figure.xaxis[0].formatter = utc_formatter()
    figure.yaxis[0].formatter = steady_formatter()
    add_mjd_axis(figure)
    if legend:
        _add_legend(figure)
    lines = lines_across(lc, columns, flux, unit, marks, reference)
    _show_meaning(figure, colours, columns, lines, marks)
    show_gaps(figure, colours, lc, columns)
    add_measurement_hover(figure, colours, columns, points, flux, unit)
    summary = light_curve_summary(lc, columns, flux, marks=marks)
    add_subtitle(figure, colours, _subtitle(figure, lines, summary))
    source.js_on_change("tags", models.CustomJS(args={"figure": figure}, code=_FORGET_VIEW))
    _fit_symbols(points, len(columns["mjd"]))
    return paint(figure, colours)


def update_light_curve(
    figure: Figure,
    lc: LightCurve,
    *,
    theme: str = "dark",
    flux: FluxKind = "peak",
    unit: FluxUnit = "mJy",
    marks: Marks = NO_MARKS,
    reference: Reference | None = None,
    words: bool = True,
) -> bool:
    """Patch a figure of `plot_light_curve` in place, also with the light curve of another source.

    What the reader zoomed into stays, except for another source, flux or unit. Without `words`, which take longer to
    send than the points, the hover box knows only numbers until `tell_words`. Returns False, and changes nothing,
    when the figure or the light curve is empty: make a new figure then.
    """
    source = curve_source(figure)
    if source is None or lc.n_epoch == 0:
        return False
    columns = light_curve_columns(lc, flux, unit, theme=theme, marks=marks)
    source.data = point_columns(columns)
    tell_words(figure, columns if words else None)
    _named(figure.renderers, "reach").data_source.data = _reach_columns(columns)
    _fit_symbols(_named(figure.renderers, "points"), len(columns["mjd"]))
    lines = lines_across(lc, columns, flux, unit, marks, reference)
    _show_meaning(figure, get_theme(theme), columns, lines, marks)
    show_gaps(figure, get_theme(theme), lc, columns)
    summary = light_curve_summary(lc, columns, flux, marks=marks)
    _named(figure.above, "subtitle").text = plain_text(_subtitle(figure, lines, summary))
    figure.title.text = plain_text(_title(lc))
    if figure.yaxis[0].axis_label != flux_label(flux, unit):
        figure.yaxis[0].axis_label = flux_label(flux, unit)
        show_unit(figure, get_theme(theme), flux, unit)
    source.tags = [lc.source_id, flux, unit]
    return True


def curve_source(figure: Figure | None) -> Any:
    """Return the source ``"light_curve"`` of a figure; None when the figure is empty or not there."""
    points = None if figure is None else _named(figure.renderers, "points")
    return None if points is None else points.data_source


def _named(models_of_one_place: Any, name: str) -> Any:
    """Return the first model with a name, or None: `select_one` walks the whole figure, 5 ms each time."""
    return next((model for model in models_of_one_place if model.name == name), None)


def show_brush(figure: Figure, from_mjd: float, to_mjd: float) -> None:
    """Mark a stretch of time (MJD, UTC); infinite ends are open, both infinite mark nothing."""
    brush = _named(figure.center, "brush")
    if brush is None:
        return
    ends = [(mjd - MJD_OF_1970) * MS_PER_DAY if np.isfinite(mjd) else None for mjd in (from_mjd, to_mjd)]
    brush.visible = ends != [None, None]
    if brush.visible:
        # an end may refer to other models: Bokeh (3.9) walks the whole document for each, 30 ms
        brush.update(left=ends[0], right=ends[1])


def flux_label(flux: FluxKind, unit: FluxUnit) -> str:
    """Return the axis title for a flux: peaks are per beam."""
    name = "Peak flux density" if flux == "peak" else "Integrated flux density"
    return f"{name} ({unit_text(flux, unit)})"


def _title(lc: LightCurve) -> str:
    points = how_many(lc.n_epoch, "measurement")
    return f"{lc.source_id}: {points}"


def _draw(figure: Figure, theme: Theme, source: Any, reach_columns: Mapping[str, Any]) -> Any:
    figure.add_layout(
        models.Whisker(
            source=source,
            base="utc_ms",
            lower="lower",
            upper="upper",
            line_color="colour",
            line_alpha=0.7,
            upper_head=None,
            lower_head=None,
            name="error_bars",
        )
    )
    # carries the y range: bars of outliers must not widen it, error bars of the others must
    reach = models.ColumnDataSource(reach_columns, name="reach")
    figure.segment("x", "low", "x", "high", source=reach, line_alpha=0.0, name="reach")
    half = models.LinearInterpolator(x=[0.0, 1.0], y=[0.0, 0.5])  # a hollow symbol stays hollow beside a chosen one
    points = figure.scatter(
        "utc_ms",
        "drawn",
        source=source,
        marker="marker",
        angle="angle",
        size=_SIZE[0],
        line_color="colour",
        line_width=_SIZE[1],
        line_alpha="outline",
        fill_color="colour",
        fill_alpha="fill_alpha",
        selection_line_color=theme.text,
        selection_line_alpha=1.0,
        nonselection_line_alpha=transform("outline", half),
        nonselection_fill_alpha=transform("fill_alpha", half),
        name="points",
    )
    points.muted_glyph = None  # nothing mutes them, and the browser would prepare a look for each point
    figure.x_range.renderers = [points]
    return points


def _reach_columns(columns: Mapping[str, Any]) -> dict[str, list[float]]:
    """Return one line from the lowest to the highest end of a bar: the browser need not look at each of them."""
    if not len(columns["utc_ms"]):
        return {"x": [], "low": [], "high": []}
    low, high = reach_of(columns)
    return {"x": [float(columns["utc_ms"][0])], "low": [low], "high": [high]}


def _fit_symbols(points: Any, n: int) -> None:
    size, line_width = _SIZE_OF_MANY if n > MANY_POINTS else _SIZE
    for glyph in (points.glyph, points.selection_glyph, points.nonselection_glyph):
        if glyph.size != size:
            glyph.update(size=size, line_width=line_width)


def _subtitle(figure: Figure, lines: Mapping[str, Line], summary: str) -> str:
    """Return the summary, after the values of the lines where no legend has them."""
    values = [] if _legend(figure) is not None else [line.words for line in lines.values()]
    return " · ".join([*values, summary])


def _show_meaning(
    figure: Figure, theme: Theme, columns: dict[str, Any], lines: Mapping[str, Line], marks: Marks
) -> None:
    """Draw lines and frames, and say what they and the symbols mean."""
    _show_lines(figure, theme, lines)
    key = [*_show_kinds(figure, theme, columns, marks), *line_key(theme, lines)]
    if figure.tags != key:
        figure.tags = key


def _show_lines(figure: Figure, theme: Theme, lines: Mapping[str, Line]) -> None:
    """Move the lines; one that was never needed is not made: every model delays the first plot of a page."""
    for name, (colour, dash) in line_looks(theme).items():
        new = lines.get(name, NO_LINE)
        line = _named(figure.renderers, name)
        if line is not None:
            line.data_source.data = {"y": [new.y]}
        elif new.words:
            source = models.ColumnDataSource({"y": [new.y]}, name=name)
            line = figure.hspan(y="y", source=source, line_color=colour, line_dash=dash, line_width=1.5, name=name)
        if line is not None:
            _explain_line(figure, line, plain_text(new.words))
    # limits stand above the flux that was measured: all points may lie above their mean
    reach = ("reach", "points", "mean") if lines["mean"].label else ("reach", "points")
    renderers = [renderer for renderer in figure.renderers if renderer.name in reach]
    if figure.y_range.renderers != renderers:
        figure.y_range.renderers = renderers


def _explain_line(figure: Figure, line: Any, words: str) -> None:
    """Let the legend call a line so; without words it has nothing to say of it."""
    if (legend := _legend(figure)) is None:
        return
    item = _named(legend.items, line.name)
    if item is None:
        _explain(figure, models.LegendItem(label=value(words), renderers=[line], name=line.name))
    else:
        item.update(label=value(words), visible=bool(words))


def _show_kinds(figure: Figure, theme: Theme, columns: dict[str, Any], marks: Marks) -> list[list[str]]:
    """Frame measurements whose flux scale is in doubt, explain the symbols that occur, and return them."""
    off_scale = _off_scale_columns(columns, marks)
    frames = _named(figure.renderers, "off_scale")
    if frames is not None:
        frames.data_source.data = off_scale
    elif len(off_scale["x"]):
        source = models.ColumnDataSource(off_scale, name="off_scale")
        _mark(figure, theme, "off scale", size=17, x="x", y="y", source=source, name="off_scale")
    present = {*columns["kind"], *(("off scale",) if len(off_scale["x"]) else ())}
    shown = [kind for kind in _KINDS if kind in present]
    if _legend(figure) is not None:
        _explain_kinds(figure, theme, shown)
    marker = {kind: "frame" if kind == "off scale" else SYMBOLS[kind].marker for kind in shown}
    return [[marker[kind], theme.colour(SYMBOLS[kind].token), SYMBOLS[kind].word] for kind in shown]


def _explain_kinds(figure: Figure, theme: Theme, shown: Sequence[str]) -> None:
    for kind in _KINDS:
        item = _named(_legend(figure).items, f"kind {kind}")
        if item is not None:
            item.visible = kind in shown
        elif kind in shown:
            key = _mark(figure, theme, kind, size=8, x=[np.nan], y=[np.nan])
            word = value(SYMBOLS[kind].word)
            _explain(figure, models.LegendItem(label=word, renderers=[key], name=f"kind {kind}"), first=True)


def _off_scale_columns(columns: dict[str, Any], marks: Marks) -> dict[str, Any]:
    found = np.isin(columns["photometry_id"], list(marks.off_scale))
    return {"x": np.asarray(columns["utc_ms"])[found], "y": np.asarray(columns["drawn"])[found]}


def _mark(figure: Figure, theme: Theme, kind: str, **where: Any) -> Any:
    symbol = SYMBOLS[kind]
    colour = theme.colour(symbol.token)
    return figure.scatter(
        marker=symbol.marker,
        angle=symbol.angle_rad,
        line_color=colour,
        line_width=1.5,
        fill_color=None if kind == "off scale" else colour,
        **where,
    )


def _legend(figure: Figure) -> Any:
    return _named(figure.above, "legend")


def _explain(figure: Figure, item: Any, *, first: bool = False) -> None:
    """Add an entry to the legend: kinds of measurements stand before the lines."""
    legend = _legend(figure)
    kinds = [old for old in legend.items if (old.name or "").startswith("kind ")] if first else legend.items
    legend.items = [*kinds, item, *(old for old in legend.items if old not in kinds)]


def _add_legend(figure: Figure) -> None:
    legend = models.Legend(
        items=[],
        orientation="horizontal",
        name="legend",
        padding=2,
        spacing=12,
        margin=0,
        glyph_height=14,
        glyph_width=14,
        label_height=14,
        location="top_left",
    )
    figure.add_layout(legend, "above")
