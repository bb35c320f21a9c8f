"""What the pipeline works on: six views of it, each a list at its own URL (``?view=``)."""

from __future__ import annotations

import importlib
import time
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar

import panel as pn
import param

from dashboards.components.record_table import RecordTable
from dashboards.components.switches import Switches, option, switch
from dashboards.pages.list_page import ListPage
from dashboards.session import Session
from data_access.errors import ArchiveError
from data_access.records import Count, RecordPage

VIEWS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "runs": ("Runs", "dashboards.pages.job_views:RunsView"),
        "tasks": ("Tasks", "dashboards.pages.job_views:TasksView"),
        "batches": ("Batches", "dashboards.pages.batch_view:BatchesView"),
        "queue": ("Queue", "dashboards.pages.queue_views:QueueView"),
        "raw": ("Raw files", "dashboards.pages.queue_views:RawView"),
        "logs": ("Logs", "dashboards.pages.logs_view:LogsView"),
    }
)
"""Name in the URL -> its title, and the class that shows it (imported at the first visit)."""


class JobsPage(ListPage):
    """Base of the views, and the page of the route: made with a session, it is the view that the URL names."""

    view: Any = param.Selector(default="runs", objects=list(VIEWS), doc="which view of the work")

    name_in_url: ClassVar[str] = "runs"
    more_url_params: ClassVar[tuple[str, ...]] = ("view",)
    live_roles = frozenset({"products", "pipeline", "ingest", "hdf5", "raw_index"})

    def __new__(cls, session: Session, **_params: Any) -> JobsPage:
        """Return an instance of the view that ``?view=`` names; the runs for a name that means nothing."""
        return super().__new__(cls.view_for(session.query))

    @classmethod
    def view_for(cls, query: Mapping[str, str]) -> type[JobsPage]:
        """Return the view that ``?view=`` names; the runs for a name that means nothing."""
        return _view_class(query.get("view", "")) if cls is JobsPage else cls

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(session, **{"view": self.name_in_url, **params})
        self.tabs = Switches()
        self.filters.visible = bool(self.fields)

    @property
    def title(self) -> str:
        """Title of the document."""
        return f"Jobs: {VIEWS[self.name_in_url][0]}"

    def __panel__(self) -> Any:
        links = self.session.links
        tabs = [
            option(name, words, href=links.jobs(view=None if name == "runs" else name))
            for name, (words, _) in VIEWS.items()
        ]
        self.tabs.switches = [switch("view", "", self.name_in_url, tabs)]
        return pn.Column(self.tabs, super().__panel__(), sizing_mode="stretch_width", margin=0)

    def _show(self, answer: tuple[RecordPage[Any], Count | None, Any]) -> RecordTable:
        # What an archive does not record is not "no rows match".
        unknown = answer[0].note if not answer[0].rows else ""
        table = super()._show(answer)
        table.param.update(empty=unknown or self.empty_words(), note="" if unknown else answer[0].note)
        return table

    async def runs_of(self, groups: Sequence[str]) -> Mapping[str, str]:
        """Return group -> name of its run, of the groups that have one; none where runs cannot be read."""
        try:
            runs: Mapping[str, str] = await self.session.archive.jobs.find_runs_of_groups(groups)
        except ArchiveError:
            return {}  # the list of groups is right without them
        return runs

    def run_href(self, group: str, runs: Mapping[str, str]) -> str | None:
        """Return the link of a group: to its run, else to the runs with the group in their name."""
        links = self.session.links
        return links.job(runs[group]) if group in runs else links.jobs(text=group) if group else None

    @staticmethod
    def now() -> float:
        """Return the present time, unix seconds: what is stuck is judged by it."""
        return time.time()


def _view_class(name: str) -> type[JobsPage]:
    module, _, class_name = VIEWS.get(name, VIEWS["runs"])[1].partition(":")
    view: type[JobsPage] = getattr(importlib.import_module(module), class_name)
    return view
