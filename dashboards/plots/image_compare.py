"""Several images on the same pixels: upon each other to be blinked, beside each other, and subtracted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from dashboards.plots.bokeh_models import Figure, models
from dashboards.plots.image import image_source, plot_image
from dashboards.plots.image_colour import colour_limits, display_unit
from dashboards.plots.image_overlay import value_formatter
from dashboards.plots.image_turn import Turn
from dashboards.plots.theme import get_theme
from data_access.records import ImagePreview

_PERCENTILE = 99.5
# Blue to orange through the ground: safe for colour-blind readers.
_BELOW, _ABOVE = (86, 160, 235), (245, 155, 50)


def layer_name(number: int) -> str:
    """Return the name of the renderer of an image (from 0) in the figure of `plot_blink`."""
    return f"layer_{number}"


def plot_blink(previews: Sequence[ImagePreview], *, theme: str, shown: int, height: int) -> Figure:
    """Return one figure with all images upon each other, of which one is visible.

    Parameters
    ----------
    previews : sequence of ImagePreview
        On the same pixels. The source of the first is called ``"image"``, those of the others ``"image_1"``, ...
    shown : int
        Which one is visible.

    Notes
    -----
    The colours are the same for all: otherwise a blink would show the difference of the scales.
    """
    first = replace(previews[0], header=replace(previews[0].header, beam=None))
    figure = plot_image(first, theme=theme, title=" ", height=height)
    figure.select_one({"name": "subtitle"}).text = ""
    base = figure.select_one({"name": "image", "type": models.GlyphRenderer})
    base.name, base.visible = layer_name(0), shown == 0
    mapper = figure.select_one({"name": "colours"})
    hover = next(tool for tool in figure.tools if isinstance(tool, models.HoverTool) and base in tool.renderers)
    at, high = figure.renderers.index(base), colour_limits(previews[0].data)[1]
    for number, preview in enumerate(previews[1:], start=1):
        source = models.ColumnDataSource(image_source(preview, Turn.of(figure)), name=f"image_{number}")
        layer = figure.image(
            "image", "x", "y", "dw", "dh", source=source, color_mapper=mapper, name=layer_name(number)
        )
        layer.visible = shown == number
        figure.renderers.remove(layer)
        figure.renderers.insert(at + number, layer)
        unit, scale = display_unit(preview.header.bunit, high)
        value = {"@image": value_formatter(unit, scale, source)}
        box = models.HoverTool(
            tooltips=hover.tooltips, renderers=[layer], formatters={**hover.formatters, **value},
            point_policy="follow_mouse", visible=False,
        )  # fmt: skip
        figure.add_tools(box)
    return figure


def plot_beside(preview: ImagePreview, *, theme: str, title: str, height: int, like: Figure | None) -> Figure:
    """Return one of several figures beside each other; it is zoomed and panned together with `like`."""
    ranges = None if like is None else (like.x_range, like.y_range)
    return plot_image(preview, theme=theme, title=title, height=height, ranges=ranges)


def plot_difference(preview: ImagePreview, *, theme: str, title: str, height: int) -> Figure:
    """Return a difference: zero in the colour of the ground, both signs with their own colour, symmetric limits.

    In the red theme, whose only hue is red, faint is negative and bright is positive.
    """
    limit = difference_limit(preview.data)
    figure = plot_image(preview, theme=theme, stretch="linear", low=-limit, high=limit, title=title, height=height)
    colours = get_theme(theme)
    if colours.name != "red":
        figure.select_one({"name": "colours"}).palette = _diverging(colours.panel)
    return figure


def difference_limit(data: npt.NDArray[np.float32]) -> float:
    """Return the absolute value that half a percent of the pixels exceed; 1 for a difference that is zero."""
    finite = np.abs(data[np.isfinite(data)])
    limit = float(np.percentile(finite, _PERCENTILE)) if finite.size else 0.0
    return limit or 1.0


def _diverging(ground: str) -> list[str]:
    middle = np.array([int(ground[i : i + 2], 16) for i in (1, 3, 5)], dtype=float)
    shares = np.linspace(-1, 1, 255)
    ends = [np.array(_ABOVE if share > 0 else _BELOW, dtype=float) for share in shares]
    mixed = [middle + abs(share) ** 0.8 * (end - middle) for share, end in zip(shares, ends, strict=True)]
    return ["#" + "".join(f"{round(float(part)):02x}" for part in colour) for colour in mixed]
