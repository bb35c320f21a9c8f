"""The list of Measurement Sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import param

from dashboards.components.cells import Cell, cell
from dashboards.components.filters import Field
from dashboards.components.record_table import Column, Row, row
from dashboards.pages.filter_fields import moment_of, with_present
from dashboards.pages.list_page import FieldError, ListPage, number_of
from dashboards.pages.wording import BY_FOLDER, epoch_cell, file_cell, position_cells, state_cell
from data_access import Archive
from data_access.records import Count, FileState, MeasurementSet, PageRequest, RecordPage
from data_access.repositories.measurement_sets import MeasurementSetFilter

# What the pipeline's own code writes; both columns are free text, so that a URL may name others.
STAGES = (
    "discovered", "ingested", "converted", "calibrated", "imaged", "mosaicked", "photometry_complete", "cataloged",
)  # fmt: skip
STATUSES = ("discovered", "converted", "ok", "done", "completed", "failed", "skipped_no_caltables")
_MINUTES_PER_DAY = 1440.0


class MSPage(ListPage):
    """Every Measurement Set of the index, the newest observation first."""

    text = param.String(default="", doc="part of the path or of the field name")
    stage = param.String(default="", doc="stage of the processing")
    status = param.String(default="", doc="status that the pipeline wrote")
    date_from = param.String(default="", doc="observed at or after this time, UTC or MJD")
    date_to = param.String(default="", doc="observed at or before this time (a day counts whole), UTC or MJD")
    dec_min = param.String(default="", doc="least declination of the pointing, degrees")
    dec_max = param.String(default="", doc="greatest declination of the pointing, degrees")

    live_roles = frozenset({"products", "pipeline"})
    noun = "Measurement Sets"
    noun_of_one = "Measurement Set"
    main_table = "ms_index"
    natural_sort = "mid_mjd"
    columns: ClassVar[Sequence[Column]] = (
        {"name": "path", "label": "Measurement Set", "sortable": True, "title": BY_FOLDER},
        {"name": "mid_mjd", "label": "Observed", "unit": "UTC", "sortable": True},
        {"name": "duration", "label": "Length", "unit": "min", "sortable": True, "align": "right"},
        {"name": "field_name", "label": "Field", "sortable": True},
        {"name": "dec_deg", "label": "Dec", "unit": "ICRS", "sortable": True},
        {"name": "stage", "label": "Stage", "sortable": True},
        {"name": "status", "label": "Status", "sortable": True},
        {"name": "cal_applied", "label": "Cal.", "sortable": True, "title": "Whether a calibration was applied"},
        {"name": "file", "label": "File"},
        {"name": "processed_at", "label": "Processed", "sortable": True, "align": "right"},
    )
    fields: ClassVar[Sequence[Field]] = (
        {"name": "text", "label": "Name or field", "kind": "text", "placeholder": "part of a name", "width": "11rem"},
        {"name": "stage", "label": "Stage", "kind": "select", "options": ["", *STAGES], "width": "10rem"},
        {"name": "status", "label": "Status", "kind": "select", "options": ["", *STATUSES], "width": "11rem"},
        {"name": "date_from", "label": "Observed from", "kind": "text", "unit": "UTC", "width": "11rem",
         "placeholder": "2025-10-13", "help": "a date, a date and time (UTC) or an MJD"},
        {"name": "date_to", "label": "to", "kind": "text", "unit": "UTC", "width": "11rem",
         "placeholder": "2025-10-14 06:00", "help": "a date counts whole; a date and time (UTC) or an MJD"},
        {"name": "dec_min", "label": "Dec from", "kind": "number", "unit": "°", "width": "5rem"},
        {"name": "dec_max", "label": "Dec to", "kind": "number", "unit": "°", "width": "5rem"},
    )  # fmt: skip

    @property
    def title(self) -> str:
        """Title of the document."""
        return "Measurement Sets"

    @classmethod
    def check(cls, values: Mapping[str, str]) -> None:
        """Raise `FieldError` for a malformed time or number, or a range that is empty."""
        _filter_of(values)

    def _values(self) -> dict[str, str]:
        return {field["name"]: getattr(self, field["name"]) for field in self.fields}

    def _wanted(self) -> MeasurementSetFilter:
        return _filter_of(self._values())

    def _show_filters(self, errors: Mapping[str, str]) -> None:
        self.filters.fields = with_present(self.fields, self._values())
        super()._show_filters(errors)

    async def find(self, request: PageRequest) -> RecordPage[MeasurementSet]:
        """Return one page of Measurement Sets."""
        archive: Archive = self.session.archive
        return await archive.measurement_sets.find(self._wanted(), request)

    async def count(self) -> Count:
        """Return how many match."""
        archive: Archive = self.session.archive
        return await archive.measurement_sets.count(self._wanted())

    async def details(self, records: Sequence[MeasurementSet]) -> dict[str, FileState]:
        """Return which of the Measurement Sets are on disk."""
        archive: Archive = self.session.archive
        return await archive.files.states([ms.path for ms in records])

    def to_row(self, record: MeasurementSet, details: dict[str, FileState]) -> Row:
        """Return the table row of one Measurement Set."""
        _, dec = position_cells(record.pointing_ra_deg, record.pointing_dec_deg)
        problem = "; ".join(record.problems)
        return row(
            record.path,
            [
                cell(record.name, mono=True, title=record.path, note=problem or None),
                epoch_cell(record.epoch, seconds=False),
                duration_cell(record),
                cell(record.field_name),
                dec,
                state_cell(record.stage),
                state_cell(record.status),
                cell(record.cal_applied),
                file_cell(details.get(record.path)),
                cell(None, unix=record.processed_at),
            ],
            href=self.session.links.ms_detail(record.path),
        )


def duration_cell(ms: MeasurementSet, *, unit: str = "") -> Cell:
    """Return the length of the observation in minutes; an end before the start is said, not drawn as a number."""
    if ms.start_mjd is None or ms.end_mjd is None:
        return cell(None)
    minutes = (ms.end_mjd - ms.start_mjd) * _MINUTES_PER_DAY
    if minutes < 0:
        return cell("end before start", state="warn", title=f"start MJD {ms.start_mjd:.5f}, end MJD {ms.end_mjd:.5f}")
    return cell(minutes, digits=2 if minutes < 1 else 1, unit=unit)


def _filter_of(values: Mapping[str, str]) -> MeasurementSetFilter:
    after = moment_of("date_from", values["date_from"])
    before = moment_of("date_to", values["date_to"], end_of_day=True)
    if after is not None and before is not None and after > before:
        raise FieldError("date_to", "This is before the start")
    dec_min, dec_max = number_of("dec_min", values["dec_min"]), number_of("dec_max", values["dec_max"])
    if dec_min is not None and dec_max is not None and dec_min > dec_max:
        raise FieldError("dec_max", "This is below the lower limit")
    return MeasurementSetFilter(
        text=values["text"],
        stage=values["stage"],
        status=values["status"],
        after_mjd=after,
        before_mjd=before,
        dec_min_deg=dec_min,
        dec_max_deg=dec_max,
    )
