"""The line below an image, and the help of its page, as they are on a small screen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import ServerProcess, newest_image
from tests.browser.test_walk_archives import wait_until_filled

HOVERED_PIXEL = r"""() => {
    const roots = [document];
    for (const root of roots) {
        for (const node of root.querySelectorAll('*')) if (node.shadowRoot) roots.push(node.shadowRoot);
        const box = root.querySelector('.bk-tooltip-content');
        const found = box && /pixel\s*(-?\d+)\s*,\s*(-?\d+)/.exec(box.innerText);
        if (found) return `${found[1]}, ${found[2]}`;
    }
    return null;
}"""


MOVED_UP = """() => {
    const models = [...Bokeh.documents[0]._all_models.values()];
    const {y_range} = models.find(m => m.type === 'Figure' && m.name === 'image');
    y_range.setv({start: y_range.start + 12, end: y_range.end + 12});
}"""


@pytest.fixture
def image_page(page: Page, server: Callable[..., ServerProcess], demo: Path) -> Page:
    root = server(str(demo), module="tests.browser.archive_server").url
    page.goto(f"{root}images/{newest_image(demo)[0]}")
    wait_until_filled(page)
    page.wait_for_function("Bokeh.documents[0].is_idle")
    return page


def point_at(page: Page, x: float, y: float) -> None:
    """Rest the pointer at a share of the figure and wait for the pixel there."""
    box = page.locator(".bk-Figure").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + x * box["width"] - 2, box["y"] + y * box["height"])
    page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
    expect(page.locator(".ro")).to_contain_text("value in file")


def test_every_value_of_the_pixel_is_in_sight_and_nothing_jumps(image_page: Page) -> None:
    line = image_page.locator(".ro")
    before = line.bounding_box()
    point_at(image_page, 0.45, 0.5)
    expect(line).to_contain_text("l, b")
    after = line.bounding_box()
    assert before is not None
    assert after == before
    assert after["y"] + after["height"] <= 720
    ends = line.evaluate(
        """line => { const frame = line.getBoundingClientRect();
            return [...line.querySelectorAll('dd')].map(node => node.getBoundingClientRect())
                .map(box => [frame.right - box.right, frame.bottom - box.bottom]) }"""
    )
    assert len(ends) >= 5
    assert min(min(pair) for pair in ends) >= 0


def test_the_readout_follows_a_picture_that_is_zoomed_below_a_resting_pointer(image_page: Page) -> None:
    point_at(image_page, 0.35, 0.3)
    line = image_page.locator(".ro")
    for _ in range(3):
        image_page.mouse.wheel(0, -300)
        image_page.wait_for_timeout(300)
    image_page.evaluate(MOVED_UP)
    hovered: str = image_page.wait_for_function(HOVERED_PIXEL).json_value()
    expect(line).to_contain_text(f"pixel{hovered}value in file")


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
