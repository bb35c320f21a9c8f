"""Units of flux density, however imagers write them."""

from __future__ import annotations

import pytest

from data_access.analysis.flux_units import jy_per_beam, jy_per_pixel, unit_ratio


@pytest.mark.parametrize(
    ("unit", "factor"),
    [
        ("Jy/beam", 1.0),
        ("JY/BEAM", 1.0),
        ("Jy / beam", 1.0),
        (" beam-1 Jy ", 1.0),
        ("Jy beam^-1", 1.0),
        ("Jy beam**(-1)", 1.0),
        ("Jy per beam", 1.0),
        ("mJy/beam", 1e-3),
        ("MJY/BEAM", 1e-3),
        ("MJy/beam", 1e6),
        ("uJy.beam^(-1)", 1e-6),
        ("beam-1 µJy", 1e-6),
        ("kJy/beam", 1e3),
    ],
)
def test_a_unit_per_beam_is_a_factor_to_jy_per_beam(unit: str, factor: float) -> None:
    assert jy_per_beam(unit) == pytest.approx(factor)
    assert jy_per_pixel(unit) is None


@pytest.mark.parametrize("unit", ["", "K", "Jy", "Jy/beam.km/s", "Jy/pixel", "MJy/sr", "counts/s", "Jy/beam Hz"])
def test_what_is_not_per_beam_has_no_factor(unit: str) -> None:
    assert jy_per_beam(unit) is None


@pytest.mark.parametrize(("unit", "factor"), [("Jy/pixel", 1.0), ("mJy/pix", 1e-3), ("JY/PIXEL", 1.0)])
def test_a_unit_per_pixel_is_a_factor_to_jy_per_pixel(unit: str, factor: float) -> None:
    assert jy_per_pixel(unit) == pytest.approx(factor)


@pytest.mark.parametrize(
    ("unit", "other", "ratio"),
    [
        ("mJy/beam", "Jy/beam", 1e-3), ("Jy/beam", "uJy beam^-1", 1e6), ("JY/BEAM", "Jy/beam", 1.0),
        ("mJy/pixel", "Jy/pixel", 1e-3), ("Jy/beam", "Jy/pixel", None), ("Jy/beam", "K", None), ("", "", None),
    ],
)  # fmt: skip
def test_units_that_differ_by_a_prefix_have_a_ratio(unit: str, other: str, ratio: float | None) -> None:
    found = unit_ratio(unit, other)
    assert found is None if ratio is None else found == pytest.approx(ratio)
