"""Record batches of Arrow and tuples give the same columns, whatever stands in the table."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_access import open_archive
from data_access.errors import DatabaseCorrupt, DatabaseLocked, DatabaseMissing, QueryTooSlow
from data_access.readers import photometry_columns
from data_access.readers.photometry import read_photometry_block
from data_access.readers.photometry_columns import PhotometryColumns, read_columns
from data_access.records.variability import BlockQuery, EpochQuestion
from data_access.repositories.photometry_blocks import PhotometryBlocks
from data_access.services import variability as service_module
from tests.data_access.database_samples import OtherProcess

# No types: every column can hold everything.
_TABLE = (
    "CREATE TABLE photometry (id INTEGER PRIMARY KEY, source_id, image_path, peak, peak_err, flux, flux_err, mosaic, "
    "mjd, measured, flags, quality)"
)
_NAMES = (
    "id", "source_id", "peak", "peak_err", "flux", "flux_err", "image_path", "mosaic", "mjd", "measured", "flags",
    "quality",
)  # fmt: skip
_INSERT = f"INSERT INTO photometry ({', '.join(_NAMES[1:])}) VALUES ({', '.join('?' * 11)})"
_IMAGE = "/stage/images/2025-06-23T14:40:00.img.fits"


def _query(path: Path, **changes: Any) -> BlockQuery:
    wanted = {
        "role": "products", "path": str(path), "immutable": False, "expressions": _NAMES, "has_quality": True,
        "from_where": "FROM photometry WHERE rowid > ? AND rowid <= ?", "busy_timeout_s": 0.2, "deadline_s": 20.0,
    }  # fmt: skip
    return BlockQuery(**{**wanted, **changes})


def _write(path: Path, rows: Sequence[Sequence[Any]]) -> Path:
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(_TABLE)
        connection.executemany(_INSERT, rows)
    return path


def _row(name: Any = "S1", peak: Any = 1.0, *, image: Any = _IMAGE, mosaic: Any = None, **others: Any) -> list[Any]:
    rest = [others.get(key) for key in ("flux", "flux_err")]
    times = [others.get(key) for key in ("mjd", "measured", "flags", "quality")]
    return [name, peak, others.get("peak_err", 0.1), *rest, image, mosaic, *times]


def _assert_same(one: PhotometryColumns, other: PhotometryColumns) -> None:
    assert one.names == other.names
    assert one.values.keys() == other.values.keys()
    for name in one.values:
        np.testing.assert_array_equal(one.values[name], other.values[name])
    for name in ("ids", "codes", "mjd", "processed", "flags", "forced", "bad"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


def _both(path: Path, last_id: int, **changes: Any) -> PhotometryColumns:
    query = _query(path, **changes)
    rows = read_columns(query, 0, last_id, in_worker=False)
    _assert_same(read_columns(query, 0, last_id, in_worker=True), rows)
    return rows


@pytest.fixture
def no_tuples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail when anything is read row by row."""

    def refuse(*_: object) -> None:
        raise AssertionError("read row by row")

    monkeypatch.setattr(photometry_columns, "_tuple_batches", refuse)


TIDY = {
    "what the pipeline writes": [_row(f"S{i % 3}", i / 7) for i in range(9)],
    "nulls": [_row(None), _row("S1", None), _row("S2", 2.0, peak_err=None), _row("S1", 3)],
    "every column": [
        _row("S1", 1.0, flux=2.0, flux_err=0.2, mjd=60000.5, measured=60001.0, flags=2, quality="forced"),
        _row("S2", 1, image=None, mosaic=_IMAGE, flags=None, quality="bad fit"),
    ],
    "no time in the name": [
        _row("S1", image="/stage/x.fits", mjd=60000.0 + i, measured=60000.0 + i) for i in range(4)
    ],
    "infinite": [_row("S1", float("inf")), _row("S1", float("-inf"))],
    "whole numbers first": [_row("S1", 2), _row("S1", 2.5), _row("S1", None)],
    "row numbers with gaps": [_row("S1"), _row("S2")],
    "nothing": [],
}
MIXED = {
    "text as flux": [_row("S1", 1.0), _row("S1", "1.5"), _row("S1", "n/a")],
    "bytes as name": [_row("S1"), _row(b"\xff\xfe"), _row(7), _row(7.5)],
    "text as flags": [_row("S1", flags=1), _row("S1", flags="2"), _row("S1", flags=2.0)],
    "number as path": [_row("S1"), _row("S1", image=5), _row("S1", image=b"\x00")],
    "number as quality": [_row("S1", quality="good"), _row("S1", quality=0), _row("S1", quality=3)],
}


