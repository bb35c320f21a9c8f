"""Columns of all sources at once: stored statistics, names without photometry, states of candidates."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from data_access.layout import Layout, Table
from data_access.records.source_columns import STORED_NAMES

FloatArray = npt.NDArray[np.float64]
_ROWS_AT_ONCE = 5_000
_POSITION = ("ra_deg", "dec_deg")
_MONITORED = (*_POSITION, "v_index", "eta")
_NAMED = (("sources", "id"), ("monitoring_sources", "source_id"))
_CANDIDATES = {
    "ese": ("ese_candidates", "source_id", "status"),
    "transient": ("transient_candidates", "source_name", "detection_type"),
}


class SourceColumnRepository:
    """Whole columns of the small tables about sources."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    async def version(self) -> tuple[Any, ...]:
        """Return a value that changes with every commit to the databases of these tables."""
        databases = {}
        of_candidates = (logical for logical, _, _ in _CANDIDATES.values())
        of_sources = (logical for logical, _ in _NAMED)
        for logical in ("photometry", "variability_stats", *of_sources, *of_candidates):
            table = await self._layout.find_or_none(logical)
            if table is not None:
                databases[table.database.role] = table.database
        return tuple([(role, await database.version()) for role, database in databases.items()])

    async def stored(self) -> tuple[list[str], dict[str, FloatArray]]:
        """Return the names in the stored statistics, and their columns by name with ``ra_deg`` and ``dec_deg``.

        What is not a number is NaN, what is absent too.
        """
        wanted = (*STORED_NAMES, *_POSITION)
        names: list[str] = []
        parts: list[FloatArray] = []
        table = await self._layout.find_or_none("variability_stats")
        if table is not None:
            async for rows in _pieces(table, ("source_id", *wanted)):
                names += [str(row[0]) for row in rows]
                parts.append(_numbers(rows, len(wanted)))
        columns = np.concatenate(parts) if parts else np.empty((0, len(wanted)))
        return names, {name: columns[:, i] for i, name in enumerate(wanted)}

    async def monitored(self) -> tuple[list[str], dict[str, FloatArray], list[tuple[str, str]]]:
        """Return the monitored sources and those of the table of sources, columns by name, and (source, other name).

        The columns are ``ra_deg``, ``dec_deg``, ``v_index`` and ``eta``; what is not a number is NaN. Where both
        tables have one, that of the monitoring counts.
        """
        rows: dict[str, int] = {}
        aliases: dict[tuple[str, str], None] = {}
        parts: list[tuple[list[int], FloatArray]] = []
        for logical, key in _NAMED:
            table = await self._layout.find_or_none(logical)
            if table is None:
                continue
            async for piece in _pieces(table, (key, "name", *_MONITORED)):
                places = [rows.setdefault(str(row[0]), len(rows)) for row in piece]
                parts.append((places, _numbers([row[1:] for row in piece], len(_MONITORED))))
                pairs = ((str(row[0]), str(row[1]).strip()) for row in piece if row[1] is not None)
                aliases.update(dict.fromkeys((source, name) for source, name in pairs if name not in ("", source)))
        columns = np.full((len(rows), len(_MONITORED)), np.nan)
        for places, values in parts:
            columns[places] = np.where(np.isnan(values), columns[places], values)
        return list(rows), {name: columns[:, i] for i, name in enumerate(_MONITORED)}, list(aliases)

    async def candidates(self, kind: str) -> list[tuple[str, str]]:
        """Return (source, state) of every candidate of a kind (see `STATE_KINDS`), both present."""
        logical, name, word = _CANDIDATES[kind]
        table = await self._layout.find_or_none(logical)
        if table is None:
            return []
        found: list[tuple[str, str]] = []
        async for rows in _pieces(table, (name, word)):
            found += [(str(row[0]), "unknown" if row[1] is None else str(row[1])) for row in rows]
        return found


async def _pieces(table: Table, columns: Sequence[str]) -> AsyncIterator[list[list[Any]]]:
    """Yield the rows with a value in the first column, each piece one question."""
    name = table.column(columns[0])
    if name == "NULL":
        return
    key = table.key(columns[0])
    after: Any = None
    while True:
        condition = "" if after is None else f"AND {key} > ?"
        sql = (
            f'SELECT {key}, {", ".join(table.select(columns))} FROM "{table.name}" WHERE {name} IS NOT NULL '
            f"{condition} ORDER BY {key} LIMIT {_ROWS_AT_ONCE}"
        )
        found = await table.fetch(sql, () if after is None else (after,), slow=True)
        yield [row[1:] for row in found.rows]
        if len(found.rows) < _ROWS_AT_ONCE:
            return
        after = found.rows[-1][0]


def _numbers(rows: Sequence[Sequence[Any]], n_columns: int) -> FloatArray:
    """Return everything but the first value of the rows, shape (n_rows, n_columns)."""
    values = [row[1:] for row in rows]
    try:
        return np.array(values, dtype=np.float64).reshape(len(rows), n_columns)
    except (TypeError, ValueError):
        return np.array([[_number(v) for v in row] for row in values], dtype=np.float64).reshape(-1, n_columns)


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")
