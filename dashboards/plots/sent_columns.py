"""Columns of long light curves, in the form that reaches the browser soonest."""

from __future__ import annotations

import base64
import gzip
from typing import Any

import numpy as np
import numpy.typing as npt
from bokeh.core.serialization import Serializable, Serializer

_MOST_WITHIN_BYTES = 65_536
# of the range of a column: nobody sees a point that is moved by less
_NARROW_SHIFT = 1e-4


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
        if plain.nbytes > _MOST_WITHIN_BYTES:
            return serializer.encode(plain)
        alone = Serializer()
        form: Any = alone.encode(plain)
        level = int(plain.size > 1 and bool(np.all(plain == plain[0])))
        for buffer in alone.buffers:
            packed = gzip.compress(buffer.to_bytes(), compresslevel=level, mtime=1)
            form["array"] = {"type": "bytes", "data": base64.b64encode(packed).decode("ascii")}
        return form

    def _sent(self) -> npt.NDArray[Any]:
        return np.asarray(self)


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


def sent_column(column: list[str] | npt.NDArray[Any], *, drawn: bool = False) -> Words | Numbers:
    """Return a column as it is best sent; a copy of words, a view of numbers (`Drawn`, or to the last bit)."""
    if isinstance(column, list):
        return Words(column)
    return column.view(Drawn if drawn and column.dtype.kind == "f" else Numbers)
