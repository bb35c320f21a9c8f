"""Databases that come later are found by the next question; a wrong state folder is named."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from data_access.archive import Archive, open_archive
from data_access.errors import TableMissing
from data_access.records import PageRequest
from data_access.repositories.images import ImageFilter
from tests.data_access.database_samples import make_database

IMAGES = ("CREATE TABLE images (id INTEGER PRIMARY KEY, path TEXT)", "INSERT INTO images (path) VALUES ('/a.fits')")


@pytest.fixture(autouse=True)
def every_question_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for the second between two looks."""
    monkeypatch.setattr("data_access.discovery._LOOK_AGAIN_S", 0.0)
    monkeypatch.setattr("data_access.database._RECENT_S", 0.0)


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[Archive]:
    """An archive that was opened on an empty state folder."""
    async with open_archive(tmp_path) as archive:
        yield archive


async def test_a_database_that_is_copied_in_later_answers_the_next_question(archive: Archive) -> None:
    with pytest.raises(TableMissing):
        await archive.images.find(ImageFilter(), PageRequest())
    make_database(archive.settings.state_dir / "products.sqlite3", *IMAGES)
    page = await archive.images.find(ImageFilter(), PageRequest())
    assert [image.path for image in page.rows] == ["/a.fits"]


async def test_a_database_that_is_copied_in_later_is_news(archive: Archive) -> None:
    await archive.changes.look()
    make_database(archive.settings.state_dir / "products.sqlite3", *IMAGES)
    change = await archive.changes.look()
    assert change is not None
    assert change.roles == {"products"}
    assert await archive.changes.look() is None


async def test_databases_are_asked_in_their_order_whenever_they_came(archive: Archive) -> None:
    state = archive.settings.state_dir
    for name in ("alerts", "products", "pipeline"):
        make_database(state / f"{name}.sqlite3", *IMAGES)
        await archive.databases.look_again()
    assert list(archive.databases) == ["pipeline", "products", "alerts"]


async def test_a_database_that_moves_to_the_other_folder_is_followed(archive: Archive) -> None:
    state = archive.settings.state_dir
    make_database(state / "products.sqlite3", *IMAGES)
    await archive.images.find(ImageFilter(), PageRequest())
    (state / "db").mkdir()
    shutil.move(state / "products.sqlite3", state / "db" / "products.sqlite3")
    page = await archive.images.find(ImageFilter(), PageRequest())
    assert len(page.rows) == 1
    assert archive.databases["products"].path == state / "db" / "products.sqlite3"


async def test_an_empty_file_does_not_hide_a_database_that_comes_later(archive: Archive) -> None:
    state = archive.settings.state_dir
    (state / "db").mkdir()
    (state / "db" / "products.sqlite3").touch()
    with pytest.raises(TableMissing):
        await archive.images.find(ImageFilter(), PageRequest())
    make_database(state / "products.sqlite3", *IMAGES)
    page = await archive.images.find(ImageFilter(), PageRequest())
    assert len(page.rows) == 1
    assert archive.databases["products"].path == state / "products.sqlite3"


async def test_a_state_folder_without_a_database_is_named_in_every_answer(archive: Archive) -> None:
    words = f"the state folder {archive.settings.state_dir} has no database"
    with pytest.raises(TableMissing, match="has no database") as caught:
        await archive.images.find(ImageFilter(), PageRequest())
    assert words in caught.value.message
    assert archive.changes.remarks == (words,)


async def test_a_state_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    async with open_archive(tmp_path / "wrong") as archive:
        words = f"the state folder {tmp_path / 'wrong'} does not exist"
        with pytest.raises(TableMissing) as caught:
            await archive.layout.find("images")
        assert words in caught.value.message
        assert (await archive.health.report()).complaint == words


async def test_a_database_that_is_missing_among_others_is_named_by_its_path(tmp_path: Path) -> None:
    make_database(tmp_path / "ingest.sqlite3", "CREATE TABLE ingest_queue (group_id)")
    async with open_archive(tmp_path) as archive:
        with pytest.raises(TableMissing) as caught:
            await archive.layout.find("images")
    assert (
        f"expected in {tmp_path / 'db/products.sqlite3'} or {tmp_path / 'products.sqlite3'}" in caught.value.message
    )


async def test_nobody_is_told_to_look_for_a_split_file_in_the_unified_layout(tmp_path: Path) -> None:
    make_database(tmp_path / "pipeline.sqlite3", *IMAGES)
    async with open_archive(tmp_path) as archive:
        with pytest.raises(TableMissing) as caught:
            await archive.layout.find("image_qa")
    assert "expected" not in caught.value.message
