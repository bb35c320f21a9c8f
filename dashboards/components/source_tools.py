"""What can be done with a list of sources: take it as a file, choose its columns, ask for a list of one's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import param

from dashboards.components.base import Component, component_source

LONGEST_LIST = 1_000_000
STORAGE_KEY = "dsa110-source-columns"


class SourceTools(Component):
    """Links to files, a chooser of columns that the browser remembers, and a place for an uploaded list.

    Parameters
    ----------
    on_columns : callable, optional
        Called with the chosen names joined by commas, empty for the usual ones.
    on_list : callable, optional
        Called with the text of a list, empty to drop the present one.
    """

    exports = param.List(default=[], doc="pairs of text and link")
    columns = param.List(default=[], doc="groups of columns: title, then (name, label, definition) of each")
    chosen = param.List(default=[], item_type=str, doc="names of the columns that are shown")
    from_url = param.Boolean(default=False, doc="whether the URL names columns: then nothing remembered is asked for")
    list_words = param.String(default="", doc="what is known of the list in use; empty for none")
    unmatched = param.List(default=[], item_type=str, doc="entries of the list that mean no source")
    storage_key = param.String(default=STORAGE_KEY, constant=True, doc="where the browser remembers the columns")

    _sent: ClassVar[tuple[str, ...]] = (
        "exports", "columns", "chosen", "from_url", "list_words", "unmatched", "storage_key",
    )  # fmt: skip
    _rename: ClassVar[Mapping[str, str | None]] = dict.fromkeys(_sent)
    _esm = component_source("source_tools")

    def __init__(
        self,
        *,
        on_columns: Callable[[str], object] | None = None,
        on_list: Callable[[str], object] | None = None,
        **params: Any,
    ) -> None:
        super().__init__(**params)
        self._on_columns = on_columns
        self._on_list = on_list

    def _handle_msg(self, data: Any) -> None:
        kind = data.get("type") if isinstance(data, dict) else None
        if kind == "columns" and self._on_columns is not None:
            known = {name for _, columns in self.columns for name, *_ in columns}
            names = str(data.get("names", ""))[:2000].split(",")
            self._on_columns(",".join(name for name in dict.fromkeys(names) if name in known))
        elif kind == "list" and self._on_list is not None:
            text = data.get("text")
            if isinstance(text, str) and len(text) <= LONGEST_LIST:
                self._on_list(text)
        elif kind == "drop" and self._on_list is not None:
            self._on_list("")
