"""Status tiles: one number, its state in glyph, word and colour, and its age."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import param

from dashboards.components.base import Component, component_source
from dashboards.components.cells import Cell, State, safe_href, shortened

LONGEST_NOTE = 300
"""Characters; states and errors in it may come from the pipeline."""


def tile(
    title: str,
    value: Cell,
    *,
    state: State | None = None,
    word: str = "",
    unix: float | None = None,
    stale_after_s: float | None = None,
    note: str = "",
    href: str | None = None,
) -> dict[str, Any]:
    """Return one tile.

    Parameters
    ----------
    value : Cell
        Drawn large.
    state, word : str
        The state and the word for it (without one, the state's own).
    unix : float, optional
        Unix seconds of the value; its age ticks in the browser.
    stale_after_s : float, optional
        Above this age the browser itself turns the tile to "STALE", even when the server is dead.
    note : str
        What the state was judged by, for example "limit 30 min".
    href : str, optional
        Where a click leads.
    """
    return {
        "title": title,
        "value": value,
        "state": state,
        "word": shortened(word, LONGEST_NOTE),
        "unix": unix,
        "stale_after": stale_after_s,
        "note": shortened(note, LONGEST_NOTE),
        "href": safe_href(href) if href else None,
    }


class Tiles(Component):
    """Tiles in a grid; `large` for a wall screen."""

    tiles = param.List(default=[], item_type=dict, doc="see `tile`")
    large = param.Boolean(default=False, doc="whether the tiles are to be read from across a room")
    min_width = param.Integer(default=220, bounds=(120, 1200), doc="least width of a tile, pixels")

    _sent: ClassVar[tuple[str, ...]] = ("tiles", "large", "min_width")
    _rename: ClassVar[Mapping[str, str | None]] = {"tiles": None, "large": None, "min_width": None}
    _esm = component_source("tiles")
