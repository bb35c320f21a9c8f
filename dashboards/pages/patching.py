"""Patching figures that are on the screen: new columns into an existing source, never a new figure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bokeh.models import ColumnDataSource


def patch_source(figure: Any, name: str, columns: Mapping[str, Any]) -> bool:
    """Give the source called `name` new columns; False when the figure has to be made (anew).

    A figure made without data has no source: it is kept while there are still no data.
    """
    if figure is None:
        return False
    source = figure.select_one({"name": name, "type": ColumnDataSource})
    if source is None:
        return not any(len(column) for column in columns.values())
    source.data = dict(columns)
    return True
