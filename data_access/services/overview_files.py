"""The folder with the files of overviews: bounded in size, safe to delete, shared by several processes."""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from data_access.readers.overview import DiskLevels, Shape, open_levels

_SUFFIX, _UNFINISHED = ".overview", ".part"
# A build takes seconds; what is left after an hour belongs to a process that died.
_ABANDONED_S = 3600.0


class OverviewFiles:
    """Files of overviews, one per plane of an image; a replaced image replaces its own.

    Parameters
    ----------
    folder : Path
        Ours; made when it does not exist.
    limit_bytes : int
        Of all files together: the ones that were not used for the longest time go first.
    """

    def __init__(self, folder: Path, *, limit_bytes: int) -> None:
        self._folder = folder
        self._limit_bytes = limit_bytes

    def find(self, real: str, plane: int, identity: Sequence[Any]) -> DiskLevels | None:
        """Return the kept overview of exactly this file; None when there is none, or one of another version."""
        path = self._path(real, plane)
        levels = open_levels(path, identity)
        if levels is not None:
            with suppress(OSError):
                os.utime(path)
        return levels

    def begin(self, real: str, plane: int, shape: Shape) -> DiskLevels:
        """Return an overview to be filled, under a name that nobody looks for.

        Raises
        ------
        OSError
            The folder cannot be made.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        final = self._path(real, plane)
        return DiskLevels(final.with_name(f"{final.stem}.{secrets.token_hex(6)}{_UNFINISHED}"), shape)

    def finish(self, levels: DiskLevels, real: str, plane: int) -> DiskLevels:
        """Put a filled overview in its place, in one step, and make room for it."""
        final = self._path(real, plane)
        levels.path.replace(final)
        self._tidy(keep=final)
        return DiskLevels(final, levels.shape)

    def discard(self, levels: DiskLevels) -> None:
        """Remove an overview that was not finished."""
        levels.close()
        with suppress(OSError):
            levels.path.unlink(missing_ok=True)

    def _path(self, real: str, plane: int) -> Path:
        name = hashlib.sha256(f"{plane}:{real}".encode("utf-8", "surrogateescape")).hexdigest()[:32]
        return self._folder / f"{name}{_SUFFIX}"

    def _tidy(self, *, keep: Path) -> None:
        """Remove what is over the limit, and what nobody will finish."""
        found: list[tuple[float, int, Path]] = []
        for path in self._folder.iterdir():
            # another process may have removed it meanwhile
            with suppress(OSError):
                stat = path.stat()
                if path.suffix == _UNFINISHED and stat.st_mtime < time.time() - _ABANDONED_S:
                    path.unlink(missing_ok=True)
                elif path.suffix == _SUFFIX and path != keep:
                    found.append((stat.st_mtime, stat.st_size, path))
        room = self._limit_bytes - keep.stat().st_size
        for _, n_bytes, path in sorted(found, reverse=True):
            room -= n_bytes
            if room < 0:
                with suppress(OSError):
                    path.unlink(missing_ok=True)
