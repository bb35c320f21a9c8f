"""Plots over nights: order, what is left out, and the sky the right way round."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from bokeh.models import ColumnDataSource, Span

from dashboards.plots import (
    Night,
    TimelineEvent,
    noise_trend_columns,
    plot_noise_trend,
    plot_pointing,
    plot_sky_coverage,
    plot_timeline,
    plot_transits,
    pointing_columns,
    sky_coverage_columns,
    timeline_columns,
    transit_columns,
)
from data_access.records import CalibratorTransit, Pointing

DAY_MS = 86_400_000.0


def message(figure):
    return figure.select_one({"name": "message"}).text


def subtitle(figure):
    return figure.select_one({"name": "subtitle"}).text


def transit(name="3C48", mjd=60900.0, has_data=True):
    return CalibratorTransit(name, mjd, has_data, "group", 1.0, 0.9, True)


def test_noise_is_in_order_of_time_in_the_unit_of_the_axis():
    columns = noise_trend_columns(np.array([60002.0, 60001.0]), np.array([2e-3, 1e-3]), ["b", "a"])

    assert columns["name"] == ["a", "b"]
    np.testing.assert_allclose(columns["noise"], [1.0, 2.0])


def test_images_without_epoch_or_noise_are_counted_not_drawn():
    figure = plot_noise_trend(np.array([60001.0, np.nan, 60002.0]), np.array([1e-3, 1e-3, np.nan]), ["a", "b", "c"])

    assert figure.select_one(ColumnDataSource).data["name"] == ["a"]
    assert "2 without epoch or noise" in subtitle(figure)


def test_the_median_noise_is_a_line():
    figure = plot_noise_trend(60000.0 + np.arange(3), np.array([1e-3, 5e-3, 3e-3]), ["a", "b", "c"])

    assert figure.select_one(Span).location == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("figure", "words"),
    [
        (lambda: plot_noise_trend(np.array([]), np.array([]), []), "no image"),
        (lambda: plot_timeline([]), "nothing happened"),
        (lambda: plot_transits([transit(mjd=None)]), "no transit"),
        (lambda: plot_pointing([Pointing(60000.0, 1.0, None)]), "no pointing"),
        (lambda: plot_sky_coverage(np.array([np.nan]), np.array([1.0]), ["x"], 1.0), "no field"),
    ],
    ids=["noise", "timeline", "transits", "pointing", "coverage"],
)
def test_nothing_to_draw_is_said(figure, words):
    assert words in message(figure())


def test_events_of_a_night_keep_their_lane_and_their_length():
    columns = timeline_columns([TimelineEvent("observed", 40587.0, 40588.0), TimelineEvent("failed", 40589.0)])

    assert columns["lane"] == ["observed", "failed"]
    np.testing.assert_allclose(columns["start_ms"], [0, 2 * DAY_MS])
    np.testing.assert_allclose(columns["end_ms"], [DAY_MS, 2 * DAY_MS])


def test_lanes_differ_by_symbol_and_colour():
    lanes = ("observed", "converted", "imaged", "failed")

    columns = timeline_columns([TimelineEvent(lane, 60000.0) for lane in lanes])

    assert len(set(columns["marker"])) == len(set(columns["colour"])) == 4


def test_an_empty_night_with_its_limits_is_an_empty_timeline():
    figure = plot_timeline([], night=Night(40587.0, 40588.0))

    assert (figure.x_range.start, figure.x_range.end) == (0.0, DAY_MS)
    assert "0 observed" in subtitle(figure)


def test_the_timeline_counts_each_lane():
    figure = plot_timeline([TimelineEvent("failed", 60000.0), TimelineEvent("imaged", 60000.0)])

    assert subtitle(figure) == "0 observed · 0 converted · 1 imaged · 1 failed"


def test_transits_without_data_differ_from_those_where_it_is_not_recorded():
    columns = transit_columns([transit(has_data=True), transit(has_data=False), transit(has_data=None)])

    assert columns["state"] == ["data", "no data", "not recorded"]
    assert len(set(columns["marker"])) == 3


def test_the_subtitle_counts_transits_with_data():
    assert "1 of 2 transits have data" in subtitle(plot_transits([transit(), transit(has_data=False)]))


def test_pointings_are_in_order_and_keep_a_missing_right_ascension():
    columns = pointing_columns([Pointing(60002.0, None, 20.0), Pointing(60001.0, 10.0, 16.0)])

    np.testing.assert_array_equal(columns["dec_deg"], [16.0, 20.0])
    assert np.isnan(columns["ra_deg"][1])


def test_fields_are_true_circles_on_the_sky():
    columns = sky_coverage_columns(np.array([100.0]), np.array([60.0]), ["f"], 2.0)

    outline = SkyCoord(columns["xs"][0], columns["ys"][0], unit="deg")
    np.testing.assert_allclose(outline.separation(SkyCoord(100, 60, unit="deg")).deg, 2.0, rtol=1e-9)


def test_a_field_at_0_h_is_cut_instead_of_drawn_across_the_sky():
    columns = sky_coverage_columns(np.array([0.2]), np.array([10.0]), ["f"], 1.0)

    assert np.isnan(columns["xs"][0]).sum() == 2
    assert np.nanmax(np.abs(np.diff(columns["xs"][0]))) < 180


def test_right_ascension_grows_to_the_left():
    figure = plot_sky_coverage(np.array([10.0]), np.array([16.0]), ["f"], 1.5)

    assert figure.x_range.start > figure.x_range.end
    assert figure.xaxis[0].axis_label == "Right ascension (hours, ICRS)"


def test_plots_of_one_night_share_their_axis_whatever_else_is_known():
    night = Night(60000.0, 60001.0)
    old = Pointing(59000.0, 1.0, 16.0)
    figures = [
        plot_timeline([TimelineEvent("imaged", 60000.5)], night=night),
        plot_noise_trend(np.array([10000.0, 60000.5]), np.array([9.0, 1e-3]), ["1904", "tonight"], night=night),
        plot_pointing([old, Pointing(60000.5, 1.0, 54.5)], night=night),
    ]

    assert len({(figure.x_range.start, figure.x_range.end) for figure in figures}) == 1
    assert "1 of other times" in subtitle(figures[1])
    assert "of 1 image" in subtitle(figures[1])
    assert subtitle(figures[2]) == "1 pointing, the last one +54.500° · 1 of other times"


def test_a_night_without_any_image_or_pointing_says_what_is_known():
    night = Night(60000.0, 60001.0)

    assert "2 images, all of other times" in message(
        plot_noise_trend(np.array([10000.0, 10001.0]), np.array([1.0, 1.0]), ["a", "b"], night=night)
    )
    assert "newest: +16.000° at 2020-05-31 00:00 UTC" in message(
        plot_pointing([Pointing(59000.0, 1.0, 16.0)], night=night)
    )
