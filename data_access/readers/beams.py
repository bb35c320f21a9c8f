"""Restoring beams, wherever the imaging programs leave them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

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


@dataclass(frozen=True, slots=True)
class PlaneBeam:
    """One of many beams, and the channel and polarisation (from 0) that it belongs to."""

    channel: int
    polarisation: int
    beam: BeamShape | None


def make_beam(
    major_arcsec: float | None, minor_arcsec: float | None, pa_deg: float | None, origin: str
) -> BeamShape | None:
    """Return the beam of what is recorded (None: not recorded), or None without a major axis.

    Without a minor axis the beam is taken for round, and says so.
    """
    if not major_arcsec or major_arcsec < 0:
        return None
    if not minor_arcsec or minor_arcsec < 0:
        return BeamShape(major_arcsec, major_arcsec, pa_deg, origin, minor_assumed=True)
    return BeamShape(major_arcsec, minor_arcsec, pa_deg, origin)


def remark_on(beam: BeamShape | None) -> str:
    """Return what a reader must know of a beam that is not recorded in full; empty when it is."""
    if beam is None or not beam.minor_assumed:
        return ""
    return "the minor axis of the beam is not recorded: a round beam is assumed"


def header_beam(header: Mapping[str, Any]) -> BeamShape | None:
    """Return the beam of BMAJ, BMIN, BPA (degrees); what is missing is marked as not recorded."""
    major, minor = number(header.get("BMAJ")), number(header.get("BMIN"))
    return make_beam(_scaled(major, 3600), _scaled(minor, 3600), number(header.get("BPA")), "header")


def history_beam(lines: Iterable[str]) -> BeamShape | None:
    """Return the last beam that AIPS, CASA or Miriad wrote into HISTORY; later steps replace earlier ones."""
    # Joined without a separator would glue words, with one it splits nothing: cards are cut at 72 characters.
    text = " ".join(lines)
    for pattern, scale in ((_AIPS, 3600.0), (_CASA, 1.0)):
        if found := pattern.findall(text):
            major, minor, angle = (_fortran(value) for value in found[-1])
            return make_beam(major * scale, minor * scale, angle, "HISTORY")
    if found := _MIRIAD.findall(text):
        angles = _MIRIAD_ANGLE.findall(text)
        major, minor = (_fortran(value) for value in found[-1])
        return make_beam(major, minor, _fortran(angles[-1]) if angles else None, "HISTORY")
    return None


def _fortran(text: str) -> float:
    return float(text.upper().replace("D", "E"))


def table_beams(table: Any) -> list[PlaneBeam]:
    """Return the rows of a BEAMS table of FITS; without CHAN and POL they are the channels in their order."""
    columns, rows = table.columns, table.data
    if not {"BMAJ", "BMIN", "BPA"} <= set(columns.names):
        return []
    major_scale, minor_scale, angle_scale = (
        ARCSEC.get(str(columns[name].unit or "deg").strip().lower(), 3600.0) for name in ("BMAJ", "BMIN", "BPA")
    )
    n = len(rows)
    channels = rows["CHAN"].tolist() if "CHAN" in columns.names else list(range(n))
    polarisations = rows["POL"].tolist() if "POL" in columns.names else [0] * n
    found = []
    for channel, polarisation, *axes in zip(
        channels, polarisations, rows["BMAJ"], rows["BMIN"], rows["BPA"], strict=True
    ):
        major, minor, angle = (number(value) for value in axes)
        pa_deg = _scaled(angle, angle_scale / 3600.0)
        beam = make_beam(_scaled(major, major_scale), _scaled(minor, minor_scale), pa_deg, "BEAMS table")
        found.append(PlaneBeam(int(channel), int(polarisation), beam))
    return found


def _scaled(value: float | None, scale: float) -> float | None:
    return None if value is None else value * scale


def many_beams(
    found: Sequence[PlaneBeam], axes: tuple[str, ...], shape: tuple[int, ...]
) -> tuple[BeamShape | None, tuple[BeamShape | None, ...], str]:
    """Return the first usable of many beams, the beam of every plane, and a remark when they differ.

    Parameters
    ----------
    axes, shape : tuple
        CTYPE and length of the axes before the sky, in numpy order.

    Returns
    -------
    beam : BeamShape or None
    plane_beams : tuple of (BeamShape or None)
        In C order of the planes; empty when all are equal, or when which is whose is not known.
    remark : str
        Empty when all are equal.
    """
    usable = [one.beam for one in found if one.beam is not None]
    if not usable:
        return None, (), ""
    if len(usable) == len(found) and len(set(usable)) == 1:
        return usable[0], (), ""
    planes = _by_plane(found, axes, shape)
    majors = [beam.major_arcsec for beam in usable]
    remark = ""
    if max(majors) - min(majors) > 1e-3 * max(majors):
        then = "each plane has its own" if planes else "the first one is given"
        remark = (
            f"the beam changes from plane to plane ({len(usable)} beams, major axis "
            f"{min(majors):.4g} to {max(majors):.4g} arcsec): {then}"
        )
    return usable[0], planes, remark


def _by_plane(
    found: Sequence[PlaneBeam], axes: tuple[str, ...], shape: tuple[int, ...]
) -> tuple[BeamShape | None, ...]:
    """Return the beam of every plane; empty when the axes do not tell channels and polarisations apart."""
    kinds = ["pol" if axis.strip().upper().startswith("STOKES") else "chan" for axis in axes]
    long = {kind: [n for k, n in zip(kinds, shape, strict=True) if k == kind and n > 1] for kind in ("chan", "pol")}
    if any(len(lengths) > 1 for lengths in long.values()):
        return ()
    known = {(one.channel, one.polarisation): one.beam for one in found}
    n_chan = len({channel for channel, _ in known})
    n_pol = len({polarisation for _, polarisation in known})
    planes = []
    for index in np.ndindex(*shape):
        place = {"chan": 0, "pol": 0}
        for kind, position, length in zip(kinds, index, shape, strict=True):
            if length > 1:
                place[kind] = position
        # one beam for all channels, or for all polarisations
        planes.append(known.get((place["chan"] if n_chan > 1 else min(known)[0],
                                 place["pol"] if n_pol > 1 else min(known)[1])))  # fmt: skip
    return tuple(planes)
