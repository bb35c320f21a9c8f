"""Positions as people write them: every form, every refusal, and the way back."""

from __future__ import annotations

import math

import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from hypothesis import given
from hypothesis import strategies as st

from data_access.analysis.coordinates import format_dec, format_ra, galactic, parse_position, separation_arcsec
from data_access.errors import ValidationError

RA_DEG, DEC_DEG = 15 * (17 + 55 / 60 + 34.1 / 3600), -(25 + 27 / 60 + 42 / 3600)


@pytest.mark.parametrize(
    "text",
    [
        "17:55:34.1 -25:27:42",
        "17:55:34.1-25:27:42",
        "17:55:34.1, -25:27:42",
        " 17 55 34.1  -25 27 42 ",
        "17h55m34.1s -25d27m42s",
        "17h 55m 34.1s, -25° 27' 42\"",
        "17ʰ55ᵐ34.1ˢ −25°27′42″",
        "RA=17:55:34.1 Dec=-25:27:42",
        "RA: 17h55m34.1s, Dec: -25d27m42s",
        "ra 17 55 34.1 dec -25 27 42",
        f"{RA_DEG:.9f} {DEC_DEG:.9f}",
        f"{RA_DEG:.9f}, {DEC_DEG:.9f}",
        f"{RA_DEG:.9f}d {DEC_DEG:.9f}d",
        f"{RA_DEG:.9f} deg {DEC_DEG:.9f} deg",
        f"{RA_DEG / 15:.9f}h {DEC_DEG:.9f}",
        f"17:55:34.1 {DEC_DEG:.9f}",
        "(17:55:34.1; -25:27:42) ICRS",
        "17\u00a055 34.1 \u221225 27 42",
        "268d53m31.5s -25d27m42s",
    ],
)
def test_every_way_to_write_a_position_means_the_same(text: str) -> None:
    position = parse_position(text)
    assert position.ra_deg == pytest.approx(RA_DEG, abs=1e-7)
    assert position.dec_deg == pytest.approx(DEC_DEG, abs=1e-7)


@pytest.mark.parametrize(
    ("text", "ra_deg", "dec_deg"),
    [
        ("10 20", 10.0, 20.0),
        ("10 20 30 40 50 59.5", 15 * (10 + 20 / 60 + 30 / 3600), 40 + 50 / 60 + 59.5 / 3600),
        ("0:0:0 -0:30:00", 0.0, -0.5),
        ("00h00m00s -00d00m36s", 0.0, -0.01),
        ("10:30 +20:30", 157.5, 20.5),
        ("10:30.5 -20:30.5", 15 * (10 + 30.5 / 60), -(20 + 30.5 / 60)),
        ("360 0", 0.0, 0.0),
        ("24:00:00 +0:0:0", 0.0, 0.0),
        ("12h +5d", 180.0, 5.0),
        (".5 -.5", 0.5, -0.5),
        ("0 90", 0.0, 90.0),
        ("200.5 -25:30:00", 200.5, -25.5),
    ],
)
def test_position_is_read_exactly(text: str, ra_deg: float, dec_deg: float) -> None:
    position = parse_position(text)
    assert (position.ra_deg, position.dec_deg) == (pytest.approx(ra_deg), pytest.approx(dec_deg))


@pytest.mark.parametrize(
    ("text", "ra_deg", "dec_deg", "resolution_arcsec"),
    [
        ("J175534-252742", 15 * (17 + 55 / 60 + 34 / 3600), -(25 + 27 / 60 + 42 / 3600), 13.54),
        ("NVSS J001200+543412", 3.0, 54 + 34 / 60 + 12 / 3600, 8.697),
        ("PSR J2129-0429", 15 * (21 + 29 / 60), -(4 + 29 / 60), 897.2),
        ("J001200.12+543412.3", 15 * (12 / 60 + 0.12 / 3600), 54 + 34 / 60 + 12.3 / 3600, 0.1),
        ("J349.1426+14.4602", 349.1426, 14.4602, 0.36),
        ("J0042.5-0030", 15 * 42.5 / 60, -0.5, 90),
    ],
)
def test_name_is_a_position_with_the_size_of_its_last_digit(
    text: str, ra_deg: float, dec_deg: float, resolution_arcsec: float
) -> None:
    position = parse_position(text)
    assert position.frame_given == "name"
    assert (position.ra_deg, position.dec_deg) == (pytest.approx(ra_deg), pytest.approx(dec_deg))
    assert position.resolution_arcsec == pytest.approx(resolution_arcsec, rel=0.01)


