"""What the pipeline writes appears on open pages; ages tick; locks, restarts and closed pages leave no harm."""

from __future__ import annotations

import re
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from data_access.demo import write_demo
from tests.browser.conftest import Complaints, ServerProcess
from tests.browser.test_walk_archives import wait_until_filled

StartServer = Callable[..., ServerProcess]
SOON_MS = 2_000
UNIX_EPOCH_MJD = 40587.0


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_demo(tmp_path_factory.mktemp("live") / "archive", nights=1)


@pytest.fixture(scope="module")
def url(demo: Path) -> Iterator[str]:
    process = ServerProcess("tests.browser.archive_server", (str(demo),)).start()
    yield process.url
    process.kill()


def products_of(archive: Path) -> Path:
    return archive / "state/db/products.sqlite3"


def write(database: Path, sql: str, *values: object) -> None:
    """Commit one statement from this process, which is not the server's."""
    with closing(sqlite3.connect(database, timeout=10)) as connection, connection:
        connection.execute(sql, values)


def register_image(database: Path) -> str:
    """Add an image of now and return its name."""
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    name = f"{stamp}.img.pbcor.fits"
    write(
        database,
        "INSERT INTO images (path, ms_path, created_at, type, noise_jy, pbcor) VALUES (?, ?, ?, '5min', 2e-4, 1)",
        f"/stage/images/{name}", f"/stage/ms/{stamp}.ms", time.time(),
    )  # fmt: skip
    return name


def open_page(page: Page, url: str) -> None:
    page.goto(url)
    wait_until_filled(page)
    page.evaluate("window.__same = 1")


def assert_same_document(page: Page) -> None:
    assert page.evaluate("window.__same") == 1


@pytest.mark.parametrize("path", ["images", ""])
def test_a_new_image_appears_within_two_seconds(page: Page, url: str, demo: Path, path: str) -> None:
    open_page(page, url + path)
    name = register_image(products_of(demo))
    row = page.locator("tbody tr").filter(has_text=name).first
    expect(row).to_be_visible(timeout=SOON_MS)
    assert_same_document(page)


def test_a_new_log_file_appears_within_two_seconds(page: Page, url: str, demo: Path) -> None:
    open_page(page, f"{url}jobs?view=logs")
    (demo / "state/logs/job-just-begun.log").write_text("started\n")
    expect(page.get_by_text("job-just-begun.log")).to_be_visible(timeout=SOON_MS)
    assert_same_document(page)


def test_the_header_names_the_age_of_every_database(page: Page, url: str) -> None:
    open_page(page, url)
    age = page.locator("#freshness")
    expect(age).to_have_text(re.compile(r"newest write .* ago \(products\)"), timeout=10_000)
    assert {line.partition(":")[0] for line in (age.get_attribute("title") or "").splitlines()[1:]} >= {
        "products", "cal_registry", "ingest", "hdf5", "alerts",
    }  # fmt: skip


def test_a_new_run_appears_in_the_jobs_within_two_seconds(page: Page, url: str, demo: Path) -> None:
    open_page(page, f"{url}jobs")
    now = time.time()
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    write(
        products_of(demo),
        "INSERT INTO ms_index (path, mid_mjd, status, stage, stage_updated_at) "
        "VALUES (?, ?, 'ok', 'converted', ?)",
        f"/stage/ms/science/{stamp}.ms", now / 86400 + UNIX_EPOCH_MJD, now,
    )  # fmt: skip
    run = "job-" + stamp.replace("T", "-").replace(":", "")
    expect(page.locator("tbody tr").first).to_contain_text(run, timeout=SOON_MS)
    assert_same_document(page)


def test_a_new_measurement_appears_in_the_light_curve_within_two_seconds(page: Page, url: str, demo: Path) -> None:
    with closing(sqlite3.connect(products_of(demo))) as connection:
        source, ra, dec = connection.execute(
            "SELECT source_id, ra_deg, dec_deg FROM photometry WHERE source_id IS NOT NULL ORDER BY id DESC"
        ).fetchone()
    open_page(page, f"{url}sources/{source.replace(' ', '%20')}")
    points = (
        "[...Bokeh.documents[0]._all_models.values()].find(m => m.name === 'points' && m.data_source "
        "&& 'photometry_id' in m.data_source.data).data_source.get_length()"
    )
    n = page.evaluate(points)
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    write(
        products_of(demo),
        "INSERT INTO photometry (source_id, image_path, ra_deg, dec_deg, peak_jyb, peak_err_jyb, measured_at) "
        "VALUES (?, ?, ?, ?, 0.4321, 0.001, ?)",
        source, f"/stage/images/{stamp}.img.pbcor.fits", ra, dec, time.time(),
    )  # fmt: skip
    page.wait_for_function(f"{points} === {n + 1}", timeout=SOON_MS)
    expect(page.locator("tbody tr").filter(has_text="432.1").first).to_be_visible()
    assert_same_document(page)


