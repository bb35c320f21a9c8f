"""Every shape of a table that was ever seen, one row with a value of its own in each column: what records say."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest

from data_access.archive import Archive, open_archive
from data_access.records import PageRequest
from data_access.repositories.sources import SourceFilter
from tests.conftest import SHARED
from tests.data_access.database_samples import make_database

STAMP = "2025-10-13T13:28:03"
KNOWN = {
    "id": 1, "batch_id": 1, "source_id": "J1", "source_name": "J1", "name": "J1", "path": f"/data/{STAMP}.ms",
    "ms_path": f"/data/{STAMP}.ms", "image_path": f"/data/{STAMP}.fits", "group_id": STAMP, "subband_code": "sb00",
    "timestamp_iso": STAMP, "timestamp TEXT": STAMP,
}  # fmt: skip
READERS: dict[str, Callable[[Archive], Awaitable[Any]]] = {
    "images": lambda archive: archive.images.get(1),
    "mosaics": lambda archive: archive.images.find_mosaics(PageRequest()),
    "ms_index": lambda archive: archive.measurement_sets.get(KNOWN["path"]),
    "photometry": lambda archive: archive.sources.get_light_curve("J1"),
    "variability_stats": lambda archive: archive.sources.find(SourceFilter(), PageRequest()),
    "monitoring_sources": lambda archive: archive.sources.find(SourceFilter(), PageRequest()),
    "transient_candidates": lambda archive: archive.sources.find_transients(),
    "jobs": lambda archive: archive.jobs.find_tasks(PageRequest()),
    "batch_job_items": lambda archive: archive.jobs.find_batch_items(1),
    "hdf5_file_index": lambda archive: archive.raw_files.find_groups(PageRequest()),
    "calibrator_transits": lambda archive: archive.calibration.find_transits(0.0, 1e5),
    "pointing_history": lambda archive: archive.operations.find_pointing(),
    "alert_history": lambda archive: archive.operations.find_alerts(),
    "storage_locations": lambda archive: archive.operations.find_storage(),
}
NOT_TAKEN_OVER = {
    "images": set(),
    "mosaics": {
        "integration_sec", "beam_minor_arcsec", "beam_pa_deg", "thumbnail_path", "method", "tiles", "output_path",
        "validation_issues", "metrics_path", "plan_id", "tier", "coverage_sq_deg", "qa_status", "qa_details",
        "effective_noise_jy", "median_rms_jy",  # read where there is no noise_jy
    },
    "ms_index": {"ra_deg", "dec_deg", "created_at"},  # the first two are read where the pointing is missing
    "photometry": {
        "measured_at", "mjd",  # the time in the name of the image comes first
        "rms_jy", "peak_flux_jy",  # read where there is no local_rms, no peak_jyb
        "normalized_flux_jy", "normalized_flux_err_jy",  # on demand: the raw peak is all that stands there
        "mosaic_path", "sep_from_center_deg", "major_arcsec", "minor_arcsec", "pa_deg",
    },
    "variability_stats": {
        "last_measured_at", "v",
        "n_epochs",  # the stored number is called n_obs: n_epochs is what was counted
    },
    "monitoring_sources": {"first_detected_at", "last_detected_at", "chi_squared", "last_updated", "notes"},
    "transient_candidates": {
        "last_updated", "notes", "peak_mjy", "ms_path", "variability_index", "timestamp_mjd", "snr", "image_path",
        "mosaic_id", "rms_mjy", "priority", "mean_flux_jy", "std_flux_jy", "eta", "v_index", "chi_squared",
        "first_detected_at", "last_detected_at", "classified_by", "classified_at", "follow_up_status",
        "n_detections", "is_variable", "ese_candidate",
    },
    "jobs": {"artifacts"},
    "batch_job_items": {"job_id", "data_id"},
    "hdf5_file_index": {
        "id", "path", "filename", "modified_time", "mtime", "indexed_at", "stored", "obs_date", "obs_time",
        "timestamp", "subband_num",  # read where there is no timestamp_iso, no subband_code
    },
    "calibrator_transits": {"transit_iso", "group_mid_iso", "calculated_at", "updated_at"},
    "pointing_history": {"id", "timestamp", "source", "recorded_at"},
    "alert_history": {
        "channel", "success", "error_msg", "labels_json", "created_at", "details", "acknowledged_at",
    },
    "storage_locations": {"id", "registered_at", "notes", "size_bytes", "created_at", "last_checked"},
}  # fmt: skip
"""Columns that no record takes over under their own names, in whichever shape."""


def shapes() -> list[Any]:
    """Every shape of every table that has a reader."""
    known = SHARED / "facts" / "schema" / "variants.json"
    if not known.is_file():
        reason = "the facts about the pipeline are not here: put ../shared beside the project"
        return [pytest.param("", [], marks=pytest.mark.skip(reason=reason))]
    tables = json.loads(known.read_text())["tables"]
    return [
        pytest.param(table, shape["columns"], id=f"{table} of {shape['seen_in'][0].split(' ')[0]}")
        for table in READERS
        for shape in tables[table]["shapes"]
    ]


def own_value(number: int, column: dict[str, Any]) -> Any:
    """Return a sensible value that no other column of the row has."""
    name, kind = column["name"], column["type"].upper()
    known = KNOWN.get(name, KNOWN.get(f"{name} {kind}"))
    if known is not None:
        return known
    if name.endswith("mjd"):
        return 60970.0 + number
    if name.endswith("_at") or name == "timestamp":
        return 1.76e9 + number
    if "INT" in kind:
        return 40 + number
    return 10.25 + number if kind in ("REAL", "FLOAT") else f"text of {name}"


def leaves(record: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Give every value within records, pages and lists, with the name of the field it stands in."""
    if is_dataclass(record) and not isinstance(record, type):
        for field in fields(record):
            yield from leaves(getattr(record, field.name), field.name)
    elif isinstance(record, tuple | list):
        for item in record:
            yield from leaves(item, name)
    else:
        yield name, record


