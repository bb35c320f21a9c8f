"""Cutouts at full resolution from any image of the archive: only the rows that are needed are read."""

from __future__ import annotations

import asyncio
import math
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from data_access.analysis.image_sky import ImageSky
from data_access.errors import ArchiveError, FileUnreadable, FITSError
from data_access.offload import Offload
from data_access.readers.casa_image import read_casa_header, read_casa_preview
from data_access.readers.fits import read_fits_preview, read_fits_storage
from data_access.readers.pixel import PixelNumber, check_pixel, read_pixel
from data_access.readers.plane import plane_index
from data_access.readers.raw_pixels import RawFile
from data_access.records import Cutout, CutoutUnit, Image
from data_access.services.cache import FileKey, file_key
from data_access.services.cutout_plan import (
    Ask,
    Known,
    Place,
    Plan,
    make_ask,
    make_cutout,
    make_plan,
    parse_place,
    picture_of,
    preview_of,
    without_cards,
)
from data_access.services.roots import Roots

__all__ = ["CutoutService", "Place", "parse_place", "picture_of", "preview_of"]

# Facts of an image without its cards are some 10 kB: 512 images are 5 MB.
_MOST_IMAGES = 512
_MOST_FILES = 8
_KEEP_S = 5.0


class CutoutService:
    """Pieces of images, with the facts of recently used images kept under (path, inode, mtime, size)."""

    def __init__(self, roots: Roots, offload: Offload) -> None:
        self._roots = roots
        self._offload = offload
        self._images: OrderedDict[str, Known] = OrderedDict()
        self._files: OrderedDict[str, tuple[RawFile, float]] = OrderedDict()
        self._release: asyncio.TimerHandle | None = None
        self._lock = threading.Lock()

    async def cutout(
        self,
        image: Image | str,
        position: str | Place,
        *,
        width: float = 60.0,
        height: float | None = None,
        unit: CutoutUnit = "arcsec",
        plane: int = 0,
    ) -> Cutout:
        """Return a piece of an image at full resolution.

        Parameters
        ----------
        image : Image or str
            FITS file (plain or compressed) or CASA image directory; or its path.
        position : str or Place
            Its middle: text as for `parse_place`, or a place.
        width, height : float
            Along the pixel axes x and y, in `unit`; the height is the width when None. At least one pixel.
        plane : int
            Of a cube, as in `FileService.image_preview`.

        Returns
        -------
        Cutout
            NaN where it reaches beyond the image.

        Raises
        ------
        ValidationError
            For a size, unit, plane or position that makes no sense, and when nothing of the cutout is inside
            the image: the message says how far away it is.
        FileError
            When the file is missing or damaged.
        """
        ask = make_ask(image, position, width, width if height is None else height, unit, plane)
        for last in (False, True):
            answer = await self._attempt(ask)
            if isinstance(answer, Cutout):
                return answer
            if last:
                break
            self._forget(answer.known)
        raise FITSError(f"{ask.path} is being written just now", remedy="Ask again in a moment.", path=ask.path)

    async def strip(
        self,
        images: Sequence[Image | str],
        position: str | Place,
        *,
        width: float = 60.0,
        unit: CutoutUnit = "arcsec",
    ) -> tuple[Cutout | ArchiveError, ...]:
        """Return the same place on many images, in their order; an image that cannot be cut gives its error."""
        place = parse_place(position) if isinstance(position, str) else position
        asks = [make_ask(image, place, width, width, unit, 0) for image in images]

        def cut_all() -> list[Cutout | Plan | ArchiveError | None]:
            return [_caught(lambda ask=ask: self.cut_here(ask)) for ask in asks]  # type: ignore[misc]

        answers = await self._offload.in_thread(cut_all)
        self._release_later()
        found: list[Cutout | ArchiveError] = []
        for image, answer in zip(images, answers, strict=True):
            if isinstance(answer, Cutout | ArchiveError):
                found.append(answer)
                continue
            try:
                found.append(await self.cutout(image, place, width=width, unit=unit))
            except ArchiveError as err:
                found.append(err)
        return tuple(found)

    async def pixel_value(self, image: Image | str, x: int, y: int, *, plane: int = 0) -> PixelNumber:
        """Return the value at a 0-based pixel in the type of the file, with all its digits; NaN where it is blank.

        Raises
        ------
        ValidationError, FileError
            As `cutout`.
        """
        path = image if isinstance(image, str) else image.path
        for _ in range(2):
            known = await self._known(path)
            check_pixel(x, y, known.header.shape[-1], known.header.shape[-2])
            index = plane_index(known.header.shape[:-2], plane)
            if known.raw is None:
                run = self._offload.in_process if known.is_directory else self._offload.in_thread
                return await run(read_pixel, known.real, x, y, plane=plane)
            value = await self._offload.in_thread(self._value_here, known, index, x, y)
            self._release_later()
            if value is not None:
                return value
        raise FITSError(f"{path} is being written just now", remedy="Ask again in a moment.", path=path)

    def _value_here(self, known: Known, index: tuple[int, ...], x: int, y: int) -> PixelNumber | None:
        """Return the value of a pixel; None where the file was replaced meanwhile."""
        file = self._open(known)
        if known.raw is None or file.key != known.key:
            self._forget(known)
            return None
        return file.read_one(known.raw, index, x, y)

    async def position_of_pixel(self, image: Image | str, x: float, y: float) -> Place:
        """Return the ICRS position of a 0-based pixel; the pixel itself where the image has no sky there."""
        path = image if isinstance(image, str) else image.path
        sky = (await self._known(path)).sky
        ra_deg, dec_deg = (math.nan, math.nan) if sky is None else sky.to_icrs(x, y)
        return Place(ra_deg, dec_deg) if math.isfinite(ra_deg + dec_deg) else Place(pixel=(x, y))

    async def native_of_pixel(self, image: Image | str, x: float, y: float) -> tuple[float, float]:
        """Return (lon, lat) of a 0-based pixel in the frame of the file, degrees; NaN where there is no sky."""
        sky = (await self._known(image if isinstance(image, str) else image.path)).sky
        return (math.nan, math.nan) if sky is None else sky.to_native(x, y)

    async def _attempt(self, ask: Ask) -> Cutout | Plan:
        """Return the cutout; a plan when the file changed while it was carried out."""
        answer = await self._offload.in_thread(self.cut_here, ask)
        self._release_later()
        if answer is None:
            answer = make_plan(await self._known(ask.path), ask)
        return answer if isinstance(answer, Cutout) else await self._read_slowly(answer, ask)

    def cut_here(self, ask: Ask) -> Cutout | Plan | None:
        """Cut in the thread that calls, and block it: for workers and measurements.

        Returns
        -------
        Cutout, Plan or None
            A plan where another reader is needed; None where that must read the header too, or where the file was
            replaced meanwhile.
        """
        known = self._known_here(ask.path)
        if known is None:
            return None
        plan = make_plan(known, ask)
        if known.raw is None:
            return plan
        file = self._open(known)
        if file.key != known.key:
            self._forget(known)
            return None
        pixels = file.read(known.raw, plane_index(known.raw.plane_shape, ask.plane), plan.inside)
        return make_cutout(plan, ask, pixels)

    async def _read_slowly(self, plan: Plan, ask: Ask) -> Cutout | Plan:
        """Read through the general readers: compressed and turned FITS files in a thread, CASA in a process."""
        known = plan.known
        x0, y0, x1, y1 = plan.inside
        options: dict[str, Any] = {"plane": ask.plane, "max_size": max(x1 - x0, y1 - y0), "box": plan.inside}
        if known.is_directory:
            preview = await self._offload.in_process(read_casa_preview, known.real, **options)
        else:
            preview = await self._offload.in_thread(read_fits_preview, known.real, **options)
        if await self._offload.in_thread(file_key, known.real) != known.key:
            return plan
        return make_cutout(plan, ask, preview.data)

    async def _known(self, path: str) -> Known:
        known = await self._offload.in_thread(self._known_here, path)
        if known is not None:
            return known
        real, key, _ = await self._offload.in_thread(self._locate, path)
        header = await self._offload.in_process(read_casa_header, real)
        made = Known(real, key, True, key[1] / 1e9, without_cards(header), ImageSky.of(header), None)
        self._remember(path, made)
        return made

    def _known_here(self, path: str) -> Known | None:
        """Return the facts of an image, read now if need be; None for a CASA image that is not known yet."""
        with self._lock:
            known = self._images.get(path)
            if known is not None and _is_same_file(path, known):
                self._images.move_to_end(path)
                return known
        real, key, is_directory = self._locate(path)
        if known is not None and (known.real, known.key) == (real, key):
            return known
        if is_directory:
            return None
        header, raw = read_fits_storage(real)
        made = Known(real, key, False, key[1] / 1e9, without_cards(header), ImageSky.of(header), raw)
        self._remember(path, made)
        return made

    def _locate(self, path: str) -> tuple[str, FileKey, bool]:
        """Return the real path, what changes with the content, and whether it is a directory."""
        real = self._roots.inside(path)
        key = file_key(real)
        is_directory = not os.path.isfile(real)  # noqa: PTH113 - as in `file_key`
        if is_directory and not os.path.isdir(real):  # noqa: PTH112
            # Opening a pipe waits for a writer that may never come.
            raise FileUnreadable(f"{path} is neither a file nor a directory", path=path)
        return real, key, is_directory

    def _open(self, known: Known) -> RawFile:
        """Return the open file, the same as last time if that was a moment ago."""
        with self._lock:
            file, _ = self._files.pop(known.real, (None, 0.0))
        if file is None or file.key != known.key:
            file = RawFile(known.real)
        with self._lock:
            self._files[known.real] = (file, time.monotonic())
            while len(self._files) > _MOST_FILES:
                self._files.popitem(last=False)
        return file

    def _release_later(self) -> None:
        """Let go of the open files when nobody has asked for a while: deleted ones would fill the disk."""
        if self._release is None and self._files:
            self._release = asyncio.get_running_loop().call_later(_KEEP_S, self._release_files)

    def _release_files(self) -> None:
        self._release = None
        oldest = time.monotonic() - _KEEP_S
        with self._lock:
            for real in [real for real, (_, used_at) in self._files.items() if used_at <= oldest]:
                del self._files[real]
        self._release_later()

    def close(self) -> None:
        """Let go of all open files."""
        if self._release is not None:
            self._release.cancel()
            self._release = None
        with self._lock:
            self._files.clear()

    def _remember(self, path: str, known: Known) -> None:
        with self._lock:
            self._images[path] = known
            self._images.move_to_end(path)
            while len(self._images) > _MOST_IMAGES:
                self._images.popitem(last=False)

    def _forget(self, known: Known) -> None:
        with self._lock:
            for path in [path for path, one in self._images.items() if one is known]:
                del self._images[path]


def _is_same_file(path: str, known: Known) -> bool:
    """Say whether a path still leads to the very file that was looked at: then it need not be located again."""
    if known.is_directory:
        return False
    try:
        stat = os.stat(path)  # noqa: PTH116 - a third of the time of Path.stat
    except (OSError, ValueError):
        return False
    return (stat.st_ino, stat.st_mtime_ns, stat.st_size) == known.key


def _caught(work: Callable[[], Cutout | Plan | None]) -> Cutout | Plan | ArchiveError | None:
    try:
        return work()
    except ArchiveError as err:
        return err
