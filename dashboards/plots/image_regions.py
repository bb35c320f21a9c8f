"""Regions on an image, and what is measured in one: histogram and profile."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from dashboards.plots.bokeh_models import Figure, models, value
from dashboards.plots.empty import empty_figure
from dashboards.plots.style import add_hover, new_figure, paint
from dashboards.plots.theme import FONT, get_theme
from data_access.records.regions import Histogram, Profile, RegionMeasurement

_CROSS_PX = 12
# A bar of no pixels is drawn below the lowest count of one.
_NO_PIXELS = 0.5


def add_region_layers(figure: Figure, theme: str) -> None:
    """Prepare a figure of `plot_image` for regions: sources ``"regions"`` and ``"region_begun"``."""
    colours = get_theme(theme)
    source = models.ColumnDataSource(region_columns((), 0), name="regions")
    begun = models.ColumnDataSource(begun_columns(()), name="region_begun")
    colour = colours.series[2]
    for line_colour, extra in ((colours.background, 3), (colour, 0)):
        figure.multi_line(
            "xs", "ys", source=source, line_color=line_colour, line_alpha=0.7 if extra else 1.0,
            line_width="wide" if extra else "width", line_join="round", name="regions",
        )  # fmt: skip
        figure.line("x", "y", source=begun, line_color=line_colour, line_width=1.5 + extra, line_dash="dashed")
    figure.scatter(
        "x", "y", source=begun, marker="cross", size=_CROSS_PX, line_color=colour, line_width=2, name="region_begun"
    )
    figure.text(
        "label_x", "label_y", "label", source=source, x_offset=3, y_offset=-3, text_color=colour,
        text_font=value(FONT), text_font_size="12px", background_fill_color=colours.background,
        background_fill_alpha=0.6, padding=1, name="region_labels",
    )  # fmt: skip


def region_columns(measured: Sequence[RegionMeasurement], selected: int) -> dict[str, list[Any]]:
    """Return the columns of ``"regions"``: outlines and numbers; the selected one (from 1) is drawn thicker."""
    columns: dict[str, list[Any]] = {
        name: [] for name in ("xs", "ys", "label", "label_x", "label_y", "width", "wide")
    }
    for number, one in enumerate(measured, start=1):
        x, y = one.outline
        if not x.size:
            continue
        if one.shape.has_area:
            x, y = np.append(x, x[0]), np.append(y, y[0])
        elif one.shape.kind == "point":
            x, y = _cross(float(x[0]), float(y[0]))
        seen = np.isfinite(x)
        top = int(np.flatnonzero(seen)[np.argmax(y[seen])])
        width = 3.0 if number == selected else 1.5
        for key, item in zip(
            columns, (x, y, str(number), float(x[top]), float(y[top]), width, width + 3), strict=True
        ):
            columns[key].append(item)
    return columns


def _cross(x: float, y: float) -> tuple[Any, Any]:
    half = 2.0
    return np.array([x - half, x + half, np.nan, x, x]), np.array([y, y, np.nan, y - half, y + half])


def begun_columns(points: Sequence[tuple[float, float]]) -> dict[str, list[float]]:
    """Return the columns of ``"region_begun"``: what was clicked of a region that is not complete."""
    return {"x": [x for x, _ in points], "y": [y for _, y in points]}


def plot_region_histogram(
    histogram: Histogram | None, *, unit: str, scale: float, theme: str = "dark", title: str = "", height: int = 240
) -> Figure:
    """Return how many pixels have which value; counts on a logarithmic axis, values in `unit` (`scale` x file)."""
    if histogram is None:
        return empty_figure("no pixel of the region has a value", theme, title=title, height=height)
    colours = get_theme(theme)
    top = 2.0 * max(float(histogram.counts.max()), 1.0)
    figure = new_figure(
        colours, title=title, x_label=f"Value ({unit})", y_label="Pixels", height=height, name="region_histogram",
        y_axis_type="log", y_range=models.Range1d(_NO_PIXELS, top),
    )  # fmt: skip
    source = models.ColumnDataSource(histogram_columns(histogram, scale), name="region_histogram")
    bars = figure.quad(
        left="left", right="right", bottom=_NO_PIXELS, top="top", source=source, fill_color=colours.accent,
        fill_alpha=0.6, line_color=None,
    )  # fmt: skip
    rows = [("pixels", "@count{0,0}"), ("from", f"@left{{%.4g}} {unit}"), ("to", f"@right{{%.4g}} {unit}")]
    add_hover(figure, colours, rows, renderers=[bars], formatters={"@left": "printf", "@right": "printf"})
    return paint(figure, colours)


def histogram_columns(histogram: Histogram, scale: float) -> dict[str, Any]:
    """Return the columns of the source ``"region_histogram"``."""
    edges = histogram.edges * scale
    return {
        "left": edges[:-1], "right": edges[1:], "count": histogram.counts,
        "top": np.maximum(histogram.counts, _NO_PIXELS),
    }  # fmt: skip


def plot_profile(
    profile: Profile, *, unit: str, scale: float, theme: str = "dark", title: str = "", height: int = 240
) -> Figure:
    """Return value against offset along a line; gaps where the image is blank."""
    if not np.isfinite(profile.value).any():
        return empty_figure("no pixel along the line has a value", theme, title=title, height=height)
    colours = get_theme(theme)
    offset_unit, offset = offset_in(profile)
    figure = new_figure(
        colours, title=title, x_label=f"Offset ({offset_unit})", y_label=f"Value ({unit})", height=height,
        name="region_profile",
    )  # fmt: skip
    source = models.ColumnDataSource(
        {"offset": offset, "value": profile.value * scale, "x": profile.x, "y": profile.y}, name="region_profile"
    )
    line = figure.line("offset", "value", source=source, line_color=colours.accent, line_width=1.5)
    zero = models.Span(location=0.0, dimension="width", line_color=colours.muted, line_dash="dotted")
    figure.add_layout(zero)
    rows = [
        ("offset", f"@offset{{%.4g}} {offset_unit}"), ("value", f"@value{{%.4g}} {unit}"),
        ("pixel", "@x{0.0} , @y{0.0}"),
    ]  # fmt: skip
    add_hover(
        figure, colours, rows, renderers=[line], formatters={"@offset": "printf", "@value": "printf"}, mode="vline"
    )
    return paint(figure, colours)


def offset_in(profile: Profile) -> tuple[str, Any]:
    """Return the unit in which the length of a profile is readable, and the offsets in it."""
    if profile.offset_unit == "pixel":
        return "pixels", profile.offset
    longest = float(profile.offset[-1]) if profile.offset.size else math.nan
    if longest >= 2 * 3600:
        return "degrees", profile.offset / 3600
    return ("arcmin", profile.offset / 60) if longest >= 5 * 60 else ("arcsec", profile.offset)
