"""Places from tables and catalogues over an image, and contours."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dashboards.plots.bokeh_models import Figure, models
from dashboards.plots.image_turn import Turn
from dashboards.plots.style import add_hover
from dashboards.plots.theme import Theme, get_theme
from data_access.analysis.region_geometry import ImageGrid, outline
from data_access.errors import ValidationError
from data_access.records import ImageHeader
from data_access.records.contours import Contours
from data_access.records.overlays import OverlayKind, OverlayLayer, OverlayObject

_COLUMNS = ("x", "y", "name", "flux", "snr", "note", "source_id")
# A little more than the radius of the symbols, pixels of the screen.
TOUCH_PX = 11.0
_ABOVE_CONTOURS = "annotation"
_OPEN = """
const href = open.data.href[0]
if (href) window.location.assign(new URL(href, document.baseURI))
"""


@dataclass(frozen=True, slots=True)
class MarkerLook:
    """How a kind is drawn: Bokeh marker, colour of the theme, line, size, and the sign in texts."""

    marker: str
    colour: str
    dash: str
    size: int
    sign: str


LOOKS: Mapping[OverlayKind, MarkerLook] = {
    "detections": MarkerLook("circle", "overlay", "solid", 16, "○"),
    "forced": MarkerLook("square", "warn", "dashed", 15, "▫"),
    "calibrators": MarkerLook("triangle", "ok", "solid", 15, "△"),
    "catalogue": MarkerLook("diamond", "text", "solid", 13, "◇"),
    "regions": MarkerLook("", "ok", "dashed", 0, "▱"),
}


def marker_layer(layer: OverlayLayer, header: ImageHeader) -> dict[str, list[Any]]:
    """Return the columns of a layer: places inside the image, or for regions their outlines; 0-based file pixels.

    Blocks for some milliseconds: call it off the event loop.
    """
    grid = ImageGrid.of(header)
    if layer.kind == "regions":
        return _outlines(layer.objects, grid)
    columns: dict[str, list[Any]] = {name: [] for name in _COLUMNS}
    if grid.wcs is None or grid.problem or not layer.objects:
        return columns
    x, y = grid.to_pixels([one.ra_deg for one in layer.objects], [one.dec_deg for one in layer.objects])
    inside = (x >= -0.5) & (x <= grid.n_x - 0.5) & (y >= -0.5) & (y <= grid.n_y - 0.5)
    for n in np.flatnonzero(inside).tolist():
        one = layer.objects[n]
        values = (float(x[n]), float(y[n]), one.name, flux_words(one), snr_words(one), one.note, one.source_id)
        for key, value in zip(_COLUMNS, values, strict=True):
            columns[key].append(value)
    return columns


def _outlines(objects: Sequence[OverlayObject], grid: ImageGrid) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {"xs": [], "ys": [], "name": [], "note": []}
    for one in objects:
        if one.shape is None or grid.wcs is None:
            continue
        try:
            x, y = outline(one.shape, grid)
        except ValidationError:
            continue
        for key, value in zip(columns, (np.append(x, x[0]), np.append(y, y[0]), one.name, one.note), strict=True):
            columns[key].append(value)
    return columns


def flux_words(one: OverlayObject) -> str:
    """Return a flux density with its error; that it is not recorded where it is not."""
    if one.flux_mjy is None or not math.isfinite(one.flux_mjy):
        return "not recorded"
    error = f" ± {one.err_mjy:.2g}" if one.err_mjy is not None else ""
    return f"{one.flux_mjy:.4g}{error} mJy{'/beam' if one.source_id else ''}"


def snr_words(one: OverlayObject) -> str:
    """Return the signal to noise ratio."""
    return "not recorded" if one.snr is None or not math.isfinite(one.snr) else f"{one.snr:.3g}"


def draw_markers(figure: Figure, theme: str, kind: OverlayKind, columns: Mapping[str, Any]) -> None:
    """Draw a kind on a figure of `plot_image`, or give it other places; the selected source stays on top."""
    name, columns = f"overlay_{kind}", Turn.of(figure).columns(columns)
    source = figure.select_one({"name": name, "type": models.ColumnDataSource})
    if source is not None:
        source.data = dict(columns)
    elif any(len(column) for column in columns.values()):
        _add_layer(figure, get_theme(theme), kind, models.ColumnDataSource(dict(columns), name=name))


def _add_layer(figure: Figure, theme: Theme, kind: OverlayKind, source: Any) -> None:
    look = LOOKS[kind]
    colour = getattr(theme, look.colour)
    if kind == "regions":
        renderer = figure.multi_line(
            "xs", "ys", source=source, line_color=colour, line_width=1.5, line_dash=look.dash, level=_ABOVE_CONTOURS,
            name=source.name,
        )  # fmt: skip
        rows = [("region", "@name"), ("from", "@note")]
    else:
        # below the real one a wider one in the ground's colour: legible on any pixels
        figure.scatter(
            "x", "y", source=source, marker=look.marker, size=look.size, fill_color=None, line_alpha=0.75,
            line_color=theme.background, line_width=4.5, level=_ABOVE_CONTOURS, name=f"{source.name}_ground",
        )  # fmt: skip
        renderer = figure.scatter(
            "x", "y", source=source, marker=look.marker, size=look.size, fill_color=None, line_color=colour,
            line_dash=look.dash, line_width=1.8, level=_ABOVE_CONTOURS, name=source.name,
        )  # fmt: skip
        rows = [(kind.removesuffix("s"), "@name"), ("flux", "@flux"), ("SNR", "@snr"), ("from", "@note")]
        if kind in ("calibrators", "catalogue"):
            rows.remove(("SNR", "@snr"))
    # no button of its own for every kind
    add_hover(figure, theme, rows, renderers=[renderer]).visible = False


def select_marker(figure: Figure, theme: str, x: float | None, y: float | None) -> None:
    """Draw the selected source larger and on top of everything; nothing for None."""
    places = {"x": [x], "y": [y]} if x is not None and y is not None else {"x": [], "y": []}
    places = Turn.of(figure).columns(places)
    source = figure.select_one({"name": "overlay_selected", "type": models.ColumnDataSource})
    if source is not None:
        source.data = places
    elif x is not None:
        colours, source = get_theme(theme), models.ColumnDataSource(places, name="overlay_selected")
        for colour, width in ((colours.background, 6), (colours.text, 3)):
            figure.scatter(
                "x", "y", source=source, marker="circle", size=26, fill_color=None, line_color=colour,
                line_width=width, level="overlay", name="overlay_selected",
            )  # fmt: skip


def add_opener(figure: Figure) -> None:
    """Prepare a figure for `open_page`."""
    source = models.ColumnDataSource({"href": []}, name="open")
    source.js_on_change("data", models.CustomJS(args={"open": source}, code=_OPEN))
    # a source travels with the figure only when something in it refers to it
    figure.tags = [*figure.tags, source]


def open_page(figure: Figure, href: str) -> None:
    """Make the browser open another page of the dashboard."""
    next(tag for tag in figure.tags if getattr(tag, "name", "") == "open").data = {"href": [href]}


def nearest_source(columns: Mapping[str, Any], x: float, y: float, reach: float) -> tuple[float, str]:
    """Return distance and source of the nearest marker within `reach` file pixels; an empty name for none."""
    best = (math.inf, "")
    for at_x, at_y, source_id in zip(columns["x"], columns["y"], columns["source_id"], strict=True):
        distance = math.hypot(at_x - x, at_y - y)
        if source_id and distance <= reach and distance < best[0]:
            best = (distance, source_id)
    return best


def draw_contours(figure: Figure, theme: str, contours: Contours | None) -> None:
    """Draw contours on a figure of `plot_image`; negative levels are dashed, None takes them away."""
    columns = Turn.of(figure).columns(contour_columns(contours))
    source = figure.select_one({"name": "contours", "type": models.ColumnDataSource})
    if source is not None:
        source.data = columns
    elif contours is not None:
        colours = get_theme(theme)
        # text is seen on all pixels of the dark themes, whose faintest are dark
        colour = colours.series[1] if theme == "light" else colours.text
        figure.multi_line(
            "xs", "ys", source=models.ColumnDataSource(columns, name="contours"), line_color=colour, line_alpha=0.9,
            line_width=1, line_dash={"field": "dash"}, name="contours",
        )  # fmt: skip


def contour_columns(contours: Contours | None) -> dict[str, list[Any]]:
    """Return the columns of the source ``"contours"``."""
    lines = () if contours is None else contours.lines
    return {
        "xs": [line.x for line in lines],
        "ys": [line.y for line in lines],
        "level": [line.level for line in lines],
        "dash": ["dashed" if line.level < 0 else "solid" for line in lines],
    }
