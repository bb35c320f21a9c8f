"""The result of a search for sources, and the light curve of a source, as files at URLs of their own.

``/sources/export``
    ``format`` (csv, votable, fits, parquet), ``sort`` and ``order``, and every filter of the page of sources under
    its own name: the query of that page gives the whole of its list here, and what else stands in its address (rows,
    columns, the map) means nothing. A name that is not known is refused. The CSV is ECSV: its header is a comment.
``/sources/{id}/light_curve``
    All measurements of a source in the same formats (``format``). What the page of the source calls selected
    (``mjd_from``, ``mjd_to``, ``flagged=1``, ``without``) is a column; systematic errors (``error_percent``,
    ``error_mjy``) are named in the header, the errors stay as stored. Of more measurements than the archive reads at
    once the newest are taken; the file and the header ``X-Truncated`` say so.
"""

from __future__ import annotations

import io
import time
from typing import Any, BinaryIO
from urllib.parse import urlencode

from dashboards.file_answers import FileAnswer
from dashboards.links import Links
from dashboards.pages.epoch_selection import SELECTION_PARAMS, parse_selection
from dashboards.pages.source_search import NAMES, query_with_lists, query_words
from dashboards.pages.sources import SourcesPage
from dashboards.plots.style import how_many
from data_access.analysis.light_curve_file import light_curve_table
from data_access.analysis.table_files import FORMATS, WRITERS, FileTable, Format
from data_access.analysis.times import format_utc
from data_access.records import SourceDetail
from data_access.services.cutout_files import safe_name

_CHUNK_BYTES = 1 << 20
_ASKED = ("list", "picked", *NAMES)


def source_file_rules(archive: Any) -> list[tuple[Any, ...]]:
    """Return the Tornado rules of this module."""
    arguments = {"archive": archive}
    return [
        (r"/sources/export", SourceExportHandler, arguments),
        (r"/sources/([^/]+)/light_curve", LightCurveHandler, arguments),
    ]


class TableAnswer(FileAnswer):
    """What answers with tables have in common."""

    def format(self) -> Format:
        """Return the format that is asked for."""
        return self.word("format", "csv", tuple(FORMATS))  # type: ignore[return-value]

    def announce(self, kind: Format, stem: str, size: int) -> None:
        """Set the headers of a file that is made for this answer alone."""
        media, suffix = FORMATS[kind]
        self.set_header("Content-Type", media)
        self.set_header("Content-Disposition", f'attachment; filename="{stem}.{suffix}"')
        self.set_header("Content-Length", size)
        self.set_header("Cache-Control", "no-store")


class SourceExportHandler(TableAnswer):
    """All sources of a result, as a file."""

    names = ("format", "sort", "order", *_ASKED)
    ignored = ("theme", *SourcesPage.url_params)

    async def find(self, *parts: str) -> dict[str, str]:  # noqa: ARG002  the query names the record
        """Return the filters that are asked for, by name."""
        return {name: value for name in _ASKED if (value := self.get_query_argument(name, ""))}

    async def answer(self, found: dict[str, str]) -> None:
        """Write the file off the event loop, then send it in pieces."""
        kind = self.format()
        descending = self.word("order", "asc", ("asc", "desc")) == "desc"
        sort = self.get_query_argument("sort", "")
        query = await query_with_lists(found, self._archive.source_lists)
        asked = {**found, "sort": sort or "source_id", "order": "desc" if descending else "asc"}
        words = [
            query_words(found),
            "" if query.entries is None else f"list of {len(query.entries):,} entries",
            "" if query.only is None else f"{how_many(len(query.only), 'source')} picked on the sky map",
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
            self.announce(kind, time.strftime("sources_%Y%m%dT%H%M%S", time.gmtime()), size)
            if self.request.method != "HEAD":
                await self._send(file)
        finally:
            file.close()

    async def _send(self, file: BinaryIO) -> None:
        while piece := await self._archive.offload.in_thread(file.read, _CHUNK_BYTES):
            self.write(piece)
            await self.flush()  # waits for a slow reader


class LightCurveHandler(TableAnswer):
    """All measurements of a source, as a file."""

    names = ("format", *SELECTION_PARAMS)

    async def find(self, *parts: str) -> SourceDetail:
        """Return what is recorded about the source."""
        detail: SourceDetail = await self._archive.sources.get(*parts)
        return detail

    async def answer(self, found: SourceDetail) -> None:
        """Write the file off the event loop, then send it."""
        kind, curve = self.format(), found.light_curve
        is_flagged_in = self.word("flagged", "0", ("0", "1")) == "1"
        words = {name: self.get_query_argument(name, "") for name in SELECTION_PARAMS if name != "flagged"}
        selection = parse_selection({**words, "flagged": is_flagged_in})
        given = {name: value for name, value in words.items() if value}
        parts = ["all measurements; selected: flagged ones " + ("too" if is_flagged_in else "are not")]
        parts += [f"{name}: {value}" for name, value in given.items()]
        asked = {**given, "flagged": 1 if is_flagged_in else None}
        facts = {
            "title": "DSA-110 light curve",
            **_about(found),
            "query": "; ".join(parts),
            "url": Links("").source_light_curve(curve.source_id, **asked),
            "written": f"{format_utc(time.time())} UTC",
        }
        table = light_curve_table(curve, selection.brushed(curve) if selection.is_brushed else selection.used(curve),
                                  facts)  # fmt: skip
        body = await self._archive.offload.in_thread(_written, table, kind)
        if curve.truncated:
            self.set_header("X-Truncated", f"the newest {curve.n_epoch} measurements")
        self.announce(kind, f"{safe_name(curve.source_id)}_light_curve", len(body))
        self.finish(body)


def _written(table: FileTable, kind: Format) -> bytes:
    out = io.BytesIO()
    WRITERS[kind](table, out)
    return out.getvalue()


def _about(detail: SourceDetail) -> dict[str, str]:
    """Return name and position as facts; those that are not recorded are left out."""
    source, curve = detail.source, detail.light_curve
    ra_deg = source.ra_deg if source.ra_deg is not None else curve.ra_deg
    dec_deg = source.dec_deg if source.dec_deg is not None else curve.dec_deg
    facts = {"source": curve.source_id, "name": source.name or ""}
    facts |= {
        name: f"{value:.7f} deg (ICRS)" for name, value in (("ra", ra_deg), ("dec", dec_deg)) if value is not None
    }
    return {name: value for name, value in facts.items() if value}
