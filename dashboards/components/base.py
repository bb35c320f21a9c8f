"""Base of our browser components: Python params in, one JSON text to the browser, text drawn only as text."""

from __future__ import annotations

import hashlib
import json
import math
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import panel as pn
import param
from panel.io.state import set_curdoc

ASSETS = Path(__file__).resolve().parents[2] / "assets"


def component_source(name: str) -> str:
    """Return the JavaScript of one component with the shared part (``cells.js``) in front of it."""
    shared = (ASSETS / "cells.js").read_text(encoding="utf-8")
    return shared + "\n" + (ASSETS / f"{name}.js").read_text(encoding="utf-8")


COMPONENT_CSS = (ASSETS / "components.css").read_text(encoding="utf-8")


class Component(pn.custom.JSComponent):  # type: ignore[misc, unused-ignore]
    """A component whose `_sent` params travel to the browser as one JSON text.

    One text instead of many Bokeh properties: Bokeh validates and encodes every list element by itself,
    which costs milliseconds for a table of 50 rows.
    """

    payload = param.String(default="{}", doc="what the browser draws, as JSON; made from the other params")

    _sent: ClassVar[tuple[str, ...]] = ()
    _stylesheets: ClassVar[list[str]] = [COMPONENT_CSS]
    _esm = "export function render() { return document.createElement('div') }"

    __abstract = True

    def __init__(self, **params: Any) -> None:
        params.setdefault("sizing_mode", "stretch_width")
        params.setdefault("margin", (0, 0, 10, 0))
        super().__init__(**params)  # type: ignore[no-untyped-call]
        self._pack()
        if self._sent:
            self.param.watch(self._pack, list(self._sent))

    def _get_properties(self, doc: Any) -> dict[str, Any]:
        """Name the module, so that the browser compiles it once and not for every component of the page."""
        properties: dict[str, Any] = super()._get_properties(doc)
        properties["bundle"] = _digest(properties["esm"])
        return properties

    def _process_bokeh_event(self, doc: Any, event: Any) -> None:
        """Handle what the browser tells, without Panel's busy indicator: nothing shows it, and it costs 2 ms."""
        with set_curdoc(doc):
            self._process_event(event)

    def _pack(self, *_events: Any) -> None:
        values = {name: getattr(self, name) for name in self._sent}
        self.payload = json.dumps(values, default=_plain, allow_nan=False, separators=(",", ":"))


@lru_cache(maxsize=64)
def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: object) -> Any:
    """Turn numpy scalars, dates and sets into what JSON knows."""
    if hasattr(value, "item"):
        return _finite(value.item())
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if isinstance(value, set | frozenset | tuple):
        return list(value)
    return str(value)


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
