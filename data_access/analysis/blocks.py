"""Blocks of pixels as sum, number and maximum of their finite ones: of these are means and maxima at every scale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.float32]

# Pixels along each side of the smallest block that is kept.
FIRST = 4


@dataclass(frozen=True, slots=True)
class Blocks:
    """Blocks of one size; arrays are float32 of shape (n_rows, n_columns).

    Attributes
    ----------
    total
        Sum of the finite pixels; 0 where there are none.
    count
        Number of finite pixels; one number where all blocks have as many, which is nearly everywhere.
    highest
        Their maximum; -inf where there are none.
    """

    total: Pixels
    count: Pixels | float
    highest: Pixels

    @property
    def mean(self) -> Pixels:
        """Mean of the finite pixels; NaN where there are none."""
        if isinstance(self.count, float):
            return self.total * np.float32(1 / self.count)
        mean = np.full(self.total.shape, np.nan, dtype=np.float32)
        return np.divide(self.total, self.count, out=mean, where=self.count > 0)

    @property
    def maximum(self) -> Pixels:
        """Maximum of the finite pixels; NaN where there are none."""
        if isinstance(self.count, float):
            return self.highest
        return np.where(self.count > 0, self.highest, np.float32(np.nan))


def first_blocks(rows: Pixels, size: int = FIRST) -> Blocks:
    """Return the blocks of `size` pixels a side of some rows; those at the upper and right edge may have fewer.

    Infinities count as blank. Whole rows are added first, which is contiguous (numpy's own reduction along an axis is
    five times slower for maxima), and only blocks that hold something blank are looked at pixel by pixel.
    """
    n_y, n_x = rows.shape
    if n_y % size or n_x % size:
        padded = np.full((n_y + -n_y % size, n_x + -n_x % size), np.nan, dtype=np.float32)
        padded[:n_y, :n_x] = rows
        rows = padded
    by_rows = rows.reshape(-1, size, rows.shape[1])
    with np.errstate(invalid="ignore", over="ignore"):
        total, highest = (_in_blocks(add, by_rows) for add in (np.add, np.maximum))
    is_finite = np.isfinite(total)
    if is_finite.all():
        return Blocks(total, float(size * size), highest)
    count, odd = np.full(total.shape, size * size, dtype=np.float32), np.nonzero(~is_finite)
    by_blocks = by_rows.reshape(total.shape[0], size, total.shape[1], size)
    total[odd], count[odd], highest[odd] = _of_finite(by_blocks[odd[0], :, odd[1], :])
    return Blocks(total, count, highest)


def _in_blocks(add: np.ufunc, by_rows: Pixels) -> Pixels:
    rows: Pixels = add(by_rows[:, 0], by_rows[:, 1])
    size = by_rows.shape[1]
    for i in range(2, size):
        add(rows, by_rows[:, i], out=rows)
    found: Pixels = add(rows[:, 0::size], rows[:, 1::size])
    for i in range(2, size):
        add(found, rows[:, i::size], out=found)
    return found


def _of_finite(blocks: Pixels) -> tuple[Pixels, Pixels, Pixels]:
    pixels = blocks.reshape(len(blocks), -1)
    finite = np.isfinite(pixels)
    total = np.where(finite, pixels, 0).sum(axis=1, dtype=np.float64)
    # beyond float32 there is no mean to be shown
    limit = np.finfo(np.float32).max
    return (
        np.clip(total, -limit, limit).astype(np.float32),
        finite.sum(axis=1).astype(np.float32),
        np.where(finite, pixels, -np.inf).max(axis=1),
    )


def halved(blocks: Blocks) -> Blocks:
    """Return the blocks of twice the size."""
    total, highest = _even(blocks.total, 0.0), _even(blocks.highest, -np.inf)
    count = blocks.count
    if not isinstance(count, float):
        count = _pairs(np.add, _even(count, 0.0))
    elif total is blocks.total:
        count = 4 * count
    else:
        count = _pairs(np.add, _even(np.full(blocks.total.shape, count, dtype=np.float32), 0.0))
    return Blocks(_pairs(np.add, total), count, _pairs(np.maximum, highest))


def _even(values: Pixels, empty: float) -> Pixels:
    n_y, n_x = values.shape
    if not n_y % 2 and not n_x % 2:
        return values
    return np.pad(values, ((0, n_y % 2), (0, n_x % 2)), constant_values=empty)


def _pairs(add: np.ufunc, values: Pixels) -> Pixels:
    with np.errstate(over="ignore"):
        rows = add(values[0::2], values[1::2])
        found: Pixels = add(rows[:, 0::2], rows[:, 1::2])
    return found
