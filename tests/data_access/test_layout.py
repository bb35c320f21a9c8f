"""Logical tables: found wherever they are, under any of their names, with what they lack read as NULL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from data_access.changes import ChangeWatcher
from data_access.database import Database
from data_access.errors import DatabaseMissing, TableMissing
from data_access.layout import TABLES, Layout, may_hold
from data_access.settings import ROLES
from tests.data_access.database_samples import OtherProcess, make_database, plain

Make = Callable[..., Awaitable[Layout]]
EMPTY_TWICE = dict.fromkeys(("products", "cal_registry"), ("CREATE TABLE caltables (id)",))


@pytest.fixture
async def make_layout(tmp_path: Path) -> AsyncIterator[Make]:
    """Return a function that builds a layout: role -> SQL statements, or None for a file that is missing."""
    async with AsyncExitStack() as stack:

        async def make(**statements: tuple[str, ...] | None) -> Layout:
            databases = {}
            for role, sql in statements.items():
                path = tmp_path / f"{role}.sqlite3"
                if sql is not None:
                    make_database(path, *sql)
                databases[role] = Database(role, path)
                stack.push_async_callback(databases[role].close)
            return Layout(databases)

        yield make


async def test_of_several_files_the_one_with_rows_is_asked(make_layout: Make) -> None:
    layout = await make_layout(
        products=("CREATE TABLE hdf5_file_index (path)",),
        hdf5=("CREATE TABLE hdf5_file_index (path)", "INSERT INTO hdf5_file_index VALUES ('/a')"),
    )
    assert (await layout.find("hdf5_files")).database.role == "hdf5"


async def test_a_copy_of_a_table_is_not_taken_for_its_home(make_layout: Make) -> None:
    rows = ("CREATE TABLE hdf5_file_index (path)", "INSERT INTO hdf5_file_index VALUES ('/a')")
    queue = ("CREATE TABLE ingest_queue (group_id)", "INSERT INTO ingest_queue VALUES ('a')")
    layout = await make_layout(products=(*rows, *queue), ingest=queue, hdf5=rows, raw_index=rows)
    assert (await layout.find("hdf5_files")).database.role == "raw_index"
    assert (await layout.find("ingest_queue")).database.role == "ingest"


async def test_the_unified_file_is_asked_before_what_the_split_layout_left_behind(make_layout: Make) -> None:
    rows = ("CREATE TABLE caltables (id)", "INSERT INTO caltables VALUES (1)")
    layout = await make_layout(pipeline=rows, cal_registry=rows)
    assert (await layout.find("caltables")).database.role == "pipeline"


async def test_raw_files_that_only_another_file_knows_are_found_there(make_layout: Make) -> None:
    table = "CREATE TABLE hdf5_file_index (path)"
    layout = await make_layout(
        products=(table, "INSERT INTO hdf5_file_index VALUES ('/a')"), hdf5=(table,), raw_index=(table,)
    )
    assert (await layout.find("hdf5_files")).database.role == "products"


async def test_when_all_are_empty_the_first_is_taken(make_layout: Make) -> None:
    layout = await make_layout(products=("CREATE TABLE images (id)",), pipeline=("CREATE TABLE images (id)",))
    assert (await layout.find("images")).database.role == "pipeline"


async def test_rows_that_arrive_later_in_another_file_are_found(
    make_layout: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("data_access.database._RECENT_S", 0.0)
    layout = await make_layout(**EMPTY_TWICE)
    before = await layout.find("caltables")
    with OtherProcess(layout.databases["products"].path) as writer:
        writer.run("INSERT INTO caltables VALUES (1)")
    after = await layout.find("caltables")
    assert (before.database.role, after.database.role) == ("cal_registry", "products")


async def test_a_table_that_nobody_has_is_missing_under_its_plain_name(make_layout: Make) -> None:
    layout = await make_layout(products=("CREATE TABLE other (x)",))
    with pytest.raises(TableMissing, match="'ingest_queue'"):
        await layout.find("ingest_queue")
    assert await layout.find_or_none("ingest_queue") is None


async def test_a_missing_file_is_named_when_it_could_have_held_the_table(make_layout: Make) -> None:
    layout = await make_layout(products=None, alerts=("CREATE TABLE alert_history (id)",))
    with pytest.raises(DatabaseMissing):
        await layout.find("images")


async def test_a_missing_file_of_another_purpose_is_not_blamed(make_layout: Make) -> None:
    layout = await make_layout(products=("CREATE TABLE mosaics (id)",), hdf5=None)
    assert (await layout.find("mosaics")).name == "mosaics"
    assert await layout.find_or_none("image_qa") is None


@pytest.mark.parametrize("role", [role.role for role in ROLES])
def test_every_essential_table_has_a_role_that_may_hold_it(role: str) -> None:
    held = {name for name in TABLES if may_hold(role, name)}
    assert held == set(TABLES) or not held & {"images", "photometry", "ms_index"}


async def test_what_a_file_lacks_reads_as_null(make_layout: Make) -> None:
    layout = await make_layout(products=("CREATE TABLE images (id INTEGER PRIMARY KEY, path)",))
    table = await layout.find("images")
    assert table.select(("path", "noise_jy"), "i") == ('i."path"', "NULL")
    assert table.first_of("noise_jy", "path") == '"path"'
    assert table.first_of("noise_jy") == "NULL"


async def test_rows_are_told_apart_by_their_number_and_those_of_a_view_by_a_column(make_layout: Make) -> None:
    layout = await make_layout(
        products=(
            "CREATE TABLE ms_index (path TEXT PRIMARY KEY)",
            "CREATE TABLE images (path TEXT PRIMARY KEY) WITHOUT ROWID",
            "CREATE VIEW jobs AS SELECT path AS id FROM images",
        )
    )
    keys = [(await layout.find(name)).key(column) for name, column in
            (("ms_index", "path"), ("images", "path"), ("jobs", "id"))]  # fmt: skip
    assert keys == ["rowid", '"path"', '"id"']


@pytest.fixture
async def numbered(make_layout: Make) -> Database:
    layout = await make_layout(products=(
        "CREATE TABLE t (x)", "INSERT INTO t VALUES (1), (2), (3)",
        "CREATE TABLE b (x)", "INSERT INTO b VALUES (x'ff'), (9e999)",
    ))  # fmt: skip
    return layout.databases["products"]


async def test_questions_asked_together_are_answered_as_one_by_one(numbered: Database) -> None:
    queries = [("SELECT x, x + ? FROM t ORDER BY x", (10,)), ("SELECT count(*) FROM t", ())]
    together = await numbered.fetch_together(queries)
    alone = [await numbered.fetch(*q) for q in queries]
    assert together == alone
    assert plain(together[0]) == [[1, 11], [2, 12], [3, 13]]


async def test_bytes_and_infinities_among_questions_asked_together_come_through(numbered: Database) -> None:
    queries = [("SELECT x FROM b", ()), ("SELECT max(x) FROM t", ())]
    together = await numbered.fetch_together(queries)
    assert [plain(found) for found in together] == [[["\ufffd"], [float("inf")]], [[3]]]


async def test_each_question_asked_together_has_the_row_cap(numbered: Database) -> None:
    numbered.row_cap = 2
    found = await numbered.fetch_together([("SELECT x FROM t ORDER BY x", ()), ("SELECT 1", ())])
    assert [(len(rows.rows), rows.truncated) for rows in found] == [(2, True), (1, False)]


async def test_a_table_is_looked_for_again_only_after_a_commit_to_any_database(
    make_layout: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("data_access.database._RECENT_S", 0.3)
    layout = await make_layout(**EMPTY_TWICE)
    looked: list[str] = []
    look_for = layout._look_for
    monkeypatch.setattr(layout, "_look_for", lambda logical: looked.append(logical) or look_for(logical))
    watcher = ChangeWatcher(layout.databases, interval_s=1.0)

    async def find_and_watch(seconds: float) -> str:
        for _ in range(round(seconds / 0.1)):
            await watcher.look()
            found = await layout.find("caltables")
            await asyncio.sleep(0.1)
        return found.database.role

    await find_and_watch(0.8)  # the first readers of a file leave traces beside it
    looked.clear()
    assert (await find_and_watch(1.0), looked) == ("cal_registry", [])
    with OtherProcess(layout.databases["products"].path) as writer:
        writer.run("INSERT INTO caltables VALUES (1)")
    assert await find_and_watch(0.6) == "products"
    looked.clear()
    await asyncio.sleep(0.4)  # nobody watches: nothing is known
    await layout.find("caltables")
    assert looked == ["caltables"]
