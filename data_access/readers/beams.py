"""Restoring beams, wherever the imaging programs leave them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from data_access.readers.celestial import number
from data_access.records.files import BeamShape

ARCSEC: dict[str, float] = {
    "deg": 3600.0,
    "degree": 3600.0,
    "degrees": 3600.0,
    "arcmin": 60.0,
    "'": 60.0,
    "arcsec": 1.0,
    '"': 1.0,
    "mas": 1e-3,
    "rad": 206264.80624709636,
}
_NUMBER = r"([-+]?\d*\.?\d+(?:[eEdD][-+]?\d+)?)"
# AIPS (degrees), CASA restore (arcsec) and Miriad RESTOR (arcsec, the angle on a line of its own or absent).
_AIPS = re.compile(rf"BMAJ=\s*{_NUMBER}\s+BMIN=\s*{_NUMBER}\s+BPA=\s*{_NUMBER}")
_CASA = re.compile(rf"restoration:\s*{_NUMBER}\s+by\s+{_NUMBER}\s+\(arcsec\)\s+at pa\s+{_NUMBER}")
_MIRIAD = re.compile(rf"beam fwhm of\s+{_NUMBER}\s+by\s+{_NUMBER}\s+arcsec")
_MIRIAD_ANGLE = re.compile(rf"RESTOR:\s*Position angle:\s*{_NUMBER}")


def header_beam(header: Mapping[str, Any]) -> BeamShape | None:
    """Return the beam of BMAJ, BMIN, BPA (degrees); a missing BMIN is a round beam, a missing BPA 0."""
    major = number(header.get("BMAJ"))
    if not major or major < 0:
        return None
    minor = number(header.get("BMIN")) or major
    return BeamShape(major * 3600, minor * 3600, number(header.get("BPA")) or 0.0, "header")


def history_beam(lines: Iterable[str]) -> BeamShape | None:
    """Return the last beam that AIPS, CASA or Miriad wrote into HISTORY; later steps replace earlier ones."""
    # Joined without a separator would glue words, with one it splits nothing: cards are cut at 72 characters.
    text = " ".join(lines)
    for pattern, scale in ((_AIPS, 3600.0), (_CASA, 1.0)):
        if found := pattern.findall(text):
            major, minor, angle = (_fortran(value) for value in found[-1])
            return BeamShape(major * scale, minor * scale, angle, "HISTORY")
    if found := _MIRIAD.findall(text):
        angles = _MIRIAD_ANGLE.findall(text)
        major, minor = (_fortran(value) for value in found[-1])
        return BeamShape(major, minor, _fortran(angles[-1]) if angles else 0.0, "HISTORY")
    return None


def _fortran(text: str) -> float:
    return float(text.upper().replace("D", "E"))


def first_beam(beams: Iterable[tuple[float, float, float]], origin: str) -> tuple[BeamShape | None, str]:
    """Return the first usable of many beams, and a remark when they differ.

    Parameters
    ----------
    beams : iterable of (major, minor, position angle)
        arcsec, arcsec, degrees: one for each channel and polarisation.
    origin : str
        For `BeamShape.origin`.
    """
    usable = [beam for beam in beams if number(beam[0]) and beam[0] > 0]
    if not usable:
        return None, ""
    majors = [beam[0] for beam in usable]
    remark = ""
    if max(majors) - min(majors) > 1e-3 * max(majors):
        remark = (
            f"the beam changes from plane to plane ({len(usable)} beams, major axis "
            f"{min(majors):.4g} to {max(majors):.4g} arcsec): the first one is given"
        )
    major, minor, angle = usable[0]
    return BeamShape(float(major), float(minor), float(angle), origin), remark
