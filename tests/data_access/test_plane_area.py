"""Areas drawn in a plane: what is inside, and the way through a URL."""

from __future__ import annotations

from urllib.parse import quote

import numpy as np
import pytest
from matplotlib.path import Path as Outline

from data_access.analysis.plane_area import LONGEST_AREA, MOST_CORNERS, area_text, box, inside, parse_area
from data_access.errors import ValidationError

RNG = np.random.default_rng(3)
X, Y = RNG.normal(size=(2, 20_000))


def lasso(n: int) -> np.ndarray:
    """A wavy outline of n corners, as a hand draws it."""
    angle = np.linspace(0, 2 * np.pi, n, endpoint=False)
    radius = 1 + 0.3 * np.sin(5 * angle)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def test_points_inside_an_outline_are_those_of_matplotlib() -> None:
    outline = lasso(37)
    assert np.array_equal(inside([outline], X, Y), Outline(outline).contains_points(np.stack([X, Y], axis=1)))


def test_several_outlines_are_taken_together() -> None:
    here, there = box(1, 0, 0, 1), box(0.5, 2, 0.5, 2)
    assert np.array_equal(inside([here, there], X, Y), inside([here], X, Y) | inside([there], X, Y))


def test_an_area_comes_back_from_its_text_which_a_url_leaves_as_it_is() -> None:
    outlines = [box(-1.5, 2.25, -3, 0.0001), np.array([(0, 0), (1, 1), (2, 0)])]
    text = area_text(outlines)
    assert quote(text, safe="") == text
    for again, outline in zip(parse_area(text), outlines, strict=True):
        assert np.array_equal(again, outline)


def test_a_long_lasso_is_cut_to_what_a_url_carries_and_means_the_same() -> None:
    outline = lasso(3000)
    text = area_text([outline])
    (again,) = parse_area(text)
    assert len(again) <= MOST_CORNERS
    assert len(text) <= LONGEST_AREA
    differs = inside([again], X, Y) != inside([outline], X, Y)
    assert differs.sum() < 0.01 * X.size


def test_corners_on_a_straight_line_are_left_out() -> None:
    steps = np.linspace(0, 1, 20)
    outline = np.concatenate([np.stack([steps, 0 * steps], axis=1), [(1, 1), (1, 1), (0, 1)]])
    assert area_text([outline]) == "0_0_1_0_1_1_0_1"


@pytest.mark.parametrize("text", ["", "1_2", "1_2_3_4", "a_b_c_d_e_f", "1_2_3_4_5_nan", "1_2_3_4_5_6~", "<b>"])
def test_a_text_that_is_no_area_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        parse_area(text)


@pytest.mark.parametrize("outline", [np.zeros((100, 2)), np.ones((3, 2)), box(0, 0, 0, 1)])
def test_an_area_without_a_size_holds_nothing(outline: np.ndarray) -> None:
    assert not inside(parse_area(area_text([outline])), X, Y).any()
