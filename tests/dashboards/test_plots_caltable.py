"""Calibration tables and antennas: flagged solutions are never drawn as good."""

from __future__ import annotations

import numpy as np
import pytest
from bokeh.models import ColumnDataSource, Range1d, Span

from dashboards.plots import (
    antenna_columns,
    flag_bar_columns,
    flags_by_channel_columns,
    flags_by_time_columns,
    plot_antenna_layout,
    plot_caltable,
    plot_flag_bars,
    plot_flag_fraction_by_channel,
    plot_flag_fraction_by_time,
)
from tests.dashboards.plot_samples import make_antennas, make_caltable, make_ms


def data(figure, name):
    return figure.select_one({"name": name, "type": ColumnDataSource}).data


def subtitle(figure):
    return figure.select_one({"name": "subtitle"}).text


def bandpass(**changes):
    rng = np.random.default_rng(0)
    values = 1.0 + 0.1 * rng.normal(size=(1, 6, 2, 8, 2)) + 0j
    return make_caltable(values, **changes)


def test_a_bandpass_is_drawn_as_amplitude_and_phase_against_frequency():
    amplitude, phase, flags, snr = plot_caltable(bandpass())

    assert amplitude.yaxis[0].axis_label == "Amplitude (ratio)"
    assert phase.yaxis[0].axis_label == "Phase (degrees)"
    assert amplitude.xaxis[0].axis_label == phase.xaxis[0].axis_label == "Frequency (MHz)"
    assert (flags.name, snr.name) == ("flag_bars", "caltable_snr")


def test_the_band_is_the_median_and_the_16_to_84_percent_range_of_antennas():
    detail = bandpass()

    band = data(plot_caltable(detail)[0], "band_0")

    expected = np.percentile(np.abs(detail.values[0, :, :, :, 0]).reshape(6, -1), (16, 50, 84), axis=0)
    np.testing.assert_allclose([band["low"], band["median"], band["high"]], expected)


def test_windows_out_of_order_are_sorted_by_frequency_with_their_values():
    freqs = (1.4e9 + 1e6 * np.arange(8), 1.3e9 - 1e6 * np.arange(8))
    values = np.ones((1, 6, 2, 8, 2), dtype=complex)
    values[:, :, 1] = 2.0

    band = data(plot_caltable(make_caltable(values, freqs_hz=freqs))[0], "band_0")

    known = np.isfinite(band["freq_mhz"])
    assert np.all(np.diff(band["freq_mhz"][known]) > 0)
    np.testing.assert_array_equal(band["median"][known], [2.0] * 8 + [1.0] * 8)


def test_no_line_bridges_the_gap_between_windows():
    freqs = (1.3e9 + 1e6 * np.arange(8), 1.4e9 + 1e6 * np.arange(8))

    band = data(plot_caltable(bandpass(freqs_hz=freqs))[0], "band_0")

    assert np.isnan(band["median"][8])
    assert band["freq_mhz"].size == 17


def test_windows_with_fewer_channels_are_padded_out_of_sight():
    freqs = (1.3e9 + 1e6 * np.arange(8), 1.308e9 + 1e6 * np.arange(3))
    values = np.ones((1, 6, 2, 8, 2), dtype=complex)
    values[:, :, 1, 3:] = np.nan

    band = data(plot_caltable(make_caltable(values, freqs_hz=freqs))[0], "band_0")

    assert band["freq_mhz"].size == 11


def test_huge_flagged_values_do_not_reach_the_plot():
    detail = bandpass()
    detail.values[0, 0] = 1e30
    detail.flag[0, 0] = True

    band = data(plot_caltable(detail)[0], "band_0")

    assert np.nanmax(band["high"]) < 2


def test_phases_near_180_degrees_have_their_median_there_and_not_at_zero():
    values = np.exp(1j * np.radians([[179.0], [-179.0], [-179.5], [178.0], [180.0], [-178.0]]))[
        None, :, :, None, None
    ]
    detail = make_caltable(np.broadcast_to(values, (1, 6, 1, 4, 1)).copy())

    band = data(plot_caltable(detail)[1], "band_0")

    np.testing.assert_allclose(np.abs((band["median"] + 180) % 360 - 180), 180, atol=1)


def test_a_chosen_antenna_is_drawn_on_top():
    detail = bandpass()

    one = data(plot_caltable(detail, antenna="A2")[0], "antenna_1")

    np.testing.assert_allclose(one["median"], np.abs(detail.values[0, 2, :, :, 1]).ravel())


def test_an_antenna_that_does_not_exist_is_said():
    assert "no antenna Z9" in subtitle(plot_caltable(bandpass(), antenna="Z9")[0])


