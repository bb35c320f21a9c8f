"""Keys of one page, listed in its help: each goes to the server, two lead to the pages around, one compares them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar
from urllib.parse import parse_qsl

import param

from dashboards.components.base import Component, component_source

_LONGEST = 4000


class PageKeys(Component):
    """An invisible listener.

    Parameters
    ----------
    on_key : callable
        Called with the name of a key of `keys`, as browsers name it: ``"s"``, ``"Shift+ArrowLeft"``.
    on_beyond : callable
        Called with a step (1 or -1) and the query of a list whose page, which the reader came from, ends here;
        the answer goes into `beyond`.
    """

    keys = param.List(default=[], doc="lists of keys (in one text, with spaces), what they do, their label if other")
    links = param.Dict(default={}, doc="hrefs of the pages before and after, where no list was left for this page")
    keep = param.String(default="", doc="query that goes with the reader to the page before or after")
    compare = param.String(default="", doc="href of the comparison of this page's image with others")
    beyond = param.Dict(
        default={"serial": 0, "step": 0, "hrefs": [], "after": "", "words": ""},
        doc="pages that follow in the list, nearest first, where it goes on, and why there are none",
    )

    _sent: ClassVar[tuple[str, ...]] = ("keys", "links", "keep", "compare", "beyond")
    _rename: ClassVar[Mapping[str, str | None]] = dict.fromkeys(_sent)
    _esm = component_source("page_keys")

    def __init__(
        self, *, on_key: Callable[[str], object], on_beyond: Callable[[int, dict[str, str]], object], **params: Any
    ) -> None:
        super().__init__(width=0, height=0, sizing_mode="fixed", margin=0, **params)
        self._on_key, self._on_beyond = on_key, on_beyond

    def _handle_msg(self, data: Any) -> None:
        if isinstance(data, dict) and data.get("type") == "beyond":
            query = str(data.get("query") or "")[:_LONGEST].removeprefix("?")
            self._on_beyond(-1 if data.get("step") == -1 else 1, dict(parse_qsl(query)))
            return
        key = data.get("key") if isinstance(data, dict) and data.get("type") == "key" else None
        if isinstance(key, str) and any(key in names.split(" ") for names, *_ in self.keys):
            self._on_key(key)
