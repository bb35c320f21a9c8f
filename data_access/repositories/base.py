"""What every repository shares: a filter builder, keyset paging, honest counts, tolerant reading of values."""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from data_access.analysis.times import mjd_of_stamp, mjd_to_unix
from data_access.database import Database, Rows
from data_access.errors import QueryTooSlow, ValidationError
from data_access.layout import Table
from data_access.read_only_connection import Statement
from data_access.records import Count, Cursor, PageRequest, RecordPage
from data_access.repositories.large_tables import is_large, sort_large

RecordT = TypeVar("RecordT")

COUNT_CAP = 10_000
UNIX_BOUNDS = (0.0, 4e9)
_INFINITY = math.inf
_PLAIN_COLUMN = re.compile(r'(?:\w+\.)?"?(\w+)"?')


@dataclass(slots=True)
class Where:
    """Conditions joined by AND, their values bound."""

    clauses: list[str] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)

    def add(self, clause: str, *values: Any) -> None:
        """Add one condition."""
        self.clauses.append(clause)
        self.values.extend(values)

    def between(self, expression: str, low: float | None, high: float | None) -> None:
        """Add a lower and an upper bound, each optional."""
        if low is not None:
            self.add(f"{expression} >= ?", low)
        if high is not None:
            self.add(f"{expression} <= ?", high)

    def contains(self, expression: str, text: str) -> None:
        """Add 'contains this text', without regard to case; no wildcard has a meaning."""
        if text.strip():
            self.add(f"instr(lower({expression}), lower(?)) > 0", text.strip())

    def sql(self, *more: str) -> str:
        """Return the WHERE clause, or an empty text."""
        clauses = [*self.clauses, *(m for m in more if m)]
        return f" WHERE {' AND '.join(clauses)}" if clauses else ""


@dataclass(frozen=True, slots=True)
class Listing:
    """A list that can be paged: what to select from where, and how it can be sorted.

    Attributes
    ----------
    source : str
        The FROM clause.
    columns : tuple of str
        SQL expressions.
    key : str
        Expression that is unique and never NULL (see `Table.key`).
    sorts : mapping
        Name of the order -> SQL expression.
    numbers : frozenset of str
        The orders by a number: rows with a text there stand among those without.
    """

    table: Table
    source: str
    columns: tuple[str, ...]
    key: str
    sorts: Mapping[str, str]
    default_sort: str
    numbers: frozenset[str] = frozenset()

    def sort_expression(self, name: str) -> str:
        """Return the expression to sort by; raise `ValidationError` for an unknown order."""
        chosen = name or self.default_sort
        if chosen not in self.sorts:
            raise ValidationError(
                f"This list cannot be sorted by '{chosen}'", remedy=f"Choose one of: {', '.join(sorted(self.sorts))}."
            )
        return self.sorts[chosen]

    def beyond(self, name: str) -> str:
        """Return the least of what is no value: SQLite has texts after all numbers, and bytes after all texts."""
        return "''" if (name or self.default_sort) in self.numbers else "x''"

    def is_served(self, name: str) -> bool:
        """Return whether an index, or the key itself, has the rows in this order."""
        expression = self.sort_expression(name)
        return expression in (self.key, "NULL") or _column_of(expression) in self.table.indexed

    def served_sorts(self) -> list[str]:
        """Return the names of the orders that are read from an index, however large the table is."""
        return [name for name, expression in self.sorts.items() if expression != "NULL" and self.is_served(name)]


@dataclass(frozen=True, slots=True)
class Segment:
    """One part of a list.

    Attributes
    ----------
    read : coroutine function (position or None, descending, limit) -> Rows
        Rows after a position; each is [sort value, key, *columns].
    """

    read: Callable[[Cursor | None, bool, int], Awaitable[Rows]]


def listing_segments(listing: Listing, where: Where, sort: str) -> tuple[Segment, ...]:
    """Return the rows with a sort value, those without and those with bytes (or a text) in it, as segments.

    Each segment can use an index; an order that none serves goes through the whole table, in the lane of slow
    questions when it is a large one. Bytes sort after everything else in SQLite and cannot stand in a cursor.
    """
    expression = listing.sort_expression(sort)
    if expression == "NULL":
        raise ValidationError(
            f"This archive does not record '{sort}'", remedy="Sort by another column.", table=listing.table.logical
        )

    async def with_value(after: Cursor | None, descending: bool, limit: int) -> Rows:
        return await _read_by_value(listing, where, sort, after, limit, descending=descending)

    if expression == listing.key:
        return (segment_by_key(listing, where, sort, ""),)
    others = (f"{expression} IS NULL", f"{expression} >= {listing.beyond(sort)}")
    return (Segment(with_value), *(segment_by_key(listing, where, sort, condition) for condition in others))


def segment_by_key(listing: Listing, where: Where, sort: str, condition: str) -> Segment:
    """Return the rows for which one more condition holds, in the order of their key."""

    async def read(after: Cursor | None, descending: bool, limit: int) -> Rows:
        return await _read_by_key(listing, where, sort, condition, after, limit, descending=descending)

    return Segment(read)


