"""Reading and getting about: themes, screen sizes, the keyboard alone, Back and Forward, reload, a path prefix."""

from __future__ import annotations

import io
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Picture
from playwright.sync_api import Page, expect

from dashboards.plots.theme import THEMES
from dashboards.routes import ROUTES
from data_access.demo import write_demo
from tests.browser.conftest import ServerProcess
from tests.browser.test_walk_archives import wait_until_filled

LISTS = [spec.path.lstrip("/") for spec in ROUTES if spec.in_nav]
JOB_VIEWS = ["jobs?view=tasks", "jobs?view=batches", "jobs?view=queue", "jobs?view=raw", "jobs?view=logs"]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_demo(tmp_path_factory.mktemp("reading") / "archive", nights=1)


@pytest.fixture(scope="module")
def url(demo: Path) -> Iterator[str]:
    process = ServerProcess("tests.browser.archive_server", (str(demo),)).start()
    yield process.url
    process.kill()


@pytest.fixture(scope="module")
def below_prefix(demo: Path) -> Iterator[str]:
    process = ServerProcess("tests.browser.archive_server", (str(demo), "/dash")).start()
    yield process.url
    process.kill()


@pytest.fixture(scope="module")
def details(demo: Path) -> list[str]:
    """One page of each kind, as a path with its query."""
    with closing(sqlite3.connect(demo / "state/db/products.sqlite3")) as products:
        images = products.execute("SELECT id, path, ms_path FROM images ORDER BY id DESC").fetchall()
        image, _, ms = next(row for row in images if Path(row[1]).is_file() and Path(row[2]).is_dir())
        (source,) = products.execute("SELECT source_id FROM photometry WHERE source_id IS NOT NULL").fetchone()
    with closing(sqlite3.connect(demo / "state/db/cal_registry.sqlite3")) as registry:
        tables = registry.execute("SELECT path FROM caltables ORDER BY id DESC").fetchall()
        table = next(path for (path,) in tables if Path(path).is_dir())
    run = "job-" + Path(ms).stem.replace("T", "-").replace(":", "")
    return [
        f"images/{image}", f"sources/{source.replace(' ', '%20')}", f"jobs/{run}", f"ms/detail?path={ms}",
        f"calibration/detail?path={table}",
    ]  # fmt: skip


def open_page(page: Page, address: str) -> None:
    answer = page.goto(address)
    assert answer is not None
    assert answer.status == 200, address
    wait_until_filled(page)


def rgb(colour: str) -> str:
    return f"rgb({', '.join(str(int(colour[i : i + 2], 16)) for i in (1, 3, 5))})"


FIGURE_BACKGROUNDS = """() => [...Bokeh.documents[0]._all_models.values()]
    .filter(model => model.type === 'Figure').map(model => model.background_fill_color)"""


@pytest.mark.parametrize("theme", sorted(THEMES))
def test_every_page_and_its_plots_follow_the_theme(page: Page, url: str, details: list[str], theme: str) -> None:
    tokens = THEMES[theme]
    for path in [*LISTS, *details]:
        open_page(page, f"{url}{path}{'&' if '?' in path else '?'}theme={theme}")
        body = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert body == rgb(tokens.background), path
        assert set(page.evaluate(FIGURE_BACKGROUNDS)) <= {tokens.panel}, path


def test_no_number_is_broken_in_a_narrow_table(page: Page, url: str) -> None:
    page.set_viewport_size({"width": 900, "height": 720})
    for path in ("ms", "images"):
        open_page(page, f"{url}{path}")
        values = page.locator(".rt td .mono.short").filter(has_text=re.compile(r"^[+-]?\d\d:\d\d:"))
        assert values.count() > 5, path
        assert set(values.evaluate_all("all => all.map(value => value.getClientRects().length)")) == {1}, path


