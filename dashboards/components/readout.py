"""One line of labelled values that changes while the pointer moves over a picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import param

from dashboards.components.base import Component, component_source


class Readout(Component):
    """Labelled values (see `fact`) in a line that is always there, so that nothing jumps."""

    items = param.List(default=[], item_type=dict, doc="labelled values, see `dashboards.components.facts.fact`")
    hint = param.String(default="", doc="what to do to see values")
    label = param.String(default="", doc="name for screen readers")

    _sent: ClassVar[tuple[str, ...]] = ("items", "hint", "label")
    _rename: ClassVar[Mapping[str, str | None]] = dict.fromkeys(_sent)
    _esm = component_source("readout")
