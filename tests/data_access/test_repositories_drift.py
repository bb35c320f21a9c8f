"""Every shape a table was ever seen in, with sensible, missing and absurd values: never more than archive errors."""

from __future__ import annotations

import json
import math
import sqlite3
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest

from data_access.archive import Archive, open_archive
from data_access.errors import DatabaseError, TableMissing
from data_access.layout import TABLES
from data_access.records import Image, PageRequest
from data_access.repositories.images import ImageFilter
from data_access.repositories.sources import SourceFilter
from tests.data_access.archive_exercise import Answers, exercise
from tests.data_access.database_samples import make_database

DATABASES = (
    "products", "products.fresh", "products.orm", "pipeline", "pipeline.2dec", "pipeline.3dec", "pipeline.3dec_sync",
    "cal_registry", "ingest", "hdf5", "hdf5_file_index", "data_registry", "calibrators", "alerts",
    "pipeline.side_tables", "master_sources", "catalog_strip",
)  # fmt: skip
MOST_SHAPES = 4
USED = {name for spec in TABLES.values() for name in spec.names}

GARBAGE: dict[str, Any] = {
    "text": "not a number",
    "blob": b"\x00\xff\xfe",
    "infinity": math.inf,
    "minus infinity": -math.inf,
    "huge float": 1e300,
    "largest integer": 2**63 - 1,
    "smallest integer": -(2**63),
    "negative": -7.25,
    "zero": 0,
    "empty text": "",
    "nan text": "nan",
    "a broken list": "[1, 2",
    "a literal that cannot be made": "{[]: 1}",
    "deep nesting": "[" * 5000,
    "nul": "a\x00b",
    "markup": "<script>alert(1)</script>",
}
INVALID_UTF8 = "CAST(x'2f64ff2f' AS TEXT)"


def _column_sql(column: dict[str, Any]) -> str:
    return f'"{column["name"]}" {column["type"]}' + (" PRIMARY KEY" if column["pk"] == 1 else "")


def _create_table(name: str, shape: dict[str, Any]) -> str:
    columns = shape["columns"]
    keys = [c["name"] for c in columns if c["pk"]]
    if len(keys) < 2:
        return f'CREATE TABLE "{name}" ({", ".join(map(_column_sql, columns))})'
    plain = ", ".join(f'"{c["name"]}" {c["type"]}' for c in columns)
    return f'CREATE TABLE "{name}" ({plain}, PRIMARY KEY ({", ".join(keys)}))'


def _plausible(column: dict[str, Any]) -> Any:
    name, kind = column["name"], column["type"].upper()
    known = {
        "source_id": "J1", "path": "/data/x.ms", "ms_path": "/data/x.ms",
        "image_path": "/data/2025-10-13T13:28:03.fits",
        "status": "active", "group_id": "2025-10-13T13:28:03", "subband_code": "sb00", "mid_mjd": 60961.5,
    }  # fmt: skip
    if name in known:
        return known[name]
    if name.endswith("mjd"):
        return 60961.5
    if "INT" in kind:
        return 1
    if kind in ("REAL", "FLOAT") or "NUM" in kind:
        return 1.76e9 if name.endswith(("_at", "timestamp")) else 1.5
    return "text"


def _fill(connection: sqlite3.Connection, name: str, shape: dict[str, Any]) -> None:
    columns = [c for c in shape["columns"] if not (c["pk"] and c["type"].upper() == "INTEGER")]
    if not columns:
        return
    names = ", ".join(f'"{c["name"]}"' for c in columns)
    marks = ", ".join("?" * len(columns))
    insert = f'INSERT OR IGNORE INTO "{name}" ({names}) VALUES ({marks})'
    connection.execute(insert, [_plausible(c) for c in columns])
    connection.execute(insert, [None] * len(columns))
    for value in GARBAGE.values():
        connection.execute(insert, [value] * len(columns))
        # garbage in a row that can be found: the keys are sensible
        mixed = [_plausible(c) if c["pk"] or c["name"].endswith(("source_id", "path")) else value for c in columns]
        connection.execute(insert, mixed)
    everything = ", ".join([INVALID_UTF8] * len(columns))
    connection.execute(f'INSERT OR IGNORE INTO "{name}" ({names}) VALUES ({everything})')


