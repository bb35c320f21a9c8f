"""Newer numbers in figures that are shown already: the models stay, so that zoom, focus and memory stay too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dashboards.plots.bokeh_models import Figure, models


def update_figures(shown: Sequence[Figure], newer: Sequence[Figure]) -> bool:
    """Copy data and words of `newer` figures into the `shown` ones; False, with nothing changed, if they differ.

    Those that were held back are painted again.

    Figures differ when they do not draw the same named sources with the same parts: then only a new figure is right.
    """
    if len(shown) != len(newer) or any(_shape(a) != _shape(b) for a, b in zip(shown, newer, strict=True)):
        return False
    for old, new in zip(shown, newer, strict=True):
        _update(old, new)
    return True


def _shape(figure: Figure) -> tuple[Any, ...]:
    parts = tuple(len(getattr(figure, place)) for place in ("above", "below", "left", "right"))
    labels = tuple(len(legend.items) for legend in figure.legend)
    return figure.name, type(figure.x_range), tuple(sorted(_sources(figure))), parts, labels, len(figure.renderers)


def _sources(figure: Figure) -> dict[str, Any]:
    found = figure.select({"type": models.ColumnDataSource})
    return {source.name: source for source in found if source.name}


def _update(old: Figure, new: Figure) -> None:
    for axis, newer_axis in zip(old.below, new.below, strict=True):
        if isinstance(axis, models.Axis):
            _update_axis(axis, newer_axis, old.x_range, new.x_range)
    _move_on(old.x_range, new.x_range)
    newer_sources = _sources(new)
    for name, source in _sources(old).items():
        source.data = dict(newer_sources[name].data)
    for words, newer_words in zip(_titles(old), _titles(new), strict=True):
        words.text = newer_words.text
    for line in old.select({"type": models.Span}):
        line.location = new.select_one({"name": line.name}).location if line.name else line.location
    for legend, newer_legend in zip(old.legend, new.legend, strict=True):
        for item, newer_item in zip(legend.items, newer_legend.items, strict=True):
            item.label = newer_item.label
    old.hold_render = False


def _move_on(shown: Any, newer: Any) -> None:
    """Move a range that goes with the clock; whoever zoomed into it stays there, and resets to the new one."""
    if not isinstance(newer, models.Range1d) or newer.reset_start is None:
        return
    untouched = (shown.start, shown.end) == (shown.reset_start, shown.reset_end)
    shown.update(reset_start=newer.reset_start, reset_end=newer.reset_end)
    if untouched:
        shown.update(start=newer.start, end=newer.end)


def _update_axis(axis: Any, newer: Any, x_range: Any, newer_range: Any) -> None:
    """Take over the names of places on an axis; where there are more or fewer places, its ends too."""
    names, newer_names = dict(axis.major_label_overrides), dict(newer.major_label_overrides)
    if names == newer_names:
        return
    axis.major_label_overrides = newer_names
    if isinstance(newer.ticker, models.FixedTicker):
        axis.ticker.ticks = list(newer.ticker.ticks)
    if len(names) != len(newer_names) and isinstance(newer_range, models.Range1d):
        x_range.update(start=newer_range.start, end=newer_range.end)


def _titles(figure: Figure) -> list[Any]:
    return [figure.title, *(part for part in figure.above if isinstance(part, models.Title))]
