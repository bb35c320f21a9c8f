"""The first picture of an image comes from what is kept, and is never that of an older file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from data_access import open_archive
from data_access.errors import FileMissing, ValidationError
from data_access.records import ImagePreview
from data_access.services import files as reading
from data_access.services.previews import SCREEN_PIXELS, packed, unpacked

N_Y, N_X = 1900, 1700


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DSA110_DASHBOARD_CACHE", str(tmp_path / "cache"))
    (tmp_path / "state").mkdir()
    found = tmp_path / "stage" / "images" / "field.fits"
    found.parent.mkdir(parents=True)
    return write(found, 0.0)


def write(path: Path, level: float) -> Path:
    data = np.random.default_rng(110).normal(level, 1e-3, (2, N_Y, N_X)).astype(np.float32)
    data[:, :100, :200] = np.nan
    data[:, 1234, 567] = level + 5.0
    cards = {"CTYPE3": "STOKES", "CRVAL3": 1.0, "CDELT3": 1.0, "CRPIX3": 1.0, "BUNIT": "Jy/beam"}
    fits.writeto(path, data, fits.Header(cards), overwrite=True)
    return path


def replace_keeping_the_time(path: Path) -> None:
    stat = path.stat()
    write(path.with_suffix(".new"), 7.0).replace(path)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


async def look(path: Path, plane: int = 0) -> ImagePreview:
    """Return the picture as a server that was just started has it."""
    async with open_archive(path.parents[2] / "state") as archive:
        return await archive.previews.whole(str(path), plane=plane)


def refuse(*_args: Any, **_options: Any) -> None:
    raise AssertionError("the pixels were read again")


async def test_after_a_restart_the_picture_comes_from_what_is_kept(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = [await look(path, plane) for plane in (0, 1)]
    assert first[0].factor == -(-N_Y // SCREEN_PIXELS)
    monkeypatch.setattr(reading, "read_fits_preview", refuse)
    again = [await look(path, plane) for plane in (0, 1)]
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.data, other.data)
        assert (one.statistics, one.header, one.factor, one.plane) == (
            other.statistics, other.header, other.factor, other.plane,
        )  # fmt: skip
    assert again[0].statistics.peak == 5.0
    assert again[0].statistics.nan_fraction == pytest.approx(20_000 / (N_X * N_Y))


async def test_a_file_replaced_by_one_of_the_same_size_and_time_has_another_picture(path: Path) -> None:
    before = await look(path)
    replace_keeping_the_time(path)
    assert (await look(path)).statistics.median == pytest.approx(before.statistics.median + 7.0, rel=1e-3)


async def test_the_same_file_is_the_same_object_and_is_read_once(path: Path) -> None:
    async with open_archive(path.parents[2] / "state") as archive:
        assert await archive.previews.whole(str(path)) is await archive.previews.whole(str(path))


async def test_what_is_kept_but_damaged_is_read_anew(path: Path, tmp_path: Path) -> None:
    first = await look(path)
    (kept,) = (tmp_path / "cache").rglob("*.preview")
    body = kept.read_bytes()
    for damaged in (body[:1000], body[:100] + body[200:], b""):
        kept.write_bytes(damaged)
        np.testing.assert_array_equal((await look(path)).data, first.data)


async def test_without_a_place_to_keep_it_the_picture_is_read_from_the_image(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DSA110_DASHBOARD_CACHE", str(path.parents[2] / "state" / "cache"))
    assert (await look(path)).statistics.peak == 5.0


async def test_missing_files_and_planes_are_errors_as_ever(path: Path) -> None:
    with pytest.raises(ValidationError, match="plane 2 does not exist"):
        await look(path, 2)
    path.unlink()  # noqa: ASYNC240
    with pytest.raises(FileMissing):
        await look(path)


async def test_any_bytes_are_a_preview_or_none(path: Path) -> None:
    body = packed(await look(path))
    assert unpacked(body) is not None
    for n in (0, 5, 12, 20, 500, len(body) - 40):
        assert unpacked(body[:n]) is None
