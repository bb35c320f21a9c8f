"""Images to cut from, written for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

CARDS = {
    "CTYPE1": "RA---SIN", "CTYPE2": "DEC--SIN", "CRVAL1": 150.0, "CRVAL2": 65.0, "CDELT1": -2 / 3600,
    "CDELT2": 2 / 3600, "CRPIX1": 60.0, "CRPIX2": 50.0, "CUNIT1": "deg", "CUNIT2": "deg", "RADESYS": "ICRS",
    "BUNIT": "Jy/beam", "BMAJ": 0.003, "BMIN": 0.002, "BPA": 33.0, "OBJECT": "field",
}  # fmt: skip


def write(folder: Path, data: np.ndarray, name: str = "a.fits", **cards: Any) -> str:
    path = folder / "stage" / name
    hdu = fits.PrimaryHDU(data)
    hdu.header.update({**CARDS, **cards})
    hdu.writeto(path, overwrite=True)
    return str(path)


def write_cube_with_beams(path: Path) -> str:
    cards = {key: value for key, value in CARDS.items() if key not in ("BMAJ", "BMIN", "BPA")}
    image = fits.PrimaryHDU(np.ones((3, 30, 40), np.float32))
    image.header.update(cards | {"CTYPE3": "FREQ", "CRVAL3": 1.4e9, "CDELT3": 1e6, "CRPIX3": 1.0})
    columns = [fits.Column(name, "E", unit, array=values) for name, unit, values in (
        ("BMAJ", "arcsec", [9.0, 12.0, 15.0]), ("BMIN", "arcsec", [8.0] * 3), ("BPA", "deg", [0.0] * 3),
    )]  # fmt: skip
    fits.HDUList([image, fits.BinTableHDU.from_columns(columns, name="BEAMS")]).writeto(path, overwrite=True)
    return str(path)


def file_of_integers(stored: np.ndarray, header: fits.Header, cards: dict[str, Any]) -> bytes:
    """Return a file of exactly these integers: astropy would scale them back while it writes."""
    full = fits.PrimaryHDU(stored, header).header.copy()
    full.update(cards)
    data = stored.astype(stored.dtype.newbyteorder(">")).tobytes()
    return full.tostring().encode("ascii") + data + b"\0" * (-len(data) % 2880)
