"""What of an image is visible, told to the server; and the view moved by it: keys, links, other plots.

The browser knows the visible range at once and draws with what it has; a moment after the last change it writes the
range into the source ``"visible"``, from which the server reads which pixels are wanted. Writing to the source
``"move"`` moves the view.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from dashboards.plots.bokeh_models import Figure, models
from dashboards.plots.graticule import edge_families, graticule_columns, inner_labels
from dashboards.plots.image_overlay import follow_view
from dashboards.plots.image_turn import Turn
from dashboards.plots.sky import Box, axis_names, celestial_wcs
from data_access.records import ImageHeader

Move = Literal["by", "to", "pan", "whole"]
# Time after the last change of the view before the server is told.
_SETTLE_MS = 120
_LEAST_PIXELS = 4.0
_MOST_SCREEN_PIXELS = 8192

_JS_VISIBLE = """
clearTimeout(visible.timer)
visible.timer = setTimeout(() => {
  if (!move.started) {
    move.started = true
    if (move.data.kind.length) { move.properties.data.change.emit(); return }
  }
  const numbers = [xr.start, xr.end, yr.start, yr.end]
  if (!numbers.every(Number.isFinite)) return
  const scale = window.devicePixelRatio || 1
  visible.data = {
    x0: [Math.min(xr.start, xr.end)], x1: [Math.max(xr.start, xr.end)],
    y0: [Math.min(yr.start, yr.end)], y1: [Math.max(yr.start, yr.end)],
    width: [Math.round(scale * figure.inner_width)], height: [Math.round(scale * figure.inner_height)],
  }
}, settle)
"""

_JS_MOVE = """
const kind = move.data.kind[0]
if (kind === undefined) return
if (kind == 'whole') { figure.reset.emit(); return }
const xs = xr.end - xr.start, ys = yr.end - yr.start
let cx = (xr.start + xr.end) / 2, cy = (yr.start + yr.end) / 2, half_x = xs / 2, half_y = ys / 2
const [x, y, size] = [move.data.x[0], move.data.y[0], move.data.size[0]]
if (kind == 'by') { half_x *= size; half_y *= size }
if (kind == 'pan') { cx += x * xs; cy += y * ys }
if (kind == 'to') {
  cx = x; cy = y
  const per_pixel = size / Math.min(figure.inner_width, figure.inner_height)
  half_x = Math.sign(xs) * per_pixel * figure.inner_width / 2
  half_y = Math.sign(ys) * per_pixel * figure.inner_height / 2
}
if (Math.abs(half_x) < least / 2 || Math.abs(half_y) < least / 2) return
if (Math.min(Math.abs(half_x), Math.abs(half_y)) > most) { figure.reset.emit(); return }
xr.have_updated_interactively = yr.have_updated_interactively = true
xr.setv({start: cx - half_x, end: cx + half_x})
yr.setv({start: cy - half_y, end: cy + half_y})
"""


@dataclass(frozen=True, slots=True)
class Visible:
    """The visible range, in 0-based file pixels, and the size of the frame in pixels of the screen.

    Attributes
    ----------
    x0, y0, x1, y1 : float
        Edges in the file; around the range, where the figure is turned by an angle.
    window : tuple of float, optional
        Edges in the figure; None where they are those in the file.
    """

    x0: float
    y0: float
    x1: float
    y1: float
    width: int
    height: int
    window: Box | None = None

    @property
    def edges(self) -> Box:
        """The range in the figure."""
        return self.window or (self.x0, self.y0, self.x1, self.y1)

    @property
    def scale(self) -> float:
        """File pixels per pixel of the screen."""
        x0, y0, x1, y1 = self.edges
        return max((x1 - x0) / self.width, (y1 - y0) / self.height)

    @property
    def middle(self) -> tuple[float, float, float]:
        """The place in the middle, in the file, and the shorter side of the range."""
        x0, y0, x1, y1 = self.edges
        return (self.x0 + self.x1) / 2, (self.y0 + self.y1) / 2, min(x1 - x0, y1 - y0)

    def turned(self, turn: Turn) -> Visible:
        """Return the range in the file of one in the figure."""
        if turn == Turn():
            return self
        return Visible(*turn.file_box(self.edges), self.width, self.height, self.edges)

    def grown(self, share: float) -> Box:
        """Return the range in the file with more around it."""
        return _grown((self.x0, self.y0, self.x1, self.y1), share)

    def grown_edges(self, share: float) -> Box:
        """Return the range in the figure with more around it."""
        return _grown(self.edges, share)


def _grown(box: Box, share: float) -> Box:
    dx, dy = share * (box[2] - box[0]), share * (box[3] - box[1])
    return box[0] - dx, box[1] - dy, box[2] + dx, box[3] + dy


def add_zoom(figure: Figure, box: Box, on_change: Callable[[Visible], object]) -> None:
    """Tell `on_change` what of the file is visible, a moment after every change; `move_view` is the other way."""
    turn = Turn.of(figure)
    names = ("x0", "x1", "y0", "y1", "width", "height")
    visible = models.ColumnDataSource({name: [] for name in names}, name="visible")
    move = models.ColumnDataSource({name: [] for name in ("kind", "x", "y", "size", "n")}, name="move")
    follow_view(figure, {"visible": visible, "move": move, "figure": figure, "settle": _SETTLE_MS}, _JS_VISIBLE)
    ranges = {"xr": figure.x_range, "yr": figure.y_range}
    limits = {"least": _LEAST_PIXELS, "most": 2 * max(box[2] - box[0], box[3] - box[1])}
    move.js_on_change(
        "data", models.CustomJS(args={"move": move, "figure": figure, **ranges, **limits}, code=_JS_MOVE)
    )
    for one in ranges.values():
        one.update(min_interval=_LEAST_PIXELS, max_interval=2 * limits["most"])
    # sources travel with the figure only when something in it refers to them
    figure.tags = [*figure.tags, visible, move]

    def told(_name: str, _old: Any, new: Mapping[str, Any]) -> None:
        found = read_visible(new)
        if found is not None:
            on_change(found.turned(turn))

    visible.on_change("data", told)


def read_visible(columns: Mapping[str, Any]) -> Visible | None:
    """Return what the browser sent; None for anything that is no range."""
    try:
        x0, y0, x1, y1, width, height = (float(columns[n][0]) for n in ("x0", "y0", "x1", "y1", "width", "height"))
    except (KeyError, IndexError, TypeError, ValueError):
        return None
    good = all(map(math.isfinite, (x0, y0, x1, y1, width, height))) and x1 > x0 and y1 > y0
    if not good or not (1 <= width <= _MOST_SCREEN_PIXELS and 1 <= height <= _MOST_SCREEN_PIXELS):
        return None
    return Visible(x0, y0, x1, y1, int(width), int(height))


def move_view(figure: Figure, kind: Move, *, x: float = 0.0, y: float = 0.0, size: float = 1.0) -> None:
    """Move the view in the browser.

    Parameters
    ----------
    kind : str
        ``"by"``: `size` times as much is visible; ``"to"``: `x`, `y` (0-based file pixels) in the middle, with `size`
        pixels along the shorter side; ``"pan"``: by shares `x`, `y` of what is visible, towards the right and up;
        ``"whole"``: the whole image. A figure that is not shown yet begins where it was moved to.
    """
    move = next(tag for tag in figure.tags if getattr(tag, "name", "") == "move")
    if kind == "to":
        x, y = Turn.of(figure).place(x, y)
    n = [*move.data["n"], 0][0] + 1
    move.data = {"kind": [kind], "x": [x], "y": [y], "size": [size], "n": [n]}


@dataclass(frozen=True, slots=True)
class Graticule:
    """Lines, labels and their arrangement for a part of an image: see `graticule_of` and `set_graticule`."""

    columns: dict[str, list[Any]]
    labels: dict[str, list[Any]]
    families: tuple[str, str]
    axis_labels: tuple[str, str]


def graticule_of(header: ImageHeader, box: Box, turn: Turn | None = None) -> Graticule | None:
    """Return lines as dense as a part of the image needs them; blocks for some milliseconds. None without a sky.

    `box` and the lines are those of a figure with this `turn`.
    """
    if turn is not None:
        header = turn.header(header)
    wcs = celestial_wcs(header)
    if wcs is None:
        return None
    columns = graticule_columns(header, wcs, box)
    families = edge_families(columns, box)
    names = axis_names(header)
    return Graticule(columns, inner_labels(columns, box), families, names if families[0] == "lon" else names[::-1])


def set_graticule(figure: Figure, graticule: Graticule) -> None:
    """Give a figure other lines; the browser places their labels on the axes."""
    source, labels = own_source(figure, "graticule"), own_source(figure, "graticule_labels")
    source.tags = list(graticule.families)
    figure.xaxis.axis_label, figure.yaxis.axis_label = graticule.axis_labels
    labels.data = graticule.labels
    source.data = {key: [np.asarray(one) for one in column] if key in ("xs", "ys") else column
                   for key, column in graticule.columns.items()}  # fmt: skip


def own_source(figure: Figure, name: str) -> Any:
    """Return the source of this name that a renderer of the figure draws.

    Bokeh's own search follows the ranges as well, and so into the other figures that share them.
    """
    sources = (getattr(renderer, "data_source", None) for renderer in figure.renderers)
    return next(source for source in sources if source is not None and source.name == name)
