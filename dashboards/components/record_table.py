"""A page of records as an accessible table: sort, keyboard, links, patched in place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal, NotRequired, TypedDict

import param

from dashboards.components.base import Component, component_source
from dashboards.components.cells import Cell

Turn = Literal["first", "previous", "next"]


class Column(TypedDict):
    """One column; `width` and `least` are CSS, `sortable` columns are sorted by the server under their `name`.

    The first click on the head of a column sorts it descending, ascending where it is `lowest_first`.
    """

    name: str
    label: str
    unit: NotRequired[str]
    sortable: NotRequired[bool]
    lowest_first: NotRequired[bool]
    align: NotRequired[Literal["left", "right", "center"]]
    title: NotRequired[str]
    width: NotRequired[str]
    least: NotRequired[str]


class Row(TypedDict):
    """One row: a key that stays the same while the record lives, its link, one cell per column."""

    key: str
    href: NotRequired[str]
    cells: Sequence[Cell]


def row(key: object, cells: Sequence[Cell], *, href: str | None = None) -> Row:
    """Return a row; `href` is opened by a click anywhere in it or by Enter, and is the link of its first cell."""
    made: Row = {"key": str(key), "cells": list(cells)}
    if href is not None:
        made["href"] = href
    return made


class RecordTable(Component):
    """A page of records.

    Rows are patched by key: what did not change is left alone, so focus, selection and scroll position stay.

    Parameters
    ----------
    on_sort : callable, optional
        Called with the column's name and whether it is to be descending.
    on_turn : callable, optional
        Called with ``"first"``, ``"previous"`` or ``"next"``.
    on_select : callable, optional
        Called with the keys of all selected rows, those that are not shown here among them; without it rows have no
        box to select them.
    """

    columns = param.List(default=[], item_type=dict, doc="see Column")
    rows = param.List(default=[], item_type=dict, doc="see Row")
    sort = param.String(default="", doc="name of the column by which the rows are sorted")
    descending = param.Boolean(default=True, doc="whether the sort is descending")
    total = param.String(default="", doc="how many records there are, in words")
    has_next = param.Boolean(default=False, doc="whether there is a next page")
    has_previous = param.Boolean(default=False, doc="whether there is a previous page")
    caption = param.String(default="", doc="name of the table")
    empty = param.String(default="No records.", doc="what is said when there are no rows")
    note = param.String(default="", doc="what the reader must know about these rows")
    truncated = param.Boolean(default=False, doc="whether the answer was cut; the note then says where")
    selected = param.List(default=[], item_type=str, doc="keys of the selected rows")
    selectable = param.Boolean(default=False, doc="whether rows have a box to select them")
    loading_rows = param.Boolean(default=False, doc="whether newer rows are on their way")
    files = param.List(default=[], item_type=tuple, doc="what the table can be taken as: pairs of text and link")
    max_height = param.Integer(default=0, bounds=(0, None), doc="height of the scrolling part, pixels; 0: all rows")

    _sent: ClassVar[tuple[str, ...]] = (
        "columns", "rows", "sort", "descending", "total", "has_next", "has_previous", "caption", "empty",
        "note", "truncated", "loading_rows", "max_height", "selected", "selectable", "files",
    )  # fmt: skip
    _rename: ClassVar[Mapping[str, str | None]] = dict.fromkeys(_sent)
    _esm = component_source("record_table")

    def __init__(
        self,
        *,
        on_sort: Callable[[str, bool], object] | None = None,
        on_turn: Callable[[Turn], object] | None = None,
        on_select: Callable[[list[str]], object] | None = None,
        **params: Any,
    ) -> None:
        super().__init__(selectable=on_select is not None, **params)
        self._on_select = on_select
        self._on_sort = on_sort
        self._on_turn = on_turn

    def _handle_msg(self, data: Any) -> None:
        kind = data.get("type") if isinstance(data, dict) else None
        if kind == "sort" and self._on_sort is not None:
            sortable = {c["name"] for c in self.columns if c.get("sortable")}
            if data.get("name") in sortable:
                self._on_sort(data["name"], bool(data.get("descending")))
        elif kind in ("first", "previous", "next") and self._on_turn is not None:
            self._on_turn(kind)
        elif kind == "select" and self._on_select is not None:
            chosen = toggled(self.selected, {row["key"] for row in self.rows}, data.get("key"))
            if chosen is not None:
                self._on_select(chosen)


def toggled(selected: Sequence[str], known: set[str], key: object) -> list[str] | None:
    """Return the selection with one key more or less; None for a key that is not shown."""
    if not isinstance(key, str) or key not in known:
        return None
    return [other for other in selected if other != key] if key in selected else [*selected, key]
