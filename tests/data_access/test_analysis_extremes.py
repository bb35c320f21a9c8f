"""The largest leave-one-out z from fronts and kept sums: that of every measurement, for any light curves."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_access.analysis.ese import leave_one_out
from data_access.analysis.variability.extremes import LargestDeviations, largest_leave_one_out
from data_access.analysis.variability.moments import empty_moments, kind_moments, metrics_of
from tests.data_access.front_samples import fronts_in_pieces

N_SRC = 4
FLUX = st.one_of(
    st.integers(-3, 12).map(float), st.floats(-5, 100), st.just(math.nan), st.sampled_from([0.0, 1.0, math.inf])
)
ERROR = st.one_of(st.sampled_from([0.0, 0.1, 0.5, 1.0, 1.0, math.nan, -1.0, 1e-4]), st.floats(0.01, 20))
Row = tuple[int, float, float]
ROWS = st.lists(st.tuples(st.integers(0, N_SRC - 1), FLUX, ERROR), max_size=60)


def found_of(rows: list[Row], n_pieces: int = 1) -> LargestDeviations:
    """Return the deviations from fronts that were put together piece by piece, and from kept sums."""
    table = np.array(rows, dtype=np.float64).reshape(-1, 3)
    moments = empty_moments(N_SRC)
    moments["peak"] = kind_moments(table[:, 0].astype(np.int64), table[:, 1], table[:, 2], N_SRC)
    kept = metrics_of(moments, "peak")
    return largest_leave_one_out(
        fronts_in_pieces(rows, n_pieces), kept["xi"], kept["xi_err"], kept["max"] - kept["min"]
    )


def wanted(rows: list[Row], source: int) -> float:
    own = [row for row in rows if row[0] == source]
    value = leave_one_out([row[1] for row in own], [row[2] for row in own]).largest.value
    return math.nan if value is None else value


@settings(deadline=None, max_examples=400)
@given(ROWS, st.integers(1, 4))
def test_they_are_those_of_every_measurement(rows: list[Row], n_pieces: int) -> None:
    found = found_of(rows, n_pieces)
    for source in range(N_SRC):
        if found.decided[source]:
            assert found.z[source] == pytest.approx(wanted(rows, source), rel=1e-8, abs=1e-9)
        else:
            assert math.isnan(found.z[source])


@pytest.mark.parametrize("n", [2, 3, 30, 300])
def test_plausible_light_curves_are_decided_with_the_same_numbers(n: int) -> None:
    random = np.random.default_rng(n)
    rows: list[Row] = []
    for source, spread in enumerate((0.0, 0.02, 0.3, 1.0)):
        flux = 0.1 * (1 + spread * random.standard_normal(n)) + 0.001 * random.standard_normal(n)
        rows += list(zip([source] * n, flux.tolist(), (0.001 * (1 + random.random(n))).tolist(), strict=True))
    found = found_of(rows, 3)
    assert found.decided.all()
    assert found.z.tolist() == [pytest.approx(wanted(rows, source), rel=1e-11) for source in range(N_SRC)]


def test_by_hand_too_faint_is_negative_and_two_alike_count_as_positive() -> None:
    rows = [(0, 5.0, 1.0), (0, 5.0, 1.0), (0, 1.0, 1.0), (1, 3.0, 3.0), (1, 8.0, 4.0), (2, 8.0, 4.0), (2, 3.0, 3.0)]
    found = found_of(rows)
    assert found.z[:3].tolist() == [pytest.approx(-4 / math.sqrt(1.5)), pytest.approx(1.0), pytest.approx(1.0)]
    assert [wanted(rows, source) for source in range(3)] == [pytest.approx(z) for z in found.z[:3]]


def test_one_or_no_usable_measurement_has_none_and_equal_ones_have_zero() -> None:
    rows = [(0, 1.0, 0.1), (1, math.nan, 0.1), (1, 1.0, 0.0), *[(2, 0.1, 0.03)] * 7]
    found = found_of(rows)
    assert np.isnan(found.z[[0, 1, 3]]).all()
    assert found.z[2] == 0.0


def test_a_measurement_that_outweighs_all_others_is_left_to_who_reads_everything() -> None:
    rows = [(0, 1.0, 1e-9), (0, 2.0, 1.0), (0, 3.0, 1.0), (1, 1.0, 0.1), (1, 2.0, 1.0), (1, 3.0, 1.0)]
    assert found_of(rows).decided.tolist()[:2] == [False, True]
