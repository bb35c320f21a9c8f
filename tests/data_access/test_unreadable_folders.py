"""Folders that nobody may look into: said so, never called empty or missing, and no other question fails."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from data_access import open_archive
from data_access.errors import DatabaseError, DatabaseMissing, FileUnreadable
from data_access.offload import Offload
from data_access.presence import is_folder, may_exist
from data_access.records import PageRequest
from data_access.repositories.images import ImageFilter
from data_access.services.logs import LogService
from data_access.services.roots import Roots
from data_access.settings import load_settings
from tests.data_access.database_samples import make_database

_NOBODY = 65534
IMAGES = ("CREATE TABLE images (id INTEGER PRIMARY KEY, path TEXT)", "INSERT INTO images (path) VALUES ('/a.fits')")


@contextmanager
def closed(folder: Path) -> Iterator[None]:
    """Take every right to a folder away; root, who may look anywhere, becomes somebody else meanwhile."""
    is_root = os.geteuid() == 0
    folder.chmod(0o000)
    if is_root:
        os.seteuid(_NOBODY)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)
        folder.chmod(0o755)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state folder with a products database."""
    make_database(tmp_path / "state" / "products.sqlite3", *IMAGES)
    return tmp_path / "state"


def test_what_may_not_be_looked_at_counts_as_there(state: Path) -> None:
    with closed(state):
        assert may_exist(state / "products.sqlite3")
        assert not is_folder(state / "db")
    assert may_exist(state)
    assert not may_exist(state / "nothing")
    assert not may_exist(Path("\0"))
    assert is_folder(state)
    assert not is_folder(state / "products.sqlite3")


async def test_a_closed_state_folder_is_no_reason_to_end(state: Path) -> None:
    with closed(state):
        settings = load_settings(state_dir=state)
        assert "products" in settings.databases
        async with open_archive(state) as archive:
            with pytest.raises(DatabaseError, match="cannot be opened") as caught:
                await archive.images.find(ImageFilter(), PageRequest())
            await archive.changes.look()
    assert not isinstance(caught.value, DatabaseMissing)
    assert "permissions" in caught.value.remedy


async def test_a_state_folder_that_is_closed_later_is_met_by_the_question_alone(state: Path) -> None:
    async with open_archive(state) as archive:
        assert len((await archive.images.find(ImageFilter(), PageRequest())).rows) == 1
        with closed(state):
            await archive.databases.look_again()
            await archive.changes.look()
        assert len((await archive.images.find(ImageFilter(), PageRequest())).rows) == 1


@pytest.fixture
def log_folders(tmp_path: Path) -> tuple[Path, Path]:
    """Two folders with a log each, in folders that everybody may pass."""
    made = (tmp_path / "one", tmp_path / "other")
    for folder in made:
        folder.mkdir()
        (folder / "job-1.log").write_text("line\n")
    for folder in (tmp_path, *(parent for parent in tmp_path.parents if parent.name.startswith("pytest-"))):
        folder.chmod(0o755)
    return made


async def test_a_closed_log_folder_is_not_called_empty(log_folders: tuple[Path, Path]) -> None:
    one, other = log_folders
    offload = Offload(threads=1, processes=1, deadline_s=5)
    both = Roots((one, other), setting="log_roots")
    try:
        with closed(one):
            page = await LogService(both, offload).find()
            assert [Path(f.path).parent.name for f in page.rows] == ["other"]
            assert page.note == f"{one} cannot be read: permission denied"
            with pytest.raises(FileUnreadable, match="permission denied"):
                await LogService(Roots((one,), setting="log_roots"), offload).find()
            nothing = LogService(Roots((one.parent / "none",), setting="log_roots"), offload)
            assert (await nothing.find()).rows == ()
    finally:
        await offload.close()
