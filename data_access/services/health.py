"""What can be read: every database, its tables and columns, its age; the folders; the versions."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from data_access.database import SQLITE_VERSION, Database
from data_access.errors import DatabaseError, DatabaseLocked, DatabaseMissing
from data_access.layout import TABLES, Layout
from data_access.presence import is_folder
from data_access.records import DatabaseState, TableState, UnusedTable
from data_access.repositories.base import Where, count_rows
from data_access.services.unused_tables import find_unused_tables
from data_access.side_files import write_ahead_log

USED_BY: Mapping[str, str] = {
    "variability_stats": "/sources and /variability",
    "monitoring_sources": "/sources",
    "sources": "/sources",
    "ese_candidates": "/ese, /review and tonight",
    "transient_candidates": "/sources and /review",
    "mosaics": "/images",
    "image_qa": "one image",
    "regions": "one image",
    "calibration_applied": "where an image, a set and a run come from",
    "calibrator_transits": "/calibration",
    "jobs": "/jobs?view=tasks",
    "batch_jobs": "/jobs?view=batches",
    "batch_job_items": "/jobs?view=batches",
    "ingest_queue": "/jobs?view=queue and tonight",
    "subband_files": "/jobs?view=queue",
    "hdf5_files": "/jobs?view=raw",
    "pointing_history": "tonight",
    "alert_history": "tonight",
    "storage_locations": "/status and tonight",
    "calibrator_catalog": "calibrators near a source",
    "vla_calibrators": "calibrators near a source",
    "bandpass_calibrators": "calibrators near a source",
}
"""What shows a table that is not essential: there it says that the table is not recorded."""

_PACKAGES = ("panel", "bokeh", "holoviews", "param", "aiosqlite", "astropy", "python-casacore", "numpy", "tornado")

# Without this column no row of an essential table can be opened, linked or looked for.
_NAMED_BY = {"ms_index": "path", "images": "path", "photometry": "source_id", "caltables": "path"}


@dataclass(frozen=True, slots=True)
class FolderState:
    """One configured folder."""

    setting: str
    path: str
    readable: bool


@dataclass(frozen=True, slots=True)
class HealthReport:
    """What `python app.py check` prints.

    Attributes
    ----------
    layout : str
        ``"unified"``, ``"split"`` or ``"none"``.
    missing : tuple of str
        Essential tables that no database has, or that cannot be read.
    absent : mapping of str to str
        Other tables that no database has -> the pages that would show them.
    state_dir : str
        The folder that is searched for databases.
    complaint : str
        What is wrong with that folder as a whole; empty when it has a database.
    ok : bool
        True when the main pages can work.
    """

    layout: str
    databases: tuple[DatabaseState, ...]
    folders: tuple[FolderState, ...]
    versions: Mapping[str, str]
    missing: tuple[str, ...]
    absent: Mapping[str, str]
    state_dir: str = ""
    complaint: str = ""

    @property
    def ok(self) -> bool:
        """True when every essential table was found in a database that can be read."""
        return not self.missing


class HealthService:
    """Looks at everything the dashboard needs."""

    def __init__(self, layout: Layout, folders: Mapping[str, tuple[Path, ...]], *, count_deadline_s: float) -> None:
        self._layout = layout
        self._folders = folders
        self._count_deadline_s = count_deadline_s

    async def report(self, *, with_unused: bool = False) -> HealthReport:
        """Return the state of everything; never raises for the sake of a single database.

        Parameters
        ----------
        with_unused : bool
            Look at the tables that no page shows too, which a page that is refreshed has no use for.
        """
        await self._layout.databases.look_again()
        databases = self._layout.databases.values()
        states = tuple([await self._state(database, with_unused=with_unused) for database in databases])
        tables = [table for state in states for table in state.tables if not table.error]
        found = {t.name for t in tables if _NAMED_BY.get(t.name) not in t.missing_columns}
        missing = tuple(name for name, spec in TABLES.items() if spec.essential and name not in found)
        readable = [s for s in states if s.ok and s.tables]
        layout = "none" if not readable else ("unified" if _is_unified(readable) else "split")
        return HealthReport(
            layout, states, self._folder_states(), versions(), missing,
            {name: pages for name, pages in USED_BY.items() if name not in found},
            str(self._layout.databases.state_dir or ""), self._layout.databases.complaint,
        )  # fmt: skip

    async def _state(self, database: Database, *, with_unused: bool) -> DatabaseState:
        try:
            tables = await self._tables(database)
            unused = await self._unused(database, tables) if with_unused else ()
            journal = await database.journal_mode()
        except DatabaseError as err:
            return DatabaseState(
                database.role, str(database.path), False, err.message, err.remedy, database.mode, "",
                *_size_and_age(database.path), (),
            )  # fmt: skip
        return DatabaseState(
            database.role, str(database.path), True, "", "", database.mode, journal,
            *_size_and_age(database.path), tables, unused,
        )  # fmt: skip

    async def _unused(self, database: Database, tables: tuple[TableState, ...]) -> tuple[UnusedTable, ...]:
        used = {table.physical_name for table in tables}
        return await find_unused_tables(database, used, count_deadline_s=self._count_deadline_s)

    async def _tables(self, database: Database) -> tuple[TableState, ...]:
        """Return the state of every table of a file; raise what the first says when none can be read."""
        await database.schema()
        states: list[TableState] = []
        trouble: DatabaseError | None = None
        for logical in TABLES:
            try:
                state = await self._table(logical, database)
            except (DatabaseLocked, DatabaseMissing):
                raise  # true of the whole file: each further table would wait as long
            except DatabaseError as err:
                trouble = trouble or err
                state = await self._unreadable(logical, database, err)
            states += [state] if state is not None else []
        if trouble is not None and all(state.error for state in states):
            raise trouble
        return tuple(states)

    async def _table(self, logical: str, database: Database) -> TableState | None:
        table = await self._layout.find_in(logical, database)
        if table is None:
            return None
        rows = await count_rows(
            table, f'"{table.name}"', Where(), deadline_s=self._count_deadline_s, whole_table=True
        )
        columns = (await database.schema()).tables.get(table.name, ())
        return TableState(
            logical, database.role, table.name, columns, _missing(logical, columns), str(rows),
            n_rows=rows.value, count_kind=rows.kind,
        )  # fmt: skip

    async def _unreadable(self, logical: str, database: Database, err: DatabaseError) -> TableState | None:
        tables = (await database.schema()).tables
        name = next((name for name in TABLES[logical].names if name in tables), None)
        if name is None:
            return None
        columns = tables[name]
        return TableState(
            logical, database.role, name, columns, _missing(logical, columns), "not readable", err.message
        )

    def _folder_states(self) -> tuple[FolderState, ...]:
        return tuple(
            FolderState(setting, str(path), is_folder(path) and os.access(path, os.R_OK | os.X_OK))
            for setting, paths in self._folders.items()
            for path in paths
        )


def _missing(logical: str, columns: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in TABLES[logical].columns if name not in columns)


def _is_unified(states: list[DatabaseState]) -> bool:
    """One file with both the images and the calibration tables is the unified layout."""
    return any({"images", "caltables"} <= {t.name for t in state.tables} for state in states)


def _size_and_age(path: Path) -> tuple[int | None, float | None]:
    size, newest = None, None
    for part in (path, write_ahead_log(path)):
        try:
            stat = part.stat()
        except OSError:
            continue
        size = (size or 0) + stat.st_size
        if stat.st_size:
            newest = max(newest or 0.0, stat.st_mtime)
    return size, newest


def versions() -> dict[str, str]:
    """Return the versions of Python, SQLite and the packages that matter."""
    found = {"python": platform.python_version(), "sqlite": SQLITE_VERSION}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found
