"""Text from the pipeline is text: nothing in rows, files, names or logs runs, breaks a page or leaves its place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from playwright.sync_api import Page, expect

from data_access.demo import write_demo
from tests.browser.conftest import Complaints, ServerProcess
from tests.browser.hostile_archive import BREAKOUT, HANDLER, MARKUP, NAME, HostileKeys, fill_with_hostile_text
from tests.browser.test_walk_archives import wait_until_filled

LISTS = (
    "", "night", "images", "images?view=gallery", "sources", "variability", "ese", "review",
    "jobs", "jobs?view=tasks", "jobs?view=batches",
    "jobs?view=queue", "jobs?view=raw", "jobs?view=logs", "ms", "calibration", "status",
)  # fmt: skip
WITHOUT_TEXT_OF_ROWS = ("status", "variability", "jobs?view=raw")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, HostileKeys]:
    archive = write_demo(tmp_path_factory.mktemp("hostile") / "archive", nights=1)
    return archive, fill_with_hostile_text(archive)


@pytest.fixture(scope="module")
def url(hostile: tuple[Path, HostileKeys]) -> Iterator[str]:
    process = ServerProcess("tests.browser.archive_server", (str(hostile[0]),)).start()
    yield process.url
    process.kill()


def details_of(keys: HostileKeys) -> dict[str, str]:
    return {
        "image": f"images/{keys.image_id}",
        "source": f"sources/{quote(keys.source_id, safe='')}",
        "job": f"jobs/{quote(keys.run_id, safe='')}",
        "set": "ms/detail?" + urlencode({"path": keys.ms_path}),
        "table": "calibration/detail?" + urlencode({"path": keys.caltable_path}),
    }


def assert_harmless(page: Page) -> None:
    assert page.evaluate("window.__xss") is None
    assert page.locator("img[src='x']").count() == 0
    assert page.locator("a[href^='javascript:' i]").count() == 0
    assert page.locator("[onmouseover], [onfocus], [onerror]").count() == 0


def open_page(page: Page, address: str, *, status: int = 200) -> None:
    answer = page.goto(address)
    assert answer is not None
    assert answer.status == status
    wait_until_filled(page)
    expect(page.get_by_text("failed unexpectedly")).to_have_count(0)


@pytest.mark.parametrize("path", LISTS)
def test_hostile_rows_are_shown_as_text(page: Page, url: str, path: str) -> None:
    open_page(page, url + path)
    if path not in WITHOUT_TEXT_OF_ROWS:
        expect(page.locator("main").get_by_text("onerror=").first).to_be_attached()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    assert_harmless(page)


@pytest.mark.parametrize("kind", ["image", "source", "job", "set", "table"])
def test_a_page_whose_key_is_hostile_opens_and_names_it(
    page: Page, url: str, hostile: tuple[Path, HostileKeys], kind: str
) -> None:
    open_page(page, url + details_of(hostile[1])[kind])
    shown = MARKUP if kind == "source" else NAME
    expect(page.get_by_role("heading", level=1)).to_contain_text(shown)
    assert shown in page.title()
    assert_harmless(page)


@pytest.mark.parametrize("kind", ["image", "source", "set", "table"])
def test_hovering_over_hostile_points_shows_text(
    page: Page, url: str, hostile: tuple[Path, HostileKeys], kind: str
) -> None:
    open_page(page, url + details_of(hostile[1])[kind])
    canvas = page.locator(".bk-Canvas").first
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box is not None
    for i in range(1, 24):
        for j in range(1, 8):
            page.mouse.move(box["x"] + box["width"] * i / 24, box["y"] + box["height"] * j / 8)
    assert_harmless(page)


def test_the_hover_text_of_a_measurement_is_text(page: Page, url: str, hostile: tuple[Path, HostileKeys]) -> None:
    open_page(page, url + details_of(hostile[1])["source"])
    place = page.evaluate("""() => {
        const all = [...Bokeh.documents[0]._all_models.values()];
        const points = all.find(m => m.name === 'points' && m.data_source && 'photometry_id' in m.data_source.data);
        const figures = all.filter(m => m.renderers?.includes?.(points));
        const view = Bokeh.index.find_one(figures.find(m => m.type === 'Figure' || m.x_range));
        const data = points.data_source.data, canvas = view.canvas_view.el.getBoundingClientRect();
        const glyph = points.glyph, n = data[glyph.x.field].length - 1;
        return [canvas.x + view.frame.x_scale.compute(data[glyph.x.field][n]),
                canvas.y + view.frame.y_scale.compute(data[glyph.y.field][n])];
    }""")
    page.mouse.move(place[0] - 3, place[1])
    page.mouse.move(*place)
    expect(page.locator(".bk-Tooltip").filter(has_text="img src=x onerror").first).to_be_visible()
    assert_harmless(page)


def test_a_hostile_log_is_read_filtered_and_copied_as_text(
    page: Page, url: str, hostile: tuple[Path, HostileKeys]
) -> None:
    log = hostile[0] / "state/logs" / f"{NAME}.log"
    open_page(page, f"{url}jobs?" + urlencode({"view": "logs", "log": str(log)}))
    page.get_by_label("Filter lines").fill("onerror")
    expect(page.locator(".lv-line").filter(has_text="<img src=x onerror").first).to_be_visible()
    page.get_by_role("button", name="Previous error").click()
    assert_harmless(page)


@pytest.mark.parametrize(
    "path", ["images/{}", "sources/{}", "jobs/{}", "ms/detail?path=/{}", "calibration/detail?path=/{}", "{}"]
)
def test_an_error_page_shows_a_hostile_address_as_text(
    page: Page, url: str, complaints: Complaints, path: str
) -> None:
    complaints.allowed = True
    for text in (MARKUP, BREAKOUT, HANDLER, "{{7*7}}"):
        answer = page.goto(url + path.format(quote(f"no {text}", safe="")))
        assert answer is not None
        assert answer.status in (400, 404)
        assert_harmless(page)
    assert all("Failed to load resource" in found for found in complaints.found)


@pytest.mark.parametrize("path", ["images", "sources", "jobs", "ms", "calibration"])
def test_hostile_filters_come_back_as_text(page: Page, url: str, path: str, complaints: Complaints) -> None:
    complaints.allowed = True  # a list that did not understand says so in its status, which Chromium logs
    query = urlencode({"text": HANDLER, "after": MARKUP, "theme": BREAKOUT})
    open_page(page, f"{url}{path}?{query}", status=400)
    expect(page.locator("[data-first-filter]").first).to_have_value(HANDLER)
    expect(page.get_by_text(f"'{MARKUP}' is not a position in this list")).to_be_visible()
    assert_harmless(page)
    assert all("status of 400" in found for found in complaints.found)
