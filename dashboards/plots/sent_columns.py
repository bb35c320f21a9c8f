"""Columns of long light curves, in the form that reaches the browser soonest."""

from __future__ import annotations

import base64
import gzip
import struct
import sys
import zlib
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from bokeh.core.serialization import Serializable, Serializer

_MOST_WITHIN_BYTES = 65_535
# of the range of a column: nobody sees a point that is moved by less
_NARROW_SHIFT = 1e-4
_AS_THEY_ARE = frozenset(map(np.dtype, ("float64", "float32", "int32", "uint32")))
_MOST_INT32 = 2**31 - 1
_GZIP_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"


class Words(list[str], Serializable):  # type: ignore[misc, unused-ignore]
    """A column of text that is sent as it is: Bokeh would look at each word, 4 ms for a thousand epochs."""

    def to_serializable(self, serializer: Serializer) -> list[str]:  # noqa: ARG002  Bokeh hands it over
        """Return the words."""
        return list(self)


class Numbers(np.ndarray[Any, np.dtype[Any]], Serializable):  # type: ignore[misc, unused-ignore]
    """A column of numbers that is sent within the message that speaks of it.

    Bokeh (3.9) sends each array in two messages of its own, and a browser that gets thirty of them paints 7 ms
    later. Very long columns still go that way: within a message they are a third longer.
    """

    def to_serializable(self, serializer: Serializer) -> Any:
        """Return the form that Bokeh gives to arrays in documents on disk, compressed when all values are equal."""
        plain = self._sent()
        if plain.dtype not in _AS_THEY_ARE or plain.nbytes > _MOST_WITHIN_BYTES:
            return serializer.encode(plain)
        is_even = plain.size > 1 and bool(np.all(plain == plain[0]))
        packed = (_compressed if is_even else _stored)(plain.tobytes())
        array = {"type": "bytes", "data": base64.b64encode(packed).decode("ascii")}
        shape = list(plain.shape)
        return {"type": "ndarray", "array": array, "shape": shape, "dtype": plain.dtype.name, "order": sys.byteorder}

    def _sent(self) -> npt.NDArray[Any]:
        plain = np.asarray(self)
        if plain.dtype == np.int64 and plain.size and plain.min() >= -_MOST_INT32 and plain.max() <= _MOST_INT32:
            return plain.astype(np.int32)  # browsers have no longer ones
        return plain


class Drawn(Numbers):
    """Numbers of which seven digits are enough, as for a place on the screen: sent as float32 where that is so."""

    def _sent(self) -> npt.NDArray[Any]:
        plain = np.asarray(self)
        with np.errstate(over="ignore", invalid="ignore"):
            narrow = plain.astype(np.float32)
            shift = np.abs(narrow - plain)
        known = np.isfinite(plain)
        is_enough = not known.any() or shift[known].max() <= _NARROW_SHIFT * np.ptp(plain[known])
        return narrow if is_enough else plain


def _stored(data: bytes) -> bytes:
    """Return at most 65,535 bytes as a gzip file of one stored block (RFC 1951, RFC 1952).

    The library clears a quarter of a megabyte before it stores as much as one byte.
    """
    block = struct.pack("<BHH", 1, len(data), len(data) ^ 0xFFFF)
    return _GZIP_HEAD + block + data + struct.pack("<II", zlib.crc32(data), len(data))


@lru_cache(maxsize=256)
def _compressed(data: bytes) -> bytes:
    """Return data that is the same all over, and that comes again and again, as a gzip file."""
    return gzip.compress(data, compresslevel=1, mtime=0)


def sent_column(column: list[str] | npt.NDArray[Any], *, drawn: bool = False) -> Words | Numbers:
    """Return a column as it is best sent; a copy of words, a view of numbers (`Drawn`, or to the last bit)."""
    if isinstance(column, list):
        return Words(column)
    return column.view(Drawn if drawn and column.dtype.kind == "f" else Numbers)
