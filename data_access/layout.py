"""Which file holds which table: two layouts, renamed tables and missing columns behind one set of logical names."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from data_access.database import Database, Rows, is_recent
from data_access.discovery import Databases
from data_access.errors import DatabaseError, DatabaseLocked, TableMissing
from data_access.introspection import Schema

_LONGEST_CHECK_S = 1.0


@dataclass(frozen=True, slots=True)
class TableSpec:
    """A logical table: the names it goes by, newest first, and the columns the dashboard can use."""

    names: tuple[str, ...]
    columns: tuple[str, ...]
    essential: bool = False


def _spec(names: str, columns: str, *, essential: bool = False) -> TableSpec:
    return TableSpec(tuple(names.split()), tuple(columns.split()), essential)


TABLES: Mapping[str, TableSpec] = {
    "ms_index": _spec(
        "ms_index",
        "path start_mjd end_mjd mid_mjd processed_at status stage stage_updated_at cal_applied imagename ra_deg "
        "dec_deg field_name pointing_ra_deg pointing_dec_deg",
        essential=True,
    ),
    "images": _spec(
        "images",
        "id path ms_path created_at type beam_major_arcsec beam_minor_arcsec beam_pa_deg noise_jy pbcor format "
        "dynamic_range field_name center_ra_deg center_dec_deg imsize_x imsize_y cellsize_arcsec freq_ghz "
        "bandwidth_mhz integration_sec",
        essential=True,
    ),
    "photometry": _spec(
        "photometry",
        "id source_id image_path ra_deg dec_deg nvss_flux_mjy peak_jyb peak_err_jyb flux_jy flux_err_jy snr mjd "
        "measured_at mosaic_path flags",
        essential=True,
    ),
    "variability_stats": _spec(
        "variability_stats",
        "source_id ra_deg dec_deg nvss_flux_mjy n_obs mean_flux_mjy std_flux_mjy min_flux_mjy max_flux_mjy chi2_nu "
        "sigma_deviation eta_metric last_mjd updated_at",
    ),
    "monitoring_sources": _spec(
        "monitoring_sources",
        "source_id name ra_deg dec_deg catalog priority n_detections mean_flux_jy std_flux_jy eta v_index "
        "is_variable ese_candidate",
    ),
    "sources": _spec("sources", "id name ra_deg dec_deg"),
    "ese_candidates": _spec(
        "ese_candidates", "id source_id flagged_at flagged_by significance flag_type status notes"
    ),
    "transient_candidates": _spec(
        "transient_candidates",
        "id source_name ra_deg dec_deg detection_type flux_obs_mjy flux_baseline_mjy flux_ratio significance_sigma "
        "baseline_catalog detected_at classification",
    ),
    "mosaics": _spec(
        "mosaics",
        "id path name created_at start_mjd end_mjd n_images center_ra_deg center_dec_deg dec_min_deg dec_max_deg "
        "noise_jy beam_major_arcsec n_sources",
    ),
    "image_qa": _spec(
        "image_qa",
        "id image_path ms_path rms_noise peak_flux dynamic_range beam_major beam_minor beam_pa num_sources "
        "overall_quality timestamp",
    ),
    "regions": _spec("regions", "id name type coordinates image_path created_at created_by"),
    "caltables": _spec(
        "caltables calibration_tables",
        "id set_name path table_type order_index cal_field refant created_at valid_start_mjd valid_end_mjd status "
        "notes source_ms_path solver_command solver_version solver_params quality_metrics",
        essential=True,
    ),
    "calibration_applied": _spec(
        "calibration_applied", "id ms_path caltable_path applied_at success error_message"
    ),
    "calibrator_transits": _spec(
        "calibrator_transits",
        "calibrator_name transit_mjd has_data group_id delta_minutes pb_response dec_match",
    ),
    "jobs": _spec("jobs", "id type status ms_path params logs artifacts created_at started_at finished_at"),
    "batch_jobs": _spec(
        "batch_jobs", "id type created_at status total_items completed_items failed_items params"
    ),
    "batch_job_items": _spec(
        "batch_job_items", "id batch_id ms_path status error started_at completed_at"
    ),
    "ingest_queue": _spec(
        "processing_queue ingest_queue",
        "group_id state received_at last_update expected_subbands retry_count error processing_stage",
    ),
    "subband_files": _spec("subband_files", "group_id subband_idx path"),
    "hdf5_files": _spec(
        "hdf5_files hdf5_file_index",
        "path group_id subband_code timestamp_mjd file_size_bytes indexed_at stored",
    ),
    "pointing_history": _spec("pointing_history", "ra_deg dec_deg"),
    "alert_history": _spec("alert_history", "id severity message"),
    "storage_locations": _spec("storage_locations", ""),
    "calibrator_catalog": _spec("calibrator_catalog", "name ra_deg dec_deg flux_jy notes"),
    "vla_calibrators": _spec("vla_calibrators", "name ra_deg dec_deg flux_jy notes"),
    "bandpass_calibrators": _spec("bandpass_calibrators", "calibrator_name ra_deg dec_deg flux_jy notes"),
}  # fmt: skip


# Shapes of December 2025 and of the models call some columns differently.
_OTHER_NAMES: Mapping[tuple[str, str], str] = {
    ("variability_stats", "n_obs"): "n_epochs",
    ("variability_stats", "eta_metric"): "eta",
    ("transient_candidates", "source_name"): "source_id",
}
_ONLY_IN: Mapping[str, frozenset[str]] = {
    "cal_registry": frozenset({"caltables"}),
    "ingest": frozenset({"ingest_queue", "subband_files", "pointing_history"}),
    "hdf5": frozenset({"hdf5_files", "storage_locations", "pointing_history"}),
    "raw_index": frozenset({"hdf5_files"}),
    "data_registry": frozenset(),
    "calibrators": frozenset({"calibrator_catalog", "vla_calibrators", "bandpass_calibrators"}),
    "alerts": frozenset({"alert_history"}),
}


def may_hold(role: str, logical: str) -> bool:
    """Return whether the pipeline would write this table there: else a broken file hides nothing of it."""
    return role not in _ONLY_IN or logical in _ONLY_IN[role]


# Files of the split layout carry copies of each other's tables: what stands here is asked before all other files.
_HOMES: Mapping[str, tuple[str, ...]] = {
    "caltables": ("cal_registry",),
    "ingest_queue": ("ingest",),
    "subband_files": ("ingest",),
    "pointing_history": ("ingest",),
    "hdf5_files": ("raw_index", "hdf5"),
    "alert_history": ("alerts",),
    "calibrator_catalog": ("calibrators",),
    "vla_calibrators": ("calibrators",),
    "bandpass_calibrators": ("calibrators",),
}


def homes_of(logical: str) -> tuple[str, ...]:
    """Return the roles whose files are meant to hold this table in the split layout, the best first."""
    return _HOMES.get(logical, ("products",))


@dataclass(frozen=True, slots=True)
class Table:
    """A logical table as it is in the open file: every column the file lacks reads as NULL."""

    logical: str
    name: str
    database: Database
    columns: frozenset[str]
    has_rowid: bool = True
    primary_key: str = ""
    indexed: frozenset[str] = frozenset()

    def column(self, name: str, alias: str = "") -> str:
        """Return the SQL for a column under the name it has here, or NULL when this file does not have it."""
        if name not in self.columns:
            name = _OTHER_NAMES.get((self.logical, name), name)
        if name not in self.columns:
            return "NULL"
        return f'{alias}."{name}"' if alias else f'"{name}"'

    def key(self, name: str, alias: str = "") -> str:
        """Return the SQL for what tells rows apart: the row number, else (views) the column `name`.

        The row number is unique and never NULL, which a text primary key can be, and every index ends with it.
        """
        if not self.has_rowid:
            return self.column(name, alias)
        return f"{alias}.rowid" if alias else "rowid"

    def first_of(self, *names: str) -> str:
        """Return the SQL for the first of several columns that exists, or NULL."""
        return next((self.column(n) for n in names if n in self.columns), "NULL")

    def select(self, names: Sequence[str], alias: str = "") -> tuple[str, ...]:
        """Return the SQL of several columns."""
        return tuple(self.column(n, alias) for n in names)

    async def fetch(self, sql: str, parameters: Sequence[Any] = (), **options: Any) -> Rows:
        """Run one SELECT on the table's database (see `Database.fetch`)."""
        return await self.database.fetch(sql, parameters, **options)


