"""The view of batches, with the items of the one that is opened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import panel as pn
import param

from dashboards.components.cells import cell
from dashboards.components.record_table import Column, RecordTable, Row, row
from dashboards.pages.filter_fields import with_present
from dashboards.pages.job_words import ITEM_COLUMNS, item_name, item_row, params_text
from dashboards.pages.jobs import JobsPage
from dashboards.pages.wording import state_cell
from data_access import Archive
from data_access.analysis.times import stamp_in_name
from data_access.records import Batch, BatchItem, Count, PageRequest, RecordPage
from data_access.repositories.run_rows import run_id_of

_NAMED_FAILURES = 3
_CLOCK_TOLERANCE_S = 60.0
_STATUSES = ["", "pending", "running", "completed", "failed", "cancelled"]
_CLOCK = "Times lie in the future: the pipeline writes batch times late by its host's offset from UTC."


class BatchesView(JobsPage):
    """Batches, newest first; failed items are named in their row, all items are shown for a chosen batch."""

    batch = param.Integer(default=0, bounds=(0, None), doc="the batch whose items are shown")
    type = param.String(default="", doc="part of the type")
    status = param.String(default="", doc="status as the pipeline wrote it")

    noun = "batches"
    noun_of_one = "batch"
    main_table = "batch_jobs"
    natural_sort = "id"
    needs_main_table = False
    name_in_url = "batches"
    more_url_params = ("view", "batch")
    columns: ClassVar[Sequence[Column]] = (
        {"name": "id", "label": "Batch", "least": "4rem", "sortable": True},
        {"name": "type", "label": "Type", "sortable": True},
        {"name": "status", "label": "Status", "sortable": True},
        {"name": "created_at", "label": "Created", "align": "right", "sortable": True,
         "title": "written from a naive UTC time: late by the host's offset when the host is not on UTC"},
        {"name": "done", "label": "Done", "align": "right", "sortable": True},
        {"name": "failed", "label": "Failed", "width": "30rem", "sortable": True},
        {"name": "params", "label": "Parameters", "width": "30rem"},
    )  # fmt: skip

    fields = (
        {"name": "type", "label": "Type", "kind": "text", "placeholder": "image", "width": "12rem"},
        {"name": "status", "label": "Status", "kind": "select", "options": _STATUSES, "width": "10rem"},
    )

    @classmethod
    async def check_archive(cls, archive: Archive, query: Mapping[str, str]) -> None:
        """Raise `RecordNotFound` for a batch that is unknown; the place of its items says so."""
        await super().check_archive(archive, query)
        if batch := int(query.get("batch", "").strip() or 0):
            await archive.jobs.find_batch_items(batch)

    def _show_filters(self, errors: Mapping[str, str]) -> None:
        self.filters.fields = with_present(self.fields, {"status": self.status})
        super()._show_filters(errors)

    def above(self) -> Any:
        """The items of the chosen batch."""
        self.items = RecordTable(columns=list(ITEM_COLUMNS), empty="This batch has no items.", max_height=330)
        self.items_slot = self.new_slot("items", height=120 if self.batch else 0)
        return pn.Column(self.items_slot, sizing_mode="stretch_width", margin=0)

    async def load(self) -> None:
        """Fill the items of the chosen batch, then the list."""
        if self.batch:
            await self.fill(self.items_slot, self._find_items, self._show_items)
        await super().load()

    async def find(self, request: PageRequest) -> RecordPage[Batch]:
        """Return one page of batches."""
        page: RecordPage[Batch] = await self.session.archive.jobs.find_batches(
            request, kind=self.type, status=self.status
        )
        ahead = max((batch.created_at or 0.0 for batch in page.rows), default=0.0) - self.now()
        return replace(page, note=_CLOCK) if ahead > _CLOCK_TOLERANCE_S else page

    async def count(self) -> Count | None:
        """Return how many batches match."""
        number: Count | None = await self.session.archive.jobs.count_batches(kind=self.type, status=self.status)
        return number

    async def details(self, records: Sequence[Batch]) -> dict[int, list[BatchItem]]:
        """Return the failed items of the batches that have some."""
        jobs = self.session.archive.jobs
        failing = [batch.id for batch in records if batch.failed_items]
        return {
            n: [i for i in (await jobs.find_batch_items(n)).rows if (i.status or "") == "failed"] for n in failing
        }

    def to_row(self, record: Batch, details: Mapping[int, list[BatchItem]]) -> Row:
        """Return the table row of one batch."""
        failed = details.get(record.id, [])
        named = "; ".join(f"{item_name(i)}: {i.error or 'no reason recorded'}" for i in failed[:_NAMED_FAILURES])
        more = f" and {len(failed) - _NAMED_FAILURES} more" if len(failed) > _NAMED_FAILURES else ""
        failures = cell(
            record.failed_items, state="bad" if record.failed_items else None, note=f"{named}{more}" or None
        )
        known = record.completed_items is not None or record.total_items is not None
        return row(
            record.id,
            [
                cell(str(record.id)),
                cell(record.type),
                state_cell(record.status),
                cell(None, unix=record.created_at),
                cell(f"{_number(record.completed_items)} / {_number(record.total_items)}" if known else None),
                failures,
                cell(params_text(record.params), mono=True),
            ],
            href=self.session.links.jobs(view="batches", batch=record.id),
        )

    async def _find_items(self) -> RecordPage[BatchItem]:
        items: RecordPage[BatchItem] = await self.session.archive.jobs.find_batch_items(self.batch)
        return items

    def _show_items(self, items: RecordPage[BatchItem]) -> RecordTable:
        links, now = self.session.links, self.now()
        self.items.param.update(
            caption=f"Items of batch {self.batch}",
            rows=[item_row(item, links, now, run_of(item)) for item in items.rows],
            total=f"{len(items.rows)}{'+' if items.note else ''} items, failed ones first",
            truncated=bool(items.note),
            note=items.note,
        )
        return self.items


def run_of(item: BatchItem) -> tuple[str, str] | None:
    """Return the run that a batch item belongs to, and its Measurement Set where the item names one.

    Without one, the time in the name of the image tells the run.

    Photometry items carry a position behind the path: ``<path>:<ra>:<dec>``.
    """
    if not item.ms_path:
        return None
    path, is_set, _ = f"{item.ms_path}:".partition(".ms:")
    if is_set:
        return run_id_of(f"{path}.ms"), f"{path}.ms"
    stamp = stamp_in_name(item.ms_path)
    return (run_id_of(f"{stamp}.ms"), "") if stamp else None


def _number(value: int | None) -> str:
    return "?" if value is None else f"{value:,}"
