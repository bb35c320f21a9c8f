"""Names of the planes of a cube in world coordinates: ``1.4051 GHz, Stokes I`` and not ``FREQ 3, STOKES 0``."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from data_access.records import ImageHeader
from data_access.records.plane_axes import HERTZ, STOKES, PlaneAxis

_METRE_PER_SECOND = {"": 1.0, "m/s": 1.0, "m.s-1": 1.0, "m s-1": 1.0, "km/s": 1e3, "km.s-1": 1e3, "km s-1": 1e3}
_METRE = {"": 1.0, "m": 1.0, "cm": 1e-2, "mm": 1e-3, "um": 1e-6, "nm": 1e-9, "angstrom": 1e-10}
# Digits are added until neighbouring planes have different names.
_FEWEST_DIGITS, _MOST_DIGITS = 5, 12


def plane_name(header: ImageHeader, plane: int) -> str:
    """Return what a plane is: frequency, velocity or wavelength, and Stokes parameter; empty without other axes.

    An axis of unknown coordinates is told by its index, counted from 0; an axis of one plane is told only when its
    coordinate is known. A velocity is in the frame of the file.
    """
    shape = header.shape[:-2]
    if not shape or not 0 <= plane < header.n_planes:
        return ""
    axes = header.plane_axes if len(header.plane_axes) == len(shape) else tuple(map(_unknown, header.axes, shape))
    index = np.unravel_index(plane, shape)
    words = [_word(axis, number, int(i)) for number, (axis, i) in enumerate(zip(axes, index, strict=True))]
    return ", ".join(word for word in words if word)


def _unknown(ctype: str, size: int) -> PlaneAxis:
    return PlaneAxis(ctype, size)


def _word(axis: PlaneAxis, number: int, index: int) -> str:
    kind = axis.ctype.upper().strip()
    value = axis.value(index)
    for begins, tell in _KINDS:
        if kind.startswith(begins) and math.isfinite(value) and (word := tell(axis, value)):
            return word
    return f"{kind or f'axis {number}'} {index}" if axis.size > 1 else ""


def _stokes(_axis: PlaneAxis, value: float) -> str:
    name = STOKES.get(round(value)) if value == round(value) else None
    return f"Stokes {name}" if name else ""


def _frequency(axis: PlaneAxis, value: float) -> str:
    return _quantity(axis, value, HERTZ, ((0.0, 1e9, "GHz"),))


def _velocity(axis: PlaneAxis, value: float) -> str:
    return _quantity(axis, value, _METRE_PER_SECOND, ((0.0, 1e3, "km/s"),))


def _wavelength(axis: PlaneAxis, value: float) -> str:
    return _quantity(axis, value, _METRE, ((1.0, 1.0, "m"), (1e-2, 1e-2, "cm"), (0.0, 1e-6, "µm")))


def _quantity(
    axis: PlaneAxis, value: float, units: Mapping[str, float], shown: Sequence[tuple[float, float, str]]
) -> str:
    """Return a value with as many digits as tell neighbours apart; empty for a unit that is not known.

    `shown` are (least value, size of the unit, its name), all in SI, largest first.
    """
    scale = units.get(axis.unit.strip().lower())
    if scale is None:
        return ""
    _, size, unit = next(one for one in shown if abs(value * scale) >= one[0])
    number, step = value * scale / size, abs((axis.step or 0.0) * scale) / size
    digits = _FEWEST_DIGITS
    if axis.size > 1 and step > 0 and number:
        digits = max(digits, math.ceil(math.log10(abs(number) / step) - 1e-9) + 1)
    return f"{number:.{min(digits, _MOST_DIGITS)}g} {unit}"


_KINDS: tuple[tuple[tuple[str, ...], Callable[[PlaneAxis, float], str]], ...] = (
    (("STOKES",), _stokes),
    (("FREQ",), _frequency),
    (("VELO", "FELO", "VRAD", "VOPT", "ZOPT-VEL"), _velocity),
    (("WAVE", "AWAV"), _wavelength),
)
