"""How the parts of a page stand beside each other."""

from __future__ import annotations

from typing import Any

import panel as pn

_GAP_PX = 10
# A third of a page, so that groups of facts stand below each other there.
FACTS_WIDTH = 400


def side_by_side(*parts: Any) -> pn.Row:
    """Return the parts in one row, each as wide as the others."""
    columns = [
        pn.Column(part, sizing_mode="stretch_width", margin=(0, 0, 0, _GAP_PX if i else 0))
        for i, part in enumerate(parts)
    ]
    return pn.Row(*columns, sizing_mode="stretch_width", margin=0)
