"""Where a list stands on the screen: after Back, and after a step to another page of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import ServerProcess
from tests.browser.test_walk_archives import wait_until_filled

# The first link of a record that is well inside of the window.
LINK_IN_VIEW = """() => {
    const roots = [document], found = [];
    for (const root of roots) {
        for (const node of root.querySelectorAll('*')) if (node.shadowRoot) roots.push(node.shadowRoot);
        found.push(...root.querySelectorAll('tbody th a, li.gl-tile a'));
    }
    const top = node => node.getBoundingClientRect().top;
    found.find(node => top(node) > 100 && top(node) < 600).click();
}"""


@pytest.fixture(scope="module")
def url(demo: Path) -> Iterator[str]:
    process = ServerProcess("tests.browser.archive_server", (str(demo),)).start()
    yield process.url
    process.kill()


def scroll_down(page: Page, by: int) -> int:
    """Scroll as a reader does and return where that led to."""
    page.mouse.move(600, 400)
    page.mouse.wheel(0, by)
    page.wait_for_function(f"window.scrollY > {by} / 2")
    page.wait_for_function("new Promise(done => { const y = scrollY; setTimeout(() => done(scrollY === y), 200) })")
    return int(page.evaluate("Math.round(window.scrollY)"))


def open_a_record_and_go_back(page: Page, address: str) -> int:
    """Scroll a list, open a record of it, go back, and return how far the list was scrolled."""
    page.goto(address)
    wait_until_filled(page)
    left_at = scroll_down(page, 700)
    page.evaluate(LINK_IN_VIEW)
    page.wait_for_url(lambda now: now != address)
    wait_until_filled(page)
    page.go_back()
    page.wait_for_url(address)
    wait_until_filled(page)
    return left_at


@pytest.mark.parametrize("path", ["jobs", "images", "sources", "images?view=gallery"])
def test_back_leads_to_the_rows_that_were_left(page: Page, url: str, path: str) -> None:
    left_at = open_a_record_and_go_back(page, url + path)
    page.wait_for_function(f"Math.abs(window.scrollY - {left_at}) < 2")


def test_a_list_that_is_opened_anew_begins_at_its_top(page: Page, url: str) -> None:
    left_at = open_a_record_and_go_back(page, f"{url}images")
    page.wait_for_function(f"Math.abs(window.scrollY - {left_at}) < 2")
    page.goto(f"{url}images")
    wait_until_filled(page)
    page.wait_for_timeout(500)
    assert page.evaluate("window.scrollY") == 0


def test_who_scrolls_after_back_is_not_taken_away(page: Page, url: str) -> None:
    left_at = open_a_record_and_go_back(page, f"{url}images")
    page.wait_for_function(f"Math.abs(window.scrollY - {left_at}) < 2")
    page.mouse.wheel(0, -300)
    page.wait_for_function(f"window.scrollY < {left_at} - 250")
    page.evaluate("document.body.style.paddingBottom = '50px'")
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert page.evaluate("window.scrollY") < left_at - 250


@pytest.mark.parametrize("path", ["images?rows=25", "sources?rows=25", "images?view=gallery&rows=25"])
def test_another_page_of_a_list_is_read_from_its_top(page: Page, url: str, path: str) -> None:
    page.goto(url + path)
    wait_until_filled(page)
    following = page.get_by_role("button", name="Next", exact=True)
    records = page.locator("section.rt").filter(has=following)
    first = records.locator("tbody tr[data-key], li.gl-tile").first
    before = first.get_attribute("data-key")
    following.press("Enter")  # a gallery goes on at its end, and its button moves away from a pointer
    expect(first).not_to_have_attribute("data-key", str(before))
    box = records.locator(".rt-caption")
    page.wait_for_function("node => node.getBoundingClientRect().top >= 44", arg=box.element_handle())
    expect(box).to_be_in_viewport()
    expect(first).to_be_in_viewport()


def test_a_button_without_more_to_do_hands_the_focus_to_the_first_row(page: Page, url: str) -> None:
    page.goto(f"{url}images?rows=25")
    wait_until_filled(page)
    following = page.get_by_role("button", name="Next", exact=True)
    following.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/images?*after=*")
    expect(page.get_by_role("button", name="First", exact=True)).to_be_enabled()
    expect(following).to_be_focused()
    page.get_by_role("button", name="First", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.locator("tbody tr[data-key]").first).to_be_focused()
