"""Means and maxima of a large image at every resolution: made for the first time, and seen again."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from pathlib import Path

from benchmarks.archive import Scale, bench_folder
from benchmarks.cutout_memory import Meter
from benchmarks.cutouts import LOOP_LIMIT_MS, N_PIXELS, evict, make_image
from benchmarks.report import Row, make_row
from benchmarks.timing import both_ways, time_ms
from data_access.offload import Offload
from data_access.readers.overview import REDUCTIONS
from data_access.services.cutouts import CutoutService
from data_access.services.files import FileService
from data_access.services.overviews import OverviewService
from data_access.services.roots import Roots

_READ_BYTES = 16 << 20
_AGAIN = 40
# Two threads with a band and its blocks each, and what numpy keeps for itself.
_MEMORY_MB = 64.0


async def measure(scale: Scale, *, n_runs: int, seconds: float) -> list[Row]:  # noqa: ARG001  (no load for a time)
    """Return the rows of the issue on images: ratios to a plain read of the file."""
    folder = bench_folder() / "cutouts"
    n_pixels = N_PIXELS[scale.name]
    path = make_image(folder, f"image-{n_pixels}.fits", n_pixels)
    cache = bench_folder() / "overviews-of-the-benchmark"
    offload = Offload(threads=4, processes=1, deadline_s=60.0)
    roots = Roots([folder], setting="roots")
    files = FileService(roots, offload)
    service = OverviewService(files, CutoutService(roots, offload), roots, offload, lambda: cache)
    try:
        await files.image_header(path)
        first = f"overviews: mean and maximum of {n_pixels}x{n_pixels}, first time"
        rows = [
            await _memory(service, path, cache),
            await _first(service, path, cache, n_runs, name=f"{first}, warm", is_cold=False),
            await _first(service, path, cache, n_runs, name=f"{first}, cold", is_cold=True),
            await _again(service, path, n_runs),
            await _loop_wait(service, path, cache, n_runs),
        ]
    finally:
        await offload.close()
        shutil.rmtree(cache, ignore_errors=True)
    return rows


async def _make(service: OverviewService, path: str, cache: Path) -> float:
    """Return how long the first view of the whole field takes, ms."""
    shutil.rmtree(cache, ignore_errors=True)
    began = time.perf_counter()
    await service.view(path)
    return 1e3 * (time.perf_counter() - began)


def _read(path: str) -> float:
    """Return how long it takes to read the file into memory, ms."""
    began, pieces, at = time.perf_counter(), [], 0
    number = os.open(path, os.O_RDONLY)
    while found := os.pread(number, _READ_BYTES, at):
        pieces.append(found)
        at += len(found)
    os.close(number)
    return 1e3 * (time.perf_counter() - began)


async def _first(service: OverviewService, path: str, cache: Path, n_runs: int, *, name: str, is_cold: bool) -> Row:
    await _make(service, path, cache)
    found: dict[str, list[float]] = {"ours": [], "peer": []}
    for order in both_ways(n_runs):
        for side in order:
            if is_cold:
                evict(path)
            elapsed = await _make(service, path, cache) if side == "ours" else await asyncio.to_thread(_read, path)
            found[side].append(elapsed)
    times = 1.3 if is_cold else 4.0
    return make_row(
        name, "ms", found["ours"], found["peer"], peer_name="pread of the file into memory",
        limit_to_peer=times, limit_name=f"at most {times:g} times the read",
    )  # fmt: skip


async def _again(service: OverviewService, path: str, n_runs: int) -> Row:
    await service.view(path)
    both = []
    for _ in range(n_runs):
        times = [await time_ms(lambda r=r: service.view(path, reduction=r), repeat=_AGAIN) for r in REDUCTIONS]
        both.append(max(times))
    return make_row("overviews: mean or maximum, seen before", "ms", both, limit=5.0, limit_name="5 ms")


async def _loop_wait(service: OverviewService, path: str, cache: Path, n_runs: int) -> Row:
    worst = []
    for _ in range(n_runs):
        making = asyncio.create_task(_make(service, path, cache))
        longest = 0.0
        while not making.done():
            asked = time.perf_counter()
            await asyncio.sleep(0.001)
            longest = max(longest, time.perf_counter() - asked - 0.001)
        await making
        worst.append(1e3 * longest)
    return make_row(
        "overviews: longest wait of the event loop meanwhile", "ms", worst, limit=LOOP_LIMIT_MS, limit_name="50 ms"
    )


async def _memory(service: OverviewService, path: str, cache: Path) -> Row:
    """Return what the process adds to its own memory while an overview is made, at its highest."""
    meter = Meter()
    await _make(service, path, cache)
    grown = max(0.1, meter.stop())
    return make_row(
        "overviews: memory while one is made", "MB", [grown], limit=_MEMORY_MB, limit_name="bounded: 64 MB"
    )
