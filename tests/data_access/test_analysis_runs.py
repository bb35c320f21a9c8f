"""Von Neumann ratios from runs: those of whole light curves, for any light curves in any pieces."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_access.analysis.variability import von_neumann
from data_access.analysis.variability.metric import FloatArray
from data_access.analysis.variability.moments import empty_moments, kind_moments, metrics_of
from data_access.analysis.variability.runs import Runs, merged_runs, runs_of, von_neumann_ratios

N_SRC = 4
MJD = st.one_of(st.integers(60_000, 60_008).map(float), st.just(math.nan))
FLUX = st.one_of(st.integers(-3, 5).map(float), st.floats(-5, 100).map(lambda x: round(x, 6)))
ROWS = st.lists(st.tuples(st.integers(0, N_SRC - 1), MJD, FLUX), max_size=60)
Row = tuple[int, float, float]


def columns_of(rows: list[Row]) -> tuple[np.ndarray, FloatArray, FloatArray]:
    table = np.array(rows, dtype=np.float64).reshape(-1, 3)
    return table[:, 0].astype(np.int64), table[:, 1], table[:, 2]


def kept(rows: list[Row], cuts: list[int]) -> Runs:
    """Return the runs of rows that were read in several stretches."""
    made = Runs.nothing(0)
    for start, stop in zip([0, *cuts], [*cuts, len(rows)], strict=True):
        codes, mjd, flux = columns_of(rows[start:stop])
        sources, here = np.unique(codes, return_inverse=True)
        made = merged_runs(made, sources, runs_of(here.reshape(-1), mjd, flux, sources.size), N_SRC)
    return made


def ratios(runs: Runs, rows: list[Row]) -> FloatArray:
    codes, _, flux = columns_of(rows)
    moments = empty_moments(N_SRC)
    moments["peak"] = kind_moments(codes, flux, np.ones_like(flux), N_SRC)
    numbers = metrics_of(moments, "peak")
    return von_neumann_ratios(runs, numbers["n"], numbers["std"], numbers["max"] - numbers["min"])


def wanted(rows: list[Row], source: int) -> float:
    """Return the ratio of the light curve: by epoch, those without one last, else in the order of the rows."""
    own = sorted(
        (math.inf if math.isnan(mjd) else mjd, i, flux) for i, (s, mjd, flux) in enumerate(rows) if s == source
    )
    value = von_neumann([flux for _, _, flux in own]).value
    return math.nan if value is None else value


@settings(deadline=None, max_examples=400)
@given(ROWS, st.lists(st.integers(0, 60), max_size=3))
def test_they_are_those_of_every_light_curve_or_torn(rows: list[Row], cuts: list[int]) -> None:
    runs = kept(rows, sorted(min(cut, len(rows)) for cut in cuts))
    found = ratios(runs, rows)
    for source in range(N_SRC):
        if runs.torn[source]:
            assert math.isnan(found[source])
        else:
            assert found[source] == pytest.approx(wanted(rows, source), rel=1e-9, nan_ok=True)


@given(ROWS)
def test_one_stretch_is_never_torn(rows: list[Row]) -> None:
    assert not kept(rows, []).torn.any()


@given(st.lists(st.tuples(st.integers(0, N_SRC - 1), FLUX), max_size=40), st.integers(0, 40), st.booleans())
def test_stretches_that_follow_or_precede_are_joined(
    values: list[tuple[int, float]], cut: int, is_backwards: bool
) -> None:
    rows: list[Row] = [(source, 60_000.0 + i, flux) for i, (source, flux) in enumerate(values)]
    cut = min(cut, len(rows))
    rows = [*rows[cut:], *rows[:cut]] if is_backwards else rows
    runs = kept(rows, [len(rows) - cut if is_backwards else cut])
    assert not runs.torn.any()
    for source, found in enumerate(ratios(runs, rows)):
        assert found == pytest.approx(wanted(rows, source), rel=1e-9, nan_ok=True)


def test_a_measurement_between_two_kept_ones_tears_its_source_only() -> None:
    rows = [(0, 1.0, 1.0), (0, 3.0, 2.0), (1, 1.0, 1.0), (1, 3.0, 2.0), (0, 2.0, 5.0), (1, 4.0, 5.0)]
    assert kept(rows, [4]).torn.tolist() == [True, False, False, False]


def test_by_hand_few_or_equal_measurements_have_none() -> None:
    rows = [(0, 1.0, 1.0), (0, 2.0, 2.0), *[(1, float(i), 3.0) for i in range(5)]]
    rows += [(2, float(i), float(i)) for i in range(1, 5)]
    found = ratios(kept(rows, [3]), rows)
    assert np.isnan(found[[0, 1, 3]]).all()
    assert found[2] == pytest.approx(3 / 5, rel=1e-14)


def test_a_source_whose_measurements_were_not_read_has_none() -> None:
    rows = [(0, float(i), float(i)) for i in range(4)]
    assert np.isnan(ratios(Runs.nothing(N_SRC), rows)).all()