def _build(path: Path, tables: dict[str, dict[str, Any]]) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("BEGIN")
    for name, shape in tables.items():
        connection.execute(_create_table(name, shape))
        _fill(connection, name, shape)
    connection.execute("COMMIT")
    connection.close()


async def _ask_everything(root: Path) -> Answers:
    async with open_archive(root) as archive:
        answers, _ = await exercise(archive)
    return answers


def _not_finite(record: Any, where: str = "") -> list[str]:
    """Return the fields of a record that hold infinities, NaN or bytes."""
    if is_dataclass(record) and not isinstance(record, type):
        return [bad for f in fields(record) for bad in _not_finite(getattr(record, f.name), f"{where}.{f.name}")]
    if isinstance(record, bytes) or (isinstance(record, float) and not math.isfinite(record)):
        return [f"{where} = {record!r}"]
    if isinstance(record, tuple | list):
        return [bad for item in record for bad in _not_finite(item, where)]
    return []


def _records(answers: Answers) -> list[Any]:
    decoded = ("solver_params", "params", "coordinates", "quality_metrics")
    return [r for r in answers.everything() if is_dataclass(r) and not any(hasattr(r, name) for name in decoded)]


@pytest.mark.parametrize("name", DATABASES)
async def test_every_database_that_was_ever_seen_can_be_asked_everything(
    shared_data: Path, tmp_path: Path, name: str
) -> None:
    schema = json.loads((shared_data / "facts" / "schema" / f"{name}.json").read_text())
    _build(tmp_path / "products.sqlite3", schema["tables"])
    answers = await _ask_everything(tmp_path)
    bad = [f"{type(record).__name__}{field}" for record in _records(answers) for field in _not_finite(record)]
    assert not bad
    assert not _failed_queries(answers)
    assert len(answers.values) + len(answers.errors) > 100


def _failed_queries(answers: Answers) -> dict[str, str]:
    """Return the questions that ended with an error of SQL, not with 'there is no such record, table or file'."""
    return {
        question: err.message
        for question, err in answers.errors.items()
        if isinstance(err, DatabaseError) and not isinstance(err, TableMissing)
    }


@pytest.mark.parametrize("number", range(MOST_SHAPES))
async def test_every_shape_of_a_table_answers_every_question(shared_data: Path, tmp_path: Path, number: int) -> None:
    folder = shared_data / "facts" / "schema"
    tables = {
        name: shape
        for database in ("alerts", "hdf5", "ingest", "cal_registry", "products")
        for name, shape in json.loads((folder / f"{database}.json").read_text())["tables"].items()
        if name in USED
    }
    variants = json.loads((folder / "variants.json").read_text())["tables"]
    shapes = {name: variants[name]["shapes"] for name in variants if name in USED}
    assert max(len(shape) for shape in shapes.values()) <= MOST_SHAPES
    tables |= {name: shape[number % len(shape)] for name, shape in shapes.items()}
    _build(tmp_path / "products.sqlite3", tables)
    assert not _failed_queries(await _ask_everything(tmp_path))


async def _one_image(tmp_path: Path, columns: str, values: str) -> Image:
    make_database(
        tmp_path / "products.sqlite3", f"CREATE TABLE images (id INTEGER PRIMARY KEY, {columns})",
        f"INSERT INTO images ({columns.replace(' REAL', '')}) VALUES ({values})",
    )  # fmt: skip
    async with open_archive(tmp_path) as archive:
        return await archive.images.get(1)


async def test_a_missing_column_reads_as_none(tmp_path: Path) -> None:
    image = await _one_image(tmp_path, "path", "'/a.fits'")
    assert (image.path, image.noise_jy, image.created_at, image.problems) == ("/a.fits", None, None, ())


async def test_text_in_a_number_is_none_and_a_problem(tmp_path: Path) -> None:
    image = await _one_image(tmp_path, "path, created_at REAL", "'/a.fits', '5min'")
    assert image.created_at is None
    assert image.problems == ("created_at holds the text '5min', not a number",)


