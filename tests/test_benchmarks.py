"""The benchmarks run and leave figures that a machine can read; how large the figures are is not tested."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.archive import SCALES, make_archive, remove_added_rows
from benchmarks.report import format_rows, make_row
from benchmarks.writer import write_image

FIELDS = {
    "item", "unit", "ours", "peer", "peer_name", "limit", "limit_name", "ratio_to_peer", "ratio_to_limit", "better",
    "runs",
}  # fmt: skip


@pytest.mark.parametrize("item", ["deep_pages", "readers", "beside_slow", "list_pages", "variability"])
def test_an_item_writes_one_json_row_per_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, item: str) -> None:
    monkeypatch.setenv("DSA110_BENCH_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr("benchmarks.readers.CONCURRENCY", (1, 4))
    main([item, "--scale", "tiny", "--runs", "2", "--seconds", "0.05", "--out", str(tmp_path)])
    rows = json.loads((tmp_path / f"{item}.json").read_text(encoding="utf-8"))
    assert rows
    for row in rows:
        assert set(row) == FIELDS
        assert row["item"].startswith(f"{item}: ")
        assert row["ours"] > 0
        assert row["ratio_to_peer"] > 0
        assert len(row["runs"]) == 2


def test_cutouts_are_measured_with_and_without_a_peer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DSA110_BENCH_DIR", str(tmp_path / "cache"))
    main(["cutouts", "--scale", "tiny", "--runs", "1", "--seconds", "0.05", "--out", str(tmp_path)])
    rows = json.loads((tmp_path / "cutouts.json").read_text(encoding="utf-8"))
    assert {set(row) == FIELDS for row in rows} == {True}
    assert all(row["ours"] > 0 for row in rows)
    assert sum(row["ratio_to_peer"] is not None for row in rows) >= 5


def test_overviews_are_measured_against_a_read_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DSA110_BENCH_DIR", str(tmp_path / "cache"))
    main(["overviews", "--scale", "tiny", "--runs", "1", "--seconds", "0.05", "--out", str(tmp_path)])
    rows = json.loads((tmp_path / "overviews.json").read_text(encoding="utf-8"))
    assert all(row["ours"] > 0 for row in rows)
    assert [row["ratio_to_limit"] is not None for row in rows] == [True] * 5


def test_thumbnails_are_measured_against_a_peer_and_the_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DSA110_BENCH_DIR", str(tmp_path / "cache"))
    main(["thumbnails", "--scale", "tiny", "--runs", "1", "--out", str(tmp_path)])
    made, kept, wait = json.loads((tmp_path / "thumbnails.json").read_text(encoding="utf-8"))
    assert {set(row) == FIELDS for row in (made, kept, wait)} == {True}
    assert made["ratio_to_peer"] > 0 < kept["ratio_to_peer"]
    assert wait["limit"] == 50.0


def test_the_archive_has_the_sizes_it_names(tmp_path: Path) -> None:
    scale = SCALES["tiny"]
    archive = make_archive(scale, folder=tmp_path)
    with closing(sqlite3.connect(archive.products)) as connection:
        sizes = [
            connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("images", "photometry", "ms_index", "jobs", "variability_stats")
        ]
        epochs = connection.execute("SELECT DISTINCT count(*) FROM photometry GROUP BY source_id").fetchall()
    assert sizes == [scale.n_images, scale.n_photometry, scale.n_runs, scale.n_runs, scale.n_sources]
    assert epochs == [(scale.n_epochs,)]


def test_the_archive_is_the_same_for_the_same_seed(tmp_path: Path) -> None:
    dumps = []
    for folder in ("one", "two"):
        archive = make_archive(SCALES["tiny"], folder=tmp_path / folder)
        with closing(sqlite3.connect(archive.products)) as connection:
            dumps.append(list(connection.iterdump()))
    assert dumps[0] == dumps[1]


def test_what_a_writer_added_is_removed_again(tmp_path: Path) -> None:
    archive = make_archive(SCALES["tiny"], folder=tmp_path)
    with closing(sqlite3.connect(archive.products)) as connection:
        before = list(connection.iterdump())
        write_image(connection, 0)
        assert list(connection.iterdump()) != before
        remove_added_rows(archive)
        assert list(connection.iterdump()) == before


def test_the_ratio_is_taken_run_by_run() -> None:
    row = make_row("x", "ms", [1.0, 20.0, 3.0], [2.0, 40.0, 2.0], limit_to_peer=1.0, limit_name="as fast")
    assert (row.ratio_to_peer, row.ratio_to_limit, row.verdict) == (0.5, 0.5, "met")


def test_a_missed_limit_is_shown() -> None:
    row = make_row("x", "answers/s", [90.0], [100.0], limit_to_peer=1.0, limit_name="as many", better="higher")
    assert "MISSED" in format_rows([row])


def test_a_search_finds_the_same_as_sql_and_is_measured(tmp_path: Path) -> None:
    main(["source_search", "--scale", "tiny", "--runs", "2", "--out", str(tmp_path)])
    rows = json.loads((tmp_path / "source_search.json").read_text(encoding="utf-8"))
    assert {set(row) == FIELDS for row in rows} == {True}
    assert [row["peer"] is not None for row in rows] == [True, True, True, True, False]
