"""The light curve on the page of a source: drawn once, then patched; points are picked in it, stretches brushed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from bokeh.events import SelectionGeometry

from dashboards.components.plot_key import PlotKey
from dashboards.plots.bokeh_models import Figure, models
from dashboards.plots.epoch_mark import epoch_mark, mark_epoch, mark_key
from dashboards.plots.light_curve import curve_source, plot_light_curve, show_brush, update_light_curve
from dashboards.plots.light_curve_data import light_curve_columns
from dashboards.plots.light_curve_hover import tell_words
from dashboards.plots.time_axis import MJD_OF_1970, MS_PER_DAY
from data_access.records import LightCurve

_BRUSH_TOOL = "Brush: metrics of a stretch of time (a click with it takes the brush away)"


class CurveView:
    """The figure, the key to its symbols, and what is done with it.

    Parameters
    ----------
    on_pick : callable
        Called with the row number of the measurement that was clicked, 0 when none is chosen any more.
    on_brush : callable
        Called with begin and end of the brushed stretch (MJD), both None when the brush is taken away.
    """

    def __init__(
        self,
        *,
        height: int,
        on_pick: Callable[[int], object],
        on_brush: Callable[[float | None, float | None], object],
    ) -> None:
        self.figure: Figure | None = None
        self.key = PlotKey(margin=(0, 0, 2, 0))
        self._height = height
        self._on_pick = on_pick
        self._on_brush = on_brush
        self._untold: tuple[LightCurve, dict[str, Any]] | None = None

    def show(
        self, curve: LightCurve, *, point: int, brush: tuple[float, float], words: bool = True, **look: Any
    ) -> Figure | None:
        """Draw a light curve; return a figure when there is a new one, None when the one on the page was patched.

        Without `words` a figure that is patched gets those of its hover box from `tell`.
        """
        figure = self.figure
        patched = figure is not None and update_light_curve(figure, curve, words=words, **look)
        self._untold = (curve, look) if patched and not words else None
        if figure is None or not patched:
            figure = self.figure = self._new(curve, **look)
        self._show_key(figure)
        show_brush(figure, *brush)
        self._choose(point)
        return None if patched else figure

    def mark(self, utc_ms: float | None, *, theme: str) -> None:
        """Mark an epoch, see `mark_epoch`; the key explains the line while it is seen."""
        was_marked = self.figure is not None and epoch_mark(self.figure) is not None
        mark = mark_epoch(self.figure, utc_ms, theme=theme)
        if mark is not None and not was_marked:
            mark.on_change("visible", self._mark_moved)
        self._show_key(self.figure)

    def _mark_moved(self, _attr: str, _old: bool, _new: bool) -> None:
        self._show_key(self.figure)

    def _show_key(self, figure: Figure | None) -> None:
        entries = [] if figure is None else [*figure.tags, *mark_key(figure)]
        if self.key.entries != entries:
            self.key.entries = entries

    def tell(self) -> None:
        """Give the hover box the words that `show` left out."""
        if self._untold is not None and self.figure is not None:
            curve, look = self._untold
            tell_words(self.figure, light_curve_columns(curve, look["flux"], look["unit"], marks=look["marks"]))
            self._untold = None

    def _new(self, curve: LightCurve, **look: Any) -> Figure:
        figure = plot_light_curve(curve, height=self._height, legend=False, **look)
        points = next((renderer for renderer in figure.renderers if renderer.name == "points"), None)
        if points is not None:
            brush = models.BoxSelectTool(renderers=[], dimensions="width", description=_BRUSH_TOOL)
            figure.add_tools(models.TapTool(renderers=[points]), brush)
            figure.on_event(SelectionGeometry, self.brushed)
            points.data_source.selected.on_change("indices", self.picked)
        return figure

    def _choose(self, point: int) -> None:
        """Mark the chosen measurement; in other data it stands at another place."""
        source = curve_source(self.figure)
        if source is None:
            return
        indices = np.flatnonzero(np.asarray(source.data["photometry_id"]) == point).tolist() if point else []
        if source.selected.indices != indices:
            source.selected.indices = indices

    def picked(self, _attr: str, _old: list[int], new: list[int]) -> None:
        """Take over a click on a point."""
        ids = np.asarray(curve_source(self.figure).data["photometry_id"])
        self._on_pick(max(0, int(ids[new[0]])) if new and new[0] < ids.size else 0)

    def brushed(self, event: Any) -> None:
        """Take over what the brush was drawn across; a click with it takes the brush away."""
        geometry = event.geometry or {}
        if not event.final or geometry.get("type") != "rect":
            return
        begin, end = sorted(geometry[name] / MS_PER_DAY + MJD_OF_1970 for name in ("x0", "x1"))
        if begin == end:
            self._on_brush(None, None)
        else:
            self._on_brush(begin, end)
