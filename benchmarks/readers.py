"""Throughput of the fast reads at several numbers of readers, while a writer commits every 50 ms."""

from __future__ import annotations

from pathlib import Path

from benchmarks.archive import Scale, make_archive
from benchmarks.peer import NAME, PeerRepository
from benchmarks.questions import our_questions, peer_questions
from benchmarks.report import Row, make_row
from benchmarks.timing import both_ways, load
from benchmarks.writer import writing
from data_access import open_archive

CONCURRENCY = (1, 8, 50, 200)
KINDS = ("get an image", "page of images", "page of sources by eta", "light curve", "get a run")


async def measure(scale: Scale, *, n_runs: int, seconds: float) -> list[Row]:
    """Return one row for the mix at each number of readers, and one for each question alone at 8 readers."""
    bench = make_archive(scale)
    _read_into_memory(bench.products)
    rows = []
    with writing(bench):
        async with open_archive(bench.root) as archive, PeerRepository.open(bench.products) as peer:
            sides = {"ours": our_questions(archive, bench), "peer": peer_questions(peer, bench)}
            for questions in sides.values():
                await load(questions, n_readers=4, seconds=seconds / 2)
            plan = [(f"mix, {n} readers", n, slice(None)) for n in CONCURRENCY]
            plan += [(f"{kind}, 8 readers", 8, slice(i, i + 1)) for i, kind in enumerate(KINDS)]
            for name, n_readers, chosen in plan:
                rates: dict[str, list[float]] = {"ours": [], "peer": []}
                for order in both_ways(n_runs):
                    for side in order:
                        found = await load(sides[side][chosen], n_readers=n_readers, seconds=seconds)
                        rates[side].append(found.per_second)
                rows.append(
                    make_row(
                        f"readers: {name}", "answers/s", rates["ours"], rates["peer"], peer_name=NAME,
                        better="higher", limit_to_peer=1.0, limit_name="at least the peer",
                    )
                )  # fmt: skip
    return rows


def _read_into_memory(path: Path) -> None:
    """Read a file once: whoever asks first would wait for the disk."""
    with path.open("rb", buffering=0) as file:
        while file.read(1 << 24):
            pass
