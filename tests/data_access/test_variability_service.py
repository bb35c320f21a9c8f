"""Kept sums follow the photometry, notice when it is not what it was, and never touch the pipeline's folders."""

from __future__ import annotations

import asyncio
import copy
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data_access import Archive, open_archive
from data_access import sidecar as sidecar_module
from data_access.analysis.variability import variability_metrics
from data_access.analysis.variability.moments import REASONS
from data_access.errors import ValidationError
from data_access.records.variability import VariabilityTable
from data_access.services import variability as service_module
from data_access.sidecar import Sidecar
from tests.data_access.database_samples import make_database

_TABLE = (
    "CREATE TABLE photometry (id INTEGER PRIMARY KEY, source_id TEXT, image_path TEXT, ra_deg REAL, dec_deg REAL, "
    "peak_jyb REAL, peak_err_jyb REAL, flux_jy REAL, flux_err_jy REAL, mjd REAL, measured_at REAL, flags INTEGER)"
)
_INSERT = (
    "INSERT INTO photometry (source_id, ra_deg, dec_deg, peak_jyb, peak_err_jyb, mjd, measured_at) "
    "VALUES (?, ?, ?, ?, ?, ?, ?)"
)


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DSA110_DASHBOARD_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def products(tmp_path: Path) -> Path:
    """A products database with eight sources of five epochs each."""
    (tmp_path / "archive" / "state" / "db").mkdir(parents=True)
    path = make_database(tmp_path / "archive" / "state" / "db" / "products.sqlite3", _TABLE)
    add_epochs(path, 5)
    return path


def add_epochs(path: Path, n: int, n_sources: int = 8, seed: int = 1) -> None:
    rng = np.random.default_rng(seed)
    rows = [
        (f"S{s}", 10.0 + s, 54.0, float(rng.normal(1 + s, 0.1)), 0.05, 60000.0 + e, 0.0)
        for e in range(n)
        for s in range(n_sources)
    ]
    run(path, _INSERT, rows)


def run(path: Path, sql: str, rows: list[Any] | None = None) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        if rows is None:
            connection.execute(sql)
        else:
            connection.executemany(sql, rows)


def replace(path: Path, by: Path) -> None:
    for suffix in ("-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    by.replace(path)


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(service_module, "CHUNK_ROWS", 7)
    yield


async def assert_two_pass(archive: Archive, table: VariabilityTable) -> None:
    for i, name in enumerate(table.source_id):
        curve = await archive.photometry.get_light_curve(str(name))
        good = ~curve.is_flagged
        wanted = variability_metrics(curve.peak_jyb[good], curve.peak_err_jyb[good])
        assert table.n_rows[i] == curve.n_epoch
        assert table.n[i] == wanted.n_valid
        for ours, metric in (
            (table.eta[i], wanted.eta), (table.v[i], wanted.modulation_index), (table.mean[i], wanted.mean),
            (table.min[i], wanted.min), (table.max[i], wanted.max),
        ):  # fmt: skip
            assert ours == pytest.approx(np.nan if metric.value is None else metric.value, rel=1e-9, nan_ok=True)


@pytest.mark.real
@pytest.mark.parametrize("layout", ["real_archive_split", "real_archive_unified"])
async def test_every_light_curve_of_the_real_archive_has_its_true_eta_and_v(
    layout: str, request: pytest.FixtureRequest
) -> None:
    root: Path = request.getfixturevalue(layout)
    truth = json.loads((root / "truth.json").read_text(encoding="utf-8"))["sources"]
    async with open_archive(root) as archive:
        variability = archive.variability
        tables = {"peak": await variability.table("peak"), "int": await variability.table("integrated")}
    n_compared = 0
    for word, table in tables.items():
        index = {str(name): i for i, name in enumerate(table.source_id)}
        for name, true in truth.items():
            i = index[name]
            if true["n_valid"] < 2 or f"eta_{word}" not in true or table.n[i] != true["n_valid"]:
                continue
            assert table.eta[i] == pytest.approx(true[f"eta_{word}"], rel=1e-9)
            assert table.v[i] == pytest.approx(true[f"v_{word}"], rel=1e-9)
            n_compared += 1
    assert n_compared >= 40


@pytest.mark.real
async def test_the_table_of_the_real_archive_equals_the_two_pass_metrics(real_archive_split: Path) -> None:
    async with open_archive(real_archive_split) as archive:
        await assert_two_pass(archive, await archive.variability.table())


async def test_new_rows_are_added_to_what_is_kept(products: Path, small_chunks: None) -> None:
    async with open_archive(products.parents[2]) as archive:
        await archive.variability.table()
        add_epochs(products, 3, n_sources=11, seed=2)
        table = await archive.variability.table()
        assert len(table) == 11
        await assert_two_pass(archive, table)
        assert archive.variability.state.note == ""


async def test_the_same_table_is_given_while_nothing_is_written(products: Path) -> None:
    async with open_archive(products.parents[2]) as archive:
        assert await archive.variability.table() is await archive.variability.table()


async def test_sums_survive_a_restart(products: Path, small_chunks: None, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_archive(products.parents[2]) as archive:
        before = await archive.variability.table()
    add_epochs(products, 1, seed=3)
    read: list[tuple[int, int]] = []
    original = service_module.read_photometry_block

    def noted(query: Any, after: int, last: int, chunk_rows: int) -> Any:
        read.append((after, last))
        return original(query, after, last, chunk_rows)

    monkeypatch.setattr(service_module, "read_photometry_block", noted)
    async with open_archive(products.parents[2]) as archive:
        table = await archive.variability.table()
        await assert_two_pass(archive, table)
    assert min(after for after, _ in read) == before.last_id


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("DELETE FROM photometry WHERE id > 30", "the newest rows were deleted"),
        ("DELETE FROM photometry WHERE id = 38", "rows 36 to 40 are 4, not 5"),
        ("UPDATE photometry SET peak_jyb = peak_jyb * 1.001 WHERE id = 39", "values in rows 36 to 40 were changed"),
    ],
)
async def test_changed_rows_make_the_sums_anew_and_say_why(
    products: Path, small_chunks: None, change: str, words: str
) -> None:
    async with open_archive(products.parents[2]) as archive:
        await archive.variability.table()
        run(products, change)
        table = await archive.variability.table()
        assert archive.variability.state.note == f"{words}: all sums were made anew"
        await assert_two_pass(archive, table)


