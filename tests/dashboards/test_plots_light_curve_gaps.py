"""Long gaps in a light curve are seen and said."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from bokeh.core.validation.check import check_integrity
from bokeh.models import ColumnDataSource

from dashboards.plots import plot_light_curve, update_light_curve
from dashboards.plots.light_curve_gaps import find_gaps, span_words
from tests.dashboards.plot_samples import make_light_curve


def curve_at(mjd: Any) -> Any:
    mjd = np.asarray(mjd, dtype=float)
    return make_light_curve(mjd.size, mjd=mjd)


WITH_GAP = [*(60900.0 + np.arange(10)), *(60950.5 + np.arange(10))]


def subtitle(figure: Any) -> str:
    return str(figure.select_one({"name": "subtitle"}).text)


def test_a_long_gap_is_shaded_from_the_last_to_the_next_measurement_with_its_length() -> None:
    figure = plot_light_curve(curve_at(WITH_GAP))
    gaps = figure.select_one({"name": "gaps", "type": ColumnDataSource}).data
    assert list(gaps["x0"]) == [(60909.0 - 40587) * 86_400_000]
    assert list(gaps["x1"]) == [(60950.5 - 40587) * 86_400_000]
    assert gaps["words"] == ["gap 41 d 12 h"]
    assert "1 long gap 41 d 12 h from 2025-08-22" in subtitle(figure)


def test_a_patched_figure_shows_the_gaps_of_its_new_measurements() -> None:
    figure = plot_light_curve(curve_at(60900.0 + np.arange(20)))
    assert figure.select_one({"name": "gaps", "type": ColumnDataSource}) is None
    assert "gap" not in subtitle(figure)
    update_light_curve(figure, curve_at(WITH_GAP))
    gaps = figure.select_one({"name": "gaps", "type": ColumnDataSource})
    assert len(gaps.data["x0"]) == 1
    update_light_curve(figure, curve_at(60900.0 + np.arange(20)))
    assert len(gaps.data["x0"]) == 0
    assert "gap" not in subtitle(figure)


def test_the_days_between_nights_of_several_measurements_are_no_gaps() -> None:
    nights = np.concatenate([60900.0 + day + np.array([0.0, 0.004, 0.008]) for day in range(10)])
    assert len(find_gaps(curve_at(nights))) == 0
    assert len(find_gaps(curve_at(np.concatenate([nights, nights + 40])))) == 1


@pytest.mark.parametrize("n", [0, 1, 2])
def test_too_few_measurements_have_no_usual_spacing_and_no_gap(n: int) -> None:
    assert find_gaps(curve_at(60900.0 + 100 * np.arange(n))).shape == (0, 2)


@pytest.mark.parametrize(
    ("days", "words"), [(41.5, "41 d 12 h"), (7.0, "7 d"), (0.5, "12 h"), (0.0625, "1 h 30 min"), (0.01, "14 min")]
)
def test_the_length_of_a_gap_is_in_its_two_largest_units(days: float, words: str) -> None:
    assert span_words(days) == words


def test_a_figure_with_gaps_names_no_column_that_does_not_exist() -> None:
    figure = plot_light_curve(curve_at(WITH_GAP))
    assert check_integrity(figure.references()).error == []
