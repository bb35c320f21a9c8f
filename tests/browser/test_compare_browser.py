"""Blinking by keys and a sky that stays locked, in a real browser."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from data_access.demo import write_demo
from tests.browser.conftest import ServerProcess

StartServer = Callable[..., ServerProcess]
# Figures of an earlier mode stay in the document for a while: those on the screen count.
_MODELS = """
(() => { const found = []; const walk = view => { if (view.model.type === 'Figure') found.push(view.model);
  for (const child of view.child_views ?? []) walk(child); };
  for (const root of Bokeh.index.roots) walk(root); return found; })()
"""
_VISIBLE = f"""
JSON.stringify({_MODELS}[0]?.renderers.filter(r => /^layer_/.test(r.name ?? '')).map(r => r.visible))
"""
_RANGES = f"""
{_MODELS}.map(m => [m.x_range.start, m.x_range.end, m.y_range.start, m.y_range.end])
"""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_demo(tmp_path_factory.mktemp("compare_browser") / "archive", nights=1)


def _two_images(folder: Path) -> str:
    with sqlite3.connect(f"file:{folder}/state/db/products.sqlite3?mode=ro", uri=True) as database:
        rows = database.execute(
            "SELECT id, path FROM images WHERE path LIKE '%.pbcor.fits' ORDER BY id DESC"
        ).fetchall()
    return ",".join([str(number) for number, path in rows if Path(path).is_file()][:2])


def test_keys_blink_and_zooming_one_image_moves_the_other_to_the_same_sky(
    page: Page, server: StartServer, demo: Path
) -> None:
    root = server(str(demo), module="tests.browser.archive_server").url
    page.goto(f"{root}compare?images={_two_images(demo)}&rate=8")
    page.wait_for_function("document.documentElement.dataset.filled === 'yes'")
    page.wait_for_function(f"{_VISIBLE} === '[true,false]'")
    page.keyboard.press("n")
    page.wait_for_function(f"{_VISIBLE} === '[false,true]'")
    page.wait_for_url("**shown=1*")
    page.keyboard.press("b")
    expect(page.get_by_role("button", name="Blink or stop (b or space)")).to_have_text("■ Stop")
    for state in ("[true,false]", "[false,true]"):
        page.wait_for_function(f"{_VISIBLE} === '{state}'")
    page.keyboard.press("b")
    page.keyboard.press("?")
    expect(page.get_by_text("blink or stop (space too)")).to_be_visible()
    page.keyboard.press("?")

    page.keyboard.press("s")
    page.wait_for_url("**mode=side*")
    page.wait_for_function(f"{_RANGES}.length === 2 && {_RANGES}.every(r => r.every(Number.isFinite))")
    before: list[Any] = page.evaluate(_RANGES)
    box = page.locator(".bk-Figure").nth(1).bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 0.5 * box["height"])
    page.mouse.wheel(0, -400)
    page.wait_for_url("**view=*")
    one, two = page.evaluate(_RANGES)
    assert one == two
    assert abs(one[1] - one[0]) < 0.9 * abs(before[0][1] - before[0][0])

    kept = page.url
    page.reload()
    page.wait_for_function("document.documentElement.dataset.filled === 'yes'")
    page.wait_for_function(f"{_RANGES}.length === 2")
    width = abs(one[1] - one[0])
    page.wait_for_function(f"{_RANGES}.every(r => Math.abs(Math.abs(r[1] - r[0]) - {width}) < 0.05 * {width})")
    assert page.url == kept
