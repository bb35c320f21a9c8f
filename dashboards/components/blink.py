"""Blinking between images that lie upon each other: in the browser, so that it is even at ten per second."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import param

from dashboards.components.base import Component, component_source

RATES = ("0.5", "1", "2", "4", "8")


class BlinkControl(Component):
    """Buttons and keys; shows one of the layers of a figure of `plot_blink` and hides the others.

    Parameters
    ----------
    on_show : callable, optional
        Called with the number (from 0) of the image on which the reader came to rest.
    on_play : callable, optional
        Called with whether it plays, and the rate.
    on_mode : callable, optional
        Called with the mode that a key asks for.
    """

    figure = param.String(default="", doc="name of the figure on the screen, unlike that of any before")
    layers = param.List(default=[], item_type=dict, doc="the images: title, words (line below the title)")
    shown = param.Integer(default=0, bounds=(0, 3), doc="number of the visible image, from 0")
    playing = param.Boolean(default=False, doc="whether it blinks by itself")
    rate = param.Selector[str](default="2", objects=list(RATES), doc="images per second")
    rates = param.List(default=list(RATES), doc="rates to choose from")
    mode = param.String(default="blink", doc="blink, side or difference: the buttons are for blink only")

    _sent: ClassVar[tuple[str, ...]] = ("figure", "layers", "shown", "playing", "rate", "rates", "mode")
    _rename: ClassVar[Mapping[str, str | None]] = dict.fromkeys(_sent)
    _esm = component_source("blink")

    def __init__(
        self,
        *,
        on_show: Callable[[int], object] | None = None,
        on_play: Callable[[bool, str], object] | None = None,
        on_mode: Callable[[str], object] | None = None,
        modes: Sequence[str] = ("blink", "side", "difference"),
        **params: Any,
    ) -> None:
        super().__init__(**params)
        self._on_show, self._on_play, self._on_mode, self._modes = on_show, on_play, on_mode, tuple(modes)

    def _handle_msg(self, data: Any) -> None:
        if not isinstance(data, dict):
            return
        kind, value = data.get("type"), data.get("value")
        if kind == "show" and self._on_show is not None and isinstance(value, int) and 0 <= value < len(self.layers):
            self._on_show(int(value))
        elif kind == "play" and self._on_play is not None and data.get("rate") in RATES:
            self._on_play(value is True, str(data["rate"]))
        elif kind == "mode" and self._on_mode is not None and value in self._modes:
            self._on_mode(str(value))
