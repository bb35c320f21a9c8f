"""The result of a search for sources as a file, at a URL of its own.

``/sources/export``
    ``format`` (csv, votable, fits, parquet), ``sort`` and ``order``, and every filter of the page of sources under
    its own name: the query of that page gives the whole of its list here. The CSV is ECSV: its header is a comment.
"""

from __future__ import annotations

import time
from typing import Any, BinaryIO
from urllib.parse import urlencode

from dashboards.image_files import FileAnswer
from dashboards.pages.source_search import NAMES, query_with_lists, query_words
from data_access.analysis.table_files import FORMATS, Format

_CHUNK_BYTES = 1 << 20


def source_file_rules(archive: Any) -> list[tuple[Any, ...]]:
    """Return the Tornado rules of this module."""
    return [(r"/sources/export", SourceExportHandler, {"archive": archive})]


class SourceExportHandler(FileAnswer):
    """All sources of a result, as a file."""

    async def find(self, *parts: str) -> dict[str, str]:  # noqa: ARG002  the query names the record
        """Return the filters that are asked for, by name."""
        return {name: value for name in ("list", "picked", *NAMES) if (value := self.get_query_argument(name, ""))}

    async def answer(self, found: dict[str, str]) -> None:
        """Write the file off the event loop, then send it in pieces."""
        kind: Format = self.word("format", "csv", tuple(FORMATS))  # type: ignore[assignment]
        descending = self.word("order", "asc", ("asc", "desc")) == "desc"
        sort = self.get_query_argument("sort", "")
        query = await query_with_lists(found, self._archive.source_lists)
        asked = {**found, "sort": sort or "source_id", "order": "desc" if descending else "asc"}
        words = [
            query_words(found),
            "" if query.entries is None else f"list of {len(query.entries):,} entries",
            "" if query.only is None else f"{len(query.only):,} sources picked on the sky map",
        ]
        facts = {
            "title": "DSA-110 sources",
            "query": "; ".join(word for word in words if word) or "all sources",
            "url": f"sources?{urlencode(asked)}",
        }
        file, size = await self._archive.source_export.write(
            query, kind, sort=sort, descending=descending, facts=facts
        )
        try:
            media, suffix = FORMATS[kind]
            name = time.strftime(f"sources_%Y%m%dT%H%M%S.{suffix}", time.gmtime())
            self.set_header("Content-Type", media)
            self.set_header("Content-Disposition", f'attachment; filename="{name}"')
            self.set_header("Content-Length", size)
            self.set_header("Cache-Control", "no-store")
            if self.request.method != "HEAD":
                await self._send(file)
        finally:
            file.close()

    async def _send(self, file: BinaryIO) -> None:
        while piece := await self._archive.offload.in_thread(file.read, _CHUNK_BYTES):
            self.write(piece)
            await self.flush()  # waits for a slow reader
