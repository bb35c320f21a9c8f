"""The list of sources: found by name, place, list and range, with the pipeline's candidates above it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, ClassVar

import panel as pn
import param

from dashboards.components.record_table import Column, RecordTable, Row, row
from dashboards.components.source_tools import SourceTools
from dashboards.pages.list_page import ListPage
from dashboards.pages.source_files import FILES
from dashboards.pages.source_map import MapParams, MapPart
from dashboards.pages.source_search import FIELDS, NAMES, query_of, query_with_lists, stored_filter
from dashboards.pages.source_steps import QUERY_PARAM, search_of
from dashboards.pages.source_table import (
    CURVE_EPOCHS,
    DEFAULT_COLUMNS,
    ORDERS,
    Line,
    are_columns,
    choosable,
    chosen_of,
    curve_of,
    line_cells,
    numbers_by_name,
    table_columns,
)
from dashboards.pages.source_words import candidate_columns, candidate_row, transient_row
from dashboards.plots.style import how_many
from dashboards.session import Session
from data_access import Archive
from data_access.analysis.times import format_utc
from data_access.errors import ArchiveError, SearchNotReady, ValidationError
from data_access.records import Count, EseCandidate, PageRequest, RecordPage, Source
from data_access.records.marks import Marks
from data_access.records.source_columns import CURVE_METRICS
from data_access.records.source_query import SourceQuery
from data_access.repositories.sources import STORED_SORTS, SourceFilter
from data_access.services.review import candidate_of
from data_access.services.source_lists import SourceList

_STRIP_HEIGHT = 118
_PATIENCE_S = 20.0
_ALL_WITH_STATISTICS = "Stored by the pipeline; sources without stored statistics come last."


class SourcesPage(MapParams, ListPage):
    """Every source that occurs in photometry, statistics, monitoring or candidates.

    Without filters, in the order of names or of what the pipeline stored, the list comes from the database as it is.
    Everything else is answered by the index of all sources (`SourceSearchService`), which says how new it is.
    """

    order = param.Selector(default="asc", objects=["asc", "desc"], doc="direction of the sort")
    cols = param.String(default="", doc="columns of the table; empty for the usual ones")
    list = param.String(default="", doc="an uploaded list, as a key; empty for none")

    noun = "sources"
    noun_of_one = "source"
    natural_sort = "source_id"
    main_table = "photometry"
    live_roles = frozenset({"products", "pipeline", "notes"})
    columns: ClassVar[Sequence[Column]] = tuple(table_columns(DEFAULT_COLUMNS))
    fields = FIELDS
    more_url_params = ("cols", "list", "sky", "picked")
    texts = MappingProxyType({"cols": (are_columns, "names of columns, joined by commas,")})
    empty = "No source matches. Clear the filters to see all."
    narrowing = ("list", "picked")

    def __init__(self, session: Session, **params: Any) -> None:
        self._apart: dict[str, float] = {}
        self._lines: list[Line] = []
        self._trouble = ""
        self._list_trouble = ""
        self._marks: Marks = {}
        self._unmatched: tuple[str, ...] = ()
        self._curves: dict[str, tuple[int | None, dict[str, Any]]] = {}
        super().__init__(session, **params)
        self.tools = SourceTools(
            on_columns=self._choose_columns, on_list=self._take_list, columns=choosable(), from_url=bool(self.cols)
        )

    @property
    def title(self) -> str:
        """Title of the document."""
        return "Sources"

    @property
    def chosen(self) -> tuple[str, ...]:
        """The columns of the table."""
        return chosen_of(self.cols)

    def above(self) -> Any:
        """The pipeline's candidates, in two short lists side by side."""
        self.ese_table = _strip("ESE candidates", "The pipeline has flagged none.", candidate_columns())
        self.transient_table = _strip("Transient candidates", "The pipeline has found none.", _TRANSIENT_COLUMNS)
        self.ese_slot = self.new_slot("ESE candidates", height=158)
        self.transient_slot = self.new_slot("transient candidates", height=158)
        beside = pn.Column(self.transient_slot, sizing_mode="stretch_width", margin=(0, 0, 0, 10))
        self._show_tools()
        strips = pn.Row(self.ese_slot, beside, sizing_mode="stretch_width", margin=0)
        self.map = MapPart(self)
        return pn.Column(strips, self.tools, self.map.view, sizing_mode="stretch_width", margin=0)

    @property
    def lines(self) -> tuple[Line, ...]:
        """What the table shows now."""
        return tuple(self._lines)

    def _show_tools(self) -> None:
        asked = self._asked()
        self.tools.param.update(
            exports=[(text, self.session.links.source_export(format=kind, **asked)) for kind, text in FILES.items()],
            chosen=list(self.chosen),
            list_words=self._list_words(),
            unmatched=list(self._unmatched),
        )

    def _asked(self) -> dict[str, str]:
        """Return what the list depends on, by name: filters, uploaded list, and the order if it is not plain."""
        asked = {name: value for name in ("list", "picked", *NAMES) if (value := getattr(self, name))}
        if self.sort or self.order != "asc":
            asked |= {"sort": self.sort, "order": self.order}
        return asked

    def _list_words(self) -> str:
        if not self.list or self._list_trouble:
            return self._list_trouble
        kept = self.session.archive.source_lists.recent(self.list)
        if kept is None:
            return "Reading the list."
        lasts = f" The link lasts until the server restarts: {kept.problem}." if kept.problem else ""
        return f"Searching {len(kept.entries):,} entries; positions with the radius above.{lasts}"

    def _choose_columns(self, names: str) -> None:
        self.cols = "" if names == ",".join(DEFAULT_COLUMNS) else names

    def _take_list(self, text: str) -> None:
        if not text:
            self.param.update(list="", after="")
            return
        self.run(lambda: self.session.archive.source_lists.add(text), self._use_list)

    def _use_list(self, kept: SourceList) -> None:
        self.param.update(list=kept.key, after="")

    async def load(self) -> None:
        """Fill the candidates, then the list, then what is computed for its rows."""
        archive = self.session.archive
        await self.fill(self.ese_slot, self._find_candidates, self._show_candidates)
        await self.fill(self.transient_slot, archive.sources.find_transients, self._show_transients)
        await super().load()
        if self._incomplete:
            self.run(self._with_numbers, self._show, slot=self.table_slot)

    @property
    def _incomplete(self) -> bool:
        return self.table_slot.failure is None and any(line.numbers is None for line in self._lines)

    async def _with_numbers(self) -> Any:
        """Read the rows again when the index is there; without it they stay as they are, and say why."""
        while True:
            try:
                await self.session.archive.search.index(patience_s=_PATIENCE_S)
            except SearchNotReady:
                continue
            except ArchiveError as err:
                self._trouble = f"Nothing is computed from the photometry: {err.message}."
            return await self._read()

    async def _find_candidates(self) -> Sequence[EseCandidate]:
        archive = self.session.archive
        self._marks = await archive.marks.find_or_none()
        candidates: Sequence[EseCandidate] = await archive.sources.find_ese_candidates()
        return candidates

    def _show_candidates(self, candidates: Sequence[EseCandidate]) -> RecordTable:
        marks, links = self._marks, self.session.links
        self.ese_table.param.update(
            rows=[candidate_row(c, links, mark=marks.get(("source", c.source_id))) for c in candidates],
            total=_listed(candidates),
        )
        return self.ese_table

    def _show_transients(self, transients: Sequence[Any]) -> RecordTable:
        self.transient_table.param.update(
            rows=[transient_row(t, self.session.links, self._marks.get(candidate_of(t).key)) for t in transients],
            total=_listed(transients),
        )
        return self.transient_table

    @classmethod
    def sort_names(cls) -> frozenset[str]:
        """Return every column that a reader can choose."""
        return ORDERS

    @classmethod
    def check(cls, values: Mapping[str, str]) -> None:
        """Raise `FieldError` for a value that means nothing."""
        query_of(values)

    @classmethod
    async def check_archive(cls, archive: Archive, query: Mapping[str, str]) -> None:
        """Raise the error of the table, or `ValidationError` for a list that is unknown here."""
        await super().check_archive(archive, query)
        for name in cls.narrowing:
            if query.get(name):
                await archive.source_lists.get(query[name])

    async def query(self, *, with_picked: bool = True) -> SourceQuery:
        """Return what is asked for, with or without the selection on the sky map.

        Raises
        ------
        ValidationError
            A value means nothing, or a list is unknown here.
        """
        lists = {"list": self.list, "picked": self.picked if with_picked else ""}
        return await query_with_lists({**self._values(), **lists}, self.session.archive.source_lists)

    async def _look_at_list(self) -> None:
        """Read the uploaded list once, so that the tools can say what it is, or that it is unknown here."""
        self._list_trouble = ""
        try:
            if self.list:
                await self.session.archive.source_lists.get(self.list)
        except ValidationError as err:
            self._list_trouble = f"{err.message}. {err.remedy}"
            await self.patch(self._show_tools)

    def _from_database(self, query: SourceQuery) -> bool:
        return query.is_everything and self.sort in ("", "source_id", *STORED_SORTS)

    async def find(self, request: PageRequest) -> RecordPage[Any]:
        """Return one page of sources."""
        await self._look_at_list()
        query = await self.query()
        archive = self.session.archive
        self._unmatched = ()
        if self._from_database(query):
            self._apart = {}
            page: RecordPage[Source] = await archive.sources.find(SourceFilter(), request)
            notes = [
                _ALL_WITH_STATISTICS if request.sort in STORED_SORTS else "",
                self._trouble,
                self._curve_metrics()[0],
            ]
            return replace(page, note=" ".join(filter(None, notes)))
        try:
            found_page, found, index = await archive.search.find(query, request)
        except SearchNotReady as err:
            stored = stored_filter(query, request.sort)
            if stored is None:
                raise
            self._apart = {}
            page = await archive.sources.find(stored, request)
            return replace(page, note=f"{err.message}; until then the database is asked, for any part of a name.")
        names = [index.names.names[i] for i in found_page.rows]
        self._apart, self._unmatched = {}, found.unmatched
        if found.separation_arcsec is not None:
            wanted = set(found_page.rows)
            pairs = zip(found.rows.tolist(), found.separation_arcsec.tolist(), strict=True)
            self._apart = {index.names.names[i]: apart for i, apart in pairs if i in wanted}
        picked = []
        if query.only is not None:
            picked.append(f"Only the {how_many(len(query.only), 'source')} selected on the sky map.")
        notes = [*picked, *found.notes, self._moment_words(), self._curve_metrics()[0]]
        rows = await archive.sources.describe(names)
        return RecordPage(rows, found_page.next_cursor, found_page.previous_cursor, " ".join(filter(None, notes)))

    def _curve_metrics(self) -> tuple[str, bool]:
        """Have metrics of whole light curves made where the list shows, sorts or filters by them."""
        answer: tuple[str, bool] = self.session.archive.search.follow_curve_metrics(self._asked_curve_metrics)
        return answer

    @property
    def _asked_curve_metrics(self) -> tuple[str, ...]:
        return tuple(name for name in CURVE_METRICS if name in (*self.chosen, self.sort) or getattr(self, name))

    async def _with_curve_metrics(self) -> Any:
        """Read the rows again when the metrics of whole light curves are there, and in the index."""
        await self.session.archive.search.curve_metrics_made(self._asked_curve_metrics)
        return await self._with_numbers()

    def _await_curve_metrics(self) -> None:
        """See to it that they come: being made now, or made since the rows were read."""
        words, is_going_on = self._curve_metrics()
        asked = set(self._asked_curve_metrics)
        lacks = any(line.numbers and not asked <= line.numbers.keys() for line in self._lines)
        if is_going_on or (lacks and not words):
            self.run(self._with_curve_metrics, self._show, slot=self.table_slot)

    def _moment_words(self) -> str:
        state = self.session.archive.search.state
        words = f"As of {format_utc(state.as_of)} UTC, of {how_many(state.n_sources, 'source')}."
        return f"{words} Newer data are being added." if state.building else words

    async def count(self) -> Count:
        """Return how many sources match."""
        query = await self.query()
        if self._from_database(query):
            total: Count = await self.session.archive.sources.count(SourceFilter())
            return total
        try:
            _, found = await self.session.archive.search.select(query)
        except SearchNotReady:
            if (stored := stored_filter(query, self.sort)) is None:
                raise
            count = await self.session.archive.sources.count(stored)
        else:
            count = Count(int(found.rows.size))
        return count

    async def details(self, records: Sequence[Source]) -> dict[str, dict[str, float]] | None:
        """Return the numbers of the sources in the index; None while there is none."""
        numbers = self.session.archive.search.numbers([record.source_id for record in records])
        return None if numbers is None else numbers_by_name(numbers.source_id, numbers.values)

    def _show(self, answer: Any) -> RecordTable:
        cone = bool(self._apart)
        columns = table_columns(self.chosen, cone=cone)
        if self.table.columns != columns:
            self.table.param.update(columns=columns, rows=[])
        self._lines = []
        table = super()._show(answer)
        self._show_tools()
        self.map.list_changed()
        self._await_curve_metrics()
        if "curve" in self.chosen and any(line.curve is None for line in self._lines):
            self.run(self._read_curves, self._show_curves)
        return table

    async def _read_curves(self) -> dict[str, tuple[int | None, dict[str, Any]]]:
        """Return the light curves of the lines on this page, in one question."""
        counted = {line.source.source_id: line.source.n_epochs for line in self._lines}
        try:
            found = await self.session.archive.curves.newest(tuple(counted), per_source=CURVE_EPOCHS)
        except ArchiveError:
            found = {}  # the list says by itself what cannot be read
        return {name: (n, curve_of(found.get(name, ()))) for name, n in counted.items()}

    def _show_curves(self, curves: dict[str, tuple[int | None, dict[str, Any]]]) -> None:
        self._curves = curves
        self._lines = [replace(line, curve=self._curve_of(line.source)) for line in self._lines]
        self.table.rows = [self._row_of(line) for line in self._lines]

    def _curve_of(self, source: Source) -> dict[str, Any] | None:
        """Return what is drawn of a source; None when it is not read, or has more epochs by now."""
        n_epochs, curve = self._curves.get(source.source_id, (None, None))
        return curve if n_epochs == source.n_epochs else None

    def to_row(self, record: Source, details: dict[str, dict[str, float]] | None) -> Row:
        """Return the table row of one source."""
        numbers = None if details is None else details.get(record.source_id, {})
        line = Line(record, numbers, self._apart.get(record.source_id), self._curve_of(record))
        self._lines.append(line)
        return self._row_of(line)

    def _row_of(self, line: Line) -> Row:
        cells = line_cells(line, self.chosen, cone=bool(self._apart))
        return row(line.source.source_id, cells, href=self._link_to(line.source.source_id))

    def _link_to(self, source_id: str) -> str:
        """Return the link to a source, with the search in it that leads to the next one."""
        return self.session.links.source(source_id, **{QUERY_PARAM: search_of(self._asked())})


for _name in NAMES:
    SourcesPage.param.add_parameter(_name, param.String(default="", doc=f"filter: {_name}"))

_TRANSIENT_COLUMNS: Sequence[Column] = (
    {"name": "source", "label": "Source"},
    {"name": "type", "label": "Kind"},
    {"name": "ratio", "label": "Ratio", "align": "right", "title": "observed over baseline flux"},
    {"name": "significance", "label": "Significance", "unit": "σ", "align": "right"},
    {"name": "detected", "label": "Detected", "align": "right"},
    {"name": "mark", "label": "Mark", "title": "what people say, see the page Review"},
)


def _strip(caption: str, empty: str, columns: Sequence[Column]) -> RecordTable:
    return RecordTable(columns=list(columns), caption=caption, empty=empty, max_height=_STRIP_HEIGHT)


def _listed(records: Sequence[Any]) -> str:
    return f"{len(records)}{'+' if len(records) == 100 else ''}, newest first" if records else ""
