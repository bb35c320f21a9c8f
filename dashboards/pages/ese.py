"""The pipeline's ESE candidates with what their light curves say, sortable by any of it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import panel as pn
import param

from dashboards.components.cells import Cell, cell
from dashboards.components.filters import FilterBar
from dashboards.components.record_table import Column, RecordTable, Row, Turn, row
from dashboards.components.switches import Switches, option, switch
from dashboards.links import Links
from dashboards.pages.ese_filters import (
    RANGE_FIELDS,
    RANGE_PARAMS,
    EseRangeParams,
    is_inside,
    range_values,
    ranges_of,
)
from dashboards.pages.ese_part import ESE_FIELDS, ESE_OPTION_PARAMS, EseParams, option_values, submitted
from dashboards.pages.ese_words import BOUND_FRACTION, LEAVE_ONE_OUT, leave_one_out_cell, options_words, verdict_cell
from dashboards.pages.list_page import FieldError
from dashboards.pages.source_words import ese_cell, flagged_cell
from dashboards.session import PageView, Session
from data_access.analysis.ese import Dip
from data_access.analysis.ese_summary import days_words
from data_access.services.ese import EseEntry

ROWS = 100
_PATCH_EVERY_S = 0.5
_NO_STATE = "no state"
_NONE = "The pipeline has flagged no candidates."
COLUMNS: tuple[Column, ...] = (
    {"name": "source", "label": "Source", "sortable": True},
    {"name": "state", "label": "State", "sortable": True},
    {"name": "significance", "label": "σ deviation", "sortable": True, "align": "right",
     "title": "as flagged, with the largest value that its epochs can reach"},
    {"name": "bound", "label": "Of bound", "sortable": True, "align": "right", "title": BOUND_FRACTION},
    {"name": "leave_one_out", "label": "z, 1 out", "sortable": True, "lowest_first": True, "align": "right",
     "title": f"{LEAVE_ONE_OUT}; sorted: the faintest first"},
    {"name": "n", "label": "N", "sortable": True, "align": "right", "title": "measurements of any quality"},
    {"name": "depth", "label": "Depth", "sortable": True, "align": "right",
     "title": "largest loss of flux in the most significant dip, per cent of the running median"},
    {"name": "duration", "label": "Duration", "sortable": True, "align": "right",
     "title": "of that dip, from its first to its last low measurement"},
    {"name": "run", "label": "Run", "sortable": True, "align": "right", "title": "measurements in that dip"},
    {"name": "deepest", "label": "Dip z", "sortable": True, "lowest_first": True, "align": "right",
     "title": "largest deviation of that dip from the running median, in errors; sorted: the strongest dip first"},
    {"name": "normalised", "label": "Depth, nb.", "sortable": True, "align": "right",
     "title": "depth of that dip, at its own epochs, after the division by the steady neighbours in the same images"},
    {"name": "verdict", "label": "Neighbours say", "sortable": True,
     "title": "about that dip, at its own epochs; sorted: not known, flux scale, the source itself"},
    {"name": "flagged", "label": "Flagged", "sortable": True, "align": "right"},
)  # fmt: skip


def _bound(entry: EseEntry) -> float | None:
    """Return the flagged value as a share of the largest possible one."""
    flagged, largest = entry.candidate.significance, entry.candidate.largest_possible
    return None if flagged is None or not largest else flagged / largest


def _dip(entry: EseEntry) -> Dip | None:
    return None if entry.summary is None else entry.summary.dip


def _normalised(entry: EseEntry) -> float | None:
    dip = None if entry.summary is None else entry.summary.normalised_dip
    return None if dip is None else dip.depth_fraction


def _of_dip(name: str) -> Callable[[EseEntry], Any]:
    return lambda entry: None if _dip(entry) is None else getattr(_dip(entry), name)


_VERDICTS: Mapping[str, int] = {"not known": 0, "flux scale": 1, "source": 2}


def _verdict(entry: EseEntry) -> int | None:
    return None if entry.summary is None else _VERDICTS.get(entry.summary.verdict)


_SORTS: Mapping[str, Callable[[EseEntry], Any]] = {
    "source": lambda entry: entry.candidate.source_id,
    "state": lambda entry: entry.candidate.status,
    "significance": lambda entry: entry.candidate.significance,
    "bound": _bound,
    "leave_one_out": lambda entry: None if entry.summary is None else entry.summary.leave_one_out.value,
    "n": lambda entry: entry.n_epoch or None,
    "depth": _of_dip("depth_fraction"),
    "duration": _of_dip("duration_days"),
    "run": _of_dip("run_length"),
    "deepest": _of_dip("depth_sigma"),
    "normalised": _normalised,
    "verdict": _verdict,
    "flagged": lambda entry: entry.candidate.flagged_at,
}


def in_order(entries: Sequence[EseEntry], sort: str, *, descending: bool) -> list[EseEntry]:
    """Return the entries sorted by a column; those without a value come last in both directions."""
    values = [(_SORTS[sort](entry), entry) for entry in entries]
    known = [(value, entry) for value, entry in values if not _is_missing(value)]
    known.sort(key=lambda pair: pair[0], reverse=descending)
    return [entry for _, entry in known] + [entry for value, entry in values if _is_missing(value)]


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


class EsePage(EseParams, EseRangeParams, PageView):
    """Candidates in a table whose computed columns fill in as the light curves are read."""

    state = param.String(default="", doc="only candidates in this state; empty for all")
    sort: Any = param.Selector(default="flagged", objects=list(_SORTS), doc="column by which the list is sorted")
    order: Any = param.Selector(default="desc", objects=["desc", "asc"], doc="direction of the sort")
    page = param.Integer(default=1, bounds=(1, None), doc="page of the list")

    url_params = ("state", "sort", "order", "page", *RANGE_PARAMS, *ESE_OPTION_PARAMS)
    push_params = ("state", "sort", "order", "page", *RANGE_PARAMS)
    main_table = "ese_candidates"
    live_roles = frozenset({"products", "pipeline"})

    @classmethod
    def check_query(cls, query: Mapping[str, str]) -> None:
        """Raise `FieldError` for a range that means nothing."""
        for field, message in ranges_of(query)[1].items():
            raise FieldError(field, message)

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(session, **params)
        self.switches = Switches(on_choose=lambda _, value: self.param.update(state=value, page=1))
        self.form = FilterBar(fields=[*RANGE_FIELDS, *ESE_FIELDS], label="Dips", on_submit=self._submit)
        self.table = RecordTable(
            columns=list(COLUMNS), caption="ESE candidates", empty=_NONE,
            on_sort=self._sort_by, on_turn=self._turn,
        )  # fmt: skip
        self._entries: tuple[EseEntry, ...] = ()
        self._done: dict[int, EseEntry] = {}
        self._truncated = False
        self._round = 0
        self.param.watch(self._show_again, ["state", "sort", "order", "page", *RANGE_PARAMS])
        self.param.watch(self._compute_again, list(ESE_OPTION_PARAMS))

    @property
    def title(self) -> str:
        """Title of the document."""
        return "ESE candidates"

    def __panel__(self) -> Any:
        self.slot = self.new_slot("ESE candidates", height=400)
        self._show_form()
        return pn.Column(self.form, self.switches, self.slot, sizing_mode="stretch_width", margin=0)

    async def load(self) -> None:
        """List the candidates, then compute what their light curves say."""
        await self.refresh()

    async def refresh(self) -> None:
        """Read the candidates again; only light curves with new epochs are computed anew."""
        await self.fill(self.slot, self.session.archive.ese.find, self._show_found)
        if self.slot.failure is None:
            self.run(self._compute, self._show_rows, slot=self.slot)

    def _show_found(self, found: tuple[tuple[EseEntry, ...], bool]) -> RecordTable:
        self._entries, self._truncated = found
        return self._show_rows(None)

    async def _compute(self) -> None:
        """Analyse one light curve after the other; the table follows twice a second."""
        self._round += 1
        mine, shown_at = self._round, time.monotonic()
        async for entry in self.session.archive.ese.summaries(self._entries, options=self.ese_options()):
            if mine != self._round:
                return
            self._done[entry.candidate.id] = entry
            if time.monotonic() - shown_at > _PATCH_EVERY_S:
                shown_at = time.monotonic()
                await self.patch(lambda: self._show_rows(None))

    def _show_rows(self, _: None) -> RecordTable:
        self._show_switches()
        entries = [self._known(entry) for entry in self._entries]
        listed = [entry for entry in entries if not self.state or _state(entry) == self.state]
        ranges = ranges_of(range_values(self))[0]
        wanted = [entry for entry in listed if all(is_inside(_SORTS[n](entry), n, r) for n, r in ranges.items())]
        shown = in_order(wanted, self.sort, descending=self.order == "desc")
        first = min(self.page - 1, max(0, (len(shown) - 1) // ROWS)) * ROWS
        n_done = sum(entry.summary is not None or bool(entry.problem) for entry in listed)
        words = f"{len(wanted):,} of {len(entries):,}" if self.state or ranges else f"{len(entries):,}"
        self.table.param.update(
            rows=[candidate_cells(entry, self.session.links) for entry in shown[first : first + ROWS]],
            sort=self.sort,
            descending=self.order == "desc",
            total=words if n_done == len(listed) else f"{words}, {n_done:,} light curves analysed",
            empty="No candidate is like that." if entries else _NONE,
            has_previous=first > 0,
            has_next=first + ROWS < len(shown),
            truncated=self._truncated,
            note=f"the newest {len(entries):,} are listed" if self._truncated else options_words(self.ese_options()),
            loading_rows=n_done < len(listed),
        )
        return self.table

    def _known(self, entry: EseEntry) -> EseEntry:
        """Return the entry with what was computed, the candidate as it was read last."""
        done = self._done.get(entry.candidate.id)
        return entry if done is None else EseEntry(entry.candidate, done.n_epoch, done.summary, done.problem)

    def _show_switches(self) -> None:
        states = [_state(entry) for entry in self._entries]
        found = sorted({*states, *([self.state] if self.state else [])})
        options = [option("", "all", count=len(states))]
        options += [option(word, word, count=states.count(word)) for word in found]
        self.switches.switches = [switch("state", "State", self.state, options)]

    def _show_form(self) -> None:
        values = range_values(self)
        self.form.param.update(values={**values, **option_values(self)}, errors=ranges_of(values)[1])

    def _show_again(self, *_events: Any) -> None:
        self._show_form()
        if self.slot.content is not None:
            self._show_rows(None)

    def _compute_again(self, *_events: Any) -> None:
        self._done.clear()
        self._show_form()
        self.run(self._compute, self._show_rows, slot=self.slot)

    def _submit(self, values: Mapping[str, Any]) -> None:
        found, errors = submitted(self, values)
        errors |= ranges_of(values)[1]
        self.form.errors = errors
        if not errors:
            texts = {name: str(values.get(name) or "").strip() for name in RANGE_PARAMS}
            self.param.update(**found, **texts, page=1)

    def _sort_by(self, name: str, descending: bool) -> None:
        self.param.update(sort=name, order="desc" if descending else "asc", page=1)

    def _turn(self, where: Turn) -> None:
        self.page = {"first": 1, "next": self.page + 1, "previous": max(1, self.page - 1)}[where]


def _state(entry: EseEntry) -> str:
    return entry.candidate.status or _NO_STATE


def _without_note(verdict: Cell) -> Cell:
    """Return the verdict on one line, its reason in the tooltip."""
    return {**{k: v for k, v in verdict.items() if k != "n"}, "title": verdict.get("n") or verdict.get("title", "")}


def candidate_cells(entry: EseEntry, links: Links) -> Row:
    """Return the row of one candidate; what is not computed yet is a dash that says so."""
    candidate, summary = entry.candidate, entry.summary
    bound = _bound(entry)
    head = [
        cell(candidate.source_id),
        ese_cell(candidate.status),
        flagged_cell(candidate),
        cell(None if bound is None else 100 * bound, digits=0, unit="%", title=BOUND_FRACTION),
    ]
    flagged = cell(None, unix=candidate.flagged_at)
    href = links.source(candidate.source_id, ese="open")
    if summary is None:
        waiting = cell(None, title=entry.problem or "being computed")
        verdict = cell(entry.problem, state="warn") if entry.problem else waiting
        n = cell(entry.n_epoch or None)
        return row(candidate.id, [*head, waiting, n, *[waiting] * 5, verdict, flagged], href=href)
    dip, beside = summary.dip, _normalised(entry)
    none = cell(None, title="no dip")
    edge = "reaches the edge of the light curve: a lower limit" if dip is not None and dip.touches_edge else None
    dips = [none] * 4 if dip is None else [
        cell(100 * dip.depth_fraction, digits=0, unit="%"),
        cell(("> " if dip.touches_edge else "") + days_words(dip.duration_days), title=edge),
        cell(dip.run_length),
        cell(dip.depth_sigma, digits=1),
    ]  # fmt: skip
    verdict = _without_note(verdict_cell(summary))
    beside_cell = cell(None, title=verdict["title"] or "no dip") if beside is None else cell(
        100 * beside, digits=0, unit="%"
    )  # fmt: skip
    cells = [
        *head,
        leave_one_out_cell(summary),
        cell(entry.n_epoch),
        *dips,
        beside_cell,
        verdict,
    ]
    return row(candidate.id, [*cells, flagged], href=href)
