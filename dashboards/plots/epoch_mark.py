"""The line in a light curve at the epoch whose image is shown; the epoch strip moves it in the browser.

It is explained in the legend while it is there.
"""

from __future__ import annotations

import numpy as np

from dashboards.plots.bokeh_models import Figure, models, value
from dashboards.plots.theme import get_theme

MARK = "epoch_mark"
WORDS = "epoch_mark_words"
MEANING = "epoch of the picture below"


def mark_epoch(figure: Figure | None, utc_ms: float | None, *, theme: str) -> None:
    """Draw the line at this time; None leaves it where the reader has put it, hidden at first."""
    if figure is None or all(renderer.name != "points" for renderer in figure.renderers):
        return
    # not by `select_one`: that goes through every model of the figure, 15 ms each time
    span = next((item for item in figure.center if item.name == MARK), None)
    if span is None:
        colour = get_theme(theme).text
        span = models.Span(
            dimension="height", line_color=colour, line_width=1.5, line_dash="dotted", name=MARK, visible=False
        )
        figure.add_layout(span)
        # a span cannot stand in a legend
        key = figure.line([np.nan], [np.nan], line_color=colour, line_width=1.5, line_dash="dotted")
        item = models.LegendItem(label=value(MEANING), renderers=[key], name=WORDS, visible=False)
        figure.legend[0].items = [*figure.legend[0].items, item]
    if utc_ms is not None:
        span.update(location=utc_ms, visible=True)
        next(item for item in figure.legend[0].items if item.name == WORDS).visible = True
