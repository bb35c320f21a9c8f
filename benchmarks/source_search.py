"""Names and places among a million sources: our index, the same question in SQL, and the bounds in bare numpy.

The peer has the pipeline's own indices. The beginning of a name stands behind the catalogue's prefix, and a circle
has no index at all: both walk all rows. `numpy.searchsorted` finds the bounds in a sorted array and nothing else: the
least that any search of this kind can cost.
"""

from __future__ import annotations

import math
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.archive import SEED, Scale
from benchmarks.report import Row, make_row
from benchmarks.timing import both_ways
from data_access import Archive
from data_access.analysis.coordinates import format_dec, format_ra
from data_access.demo.schema import PRODUCTS, create_database, database_files
from data_access.records.source_query import Cone, SourceQuery
from data_access.settings import load_settings

FloatArray = npt.NDArray[np.float64]
LIMIT_MS = 5.0
N_SOURCES = {"large": 1_000_000, "small": 20_000}
PEERS = {"name": "SQL, LIKE over all names", "cone": "SQL, bounds of RA and Dec over all rows"}
BARE = "numpy.searchsorted, bounds only"
_QUESTIONS = 25
_BUILD_S = 900.0
_RADIUS_DEG = 0.5
_PHOTOMETRY = (
    "INSERT INTO photometry (source_id, image_path, ra_deg, dec_deg, peak_jyb, peak_err_jyb, measured_at) "
    "VALUES (?, '/x/2025-01-01T00:00:00.img.fits', ?, ?, 0.01, 0.001, 1.8e9)"
)
_STATS = "INSERT INTO variability_stats (source_id, ra_deg, dec_deg, n_obs, updated_at) VALUES (?, ?, ?, 1, 0)"


@dataclass(frozen=True, slots=True)
class Sources:
    """What is searched: names, and positions in degrees, shape (n,)."""

    names: list[str]
    ra_deg: FloatArray
    dec_deg: FloatArray


def make_sources(root: Path, n: int) -> Sources:
    """Write an archive with one measurement of each of about `n` sources, all over the sky above -37 degrees."""
    rng = np.random.default_rng(SEED)
    ra, dec = rng.uniform(0.0, 360.0, n), np.degrees(np.arcsin(rng.uniform(-0.6, 1.0, n)))
    places = {_name(a, d): (a, d) for a, d in zip(ra.tolist(), dec.tolist(), strict=True)}
    for file, sql_name in database_files("split").items():
        create_database(root / file, sql_name)
    rows = [(name, *place) for name, place in places.items()]
    with closing(sqlite3.connect(root / PRODUCTS)) as connection, connection:
        for sql in (_PHOTOMETRY, _STATS):
            connection.executemany(sql, rows)
    found = np.array(list(places.values()))
    return Sources(list(places), found[:, 0], found[:, 1])


def _name(ra_deg: float, dec_deg: float) -> str:
    ra = format_ra(ra_deg, digits=1, rounding="down", separator="")
    return f"NVSS J{ra}{format_dec(dec_deg, digits=0, rounding='down', separator='')}"


