"""Bounds on what the light curves of ESE candidates say: each a range in one field of the form and in the URL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import param

from dashboards.components.filters import Field
from dashboards.pages.list_page import FieldError
from dashboards.pages.source_search import RANGE_HELP, range_of
from data_access.records.source_columns import SourceColumn
from data_access.records.source_query import Range

_DOC = "bounds, as 3..10, >3 or <=10"


class EseRangeParams(param.Parameterized):  # type: ignore[misc, unused-ignore]
    """What the filters keep in the URL, as it was typed."""

    depth_range = param.String(default="", doc=f"depth of the dip in per cent: {_DOC}")
    duration_range = param.String(default="", doc=f"duration of the dip in days: {_DOC}")
    run_range = param.String(default="", doc=f"measurements in the dip: {_DOC}")
    deepest_range = param.String(default="", doc=f"largest deviation in the dip, in errors: {_DOC}")
    leave_one_out_range = param.String(default="", doc=f"leave-one-out z: {_DOC}")
    bound_range = param.String(default="", doc=f"flagged value in per cent of the largest possible one: {_DOC}")


# By the name of the column that is filtered: label, unit, what the reader sees of 1, and what it is.
_FILTERS: Mapping[str, tuple[str, str, float, str]] = {
    "depth": ("Depth", "%", 100.0, "Loss of flux in the most significant dip, of the running median"),
    "duration": ("Duration", "days", 1.0, "Of that dip, from its first to its last low measurement"),
    "run": ("Run", "", 1.0, "Measurements in that dip"),
    "deepest": (
        "Dip z",
        "",
        1.0,
        "Largest deviation of that dip from the running median, in errors; dips are negative",
    ),
    "leave_one_out": ("z, 1 out", "", 1.0, "Leave-one-out z, signed: what is too faint is negative"),
    "bound": ("Of bound", "%", 100.0, "Flagged σ deviation, of the largest value that so many epochs can reach"),
}
RANGE_PARAMS = tuple(f"{name}_range" for name in _FILTERS)
RANGE_FIELDS: tuple[Field, ...] = tuple(
    {"name": f"{name}_range", "label": label, "kind": "text", "unit": unit, "width": "7.5rem",
     "placeholder": "3..10",
     "help": f"{words}. {RANGE_HELP}. What has no value, or is not analysed yet, is not shown."}
    for name, (label, unit, _, words) in _FILTERS.items()
)  # fmt: skip


def range_values(view: Any) -> dict[str, str]:
    """Return what the form shows: what the URL has."""
    return {name: getattr(view, name) for name in RANGE_PARAMS if getattr(view, name)}


def ranges_of(values: Mapping[str, Any]) -> tuple[dict[str, Range], dict[str, str]]:
    """Return the bounds by column, in the unit that the reader sees, and what is wrong with other texts by field."""
    found: dict[str, Range] = {}
    errors: dict[str, str] = {}
    for name, (label, _, _, words) in _FILTERS.items():
        field = f"{name}_range"
        try:
            bounds = range_of(
                SourceColumn(field, label, "", words, "ours", name == "run"), str(values.get(field) or "")
            )
        except FieldError as err:
            errors[field] = err.message
            continue
        if bounds is not None:
            found[name] = bounds
    return found, errors


def is_inside(value: float | None, name: str, bounds: Range) -> bool:
    """Return whether the value of a column lies within the bounds; one that is not known does not."""
    if value is None:
        return False
    shown = value * _FILTERS[name][2]
    return (bounds.low is None or shown >= bounds.low) and (bounds.high is None or shown <= bounds.high)
