"""The report of `check` and of /status: judged by what the pages need, not by the worst table."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from data_access.archive import Archive, open_archive
from data_access.layout import TABLES
from data_access.records import TableState, UnusedTable
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


def add(archive: Archive, *statements: str) -> None:
    """Let the pipeline make more tables."""
    with closing(sqlite3.connect(archive.databases["pipeline"].path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


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


async def unused_of(archive: Archive) -> dict[str, UnusedTable]:
    (database,) = (await archive.health.report(with_unused=True)).databases
    assert database.ok
    return {table.name: table for table in database.unused}


async def test_tables_that_no_page_shows_are_told_to_those_who_ask(archive: Archive) -> None:
    add(archive, 'CREATE TABLE "odd ""name" (a, b)', 'INSERT INTO "odd ""name" VALUES (1, 2)')
    add(archive, "CREATE TABLE ordered (id INTEGER PRIMARY KEY AUTOINCREMENT)")  # SQLite keeps a table of its own
    unused = await unused_of(archive)
    assert set(unused) == {'odd "name', "ordered"}
    assert unused['odd "name'] == UnusedTable('odd "name', "table", 2, "1", n_rows=1, count_kind="exact")
    (database,) = (await archive.health.report()).databases
    assert database.unused == ()


async def test_the_name_of_a_table_that_the_pages_do_not_read_is_unused(archive: Archive) -> None:
    add(archive, "CREATE TABLE calibration_tables (id)")
    assert (await unused_of(archive))["calibration_tables"].n_rows == 0


@pytest.mark.parametrize(
    "broken",
    ["CREATE VIEW broken AS SELECT * FROM gone", "CREATE VIEW broken AS SELECT a, no_function(a) AS b FROM fine"],
)
async def test_a_broken_view_hurts_no_other_table(archive: Archive, broken: str) -> None:
    add(archive, "CREATE TABLE fine (a)", broken, "CREATE TABLE zebra (a)")
    unused = await unused_of(archive)
    assert unused["broken"].error
    assert (unused["fine"].error, unused["zebra"].error) == ("", "")
    assert (await archive.health.report(with_unused=True)).ok


async def test_a_damaged_table_that_no_page_shows_is_named(archive: Archive) -> None:
    add(archive, "CREATE TABLE fine (a)", "CREATE TABLE torn (a)")
    damage(archive.databases["pipeline"].path, "torn")
    unused = await unused_of(archive)
    assert "damaged" in unused["torn"].error
    assert unused["fine"].rows == "0"


async def test_no_table_is_gone_through_as_a_whole(archive: Archive) -> None:
    numbers = "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 30000) "
    add(archive, "CREATE TABLE long (a)", f"{numbers} INSERT INTO long SELECT i FROM c")
    add(archive, "CREATE TABLE keyed (a PRIMARY KEY) WITHOUT ROWID", "INSERT INTO keyed SELECT a FROM long")
    endless = "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c) SELECT sum(i) AS total FROM c"
    add(archive, f"CREATE VIEW endless AS {endless}")
    unused = await unused_of(archive)
    assert (unused["long"].rows, unused["keyed"].rows) == ("at most 30,000", "10,000+")
    assert (unused["endless"].rows, unused["endless"].error) == ("not counted", "")


async def test_rows_are_counted_in_words_and_as_a_number(archive: Archive) -> None:
    table = table_of(await archive.health.report(), "images")
    assert (table.rows, table.n_rows, table.count_kind) == ("2", 2, "exact")
