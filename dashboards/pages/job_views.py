"""The views of runs and of tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, ClassVar

import param

from dashboards.components.cells import cell
from dashboards.components.record_table import Column, Row, row
from dashboards.pages.filter_fields import moment_of, with_present
from dashboards.pages.job_words import TASK_COLUMNS, run_state_cell, task_row
from dashboards.pages.jobs import JobsPage
from dashboards.pages.wording import BY_FOLDER, epoch_cell
from data_access.records import Count, PageRequest, RecordPage, Run, Task
from data_access.repositories.jobs import RunFilter

_STAGES = ["", "discovered", "converted", "calibrated", "imaged", "mosaicked", "cataloged"]
_STATUSES = ["", "discovered", "converted", "ok", "done", "completed", "failed", "skipped_no_caltables"]
_TASK_STATUSES = ["", "pending", "running", "completed", "failed"]


class RunsView(JobsPage):
    """Every processed Measurement Set, the newest observation first."""

    text = param.String(default="", doc="part of the path of the Measurement Set")
    stage = param.String(default="", doc="pipeline stage")
    status = param.String(default="", doc="status as the pipeline wrote it")
    start = param.String(default="", doc="observed at or after this time, UTC")
    end = param.String(default="", doc="observed before the end of this time, UTC")

    noun = "runs"
    noun_of_one = "run"
    main_table = "ms_index"
    natural_sort = "mid_mjd"
    columns: ClassVar[Sequence[Column]] = (
        {"name": "path", "label": "Run", "sortable": True, "width": "18rem", "title": BY_FOLDER},
        {
            "name": "state",
            "label": "State",
            "sortable": True,
            "width": "11rem",
            "title": "derived from status and stage of the set",
        },
        {"name": "stage", "label": "Stage", "sortable": True},
        {"name": "status", "label": "Status", "sortable": True},
        {"name": "mid_mjd", "label": "Observed", "unit": "UTC", "sortable": True},
        {"name": "processed_at", "label": "Processed", "sortable": True, "align": "right"},
        {"name": "stage_updated_at", "label": "Last progress", "sortable": True, "align": "right"},
        {"name": "imagename", "label": "Image", "sortable": True, "title": BY_FOLDER},
    )
    fields = (
        {
            "name": "text",
            "label": "Measurement Set",
            "kind": "text",
            "placeholder": "part of a path",
            "width": "14rem",
        },
        {"name": "stage", "label": "Stage", "kind": "select", "options": _STAGES, "width": "9rem"},
        {"name": "status", "label": "Status", "kind": "select", "options": _STATUSES, "width": "11rem"},
        {
            "name": "start",
            "label": "Observed from",
            "unit": "UTC",
            "kind": "text",
            "placeholder": "2025-10-13",
            "width": "10rem",
        },
        {"name": "end", "label": "to", "unit": "UTC", "kind": "text", "placeholder": "2025-10-14", "width": "10rem"},
    )

    @classmethod
    def check(cls, values: Mapping[str, str]) -> None:
        """Raise `FieldError` for a malformed time."""
        _run_filter(values)

    def _wanted(self) -> RunFilter:
        return _run_filter({field["name"]: getattr(self, field["name"]) for field in self.fields})

    def _show_filters(self, errors: Mapping[str, str]) -> None:
        self.filters.fields = with_present(self.fields, {"stage": self.stage, "status": self.status})
        super()._show_filters(errors)

    async def find(self, request: PageRequest) -> RecordPage[Run]:
        """Return one page of runs."""
        page: RecordPage[Run] = await self.session.archive.jobs.find_runs(self._wanted(), request)
        return page

    async def count(self) -> Count:
        """Return how many runs match."""
        count: Count = await self.session.archive.jobs.count_runs(self._wanted())
        return count

    def to_row(self, record: Run, details: Any) -> Row:  # noqa: ARG002
        """Return the table row of one run."""
        image = record.imagename
        return row(
            record.ms_path,
            [
                cell(record.run_id, mono=True, title=record.ms_path),
                run_state_cell(record, self.now()),
                cell(record.stage),
                cell(record.status),
                epoch_cell(record.epoch),
                cell(None, unix=record.processed_at),
                cell(None, unix=record.stage_updated_at),
                cell(PurePosixPath(image).name if image else None, mono=True, title=image),
            ],
            href=self.session.links.job(record.run_id, ms=record.ms_path),
        )


class TasksView(JobsPage):
    """Every row of the pipeline's ``jobs`` table, newest first."""

    text = param.String(default="", doc="part of the path of the Measurement Set or of the type")
    status = param.String(default="", doc="status as the pipeline wrote it")

    noun = "tasks"
    noun_of_one = "task"
    main_table = "jobs"
    natural_sort = "id"
    needs_main_table = False
    name_in_url = "tasks"
    columns: ClassVar[Sequence[Column]] = TASK_COLUMNS
    fields = (
        {
            "name": "text",
            "label": "Measurement Set or type",
            "kind": "text",
            "placeholder": "image",
            "width": "16rem",
        },
        {"name": "status", "label": "Status", "kind": "select", "options": _TASK_STATUSES, "width": "10rem"},
    )

    def _show_filters(self, errors: Mapping[str, str]) -> None:
        self.filters.fields = with_present(self.fields, {"status": self.status})
        super()._show_filters(errors)

    async def find(self, request: PageRequest) -> RecordPage[Task]:
        """Return one page of tasks."""
        page: RecordPage[Task] = await self.session.archive.jobs.find_tasks(
            request, text=self.text, status=self.status
        )
        return page

    async def count(self) -> Count | None:
        """Return how many tasks match."""
        number: Count | None = await self.session.archive.jobs.count_tasks(text=self.text, status=self.status)
        return number

    def to_row(self, record: Task, details: Any) -> Row:  # noqa: ARG002
        """Return the table row of one task."""
        return task_row(record, self.session.links, self.now())


def _run_filter(values: Mapping[str, str]) -> RunFilter:
    return RunFilter(
        text=values["text"],
        stage=values["stage"],
        status=values["status"],
        after_mjd=moment_of("start", values["start"]),
        before_mjd=moment_of("end", values["end"], end_of_day=True),
    )
