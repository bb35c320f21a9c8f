"""The first picture of an image: a whole plane at the resolution of a screen, kept on disk with its statistics."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from data_access.errors import ValidationError
from data_access.offload import Offload
from data_access.records import Image, ImagePreview, ImageStatistics
from data_access.services.cache import FileKey, SingleFlightCache, file_key
from data_access.services.files import FileService
from data_access.services.kept_folder import KeptFolder
from data_access.services.roots import Roots

SCREEN_PIXELS = 800
# Part of every key: raise it when the same file gives other pixels or statistics.
FORMAT = 1
# Some 2.5 MB each: 120 MB in memory, two hundred images on disk.
_MOST_IN_MEMORY = 48
_LIMIT_BYTES = 512 << 20
_BEGIN, _END = b"PREVIEW\n", b"\nEND OF PREVIEW\n"


class PreviewService:
    """Whole planes, read through once: a restarted server paints an image of 12000 x 12000 pixels from 2.5 MB.

    A picture is kept under (path, plane, inode, time, size) of its file, and so never that of an older one. Images
    that are no larger than a screen are not kept: they are read as fast as a copy would be.

    Parameters
    ----------
    find_folder : callable
        Returns the cache folder, or raises `ValidationError` where nothing may be written: then every restart reads
        the files again.
    """

    def __init__(
        self,
        files: FileService,
        roots: Roots,
        offload: Offload,
        find_folder: Callable[[], Path],
        *,
        limit_bytes: int = _LIMIT_BYTES,
    ) -> None:
        self._files, self._roots, self._offload = files, roots, offload
        self._find_folder, self._limit_bytes = find_folder, limit_bytes
        self._done = SingleFlightCache(max_entries=_MOST_IN_MEMORY)
        self._folder: KeptFolder | None = None

    async def whole(self, image: Image | str, *, plane: int = 0) -> ImagePreview:
        """Return a plane of at most `SCREEN_PIXELS` a side, the same object while the file is the same.

        Raises
        ------
        ValidationError
            The plane does not exist.
        FileError
        """
        path = image if isinstance(image, str) else image.path
        real, key = await self._offload.in_thread(self._locate, path)
        return cast(
            ImagePreview, await self._done.get((real, plane, key), lambda: self._kept_or_read(path, real, plane, key))
        )

    def _locate(self, path: str) -> tuple[str, FileKey]:
        real = self._roots.inside(path)
        return real, file_key(real)

    async def _kept_or_read(self, path: str, real: str, plane: int, key: FileKey) -> ImagePreview:
        in_thread, name = self._offload.in_thread, _name(real, plane, key)
        body = await in_thread(self._find, name)
        if body is not None and (kept := await in_thread(unpacked, body)) is not None:
            header = await self._files.image_header(path)
            return replace(kept, header=header.of_plane(plane))
        preview = await self._files.image_preview(path, plane=plane, max_size=SCREEN_PIXELS)
        # what was written to while it was read is kept by nobody
        if preview.factor > 1 and await in_thread(self._locate, path) == (real, key):
            await in_thread(self._keep, name, packed(preview))
        return preview

    def _find(self, name: str) -> bytes | None:
        folder = self._opened()
        return None if folder is None else folder.get(name)

    def _keep(self, name: str, body: bytes) -> None:
        folder = self._opened()
        if folder is not None:
            folder.put(name, body)

    def _opened(self) -> KeptFolder | None:
        if self._folder is None:
            try:
                place = self._find_folder() / "previews"
            except ValidationError:
                return None
            self._folder = KeptFolder(place, max_bytes=self._limit_bytes, suffix=".preview", begin=_BEGIN, end=_END)
        return self._folder


def _name(real: str, plane: int, key: Sequence[int]) -> str:
    what = f"{FORMAT}:{SCREEN_PIXELS}:{plane}:{','.join(map(str, key))}:".encode() + os.fsencode(real)
    return hashlib.sha256(what).hexdigest()[:40]


def packed(preview: ImagePreview) -> bytes:
    """Return everything of a preview but its header as bytes."""
    facts = {
        "shape": preview.data.shape, "factor": preview.factor, "origin": (preview.origin_x, preview.origin_y),
        "plane": preview.plane, "statistics": asdict(preview.statistics),
    }  # fmt: skip
    head = json.dumps(facts).encode()
    data = np.ascontiguousarray(preview.data, dtype="<f4").tobytes()
    return b"".join((_BEGIN, len(head).to_bytes(4, "little"), head, data, _END))


def unpacked(body: bytes) -> ImagePreview | None:
    """Return a preview without a header; None for bytes that `packed` did not write."""
    try:
        at = len(_BEGIN) + 4
        n_head = int.from_bytes(body[at - 4 : at], "little")
        facts: dict[str, Any] = json.loads(body[at : at + n_head])
        data = np.frombuffer(body[at + n_head : -len(_END)], dtype="<f4").reshape(facts["shape"])
        statistics = ImageStatistics(**facts["statistics"])
        x, y = facts["origin"]
        made = ImagePreview(
            cast(Any, None), data.astype(np.float32), int(facts["factor"]), int(x), int(y), int(facts["plane"]),
            statistics,
        )  # fmt: skip
    except (ValueError, TypeError, KeyError, IndexError):
        return None
    return made
