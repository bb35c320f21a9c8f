"""What the symbols and lines of a plot mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import param

from dashboards.components.base import Component, component_source


class PlotKey(Component):
    """Symbols and lines with their words, in a row beside a plot.

    A legend within the plot is laid out anew whenever that is painted: 10 ms of 30.
    """

    entries = param.List(default=[], item_type=list, doc="marker (or dash), colour and word of each")
    label = param.String(default="Symbols and lines of the plot", doc="name for screen readers")

    _sent: ClassVar[tuple[str, ...]] = ("entries", "label")
    _rename: ClassVar[Mapping[str, str | None]] = dict.fromkeys(_sent)
    _esm = component_source("plot_key")
