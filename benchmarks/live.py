"""From the commit of a new image, in another process, to its row in an open page of images."""

from __future__ import annotations

import asyncio
import sys
import time
from asyncio.subprocess import PIPE, Process

from playwright.async_api import Page

from benchmarks.archive import BenchArchive, Scale, make_archive, remove_added_rows
from benchmarks.chromium import ROOT, chromium, dashboard
from benchmarks.report import Row, make_row

LIMIT_S = 2.0
_TIMEOUT_MS = 30_000
# A commit at any moment between two looks of the server is as likely as any other.
_PAUSES_S = (0.7, 0.83, 0.96, 1.09, 1.22)


async def _writer(bench: BenchArchive) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.writer", str(bench.products), "--on-demand",
        cwd=ROOT, stdin=PIPE, stdout=PIPE,
    )  # fmt: skip


async def _delay_s(page: Page, writer: Process) -> float:
    """Commit an image and return how long it took to be seen."""
    if writer.stdin is None or writer.stdout is None:
        raise RuntimeError("the writer has no pipes")
    writer.stdin.write(b"\n")
    await writer.stdin.drain()
    committed, path = (await writer.stdout.readline()).decode().split()
    name = path.rsplit("/", 1)[-1]
    await page.get_by_text(name).first.wait_for(state="visible", timeout=_TIMEOUT_MS)
    return time.time() - float(committed)


async def measure(scale: Scale, *, n_runs: int, seconds: float) -> list[Row]:  # noqa: ARG001
    """Return the median and the largest delay of several commits."""
    bench = make_archive(scale)
    n_commits = max(3, 4 * n_runs)
    delays = []
    with dashboard(bench.root) as url:
        async with chromium() as browser:
            page = await browser.new_page(viewport={"width": 1280, "height": 800})
            await page.goto(f"{url}/images", timeout=_TIMEOUT_MS)
            await page.get_by_text(".img.fits").first.wait_for(state="visible", timeout=_TIMEOUT_MS)
            writer = await _writer(bench)
            try:
                await _delay_s(page, writer)
                for number in range(n_commits):
                    await asyncio.sleep(_PAUSES_S[number % len(_PAUSES_S)])
                    delays.append(await _delay_s(page, writer))
            finally:
                writer.terminate()
                await writer.wait()
                remove_added_rows(bench)
    what = f"live: commit to visible row, {n_commits} commits"
    return [
        make_row(f"{what}, median", "s", delays, limit=LIMIT_S, limit_name="visible within 2 s"),
        make_row(f"{what}, largest", "s", [max(delays)], limit=LIMIT_S, limit_name="visible within 2 s"),
    ]
