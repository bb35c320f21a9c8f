"""A Bokeh figure in a page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import panel as pn
from bokeh.models import LayoutDOM

_MARGIN = (0, 0, 10, 0)


class FigurePane(pn.pane.Bokeh):  # type: ignore[misc, unused-ignore]
    """A pane for figures of our own, which need none of what Panel does to those of others.

    Panel looks through all models of a figure twice, for scripts that name it and for a theme: 40 ms for an image.
    """

    def _get_model(self, doc: Any, root: Any = None, parent: Any = None, comm: Any = None) -> Any:
        if root is None:
            return self.get_root(doc, comm)
        self._models[root.ref["id"]] = (self.object, parent)
        return self.object


def plot_pane(figure: LayoutDOM | Callable[[], LayoutDOM], *, height: int | None = None) -> FigurePane:
    """Return a pane of full width for `figure` or for the figure that the function makes.

    The document carries the theme; no other one is applied here.

    Parameters
    ----------
    height : int, optional
        Pixels; without it the figure's own height.
    """
    made = figure() if callable(figure) else figure
    if height is not None:
        made.height = height
    if made.sizing_mode is None:
        made.sizing_mode = "stretch_width"
    if made.margin is None:
        # on the figure itself: our pane passes nothing on to it
        made.margin = _MARGIN
    size = {"height": made.height} if made.height else {}
    return FigurePane(  # type: ignore[no-untyped-call]
        made, sizing_mode="stretch_width", margin=_MARGIN, **size
    )


def as_view(content: Any) -> Any:
    """Return `content` as something Panel can lay out: figures get a pane, a list becomes a column."""
    if isinstance(content, LayoutDOM):
        return plot_pane(content)
    if isinstance(content, list | tuple):
        return pn.Column(*(as_view(item) for item in content), sizing_mode="stretch_width", margin=0)
    if isinstance(content, str | bytes):
        raise TypeError("a bare string would be drawn as Markdown; use Notice")
    return content
