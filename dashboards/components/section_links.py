"""Links to the sections of a long page, always in sight below the header; the digits are their keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import param

from dashboards.components.base import Component, component_source

ROOM = 24
"""Pixels above the first element of a page that are kept free for the links: they come after the first plot, and
nothing may move then."""
_CLASS = "section-"


class SectionLinks(Component):
    """A list of links that leaves its own place and stands at the top of the page's content.

    The first section is the top of the page. The others are what `mark_section` marked; one that is not there yet, or
    no more, is passed over. A section in the URL (``#context``) is scrolled to when the page is filled.
    """

    sections = param.List(default=[], item_type=tuple, doc="names (as in the URL) and labels, from top to bottom")

    _sent: ClassVar[tuple[str, ...]] = ("sections",)
    _rename: ClassVar[Mapping[str, str | None]] = dict.fromkeys(_sent)
    _esm = component_source("section_links")

    def __init__(self, **params: Any) -> None:
        super().__init__(width=0, height=0, sizing_mode="fixed", margin=0, **params)


def mark_section(view: Any, name: str) -> None:
    """Mark a Panel layout, or a slot, as the place that the link of this name leads to."""
    layout = view if hasattr(view, "css_classes") else view.__panel__()
    if (css_class := _CLASS + name) not in layout.css_classes:
        layout.css_classes = [*layout.css_classes, css_class]
