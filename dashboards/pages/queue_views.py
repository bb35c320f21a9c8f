"""The views of the processing queue and of the raw files that wait for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import panel as pn
import param

from dashboards.components.cells import cell
from dashboards.components.record_table import Column, Row, row
from dashboards.components.switches import Switches, option, switch
from dashboards.pages.job_words import queue_state_cell, subbands_cell
from dashboards.pages.jobs import JobsPage
from dashboards.pages.wording import mjd_cell, size_text
from data_access.analysis.coordinates import format_dec
from data_access.records import Count, ObservationGroup, PageRequest, QueueItem, RecordPage

_EXPECTED_SUBBANDS = 16


class QueueView(JobsPage):
    """The groups of the processing queue, newest first, and how many there are in each state."""

    state = param.String(default="", doc="only groups in this state")

    noun = "groups"
    name_in_url = "queue"
    more_url_params = ("view", "state")
    empty = "No groups. Newer pipelines keep their queue outside of these databases."
    columns: ClassVar[Sequence[Column]] = (
        {"name": "group_id", "label": "Group", "unit": "UTC", "width": "13rem", "sortable": True},
        {"name": "state", "label": "State", "width": "11rem", "sortable": True},
        {"name": "subbands", "label": "Subbands", "align": "right"},
        {"name": "stage", "label": "Stage"},
        {"name": "received_at", "label": "Received", "align": "right", "sortable": True},
        {"name": "last_update", "label": "Last progress", "align": "right", "sortable": True},
        {"name": "retry_count", "label": "Retries", "align": "right", "sortable": True},
        {"name": "error", "label": "Error", "width": "30rem"},
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

    def _show_states(self, counts: dict[str, int]) -> Switches:
        links = self.session.links
        options = [option("", "all", href=links.jobs(view="queue"), count=sum(counts.values()))]
        options += [option(s, s, href=links.jobs(view="queue", state=s), count=n) for s, n in counts.items()]
        self.states.switches = [switch("state", "State", self.state, options)]
        return self.states

    async def find(self, request: PageRequest) -> RecordPage[QueueItem]:
        """Return one page of groups."""
        page: RecordPage[QueueItem] = await self.session.archive.queue.find(request, state=self.state)
        return page

    async def count(self) -> Count | None:
        """Return nothing: the states above the table are counted."""
        return None

    def to_row(self, record: QueueItem, details: Any) -> Row:  # noqa: ARG002
        """Return the table row of one group."""
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
        )


class RawView(JobsPage):
    """The groups of raw files, newest first, complete or not."""

    noun = "groups of raw files"
    name_in_url = "raw"
    empty = "No raw files are indexed."
    columns: ClassVar[Sequence[Column]] = (
        {"name": "group", "label": "Group", "unit": "UTC", "width": "13rem"},
        {"name": "files", "label": "Files", "align": "right"},
        {"name": "missing", "label": "Missing subbands", "width": "24rem"},
        {"name": "size", "label": "Size", "align": "right"},
        {"name": "time", "label": "Recorded", "unit": "UTC"},
        {"name": "dec", "label": "Dec", "unit": "°", "align": "right"},
    )

    async def find(self, request: PageRequest) -> RecordPage[ObservationGroup]:
        """Return one page of groups."""
        page: RecordPage[ObservationGroup] = await self.session.archive.queue.find_raw_groups(request)
        return page

    async def count(self) -> Count | None:
        """Return how many groups are indexed."""
        number: Count | None = await self.session.archive.queue.count_raw_groups()
        return number

    def to_row(self, record: ObservationGroup, details: Any) -> Row:  # noqa: ARG002
        """Return the table row of one group."""
        incomplete = len(record.subbands) < _EXPECTED_SUBBANDS
        missing = missing_subbands(record)
        return row(
            record.group_id,
            [
                cell(record.group_id, mono=True),
                cell(f"{record.n_files} / {_EXPECTED_SUBBANDS}", state="warn" if incomplete else None),
                cell(", ".join(missing) if missing else "none", mono=bool(missing)),
                cell(size_text(record.size_bytes)),
                mjd_cell(record.timestamp_mjd),
                cell(None if record.dec_deg is None else format_dec(record.dec_deg), mono=True),
            ],
        )


def missing_subbands(group: ObservationGroup) -> list[str]:
    """Return the names of the subbands that a group lacks, of sb00 to sb15."""
    return [name for n in range(_EXPECTED_SUBBANDS) if (name := f"sb{n:02d}") not in group.subbands]