@pytest.mark.parametrize("kind", ["K Jones", "Kcross Jones"])
def test_delays_are_in_ns_by_polarisation(kind):
    delays = np.arange(12.0).reshape(1, 6, 1, 1, 2)

    figures = plot_caltable(make_caltable(delays, kind=kind))

    assert figures[0].yaxis[0].axis_label == "Delay (ns)"
    np.testing.assert_array_equal(data(figures[0], "antennas_0")["value"], [0, 2, 4, 6, 8, 10])
    np.testing.assert_array_equal(data(figures[0], "antennas_1")["value"], [1, 3, 5, 7, 9, 11])


@pytest.mark.parametrize(
    ("kind", "label"),
    [
        ("KAntPos Jones", "Offset (m)"),
        ("TOpac", "Value (as stored)"),
        ("Fringe Jones", "Value (as stored)"),
        ("KMBD Jones", "Value (as stored)"),
    ],
)
def test_real_tables_of_other_kinds_are_no_delays(kind, label):
    figure = plot_caltable(make_caltable(np.arange(12.0).reshape(1, 6, 1, 1, 2), kind=kind))[0]
    assert figure.yaxis[0].axis_label == label
    assert "delay" not in figure.title.text


def test_flagged_antennas_leave_a_gap():
    delays = np.arange(12.0).reshape(1, 6, 1, 1, 2)
    flag = np.zeros(delays.shape, dtype=bool)
    flag[0, 3] = True

    points = data(plot_caltable(make_caltable(delays, kind="K Jones", flag=flag))[0], "antennas_0")

    assert list(points["antenna"]) == [0, 1, 2, 4, 5]
    assert "A3" not in points["name"]


def test_gains_at_several_times_are_drawn_against_time():
    gains = np.ones((3, 6, 1, 1, 2), dtype=complex) * np.array([1.0, 2.0, 3.0])[:, None, None, None, None]

    figure = plot_caltable(make_caltable(gains, kind="G Jones"))[0]

    assert figure.below[0].axis_label == "Time (UTC)"
    np.testing.assert_array_equal(data(figure, "times_0")["median"], [1, 2, 3])


def test_gains_at_one_time_are_drawn_by_antenna():
    figure = plot_caltable(make_caltable(np.ones((1, 6, 1, 1, 2), complex), kind="G Jones"))[0]

    assert figure.below[0].axis_label.startswith("Antenna")


@pytest.mark.parametrize("shape", [(1, 6, 2, 8, 2), (1, 6, 1, 1, 2), (3, 6, 1, 1, 2)])
def test_a_fully_flagged_table_says_so(shape):
    values = np.full(shape, 1e20 + 0j)

    figures = plot_caltable(make_caltable(values, flag=np.ones(shape, dtype=bool)))

    assert "all" in subtitle(figures[0])
    assert "flagged" in subtitle(figures[0])
    assert figures[-1].select_one({"name": "message"}).text == "no signal-to-noise is recorded"


@pytest.mark.parametrize("shape", [(1, 6, 2, 8, 2), (1, 6, 1, 1, 2), (3, 6, 1, 1, 2)])
def test_a_table_of_nan_is_drawn_without_points(shape):
    figures = plot_caltable(make_caltable(np.full(shape, np.nan + 0j)))

    for source in figures[0].select(ColumnDataSource):
        column = source.data.get("median", source.data.get("value"))
        assert column is not None
        assert not np.isfinite(column).any()


def test_an_empty_table_is_said():
    figures = plot_caltable(make_caltable(np.zeros((0, 6, 1, 1, 2), complex)))

    assert [figure.select_one({"name": "message"}).text for figure in figures] == ["this table has no solutions"]


def test_weak_antennas_differ_by_symbol_and_the_threshold_is_a_line():
    detail = bandpass()
    detail.snr[0, 1] = 2.0

    figure = plot_caltable(detail)[-1]

    assert data(figure, "snr")["marker"][:3] == ["circle", "triangle", "circle"]
    assert figure.select_one(Span).location == 3.0
    assert "1 of 6 antennas below 3" in subtitle(figure)


def test_antennas_differ_by_symbol_and_word_for_what_is_flagged():
    antennas = make_antennas(
        4, flag_fraction=np.array([0.1, 0.3, 0.9, np.nan]), has_data=np.array([True, True, True, False])
    )

    columns = antenna_columns(antennas)

    assert columns["state"] == ["ok", "some", "most", "no data"]
    assert len(set(columns["marker"])) == 4
    assert columns["words"][3] == "no data"