async def test_a_change_in_an_old_stretch_is_found_when_its_turn_comes(products: Path, small_chunks: None) -> None:
    async with open_archive(products.parents[2]) as archive:
        await archive.variability.table()
        run(products, "UPDATE photometry SET peak_jyb = 9 WHERE id = 2")
        for _ in range(7):
            table = await archive.variability.table()
        await assert_two_pass(archive, table)


async def test_rows_deleted_between_two_starts_are_noticed(products: Path, small_chunks: None) -> None:
    async with open_archive(products.parents[2]) as archive:
        await archive.variability.table()
    run(products, "DELETE FROM photometry WHERE id = 3")
    async with open_archive(products.parents[2]) as archive:
        table = await archive.variability.table()
        assert "deleted" in archive.variability.state.note
        await assert_two_pass(archive, table)


async def test_a_replaced_database_makes_the_sums_anew(products: Path, tmp_path: Path) -> None:
    async with open_archive(products.parents[2]) as archive:
        await archive.variability.table()
        other = make_database(tmp_path / "other.sqlite3", _TABLE)
        add_epochs(other, 9, n_sources=3, seed=5)
        replace(products, other)
        table = await archive.variability.table()
        assert len(table) == 3
        assert "replaced" in archive.variability.state.note
        await assert_two_pass(archive, table)


