"""World coordinates of the axes beside the sky, from FITS cards and from the `coords` record of a CASA image."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from data_access.readers.celestial import number
from data_access.records.plane_axes import STOKES, PlaneAxis

# Algorithms of FITS paper III: between the reference pixel and the others the coordinate is no straight line.
_NOT_LINEAR = re.compile(r"[A-Z]{4}-(?:[FWVA]2[FWVA]|LOG|TAB|GRI|GRA)", re.IGNORECASE)
_CODES = {name: float(code) for code, name in STOKES.items()}


def fits_plane_axis(values: Mapping[str, Any], axis: int, size: int) -> PlaneAxis:
    """Return what the cards say of one axis.

    Parameters
    ----------
    values : mapping
        Keyword to value.
    axis : int
        FITS number of the axis, from 1.
    """
    ctype = str(values.get(f"CTYPE{axis}") or "").strip()
    unit = str(values.get(f"CUNIT{axis}") or "").strip()
    reference, pixel = number(values.get(f"CRVAL{axis}")), number(values.get(f"CRPIX{axis}"))
    if reference is None or not ctype:
        return PlaneAxis(ctype, size, unit=unit)
    step = _fits_step(values, axis)
    pixel = 0.0 if pixel is None else pixel
    if step is None or _NOT_LINEAR.match(ctype):
        # one plane whose pixel is the reference needs no step
        return PlaneAxis(ctype, size, reference if pixel == 1.0 and size == 1 else None, unit=unit)
    return PlaneAxis(ctype, size, reference + (1.0 - pixel) * step, step, unit)


def _fits_step(values: Mapping[str, Any], axis: int) -> float | None:
    """Return the step of an axis: CDi_i, which takes the place of CDELT, else CDELT times PCi_i (1 where absent).

    A matrix of the sky alone (CD1_1, no CD3_3) leaves CDELT to the other axes: that is what such files mean, though
    wcslib takes a step of 1 there.
    """
    if (step := number(values.get(f"CD{axis}_{axis}"))) is not None:
        return step or None
    step, turn = number(values.get(f"CDELT{axis}")), number(values.get(f"PC{axis}_{axis}"))
    return step if step is None or turn is None else step * turn or None


def casa_plane_axes(coords: Mapping[str, Any], shape: Sequence[int]) -> dict[int, PlaneAxis]:
    """Return what a `coords` record says, by CASA pixel axis (the first one runs fastest).

    Parameters
    ----------
    shape : sequence of int
        Sizes by CASA pixel axis.
    """
    found: dict[int, PlaneAxis] = {}
    for key, record in coords.items():
        kind = re.fullmatch(r"(spectral|stokes)(\d+)", key)
        if not kind or not isinstance(record, Mapping):
            continue
        for axis in (int(one) for one in np.ravel(coords.get(f"pixelmap{kind[2]}", []))):
            if 0 <= axis < len(shape):
                make = _casa_stokes if kind[1] == "stokes" else _casa_spectral
                found[axis] = make(record, shape[axis])
    return found


def _casa_stokes(record: Mapping[str, Any], size: int) -> PlaneAxis:
    names = [str(name) for name in np.ravel(record.get("stokes", []))]
    return PlaneAxis("STOKES", size, values=tuple(_CODES.get(name, math.nan) for name in names[:size]))


def _casa_spectral(record: Mapping[str, Any], size: int) -> PlaneAxis:
    unit = str(record.get("unit", "Hz"))
    listed, wcs = record.get("tabular"), record.get("wcs")
    if isinstance(listed, Mapping):
        pixels, values = (np.ravel(listed.get(key, [])).astype(float) for key in ("pixelvalues", "worldvalues"))
        if values.size == pixels.size > 0 and bool(np.all(np.diff(pixels) > 0)):
            inside = np.interp(np.arange(size), pixels, values, left=math.nan, right=math.nan)
            return PlaneAxis("FREQ", size, unit=unit, values=tuple(inside.tolist()))
    if not isinstance(wcs, Mapping):
        return PlaneAxis("FREQ", size, unit=unit)
    first, step, pixel = (_scalar(wcs.get(key)) for key in ("crval", "cdelt", "crpix"))
    if first is None or step is None or pixel is None:
        return PlaneAxis("FREQ", size, first if size == 1 else None, unit=unit)
    step *= 1.0 if (turn := _scalar(wcs.get("pc"))) is None else turn
    return PlaneAxis("FREQ", size, first - pixel * step, step, unit)  # CASA counts pixels from 0


def _scalar(value: Any) -> float | None:
    flat = [] if value is None else np.ravel(value).tolist()
    return number(flat[0]) if flat else None
