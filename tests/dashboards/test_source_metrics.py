"""The metrics of one source on its page: the numbers of the list and of the export, beside what is stored."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dashboards.pages.epoch_selection import EpochSelection
from dashboards.pages.source_facts import heading_items
from dashboards.pages.source_metrics import analyse, metric_note, metric_rows
from data_access.analysis.ese_summary import summarise_ese
from data_access.analysis.variability.moments import empty_moments, kind_moments, metrics_of
from data_access.records import LightCurve, MonitoringState, Source, SourceDetail, StoredVariability
from tests.dashboards.plot_samples import make_light_curve

PEAKS_JY = np.array([0.010, 0.013, 0.011, 0.012, 0.010, 0.030])
ERROR_JY = 1e-3


def detail_of(curve: LightCurve, **known: Any) -> SourceDetail:
    source = Source(**{
        "source_id": "S", "name": None, "ra_deg": None, "dec_deg": None, "n_epochs": curve.n_epoch,
        "stored": None, "monitoring": None, "ese_status": None, **known,
    })  # fmt: skip
    return SourceDetail(source, curve, (), ())


def shown(detail: SourceDetail, key: str, column: int = 1) -> dict[str, Any]:
    rows = metric_rows(detail, analyse(detail, "peak"), "mJy")
    return dict(next(row["cells"][column] for row in rows if row["key"] == key))


def exported(peaks: Any, errors: Any, name: str) -> float:
    """Return what list and export give of these measurements."""
    moments = empty_moments(1)
    moments["n_rows"] = len(peaks)
    moments["peak"] = kind_moments(np.zeros(len(peaks), dtype=np.int64), peaks, errors, 1)
    return float(metrics_of(moments, "peak")[name][0])


@pytest.mark.parametrize("bad", [0.0, np.nan, np.inf])
def test_sigma_deviation_is_of_the_usable_measurements_like_that_of_list_and_panel(bad: float) -> None:
    errors = np.full(6, ERROR_JY)
    errors[5] = bad
    detail = detail_of(make_light_curve(6, peak_jyb=PEAKS_JY, peak_err_jyb=errors))
    sigma = shown(detail, "sigma_deviation")
    assert float(sigma["t"]) == pytest.approx(exported(PEAKS_JY, errors, "sigma"), abs=0.005)
    assert sigma["u"] == "of 2" and "s" not in sigma
    panel = summarise_ese(np.arange(6.0), PEAKS_JY, errors, flagged=np.zeros(6, dtype=bool))
    assert panel.sigma == analyse(detail, "peak").every.sigma


def test_measurements_of_one_observation_are_said_to_count_each() -> None:
    errors = np.full(6, ERROR_JY)
    errors[5] = np.nan
    curve = make_light_curve(6, peak_jyb=PEAKS_JY, peak_err_jyb=errors, mjd=np.array([1.0, 1.0, 1.0, 2.0, 3.0, 3.0]))
    note = metric_note(analyse(detail_of(curve), "peak"))
    assert "2 measurements are of an observation that another one is of too" in note
    without = metric_note(analyse(detail_of(curve), "peak", EpochSelection(left_out=frozenset({1, 2}))))
    assert "another one is of too" not in without
    (epochs,) = [item["cell"] for item in heading_items(detail_of(curve)) if item["label"] == "epochs"]
    assert (epochs["t"], epochs["n"]) == ("6", "measurements of 3 observations")


@pytest.mark.parametrize(("n_usable", "said"), [(0, "there are none"), (1, "there is 1")])
def test_without_enough_usable_measurements_there_is_no_sigma_deviation(n_usable: int, said: str) -> None:
    errors = np.full(6, np.inf)
    errors[:n_usable] = ERROR_JY
    sigma = shown(detail_of(make_light_curve(6, peak_jyb=PEAKS_JY, peak_err_jyb=errors)), "sigma_deviation")
    assert sigma["t"] == "n/a" and said in sigma["title"]
    assert np.isnan(exported(PEAKS_JY, errors, "sigma"))


@pytest.mark.parametrize("level", [0.1, 0.3, 0.7])
def test_a_debiased_modulation_index_of_nothing_is_zero_on_the_page_as_in_the_export(level: float) -> None:
    peaks, errors = level + 0.01 * np.array([-1.0, 1.0] * 3), np.full(6, 0.01)
    detail = detail_of(make_light_curve(6, peak_jyb=peaks, peak_err_jyb=errors))
    assert shown(detail, "debiased_modulation_index")["t"] == "0"
    assert exported(peaks, errors, "md") == 0.0


def stored_row(**values: Any) -> StoredVariability:
    names = (
        "ra_deg", "dec_deg", "nvss_flux_mjy", "n_obs", "mean_flux_mjy", "std_flux_mjy", "min_flux_mjy",
        "max_flux_mjy", "chi2_nu", "sigma_deviation", "eta_metric", "last_mjd", "updated_at",
    )  # fmt: skip
    return StoredVariability(source_id="S", **{**dict.fromkeys(names), **values})


@pytest.mark.parametrize(
    ("ddof", "said"),
    [
        (0, "V of the stored statistics divides by n, ours by n-1: 0.494"),
        (1, ""),
        (None, "the stored V (standard deviation over mean) is 0.0697674, that of the photometry 0.541616"),
    ],
)
def test_the_stored_v_is_the_number_of_the_list_and_why_it_differs_is_said(ddof: int | None, said: str) -> None:
    std = 1.0 if ddof is None else 1e3 * float(np.std(PEAKS_JY, ddof=ddof))
    stored = stored_row(mean_flux_mjy=1e3 * float(np.mean(PEAKS_JY)), std_flux_mjy=std)
    curve = make_light_curve(6, peak_jyb=PEAKS_JY, peak_err_jyb=np.full(6, ERROR_JY))
    unmeasured = MonitoringState("S", *([None] * 12))
    for monitoring in (None, unmeasured):
        detail = detail_of(curve, stored=stored, monitoring=monitoring)
        assert shown(detail, "modulation_index", 2)["t"] == f"{detail.source.v_stored:.6g}"
        note = metric_note(analyse(detail, "peak"))
        assert said in note and ("V of" in note or "V (" in note) == bool(said)


def test_the_stored_v_of_a_monitored_source_comes_first_and_without_photometry_nothing_is_said_of_it() -> None:
    stored = stored_row(mean_flux_mjy=10.0, std_flux_mjy=3.0)
    monitored = MonitoringState("S", *([None] * 9), v_index=0.7, is_variable=None, ese_candidate=None)
    nothing = make_light_curve(0)
    assert shown(detail_of(nothing, stored=stored, monitoring=monitored), "modulation_index", 2)["t"] == "0.7"
    alone = detail_of(nothing, stored=stored)
    assert shown(alone, "modulation_index", 2)["t"] == "0.3"
    assert "V (" not in metric_note(analyse(alone, "peak"))


@pytest.mark.parametrize(("flux", "unit"), [("peak", "Jy/beam"), ("integrated", "Jy")])
def test_flux_densities_of_peaks_are_per_beam_and_stored_ones_always(flux: Any, unit: str) -> None:
    stored = stored_row(mean_flux_mjy=10.0, std_flux_mjy=3.0, min_flux_mjy=5.0, max_flux_mjy=20.0)
    detail = detail_of(make_light_curve(6, flux_jy=PEAKS_JY, flux_err_jy=np.full(6, ERROR_JY)), stored=stored)
    rows = {row["key"]: row["cells"] for row in metric_rows(detail, analyse(detail, flux), "Jy")}
    names = ("mean", "std", "min", "max")
    assert {rows[name][1]["u"] for name in (*names, "weighted_mean")} == {unit}
    assert {rows[name][2]["u"] for name in names} == {"Jy/beam"}
