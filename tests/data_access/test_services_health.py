"""The report of `check` and of /status: judged by what the pages need, not by the worst table."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from data_access.archive import Archive, open_archive
from data_access.layout import TABLES
from data_access.records import TableState
from data_access.services.health import USED_BY, HealthReport
from tests.data_access.database_samples import make_database

TABLES_HERE = ("ms_index", "images", "photometry", "caltables", "image_qa")


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[Archive]:
    """An archive of one small file with the essential tables and one more."""
    tables = [f"CREATE TABLE {name} (id INTEGER PRIMARY KEY, path TEXT, source_id TEXT)" for name in TABLES_HERE]
    rows = [f"INSERT INTO {name} (path) VALUES ('/a'), ('/b')" for name in TABLES_HERE]
    make_database(tmp_path / "pipeline.sqlite3", *tables, *rows)
    async with open_archive(tmp_path) as archive:
        yield archive


def damage(database: Path, table: str) -> None:
    """Overwrite the first page of one table."""
    connection = sqlite3.connect(database)
    page = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()[0]
    size = connection.execute("PRAGMA page_size").fetchone()[0]
    connection.close()
    with database.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)


def table_of(report: HealthReport, name: str) -> TableState:
    return next(table for database in report.databases for table in database.tables if table.name == name)


async def test_one_damaged_table_that_is_not_essential_leaves_the_verdict(archive: Archive) -> None:
    damage(archive.databases["pipeline"].path, "image_qa")
    report = await archive.health.report()
    assert report.ok
    assert report.missing == ()
    assert "damaged" in table_of(report, "image_qa").error
    assert table_of(report, "images").rows == "2"


async def test_a_damaged_essential_table_is_named_and_the_others_are_still_counted(archive: Archive) -> None:
    damage(archive.databases["pipeline"].path, "photometry")
    report = await archive.health.report()
    assert not report.ok
    assert report.missing == ("photometry",)
    assert "damaged" in table_of(report, "photometry").error
    assert table_of(report, "images").rows == "2"


def test_every_table_that_is_not_essential_names_the_pages_that_show_it() -> None:
    assert set(USED_BY) == {name for name, spec in TABLES.items() if not spec.essential}


async def test_tables_that_no_database_has_are_named_with_their_pages(archive: Archive) -> None:
    report = await archive.health.report()
    assert report.absent["jobs"] == "/jobs?view=tasks"
    assert "image_qa" not in report.absent


async def test_of_two_names_of_a_table_the_one_that_the_pages_read_is_counted(archive: Archive) -> None:
    connection = sqlite3.connect(archive.databases["pipeline"].path)
    connection.execute("ALTER TABLE caltables RENAME TO calibration_tables")
    connection.execute("CREATE TABLE caltables (id INTEGER PRIMARY KEY, path TEXT)")
    connection.close()
    read = await archive.layout.find("caltables")
    counted = table_of(await archive.health.report(), "caltables")
    assert (counted.physical_name, counted.rows) == (read.name, "2")


async def test_a_table_whose_rows_have_no_name_is_missing_for_the_main_pages(tmp_path: Path) -> None:
    tables = [f"CREATE TABLE {name} (foo)" for name in TABLES_HERE]
    make_database(tmp_path / "pipeline.sqlite3", *tables)
    async with open_archive(tmp_path) as archive:
        report = await archive.health.report()
    assert set(report.missing) == {"ms_index", "images", "photometry", "caltables"}
    assert "path" in table_of(report, "images").missing_columns


async def test_rows_are_counted_in_words_and_as_a_number(archive: Archive) -> None:
    table = table_of(await archive.health.report(), "images")
    assert (table.rows, table.n_rows, table.count_kind) == ("2", 2, "exact")
