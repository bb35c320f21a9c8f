"""Any part of an image at the resolution of a screen, from the whole field to single pixels."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from data_access.analysis.blocks import FIRST, first_blocks
from data_access.errors import FITSError, ValidationError
from data_access.offload import Offload
from data_access.readers.fits import read_fits_storage
from data_access.readers.overview import (
    Levels,
    MemoryLevels,
    Shape,
    fill_from_casa,
    fill_from_fits,
    fill_levels,
)
from data_access.readers.plane import Box, clip_box, plane_index
from data_access.readers.raw_pixels import RawFile, RawPixels
from data_access.records import Image, ImageHeader, ImageView, Reduction
from data_access.services.cache import FileKey, SingleFlightCache, file_key
from data_access.services.cutouts import CutoutService, Place
from data_access.services.files import FileService
from data_access.services.overview_files import OverviewFiles
from data_access.services.roots import Roots

Pixels = npt.NDArray[np.float32]
# Views of planes that cannot be kept on a disk are made of an overview in memory: of the last two planes.
_MOST_IN_MEMORY = 2
_MOST_KNOWN = 500
_READERS = 2
_LIMIT_BYTES = 2 << 30


class OverviewService:
    """Parts of images at every resolution.

    Down to blocks of 4 x 4 pixels, views come from an overview (block means and maxima) that is made once in one pass
    over the plane and kept in the cache folder, under (path, plane, inode, time, size); below, from the image itself.

    Parameters
    ----------
    find_folder : callable
        Returns the cache folder, or raises `ValidationError` where nothing may be written: then the last two
        overviews are kept in memory.
    limit_bytes : int
        Of all kept overviews together.

    Notes
    -----
    Memory: one overview is made at a time, by two threads that hold a band of some 3 MB each (a band is a whole file
    for ``.gz``, up to 16 million pixels); a view is at most 16 MB while it is read and 4 MB when it is there.
    """

    def __init__(
        self,
        files: FileService,
        cutouts: CutoutService,
        roots: Roots,
        offload: Offload,
        find_folder: Callable[[], Path],
        *,
        limit_bytes: int = _LIMIT_BYTES,
    ) -> None:
        self._files, self._cutouts, self._roots, self._offload = files, cutouts, roots, offload
        self._find_folder, self._limit_bytes = find_folder, limit_bytes
        self._making = SingleFlightCache(max_entries=0)
        self._in_memory = SingleFlightCache(max_entries=_MOST_IN_MEMORY)
        self._known: OrderedDict[tuple[str, int], _Job] = OrderedDict()
        self._one_at_a_time = asyncio.Semaphore(1)

    async def view(
        self,
        image: Image | str,
        box: Box | None = None,
        *,
        plane: int = 0,
        max_size: int = 1024,
        reduction: Reduction = "mean",
    ) -> ImageView:
        """Return a part of a plane with at most `max_size` pixels a side.

        Parameters
        ----------
        box : tuple of int, optional
            x0, y0, x1, y1: 0-based file pixels, half open; grown to whole blocks and cut at the edges of the image.
        max_size : int
            256 to 2048.
        reduction : str
            ``"max"`` keeps every point source at its peak, ``"mean"`` the brightness of what is extended.

        Raises
        ------
        ValidationError
            When the plane does not exist or the box misses the image.
        FileError
            When the file is missing, damaged, or being written.
        """
        ask = _Ask(image if isinstance(image, str) else image.path, plane, box, max_size, reduction)
        kept = await self._offload.in_thread(self._kept, ask)
        if kept is not None:
            return kept
        header = await self._files.image_header(ask.path)
        plane_index(header.shape[:-2], plane)
        n_y, n_x = header.shape[-2:]
        whole = clip_box(box, n_x, n_y)
        factor = factor_for(whole, max_size)
        if factor >= FIRST:
            levels = await self._levels(ask.path, header, plane)
            return await self._offload.in_thread(_cut, levels, ask)
        part = grown(whole, factor, n_x, n_y)
        data = await self._from_image(ask.path, part, plane, factor, reduction)
        return ImageView(data, factor, part[0], part[1], plane, reduction, n_x, n_y)

    def _kept(self, ask: _Ask) -> ImageView | None:
        """Return a view of an overview that was used before; None where there is more to do than that."""
        job = self._known.get((ask.path, ask.plane))
        if job is None or (job.real, job.key, job.is_directory) != self._locate(ask.path):
            return None
        if factor_for(clip_box(ask.box, job.shape.n_x, job.shape.n_y), ask.max_size) < FIRST:
            return None
        try:
            levels = self._overview_files().find(job.real, job.plane, job.identity)
            return None if levels is None else _cut(levels, ask)
        except (ValidationError, OSError, ValueError):
            return None  # deleted, or cut short, between two looks: it is made anew

    def _overview_files(self) -> OverviewFiles:
        return OverviewFiles(self._find_folder() / "overviews", limit_bytes=self._limit_bytes)

    async def _from_image(self, path: str, box: Box, plane: int, factor: int, reduction: Reduction) -> Pixels:
        width, height = box[2] - box[0], box[3] - box[1]
        middle = Place(pixel=(box[0] + (width - 1) / 2, box[1] + (height - 1) / 2))
        cutout = await self._cutouts.cutout(path, middle, width=width, height=height, unit="pixel", plane=plane)
        if factor == 1:
            return np.where(np.isfinite(cutout.data), cutout.data, np.float32(np.nan))
        blocks = await self._offload.in_thread(first_blocks, cutout.data, factor)
        return blocks.mean if reduction == "mean" else blocks.maximum

    async def _levels(self, path: str, header: ImageHeader, plane: int) -> Levels:
        real, key, is_directory = await self._offload.in_thread(self._locate, path)
        job = _Job(path, real, key, is_directory, plane, Shape(header.shape[-1], header.shape[-2]))
        try:
            files = self._overview_files()
            found = await self._offload.in_thread(files.find, real, plane, job.identity)
            if found is None:
                found = await self._making.get(job.identity, lambda: self._make(job, files))
            self._remember(job)
            return cast(Levels, found)
        except (ValidationError, OSError):
            return cast(Levels, await self._in_memory.get(job.identity, lambda: self._make(job, None)))

    def _remember(self, job: _Job) -> None:
        self._known[job.path, job.plane] = job
        while len(self._known) > _MOST_KNOWN:
            self._known.popitem(last=False)

    def _locate(self, path: str) -> tuple[str, FileKey, bool]:
        real = self._roots.inside(path)
        return real, file_key(real), Path(real).is_dir()

    async def _make(self, job: _Job, files: OverviewFiles | None) -> Levels:
        """Make an overview in a file, or in memory without `files`."""
        async with self._one_at_a_time:
            if files is None:
                return await self._fill(job, MemoryLevels(job.shape))
            unfinished = await self._offload.in_thread(files.begin, job.real, job.plane, job.shape)
            try:
                await self._fill(job, unfinished)
            except BaseException:
                files.discard(unfinished)
                raise
            return await self._offload.in_thread(files.finish, unfinished, job.real, job.plane)

    async def _fill(self, job: _Job, levels: Levels) -> Levels:
        """Return the filled levels: the same object, or a copy from a worker process.

        Raises
        ------
        FITSError
            The file was written to meanwhile.
        """
        in_thread = self._offload.in_thread
        if job.is_directory:
            levels = await self._offload.in_process(fill_from_casa, job.real, job.plane, levels, job.identity)
        else:
            raw = (await in_thread(read_fits_storage, job.real))[1]
            await in_thread(levels.begin)
            if raw is None:
                await in_thread(fill_from_fits, job.real, job.plane, levels)
            else:
                await self._fill_from_pixels(job, raw, levels)
            await in_thread(levels.end, job.identity)
        if await in_thread(file_key, job.real) != job.key:
            raise FITSError(f"{job.path} is being written just now", remedy="Ask again in a moment.", path=job.path)
        return levels

    async def _fill_from_pixels(self, job: _Job, raw: RawPixels, levels: Levels) -> None:
        """Fill from a plain FITS file, by threads that take one band after the other."""
        file = await self._offload.in_thread(RawFile, job.real)
        index, bands = plane_index(raw.plane_shape, job.plane), job.shape.bands()

        def read(y0: int, y1: int) -> Pixels:
            return file.read(raw, index, (0, y0, raw.n_x, y1))

        shared = iter(bands)
        work = [self._offload.in_thread(fill_levels, read, shared, bands.step, levels) for _ in range(_READERS)]
        await asyncio.gather(*work)


@dataclass(frozen=True, slots=True)
class _Ask:
    """A view as it is asked for."""

    path: str
    plane: int
    box: Box | None
    max_size: int
    reduction: Reduction


@dataclass(frozen=True, slots=True)
class _Job:
    """What an overview is made of."""

    path: str
    real: str
    key: FileKey
    is_directory: bool
    plane: int
    shape: Shape

    @property
    def identity(self) -> tuple[Any, ...]:
        """What an overview must agree with to be of this very file."""
        return (hashlib.sha256(os.fsencode(self.real)).hexdigest(), self.plane, *self.key)


def _cut(levels: Levels, ask: _Ask) -> ImageView:
    """Return a part of an overview, at its coarsest level if need be."""
    shape = levels.shape
    box = clip_box(ask.box, shape.n_x, shape.n_y)
    factor = min(factor_for(box, ask.max_size), shape.factors[-1])
    part = grown(box, factor, shape.n_x, shape.n_y)
    within = cast(Box, tuple(-(-n // factor) for n in part))
    data = levels.read(factor, ask.reduction, within)
    return ImageView(data, factor, part[0], part[1], ask.plane, ask.reduction, shape.n_x, shape.n_y)


def factor_for(box: Box, max_size: int) -> int:
    """Return the smallest block, 1, 2, 4, 8 ..., with which a box has at most `max_size` of them a side."""
    longest, size = max(box[2] - box[0], box[3] - box[1]), min(max(max_size, 256), 2048)
    factor = 1
    while longest > size * factor:
        factor *= 2
    return factor


def grown(box: Box, factor: int, n_x: int, n_y: int) -> Box:
    """Return the box grown to whole blocks, inside the image."""
    x0, y0, x1, y1 = box
    right, upper = (min(-(-n // factor) * factor, edge) for n, edge in ((x1, n_x), (y1, n_y)))
    return x0 // factor * factor, y0 // factor * factor, right, upper