@dataclass(frozen=True, slots=True)
class _Found:
    """A table, the schema it was found in, and when it was looked for."""

    table: Table
    schema: Schema | None
    at: float


class Layout:
    """Finds logical tables in the configured databases, whatever their layout.

    Parameters
    ----------
    databases : mapping of role to Database
        A table is looked for in the unified file, then in its homes, then in the others in this order.
    """

    def __init__(self, databases: Mapping[str, Database]) -> None:
        self.databases = databases if isinstance(databases, Databases) else Databases(databases)
        self._found: dict[str, _Found] = {}
        self._gates: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def find(self, logical: str) -> Table:
        """Return the table: the first that has rows, else the first that exists.

        The unified file is asked first, then the table's homes in the split layout. It is looked for once a second,
        and not again while the watcher sees no commit to any database.

        Raises
        ------
        TableMissing
            No readable database has it.
        DatabaseError
            A database that could hold it cannot be read, and none of the others has rows of it.
        """
        if (table := self._known(logical)) is not None:
            return table
        async with self._gates[logical]:  # one of those who ask at once looks, the others wait for what it finds
            if (table := self._known(logical)) is not None:
                return table
            at = time.monotonic()
            table = await self._look_for(logical)
            self._found[logical] = _Found(table, table.database.recent_schema, at)
            return table

    def _known(self, logical: str) -> Table | None:
        """Return the table that was found last, if it may be taken for the right one without looking again."""
        found = self._found.get(logical)
        if found is None:
            return None
        schema = found.table.database.recent_schema
        if schema is None or schema is not found.schema:
            return None
        databases = self.databases.values()
        unchanged = is_recent(found.at) or all(database.is_unchanged_since(found.at) for database in databases)
        return found.table if unchanged else None

    async def _look_for(self, logical: str) -> Table:
        await self.databases.look_again()
        empty: Table | None = None
        trouble: DatabaseError | None = None
        for database in self._in_order(logical):
            try:
                table, has_rows = await self._table_in(logical, database)
                if table is not None and has_rows:
                    return table
                empty = empty or table
            except DatabaseError as err:
                if may_hold(database.role, logical):
                    trouble = trouble or err
        if empty is not None and trouble is None:
            return empty
        if trouble is not None:
            raise trouble
        names = "' or '".join(reversed(TABLES[logical].names))
        raise TableMissing(f"No database has the table '{names}' ({self._where(logical)})", table=logical)

    def _where(self, logical: str) -> str:
        """Say where a table was looked for, and which file that could hold it is not there."""
        if self.databases.complaint:
            return self.databases.complaint
        asked = ", ".join(database.path.name for database in self.databases.values()) or "none is configured"
        places = () if "pipeline" in self.databases else self.databases.expected_places(homes_of(logical)[-1])
        if not places:
            return f"looked in: {asked}"
        return f"looked in: {asked}; expected in {' or '.join(map(str, places))}, which is not there"

    def _in_order(self, logical: str) -> list[Database]:
        """Return the databases in the order in which they are asked: the unified one, the table's homes, the rest."""
        roles = [role for role in ("pipeline", *homes_of(logical)) if role in self.databases]
        roles += [role for role in self.databases if role not in roles]
        return [self.databases[role] for role in roles]

    async def find_in(self, logical: str, database: Database) -> Table | None:
        """Return the table of one database, under the name that has rows; None when it has none of its names."""
        return (await self._table_in(logical, database))[0]

    async def _table_in(self, logical: str, database: Database) -> tuple[Table | None, bool]:
        candidates = await self._candidates(logical, database)
        for table in candidates:
            if await self._has_rows(table):
                return table, True
        return (candidates[0] if candidates else None), False

    async def find_or_none(self, logical: str) -> Table | None:
        """Return the table, or None when no database has it; errors of databases are still raised."""
        try:
            return await self.find(logical)
        except TableMissing:
            return None

    async def find_optional(self, logical: str) -> Table | None:
        """Return the table, or None when databases can be read and none has it.

        Raises
        ------
        TableMissing
            There is no database at all: then nothing is known, and not that there is nothing.
        DatabaseError
            A database that could hold it cannot be read.
        """
        try:
            return await self.find(logical)
        except TableMissing:
            if not self.databases:
                raise
            return None

    async def check(self, logical: str, *, required: bool) -> None:
        """Return when the table can be read, or when it may be absent and is.

        A writer that holds the database is not waited for, nor a busy disk: what cannot be told soon is told to
        those who read.

        Raises
        ------
        DatabaseError
            What keeps the table from being read.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(_LONGEST_CHECK_S):
                await self._check(logical, required=required)

    async def _check(self, logical: str, *, required: bool) -> None:
        if self._known(logical) is not None:
            return
        for role in ("pipeline", *homes_of(logical)):
            if role in self.databases:
                await self._check_lock(self.databases[role])
        await (self.find(logical) if required else self.find_optional(logical))

    @staticmethod
    async def _check_lock(database: Database) -> None:
        """Raise `DatabaseLocked` when a writer holds it: found out where the watcher asks, who never waits long."""
        try:
            await database.version()
        except DatabaseLocked:
            raise
        except DatabaseError:
            return  # another file may have the table: `find` tells what this one means

    async def _candidates(self, logical: str, database: Database) -> list[Table]:
        schema = await database.schema()
        return [
            Table(
                logical,
                name,
                database,
                frozenset(schema.tables[name]),
                name in schema.with_rowid,
                schema.keys.get(name, ""),
                schema.indexed.get(name, frozenset()),
            )
            for name in TABLES[logical].names
            if name in schema.tables
        ]

    async def _has_rows(self, table: Table) -> bool:
        found = await table.fetch(f'SELECT 1 FROM "{table.name}" LIMIT 1')
        return bool(found.rows)
