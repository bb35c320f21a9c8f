"""Opening the eta-V plane of a million sources, right after a measurement was written, against that of 50,000."""

from __future__ import annotations

import sqlite3
from contextlib import ExitStack, closing

from playwright.async_api import Browser

from benchmarks.archive import BenchArchive, Scale, make_archive, remove_added_rows
from benchmarks.chromium import chromium, dashboard
from benchmarks.cold_page import first_plot_ms
from benchmarks.report import Row, make_row
from benchmarks.timing import both_ways

MANY = Scale("plane-many", n_blocks=500, n_sources=1_000_000, n_epochs=3, free_bytes=3_000_000_000)
FEW = Scale("plane-few", n_blocks=25, n_sources=50_000, n_epochs=3, free_bytes=200_000_000)
RATIO_LIMIT = 1.5
# The sums of a million sources are made before the first visit is complete.
_FIRST_TIMEOUT_MS = 300_000


def _write_measurement(bench: BenchArchive) -> None:
    with closing(sqlite3.connect(bench.products, timeout=30)) as connection, connection:
        connection.execute(
            "INSERT INTO photometry (source_id, image_path, ra_deg, dec_deg, peak_jyb, peak_err_jyb, measured_at, "
            "mjd) SELECT source_id, image_path, ra_deg, dec_deg, peak_jyb, peak_err_jyb, measured_at + 86400.0, "
            "mjd + 1.0 FROM photometry WHERE id = (SELECT max(id) FROM photometry)"
        )


async def _open_ms(browser: Browser, bench: BenchArchive, url: str) -> float:
    _write_measurement(bench)
    return await first_plot_ms(browser, url)


async def measure(scale: Scale, *, n_runs: int, seconds: float) -> list[Row]:  # noqa: ARG001
    """Return the time from navigation to the first painted canvas; every visit has an empty browser cache."""
    sizes = {"ours": MANY, "peer": FEW} if scale.name == "large" else {"ours": scale, "peer": scale}
    benches = {side: make_archive(size) for side, size in sizes.items()}
    took: dict[str, list[float]] = {"ours": [], "peer": []}
    try:
        with ExitStack() as stack:
            urls = {side: stack.enter_context(dashboard(b.root)) + "/variability" for side, b in benches.items()}
            async with chromium() as browser:
                for url in urls.values():
                    await first_plot_ms(browser, url, timeout_ms=_FIRST_TIMEOUT_MS)
                for order in both_ways(n_runs):
                    for side in order:
                        took[side].append(await _open_ms(browser, benches[side], urls[side]))
    finally:
        for bench in benches.values():
            remove_added_rows(bench)
    words = [f"{size.n_sources:,} sources" for size in sizes.values()]
    return [
        make_row(
            f"plane: the eta-V page of {words[0]}, a measurement just written", "ms", took["ours"], took["peer"],
            peer_name=f"the same of {words[1]}", limit_to_peer=RATIO_LIMIT, limit_name="at most 1.5 times as long",
        )
    ]  # fmt: skip
