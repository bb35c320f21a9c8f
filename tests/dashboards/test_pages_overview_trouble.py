"""Tonight when something is amiss: what cannot be read now is asked for again, times to come make nothing new."""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from dashboards.pages.calibration_tiles import age_word
from dashboards.pages.overview import OverviewPage
from dashboards.session import Session
from data_access import Archive, open_archive
from data_access.demo import write_demo

_DAY = 86400.0


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_demo(tmp_path_factory.mktemp("overview_trouble") / "archive", nights=1)


@pytest.fixture
def databases(written: Path, tmp_path: Path) -> Path:
    """The databases of a demo archive, to be changed."""
    shutil.copytree(written / "state", tmp_path / "state")
    return tmp_path / "state" / "db"


@pytest.fixture
async def archive(databases: Path) -> AsyncIterator[Archive]:
    async with open_archive(databases.parent) as opened:
        yield opened


async def open_page(archive: Archive) -> OverviewPage:
    page = OverviewPage(Session(archive))
    page.__panel__()
    await page.load()
    return page


def tile_of(page: OverviewPage, title: str) -> dict[str, Any]:
    return next(tile for tile in page.tiles.tiles if tile["title"] == title)


def execute(path: Path, sql: str, *values: object) -> None:
    with closing(sqlite3.connect(path)) as writer, writer:
        writer.execute(sql, values)


async def test_a_page_that_met_a_lock_asks_again_until_it_can_read(databases: Path) -> None:
    products = databases / "products.sqlite3"
    execute(products, "PRAGMA journal_mode = delete")
    (databases.parent / "settings.toml").write_text(
        f'state_dir = "{databases.parent}"\nbusy_timeout_s = 0.05\n', encoding="utf-8"
    )
    async with open_archive(config=databases.parent / "settings.toml") as archive:
        with closing(sqlite3.connect(products, isolation_level=None)) as writer:
            writer.execute("BEGIN EXCLUSIVE")
            page = await open_page(archive)
            assert tile_of(page, "Newest observation")["state"] == "bad"
            assert page.is_waiting
            writer.execute("ROLLBACK")
        await page.load()
        assert tile_of(page, "Newest observation")["word"] == "current"
        assert not page.is_waiting


async def test_an_image_registered_in_the_future_hides_no_stall(databases: Path, archive: Archive) -> None:
    products = databases / "products.sqlite3"
    execute(products, "UPDATE images SET created_at = created_at - 3 * ?", _DAY)
    execute(products, "INSERT INTO images (path, ms_path, type, created_at) VALUES ('/x', '/y', '5min', ?)", 2.5e9)
    tile = tile_of(await open_page(archive), "Newest image")
    assert (tile["state"], tile["word"]) == ("bad", "none for a day")
    execute(products, "UPDATE images SET created_at = 2.5e9")
    tile = tile_of(await open_page(archive), "Newest image")
    assert (tile["state"], tile["word"], tile["note"]) == (
        "warn", "age not known", "the time of its registration is to come"
    )  # fmt: skip


async def test_a_calibration_made_in_the_future_is_not_fresh(databases: Path, archive: Archive) -> None:
    registry = databases / "cal_registry.sqlite3"
    execute(registry, "UPDATE caltables SET created_at = ?", time.time() - 3 * _DAY)
    execute(registry, "UPDATE caltables SET created_at = ? WHERE id = (SELECT max(id) FROM caltables)", 2.5e9)
    tile = tile_of(await open_page(archive), "Calibration")
    assert (tile["state"], tile["word"]) == age_word(3 * _DAY)[::-1]
    execute(registry, "UPDATE caltables SET created_at = 2.5e9")
    tile = tile_of(await open_page(archive), "Calibration")
    assert (tile["state"], tile["word"]) == ("warn", "age not known")


@pytest.mark.parametrize("n_left", [1, 0])
async def test_alerts_of_a_database_that_cannot_be_read_are_not_taken_for_none(
    databases: Path, archive: Archive, n_left: int
) -> None:
    execute(databases / "products.sqlite3", "DELETE FROM alert_history")
    if n_left:
        execute(
            databases / "products.sqlite3",
            "INSERT INTO alert_history (source_id, alert_type, severity, message, sent_at) "
            "VALUES ('', 'system_error', 'info', 'a note', ?)",
            time.time() - 60.0,
        )
    (databases / "alerts.sqlite3").write_bytes(b"garbage" * 1000)
    page = await open_page(archive)
    tile = tile_of(page, "Open alerts")
    assert ("alerts.sqlite3" in page.alerts.note) == bool(n_left)
    if n_left:
        assert (tile["value"]["t"], tile["state"], tile["word"]) == ("1+", "warn", "to look at")
        assert "not all databases with alerts can be read" in tile["note"]
        assert "alerts.sqlite3" in tile["value"]["title"]
    else:
        assert tile["word"] == "cannot be read"


async def test_an_alert_that_reached_nobody_says_why(databases: Path, archive: Archive) -> None:
    for name in ("products", "alerts"):
        execute(databases / f"{name}.sqlite3", "DELETE FROM alert_history")
    execute(
        databases / "products.sqlite3",
        "INSERT INTO alert_history (source_id, alert_type, severity, message, sent_at, success, error_msg) "
        "VALUES ('', 'system_error', 'info', 'a note', ?, 0, 'channel_not_found')",
        time.time() - 60.0,
    )
    page = await open_page(archive)
    (state,) = [row["cells"][2] for row in page.alerts.rows]
    assert (state["t"], state["n"]) == ("not delivered", "channel_not_found")


async def test_groups_that_are_stuck_are_not_normal(databases: Path, archive: Archive) -> None:
    ingest, now = databases / "ingest.sqlite3", time.time()
    execute(ingest, "DELETE FROM ingest_queue")
    for group, at in (("2025-10-13T13:28:03", now - 7200.0), ("2025-10-13T13:33:12", now)):
        execute(
            ingest,
            "INSERT INTO ingest_queue (group_id, state, received_at, last_update, retry_count) "
            "VALUES (?, 'in_progress', 0, ?, 0)",
            group,
            at,
        )
    tile = tile_of(await open_page(archive), "Waiting")
    assert (tile["value"]["t"], tile["state"], tile["word"]) == ("2", "warn", "1 stuck")
    execute(ingest, "UPDATE ingest_queue SET last_update = ?", now)
    tile = tile_of(await open_page(archive), "Waiting")
    assert (tile["state"], tile["word"]) == ("ok", "normal")


async def test_an_empty_queue_is_not_called_absent(databases: Path, archive: Archive) -> None:
    execute(databases / "ingest.sqlite3", "DELETE FROM ingest_queue")
    tile = tile_of(await open_page(archive), "Waiting")
    assert (tile["value"]["t"], tile["state"], tile["word"]) == ("0", "off", "nothing in the queue")
