"""One pixel of an image with all the digits that its file has."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from data_access.errors import ValidationError
from data_access.readers.casa_image import opened_casa_rows
from data_access.readers.fits import opened_fits_rows
from data_access.readers.images import is_casa_image

# float32 stays what it is: as a Python float its text would have digits that the file does not.
PixelNumber: TypeAlias = int | float | np.floating[Any]


def read_pixel(path: str, x: int, y: int, *, plane: int = 0) -> PixelNumber:
    """Return the physical value at a 0-based pixel in the type of the file; NaN where it is blank.

    For images of all kinds; where the bytes of a file are its pixels, `RawFile.read_one` needs no astropy.

    Raises
    ------
    ValidationError
        When there is no such pixel or plane.
    FileError
        As the readers of images.
    """
    opened = opened_casa_rows if is_casa_image(path) else opened_fits_rows
    with opened(path, plane) as rows:
        check_pixel(x, y, rows.n_x, rows.n_y)
        return plain_number(rows.read(y, y + 1)[0, x])


def check_pixel(x: int, y: int, n_x: int, n_y: int) -> None:
    """Raise `ValidationError` for a pixel outside of an image."""
    if not (0 <= x < n_x and 0 <= y < n_y):
        raise ValidationError(
            f"There is no pixel {x}, {y} in an image of {n_x} × {n_y}", remedy="Pixels are counted from 0."
        )


def plain_number(value: Any) -> PixelNumber:
    """Return a numpy scalar in the byte order of the machine; integers as those of Python."""
    if np.issubdtype(type(value), np.integer):
        return int(value)
    return value if isinstance(value, int | float | np.floating) else float(value)
