"""What is known about one thing, as labelled values in groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import param

from dashboards.components.base import Component, component_source
from dashboards.components.cells import Cell


def fact(label: str, value: Cell, *, note: str = "") -> dict[str, Any]:
    """Return one labelled value."""
    return {"label": label, "cell": value, "note": note}


def group(title: str, items: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return a titled group of facts."""
    return {"title": title, "items": list(items)}


class Facts(Component):
    """Groups of facts in as many columns as fit."""

    groups = param.List(default=[], item_type=dict, doc="see `group` and `fact`")
    min_width = param.Integer(default=300, bounds=(120, 1200), doc="least width of a column, pixels")

    _sent: ClassVar[tuple[str, ...]] = ("groups", "min_width")
    _rename: ClassVar[Mapping[str, str | None]] = {"groups": None, "min_width": None}
    _esm = component_source("facts")
