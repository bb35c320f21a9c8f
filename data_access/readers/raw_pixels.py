"""Pixels of a plain FITS image straight from their place in the file: only the bytes of the rows that are wanted."""

from __future__ import annotations

import mmap
import os
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from data_access.errors import FITSError, file_error
from data_access.readers.plane import Box

# Without this flag (other systems than Linux) rows are always read one by one.
_NOWAIT = getattr(os, "RWF_NOWAIT", 0)


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


def read_raw_box(
    path: str, raw: RawPixels, index: tuple[int, ...], box: Box
) -> tuple[npt.NDArray[np.float32], tuple[int, int, int]]:
    """Return a box of a plane, and what the file was while it was read.

    Parameters
    ----------
    index : tuple of int
        Position along the axes before the sky.
    box : tuple of int
        x0, y0, x1, y1: 0-based, half open, inside the image.

    Returns
    -------
    pixels : float32, shape (y1 - y0, x1 - x0)
        Physical values; BLANK is NaN.
    key : tuple of int
        inode, mtime (ns) and size.

    Raises
    ------
    FileMissing, FileUnreadable
    FITSError
        When the file ends before the box does, or was written to meanwhile.
    """
    try:
        number = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as err:
        raise file_error(path, err) from err
    try:
        key = _key(number)
        stored = _read(path, number, key[2], raw, index, box)
        if _key(number) != key:
            raise FITSError(f"{path} is being written just now", remedy="Ask again in a moment.", path=path)
    except OSError as err:
        raise file_error(path, err) from err
    finally:
        os.close(number)
    return _physical(stored, raw), key


def _key(number: int) -> tuple[int, int, int]:
    stat = os.fstat(number)
    return stat.st_ino, stat.st_mtime_ns, stat.st_size


def _read(path: str, number: int, size: int, raw: RawPixels, index: tuple[int, ...], box: Box) -> npt.NDArray[Any]:
    x0, y0, x1, y1 = box
    item = np.dtype(raw.dtype).itemsize
    first = raw.offset + sum(i * step for i, step in zip(index, raw.plane_bytes, strict=True))
    start = first + y0 * raw.row_bytes + x0 * item
    wanted, n_rows = (x1 - x0) * item, y1 - y0
    if start + (n_rows - 1) * raw.row_bytes + wanted > size:
        raise FITSError(f"{path} is truncated: it ends before the cutout does", path=path)
    if _in_memory(number, start, n_rows, raw.row_bytes):
        return _copy_mapped(number, raw, start, (n_rows, x1 - x0))
    # Row by row from the disk: a mapping would read whole pages around each row, and a file that is cut short
    # while a slow disk answers would end the process (SIGBUS) instead of this read.
    rows = b"".join([os.pread(number, wanted, start + i * raw.row_bytes) for i in range(n_rows)])
    if len(rows) != n_rows * wanted:
        raise FITSError(f"{path} was cut short while it was read", remedy="Ask again in a moment.", path=path)
    return np.frombuffer(rows, raw.dtype).reshape(n_rows, x1 - x0)


def _in_memory(number: int, start: int, n_rows: int, row_bytes: int) -> bool:
    """Say whether the first, middle and last row are in the page cache, without waiting for any disk."""
    if not _NOWAIT:
        return False
    probe = bytearray(1)
    try:
        return all(
            os.preadv(number, [probe], start + row * row_bytes, _NOWAIT) == 1 for row in (0, n_rows // 2, n_rows - 1)
        )
    except OSError:  # EAGAIN: not there; EOPNOTSUPP: a file system that cannot say
        return False


def _copy_mapped(number: int, raw: RawPixels, start: int, shape: tuple[int, int]) -> npt.NDArray[Any]:
    """Return a copy through a mapping that lives for the copy only: half the time of reading row by row."""
    item = np.dtype(raw.dtype).itemsize
    page = start - start % mmap.ALLOCATIONGRANULARITY
    length = start - page + (shape[0] - 1) * raw.row_bytes + shape[1] * item
    with mmap.mmap(number, length, prot=mmap.PROT_READ, offset=page) as mapped:
        view = np.ndarray(shape, raw.dtype, buffer=mapped, offset=start - page, strides=(raw.row_bytes, item))
        copy = view.astype(view.dtype.newbyteorder("="))
        del view  # a mapping that is looked at cannot be closed
    return copy


def _physical(stored: npt.NDArray[Any], raw: RawPixels) -> npt.NDArray[np.float32]:
    if raw.scale == 1.0 and raw.zero == 0.0 and raw.blank is None:
        return stored.astype(np.float32, copy=False)
    values = stored * raw.scale + raw.zero  # float64: a scaled int32 has more digits than float32
    if raw.blank is not None:
        values[stored == raw.blank] = np.nan
    return values.astype(np.float32)
