"""The blocking half of `data_access.tail`: one open log, and what is new in it at each look."""

from __future__ import annotations

import math
import os
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Literal

from data_access.errors import FileMissing, FileUnreadable
from data_access.readers.logs import clean_line, open_log

LogState = Literal["following", "waiting", "gone"]

_FINGERPRINT_BYTES = 256
_DELETED_KEPT_S = 10.0
_EMPTY_SUCCESSOR_S = 10.0


@dataclass(frozen=True, slots=True)
class LogBatch:
    """What was appended to a log since the batch before.

    Attributes
    ----------
    lines : tuple of str
        Cleaned lines; empty for a batch that only reports a change of state.
    reset : bool
        The lines are the start of a new file, or of a file that was truncated or rewritten.
    skipped_bytes : int
        Bytes before these lines that were left out because too much was appended at once.
    state : str
        ``"following"``, ``"waiting"`` (the file does not exist yet) or ``"gone"`` (it was removed or renamed and
        has no successor yet).
    offset : int
        Byte of the current file after the last line given.
    continues : bool
        The first line is the rest of the last line of the batch before, or of the window before `from_offset`.
    """

    lines: tuple[str, ...] = ()
    reset: bool = False
    skipped_bytes: int = 0
    state: LogState = "following"
    offset: int = 0
    continues: bool = False


