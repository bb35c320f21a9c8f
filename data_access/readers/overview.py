"""An image at several resolutions: block means and maxima, made in one pass over its pixels, kept in one file.

Everything here blocks and holds no state; it runs in threads, or for CASA images in a worker process.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from data_access.analysis.blocks import FIRST, Blocks, first_blocks, halved
from data_access.readers.casa_image import opened_casa_rows
from data_access.readers.fits import opened_fits_rows
from data_access.readers.plane import Box, PlaneRows, RowReader
from data_access.records.files import Reduction

Pixels = npt.NDArray[np.float32]
REDUCTIONS: tuple[Reduction, ...] = ("mean", "max")
FORMAT = 1
# The coarsest level fits this square, so that any overview of a whole field is one small read.
_COARSEST = 512
# 1 MB of float32: rows and their blocks stay in the processor's cache.
_STRIP_PIXELS = 1 << 18
_HEAD_BYTES = 4096
_MOST_LEVELS = 12


@dataclass(frozen=True, slots=True)
class Shape:
    """Which levels an overview has, and where they are in its file."""

    n_x: int
    n_y: int

    @property
    def factors(self) -> tuple[int, ...]:
        """Pixels of the image per pixel of a level, finest first: 4, 8, 16 ..."""
        found = [FIRST]
        while max(self.n_x, self.n_y) > _COARSEST * found[-1] and len(found) < _MOST_LEVELS:
            found.append(2 * found[-1])
        return tuple(found)

    def size(self, factor: int) -> tuple[int, int]:
        """Return rows and columns of a level."""
        return -(-self.n_y // factor), -(-self.n_x // factor)

    def offset(self, factor: int, reduction: Reduction) -> int:
        """Return the byte at which the pixels of a level begin."""
        at = _HEAD_BYTES
        for level in self.factors:
            for kind in REDUCTIONS:
                if (level, kind) == (factor, reduction):
                    return at
                at += 4 * self.size(level)[0] * self.size(level)[1]
        return at

    @property
    def n_bytes(self) -> int:
        """Length of the file: about a sixth of the plane."""
        return self.offset(0, "mean")

    def bands(self, row_step: int = 1) -> range:
        """Return the first rows of the bands to read: whole blocks of every level, and worth reading together."""
        coarsest = self.factors[-1]
        n_rows = max(row_step, _STRIP_PIXELS // max(self.n_x, 1), 1)
        return range(0, self.n_y, -(-n_rows // coarsest) * coarsest)


class MemoryLevels:
    """An overview in memory, for where nothing can be kept on a disk."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self._levels = {
            (f, kind): np.empty(shape.size(f), dtype=np.float32) for f in shape.factors for kind in REDUCTIONS
        }

    def begin(self) -> None:
        """Nothing to prepare."""

    def end(self, identity: Sequence[Any]) -> None:
        """Nothing to finish: who keeps the object knows what it is of."""

    def write(self, factor: int, reduction: Reduction, row: int, pixels: Pixels) -> None:
        """Take over some rows of a level."""
        self._levels[factor, reduction][row : row + len(pixels)] = pixels

    def read(self, factor: int, reduction: Reduction, box: Box) -> Pixels:
        """Return x0, y0, x1, y1 (half open, pixels of the level)."""
        return self._levels[factor, reduction][box[1] : box[3], box[0] : box[2]].copy()


