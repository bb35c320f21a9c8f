"""The four diagnostic panels of the eta-V plane: each metric against largest flux and against largest over mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dashboards.plots.bokeh_models import Figure, models
from dashboards.plots.eta_v import EtaVPlot, write_decades
from dashboards.plots.eta_v_data import PANELS
from dashboards.plots.style import add_hover, new_figure, paint
from dashboards.plots.theme import Theme, get_theme

_LABELS = {
    "log_max": "Largest flux density ({unit})",
    "log_ratio": "Largest / mean (no unit)",
    "log_eta": "η (no unit)",
    "log_v": "V (no unit)",
}


def plot_eta_v_panels(
    plot: EtaVPlot, cells: Mapping[str, Mapping[str, Any]], *, flux: str, theme: str = "dark", height: int = 260
) -> Any:
    """Return four figures beside and below each other (Rowlinson et al. 2019, A&C 27, 111).

    They draw the source of the plane itself: what is selected in one is selected in all, and the cuts move with
    those of the plane, in the browser.

    Parameters
    ----------
    cells : mapping
        What `panel_cells` gave: sources that are only counted.
    """
    colours = get_theme(theme)
    figures = [
        _panel(
            plot, colours, x, y, dict(cells[f"{x} {y}"]), unit="mJy/beam" if flux == "peak" else "mJy", height=height
        )
        for x, y in PANELS
    ]
    for above, below in zip(figures[:2], figures[2:], strict=True):
        below.x_range = above.x_range
    for left, right in (figures[:2], figures[2:]):
        right.y_range = left.y_range
    rows = [models.Row(*pair, sizing_mode="stretch_width") for pair in (figures[:2], figures[2:])]
    return models.Column(*rows, sizing_mode="stretch_width", height=2 * height, name="eta_v_panels")


def update_eta_v_panels(layout: Any, cells: Mapping[str, Mapping[str, Any]]) -> None:
    """Give the panels newer counts; their points are those of the plane."""
    for x, y in PANELS:
        source = layout.select_one({"name": f"cells {x} {y}", "type": models.ColumnDataSource})
        source.data = dict(cells[f"{x} {y}"])


def _panel(
    plot: EtaVPlot, colours: Theme, x: str, y: str, cells: dict[str, Any], *, unit: str, height: int
) -> Figure:
    figure = new_figure(
        colours, title="", x_label=_LABELS[x].format(unit=unit), y_label=_LABELS[y], height=height,
        name=f"panel {x} {y}", tools="pan,box_zoom,wheel_zoom,box_select,lasso_select,tap,reset,save",
        x_range=models.DataRange1d(range_padding=0.08, default_span=2.0),
        y_range=models.DataRange1d(range_padding=0.08, default_span=2.0),
    )  # fmt: skip
    figure.title.visible = False
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
    figure.hspan(y=y, source=plot.cuts, line_color=colours.warn, line_width=2, name=f"cut {y}")
    rows = [
        ("source", "@name"),
        ("η", "@eta{0.000 a}"),
        ("V", "@v{0.000 a}"),
        ("largest", f"@max_mjy{{0.000}} {unit}"),
    ]
    add_hover(figure, colours, rows, renderers=[points])
    return paint(figure, colours)
