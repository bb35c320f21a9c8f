"""The whole result of a search as one file, with units, definitions and the question inside."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Mapping
from typing import BinaryIO, cast

import numpy as np
import numpy.typing as npt

from data_access.analysis.source_index import SourceIndex, ordered, sort_values
from data_access.analysis.table_files import WRITERS, FileColumn, FileTable, Format, text_values
from data_access.analysis.times import format_utc
from data_access.errors import ValidationError
from data_access.offload import Offload
from data_access.records.source_columns import COLUMNS, CURVE_METRICS, STATE_KINDS
from data_access.records.source_query import Found, SourceQuery
from data_access.repositories.photometry_epochs import EpochRepository
from data_access.services.source_search import SourceSearchService

IntArray = npt.NDArray[np.int64]
# The epochs of the observations are read measurement by measurement, 100,000 in a second.
MOST_MEASUREMENTS = 500_000
_AT_ONCE = 2
_PATIENCE_FOR_CURVES_S = 60.0
_SPANS = (
    ("first_mjd", "First epoch of the observations, MJD (UTC), flagged and forced measurements included"),
    ("last_obs_mjd", "Last epoch of the observations, MJD (UTC), flagged and forced measurements included"),
    ("span_d", "Time between the first and the last epoch"),
)


class SourceExportService:
    """Writes results into files that vanish when they are closed; few at once, the others wait."""

    def __init__(self, search: SourceSearchService, epochs: EpochRepository, offload: Offload) -> None:
        self._search = search
        self._epochs = epochs
        self._offload = offload
        self._gate = asyncio.Semaphore(_AT_ONCE)

    async def write(
        self, query: SourceQuery, kind: Format, *, sort: str, descending: bool, facts: Mapping[str, str]
    ) -> tuple[BinaryIO, int]:
        """Return an open file with all sources of the result in order, and its length in bytes; close it.

        Parameters
        ----------
        facts : mapping
            What was asked, in words and as a URL; time and counts are added.

        Raises
        ------
        ValidationError
            There is no such column to sort by.
        """
        async with self._gate:
            has_curve_metrics = await self._search.curve_metrics_made(
                CURVE_METRICS, patience_s=_PATIENCE_FOR_CURVES_S
            )
            await self._search.index(patience_s=20.0)
            if not has_curve_metrics:
                words, _ = self._search.follow_curve_metrics(CURVE_METRICS)
                facts = {**facts, "empty columns": f"{', '.join(CURVE_METRICS)}: {words}"}
            index, found = await self._search.select(query)
            return await self._written(index, found, kind, sort, descending, facts)

    async def _written(
        self, index: SourceIndex, found: Found, kind: Format, sort: str, descending: bool, facts: Mapping[str, str]
    ) -> tuple[BinaryIO, int]:
        try:
            sort_values(index, found, sort)
        except KeyError as err:
            raise ValidationError(f"Sources cannot be sorted by '{sort[:40]}'") from err
        order = await self._offload.in_thread(ordered, index, found, sort, descending=descending)
        rows = found.rows[order]
        spans = await self._spans(index, rows)
        return await self._offload.in_thread(_write, index, found, order, spans, kind, facts)

    async def _spans(self, index: SourceIndex, rows: IntArray) -> dict[str, tuple[float, float]] | None:
        """Return the first and last epoch by source; None where that would mean to read too much."""
        if float(index.columns["n_rows"][rows].sum()) > MOST_MEASUREMENTS:
            return None
        return await self._epochs.spans([index.names.names[i] for i in rows.tolist()])


def _write(
    index: SourceIndex,
    found: Found,
    order: IntArray,
    spans: Mapping[str, tuple[float, float]] | None,
    kind: Format,
    facts: Mapping[str, str],
) -> tuple[BinaryIO, int]:
    rows = found.rows[order]
    names = [index.names.names[i] for i in rows.tolist()]
    columns = [FileColumn("source_id", "", "Name of the source", text_values(names))]
    if found.separation_arcsec is not None:
        words = "Angle from the position that was asked for"
        columns.append(FileColumn("sep_arcsec", "arcsec", words, found.separation_arcsec[order]))
    columns += [FileColumn(c.name, c.unit, c.definition, index.columns[c.name][rows], c.whole) for c in COLUMNS]
    columns += [_state_column(index, kind_of_state, rows) for kind_of_state in STATE_KINDS]
    remarks = dict(facts)
    if spans is None:
        remarks["left out"] = (
            f"first_mjd, last_obs_mjd, span_d: the result has more than {MOST_MEASUREMENTS:,} measurements"
        )
    else:
        columns += _span_columns(names, spans)
    for i, note in enumerate((*found.notes, *_unmatched(found))):
        remarks[f"note {i + 1}"] = note
    remarks |= {
        "rows": str(rows.size),
        "sources in the archive": str(len(index)),
        "photometry as of": f"{format_utc(index.as_of)} UTC",
        "stored statistics as of": f"{format_utc(index.stored_as_of)} UTC",
        "written": f"{format_utc(time.time())} UTC",
    }
    out = cast(BinaryIO, tempfile.TemporaryFile(prefix="sources-"))  # noqa: SIM115  closed by who sends it
    try:
        WRITERS[kind](FileTable(tuple(columns), remarks), out)
        size = out.seek(0, 2)
        out.seek(0)
    except BaseException:
        out.close()
        raise
    return out, size


def _unmatched(found: Found) -> tuple[str, ...]:
    if not found.unmatched:
        return ()
    return (f"{len(found.unmatched):,} entries of the list mean no source: {', '.join(found.unmatched[:200])}",)


def _state_column(index: SourceIndex, kind: str, rows: IntArray) -> FileColumn:
    """Return the states of the pipeline's candidates; several of one source stand side by side."""
    states: dict[int, list[str]] = {}
    for word, members in index.states.get(kind, {}).items():
        for i in members.tolist():
            states.setdefault(i, []).append(word)
    texts = [", ".join(sorted(states[i])) if i in states else "" for i in rows.tolist()]
    label = {
        "ese": "State of the pipeline's ESE candidates",
        "transient": "Kind of the pipeline's transient candidates",
    }
    return FileColumn(kind, "", f"{label[kind]}; empty for none", text_values(texts))


def _span_columns(names: list[str], spans: Mapping[str, tuple[float, float]]) -> list[FileColumn]:
    nothing = (np.nan, np.nan)
    known = np.array([spans.get(name, nothing) for name in names], dtype=np.float64).reshape(-1, 2)
    values = (known[:, 0], known[:, 1], known[:, 1] - known[:, 0])
    return [FileColumn(name, "d", words, v) for (name, words), v in zip(_SPANS, values, strict=True)]
