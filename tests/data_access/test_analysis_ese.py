"""Statistics for extreme scattering events: their bounds, by theory and by trying."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_access.analysis.ese import (
    fewest_epochs_for_sigma_deviation,
    find_dips,
    largest_possible_sigma_deviation,
    leave_one_out,
    longest_visible_dip_fraction,
    running_median,
    sigma_deviation,
)
from data_access.errors import ValidationError


@pytest.mark.parametrize(("n", "population", "sample"), [(25, 4.899, 4.800), (26, 5.000, 4.903), (27, 5.099, 5.004)])
def test_largest_possible_deviation_is_the_known_bound(n: int, population: float, sample: float) -> None:
    assert largest_possible_sigma_deviation(n) == pytest.approx(population, abs=5e-4)
    assert largest_possible_sigma_deviation(n, ddof=1) == pytest.approx(sample, abs=5e-4)


@pytest.mark.parametrize("ddof", [0, 1])
@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=40))
def test_no_set_of_numbers_passes_the_bound(ddof: int, flux: list[float]) -> None:
    metric = sigma_deviation(flux, ddof=ddof)
    if metric.value is not None:
        assert metric.value <= largest_possible_sigma_deviation(len(flux), ddof=ddof) * (1 + 1e-6)


def test_one_outlier_reaches_the_bound_however_large_it_is() -> None:
    for outlier in (2.0, 1e6):
        metric = sigma_deviation([1.0] * 24 + [outlier])
        assert metric.value == pytest.approx(largest_possible_sigma_deviation(25), rel=1e-9)


def test_fewer_than_two_measurements_have_no_bound() -> None:
    assert math.isnan(largest_possible_sigma_deviation(1))


def test_pipeline_threshold_of_5_needs_26_epochs() -> None:
    assert fewest_epochs_for_sigma_deviation(5.0) == 26
    assert fewest_epochs_for_sigma_deviation(5.0, ddof=1) == 27


@given(st.floats(0.2, 30), st.sampled_from([0, 1]))
def test_fewest_epochs_is_the_smallest_that_reaches_the_threshold(threshold: float, ddof: int) -> None:
    n = fewest_epochs_for_sigma_deviation(threshold, ddof=ddof)
    assert largest_possible_sigma_deviation(n, ddof=ddof) >= threshold
    assert n == 2 or largest_possible_sigma_deviation(n - 1, ddof=ddof) < threshold


def test_threshold_of_zero_is_refused() -> None:
    with pytest.raises(ValidationError):
        fewest_epochs_for_sigma_deviation(0.0)


@pytest.mark.parametrize(("threshold", "fraction"), [(5.0, 1 / 26), (3.5, 1 / 13.25), (2.5, 1 / 7.25)])
def test_longest_visible_dip(threshold: float, fraction: float) -> None:
    assert longest_visible_dip_fraction(threshold) == pytest.approx(fraction, rel=1e-12)


def test_box_dip_gives_the_same_deviation_whatever_its_depth() -> None:
    for depth in (0.9, 0.1):
        flux = np.ones(40)
        flux[:4] = depth
        assert sigma_deviation(flux).value == pytest.approx(3.0, rel=1e-9)


def test_leave_one_out_by_hand() -> None:
    # the other two have mean 1 and error 1/√2: z = (4 - 1) / √(1 + 1/2)
    result = leave_one_out([1.0, 1.0, 4.0], [1.0, 1.0, 1.0])
    assert result.z[2] == pytest.approx(3 / math.sqrt(1.5), rel=1e-12)
    assert (result.index, result.largest.value) == (2, pytest.approx(3 / math.sqrt(1.5)))


def test_leave_one_out_sees_a_deep_dip_that_the_pipeline_cannot_flag() -> None:
    flux = np.ones(10)
    flux[4] = 0.5
    assert sigma_deviation(flux).value == pytest.approx(3.0)
    assert leave_one_out(flux, np.full(10, 0.01)).largest.value == pytest.approx(-50 / math.sqrt(1 + 1 / 9), rel=1e-9)


def test_leave_one_out_keeps_its_digits_beside_a_dominant_weight() -> None:
    result = leave_one_out([1.0, 2.0, 3.0], [1e-9, 1.0, 1.0])
    assert result.z[0] == pytest.approx((1.0 - 2.5) / math.sqrt(0.5), rel=1e-9)


def test_of_two_measurements_the_brighter_one_is_the_largest_whatever_the_order() -> None:
    # both deviate as much from the other: the sign must not hang on the order or on rounding
    for flux, err in (([1.0, 4.0], [0.3, 0.7]), ([4.0, 1.0], [0.7, 0.3])):
        result = leave_one_out(flux, err)
        assert result.largest.value == pytest.approx(3 / math.hypot(0.3, 0.7), rel=1e-12)
        assert result.index == flux.index(4.0)


def test_leave_one_out_gives_nan_to_unusable_measurements_only() -> None:
    z = leave_one_out([1.0, math.nan, 1.2, 1.1], [0.1, 0.1, 0.0, 0.1]).z
    assert np.isfinite(z).tolist() == [True, False, False, True]


def test_leave_one_out_of_one_measurement_says_why_not() -> None:
    result = leave_one_out([1.0], [0.1])
    assert result.largest.value is None and result.largest.reason and result.index is None


def test_running_median_ignores_the_dip_inside_a_wide_window() -> None:
    t = np.arange(100.0)
    flux = np.where((t >= 40) & (t < 50), 0.4, 1.0)
    assert np.all(running_median(t, flux, window_days=60) == 1.0)


def test_running_median_does_not_need_sorted_epochs() -> None:
    t, flux = np.array([3.0, 1.0, 2.0]), np.array([30.0, 10.0, 20.0])
    assert running_median(t, flux, window_days=2.0).tolist() == [25.0, 15.0, 20.0]


@given(
    st.lists(st.tuples(st.floats(0, 50), st.floats(-10, 10)), max_size=60),
    st.floats(0.5, 60),
)
def test_running_median_is_the_median_of_every_window(points: list[tuple[float, float]], window_days: float) -> None:
    t, flux = np.array(points).reshape(-1, 2).T
    expected = [np.median(flux[(t >= x - window_days / 2) & (t <= x + window_days / 2)]) for x in t]
    assert running_median(t, flux, window_days=window_days) == pytest.approx(np.array(expected), abs=1e-12)


def dip_light_curve() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    t = 60000 + 3.0 * np.arange(100)
    flux = np.ones(100) + 0.002 * (-1.0) ** np.arange(100)
    flux[40:50] = 0.45
    return t, flux, np.full(100, 0.01)


def test_dip_is_found_with_its_depth_duration_and_length() -> None:
    (dip,) = find_dips(*dip_light_curve())
    assert (dip.first, dip.last, dip.run_length, dip.touches_edge) == (40, 49, 10, False)
    assert dip.duration_days == pytest.approx(27.0)
    assert dip.depth_fraction == pytest.approx(0.55, abs=0.005)
    assert dip.depth_sigma == pytest.approx(-55, abs=0.5)


def test_unusable_measurement_inside_a_dip_does_not_cut_it_in_two() -> None:
    t, flux, err = dip_light_curve()
    err[45] = 0.0
    (dip,) = find_dips(t, flux, err)
    assert (dip.run_length, dip.first, dip.last) == (9, 40, 49)


def test_order_of_the_input_does_not_matter_and_positions_are_those_of_the_input() -> None:
    t, flux, err = dip_light_curve()
    (dip,) = find_dips(t[::-1], flux[::-1], err[::-1])
    assert (dip.first, dip.last) == (59, 50)


def test_dip_at_the_end_says_that_its_duration_is_a_lower_limit() -> None:
    t, flux, err = dip_light_curve()
    (dip,) = find_dips(t[:46], flux[:46], err[:46])
    assert dip.touches_edge


def test_single_low_point_is_not_a_dip_unless_asked_for() -> None:
    t, flux, err = dip_light_curve()
    flux[40:50] = 1.0
    flux[20] = 0.5
    assert find_dips(t, flux, err) == ()
    assert len(find_dips(t, flux, err, fewest_points=1)) == 1


def test_fractional_error_takes_flux_scale_wobble_out() -> None:
    t, flux, err = dip_light_curve()
    flux[40:50] = 0.95
    assert len(find_dips(t, flux, err)) == 1
    assert find_dips(t, flux, err, fractional_error=0.05) == ()


def test_steady_and_empty_light_curves_have_no_dip() -> None:
    assert find_dips([], [], []) == ()
    assert find_dips([1.0, 2.0], [1.0, 1.0], [0.1, 0.1]) == ()