class DiskLevels:
    """An overview in a file that is written once and then only read.

    Parameters
    ----------
    path : Path
    shape : Shape
    """

    def __init__(self, path: Path, shape: Shape) -> None:
        self.path, self.shape = path, shape
        self._number = -1

    def begin(self) -> None:
        """Make the file."""
        self._number = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    def end(self, identity: Sequence[Any]) -> None:
        """Write the head, which makes the file valid, and close it."""
        os.pwrite(self._number, make_head(identity, self.shape), 0)
        self.close()

    def close(self) -> None:
        """Close the file if it is open."""
        number, self._number = self._number, -1
        if number >= 0:
            os.close(number)

    def write(self, factor: int, reduction: Reduction, row: int, pixels: Pixels) -> None:
        """Write some rows of a level; several threads may do so at once."""
        data = memoryview(pixels.tobytes())
        at = self.shape.offset(factor, reduction) + 4 * row * self.shape.size(factor)[1]
        while len(data):
            written = os.pwrite(self._number, data, at)
            data, at = data[written:], at + written

    def read(self, factor: int, reduction: Reduction, box: Box) -> Pixels:
        """Return x0, y0, x1, y1 (half open, pixels of the level)."""
        levels = np.memmap(self.path, np.float32, "r", self.shape.offset(factor, reduction), self.shape.size(factor))
        return np.array(levels[box[1] : box[3], box[0] : box[2]])


Levels = MemoryLevels | DiskLevels


def make_head(identity: Sequence[Any], shape: Shape) -> bytes:
    """Return the first bytes of the file of an overview.

    Raises
    ------
    ValueError
        The identity is too long to be kept.
    """
    text = json.dumps({"format": FORMAT, "identity": list(identity), "size": [shape.n_x, shape.n_y]}).encode()
    if len(text) > _HEAD_BYTES:
        raise ValueError("the identity of an overview is too long")
    return text.ljust(_HEAD_BYTES)


def open_levels(path: Path, identity: Sequence[Any]) -> DiskLevels | None:
    """Return the overview in a file if it is whole and belongs to `identity`; None for any other file, or none."""
    try:
        with path.open("rb") as file:
            head = json.loads(file.read(_HEAD_BYTES))
            n_bytes = os.fstat(file.fileno()).st_size
        if head.get("format") != FORMAT or head.get("identity") != list(identity):
            return None
        shape = Shape(int(head["size"][0]), int(head["size"][1]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError):
        return None
    return DiskLevels(path, shape) if n_bytes == shape.n_bytes else None


def fill_levels(read_rows: RowReader, bands: Iterator[int], step: int, levels: Levels) -> None:
    """Read bands of rows and write the blocks of every level.

    Parameters
    ----------
    read_rows : callable
        ``read_rows(y0, y1)`` returns whole rows, shape (y1 - y0, n_x).
    bands : iterator of int
        First rows; threads that share one share the work, and the file is still read from its beginning to its end.
    step : int
        Rows of a band.
    levels : Levels

    Notes
    -----
    Holds one band: two copies of its pixels and a fifth for the blocks, or some 3 MB.
    """
    shape = levels.shape
    for y0 in bands:
        rows = np.asarray(read_rows(y0, min(y0 + step, shape.n_y)), dtype=np.float32)
        blocks = first_blocks(rows)
        for factor in shape.factors:
            blocks = blocks if factor == FIRST else halved(blocks)
            _write(levels, factor, y0 // factor, blocks)


def _write(levels: Levels, factor: int, row: int, blocks: Blocks) -> None:
    levels.write(factor, "mean", row, blocks.mean)
    levels.write(factor, "max", row, blocks.maximum)


def fill_from_fits(path: str, plane: int, levels: Levels) -> None:
    """Fill an overview from any FITS file, through astropy; errors as `read_fits_preview`."""
    with opened_fits_rows(path, plane) as rows:
        _fill(rows, levels)


def fill_from_casa(path: str, plane: int, levels: Levels, identity: Sequence[Any]) -> Levels:
    """Fill an overview from a CASA image, in a worker process, and return it; errors as `read_casa_preview`."""
    with opened_casa_rows(path, plane) as rows:
        levels.begin()
        _fill(rows, levels)
        levels.end(identity)
    return levels


def _fill(rows: PlaneRows, levels: Levels) -> None:
    bands = levels.shape.bands(rows.row_step)
    fill_levels(rows.read, iter(bands), bands.step, levels)