@pytest.mark.parametrize(("fraction", "state"), [(0.2, "ok"), (0.2001, "some"), (0.5, "some"), (0.5001, "most")])
def test_limits_belong_to_the_better_state(fraction, state):
    assert antenna_columns(make_antennas(1, flag_fraction=np.array([fraction])))["state"] == [state]


def test_the_view_starts_on_the_core_and_counts_the_outriggers():
    east = np.append(10.0 * np.arange(20), [1500.0, -1200.0])

    figure = plot_antenna_layout(make_antennas(22, east_m=east, names=tuple("ab" * 11)))

    assert isinstance(figure.x_range, Range1d)
    assert -50 < figure.x_range.start < 0 < 190 < figure.x_range.end < 250
    assert figure.x_range.end - figure.x_range.start == figure.y_range.end - figure.y_range.start
    assert "2 outriggers outside" in subtitle(figure)


def test_an_even_array_is_shown_whole_with_equal_scales():
    figure = plot_antenna_layout(make_antennas())

    assert figure.match_aspect
    assert "outside" not in subtitle(figure)


def test_antennas_without_a_position_are_counted():
    east = 10.0 * np.arange(6)
    east[2] = np.nan

    assert "1 without a position" in subtitle(plot_antenna_layout(make_antennas(east_m=east)))


def test_no_antennas_is_said():
    figure = plot_antenna_layout(make_antennas(0))

    assert "no antennas" in figure.select_one({"name": "message"}).text


def test_bars_are_worst_first_and_leave_out_antennas_without_data():
    antennas = make_antennas(
        4, flag_fraction=np.array([0.1, 0.9, 0.5, np.nan]), has_data=np.array([True, True, True, False])
    )

    columns = flag_bar_columns(antennas, most=2)

    assert columns["name"] == ["A1", "A2"]
    np.testing.assert_allclose(columns["percent"], [90, 50])
    assert "1 without data" in subtitle(plot_flag_bars(antennas))


def test_antennas_with_the_same_name_keep_their_own_bars():
    figure = plot_flag_bars(make_antennas(3, names=("A", "A", "A"), flag_fraction=np.array([0.1, 0.2, 0.3])))

    assert list(figure.xaxis[0].major_label_overrides.values()) == ["A", "A", "A"]


def test_flags_by_time_are_in_order_and_in_percent():
    columns = flags_by_time_columns(make_ms())

    np.testing.assert_allclose(columns["percent"], [0, 25, 50, 75, 100])
    assert np.all(np.diff(columns["utc_ms"]) == pytest.approx(60_000))


def test_flags_by_channel_are_against_mhz():
    columns = flags_by_channel_columns(make_ms())

    np.testing.assert_allclose(columns["freq_mhz"], 1300 + np.arange(8))
    assert plot_flag_fraction_by_channel(make_ms()).xaxis[0].axis_label == "Frequency (MHz)"


def test_very_many_channels_are_averaged_and_the_plot_says_so():
    detail = make_ms(n_chan=10_000)

    columns = flags_by_channel_columns(detail)

    assert columns["percent"].size <= 4096
    assert np.nanmean(columns["percent"]) == pytest.approx(25.0, abs=0.1)
    assert "10,000 channels" in subtitle(plot_flag_fraction_by_channel(detail))


def test_a_measurement_set_without_integrations_or_channels_is_said():
    nothing = make_ms(0, 0)

    assert plot_flag_fraction_by_time(nothing).select_one({"name": "message"}).text == "no integrations"
    assert plot_flag_fraction_by_channel(nothing).select_one({"name": "message"}).text == "no channels"


@pytest.mark.parametrize(("names", "upright"), [(("Ant1", "Ant2"), False), (("RS307HBA", "CS001HBA0") * 4, True)])
def test_names_that_do_not_fit_beside_each_other_stand_upright(names: tuple[str, ...], upright: bool) -> None:
    n = len(names)
    figure = plot_flag_bars(make_antennas(n, names=names, flag_fraction=np.full(n, 0.1)))
    assert (figure.xaxis[0].major_label_orientation == "vertical") is upright


def test_bars_do_not_speak_of_antennas_without_data_where_there_are_none() -> None:
    antennas = make_antennas(2, names=("A", "B"), flag_fraction=np.full(2, 0.1))
    assert subtitle(plot_flag_bars(antennas)) == "2 of 2 antennas with data"


def test_bars_of_some_antennas_are_said_to_be_the_worst() -> None:
    assert subtitle(plot_flag_bars(make_antennas(50))) == "the worst 40 of 50 antennas with data"
