"""The four diagnostic panels of the eta-V plane: each metric against largest flux and against largest over median."""

from __future__ import annotations

from typing import Any

from dashboards.plots.bokeh_models import Figure, models
from dashboards.plots.eta_v import EtaVPlot, lasso_when_closed, panel_cut, write_decades
from dashboards.plots.eta_v_data import PANELS, PanelData
from dashboards.plots.style import add_hover, new_figure, paint
from dashboards.plots.theme import Theme, get_theme

_LABELS = {
    "log_max": "Largest flux density ({unit})",
    "log_ratio": "Largest / median{of} (no unit)",
    "log_eta": "η (no unit)",
    "log_v": "V (no unit)",
}


def plot_eta_v_panels(
    plot: EtaVPlot, data: PanelData, *, flux: str, of: str = "", theme: str = "dark", height: int = 260
) -> Any:
    """Return four figures beside and below each other (Rowlinson et al. 2019, A&C 27, 111).

    They draw the source of the plane itself: what is selected in one is selected in all, and the cuts move with
    those of the plane, in the browser.

    Parameters
    ----------
    data : PanelData
        For the same table, cuts and least number of measurements as the plane.
    of : str
        What the medians are of, when that is not every measurement.
    """
    _give_ratios(plot, data)
    colours = get_theme(theme)
    figures = [
        _panel(
            plot,
            colours,
            x,
            y,
            dict(data.cells[f"{x} {y}"]),
            label=_label(x, flux, of),
            unit=_unit(flux),
            height=height,
        )
        for x, y in PANELS
    ]
    for above, below in zip(figures[:2], figures[2:], strict=True):
        below.x_range = above.x_range
    for left, right in (figures[:2], figures[2:]):
        right.y_range = left.y_range
    rows = [models.Row(*pair, sizing_mode="stretch_width") for pair in (figures[:2], figures[2:])]
    return models.Column(*rows, sizing_mode="stretch_width", height=2 * height, name="eta_v_panels")


def update_eta_v_panels(layout: Any, plot: EtaVPlot, data: PanelData, *, flux: str, of: str = "") -> None:
    """Give the panels newer counts and ratios; their points are those of the plane."""
    _give_ratios(plot, data)
    for x, y in PANELS:
        source = layout.select_one({"name": f"cells {x} {y}", "type": models.ColumnDataSource})
        source.data = dict(data.cells[f"{x} {y}"])
        layout.select_one({"name": f"panel {x} {y}"}).xaxis.axis_label = _label(x, flux, of)


def _give_ratios(plot: EtaVPlot, data: PanelData) -> None:
    """Give the points of the plane their ratios, unless they are not those points any more."""
    if len(plot.source.data["name"]) == data.log_ratio.size:
        plot.source.data["log_ratio"] = data.log_ratio


def _unit(flux: str) -> str:
    return "mJy/beam" if flux == "peak" else "mJy"


def _label(name: str, flux: str, of: str) -> str:
    return _LABELS[name].format(unit=_unit(flux), of=of)


def _panel(
    plot: EtaVPlot, colours: Theme, x: str, y: str, cells: dict[str, Any], *, label: str, unit: str, height: int
) -> Figure:
    figure = new_figure(
        colours, title="", x_label=label, y_label=_LABELS[y], height=height,
        name=f"panel {x} {y}", tools="pan,box_zoom,wheel_zoom,box_select,lasso_select,tap,reset,save",
        x_range=models.DataRange1d(range_padding=0.08, default_span=2.0),
        y_range=models.DataRange1d(range_padding=0.08, default_span=2.0),
    )  # fmt: skip
    figure.title.visible = False
    lasso_when_closed(figure)
    write_decades(figure)
    source = models.ColumnDataSource(cells, name=f"cells {x} {y}")
    counted = figure.rect(
        "x", "y", "width", "height", source=source, fill_color=colours.muted, fill_alpha="alpha", line_color=None
    )
    points = figure.scatter(
        x, y, source=plot.source, size=4, color=colours.accent, fill_alpha=0.55, line_alpha=0.0,
        nonselection_fill_alpha=0.15, selection_fill_alpha=0.9,
    )  # fmt: skip
    figure.x_range.renderers = figure.y_range.renderers = [counted, points]
    line = plot.eta_line if y == "log_eta" else plot.v_line
    cut = models.Span(
        location=line.location, dimension="width", line_color=colours.warn, line_width=2, name=panel_cut(x, y)
    )
    figure.add_layout(cut)
    rows = [
        ("source", "@name"),
        ("η", "@eta{0.000 a}"),
        ("V", "@v{0.000 a}"),
        ("largest", f"@max_mjy{{0.000}} {unit}"),
    ]
    add_hover(figure, colours, rows, renderers=[points])
    return paint(figure, colours)
