"""Thumbnails of images: made on demand, a few at a time, kept on disk, never wrong after a file is replaced."""

from __future__ import annotations

import asyncio
import functools
import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from data_access.errors import FileError, FileUnreadable, FITSError, ValidationError
from data_access.offload import Offload
from data_access.readers.thumbnail import read_thumbnail
from data_access.services.cache import FileKey, SingleFlightCache, file_key
from data_access.services.kept_folder import KeptFolder
from data_access.services.roots import Roots

# Part of every key: raise it when the same file gives another picture.
FORMAT = 1
SIZE = 192
# Some 20 kB each: 8 MB.
_MOST_IN_MEMORY = 400
_MOST_FAILURES = 1000
PNG_ENDS = (b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82")


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A PNG, what tells it from that of a replaced file, and when the image was written (unix seconds)."""

    body: bytes
    key: str
    modified_at: float


@dataclass(frozen=True, slots=True)
class _Seen:
    """A file as it is now."""

    real: str
    is_directory: bool
    key: str
    modified_at: float


class _Replaced(Exception):
    """The file became another one while it was read."""


class ThumbnailService:
    """Small pictures of images.

    Parameters
    ----------
    n_at_once : int
        So many files are read at the same time; the others wait their turn.
    open_folder : callable
        Returns the folder on disk; a `ValidationError` means that there can be none, and memory is used alone.
    """

    def __init__(
        self, roots: Roots, offload: Offload, *, n_at_once: int, open_folder: Callable[[], KeptFolder]
    ) -> None:
        self._roots = roots
        self._offload = offload
        self._open_folder = open_folder
        self._turns = asyncio.Semaphore(max(1, n_at_once))
        self._kept = SingleFlightCache(max_entries=_MOST_IN_MEMORY)
        self._failures: OrderedDict[str, FileError] = OrderedDict()
        self._folder: KeptFolder | None = None
        self._looked_for_folder = False
        self.note = ""

    async def key(self, path: str) -> tuple[str, float]:
        """Return what tells this state of a file from any other, and when it was written; raises a `FileError`."""
        seen = await self._offload.in_thread(self._look, path)
        return seen.key, seen.modified_at

    async def get(self, path: str) -> Thumbnail:
        """Return the picture of an image; raises a `FileError` that says what is wrong with the file."""
        for _ in range(2):
            seen = await self._offload.in_thread(self._look, path)
            if seen.key in self._failures:
                raise self._failures[seen.key].with_traceback(None)
            try:
                body: bytes = await self._kept.get(seen.key, functools.partial(self._find, path, seen))
            except _Replaced:
                continue
            return Thumbnail(body, seen.key, seen.modified_at)
        raise FITSError(f"{path} is being written just now", remedy="Look again in a moment.", path=path)

    def _look(self, path: str) -> _Seen:
        real = self._roots.inside(path)
        found: FileKey = file_key(real)
        target = Path(real)
        is_directory = target.is_dir()
        if not is_directory and not target.is_file():
            raise FileUnreadable(f"{path} is neither a file nor a directory", path=path)
        key = hashlib.sha256(repr((FORMAT, SIZE, real, found)).encode()).hexdigest()[:40]
        return _Seen(real, is_directory, key, max(found[1::2]) / 1e9)

    async def _find(self, path: str, seen: _Seen) -> bytes:
        """Return the picture from the disk, or make it; raise `_Replaced` when the file changed meanwhile."""
        if not self._looked_for_folder:
            self._looked_for_folder = True
            self._folder = await self._offload.in_thread(self._opened)
        folder = self._folder
        if folder is not None and (known := await self._offload.in_thread(folder.get, seen.key)) is not None:
            return known
        async with self._turns:
            try:
                run = self._offload.in_process if seen.is_directory else self._offload.in_thread
                body: bytes = await run(read_thumbnail, seen.real, SIZE)
            except FileError as err:
                self._remember(seen.key, err)
                raise
        if (await self._offload.in_thread(self._look, path)).key != seen.key:
            raise _Replaced
        if folder is not None and not await self._offload.in_thread(folder.put, seen.key, body):
            self.note = "thumbnails are kept in memory only: the cache folder cannot be written"
        return body

    def _opened(self) -> KeptFolder | None:
        try:
            return self._open_folder()
        except ValidationError as err:
            self.note = f"thumbnails are kept in memory only: {err}"
            return None

    def _remember(self, key: str, err: FileError) -> None:
        """A damaged file stays damaged until it is replaced: it is not read again for every reader."""
        if err.status == 503:
            return
        self._failures[key] = err
        while len(self._failures) > _MOST_FAILURES:
            self._failures.popitem(last=False)
