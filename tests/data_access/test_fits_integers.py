"""Blank pixels of unsigned integers are no numbers, whatever the file."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from data_access.readers.fits import read_fits_preview, read_fits_storage
from data_access.readers.pixel import read_pixel
from data_access.readers.raw_pixels import RawFile
from tests.data_access.cutout_samples import CARDS, file_of_integers

KINDS = {"16 bit": ("i2", 32768), "32 bit": ("i4", 2147483648)}
NAMES = ("a.fits", "a.fits.gz", "turned.fits", "a.fits.fz")


def _stored(kind: str) -> tuple[np.ndarray, int, int]:
    """Return integers as they are in the file, the first five blank; BZERO and BLANK."""
    dtype, zero = KINDS[kind]
    stored = np.random.default_rng(1).integers(60, 120, size=(12, 16)).astype(dtype)
    blank = int(np.iinfo(dtype).min)
    stored[0, :5] = blank
    return stored, zero, blank


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NAMES)
def test_blank_pixels_of_unsigned_integers_are_nan(tmp_path: Path, kind: str, name: str) -> None:
    stored, zero, blank = _stored(kind)
    path, cards = tmp_path / name, {"BZERO": zero, "BLANK": blank}
    if name.endswith(".fz"):
        physical = (stored.astype(np.int64) + zero).astype(f"u{stored.dtype.itemsize}")
        fits.CompImageHDU(physical, fits.Header({**CARDS, "BLANK": blank})).writeto(path)
    elif name == "turned.fits":
        swapped = {"CTYPE1": "DEC--SIN", "CTYPE2": "RA---SIN", "CRVAL1": 65.0, "CRVAL2": 150.0}
        path.write_bytes(file_of_integers(np.ascontiguousarray(stored.T), fits.Header({**CARDS, **swapped}), cards))
    else:
        body = file_of_integers(stored, fits.Header(CARDS), cards)
        path.write_bytes(gzip.compress(body) if name.endswith(".gz") else body)
    expected = np.where(stored == blank, np.nan, stored.astype(float) + zero)
    preview = read_fits_preview(str(path))
    np.testing.assert_array_equal(preview.data, expected.astype(np.float32))
    assert preview.statistics.nan_fraction == pytest.approx(5 / 192)
    assert np.isnan(read_pixel(str(path), 4, 0))
    assert read_pixel(str(path), 5, 0) == expected[0, 5]
    if name == "a.fits":
        raw = read_fits_storage(str(path))[1]
        assert raw is not None
        np.testing.assert_array_equal(RawFile(str(path)).read(raw, (), (0, 0, 16, 12)), preview.data)