def is_same(value: Any, stored: Any) -> bool:
    """Whether a record says what was stored: a flag as a truth value, a text perhaps within another one."""
    if isinstance(value, bool):
        return bool(stored) == value
    return bool(value == stored) or (isinstance(value, str) and str(stored) in value)


def write_row(folder: Path, table: str, columns: list[dict[str, Any]]) -> dict[str, Any]:
    """Write one row of a table, with a measurement of the source beside tables that describe sources."""
    path = folder / "products.sqlite3"
    make_database(
        path,
        "CREATE TABLE IF NOT EXISTS photometry (id INTEGER PRIMARY KEY, source_id TEXT, mjd REAL, measured_at REAL)"
        if table in ("variability_stats", "monitoring_sources") else "SELECT 1",
        f'CREATE TABLE "{table}" ({", ".join(_column_sql(column) for column in columns)})',
    )  # fmt: skip
    row = {column["name"]: own_value(number, column) for number, column in enumerate(columns)}
    with sqlite3.connect(path) as connection:
        connection.execute(f'INSERT INTO "{table}" VALUES ({", ".join("?" * len(row))})', [*row.values()])
    connection.close()
    return row


def _column_sql(column: dict[str, Any]) -> str:
    key = " PRIMARY KEY" if column["name"] == "id" else ""
    return f'"{column["name"]}" {"INTEGER" if key else column["type"]}{key}'


@pytest.mark.parametrize(("table", "columns"), shapes())
async def test_records_have_the_values_of_the_row_in_every_shape(
    tmp_path: Path, table: str, columns: list[dict[str, Any]]
) -> None:
    row = write_row(tmp_path, table, columns)
    async with open_archive(tmp_path) as archive:
        found = [*leaves(await READERS[table](archive))]
    for name, value in found:
        if name in row.keys() - NOT_TAKEN_OVER[table] and value is not None:
            assert is_same(value, row[name]), name
    lost = {
        column
        for column, stored in row.items()
        # a flag says something of its own column only
        if not any(
            is_same(value, stored) and (name == column or not isinstance(value, bool)) for name, value in found
        )
    }
    assert lost <= NOT_TAKEN_OVER[table]


def test_the_list_of_columns_that_no_record_has_names_only_columns_that_exist(shared_data: Path) -> None:
    assert shared_data.is_dir()
    seen: dict[str, set[str]] = {}
    for parameter in shapes():
        table, columns = parameter.values
        seen.setdefault(table, set()).update(column["name"] for column in columns)
    assert [f"{table}.{name}" for table, names in NOT_TAKEN_OVER.items() for name in names - seen[table]] == []
