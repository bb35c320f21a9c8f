"""Sections of a long page by link and by key, in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from astropy.table import Table
from playwright.sync_api import Page, expect

from data_access.demo import write_demo
from tests.browser.conftest import ServerProcess
from tests.browser.test_walk_archives import wait_until_filled


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_demo(tmp_path_factory.mktemp("sections") / "archive", nights=1)


def top_of(page: Page, name: str) -> float:
    box = page.locator(f".section-{name}").bounding_box()
    assert box is not None
    return box["y"]


def open_list(page: Page, server: Callable[..., ServerProcess], demo: Path) -> None:
    """Open the list of sources, those with the most measurements first."""
    process = server(str(demo), module="tests.browser.archive_server")
    page.goto(f"{process.url}sources?sort=n_obs&order=desc")
    wait_until_filled(page)


def open_first(page: Page) -> None:
    page.locator("section.rt").filter(has_text="Sources").locator("tbody tr a").first.click()
    page.wait_for_url("**/sources/*")
    wait_until_filled(page)


def test_sections_of_a_source_are_reached_by_key_link_and_url(
    page: Page, server: Callable[..., ServerProcess], demo: Path
) -> None:
    page.set_viewport_size({"width": 1280, "height": 720})
    open_list(page, server, demo)
    open_first(page)
    nav = page.get_by_role("navigation", name="Sections of this page")
    heading = page.get_by_role("heading", level=1).bounding_box()
    bar = nav.locator(".sections-bar").bounding_box()
    assert heading is not None and bar is not None
    assert bar["y"] + bar["height"] <= heading["y"]

    page.keyboard.press("6")
    expect(nav.locator("[aria-current]")).to_have_text("6Measurements")
    header = page.locator("header.bar").bounding_box()
    assert header is not None
    assert 0 <= top_of(page, "measurements") - header["height"] - bar["height"] < 30
    nav.get_by_role("link", name="ESE").click()
    assert page.url.endswith("#ese")
    page.keyboard.press("1")
    page.wait_for_function("window.scrollY === 0")
    page.goto(f"{page.url}#context")
    page.reload()
    wait_until_filled(page)
    page.wait_for_function("window.scrollY > 300")
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_contain_text("sections of this page")


def test_the_help_of_a_source_lists_the_keys_that_work_there(
    page: Page, server: Callable[..., ServerProcess], demo: Path
) -> None:
    open_list(page, server, demo)
    keys = page.locator("#keys")
    expect(keys).not_to_contain_text("previous and next source")
    open_first(page)
    source = page.url.partition("?")[0]
    page.goto(source)
    wait_until_filled(page)
    for words in ("the one before, the one after", "the first, the last", "play or stop"):
        expect(keys).to_contain_text(words, timeout=20_000)
    expect(keys).not_to_contain_text("previous and next source")
    page.goto(f"{source}?q=sort%3Dn_obs%26order%3Ddesc")
    expect(keys).to_contain_text("previous and next source of the search", timeout=20_000)


def test_a_light_curve_is_downloaded_by_the_link_beside_its_measurements(
    page: Page, server: Callable[..., ServerProcess], demo: Path
) -> None:
    open_list(page, server, demo)
    open_first(page)
    shown = page.url
    table = page.locator("section.rt").filter(has=page.get_by_role("heading", name="Measurements"))
    with page.expect_download() as download:
        table.get_by_role("link", name="FITS", exact=True).click()
    light_curve = Table.read(download.value.path(), format="fits")
    counted = table.locator(".rt-head .muted").first.inner_text()
    assert f" of {len(light_curve):,}, newest first" in counted
    assert download.value.suggested_filename.endswith("_light_curve.fits")
    assert page.url == shown