def test_the_red_theme_sends_no_other_light(page: Page, url: str, details: list[str]) -> None:
    for path in ["", "images?sky=noise", *[detail for detail in details if not detail.startswith("sources")]]:
        open_page(page, f"{url}{path}{'&' if '?' in path else '?'}theme=red")
        page.wait_for_function("() => Bokeh.documents[0].is_idle")
        with Picture.open(io.BytesIO(page.screenshot(full_page=True))) as shot:
            red, green, blue = np.moveaxis(np.asarray(shot.convert("RGB"), dtype=int), -1, 0)
        other = np.maximum(green, blue) > 0.45 * red + 24
        assert not other.any(), (path, np.argwhere(other)[:3].tolist())


@pytest.mark.parametrize("theme", sorted(THEMES))
def test_text_stands_out_from_its_background_on_every_list(page: Page, url: str, theme: str) -> None:
    for path in LISTS:
        open_page(page, f"{url}{path}?theme={theme}")
        ratios = page.evaluate(CONTRASTS)
        assert len(ratios) > 5, path
        poor = [entry for entry in ratios if entry[0] < 4.0]
        assert poor == [], path


# WCAG 2.1 contrast of every visible piece of text in cells, facts, tiles, headings and navigation.
CONTRASTS = """() => {
    const part = v => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
    const parse = text => (text.match(/[\\d.]+/g) || []).map(Number);
    const light = ([r, g, b]) => 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
    const up = node => node.assignedSlot || node.parentElement || (node.getRootNode() || {}).host;
    function behind(node) {
        for (let at = node; at; at = up(at)) {
            const c = parse(getComputedStyle(at).backgroundColor);
            if (c.length && (c[3] ?? 1) > 0.5) return c;
        }
        return [0, 0, 0];
    }
    const found = [];
    function walk(root) {
        for (const node of root.querySelectorAll('*')) {
            if (node.shadowRoot) walk(node.shadowRoot);
            const own = [...node.childNodes].filter(n => n.nodeType === 3 && n.textContent.trim());
            const skip = node.closest('.hidden, svg, option, [disabled], .bk-tool-overflow');
            if (!own.length || !node.getClientRects().length || skip) continue;
            const style = getComputedStyle(node), a = light(parse(style.color)), b = light(behind(node));
            const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
            found.push([Math.round(ratio * 100) / 100, node.className, own[0].textContent.trim().slice(0, 40)]);
        }
    }
    walk(document.body);
    return found;
}"""


@pytest.mark.parametrize("size", [(1280, 720), (1920, 1080)])
def test_no_page_scrolls_sideways(page: Page, url: str, details: list[str], size: tuple[int, int]) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    wide = {}
    for path in [*LISTS, *JOB_VIEWS, *details]:
        open_page(page, url + path)
        needed = page.evaluate("document.documentElement.scrollWidth")
        if needed > size[0]:
            wide[path] = needed
    assert wide == {}


FOCUSED = """() => {
    let node = document.activeElement;
    while (node?.shadowRoot?.activeElement) node = node.shadowRoot.activeElement;
    const style = getComputedStyle(node);
    const ring = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0 || style.boxShadow !== 'none';
    return [node.tagName, ring, node.textContent.trim().slice(0, 30)];
}"""


@pytest.mark.parametrize("path", ["images", "sources", "jobs", "ms", "calibration"])
def test_tab_reaches_filters_table_and_links_with_a_visible_focus(page: Page, url: str, path: str) -> None:
    open_page(page, url + path)
    seen, unmarked = set(), []
    for _ in range(160):
        page.keyboard.press("Tab")
        tag, ring, text = page.evaluate(FOCUSED)
        seen.add(tag)
        if not ring and tag != "BODY":
            unmarked.append((tag, text))
        if {"A", "INPUT", "SELECT", "BUTTON", "TR"} <= seen:
            break
    assert {"A", "INPUT", "BUTTON", "TR"} <= seen
    assert unmarked == []


@pytest.mark.parametrize("spec", [spec for spec in ROUTES if spec.in_nav], ids=lambda spec: spec.path)
def test_two_keys_open_a_page(page: Page, url: str, spec: Any) -> None:
    open_page(page, f"{url}{'jobs' if spec.path == '/images' else 'images'}")
    page.keyboard.press("g")
    page.keyboard.press(spec.key)
    page.wait_for_url(url + spec.path.lstrip("/"))
    expect(page.locator("nav [aria-current=page]")).to_have_text(spec.title)


