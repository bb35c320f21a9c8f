"""The regions of an image: what a click does, the list with its figures, text and files in and out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol

import param

from dashboards.components.base import Component, component_source
from dashboards.components.cells import Cell

LONGEST_TEXT = 1_000_000


class RegionListener(Protocol):
    """Who is told what the reader does."""

    def choose_mode(self, mode: str) -> None:
        """A click on the picture now does something else."""

    def finish(self) -> None:
        """The polygon has all its corners."""

    def cancel(self) -> None:
        """What was begun is not wanted."""

    def add_text(self, text: str, name: str) -> None:
        """Regions typed or pasted, or those of a file with this name."""

    def select(self, number: int) -> None:
        """The figures of a region are wanted; counted from 1."""

    def remove(self, number: int) -> None:
        """A region is not wanted any more; counted from 1."""

    def clear(self) -> None:
        """No region is wanted any more."""

    def choose_frame(self, frame: str) -> None:
        """Files are to be in another frame."""

    def save(self, file_format: str) -> None:
        """The regions are wanted as a file."""


def region_row(number: int, name: str, cells: Sequence[Cell], *, selected: bool) -> dict[str, Any]:
    """Return one line of the list."""
    return {"key": number, "name": name, "cells": list(cells), "selected": selected}


class RegionPanel(Component):
    """The tools above, the list, and a box for text and files.

    Parameters
    ----------
    listener : RegionListener
        Only modes, numbers, frames and formats that are offered arrive.
    """

    mode = param.String(default="", doc="what a click on the picture does")
    modes = param.List(default=[], doc="value, label and title of each mode")
    actions = param.List(default=[], doc="'finish' and 'cancel' with label and title, while something is drawn")
    hint = param.String(default="", doc="what to do next")
    columns = param.List(default=[], item_type=dict, doc="label, unit, title and align; the first one is the name")
    rows = param.List(default=[], item_type=dict, doc="see `region_row`")
    total = param.String(default="", doc="how many regions there are, in words")
    note = param.String(default="", doc="what the reader must know about the list")
    errors = param.List(default=[], item_type=str, doc="what is wrong with the text or the file, line by line")
    added = param.Integer(default=0, doc="grows when a text was taken over: the box then holds `text`")
    text = param.String(default="", doc="lines that were left out, to be mended")
    placeholder = param.String(default="", doc="what can be written, for example")
    formats = param.List(default=[], doc="value, label and title of each file format")
    frames = param.List(default=[], doc="value and label of each frame of a file")
    frame = param.String(default="", doc="frame of a file")
    file = param.Dict(default={"serial": 0}, doc="serial, name and text of the file that is saved now")

    _sent: ClassVar[tuple[str, ...]] = (
        "mode", "modes", "actions", "hint", "columns", "rows", "total", "note", "errors", "added", "text",
        "placeholder", "formats", "frames", "frame", "file",
    )  # fmt: skip
    _rename: ClassVar[Mapping[str, str | None]] = dict.fromkeys(_sent)
    _esm = component_source("region_panel")

    def __init__(self, listener: RegionListener, **params: Any) -> None:
        super().__init__(**params)
        self._listener = listener

    def _handle_msg(self, data: Any) -> None:
        if not isinstance(data, dict):
            return
        kind, value, listener = data.get("type"), data.get("value"), self._listener
        offered = {"mode": self.modes, "frame": self.frames, "save": self.formats}
        if kind in offered and value in [option[0] for option in offered[kind]]:
            {"mode": listener.choose_mode, "frame": listener.choose_frame, "save": listener.save}[kind](str(value))
        elif kind == "add" and isinstance(data.get("text"), str):
            listener.add_text(data["text"][: LONGEST_TEXT + 1], str(data.get("name") or "")[:200])
        elif kind in ("select", "remove") and data.get("key") in [row["key"] for row in self.rows]:
            (listener.select if kind == "select" else listener.remove)(int(data["key"]))
        elif kind in ("finish", "cancel", "clear"):
            {"finish": listener.finish, "cancel": listener.cancel, "clear": listener.clear}[kind]()