async def _read_by_value(
    listing: Listing, where: Where, sort: str, after: Cursor | None, limit: int, *, descending: bool
) -> Rows:
    way, sign = ("DESC", "<") if descending else ("ASC", ">")
    expression = listing.sort_expression(sort)
    more, values = [f"{expression} < {listing.beyond(sort)}"], list(where.values)
    if after is not None:
        if descending:
            more.clear()  # the position is a closer bound; of two, SQLite would walk the index down from the first
        more.append(f"({expression}, {listing.key}) {sign} (?, ?)")
        values.extend((after.value, after.key))
    order = f"{expression} {way}, {listing.key} {way}"
    return await _select(listing, sort, (expression, where.sql(*more), values, order), limit)


async def _read_by_key(
    listing: Listing,
    where: Where,
    sort: str,
    condition: str,
    after: Cursor | None,
    limit: int,
    *,
    descending: bool,
) -> Rows:
    way, sign = ("DESC", "<") if descending else ("ASC", ">")
    more, values = [condition], list(where.values)
    if after is not None:
        more.append(f"{listing.key} {sign} ?")
        values.append(after.key)
    return await _select(listing, sort, ("NULL", where.sql(*more), values, f"{listing.key} {way}"), limit)


async def _select(listing: Listing, sort: str, parts: tuple[str, str, Sequence[Any], str], limit: int) -> Rows:
    expression, where, values, order = parts
    select = ", ".join((expression, listing.key, *listing.columns))
    if listing.is_served(sort) or not await is_large(listing.table):
        sql = f"SELECT {select} FROM {listing.source}{where} ORDER BY {order} LIMIT {limit}"
        return await listing.table.fetch(sql, values)
    # The rows of the page are read when they are known: carrying those of all others along cost up to 2.7 times more.
    keys = f"SELECT {listing.key} FROM {listing.source}{where} ORDER BY {order} LIMIT {limit}"
    sql = f"SELECT {select} FROM {listing.source} WHERE {listing.key} IN ({keys}) ORDER BY {order} LIMIT {limit}"
    return await sort_large(listing.table, (sql, values), sort, listing.served_sorts())


async def read_page(
    segments: Sequence[Segment], request: PageRequest, convert: Callable[[list[Any]], RecordT], *, note: str = ""
) -> RecordPage[RecordT]:
    """Return one page; its cost does not depend on how deep it lies.

    Parameters
    ----------
    segments : sequence
        Parts of the list, one after the other.
    convert : callable
        Makes a record from the columns of a row (without sort value and key).
    """
    cursor = Cursor.decode(request.cursor) if request.cursor else None
    if cursor is not None and cursor.segment >= len(segments):
        raise ValidationError("That is not a position in this list", remedy="Start again from the first page.")
    backwards = cursor is not None and cursor.backwards
    rows = await walk_rows(segments, cursor, request, backwards=backwards)
    more = len(rows) > request.limit
    rows = rows[: request.limit]
    if backwards:
        rows.reverse()
    has_next = more if not backwards else True
    has_previous = cursor is not None if not backwards else more
    return RecordPage(
        rows=tuple(convert(row[2:]) for _, row in rows),
        next_cursor=cursor_at(rows[-1], backwards=False) if rows and has_next else "",
        previous_cursor=cursor_at(rows[0], backwards=True) if rows and has_previous else "",
        note=note,
    )


async def walk_rows(
    segments: Sequence[Segment], cursor: Cursor | None, request: PageRequest, *, backwards: bool
) -> list[tuple[int, Any]]:
    """Return the rows after a position, one more than asked for if there is one, each with its segment."""
    descending = request.descending != backwards
    order = range(len(segments)) if not backwards else range(len(segments) - 1, -1, -1)
    start = cursor.segment if cursor is not None else order[0]
    rows: list[tuple[int, Any]] = []
    for index in order:
        if (index < start and not backwards) or (index > start and backwards):
            continue
        need = request.limit + 1 - len(rows)
        if need <= 0:
            break
        position = cursor if index == start else None
        found = await segments[index].read(position, descending, need)
        rows += [(index, row) for row in found.rows]
    return rows


def cursor_at(row: tuple[int, Any], *, backwards: bool) -> str:
    """Return the position of a row of `walk_rows`."""
    index, (value, key, *_) = row
    return Cursor(value, key, index, backwards).encode()


async def position_in(listing: Listing, sort: str, key: Any, *, backwards: bool) -> str:
    """Return the position of the row with this key in a list of `listing_segments`; empty where there is none."""
    expression = listing.sort_expression(sort)
    sql = f"SELECT {expression} FROM {listing.source} WHERE {listing.key} = ? ORDER BY 1 LIMIT 1"
    found = await listing.table.fetch(sql, (key,))
    if not found.rows:
        return ""
    value = found.rows[0][0]
    if expression == listing.key:
        return Cursor(None, key, 0, backwards).encode()
    if value is None or isinstance(value, bytes if listing.beyond(sort) == "x''" else bytes | str):
        return Cursor(None, key, 1 if value is None else 2, backwards).encode()
    return Cursor(value, key, 0, backwards).encode()


