"""The common factor of neighbours: known scales are found, variable neighbours and bad values do not spoil them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_access.analysis.ensemble import divide_by_ensemble, ensemble_of
from data_access.analysis.variability import variability_metrics
from data_access.errors import ValidationError

N_EPOCH = 40


def neighbours(scale: np.ndarray, *, n: int = 9, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Return fluxes and errors of `n` constant sources, 1 % noise, on images whose scale is wrong by `scale`."""
    rng = np.random.default_rng(seed)
    level = np.geomspace(0.01, 2.0, n)[:, None]
    errors = np.broadcast_to(0.01 * level, (n, scale.size)) * scale
    return (level * (1 + 0.01 * rng.standard_normal((n, scale.size)))) * scale, errors


def scale_with_bad_epochs() -> np.ndarray:
    scale = np.ones(N_EPOCH)
    scale[[7, 21]] = 0.7, 1.4
    return scale


def test_a_wrong_flux_scale_is_found_to_a_percent() -> None:
    scale = scale_with_bad_epochs()
    found = ensemble_of(*neighbours(scale))
    assert found.is_steady.all() and found.reason == ""
    assert np.abs(found.factor / scale - 1).max() < 3 * 1.2533 * 0.01 / 3
    assert np.array_equal(found.n_used, np.full(N_EPOCH, 9))


def test_the_error_of_the_factor_is_that_of_a_median_of_nine() -> None:
    trials = np.array([ensemble_of(*neighbours(np.ones(N_EPOCH), seed=seed)).factor for seed in range(30)])
    error = np.mean([ensemble_of(*neighbours(np.ones(N_EPOCH), seed=seed)).error for seed in range(30)])
    assert error == pytest.approx(trials.std(), rel=0.25)


def test_a_variable_neighbour_is_not_used() -> None:
    fluxes, errors = neighbours(scale_with_bad_epochs())
    fluxes[4] *= 1 + 0.5 * np.sin(np.arange(N_EPOCH))
    found = ensemble_of(fluxes, errors)
    assert found.is_steady.tolist() == [i != 4 for i in range(9)]
    assert found.eta[4] > 100
    assert found.factor[7] == pytest.approx(0.7, rel=0.02)


def test_eta_is_that_of_the_light_curve_after_the_correction() -> None:
    fluxes, errors = neighbours(scale_with_bad_epochs())
    found = ensemble_of(fluxes, errors)
    ours = variability_metrics(fluxes[2] / found.factor, errors[2] / found.factor).eta.value
    assert found.eta[2] == pytest.approx(ours, rel=0.02)


def test_epochs_with_too_few_neighbours_have_no_factor() -> None:
    fluxes, errors = neighbours(np.ones(N_EPOCH))
    fluxes[2:, 5] = np.nan
    errors[3:, 6] = 0.0
    found = ensemble_of(fluxes, errors)
    assert np.flatnonzero(np.isnan(found.factor)).tolist() == [5]
    assert found.n_used[[5, 6]].tolist() == [2, 3]


def test_without_steady_neighbours_the_reason_is_said() -> None:
    fluxes, errors = neighbours(np.ones(N_EPOCH), n=2)
    found = ensemble_of(fluxes, errors)
    assert np.isnan(found.factor).all()
    assert found.reason == "needs 3 steady neighbours in the same images; of 2 there are 2 steady"
    nobody = ensemble_of(np.empty((0, 4)), np.empty((0, 4)))
    assert np.isnan(nobody.factor).all() and nobody.factor.shape == (4,) and nobody.reason.endswith("there is none")


def test_a_neighbour_without_a_positive_flux_has_no_baseline_and_is_not_used() -> None:
    fluxes, errors = neighbours(np.ones(N_EPOCH))
    fluxes[0] *= -1
    found = ensemble_of(fluxes, errors)
    assert np.isnan(found.baseline[0]) and not found.is_steady[0] and np.isfinite(found.factor).all()


def test_a_dip_of_the_source_stays_and_the_scale_goes() -> None:
    scale = scale_with_bad_epochs()
    flux, err = scale.copy(), np.full(N_EPOCH, 0.02)
    flux[30:35] *= 0.5
    own, own_error = divide_by_ensemble(flux, err, ensemble_of(*neighbours(scale)))
    assert own[[7, 21]] == pytest.approx([1.0, 1.0], abs=0.02)
    assert own[30:35] == pytest.approx(np.full(5, 0.5), abs=0.02)
    assert np.all(own_error > err / scale)


def test_curves_of_another_length_are_refused() -> None:
    with pytest.raises(ValidationError):
        divide_by_ensemble([1.0], [0.1], ensemble_of(*neighbours(np.ones(N_EPOCH))))
    with pytest.raises(ValidationError):
        ensemble_of([1.0, 2.0], [0.1, 0.1])


@settings(deadline=None, max_examples=40)
@given(st.lists(st.floats(0.3, 3.0), min_size=12, max_size=12), st.floats(1e-6, 1e6))
def test_the_factor_does_not_depend_on_the_unit_and_scales_with_the_epoch(scale: list[float], unit: float) -> None:
    fluxes, errors = neighbours(np.ones(12))
    plain, scaled = ensemble_of(fluxes, errors), ensemble_of(fluxes * unit, errors * unit)
    assert scaled.factor == pytest.approx(plain.factor, rel=1e-9)
    turned = np.array(scale)
    ratio = ensemble_of(fluxes * turned, errors * turned).factor / turned
    assert ratio / ratio[0] == pytest.approx(plain.factor / plain.factor[0], rel=0.06)
