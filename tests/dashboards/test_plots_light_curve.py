"""Light curves: numbers, kinds of points, honest limits."""

from __future__ import annotations

import numpy as np
import pytest
from bokeh.models import ColumnDataSource, HoverTool, LegendItem, Whisker

from dashboards.plots import SYMBOLS, light_curve_columns, plot_light_curve, update_light_curve
from dashboards.plots.light_curve_data import MOST_POINTS, Marks, mean_in_use
from dashboards.plots.light_curve_lines import Reference
from tests.dashboards.plot_samples import make_light_curve


def subtitle(figure):
    return figure.select_one({"name": "subtitle"}).text


def data(figure):
    return figure.select_one({"name": "light_curve", "type": ColumnDataSource}).data


def reach(figure):
    return figure.select_one({"name": "reach", "type": ColumnDataSource}).data


def words(figure):
    return figure.select_one(HoverTool).formatters["$index"].args["words"].data


@pytest.mark.parametrize(("unit", "scale"), [("mJy", 1e3), ("Jy", 1.0)])
@pytest.mark.parametrize(("flux", "factor", "error"), [("peak", 1, 1e-3), ("integrated", 2, 3e-3)])
def test_error_bars_are_flux_plus_and_minus_error(flux, factor, error, unit, scale):
    lc = make_light_curve()

    columns = light_curve_columns(lc, flux, unit)

    np.testing.assert_allclose(columns["flux"], factor * lc.peak_jyb * scale)
    np.testing.assert_allclose(columns["upper"], (factor * lc.peak_jyb + error) * scale)
    np.testing.assert_allclose(columns["lower"], (factor * lc.peak_jyb - error) * scale)


def test_the_whisker_draws_those_columns():
    whisker = plot_light_curve(make_light_curve()).select_one(Whisker)

    assert (whisker.base, whisker.lower, whisker.upper) == ("utc_ms", "lower", "upper")


@pytest.mark.parametrize(
    ("flux", "unit", "label"),
    [("peak", "mJy", "Peak flux density (mJy/beam)"), ("integrated", "Jy", "Integrated flux density (Jy)")],
)
def test_the_axis_says_which_flux_and_which_unit(flux, unit, label):
    figure = plot_light_curve(make_light_curve(), flux=flux, unit=unit)

    assert figure.yaxis[0].axis_label == label
    assert figure.below[0].axis_label == "Time (UTC)"


def test_time_is_utc_and_the_mjd_axis_is_above():
    figure = plot_light_curve(make_light_curve(mjd=40587.0 + np.arange(30)))

    assert data(figure)["utc_ms"][1] == 86_400_000
    assert figure.select_one({"name": "mjd_axis"}) in figure.above


def test_detections_forced_and_flagged_points_differ_by_symbol_and_colour():
    flags = np.zeros(30, dtype=np.int64)
    flags[2] = 4
    forced = np.zeros(30, dtype=bool)
    forced[1] = True

    columns = light_curve_columns(make_light_curve(flags=flags, is_forced=forced))

    assert columns["kind"][:3] == ["detection", "forced", "flagged"]
    assert len(set(columns["marker"][:3])) == 3
    assert len(set(columns["colour"][:3])) == 3


def test_a_missing_flux_with_a_noise_is_a_limit_of_three_sigma_without_error_bar():
    peak = make_light_curve().peak_jyb.copy()
    peak[3] = np.nan

    columns = light_curve_columns(make_light_curve(peak_jyb=peak))

    assert columns["kind"][3] == "limit"
    assert columns["flux"][3] == pytest.approx(3.0)
    assert columns["lower"][3] == columns["upper"][3]


@pytest.mark.parametrize("origin", ["processing time", "measurement time", "unknown"])
def test_epochs_that_are_not_observations_are_hollow_and_counted(origin):
    lc = make_light_curve(origin=("image name",) * 28 + (origin,) * 2)

    figure = plot_light_curve(lc)

    assert list(data(figure)["fill_alpha"][-3:]) == [0.9, 0.0, 0.0]
    assert "epochs are processing times for 2 of 30 points" in subtitle(figure)


