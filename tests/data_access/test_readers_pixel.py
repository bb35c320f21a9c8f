"""One pixel with all the digits of its file."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from data_access import Archive, open_archive
from data_access.errors import ValidationError
from tests.data_access.cutout_samples import CARDS, file_of_integers, write


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[Archive]:
    (tmp_path / "state").mkdir()
    (tmp_path / "stage").mkdir()
    async with open_archive(tmp_path) as opened:
        yield opened


@pytest.mark.parametrize(
    ("stored", "cards", "expected"),
    [
        (np.full((5, 6), 1.23456789012345), {}, "1.23456789012345"),
        (np.full((5, 6), 0.1, np.float32), {}, "0.1"),
        (np.full((5, 6), 16777217, np.int32), {}, "16777217"),
        (np.full((5, 6), 9007199254740993, np.int64), {}, "9007199254740993"),
        (np.full((5, 6), 7, np.int16), {"BSCALE": 0.5, "BZERO": 10.0}, "13.5"),
        (np.full((5, 6), -1, np.int32), {"BZERO": 2147483648.0}, "2147483647"),
        (np.full((5, 6), -9, np.int16), {"BLANK": -9}, "nan"),
    ],
)
@pytest.mark.parametrize("name", ["a.fits", "a.fits.gz", "turned.fits"])
async def test_a_pixel_has_every_digit_of_its_file(
    archive: Archive, tmp_path: Path, stored: np.ndarray, cards: dict[str, Any], expected: str, name: str
) -> None:
    header = fits.Header(CARDS)
    if name == "turned.fits":
        header.update({"CTYPE1": "DEC--SIN", "CTYPE2": "RA---SIN", "CRVAL1": 65.0, "CRVAL2": 150.0})
    hdu = fits.PrimaryHDU(stored, header)
    hdu.header.update(cards)
    path = tmp_path / "stage" / name
    hdu.writeto(path)
    if "BLANK" in cards or "BZERO" in cards:
        (tmp_path / "stage" / "b.fits").write_bytes(file_of_integers(stored, header, cards))
        raw = (tmp_path / "stage" / "b.fits").read_bytes()
        path.write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
    assert str(await archive.cutouts.pixel_value(str(path), 3, 2)) == expected


async def test_a_pixel_of_another_plane_and_one_that_is_not_there(archive: Archive, tmp_path: Path) -> None:
    path = write(tmp_path, np.stack([np.zeros((5, 6)), np.full((5, 6), 1 / 3)]), CTYPE3="FREQ")
    assert await archive.cutouts.pixel_value(path, 5, 4, plane=1) == 1 / 3
    for x, y, plane in ((6, 0, 0), (0, 5, 0), (-1, 0, 0), (0, 0, 2)):
        with pytest.raises(ValidationError):
            await archive.cutouts.pixel_value(path, x, y, plane=plane)
    write(tmp_path, np.full((2, 5, 6), 2 / 3), CTYPE3="FREQ")
    assert await archive.cutouts.pixel_value(path, 5, 4, plane=1) == 2 / 3
