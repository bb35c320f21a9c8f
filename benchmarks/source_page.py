"""A source of 1,000 epochs: reading it, and changing to it on an open page."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from urllib.parse import quote

import numpy as np
import pandas as pd
from playwright.async_api import Browser, Page

from benchmarks.archive import BenchArchive, Scale, make_archive
from benchmarks.chromium import chromium, dashboard, free_port, serving
from benchmarks.report import Row, make_row
from data_access import Archive
from data_access.settings import load_settings

EPOCHS = Scale("epochs", n_blocks=2, n_sources=40, n_epochs=1000, free_bytes=200_000_000)
DATA_LIMIT_MS, SWITCH_LIMIT_MS = 10.0, 100.0
N_CHANGES = 20
_TIMEOUT_MS = 60_000
_SQL = "SELECT * FROM photometry WHERE source_id = ?"
# Goes to another source as Back and Forward do, or asks bare Bokeh for another curve, and ends with the first frame
# after the figure was painted with it.
_SWITCH = """
async ([path, name]) => {
  const models = [...Bokeh.documents[0].all_models]
  const plot = models.find(m => m.type === 'Figure' && m.name === 'light_curve')
  const ask = models.find(m => m.name === 'ask')
  const points = models.find(m => m.name === 'points' && m.type === 'ColumnDataSource')
  const view = Bokeh.index.find_one(plot)
  const began = performance.now()
  const painted = new Promise(done => {
    const look = () => {
      if (ask ? points.data.number[0] !== Number(path) : !plot.title.text.startsWith(name)) return
      view.repainted.disconnect(look)
      requestAnimationFrame(() => done(performance.now() - began))
    }
    view.repainted.connect(look)
  })
  if (ask) {
    ask.setv({data: {number: [Number(path)]}})
  } else {
    history.pushState({}, '', path)
    window.dispatchEvent(new PopStateEvent('popstate'))
  }
  return await painted
}
"""


async def _data_row(bench: BenchArchive, n_runs: int) -> Row:
    ours, peer = [], []
    archive = Archive(load_settings(state_dir=bench.root))
    try:
        await archive.sources.get(bench.source_name(0))
        for run in range(2 * n_runs):
            name = bench.source_name(run % EPOCHS.n_sources)
            began = time.perf_counter()
            detail = await archive.sources.get(name)
            ours.append(1e3 * (time.perf_counter() - began))
            assert detail.light_curve.n_epoch == EPOCHS.n_epochs
            began = time.perf_counter()
            with closing(sqlite3.connect(f"{bench.products.as_uri()}?mode=ro", uri=True)) as connection:
                pd.read_sql(_SQL, connection, params=(name,))
            peer.append(1e3 * (time.perf_counter() - began))
    finally:
        await archive.close()
    return make_row(
        "source_page: everything recorded of a source of 1,000 epochs", "ms", ours, peer,
        peer_name="pandas read_sql of its measurements alone", limit=DATA_LIMIT_MS, limit_name="10 ms",
    )  # fmt: skip


async def _switches_ms(page: Page, changes: Sequence[tuple[str, str]]) -> list[float]:
    """Return the time of each change: where to go (a number: which curve), and what the title then begins with.

    The first two are not counted.
    """
    took = []
    for path, name in changes:
        took.append(float(await page.evaluate(_SWITCH, [path, name])))
        await asyncio.sleep(1.0)  # a reader looks at it: what stands below is filled meanwhile
    return took[2:]


async def _opened(browser: Browser, url: str) -> Page:
    page = await (await browser.new_context(viewport={"width": 1280, "height": 800})).new_page()
    await page.goto(url, timeout=_TIMEOUT_MS)
    await page.wait_for_function("globalThis.Bokeh?.documents[0]?.is_idle", timeout=_TIMEOUT_MS)
    return page


async def _switch_row(bench: BenchArchive, n_runs: int) -> Row:
    names = [bench.source_name(i % EPOCHS.n_sources) for i in range(N_CHANGES + 3)]
    paths = [f"/sources/{quote(name, safe='')}" for name in names]
    ours: list[float] = []
    bare: list[float] = []
    hello_port = free_port()
    with dashboard(bench.root) as url, serving(["-m", "benchmarks.hello", str(hello_port)], ready="serving"):
        for _ in range(max(1, n_runs // 2)):
            async with chromium() as browser:
                page = await _opened(browser, f"{url}{paths[0]}")
                await page.wait_for_function("document.documentElement.dataset.filled === 'yes'", timeout=_TIMEOUT_MS)
                ours.append(_p95(await _switches_ms(page, list(zip(paths, names, strict=True))[1:])))
            async with chromium() as browser:
                page = await _opened(browser, f"http://127.0.0.1:{hello_port}/change")
                bare.append(_p95(await _switches_ms(page, [(str(n), "") for n in range(1, N_CHANGES + 3)])))
    return make_row(
        f"source_page: change of source to the repainted plot of 1,000 epochs, p95 of {N_CHANGES}", "ms", ours, bare,
        peer_name="1,000 points and error bars from the memory of bare Bokeh", limit=SWITCH_LIMIT_MS,
        limit_name="100 ms",
    )  # fmt: skip


def _p95(values: Sequence[float]) -> float:
    return float(np.percentile(values, 95))


async def measure(_scale: Scale, *, n_runs: int, seconds: float) -> list[Row]:  # noqa: ARG001
    """Return the time of the data, and of a change of source in the browser."""
    bench = make_archive(EPOCHS)
    return [await _data_row(bench, n_runs), await _switch_row(bench, n_runs)]