async def test_a_number_out_of_range_is_kept_and_a_problem(tmp_path: Path) -> None:
    image = await _one_image(tmp_path, "path, center_dec_deg REAL", "'/a.fits', 123.5")
    assert (image.center_dec_deg, image.problems) == (123.5, ("center_dec_deg = 123.5 is not possible",))


async def test_an_infinite_number_is_none_and_a_problem(tmp_path: Path) -> None:
    image = await _one_image(tmp_path, "path, noise_jy REAL", "'/a.fits', 9e999")
    assert (image.noise_jy, image.problems) == (None, ("noise_jy is inf",))


async def test_a_row_without_a_path_is_still_shown(tmp_path: Path) -> None:
    image = await _one_image(tmp_path, "path", "NULL")
    assert (image.path, image.problems) == ("", ("the row has no path",))


async def test_a_large_row_number_keeps_all_its_digits(tmp_path: Path) -> None:
    number = 2**53 + 1
    make_database(
        tmp_path / "products.sqlite3", "CREATE TABLE images (id INTEGER PRIMARY KEY, path TEXT)",
        f"INSERT INTO images VALUES ({number}, '/a.fits')",
    )  # fmt: skip
    async with open_archive(tmp_path) as archive:
        assert (await archive.images.get(number)).id == number


async def test_a_column_that_appears_while_the_archive_is_open_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("data_access.database._RECENT_S", 0.0)
    path = make_database(
        tmp_path / "products.sqlite3", "CREATE TABLE images (id INTEGER PRIMARY KEY, path)",
        "INSERT INTO images (path) VALUES ('/a.fits')",
    )  # fmt: skip
    async with open_archive(tmp_path) as archive:
        before = await archive.images.get(1)
        connection = sqlite3.connect(path)
        connection.execute("ALTER TABLE images ADD COLUMN noise_jy REAL DEFAULT 0.5")
        connection.commit()
        connection.close()
        after = await archive.images.get(1)
    assert (before.noise_jy, after.noise_jy) == (None, 0.5)


async def test_a_view_under_a_tables_name_can_be_paged(tmp_path: Path) -> None:
    make_database(
        tmp_path / "products.sqlite3", "CREATE TABLE old (id INTEGER PRIMARY KEY, path TEXT)",
        "INSERT INTO old (path) VALUES ('/a'), ('/b'), ('/c')", "CREATE VIEW images AS SELECT id, path FROM old",
    )  # fmt: skip
    async with open_archive(tmp_path) as archive:
        first = await archive.images.find(ImageFilter(), PageRequest(2))
        second = await archive.images.find(ImageFilter(), PageRequest(2, first.next_cursor))
    assert [image.path for image in (*first.rows, *second.rows)] == ["/c", "/b", "/a"]


async def test_sources_without_a_table_of_statistics_are_listed_from_photometry(tmp_path: Path) -> None:
    make_database(
        tmp_path / "products.sqlite3",
        "CREATE TABLE photometry (id INTEGER PRIMARY KEY, source_id TEXT, ra_deg, dec_deg)",
        "INSERT INTO photometry (source_id, ra_deg, dec_deg) VALUES ('B', 1.5, 'x'), ('A', 'y', 2.0), (NULL, 1, 1)",
    )  # fmt: skip
    async with open_archive(tmp_path) as archive:
        page = await archive.sources.find(SourceFilter(), PageRequest(10, descending=False))
    assert [(s.source_id, s.ra_deg, s.dec_deg) for s in page.rows] == [("A", None, 2.0), ("B", 1.5, None)]


async def _renamed(tmp_path: Path, *statements: str) -> Archive:
    make_database(tmp_path / "pipeline.sqlite3", *statements)
    return open_archive(tmp_path)


async def test_calibration_tables_of_the_second_of_december_are_found_under_their_name(tmp_path: Path) -> None:
    archive = await _renamed(
        tmp_path, "CREATE TABLE calibration_tables (id INTEGER PRIMARY KEY, path, status)",
        "INSERT INTO calibration_tables (path, status) VALUES ('/t', 'active')",
    )  # fmt: skip
    async with archive:
        assert (await archive.calibration.get("/t")).status == "active"


