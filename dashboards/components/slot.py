"""A place in a page that keeps its height: it says that it is loading, shows its content, or says what failed."""

from __future__ import annotations

from typing import Any

import panel as pn

from dashboards.boundary import Failure
from dashboards.components.notice import Notice
from dashboards.components.plot_pane import as_view


class Slot(pn.viewable.Viewer):  # type: ignore[misc, unused-ignore]
    """One place; made by `PageView.new_slot`, filled by `PageView.fill`.

    Parameters
    ----------
    label : str
        What is loading, in words.
    height : int
        Pixels kept free until the content is there, so that nothing jumps; 0 for a place that starts empty.
    """

    def __init__(self, label: str, *, height: int = 0) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.label = label
        text = f"Loading {label}" if height else ""
        self.notice = Notice(kind="loading", text=text, height_px=height)
        self.content: Any = None
        self.failure: Failure | None = None
        self._shown: Any = None
        self._column = pn.Column(
            self.notice, sizing_mode="stretch_width", margin=0, styles={"min-height": f"{height}px"}
        )

    def __panel__(self) -> pn.Column:
        return self._column

    def succeed(self, content: Any = None) -> None:
        """Show `content` (a Panel object or a Bokeh figure); None or the same object again keeps what is there."""
        self.failure = None
        self.notice.param.update(text="", remedy="", small="", height_px=0)
        if content is None or content is self.content:
            return
        self.content = content
        self._shown = as_view(content)
        self._column[:] = [self.notice, self._shown]

    def clear(self) -> None:
        """Wait no longer for a first content that will not come, and keep no room for it."""
        if self.content is None:
            self.notice.param.update(text="", height_px=0)
            self._column.styles = {"min-height": "0px"}

    def fail(self, failure: Failure) -> None:
        """Say what failed; an older content stays below the card."""
        self.failure = failure
        expected = failure.status in (400, 404, 422)
        old = " What is shown below is from before." if self.content is not None else ""
        self.notice.param.update(
            kind="warn" if expected else "bad",
            text=failure.message,
            remedy=failure.remedy + old,
            small=f"error id {failure.error_id}" if failure.error_id else "",
            height_px=0,
        )
        if self.content is None:
            # A card needs less than what did not come: no hole is left below it.
            self._column.styles = {"min-height": "0px"}
