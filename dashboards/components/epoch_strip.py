"""Epochs of a source as tiles, and one of them large: stepped and played with the keyboard, in the browser."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal

import param

from dashboards.components.base import Component, component_source
from dashboards.components.cells import safe_href

RATES = (1, 2, 5, 10)
Kind = Literal["detection", "forced", "flagged", "limit"]


def epoch_tile(
    photometry_id: int,
    *,
    time: str,
    utc_ms: float | None,
    flux: str,
    snr: str,
    kind: Kind,
    src: str | None,
    href: str | None,
    problem: str = "",
    title: str = "",
    above: bool = False,
) -> dict[str, Any]:
    """Return one tile.

    Parameters
    ----------
    time, flux, snr : str
        As they are to be read.
    utc_ms : float or None
        Where the light curve is marked, milliseconds since 1970; None for an epoch without a time.
    src : str or None
        URL of the picture; without one the tile says `problem`.
    href : str or None
        Where a click leads.
    above : bool
        The epoch has pixels beyond the common scale.
    """
    return {
        "id": photometry_id, "time": time, "ms": utc_ms, "flux": flux, "snr": snr, "kind": kind,
        "src": safe_href(src) if src else None, "href": safe_href(href) if href else None,
        "problem": problem, "title": title, "above": above,
    }  # fmt: skip


class EpochStrip(Component):
    """Tiles in order of time.

    Parameters
    ----------
    on_frame : callable, optional
        Called with the id of the tile on which the reader came to rest.
    on_rate : callable, optional
        Called with the chosen frames per second.
    on_turn : callable, optional
        Called with 1 for older epochs, -1 for newer ones.
    """

    tiles = param.List(default=[], item_type=dict, doc="see `epoch_tile`")
    frame = param.Integer(default=0, doc="id of the tile to show large; 0 for the newest with a picture")
    rate: Any = param.Selector(default=2, objects=list(RATES), doc="frames per second while it plays")
    rates = param.List(default=list(RATES), doc="rates to choose from")
    total = param.String(default="", doc="which epochs of how many, in words")
    note = param.String(default="", doc="what the reader must know: the scale, what is missing")
    downloads = param.List(default=[], item_type=dict, doc="links to files: href, text, title")
    has_older = param.Boolean(default=False, doc="whether there are older epochs")
    has_newer = param.Boolean(default=False, doc="whether there are newer epochs")

    _sent: ClassVar[tuple[str, ...]] = (
        "tiles", "frame", "rate", "rates", "total", "note", "downloads", "has_older", "has_newer"
    )  # fmt: skip
    _rename: ClassVar[Mapping[str, str | None]] = dict.fromkeys(_sent)
    _esm = component_source("epoch_strip")

    def __init__(
        self,
        *,
        on_frame: Callable[[int], object] | None = None,
        on_rate: Callable[[int], object] | None = None,
        on_turn: Callable[[int], object] | None = None,
        **params: Any,
    ) -> None:
        super().__init__(**params)
        self._on_frame, self._on_rate, self._on_turn = on_frame, on_rate, on_turn

    def _handle_msg(self, data: Any) -> None:
        kind = data.get("type") if isinstance(data, dict) else None
        if kind == "frame" and self._on_frame is not None:
            if data.get("id") in {tile["id"] for tile in self.tiles}:
                self._on_frame(int(data["id"]))
        elif kind == "rate" and self._on_rate is not None:
            if data.get("value") in RATES:
                self._on_rate(int(data["value"]))
        elif kind in ("older", "newer") and self._on_turn is not None:
            self._on_turn(1 if kind == "older" else -1)
