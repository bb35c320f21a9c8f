"""Keys of one page: each goes to the server and is listed in the help; two lead to the pages before and after."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import param

from dashboards.components.base import Component, component_source


class PageKeys(Component):
    """An invisible listener.

    Parameters
    ----------
    on_key : callable
        Called with the name of a key of `keys`, as browsers name it: ``"s"``, ``"Shift+ArrowLeft"``.
    """

    keys = param.List(default=[], doc="lists of keys (in one text, with spaces), what they do, their label if other")
    links = param.Dict(default={}, doc="hrefs of the pages before and after, where no list was left for this page")
    keep = param.String(default="", doc="query that goes with the reader to the page before or after")

    _sent: ClassVar[tuple[str, ...]] = ("keys", "links", "keep")
    _rename: ClassVar[Mapping[str, str | None]] = dict.fromkeys(_sent)
    _esm = component_source("page_keys")

    def __init__(self, *, on_key: Callable[[str], object], **params: Any) -> None:
        super().__init__(width=0, height=0, sizing_mode="fixed", margin=0, **params)
        self._on_key = on_key

    def _handle_msg(self, data: Any) -> None:
        key = data.get("key") if isinstance(data, dict) and data.get("type") == "key" else None
        if isinstance(key, str) and any(key in names.split(" ") for names, *_ in self.keys):
            self._on_key(key)
