"""eta, V, chi-squared and extrema of every source: the first time, and again after one new epoch of every source.

The peer reads the table with `pandas.read_sql` and groups it, once as the VAST pipeline does (one Python function a
group) and once in whole columns, which is the fastest that pandas offers for these numbers. For a repeat it has no
second way: it does all of it again.

The limit of the memory is what the same sums take when the columns are arrays already: nothing that reads them from a
file first can be as fast.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.archive import BenchArchive, Scale, make_archive, remove_added_rows
from benchmarks.report import Row, make_row
from data_access import Archive
from data_access.analysis.times import mjd_in_name
from data_access.analysis.variability.moments import kind_moments
from data_access.settings import load_settings

FIRST_LIMIT, REPEAT_LIMIT = 1 / 5, 1 / 50
GROUPS = "pandas read_sql + groupby.apply, as the VAST pipeline"
MEMORY = "the same sums over arrays in memory"
COLUMNS = "pandas read_sql + groupby in whole columns"
_SQL = "SELECT source_id, peak_jyb, peak_err_jyb, mjd FROM photometry"
_NAMES = ["n", "eta", "v", "min", "max", "mean", "last_mjd"]
# A function per group takes so long that it is run on some of the sources and the time of the groups scaled up.
_GROUPS_TIMED = 5_000


def _of_group(group: pd.DataFrame) -> pd.Series:
    flux, weights = group["peak_jyb"], 1.0 / group["peak_err_jyb"] ** 2
    n = len(flux)
    eta = n / (n - 1) * ((weights * flux**2).mean() - (weights * flux).mean() ** 2 / weights.mean())
    v = flux.std() / flux.mean()
    return pd.Series([n, eta, v, flux.min(), flux.max(), flux.mean(), group["mjd"].max()], index=_NAMES)


def _read(database: Path) -> pd.DataFrame:
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
        return pd.read_sql(_SQL, connection)


def by_groups(frame: pd.DataFrame) -> float:
    """Return the seconds that the metrics of all sources take as the VAST pipeline makes them."""
    began = time.perf_counter()
    codes, names = pd.factorize(frame["source_id"])
    n_timed = min(_GROUPS_TIMED, len(names))
    grouped = frame[codes < n_timed].groupby("source_id", sort=False)
    grouped[["peak_jyb", "peak_err_jyb", "mjd"]].apply(_of_group)
    return (time.perf_counter() - began) * len(names) / n_timed


def by_columns(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the metrics of all sources, made in whole columns."""
    weights = 1.0 / frame["peak_err_jyb"] ** 2
    frame = frame.assign(w=weights, wf=weights * frame["peak_jyb"], wff=weights * frame["peak_jyb"] ** 2)
    grouped = frame.groupby("source_id", sort=False)
    flux, n = grouped["peak_jyb"], grouped.size()
    w, wf, wff = (grouped[name].mean() for name in ("w", "wf", "wff"))
    parts = [n, n / (n - 1) * (wff - wf**2 / w), flux.std() / flux.mean(), flux.min(), flux.max(), flux.mean()]
    return pd.concat([*parts, grouped["mjd"].max()], axis=1, keys=_NAMES)


def in_memory(frame: pd.DataFrame) -> float:
    """Return the seconds that our own sums take over columns that need not be read."""
    codes, names = pd.factorize(frame["source_id"])
    flux, err = (frame[name].to_numpy(dtype=np.float64) for name in ("peak_jyb", "peak_err_jyb"))
    began = time.perf_counter()
    kind_moments(codes.astype(np.int64), flux, err, len(names))
    return time.perf_counter() - began


def _peers(database: Path) -> tuple[dict[str, float], pd.DataFrame]:
    """Return the seconds of both ways of the peer, the reading in each, and the metrics."""
    began = time.perf_counter()
    frame = _read(database)
    reading = time.perf_counter() - began
    began = time.perf_counter()
    made = by_columns(frame)
    columns = time.perf_counter() - began
    return {GROUPS: reading + by_groups(frame), COLUMNS: reading + columns, MEMORY: in_memory(frame)}, made


