"""What only a browser can show of a light curve: a stretch is brushed, an epoch is clicked and left out."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from data_access.demo import write_demo
from tests.browser.conftest import ServerProcess
from tests.browser.test_variability_browser import drag, wait_for_query
from tests.browser.test_walk_archives import wait_until_filled

_PLOT = "[...Bokeh.documents[0].all_models].find(m => m.type === 'Figure' && m.name === 'light_curve')"
APART_PX = 8.0
_POINTS = f"({_PLOT}).select('points')[0].data_source"
_KINDS = "[...Bokeh.documents[0].all_models].find(m => m.name === 'words').data.kind"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_demo(tmp_path_factory.mktemp("curve") / "archive", nights=3)


@pytest.fixture
def opened(page: Page, server: Callable[..., ServerProcess], demo: Path) -> Page:
    """The page of the first source in the list."""
    process = server(str(demo), module="tests.browser.archive_server")
    page.goto(f"{process.url}sources?sort=n_obs&order=desc")
    wait_until_filled(page)
    rows = page.locator("section.rt").filter(has_text="Sources").locator("tbody tr")
    page.evaluate("name => sessionStorage.setItem('other', name)", rows.nth(1).get_by_role("link").first.inner_text())
    rows.first.get_by_role("link").first.click()
    page.wait_for_url("**/sources/*")
    wait_until_filled(page)
    page.wait_for_function(f"Number.isFinite(({_PLOT})?.y_range.start) && Bokeh.documents[0].is_idle")
    return page


def place_of_point(page: Page, index: int) -> tuple[float, float]:
    spot: list[float] = page.evaluate(
        f"""() => {{
        const plot = {_PLOT}, view = Bokeh.index.find_one(plot), box = view.el.getBoundingClientRect()
        const {{utc_ms, drawn}} = {_POINTS}.data, {{x_scale, y_scale}} = view.frame
        return [box.x + x_scale.compute(utc_ms[{index}]), box.y + y_scale.compute(drawn[{index}])]
        }}"""
    )
    return spot[0], spot[1]


def count_row(page: Page) -> Any:
    return page.locator("section.rt").filter(has_text="Variability").locator("tbody tr").first


def nights_on_screen(page: Page) -> list[list[int]]:
    """Return the epochs by groups that are apart on the screen: two of one night are at the same pixel."""
    groups: list[list[int]] = []
    last = -math.inf
    for index in range(len(kinds_of(page))):
        across, _ = place_of_point(page, index)
        if across - last > APART_PX:
            groups.append([])
        groups[-1].append(index)
        last = across
    return groups


def kinds_of(page: Page) -> list[str]:
    kinds: list[str] = page.evaluate(f"() => Array.from({_KINDS})")
    return kinds


def test_a_brushed_stretch_has_metrics_of_its_own_that_a_reload_keeps(opened: Page) -> None:
    opened.evaluate(f"() => {{ ({_PLOT}).toolbar.tools.find(tool => tool.type === 'BoxSelectTool').active = true }}")
    kinds, (night, following, *_) = kinds_of(opened), nights_on_screen(opened)
    n = sum(kinds[index] != "flagged" for index in night)
    (first, top), (last, _), (second, low) = (place_of_point(opened, i) for i in (night[0], night[-1], following[0]))
    drag(opened, (first - 6, top - 5), ((last + second) / 2, low + 5))
    wait_for_query(opened, r"mjd_from=\d+")
    expect(opened.get_by_role("columnheader", name="Brushed")).to_be_visible()
    expect(count_row(opened)).to_contain_text(f"{n} of {n}")
    opened.reload()
    wait_until_filled(opened)
    expect(count_row(opened)).to_contain_text(f"{n} of {n}")


def test_a_clicked_epoch_shows_its_cutout_and_can_be_left_out(opened: Page) -> None:
    kinds = kinds_of(opened)
    usable = [i for i, kind in enumerate(kinds) if kind != "flagged"]
    clicked = [night[0] for night in nights_on_screen(opened) if len(night) == 1 and night[0] in usable][-1]
    opened.mouse.click(*place_of_point(opened, clicked))
    wait_for_query(opened, "point=")
    expect(opened.get_by_text("Chosen epoch")).to_be_visible()
    opened.get_by_role("group", name="This epoch is").get_by_role("button", name="left out").click()
    wait_for_query(opened, "without=")
    expect(count_row(opened)).to_contain_text(f"{len(usable) - 1} of {len(usable) - 1}")
    opened.wait_for_function(f"{_KINDS}[{clicked}] === 'left out'")


def test_a_link_to_another_source_is_followed_in_the_same_document(opened: Page) -> None:
    opened.get_by_role("group", name="Unit").get_by_role("button", name="Jy", exact=True).click()
    wait_for_query(opened, "unit=Jy")
    first, address = opened.evaluate(f"({_PLOT}).title.text"), opened.url
    opened.evaluate("window.same_document = true")
    follow = """name => {
        const link = Object.assign(document.createElement('a'), {href: encodeURIComponent(name)})
        document.body.prepend(link)
        link.click()
    }"""
    other = opened.evaluate("sessionStorage.getItem('other')")
    opened.evaluate(follow, other)
    opened.wait_for_function(f"({_PLOT}).title.text.startsWith({other!r})")
    expect(opened.get_by_role("heading", name=other)).to_be_visible()
    wait_for_query(opened, "unit=Jy")
    opened.evaluate(follow, "nobody")
    expect(opened.get_by_text("There is no source 'nobody'")).to_be_visible()
    opened.go_back()
    expect(opened.get_by_text("There is no source 'nobody'")).to_be_hidden()
    opened.go_back()
    expect(opened).to_have_url(address)
    opened.wait_for_function(f"({_PLOT}).title.text === {first!r}")
    assert opened.evaluate("window.same_document")
