"""One run: where it stands, its log as it is written, what it was made from and what it made."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

import panel as pn
import param

from dashboards.boundary import describe_failure
from dashboards.components.facts import Facts
from dashboards.components.heading import Heading
from dashboards.components.log_view import LogView
from dashboards.components.notice import Notice
from dashboards.components.record_table import RecordTable
from dashboards.components.switches import Switches, option, switch
from dashboards.pages.job_facts import JobWork, heading_items, made_group, origin_group, run_notice, solved_group
from dashboards.pages.job_words import (
    ITEM_COLUMNS,
    NAMESAKE_COLUMNS,
    NAMESAKES_NOTE,
    TASK_COLUMNS,
    item_row,
    log_lines,
    namesake_row,
    task_row,
    unsearched_words,
)
from dashboards.pages.log_panel import LogChoice, LogPanel
from dashboards.pages.wording import size_text
from dashboards.session import PageView, Session
from data_access import Archive
from data_access.analysis.times import stamp_in_name
from data_access.errors import FileUnreadable
from data_access.records import LogFile, Run, RunLogs
from data_access.services.provenance import Provenance

_TASK_LOG = "task:"
_SHOWN_INSTEAD = "the run of this name that was processed last"


class JobPage(PageView):
    """A run, with the log that belongs to it."""

    log = param.String(default="", doc="path of the log that is shown, or task:<id>; empty for the best one")
    only = param.Boolean(default=True, doc="of a log that several runs share: only what mentions this run")

    url_params = ("log", "only")
    push_params = ("log",)
    live_roles = frozenset({"products", "pipeline", "cal_registry"})

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(session, **params)
        self.heading = Heading()
        self.notice = Notice(kind="warn")
        self.facts = Facts(min_width=340)
        self.chooser = Switches(on_choose=self._choose)
        tasks = [column for column in TASK_COLUMNS if column["name"] != "run"]
        plain = [{k: v for k, v in column.items() if k != "sortable"} for column in tasks]
        self.tasks = RecordTable(columns=plain, caption="Tasks", empty="No task of the jobs table names this run.")
        self.items = RecordTable(
            columns=list(ITEM_COLUMNS), caption="Batch items", empty="This run was in no batch.", max_height=300
        )
        self.namesakes = RecordTable(
            columns=list(NAMESAKE_COLUMNS), caption="Runs with this name", note=NAMESAKES_NOTE, max_height=300
        )
        asked = session.query.get("ms", "")
        if asked and asked != self.run_record.ms_path:
            self.refusal = f"{self.refusal} No run of '{asked}' has this name: shown is {_SHOWN_INSTEAD}.".strip()
        self.unsearched = Notice(kind="truncated")
        self._files: tuple[LogFile, ...] = ()
        self._work = JobWork((), ())
        self.param.watch(self._log_changed, ["log", "only"])

    @classmethod
    async def prepare(
        cls,
        archive: Archive,
        path_params: Mapping[str, str],
        query: Mapping[str, str],
    ) -> Run:
        """Return the run; raise `RecordNotFound` or, for a name that cannot be one, `ValidationError`.

        Of several runs with the name it is that of the Measurement Set in the URL, else the one processed last.
        """
        return await archive.jobs.get_run(path_params["run_id"], ms_path=query.get("ms", ""))

    @classmethod
    async def check_archive(cls, archive: Archive, query: Mapping[str, str]) -> None:
        """Raise the error of the Measurement Set or of the log that the URL names.

        The page says it on top and in the place of the log.
        """
        if query.get("ms"):
            await archive.measurement_sets.get(query["ms"])
        log = query.get("log", "")
        if log and not log.startswith(_TASK_LOG):
            await archive.logs.get(log)

    @property
    def title(self) -> str:
        """Title of the document."""
        return str(self.session.path_params.get("run_id", "Job"))

    @property
    def run_record(self) -> Run:
        """The run, as read last."""
        known: Run = self.session.prepared
        return known

    def __panel__(self) -> Any:
        self.state_slot = self.new_slot("state", height=0)
        self.namesakes_slot = self.new_slot("runs with this name", height=0)
        self.panel = LogPanel(self, height=430, on_opened=self._show_notice)
        self.facts_slot = self.new_slot("what it was made from", height=150)
        self.tasks_slot = self.new_slot("tasks", height=120)
        self.items_slot = self.new_slot("batch items", height=0)
        self._show_run(self.run_record)
        return pn.Column(
            self.heading,
            self.notice,
            self.state_slot,
            self.namesakes_slot,
            self.chooser,
            self.unsearched,
            self.panel.slot,
            self.facts_slot,
            self.tasks_slot,
            self.items_slot,
            sizing_mode="stretch_width",
            margin=0,
        )

    async def load(self) -> None:
        """Find the log first; then what belongs to the run."""
        await self.fill(self.namesakes_slot, self._find_namesakes, self._show_namesakes)
        await self.fill(self.tasks_slot, self._find_work, self._show_work)
        await self.fill(self.panel.slot, self._find_logs, self._show_logs)
        await self.fill(self.facts_slot, self._find_provenance, self._show_provenance)

    async def refresh(self) -> None:
        """Read again what the databases say; the log follows its file by itself."""
        await self.fill(self.state_slot, self._read_run, self._show_run)
        await self.fill(self.namesakes_slot, self._find_namesakes, self._show_namesakes)
        await self.fill(self.tasks_slot, self._find_work, self._show_work)
        await self.fill(self.facts_slot, self._find_provenance, self._show_provenance)
        if not self._files:
            await self.fill(self.panel.slot, self._find_logs, self._show_logs)

    async def _read_run(self) -> Run:
        archive: Archive = self.session.archive
        return await archive.jobs.get_run(self.run_record.run_id, ms_path=self.run_record.ms_path)

    async def _find_namesakes(self) -> tuple[Run, ...]:
        archive: Archive = self.session.archive
        return await archive.jobs.find_runs_named(self.run_record.run_id)

    def _show_namesakes(self, runs: tuple[Run, ...]) -> None:
        shown, links, now = self.run_record, self.session.links, time.time()
        self.namesakes.rows = [namesake_row(run, shown, links, now) for run in runs]
        self.namesakes_slot.succeed(self.namesakes if len(runs) > 1 else None)

    def _show_run(self, run: Run) -> None:
        self.session.prepared = run
        self.heading.param.update(
            text=run.run_id, tooltip=run.ms_path, items=heading_items(run, self.session.links, time.time())
        )
        self._show_notice()

    def _show_notice(self) -> None:
        found = run_notice(
            self.run_record,
            self._work,
            self._files,
            first_error=self.panel.first_error,
            last_line_at=self.panel.last_line_at,
            now=time.time(),
        )
        self.notice.param.update(**found)

    async def _find_work(self) -> JobWork:
        jobs, path = self.session.archive.jobs, self.run_record.ms_path
        tasks, items = await asyncio.gather(jobs.find_tasks_of(path), jobs.find_batch_items_of(path))
        return JobWork(tasks, items)

    def _show_work(self, work: JobWork) -> RecordTable:
        self._work, links, now = work, self.session.links, time.time()
        self.tasks.rows = [task_row(task, links, now, with_run=False) for task in work.tasks]
        self.items.rows = [item_row(item, links, now) for item in work.items]
        self.items_slot.succeed(self.items if work.items else None)
        self._show_notice()
        return self.tasks

    async def _find_logs(self) -> tuple[RunLogs, LogFile | None]:
        """Return the logs of the run, and the one that the URL names when it is none of them."""
        logs = self.session.archive.logs
        try:
            found = await logs.find_of_run(self.run_record)
        except FileUnreadable as err:
            if not any(task.logs for task in self._work.tasks):
                raise
            found = RunLogs(())  # the logs of its tasks can be shown all the same
            await self.show_failure(self.page_failure, describe_failure(err, self.title))
        named = self.log and not self.log.startswith(_TASK_LOG) and self.log not in {f.path for f in found.files}
        return found, await logs.get(self.log) if named else None

    def _show_logs(self, answer: tuple[RunLogs, LogFile | None]) -> LogView | Notice:
        found, other = answer
        self._files = (*found.files, other) if other is not None else found.files
        self.unsearched.param.update(**unsearched_words(found.unsearched))
        self._show_notice()
        choice = self._choice()
        self._show_chooser()
        if choice is not None:
            return self.panel.open(choice)
        where = "in what was searched" if found.unsearched else "below the log folders"
        known = f"no log of this run is {where}" if not self._files else f"there is no log '{self.log}'"
        return Notice(kind="info", text=known.capitalize(), remedy="Set `log_roots` to the folders of the logs.")

    def _choice(self) -> LogChoice | None:
        """Return what to show: what the URL names, else the best log: own file, task's log, shared file."""
        failed = self.run_record.state == "failed"
        wanted = self.log or self._best()
        if wanted.startswith(_TASK_LOG):
            lines = next((log_lines(t.logs) for t in self._work.tasks if f"{_TASK_LOG}{t.id}" == wanted), None)
            return None if lines is None else LogChoice(lines=tuple(lines), at_first_error=failed)
        known = next((f for f in self._files if f.path in (wanted, self.log)), None)
        if known is None:
            return None
        only = self._stamp() if self.only and not self._is_own(known) else ""
        return LogChoice(known.path, only=only, at_first_error=failed)

    def _best(self) -> str:
        own = [f.path for f in self._files if self._is_own(f)]
        stored = [f"{_TASK_LOG}{task.id}" for task in self._work.tasks if task.logs]
        return next(iter((*own, *stored, *(f.path for f in self._files))), "")

    def _is_own(self, log_file: LogFile) -> bool:
        return PurePosixPath(log_file.path).name.startswith(f"{self.run_record.run_id}.log")

    def _stamp(self) -> str:
        path = self.run_record.ms_path
        return stamp_in_name(path) or PurePosixPath(path).stem

    def _show_chooser(self) -> None:
        files = [option(f.path, f"{PurePosixPath(f.path).name} · {size_text(f.size_bytes)}") for f in self._files]
        stored = [option(f"{_TASK_LOG}{t.id}", f"task {t.id}: {t.type or 'log'}") for t in self._work.tasks if t.logs]
        current = self.log or self._best()
        switches = [switch("log", "Log", current, [*files, *stored])]
        if any(f.path == current and not self._is_own(f) for f in self._files):
            lines = [option("1", f"what mentions {self._stamp()}"), option("0", "all")]
            switches.append(switch("only", "Lines", "1" if self.only else "0", lines))
        self.chooser.switches = switches if files or stored else []

    def _choose(self, name: str, value: str) -> None:
        if name == "only":
            self.only = value == "1"
        else:
            self.log = "" if value == self._best() else value

    def _log_changed(self, *_events: Any) -> None:
        self.run(self._find_logs, self._show_logs, slot=self.panel.slot)

    async def _find_provenance(self) -> Provenance:
        archive: Archive = self.session.archive
        ms = await archive.measurement_sets.get(self.run_record.ms_path)
        return await archive.provenance.of_measurement_set(ms)

    def _show_provenance(self, provenance: Provenance) -> Facts:
        links, self.is_partial = self.session.links, provenance.is_waiting
        self.facts.groups = [
            origin_group(self.run_record, provenance, links),
            made_group(provenance, links),
            solved_group(provenance, links),
        ]
        return self.facts
