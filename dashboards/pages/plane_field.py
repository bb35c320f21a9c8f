"""The field that chooses a plane of a cube: by name where they fit a list, else by number with the name beside."""

from __future__ import annotations

from dashboards.components.filters import Field
from data_access.analysis.plane_names import plane_name
from data_access.records import ImageHeader

# A longer list is harder to find a plane in than its number is to type.
MOST_LISTED = 64


def plane_field(header: ImageHeader, plane: int) -> Field:
    """Return the field for a cube; `plane` is the one that is shown."""
    n = header.n_planes
    if n <= MOST_LISTED:
        options = [(str(i), f"{i}: {name}" if (name := plane_name(header, i)) else str(i)) for i in range(n)]
        return {"name": "plane", "label": "Plane", "kind": "select", "options": options, "width": "13rem"}
    return {
        "name": "plane", "label": "Plane", "kind": "number", "width": "12rem", "help": f"0 to {n - 1}",
        "unit": plane_name(header, plane),
    }  # fmt: skip
