"""The sky map of a search: every source of the result, the ones in the list ringed, any of them selected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from dashboards.plots.bokeh_models import Figure, models
from dashboards.plots.empty import empty_figure
from dashboards.plots.result_sky_data import ResultSky, count_words, project
from dashboards.plots.style import add_hover, add_subtitle, new_figure, paint, plain_text
from dashboards.plots.theme import Theme, get_theme

_RA_TICKS = "return ((tick % 360) + 360) % 360 + '°'"
_DEC_TICKS = "return (tick > 0 ? '+' : '') + tick + '°'"


def plot_result_sky(sky: ResultSky, *, theme: str = "dark", height: int = 360) -> Figure:
    """Return the map; a figure that says so when no source of the result has a position.

    Sources of the table on the page are ringed by `ring_listed`.
    """
    if sky.rows.size == 0:
        return empty_figure("no source with a position in this result", theme, title="Sky map", height=height)
    colours = get_theme(theme)
    figure = _whole_sky(colours, height) if sky.projection == "aitoff" else _flat(colours, height)
    cells = models.ColumnDataSource(sky.columns["cells"], name="sky_cells")
    counted = figure.rect(
        "x", "y", "width", "height", source=cells, fill_color=colours.accent, fill_alpha="alpha", line_color=None,
        nonselection_fill_alpha=0.1, selection_line_color=colours.warn, name="cells",
    )  # fmt: skip
    source = models.ColumnDataSource(sky.columns["points"], name="sky_points")
    points = figure.scatter(
        "x", "y", source=source, size=6 if sky.rows.size < 2000 else 4, color=colours.accent, fill_alpha=0.6,
        line_alpha=0.0, nonselection_fill_alpha=0.15, selection_fill_alpha=1.0, name="points",
    )  # fmt: skip
    listed = models.ColumnDataSource({"x": [], "y": []}, name="sky_listed")
    figure.scatter(
        "x", "y", source=listed, size=11, fill_alpha=0, line_color=colours.warn, line_width=1.5, name="listed"
    )
    if sky.projection == "flat":
        figure.x_range.renderers = figure.y_range.renderers = [points, counted]
    add_hover(
        figure, colours, [("source", "@name"), ("RA", "@ra{0.0000}°"), ("Dec", "@dec{0.0000}°")], renderers=[points]
    )
    add_hover(figure, colours, [("sources here", "@count{0,0}")], renderers=[counted])
    add_subtitle(figure, colours, f"{count_words(sky)}; those of the table below are ringed", name="sky_count")
    return paint(figure, colours)


def update_result_sky(figure: Figure | None, before: ResultSky | None, sky: ResultSky) -> bool:
    """Give a map on the screen the sources of another result; False when it has to be made anew."""
    if figure is None or before is None or not sky.rows.size or not before.rows.size:
        return False
    if before.projection != sky.projection or before.centre_ra_deg != sky.centre_ra_deg:
        return False
    for name in ("points", "cells"):
        figure.select_one({"name": f"sky_{name}", "type": models.ColumnDataSource}).data = sky.columns[name]
    figure.select_one({"name": "sky_count"}).text = plain_text(
        f"{count_words(sky)}; those of the table below are ringed"
    )
    return True


def ring_listed(figure: Figure, sky: ResultSky, positions: Mapping[str, tuple[float, float]]) -> None:
    """Ring the sources of a table, given by name with RA and Dec in degrees."""
    source = figure.select_one({"name": "sky_listed", "type": models.ColumnDataSource})
    if source is None:
        return
    places = np.array(list(positions.values()), dtype=np.float64).reshape(-1, 2)
    x, y = project(places[:, 0], places[:, 1], sky.projection, centre_ra_deg=sky.centre_ra_deg)
    source.data = {"x": x, "y": y}


def _flat(colours: Theme, height: int) -> Figure:
    figure = new_figure(
        colours, title="Sky map", x_label="Right ascension (degrees, ICRS)", y_label="Declination (degrees, ICRS)",
        height=height, name="result_sky", tools="pan,box_zoom,wheel_zoom,box_select,lasso_select,tap,reset,save",
        x_range=models.DataRange1d(range_padding=0.06, default_span=1.0, flipped=True),
        y_range=models.DataRange1d(range_padding=0.1, default_span=1.0),
    )  # fmt: skip
    figure.xaxis.formatter = models.CustomJSTickFormatter(code=_RA_TICKS)
    figure.yaxis.formatter = models.CustomJSTickFormatter(code=_DEC_TICKS)
    return figure


def _whole_sky(colours: Theme, height: int) -> Figure:
    figure = new_figure(
        colours, title="Sky map, Aitoff projection of ICRS", x_label="", y_label="", height=height,
        name="result_sky", tools="pan,box_zoom,wheel_zoom,box_select,lasso_select,tap,reset,save",
        x_range=(-3.35, 3.35), y_range=(-1.75, 1.75),
    )  # fmt: skip
    # The sky is twice as wide as high: stretched over the page it would be another projection.
    figure.update(sizing_mode="fixed", width=round(1.8 * height))
    figure.axis.visible = False
    figure.grid.visible = False
    across, along = np.linspace(-180.0, 180.0, 121), np.linspace(-90.0, 90.0, 61)
    lines = [project(np.full(61, lon), along, "aitoff") for lon in (-179.999999, *range(-150, 180, 30), 179.999999)]
    lines += [
        project(np.clip(across, -179.999999, 179.999999), np.full(121, lat), "aitoff") for lat in range(-60, 90, 30)
    ]
    figure.multi_line(
        [x.tolist() for x, _ in lines], [y.tolist() for _, y in lines], line_color=colours.grid, name="graticule"
    )
    _add_labels(figure, colours)
    return figure


def _add_labels(figure: Figure, colours: Theme) -> None:
    hours = np.arange(-150.0, 180.0, 60.0)
    x, y = project(hours, np.zeros(hours.size), "aitoff")
    labels: dict[str, list[Any]] = {"x": x.tolist(), "y": y.tolist()}
    labels["text"] = [f"{int(h % 360 / 15)}h" for h in hours]
    decs = np.array([-60.0, -30.0, 30.0, 60.0])
    x, y = project(np.full(4, 179.99), decs, "aitoff")
    labels["x"] += (x - 0.12).tolist()
    labels["y"] += y.tolist()
    labels["text"] += [f"{d:+.0f}°" for d in decs]
    source = models.ColumnDataSource(labels, name="sky_labels")
    figure.text(
        "x", "y", text="text", source=source, text_color=colours.muted, text_font_size="11px", text_align="center",
        text_baseline="middle",
    )  # fmt: skip
