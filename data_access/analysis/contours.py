"""Lines of equal brightness through an image, with contourpy (which comes with Bokeh)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from data_access.errors import ValidationError
from data_access.records.contours import ContourLine

DEFAULT_SIGMAS = (-3.0, 3.0, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0)
MOST_LEVELS = 12
# More would keep the browser busy for seconds; the lowest levels, in the noise, are left out first.
MOST_POINTS = 300_000
# contourpy holds the interpreter lock for a whole call: a block takes a few milliseconds.
_BLOCK = 384


def parse_levels(text: str) -> tuple[float, ...]:
    """Return the numbers of a text in ascending order; none for an empty one.

    Raises
    ------
    ValidationError
        For what is no number, and for too many.
    """
    words = [word for word in re.split(r"[\s,;]+", text.replace("−", "-").strip()) if word]
    try:
        levels = {float(word) for word in words}
    except ValueError as err:
        raise ValidationError(
            f"'{text[:60]}' is not a list of levels", remedy="Write for example: 3 5 10 20"
        ) from err
    if len(levels) > MOST_LEVELS or not all(np.isfinite(list(levels))):
        raise ValidationError(f"Give up to {MOST_LEVELS} finite levels", remedy="Write for example: 3 5 10 20")
    return tuple(sorted(levels))


def contour_lines(
    data: npt.NDArray[np.float32], levels: Sequence[float], *, origin: tuple[int, int] = (0, 0), factor: int = 1
) -> tuple[tuple[ContourLine, ...], tuple[float, ...]]:
    """Return the lines of each level, and the levels that were left out because they have too many points.

    Parameters
    ----------
    data : float32, shape (ny, nx)
        Blank pixels have no lines through them.
    origin : x, y
        File pixel at the lower left corner.
    factor : int
        File pixels per pixel of `data`.

    Returns
    -------
    lines
        In ascending order of the levels, those without points too; positions are 0-based file pixels.
    left_out
    """
    lines: list[ContourLine] = []
    n_left = MOST_POINTS
    ordered = sorted(levels, reverse=True, key=abs)
    for position, level in enumerate(ordered):
        pieces = list(_pieces(data, level))
        n_points = sum(piece.shape[0] for piece in pieces)
        if n_points > n_left:
            return tuple(sorted(lines, key=lambda line: line.level)), tuple(sorted(ordered[position:]))
        n_left -= n_points
        points = np.concatenate(pieces) if pieces else np.empty((0, 2))
        x, y = (origin[i] - 0.5 + (points[:, i] + 0.5) * factor for i in range(2))
        lines.append(ContourLine(level, x.astype(np.float32), y.astype(np.float32)))
    return tuple(sorted(lines, key=lambda line: line.level)), ()


def _pieces(data: npt.NDArray[np.float32], level: float) -> Iterator[npt.NDArray[np.float64]]:
    """Yield points (n, 2) block by block, with NaN between two lines; blocks share their outermost pixels."""
    from contourpy import LineType, contour_generator

    n_y, n_x = data.shape
    for y0 in range(0, max(n_y - 1, 1), _BLOCK):
        for x0 in range(0, max(n_x - 1, 1), _BLOCK):
            block = data[y0 : y0 + _BLOCK + 1, x0 : x0 + _BLOCK + 1]
            if min(block.shape) < 2:
                continue
            values = np.ma.masked_invalid(block)
            if values.count() == 0 or not values.min() <= level <= values.max():
                continue
            made = contour_generator(z=values, name="serial", line_type=LineType.ChunkCombinedNan)
            (points,) = made.lines(level)[0]
            if points is not None:
                yield points + np.array([x0, y0])
                yield np.full((1, 2), np.nan)
