"""Contours of an image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class ContourLine:
    """All lines of one level, in the unit of the file: 0-based file pixels, NaN between two lines."""

    level: float
    x: npt.NDArray[np.float32]
    y: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Contours:
    """Contours of one plane.

    Attributes
    ----------
    lines : tuple of ContourLine
        In ascending order.
    sigma : float or None
        The noise (1.4826 x median absolute deviation of the plane) when the levels are multiples of it.
    factor : int
        They go through means of so many file pixels a side; 1 at full resolution.
    left_out : tuple of float
        Levels with too many points to be drawn, in the unit of the file.
    box : tuple of int or None
        Which part they go through: x0, y0, x1, y1, file pixels, half open; None for the whole plane.
    """

    lines: tuple[ContourLine, ...]
    sigma: float | None
    factor: int
    left_out: tuple[float, ...] = ()
    box: tuple[int, int, int, int] | None = None
