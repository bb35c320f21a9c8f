"""Parts of a log file: its end, a window anywhere, the places where a text occurs. Blocking; never the whole file."""

from __future__ import annotations

import os
import stat
import time
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from data_access.errors import FileUnreadable, ValidationError, file_error
from data_access.readers.log_text import LONGEST_LINE, OVERWRITTEN, Level, clean_line, level_of

__all__ = [
    "LONGEST_LINE",
    "OVERWRITTEN",
    "Level",
    "LogHit",
    "LogSearch",
    "LogWindow",
    "clean_line",
    "find_in_log",
    "level_of",
    "open_log",
    "read_log_tail",
    "read_log_window",
]

_TAIL_BLOCK = 65_536
_SEARCH_BLOCK = 1_048_576
_LONGEST_SEARCHED_LINE = 8 * _SEARCH_BLOCK
_GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class LogWindow:
    """Consecutive lines of a log.

    Attributes
    ----------
    lines : tuple of str
        Cleaned by `clean_line`; split at line feeds only. Text after the last line feed is a line too.
    start_offset, end_offset : int
        Bytes of the file that the lines cover; follow the file from `end_offset`.
    size, inode : int
        Of the file when it was read: another inode later means that the log was rotated.
    truncated_at_start : bool
        The file has more text before this window.
    starts_mid_line : bool
        The first line is the end of a longer one.
    ends_mid_line : bool
        The last line has no line feed yet, or was cut by the limit of bytes.
    """

    lines: tuple[str, ...]
    start_offset: int
    end_offset: int
    size: int
    inode: int
    truncated_at_start: bool
    starts_mid_line: bool = False
    ends_mid_line: bool = False


@dataclass(frozen=True, slots=True)
class LogHit:
    """A line that contains the text searched for: byte offset of the line's start, and the line cleaned."""

    offset: int
    line: str


@dataclass(frozen=True, slots=True)
class LogSearch:
    """What a search found and how far it came.

    Attributes
    ----------
    hits : tuple of LogHit
        In the order of the file, one per line.
    scanned_to : int
        Byte offset up to which every line was looked at; continue from here.
    scanned_bytes, size : int
        Bytes looked at in this call, and size of the file.
    stopped_by : str
        ``"end"`` (the whole rest was searched), ``"limit"`` (enough hits) or ``"deadline"``.
    """

    hits: tuple[LogHit, ...]
    scanned_to: int
    scanned_bytes: int
    size: int
    stopped_by: Literal["end", "limit", "deadline"]


def open_log(path: str | Path) -> BinaryIO:
    """Return the log opened for reading, unbuffered.

    Raises
    ------
    FileMissing, FileUnreadable
        Also for directories, pipes (opening one would wait for a writer) and compressed files.
    """
    try:
        if not stat.S_ISREG(Path(path).stat().st_mode):
            raise FileUnreadable(f"{path} is not a regular file", path=str(path), remedy="Choose a log file.")
        handle = Path(path).open("rb", buffering=0)  # noqa: SIM115 - handed to the caller
    except OSError as err:
        raise file_error(path, err) from err
    if os.pread(handle.fileno(), 2, 0) == _GZIP_MAGIC:
        handle.close()
        raise FileUnreadable(
            f"{path} is compressed", path=str(path), remedy="Read it with `zcat FILE | less` on the server."
        )
    return handle


def read_log_tail(path: str | Path, *, n_lines: int = 500, max_bytes: int = 1_000_000) -> LogWindow:
    """Return the last lines of a log, found by seeking from its end: independent of the size of the file.

    Parameters
    ----------
    n_lines : int
        At most so many lines.
    max_bytes : int
        Read at most so many bytes. A line cut by this limit is left out unless it is the only one.

    Raises
    ------
    FileMissing, FileUnreadable, ValidationError
    """
    _check_positive(n_lines=n_lines, max_bytes=max_bytes)
    with open_log(path) as handle:
        fd = handle.fileno()
        status = os.fstat(fd)
        data, start = _read_backwards(fd, status.st_size, n_lines, max_bytes)
        starts_mid_line = start > 0 and os.pread(fd, 1, start - 1) != b"\n"
    if starts_mid_line and 0 <= (cut := data.find(b"\n")) < len(data) - 1:
        data, start, starts_mid_line = data[cut + 1 :], start + cut + 1, False
    return _window(data, start, status, starts_mid_line=starts_mid_line)


def read_log_window(path: str | Path, offset: int, max_bytes: int = 262_144) -> LogWindow:
    """Return the lines of the next `max_bytes` bytes from byte `offset` on.

    The window ends at a line feed wherever there is one in it, so that the next window can start at `end_offset`.
    An offset at or beyond the end gives an empty window there.

    Raises
    ------
    FileMissing, FileUnreadable, ValidationError
    """
    _check_positive(max_bytes=max_bytes)
    if offset < 0:
        raise ValidationError(f"A log has no byte {offset}", remedy="Give an offset of zero or more.")
    with open_log(path) as handle:
        fd = handle.fileno()
        status = os.fstat(fd)
        start = min(offset, status.st_size)
        data = os.pread(fd, min(max_bytes, status.st_size - start), start)
        starts_mid_line = start > 0 and os.pread(fd, 1, start - 1) != b"\n"
    if start + len(data) < status.st_size and (cut := data.rfind(b"\n")) >= 0:
        data = data[: cut + 1]
    return _window(data, start, status, starts_mid_line=starts_mid_line and bool(data))


