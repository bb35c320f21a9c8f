"""What works: databases, tables, folders, the pipeline's services, our own parts, versions."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import panel as pn

from dashboards.components.cells import Cell, cell
from dashboards.components.facts import Facts, fact, group
from dashboards.components.notice import Notice
from dashboards.components.record_table import RecordTable, Row, row
from dashboards.pages.status_parts import PART_COLUMNS, SERVICE_COLUMNS, part_row, service_row
from dashboards.pages.wording import size_text
from dashboards.session import PageView, Session
from data_access.layout import may_hold
from data_access.notes import NotesState
from data_access.records import DatabaseState, PartState, ServiceState, StorageLocation, TableState
from data_access.services.health import HealthReport

_SERVICES_EVERY_S = 20.0


class StatusPage(PageView):
    """The report of `python app.py check`, live, with what answers on this machine beside it."""

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(session, **params)
        self.verdict = Notice(kind="ok")
        self.databases = RecordTable(
            caption="Databases", columns=_DATABASE_COLUMNS, empty="No database is configured."
        )
        self.tables = RecordTable(caption="Tables", columns=_TABLE_COLUMNS, empty="No table was found.")
        self.folders = RecordTable(caption="Folders", columns=_FOLDER_COLUMNS)
        self.storage = RecordTable(
            caption="Storage recorded by the pipeline", columns=_FOLDER_COLUMNS, empty="No storage is recorded."
        )
        self.services = RecordTable(
            caption="Services of the pipeline on this machine", columns=SERVICE_COLUMNS,
            empty="No service is asked: the setting `services` is empty.",
        )  # fmt: skip
        self.parts = RecordTable(caption="Parts of this dashboard", columns=PART_COLUMNS)
        self._services_asked = -_SERVICES_EVERY_S
        self.versions = Facts(min_width=200)
        self.notes = Facts(min_width=300)

    @property
    def title(self) -> str:
        """Title of the document."""
        return "Status"

    def __panel__(self) -> Any:
        self.report_slot = self.new_slot("databases", height=240)
        self.tables_slot = self.new_slot("tables", height=300)
        self.folders_slot = self.new_slot("folders", height=120)
        self.storage_slot = self.new_slot("storage", height=80)
        self.parts_slot = self.new_slot("parts of this dashboard", height=160)
        self.services_slot = self.new_slot("services", height=200)
        self.notes_slot = self.new_slot("our own database", height=60)
        self.versions_slot = self.new_slot("versions", height=80)
        return pn.Column(
            self.verdict,
            self.report_slot,
            self.tables_slot,
            self.folders_slot,
            self.storage_slot,
            self.services_slot,
            self.parts_slot,
            self.notes_slot,
            self.versions_slot,
            sizing_mode="stretch_width",
        )

    async def load(self) -> None:
        """Look at everything and fill the slots."""
        await self.fill(self.report_slot, self.session.archive.health.report, self._show)
        await self.fill(self.storage_slot, self._read_storage, self._show_storage)
        await self.fill(self.notes_slot, self.session.archive.marks.state, self._show_notes)
        await self.fill(self.parts_slot, self.session.archive.parts.states, self._show_parts)
        if time.monotonic() - self._services_asked >= _SERVICES_EVERY_S:
            self._services_asked = time.monotonic()
            await self.fill(self.services_slot, self.session.archive.services.states, self._show_services)

    async def refresh(self) -> None:
        """Look again and patch."""
        await self.load()

    def _show(self, report: HealthReport) -> RecordTable:
        bad = [d for d in report.databases if not d.ok]
        kind, text = _verdict(report, bad)
        self.verdict.param.update(kind=kind, text=text)
        self.databases.rows = [_database_row(d) for d in report.databases]
        present = [_table_row(t) for d in report.databases for t in d.tables]
        roles = [database.role for database in bad]
        self.tables.rows = present + [_absent_row(name, pages, roles) for name, pages in report.absent.items()]
        self.tables_slot.succeed(self.tables)
        items = [fact(name, cell(number)) for name, number in report.versions.items()]
        self.versions.groups = [group("Versions", items)]
        self.versions_slot.succeed(self.versions)
        self.folders.rows = [
            row(f"{f.setting}-{f.path}", [cell(f.setting), cell(f.path, mono=True), _readable(readable=f.readable)])
            for f in report.folders
        ]
        self.folders_slot.succeed(self.folders)
        return self.databases

    async def _read_storage(self) -> tuple[StorageLocation, ...]:
        archive = self.session.archive
        return await archive.files.storage(await archive.operations.find_storage())

    def _show_notes(self, state: NotesState) -> Facts:
        if state.problem:
            word = cell("readable, not writable" if state.revision else "failed", state="bad", note=state.problem)
        else:
            word = cell("in use", state="ok") if state.revision else cell("nothing was written yet", state="off")
        items = [
            fact("State", word),
            fact("File", cell(state.path, mono=True)),
            fact("Tables", cell(f"revision {state.revision}" if state.revision else None)),
        ]
        items += [fact("What to do", cell(state.remedy))] if state.remedy else []
        self.notes.groups = [group("Our own database (marks and comments)", items)]
        return self.notes

    def _show_parts(self, parts: tuple[PartState, ...]) -> RecordTable:
        self.parts.rows = [part_row(part) for part in parts]
        return self.parts

    def _show_services(self, services: tuple[ServiceState, ...]) -> RecordTable:
        self.services.rows = [service_row(service) for service in services]
        return self.services

    def _show_storage(self, locations: tuple[StorageLocation, ...]) -> RecordTable:
        self.storage.rows = [_storage_row(i, location) for i, location in enumerate(locations)]
        return self.storage


def _verdict(report: HealthReport, bad: list[DatabaseState]) -> tuple[str, str]:
    if not report.databases:
        why = report.complaint or "none is configured"
        return "bad", f"No database was found: {why}. Name a state folder (see the settings table in README.md)."
    if report.missing:
        return "bad", f"The main pages lack these tables, or cannot read them: {', '.join(report.missing)}."
    if bad:
        return "warn", f"These databases cannot be read now: {', '.join(d.role for d in bad)}. The rest works."
    damaged = [table.physical_name for database in report.databases for table in database.tables if table.error]
    if damaged:
        return "warn", f"These tables cannot be read now: {', '.join(damaged)}. The rest works."
    return "ok", f"All databases can be read ({report.layout} layout)."


def _database_row(database: DatabaseState) -> Row:
    state = cell("readable", state="ok") if database.ok else cell("failed", state="bad", note=database.error)
    mode = database.mode
    note = "no write-ahead log, and none may be made: read as a fixed file" if mode == "immutable" else None
    cells = [
        cell(database.role),
        state,
        cell(mode, note=note),
        cell(database.journal or None),
        cell(size_text(database.size_bytes)),
        cell(None, unix=database.last_write_at),
        cell(database.path, mono=True, title=database.remedy or None),
    ]
    return row(database.role, cells)


def _table_row(table: TableState) -> Row:
    missing = ", ".join(table.missing_columns)
    cells = [
        cell(table.name),
        cell(table.role),
        cell(table.physical_name, mono=True),
        cell(table.rows, state="bad" if table.error else None, note=table.error or None),
        cell(len(table.columns)),
        cell(missing, state="warn") if missing else cell("none missing", state="ok"),
    ]
    return row(f"{table.role}-{table.name}", cells)


def _absent_row(name: str, pages: str, unreadable: Sequence[str]) -> Row:
    hidden = [role for role in unreadable if may_hold(role, name)]
    if hidden:
        state = cell("not known", state="warn", note=f"{', '.join(hidden)} cannot be read; needed by {pages}")
    else:
        state = cell("not recorded", state="off", note=f"would be shown by {pages}")
    return row(f"absent-{name}", [cell(name), cell(None), cell(None), cell(None), cell(None), state])


def _storage_row(number: int, location: StorageLocation) -> Row:
    free = size_text(location.free_bytes)
    there = cell(f"{free} free", state="ok") if free else _readable(readable=bool(location.exists))
    return row(f"recorded-{number}", [cell(location.kind), cell(location.path, mono=True), there])


def _readable(*, readable: bool) -> Cell:
    return cell("readable", state="ok") if readable else cell("not here", state="off")


_DATABASE_COLUMNS: list[Any] = [
    {"name": "role", "label": "Database"},
    {"name": "state", "label": "State"},
    {"name": "mode", "label": "Opened"},
    {"name": "journal", "label": "Journal"},
    {"name": "size", "label": "Size", "align": "right"},
    {"name": "age", "label": "Last write", "align": "right"},
    {"name": "path", "label": "File"},
]
_TABLE_COLUMNS: list[Any] = [
    {"name": "name", "label": "Table"},
    {"name": "role", "label": "Database"},
    {"name": "physical", "label": "Stored as"},
    {"name": "rows", "label": "Rows", "align": "right"},
    {"name": "columns", "label": "Columns", "align": "right"},
    {"name": "missing", "label": "Columns the dashboard misses"},
]
_FOLDER_COLUMNS: list[Any] = [
    {"name": "setting", "label": "What"},
    {"name": "path", "label": "Folder"},
    {"name": "state", "label": "State"},
]
