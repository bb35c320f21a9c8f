"""The photometry table as a growing list of rows: how far it goes, and whether a stretch of it is unchanged."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from typing import Any

from data_access.errors import DatabaseError
from data_access.layout import Layout, Table
from data_access.records.measurement_quality import FORCED_WORDS, GOOD_WORDS, LIMIT_WORDS
from data_access.records.variability import BlockQuery
from data_access.repositories.flux_columns import recorded_peak_sql
from data_access.repositories.measured_images import OBSERVATION_TABLES, observation_questions
from data_access.repositories.measurement_quality import has_quality

# One answer has at most this many rows, below any row cap in use.
POSITIONS_AT_ONCE = 5_000
_HUGE = "1e300"
# Which words say that a measurement is not to be counted: sums that were kept by another rule are made anew.
_RULE = (GOOD_WORDS, FORCED_WORDS, LIMIT_WORDS)


@dataclass(frozen=True, slots=True)
class Growth:
    """The table as it is now.

    Attributes
    ----------
    newest_id : int
        Highest row number; 0 without rows.
    identity : str
        Changes when the file, the table or the columns that are read are other ones.
    """

    newest_id: int
    identity: str


class PhotometryBlocks:
    """Rows of ``photometry`` in the order in which they were written."""

    def __init__(self, layout: Layout, *, busy_timeout_s: float, deadline_s: float) -> None:
        self._layout = layout
        self._busy_timeout_s = busy_timeout_s
        self._deadline_s = deadline_s

    async def look(self) -> tuple[Growth, BlockQuery]:
        """Return how far the table goes, and how to read a stretch of it.

        Raises
        ------
        DatabaseError
            It cannot be read, or its rows have no numbers (a view).
        """
        table = await self._layout.find("photometry")
        if not table.has_rowid:
            raise DatabaseError(
                f"The rows of '{table.name}' have no numbers: sums over all sources cannot be kept", table=table.name
            )
        found = await table.fetch(f'SELECT max(rowid) FROM "{table.name}"')
        newest = found.rows[0][0]
        expressions = _expressions(table)
        tables = [await self._layout.find_in(name, table.database) for name in OBSERVATION_TABLES]
        observed = tuple(question for _, question in observation_questions(*tables))
        version = await table.database.version()
        query = BlockQuery(
            role=table.database.role,
            path=str(table.database.path),
            immutable=table.database.mode == "immutable",
            expressions=expressions,
            from_where=f'FROM "{table.name}" WHERE rowid > ? AND rowid <= ?',
            has_quality=has_quality(table),
            busy_timeout_s=self._busy_timeout_s,
            deadline_s=self._deadline_s,
            observed=observed,
        )
        # The first number counts commits; the rest tells one file from another under the same name.
        identity = json.dumps(
            [query.path, list(version[1:3]), table.name, expressions, list(map(astuple, observed)), *_RULE]
        )
        return Growth(int(newest) if isinstance(newest, int) else 0, identity), query

    @staticmethod
    def of_sources(query: BlockQuery, names: Sequence[str]) -> BlockQuery:
        """Return how to read the rows of some sources in a stretch, by the index of the sources."""
        wanted = f"{query.expressions[1]} IN ({', '.join('?' * len(names))})"
        return replace(query, from_where=f"{query.from_where} AND {wanted}", names=tuple(names))

    async def totals(self, after_id: int, last_id: int) -> tuple[int, tuple[float, ...]]:
        """Return the number of rows above `after_id` up to `last_id`, and sums of the absolute fluxes and errors."""
        table = await self._layout.find("photometry")
        sums = ", ".join(f"total(CASE WHEN abs({c}) < {_HUGE} THEN abs({c}) END)" for c in _flux_columns(table))
        sql = f'SELECT count(*), {sums} FROM "{table.name}" WHERE rowid > ? AND rowid <= ?'
        found = await table.fetch(sql, (after_id, last_id), slow=True, deadline_s=self._deadline_s)
        count, *values = found.rows[0]
        return int(count), tuple(float(value) for value in values)

    async def next_id(self, after_id: int) -> int | None:
        """Return the first row number above `after_id`; None when there is none."""
        table = await self._layout.find("photometry")
        sql = f'SELECT min(rowid) FROM "{table.name}" WHERE rowid > ?'
        found = await table.fetch(sql, (after_id,))
        value = found.rows[0][0]
        return value if isinstance(value, int) else None

    async def count_up_to(self, last_id: int) -> int:
        """Return how many rows there are from 1 up to a row number: walks an index, so ask rarely."""
        table = await self._layout.find("photometry")
        sql = f'SELECT count(*) FROM "{table.name}" WHERE rowid > 0 AND rowid <= ?'
        found = await table.fetch(sql, (last_id,), slow=True, deadline_s=self._deadline_s)
        return int(found.rows[0][0])

    async def positions(self, ids: Sequence[int]) -> dict[int, tuple[float, float]]:
        """Return (ra_deg, dec_deg) by row number of at most `POSITIONS_AT_ONCE` rows."""
        table = await self._layout.find("photometry")
        sql = (
            f'SELECT rowid, {table.column("ra_deg")}, {table.column("dec_deg")} FROM "{table.name}" '
            f"WHERE rowid IN ({', '.join(str(int(i)) for i in ids[:POSITIONS_AT_ONCE])})"
        )
        found = await table.fetch(sql, slow=True)
        return {int(row[0]): (_degrees(row[1]), _degrees(row[2])) for row in found.rows}


def _degrees(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else float("nan")


def _flux_columns(table: Table) -> tuple[str, str, str, str]:
    return (
        recorded_peak_sql(table),
        table.column("peak_err_jyb"),
        table.column("flux_jy"),
        table.column("flux_err_jy"),
    )


def _expressions(table: Table) -> tuple[str, ...]:
    measured = table.column("measured_at")
    measured_mjd = f"{measured} / 86400.0 + 40587.0" if measured != "NULL" else measured
    image, mosaic, mjd, flags, quality = (
        table.column(name) for name in ("image_path", "mosaic_path", "mjd", "flags", "quality_flag")
    )
    fluxes = _flux_columns(table)
    return ("rowid", table.column("source_id"), *fluxes, image, mosaic, mjd, measured_mjd, flags, quality)
