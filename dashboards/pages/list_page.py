"""What all list pages share: filters, a table paged by position, an honest count, everything in the URL."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import panel as pn
import param

from dashboards.boundary import Failure
from dashboards.components.filters import Field, FilterBar
from dashboards.components.record_table import Column, RecordTable, Row, Turn
from dashboards.components.slot import Slot
from dashboards.session import PageView, Session
from data_access.errors import ValidationError
from data_access.records import Count, Cursor, PageRequest, RecordPage

PAGE_SIZES = (25, 50, 100, 200)


class ListPage(PageView):
    """Base of the list pages.

    A subclass declares one String param per filter field, `columns`, `fields` and the three questions: `find`,
    `count` and `to_row`. The table is never larger than one page; the browser never holds the list.
    """

    sort = param.String(default="", doc="column by which the list is sorted; empty for the natural order")
    order = param.Selector[str](default="desc", objects=["desc", "asc"], doc="direction of the sort")
    after = param.String(default="", doc="position in the list; empty for its start")
    rows = param.Selector[int](default=50, objects=list(PAGE_SIZES), doc="rows a page")

    # The column of the natural order; empty where that is the order of the rows in the table, which no column shows.
    natural_sort: ClassVar[str] = ""
    noun: ClassVar[str] = "records"
    noun_of_one: ClassVar[str] = "record"
    columns: ClassVar[Sequence[Column]] = ()
    fields: ClassVar[Sequence[Field]] = ()
    empty: ClassVar[str] = "No records match. Clear the filters to see all."
    # What takes rows out of the list, beside the fields of the filter.
    narrowing: ClassVar[tuple[str, ...]] = ()
    more_url_params: ClassVar[tuple[str, ...]] = ()
    # In the URL too, but no reason to read the list again nor for a step that Back undoes.
    quiet_params: ClassVar[tuple[str, ...]] = ()
    rows_are_selected: ClassVar[bool] = False
    url_params: ClassVar[tuple[str, ...]] = ("sort", "order", "after", "rows")
    push_params: ClassVar[tuple[str, ...]] = ("sort", "order", "after", "rows")

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = tuple(field["name"] for field in cls.fields)
        cls.push_params = (*ListPage.url_params, *own, *cls.more_url_params)
        cls.url_params = (*cls.push_params, *cls.quiet_params)

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(session, **params)
        self.filters = FilterBar(fields=list(self.fields), on_submit=self._submit, label=f"Filter {self.noun}")
        self.table = RecordTable(
            columns=list(self.columns),
            caption=self.noun[:1].upper() + self.noun[1:],
            empty=self.empty,
            on_sort=self._sort_by,
            on_turn=self._turn,
            on_select=self._select if self.rows_are_selected else None,
        )
        self._page: RecordPage[Any] = RecordPage(())
        self.param.watch(self._changed, [*self.push_params])

    @classmethod
    def check_query(cls, query: Mapping[str, str]) -> None:
        """Raise `ValidationError` for a filter, an order or a position in a URL that means nothing."""
        cls.check({field["name"]: query.get(field["name"], "") for field in cls.fields})
        sort = query.get("sort", "")
        if sort and sort not in cls.sort_names():
            raise ValidationError(f"This list cannot be sorted by '{sort[:40]}'")
        if query.get("after"):
            Cursor.decode(query["after"])

    @classmethod
    def sort_names(cls) -> frozenset[str]:
        """Return the names of the orders."""
        return frozenset(column["name"] for column in cls.columns if column.get("sortable"))

    async def find(self, request: PageRequest) -> RecordPage[Any]:
        """Return one page of records for the present filters; a `ValidationError` names the bad field."""
        raise NotImplementedError

    async def count(self) -> Count | None:
        """Return how many records match the present filters; None where that is not asked."""
        raise NotImplementedError

    async def details(self, records: Sequence[Any]) -> Any:  # noqa: ARG002  for subclasses
        """Return what `to_row` needs beside the records (the state of files, for example)."""
        return None

    def to_row(self, record: Any, details: Any) -> Row:
        """Return the table row of one record."""
        raise NotImplementedError

    def above(self) -> Any:
        """Return what stands between the filters and the table, or None."""
        return None

    def __panel__(self) -> Any:
        self.table_slot = self.new_slot(self.noun, height=420)
        self._show_filters({})
        above = self.above()
        parts = [self.filters, above, self.table_slot] if above is not None else [self.filters, self.table_slot]
        return pn.Column(*parts, sizing_mode="stretch_width", margin=0)

    async def load(self) -> None:
        """Read the page of the list that the URL names."""
        await self.fill(self.table_slot, self._read, self._show)

    async def refresh(self) -> None:
        """Read it again and patch the rows."""
        await self.load()

    def _limit(self) -> int:
        limit: int = self.rows
        return limit

    async def _read(self) -> tuple[RecordPage[Any], Count | None, Any]:
        request = PageRequest(limit=self._limit(), cursor=self.after, sort=self.sort, descending=self.order == "desc")
        counting = asyncio.ensure_future(self.count())
        try:
            page = await self.find(request)
        finally:
            # When the list fails, its count must not be left behind, nor its own error, which is the same one.
            await asyncio.gather(counting, return_exceptions=True)
        return page, counting.result(), await self.details(page.rows)

    def _show(self, answer: tuple[RecordPage[Any], Count | None, Any]) -> RecordTable:
        self._page, count, details = answer
        self.table.param.update(
            rows=[self.to_row(record, details) for record in self._page.rows],
            has_next=bool(self._page.next_cursor),
            has_previous=bool(self._page.previous_cursor),
            sort=self.sorted_by(),
            descending=self.order == "desc",
            total=self.total_words(count),
            note=self._page.note,
            loading_rows=False,
            empty=self.empty_words(),
        )
        self._show_filters(self.filters.errors)  # a refresh takes no words from who is typing
        return self.table

    def sorted_by(self) -> str:
        """Return the column in whose order the list is; empty where no column has it."""
        return self.sort or self.natural_sort

    def total_words(self, count: Count | None) -> str:
        """Return how many records match, in words (if that is asked), and their order where no column has it."""
        is_one = count is not None and count.value == 1 and count.kind != "at least"
        number = "" if count is None else f"{count} {self.noun_of_one if is_one else self.noun}"
        if self.sorted_by() or is_one or (count is not None and count.value == 0):
            return number
        order = f"{'newest' if self.order == 'desc' else 'oldest'} row first"
        return f"{number}, {order}" if number else order

    def empty_words(self) -> str:
        """Say why there are no rows: nothing matches, or nothing is recorded at all."""
        if any(getattr(self, name) for name in (*self._values(), *self.narrowing)):
            return self.empty
        return f"There are no {self.noun} yet."

    async def show_failure(self, slot: Slot, failure: Failure) -> None:
        """Say in `slot` what failed, and beside the filter that caused it; the rows waited for do not come."""
        if slot is self.table_slot:
            await self.patch(self._show_no_rows)
        await super().show_failure(slot, failure)

    def _show_no_rows(self) -> None:
        self.table.loading_rows = False
        self._show_filters(self._errors_in(self._values()))

    def _show_filters(self, errors: Mapping[str, str]) -> None:
        self.filters.param.update(values=self._values(), errors=dict(errors))

    def _values(self) -> dict[str, str]:
        return {field["name"]: getattr(self, field["name"]) for field in self.fields}

    def _errors_in(self, values: Mapping[str, str]) -> dict[str, str]:
        try:
            self.check(values)
        except FieldError as err:
            return {err.field: err.message}
        return {}

    def _submit(self, values: Mapping[str, Any]) -> None:
        wanted = {field["name"]: str(values.get(field["name"], "") or "") for field in self.fields}
        self.filters.errors = errors = self._errors_in(wanted)
        if errors:
            return
        self.param.update(after="", **wanted)

    @classmethod
    def check(cls, values: Mapping[str, str]) -> None:
        """Raise `FieldError` for the first value that means nothing."""

    def _sort_by(self, name: str, descending: bool) -> None:
        self.param.update(sort=name, order="desc" if descending else "asc", after="")

    def _select(self, keys: list[str]) -> None:
        """Take the keys of the selected rows; called where `rows_are_selected`."""

    def _turn(self, where: Turn) -> None:
        cursors = {"first": "", "next": self._page.next_cursor, "previous": self._page.previous_cursor}
        self.after = cursors[where]

    def _changed(self, *_events: Any) -> None:
        self.table.loading_rows = True
        self.filters.errors = {}
        self.run(self._read, self._show, slot=self.table_slot)


class FieldError(ValidationError):
    """The value of one filter field means nothing."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def number_of(field: str, text: str) -> float | None:
    """Return the number in a filter field, None when empty; raise `FieldError` for anything else."""
    if not text.strip():
        return None
    try:
        number = float(text)
    except ValueError as err:
        raise FieldError(field, f"'{text[:40]}' is not a number") from err
    if not math.isfinite(number):
        raise FieldError(field, f"'{text[:40]}' is no number that anything can have")
    return number
