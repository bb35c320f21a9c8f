"""Images of either kind: the reader is chosen by what is on disk, not by the name."""

from __future__ import annotations

from pathlib import Path

from data_access.readers.casa_image import read_casa_header, read_casa_preview
from data_access.readers.fits import read_fits_header, read_fits_preview
from data_access.readers.plane import Box
from data_access.records.files import ImageHeader, ImagePreview


def read_image_header(path: str) -> ImageHeader:
    """Return the facts of a FITS file or a CASA image directory; errors as `read_fits_header`, `read_casa_header`."""
    return read_casa_header(path) if is_casa_image(path) else read_fits_header(path)


def read_image_preview(path: str, *, plane: int = 0, max_size: int = 1024, box: Box | None = None) -> ImagePreview:
    """Return one block-averaged plane of a FITS file or a CASA image directory; see `read_fits_preview`."""
    read = read_casa_preview if is_casa_image(path) else read_fits_preview
    return read(path, plane=plane, max_size=max_size, box=box)


def is_casa_image(path: str) -> bool:
    """Return True for a directory: it needs the casacore reader, and so a worker process."""
    return Path(path).is_dir()
