"""Direction and spectral index against astropy, hand-computed values and what must always hold."""

from __future__ import annotations

import math

import astropy.units as u
import pytest
from astropy.coordinates import SkyCoord
from hypothesis import given, settings
from hypothesis import strategies as st

from data_access.analysis.sky_match import position_angle_deg, spectral_index

RA = st.floats(0, 359.999)
DEC = st.floats(-89.9, 89.9)


@settings(deadline=None)  # the first call into astropy takes long
@given(RA, DEC, st.floats(0, 359.9), st.floats(1, 3600))
def test_position_angle_is_that_of_astropy(ra: float, dec: float, angle: float, apart: float) -> None:
    here = SkyCoord(ra, dec, unit="deg")
    there = here.directional_offset_by(angle * u.deg, apart * u.arcsec)
    found = position_angle_deg(ra, dec, there.ra.deg, there.dec.deg)
    expected = here.position_angle(there).deg
    assert abs((found - expected + 180) % 360 - 180) < 1e-4


def test_spectral_index_of_a_synchrotron_source_by_hand() -> None:
    found = spectral_index(100.0, 1.4, 100.0 * (3.0 / 1.4) ** -0.7, 3.0, err=1.0, other_err=1.0)
    assert found.value == pytest.approx(-0.7)
    flux = 100.0 * (3.0 / 1.4) ** -0.7
    assert found.error == pytest.approx(math.hypot(0.01, 1 / flux) / math.log(3.0 / 1.4))


@given(st.floats(0.1, 1e4), st.floats(0.1, 1e4), st.floats(1e-3, 1e3))
def test_spectral_index_does_not_depend_on_the_unit_nor_on_the_order(a: float, b: float, scale: float) -> None:
    one = spectral_index(a, 0.9, b, 3.0).value
    assert one == pytest.approx(spectral_index(b * scale, 3.0, a * scale, 0.9).value, abs=1e-9)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ((None, 1.4, 5.0, 3.0), "not known"),
        ((math.nan, 1.4, 5.0, 3.0), "not known"),
        ((-1.0, 1.4, 5.0, 3.0), "not above zero"),
        ((1.0, 1.4, 5.0, 1.405), "too close"),
    ],
)
def test_what_has_no_spectral_index_says_why(values: tuple[float, float, float, float], reason: str) -> None:
    found = spectral_index(*values)
    assert found.value is None
    assert reason in found.reason


def test_without_both_errors_there_is_no_error() -> None:
    assert spectral_index(1.0, 1.4, 2.0, 3.0, err=0.1).error is None
