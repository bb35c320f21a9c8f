"""Kept sums merge into the numbers that the whole light curve gives."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_access.analysis.variability import variability_metrics
from data_access.analysis.variability.moments import (
    MOMENTS,
    REASONS,
    empty_moments,
    kind_moments,
    merge_moments,
    metrics_of,
)

FloatArray = npt.NDArray[np.float64]


def moments_in_parts(flux: FloatArray, err: FloatArray, cuts: list[int]) -> npt.NDArray[np.void]:
    """Return the moments of one source whose measurements came in several parts."""
    kept = empty_moments(1)
    for part in np.split(np.arange(flux.size), cuts):
        more = empty_moments(1)
        more["n_rows"] = part.size
        more["peak"] = kind_moments(np.zeros(part.size, dtype=np.int64), flux[part], err[part], 1)
        merge_moments(kept, np.array([0]), more)
    return kept


def assert_same_as_two_pass(flux: FloatArray, err: FloatArray, cuts: list[int]) -> None:
    found = metrics_of(moments_in_parts(flux, err, cuts), "peak")
    wanted = variability_metrics(flux, err)
    assert found["n"][0] == wanted.n_valid
    for name, metric in (
        ("eta", wanted.eta), ("v", wanted.modulation_index), ("chi2_nu", wanted.reduced_chi_squared),
        ("mean", wanted.mean), ("std", wanted.std), ("min", wanted.min), ("max", wanted.max),
    ):  # fmt: skip
        value = float(found[name][0])
        if metric.value is None:
            assert math.isnan(value), (name, value, metric)
        else:
            # equal fluxes: what rounding leaves of no spread at all, relative to the fluxes
            nothing = {"v": 1e-14, "std": 1e-14 * float(np.abs(flux).max())}.get(name, 1e-300)
            assert value == pytest.approx(metric.value, rel=1e-9, abs=nothing), name


level = st.floats(1e-4, 1e3)
offsets = st.lists(st.floats(-1, 1), min_size=0, max_size=40)


@settings(max_examples=200, deadline=None)
@given(level=level, offsets=offsets, spread=st.floats(1e-6, 0.5), data=st.data())
def test_parts_merge_into_the_metrics_of_the_whole(
    level: float, offsets: list[float], spread: float, data: st.DataObject
) -> None:
    # offsets in steps, so that no two-pass sum is itself lost in the rounding of its fluxes
    flux = level * (1 + spread * np.round(np.array(offsets, dtype=np.float64), 3))
    err = level * data.draw(
        st.lists(st.floats(1e-4, 1.0), min_size=flux.size, max_size=flux.size).map(np.array), label="errors"
    )
    cuts = sorted(data.draw(st.lists(st.integers(0, flux.size), max_size=5), label="cuts"))
    assert_same_as_two_pass(flux, np.asarray(err, dtype=np.float64), cuts)


def test_a_tiny_spread_on_a_large_flux_keeps_its_digits_through_every_merge() -> None:
    flux = 1000.0 + 1e-6 * np.random.default_rng(4).normal(size=300)
    assert_same_as_two_pass(flux, np.full(300, 1e-6), list(range(1, 300)))


def test_unusable_measurements_are_left_out_as_in_the_two_pass_metrics() -> None:
    flux = np.array([1.0, np.nan, 2.0, np.inf, 3.0, 4.0])
    err = np.array([0.1, 0.1, 0.0, 0.1, np.nan, 0.2])
    assert_same_as_two_pass(flux, err, [2])


@pytest.mark.parametrize(
    ("flux", "err", "reason"),
    [
        ([], [], "no flux of this kind is recorded"),
        ([1.0, 2.0], [np.nan, np.nan], "no error is recorded with the fluxes"),
        ([1.0], [0.1], "fewer than 2 usable measurements"),
        ([-1.0, -2.0], [0.1, 0.1], "the mean flux is zero or negative: V means nothing"),
        ([1.0, 1.0], [0.1, 0.1], "η or V is zero: it has no logarithm"),
        ([1e200, -1e200, 3e200], [1e-170, 1e-170, 1e-170], "the numbers are too large or too small to compute with"),
    ],
)
def test_a_source_without_a_place_in_the_plane_has_a_reason(flux: list[float], err: list[float], reason: str) -> None:
    kept = moments_in_parts(np.array(flux, dtype=np.float64), np.array(err, dtype=np.float64), [])
    assert REASONS[int(metrics_of(kept, "peak")["reason"][0])] == reason


def test_a_source_without_any_peak_is_answered_by_its_integrated_fluxes() -> None:
    kept = empty_moments(1)
    kept["integrated"] = kind_moments(np.zeros(2, dtype=np.int64), np.array([1.0, 3.0]), np.array([0.5, 0.5]), 1)
    assert metrics_of(kept, "peak")["mean"][0] == 2.0


def test_moments_survive_the_trip_through_bytes() -> None:
    kept = moments_in_parts(np.array([1.0, 2.0, 4.0]), np.array([0.1, 0.2, 0.3]), [1])
    again = np.frombuffer(kept.tobytes(), dtype=MOMENTS)
    assert again.tobytes() == kept.tobytes()
    assert metrics_of(again, "peak")["eta"] == metrics_of(kept, "peak")["eta"]
