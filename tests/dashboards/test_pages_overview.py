"""Tonight, the night screen and the status page."""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dashboards.pages.night import NightPage
from dashboards.pages.night_tiles import night_tiles
from dashboards.pages.overview import OverviewPage
from dashboards.pages.status import StatusPage
from dashboards.session import Session
from data_access import Archive, open_archive
from data_access.analysis.times import unix_to_mjd
from data_access.demo import write_demo
from data_access.services.night import window_of

_DAY = 86400.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_demo(tmp_path_factory.mktemp("overview") / "archive", nights=1)


@pytest.fixture
async def archive(folder: Path) -> AsyncIterator[Archive]:
    async with open_archive(folder) as opened:
        yield opened


async def open_page(archive: Archive, kind: type[OverviewPage] = OverviewPage) -> OverviewPage:
    page = kind(Session(archive))
    page.__panel__()
    await page.load()
    return page


async def test_tonight_has_a_tile_for_every_question_of_the_shift(archive: Archive) -> None:
    page = await open_page(archive)
    titles = [tile["title"] for tile in page.tiles.tiles]
    assert titles == [
        "Newest observation", "Newest image", "Observed in 24 h", "Failed in 24 h", "Waiting",
        "Calibration", "Open alerts", "ESE candidates", "Disk",
    ]  # fmt: skip
    assert all(tile["state"] for tile in page.tiles.tiles)


async def test_numbers_of_tonight_are_those_of_the_database(archive: Archive, folder: Path) -> None:
    page = await open_page(archive)
    night = await archive.night.summary()
    with sqlite3.connect(folder / "state" / "db" / "products.sqlite3") as reader:
        (n,) = reader.execute(
            "SELECT count(*) FROM ms_index WHERE mid_mjd BETWEEN ? AND ?",
            (night.window.start_mjd, night.window.end_mjd),
        ).fetchone()
    shown = next(tile for tile in page.tiles.tiles if tile["title"] == "Observed in 24 h")
    assert shown["value"]["t"] == str(n)


async def test_old_data_are_shown_as_old_with_the_window_they_come_from(archive: Archive) -> None:
    night = await archive.night.summary(now=time.time() + 30 * _DAY)
    tiles = {t["title"]: t for t in night_tiles(night, time.time() + 30 * _DAY, Session(archive).links)}
    assert not night.window.is_current
    assert tiles["Newest observation"]["word"] == "late"
    assert tiles["Newest image"]["state"] == "bad"
    assert tiles["Calibration"]["word"] == "critical"


def test_without_an_observation_the_window_is_the_last_day() -> None:
    now = 1_795_000_000.0
    window = window_of(None, now)
    assert window.is_current
    assert window.start_mjd == pytest.approx(unix_to_mjd(now) - 1)


