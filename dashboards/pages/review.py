"""Going through the candidates by keyboard: one at a time, every mark saved at once, the next one read already."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import panel as pn
import param

from dashboards.boundary import Boundary
from dashboards.components.cells import cell
from dashboards.components.facts import Facts, fact, group
from dashboards.components.filters import Field, FilterBar
from dashboards.components.notice import Notice
from dashboards.components.record_table import RecordTable
from dashboards.components.review_desk import EpochPictures, ReviewDesk
from dashboards.pages.review_saving import MarkSaving, name_of
from dashboards.pages.review_words import (
    HISTORY_COLUMNS,
    QUEUE_COLUMNS,
    history_row,
    picture,
    picture_words,
    progress_words,
    queue_row,
    reason_cells,
    review_facts,
)
from dashboards.plots.bokeh_models import Figure
from dashboards.plots.empty import empty_figure
from dashboards.plots.light_curve import plot_light_curve, update_light_curve
from dashboards.session import PageView, Session
from data_access.errors import ArchiveError, MarkConflict
from data_access.notes import NotesState
from data_access.records.marks import VERDICTS, Mark, Marks
from data_access.records.review import REASON_KINDS, Candidate, Dossier, ReviewQueue

CURVE_HEIGHT = 330
# The light curve gets what two or three pictures leave.
_AS_WIDE_AS_PICTURES = {"flex": "0 1 auto", "width": "max-content", "max-width": "66%"}
MOST_LISTED = 200
# What the pipeline has flagged is shown without waiting for the sums over all photometry.
PATIENCE_S = 0.3
# Read before they are wanted: the next two, and the one before.
_AHEAD = (1, 2, -1)
_MARKS = ("unmarked", "marked", *VERDICTS)
_STATES = ("active", "investigated", "dismissed")
FIELDS: Sequence[Field] = (
    {"name": "kind", "label": "Because of", "kind": "select", "options": ["", *REASON_KINDS], "width": "9rem"},
    {"name": "state", "label": "State of the ESE candidate", "kind": "select", "options": ["", *_STATES],
     "width": "12rem"},
    {"name": "mark", "label": "Mark", "kind": "select", "options": ["", *_MARKS], "width": "9rem"},
)  # fmt: skip


class ReviewPage(PageView):
    """The queue of candidates with a desk for one of them."""

    kind = param.Selector[str](default="", objects=["", *REASON_KINDS], doc="why it is a candidate")
    state = param.Selector[str](default="", objects=["", *_STATES], doc="state of the pipeline's ESE candidate")
    mark = param.Selector[str](default="", objects=["", *_MARKS], doc="what is said of it")
    at = param.String(default="", doc="the candidate that is shown; empty for the first")

    url_params = ("kind", "state", "mark", "at")
    push_params = ("kind", "state", "mark")
    main_table = "photometry"
    live_roles = frozenset({"products", "pipeline", "notes"})

    @classmethod
    async def check_archive(cls, archive: Any, query: Mapping[str, str]) -> None:
        """Raise `RecordNotFound` for a source that no table knows; the page says so."""
        await super().check_archive(archive, query)
        kind, _, name = query.get("at", "").partition(":")
        if kind == "source":
            await archive.sources.get_light_curve(name)

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(session, **params)
        self.filters = FilterBar(fields=list(FIELDS), on_submit=self._submit, label="Which candidates")
        self.desk = ReviewDesk(
            verdicts=list(VERDICTS), fixed_name=session.user, on_step=self._step, on_mark=self._said
        )
        self.trouble = Notice(kind="warn")
        self.pictures = EpochPictures()
        self.facts = Facts(min_width=250)
        self.export = Facts(groups=[_export(session)])
        self.history = RecordTable(
            columns=list(HISTORY_COLUMNS), caption="Said of this candidate", empty="Nobody has marked it."
        )
        self.table = RecordTable(
            columns=list(QUEUE_COLUMNS), caption="Candidates", max_height=320, empty="No candidate matches."
        )
        self.figure: Figure | None = None
        self.queue = ReviewQueue(())
        self.marks: Marks = {}
        self.order: tuple[Candidate, ...] = ()
        self.current: Candidate | None = None
        self._dossiers: dict[str, asyncio.Task[Dossier]] = {}
        self._saving = MarkSaving(session.archive.marks)
        self.param.watch(self._filtered, ["kind", "state", "mark"])
        self.param.watch(self._moved, ["at"])

    def __panel__(self) -> Any:
        self.curve_slot = self.new_slot("light curve", height=CURVE_HEIGHT)
        self.facts_slot = self.new_slot("facts", height=160)
        self.history_slot = self.new_slot("marks of this candidate", height=0)
        self.table_slot = self.new_slot("candidates", height=160)
        self._show_filters()
        pictures = pn.Column(self.pictures, sizing_mode="fixed", margin=(0, 0, 0, 10), styles=_AS_WIDE_AS_PICTURES)
        return pn.Column(
            self.desk,
            self.trouble,
            pn.Row(self.curve_slot, pictures, sizing_mode="stretch_width", margin=0),
            self.facts_slot,
            self.history_slot,
            self.filters,
            self.table_slot,
            self.export,
            sizing_mode="stretch_width",
            margin=0,
        )

    async def load(self) -> None:
        """Read the queue and the marks, then what is known of the first candidate."""
        await self.fill(self.table_slot, self._collect_soon, self._show_queue)
        await self._show_current()
        if not self.queue.is_complete:
            shown = self.current
            await self.fill(self.table_slot, self._collect, self._show_news)
            if self.current is not shown:
                await self._show_current()

    async def _show_current(self) -> None:
        await self.fill(self.curve_slot, self._read_current, self._show_dossier)
        await self.fill(self.history_slot, self._read_history, self._show_history)

    async def refresh(self) -> None:
        """Read queue and marks again; who was being looked at stays in front."""
        await self.fill(self.table_slot, self._collect, self._show_news)
        self._forget_dossiers()
        await self._show_current()

    async def _collect_soon(self) -> tuple[ReviewQueue, Marks, tuple[str, ...]]:
        return await self._collect(patience_s=PATIENCE_S)

    async def _collect(self, patience_s: float | None = None) -> tuple[ReviewQueue, Marks, tuple[str, ...]]:
        """Return the queue, the marks, and what is wrong with our own database."""
        archive = self.session.archive
        queue = await archive.review.queue(patience_s=patience_s)
        state: NotesState = await archive.marks.state()
        problems = [f"{state.problem}. {state.remedy}"] if state.problem else []
        try:
            return queue, await archive.marks.find(), (*queue.problems, *problems)
        except ArchiveError as err:
            return queue, {}, (*queue.problems, *(problems or [f"{err.message}. {err.remedy}"]))

    def _show_queue(self, answer: tuple[ReviewQueue, Marks, tuple[str, ...]]) -> RecordTable:
        self.queue, self.marks, problems = answer
        self.order = tuple(c for c in self.queue.candidates if self._wanted(c))
        named = self._named(self.at)
        self.order = (*((named,) if named is not None else ()), *self.order)
        self._show_trouble(problems)
        self._go_to(self.at)
        return self._show_table()

    def _show_news(self, answer: tuple[ReviewQueue, Marks, tuple[str, ...]]) -> RecordTable:
        """Show what changed: nothing is taken from the list while somebody goes through it, news come at its end."""
        self.queue, self.marks, problems = answer
        fresh = {c.key: c for c in self.queue.candidates}
        kept = [fresh.pop(c.key, c) for c in self.order]
        self.order = (*kept, *(c for c in fresh.values() if self._wanted(c)))
        self._show_trouble(problems)
        self._go_to(self.at or (name_of(self.current) if self.current else ""))
        return self._show_table()

    def _show_trouble(self, problems: tuple[str, ...]) -> None:
        is_known = not self.at or any(name_of(candidate) == self.at for candidate in self.order)
        unknown = () if is_known else (f"There is no candidate '{self.at[:200]}': the first of the list is shown",)
        self.trouble.text = "; ".join((*unknown, *problems))

    def _named(self, name: str) -> Candidate | None:
        """Return what the URL names and the list does not have: filtered out, or a source that nobody flagged."""
        kind, _, object_id = name.partition(":")
        if not object_id or any(name_of(c) == name for c in self.order):
            return None
        known = next((c for c in self.queue.candidates if name_of(c) == name), None)
        return known or (Candidate("source", object_id, object_id) if kind == "source" else None)

    def _wanted(self, candidate: Candidate) -> bool:
        said = self.marks.get(candidate.key)
        is_marked = said is not None and not said.is_empty
        verdict = said.verdict if said is not None else ""
        return (
            (not self.kind or self.kind in candidate.reasons)
            and (not self.state or any((c.status or "").lower() == self.state for c in candidate.ese))
            and (self.mark in ("", verdict) or self.mark == ("marked" if is_marked else "unmarked"))
        )

    def _show_table(self) -> RecordTable:
        shown = self.order[:MOST_LISTED]
        filters = {name: getattr(self, name) for name in ("kind", "state", "mark")}
        links = self.session.links
        self.table.param.update(
            rows=[queue_row(c, self.marks.get(c.key), links.review(**filters, at=name_of(c))) for c in shown],
            total=f"{len(self.order)} of {len(self.queue.candidates)}",
            truncated=len(shown) < len(self.order),
            note=self._table_note(len(shown)),
        )
        return self.table

    def _table_note(self, n_shown: int) -> str:
        cut = f"The first {n_shown} are listed. " if n_shown < len(self.order) else ""
        return cut + ("" if self.queue.is_complete else "Sources above the cuts in η and V are being counted.")

    def _go_to(self, name: str) -> None:
        """Show the heading of a candidate: the one of this name, else the first."""
        found = next((c for c in self.order if name_of(c) == name), self.order[0] if self.order else None)
        self.current = found
        self._show_desk()

    def _show_desk(self) -> None:
        found, links = self.current, self.session.links
        if found is None:
            self.desk.param.update(key="", title="No candidate to review", href="", place="", reasons=[], verdict="")
            return
        mark, index = self.marks.get(found.key) or Mark(*found.key), self._index()
        self.desk.param.update(
            key=name_of(found),
            revision=mark.revision,
            title=found.object_id,
            href=links.source(found.source_id) if found.source_id else "",
            place=f"{index + 1} of {len(self.order)}",
            reasons=reason_cells(found),
            verdict=mark.verdict,
            comment=mark.comment,
            tag_words=" ".join(mark.tags),
            counts=progress_words(self.order, self.marks),
            has_previous=index > 0,
            has_next=index + 1 < len(self.order),
        )

    def _index(self) -> int:
        return next((i for i, c in enumerate(self.order) if self.current and c.key == self.current.key), 0)

    async def _read_current(self) -> Dossier | None:
        return None if self.current is None else await self._dossier(self.current)

    def _dossier(self, candidate: Candidate) -> asyncio.Task[Dossier]:
        name = name_of(candidate)
        task = self._dossiers.get(name)
        if task is None or (task.done() and (task.cancelled() or task.exception() is not None)):
            task = self._dossiers[name] = self.session.spawn(self.session.archive.review.dossier(candidate))
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return task

    def _forget_dossiers(self) -> None:
        self._dossiers.clear()

    def _show_dossier(self, dossier: Dossier | None) -> Any:
        if dossier is None or self.current is None:
            self.facts_slot.clear()
            self.pictures.param.update(pictures=[], words="", next=[])
            is_filtered = self.kind or self.state or self.mark
            return self._empty(f"nothing to review{': clear the filters to see all' if is_filtered else ''}")
        if dossier.candidate.key != self.current.key:
            return None
        links = self.session.links
        # What was read may be older than the reasons: those in η and V come when the sums are there.
        self.facts.groups = review_facts(replace(dossier, candidate=self.current))
        self.facts_slot.succeed(self.facts)
        pictures = [picture(dossier, shown, links, theme=self.session.theme) for shown in dossier.pictures]
        self.pictures.param.update(pictures=pictures, words=picture_words(dossier))
        self._read_ahead()
        return self._show_curve(dossier)

    def _show_curve(self, dossier: Dossier) -> Any:
        if dossier.detail is None or not dossier.detail.light_curve.n_epoch:
            return self._empty("no light curve is recorded under this name")
        curve, theme = dossier.detail.light_curve, self.session.theme
        if self.figure is not None and update_light_curve(self.figure, curve, theme=theme):
            return None
        self.figure = plot_light_curve(curve, theme=theme, height=CURVE_HEIGHT)
        return self.figure

    def _empty(self, words: str) -> Figure:
        self.figure = None
        return empty_figure(words, self.session.theme, title="Light curve", height=CURVE_HEIGHT)

    def _read_ahead(self) -> None:
        """Read the neighbours of the current candidate, so that a step shows what is here already."""
        index = self._index()
        near = [self.order[index + by] for by in _AHEAD if 0 <= index + by < len(self.order)]
        keep = {name_of(c) for c in near} | ({name_of(self.current)} if self.current else set())
        self._dossiers = {name: task for name, task in self._dossiers.items() if name in keep}
        for candidate in near:
            self._dossier(candidate)
        self.run(self._pictures_ahead, self._show_ahead)

    async def _pictures_ahead(self) -> list[str]:
        index, links = self._index(), self.session.links
        ahead = [self.order[index + by] for by in _AHEAD[:1] if index + by < len(self.order)]
        with Boundary("reading ahead"):
            read = [await self._dossier(candidate) for candidate in ahead]
            theme = self.session.theme
            return [picture(d, shown, links, theme=theme)["src"] for d in read for shown in d.pictures]
        return []

    def _show_ahead(self, addresses: list[str]) -> None:
        self.pictures.next = addresses

    async def _read_history(self) -> tuple[Mark, ...]:
        if self.current is None:
            return ()
        history: tuple[Mark, ...] = await self.session.archive.marks.find_history(*self.current.key)
        return history

    def _show_history(self, history: tuple[Mark, ...]) -> RecordTable:
        self.history.rows = [history_row(mark) for mark in history]
        return self.history

    def _step(self, by: int) -> None:
        index = self._index() + by
        if not 0 <= index < len(self.order):
            self.desk.say("That was the last one." if by > 0 else "This is the first one.", "info")
            return
        self.at = name_of(self.order[index])

    def _moved(self, *_events: Any) -> None:
        self._go_to(self.at)
        self.desk.say("")
        task = self._dossiers.get(self.at)
        if task is not None and task.done() and not task.cancelled() and task.exception() is None:
            self.curve_slot.succeed(self._show_dossier(task.result()))
        self.run(self._read_current, self._show_dossier, slot=self.curve_slot)
        self.run(self._read_history, self._show_history, slot=self.history_slot)

    def _said(self, kind: str, said: Mapping[str, Any]) -> None:
        """Save what came from the browser; it says which candidate and which revision its reader saw."""
        self.session.spawn(self._save(kind, dict(said)))

    async def _save(self, kind: str, said: dict[str, Any]) -> None:
        who = self.session.user or said["who"]
        with Boundary("saving a mark") as boundary:
            try:
                mark = await self._saving.write(kind, said, who, order=self.order, marks=self.marks)
            except MarkConflict as err:
                known: Mark = err.facts["current"]
                self.marks = {**self.marks, (known.kind, known.object_id): known}
                words = f"{err.message} {err.remedy}"
                await self.patch(lambda: self._show_mark(words, "bad"))
                self.run(self._read_history, self._show_history, slot=self.history_slot)
                return
        if boundary.failure is not None:
            failure = boundary.failure
            await self.patch(lambda: self.desk.say(f"NOT SAVED. {failure.message}. {failure.remedy}", "bad"))
            return
        self.marks = {**self.marks, (mark.kind, mark.object_id): mark}
        await self.patch(lambda: self._show_saved(kind, mark))
        self.run(self._read_history, self._show_history, slot=self.history_slot)

    def _show_saved(self, kind: str, mark: Mark) -> None:
        name = f"{mark.kind}:{mark.object_id}"
        if kind == "undo":
            if self.current is None or name_of(self.current) != name:
                self.at = name
            words = f"taken back: {mark.object_id} is {mark.verdict or 'not marked'} again"
        else:
            words = f"saved: {mark.verdict or 'comment'} for {mark.object_id}"
        self._show_mark(f"{words}, by {mark.who}", "ok")

    def _show_mark(self, words: str, kind: str) -> None:
        self._show_desk()
        self._show_table()
        self.desk.say(words, kind)

    def _show_filters(self) -> None:
        self.filters.values = {field["name"]: getattr(self, field["name"]) for field in FIELDS}

    def _submit(self, values: Mapping[str, Any]) -> None:
        offered = {field["name"]: field["options"] for field in FIELDS}
        self.param.update(**{n: str(values.get(n) or "") for n in offered if (values.get(n) or "") in offered[n]})

    def _filtered(self, *_events: Any) -> None:
        self._show_filters()
        self.at = ""
        self.session.spawn(self.load())


def _export(session: Session) -> dict[str, Any]:
    links = session.links
    return group(
        "Take the marks with you",
        [
            fact("Marks that hold", cell("marks.csv", href=links.marks_csv())),
            fact("Every change", cell("marks_history.csv", href=links.marks_csv(history=True))),
        ],
    )
