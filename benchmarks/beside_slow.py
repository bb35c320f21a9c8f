"""Fast reads while a slow query runs beside them all the time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from benchmarks.archive import Scale, make_archive
from benchmarks.peer import NAME, PeerRepository
from benchmarks.questions import our_questions, peer_questions
from benchmarks.report import Row, make_row
from benchmarks.timing import both_ways, load, time_ms
from data_access import open_archive

N_READERS = 4
SLOW_MS = 400.0
P50_LIMIT_MS = 3.0
# Sums without an index: its time is set by how many rows it may look at.
_SLOW = "SELECT count(*), avg(peak_jyb * peak_jyb) FROM photometry WHERE id <= {} AND peak_err_jyb > 0"


@asynccontextmanager
async def _running(query: Callable[[], Awaitable[Any]]) -> AsyncIterator[None]:
    """Run the slow query again and again, until the end of the block."""

    async def repeat() -> None:
        while True:
            await query()

    task = asyncio.create_task(repeat())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _slow_sql(peer: PeerRepository, n_rows: int) -> str:
    """Return a query that takes about `SLOW_MS` on this machine now, or scans everything if that is less."""
    probe = max(1, n_rows // 50)
    took_ms = await time_ms(lambda: peer.scan(_SLOW.format(probe)), repeat=5)
    return _SLOW.format(min(n_rows, int(probe * SLOW_MS / max(took_ms, 0.01))))


async def measure(scale: Scale, *, n_runs: int, seconds: float) -> list[Row]:
    """Return the median and the 99th percentile of the fast reads (image, run, page of images)."""
    bench = make_archive(scale)
    p50: dict[str, list[float]] = {"ours": [], "peer": []}
    p99: dict[str, list[float]] = {"ours": [], "peer": []}
    async with open_archive(bench.root) as archive, PeerRepository.open(bench.products) as peer:
        table = await archive.layout.find("photometry")
        sql = await _slow_sql(peer, scale.n_photometry)
        slow = {"ours": lambda: table.fetch(sql, slow=True), "peer": lambda: peer.scan(sql)}
        fast = {"ours": our_questions(archive, bench), "peer": peer_questions(peer, bench)}
        for order in both_ways(n_runs):
            for side in order:
                image, images, _, _, run = fast[side]
                async with _running(slow[side]):
                    found = await load([image, images, run], n_readers=N_READERS, seconds=max(seconds, 0.1))
                p50[side].append(found.percentile_ms(50))
                p99[side].append(found.percentile_ms(99))
    return [
        make_row(
            f"beside_slow: p50, {N_READERS} readers",
            "ms",
            p50["ours"],
            p50["peer"],
            peer_name=NAME,
            limit=P50_LIMIT_MS,
            limit_name="p50 below 3 ms",
        ),
        make_row(f"beside_slow: p99, {N_READERS} readers", "ms", p99["ours"], p99["peer"], peer_name=NAME),
    ]
