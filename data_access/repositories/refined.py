"""Pages of a list whose last test SQL cannot make: rows are walked in bounded chunks until the page is full."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from data_access.errors import ValidationError
from data_access.records import Cursor, PageRequest, RecordPage
from data_access.repositories.base import Segment, cursor_at, walk_rows

RecordT = TypeVar("RecordT")

CHUNK_ROWS = 500
MOST_ROWS = 4000

Keep = Callable[[Sequence[Any]], Awaitable[Sequence[bool]]]
_Row = tuple[int, Any]


@dataclass(slots=True)
class _Walk(Generic[RecordT]):
    """What was met on the way: the rows kept, the first and the last one looked at, and why it ended."""

    kept: list[tuple[_Row, RecordT]] = field(default_factory=list)
    first: _Row | None = None
    last: _Row | None = None
    n_looked_at: int = 0
    at_end: bool = False


async def read_refined_page(
    segments: Sequence[Segment],
    request: PageRequest,
    convert: Callable[[list[Any]], RecordT],
    keep: Keep,
    *,
    most_rows: int = MOST_ROWS,
) -> RecordPage[RecordT]:
    """Return one page of the rows that `keep` keeps, having looked at `most_rows` rows at most.

    A page that is not full because of that bound says so in its note, and its next position goes on where it
    stopped: no row is ever lost or met twice.

    Parameters
    ----------
    keep : coroutine function (records) -> sequence of bool
        The test that SQL cannot make; sees `CHUNK_ROWS` records at a time.
    """
    cursor = Cursor.decode(request.cursor) if request.cursor else None
    if cursor is not None and cursor.segment >= len(segments):
        raise ValidationError("That is not a position in this list", remedy="Start again from the first page.")
    backwards = cursor is not None and cursor.backwards
    walk = await _walk(segments, request, cursor, convert, keep, most_rows)
    kept = walk.kept[: request.limit]
    cut = len(walk.kept) > request.limit
    far, near = (kept[-1][0] if cut else walk.last), (kept[0][0] if kept else walk.last if backwards else walk.first)
    more, before = cut or not walk.at_end, cursor is not None
    ahead = cursor_at(far, backwards=backwards) if far is not None and more else ""
    behind = cursor_at(near, backwards=not backwards) if near is not None and before else ""
    if backwards:
        kept.reverse()
    return RecordPage(
        rows=tuple(record for _, record in kept),
        next_cursor=behind if backwards else ahead,
        previous_cursor=ahead if backwards else behind,
        note="" if cut or walk.at_end else _stopped(walk, len(kept)),
    )


def _stopped(walk: _Walk[Any], n_kept: int) -> str:
    return (
        f"{n_kept:,} of the {walk.n_looked_at:,} rows looked at for this page match; turn the page to look further."
    )


async def _walk(
    segments: Sequence[Segment],
    request: PageRequest,
    cursor: Cursor | None,
    convert: Callable[[list[Any]], RecordT],
    keep: Keep,
    most_rows: int,
) -> _Walk[RecordT]:
    backwards = cursor is not None and cursor.backwards
    walk: _Walk[RecordT] = _Walk()
    while not walk.at_end and len(walk.kept) <= request.limit and walk.n_looked_at < most_rows:
        chunk = PageRequest(min(CHUNK_ROWS, most_rows - walk.n_looked_at), "", request.sort, request.descending)
        found = await walk_rows(segments, cursor, chunk, backwards=backwards)
        walk.at_end = len(found) <= chunk.limit
        rows = found[: chunk.limit]
        if not rows:
            break
        records = [convert(row[2:]) for _, row in rows]
        wanted = await keep(records)
        walk.kept += [(row, record) for row, record, is_kept in zip(rows, records, wanted, strict=True) if is_kept]
        walk.first, walk.last = walk.first or rows[0], rows[-1]
        walk.n_looked_at += len(rows)
        if not walk.at_end:
            cursor = Cursor.decode(cursor_at(rows[-1], backwards=backwards))
    return walk
