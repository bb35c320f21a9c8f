"""The line below an image, and the help of its page, as they are on a small screen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import ServerProcess, newest_image
from tests.browser.test_walk_archives import wait_until_filled

@pytest.fixture
def image_page(page: Page, server: Callable[..., ServerProcess], demo: Path) -> Page:
    root = server(str(demo), module="tests.browser.archive_server").url
    page.goto(f"{root}images/{newest_image(demo)[0]}")
    wait_until_filled(page)
    page.wait_for_function("Bokeh.documents[0].is_idle")
    return page


def test_the_help_opens_at_its_top_however_long_it_is(image_page: Page) -> None:
    image_page.keyboard.press("?")
    keys = image_page.get_by_role("dialog", name="Keys")
    expect(keys).to_be_visible()
    expect(keys).to_contain_text("next colour map")
    assert keys.evaluate("box => box.scrollHeight > box.clientHeight")
    assert keys.evaluate("box => box.scrollTop") == 0
    expect(keys.get_by_role("heading", name="Keys")).to_be_in_viewport()
    image_page.keyboard.press("Escape")
    expect(keys).not_to_be_visible()
