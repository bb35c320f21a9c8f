"""Areas drawn in a plane: boxes and outlines, as a text for a URL and as a question to any number of points."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from data_access.errors import ValidationError

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
# As long as a URL carries without trouble beside everything else in it.
LONGEST_AREA = 1800
MOST_CORNERS = 60
_DIGITS = 4
_FEWEST_CORNERS = 3
_MOST_READ = 200


def box(x0: float, x1: float, y0: float, y1: float) -> FloatArray:
    """Return the outline of a box, shape (4, 2); the ends in any order."""
    (left, right), (low, high) = sorted((x0, x1)), sorted((y0, y1))
    return np.array([(left, low), (right, low), (right, high), (left, high)])


def area_text(outlines: Sequence[FloatArray]) -> str:
    """Return outlines, shape (n_corner, 2) each, as a text of letters that a URL leaves as they are.

    Corners that hardly change an outline are left out, and of more than `MOST_CORNERS` those that change it least.
    """
    return "~".join("_".join(map(_short, _simplified(outline).ravel().tolist())) for outline in outlines)


def _short(value: float) -> str:
    return f"{value:.{_DIGITS}f}".rstrip("0").rstrip(".") or "0"


def parse_area(text: str) -> tuple[FloatArray, ...]:
    """Return the outlines in a text of `area_text`.

    Raises
    ------
    ValidationError
        It is no such text.
    """
    outlines = []
    for part in text.split("~"):
        try:
            values = np.array([float(word) for word in part.split("_")[: 2 * _MOST_READ]])
        except ValueError as err:
            raise _not_an_area(text) from err
        if values.size % 2 or values.size < 2 * _FEWEST_CORNERS or not np.isfinite(values).all():
            raise _not_an_area(text)
        outlines.append(values.reshape(-1, 2))
    return tuple(outlines)


def _not_an_area(text: str) -> ValidationError:
    return ValidationError(f"'{text[:40]}' is not an area of the plane", remedy="Draw it again.")


def inside(outlines: Sequence[FloatArray], x: FloatArray, y: FloatArray) -> BoolArray:
    """Return which points, shape (n,), lie inside of any of the outlines (even-odd rule)."""
    made = np.zeros(x.size, dtype=np.bool_)
    for outline in outlines:
        (left, low), (right, high) = outline.min(axis=0), outline.max(axis=0)
        near = np.flatnonzero((x >= left) & (x <= right) & (y >= low) & (y <= high) & ~made)
        made[near] = _inside(outline, x[near], y[near])
    return made


def _inside(outline: FloatArray, x: FloatArray, y: FloatArray) -> BoolArray:
    odd = np.zeros(x.size, dtype=np.bool_)
    for (ax, ay), (bx, by) in zip(outline.tolist(), np.roll(outline, -1, axis=0).tolist(), strict=True):
        if ay != by:
            crosses = (y < ay) != (y < by)
            odd[crosses] ^= x[crosses] < ax + (y[crosses] - ay) * ((bx - ax) / (by - ay))
    return odd


def _simplified(outline: FloatArray) -> FloatArray:
    """Return an outline of at most `MOST_CORNERS` corners (Douglas & Peucker 1973, with a growing tolerance)."""
    tolerance = 2e-4 * float(math.hypot(*np.ptp(outline, axis=0)))
    made = outline[_kept(outline, tolerance)]
    while len(made) > MOST_CORNERS:
        tolerance = 1.5 * tolerance or 1e-9
        made = outline[_kept(outline, tolerance)]
    return made if len(made) >= _FEWEST_CORNERS else outline[[0, len(outline) // 2, -1]]


def _kept(outline: FloatArray, tolerance: float) -> list[int]:
    keep, stretches = {0, len(outline) - 1}, [(0, len(outline) - 1)]
    while stretches:
        first, last = stretches.pop()
        if last - first < 2:
            continue
        away = _distance(outline[first + 1 : last], outline[first], outline[last])
        furthest = int(np.argmax(away))
        if away[furthest] > tolerance:
            middle = first + 1 + furthest
            keep.add(middle)
            stretches += [(first, middle), (middle, last)]
    return sorted(keep)


def _distance(points: FloatArray, start: FloatArray, end: FloatArray) -> FloatArray:
    along = end - start
    length = math.hypot(*along)
    if length == 0:
        return np.asarray(np.hypot(*(points - start).T))
    return np.asarray(np.abs((points[:, 0] - start[0]) * along[1] - (points[:, 1] - start[1]) * along[0]) / length)