@pytest.mark.parametrize(
    ("text", "resolution_arcsec"),
    [
        ("gal 95.1 3.67", 360 * math.cos(math.radians(3.67))),
        ("gal 95.12345 60.5", 360),
        ("l=3 b=-0.4", 3600 * math.cos(math.radians(0.4))),
        ("G3.52-0.42", 36),
    ],
)
def test_a_galactic_position_has_the_size_of_its_coarser_last_digit(text: str, resolution_arcsec: float) -> None:
    assert parse_position(text).resolution_arcsec == pytest.approx(resolution_arcsec, rel=1e-3)


def test_b_name_and_b1950_are_precessed() -> None:
    # the Crab pulsar: B0531+21 is J0534+22
    expected = SkyCoord("05h31m +21d", frame="fk4").icrs
    for text in ("PSR B0531+21", "05:31 +21:00 B1950", "B1950 5h31m +21d", "05:31 +21:00 (FK4)"):
        position = parse_position(text)
        assert position.frame_given == "fk4"
        assert position.ra_deg == pytest.approx(expected.ra.deg, abs=1e-9)
        assert position.dec_deg == pytest.approx(expected.dec.deg, abs=1e-9)
    assert format_ra(expected.ra.deg, digits=0).startswith("05:33:5")


@pytest.mark.parametrize(
    "text", ["gal 120.5 -3.2", "120.5 -3.2 galactic", "l=120.5 b=-3.2", "G120.5-03.2", "l 120.5, b -3.2 gal"]
)
def test_galactic_positions_are_converted(text: str) -> None:
    expected = SkyCoord(120.5, -3.2, unit=u.deg, frame="galactic").icrs
    position = parse_position(text)
    assert position.frame_given == "galactic"
    assert (position.ra_deg, position.dec_deg) == (pytest.approx(expected.ra.deg), pytest.approx(expected.dec.deg))


@pytest.mark.parametrize(
    ("text", "frame"),
    [
        ("10:00:00 +20:00:00", ""),
        ("10:00:00 +20:00:00 ICRS", "icrs"),
        ("J2000 10:00:00 +20:00:00", "fk5"),
        ("10 20 FK5", "fk5"),
    ],
)
def test_frame_is_the_one_that_was_said(text: str, frame: str) -> None:
    assert parse_position(text).frame_given == frame


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("M31", "not two coordinates"),
        ("17:55:34", "not two coordinates"),
        ("17 55 34", "more than one way"),
        ("17 55 25 27", "more than one way"),
        ("17 55 34 25 27", "more than one way"),
        ("17.9 -25:27:42", "may be hours or degrees"),
        ("268,9 -25,46", "more than one comma"),
        ("17:60:00 -25:27:42", "60 minutes"),
        ("17:55:34 -25:27:60", "60 seconds"),
        ("25:00:00 +10:00:00", "hours is not below 24"),
        ("J345612+234512", "hours is not below 24"),
        ("NVSS J345678+234567", "78 seconds is not below 60"),
        ("361 0", "above 360"),
        ("-10 20", "not negative"),
        ("10 91", "beyond 90"),
        ("10:00:00 -90:00:01", "beyond 90"),
        ("10d 5h", "not in hours"),
        ("10.5:30 +20:00", "only the last part"),
        ("10 20 B1950 J2000", "two frames"),
        ("gal 10h -3d", "in degrees"),
        ("gal 400 0", "not possible"),
        ("1e2 5", "not an angle"),
        ("nan nan", "not an angle"),
        ("inf, 0", "not an angle"),
        ("10,", "missing"),
        ("<img src=x onerror=alert(1)>", "not"),
        ("J12345+1234", "pairs of digits"),
        ("J123+45", "hours and minutes"),
        ("10 -20 -30", "too many signs"),
    ],
)
def test_unclear_text_is_refused_with_the_text_the_reason_and_examples(text: str, why: str) -> None:
    with pytest.raises(ValidationError, match=why) as caught:
        parse_position(text)
    assert text.strip() in caught.value.message
    assert "17:55:34.1 -25:27:42" in caught.value.remedy


@pytest.mark.parametrize("text", ["", "   ", "1" * 1000])
def test_nothing_and_too_much_are_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        parse_position(text)


@given(st.text(max_size=40))
def test_any_text_is_a_position_or_a_validation_error(text: str) -> None:
    try:
        position = parse_position(text)
    except ValidationError:
        return
    assert 0 <= position.ra_deg < 360 and -90 <= position.dec_deg <= 90


@given(st.text(alphabet="0123456789:+-. hmsdgalJBra,", max_size=30))
def test_any_text_of_the_right_letters_is_a_position_or_a_validation_error(text: str) -> None:
    try:
        position = parse_position(text)
    except ValidationError:
        return
    assert 0 <= position.ra_deg < 360 and -90 <= position.dec_deg <= 90


