"""The views of the processing queue and of the raw files that wait for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import panel as pn
import param

from dashboards.components.cells import cell
from dashboards.components.record_table import Column, Row, row
from dashboards.components.switches import Switches, option, switch
from dashboards.pages.filter_fields import moment_of
from dashboards.pages.job_words import queue_state_cell, subbands_cell
from dashboards.pages.jobs import JobsPage
from dashboards.pages.list_page import FieldError
from dashboards.pages.wording import mjd_cell, size_text
from data_access.analysis.coordinates import format_dec
from data_access.records import Count, ObservationGroup, PageRequest, QueueItem, RecordPage, StateCounts
from data_access.repositories.queue import QueueFilter
from data_access.repositories.raw_files import N_SUBBANDS, RawFilter

_COMPLETE: Mapping[str, bool | None] = {"": None, "complete": True, "incomplete": False}


class QueueView(JobsPage):
    """The groups of the processing queue, newest first, and how many there are in each state."""

    state = param.String(default="", doc="only groups in this state")
    text = param.String(default="", doc="part of the name of the group or of its error")

    noun = "groups"
    noun_of_one = "group"
    main_table = "ingest_queue"
    natural_sort = "group_id"
    needs_main_table = False
    name_in_url = "queue"
    more_url_params = ("view", "state")
    empty = "No groups match. Clear the filters to see all."
    narrowing = ("state",)
    columns: ClassVar[Sequence[Column]] = (
        {"name": "group_id", "label": "Group", "unit": "UTC", "width": "13rem", "sortable": True},
        {"name": "state", "label": "State", "width": "11rem", "sortable": True},
        {"name": "subbands", "label": "Subbands", "align": "right", "sortable": True},
        {"name": "processing_stage", "label": "Stage", "sortable": True},
        {"name": "received_at", "label": "Received", "align": "right", "sortable": True},
        {"name": "last_update", "label": "Last progress", "align": "right", "sortable": True},
        {"name": "retry_count", "label": "Retries", "align": "right", "sortable": True},
        {"name": "error", "label": "Error", "width": "30rem", "sortable": True},
    )
    fields = (
        {"name": "text", "label": "Group or error", "kind": "text", "placeholder": "2025-10-13", "width": "14rem"},
    )

    def above(self) -> Any:
        """How many groups are in each state; a click shows only those."""
        self.states = Switches()
        self.states_slot = self.new_slot("states of the queue", height=34)
        return pn.Column(self.states_slot, sizing_mode="stretch_width", margin=0)

    async def load(self) -> None:
        """Fill the counts, then the list."""
        await self.fill(self.states_slot, self.session.archive.queue.count_by_state, self._show_states)
        await super().load()

    def _show_states(self, counted: StateCounts) -> Switches:
        links, counts = self.session.links, counted.counts
        newest = f" (of the newest {counted.n_newest:,})" if counted.n_newest else ""
        options = [option("", "all", href=links.jobs(view="queue"), count=None if newest else sum(counts.values()))]
        options += [option(s, s, href=links.jobs(view="queue", state=s), count=n) for s, n in counts.items()]
        self.states.switches = [switch("state", f"State{newest}", self.state, options)] if counts else []
        return self.states

    def _wanted(self) -> QueueFilter:
        return QueueFilter(self.state, self.text)

    async def find(self, request: PageRequest) -> RecordPage[QueueItem]:
        """Return one page of groups."""
        page: RecordPage[QueueItem] = await self.session.archive.queue.find(request, self._wanted())
        return page

    async def count(self) -> Count | None:
        """Return how many groups match."""
        number: Count | None = await self.session.archive.queue.count(self._wanted())
        return number

    async def details(self, records: Sequence[QueueItem]) -> Mapping[str, str]:
        """Return the runs of the groups that have one."""
        return await self.runs_of([record.group_id for record in records])

    def to_row(self, record: QueueItem, details: Mapping[str, str]) -> Row:
        """Return the table row of one group, with a link to its run."""
        return row(
            record.group_id,
            [
                cell(record.group_id, mono=True),
                queue_state_cell(record, self.now()),
                subbands_cell(record),
                cell(record.processing_stage),
                cell(None, unix=record.received_at),
                cell(None, unix=record.last_update),
                cell(record.retry_count),
                cell(record.error),
            ],
            href=self.run_href(record.group_id, details),
        )


class RawView(JobsPage):
    """The groups of raw files, newest first, complete or not."""

    start = param.String(default="", doc="recorded at or after this time, UTC")
    end = param.String(default="", doc="recorded before the end of this time, UTC")
    subbands = param.String(default="", doc="groups with all subbands, or those that lack some")

    noun = "groups of raw files"
    noun_of_one = "group of raw files"
    main_table = "hdf5_files"
    natural_sort = "group"
    needs_main_table = False
    name_in_url = "raw"
    empty = "No groups match. Clear the filters to see all."
    columns: ClassVar[Sequence[Column]] = (
        {"name": "group", "label": "Group", "unit": "UTC", "width": "13rem", "sortable": True},
        {"name": "files", "label": "Files", "align": "right", "sortable": True},
        {"name": "missing", "label": "Missing subbands", "width": "24rem", "sortable": True},
        {"name": "size", "label": "Size", "align": "right", "sortable": True},
        {"name": "time", "label": "Recorded", "unit": "UTC", "sortable": True},
        {"name": "dec", "label": "Dec", "unit": "°", "align": "right", "sortable": True},
    )

    fields = (
        {"name": "start", "label": "Recorded from", "kind": "text", "placeholder": "2025-10-13", "width": "10rem"},
        {"name": "end", "label": "to", "kind": "text", "placeholder": "2025-10-14", "width": "10rem"},
        {"name": "subbands", "label": "Subbands", "kind": "select", "options": list(_COMPLETE), "width": "9rem"},
    )

    @classmethod
    def check(cls, values: Mapping[str, str]) -> None:
        """Raise `FieldError` for a malformed time or an unknown choice."""
        _raw_filter(values)

    def _wanted(self) -> RawFilter:
        return _raw_filter({field["name"]: getattr(self, field["name"]) for field in self.fields})

    async def find(self, request: PageRequest) -> RecordPage[ObservationGroup]:
        """Return one page of groups."""
        page: RecordPage[ObservationGroup] = await self.session.archive.raw_files.find_groups(request, self._wanted())
        return page

    async def count(self) -> Count | None:
        """Return how many groups match."""
        number: Count | None = await self.session.archive.raw_files.count_groups(self._wanted())
        return number

    async def details(self, records: Sequence[ObservationGroup]) -> Mapping[str, str]:
        """Return the runs of the groups that have one."""
        return await self.runs_of([record.group_id for record in records])

    def to_row(self, record: ObservationGroup, details: Mapping[str, str]) -> Row:
        """Return the table row of one group, with a link to its run."""
        incomplete = len(record.subbands) < N_SUBBANDS
        missing = missing_subbands(record)
        return row(
            record.group_id,
            [
                cell(record.group_id, mono=True),
                cell(f"{record.n_files} / {N_SUBBANDS}", state="warn" if incomplete else None),
                cell(", ".join(missing) if missing else "none", mono=bool(missing)),
                cell(size_text(record.size_bytes)),
                mjd_cell(record.timestamp_mjd),
                cell(None if record.dec_deg is None else format_dec(record.dec_deg), mono=True),
            ],
            href=self.run_href(record.group_id, details),
        )


def missing_subbands(group: ObservationGroup) -> list[str]:
    """Return the names of the subbands that a group lacks, of sb00 to sb15."""
    return [name for n in range(N_SUBBANDS) if (name := f"sb{n:02d}") not in group.subbands]


def _raw_filter(values: Mapping[str, str]) -> RawFilter:
    if values["subbands"] not in _COMPLETE:
        raise FieldError("subbands", f"'{values['subbands'][:40]}' is not one of: complete, incomplete")
    return RawFilter(
        after_mjd=moment_of("start", values["start"]),
        before_mjd=moment_of("end", values["end"], end_of_day=True),
        complete=_COMPLETE[values["subbands"]],
    )
