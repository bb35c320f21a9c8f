"""A log that can be read while it grows: only the visible lines exist in the browser's page."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import param

from dashboards.components.base import Component, component_source


class LogView(Component):
    """A virtual list of log lines with follow mode, filter, error jumps and plain-text copy.

    The server keeps no line: what `append` gets is sent and forgotten.

    Parameters
    ----------
    on_ready : callable, optional
        Called without arguments when the browser can take lines (again): send the tail then, with ``reset=True``.
    """

    label = param.String(default="Log", doc="name of the log for screen readers")
    max_lines = param.Integer(default=200_000, bounds=(100, 200_000), doc="older lines are dropped and counted")

    _sent: ClassVar[tuple[str, ...]] = ()
    _esm = component_source("log_view")

    def __init__(self, *, on_ready: Callable[[], object] | None = None, **params: Any) -> None:
        params.setdefault("height", 480)
        super().__init__(**params)
        self._on_ready = on_ready

    def append(self, lines: str | Iterable[str], *, reset: bool = False, skipped: str = "") -> None:
        """Add lines at the end.

        Parameters
        ----------
        lines : str or iterable of str
            Text with line feeds, or lines without.
        reset : bool
            Forget what was shown before.
        skipped : str
            What was left out just before these lines ("12,034 lines skipped"); drawn as a marker.
        """
        text = lines if isinstance(lines, str) else "\n".join(lines)
        if text or reset or skipped:
            self._send_msg({"text": text, "reset": reset, "skipped": skipped})

    def show_first_error(self) -> None:
        """Scroll to the first error among the lines sent so far and stop following; nothing without an error."""
        self._send_msg({"to_first_error": True})

    def _handle_msg(self, data: Any) -> None:
        if isinstance(data, dict) and data.get("type") == "ready" and self._on_ready is not None:
            self._on_ready()