def test_outliers_are_marked_at_the_edge_with_their_true_value_kept():
    peak = make_light_curve().peak_jyb.copy()
    peak[4], peak[9] = 5.0, -5.0

    figure = plot_light_curve(make_light_curve(peak_jyb=peak))

    columns = data(figure)
    assert (columns["marker"][4], columns["marker"][9]) == (SYMBOLS["above"].marker, SYMBOLS["below"].marker)
    assert columns["drawn"][4] == reach(figure)["high"][0] < 100
    assert columns["flux"][4] == 5000
    assert "1 above, 1 below" in subtitle(figure)


def test_a_flare_within_a_few_points_is_not_hidden():
    columns = light_curve_columns(make_light_curve(4, peak_jyb=np.array([1e-3, 1e-3, 1e-3, 1.0])))

    np.testing.assert_allclose(columns["drawn"], columns["flux"])


def test_the_y_axis_covers_error_bars():
    figure = plot_light_curve(make_light_curve())

    columns = data(figure)
    assert "reach" in {renderer.name for renderer in figure.y_range.renderers}
    assert reach(figure) == {
        "x": [columns["utc_ms"][0]],
        "low": [columns["lower"].min()],
        "high": [columns["upper"].max()],
    }


def test_weighted_mean_is_the_textbook_one_and_ignores_flagged_points():
    lc = make_light_curve(
        3,
        peak_jyb=np.array([10.0, 20.0, 1e9]),
        peak_err_jyb=np.array([1.0, 2.0, 0.1]),
        flags=np.array([0, 0, 4]),
    )

    mean, error, n = mean_in_use(lc)

    assert mean == pytest.approx((10 / 1 + 20 / 4) / (1 + 1 / 4))
    assert error == pytest.approx((1 + 1 / 4) ** -0.5)
    assert n == 2


def test_no_photometry_is_said():
    figure = plot_light_curve(make_light_curve(0))

    assert figure.select_one({"name": "message"}).text == "no photometry"


@pytest.mark.parametrize("n", [1, 2])
def test_few_points_are_drawn(n):
    assert len(data(plot_light_curve(make_light_curve(n)))["flux"]) == n


def test_everything_flagged_is_drawn_without_a_mean():
    figure = plot_light_curve(make_light_curve(flags=np.ones(30, dtype=np.int64)))

    assert set(words(figure)["kind"]) == {"flagged"}
    assert figure.select_one({"name": "mean", "type": LegendItem}).label.value == "no mean: no errors"


def test_points_without_epoch_or_flux_are_counted_not_drawn():
    lc = make_light_curve(mjd=np.full(30, np.nan))

    figure = plot_light_curve(lc)

    assert len(data(figure)["flux"]) == 0
    assert "30 without epoch or flux" in subtitle(figure)


def test_zero_and_missing_errors_do_not_enter_the_mean():
    error = np.full(30, 1e-3)
    error[0], error[1] = 0.0, np.nan

    _, _, n = mean_in_use(make_light_curve(peak_err_jyb=error))

    assert n == 28


def test_very_many_points_are_averaged_and_the_plot_says_so():
    n = MOST_POINTS + 1
    lc = make_light_curve(n, mjd=60000 + np.arange(n) / 100)

    figure = plot_light_curve(lc)

    columns = data(figure)
    assert len(columns["flux"]) <= 500
    assert columns["n"].sum() == n
    assert f"{n:,} points as means" in subtitle(figure)
    assert columns["lower"].min() == pytest.approx(lc.peak_jyb.min() * 1e3)


def test_the_mean_of_bins_is_the_mean_of_points():
    n = MOST_POINTS + 1
    lc = make_light_curve(n, mjd=60000 + np.arange(n) / 100)

    columns = light_curve_columns(lc)

    weight = columns["error"] ** -2.0
    assert np.sum(columns["flux"] * weight) / weight.sum() == pytest.approx(1e3 * lc.peak_jyb.mean(), rel=1e-9)
    assert mean_in_use(lc) == pytest.approx((lc.peak_jyb.mean(), 1e-3 / np.sqrt(n), n), rel=1e-9)


def test_patching_gives_the_same_as_a_new_figure():
    old, new = make_light_curve(10), make_light_curve(20, origin=("processing time",) * 20)
    patched, fresh = plot_light_curve(old), plot_light_curve(new, flux="integrated")

    assert update_light_curve(patched, new, flux="integrated") is True

    assert subtitle(patched) == subtitle(fresh)
    assert patched.title.text == fresh.title.text
    assert patched.yaxis[0].axis_label == fresh.yaxis[0].axis_label
    np.testing.assert_array_equal(data(patched)["flux"], data(fresh)["flux"])


