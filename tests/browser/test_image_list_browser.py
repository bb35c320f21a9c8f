"""What only a browser can show of the image list: a sheet that goes on, pictures that come into view, and boxes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from data_access.demo import write_demo
from tests.browser.conftest import ServerProcess
from tests.browser.test_variability_browser import drag, wait_for_query
from tests.browser.test_walk_archives import wait_until_filled

_MAP = "Bokeh.documents[0].get_model_by_name('image_map_figure')"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_demo(tmp_path_factory.mktemp("image_list") / "archive", nights=1)


def corner(page: Page, way: str) -> tuple[float, float]:
    """Return a place on the screen just outside of the outermost points of the map, in its frame."""
    spot: list[float] = page.evaluate(
        f"""() => {{
        const plot = {_MAP}, view = Bokeh.index.find_one(plot), box = view.el.getBoundingClientRect()
        const {{ra, dec}} = plot.select('centres')[0].data_source.data
        const x = [...ra].map(v => view.frame.x_scale.compute(v))
        const y = [...dec].map(v => view.frame.y_scale.compute(v))
        const sign = {1 if way == "end" else -1}, pick = sign > 0 ? Math.max : Math.min
        return [box.x + pick(...x) + 6 * sign, box.y + pick(...y) + 6 * sign]
        }}"""
    )
    return spot[0], spot[1]


def test_the_sheet_goes_on_and_a_box_in_the_map_selects_its_tiles(
    page: Page, server: Callable[..., ServerProcess], demo: Path, complaints: Any
) -> None:
    complaints.allowed = True  # the demo has a damaged file, whose picture is refused with 422
    url = server(str(demo), module="tests.browser.archive_server").url
    page.goto(f"{url}images?view=gallery&type=5min&sky=noise&rows=25")
    wait_until_filled(page)
    tiles = page.locator("li.gl-tile")
    expect(tiles).to_have_count(25)
    tiles.last.scroll_into_view_if_needed()
    page.mouse.wheel(0, 4000)
    page.wait_for_function("document.querySelector('body') && /[?&]tiles=/.test(location.href)", timeout=30_000)
    expect(tiles).not_to_have_count(25)
    loaded = page.locator("li.gl-tile img").first
    loaded.scroll_into_view_if_needed()
    page.wait_for_function("image => image.complete && image.naturalWidth > 90", arg=loaded.element_handle())

    page.evaluate("scrollTo(0, 0)")
    page.evaluate(f"() => {{ {_MAP}.toolbar.tools.find(tool => tool.type === 'BoxSelectTool').active = true }}")
    page.wait_for_function("Bokeh.documents[0].is_idle")
    drag(page, corner(page, "start"), corner(page, "end"))
    wait_for_query(page, "selected=")
    expect(page.locator("li.gl-tile.selected").first).to_be_attached()
    # The map has more in its box than can be selected: it follows what the page has taken.
    expect(page.get_by_role("button", name="Clear 100 selected")).to_be_visible()
    page.wait_for_function(f"{_MAP}.select('centres')[0].data_source.selected.indices.length === 100")

    first = tiles.first
    first.scroll_into_view_if_needed()
    was = "selected" in (first.get_attribute("class") or "")
    first.get_by_role("link").focus()
    page.keyboard.press(" ")
    expect(page.locator("li.gl-tile").first).to_have_class("gl-tile" if was else "gl-tile selected")
    page.get_by_role("button", name="Table").click()
    row = page.get_by_role("table", name="Images").locator("tbody tr").nth(1)
    was_row = row.get_attribute("aria-selected")
    row.focus()
    page.keyboard.press("x")
    expect(row).to_have_attribute("aria-selected", "false" if was_row == "true" else "true")
    page.get_by_role("button", name="Gallery").click()
    first.get_by_role("link").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_url("**/images/*")