async def test_of_two_tables_for_one_thing_the_one_with_rows_is_read(tmp_path: Path) -> None:
    archive = await _renamed(
        tmp_path, "CREATE TABLE caltables (id INTEGER PRIMARY KEY, path)",
        "CREATE TABLE calibration_tables (id INTEGER PRIMARY KEY, path)",
        "INSERT INTO calibration_tables (path) VALUES ('/t')",
    )  # fmt: skip
    async with archive:
        assert (await archive.calibration.get("/t")).path == "/t"


async def test_statistics_of_the_stage_code_are_read_under_their_names(tmp_path: Path) -> None:
    archive = await _renamed(
        tmp_path, "CREATE TABLE variability_stats (source_id TEXT PRIMARY KEY, n_epochs INTEGER, eta REAL)",
        "INSERT INTO variability_stats VALUES ('A', 12, 3.5)",
        "CREATE TABLE photometry (id INTEGER PRIMARY KEY, source_id TEXT)",
    )  # fmt: skip
    async with archive:
        page = await archive.sources.find(SourceFilter(eta_min=1.0), PageRequest(5, sort="n_obs"))
    stored = page.rows[0].stored
    assert stored is not None
    assert (stored.n_obs, stored.eta_metric) == (12, 3.5)


@pytest.mark.parametrize("monitored", ["NULL, NULL", "12.5, NULL"])
async def test_statistics_without_a_position_hide_no_other_and_may_have_their_time_as_text(
    tmp_path: Path, monitored: str
) -> None:
    archive = await _renamed(
        tmp_path,
        "CREATE TABLE variability_stats (source_id TEXT PRIMARY KEY, ra_deg REAL, dec_deg REAL, updated_at TEXT)",
        "INSERT INTO variability_stats VALUES ('A', NULL, NULL, '2025-12-03T10:00:00'), "
        "('B', 20.5, 54.5, '2025-12-03 02:00:00.5-08:00'), ('C', NULL, NULL, 'yesterday'), ('D', 1, 2, '1764756000')",
        "CREATE TABLE photometry (id INTEGER PRIMARY KEY, source_id TEXT, ra_deg REAL, dec_deg REAL)",
        "INSERT INTO photometry (source_id, ra_deg, dec_deg) VALUES ('A', 10.25, 53.5), ('B', 20.75, 54.0)",
        "CREATE TABLE monitoring_sources (source_id TEXT PRIMARY KEY, ra_deg REAL, dec_deg REAL)",
        f"INSERT INTO monitoring_sources VALUES ('A', {monitored}), ('B', {monitored})",
    )  # fmt: skip
    async with archive:
        sources = await archive.sources.describe(("A", "B", "C", "D"))
    assert [(s.ra_deg, s.dec_deg) for s in sources] == [(10.25, 53.5), (20.5, 54.5), (None, None), (1.0, 2.0)]
    moments = [s.stored.updated_at for s in sources if s.stored is not None]
    assert moments == [1764756000.0, 1764756000.5, None, 1764756000.0]
    assert [s.problems for s in sources] == [
        (), (), ("updated_at holds the text 'yesterday', not a number",), (),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("columns", "values", "noise_jy"),
    [
        ("median_rms_jy REAL, effective_noise_jy REAL", "3e-3, 2e-3", 2e-3),
        ("median_rms_jy REAL, effective_noise_jy REAL", "3e-3, NULL", 3e-3),
        ("noise_jy REAL, effective_noise_jy REAL", "1e-3, 2e-3", 1e-3),
        ("tier TEXT", "'quick'", None),
    ],
)
async def test_the_noise_of_a_tiered_mosaic_is_found_under_its_other_names(
    tmp_path: Path, columns: str, values: str, noise_jy: float | None
) -> None:
    make_database(
        tmp_path / "products.sqlite3", f"CREATE TABLE mosaics (id INTEGER PRIMARY KEY, path TEXT, {columns})",
        f"INSERT INTO mosaics VALUES (1, '/m.fits', {values})",
    )  # fmt: skip
    async with open_archive(tmp_path) as archive:
        page = await archive.images.find_mosaics(PageRequest())
    assert page.rows[0].noise_jy == noise_jy
