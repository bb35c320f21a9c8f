"""The metrics of one source on its page: the numbers of the list and of the export, beside what is stored."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dashboards.pages.source_metrics import Analysis, analyse, metric_rows
from data_access.analysis.ese_summary import summarise_ese
from data_access.analysis.variability.moments import empty_moments, kind_moments, metrics_of
from data_access.records import LightCurve, Source, SourceDetail
from tests.dashboards.plot_samples import make_light_curve

PEAKS_JY = np.array([0.010, 0.013, 0.011, 0.012, 0.010, 0.030])
ERROR_JY = 1e-3


def detail_of(curve: LightCurve, **known: Any) -> SourceDetail:
    source = Source(**{
        "source_id": "S", "name": None, "ra_deg": None, "dec_deg": None, "n_epochs": curve.n_epoch,
        "stored": None, "monitoring": None, "ese_status": None, **known,
    })  # fmt: skip
    return SourceDetail(source, curve, (), ())


def shown(detail: SourceDetail, key: str, column: int = 1, analysis: Analysis | None = None) -> dict[str, Any]:
    rows = metric_rows(detail, analysis or analyse(detail, "peak"), "mJy")
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


@pytest.mark.parametrize(("n_usable", "said"), [(0, "there are none"), (1, "there is 1")])
def test_without_enough_usable_measurements_there_is_no_sigma_deviation(n_usable: int, said: str) -> None:
    errors = np.full(6, np.inf)
    errors[:n_usable] = ERROR_JY
    sigma = shown(detail_of(make_light_curve(6, peak_jyb=PEAKS_JY, peak_err_jyb=errors)), "sigma_deviation")
    assert sigma["t"] == "n/a" and said in sigma["title"]
    assert np.isnan(exported(PEAKS_JY, errors, "sigma"))
