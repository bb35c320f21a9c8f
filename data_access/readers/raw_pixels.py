"""Pixels of a plain FITS image straight from their place in the file: only the bytes of the rows that are wanted."""

from __future__ import annotations

import math
import mmap
import os
import weakref
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from data_access.errors import FITSError, file_error
from data_access.readers.plane import Box

# Without this flag (other systems than Linux) rows are always read one by one.
_NOWAIT = getattr(os, "RWF_NOWAIT", 0)
# Rows this near to each other are read at once with what lies between them: one call in place of many.
_ONE_READ = 1 << 18


@dataclass(frozen=True, slots=True)
class RawPixels:
    """Where the pixels of an uncompressed image are; its longitude axis runs fastest.

    Attributes
    ----------
    offset : int
        Byte of the first pixel.
    dtype : str
        numpy type in the file, big-endian.
    n_x, n_y : int
        Size of a plane.
    row_bytes : int
        From one row of a plane to the next.
    plane_shape, plane_bytes : tuple of int
        Length and stride of the axes before the sky.
    scale, zero : float
        BSCALE and BZERO.
    blank : int or None
        BLANK of integers.
    """

    offset: int
    dtype: str
    n_x: int
    n_y: int
    row_bytes: int
    plane_shape: tuple[int, ...]
    plane_bytes: tuple[int, ...]
    scale: float
    zero: float
    blank: int | None


class RawFile:
    """An open image file, to be read several times; closed when the last reference to it goes.

    Opening and mapping take longer than a small cutout. Whoever keeps one also keeps the disk space of a file that
    is deleted meanwhile: for moments only.

    Attributes
    ----------
    key : tuple of int
        inode, mtime (ns) and size when it was opened.

    Raises
    ------
    FileMissing, FileUnreadable
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._mapped: mmap.mmap | None = None
        try:
            self._number = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as err:
            raise file_error(path, err) from err
        weakref.finalize(self, os.close, self._number)
        self.key = self._state()

    def read(self, raw: RawPixels, index: tuple[int, ...], box: Box) -> npt.NDArray[np.float32]:
        """Return a box of a plane: physical values, shape (y1 - y0, x1 - x0), BLANK as NaN.

        Parameters
        ----------
        index : tuple of int
            Position along the axes before the sky.
        box : tuple of int
            x0, y0, x1, y1: 0-based, half open, inside the image.

        Raises
        ------
        FITSError
            When the file ends before the box does, or was written to since it was opened.
        """
        try:
            self._check()
            stored = self._stored(raw, index, box)
            self._check()
        except OSError as err:
            raise file_error(self._path, err) from err
        return _physical(stored, raw)

    def read_one(self, raw: RawPixels, index: tuple[int, ...], x: int, y: int) -> int | float | np.floating[Any]:
        """Return one physical value with all the digits of the file, BLANK as NaN; errors as `read`."""
        try:
            self._check()
            stored = self._stored(raw, index, (x, y, x + 1, y + 1))[0, 0]
            self._check()
        except OSError as err:
            raise file_error(self._path, err) from err
        if stored.dtype.kind == "f":
            value = stored.astype(stored.dtype.newbyteorder("="))
            return value if raw.scale == 1.0 and raw.zero == 0.0 else float(value) * raw.scale + raw.zero
        if raw.blank is not None and int(stored) == raw.blank:
            return math.nan
        if raw.scale == 1.0 and raw.zero.is_integer():
            return int(stored) + int(raw.zero)
        return int(stored) * raw.scale + raw.zero

    def _state(self) -> tuple[int, int, int]:
        stat = os.fstat(self._number)
        return stat.st_ino, stat.st_mtime_ns, stat.st_size

    def _check(self) -> None:
        if self._state() != self.key:
            raise FITSError(
                f"{self._path} is being written just now", remedy="Ask again in a moment.", path=self._path
            )

    def _stored(self, raw: RawPixels, index: tuple[int, ...], box: Box) -> npt.NDArray[Any]:
        x0, y0, x1, y1 = box
        item = np.dtype(raw.dtype).itemsize
        first = raw.offset + sum(i * step for i, step in zip(index, raw.plane_bytes, strict=True))
        start = first + y0 * raw.row_bytes + x0 * item
        wanted, n_rows = (x1 - x0) * item, y1 - y0
        if start + (n_rows - 1) * raw.row_bytes + wanted > self.key[2]:
            raise FITSError(f"{self._path} is truncated: it ends before the cutout does", path=self._path)
        span = (n_rows - 1) * raw.row_bytes + wanted
        # whole rows lie one after the other: one read, however long
        if span <= _ONE_READ or wanted == raw.row_bytes:
            strip = os.pread(self._number, span, start)
            self._expect(len(strip), span)
            return np.ndarray((n_rows, x1 - x0), raw.dtype, buffer=strip, strides=(raw.row_bytes, item))
        if self._in_memory(start, n_rows, raw.row_bytes):
            return self._copy_mapped(raw, start, (n_rows, x1 - x0))
        # Row by row from the disk: a mapping would read whole pages around each row, and a file that is cut short
        # while a slow disk answers would end the process (SIGBUS) instead of this read.
        rows = b"".join([os.pread(self._number, wanted, start + i * raw.row_bytes) for i in range(n_rows)])
        self._expect(len(rows), n_rows * wanted)
        return np.frombuffer(rows, raw.dtype).reshape(n_rows, x1 - x0)

    def _expect(self, found: int, wanted: int) -> None:
        if found != wanted:
            raise FITSError(f"{self._path} was cut short while it was read", path=self._path)

    def _in_memory(self, start: int, n_rows: int, row_bytes: int) -> bool:
        """Say whether the first, middle and last row are in the page cache, without waiting for any disk."""
        if not _NOWAIT:
            return False
        probe = bytearray(1)
        try:
            return all(
                os.preadv(self._number, [probe], start + row * row_bytes, _NOWAIT) == 1
                for row in (0, n_rows // 2, n_rows - 1)
            )
        except OSError:  # EAGAIN: not there; EOPNOTSUPP: a file system that cannot say
            return False

    def _copy_mapped(self, raw: RawPixels, start: int, shape: tuple[int, int]) -> npt.NDArray[Any]:
        """Return a copy in the byte order of the machine: three times as fast as reading row by row."""
        if self._mapped is None:
            self._mapped = mmap.mmap(self._number, self.key[2], prot=mmap.PROT_READ)
        item = np.dtype(raw.dtype).itemsize
        view = np.ndarray(shape, raw.dtype, buffer=self._mapped, offset=start, strides=(raw.row_bytes, item))
        return view.astype(view.dtype.newbyteorder("="))


def _physical(stored: npt.NDArray[Any], raw: RawPixels) -> npt.NDArray[np.float32]:
    if raw.scale == 1.0 and raw.zero == 0.0 and raw.blank is None:
        return stored.astype(np.float32, copy=False)
    values = stored * raw.scale + raw.zero  # float64: a scaled int32 has more digits than float32
    if raw.blank is not None:
        values[stored == raw.blank] = np.nan
    return values.astype(np.float32)
