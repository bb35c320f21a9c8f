"""One image plane, read in blocks of rows and reduced while it is read: what FITS and CASA images share."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from data_access.errors import ValidationError
from data_access.records.files import ImageStatistics

RowReader = Callable[[int, int], npt.NDArray[Any]]
Box = tuple[int, int, int, int]

# 2 MB of float64: a block and its masks stay in the processor's cache.
BLOCK_PIXELS = 1 << 18
# Up to here median and noise are exact; above, they come from a random sample (standard error 0.1 %).
EXACT_PIXELS = 4_000_000
SAMPLE_PIXELS = 1_000_000


@dataclass(frozen=True, slots=True)
class PlaneRows:
    """An open plane, to be read in rows.

    Attributes
    ----------
    n_x, n_y : int
        Size of the plane, pixels.
    row_step : int
        The least number of rows worth reading together (height of the file's tiles).
    read : callable
        ``read(y0, y1)`` returns real pixels of shape (y1 - y0, n_x).
    """

    n_x: int
    n_y: int
    row_step: int
    read: RowReader


@dataclass(frozen=True, slots=True)
class ReducedPlane:
    """A block-averaged plane and its statistics at full resolution.

    Attributes
    ----------
    data : float32, shape (ny, nx)
        Mean of the finite pixels of each block; NaN where a block has none.
    factor : int
        Pixels of the file per pixel of `data`, along each axis.
    """

    data: npt.NDArray[np.float32]
    factor: int
    statistics: ImageStatistics


def clip_box(box: Box | None, n_x: int, n_y: int) -> Box:
    """Return `box` cut to an image of `n_x` by `n_y` pixels, the whole image for None.

    Parameters
    ----------
    box : tuple of int, optional
        x0, y0, x1, y1: 0-based pixels, half open.

    Raises
    ------
    ValidationError
        When no pixel of the image is inside.
    """
    if box is None:
        return 0, 0, n_x, n_y
    x0, y0, x1, y1 = max(box[0], 0), max(box[1], 0), min(box[2], n_x), min(box[3], n_y)
    if x0 >= x1 or y0 >= y1:
        raise ValidationError(
            f"the cutout {box} holds no pixel of an image of {n_x} x {n_y} pixels",
            remedy="Choose a box that overlaps the image.",
        )
    return x0, y0, x1, y1


def plane_index(shape: tuple[int, ...], plane: int) -> tuple[int, ...]:
    """Return the index of a plane along the axes `shape` before the sky axes, counted in C order.

    Raises
    ------
    ValidationError
        When there is no such plane.
    """
    n_planes = math.prod(shape)
    if not 0 <= plane < n_planes:
        raise ValidationError(
            f"plane {plane} does not exist: the image has {n_planes}",
            remedy=f"Choose a plane from 0 to {n_planes - 1}.",
        )
    return tuple(int(i) for i in np.unravel_index(plane, shape)) if plane else (0,) * len(shape)


def reduce_plane(read_rows: RowReader, box: Box, *, max_size: int, row_step: int = 1) -> ReducedPlane:
    """Return the block mean and the statistics of a box, holding one block of rows at a time.

    Parameters
    ----------
    read_rows : callable
        ``read_rows(y0, y1)`` returns real pixels of shape (y1 - y0, x1 - x0), the columns of `box` only.
    box : tuple of int
        x0, y0, x1, y1: file pixels, 0-based, half open, inside the image.
    max_size : int
        Largest side of the result, pixels.
    row_step : int
        Rows that the file stores together (height of its tiles); blocks hold at least that many.

    Returns
    -------
    ReducedPlane
        Peak, minimum and NaN fraction are exact; median and noise up to `EXACT_PIXELS`. Infinities count as NaN.
    """
    x0, y0, x1, y1 = box
    n_x, n_y = x1 - x0, y1 - y0
    factor = max(1, -(-max(n_x, n_y) // max(1, max_size)))
    data = np.empty((-(-n_y // factor), -(-n_x // factor)), dtype=np.float32)
    figures = _Figures(n_x * n_y, origin=(x0, y0))
    n_rows = max(BLOCK_PIXELS // n_x, row_step, 1)
    n_rows = -(-n_rows // factor) * factor
    for start in range(0, n_y, n_rows):
        stop = min(start + n_rows, n_y)
        block = _as_float(read_rows(y0 + start, y0 + stop))
        finite = np.isfinite(block)
        figures.add(block, finite, start)
        data[start // factor : -(-stop // factor)] = _block_mean(block, finite, factor)
    return ReducedPlane(data, factor, figures.result())


def _as_float(block: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return floats in the machine's byte order; integers become float64, which holds every int32."""
    if block.dtype.kind != "f":
        return block.astype(np.float64)
    return np.ascontiguousarray(block, dtype=block.dtype.newbyteorder("="))


def _block_mean(block: npt.NDArray[Any], finite: npt.NDArray[np.bool_], factor: int) -> npt.NDArray[np.float32]:
    if factor == 1:
        return np.where(finite, block, np.nan).astype(np.float32)
    total = _block_sum(np.where(finite, block, 0), factor, np.float64)
    count = _block_sum(finite, factor, np.int64)
    mean = np.full(total.shape, np.nan)
    np.divide(total, count, out=mean, where=count > 0)
    return mean.astype(np.float32)


def _block_sum(values: npt.NDArray[Any], factor: int, dtype: type) -> npt.NDArray[Any]:
    """Rows first: adding whole rows is contiguous, and leaves `factor` times less for the columns."""
    n_y, n_x = values.shape
    whole = n_y // factor
    rows = values[: whole * factor].reshape(whole, factor, n_x).sum(axis=1, dtype=dtype)
    if whole * factor < n_y:
        rows = np.concatenate([rows, values[whole * factor :].sum(axis=0, dtype=dtype, keepdims=True)])
    return np.add.reduceat(rows, np.arange(0, n_x, factor), axis=1)


class _Figures:
    """Statistics that grow block by block."""

    def __init__(self, n_pixels: int, *, origin: tuple[int, int]) -> None:
        self._n_pixels = n_pixels
        self._origin = origin
        self._n_finite = 0
        self._peak = self._minimum = float("nan")
        self._peak_xy = (-1, -1)
        self._kept: list[npt.NDArray[Any]] = []
        self._share = 1.0 if n_pixels <= EXACT_PIXELS else SAMPLE_PIXELS / n_pixels
        # A fixed seed: the same file always gives the same noise. Random, not strided, because a stride
        # that divides the row length would see only a few columns.
        self._random = np.random.default_rng(110)

    def add(self, block: npt.NDArray[Any], finite: npt.NDArray[np.bool_], start: int) -> None:
        """Count one block, whose first row is row `start` of the box."""
        n_finite = int(np.count_nonzero(finite))
        if n_finite == 0:
            return
        self._n_finite += n_finite
        highest = block if n_finite == block.size else np.where(finite, block, -np.inf)
        where = int(np.argmax(highest))
        y, x = divmod(where, block.shape[1])
        if not self._peak >= block[y, x]:
            self._peak = float(block[y, x])
            self._peak_xy = (self._origin[0] + x, self._origin[1] + start + y)
        lowest = float(np.min(block, where=finite, initial=np.inf))
        if not self._minimum <= lowest:
            self._minimum = lowest
        self._kept.append(self._sample(block, finite))

    def _sample(self, block: npt.NDArray[Any], finite: npt.NDArray[np.bool_]) -> npt.NDArray[Any]:
        if self._share >= 1.0:
            return np.asarray(block[finite])
        chosen = self._random.integers(0, block.size, max(1, round(block.size * self._share)))
        values = block.ravel()[chosen]
        return np.asarray(values[np.isfinite(values)])

    def result(self) -> ImageStatistics:
        """Return the figures of everything that was added."""
        kept = np.concatenate(self._kept) if self._kept else np.empty(0)
        self._kept = []
        median = float(np.median(kept)) if kept.size else float("nan")
        noise = 1.4826 * float(np.median(np.abs(kept - median))) if kept.size else float("nan")
        return ImageStatistics(
            peak=self._peak,
            peak_x=self._peak_xy[0],
            peak_y=self._peak_xy[1],
            minimum=self._minimum,
            median=median,
            noise=noise,
            nan_fraction=1 - self._n_finite / self._n_pixels,
            n_pixels=self._n_pixels,
        )
