"""The cuts of the eta-V plane by the published recipe."""

from __future__ import annotations

import math

import numpy as np
import pytest
from astropy.stats import mad_std, sigma_clip

from data_access.analysis.eta_v import beyond_both, density, fit_log_gaussian


def test_the_fit_is_that_of_the_published_recipe() -> None:
    rng = np.random.default_rng(2019)
    values = 10 ** np.concatenate([rng.normal(0.1, 0.2, 3000), rng.uniform(1.5, 4, 60)])
    clipped = sigma_clip(np.log10(values), sigma=3, maxiters=None, cenfunc="median", stdfunc=mad_std, masked=False)
    fit = fit_log_gaussian(values)
    assert fit.mu == pytest.approx(np.mean(clipped), rel=1e-12)
    assert fit.sigma == pytest.approx(np.std(clipped), rel=1e-12)
    assert fit.n_kept == clipped.size < fit.n == values.size


def test_the_cut_is_k_widths_above_the_fit() -> None:
    fit = fit_log_gaussian(10 ** np.random.default_rng(1).normal(0.0, 0.3, 5000))
    assert math.log10(fit.cut(4.0)) == pytest.approx(fit.mu + 4 * fit.sigma)


def test_strong_variables_do_not_move_the_cut() -> None:
    quiet = 10 ** np.random.default_rng(3).normal(0.0, 0.1, 2000)
    with_variables = np.concatenate([quiet, np.full(100, 1e5)])
    assert fit_log_gaussian(with_variables).cut() == pytest.approx(fit_log_gaussian(quiet).cut(), rel=1e-12)


@pytest.mark.parametrize("values", [[], [1.0], [0.0, -1.0, math.nan, math.inf]])
def test_too_few_values_give_no_fit_and_a_reason(values: list[float]) -> None:
    fit = fit_log_gaussian(values)
    assert math.isnan(fit.cut())
    assert "at least 2" in fit.reason


def test_few_sources_make_an_unsafe_fit_in_words() -> None:
    assert "unsafe" in fit_log_gaussian(np.geomspace(0.5, 2, 20)).reason


def test_a_candidate_is_above_both_cuts() -> None:
    found = beyond_both(np.array([2.0, 2.0, 0.5, np.nan]), np.array([0.2, 0.05, 0.2, 0.2]), 1.0, 0.1)
    assert found.tolist() == [True, False, False, False]


def test_no_source_is_lost_in_the_cells() -> None:
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=10_000), rng.normal(size=10_000)
    made = density(x, y, n_cells=50)
    assert made.count.sum() == 10_000
    assert np.average(made.log_eta, weights=made.count) == pytest.approx(x.mean(), abs=made.step_eta)


def test_equal_values_lie_in_one_cell() -> None:
    made = density(np.ones(7), np.ones(7))
    assert made.count.tolist() == [7]


@pytest.mark.parametrize("n", [2, 5, 6, 1000, 1001])
def test_the_fit_is_that_of_astropys_clipping(n: int) -> None:
    x = np.random.default_rng(n).normal(0.3, 0.2, n)
    x[: n // 10] += 3.0
    kept = sigma_clip(x, sigma=3.0, maxiters=None, cenfunc="median", stdfunc=mad_std, masked=False)
    fit = fit_log_gaussian(10.0**x)
    assert (fit.n_kept, fit.mu, fit.sigma) == (kept.size, pytest.approx(kept.mean()), pytest.approx(kept.std()))
