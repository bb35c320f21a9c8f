"""Figures have room for what is drawn beside their frame."""

from __future__ import annotations

import pytest
from bokeh.models import HoverTool

from dashboards.plots.empty import empty_figure
from dashboards.plots.style import LOW_PX, add_hover, new_figure
from dashboards.plots.theme import get_theme


def _figure(height: int):
    figure = new_figure(get_theme("dark"), title="t", x_label="x", y_label="y", height=height)
    add_hover(figure, get_theme("dark"), [("x", "@x")], renderers=[figure.scatter([1], [1])])
    return figure


@pytest.mark.parametrize(("height", "place"), [(180, "above"), (LOW_PX - 1, "above"), (LOW_PX, "right")])
def test_tools_of_a_low_figure_stand_beside_its_title(height: int, place: str) -> None:
    assert _figure(height).toolbar_location == place


@pytest.mark.parametrize(("height", "shown"), [(180, False), (LOW_PX, True)])
def test_a_low_figure_shows_only_the_tools_that_are_picked(height: int, shown: bool) -> None:
    figure = _figure(height)
    assert figure.select_one({"type": HoverTool}).visible is shown
    assert len(figure.toolbar.tools) == 6


def test_an_empty_figure_has_its_words_in_the_middle() -> None:
    figure = empty_figure("nothing yet", height=180)
    assert figure.toolbar_location is None
    assert figure.min_border_right is None
