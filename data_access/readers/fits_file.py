"""Opening a FITS file at its first image, with words for what goes wrong."""

from __future__ import annotations

import math
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from astropy.io import fits

from data_access.errors import FITSError, file_error

# What astropy and the decompressors raise on bytes that are not what they claim to be.
_BAD_FILE = (OSError, EOFError, ValueError, TypeError, KeyError, IndexError, zlib.error, fits.VerifyError)
_BLOCK = 2880
# Cards that say something of an image in another HDU too, those in one group only together.
_INHERITED = (
    ("OBJECT",), ("TELESCOP",), ("DATE-OBS",), ("ORIGIN",), ("BUNIT",), ("BMAJ", "BMIN", "BPA"),
    ("RESTFRQ", "RESTFREQ", "OBSFREQ"), ("RADESYS", "RADECSYS", "EQUINOX", "EPOCH"),
)  # fmt: skip


@contextmanager
def opened_fits(path: str) -> Iterator[tuple[fits.HDUList, Any]]:
    """Yield the open file and its first image; translate what goes wrong inside.

    Raises
    ------
    FileMissing, FileUnreadable, FITSError
        As `read_fits_header`.
    """
    try:
        if not Path(path).is_file():
            # A stat in place of a test: it raises for what is missing, and tells a directory apart.
            Path(path).stat()
            raise FITSError(f"{path} is a directory, not a FITS file", path=path)
        os.close(os.open(path, os.O_RDONLY))
    except OSError as err:
        raise file_error(path, err) from err
    try:
        # The default of `memmap` maps the file too; True would refuse scaled integers (astropy 8).
        with fits.open(Path(path), mode="readonly", lazy_load_hdus=True) as hdus:
            image = _first_image(path, hdus)
            _check_length(path, image)
            yield hdus, image
    except _BAD_FILE as err:
        # The first sentence says what is wrong; astropy's others are advice to programmers.
        reason = " ".join(str(err).split()).split(". ")[0] or type(err).__name__
        raise FITSError(
            f"{path} cannot be read as a FITS image: {reason}",
            remedy="It may be cut short, still being written, or no FITS file: check it with `fitsverify`, or "
            "make it again.",
            path=path,
        ) from err


def _first_image(path: str, hdus: fits.HDUList) -> Any:
    empty: tuple[int, ...] = ()
    for hdu in hdus:
        if hdu.is_image and len(hdu.shape) >= 2:
            if 0 not in hdu.shape:
                return hdu
            empty = hdu.shape
    if empty:
        raise FITSError(f"{path} has an image without pixels: shape {empty}", path=path)
    raise FITSError(
        f"{path} holds no image of two or more axes", remedy="It may be a table or a spectrum.", path=path
    )


def whole_header(hdus: fits.HDUList, image: Any) -> fits.Header:
    """Return the header of an image with what only an empty primary header says of it.

    Extensions inherit such cards by the convention of the keyword INHERIT, which many writers leave out; ``F``
    forbids it. Cards that belong together, as those of the beam, are inherited together or not at all.
    """
    own, primary = image.header, hdus[0]
    if image is primary or math.prod(primary.shape or (0,)) or own.get("INHERIT") is False:
        return own
    cards = [
        primary.header.cards[name]
        for names in _INHERITED
        if not any(name in own for name in names)
        for name in names
        if name in primary.header
    ]
    return fits.Header([*own.copy().cards, *cards]) if cards else own


def _check_length(path: str, image: Any) -> None:
    """Raise when a plain file ends before its image does: astropy only warns, or fails while reading."""
    info = image.fileinfo()
    if is_packed(image) or not info or not info.get("datSpan"):
        return
    # Writers may leave out the padding of the last block; the span of a compressed table is known only with it.
    size = int(info["datSpan"]) - _BLOCK + 1 if isinstance(image, fits.CompImageHDU) else int(image.size)
    needed = int(info["datLoc"]) + size
    found = Path(path).stat().st_size
    if found < needed:
        raise FITSError(
            f"{path} is truncated: its image needs {needed} bytes, the file has {found}",
            remedy="It may still be being written, or the disk was full: make it again.",
            path=path,
        )


def is_packed(image: Any) -> bool:
    """Tell whether the whole file of an image is compressed, as ``.gz``."""
    info = image.fileinfo()
    return bool(info and getattr(info.get("file"), "compression", None))
