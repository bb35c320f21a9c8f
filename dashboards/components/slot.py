"""A place in a page that keeps its height: it says that it is loading, shows its content, or says what failed."""

from __future__ import annotations

import json
from typing import Any

import panel as pn

from dashboards.boundary import Failure
from dashboards.components.notice import Notice
from dashboards.components.plot_pane import as_view
from dashboards.components.record_table import RecordTable

_WAITING = """
:host::before {
  content: %s; flex: 1 1 auto; align-self: stretch; display: flex; align-items: center; justify-content: center;
  min-height: inherit; box-sizing: border-box; color: var(--muted); font: 14px system-ui, sans-serif;
  border: 1px dashed var(--grid); border-radius: 3px;
}
"""


# A table's caption with its column heads, and one row of one line, pixels.
_HEAD_PX, _ROW_PX = 75, 27


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
        self._height = height
        text = f"Loading {label}" if height else ""
        self.notice = Notice(kind="loading", text=text, height_px=height)
        self.content: Any = None
        self.failure: Failure | None = None
        self._shown: Any = None
        # The waiting words are drawn by a style sheet: a component of its own in every slot would cost a page its
        # first plot by 10 to 15 ms each, on the server and again in the browser.
        self._column = pn.Column(
            sizing_mode="stretch_width",
            margin=0,
            styles={"min-height": f"{height}px"},
            stylesheets=[_WAITING % json.dumps(text)] if text else [],
        )

    def __panel__(self) -> pn.Column:
        return self._column

    def succeed(self, content: Any = None) -> None:
        """Show `content` (a Panel object or a Bokeh figure); None or the same object again keeps what is there."""
        self.failure = None
        if self.notice.text:
            self.notice.param.update(text="", remedy="", small="", height_px=0)
        if isinstance(content, Notice) and isinstance(self.content, Notice):
            self.content.say(content)  # another model in the page costs it 20 ms more than other words
        elif content is not None and content is not self.content:
            self.content = content
            self._shown = as_view(content)
        if self._is_low():
            # A table of few rows, or words instead of a plot, need less than what was awaited: no hole is left.
            self._column.styles = {"min-height": "0px"}
        self._arrange()

    def _is_low(self) -> bool:
        if isinstance(self.content, RecordTable):
            return _HEAD_PX + _ROW_PX * len(self.content.rows) < self._height
        return isinstance(self.content, Notice)

    def clear(self) -> None:
        """Wait no longer for a first content that will not come, and keep no room for it."""
        if self.content is None:
            self.notice.param.update(text="", height_px=0)
            self._column.styles = {"min-height": "0px"}
            self._arrange()

    def _arrange(self) -> None:
        """Put into the column what there is to say or to show, and take away the waiting words."""
        parts = [self.notice] if self.notice.text else []
        parts += [self._shown] if self._shown is not None else []
        if self._column.stylesheets:
            self._column.stylesheets = []
        if list(self._column) != parts:
            self._column[:] = parts

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
        self._arrange()
