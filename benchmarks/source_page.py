"""A source of 1,000 epochs: reading it, and changing to it on an open page; the eta-V plane of a million sources."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from urllib.parse import quote

import numpy as np
import pandas as pd
from playwright.async_api import Page

from benchmarks.archive import BenchArchive, Scale, make_archive
from benchmarks.chromium import chromium, dashboard
from benchmarks.report import Row, make_row
from dashboards.pages.variability import fit_both, prepare_plane
from dashboards.plots.eta_v import plot_eta_v
from data_access import Archive
from data_access.records.variability import VariabilityTable
from data_access.settings import load_settings

EPOCHS = Scale("epochs", n_blocks=2, n_sources=40, n_epochs=1000, free_bytes=200_000_000)
DATA_LIMIT_MS, SWITCH_LIMIT_MS, PLANE_LIMIT = 10.0, 100.0, 1.5
_FEW, _MANY = 50_000, 1_000_000
_TIMEOUT_MS = 60_000
_SQL = "SELECT * FROM photometry WHERE source_id = ?"
# Goes to another source as Back and Forward do, and ends with the first frame after the figure was painted with it.
_SWITCH = """
async ([path, name]) => {
  const plot = [...Bokeh.documents[0].all_models].find(m => m.type === 'Figure' && m.name === 'light_curve')
  const view = Bokeh.index.find_one(plot)
  const began = performance.now()
  const painted = new Promise(done => {
    const look = () => {
      if (!plot.title.text.startsWith(name)) return
      view.repainted.disconnect(look)
      requestAnimationFrame(() => done(performance.now() - began))
    }
    view.repainted.connect(look)
  })
  history.pushState({}, '', path)
  window.dispatchEvent(new PopStateEvent('popstate'))
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


async def _switches_ms(page: Page, bench: BenchArchive, n: int) -> list[float]:
    names = [bench.source_name(i % EPOCHS.n_sources) for i in range(1, n + 1)]
    took = []
    for name in names:
        path = f"/sources/{quote(name, safe='')}"
        took.append(float(await page.evaluate(_SWITCH, [path, name])))
        await asyncio.sleep(1.0)  # a reader looks at it: what stands below is filled meanwhile
    return took


async def _switch_row(bench: BenchArchive, n_runs: int) -> Row:
    with dashboard(bench.root) as url:
        async with chromium() as browser:
            page = await (await browser.new_context(viewport={"width": 1280, "height": 800})).new_page()
            await page.goto(f"{url}/sources/{quote(bench.source_name(0), safe='')}", timeout=_TIMEOUT_MS)
            await page.wait_for_function("document.documentElement.dataset.filled === 'yes'", timeout=_TIMEOUT_MS)
            await _switches_ms(page, bench, 2)
            p95 = [_p95(await _switches_ms(page, bench, 20)) for _ in range(max(1, n_runs // 2))]
    return make_row(
        "source_page: change of source to the repainted plot of 1,000 epochs, p95 of 20", "ms", p95,
        limit=SWITCH_LIMIT_MS, limit_name="100 ms",
    )  # fmt: skip


def _p95(values: Sequence[float]) -> float:
    return float(np.percentile(values, 95))


def _table(n: int) -> VariabilityTable:
    random_numbers = np.random.default_rng(1)
    n_epochs, flux = np.full(n, 200), random_numbers.lognormal(-5, 1, n)
    v = 10 ** random_numbers.normal(-1.3, 0.2, n)
    eta = 10 ** random_numbers.normal(0, 0.2, n)
    names = np.array([f"NVSS J{i:06d}+540000" for i in range(n)])
    return VariabilityTable(
        flux="peak", source_id=names, n_rows=n_epochs, n=n_epochs, eta=eta, v=v, chi2_nu=eta, mean=flux, std=flux * v,
        min=flux * 0.8, max=flux * 1.2, reason=np.zeros(n, dtype=np.int64), ra_deg=flux, dec_deg=flux, last_mjd=flux,
    )  # fmt: skip


def _plane_ms(table: VariabilityTable) -> tuple[float, float]:
    """Return the time to prepare and draw a plane, and to draw it from what is kept."""
    began = time.perf_counter()
    plane = prepare_plane(table, dict.fromkeys(("epochs", "k", "eta_cut", "v_cut")), fit_both(table, 2))
    prepared = time.perf_counter()
    plot_eta_v(plane.table, plane.cuts, data=plane.data)
    drawn = time.perf_counter()
    return 1e3 * (drawn - began), 1e3 * (drawn - prepared)


def _plane_rows(n_runs: int) -> list[Row]:
    few, many = _table(_FEW), _table(_MANY)
    pairs = [(_plane_ms(many), _plane_ms(few)) for _ in range(n_runs)]
    return [
        make_row(
            f"source_page: eta-V plane of 1,000,000 sources, {words}", "ms", [one[k] for one, _ in pairs],
            [other[k] for _, other in pairs], peer_name="the same of 50,000 sources", limit_to_peer=PLANE_LIMIT,
            limit_name="at most 1.5 times as long",
        )
        for k, words in enumerate(("by the first reader after a write", "by every further reader"))
    ]  # fmt: skip


async def measure(_scale: Scale, *, n_runs: int, seconds: float) -> list[Row]:  # noqa: ARG001
    """Return the time of the data, of a change of source in the browser, and of the plane of a million sources."""
    bench = make_archive(EPOCHS)
    return [await _data_row(bench, n_runs), await _switch_row(bench, n_runs), *_plane_rows(n_runs)]
