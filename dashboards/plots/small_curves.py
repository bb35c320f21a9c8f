"""Many light curves at a glance: small, without tools, each on its own scale of flux and all on one of time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dashboards.plots.bokeh_models import Figure, models
from dashboards.plots.light_curve_data import light_curve_columns, point_columns
from dashboards.plots.measurement_kinds import FluxKind
from dashboards.plots.style import new_figure, paint, plain_text
from dashboards.plots.theme import get_theme
from dashboards.plots.time_axis import MS_PER_DAY, utc_formatter
from data_access.records import LightCurve

MOST_CURVES = 12
PER_ROW = 4
HEIGHT = 170


def plot_small_curve(lc: LightCurve, *, theme: str = "dark", flux: FluxKind = "peak", x_range: Any = None) -> Figure:
    """Return one small light curve in mJy with error bars; symbols and colours are those of the large one."""
    colours = get_theme(theme)
    figure = new_figure(
        colours, title=f"{lc.source_id}: {lc.n_epoch:,}", x_label="", y_label="mJy/beam" if flux == "peak" else "mJy",
        height=HEIGHT, x_axis_type="datetime", tools="", name=plain_text(lc.source_id),
        x_range=x_range or models.DataRange1d(range_padding=0.04, default_span=MS_PER_DAY),
        y_range=models.DataRange1d(range_padding=0.08),
    )  # fmt: skip
    figure.toolbar_location = None
    figure.title.text_font_size = "12px"
    figure.xaxis[0].formatter = utc_formatter()
    figure.xaxis.ticker.desired_num_ticks = 3
    figure.yaxis.ticker.desired_num_ticks = 4
    columns = light_curve_columns(lc, flux, theme=theme)
    ends = {name: columns[name] for name in ("view_low", "view_high")}
    source = models.ColumnDataSource({**point_columns(columns), **ends})
    reach = figure.segment("utc_ms", "view_low", "utc_ms", "view_high", source=source, line_color="colour")
    points = figure.scatter(
        "utc_ms", "drawn", source=source, marker="marker", angle="angle", size=5, line_color="colour",
        fill_color="colour", fill_alpha="fill_alpha",
    )  # fmt: skip
    figure.y_range.renderers = [reach, points]
    return paint(figure, colours)


def arrange_small_curves(figures: Sequence[Figure]) -> Any:
    """Return the figures in rows of four, an incomplete row filled up so that all are of one width."""
    rows = []
    for start in range(0, len(figures), PER_ROW):
        row = list(figures[start : start + PER_ROW])
        row += [models.Spacer(sizing_mode="stretch_width", height=HEIGHT) for _ in range(PER_ROW - len(row))]
        rows.append(models.Row(*row, sizing_mode="stretch_width"))
    return models.Column(*rows, sizing_mode="stretch_width", height=HEIGHT * len(rows), name="small_curves")
