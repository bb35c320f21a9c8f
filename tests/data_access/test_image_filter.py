"""The image list by time, place, beam and grade, and by what SQL cannot test: every row once, in order."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from data_access.analysis.cones import Cone
from data_access.archive import open_archive
from data_access.records import Image, PageRequest
from data_access.repositories import refined
from data_access.repositories.image_filter import GRADES, NOT_JUDGED, ImageFilter, image_grade

COLUMNS = "path ms_path center_ra_deg center_dec_deg beam_major_arcsec noise_jy dynamic_range type"
ROWS: list[tuple[Any, ...]] = [
    ("/i/2025-10-13T01:00:00.img.fits", None, 0.2, 54.0, 30.0, 0.0005, 500.0, "5min"),
    ("/i/2025-10-13T23:59:59.img.fits", None, 359.9, 54.1, 31.0, 0.0005, 20.0, None),
    ("/i/no-time.fits", "/ms/a.ms", None, None, 40.0, 0.002, None, "IMAGE"),
    ("/i/nothing.fits", None, None, None, None, None, None, "rms"),
    ("/i/2025-10-14T00:00:00.img.image/", None, -0.3, 54.0, "wide", "much", None, None),
    ("/i/field_2025-10-14T12:00:00.fits", None, 180.0, 89.9, 5.0, 0.02, 5.0, "5min"),
    ("/i/2025-11-01T00:00:00-model.fits", None, 90.0, 10.0, 5.0, 1e-10, 5.0, "Model"),
]
NAMES = ["first", "second", "of_ms", "nothing", "third", "pole", "model"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("image_filter")
    connection = sqlite3.connect(root / "products.sqlite3")
    connection.execute(f"CREATE TABLE images (id INTEGER PRIMARY KEY, {', '.join(COLUMNS.split())})")
    connection.execute("CREATE TABLE ms_index (path TEXT PRIMARY KEY, mid_mjd, ra_deg, dec_deg)")
    connection.execute("CREATE TABLE image_qa (id INTEGER PRIMARY KEY, image_path, overall_quality)")
    marks = ", ".join("?" * len(COLUMNS.split()))
    connection.executemany(f"INSERT INTO images ({', '.join(COLUMNS.split())}) VALUES ({marks})", ROWS)
    connection.execute("INSERT INTO ms_index VALUES ('/ms/a.ms', 60961.25, 0.0, 53.5)")
    connection.execute("INSERT INTO image_qa VALUES (1, '/i/nothing.fits', 'poor')")
    connection.commit()
    connection.close()
    return root


async def found(folder: Path, wanted: ImageFilter) -> list[str]:
    async with open_archive(folder) as archive:
        page = await archive.images.find(wanted, PageRequest(50, descending=False))
        assert str(await archive.images.count(wanted)) == str(len(page.rows))
    return [NAMES[image.id - 1] for image in page.rows]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (ImageFilter(after_mjd=60961.0, before_mjd=60962.0), ["first", "second", "of_ms", "third"]),
        (ImageFilter(after_mjd=60961.9), ["second", "third", "pole", "model"]),
        (ImageFilter(before_mjd=60961.2), ["first"]),
        (ImageFilter(cone=Cone(0.0, 54.0, 1.0)), ["first", "second", "of_ms", "third"]),
        (ImageFilter(cone=Cone(0.0, 54.0, 0.2)), ["first", "second", "third"]),
        (ImageFilter(cone=Cone(0.0, 89.95, 0.2)), ["pole"]),
        (ImageFilter(dec_min_deg=53.0, dec_max_deg=53.9), ["of_ms"]),
        (ImageFilter(beam_min_arcsec=30.5), ["second", "of_ms"]),
        (ImageFilter(noise_min_jy=0.001), ["of_ms", "pole"]),
        (ImageFilter(grade="good"), ["first"]),
        (ImageFilter(grade="suspect"), ["second", "of_ms"]),
        (ImageFilter(grade="bad"), ["pole"]),
        (ImageFilter(grade="not judged"), ["nothing", "third", "model"]),
        (ImageFilter(verdict="poor"), ["nothing"]),
        (ImageFilter(grade="suspect", cone=Cone(0.0, 54.0, 0.2)), ["second"]),
    ],
    ids=str,
)
async def test_images_are_filtered_by_time_place_and_quality(
    folder: Path, wanted: ImageFilter, expected: list[str]
) -> None:
    assert await found(folder, wanted) == expected


async def test_every_image_has_the_grade_by_which_it_is_found(folder: Path) -> None:
    async with open_archive(folder) as archive:
        for grade in GRADES:
            for image in (await archive.images.find(ImageFilter(grade=grade), PageRequest(50))).rows:
                word = image_grade(image).word
                assert word == grade if grade != NOT_JUDGED else word not in GRADES
    parts = [name for grade in GRADES for name in await found(folder, ImageFilter(grade=grade))]
    assert sorted(parts) == sorted(NAMES)


async def test_the_position_says_whether_it_is_the_pointing_of_the_set(folder: Path) -> None:
    async with open_archive(folder) as archive:
        own, of_ms, nothing = [(await archive.images.get(i)).position for i in (1, 3, 4)]
    assert (own.ra_deg, own.dec_deg, own.origin) == (0.2, 54.0, "image")
    assert (of_ms.ra_deg, of_ms.dec_deg, of_ms.origin) == (0.0, 53.5, "MS")
    assert (nothing.ra_deg, nothing.origin) == (None, "")


@pytest.fixture
def many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """300 images of which every seventh passes, looked at 10 by 10 and at most 40 for a page."""
    monkeypatch.setattr(refined, "CHUNK_ROWS", 10)
    monkeypatch.setitem(refined.read_refined_page.__kwdefaults__, "most_rows", 40)
    connection = sqlite3.connect(tmp_path / "products.sqlite3")
    connection.execute("CREATE TABLE images (id INTEGER PRIMARY KEY, path TEXT, noise_jy REAL)")
    rows = [(i, f"/{i}.fits", None if i % 5 == 0 else (i * 37 % 101) / 7.0) for i in range(1, 301)]
    connection.executemany("INSERT INTO images VALUES (?, ?, ?)", rows)
    connection.commit()
    connection.close()
    return tmp_path


async def every_seventh(images: Sequence[Image]) -> list[bool]:
    return [image.id % 7 == 0 for image in images]


@pytest.mark.parametrize("sort", ["id", "noise_jy"])
@pytest.mark.parametrize("limit", [1, 4, 50])
async def test_a_walk_over_tested_rows_meets_every_one_once_there_and_back(many: Path, sort: str, limit: int) -> None:
    async with open_archive(many) as archive:
        whole = (await archive.images.find(ImageFilter(), PageRequest(1000, "", sort))).rows
        expected = [image.id for image in whole if image.id % 7 == 0]
        there, cursor = [], ""
        while True:
            request = PageRequest(limit, cursor, sort)
            page = await archive.images.find(ImageFilter(), request, keep=every_seventh)
            there += [image.id for image in page.rows]
            cursor = page.next_cursor
            if not cursor:
                break
        back: list[int] = [image.id for image in reversed(page.rows)]
        cursor = page.previous_cursor
        while cursor:
            page = await archive.images.find(ImageFilter(), PageRequest(limit, cursor, sort), keep=every_seventh)
            back += [image.id for image in reversed(page.rows)]
            cursor = page.previous_cursor
    assert there == expected
    assert back == expected[::-1]


async def test_a_page_that_is_not_full_says_how_far_it_looked(many: Path) -> None:
    async with open_archive(many) as archive:
        page = await archive.images.find(ImageFilter(), PageRequest(50), keep=every_seventh)
    assert len(page.rows) < 50
    assert page.next_cursor
    assert "of the 40 rows looked at" in page.note
