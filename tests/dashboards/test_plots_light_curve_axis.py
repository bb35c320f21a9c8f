"""What the flux axis of a light curve shows: detections and the mean among limits and outliers."""

from __future__ import annotations

import numpy as np
import pytest
from bokeh.models import ColumnDataSource, LegendItem

from dashboards.plots import SYMBOLS, light_curve_columns, plot_light_curve
from tests.dashboards.plot_samples import make_light_curve


def data(figure):
    return figure.select_one({"name": "light_curve", "type": ColumnDataSource}).data


def transient_curve(*detected_mjy, n=40):
    """Faint forced measurements, 3 sigma limits of 3 mJy, after a few detections."""
    forced = np.arange(n) >= len(detected_mjy)
    peak = np.full(n, 0.5e-3)
    peak[: len(detected_mjy)] = np.array(detected_mjy) * 1e-3
    return make_light_curve(n, is_forced=forced, peak_jyb=peak)


def test_the_few_detections_of_a_transient_are_inside_the_axis():
    columns = light_curve_columns(transient_curve(80.0, 45.0))

    np.testing.assert_allclose(columns["drawn"][:2], [80, 45])
    assert not {"triangle", "inverted_triangle"} & set(columns["marker"])


def test_detections_among_limits_are_judged_among_themselves():
    columns = light_curve_columns(transient_curve(*np.linspace(18, 22, 9), 5000.0))

    assert columns["marker"][:10] == [*["circle"] * 9, SYMBOLS["above"].marker]
    assert columns["drawn"][9] < 100
    np.testing.assert_allclose(columns["drawn"][10:], 3.0)


def test_the_axis_holds_the_whole_error_bar_of_every_point_in_its_place():
    n = 30
    peak, error = np.full(n, 0.010), np.full(n, 1e-4)
    peak[3], error[3] = 0.0111, 1.5e-3  # in its place, with a bar that reaches beyond 12 robust widths
    peak[9] = 5.0

    columns = light_curve_columns(make_light_curve(n, peak_jyb=peak, peak_err_jyb=error))

    assert columns["marker"][3] == "circle"
    assert columns["marker"][9] == SYMBOLS["above"].marker
    assert columns["view_high"][3] == pytest.approx(12.6)
    assert columns["view_low"][3] == pytest.approx(9.6)
    np.testing.assert_allclose(columns["drawn"][9], columns["view_high"][3])


def test_a_bar_that_would_hide_everything_else_is_cut_and_counted():
    n = 30
    peak, error = np.full(n, 0.010), np.full(n, 1e-4)
    error[3] = 9.0

    figure = plot_light_curve(make_light_curve(n, peak_jyb=peak, peak_err_jyb=error))

    assert figure.select_one({"name": "reach", "type": ColumnDataSource}).data["high"][0] < 15
    assert "1 error bar reaches past the axis" in figure.select_one({"name": "subtitle"}).text


def test_a_mean_below_all_points_widens_the_axis():
    figure = plot_light_curve(transient_curve())

    mean = figure.select_one({"name": "mean", "type": ColumnDataSource})
    assert mean.data["y"] == [pytest.approx(0.5)]
    assert min(data(figure)["drawn"]) > 2
    assert "mean" in {renderer.name for renderer in figure.y_range.renderers}


def test_a_mean_that_outliers_drew_off_the_axis_is_said_to_be_there():
    peak = make_light_curve().peak_jyb.copy()
    peak[4] = 50.0

    figure = plot_light_curve(make_light_curve(peak_jyb=peak))

    label = figure.select_one({"name": "mean", "type": LegendItem}).label.value
    assert label.endswith("mJy/beam, above the axis")
    assert "mean" not in {renderer.name for renderer in figure.y_range.renderers}