def find_in_log(
    path: str | Path,
    needle: str,
    *,
    limit: int = 1000,
    deadline_s: float = 5.0,
    from_offset: int = 0,
    ignore_case: bool = False,
) -> LogSearch:
    """Return the lines that contain a literal text, searched in blocks from `from_offset` on.

    Parameters
    ----------
    needle : str
        Compared with the bytes of the file (UTF-8), escape sequences included.
    limit : int
        Stop after so many lines.
    deadline_s : float
        Stop after about so many seconds, between two blocks; at least one block is always searched.
    from_offset : int
        Start of a line, for example `LogSearch.scanned_to` of the call before.
    ignore_case : bool
        Fold A-Z only.

    Raises
    ------
    FileMissing, FileUnreadable, ValidationError
    """
    _check_positive(limit=limit)
    wanted = needle.encode("utf-8", errors="surrogateescape")
    if not wanted or b"\n" in wanted:
        raise ValidationError("The text to find must be one line and not empty", remedy="Type a part of a line.")
    if from_offset < 0:
        raise ValidationError(f"A log has no byte {from_offset}", remedy="Give an offset of zero or more.")
    wanted = wanted.lower() if ignore_case else wanted
    stop_at = time.monotonic() + deadline_s
    hits: list[LogHit] = []
    with open_log(path) as handle:
        fd, size = handle.fileno(), os.fstat(handle.fileno()).st_size
        position = from_offset
        stopped_by: Literal["end", "limit", "deadline"] = "end"
        while position < size:
            block = _whole_lines(fd, position, size)
            if not block:
                break
            scanned = _search_block(block, position, wanted, hits, limit, ignore_case=ignore_case)
            position += scanned
            if len(hits) >= limit and position < size:
                stopped_by = "limit"
                break
            if time.monotonic() >= stop_at and position < size:
                stopped_by = "deadline"
                break
    return LogSearch(tuple(hits), position, max(0, position - from_offset), size, stopped_by)


def split_lines(data: bytes) -> list[bytes]:
    """Return the pieces of `data` between line feeds; nothing for the empty rest after a last line feed."""
    pieces = data.split(b"\n")
    if not pieces[-1]:
        pieces.pop()
    return pieces


def _window(data: bytes, start: int, status: os.stat_result, *, starts_mid_line: bool) -> LogWindow:
    return LogWindow(
        lines=tuple(clean_line(piece) for piece in split_lines(data)),
        start_offset=start,
        end_offset=start + len(data),
        size=status.st_size,
        inode=status.st_ino,
        truncated_at_start=start > 0,
        starts_mid_line=starts_mid_line,
        ends_mid_line=bool(data) and not data.endswith(b"\n"),
    )


def _read_backwards(fd: int, size: int, n_lines: int, max_bytes: int) -> tuple[bytes, int]:
    """Return the bytes of the last `n_lines` lines, at most `max_bytes`, and where they start."""
    blocks: list[bytes] = []
    start, feeds = size, 0
    # the line feed at the very end closes the last line: one more is needed to know where the first begins
    while start > 0 and size - start < max_bytes and feeds <= n_lines:
        step = min(_TAIL_BLOCK, start, max_bytes - (size - start))
        block = os.pread(fd, step, start - step)
        if len(block) < step:  # the file shrank while it was read
            break
        start -= step
        feeds += block.count(b"\n")
        blocks.append(block)
    data = b"".join(reversed(blocks))
    cut = len(data) - 1 if data.endswith(b"\n") else len(data)
    for _ in range(n_lines):
        cut = data.rfind(b"\n", 0, cut)
        if cut < 0:
            return data, start
    return data[cut + 1 :], start + cut + 1


def _whole_lines(fd: int, position: int, size: int) -> bytes:
    """Return a block from `position` that ends at the end of a line or of the file.

    A line longer than `_LONGEST_SEARCHED_LINE` is searched in pieces.
    """
    data = b""
    while position + len(data) < size and len(data) < _LONGEST_SEARCHED_LINE:
        more = os.pread(fd, min(_SEARCH_BLOCK, size - position - len(data)), position + len(data))
        if not more:
            break
        data += more
        if (cut := data.rfind(b"\n")) >= 0 and position + len(data) < size:
            return data[: cut + 1]
    return data


def _search_block(
    block: bytes, position: int, wanted: bytes, hits: list[LogHit], limit: int, *, ignore_case: bool
) -> int:
    """Append the hits of one block; return how many bytes of it were searched."""
    searched = block.lower() if ignore_case else block  # bytes.lower keeps every offset
    at = searched.find(wanted)
    while at >= 0:
        line_start = block.rfind(b"\n", 0, at) + 1
        line_end = block.find(b"\n", at)
        line_end = len(block) if line_end < 0 else line_end
        hits.append(LogHit(position + line_start, clean_line(block[line_start:line_end])))
        if len(hits) >= limit:
            return min(line_end + 1, len(block))
        at = searched.find(wanted, line_end)
    return len(block)


def _check_positive(**numbers: int) -> None:
    for name, number in numbers.items():
        if number < 1:
            raise ValidationError(f"{name} is {number}; it must be at least 1")