@pytest.mark.parametrize("path", ["images", "sources", "jobs", "ms", "calibration"])
def test_slash_goes_to_the_first_filter_and_typing_there_is_typing(page: Page, url: str, path: str) -> None:
    open_page(page, url + path)
    page.keyboard.press("/")
    page.keyboard.type("g?i/")
    expect(page.locator("[data-first-filter]").first).to_have_value("g?i/")
    expect(page.get_by_role("dialog", name="Keys")).not_to_be_visible()


@pytest.mark.parametrize("path", ["images", "sources", "jobs", "ms", "calibration"])
def test_arrows_and_enter_open_a_row(page: Page, url: str, path: str) -> None:
    open_page(page, url + path)
    rows = page.locator("tbody:has(tr[data-key])").first.locator("tr")
    rows.first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    target = rows.nth(1).locator("a").first.evaluate("link => link.href")
    page.keyboard.press("Enter")
    page.wait_for_url(target)
    wait_until_filled(page)


def test_back_and_forward_go_through_filter_sort_and_page(page: Page, url: str) -> None:
    open_page(page, f"{url}images")
    first = page.locator("tbody tr").first
    steps = [first.get_attribute("data-key")]

    def remember() -> None:
        expect(first).not_to_have_attribute("data-key", str(steps[-1]))
        steps.append(first.get_attribute("data-key"))

    page.get_by_label("Name or field").fill("fits")
    page.keyboard.press("Enter")
    page.wait_for_url("**/images?text=fits")
    expect(first).to_contain_text("fits")
    steps.append(first.get_attribute("data-key"))
    header = page.get_by_role("columnheader", name="Registered").first
    for direction in ("descending", "ascending"):
        header.get_by_role("button").click()
        expect(header).to_have_attribute("aria-sort", direction)
    page.wait_for_url(re.compile("sort=created_at&order=asc"))
    remember()
    page.get_by_role("button", name="Next", exact=True).click()
    page.wait_for_url(re.compile("after="))
    remember()
    addresses = [page.url]
    for key in (steps[2], None, steps[1], steps[0]):
        page.go_back()
        if key is not None:
            expect(first).to_have_attribute("data-key", str(key))
        addresses.append(page.url)
    assert page.url == f"{url}images"
    expect(page.get_by_label("Name or field")).to_have_value("")
    for address in reversed(addresses[:-1]):
        page.go_forward()
        page.wait_for_url(address)
    expect(first).to_have_attribute("data-key", str(steps[3]))


def test_reload_keeps_filter_sort_and_page(page: Page, url: str) -> None:
    open_page(page, f"{url}images?sort=noise_jy&order=asc&rows=25&text=img")
    before = page.locator("tbody tr").first.get_attribute("data-key")
    page.get_by_role("button", name="Next", exact=True).click()
    page.wait_for_url(re.compile("after="))
    first = page.locator("tbody tr").first
    expect(first).not_to_have_attribute("data-key", str(before))
    key, address = first.get_attribute("data-key"), page.url
    page.reload()
    wait_until_filled(page)
    assert page.url == address
    expect(first).to_have_attribute("data-key", str(key))
    expect(page.get_by_role("columnheader", name="Noise").first).to_have_attribute("aria-sort", "ascending")


def test_every_page_works_below_a_prefix(page: Page, below_prefix: str, details: list[str]) -> None:
    strays: list[str] = []
    page.on("request", lambda request: strays.append(request.url) if "/dash/" not in request.url else None)
    for path in [*LISTS, *JOB_VIEWS, *details]:
        open_page(page, below_prefix + path)
        own = "nodes => nodes.filter(node => node.origin === location.origin).map(node => node.href)"
        hrefs = page.locator("a[href]").evaluate_all(own)
        assert [href for href in hrefs if "/dash" not in href] == [], path
    assert [stray for stray in strays if stray.startswith("http")] == []
