"""A page of a list and the number above it: ten million measurements against ten thousand."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

from benchmarks.archive import SCALES, Scale, make_archive
from benchmarks.lists import PAGE, our_counts, our_pages, peer_counts, peer_pages
from benchmarks.peer import NAME, PeerRepository
from benchmarks.report import Row, make_row
from benchmarks.timing import both_ways, time_ms
from data_access import open_archive

RATIO_LIMIT = 1.5
_REPEAT = 7
Question = Callable[[], Awaitable[Any]]


async def _ours(root: Any, stack: AsyncExitStack) -> dict[str, Question]:
    archive = await stack.enter_async_context(open_archive(root))
    pages, counts = our_pages(archive), our_counts(archive)

    def question(name: str) -> Question:
        async def ask() -> Any:
            if name not in counts:
                return await pages[name]("", PAGE)
            return await asyncio.gather(pages[name]("", PAGE), counts[name]())

        return ask

    return {name: question(name) for name in pages}


async def _peers(path: Any, stack: AsyncExitStack) -> dict[str, Question]:
    peer = await stack.enter_async_context(PeerRepository.open(path))
    pages, counts = peer_pages(peer), peer_counts(peer)

    def question(name: str) -> Question:
        async def ask() -> Any:
            if name not in counts:
                return await pages[name](0)
            return await asyncio.gather(pages[name](0), counts[name]())

        return ask

    return {name: question(name) for name in pages}


async def measure(scale: Scale, *, n_runs: int, seconds: float) -> list[Row]:
    """Return for every list how many times longer it takes in the larger archive, and how long it takes there."""
    repeat = max(1, min(_REPEAT, round(_REPEAT * seconds)))
    large, small = make_archive(scale), make_archive(SCALES["tiny" if scale.name == "tiny" else "small"])
    rows = []
    async with AsyncExitStack() as stack:
        asked = {
            ("ours", "large"): await _ours(large.root, stack),
            ("ours", "small"): await _ours(small.root, stack),
            ("peer", "large"): await _peers(large.products, stack),
            ("peer", "small"): await _peers(small.products, stack),
        }
        for name in asked["ours", "large"]:
            took: dict[str, list[float]] = {"ours": [], "peer": []}
            ratio: dict[str, list[float]] = {"ours": [], "peer": []}
            for order in both_ways(n_runs):
                for side in order:
                    n = repeat if side == "ours" else min(2, repeat)  # the peer's counts take seconds
                    small_ms = await time_ms(asked[side, "small"][name], repeat=n)
                    large_ms = await time_ms(asked[side, "large"][name], repeat=n)
                    took[side].append(large_ms)
                    ratio[side].append(large_ms / small_ms)
            what = f"list_pages: {name}, page and count"
            rows += [
                make_row(
                    f"{what}, {large.scale.n_photometry:,} / {small.scale.n_photometry:,} rows", "ratio",
                    ratio["ours"], ratio["peer"], peer_name=NAME, limit=RATIO_LIMIT,
                    limit_name="ten million rows take at most 1.5 times as long as ten thousand",
                ),
                make_row(f"{what}, {large.scale.n_photometry:,} rows", "ms", took["ours"], took["peer"],
                         peer_name=NAME),
            ]  # fmt: skip
    return rows