def test_an_empty_figure_cannot_be_patched():
    assert update_light_curve(plot_light_curve(make_light_curve(0)), make_light_curve()) is False


def test_patched_columns_fit_the_source():
    figure = plot_light_curve(make_light_curve())
    names, said = set(data(figure)), set(words(figure))

    assert update_light_curve(figure, make_light_curve(12))

    assert (set(data(figure)), set(words(figure))) == (names, said)
    assert {len(column) for column in (*data(figure).values(), *words(figure).values())} == {12}


def test_hover_shows_all_that_matters_about_a_measurement():
    hover = plot_light_curve(make_light_curve()).select_one(HoverTool)

    for column in ("@utc_ms", "@mjd", "@flux", "@error", "@rms", "@flags", "$index{image}", "$index{origin}"):
        assert column in hover.tooltips


def test_cut_light_curves_say_so():
    assert "not read" in subtitle(plot_light_curve(make_light_curve(truncated=True)))


def test_a_faint_forced_measurement_is_drawn_as_a_limit_and_keeps_its_flux():
    forced = np.zeros(30, dtype=bool)
    forced[3] = True
    peak = make_light_curve().peak_jyb.copy()
    peak[3] = 2e-3

    columns = light_curve_columns(make_light_curve(is_forced=forced, peak_jyb=peak))

    assert columns["kind"][3] == "limit"
    assert columns["flux"][3] == pytest.approx(2.0)
    assert columns["lower"][3] == columns["upper"][3] == pytest.approx(3.0)


def test_measurements_left_out_by_the_reader_are_not_in_the_mean():
    lc = make_light_curve()
    marks = Marks(left_out=frozenset({int(lc.photometry_id[0])}))

    columns = light_curve_columns(lc, marks=marks)

    assert columns["kind"][0] == "left out"
    assert mean_in_use(lc, marks=marks)[2] == 29


def test_epochs_of_a_doubtful_flux_scale_are_framed_and_explained():
    lc = make_light_curve()
    figure = plot_light_curve(lc)

    update_light_curve(figure, lc, marks=Marks(off_scale=frozenset({int(lc.photometry_id[4])})))

    framed = figure.select_one({"name": "off_scale", "type": ColumnDataSource}).data
    assert list(framed["x"]) == [data(figure)["utc_ms"][4]]
    assert figure.select_one({"name": "kind off scale"}).visible


def test_a_catalogue_flux_is_a_line_with_words_that_another_source_takes_away():
    lc = make_light_curve()
    figure = plot_light_curve(lc, unit="Jy", reference=Reference(20.0, "NVSS 1.4 GHz"))

    item = figure.select_one({"name": "reference", "type": LegendItem})
    assert item.label.value == "NVSS 1.4 GHz 0.02 Jy"
    assert figure.select_one({"name": "reference", "type": ColumnDataSource}).data["y"] == [0.02]
    update_light_curve(figure, lc, unit="Jy")
    assert not item.visible


def test_the_hover_box_follows_the_unit_without_a_new_figure():
    figure = plot_light_curve(make_light_curve(), unit="mJy")

    update_light_curve(figure, make_light_curve(), unit="Jy")

    assert "Jy/beam" in figure.select_one(HoverTool).tooltips
    assert "mJy" not in figure.select_one(HoverTool).tooltips


def faint_curve(**changes):
    """Thirty forced measurements of 2 mJy."""
    forced = np.ones(30, dtype=bool)
    return make_light_curve(is_forced=forced, peak_jyb=np.full(30, 2e-3), flux_jy=np.full(30, 2e-3), **changes)


def test_a_limit_is_never_drawn_below_the_flux_that_was_measured():
    columns = light_curve_columns(faint_curve(rms_jy=np.full(30, 0.5e-3), peak_err_jyb=np.full(30, 1e-3)))

    assert set(columns["kind"]) == {"forced"}
    np.testing.assert_allclose(columns["drawn"], 2.0)


