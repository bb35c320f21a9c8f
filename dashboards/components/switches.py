"""Small choices in a row: views of a page as links, ways to draw a plot as buttons."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import param

from dashboards.components.base import Component, component_source
from dashboards.components.cells import safe_href


def option(value: str, text: str, *, href: str | None = None, count: int | None = None) -> dict[str, Any]:
    """Return one option; with `href` it is a link to a page of its own, else a button."""
    return {"value": value, "text": text, "href": safe_href(href) if href else None, "count": count}


def switch(name: str, label: str, value: str, options: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return one choice: its name, its label, the value that holds now, and the options."""
    return {"name": name, "label": label, "value": value, "options": [dict(o) for o in options]}


class Switches(Component):
    """Choices of which one option each holds.

    Parameters
    ----------
    on_choose : callable, optional
        Called with the name of the switch and the chosen value; only values that are offered arrive.
    """

    switches = param.List(default=[], item_type=dict, doc="see `switch` and `option`")

    _sent: ClassVar[tuple[str, ...]] = ("switches",)
    _rename: ClassVar[Mapping[str, str | None]] = {"switches": None}
    _esm = component_source("switches")

    def __init__(self, *, on_choose: Callable[[str, str], object] | None = None, **params: Any) -> None:
        super().__init__(**params)
        self._on_choose = on_choose

    def _handle_msg(self, data: Any) -> None:
        if not isinstance(data, dict) or data.get("type") != "choose" or self._on_choose is None:
            return
        name, value = data.get("name"), data.get("value")
        offered = {(s["name"], o["value"]) for s in self.switches for o in s["options"] if not o["href"]}
        if (name, value) in offered:
            self._on_choose(str(name), str(value))
