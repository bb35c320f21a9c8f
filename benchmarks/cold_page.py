"""A first visit to a page with a plot, up to the first painted canvas, against the least that Bokeh can serve."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from urllib.parse import quote

from playwright.async_api import Browser

from benchmarks.archive import Scale, bench_folder
from benchmarks.chromium import chromium, dashboard, free_port, serving
from benchmarks.report import Row, make_row
from benchmarks.timing import both_ways
from data_access.demo import write_demo
from data_access.demo.schema import PRODUCTS

PEER = "a Bokeh server with one figure"
RATIO_LIMIT = 1.5
_TIMEOUT_MS = 30_000
_COMPLETE = "() => !window.dsa110 || document.documentElement.dataset.filled === 'yes'"
_LEAST_BYTES = 100_000  # the demo archive also holds files that were cut short
# Looks at every frame for a canvas with a pixel on it, also inside shadow roots, and keeps the time since navigation.
_WATCH = """
(() => {
  const canvases = (root) => {
    const found = [...root.querySelectorAll('canvas')];
    for (const element of root.querySelectorAll('*')) {
      if (element.shadowRoot) found.push(...canvases(element.shadowRoot));
    }
    return found;
  };
  const painted = (canvas) => {
    if (canvas.width < 100 || canvas.height < 100) return false;
    const context = canvas.getContext('2d');
    if (!context) return false;
    const pixels = new Uint32Array(context.getImageData(0, 0, canvas.width, canvas.height).data.buffer);
    return pixels.some((pixel) => pixel !== 0);
  };
  const look = () => {
    if (canvases(document).some(painted)) window.__first_plot_ms = performance.now();
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})();
"""


def _demo_archive() -> Path:
    folder = bench_folder() / "demo"
    if not (folder / "truth.json").is_file():
        write_demo(folder)
    return folder


def _image_paths(archive: Path, wanted: int) -> list[str]:
    """Return the pages of images whose files are on disk, each another one: none is in the server's caches."""
    with closing(sqlite3.connect(archive / PRODUCTS)) as connection:
        rows = connection.execute("SELECT id, path FROM images ORDER BY id DESC LIMIT 2000").fetchall()
    here = [f"/images/{number}" for number, path in rows if _is_image(Path(path))]
    return [here[index % len(here)] for index in range(wanted)]


def _is_image(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > _LEAST_BYTES


def _source_paths(archive: Path, wanted: int) -> list[str]:
    with closing(sqlite3.connect(archive / PRODUCTS)) as connection:
        rows = connection.execute(
            "SELECT source_id FROM photometry WHERE source_id IS NOT NULL GROUP BY source_id "
            "ORDER BY count(*) DESC, source_id LIMIT ?",
            (wanted,),
        ).fetchall()
    return [f"/sources/{quote(rows[index % len(rows)][0], safe='')}" for index in range(wanted)]


async def first_plot_ms(browser: Browser, url: str, timeout_ms: float = _TIMEOUT_MS) -> float:
    """Return the time from navigation to the first painted canvas, and wait until the page is complete."""
    context = await browser.new_context(viewport={"width": 1280, "height": 800})
    try:
        page = await context.new_page()
        await page.add_init_script(_WATCH)
        await page.goto(url, wait_until="commit", timeout=timeout_ms)
        seen = await page.wait_for_function("() => window.__first_plot_ms", timeout=timeout_ms)
        # The next visit finds a server that has done with this one: on our pages more follows the first plot.
        await page.wait_for_function(_COMPLETE, timeout=timeout_ms)
        return float(await seen.json_value())
    finally:
        await context.close()


async def _compare(browser: Browser, name: str, pages: Sequence[str], hello: str, n_runs: int) -> Row:
    took: dict[str, list[float]] = {"ours": [], "peer": []}
    await first_plot_ms(browser, pages[-1])
    await first_plot_ms(browser, hello)
    for page, order in zip(pages, both_ways(n_runs), strict=False):
        for side in order:
            took[side].append(await first_plot_ms(browser, page if side == "ours" else hello))
    return make_row(
        f"cold_page: {name}, to the first plot", "ms", took["ours"], took["peer"], peer_name=PEER,
        limit_to_peer=RATIO_LIMIT, limit_name="at most 1.5 times as long as the least page that Bokeh can serve",
    )  # fmt: skip


async def measure(_scale: Scale, *, n_runs: int, seconds: float) -> list[Row]:  # noqa: ARG001
    """Return the time of an image page and of a source page; the demo archive has files for them at every scale."""
    archive = _demo_archive()
    hello_port = free_port()
    with ExitStack() as stack:
        ours = stack.enter_context(dashboard(archive))
        stack.enter_context(serving(["-m", "benchmarks.hello", str(hello_port)], ready="serving"))
        hello = f"http://127.0.0.1:{hello_port}/"
        async with chromium() as browser:
            kinds = {"image": _image_paths(archive, n_runs + 1), "source": _source_paths(archive, n_runs + 1)}
            return [
                await _compare(browser, name, [ours + path for path in paths], hello, n_runs)
                for name, paths in kinds.items()
            ]
