"""What the pipeline stored against the photometry: every known cause is named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from data_access.analysis.variability import compare_monitoring, compare_stored, eta, unweighted_chi_squared
from data_access.analysis.variability.sigma_deviation import sigma_deviation
from data_access.records.sources import MonitoringState, StoredVariability

FLUX_JY = np.array([0.050, 0.052, 0.047, 0.061, 0.055])
ERR_JY = np.array([0.001, 0.002, 0.001, 0.003, 0.001])


def stored_row() -> StoredVariability:
    """Return a row that agrees with the photometry in everything."""
    f = FLUX_JY * 1000
    return StoredVariability(
        source_id="J1", ra_deg=1.0, dec_deg=2.0, nvss_flux_mjy=50.0, n_obs=5, mean_flux_mjy=float(f.mean()),
        std_flux_mjy=float(f.std(ddof=1)), min_flux_mjy=float(f.min()), max_flux_mjy=float(f.max()),
        chi2_nu=eta(FLUX_JY, ERR_JY).value, eta_metric=eta(FLUX_JY, ERR_JY).value,
        sigma_deviation=sigma_deviation(FLUX_JY).value, last_mjd=None, updated_at=None,
    )  # fmt: skip


def only_remark(row: StoredVariability) -> str:
    remarks = compare_stored(row, FLUX_JY, ERR_JY)
    assert len(remarks) == 1, remarks
    return remarks[0]


def test_row_that_agrees_has_no_remark() -> None:
    assert compare_stored(stored_row(), FLUX_JY, ERR_JY) == ()


def test_jy_in_mjy_columns_is_named_once_and_not_as_many_differences() -> None:
    row = stored_row()
    in_jy = {
        name: getattr(row, name) / 1000 for name in ("mean_flux_mjy", "std_flux_mjy", "min_flux_mjy", "max_flux_mjy")
    }
    assert "in Jy although their columns say mJy" in only_remark(replace(row, **in_jy))


def test_population_standard_deviation_is_recognised() -> None:
    remark = only_remark(replace(stored_row(), std_flux_mjy=float(np.std(FLUX_JY * 1000))))
    assert "divides by n, ours by n-1" in remark


def test_chi_squared_about_the_unweighted_mean_is_recognised() -> None:
    remark = only_remark(replace(stored_row(), chi2_nu=unweighted_chi_squared(FLUX_JY, ERR_JY).value))
    assert "about the unweighted mean" in remark


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ("std_flux_mjy", "standard deviation"),
        ("chi2_nu", "χ²ν"),
        ("eta_metric", "η"),
        ("min_flux_mjy", "smallest"),
    ],
)
def test_unexplained_difference_is_said_with_both_numbers(column: str, words: str) -> None:
    remark = only_remark(replace(stored_row(), **{column: 3.21}))
    assert words in remark and "3.21" in remark and "photometry" in remark


def test_row_from_before_the_last_measurement_counts_fewer() -> None:
    assert "counts 4 measurements, the photometry has 5" in only_remark(
        replace(stored_row(), n_obs=4, sigma_deviation=None)
    )


def test_impossible_sigma_deviation_is_named_with_its_bound() -> None:
    assert "impossible with 5 measurements: the largest possible is 2.00" in only_remark(
        replace(stored_row(), sigma_deviation=8.2)
    )


def test_largest_possible_sigma_deviation_itself_is_not_impossible() -> None:
    assert "impossible" not in only_remark(replace(stored_row(), sigma_deviation=2.0))


def test_a_stored_sigma_deviation_is_held_against_the_photometry() -> None:
    ours = sigma_deviation(FLUX_JY).value
    remark = only_remark(replace(stored_row(), sigma_deviation=1.23))
    assert remark == f"the stored σ deviation is 1.23, that of the photometry {ours:g}"
    of_sample = sigma_deviation(FLUX_JY, ddof=1).value
    assert "divide by n-1, ours by n" in only_remark(replace(stored_row(), sigma_deviation=of_sample))


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ("std_flux_mjy", "standard deviation is 7 mJy"),
        ("chi2_nu", "χ²ν is 7"),
        ("eta_metric", "η is 7"),
    ],
)
def test_a_stored_number_that_one_measurement_cannot_have_says_why(column: str, words: str) -> None:
    names = ("std_flux_mjy", "chi2_nu", "eta_metric", "sigma_deviation", "nvss_flux_mjy")
    one = dict.fromkeys(("mean_flux_mjy", "min_flux_mjy", "max_flux_mjy"), 50.0)
    row = replace(stored_row(), n_obs=1, **one, **{**dict.fromkeys(names), column: 7.0})
    (remark,) = compare_stored(row, FLUX_JY[:1], ERR_JY[:1])
    assert remark.startswith(f"the stored {words}, the photometry has none: needs at least 2")


def test_a_stored_sigma_deviation_of_one_measurement_is_impossible() -> None:
    one = dict.fromkeys(("mean_flux_mjy", "min_flux_mjy", "max_flux_mjy"), 50.0)
    none = dict.fromkeys(("std_flux_mjy", "chi2_nu", "eta_metric", "nvss_flux_mjy"))
    row = replace(stored_row(), n_obs=1, **one, **none, sigma_deviation=7.0)
    (remark,) = compare_stored(row, FLUX_JY[:1], ERR_JY[:1])
    assert remark == (
        "a deviation of 7 standard deviations is impossible with 1 measurement: the largest possible is 0.00"
    )
    assert compare_stored(replace(row, sigma_deviation=0.0), FLUX_JY[:1], ERR_JY[:1]) == (
        "the stored σ deviation is 0, the photometry has none: needs at least 2 measurements with a finite flux",
    )


def test_missing_columns_are_not_differences() -> None:
    names = ("n_obs", "mean_flux_mjy", "std_flux_mjy", "min_flux_mjy", "max_flux_mjy", "chi2_nu", "eta_metric")
    empty = dict.fromkeys((*names, "sigma_deviation", "nvss_flux_mjy"))
    assert compare_stored(replace(stored_row(), **empty), FLUX_JY, ERR_JY) == ()


def test_mock_row_without_photometry_is_seen_through() -> None:
    mock = replace(
        stored_row(), nvss_flux_mjy=50.0, n_obs=20, mean_flux_mjy=0.052, std_flux_mjy=0.018, min_flux_mjy=0.03,
        max_flux_mjy=0.145, sigma_deviation=8.2,
    )  # fmt: skip
    remarks = compare_stored(mock, [], [])
    assert any("no usable photometry" in remark for remark in remarks)
    assert any("look like Jy" in remark for remark in remarks)
    assert any("impossible with 20 measurements" in remark for remark in remarks)


def test_mean_outside_its_own_extremes_is_named() -> None:
    remarks = compare_stored(replace(stored_row(), min_flux_mjy=60.0), [], [])
    assert any("not between the smallest and the largest" in remark for remark in remarks)


def monitored(eta_value: float | None, v_index: float | None) -> MonitoringState:
    return MonitoringState("J1", None, None, None, None, None, None, None, None, eta_value, v_index, None, None)


def test_eta_and_v_of_a_monitored_source_that_agree_have_no_remark() -> None:
    v = float(np.std(FLUX_JY, ddof=1) / np.mean(FLUX_JY))
    assert compare_monitoring(monitored(eta(FLUX_JY, ERR_JY).value, v), FLUX_JY, ERR_JY) == ()
    assert compare_monitoring(monitored(None, None), FLUX_JY, ERR_JY) == ()


def test_eta_and_v_of_a_monitored_source_that_differ_are_said_with_both_numbers() -> None:
    ours = eta(FLUX_JY, ERR_JY).value
    remarks = compare_monitoring(monitored(99.0, 98.0), FLUX_JY, ERR_JY)
    assert remarks[0] == f"η of the monitored sources is 99, that of the photometry {ours:g}"
    assert remarks[1].startswith("V of the monitored sources is 98, that of the photometry 0.")


def test_a_stored_v_with_the_population_standard_deviation_is_recognised() -> None:
    v = float(np.std(FLUX_JY) / np.mean(FLUX_JY))
    assert "divides by n, ours by n-1" in compare_monitoring(monitored(None, v), FLUX_JY, ERR_JY)[0]


def test_a_stored_v_without_one_in_the_photometry_says_why_there_is_none() -> None:
    (remark,) = compare_monitoring(monitored(None, 0.5), FLUX_JY[:1], ERR_JY[:1])
    assert remark.startswith("V of the monitored sources is 0.5, the photometry has none: needs at least 2")
