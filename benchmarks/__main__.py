"""Run the benchmarks: ``python -m benchmarks [ITEM ...] [--scale large|small|tiny] [--runs N] [--seconds S]``."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.archive import SCALES
from benchmarks.report import OUT, format_rows, write_rows

ITEMS = (
    "readers",
    "beside_slow",
    "deep_pages",
    "list_pages",
    "cold_page",
    "live",
    "cutouts",
    "overviews",
    "variability",
    "source_search",
    "source_page",
    "plane",
    "thumbnails",
)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, write ``benchmarks/out/<item>.json`` and print the tables; the status is 0 whatever came out."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("items", nargs="*", metavar="ITEM", help=f"any of: {', '.join(ITEMS)} (default: all)")
    parser.add_argument("--scale", choices=tuple(SCALES), default="large", help="size of the archive")
    parser.add_argument("--runs", type=int, default=5, help="interleaved runs of each side")
    parser.add_argument("--seconds", type=float, default=2.0, help="duration of one run under load")
    parser.add_argument("--out", type=Path, default=OUT, help="folder of the JSON files")
    options = parser.parse_args(argv)
    unknown = [item for item in options.items if item not in ITEMS]
    if unknown:
        parser.error(f"unknown item: {', '.join(unknown)}")
    for item in options.items or ITEMS:
        module = importlib.import_module(f"benchmarks.{item}")
        rows = asyncio.run(module.measure(SCALES[options.scale], n_runs=options.runs, seconds=options.seconds))
        print(f"\n{format_rows(rows)}\n-> {write_rows(item, rows, out=options.out)}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
