"""The list of calibration tables, and whether there is a calibration now."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import panel as pn
import param

from dashboards.components.cells import Cell, State, cell
from dashboards.components.filters import Field
from dashboards.components.record_table import Column, RecordTable, Row, row
from dashboards.components.tiles import Tiles
from dashboards.pages.calibration_tiles import (
    TRANSIT_COLUMNS,
    CalibrationNow,
    calibration_tiles,
    transit_rows,
)
from dashboards.pages.filter_fields import moment_of, with_present
from dashboards.pages.list_page import ListPage
from dashboards.pages.wording import BY_FOLDER, file_cell, state_cell
from dashboards.session import Session
from data_access import Archive
from data_access.analysis.qa import grade_caltable_flag_fraction, grade_caltable_snr
from data_access.analysis.times import format_mjd_utc, unix_to_mjd
from data_access.records import CalibratorTransit, Caltable, Count, FileState, PageRequest, RecordPage
from data_access.repositories.calibration import CaltableFilter

# What the pipeline's own code writes, in the order of application; the column is free text.
TYPES = ("K", "BA", "BP", "GA", "GP", "2G", "FLUX")
STATUSES = ("active", "retired", "failed")
_ONE_DAY = 1.0


class CalibrationPage(ListPage):
    """Every registered calibration table, the newest first."""

    sort = param.String(default="created_at", doc="column by which the list is sorted")
    text = param.String(default="", doc="part of the path, of the set's name or of the field")
    type = param.String(default="", doc="type of table")
    status = param.String(default="", doc="status in the registry")
    valid_at = param.String(default="", doc="a time inside the validity window, UTC or MJD")

    live_roles = frozenset({"cal_registry", "products", "pipeline"})
    noun = "calibration tables"
    noun_of_one = "calibration table"
    main_table = "caltables"
    columns: ClassVar[Sequence[Column]] = (
        {"name": "path", "label": "Table", "sortable": True, "least": "11.5rem", "title": BY_FOLDER},
        {"name": "table_type", "label": "Type", "sortable": True},
        {"name": "set_name", "label": "Set", "sortable": True},
        {"name": "cal_field", "label": "Field", "sortable": True},
        {"name": "refant", "label": "Refant", "sortable": True, "title": "Reference antenna"},
        {"name": "created_at", "label": "Made", "sortable": True, "align": "right"},
        {"name": "valid_start_mjd", "label": "Valid from", "unit": "UTC", "sortable": True},
        {"name": "valid_end_mjd", "label": "to", "unit": "UTC", "sortable": True},
        {"name": "status", "label": "Status", "sortable": True},
        {"name": "flagged", "label": "Flagged", "unit": "%", "sortable": True, "align": "right",
         "title": "as the pipeline stored it"},
        {"name": "snr", "label": "SNR", "sortable": True, "align": "right",
         "title": "median as the pipeline stored it"},
        {"name": "file", "label": "File"},
    )  # fmt: skip
    fields: ClassVar[Sequence[Field]] = (
        {"name": "text", "label": "Name, set or field", "kind": "text", "placeholder": "part of a name",
         "width": "15rem"},
        {"name": "type", "label": "Type", "kind": "select", "options": ["", *TYPES], "width": "7rem"},
        {"name": "status", "label": "Status", "kind": "select", "options": ["", *STATUSES], "width": "8rem"},
        {"name": "valid_at", "label": "Valid at", "kind": "text", "unit": "UTC or MJD",
         "placeholder": "2025-10-13 13:30", "width": "12rem"},
    )  # fmt: skip

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(session, **params)
        self.tiles = Tiles(min_width=250)
        self._transits: tuple[CalibratorTransit, ...] | None = None
        self.transits = RecordTable(
            caption="Calibrator transits, 24 h before and after now",
            columns=list(TRANSIT_COLUMNS),
            empty="No calibrator transit is recorded within 24 hours of now.",
            max_height=260,
        )

    @property
    def title(self) -> str:
        """Title of the document."""
        return "Calibration"

    def above(self) -> Any:
        """Return the tiles that say whether there is a calibration now."""
        self.now_slot = self.new_slot("calibration now", height=110)
        self.transits_slot = self.new_slot("calibrator transits", height=80)
        return self.now_slot

    def __panel__(self) -> Any:
        listed = super().__panel__()
        return pn.Column(*listed, self.transits_slot, sizing_mode="stretch_width", margin=0)

    async def load(self) -> None:
        """Fill the tiles, then the list."""
        await self.fill(self.transits_slot, self._read_transits, self._show_transits)
        await self.fill(self.now_slot, self._read_now, self._show_now)
        await super().load()

    async def _read_transits(self) -> tuple[CalibratorTransit, ...]:
        archive: Archive = self.session.archive
        mjd = unix_to_mjd(time.time())
        return await archive.calibration.find_transits(mjd - _ONE_DAY, mjd + _ONE_DAY)

    def _show_transits(self, transits: tuple[CalibratorTransit, ...]) -> RecordTable:
        self._transits = transits
        self.transits.rows = transit_rows(transits, unix_to_mjd(time.time()), self.session.links)
        return self.transits

    async def _read_now(self) -> CalibrationNow:
        archive: Archive = self.session.archive
        now = time.time()
        return CalibrationNow(
            now=now,
            newest=await archive.calibration.newest_active(),
            applied=await archive.calibration.find_applicable(unix_to_mjd(now)),
            transits=self._transits,
        )

    def _show_now(self, state: CalibrationNow) -> Tiles:
        self.tiles.tiles = calibration_tiles(state, self.session.links)
        return self.tiles

    @classmethod
    def check(cls, values: Mapping[str, str]) -> None:
        """Raise `FieldError` for a malformed time."""
        _filter_of(values)

    def _values(self) -> dict[str, str]:
        return {field["name"]: getattr(self, field["name"]) for field in self.fields}

    def _show_filters(self, errors: Mapping[str, str]) -> None:
        self.filters.fields = with_present(self.fields, self._values())
        super()._show_filters(errors)

    async def find(self, request: PageRequest) -> RecordPage[Caltable]:
        """Return one page of calibration tables."""
        archive: Archive = self.session.archive
        return await archive.calibration.find(_filter_of(self._values()), request)

    async def count(self) -> Count:
        """Return how many match."""
        archive: Archive = self.session.archive
        return await archive.calibration.count(_filter_of(self._values()))

    async def details(self, records: Sequence[Caltable]) -> dict[str, FileState]:
        """Return which of the tables are on disk."""
        archive: Archive = self.session.archive
        return await archive.files.states([table.path for table in records])

    def to_row(self, record: Caltable, details: dict[str, FileState]) -> Row:
        """Return the table row of one calibration table."""
        links = self.session.links
        problem = "; ".join(record.problems)
        return row(
            record.id,
            [
                cell(record.name, mono=True, title=record.path, note=problem or None),
                cell(record.table_type),
                cell(record.set_name, href=links.calibration(text=record.set_name) if record.set_name else None),
                cell(record.cal_field),
                cell(record.refant),
                cell(None, unix=record.created_at),
                *validity_cells(record),
                state_cell(record.status, title=record.notes),
                flagged_cell(record),
                snr_cell(record),
                file_cell(details.get(record.path)),
            ],
            href=links.calibration_detail(record.path),
        )


def validity_cells(table: Caltable, *, in_full: bool = False) -> tuple[Cell, Cell]:
    """Return start and end of the validity window; a missing end is "open", as the pipeline understands it.

    `in_full` they have zone and MJD beside, for where no column head says the zone.
    """
    start, end = table.valid_start_mjd, table.valid_end_mjd
    backwards = start is not None and end is not None and end < start
    return _bound_cell(start, in_full=in_full), _bound_cell(end, backwards=backwards, in_full=in_full)


def _bound_cell(mjd: float | None, *, in_full: bool, backwards: bool = False) -> Cell:
    text = format_mjd_utc(mjd, seconds=False)
    if mjd is None or not text:
        return cell("open", title="No limit is recorded: the pipeline takes the window as open")
    return cell(
        text,
        unit=f"UTC · MJD\u00a0{mjd:.5f}" if in_full else "",
        title=f"MJD {mjd:.5f} (UTC)",
        state="warn" if backwards else None,
        note="ends before it starts" if backwards else None,
    )


def stored_number(table: Caltable, name: str) -> float | None:
    """Return one number of the stored quality metrics; None where it is absent or no number."""
    value = (table.quality_metrics or {}).get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


NO_SNR = cell("not computed", title="Zeros are recorded: the solver computed no signal-to-noise", state="off")


def flagged_cell(table: Caltable) -> Cell:
    """Return the stored flagged share in percent."""
    return flagged_share_cell(stored_number(table, "flagged_fraction"))


def flagged_share_cell(fraction: float | None, *, unit: str = "") -> Cell:
    """Return the flagged share of a calibration table in percent, marked when its grade is not good."""
    grade = grade_caltable_flag_fraction(fraction)
    if fraction is None or grade.word not in ("suspect", "bad"):
        return cell(None if fraction is None else 100 * fraction, digits=1, unit=unit, title=grade.reason)
    state: State = "warn" if grade.word == "suspect" else "bad"
    return cell(f"{100 * fraction:.1f}", unit=unit, state=state, title=grade.reason)


def snr_cell(table: Caltable) -> Cell:
    """Return the stored median signal-to-noise for the list, marked when its grade is not good."""
    snr = stored_number(table, "snr_median")
    snr = snr if snr is not None else stored_number(table, "snr_mean")
    if snr == 0:
        return {**NO_SNR, "t": "none"}  # the column has no room for more at 1280 px
    grade = grade_caltable_snr(snr)
    if snr is None or grade.word not in ("suspect", "bad"):
        return cell(snr, digits=1, title=grade.reason)
    return cell(f"{snr:.1f}", state="warn" if grade.word == "suspect" else "bad", title=grade.reason)


def _filter_of(values: Mapping[str, str]) -> CaltableFilter:
    return CaltableFilter(
        text=values["text"],
        table_type=values["type"],
        status=values["status"],
        valid_at_mjd=moment_of("valid_at", values["valid_at"]),
    )