async def test_those_who_ask_at_once_share_one_reading(products: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    n_read = 0
    original = service_module.read_photometry_block

    def counted(*args: Any) -> Any:
        nonlocal n_read
        n_read += 1
        return original(*args)

    monkeypatch.setattr(service_module, "read_photometry_block", counted)
    async with open_archive(products.parents[2]) as archive:
        await asyncio.gather(*(archive.variability.table() for _ in range(5)))
    assert n_read == 1


async def test_row_numbers_may_have_gaps_of_any_length(products: Path, small_chunks: None) -> None:
    run(products, "UPDATE photometry SET id = 4000000000000000000 WHERE id = 40")
    async with open_archive(products.parents[2]) as archive:
        async with asyncio.timeout(20):
            table = await archive.variability.table()
        await assert_two_pass(archive, table)


async def test_flagged_measurements_are_counted_and_left_out(products: Path) -> None:
    run(products, "UPDATE photometry SET flags = 4, peak_jyb = 1000 WHERE id = 1")
    run(products, "UPDATE photometry SET flags = 1 WHERE id = 2")
    async with open_archive(products.parents[2]) as archive:
        table = await archive.variability.table()
        await assert_two_pass(archive, table)
    assert (table.n[0], table.n_rows[0], table.n[1]) == (4, 5, 5)


async def test_odd_values_leave_their_source_without_harming_others(products: Path) -> None:
    run(products, "UPDATE photometry SET peak_jyb = 'faint', peak_err_jyb = x'00ff' WHERE source_id = 'S0'")
    run(products, "UPDATE photometry SET source_id = NULL WHERE source_id = 'S1'")
    async with open_archive(products.parents[2]) as archive:
        table = await archive.variability.table()
        again = await archive.variability.table()
        assert archive.variability.state.note == ""
    assert again is table
    assert REASONS[int(table.reason[list(table.source_id).index("S0")])]
    assert "S1" not in table.source_id
    assert (table.reason[1:] == 0).all()


async def test_a_damaged_cache_is_made_anew(products: Path, tmp_path: Path) -> None:
    async with open_archive(products.parents[2]) as archive:
        await archive.variability.table()
    (kept,) = (tmp_path / "cache").glob("variability-*.sqlite3")
    kept.write_bytes(b"no database at all" * 1000)
    async with open_archive(products.parents[2]) as archive:
        await assert_two_pass(archive, await archive.variability.table())


async def test_everything_works_without_a_cache_folder(
    products: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a file").touch()
    monkeypatch.setenv("DSA110_DASHBOARD_CACHE", str(tmp_path / "a file"))
    async with open_archive(products.parents[2]) as archive:
        await assert_two_pass(archive, await archive.variability.table())
        assert "in memory only" in archive.variability.state.note


@pytest.mark.parametrize("where", ["state", "state/db", "state/../state/cache", "stage/images"])
def test_the_sidecar_refuses_a_folder_of_the_pipeline(products: Path, where: str) -> None:
    root = products.parents[2]
    with pytest.raises(ValidationError, match="lies inside the pipeline's folder"):
        Sidecar(root / where, products, forbidden=(root / "state", root / "stage"))


def test_the_sidecar_refuses_a_link_into_a_folder_of_the_pipeline(products: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(products.parent, target_is_directory=True)
    with pytest.raises(ValidationError):
        Sidecar(tmp_path / "link" / "cache", products, forbidden=())


async def test_a_cache_folder_inside_the_archive_is_not_written_to(
    products: Path, monkeypatch: pytest.MonkeyPatch, file_names: Callable[[Path], set[str]]
) -> None:
    monkeypatch.setenv("DSA110_DASHBOARD_CACHE", str(products.parent / "cache"))
    before = file_names(products.parents[2])
    async with open_archive(products.parents[2]) as archive:
        await archive.variability.table()
        assert "lies inside the pipeline's folder" in archive.variability.state.note
    assert file_names(products.parents[2]) == before


@pytest.fixture
def file_names() -> Callable[[Path], set[str]]:
    """Names of all files below a folder, without what SQLite itself keeps beside an open database."""

    def names(folder: Path) -> set[str]:
        return {str(p) for p in folder.rglob("*") if not p.name.endswith(("-wal", "-shm"))}

    return names


async def test_the_newest_epoch_is_that_of_the_observation_and_else_called_processed(products: Path) -> None:
    columns = "source_id, image_path, peak_jyb, peak_err_jyb, mjd, measured_at"
    unix = (61000.0 - 40587.0) * 86400.0
    rows = [
        ("image", "/x/2025-10-13T12:00:00.img.fits", 1.0, 0.1, 61000.0, unix),
        ("column", "/x/other.fits", 1.0, 0.1, 60990.0, unix),
        ("processed", "/x/other.fits", 1.0, 0.1, 61000.0, unix),
        ("measured", None, 1.0, 0.1, None, unix),
        ("never", None, 1.0, 0.1, None, None),
        ("impossible", 7, 1.0, 0.1, 1e300, unix),
    ]
    run(products, f"INSERT INTO photometry ({columns}) VALUES (?, ?, ?, ?, ?, ?)", rows)
    async with open_archive(products.parents[2]) as archive:
        table = await archive.variability.table()
    found = {
        str(n): (t, bool(p)) for n, t, p in zip(table.source_id, table.last_mjd, table.last_processed, strict=True)
    }
    assert found["image"] == (60961.5, False)
    assert found["column"] == (60990.0, False)
    assert found["processed"] == found["measured"] == found["impossible"] == (61000.0, True)
    assert np.isnan(found["never"][0])


async def test_sums_that_are_saved_while_they_are_read_are_of_one_moment(
    products: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_archive(products.parents[2]) as archive:
        await archive.variability.table()
        sums = copy.deepcopy(archive.variability._sums)
        add_epochs(products, 1, seed=2)
        await archive.variability.table()
        newer = archive.variability._sums
    assert sums is not None
    assert newer is not None
    sidecar = Sidecar(tmp_path / "shared", products, forbidden=())
    sidecar.save(sums)
    loads = json.loads

    def save_meanwhile(text: str) -> Any:
        monkeypatch.setattr(sidecar_module.json, "loads", loads)
        Sidecar(tmp_path / "shared", products, forbidden=()).save(newer)
        return loads(text)

    monkeypatch.setattr(sidecar_module.json, "loads", save_meanwhile)
    found = sidecar.load(sums.identity)
    assert found is not None
    assert found.moments["n_rows"].sum() == sum(chunk.n_rows for chunk in found.chunks) == 40
