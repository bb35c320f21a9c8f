"""Figures on the screen take newer numbers without being made anew."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, Span

from dashboards.pages.figure_updates import update_figures
from dashboards.plots import Night, plot_caltable, plot_flag_bars, plot_flag_fraction_by_time, plot_noise_trend
from tests.dashboards.plot_samples import make_antennas, make_caltable, make_ms

SOLUTIONS = np.exp(1j * np.linspace(0, 1, 5 * 2 * 8 * 2)).reshape(1, 5, 2, 8, 2)


def test_a_shown_figure_keeps_its_models_and_takes_the_new_numbers_and_words() -> None:
    old = make_ms(n_time=5)
    new = replace(old, flag_by_time=np.full(5, 0.5), flag_fraction=0.5)
    shown, newer = plot_flag_fraction_by_time(old), plot_flag_fraction_by_time(new)
    source = shown.select_one({"name": "flags_by_time", "type": ColumnDataSource})
    assert update_figures([shown], [newer])
    assert shown.select_one({"name": "flags_by_time", "type": ColumnDataSource}) is source
    assert list(source.data["percent"]) == [50.0] * 5
    assert "50.0 %" in shown.select_one({"name": "subtitle"}).text


def test_bars_in_a_new_order_get_their_new_names() -> None:
    old = make_antennas(4, has_data=np.ones(4, bool), flag_fraction=np.array([0.1, 0.2, 0.3, 0.4]))
    new = replace(old, flag_fraction=np.array([0.9, 0.2, 0.3, 0.4]))
    shown = plot_flag_bars(old)
    assert update_figures([shown], [plot_flag_bars(new)])
    assert shown.xaxis[0].major_label_overrides[0] == new.names[0]


def test_a_bar_more_has_a_place_on_the_axis() -> None:
    old = make_antennas(4, has_data=np.array([True, True, True, False]), flag_fraction=np.full(4, 0.3))
    new = replace(old, has_data=np.ones(4, bool))
    shown = plot_flag_bars(old)
    assert update_figures([shown], [plot_flag_bars(new)])
    assert shown.x_range.start < 0 < 3 < shown.x_range.end
    assert len(shown.xaxis[0].major_label_overrides) == 4


def test_a_figure_with_other_parts_is_not_touched() -> None:
    detail = make_caltable(SOLUTIONS)
    shown = plot_caltable(detail)
    before = [figure.title.text for figure in shown]
    chosen = detail.antennas.names[1]
    assert not update_figures(shown, plot_caltable(detail, antenna=chosen))
    assert [figure.title.text for figure in shown] == before


def test_another_antenna_on_top_is_a_patch_with_its_own_name_in_the_legend() -> None:
    detail = make_caltable(SOLUTIONS)
    first, second = detail.antennas.names[1], detail.antennas.names[2]
    shown = plot_caltable(detail, antenna=first)
    assert update_figures(shown, plot_caltable(detail, antenna=second))
    labels = [item.label.value for item in shown[0].legend[0].items]
    assert any(second in label for label in labels)
    assert not any(f"antenna {first} " in label for label in labels)


def noise_of(night: Night, noise_jy: float) -> Any:
    return plot_noise_trend(np.array([60000.5]), np.array([noise_jy]), ["a"], night=night)


def test_a_figure_of_the_night_moves_on_with_it_and_keeps_its_median_line() -> None:
    shown, newer = noise_of(Night(60000.0, 60001.0), 1e-3), noise_of(Night(60000.1, 60001.1), 2e-3)
    assert update_figures([shown], [newer])
    assert (shown.x_range.start, shown.x_range.end) == (newer.x_range.start, newer.x_range.end)
    assert shown.select_one(Span).location == newer.select_one(Span).location


def test_who_zoomed_into_the_night_stays_there() -> None:
    shown, newer = noise_of(Night(60000.0, 60001.0), 1e-3), noise_of(Night(60000.1, 60001.1), 1e-3)
    shown.x_range.start += 1000.0
    before = shown.x_range.start
    assert update_figures([shown], [newer])
    assert shown.x_range.start == before
    assert shown.x_range.reset_end == newer.x_range.end