async def test_one_broken_database_costs_one_tile(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "archive"
    shutil.copytree(folder / "state", copy / "state")
    for name in ("cal_registry.sqlite3", "cal_registry.sqlite3-wal", "cal_registry.sqlite3-shm"):
        (copy / "state" / "db" / name).unlink(missing_ok=True)
    (copy / "state" / "db" / "cal_registry.sqlite3").write_bytes(b"no database at all" * 400)
    async with open_archive(copy) as archive:
        tiles = {t["title"]: t for t in (await open_page(archive)).tiles.tiles}
    assert tiles["Calibration"]["word"] == "cannot be read"
    assert "cal_registry" in tiles["Calibration"]["note"]
    assert tiles["Observed in 24 h"]["state"] == "info"


async def test_an_active_table_whose_age_is_not_known_is_not_called_absent(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "state", tmp_path / "state")
    with sqlite3.connect(tmp_path / "state" / "db" / "cal_registry.sqlite3") as writer:
        writer.execute("UPDATE caltables SET created_at = 'yesterday'")
    async with open_archive(tmp_path) as archive:
        tiles = {t["title"]: t for t in (await open_page(archive)).tiles.tiles}
    assert tiles["Calibration"]["word"] == "age not known"
    assert "yesterday" in tiles["Calibration"]["note"]


async def test_an_empty_archive_is_said_in_words(tmp_path: Path) -> None:
    async with open_archive(tmp_path) as archive:
        page = await open_page(archive)
    assert {tile["state"] for tile in page.tiles.tiles} <= {"bad", "off"}
    assert not [tile["title"] for tile in page.tiles.tiles if tile["value"]["t"] == "0"]
    assert page.timeline is None
    assert page.timeline_slot.content is not None
    assert page.window_notice.kind == "bad"
    assert "Status" in page.window_notice.remedy


async def test_what_cannot_be_read_is_not_drawn_as_nothing(tmp_path: Path) -> None:
    async with open_archive(tmp_path) as archive:
        page = await open_page(archive)
    (label,) = page.noise_slot.content.select({"name": "message"})
    assert label.text == "not known: the images cannot be read"


async def test_a_table_that_a_broken_database_may_hold_is_not_called_absent(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "state", tmp_path / "state")
    for path in (tmp_path / "state" / "db").glob("products.sqlite3*"):
        path.write_bytes(b"no database at all" * 400)
    async with open_archive(tmp_path) as archive:
        page = StatusPage(Session(archive))
        page.__panel__()
        await page.load()
    words = {row["cells"][0]["t"]: row["cells"][5]["t"] for row in page.tables.rows}
    assert words["jobs"] == "not known"
    assert "caltables" not in words or words["caltables"] != "not known"


async def test_a_refresh_patches_the_figures(archive: Archive) -> None:
    page = await open_page(archive)
    timeline, noise = page.timeline, page.noise
    await page.refresh()
    assert (page.timeline, page.noise) == (timeline, noise)
    assert timeline is not None


async def test_failed_runs_of_tonight_lead_to_their_page(archive: Archive) -> None:
    page = await open_page(archive)
    failed = (await archive.night.summary()).failed
    assert failed
    assert all("jobs/job-" in row["href"] for row in page.failures.rows)
    assert len(page.failures.rows) == min(len(failed), 10)


async def test_an_alert_without_a_source_has_no_link(archive: Archive) -> None:
    page = await open_page(archive)
    known = (await archive.night.summary()).alert_sources.value or frozenset()
    linked = [row for row in page.alerts.rows if row.get("href")]
    assert page.alerts.rows
    assert len(linked) <= len(known) or known


async def test_tonight_counts_all_open_alerts_and_shows_the_critical_one_however_old(
    folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(folder / "state", tmp_path / "state")
    for name in ("products", "alerts"):
        with sqlite3.connect(tmp_path / "state" / "db" / f"{name}.sqlite3") as writer:
            writer.execute("DELETE FROM alert_history")
            if name == "products":
                writer.executemany(
                    "INSERT INTO alert_history (source_id, alert_type, severity, message, sent_at) "
                    "VALUES ('', 'system_error', ?, ?, ?)",
                    [("info", f"note {i}", time.time() - 1000.0 + i) for i in range(120)],
                )
            else:
                writer.executemany(
                    "INSERT INTO alert_history (rule_name, severity, state, message, fired_at) "
                    "VALUES ('storage_sync_low', 'critical', ?, ?, 1e9)",
                    [("resolved", "all is well"), ("firing", "disk full")],
                )
    async with open_archive(tmp_path) as archive:
        page = await open_page(archive)
    tile = next(tile for tile in page.tiles.tiles if tile["title"] == "Open alerts")
    shown = [[c["t"] for c in row["cells"][1:3]] for row in page.alerts.rows]
    assert (tile["value"]["t"], tile["state"], tile["word"]) == ("121", "bad", "1 critical")
    assert tile["note"] == "120 sent in the last 24 h, their end is not recorded"
    assert shown[:2] == [["disk full", "open"], ["note 119", "sent"]]


async def test_tonight_counts_all_active_candidates(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "state", tmp_path / "state")
    with sqlite3.connect(tmp_path / "state" / "db" / "products.sqlite3") as writer:
        writer.execute("DELETE FROM ese_candidates")
        writer.executemany(
            "INSERT INTO ese_candidates (source_id, flagged_at, flagged_by, significance, flag_type, status) "
            "VALUES (?, ?, 'auto', 5.1, 'auto', ?)",
            [(f"J{i}", i, "active" if i < 152 else "dismissed") for i in range(402)],
        )
    async with open_archive(tmp_path) as archive:
        page = await open_page(archive)
    tile = next(tile for tile in page.tiles.tiles if tile["title"] == "ESE candidates")
    assert (tile["value"]["t"], tile["word"]) == ("152", "to review")


async def test_the_night_screen_has_the_same_tiles_in_large(archive: Archive) -> None:
    night, day = await open_page(archive, NightPage), await open_page(archive)
    assert night.tiles.large
    assert [t["title"] for t in night.tiles.tiles] == [t["title"] for t in day.tiles.tiles]


async def test_status_names_every_database_table_and_folder(archive: Archive) -> None:
    page = StatusPage(Session(archive))
    page.__panel__()
    await page.load()
    assert [row["key"] for row in page.databases.rows] == list(archive.databases)
    assert {"images", "photometry", "caltables"} <= {row["cells"][0]["t"] for row in page.tables.rows}
    assert any("stage" in row["cells"][1]["t"] for row in page.folders.rows)
    assert page.verdict.kind == "ok"


async def test_status_says_which_database_fails_and_what_to_do(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "archive"
    shutil.copytree(folder / "state", copy / "state")
    (copy / "state" / "db" / "alerts.sqlite3").write_bytes(b"garbage" * 1000)
    async with open_archive(copy) as archive:
        page = StatusPage(Session(archive))
        page.__panel__()
        await page.load()
    broken = next(row for row in page.databases.rows if row["key"] == "alerts")
    assert page.verdict.kind == "warn"
    assert "alerts" in page.verdict.text
    assert broken["cells"][1]["s"] == "bad"


async def test_status_lists_the_services_of_this_machine_and_our_own_parts(folder: Path, tmp_path: Path) -> None:
    config = tmp_path / "settings.toml"
    config.write_text('services = ["Nothing 1 /"]')
    async with open_archive(folder, config=config) as archive:
        page = StatusPage(Session(archive))
        page.__panel__()
        await page.load()
    (service,) = page.services.rows
    assert [c["t"] for c in service["cells"][:3]] == ["Nothing", "1", "stopped"]
    assert any(row["key"] == "Watcher of the databases" for row in page.parts.rows)