async def measure(scale: Scale, *, n_runs: int, seconds: float) -> list[Row]:  # noqa: ARG001  no load here
    """Return the times of a name and of a cone; what both sides find is compared in every run."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as cache:
        sources = make_sources(Path(folder), N_SOURCES.get(scale.name, scale.n_sources))
        settings = replace(load_settings(state_dir=Path(folder) / "state"), cache_dir=Path(cache))
        async with Archive(settings) as archive:
            began = time.perf_counter()
            await archive.search.index(patience_s=_BUILD_S)
            made_s = time.perf_counter() - began
            with closing(sqlite3.connect(Path(folder) / PRODUCTS)) as connection:
                rows = [await _measure(archive, connection, sources, what, n_runs) for what in ("name", "cone")]
    made = make_row(f"source_search: index of {len(sources.names):,} sources, made from nothing", "s", [made_s])
    return [*(row for pair in rows for row in pair), made]


async def _measure(
    archive: Archive, connection: sqlite3.Connection, sources: Sources, what: str, n_runs: int
) -> list[Row]:
    rng = np.random.default_rng(SEED + 1)
    bare = _bare(sources, what)
    times: dict[str, list[float]] = {"ours": [], "peer": [], "bare": []}
    for order in both_ways(n_runs):
        chosen = rng.integers(0, len(sources.names), _QUESTIONS).tolist()
        found: dict[str, list[int]] = {}
        for side in order:
            spent = []
            found[side] = []
            for i in chosen:
                began = time.perf_counter()
                if side == "ours":
                    n = (await archive.search.select(_query(sources, what, i)))[1].rows.size
                else:
                    n = _in_sql(connection, sources, what, i)
                spent.append(1e3 * (time.perf_counter() - began))
                found[side].append(n)
            times[side].append(statistics.median(spent))
        if found["ours"] != found["peer"]:
            raise AssertionError(f"{what}: {found['ours']} sources against {found['peer']}")
        times["bare"].append(_timed_ms(bare, chosen))
    n_all = len(sources.names)
    label = f"source_search: {what} among {n_all:,} sources"
    return [
        make_row(label, "ms", times["ours"], times["peer"], peer_name=PEERS[what], limit=LIMIT_MS, limit_name="5 ms"),
        make_row(f"{label}, against the bounds alone", "ms", times["ours"], times["bare"], peer_name=BARE),
    ]


def _query(sources: Sources, what: str, i: int) -> SourceQuery:
    if what == "name":
        return SourceQuery(name=_beginning(sources, i))
    return SourceQuery(cone=Cone(float(sources.ra_deg[i]), float(sources.dec_deg[i]), 3600.0 * _RADIUS_DEG))


def _beginning(sources: Sources, i: int) -> str:
    """Return the name without its prefix, to the minute of right ascension: some 700 sources of a million."""
    return sources.names[i][5:10]


def _in_sql(connection: sqlite3.Connection, sources: Sources, what: str, i: int) -> int:
    if what == "name":
        sql = "SELECT source_id FROM variability_stats WHERE source_id LIKE ? ORDER BY source_id"
        return len(connection.execute(sql, (f"% {_beginning(sources, i)}%",)).fetchall())
    ra, dec = float(sources.ra_deg[i]), float(sources.dec_deg[i])
    half = _RADIUS_DEG / math.cos(math.radians(min(abs(dec) + _RADIUS_DEG, 89.9)))
    sql = (
        "SELECT source_id, ra_deg, dec_deg FROM variability_stats WHERE dec_deg BETWEEN ? AND ? "
        "AND min(abs(ra_deg - ?), 360 - abs(ra_deg - ?)) <= ?"
    )
    bounds = (dec - _RADIUS_DEG, dec + _RADIUS_DEG, ra, ra, half if abs(dec) < 89 else 180.0)
    return sum(_apart_deg(ra, dec, a, d) <= _RADIUS_DEG for _, a, d in connection.execute(sql, bounds))


def _apart_deg(ra1: float, dec1: float, ra2: float, dec2: float) -> float:
    a, b, c, d = (math.radians(x) for x in (ra1, dec1, ra2, dec2))
    across = math.hypot(
        math.cos(d) * math.sin(c - a), math.cos(b) * math.sin(d) - math.sin(b) * math.cos(d) * math.cos(c - a)
    )
    along = math.sin(b) * math.sin(d) + math.cos(b) * math.cos(d) * math.cos(c - a)
    return math.degrees(math.atan2(across, along))


def _bare(sources: Sources, what: str) -> Callable[[int], Any]:
    if what == "cone":
        by_dec = np.sort(sources.dec_deg)
        return lambda i: np.searchsorted(by_dec, sources.dec_deg[i] + np.array([-_RADIUS_DEG, _RADIUS_DEG]))
    by_name = np.sort(np.array(sources.names, dtype=np.bytes_))
    ends = np.array([b"", b"~"], dtype=np.bytes_)
    return lambda i: np.searchsorted(by_name, np.char.add(sources.names[i][:10].encode(), ends).astype(by_name.dtype))


def _timed_ms(ask: Callable[[int], Any], chosen: Sequence[int]) -> float:
    spent = []
    for i in chosen:
        began = time.perf_counter()
        ask(i)
        spent.append(1e3 * (time.perf_counter() - began))
    return statistics.median(spent)
