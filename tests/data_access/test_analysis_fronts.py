"""Two-epoch metrics from fronts: the numbers of every pair of epochs, for any light curves in any pieces."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_access.analysis.variability import fronts as fronts_module
from data_access.analysis.variability import maximum_pair
from data_access.analysis.variability.fronts import (
    two_epoch_maxima,
)
from data_access.analysis.variability.metric import usable
from tests.data_access.front_samples import fronts_in_pieces

N_SRC = 4
FLUX = st.one_of(
    st.integers(-3, 12).map(float), st.floats(-5, 100), st.just(math.nan), st.sampled_from([0.0, 1.0, 1.0 + 2**-52])
)
ERROR = st.one_of(st.sampled_from([0.0, 0.1, 0.5, 1.0, 1.0, math.nan, -1.0]), st.floats(0.01, 20))
ROWS = st.lists(st.tuples(st.integers(0, N_SRC - 1), FLUX, ERROR), max_size=60)


def number(value: float | None) -> float:
    return math.nan if value is None else abs(value)


@settings(deadline=None, max_examples=400)
@given(ROWS, st.integers(1, 4))
def test_they_are_those_of_every_pair_of_epochs(rows: list[tuple[int, float, float]], n_pieces: int) -> None:
    found = two_epoch_maxima(fronts_in_pieces(rows, n_pieces), N_SRC)
    for source in range(N_SRC):
        flux, err = ([row[i] for row in rows if row[0] == source] for i in (1, 2))
        fluxes, errors = np.array(flux), np.array(err)
        good = usable(fluxes, errors) if flux else np.array([], dtype=bool)
        if good.sum() < 2:
            continue
        pair = maximum_pair(flux, err)
        if not found.decided[source]:
            assert fluxes[good].min() < 0 and pair.vs.value is not None
            continue
        assert found.vs[source] == pytest.approx(number(pair.vs.value), rel=1e-12, abs=1e-300)
        # a tie of Vs to the last digit between fluxes that differ in it
        assert found.m[source] == pytest.approx(number(pair.m.value), rel=1e-12, abs=1e-300, nan_ok=True)


@pytest.mark.parametrize("n", [2, 3, 30, 300])
def test_they_are_those_of_every_pair_of_plausible_light_curves(n: int) -> None:
    random = np.random.default_rng(n)
    rows: list[tuple[int, float, float]] = []
    for source, spread in enumerate((0.0, 0.02, 0.3, 1.0)):
        flux = 0.1 * (1 + spread * random.standard_normal(n)).clip(0) + 0.001 * random.random(n)
        rows += list(zip([source] * n, flux.tolist(), (0.001 * (1 + random.random(n))).tolist(), strict=True))
    fronts = fronts_in_pieces(rows, 3)
    found = two_epoch_maxima(fronts, N_SRC)
    assert found.decided.all()
    assert len(fronts.high) < 4 * (2 + 3 * math.log(n))
    for source in range(N_SRC):
        own = [row for row in rows if row[0] == source]
        pair = maximum_pair([row[1] for row in own], [row[2] for row in own])
        assert found.vs[source] == number(pair.vs.value)
        assert found.m[source] == number(pair.m.value)


def test_a_negative_flux_in_a_significant_pair_asks_for_all_measurements() -> None:
    # 2 ± 0.1 with -1 has the larger m, and is on no front: 10 is higher with as small an error
    rows = [(0, 10.0, 0.1), (0, 2.0, 0.1), (0, -1.0, 0.1), (1, 0.3, 0.5), (1, -0.2, 0.5)]
    found = two_epoch_maxima(fronts_in_pieces(rows, 1), 2)
    assert found.decided.tolist() == [False, True]
    assert number(maximum_pair([10.0, 2.0, -1.0], [0.1] * 3).m.value) == 6.0


def test_a_source_without_a_usable_measurement_has_no_numbers() -> None:
    found = two_epoch_maxima(
        fronts_in_pieces([(0, math.nan, 1.0), (0, 1.0, 0.0), (2, 1.0, 1.0), (2, 3.0, 1.0)], 1), 3
    )
    assert np.isnan(found.vs[:2]).all() and np.isnan(found.m[:2]).all()
    assert (found.vs[2], found.m[2]) == (pytest.approx(math.sqrt(2)), 1.0)


def test_long_fronts_are_left_to_who_reads_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fronts_module, "_PAIRS_AT_ONCE", 50)
    rows = [(0, float(i), 0.1 + i) for i in range(60)] + [(1, 1.0, 0.1), (1, 2.0, 0.1)]
    assert two_epoch_maxima(fronts_in_pieces(rows, 2), 2).decided.tolist() == [False, True]


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0.1, 9), st.floats(0.1, 9)), max_size=40))
def test_pieces_of_pairs_make_no_difference(rows: list[tuple[int, float, float]]) -> None:
    whole = two_epoch_maxima(fronts_in_pieces(rows, 2), N_SRC)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fronts_module, "_PAIRS_AT_ONCE", 7)
        found = two_epoch_maxima(fronts_in_pieces(rows, 2), N_SRC)
    same = found.decided
    np.testing.assert_array_equal(found.vs[same], whole.vs[same])
    np.testing.assert_array_equal(found.m[same], whole.m[same])
