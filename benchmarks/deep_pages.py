"""The first page of a list against a page nine tenths of the way down."""

from __future__ import annotations

from functools import partial

from benchmarks.archive import Scale, make_archive
from benchmarks.lists import PAGE, Pager, our_pages, peer_pages
from benchmarks.peer import NAME, PeerRepository
from benchmarks.report import Row, make_row
from benchmarks.timing import both_ways, time_ms
from data_access import open_archive

DEPTH = 0.9
RATIO_LIMIT = 1.5
_STRIDE = 1000
_REPEAT = 15


async def _cursor_at(ask: Pager, position: int) -> str:
    """Turn pages down to a position and return the cursor there."""
    cursor = ""
    while position > 0:
        step = min(_STRIDE, position)
        cursor = (await ask(cursor, step)).next_cursor
        position -= step
    return cursor


async def measure(scale: Scale, *, n_runs: int, seconds: float) -> list[Row]:
    """Return for every list how many times longer a deep page takes than the first, and how long it takes."""
    repeat = max(1, min(_REPEAT, round(_REPEAT * seconds)))
    bench = make_archive(scale)
    lengths = {
        "images": scale.n_images,
        "sources by name": scale.n_sources,
        "sources by eta": scale.n_sources,
        "runs": scale.n_runs,
    }
    rows = []
    async with open_archive(bench.root) as archive, PeerRepository.open(bench.products) as peer:
        pages, peers = our_pages(archive), peer_pages(peer)
        for name, length in lengths.items():
            position = int(DEPTH * length)
            cursor = await _cursor_at(pages[name], position)
            asked = {
                "ours": (partial(pages[name], "", PAGE), partial(pages[name], cursor, PAGE)),
                "peer": (partial(peers[name], 0), partial(peers[name], position)),
            }
            deep: dict[str, list[float]] = {"ours": [], "peer": []}
            ratio: dict[str, list[float]] = {"ours": [], "peer": []}
            for order in both_ways(n_runs):
                for side in order:
                    top, down = asked[side]
                    top_ms, deep_ms = await time_ms(top, repeat=repeat), await time_ms(down, repeat=repeat)
                    deep[side].append(deep_ms)
                    ratio[side].append(deep_ms / top_ms)
            what = f"deep_pages: {name}, page at {DEPTH:.0%}"
            rows += [
                make_row(
                    f"{what} / first page", "ratio", ratio["ours"], ratio["peer"], peer_name=NAME,
                    limit=RATIO_LIMIT, limit_name="a deep page takes at most 1.5 times as long as the first",
                ),
                make_row(what, "ms", deep["ours"], deep["peer"], peer_name=NAME),
            ]  # fmt: skip
    return rows
