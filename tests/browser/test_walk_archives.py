"""Every page of the demo and of the real archive, both layouts, walked by its links as a new user would."""

from __future__ import annotations

import hashlib
import re
from collections import Counter, deque
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from dashboards.routes import ROUTES
from data_access.demo import write_demo
from tests.browser.conftest import ServerProcess

StartServer = Callable[..., ServerProcess]
PAGES = tuple(re.sub(r"{.*?}", "*", spec.path) for spec in ROUTES)
LISTS = tuple(spec.path for spec in ROUTES if spec.in_nav)
_PER_ROUTE = 2


@pytest.fixture(scope="module")
def demo_split(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_demo(tmp_path_factory.mktemp("walk_split") / "archive", nights=1)


@pytest.fixture(scope="module")
def demo_unified(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_demo(tmp_path_factory.mktemp("walk_unified") / "archive", layout="unified", nights=1)


@pytest.fixture(params=["demo_split", "demo_unified", "real_archive_split", "real_archive_unified"])
def archive(request: pytest.FixtureRequest) -> Path:
    folder: Path = request.getfixturevalue(request.param)
    return folder


def file_hashes(folder: Path) -> dict[str, str]:
    """Return the hash of every file except SQLite's shared-memory index, which readers mark too."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith("-shm")
    }


def wait_until_filled(page: Page) -> None:
    """Return when every part of the page has its first content."""
    page.wait_for_function("document.documentElement.dataset.filled === 'yes'", timeout=30_000)


def route_of(path: str) -> str:
    """Return the route that serves a path."""
    parts = path.rstrip("/").split("/")
    if len(parts) > 2 and parts[1] in ("images", "sources", "jobs") and "/".join(parts) not in PAGES:
        parts[2] = "*" if parts[2] != "export" else parts[2]
    return "/".join(parts) or "/"


def links_of(page: Page) -> list[str]:
    """Return the links of a page as paths with query, in the order of the page; other hosts are left out."""
    hrefs = page.locator("a[href]").evaluate_all("nodes => nodes.map(n => n.href)")
    own = urlsplit(page.url).netloc
    found = (urlsplit(href) for href in hrefs if urlsplit(href).netloc == own)
    return list(dict.fromkeys(f"{u.path}?{u.query}" if u.query else u.path for u in found))


def test_every_page_opens_without_an_error_and_changes_no_file(
    page: Page, server: StartServer, archive: Path
) -> None:
    before = file_hashes(archive)
    root = server(str(archive), module="tests.browser.archive_server").url.rstrip("/")
    waiting, seen, visits = deque(LISTS), set(LISTS), Counter[str]()
    while waiting:
        path = waiting.popleft()
        route = route_of(urlsplit(path).path)
        if visits[route] >= _PER_ROUTE:
            continue
        visits[route] += 1
        if route not in PAGES:
            # a browser would save the file; a missing or damaged one is said to be so
            assert page.request.get(root + path).status in (200, 404, 422), path
            continue
        answer = page.goto(root + path)
        assert answer is not None
        assert answer.status == 200, path
        wait_until_filled(page)
        expect(page.get_by_text("failed unexpectedly")).to_have_count(0)
        new = [link for link in links_of(page) if link not in seen]
        seen.update(new)
        waiting.extend(new)
    missing = [route for route in PAGES if not visits[route]]
    assert missing == []
    after = file_hashes(archive)
    assert {name: after.get(name) for name in before} == before
    assert all(name.endswith("-wal") for name in set(after) - set(before))


def open_first_image(page: Page, root: str, text: str) -> str:
    """Open the first image of the list whose path contains a text by a click; return its address."""
    page.goto(f"{root}images?text={text}")
    wait_until_filled(page)
    page.locator("tbody tr a").first.click()
    page.wait_for_url("**/images/*")
    wait_until_filled(page)
    return page.url


@pytest.mark.parametrize(
    ("archive", "name"),
    [
        ("demo_split", "pbcor.fits"),
        ("demo_unified", "pbcor.fits"),
        ("real_archive_split", "2013-05-04T18:59:19.img.image"),
        ("real_archive_unified", "2013-05-04T18:59:19.img.image"),
    ],
    indirect=["archive"],
)
def test_provenance_leads_from_an_image_to_its_set_run_and_back(
    page: Page, server: StartServer, archive: Path, name: str
) -> None:
    image_url = open_first_image(page, server(str(archive), module="tests.browser.archive_server").url, name)
    page.get_by_role("link", name=re.compile(r"\.ms$")).first.click()
    page.wait_for_url("**/ms/detail?path=*")
    wait_until_filled(page)
    page.go_back()
    page.wait_for_url(image_url)
    wait_until_filled(page)
    page.get_by_role("link", name=re.compile(r"^job-")).first.click()
    page.wait_for_url("**/jobs/job-*")
    wait_until_filled(page)
    page.locator("a[href*='/images/'], a[href*='images/']").filter(has_text=name).first.click()
    page.wait_for_url("**/images/*")
    wait_until_filled(page)


@pytest.mark.parametrize("archive", ["demo_split", "demo_unified"], indirect=True)
def test_provenance_leads_on_to_calibration_tables_and_to_sources_and_back(
    page: Page, server: StartServer, archive: Path
) -> None:
    image_url = open_first_image(page, server(str(archive), module="tests.browser.archive_server").url, "pbcor.fits")
    for link, arrived in (
        ("a[href*='calibration/detail']", "**/calibration/detail?path=*"),
        ("a[href*='ms/detail']", "**/ms/detail?path=*"),
        ("a[href*='calibration/detail']", "**/calibration/detail?path=*"),
    ):
        page.locator(f"main {link}").first.click()
        page.wait_for_url(arrived)
        wait_until_filled(page)
    page.goto(image_url)
    wait_until_filled(page)
    page.locator("main a[href*='sources/']").filter(has_text="J").first.click()
    page.wait_for_url("**/sources/*")
    wait_until_filled(page)
    page.locator("main a[href*='images/']").first.click()
    page.wait_for_url("**/images/*")
    wait_until_filled(page)
    page.go_back()
    page.wait_for_url("**/sources/*")
    wait_until_filled(page)
