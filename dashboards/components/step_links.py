"""From one record to the previous and the next one of the list that the reader came from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import param

from dashboards.components.base import Component, component_source


class StepLinks(Component):
    """Two links with the keys ``[`` and ``]``, the place in the list, and the way back to it."""

    previous = param.Tuple(default=("", ""), length=2, doc="name and link of the previous record; empty for none")
    next = param.Tuple(default=("", ""), length=2, doc="name and link of the next record; empty for none")
    list = param.Tuple(default=("", ""), length=2, doc="name of the list, and its link")
    place = param.String(default="", doc="where in the list this is, in words")

    _sent: ClassVar[tuple[str, ...]] = ("previous", "next", "list", "place")
    _rename: ClassVar[Mapping[str, str | None]] = dict.fromkeys(_sent)
    _esm = component_source("step_links")
