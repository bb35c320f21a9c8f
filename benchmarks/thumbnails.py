"""Thumbnails of a page of images: made the first time, kept on disk, and how long the event loop waits meanwhile."""

from __future__ import annotations

import asyncio
import io
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.visualization import ZScaleInterval
from PIL import Image

from benchmarks.archive import Scale, bench_folder
from benchmarks.report import Row, make_row
from benchmarks.timing import both_ways
from data_access.offload import Offload
from data_access.services.kept_folder import KeptFolder
from data_access.services.roots import Roots
from data_access.services.thumbnails import PNG_ENDS, SIZE, ThumbnailService

N_IMAGES = {"large": 50, "small": 20, "tiny": 4}
N_PIXELS = 512
LOOP_LIMIT_MS = 50.0
# A browser asks for six at once.
_AT_ONCE = 6
PEER = "astropy, z-scale, Pillow: once a picture, one after the other"


async def measure(scale: Scale, *, n_runs: int, seconds: float) -> list[Row]:  # noqa: ARG001  a page is what it is
    """Return the time of a picture in both ways, of one that is kept, and the longest wait of the event loop."""
    paths = _images(bench_folder() / "thumbnails", N_IMAGES[scale.name])
    offload = Offload(threads=4, processes=1, deadline_s=60.0)
    made: list[float] = []
    peer: list[float] = []
    kept: list[float] = []
    waits: list[float] = []
    try:
        for order in both_ways(n_runs):
            with tempfile.TemporaryDirectory() as cache:
                for side in order:
                    if side == "peer":
                        peer.append(await _peer_ms(paths))
                    else:
                        made.append(await _each_ms(_service(paths, offload, cache), paths))
                kept.append(await _each_ms(_service(paths, offload, cache), paths))
            with tempfile.TemporaryDirectory() as cache:
                waits.append(await _loop_wait_ms(_service(paths, offload, cache), paths))
    finally:
        await offload.close()
    what = f"thumbnails: {len(paths)} images of {N_PIXELS}x{N_PIXELS}"
    return [
        make_row(f"{what}, made, time of one", "ms", made, peer, peer_name=PEER),
        make_row(f"{what}, kept on disk by a server before, time of one", "ms", kept, peer, peer_name=PEER),
        make_row(
            f"{what}, longest wait of the event loop while they are made", "ms", waits,
            limit=LOOP_LIMIT_MS, limit_name="the event loop never waits more than 50 ms",
        ),
    ]  # fmt: skip


def _images(folder: Path, n_images: int) -> list[str]:
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(110)
    paths = []
    for number in range(n_images):
        path = folder / f"image-{number:03d}.fits"
        if not path.is_file():
            data = random.normal(scale=1e-3, size=(N_PIXELS, N_PIXELS)).astype(np.float32)
            header = fits.Header({"CTYPE1": "RA---SIN", "CTYPE2": "DEC--SIN", "CDELT1": -1e-3, "CDELT2": 1e-3,
                                  "CRVAL1": 150.0, "CRVAL2": 35.0, "CRPIX1": 256.5, "CRPIX2": 256.5})  # fmt: skip
            fits.PrimaryHDU(data, header).writeto(path)
        paths.append(str(path))
    return paths


def _service(paths: Sequence[str], offload: Offload, cache: str) -> ThumbnailService:
    """Return a service that has made nothing yet."""
    roots = Roots([Path(paths[0]).parent], setting="roots")
    begin, end = PNG_ENDS
    folder = KeptFolder(Path(cache), max_bytes=200_000_000, suffix=".png", begin=begin, end=end)
    return ThumbnailService(roots, offload, n_at_once=2, open_folder=lambda: folder)


async def _in_turn(paths: Sequence[str], ask: Callable[[str], Awaitable[object]]) -> None:
    waiting = iter(paths)

    async def reader() -> None:
        for path in waiting:
            await ask(path)

    await asyncio.gather(*(reader() for _ in range(_AT_ONCE)))


async def _each_ms(service: ThumbnailService, paths: Sequence[str]) -> float:
    began = time.perf_counter()
    await _in_turn(paths, service.get)
    return 1e3 * (time.perf_counter() - began) / len(paths)


async def _peer_ms(paths: Sequence[str]) -> float:
    began = time.perf_counter()
    for path in paths:
        await asyncio.to_thread(_peer_png, path)
    return 1e3 * (time.perf_counter() - began) / len(paths)


def _peer_png(path: str) -> bytes:
    data = fits.getdata(path)
    low, high = ZScaleInterval().get_limits(data)
    grey = (np.clip((data - low) / (high - low), 0, 1) * 255).astype(np.uint8)[::-1]
    picture = Image.fromarray(grey)
    picture.thumbnail((SIZE, SIZE))
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


async def _loop_wait_ms(service: ThumbnailService, paths: Sequence[str]) -> float:
    """Return the longest time beyond a sleep of a millisecond while the pictures are made."""
    making = asyncio.ensure_future(_in_turn(paths, service.get))
    longest = 0.0
    while not making.done():
        now = time.perf_counter()
        await asyncio.sleep(0.001)
        longest = max(longest, time.perf_counter() - now - 0.001)
    await making
    return 1e3 * longest
