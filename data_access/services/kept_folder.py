"""Files derived from images, in a folder of our own: bounded, the longest unused go first, may always be deleted."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path

from data_access.own_folder import UNFINISHED_SUFFIX, replaced_file

_KEPT_SHARE = 0.8
_ABANDONED_S = 3600.0
# A file used again within this time is not touched again: one write a day is enough to know what is in use.
_TOUCH_AFTER_S = 3600.0


class KeptFolder:
    """Files by key; every method blocks, and none raises for the sake of the disk.

    Parameters
    ----------
    folder : Path
        Made when it does not exist; several servers may share it.
    max_bytes : int
        When more is kept, the longest unused are removed until four fifths are left.
    suffix : str
        Of the names, with its dot.
    begin, end : bytes
        Of every file: what lacks one of them was cut short.
    """

    def __init__(self, folder: Path, *, max_bytes: int, suffix: str, begin: bytes, end: bytes) -> None:
        self._folder = folder
        self._suffix, self._begin, self._end = suffix, begin, end
        self._max_bytes = max_bytes
        self._size: int | None = None
        self._lock = threading.Lock()

    def get(self, key: str) -> bytes | None:
        """Return what is kept; None when nothing is, or it is damaged (which is then removed)."""
        path = self._path(key)
        try:
            body = path.read_bytes()
            if body.startswith(self._begin) and body.endswith(self._end):
                if time.time() - path.stat().st_mtime > _TOUCH_AFTER_S:
                    os.utime(path)
                return body
            path.unlink()
        except OSError:
            pass
        return None

    def put(self, key: str, body: bytes) -> bool:
        """Keep a body; False when the disk does not take it."""
        path = self._path(key)
        try:
            with replaced_file(path) as file:
                file.write(body)
        except OSError:
            return False
        self._grown(len(body))
        return True

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key}{self._suffix}"

    def _grown(self, n_bytes: int) -> None:
        with self._lock:
            if self._size is None:
                self._size = sum(size for _, size, _ in self._files())
            else:
                self._size += n_bytes
            if self._size > self._max_bytes:
                self._size = self._shrink()

    def _shrink(self) -> int:
        """Remove the longest unused; the sizes are looked up anew, because others may write here too."""
        files = sorted(self._files())
        left = sum(size for _, size, _ in files)
        for _, size, path in files:
            if left <= self._max_bytes * _KEPT_SHARE:
                break
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
            left -= size
        return left

    def _files(self) -> list[tuple[float, int, Path]]:
        """Return (last used, size, path); files that a dead server left half written are removed on the way."""
        found = []
        for path in self._folder.glob("*/*"):
            try:
                stat = path.stat()
                if path.suffix == UNFINISHED_SUFFIX and time.time() - stat.st_mtime > _ABANDONED_S:
                    path.unlink()
                    continue
            except OSError:
                continue
            found.append((stat.st_mtime, stat.st_size, path))
        return found
