"""The archive as a whole: it changes nothing, it asks everything, and one broken part does not hurt the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_access.archive import Archive, open_archive
from data_access.errors import DatabaseCorrupt, DatabaseError, TableMissing
from data_access.records import PageRequest
from data_access.repositories.images import ImageFilter
from tests.data_access.archive_exercise import exercise, public_questions
from tests.data_access.database_samples import OtherProcess, digests, make_database

IMAGES = "CREATE TABLE images (id INTEGER PRIMARY KEY, path TEXT, ms_path TEXT, created_at REAL)"
CALTABLES = "CREATE TABLE caltables (id INTEGER PRIMARY KEY, path TEXT, set_name TEXT, status TEXT, created_at REAL)"


async def test_asking_everything_changes_no_file_of_the_pipeline(real_archive_split: Path) -> None:
    before = digests(real_archive_split)
    async with open_archive(real_archive_split) as archive:
        images = await archive.images.newest(1)
        answers, asked = await exercise(archive, source_id="11", path=images[0].path)
        missing = public_questions(archive) - asked
    assert digests(real_archive_split) == before
    assert len(answers.values) > 100
    assert not missing, "these questions are not asked by archive_exercise.py"


async def test_an_open_and_idle_archive_never_stops_a_checkpoint(real_archive_unified: Path, tmp_path: Path) -> None:
    source = real_archive_unified / "state" / "db" / "pipeline.sqlite3"
    copy = tmp_path / "state" / "db" / "pipeline.sqlite3"
    copy.parent.mkdir(parents=True)
    with OtherProcess(source) as reader:
        reader.run(f"VACUUM INTO '{copy}'")
    with OtherProcess(copy) as writer:
        writer.run("PRAGMA journal_mode=WAL")
        async with open_archive(tmp_path) as archive:
            await exercise(archive, source_id="11")
            writer.run("UPDATE images SET type = type")
            ((busy, _, _),) = writer.run("PRAGMA wal_checkpoint(TRUNCATE)")
            mode = writer.run("PRAGMA journal_mode")
    assert (busy, mode) == (0, [["wal"]])


async def test_an_archive_without_any_database_can_be_opened_and_says_what_is_missing(tmp_path: Path) -> None:
    async with open_archive(tmp_path) as archive:
        with pytest.raises(TableMissing):
            await archive.images.find(ImageFilter(), PageRequest())
        report = await archive.health.report()
    assert (report.ok, report.layout) == (False, "none")


@pytest.fixture
def split(tmp_path: Path) -> Path:
    """A small split layout: images in one file, calibration tables in another."""
    make_database(
        tmp_path / "products.sqlite3", IMAGES, "INSERT INTO images (path) VALUES ('/a.fits')",
        "CREATE TABLE mosaics (id INTEGER PRIMARY KEY, path TEXT)", "CREATE TABLE caltables (id INTEGER, path TEXT)",
        "CREATE TABLE alert_history (id INTEGER PRIMARY KEY, message TEXT)",
        "INSERT INTO alert_history VALUES (1, 'm')",
    )  # fmt: skip
    make_database(
        tmp_path / "cal_registry.sqlite3", CALTABLES, "INSERT INTO caltables (path, status) VALUES ('/a', 'active')"
    )
    for name in ("hdf5", "ingest", "alerts", "calibrators"):
        make_database(tmp_path / f"{name}.sqlite3", "CREATE TABLE something (x)")
    return tmp_path


def _break(path: Path) -> None:
    path.write_bytes(b"this is no database " * 500)


@pytest.mark.parametrize("broken", ["hdf5", "ingest", "alerts", "calibrators", "cal_registry"])
async def test_a_broken_side_database_does_not_hurt_the_main_tables(split: Path, broken: str) -> None:
    _break(split / f"{broken}.sqlite3")
    async with open_archive(split) as archive:
        images = await archive.images.find(ImageFilter(), PageRequest())
        mosaics = await archive.images.find_mosaics(PageRequest())
        provenance_rows = await archive.images.find_qa(images.rows[0])
        alerts = await archive.operations.find_alerts()
    assert (len(images.rows), mosaics.rows, provenance_rows, len(alerts)) == (1, (), (), 1)


async def test_a_broken_database_is_an_error_of_its_own_tables(split: Path) -> None:
    _break(split / "cal_registry.sqlite3")
    async with open_archive(split) as archive:
        with pytest.raises(DatabaseCorrupt):
            await archive.calibration.newest_active()


async def test_a_broken_main_database_is_said_so_and_not_shown_as_an_empty_list(split: Path) -> None:
    _break(split / "products.sqlite3")
    async with open_archive(split) as archive:
        with pytest.raises(DatabaseCorrupt):
            await archive.images.find(ImageFilter(), PageRequest())
        with pytest.raises(DatabaseError):
            await archive.operations.find_alerts()
        newest = await archive.calibration.newest_active()
    assert newest is not None


async def test_health_reports_a_broken_database_and_the_state_of_the_others(split: Path) -> None:
    _break(split / "hdf5.sqlite3")
    async with open_archive(split) as archive:
        report = await archive.health.report()
    states = {state.role: state for state in report.databases}
    assert (states["hdf5"].ok, states["products"].ok) == (False, True)
    assert "no database" in states["hdf5"].error
    assert {table.name for table in states["products"].tables} >= {"images", "mosaics"}
    assert states["products"].journal == "wal"


async def test_an_archive_can_be_used_again_after_it_was_closed(split: Path) -> None:
    archive: Archive = open_archive(split)
    await archive.images.newest(1)
    await archive.close()
    assert len(await archive.images.newest(1)) == 1
    await archive.close()
