"""Pieces of a file over HTTP (RFC 9110, section 14): one range of bytes, or the whole."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

# A number of more digits is beyond every file.
_RANGE = re.compile(r"bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ByteRange:
    """From byte `start` up to, not including, byte `stop`."""

    start: int
    stop: int

    def content_range(self, size: int) -> str:
        """Return the header that says which bytes of how many these are."""
        return f"bytes {self.start}-{self.stop - 1}/{size}"


class RangeNotSatisfiable(ValueError):
    """No byte of the range is in the file."""


def parse_range(header: str, size: int) -> ByteRange | None:
    """Return the bytes that a Range header asks for; None where the whole file is to be sent.

    Several ranges, other units and malformed headers are answered with the whole file, as the standard allows.

    Raises
    ------
    RangeNotSatisfiable
    """
    found = _RANGE.fullmatch(header.strip())
    if found is None or not (found[1] or found[2]):
        return None
    if not found[1]:
        start, stop = max(0, size - int(found[2])), size
    else:
        start, stop = int(found[1]), min(size, int(found[2]) + 1) if found[2] else size
        if found[2] and int(found[2]) < start:
            return None
    if start >= stop:
        raise RangeNotSatisfiable(f"no byte of '{header[:60]}' is in a file of {size} bytes")
    return ByteRange(start, stop)


def same_version(if_range: str, etag: str, last_modified: str) -> bool:
    """Tell whether an If-Range header still names the file as it is; an absent one does.

    A weak tag never matches: it does not promise the same bytes.
    """
    wanted = if_range.strip()
    if not wanted:
        return True
    if wanted.startswith(('"', "W/")):
        return wanted == etag and not etag.startswith("W/")
    try:
        return parsedate_to_datetime(wanted) == parsedate_to_datetime(last_modified)
    except (TypeError, ValueError):
        return False
