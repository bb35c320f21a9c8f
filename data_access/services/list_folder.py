"""Long lists of sources on disk, in a folder of our own: named by what is in them, the longest unused go first."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from pathlib import Path

from data_access.own_folder import replaced_file

MOST_FILES = 1000
KEY_LENGTH = 16
_KEY = re.compile(rf"[0-9a-f]{{{KEY_LENGTH}}}")


def key_of(body: bytes) -> str:
    """Return the key of what is kept: the same content has the same key on every server."""
    return hashlib.sha256(body).hexdigest()[:KEY_LENGTH]


class ListFolder:
    """Files by the hash of their content; every method blocks.

    Parameters
    ----------
    folder : Path
        Made when it does not exist; several servers may share it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, key: str) -> bytes | None:
        """Return what is kept; None when nothing is, or it is not what it was (which is then removed)."""
        if not _KEY.fullmatch(key):
            return None
        path = self._path(key)
        try:
            body = path.read_bytes()
        except OSError:
            return None
        if key_of(body) != key:
            with contextlib.suppress(OSError):
                path.unlink()
            return None
        with contextlib.suppress(OSError):
            os.utime(path)  # the longest unused are removed
        return body

    def put(self, body: bytes) -> None:
        """Keep a body; raise `OSError` when the disk does not take it."""
        path = self._path(key_of(body))
        with replaced_file(path) as file:
            file.write(body)
        self._shrink()

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}.json"

    def _shrink(self) -> None:
        files = list(self._folder.glob("*.json"))
        if len(files) <= MOST_FILES:
            return
        with contextlib.suppress(OSError):  # another server may be removing them too
            for path in sorted(files, key=lambda file: file.stat().st_mtime)[: len(files) - MOST_FILES]:
                path.unlink(missing_ok=True)
