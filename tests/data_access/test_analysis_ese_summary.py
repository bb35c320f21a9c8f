"""What one light curve says for or against an ESE: known dips, a wrong flux scale, honest bounds."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_access.analysis.ensemble import ensemble_of
from data_access.analysis.ese_summary import EseOptions, days_words, summarise_ese

N = 60
NOBODY = np.zeros(N, dtype=bool)


def curve(depth: float = 0.5, length: int = 12) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A dip of known depth from epoch 20 on, every three days, errors of 1 %."""
    t = 60000 + 3.0 * np.arange(N)
    flux = 0.1 * (1 + 0.003 * (-1.0) ** np.arange(N))
    flux[20 : 20 + length] *= 1 - depth
    return t, flux, np.full(N, 0.001)


def steady_neighbours(scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    level = np.linspace(0.05, 0.3, 8)[:, None]
    wobble = 1 + 0.004 * np.cos(np.arange(8)[:, None] * 7.0 + np.arange(N) * 3.0)
    return level * wobble * scale, 0.01 * level * np.ones(N)


@settings(deadline=None, max_examples=30)
@given(st.floats(0.1, 0.9), st.integers(2, 20))
def test_a_dip_has_the_depth_length_and_duration_that_were_put_in(depth: float, length: int) -> None:
    summary = summarise_ese(*curve(depth, length), flagged=NOBODY)
    assert summary.dip is not None
    assert (summary.dip.first, summary.dip.run_length) == (20, length)
    assert summary.dip.duration_days == pytest.approx(3.0 * (length - 1))
    assert summary.dip.depth_fraction == pytest.approx(depth, abs=0.01)


def test_a_long_dip_hides_from_the_flag_and_not_from_the_run_of_low_points() -> None:
    summary = summarise_ese(*curve(0.5, 12), flagged=NOBODY)
    assert summary.sigma.value == pytest.approx(2.0, abs=0.05)  # √((1-p)/p) with p = 12/60
    assert summary.bound == pytest.approx(math.sqrt(N - 1))
    assert summary.bound_fraction == pytest.approx(2.0 / math.sqrt(N - 1), abs=0.01)
    assert summary.dip is not None
    assert summary.dip.depth_sigma < -40


def test_a_wrong_flux_scale_is_a_dip_as_measured_and_none_beside_the_neighbours() -> None:
    scale = np.ones(N)
    scale[30:33] = 0.7
    t, flux, err = curve(0.0)
    ensemble = ensemble_of(*steady_neighbours(scale))
    summary = summarise_ese(t, flux * scale, err, flagged=NOBODY, ensemble=ensemble)
    assert summary.dip is not None
    assert (summary.normalised_dip, summary.verdict) == (None, "flux scale")


def test_a_dip_of_the_source_alone_stays_beside_the_neighbours() -> None:
    ensemble = ensemble_of(*steady_neighbours(np.ones(N)))
    summary = summarise_ese(*curve(0.4, 6), flagged=NOBODY, ensemble=ensemble)
    assert summary.normalised_dip is not None
    assert summary.normalised_dip.depth_fraction == pytest.approx(0.4, abs=0.02)


def test_a_dip_at_epochs_without_neighbours_is_not_judged() -> None:
    fluxes, errors = steady_neighbours(np.ones(N))
    fluxes[:, 20:32] = np.nan
    summary = summarise_ese(*curve(0.4, 12), flagged=NOBODY, ensemble=ensemble_of(fluxes, errors))
    assert (summary.n_compared, summary.normalised_dip, summary.verdict) == (0, None, "not known")


def test_one_compared_epoch_of_a_short_dip_is_no_flux_scale() -> None:
    fluxes, errors = steady_neighbours(np.ones(N))
    fluxes[:, 20] = np.nan
    summary = summarise_ese(*curve(0.4, 2), flagged=NOBODY, ensemble=ensemble_of(fluxes, errors))
    assert (summary.n_compared, summary.verdict) == (1, "not known")


def test_a_true_dip_at_another_time_does_not_excuse_a_wrong_flux_scale() -> None:
    scale = np.ones(N)
    scale[40:46] = 0.5
    t, flux, err = curve(0.15, 6)
    ensemble = ensemble_of(*steady_neighbours(scale))
    summary = summarise_ese(t, flux * scale, err, flagged=NOBODY, ensemble=ensemble)
    assert summary.dip is not None
    assert summary.dip.first == 40
    assert [dip.first for dip in summary.normalised.dips] == [20]
    assert (summary.normalised_dip, summary.verdict) == (None, "flux scale")


def test_flagged_measurements_make_no_dip() -> None:
    flagged = NOBODY.copy()
    flagged[20:32] = True
    summary = summarise_ese(*curve(), flagged=flagged)
    assert (summary.n, summary.dip) == (N - 12, None)


@pytest.mark.parametrize("errors", [{"fractional_error": 0.05}, {"additive_error": 0.005}])
def test_a_systematic_error_takes_small_dips_out(errors: dict[str, float]) -> None:
    assert summarise_ese(*curve(0.08), flagged=NOBODY).dip is not None
    options = EseOptions(**errors)
    assert summarise_ese(*curve(0.08), flagged=NOBODY, options=options).dip is None


@pytest.mark.parametrize("n", [0, 1])
def test_too_few_epochs_give_reasons_and_no_numbers(n: int) -> None:
    t, flux, err = (values[:n] for values in curve())
    summary = summarise_ese(t, flux, err, flagged=NOBODY[:n])
    assert (summary.bound, summary.bound_fraction, summary.dip) == (None, None, None)
    assert summary.leave_one_out.value is None
    assert summary.leave_one_out.reason
    assert summary.reason == "neighbours were not looked at"


def test_durations_are_worded_in_units_that_can_be_read() -> None:
    assert [days_words(days) for days in (33.0, 0.5, 0.01, math.nan)] == ["33 d", "12 h", "14.4 min", "not known"]