async def ask_together(asked: Sequence[tuple[Table | None, Statement]]) -> list[list[list[Any]]]:
    """Return the rows of several questions, those to one database in one go; a table that is absent has none."""
    answers: list[list[list[Any]]] = [[] for _ in asked]
    together: dict[Database, list[int]] = {}
    for index, (table, _) in enumerate(asked):
        if table is not None:
            together.setdefault(table.database, []).append(index)
    for database, indices in together.items():
        found = await database.fetch_together([asked[index][1] for index in indices])
        for index, rows in zip(indices, found, strict=True):
            answers[index] = rows.rows
    return answers


async def count_rows(
    table: Table, source: str, where: Where, *, deadline_s: float, whole_table: bool = False
) -> Count:
    """Return how many rows match, without ever reading them all: exact up to a cap, else an honest word.

    Parameters
    ----------
    whole_table : bool
        True when `source` is the table itself: without conditions it has no more rows than there are numbers from
        its lowest row number to its highest one.
    """
    ends = f'(SELECT max(rowid) FROM "{table.name}") - (SELECT min(rowid) FROM "{table.name}") + 1'
    span = ends if whole_table and table.has_rowid else "NULL"
    counted = f"(SELECT count(*) FROM (SELECT 1 FROM {source}{where.sql()} LIMIT {COUNT_CAP + 1}))"
    if whole_table and not where.clauses:  # skipping rows takes less than half the time of counting them one by one
        beyond = f"EXISTS (SELECT 1 FROM {source} LIMIT 1 OFFSET {COUNT_CAP})"
        counted = f"CASE WHEN {beyond} THEN {COUNT_CAP + 1} ELSE (SELECT count(*) FROM {source}) END"
    sql = f"SELECT {counted}, {span}"
    try:
        found = await table.fetch(sql, where.values, deadline_s=deadline_s)
    except QueryTooSlow:
        return Count(None, "unknown")
    n, most = found.rows[0]
    if n <= COUNT_CAP:
        return Count(n)
    if where.clauses or most is None:
        return Count(COUNT_CAP, "at least")
    return Count(int(most), "at most")


def _column_of(expression: str) -> str:
    """Return the name of the column when an expression is nothing but one, else an empty text."""
    match = _PLAIN_COLUMN.fullmatch(expression)
    return match[1] if match else ""


class RowReader:
    """Reads the values of one row, whatever types the writer left there, and remembers what was odd."""

    def __init__(self, names: Sequence[str], values: Sequence[Any]) -> None:
        self._values = dict(zip(names, values, strict=True))
        self.problems: list[str] = []

    def real(self, name: str, low: float = -math.inf, high: float = math.inf) -> float | None:
        """Return a finite number or None; text is noted as a problem, a value out of range too (it is kept)."""
        value = self._values[name]
        if value is None or value == "":
            return None
        if type(value) is float and low <= value <= high and -_INFINITY < value < _INFINITY:
            return value
        try:
            number = float(value)
        except (TypeError, ValueError):
            self.problems.append(f"{name} holds the text '{str(value)[:40]}', not a number")
            return None
        if not math.isfinite(number):
            self.problems.append(f"{name} is {number}")
            return None
        if not low <= number <= high:
            self.problems.append(f"{name} = {number:g} is not possible")
        return number

    def reals(self, bounds: Mapping[str, tuple[float, float]]) -> dict[str, float | None]:
        """Return `real` of several columns, each with its own lowest and highest value."""
        values, found = self._values, {}
        for name, (low, high) in bounds.items():
            value = values[name]
            plain = value is None or (type(value) is float and low <= value <= high and value - value == 0.0)
            found[name] = value if plain else self.real(name, low, high)
        return found

    def integer(self, name: str) -> int | None:
        """Return a whole number or None, with all its digits."""
        value = self._values[name]
        if isinstance(value, int):
            return value
        number = self.real(name)
        return None if number is None else int(number)

    def text(self, name: str) -> str | None:
        """Return text, or None when NULL or empty."""
        value = self._values[name]
        return None if value is None or value == "" else str(value)

    def flag(self, name: str) -> bool | None:
        """Return a truth value, or None when NULL."""
        number = self.real(name)
        return None if number is None else number != 0

    def unix(self, name: str) -> float | None:
        """Return unix seconds; text in a time column is noted."""
        return self.real(name, *UNIX_BOUNDS)

    def moment(self, name: str) -> float | None:
        """Return unix seconds, of a text in ISO 8601 too: without a zone it is UTC."""
        value = self._values[name]
        mjd = mjd_of_stamp(value) if isinstance(value, str) and "-" in value else None
        return self.unix(name) if mjd is None else round(mjd_to_unix(mjd), 3)

    def decoded(self, name: str) -> Any:
        """Return JSON, else a Python literal (the pipeline writes both), else the text itself."""
        value = self._values[name]
        if not isinstance(value, str):
            return value
        return decode_loose(value)


def decode_loose(text: str) -> Any:
    """Return the value of JSON or of a Python literal, else the text."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        return ast.literal_eval(text)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return text
