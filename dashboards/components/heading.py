"""The heading of a page about one thing: its name, and in the same line what matters most about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import param

from dashboards.components.base import Component, component_source


class Heading(Component):
    """A name as heading of the first level, followed by a few labelled values (see `fact`)."""

    text = param.String(default="", doc="the name")
    tooltip = param.String(default="", doc="more of the name: a whole path")
    items = param.List(default=[], item_type=dict, doc="labelled values, see `dashboards.components.facts.fact`")

    _sent: ClassVar[tuple[str, ...]] = ("text", "tooltip", "items")
    _rename: ClassVar[Mapping[str, str | None]] = dict.fromkeys(_sent)
    _esm = component_source("heading")
