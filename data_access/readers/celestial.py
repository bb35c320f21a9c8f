"""The two sky axes of a header: where they are, their cards alone, and the frame they are in."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from astropy.io import fits
from astropy.wcs import Wcsprm

from data_access.analysis.plain_projection import PlainProjection
from data_access.records.files import SkyFrame

_PER_AXIS = ("CTYPE", "CRVAL", "CDELT", "CRPIX", "CUNIT", "CROTA")
_ONE_AXIS = re.compile(rf"({'|'.join(_PER_AXIS)})([1-9])")
_MATRIX = re.compile(r"(PC|CD)0*([1-9])_?0*([1-9])")
_PARAMETER = re.compile(r"(PV|PS)([1-9])_(\d{1,2})")
_DISTORTION = re.compile(r"(A|B|AP|BP)_(ORDER|\d_\d)")
_FRAMES: dict[str, SkyFrame] = {"GLON": "galactic", "ELON": "ecliptic", "SLON": "supergalactic"}
_SYSTEMS: dict[str, SkyFrame] = {"ICRS": "icrs", "FK5": "fk5", "FK4": "fk4", "FK4-NO-E": "fk4-no-e"}
# Not in the FITS standard, but written by some programs; the meaning is the same, only the word is wrong.
_SPELLINGS = {"J2000": "FK5", "J2000.0": "FK5", "B1950": "FK4", "B1950.0": "FK4", "ICRF": "ICRS"}


@dataclass(frozen=True, slots=True)
class SkyAxes:
    """FITS numbers (from 1) of the longitude and the latitude axis."""

    longitude: int
    latitude: int


def number(value: Any) -> float | None:
    """Return a finite float, or None for text, blanks, NaN and what is absent."""
    try:
        result = float(value)
    except (TypeError, ValueError):
        return None
    return result if math.isfinite(result) else None


def find_sky_axes(ctypes: Mapping[int, str]) -> SkyAxes | None:
    """Return the first longitude axis with its latitude axis.

    Parameters
    ----------
    ctypes : mapping
        CTYPE by FITS axis number.

    Returns
    -------
    SkyAxes or None
        None without such a pair. A bare ``RA`` without a projection is a linear axis, not a celestial one.
    """
    return _sky_axes_of(tuple(sorted(ctypes.items())))


@lru_cache(maxsize=1024)
def _sky_axes_of(ctypes: tuple[tuple[int, str], ...]) -> SkyAxes | None:
    kinds = {axis: ctype.upper().strip() for axis, ctype in ctypes}
    for longitude, ctype in kinds.items():
        partner = _latitude_of(ctype)
        for latitude, other in kinds.items():
            if partner and other.startswith(partner) and other[5:8] == ctype[5:8]:
                return SkyAxes(longitude, latitude)
    return None


def _latitude_of(ctype: str) -> str:
    name, dash, projection = ctype[:5].rstrip("-"), ctype[4:5], ctype[5:8].strip()
    if dash != "-" or not projection:
        return ""
    if name == "RA":
        return "DEC--"
    if re.fullmatch(r"[A-Z]LON", name):
        return name[0] + "LAT-"
    return name[:2] + "LT-" if re.fullmatch(r"[A-Z]{2}LN", name) else ""


def sky_cards(header: Mapping[str, Any], axes: SkyAxes, shape: tuple[int, int]) -> dict[str, Any]:
    """Return the cards of the two sky axes alone, longitude as axis 1 and latitude as axis 2.

    Other axes are left out because wcslib refuses a whole header for one bad unit or type on a third axis.
    Cards that couple the sky to a third axis (PC1_3) are left out with it.

    Parameters
    ----------
    header : mapping
        Keyword to value.
    shape : tuple of int
        (ny, nx) of the plane.
    """
    cards: dict[str, Any] = {"WCSAXES": 2, "NAXIS": 2, "NAXIS1": shape[1], "NAXIS2": shape[0]}
    for keyword, value in header.items():
        name = _renamed(str(keyword), axes)
        if name and value is not None and not isinstance(value, fits.card.Undefined):
            cards[name] = _tidy(name, value)
    if any(key.startswith(("PC", "CD1_", "CD2_")) for key in cards):
        # wcslib takes CROTA beside a matrix for a contradiction; the matrix is the newer convention.
        cards = {key: value for key, value in cards.items() if not key.startswith("CROTA")}
    return cards | _reference_system(header)


def _tidy(name: str, value: Any) -> Any:
    """Return the value as wcslib wants it: types in capitals, units in small letters ('DEG' is an error to it)."""
    if name.startswith("CTYPE"):
        return str(value).strip().upper()
    if name.startswith("CUNIT"):
        unit = str(value).strip().lower()
        return "deg" if unit.startswith("deg") else unit
    return value


@lru_cache(maxsize=4096)
def _renamed(keyword: str, axes: SkyAxes) -> str:
    """Return the keyword for two axes only, empty when it belongs to another axis or is no card of the sky."""
    renumber = {axes.longitude: 1, axes.latitude: 2}
    if keyword in ("LONPOLE", "LATPOLE"):
        return keyword
    if found := _ONE_AXIS.fullmatch(keyword):
        axis = renumber.get(int(found[2]))
        return f"{found[1]}{axis}" if axis else ""
    if found := _MATRIX.fullmatch(keyword):
        row, column = renumber.get(int(found[2])), renumber.get(int(found[3]))
        return f"{found[1]}{row}_{column}" if row and column else ""
    if found := _PARAMETER.fullmatch(keyword):
        axis = renumber.get(int(found[2]))
        return f"{found[1]}{axis}_{found[3]}" if axis else ""
    # SIP polynomials speak of pixel axes 1 and 2: right only while the sky axes are those.
    return keyword if renumber == {1: 1, 2: 2} and _DISTORTION.fullmatch(keyword) else ""


def _reference_system(header: Mapping[str, Any]) -> dict[str, Any]:
    cards: dict[str, Any] = {}
    system = str(header.get("RADESYS") or header.get("RADECSYS") or "").strip().upper()
    if system:
        cards["RADESYS"] = _SPELLINGS.get(system, system)
    text = str(header.get("EQUINOX", header.get("EPOCH", ""))).strip().upper().lstrip("JB")
    equinox = number(text)
    if equinox:
        cards["EQUINOX"] = equinox
    return cards


def frame_of(cards: Mapping[str, Any]) -> SkyFrame:
    """Return the native frame of cards from `sky_cards`.

    RADESYS decides; without it EQUINOX (before 1984: FK4, else FK5); without both ICRS
    (Calabretta & Greisen 2002, section 3.1).
    """
    name = str(cards.get("CTYPE1", ""))[:4]
    if name in _FRAMES:
        return _FRAMES[name]
    if not name.startswith("RA-"):
        return "unknown"
    if system := cards.get("RADESYS"):
        return _SYSTEMS.get(str(system), "unknown")
    if (equinox := cards.get("EQUINOX")) is not None:
        return "fk4" if float(equinox) < 1984.0 else "fk5"
    return "icrs"


def complaint_about(cards: Mapping[str, Any]) -> str:
    """Return why wcslib refuses these cards, empty when they work."""
    if PlainProjection.of(cards) is not None:
        return ""
    try:
        # Wcsprm and not WCS: the latter reports repairs through the warnings module, which threads share.
        text = fits.Header(dict(cards)).tostring(endcard=False, padding=False)
        parameters = Wcsprm(text.encode("ascii")).sub(2)
        parameters.fix()
        parameters.set()
    except (ValueError, MemoryError) as err:
        return " ".join(str(err).split())
    return ""