def test_the_noise_that_makes_a_measurement_a_limit_is_the_noise_of_the_limit():
    rms = np.full(30, 0.9e-3)
    columns = light_curve_columns(faint_curve(rms_jy=rms, peak_err_jyb=np.full(30, 0.5e-3)))

    assert set(columns["kind"]) == {"limit"}
    np.testing.assert_allclose(columns["drawn"], 2.7)
    np.testing.assert_allclose(columns["flux"], 2.0)


def test_a_limit_of_an_integrated_flux_is_made_of_its_own_error():
    columns = light_curve_columns(faint_curve(flux_err_jy=np.full(30, 2e-3)), "integrated")

    np.testing.assert_allclose(columns["drawn"], 6.0)


def test_a_limit_of_an_integrated_flux_without_error_says_that_its_noise_is_per_beam():
    figure = plot_light_curve(faint_curve(flux_err_jy=np.full(30, np.nan)), flux="integrated")

    np.testing.assert_allclose(data(figure)["drawn"], 3.0)
    assert "30 limits from the noise per beam: no error of the integrated flux" in subtitle(figure)


def test_an_integrated_flux_that_is_not_recorded_is_no_limit_when_the_peak_is_there():
    figure = plot_light_curve(make_light_curve(flux_jy=np.full(30, np.nan)), flux="integrated")

    assert len(words(figure)["kind"]) == 0


def test_without_a_local_rms_the_rms_of_the_annulus_is_shown_and_called_so():
    figure = plot_light_curve(make_light_curve(rms_jy=np.full(30, np.nan)))

    np.testing.assert_allclose(data(figure)["rms"], 1.0)
    assert set(words(figure)["rms_from"]) == {"rms of the annulus around the source"}
    assert "$index{rms_from}" in figure.select_one(HoverTool).tooltips


def test_the_error_of_the_integrated_flux_is_not_called_the_rms_of_the_annulus():
    figure = plot_light_curve(make_light_curve(rms_jy=np.full(30, np.nan), peak_err_is_recorded=False))

    assert set(words(figure)["rms_from"]) == {"error of the integrated flux"}


def test_flagged_measurements_count_in_the_mean_when_the_reader_says_so():
    lc = make_light_curve(flags=np.full(30, 4))
    figure = plot_light_curve(lc, marks=Marks(flagged=True))

    assert mean_in_use(lc, marks=Marks(flagged=True))[2] == 30
    assert figure.select_one({"name": "mean", "type": LegendItem}).label.value.startswith("weighted mean")
    assert "30 flagged, in use" in subtitle(figure)


def test_error_bars_grow_with_the_systematic_errors_and_the_plot_says_so():
    lc = make_light_curve(peak_jyb=np.full(30, 20e-3))
    marks = Marks(fractional_error=0.1, additive_error_jy=2e-3)
    figure = plot_light_curve(lc)

    update_light_curve(figure, lc, marks=marks)

    np.testing.assert_allclose(data(figure)["upper"], 20 + np.sqrt(1 + 2**2 + 2**2))
    assert "bars: σ with 10 % of the flux and 2 mJy in quadrature" in subtitle(figure)


def test_systematic_errors_change_the_weights_of_the_mean():
    lc = make_light_curve(2, peak_jyb=np.array([10e-3, 20e-3]), peak_err_jyb=np.array([1e-3, 2e-3]))

    mean, error, _ = mean_in_use(lc, marks=Marks(additive_error_jy=1e-3))

    weights = np.array([1 / 2, 1 / 5])
    assert mean == pytest.approx(1e-3 * (10 * weights[0] + 20 * weights[1]) / weights.sum())
    assert error == pytest.approx(1e-3 / np.sqrt(weights.sum()))


def test_what_the_pipeline_calls_an_upper_limit_is_one_and_keeps_its_flux():
    quality = ("good",) * 28 + ("upper_limit", "odd")
    lc = make_light_curve(flags=np.array([0] * 28 + [1, 0]), peak_jyb=np.full(30, 5e-3), quality=quality)
    figure = plot_light_curve(lc)

    assert words(figure)["kind"][-3:] == ["detection", "limit", "flagged"]
    assert data(figure)["drawn"][-2] == pytest.approx(5.0)
    assert words(figure)["quality"][-2:] == ["upper_limit", "odd"]
    assert "$index{quality}" in figure.select_one(HoverTool).tooltips