class LogFollower:
    """One log being followed. `read` and `close` may be called from different threads.

    Parameters
    ----------
    path, from_offset, inode, partial_s, max_batch_bytes
        See `data_access.tail.watch_log`.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        from_offset: int | None = None,
        inode: int | None = None,
        partial_s: float = 1.0,
        max_batch_bytes: int = 1_000_000,
    ) -> None:
        self._path = Path(path)
        self._from_offset = from_offset
        self._expected_inode = inode
        self._partial_s = partial_s
        self._max_batch_bytes = max_batch_bytes
        self._lock = threading.Lock()
        self._closed = False
        self._handle: BinaryIO | None = None
        self._state: LogState | None = None
        self._start_at(0)
        self._absent_since = math.inf
        self._empty_since = math.inf

    def read(self) -> list[LogBatch]:
        """Return the new batches: one per file that was read, or one that reports a state; empty when nothing is new.

        Raises
        ------
        FileUnreadable
            When the file cannot be read at the first look.
        """
        try:
            with self._lock:
                return [] if self._closed else self._read()
        finally:
            self._close_if_asked()

    def close(self) -> None:
        """Close the file; while another thread reads, that thread closes it when it is done."""
        self._closed = True
        self._close_if_asked()

    def partial_due_s(self) -> float:
        """Return the seconds until a held partial line is due; infinity without one."""
        if not self._pending:
            return math.inf
        return max(0.0, self._pending_since + self._partial_s - time.monotonic())

    def _close_if_asked(self) -> None:
        # a close that finds the lock taken leaves it to the reader, which looks again after releasing it
        if self._closed and self._lock.acquire(blocking=False):
            try:
                self._drop_handle()
            finally:
                self._lock.release()

    def _read(self) -> list[LogBatch]:
        if self._handle is None:
            return self._open_and_read()
        batches: list[LogBatch] = []
        if self._was_rewritten(self._handle.fileno()):
            batches += self._flush()
            self._start_at(0)
            self._reset = True
        batches += self._read_new(self._handle.fileno())
        return batches + self._look_for_successor(self._handle)

    def _open_and_read(self) -> list[LogBatch]:
        first_look = self._state is None
        try:
            self._handle = open_log(self._path)
        except FileMissing:
            return self._change_state("waiting") if first_look else []
        except FileUnreadable:
            if first_look:
                raise
            return []  # created but not yet given its permissions, as logrotate does
        fd = self._handle.fileno()
        if first_look:
            self._start_where_asked(fd)
        else:
            self._start_at(0)
            # A log that was there for the window and is another one now was rotated, whatever was there meanwhile.
            self._reset = self._state == "gone" or self._expected_inode is not None
        self._state = "following"
        return self._read_new(fd) or [self._report()]

    def _start_where_asked(self, fd: int) -> None:
        status = os.fstat(fd)
        wanted = status.st_size if self._from_offset is None else self._from_offset
        rotated = self._expected_inode is not None and self._expected_inode != status.st_ino
        if rotated or wanted > status.st_size:
            self._start_at(0)
            self._reset = True
            return
        self._start_at(wanted)
        before = min(wanted, _FINGERPRINT_BYTES)
        self._remember(os.pread(fd, before, wanted - before))
        self._continues = wanted > 0 and not self._seen.endswith(b"\n")

    def _start_at(self, offset: int) -> None:
        self._offset = offset
        self._seen = b""
        self._pending = b""
        self._pending_since = math.inf
        self._reset = False
        self._continues = False

    def _was_rewritten(self, fd: int) -> bool:
        """Tell whether the bytes read last are no longer in front of the position."""
        if os.fstat(fd).st_size < self._offset:
            return True
        return os.pread(fd, len(self._seen), self._offset - len(self._seen)) != self._seen

    def _read_new(self, fd: int) -> list[LogBatch]:
        """Return a batch of what lies beyond the position, keeping an unfinished last line for later."""
        skipped = self._skip_backlog(fd)
        before = len(self._seen)
        overlapping = os.pread(fd, before + self._max_batch_bytes, self._offset - before)
        if not overlapping.startswith(self._seen):
            return []  # rewritten since it was checked: the next look starts again
        data = overlapping[before:]
        if data:
            self._offset += len(data)
            self._remember(data)
        complete, feed, rest = (self._pending + data).rpartition(b"\n")
        if feed or not self._pending:
            self._pending_since = time.monotonic() if rest else math.inf
        self._pending = rest
        if feed:
            return [self._batch(complete.split(b"\n"), skipped)]
        if rest and (len(rest) > self._max_batch_bytes or self.partial_due_s() == 0):
            return self._flush(skipped)
        return [self._report(skipped)] if skipped else []

    def _skip_backlog(self, fd: int) -> int:
        """Leave at most `max_batch_bytes` to read, from the start of a line; return the bytes skipped."""
        size = os.fstat(fd).st_size
        if size - self._offset <= self._max_batch_bytes:
            return 0
        target = size - self._max_batch_bytes
        feed = os.pread(fd, self._max_batch_bytes, target - 1).find(b"\n")
        target += max(feed, 0)
        skipped = target - self._offset + len(self._pending)
        reset = self._reset
        self._start_at(target)
        self._reset = reset
        return skipped

    def _flush(self, skipped: int = 0) -> list[LogBatch]:
        """Return the held partial line as a batch; the first bytes of an unfinished character stay held."""
        given = self._pending[: len(self._pending) - _unfinished_character(self._pending)]
        if not given:
            return []
        self._pending = self._pending[len(given) :]
        self._pending_since = time.monotonic() if self._pending else math.inf
        batch = self._batch([given], skipped)
        self._continues = True
        return [batch]

    def _batch(self, pieces: list[bytes], skipped: int) -> LogBatch:
        batch = replace(
            self._report(skipped), lines=tuple(clean_line(piece) for piece in pieces), continues=self._continues
        )
        self._continues = False
        return batch

    def _report(self, skipped: int = 0) -> LogBatch:
        """Return a batch without lines."""
        reset, self._reset = self._reset, False
        return LogBatch(
            reset=reset,
            skipped_bytes=skipped,
            state=self._state or "following",
            offset=self._offset - len(self._pending),
        )

    def _look_for_successor(self, handle: BinaryIO) -> list[LogBatch]:
        """Return what a rotation brings: nothing while the path still leads to the open file."""
        status = os.fstat(handle.fileno())
        try:
            now = self._path.stat()
        except OSError:
            return self._without_successor(handle, deleted=status.st_nlink == 0)
        if (now.st_ino, now.st_dev) == (status.st_ino, status.st_dev):
            self._absent_since = self._empty_since = math.inf
            return self._change_state("following")
        # logrotate creates the new file before it tells the writer to use it: the old one is still being written
        # until the new one has content
        self._empty_since = min(self._empty_since, time.monotonic())
        if now.st_size == 0 and time.monotonic() - self._empty_since < _EMPTY_SUCCESSOR_S:
            return []
        return self._switch(handle)

    def _without_successor(self, handle: BinaryIO, *, deleted: bool) -> list[LogBatch]:
        self._absent_since = min(self._absent_since, time.monotonic())
        last_words: list[LogBatch] = []
        if deleted and time.monotonic() - self._absent_since > _DELETED_KEPT_S:
            last_words = self._read_new(handle.fileno()) + self._flush()
            self._drop_handle()  # an open deleted file keeps its blocks on the disk
        return last_words + self._change_state("gone")

    def _switch(self, handle: BinaryIO) -> list[LogBatch]:
        """Return the rest of the old file, then the start of the new one."""
        old = self._read_new(handle.fileno()) + self._flush()
        self._drop_handle()
        self._absent_since = self._empty_since = math.inf
        self._state = "gone"
        return old + self._open_and_read()

    def _change_state(self, state: LogState) -> list[LogBatch]:
        if state == self._state:
            return []
        self._state = state
        return [self._report()]

    def _remember(self, data: bytes) -> None:
        self._seen = (self._seen + data[-_FINGERPRINT_BYTES:])[-_FINGERPRINT_BYTES:]

    def _drop_handle(self) -> None:
        if self._handle is not None:
            self._handle.close()
            self._handle = None


def _unfinished_character(data: bytes) -> int:
    """Return how many bytes at the end are the start of a UTF-8 character whose rest has not come yet."""
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if byte & 0xC0 == 0x80:
            continue
        length = 2 if byte & 0xE0 == 0xC0 else 3 if byte & 0xF0 == 0xE0 else 4 if byte & 0xF8 == 0xF0 else 1
        return back if length > back else 0
    return 0