def hms(hours: int, minutes: int, seconds: float) -> float:
    return 15 * (hours + minutes / 60 + seconds / 3600)


# truncation and rounding as in vast_pipeline/tests/test_coord_strings.py (askap-vast/vast-pipeline)
@pytest.mark.parametrize(
    ("ra_deg", "digits", "cut", "rounded"),
    [
        (hms(2, 1, 59.999), 0, "02:01:59", "02:02:00"),
        (hms(23, 16, 9.951), 1, "23:16:09.9", "23:16:10.0"),
        (hms(23, 59, 59.999), 2, "23:59:59.99", "00:00:00.00"),
        (hms(0, 0, 0), 2, "00:00:00.00", "00:00:00.00"),
        (360.0, 0, "00:00:00", "00:00:00"),
        (-15.0, 0, "23:00:00", "23:00:00"),
    ],
)
def test_right_ascension_is_cut_or_rounded_with_carry(ra_deg: float, digits: int, cut: str, rounded: str) -> None:
    assert format_ra(ra_deg, digits=digits, rounding="down") == cut
    assert format_ra(ra_deg, digits=digits) == rounded


@pytest.mark.parametrize(
    ("dec_deg", "digits", "cut", "rounded"),
    [
        (-(22 + 57 / 60 + 28.8905 / 3600), 0, "-22:57:28", "-22:57:29"),
        (75 + 32 / 60 + 28.9994 / 3600, 2, "+75:32:28.99", "+75:32:29.00"),
        (-0.01, 0, "-00:00:36", "-00:00:36"),
        (89.99999, 0, "+89:59:59", "+90:00:00"),
        (-1e-9, 1, "+00:00:00.0", "+00:00:00.0"),
        (-90.0, 0, "-90:00:00", "-90:00:00"),
    ],
)
def test_declination_is_cut_or_rounded_with_carry(dec_deg: float, digits: int, cut: str, rounded: str) -> None:
    assert format_dec(dec_deg, digits=digits, rounding="down") == cut
    assert format_dec(dec_deg, digits=digits) == rounded


def test_formats_with_letters() -> None:
    assert format_ra(180.0, digits=1, separator="hms") == "12h00m00.0s"
    assert format_dec(-5.5, digits=0, separator="dms") == "-05d30m00s"


def test_values_that_are_no_coordinates_are_shown_for_what_they_are() -> None:
    assert format_ra(math.nan) == format_dec(math.inf) == ""
    assert format_dec(95.0) == "95° (not a declination)"


@given(st.floats(0, 359.9999), st.floats(-89.9999, 89.9999))
def test_formatted_position_is_read_back_to_its_last_digit(ra_deg: float, dec_deg: float) -> None:
    position = parse_position(f"{format_ra(ra_deg, digits=4)} {format_dec(dec_deg, digits=3)}")
    assert separation_arcsec(ra_deg, dec_deg, position.ra_deg, position.dec_deg) < 0.0015


@given(st.integers(0, 23), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999))
def test_cutting_off_never_loses_a_digit_that_was_written(h: int, m: int, s: int, ms: int) -> None:
    text = f"{h:02d}:{m:02d}:{s:02d}.{ms:03d}"
    assert format_ra(parse_position(f"{text} +0:0:0").ra_deg, digits=3, rounding="down") == text


def test_separations_by_hand() -> None:
    assert separation_arcsec(10, 20, 10, 20) == 0
    assert separation_arcsec(0, 90, 123, 90) == pytest.approx(0, abs=1e-9)
    assert separation_arcsec(0, 0, 180, 0) == pytest.approx(180 * 3600)
    assert separation_arcsec(359.5, 0, 0.5, 0) == pytest.approx(3600)
    assert separation_arcsec(10, 60, 10 + 1 / 3600, 60) == pytest.approx(0.5, rel=1e-6)


def test_separation_of_arrays_agrees_with_astropy() -> None:
    ra, dec = [0.1, 100.0, 359.9], [-89.9, 0.0, 45.0]
    expected = SkyCoord(ra, dec, unit=u.deg).separation(SkyCoord(10.0, -30.0, unit=u.deg)).arcsec
    assert separation_arcsec(ra, dec, 10.0, -30.0) == pytest.approx(expected, rel=1e-12)


def test_galactic_centre_and_pole() -> None:
    l_deg, b_deg = galactic(266.405, -28.936)
    assert min(l_deg, 360 - l_deg) < 0.01 and abs(b_deg) < 0.01
    assert galactic(192.85948, 27.12825)[1] == pytest.approx(90, abs=1e-4)