def test_ages_tick_without_a_word_from_the_server(page: Page, url: str, demo: Path) -> None:
    frames: list[object] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: frames.append(frame)))
    register_image(products_of(demo))
    open_page(page, f"{url}images")
    age = page.locator("tbody tr time.age").first
    before, received = age.inner_text(), len(frames)
    assert received > 0
    expect(age).not_to_have_text(before)
    expect(age).to_have_text(re.compile(r"\d+ s"))
    assert len(frames) == received


@pytest.fixture
def rollback(demo: Path, tmp_path: Path) -> Path:
    """A copy of the databases, the products in a rollback journal instead of a write-ahead log."""
    shutil.copytree(demo / "state", tmp_path / "archive/state")
    database = products_of(tmp_path / "archive")
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA journal_mode=DELETE").fetchone() == ("delete",)
    return tmp_path / "archive"


def test_a_new_image_appears_with_a_rollback_journal_too(page: Page, server: StartServer, rollback: Path) -> None:
    open_page(page, server(str(rollback), module="tests.browser.archive_server").url + "images")
    name = register_image(products_of(rollback))
    expect(page.locator("tbody tr").first).to_contain_text(name, timeout=SOON_MS)
    assert_same_document(page)


def test_what_the_address_says_in_vain_is_said_on_top_of_a_page_that_works(
    page: Page, url: str, complaints: Complaints
) -> None:
    complaints.allowed = True
    answer = page.goto(f"{url}images?rows=-5")
    assert answer is not None
    assert answer.status == 400
    wait_until_filled(page)
    expect(page.get_by_text("one of 25, 50, 100, 200 is wanted")).to_be_visible()
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_role("button", name="Previous")).to_be_enabled()


def test_pages_met_by_a_lock_recover_by_themselves(
    page: Page, server: StartServer, rollback: Path, complaints: Complaints
) -> None:
    complaints.allowed = True
    root = server(str(rollback), module="tests.browser.archive_server").url
    second = page.context.new_page()
    with closing(sqlite3.connect(products_of(rollback), isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        open_page(page, f"{root}images")
        expect(page.get_by_text("is locked by a writer").first).to_be_visible()
        for path in ("images", "images/1"):
            answer = second.goto(f"{root}{path}")
            assert answer is not None
            assert answer.status == 503
        writer.execute("ROLLBACK")
    expect(page.locator("tbody tr").first).to_be_visible()
    expect(page.get_by_text("is locked by a writer")).to_have_count(0)
    assert_same_document(page)
    second.wait_for_function("document.documentElement.dataset.filled === 'yes'", timeout=30_000)


def test_a_growing_log_is_followed(page: Page, url: str, demo: Path) -> None:
    with closing(sqlite3.connect(products_of(demo))) as connection:
        sets = [Path(path).stem for (path,) in connection.execute("SELECT path FROM ms_index")]
    runs = {"job-" + stem.replace("T", "-").replace(":", "") for stem in sets}
    log = max(path for path in (demo / "state/logs").glob("job-*.log") if path.stem in runs)
    open_page(page, f"{url}jobs/{log.stem}")
    lines = page.locator(".lv-lines")
    for number in range(3):
        with log.open("a") as file:
            file.write(f"2026-01-01 00:00:00 INFO appended line {number}\n")
        expect(lines.get_by_text(f"appended line {number}")).to_be_visible(timeout=SOON_MS)
    assert_same_document(page)


def test_a_page_survives_the_restart_of_the_server_with_its_state(
    page: Page, server: StartServer, demo: Path, complaints: Complaints
) -> None:
    complaints.allowed = True
    made = server(str(demo), module="tests.browser.archive_server")
    open_page(page, f"{made.url}images?sort=noise_jy&order=asc&rows=25&text=pbcor")
    first = page.locator("tbody tr").first.get_attribute("data-key")
    made.kill()
    expect(page.get_by_text(re.compile("Connection lost .* the numbers below are old"))).to_be_visible()
    made.start()
    page.wait_for_function("window.__same === undefined", timeout=30_000)
    wait_until_filled(page)
    expect(page.locator("#connection")).not_to_be_visible()
    assert page.url.endswith("/images?sort=noise_jy&order=asc&rows=25&text=pbcor")
    expect(page.get_by_label("Name or field")).to_have_value("pbcor")
    assert page.locator("tbody tr").first.get_attribute("data-key") == first
    expect(page.get_by_role("table", name="Images").locator("tbody tr")).to_have_count(25)


def test_twenty_pages_opened_and_closed_leave_no_session(browser: Browser, server: StartServer, demo: Path) -> None:
    root = server(str(demo), module="tests.browser.archive_server").url
    paths = ["", "images", "sources", "jobs", "ms", "calibration", "status", "night", "images/1", "jobs?view=logs"]
    context = browser.new_context()
    for path in paths * 2:
        page = context.new_page()
        page.goto(root + path)
        page.wait_for_function("document.documentElement.dataset.filled === 'yes'", timeout=30_000)
        page.close()
    watcher = context.new_page()
    watcher.goto(f"{root}sessions")
    watcher.wait_for_function("async () => await (await fetch('sessions')).json() === 0", timeout=60_000, polling=500)
    context.close()
