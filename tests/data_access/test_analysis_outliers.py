"""What stands out: the middle and the width are hardly moved by it, and few values prove nothing."""

from __future__ import annotations

import numpy as np
import pytest

from data_access.analysis.outliers import THRESHOLD, spread_of


def test_the_width_is_that_of_the_noise_whatever_stands_out() -> None:
    values = np.random.default_rng(4).normal(10.0, 2.0, 5000)
    values[:500] = 1e6
    spread = spread_of(values)
    assert spread.median == pytest.approx(10.3, abs=0.1)
    assert spread.sigma == pytest.approx(2.2, abs=0.2)
    assert spread.stands_out[:500].all()
    assert spread.stands_out[500:].mean() < 0.005


def test_scores_are_those_of_iglewicz_and_hoaglin() -> None:
    # Modified z-scores, Iglewicz & Hoaglin (1993): 0.6745 (x - median) / MAD, an outlier beyond 3.5.
    values = np.array([2.1, 2.6, 2.4, 2.5, 2.3, 2.1, 2.3, 2.6, 8.2, 8.3])
    spread = spread_of(values)
    mad = float(np.median(np.abs(values - np.median(values))))
    assert spread.score == pytest.approx(0.6745 * (values - np.median(values)) / mad, rel=1e-4)
    assert np.flatnonzero(spread.stands_out).tolist() == [8, 9]


def test_the_band_is_where_nothing_stands_out() -> None:
    values = np.append(np.arange(20.0), [100.0, np.nan])
    spread = spread_of(values)
    low, high = spread.band
    inside = (values >= low) & (values <= high)
    assert np.array_equal(inside, ~spread.stands_out & np.isfinite(values))
    assert (high - spread.median) / spread.sigma == pytest.approx(THRESHOLD)


def test_where_most_are_equal_the_odd_ones_stand_out() -> None:
    values = np.array([30.0] * 40 + [31.0])
    assert np.flatnonzero(spread_of(values).stands_out).tolist() == [40]


@pytest.mark.parametrize("values", [[], [np.nan] * 9, [5.0] * 30, [1.0, 2.0, 1e9], [np.inf, 1.0]])
def test_nothing_stands_out_of_nothing_of_equals_or_of_a_few(values: list[float]) -> None:
    assert not spread_of(np.array(values)).stands_out.any()