def _open(bench: BenchArchive, cache: str) -> Archive:
    """Return the archive with a worker process for every core."""
    settings = load_settings(state_dir=bench.root)
    return Archive(replace(settings, cache_dir=Path(cache), reader_processes=os.cpu_count() or 1))


async def _start_workers(archive: Archive) -> None:
    """Wait until the worker processes run, as they do in a server that is open."""
    await asyncio.gather(
        *(archive.offload.in_process(mjd_in_name, "") for _ in range(2 * archive.offload.n_processes))
    )


@contextmanager
def _one_more_epoch(bench: BenchArchive) -> Iterator[None]:
    """Measure every source once more; the rows are removed afterwards."""
    with closing(sqlite3.connect(bench.products, timeout=30)) as connection, connection:
        connection.execute(
            "INSERT INTO photometry (source_id, image_path, ra_deg, dec_deg, peak_jyb, peak_err_jyb, measured_at, "
            "mjd) SELECT source_id, image_path, ra_deg, dec_deg, peak_jyb * 1.01, peak_err_jyb, "
            "measured_at + 86400.0, mjd + 1.0 FROM photometry WHERE id > ? - ? AND id <= ? ORDER BY id",
            (bench.scale.n_photometry, bench.scale.n_sources, bench.scale.n_photometry),
        )
    try:
        yield
    finally:
        remove_added_rows(bench)


async def _table_s(archive: Archive, check: pd.DataFrame) -> float:
    began = time.perf_counter()
    table = await archive.variability.table()
    seconds = time.perf_counter() - began
    wanted = check.loc[table.source_id]
    for name in ("eta", "v", "min", "max", "mean"):
        # The peer's one-pass sums are good to fewer digits than ours.
        np.testing.assert_allclose(getattr(table, name), wanted[name].to_numpy(), rtol=1e-6)
    return seconds


async def measure(scale: Scale, *, n_runs: int, seconds: float) -> list[Row]:  # noqa: ARG001  no load here
    """Return the times of both sides, the answers of which are compared with each other in every run."""
    bench = make_archive(scale)
    first: dict[str, list[float]] = {"ours": [], GROUPS: [], COLUMNS: [], MEMORY: []}
    repeat: dict[str, list[float]] = {"ours": [], GROUPS: [], COLUMNS: [], MEMORY: []}
    restart: list[float] = []
    for _ in range(n_runs):
        with tempfile.TemporaryDirectory() as cache:
            times, wanted = _peers(bench.products)
            async with _open(bench, cache) as archive:
                await _start_workers(archive)
                _add(first, {"ours": await _table_s(archive, wanted), **times})
                with _one_more_epoch(bench):
                    times, wanted = _peers(bench.products)
                    _add(repeat, {"ours": await _table_s(archive, wanted), **times})
                    async with _open(bench, cache) as started_again:
                        restart.append(await _table_s(started_again, wanted))
    what = f"variability: {scale.n_sources:,} sources x {scale.n_epochs} epochs"
    rows = []
    for name in (GROUPS, COLUMNS):
        rows += [
            make_row(f"{what}, first time", "s", first["ours"], first[name], peer_name=name,
                     limit_to_peer=FIRST_LIMIT, limit_name="first time: a fifth of the peer's time"),
            make_row(f"{what}, after one new epoch of each", "s", repeat["ours"], repeat[name], peer_name=name,
                     limit_to_peer=REPEAT_LIMIT, limit_name="repeat: a fiftieth of the peer's time"),
        ]  # fmt: skip
    for case, times in (("first time", first), ("after one new epoch of each", repeat)):
        rows.append(make_row(f"{what}, {case}", "s", times["ours"], times[MEMORY], peer_name=MEMORY))
    what = f"{what}, kept sums of a process that has just started"
    return [*rows, make_row(what, "s", restart, repeat[COLUMNS], peer_name=COLUMNS)]


def _add(times: dict[str, list[float]], more: dict[str, float]) -> None:
    for name, seconds in more.items():
        times[name].append(seconds)
