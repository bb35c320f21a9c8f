"""A contact sheet: pictures with a few words each, loaded when they come into view, patched in place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, NotRequired, TypedDict

import param

from dashboards.components.base import ASSETS, COMPONENT_CSS, Component, component_source
from dashboards.components.cells import Cell, safe_href
from dashboards.components.record_table import Turn, toggled


class Picture(TypedDict):
    """One tile: a key that stays the same while the record lives, where it leads, its picture, its words.

    Without `src` there is no picture, and `problem` says why.
    """

    key: str
    href: NotRequired[str]
    name: str
    title: str
    src: NotRequired[str]
    problem: NotRequired[str]
    cells: Sequence[Cell]


def picture(
    key: object, name: str, cells: Sequence[Cell], *, href: str, src: str | None, title: str = "", problem: str = ""
) -> Picture:
    """Return a tile; `src` is asked for when the tile comes into view, and its error is written into the tile."""
    made: Picture = {"key": str(key), "name": name, "title": title or name, "cells": list(cells)}
    if (safe := safe_href(href)) is not None:
        made["href"] = safe
    if src is not None and not problem and (safe := safe_href(src)) is not None:
        made["src"] = safe
    else:
        made["problem"] = problem or "no picture"
    return made


class Gallery(Component):
    """Pictures in a grid that goes on while the reader scrolls.

    Parameters
    ----------
    on_more : callable, optional
        Called when the end comes into view and `has_more` is set.
    on_turn : callable, optional
        Called with ``"first"``, ``"previous"`` or ``"next"``.
    on_select : callable, optional
        Called with the keys of all selected tiles, those that are not shown here among them.
    """

    tiles = param.List(default=[], item_type=dict, doc="see Picture")
    selected = param.List(default=[], item_type=str, doc="keys of the selected tiles")
    total = param.String(default="", doc="how many records there are, in words")
    caption = param.String(default="", doc="name of the sheet")
    empty = param.String(default="No records.", doc="what is said when there are no tiles")
    note = param.String(default="", doc="what the reader must know about these tiles")
    has_more = param.Boolean(default=False, doc="whether more tiles can be added at the end")
    has_next = param.Boolean(default=False, doc="whether there is a next page")
    has_previous = param.Boolean(default=False, doc="whether there is a previous page")
    loading_tiles = param.Boolean(default=False, doc="whether newer tiles are on their way")

    _sent: ClassVar[tuple[str, ...]] = (
        "tiles", "selected", "total", "caption", "empty", "note", "has_more", "has_next", "has_previous",
        "loading_tiles",
    )  # fmt: skip
    _rename: ClassVar[Mapping[str, str | None]] = dict.fromkeys(_sent)
    _esm = component_source("gallery")
    _stylesheets: ClassVar[list[str]] = [COMPONENT_CSS, (ASSETS / "gallery.css").read_text(encoding="utf-8")]

    def __init__(
        self,
        *,
        on_more: Callable[[], object] | None = None,
        on_turn: Callable[[Turn], object] | None = None,
        on_select: Callable[[list[str]], object] | None = None,
        **params: Any,
    ) -> None:
        super().__init__(**params)
        self._on_more = on_more
        self._on_turn = on_turn
        self._on_select = on_select

    def _handle_msg(self, data: Any) -> None:
        kind = data.get("type") if isinstance(data, dict) else None
        if kind == "more" and self.has_more and self._on_more is not None:
            self._on_more()
        elif kind in ("first", "previous", "next") and self._on_turn is not None:
            self._on_turn(kind)
        elif kind == "select" and self._on_select is not None:
            chosen = toggled(self.selected, {tile["key"] for tile in self.tiles}, data.get("key"))
            if chosen is not None:
                self._on_select(chosen)
