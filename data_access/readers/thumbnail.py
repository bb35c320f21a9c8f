"""Thumbnails of image files, FITS or CASA."""

from __future__ import annotations

from pathlib import Path

from data_access.analysis.thumbnail import thumbnail_png
from data_access.readers.casa_image import read_casa_preview
from data_access.readers.fits import read_fits_preview


def read_thumbnail(path: str, max_size: int) -> bytes:
    """Return a PNG of the first plane, at most about `max_size` pixels a side.

    Raises
    ------
    FileError
        When the file is missing, damaged or holds no image.
    """
    read = read_casa_preview if Path(path).is_dir() else read_fits_preview
    return thumbnail_png(read(path, max_size=max_size))
