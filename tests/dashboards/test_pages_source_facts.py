"""What the page of a source says of one measurement."""

from __future__ import annotations

import numpy as np
import pytest

from dashboards.links import Links
from dashboards.pages.source_facts import measurement_facts
from tests.dashboards.plot_samples import make_light_curve


@pytest.mark.parametrize(
    ("recorded", "words"), [(True, "peak_err_jyb, the rms of the annulus"), (False, "flux_err_jy, the error of the")]
)
def test_the_noise_of_a_measurement_says_what_it_is_of(recorded: bool, words: str) -> None:
    curve = make_light_curve(rms_jy=np.full(30, np.nan), peak_err_is_recorded=recorded)
    assert words in str(measurement_facts(curve, 0, None, Links("../"), "peak", "mJy"))
