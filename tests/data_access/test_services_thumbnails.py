"""Thumbnails are made once, kept on disk within a limit, and are never those of a file that was replaced."""

from __future__ import annotations

import asyncio
import io
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from PIL import Image

from data_access import readers
from data_access.archive import Archive
from data_access.errors import FileMissing, FITSError
from data_access.services import thumbnails
from data_access.services.kept_folder import KeptFolder
from data_access.settings import Settings, load_settings


def write_image(path: Path, *, bright_row: int) -> Path:
    data = np.random.default_rng(5).normal(0, 1, (100, 100)).astype(np.float32)
    data[bright_row] = 100.0
    fits.PrimaryHDU(data).writeto(path, overwrite=True)
    return path


def row_of(body: bytes) -> int:
    """Return the bright row, counted from the bottom."""
    levels = np.asarray(Image.open(io.BytesIO(body)))
    return 99 - int(np.argmax(levels.mean(axis=1)))


def replace_with_the_same_time(image: Path) -> None:
    stat = image.stat()
    write_image(image.with_suffix(".new"), bright_row=70).replace(image)
    os.utime(image, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def write_nonsense(path: Path) -> None:
    path.write_bytes(b"no image" * 1000)


def damaged(folder: Path, good: bytes) -> Path:
    (kept,) = folder.glob("*/*.png")
    kept.write_bytes(good[:200])
    return kept


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "archive").mkdir()
    found = load_settings(state_dir=tmp_path / "archive" / "state")
    return replace(found, roots=(tmp_path / "archive",), cache_dir=tmp_path / "cache")


@pytest.fixture
def image(settings: Settings) -> Path:
    return write_image(settings.roots[0] / "image.fits", bright_row=20)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Paths that were really read."""
    seen: list[str] = []

    def counted(path: str, max_size: int) -> bytes:
        seen.append(path)
        return readers.thumbnail.read_thumbnail(path, max_size)

    monkeypatch.setattr(thumbnails, "read_thumbnail", counted)
    return seen


async def test_many_who_ask_at_once_and_a_new_server_share_one_read(
    settings: Settings, image: Path, reads: list[str]
) -> None:
    async with Archive(settings) as archive:
        found = await asyncio.gather(*(archive.thumbnails.get(str(image)) for _ in range(20)))
    async with Archive(settings) as archive:
        found.append(await archive.thumbnails.get(str(image)))
    assert len({one.body for one in found}) == 1
    assert row_of(found[0].body) == 20
    assert len(reads) == 1


async def test_a_replaced_file_has_another_picture_even_of_the_same_size_and_time(
    settings: Settings, image: Path
) -> None:
    async with Archive(settings) as archive:
        before = await archive.thumbnails.get(str(image))
        replace_with_the_same_time(image)
        after = await archive.thumbnails.get(str(image))
    assert (row_of(before.body), row_of(after.body)) == (20, 70)
    assert before.key != after.key


async def test_a_file_replaced_while_it_is_read_is_read_again(
    settings: Settings, image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def replaced_meanwhile(path: str, max_size: int) -> bytes:
        body = readers.thumbnail.read_thumbnail(path, max_size)
        if row_of(body) == 20:
            write_image(image.with_suffix(".new"), bright_row=70).replace(image)
        return body

    monkeypatch.setattr(thumbnails, "read_thumbnail", replaced_meanwhile)
    async with Archive(settings) as archive:
        assert row_of((await archive.thumbnails.get(str(image))).body) == 70


async def test_a_damaged_file_says_so_without_being_read_again_until_it_is_replaced(
    settings: Settings, image: Path, reads: list[str]
) -> None:
    write_nonsense(image)
    async with Archive(settings) as archive:
        for _ in range(3):
            with pytest.raises(FITSError, match=r"image\.fits cannot be read"):
                await archive.thumbnails.get(str(image))
        assert len(reads) == 1
        write_image(image, bright_row=3)
        assert row_of((await archive.thumbnails.get(str(image))).body) == 3
        with pytest.raises(FileMissing):
            await archive.thumbnails.get(str(image.with_name("other.fits")))


async def test_a_damaged_picture_on_the_disk_is_made_anew(settings: Settings, image: Path) -> None:
    async with Archive(settings) as archive:
        good = await archive.thumbnails.get(str(image))
    kept = damaged(settings.cache_dir / "thumbnails", good.body)
    async with Archive(settings) as archive:
        assert (await archive.thumbnails.get(str(image))).body == good.body
    assert kept.read_bytes() == good.body


@pytest.mark.parametrize("place", ["inside the archive", "a file", "below a file"])
async def test_without_a_folder_everything_works_from_memory(
    settings: Settings, image: Path, reads: list[str], tmp_path: Path, place: str
) -> None:
    (tmp_path / "file").write_text("taken")
    cache_dir = {
        "inside the archive": settings.roots[0] / "cache",
        "a file": tmp_path / "file",
        "below a file": tmp_path / "file" / "x",
    }[place]  # fmt: skip
    async with Archive(replace(settings, cache_dir=cache_dir)) as archive:
        for _ in range(2):
            assert row_of((await archive.thumbnails.get(str(image))).body) == 20
        assert "kept in memory only" in archive.thumbnails.note
    assert len(reads) == 1
    assert [path.name for path in settings.roots[0].iterdir()] == ["image.fits"]


async def test_no_more_files_are_read_at_once_than_allowed(
    settings: Settings, image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running, most = 0, 0
    real: Any = readers.thumbnail.read_thumbnail

    def counted(path: str, max_size: int) -> bytes:
        nonlocal running, most
        running += 1
        most = max(most, running)
        try:
            return bytes(real(path, max_size))
        finally:
            running -= 1

    monkeypatch.setattr(thumbnails, "read_thumbnail", counted)
    paths = [Path(shutil.copy(image, image.with_name(f"{i}.fits"))) for i in range(12)]
    async with Archive(replace(settings, reader_threads=8)) as archive:
        await asyncio.gather(*(archive.thumbnails.get(str(path)) for path in paths))
    assert 1 <= most <= 4


def body(n_bytes: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"x" * (n_bytes - 16) + b"IEND\xaeB`\x82"


def test_the_longest_unused_pictures_go_first(tmp_path: Path) -> None:
    begin, end = thumbnails.PNG_ENDS
    folder = KeptFolder(tmp_path, max_bytes=10_000, suffix=".png", begin=begin, end=end)
    for number in range(10):
        assert folder.put(f"{number:040d}", body(1000))
        os.utime(tmp_path / "00" / f"{number:040d}.png", (1e9 + number, 1e9 + number))
    assert folder.get(f"{0:040d}") is not None  # used now
    folder.put("f" * 40, body(1000))
    left = {path.name for path in tmp_path.glob("*/*.png")}
    assert sum(path.stat().st_size for path in tmp_path.glob("*/*.png")) <= 8000
    assert f"{0:040d}.png" in left
    assert "f" * 40 + ".png" in left
    assert f"{1:040d}.png" not in left
