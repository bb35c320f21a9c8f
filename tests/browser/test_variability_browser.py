"""What only a browser can show of the eta-V plane: lines are dragged without a round trip, points are selected."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from data_access.demo import write_demo
from tests.browser.conftest import ServerProcess
from tests.browser.test_walk_archives import wait_until_filled

_PLOT = "Bokeh.documents[0].get_model_by_name('eta_v_plane')"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_demo(tmp_path_factory.mktemp("variability") / "archive", nights=1)


@pytest.fixture
def started(page: Page, server: Callable[..., ServerProcess], demo: Path) -> ServerProcess:
    process = server(str(demo), module="tests.browser.archive_server")
    page.goto(f"{process.url}variability")
    wait_until_filled(page)
    wait_until_steady(page)
    return process


def wait_until_steady(page: Page) -> None:
    """Return when the plane has stood at the same place, with the same ranges, for twenty frames."""
    page.wait_for_function(
        f"""() => {{
        const plot = {_PLOT}, view = Bokeh.index.find_one(plot), box = view?.el.getBoundingClientRect()
        const {{start, end}} = plot.y_range, now = JSON.stringify([box, start, end, view?.frame.bbox.height])
        const seen = window.seen_plane ?? {{}}
        window.seen_plane = {{now, n: seen.now === now ? seen.n + 1 : 0}}
        return Number.isFinite(start) && Bokeh.documents[0].is_idle && window.seen_plane.n > 20
        }}"""
    )


def on_screen(page: Page, x: str, y: str) -> tuple[float, float]:
    """Return the place on the screen of a point in the plane, given as scripts of its log10 coordinates."""
    spot: list[float] = page.evaluate(
        f"""() => {{
        const plot = {_PLOT}, view = Bokeh.index.find_one(plot), box = view.el.getBoundingClientRect()
        return [box.x + view.frame.x_scale.compute({x}), box.y + view.frame.y_scale.compute({y})]
        }}"""
    )
    return spot[0], spot[1]


def drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
    near = (start[0] + (end[0] - start[0]) / 10, start[1] + (end[1] - start[1]) / 10)
    page.mouse.move(*start)
    next_frame(page)
    page.mouse.down()
    for place in (near, middle, end, end):
        next_frame(page)
        page.mouse.move(*place, steps=2)
    next_frame(page)
    page.mouse.up()


def next_frame(page: Page) -> None:
    """Return after a frame: Chromium merges the moves of one, and a drag needs a beginning, a middle and an end."""
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def state(page: Page, script: str) -> Any:
    return page.evaluate(f"() => {{ const plot = {_PLOT}; return {script} }}")


def wait_for_query(page: Page, pattern: str) -> None:
    """Return when the URL says so; it is replaced without a navigation."""
    page.wait_for_function(f"/[?&]{pattern}/.test(location.href)", timeout=30_000)


def drag_line(page: Page) -> tuple[float, float]:
    """Drag the line of V down to 0.01; return where it stood and where it stands."""
    line = "plot.select('cut_v')[0].location"
    before = state(page, line)
    middle = "(plot.x_range.start + 0.15 * (plot.x_range.end - plot.x_range.start))"
    drag(page, on_screen(page, middle, line), on_screen(page, middle, "-2.0"))
    return before, state(page, line)


def test_a_dragged_line_counts_in_the_browser_then_moves_list_and_url(page: Page, started: ServerProcess) -> None:
    count = "plot.select('beyond_count')[0].text"
    n_before = int(state(page, count).split()[0])
    before, after = drag_line(page)
    assert before > -1.0
    assert after == pytest.approx(-2.0, abs=0.05)
    n_after = int(state(page, count).split()[0])
    assert n_after > n_before
    assert state(page, "plot.select('beyond')[0].bottom") == after
    wait_for_query(page, r"v_cut=0\.0\d+")
    expect(page.get_by_text(f"{n_after} sources", exact=True)).to_be_visible()


def test_a_dragged_line_needs_no_server(page: Page, started: ServerProcess) -> None:
    count = "plot.select('beyond_count')[0].text"
    n_before = int(state(page, count).split()[0])
    started.freeze()
    try:
        drag_line(page)
        assert int(state(page, count).split()[0]) > n_before
    finally:
        started.thaw()


def test_points_in_a_box_are_listed_with_links_and_kept_on_reload(page: Page, started: ServerProcess) -> None:
    page.evaluate(f"() => {{ {_PLOT}.toolbar.tools.find(tool => tool.type === 'BoxSelectTool').active = true }}")
    wait_until_steady(page)
    corner = "Math.max(...plot.select('points')[0].data_source.data.log_{0}) {1}"
    start = on_screen(page, corner.format("eta", "+ 0.1"), corner.format("v", "+ 0.06"))
    end = on_screen(page, corner.format("eta", "- 1.2"), corner.format("v", "- 1.4"))
    drag(page, start, end)
    wait_for_query(page, "area=")
    chosen = state(page, "plot.select('points')[0].data_source.selected.indices.length")
    assert chosen > 0
    listed = page.locator("section.rt").filter(has_text="Selected").locator("tbody tr")
    expect(listed).to_have_count(min(chosen, 200))
    page.reload()
    wait_until_filled(page)
    page.wait_for_function(f"{_PLOT}.select('points')[0].data_source.selected.indices.length === {chosen}")
    listed.get_by_role("link").first.click()
    page.wait_for_url("**/sources/*")


def test_a_lasso_lists_what_is_inside_and_is_kept_on_reload(page: Page, started: ServerProcess) -> None:
    page.evaluate(f"() => {{ {_PLOT}.toolbar.tools.find(tool => tool.type === 'LassoSelectTool').active = true }}")
    wait_until_steady(page)
    middle = {
        axis: f"plot.{axis}_range.start + {{}} * (plot.{axis}_range.end - plot.{axis}_range.start)" for axis in "xy"
    }
    # a diamond around the middle of the plane
    corners = [(0.5, 0.05), (0.95, 0.5), (0.5, 0.95), (0.05, 0.5), (0.499, 0.051)]
    places = [on_screen(page, middle["x"].format(x), middle["y"].format(y)) for x, y in corners]
    page.mouse.move(*places[0])
    next_frame(page)
    page.mouse.down()
    for place in (*places[1:], places[-1]):
        next_frame(page)
        page.mouse.move(*place, steps=8)
    next_frame(page)
    page.mouse.up()
    wait_for_query(page, "area=")
    within = """(() => {
        const {log_eta, log_v} = plot.select('points')[0].data_source.data, {x_range, y_range} = plot
        const share = (value, {start, end}) => Math.abs((value - start) / (end - start) - 0.5)
        return [...log_eta].filter((x, i) => share(x, x_range) + share(log_v[i], y_range) < 0.45).length
    })()"""
    expected = state(page, within)
    assert expected > 5
    listed = page.locator("section.rt").filter(has_text="Selected")
    expect(listed.locator("tbody tr").first).to_be_visible()
    chosen = state(page, "plot.select('points')[0].data_source.selected.indices.length")
    assert chosen == pytest.approx(expected, abs=5)
    expect(listed.get_by_text(f"{chosen} sources", exact=True)).to_be_visible()
    page.reload()
    wait_until_filled(page)
    page.wait_for_function(f"{_PLOT}.select('points')[0].data_source.selected.indices.length === {chosen}")


def test_the_diagnostic_panels_come_and_their_cuts_follow_a_dragged_line(page: Page, started: ServerProcess) -> None:
    page.get_by_text("shown", exact=True).click()
    ratios = "Bokeh.documents[0].get_model_by_name('eta_v')?.data.log_ratio"
    page.wait_for_function(
        f"Bokeh.documents[0].get_model_by_name('panel cut log_ratio log_v') && [...{ratios}].some(Number.isFinite)"
    )
    wait_until_steady(page)
    _, after = drag_line(page)
    for x in ("log_max", "log_ratio"):
        assert page.evaluate(f"Bokeh.documents[0].get_model_by_name('panel cut {x} log_v').location") == after


def test_the_key_of_the_page_opens_it(page: Page, started: ServerProcess) -> None:
    page.goto(f"{started.url}status")
    wait_until_filled(page)
    page.keyboard.press("g")
    page.keyboard.press("v")
    page.wait_for_url("**/variability")


def test_a_bookmark_shows_the_diagnostic_panels(page: Page, started: ServerProcess) -> None:
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    for _ in range(4):
        page.goto(f"{started.url}variability?panels=on")
        wait_until_filled(page)
        page.wait_for_function("Bokeh.index.find_one(Bokeh.documents[0].get_model_by_name('eta_v_panels')) !== null")
    assert errors == []
