"""Positions as people write them, to ICRS degrees and back."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from astropy import units as u
from astropy.coordinates import SkyCoord

from data_access.errors import ValidationError

FrameGiven = Literal["", "icrs", "fk5", "fk4", "galactic", "name"]
Rounding = Literal["nearest", "down"]

EXAMPLES = (
    "Write for example 17:55:34.1 -25:27:42, 17h55m34.1s -25d27m42s, 268.892 -25.462 (degrees), J175534-252742, "
    "gal 3.5 -0.4, or put B1950 after the position."
)

_FRAME_WORDS: tuple[tuple[str, FrameGiven], ...] = (
    (r"\b(?:fk4|b1950(?:\.0)?)\b", "fk4"),
    (r"\b(?:fk5|j2000(?:\.0)?)\b", "fk5"),
    (r"\bicrs\b", "icrs"),
    (r"\bgal(?:actic)?\b", "galactic"),
)
_SPELLINGS = str.maketrans(
    {"−": "-", "–": "-", "—": "-", "′": "'", "’": "'", "″": '"', "”": '"', "°": "d", "ʰ": "h", "ᵐ": "m", "ˢ": "s"}
    | dict.fromkeys("\u00a0\u2009\u202f\t\n\r", " ")
)
_UNIT_WORDS = (
    (r"degrees?|deg", "d"),
    (r"hours?|hrs?", "h"),
    (r"arcmin(?:utes?)?|minutes?|min", "m"),
    (r"arcsec(?:onds?)?|seconds?|sec", "s"),
)
_NUMBER = r"\d+(?:\.\d*)?|\.\d+"
_NAME = re.compile(r"(?:[A-Za-z][\w.\-]*\s+)?([JB])(\d+(?:\.\d+)?)([+-])(\d+(?:\.\d+)?)")
_GALACTIC_NAME = re.compile(r"G(\d{1,3}(?:\.\d+)?)([+-]\d{1,2}(?:\.\d+)?)")
_LABELS = re.compile(r"(?<![a-z])(?:ra|dec|decl|l|b|α|δ)(?![a-z])\s*[:=]?\s*")
_LETTERED = re.compile(
    rf"([+-]?)(?:({_NUMBER})\s*([dh]))?\s*(?:({_NUMBER})\s*[m'])?\s*(?:({_NUMBER})\s*(?:s|\"|''))?"
)
_PLAIN = re.compile(rf"([+-]?)({_NUMBER})(?:[:\s]+({_NUMBER}))?(?:[:\s]+({_NUMBER}))?")
_OF_ANGLES = re.compile(r"(?:[+\-.\d:,;'\"\s]|(?<=[\d.'\" ])[dhms])+")
_DESIGNATION = re.compile(r"\d{4,6}(?:\.\d+)?\s*[+-]\s*\d{2,6}(?:\.\d+)?")
_LONE_LETTER = re.compile(r"(?<![a-z])[lb](?![a-z]|\s*[:=])", re.IGNORECASE)
_ONE_ANGLE = re.compile(r"[+-]?\s*\d*(?:[:\s]\s*\d+|[dhm']\s*\d+){0,2}(?:\.\d*)?\s*[dhms'\"]*")
_TWO_BY_BLANK = re.compile(r"\d[.'\"dhms]*\s+[+-]?\s*\.?\d")
_TWO_BY_SIGN = re.compile(r"[:dhms].*\d[.'\"dhms]*[+-]\.?\d|\d[.'\"dhms]*[+-]\.?\d.*[:dhms]")
_LONGEST_TEXT = 200


@dataclass(frozen=True, slots=True)
class SkyPosition:
    """A position that was typed in.

    Attributes
    ----------
    ra_deg, dec_deg : float
        ICRS degrees; right ascension in [0, 360).
    frame_given : str
        The frame that the text names: ``"icrs"``, ``"fk5"`` (J2000), ``"fk4"`` (B1950), ``"galactic"``;
        ``"name"`` for a J name; empty when it says nothing and ICRS was assumed.
    resolution_arcsec : float or None
        For names and galactic positions: the size of their last digit. A name is cut off, not rounded, so that the
        source lies up to this far from the position in either coordinate; None for anything else.
    """

    ra_deg: float
    dec_deg: float
    frame_given: FrameGiven
    resolution_arcsec: float | None = None


@dataclass(frozen=True, slots=True)
class _Angle:
    """One coordinate as written: degrees or hours times sign, whether its unit is certain, and its last digit."""

    value: float
    unit: Literal["degrees", "hours", "sexagesimal", "number"]
    step: float = 0.0


def parse_position(text: str) -> SkyPosition:
    """Return the ICRS position that a text means.

    Understood: sexagesimal with colons, spaces or letters (right ascension in hours, or in degrees when written
    with ``d``), decimal degrees, hours when marked ``h``, galactic degrees with ``gal`` or as ``G3.5-0.4`` or
    ``l=3.5 b=-0.4``, names such as J175534-252742, PSR B0531+21 and J349.1426+14.4602, and ``B1950``, ``J2000`` or
    ``ICRS`` anywhere in the text. Nothing is looked up: other names are not understood.

    Raises
    ------
    ValidationError
        For anything malformed, out of range or ambiguous, naming the text and giving examples.
    """
    shown = text.strip()
    if not shown or len(shown) > _LONGEST_TEXT:
        raise ValidationError(
            "A position is needed" if not shown else "That is too long for a position", remedy=EXAMPLES
        )
    spelled = shown.translate(_SPELLINGS)
    try:
        return _galactic_name(spelled) or _name(spelled) or _position(spelled)
    except _Unclear as err:
        raise ValidationError(f"'{shown}' is not a position: {err}", remedy=EXAMPLES, text=shown) from err


def looks_like_position(text: str) -> bool:
    """Return whether a text has the shape of two coordinates, be they possible or not: then it is hardly a name.

    Numbers and signs, the letters of angles and the words for frames, and something between the two: what has other
    letters, or is a designation such as ``0958+6533``, may be a name.
    """
    spelled = text.strip().translate(_SPELLINGS)
    plain, _ = _in_plain_letters(spelled)
    if not _OF_ANGLES.fullmatch(plain) or _DESIGNATION.fullmatch(plain) or _LONE_LETTER.search(spelled):
        return False
    # "1H 1934-063" and "2S 0114+650" are names: an angle in letters has more than one.
    if len(re.findall("[dhms]", plain)) == 1:
        return False
    parts = [part.strip() for part in re.split("[,;]", plain) if part.strip()]
    if len(parts) == 2:
        return all(_ONE_ANGLE.fullmatch(part) for part in parts)
    return len(parts) == 1 and bool(_TWO_BY_BLANK.search(plain) or _TWO_BY_SIGN.search(plain))


def format_ra(ra_deg: float, *, digits: int = 2, rounding: Rounding = "nearest", separator: str = ":") -> str:
    """Return right ascension as ``HH:MM:SS.ss``.

    Parameters
    ----------
    ra_deg : float
        Degrees; taken modulo 360. A value that is not finite gives an empty text.
    digits : int
        Decimals of the seconds.
    rounding : {"nearest", "down"}
        ``"down"`` cuts off, as IAU names do. Rounding carries through 60 s and 24 h.
    separator : str
        Between the parts, or three characters to put behind them: ``"hms"``.
    """
    if not math.isfinite(ra_deg):
        return ""
    units = _whole_units((ra_deg % 360) / 15 * 3600, digits, rounding) % (24 * 3600 * 10**digits)
    return _sexagesimal(units, digits, separator)


def format_dec(dec_deg: float, *, digits: int = 1, rounding: Rounding = "nearest", separator: str = ":") -> str:
    """Return declination as ``±DD:MM:SS.s``; see `format_ra`. Out of range is shown as the number it is."""
    if not math.isfinite(dec_deg):
        return ""
    if abs(dec_deg) > 90:
        return f"{dec_deg:g}° (not a declination)"
    units = _whole_units(abs(dec_deg) * 3600, digits, rounding)
    sign = "-" if dec_deg < 0 and units else "+"
    return sign + _sexagesimal(units, digits, separator)


def separation_arcsec(
    ra1_deg: npt.ArrayLike, dec1_deg: npt.ArrayLike, ra2_deg: npt.ArrayLike, dec2_deg: npt.ArrayLike
) -> npt.NDArray[np.float64]:
    """Return the angle between positions in arcsec, by Vincenty's formula: exact at 0 and at 180 degrees.

    Shapes broadcast; plain numbers give an array of shape ().
    """
    ra1, dec1, ra2, dec2 = (
        np.radians(np.asarray(x, dtype=np.float64)) for x in (ra1_deg, dec1_deg, ra2_deg, dec2_deg)
    )
    cos_dra, sin_dra = np.cos(ra2 - ra1), np.sin(ra2 - ra1)
    across = np.hypot(np.cos(dec2) * sin_dra, np.cos(dec1) * np.sin(dec2) - np.sin(dec1) * np.cos(dec2) * cos_dra)
    along = np.sin(dec1) * np.sin(dec2) + np.cos(dec1) * np.cos(dec2) * cos_dra
    return np.asarray(np.degrees(np.arctan2(across, along)) * 3600, dtype=np.float64)


def galactic(ra_deg: float, dec_deg: float) -> tuple[float, float]:
    """Return galactic longitude in [0, 360) and latitude, degrees, of an ICRS position in degrees."""
    frame = SkyCoord(ra_deg, dec_deg, unit=u.deg, frame="icrs").galactic
    return float(frame.l.deg), float(frame.b.deg)


class _Unclear(Exception):
    """Why a text is not a position."""


def _position(text: str) -> SkyPosition:
    plain, frame = _in_plain_letters(text)
    first, second = (_angle(part) for part in _halves(plain))
    if frame == "galactic":
        return _from_galactic(first, second)
    return _to_icrs(_ra_deg(first, second), _dec_deg(second), frame)


def _in_plain_letters(text: str) -> tuple[str, FrameGiven]:
    """Return the text in small letters with short units, without labels and words for frames, and the frame."""
    lowered, frame = _take_frame(text.lower())
    for word, letter in _UNIT_WORDS:
        lowered = re.sub(rf"(?<![a-z])(?:{word})(?![a-z])", letter, lowered)
    if frame == "" and re.search(r"(?<![a-z])l\s*[:=]", lowered) and re.search(r"(?<![a-z])b\s*[:=]", lowered):
        frame = "galactic"
    return _LABELS.sub(" ", lowered).strip(), frame


def _take_frame(lowered: str) -> tuple[str, FrameGiven]:
    """Return the text without the words that name a frame, and the frame."""
    found: set[FrameGiven] = set()
    for word, frame in _FRAME_WORDS:
        lowered, n = re.subn(word, " ", lowered)
        if n:
            found.add(frame)
    if len(found) > 1:
        raise _Unclear("it names two frames")
    return re.sub(r"[()\[\]]", " ", lowered), found.pop() if found else ""


def _halves(text: str) -> tuple[str, str]:
    """Split at a comma or semicolon, else at the sign of the second coordinate, else in the middle."""
    by_comma = [part.strip() for part in re.split(r"[,;]", text)]
    if len(by_comma) == 2:
        return by_comma[0], by_comma[1]
    if len(by_comma) > 2:
        raise _Unclear("it has more than one comma")
    signs = [match.start() for match in re.finditer(r"[+-]", text) if match.start() > 0]
    if len(signs) == 1:
        return text[: signs[0]].strip(), text[signs[0] :].strip()
    if len(signs) > 1:
        raise _Unclear("it has too many signs")
    return _halves_without_sign(text)


def _halves_without_sign(text: str) -> tuple[str, str]:
    words = text.split()
    if len(words) in (2, 6):
        middle = len(words) // 2
        return " ".join(words[:middle]), " ".join(words[middle:])
    if len(words) < 2:
        raise _Unclear("it is not two coordinates")
    raise _Unclear(f"{len(words)} numbers without a sign or a comma can be split in more than one way")


def _angle(text: str) -> _Angle:
    if match := _PLAIN.fullmatch(text):
        sign, *parts = match.groups()
        given = [part for part in parts if part is not None]
        return _Angle(_add_up(sign, given), "number" if len(given) == 1 else "sexagesimal", _last_digit(given))
    match = _LETTERED.fullmatch(text)
    if not match or not match[3]:
        raise _Unclear(f"'{text}' is not an angle" if text else "a coordinate is missing")
    given = [match[2], match[4], match[5]]
    while given and given[-1] is None:
        given.pop()
    value = _add_up(match[1], [part or "0" for part in given])
    return _Angle(value, "hours" if match[3] == "h" else "degrees", _last_digit(given))


def _last_digit(parts: Sequence[str | None]) -> float:
    """Return the size of the last digit of one to three sexagesimal parts, in units of the first."""
    return float(60.0 ** (1 - len(parts)) / 10 ** len((parts[-1] or "").partition(".")[2]))


def _add_up(sign: str, parts: list[str]) -> float:
    """Return the signed value of one to three sexagesimal parts, of which only the last may have decimals."""
    if any("." in part for part in parts[:-1]):
        raise _Unclear("only the last part of an angle can have decimals")
    numbers = [float(part) for part in parts]
    for name, number in zip(("minutes", "seconds"), numbers[1:], strict=False):
        if number >= 60:
            raise _Unclear(f"{number:g} {name} is not below 60")
    value = math.fsum(number / 60.0**i for i, number in enumerate(numbers))
    return -value if sign == "-" else value  # by the sign that was written: -00:30 is negative


def _ra_deg(angle: _Angle, dec: _Angle) -> float:
    if angle.unit == "number" and dec.unit in ("sexagesimal", "degrees") and angle.value <= 24:
        raise _Unclear(f"{angle.value:g} may be hours or degrees: write {angle.value:g}h or {angle.value:g}d")
    in_hours = angle.unit in ("hours", "sexagesimal")
    if angle.value < 0:
        raise _Unclear("a right ascension is not negative")
    if in_hours and angle.value > 24:
        raise _Unclear(f"{angle.value:g} hours is not below 24: mark degrees with d")
    degrees = angle.value * 15 if in_hours else angle.value
    if degrees > 360:
        raise _Unclear(f"a right ascension of {degrees:g} degrees is above 360")
    return degrees % 360


def _dec_deg(angle: _Angle) -> float:
    if angle.unit == "hours":
        raise _Unclear("a declination is not in hours")
    if abs(angle.value) > 90:
        raise _Unclear(f"a declination of {angle.value:g} degrees is beyond 90")
    return angle.value


def _from_galactic(longitude: _Angle, latitude: _Angle) -> SkyPosition:
    if "hours" in (longitude.unit, latitude.unit) or longitude.unit == "sexagesimal":
        raise _Unclear("galactic coordinates are in degrees")
    if not -180 <= longitude.value <= 360:
        raise _Unclear(f"a galactic longitude of {longitude.value:g} degrees is not possible")
    frame = SkyCoord(longitude.value, _dec_deg(latitude), unit=u.deg, frame="galactic").icrs
    across = longitude.step * math.cos(math.radians(latitude.value))
    return SkyPosition(float(frame.ra.deg), float(frame.dec.deg), "galactic", 3600 * max(across, latitude.step))


def _to_icrs(ra_deg: float, dec_deg: float, frame: FrameGiven) -> SkyPosition:
    if frame in ("", "icrs", "name"):
        return SkyPosition(ra_deg, dec_deg, frame)
    position = SkyCoord(ra_deg, dec_deg, unit=u.deg, frame=frame).icrs  # equinox B1950 and J2000 by default
    return SkyPosition(float(position.ra.deg), float(position.dec.deg), frame)


def _galactic_name(text: str) -> SkyPosition | None:
    match = _GALACTIC_NAME.fullmatch(text.replace(" ", ""))
    if not match:
        return None
    longitude, latitude = (_Angle(float(text), "number", _last_digit([text])) for text in match.groups())
    return _from_galactic(longitude, latitude)


def _name(text: str) -> SkyPosition | None:
    """Return the position of a name made of coordinates; B names are B1950."""
    match = _NAME.fullmatch(text)
    if not match:
        return None
    epoch, ra_text, sign, dec_text = match.groups()
    if len(ra_text.partition(".")[0]) <= 3:  # J349.1426+14.4602: decimal degrees
        if "." not in ra_text or "." not in dec_text:
            raise _Unclear("a name has hours and minutes, or degrees with decimals")
        ra, dec = _Angle(float(ra_text), "degrees"), _Angle(float(sign + dec_text), "degrees")
        resolution = 3600 / 10 ** len(dec_text.partition(".")[2])
    else:
        ra_parts, _ = _digits(ra_text)
        dec_parts, resolution = _digits(dec_text)
        ra, dec = _Angle(_add_up("", ra_parts), "hours"), _Angle(_add_up(sign, dec_parts), "degrees")
        resolution = max(resolution, _digits(ra_text)[1] * 15 * math.cos(math.radians(min(abs(dec.value), 90))))
    frame: FrameGiven = "fk4" if epoch == "B" else "name"
    position = _to_icrs(_ra_deg(ra, dec), _dec_deg(dec), frame)
    return SkyPosition(position.ra_deg, position.dec_deg, frame, resolution)


def _digits(text: str) -> tuple[list[str], float]:
    """Return the pairs of digits of a name, decimals with the last, and the size of the last digit in seconds."""
    whole, _, decimals = text.partition(".")
    if len(whole) not in (2, 4, 6):
        raise _Unclear(f"'{text}' in a name is not made of pairs of digits")
    parts = [whole[i : i + 2] for i in range(0, len(whole), 2)]
    step = 3600 / 60 ** (len(parts) - 1) / 10 ** len(decimals)
    if decimals:
        parts[-1] += f".{decimals}"
    return parts, step


def _whole_units(seconds: float, digits: int, rounding: Rounding) -> int:
    """Return seconds as a whole number of their last digit."""
    units = seconds * 10.0**digits
    # a position read from text comes back a few 1e-9 low: cutting it off plainly would lose its last digit
    return math.floor(units + 1e-5) if rounding == "down" else math.floor(units + 0.5)


def _sexagesimal(units: int, digits: int, separator: str) -> str:
    seconds, fraction = divmod(units, 10**digits)
    minutes, seconds = divmod(seconds, 60)
    whole, minutes = divmod(minutes, 60)
    last = f"{seconds:02d}.{fraction:0{digits}d}" if digits else f"{seconds:02d}"
    if len(separator) == 3:
        return f"{whole:02d}{separator[0]}{minutes:02d}{separator[1]}{last}{separator[2]}"
    return separator.join((f"{whole:02d}", f"{minutes:02d}", last))
