"""Where each table of the two database layouts lives, and how to create the empty files."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Literal, get_args

from data_access.errors import ValidationError

Layout = Literal["split", "unified"]

SCHEMA_DIR = Path(__file__).with_name("schema")
PRODUCTS = "state/db/products.sqlite3"
PIPELINE = "state/db/pipeline.sqlite3"
ALERTS = "state/db/alerts.sqlite3"
RAW_INDEX = "incoming/hdf5_file_index.sqlite3"
CALIBRATOR_CATALOG = "state/catalogs/vla_calibrators.sqlite3"

_SPLIT_FILES = {
    PRODUCTS: "products",
    "state/db/cal_registry.sqlite3": "cal_registry",
    "state/db/hdf5.sqlite3": "hdf5",
    "state/db/ingest.sqlite3": "ingest",
    "state/db/data_registry.sqlite3": "data_registry",
    "state/db/calibrators.sqlite3": "calibrators",
}
_COMMON_FILES = {ALERTS: "alerts", RAW_INDEX: "hdf5_file_index", CALIBRATOR_CATALOG: "vla_calibrators"}

_SPLIT_PLACES = {
    "caltables": "state/db/cal_registry.sqlite3",
    "hdf5_file_index": "state/db/hdf5.sqlite3",
    "ingest_queue": "state/db/ingest.sqlite3",
    "subband_files": "state/db/ingest.sqlite3",
    "performance_metrics": "state/db/ingest.sqlite3",
    "pointing_history": "state/db/ingest.sqlite3",
    "data_registry": "state/db/data_registry.sqlite3",
    "data_relationships": "state/db/data_registry.sqlite3",
    "bandpass_calibrators": "state/db/calibrators.sqlite3",
    "vla_calibrators": "state/db/calibrators.sqlite3",
    "vla_flux_info": "state/db/calibrators.sqlite3",
}
_SPLIT_ONLY = frozenset({"data_registry", "data_relationships", "mosaic_ms_membership"})
_UNIFIED_ONLY = frozenset({"sources", "calibration_applied", "calibrator_catalog"})
_UNIFIED_NAMES = {"ingest_queue": "processing_queue", "hdf5_file_index": "hdf5_files"}
# Tables that occur a second time, in a file of their own; the logical names are the demo's.
_SIDE_TABLES = {
    "alert_rules": (ALERTS, "alert_history"),
    "raw_index": (RAW_INDEX, "hdf5_file_index"),
    "calibrator_positions": (CALIBRATOR_CATALOG, "calibrators"),
    "calibrator_fluxes": (CALIBRATOR_CATALOG, "fluxes"),
}


def check_layout(layout: str) -> Layout:
    """Return `layout` if it is one of the two layouts, else raise ValidationError."""
    for known in get_args(Layout):
        if layout == known:
            return known  # type: ignore[no-any-return]
    raise ValidationError(f"unknown layout {layout!r}", remedy="Use 'split' or 'unified'.", layout=layout)


def database_files(layout: Layout) -> dict[str, str]:
    """Return {path below the archive: name of its .sql file} of every database of `layout`."""
    main = _SPLIT_FILES if layout == "split" else {PIPELINE: "pipeline"}
    return main | _COMMON_FILES


def locate_table(layout: Layout, table: str) -> tuple[str, str] | None:
    """Return (database file, physical name) of the logical `table`, or None when `layout` has no such table."""
    if table in _SIDE_TABLES:
        return _SIDE_TABLES[table]
    if layout == "unified":
        return None if table in _SPLIT_ONLY else (PIPELINE, _UNIFIED_NAMES.get(table, table))
    return None if table in _UNIFIED_ONLY else (_SPLIT_PLACES.get(table, PRODUCTS), table)


def create_database(path: Path, sql_name: str) -> None:
    """Create an empty database at `path` from ``schema/<sql_name>.sql``, in WAL mode as the pipeline's files are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.executescript((SCHEMA_DIR / f"{sql_name}.sql").read_text(encoding="utf-8"))
    finally:
        connection.close()
