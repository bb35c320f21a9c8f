"""From image to image beyond the page of the list that one was opened from, in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from data_access.demo import write_demo
from tests.browser.conftest import ServerProcess

StartServer = Callable[..., ServerProcess]
FILLED = "document.documentElement.dataset.filled === 'yes'"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_demo(tmp_path_factory.mktemp("steps_browser") / "archive", nights=1)


def listed(page: Page) -> list[str]:
    found: list[str] = page.evaluate("JSON.parse(sessionStorage.getItem('dsa110-images'))")
    return found


def test_keys_go_on_with_the_next_page_of_the_list_and_the_way_back_leads_there(
    page: Page, server: StartServer, folder: Path
) -> None:
    root = server(str(folder), module="tests.browser.archive_server").url
    page.goto(f"{root}images?rows=25&sort=noise_jy&order=asc")
    page.wait_for_function(FILLED)
    rows = page.locator("tr.opens a[href*='images/']")
    first = rows.first.get_attribute("href")
    assert first is not None
    page.get_by_role("button", name="Next", exact=True).first.click()
    expect(rows.first).not_to_have_attribute("href", first)
    rows.last.click()
    page.wait_for_url("**/images/*")
    page.wait_for_function(FILLED)
    paths = listed(page)
    assert urlsplit(page.url).path == paths[-1]
    assert len(paths) == 25

    page.keyboard.press("]")
    page.wait_for_url(lambda url: urlsplit(url).path not in paths)
    page.wait_for_function(FILLED)
    longer = listed(page)
    assert longer[:25] == paths
    assert urlsplit(page.url).path == longer[25]
    assert len(longer) == 75
    page.evaluate("sessionStorage.setItem('dsa110-images', JSON.stringify([location.pathname]))")
    page.keyboard.press("[")
    page.wait_for_url(f"**{paths[-1]}*")
    assert listed(page)[-1] == longer[25]

    page.goto(f"{root}images?rows=25&sort=noise_jy&order=asc")
    page.wait_for_function(FILLED)
    page.locator("tr.opens a[href*='images/']").first.click()
    page.wait_for_url("**/images/*")
    page.wait_for_function(FILLED)
    page.keyboard.press("[")
    told = page.get_by_role("status").filter(has_text="Beginning of the list.")
    expect(told.get_by_role("link", name="Back to the list")).to_be_visible()
