"""What stands below the picture of an epoch is what its point in the light curve shows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dashboards.plots import light_curve_columns
from dashboards.plots.epoch_words import epoch_words
from tests.dashboards.plot_samples import make_light_curve


def mixed_curve(**changes: Any) -> Any:
    """A detection, a bright and a faint forced measurement, a row without a flux, a flagged one."""
    peak = np.array([20e-3, 20e-3, 1e-3, np.nan, 20e-3])
    forced = np.array([False, True, True, False, False])
    flags = np.array([0, 1, 1, 0, 4])
    return make_light_curve(5, peak_jyb=peak, flux_jy=peak, is_forced=forced, flags=flags, **changes)


@pytest.mark.parametrize("flux", ["peak", "integrated"])
def test_an_epoch_has_the_same_word_in_the_strip_and_in_the_light_curve(flux: Any) -> None:
    curve = mixed_curve()
    words = [epoch_words(curve, i, flux, "mJy").kind for i in range(5)]
    assert words == light_curve_columns(curve, flux)["kind"]
    assert words == ["detection", "forced", "limit", "limit", "flagged"]


def test_a_limit_stands_as_one_and_what_was_measured_is_in_the_remark() -> None:
    words = epoch_words(mixed_curve(), 2, "peak", "mJy")
    assert words.flux == "< 3 mJy/beam"
    assert "measured: 1.0 ± 1.0 mJy/beam" in words.remark


@pytest.mark.parametrize(
    ("value", "stored", "snr"),
    [
        (-14.618, 3.1, "SNR -0.7 (stored: 3.1)"), (65.4, 3.1, "SNR 3.1"), (400.0, 3.1, "SNR 18.3 (stored: 3.1)"),
        (65.4, np.nan, "SNR 3.0"), (np.nan, 3.1, "SNR 3.1"), (np.nan, np.nan, ""),
    ],
)  # fmt: skip
def test_a_stored_snr_that_contradicts_its_flux_is_said_to_be_stored(value: float, stored: float, snr: str) -> None:
    curve = make_light_curve(1, peak_jyb=np.array([value]), peak_err_jyb=np.array([21.852]), snr=np.array([stored]))
    assert epoch_words(curve, 0, "peak", "Jy").snr == snr
