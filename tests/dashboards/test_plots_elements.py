"""HoloViews elements for notebooks hold the same numbers as the records."""

from __future__ import annotations

import holoviews as hv
import numpy as np
import pytest

from dashboards.plots.elements import image_element, light_curve_elements
from tests.dashboards.plot_samples import make_light_curve, make_preview


@pytest.fixture(scope="module", autouse=True)
def _bokeh() -> None:
    hv.extension("bokeh")


def test_light_curve_elements_have_flux_and_error_in_the_unit_asked_for() -> None:
    light_curve = make_light_curve()
    points, bars = light_curve_elements(light_curve, unit="mJy")
    known = np.isfinite(light_curve.mjd) & np.isfinite(light_curve.peak_jyb)
    assert np.allclose(points["flux"], light_curve.peak_jyb[known] * 1e3)
    assert np.allclose(bars["error"], light_curve.peak_err_jyb[known] * 1e3)
    assert points.get_dimension("flux").pprint_label == "Peak flux density (mJy/beam)"


def test_light_curves_of_two_sources_compose() -> None:
    overlay = light_curve_elements(make_light_curve()) * light_curve_elements(make_light_curve(), flux="integrated")
    assert len(overlay) == 4


def test_first_fits_row_is_at_the_bottom_of_the_image_element() -> None:
    preview = make_preview()
    element = image_element(preview)
    assert element.bounds.lbrt()[0] == preview.origin_x - 0.5
    lowest = element.dimension_values("value", flat=False)[0]
    assert np.allclose(lowest, preview.data[0], equal_nan=True)
