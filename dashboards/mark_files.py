"""What people said about candidates as a file: ``/marks.csv``, with ``?history=1`` (or yes) every change."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any

from dashboards.file_answers import FileAnswer
from data_access.analysis.times import format_utc
from data_access.records.marks import Mark

COLUMNS = ("kind", "object_id", "verdict", "tags", "comment", "who", "marked_at_utc", "revision", "undoes")
_YES = ("1", "yes", "true")
_NO = ("0", "no", "false")


def mark_file_rules(archive: Any) -> list[tuple[Any, ...]]:
    """Return the Tornado rules of this module."""
    return [(r"/marks\.csv", MarksHandler, {"archive": archive})]


class MarksHandler(FileAnswer):
    """The newest marks as CSV, or every change."""

    names = ("history",)

    async def find(self, *parts: str) -> tuple[bool, tuple[Mark, ...]]:  # noqa: ARG002  the query says which
        """Return whether every change is asked for, and the marks."""
        whole, marks = self.word("history", "0", (*_YES, *_NO)) in _YES, self._archive.marks
        return whole, tuple(await marks.find_all() if whole else (await marks.find()).values())

    async def answer(self, found: tuple[bool, tuple[Mark, ...]]) -> None:
        """Write the file off the event loop, then send it."""
        whole, marks = found
        body = await self._archive.offload.in_thread(marks_csv, marks)
        self.set_header("Content-Type", "text/csv; charset=utf-8")
        self.set_header("Cache-Control", "no-store")
        name = "marks_history.csv" if whole else "marks.csv"
        self.set_header("Content-Disposition", f'attachment; filename="{name}"')
        self.finish(body)


def marks_csv(marks: Iterable[Mark]) -> str:
    """Return marks as CSV; a text that a spreadsheet would take for a formula gets an apostrophe in front."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for mark in marks:
        words = (mark.kind, mark.object_id, mark.verdict, " ".join(mark.tags), mark.comment, mark.who)
        undoes = "" if mark.undoes is None else mark.undoes
        writer.writerow([*map(_inert, words), format_utc(mark.marked_at), mark.revision, undoes])
    return text.getvalue()


def _inert(text: str) -> str:
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