@pytest.mark.parametrize("case", TIDY)
@pytest.mark.parametrize("at_once", [1, 2, 1000])
def test_arrow_gives_what_tuples_give(
    tmp_path: Path, case: str, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photometry_columns, "_ARROW_ROWS_AT_ONCE", at_once)
    path = _write(tmp_path / "products.sqlite3", TIDY[case])
    if case == "row numbers with gaps":
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("UPDATE photometry SET id = 40 WHERE id = 2")
    assert _both(path, 50).codes.size == len(TIDY[case])


def test_tidy_rows_are_not_read_one_by_one(tmp_path: Path, no_tuples: None) -> None:
    path = _write(tmp_path / "products.sqlite3", TIDY["every column"])
    assert read_columns(_query(path), 0, 2, in_worker=True).names == ["S1", "S2"]


def test_some_sources_alone_have_the_same_rows_and_nothing_else_is_read(tmp_path: Path, no_tuples: None) -> None:
    path = _write(tmp_path / "products.sqlite3", TIDY["what the pipeline writes"])
    named = PhotometryBlocks.of_sources(_query(path), ["S2", "S0", "S'; --"])
    found = read_columns(named, 1, 8, in_worker=True)
    assert found.names == ["S2", "S0"]
    assert found.ids.tolist() == [3, 4, 6, 7]
    assert found.values["peak"].tolist() == [(i - 1) / 7 for i in found.ids.tolist()]


@pytest.mark.parametrize("case", TIDY)
def test_some_sources_are_the_same_from_arrow_and_tuples(tmp_path: Path, case: str) -> None:
    named = PhotometryBlocks.of_sources(_query(tmp_path / "products.sqlite3"), ["S1", "nobody"])
    path = _write(tmp_path / "products.sqlite3", TIDY[case])
    found = _both(path, 50, from_where=named.from_where, names=named.names)
    assert found.codes.size == sum(row[0] == "S1" for row in TIDY[case])


@pytest.mark.parametrize("case", MIXED)
@pytest.mark.parametrize("at_once", [1, 1000])
def test_rows_of_several_kinds_are_read_one_by_one(
    tmp_path: Path, case: str, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photometry_columns, "_ARROW_ROWS_AT_ONCE", at_once)
    assert _both(_write(tmp_path / "products.sqlite3", MIXED[case]), 50).codes.size == len(MIXED[case])


_VALUES = st.one_of(
    st.none(), st.integers(-5, 5), st.floats(allow_nan=False),
    st.sampled_from(["", "S1", "1.5", "forced", "é", _IMAGE]),
    st.binary(max_size=3),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.lists(_VALUES, min_size=11, max_size=11), max_size=6), at_once=st.integers(1, 4))
