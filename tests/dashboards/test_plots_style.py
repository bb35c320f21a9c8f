"""Figures have room for what is drawn beside their frame."""

from __future__ import annotations

import pytest
from bokeh.models import HoverTool

from dashboards.plots.empty import empty_figure
from dashboards.plots.style import HIGHEST_WITH_TOOLS_ABOVE, add_hover, new_figure
from dashboards.plots.theme import get_theme

_LOW = HIGHEST_WITH_TOOLS_ABOVE


def _figure(height: int):
    figure = new_figure(get_theme("dark"), title="t", x_label="x", y_label="y", height=height)
    add_hover(figure, get_theme("dark"), [("x", "@x")], renderers=[figure.scatter([1], [1])])
    return figure


@pytest.mark.parametrize(("height", "shown"), [(180, False), (_LOW + 1, True)])
def test_a_low_figure_shows_only_the_tools_that_are_picked(height: int, shown: bool) -> None:
    figure = _figure(height)
    assert figure.select_one({"type": HoverTool}).visible is shown
    assert len(figure.toolbar.tools) == 6


def test_an_empty_figure_has_its_words_in_the_middle() -> None:
    figure = empty_figure("nothing yet", height=180)
    assert figure.toolbar_location is None
    assert figure.min_border_right is None
