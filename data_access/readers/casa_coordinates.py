"""The `coords` record of a CASA image, told in FITS cards."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from data_access.readers.beams import ARCSEC

_SPECTRAL_HZ = {"Hz": 1.0, "kHz": 1e3, "MHz": 1e6, "GHz": 1e9}
# CASA direction system -> first letters of CTYPE for longitude and latitude, and cards of the frame.
_SYSTEMS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "J2000": ("RA---", "DEC--", {"RADESYS": "FK5", "EQUINOX": 2000.0}),
    "ICRS": ("RA---", "DEC--", {"RADESYS": "ICRS"}),
    "B1950": ("RA---", "DEC--", {"RADESYS": "FK4", "EQUINOX": 1950.0}),
    "B1950_VLA": ("RA---", "DEC--", {"RADESYS": "FK4", "EQUINOX": 1950.0}),
    "GALACTIC": ("GLON-", "GLAT-", {}),
    "SUPERGAL": ("SLON-", "SLAT-", {}),
    "ECLIPTIC": ("ELON-", "ELAT-", {}),
}


@dataclass(frozen=True, slots=True)
class CasaAxes:
    """What the coordinates say about the pixel axes.

    Attributes
    ----------
    ctypes : tuple of str
        By CASA pixel axis (the first one runs fastest); empty text where nothing is known.
    longitude, latitude : int or None
        CASA pixel axes of the sky, from 0.
    cards : dict
        Celestial cards with the longitude as axis 1, without NAXIS1 and NAXIS2.
    freq_hz : float or None
        Reference frequency.
    """

    ctypes: tuple[str, ...]
    longitude: int | None
    latitude: int | None
    cards: dict[str, Any]
    freq_hz: float | None
    problem: str = ""


def read_coordinates(coords: Mapping[str, Any], n_axes: int) -> CasaAxes:
    """Return the axes that a `coords` record describes; what it leaves out is empty or None."""
    ctypes = [""] * n_axes
    longitude = latitude = freq_hz = None
    cards: dict[str, Any] = {}
    problem = ""
    for key, record in coords.items():
        found = re.fullmatch(r"(direction|spectral|stokes|linear|tabular)(\d+)", key)
        if not found or not isinstance(record, Mapping):
            continue
        # -1 stands for an axis that was removed from the pixels.
        pixel_axes = [int(axis) for axis in np.ravel(coords.get(f"pixelmap{found[2]}", []))]
        names: list[str] = []
        if found[1] == "direction" and len(pixel_axes) == 2 and min(pixel_axes) >= 0 and longitude is None:
            cards, problem = direction_cards(record)
            longitude, latitude = pixel_axes
            names = [str(cards.get("CTYPE1", "")), str(cards.get("CTYPE2", ""))]
        elif found[1] == "spectral":
            freq_hz = _frequency(record)
            names = ["FREQ"]
        elif found[1] == "stokes":
            names = ["STOKES"]
        else:
            names = [str(name) for name in record.get("axes", [])]
        for axis, name in zip(pixel_axes, names, strict=False):
            if 0 <= axis < n_axes:
                ctypes[axis] = name
    return CasaAxes(tuple(ctypes), longitude, latitude, cards, freq_hz, problem)


def direction_cards(record: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """Return the FITS cards of a direction coordinate, or none and the reason.

    CASA counts pixels from 0, FITS from 1; `crval` and `cdelt` are in `units`, the poles in degrees.
    """
    system, projection = str(record.get("system", "")), str(record.get("projection", ""))
    if system not in _SYSTEMS:
        return {}, f"the direction system {system or 'of the image'} is not a fixed frame of the sky"
    longitude, latitude, frame = _SYSTEMS[system]
    cards: dict[str, Any] = {
        "WCSAXES": 2,
        "CTYPE1": longitude + projection,
        "CTYPE2": latitude + projection,
        "CUNIT1": "deg",
        "CUNIT2": "deg",
    }
    for i in range(2):
        scale = ARCSEC.get(str(record["units"][i]), math.nan) / 3600.0
        cards[f"CRVAL{i + 1}"] = float(record["crval"][i]) * scale
        cards[f"CDELT{i + 1}"] = float(record["cdelt"][i]) * scale
        cards[f"CRPIX{i + 1}"] = float(record["crpix"][i]) + 1.0
        for j in range(2):
            cards[f"PC{i + 1}_{j + 1}"] = float(np.asarray(record["pc"])[i, j])
    for keyword, key in (("LONPOLE", "longpole"), ("LATPOLE", "latpole")):
        if key in record:
            cards[keyword] = float(record[key])
    # Projection parameters start at PV2_1, only those of ZPN at PV2_0.
    first = 0 if projection == "ZPN" else 1
    for i, value in enumerate(np.ravel(record.get("projection_parameters", []))):
        if value:
            cards[f"PV2_{i + first}"] = float(value)
    if not all(math.isfinite(value) for value in cards.values() if isinstance(value, float)):
        return {}, "the direction coordinate has values that are not finite, or an unknown unit"
    return cards | frame, ""


def _frequency(record: Mapping[str, Any]) -> float | None:
    axis = record.get("wcs") or record.get("tabular")
    scale = _SPECTRAL_HZ.get(str(record.get("unit", "Hz")))
    if not isinstance(axis, Mapping) or scale is None:
        return None
    value = float(np.ravel(axis.get("crval", 0.0))[0])
    return value * scale if value > 0 else None
