"""The view of log files: the newest first, and the chosen one as it is written."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, ClassVar

import panel as pn
import param

from dashboards.components.cells import cell
from dashboards.components.facts import fact
from dashboards.components.heading import Heading
from dashboards.components.log_view import LogView
from dashboards.components.record_table import Column, Row, row
from dashboards.pages.jobs import JobsPage
from dashboards.pages.log_panel import LogChoice, LogPanel
from dashboards.pages.wording import size_text
from data_access import Archive
from data_access.records import Count, LogFile, PageRequest, RecordPage

_RUN_LOG = re.compile(r"(job-.+?)\.log")


class LogsView(JobsPage):
    """All log files below the log folders; the one that the URL names is followed above the list."""

    log = param.String(default="", doc="path of the log that is shown")
    text = param.String(default="", doc="part of the path of the log")

    live_roles = frozenset({"logs"})
    noun = "log files"
    noun_of_one = "log file"
    natural_sort = "modified"
    name_in_url = "logs"
    more_url_params = ("view", "log")
    empty = "No log files match. Clear the filter to see all."
    columns: ClassVar[Sequence[Column]] = (
        {"name": "name", "label": "Log file", "width": "24rem", "sortable": True},
        {"name": "run", "label": "Run"},
        {"name": "size", "label": "Size", "align": "right", "sortable": True},
        {"name": "modified", "label": "Last written", "align": "right", "sortable": True},
        {"name": "folder", "label": "Folder", "sortable": True},
    )

    fields = ({"name": "text", "label": "Log file", "kind": "text", "placeholder": "job-2025", "width": "14rem"},)

    @classmethod
    async def check_archive(cls, archive: Archive, query: Mapping[str, str]) -> None:
        """Raise the `FileError` of the log that the URL names."""
        if query.get("log"):
            await archive.logs.get(query["log"])

    def above(self) -> Any:
        """The chosen log, when the URL names one."""
        if not self.log:
            return None
        self.panel = LogPanel(self, height=440)
        self.heading = Heading(text=PurePosixPath(self.log).name, tooltip=self.log)
        return pn.Column(self.heading, self.panel.slot, sizing_mode="stretch_width", margin=0)

    def empty_words(self) -> str:
        """Say why there are no rows; without a filter, what to set."""
        return self.empty if self.text else "There are no log files. Set `log_roots` to the folders that hold them."

    async def load(self) -> None:
        """Open the chosen log, then list the files."""
        if self.log:
            await self.fill(self.panel.slot, self._find_log, self._open)
        await super().load()

    async def _find_log(self) -> LogFile:
        found: LogFile = await self.session.archive.logs.get(self.log)
        return found

    def _open(self, log_file: LogFile) -> LogView:
        self.heading.items = [
            fact("size", cell(size_text(log_file.size_bytes))),
            fact("last written", cell(None, unix=log_file.modified_at)),
        ]
        return self.panel.open(LogChoice(log_file.path))

    async def find(self, request: PageRequest) -> RecordPage[LogFile]:
        """Return one page of the log files, the one written last first unless asked otherwise."""
        page: RecordPage[LogFile] = await self.session.archive.logs.find(request, text=self.text)
        return page

    async def count(self) -> Count:
        """Return how many files there are."""
        number: Count = await self.session.archive.logs.count(text=self.text)
        return number

    def to_row(self, record: LogFile, details: Any) -> Row:  # noqa: ARG002
        """Return the table row of one file."""
        path, links = PurePosixPath(record.path), self.session.links
        run = _RUN_LOG.match(path.name)
        return row(
            record.path,
            [
                cell(path.name, mono=True, title=record.path),
                cell(run[1] if run else None, mono=True, href=links.job(run[1]) if run else None),
                cell(size_text(record.size_bytes)),
                cell(None, unix=record.modified_at),
                cell(str(path.parent), mono=True),
            ],
            href=links.jobs(view="logs", log=record.path),
        )
