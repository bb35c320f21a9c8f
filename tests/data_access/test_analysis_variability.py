"""Variability metrics against published numbers, hand-computed ones and their own properties."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_access.analysis.variability import (
    DEFINITIONS,
    Metric,
    VariabilityMetrics,
    debiased_modulation_index,
    eta,
    maximum_pair,
    modulation_index,
    pair_metrics,
    unweighted_chi_squared,
    variability_metrics,
    von_neumann,
    weighted_mean,
)
from data_access.errors import ValidationError

VS_TESTED_IN_VECTORS = "vs_abs_significant_max"


def value(metric: Metric) -> float:
    assert metric.value is not None, metric.reason
    return metric.value


@pytest.fixture(scope="module")
def vectors(shared_data: Path) -> dict[str, list[dict[str, object]]]:
    return json.loads((shared_data / "facts" / "variability_vectors.json").read_text())


def test_all_recomputed_vectors_are_reproduced_to_1e_9(vectors: dict) -> None:
    assert len(vectors["cases"]) > 20
    for case in vectors["cases"]:
        ours = variability_metrics(case["flux"], case["flux_err"])
        assert value(ours.eta) == pytest.approx(case["recomputed"]["eta"], rel=1e-9), case["name"]
        assert value(ours.modulation_index) == pytest.approx(case["recomputed"]["V"], rel=1e-9), case["name"]


def test_published_vectors_are_reproduced_to_their_own_tolerance(vectors: dict) -> None:
    for case in vectors["cases"]:
        ours = variability_metrics(case["flux"], case["flux_err"])
        published, tolerance = case["expected"], case["expected"]["rel_tol"]
        assert value(ours.eta) == pytest.approx(published["eta"], rel=tolerance), case["name"]
        assert value(ours.modulation_index) == pytest.approx(published["V"], rel=tolerance), case["name"]


def test_published_two_epoch_maxima_are_reproduced_with_both_numbers_of_one_pair(vectors: dict) -> None:
    cases = [case for case in vectors["cases"] if VS_TESTED_IN_VECTORS in case["expected"]]
    assert len(cases) == 6
    for case in cases:
        pair = maximum_pair(case["flux"], case["flux_err"], vs_threshold=case["expected"]["vs_min"])
        assert abs(value(pair.vs)) == pytest.approx(case["expected"][VS_TESTED_IN_VECTORS], rel=1e-7), case["name"]
        assert abs(value(pair.m)) == pytest.approx(case["expected"]["m_abs_significant_max"], rel=1e-9), case["name"]


def test_unit_vectors_of_vs_and_m(vectors: dict) -> None:
    units = vectors["units"]
    assert value(pair_metrics(200, 3, 100, 4).vs) == units["vs"]["expected"] == 20.0
    assert value(pair_metrics(2, 1, 1, 1).m) == pytest.approx(units["m"]["expected"], rel=1e-15)


@pytest.mark.real
def test_eta_and_v_of_every_real_source_match_the_truth_of_the_archive(real_archive_split: Path) -> None:
    truth = json.loads((real_archive_split / "truth.json").read_text())["sources"]
    with closing(sqlite3.connect(real_archive_split / "state/db/products.sqlite3")) as database:
        checked = 0
        for source_id, facts in truth.items():
            rows = database.execute(
                "SELECT peak_jyb, peak_err_jyb FROM photometry WHERE source_id = ?", (source_id,)
            ).fetchall()
            ours = variability_metrics([row[0] for row in rows], [row[1] for row in rows])
            assert (ours.n, ours.n_valid) == (facts["n_points"], facts["n_valid"]), source_id
            if facts["eta_peak"] is None:
                assert ours.eta.value is None and ours.eta.reason, source_id
                continue
            assert ours.eta.value == pytest.approx(facts["eta_peak"], rel=1e-9), source_id
            if facts["mean_peak_jy"] > 0:
                assert ours.modulation_index.value == pytest.approx(facts["v_peak"], rel=1e-9), source_id
            checked += 1
    assert checked > 25


def test_eta_of_three_points_by_hand() -> None:
    # weights 1, 1, 1/4: mean (1 + 2 + 4/4) / 2.25 = 16/9; chi2 = (7/9)² + (2/9)² + (20/9)²/4 = 153/81
    assert value(eta([1.0, 2.0, 4.0], [1.0, 1.0, 2.0])) == pytest.approx(153 / 81 / 2, rel=1e-14)


def test_v_of_three_points_by_hand() -> None:
    # mean 2, deviations -1, 0, 1: s = 1
    assert value(modulation_index([1.0, 2.0, 3.0])) == pytest.approx(0.5, rel=1e-14)


def test_weighted_mean_by_hand() -> None:
    assert value(weighted_mean([1.0, 2.0, 4.0], [1.0, 1.0, 2.0])) == pytest.approx(16 / 9, rel=1e-14)


def test_debiased_modulation_index_by_hand() -> None:
    # mean 2, mean square deviation 2/3, mean square error 1/6: √(1/2) / 2
    err = math.sqrt(1 / 6)
    assert value(debiased_modulation_index([1.0, 2.0, 3.0], [err] * 3)) == pytest.approx(
        math.sqrt(0.5) / 2, rel=1e-14
    )


@pytest.mark.parametrize("level", [0.1, 0.3, 0.7, 20.0])
@pytest.mark.parametrize("spread", [0.01, 0.003])
def test_a_debiased_modulation_index_of_nothing_is_zero_and_no_rounding_noise(level: float, spread: float) -> None:
    flux, err = level + spread * np.array([-1.0, 1.0] * 3), np.full(6, spread)
    assert np.mean((flux - flux.mean()) ** 2) == pytest.approx(np.mean(err**2), rel=1e-12)
    assert value(debiased_modulation_index(flux, err)) == 0.0
    little_more = value(debiased_modulation_index(flux, err * math.sqrt(1 - 1e-9)))
    assert little_more == pytest.approx(spread * math.sqrt(1e-9) / level, rel=1e-3)


def test_von_neumann_by_hand_is_small_for_a_slope_and_large_for_a_zigzag() -> None:
    assert value(von_neumann([1.0, 2.0, 3.0, 4.0])) == pytest.approx(3 / 5, rel=1e-14)
    assert value(von_neumann([1.0, -1.0, 1.0, -1.0])) == pytest.approx(12 / 4, rel=1e-14)


def test_chi_squared_about_the_plain_mean_is_the_larger_wrong_one() -> None:
    flux = [-0.15365019662974713, -0.1111992428573757, -0.7933286368806539, 1.0169366902273607, 3.084, 7.142]
    err = [0.24773609455022466, 0.24757414268725472, 0.21970692643173456, 0.23557006134555425, 0.2618460567644822,
           0.2906762430809607]  # fmt: skip
    assert value(unweighted_chi_squared(flux, err)) == pytest.approx(124.99, abs=0.01)
    assert value(eta(flux, err)) == pytest.approx(121.89841839024031, rel=1e-12)


def test_small_spread_on_a_large_flux_keeps_its_digits() -> None:
    flux = [1000.0, 1000.000001, 1000.000001, 1000.0]
    assert value(eta(flux, [1e-6] * 4)) == pytest.approx(1 / 3, rel=1e-6)


def test_systematic_error_is_added_in_quadrature() -> None:
    # errors become √(3² + (0.04·100)²) = 5 and √(3² + (0.04·100)²) about 100
    plain = value(eta([100.0, 100.0, 110.0], [3.0, 3.0, 3.0]))
    with_term = value(eta([100.0, 100.0, 110.0], [3.0, 3.0, 3.0], additive_error=4.0))
    assert with_term == pytest.approx(plain * 9 / 25, rel=1e-12)
    a, b = 100.0, 110.0
    ea, eb = math.hypot(3, 0.04 * a), math.hypot(3, 0.04 * b)
    expected = (a - b) ** 2 / (ea**2 + eb**2)
    assert value(eta([a, b], [3.0, 3.0], fractional_error=0.04)) == pytest.approx(expected, rel=1e-12)


def metrics_of(result: VariabilityMetrics) -> dict[str, Metric]:
    named = {name: getattr(result, name) for name in DEFINITIONS if hasattr(result, name)}
    return {**named, "vs": result.maximum_pair.vs, "m": result.maximum_pair.m, "min": result.min, "max": result.max}


def test_one_measurement_has_a_mean_but_no_variability() -> None:
    result = variability_metrics([2.0], [0.1])
    assert (result.n, result.n_valid, result.mean.value, result.weighted_mean.value) == (1, 1, 2.0, 2.0)
    for name in ("eta", "modulation_index", "debiased_modulation_index", "std", "von_neumann", "vs", "m"):
        metric = metrics_of(result)[name]
        assert metric.value is None and "there is 1" in metric.reason, name


def test_two_measurements_have_eta_and_v_but_no_von_neumann_ratio() -> None:
    result = variability_metrics([1.0, 3.0], [1.0, 1.0])
    assert value(result.eta) == pytest.approx(2.0)
    assert value(result.modulation_index) == pytest.approx(math.sqrt(2) / 2)
    assert result.von_neumann.value is None and "3 measurements" in result.von_neumann.reason


def test_no_measurement_gives_reasons_everywhere() -> None:
    for name, metric in metrics_of(variability_metrics([], [])).items():
        assert metric.value is None and metric.reason, name


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf, None])
def test_measurement_without_a_usable_error_is_left_out_and_counted(bad: float | None) -> None:
    result = variability_metrics([1.0, 3.0, 50.0], [1.0, 1.0, bad])
    assert (result.n, result.n_valid) == (3, 2)
    assert value(result.eta) == pytest.approx(2.0)
    assert value(result.max) == 3.0


def test_systematic_error_does_not_replace_a_missing_one() -> None:
    assert variability_metrics([1.0, 3.0], [1.0, 0.0], additive_error=1.0).n_valid == 1


@pytest.mark.parametrize(("flux", "word"), [([-1.0, -2.0, -3.0], "negative"), ([-1.0, 0.0, 1.0], "zero")])
def test_mean_not_above_zero_has_no_v_but_an_eta(flux: list[float], word: str) -> None:
    result = variability_metrics(flux, [1.0, 1.0, 1.0])
    assert result.modulation_index.value is None and word in result.modulation_index.reason
    assert result.debiased_modulation_index.value is None and word in result.debiased_modulation_index.reason
    assert value(result.eta) == pytest.approx(1.0)


def test_forced_only_light_curve_has_a_caution_beside_v() -> None:
    metric = modulation_index([0.1, -0.05, 0.2], [1.0, 1.0, 1.0])
    assert metric.value is not None and "cannot tell the mean flux from zero" in metric.reason


def test_scatter_below_the_errors_is_not_a_silent_zero() -> None:
    metric = debiased_modulation_index([1.0, 1.01, 0.99], [0.1, 0.1, 0.1])
    assert metric.value is None and "consistent with a constant source" in metric.reason


def test_constant_source_has_v_and_eta_of_zero_and_no_von_neumann_ratio() -> None:
    result = variability_metrics([1.0] * 5, [0.1] * 5)
    assert (result.eta.value, result.modulation_index.value) == (0.0, 0.0)
    assert result.von_neumann.value is None and "equal" in result.von_neumann.reason


def test_without_a_significant_pair_both_numbers_are_of_the_most_different_one() -> None:
    pair = maximum_pair([1.0, 1.5, 3.0, 10.0], [1.0, 1.0, 1.0, 10.0])
    assert (pair.first, pair.second, pair.is_significant) == (0, 2, False)
    assert (pair.vs.value, pair.m.value) == (pytest.approx(-2 / 2**0.5), -1.0)


def test_a_significant_pair_is_called_so() -> None:
    assert maximum_pair([1.0, 9.0], [1.0, 1.0]).is_significant


def test_maximum_pair_positions_are_those_of_the_input() -> None:
    result = variability_metrics([math.nan, 10.0, 5.0, 20.0, 9.0], [1.0, 0.1, 0.0, 0.1, 0.1])
    assert (result.maximum_pair.first, result.maximum_pair.second) == (3, 4)


def test_largest_m_comes_from_a_significant_pair_only() -> None:
    # 1 ± 5 against 10 has the larger m but is not significant
    pair = maximum_pair([10.0, 6.0, 1.0], [0.1, 0.1, 5.0])
    assert (pair.first, pair.second) == (0, 1)


def test_negative_pair_says_why_it_has_no_m() -> None:
    pair = maximum_pair([-10.0, -50.0], [0.1, 0.1])
    assert pair.m.value is None and "more than zero" in pair.m.reason


def test_arrays_of_different_length_are_refused() -> None:
    with pytest.raises(ValidationError, match="do not belong together"):
        variability_metrics([1.0, 2.0], [1.0])


def test_every_number_shown_has_a_definition() -> None:
    assert {"eta", "modulation_index", "debiased_modulation_index", "von_neumann", "vs", "m"} <= set(DEFINITIONS)
    assert all(entry.symbol and entry.formula for entry in DEFINITIONS.values())


fluxes = st.lists(st.floats(0.01, 100), min_size=2, max_size=30)
scales = st.floats(1e-6, 1e6)


def errors_for(flux: Sequence[float]) -> np.ndarray:
    return 0.05 * np.asarray(flux) + 0.01 * (1 + np.arange(len(flux)) % 3)


@given(fluxes, scales)
def test_v_does_not_depend_on_the_unit_of_flux(flux: list[float], scale: float) -> None:
    before, after = value(modulation_index(flux)), value(modulation_index(np.asarray(flux) * scale))
    assert after == pytest.approx(before, rel=1e-9, abs=1e-12)


@given(fluxes, scales)
def test_eta_does_not_depend_on_the_unit_when_errors_scale_too(flux: list[float], scale: float) -> None:
    err = errors_for(flux)
    before, after = value(eta(flux, err)), value(eta(np.asarray(flux) * scale, err * scale))
    assert after == pytest.approx(before, rel=1e-9, abs=1e-12)


@given(fluxes, st.randoms())
def test_eta_does_not_depend_on_the_order(flux: list[float], random: object) -> None:
    order = np.arange(len(flux))
    random.shuffle(order)
    err = errors_for(flux)
    shuffled = value(eta(np.asarray(flux)[order], err[order]))
    assert shuffled == pytest.approx(value(eta(flux, err)), rel=1e-9, abs=1e-12)


@given(fluxes)
def test_eta_is_never_above_chi_squared_about_the_plain_mean(flux: list[float]) -> None:
    err = errors_for(flux)
    assert value(eta(flux, err)) <= value(unweighted_chi_squared(flux, err)) * (1 + 1e-9) + 1e-12


any_number = st.one_of(st.floats(), st.sampled_from([0.0, -0.0, 1e-320, 1e308, -1e308]))


@given(st.lists(st.tuples(any_number, any_number), max_size=8))
def test_hostile_numbers_never_raise_and_never_give_an_infinite_value(points: list[tuple[float, float]]) -> None:
    result = variability_metrics([p[0] for p in points], [p[1] for p in points])
    for name, metric in metrics_of(result).items():
        assert (metric.value is None and metric.reason) or math.isfinite(metric.value), name
