"""Files of the archive: inside the configured folders only, and read off the event loop."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from io import FileIO
from pathlib import Path
from typing import Any, TypeVar, cast

from data_access.errors import CasaImageError, FileError, FileUnreadable, FITSError, file_error
from data_access.offload import Offload
from data_access.readers.caltable import read_caltable
from data_access.readers.casa_image import read_casa_header, read_casa_preview
from data_access.readers.fits import read_fits_header, read_fits_preview
from data_access.readers.ms import read_measurement_set
from data_access.records import (
    CaltableDetail,
    FileState,
    ImageHeader,
    ImagePreview,
    MeasurementSetDetail,
    StorageLocation,
)
from data_access.services.cache import FileKey, SingleFlightCache, file_key
from data_access.services.roots import Roots

T = TypeVar("T")
Box = tuple[int, int, int, int]
_FITS_BEGIN, _GZIP_BEGIN = b"SIMPLE  =", b"\x1f\x8b"


class FileService:
    """Reads images, Measurement Sets and calibration tables, with a cache keyed by what is on disk."""

    def __init__(self, roots: Roots, offload: Offload) -> None:
        self._roots = roots
        self._offload = offload
        self._headers = SingleFlightCache(max_entries=4000)
        self._previews = SingleFlightCache(max_entries=48)
        self._tables = SingleFlightCache(max_entries=24)

    async def state(self, path: str) -> FileState:
        """Return whether a recorded path exists and can be read; never raises for a file's sake."""
        return await self._offload.in_thread(self._state, path)

    async def states(self, paths: Sequence[str]) -> dict[str, FileState]:
        """Return the state of several paths, looked up in one go."""
        return await self._offload.in_thread(lambda: {path: self._state(path) for path in paths})

    def _state(self, path: str) -> FileState:
        try:
            real = Path(self._roots.inside(path))
            stat = real.stat()
        except FileError as err:
            return FileState(path, False, False, None, None, err.message)
        except OSError as err:
            return FileState(path, False, False, None, None, file_error(path, err).message)
        readable = os.access(real, os.R_OK)
        problem = "" if readable else file_error(path, PermissionError()).message
        return FileState(path, True, real.is_dir(), stat.st_size, stat.st_mtime, problem)

    def _locate(self, path: str) -> tuple[str, FileKey, bool]:
        """Return the real path, what changes with the content, and whether it is a directory."""
        real = self._roots.inside(path)
        key, target = file_key(real), Path(real)
        is_directory = target.is_dir()
        if not is_directory and not target.is_file():
            # Opening a pipe waits for a writer that may never come.
            raise FileUnreadable(f"{path} is neither a file nor a directory", path=path)
        return real, key, is_directory

    async def image_header(self, path: str) -> ImageHeader:
        """Return the facts of an image file, FITS or CASA; raises a `FileError`."""
        return cast(ImageHeader, await self._image(self._headers, path, (), read_fits_header, read_casa_header))

    async def image_preview(
        self, path: str, *, plane: int = 0, max_size: int = 1024, box: Box | None = None
    ) -> ImagePreview:
        """Return a plane (or a box of it) averaged to at most `max_size` pixels a side; raises a `FileError`."""
        options = {"plane": plane, "max_size": max_size, "box": box}
        return cast(
            ImagePreview,
            await self._image(
                self._previews, path, tuple(options.values()), read_fits_preview, read_casa_preview, options
            ),
        )

    async def _image(
        self,
        cache: SingleFlightCache,
        path: str,
        parameters: tuple[Any, ...],
        read_fits: Callable[..., Any],
        read_casa: Callable[..., Any],
        options: dict[str, Any] | None = None,
    ) -> Any:
        real, key, is_directory = await self._offload.in_thread(self._locate, path)
        run: Callable[..., Any] = self._offload.in_process if is_directory else self._offload.in_thread
        function = read_casa if is_directory else read_fits
        return await cache.get((real, key, *parameters), lambda: run(function, real, **(options or {})))

    async def open_fits(self, path: str) -> FileIO:
        """Return the open file of a FITS image, to be sent as it is; the caller closes it.

        Raises
        ------
        CasaImageError
            For a CASA image: a directory is no file.
        FITSError
            When the file does not begin as FITS files (or their ``.gz``) do.
        FileError
        """
        return await self._offload.in_thread(self._open_fits, path)

    def _open_fits(self, path: str) -> FileIO:
        real, _, is_directory = self._locate(path)
        if is_directory:
            raise CasaImageError(
                f"{path} is a CASA image: a directory, not a file that can be sent",
                remedy="Fetch a cutout of it as FITS, or export it with CASA's `exportfits`.",
                path=path,
            )
        try:
            file = FileIO(real, "r")
            begin = os.pread(file.fileno(), len(_FITS_BEGIN), 0)
        except OSError as err:
            raise file_error(path, err) from err
        if begin == _FITS_BEGIN or begin[:2] == _GZIP_BEGIN:
            return file
        file.close()
        raise FITSError(f"{path} does not begin as a FITS file does", path=path)

    async def measurement_set(self, path: str) -> MeasurementSetDetail:
        """Return what a Measurement Set on disk contains; raises a `FileError`."""
        return await self._table(path, read_measurement_set)

    async def caltable(self, path: str) -> CaltableDetail:
        """Return the solutions of a calibration table on disk; raises a `FileError`."""
        return await self._table(path, read_caltable)

    async def _table(self, path: str, read: Callable[[str], T]) -> T:
        real, key, _ = await self._offload.in_thread(self._locate, path)
        return cast(
            T, await self._tables.get((read.__name__, real, key), lambda: self._offload.in_process(read, real))
        )

    async def storage(self, locations: Sequence[StorageLocation]) -> tuple[StorageLocation, ...]:
        """Return the locations with what the disk says of them."""
        return await self._offload.in_thread(lambda: tuple(_with_space(location) for location in locations))


def _with_space(location: StorageLocation) -> StorageLocation:
    exists, free, total = False, None, None
    if location.path:
        try:
            usage = shutil.disk_usage(location.path)
        except (OSError, ValueError):
            exists = os.path.exists(location.path)  # noqa: PTH110 - Path.exists raises for names that are too long
        else:
            exists, free, total = True, usage.free, usage.total
    return StorageLocation(location.kind, location.path, location.status, location.description, exists, free, total)
