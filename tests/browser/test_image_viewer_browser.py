"""Zoom, pointer and keys on the page of an image, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from data_access.demo import write_demo
from tests.browser.conftest import ServerProcess
from tests.dashboards.image_page_samples import replace_image

StartServer = Callable[..., ServerProcess]
SIZE = 3000
DRAWN = """() => {
  const models = [...Bokeh.documents[0]._all_models.values()]
  const figure = models.find(m => m.type == 'Figure' && m.name == 'image')
  const image = models.find(m => m.type == 'ColumnDataSource' && m.name == 'image').data
  const colours = models.find(m => m.name == 'colours')
  const across = Math.floor((figure.x_range.start + figure.x_range.end) / 2 + 0.5)
  const up = Math.floor((figure.y_range.start + figure.y_range.end) / 2 + 0.5)
  const pixels = image.image[0], n_x = pixels.shape ? pixels.shape[1] : pixels[0].length
  const [column, row] = [across - image.x[0], up - image.y[0]].map(n => Math.floor(n / image.factor[0]))
  return {width: figure.x_range.end - figure.x_range.start, factor: image.factor[0], first: colours.palette[0],
    last: colours.palette[colours.palette.length - 1], x: across, y: up,
    value: pixels[row * n_x + column] ?? pixels[row]?.[column]}
}"""


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int, Any]:
    data = np.random.default_rng(110).normal(0, 1e-3, (SIZE, SIZE)).astype(np.float32)
    folder = write_demo(tmp_path_factory.mktemp("viewer_browser") / "archive", nights=1)
    return folder, replace_image(folder, data)[0], data


def query_of(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def test_zooming_with_wheel_and_keys_ends_at_the_pixels_of_the_file(
    page: Page, server: StartServer, shown: tuple[Path, int, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DSA110_DASHBOARD_CACHE", str(tmp_path / "cache"))
    folder, number, data = shown
    root = server(str(folder), module="tests.browser.archive_server").url
    page.goto(f"{root}images")
    page.wait_for_function("document.documentElement.dataset.filled === 'yes'")
    page.locator(f"a[href$='images/{number}']").first.click()
    page.wait_for_url(f"**/images/{number}")
    page.wait_for_function("document.documentElement.dataset.filled === 'yes'")
    assert page.evaluate(DRAWN)["factor"] > 1

    box = page.locator(".bk-Figure").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.45 * box["width"], box["y"] + 0.5 * box["height"])
    readout = page.locator(".ro")
    expect(readout).to_contain_text("value in file")
    for _ in range(8):
        page.keyboard.press("+")
        page.wait_for_timeout(60)
    page.wait_for_function(f"({DRAWN})().factor == 1 && ({DRAWN})().width < 40")
    drawn = page.evaluate(DRAWN)
    assert drawn["value"] == pytest.approx(float(data[drawn["y"], drawn["x"]]), rel=1e-6)

    page.keyboard.press("p")
    expect(readout).to_contain_text(re.compile(rf"{drawn['x']}, {drawn['y']}"))
    number_and_unit = re.search(r"(-?[\d.e-]+)\s*(µ|m)Jy/beam", readout.inner_text())
    assert number_and_unit is not None
    factor = {"µ": 1e-6, "m": 1e-3}[number_and_unit[2]]
    assert float(number_and_unit[1]) * factor == pytest.approx(float(data[drawn["y"], drawn["x"]]), rel=1e-4)

    page.keyboard.press("0")
    page.wait_for_function(f"({DRAWN})().width > {SIZE}")
    page.wait_for_url(lambda url: "view=" not in url)


def test_keys_change_colours_list_themselves_and_lead_through_the_list(
    page: Page, server: StartServer, shown: tuple[Path, int, Any]
) -> None:
    root = server(str(shown[0]), module="tests.browser.archive_server").url
    page.goto(f"{root}images")
    page.wait_for_function("document.documentElement.dataset.filled === 'yes'")
    listed = page.evaluate("sessionStorage.getItem('dsa110-images')")
    assert listed is None
    page.locator(f"a[href$='images/{shown[1]}']").first.click()
    page.wait_for_url(f"**/images/{shown[1]}")
    page.wait_for_function("document.documentElement.dataset.filled === 'yes'")
    before = page.evaluate(DRAWN)
    page.keyboard.press("s")
    page.wait_for_url("**stretch=linear**")
    page.keyboard.press("c")
    page.wait_for_url("**colours=grey**")
    page.keyboard.press("i")
    page.wait_for_url("**invert=1**")
    page.wait_for_function(f"({DRAWN})().first.toLowerCase() == '#ffffff'")
    assert page.evaluate(DRAWN)["value"] == before["value"]

    page.keyboard.press("?")
    expect(page.locator("#keys")).to_contain_text("next colour map")
    page.keyboard.press("Escape")
    paths = page.evaluate("JSON.parse(sessionStorage.getItem('dsa110-images'))")
    here = paths.index(urlsplit(page.url).path)
    page.keyboard.press("]")
    page.wait_for_url(f"**{paths[here + 1]}?*")
    assert query_of(page) == {"stretch": ["linear"], "colours": ["grey"], "invert": ["1"]}
    page.wait_for_function("document.documentElement.dataset.filled === 'yes'")
    page.keyboard.press("[")
    page.wait_for_url(f"**{paths[here]}?*")
    page.wait_for_function("document.documentElement.dataset.filled === 'yes'")
    page.keyboard.press("Enter")
    page.wait_for_url("**cut=*")
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_contain_text("blink it with the images before and after it")
    page.keyboard.press("Escape")
    page.keyboard.press("n")
    page.wait_for_url("**/compare?images=*")
    around = [paths[i] for i in (here, here - 1, here + 1) if 0 <= i < len(paths)]
    assert query_of(page)["images"] == [",".join(path.rsplit("/", 1)[1] for path in around)]


def test_at_the_end_of_the_list_that_was_shown_a_key_says_so_and_leads_back_to_it(
    page: Page, server: StartServer, shown: tuple[Path, int, Any]
) -> None:
    root = server(str(shown[0]), module="tests.browser.archive_server").url
    page.goto(f"{root}images?on_disk=yes")
    page.wait_for_function("document.documentElement.dataset.filled === 'yes'")
    address = page.url
    page.locator(f"a[href$='images/{shown[1]}']").first.click()
    page.wait_for_url(f"**/images/{shown[1]}")
    page.wait_for_function("document.documentElement.dataset.filled === 'yes'")
    paths = page.evaluate("JSON.parse(sessionStorage.getItem('dsa110-images'))")
    page.goto(root.rstrip("/") + paths[-1])
    page.wait_for_function("document.documentElement.dataset.filled === 'yes'")
    page.keyboard.press("]")
    told = page.get_by_role("status").filter(has_text="End of the list that was shown")
    expect(told).to_be_visible()
    told.get_by_role("link", name="Back to the list").click()
    page.wait_for_url(address)
