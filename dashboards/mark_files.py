"""What people said about candidates as a file: ``/marks.csv``, with ``?history=1`` every change."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any

from tornado.web import RequestHandler

from dashboards.boundary import Boundary
from data_access.analysis.times import format_utc
from data_access.records.marks import Mark

COLUMNS = ("kind", "object_id", "verdict", "tags", "comment", "who", "marked_at_utc", "revision", "undoes")


def mark_file_rules(archive: Any) -> list[tuple[Any, ...]]:
    """Return the Tornado rules of this module."""
    return [(r"/marks\.csv", MarksHandler, {"archive": archive})]


class MarksHandler(RequestHandler):
    """All marks as CSV."""

    def initialize(self, archive: Any) -> None:
        """Receive the archive."""
        self._archive = archive

    async def get(self) -> None:
        """Answer with the newest marks, or with every change."""
        with Boundary(self.request.path) as boundary:
            whole = self.get_query_argument("history", "") in ("1", "true", "yes")
            marks = self._archive.marks
            found = await marks.find_all() if whole else tuple((await marks.find()).values())
            body = await self._archive.offload.in_thread(marks_csv, found)
            self.set_header("Content-Type", "text/csv; charset=utf-8")
            self.set_header("Cache-Control", "no-store")
            name = "marks_history.csv" if whole else "marks.csv"
            self.set_header("Content-Disposition", f'attachment; filename="{name}"')
            self.finish(body)
        if boundary.failure is not None:
            write: Any = self
            write.write_failure(boundary.failure)


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
