"""The line in a light curve at the epoch whose image is shown; the epoch strip moves it in the browser."""

from __future__ import annotations

from typing import Any

from dashboards.plots.bokeh_models import Figure, models
from dashboards.plots.theme import get_theme

MARK = "epoch_mark"
MEANING = "epoch of the picture below"


def mark_epoch(figure: Figure | None, utc_ms: float | None, *, theme: str) -> Any:
    """Draw the line at this time and return it; None leaves it where the reader has put it, hidden at first.

    Where there is no light curve, there is no line.
    """
    if figure is None or all(renderer.name != "points" for renderer in figure.renderers):
        return None
    span = epoch_mark(figure)
    if span is None:
        colour = get_theme(theme).text
        span = models.Span(
            dimension="height", line_color=colour, line_width=1.5, line_dash="dotted", name=MARK, visible=False
        )
        figure.add_layout(span)
    if utc_ms is not None:
        span.update(location=utc_ms, visible=True)
    return span


def epoch_mark(figure: Figure) -> Any:
    """Return the line, None when there is none: `select_one` goes through every model of the figure, 15 ms."""
    return next((item for item in figure.center if item.name == MARK), None)


def mark_key(figure: Figure) -> list[list[str]]:
    """Return what the line means (dash, colour and words) while it is seen, else nothing."""
    mark = epoch_mark(figure)
    return [["dotted", str(mark.line_color), MEANING]] if mark is not None and mark.visible else []