def test_any_table_is_read_alike(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[Any]], at_once: int
) -> None:
    path = _write(tmp_path_factory.mktemp("any") / "products.sqlite3", rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(photometry_columns, "_ARROW_ROWS_AT_ONCE", at_once)
        _both(path, 10)


@pytest.mark.parametrize("at_once", [1, 2, 1000])
def test_other_tables_tell_when_images_without_a_time_were_observed(
    tmp_path: Path, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photometry_columns, "_ARROW_ROWS_AT_ONCE", at_once)
    times = {"mjd": 61000.0, "measured": 61000.0}
    images = [(_IMAGE, None), ("/a.fits", None), (None, "/m.fits"), ("/b.fits", "/m.fits"), ("/c.fits", None),
              (None, None), ("/a.fits", "/m.fits")]  # fmt: skip
    path = _write(tmp_path / "products.sqlite3", [_row(image=i, mosaic=m, **times) for i, m in images])
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE images (path, mjd)")
        connection.executemany("INSERT INTO images VALUES (?, ?)", [("/a.image", 60001.0), ("/m.fits", 60002.0)])
    asked = EpochQuestion("SELECT path, NULL, mjd, 'ms_index' FROM images WHERE path IN", "ORDER BY path")
    columns = _both(path, 7, observed=(asked,))
    assert columns.mjd[1:].tolist() == [60001.0, 60002.0, 60002.0, 61000.0, 61000.0, 60001.0]
    assert columns.processed.tolist() == [False, False, False, False, True, True, False]


def test_names_that_are_no_utf8_are_one_source_where_they_read_alike(tmp_path: Path) -> None:
    path = _write(tmp_path / "products.sqlite3", [_row("S1"), _row("S2"), _row("S3"), _row("S1")])
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE photometry SET source_id = CAST(x'53ff' AS TEXT) WHERE id = 1")
        connection.execute("UPDATE photometry SET source_id = CAST(x'53fe' AS TEXT) WHERE id = 3")
    columns = _both(path, 4)
    assert columns.names == ["S\ufffd", "S2", "S1"]
    assert columns.codes.tolist() == [0, 1, 0, 2]


def test_a_file_in_use_by_a_writer_is_read_as_of_its_last_commit(tmp_path: Path, no_tuples: None) -> None:
    path = _write(tmp_path / "products.sqlite3", TIDY["what the pipeline writes"])
    with OtherProcess(path) as writer:
        writer.run("PRAGMA journal_mode = WAL", "BEGIN IMMEDIATE", (_INSERT, _row("S9")))
        assert read_columns(_query(path), 0, 50, in_worker=True).codes.size == 9
        writer.run("COMMIT")
        assert read_columns(_query(path), 0, 50, in_worker=True).codes.size == 10


def test_what_is_wrong_with_the_file_is_said_as_ever(tmp_path: Path) -> None:
    missing = _query(tmp_path / "none.sqlite3")
    with pytest.raises(DatabaseMissing):
        read_photometry_block(missing, 0, 5, 5, in_worker=True)
    assert not (tmp_path / "none.sqlite3").exists()
    (tmp_path / "damaged.sqlite3").write_bytes(b"no database at all" * 100)
    with pytest.raises(DatabaseCorrupt):
        read_photometry_block(_query(tmp_path / "damaged.sqlite3"), 0, 5, 5, in_worker=True)
    path = _write(tmp_path / "locked.sqlite3", TIDY["what the pipeline writes"])
    with OtherProcess(path) as writer:
        writer.run("BEGIN EXCLUSIVE")
        with pytest.raises(DatabaseLocked):
            read_photometry_block(_query(path), 0, 5, 5, in_worker=True)
    path = _write(tmp_path / "slow.sqlite3", TIDY["what the pipeline writes"])
    with pytest.raises(QueryTooSlow):
        read_photometry_block(_query(path, deadline_s=-1.0), 0, 5, 5, in_worker=True)


def test_reading_changes_nothing_and_cannot(tmp_path: Path) -> None:
    path = _write(tmp_path / "products.sqlite3", TIDY["every column"])
    before = (path.read_bytes(), sorted(p.name for p in tmp_path.iterdir()))
    for immutable in (False, True):
        read_columns(_query(path, immutable=immutable), 0, 2, in_worker=True)
    for sql in ("DELETE FROM photometry", "CREATE TABLE x (y)", "DROP TABLE photometry"):
        with pytest.raises(photometry_columns.NotAsArrow):
            list(
                photometry_columns.read_arrow_batches(
                    path, sql, (), immutable=False, busy_timeout_s=0.1, deadline_s=5.0, batch_rows=10
                )
            )
    assert (path.read_bytes(), sorted(p.name for p in tmp_path.iterdir())) == before


async def test_only_worker_processes_open_the_file_with_a_library_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "state" / "db").mkdir(parents=True)
    path = tmp_path / "state" / "db" / "products.sqlite3"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "CREATE TABLE photometry (id INTEGER PRIMARY KEY, source_id TEXT, image_path TEXT, peak_jyb REAL, "
            "peak_err_jyb REAL, measured_at REAL)"
        )
        connection.executemany(
            "INSERT INTO photometry (source_id, image_path, peak_jyb, peak_err_jyb) VALUES (?, ?, ?, ?)",
            [(f"S{i % 5}", _IMAGE, 1.0 + i, 0.1) for i in range(40)],
        )
    here: list[str] = []
    monkeypatch.setattr(
        photometry_columns, "read_arrow_batches", lambda *_, **__: here.append(threading.current_thread().name)
    )
    monkeypatch.setattr(service_module, "_ROWS_IN_A_THREAD", 10)
    monkeypatch.setenv("DSA110_DASHBOARD_CACHE", str(tmp_path / "cache"))
    async with open_archive(tmp_path) as archive:
        table = await archive.variability.table()
        assert table.n_rows.tolist() == [8] * 5
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("INSERT INTO photometry (source_id, image_path) VALUES ('S1', ?)", (_IMAGE,))
        assert (await archive.variability.table()).n_rows.tolist() == [8, 9, 8, 8, 8]
    assert here == []
