"""Names of calibrators and sources, and where they are: what the pipeline's own tables say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from data_access.errors import DatabaseError
from data_access.layout import Layout, Table
from data_access.read_only_connection import Statement
from data_access.records.names import NamedPlace
from data_access.repositories.base import RowReader, ask_together

_MOST = 40
_LAST_LETTER = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class FoundNames:
    """What was found, and the tables (in words) whose database could not be read."""

    places: tuple[NamedPlace, ...]
    unread: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _NameTable:
    """A table with names; `small` ones may be read whole, the others only through the index of their names."""

    logical: str
    names: tuple[str, ...]
    origin: str
    small: bool = False


# In this order the same place is called by its first mention.
_TABLES = (
    _NameTable("vla_calibrators", ("name", "notes"), "calibrator list", small=True),
    _NameTable("calibrator_catalog", ("name", "notes"), "calibrator catalogue", small=True),
    _NameTable("bandpass_calibrators", ("calibrator_name", "notes"), "bandpass calibrators", small=True),
    _NameTable("sources", ("id", "name"), "source table", small=True),
    _NameTable("monitoring_sources", ("source_id", "name"), "monitored sources", small=True),
    _NameTable("variability_stats", ("source_id",), "variability table"),
    _NameTable("photometry", ("source_id",), "photometry"),
)


_Condition = Callable[[str, bool], tuple[str, tuple[str, ...]]]


class NameRepository:
    """Looks names up in every table that has names and positions; never over the network."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    async def find(self, spellings: Sequence[str]) -> FoundNames:
        """Return what has exactly one of these names; in the small tables without regard to case."""
        marks = ", ".join("?" * len(spellings))
        any_case = f"({', '.join(['lower(?)'] * len(spellings))})"

        def condition(column: str, small: bool) -> tuple[str, tuple[str, ...]]:
            return (f"lower({column}) IN {any_case}" if small else f"{column} IN ({marks})"), tuple(spellings)

        return await self._ask(condition)

    async def find_similar(self, text: str) -> FoundNames:
        """Return what has a name that begins with the text, or in the small tables contains it."""

        def condition(column: str, small: bool) -> tuple[str, tuple[str, ...]]:
            if small:
                return f"instr(lower({column}), lower(?)) > 0", (text,)
            return f"{column} >= ? AND {column} < ?", (text, text + _LAST_LETTER)

        return await self._ask(condition)

    async def _ask(self, condition: _Condition) -> FoundNames:
        asked: list[tuple[Table | None, Statement]] = []
        origins: list[str] = []
        unread: list[str] = []
        for spec in _TABLES:
            try:
                table = await self._layout.find_or_none(spec.logical)
            except DatabaseError:
                unread.append(spec.origin)
                continue
            columns = [] if table is None else [table.column(name) for name in spec.names]
            for column in columns:
                if column != "NULL" and table is not None:
                    asked.append((table, _query(table, column, *condition(column, spec.small), small=spec.small)))
                    origins.append(spec.origin)
        answers = await ask_together(asked)
        places = [
            place
            for origin, rows in zip(origins, answers, strict=True)
            for row in rows
            if (place := _to_place(row, origin)) is not None
        ]
        return FoundNames(tuple(places), tuple(unread))


def _query(table: Table, column: str, clause: str, values: Sequence[str], *, small: bool) -> Statement:
    """Photometry has a row per measurement: there one row of each name is enough."""
    ra, dec = table.column("ra_deg"), table.column("dec_deg")
    group = "" if small else f" GROUP BY {column}"
    sql = f'SELECT {column}, {ra}, {dec} FROM "{table.name}" WHERE {clause}{group} ORDER BY {column} LIMIT {_MOST}'
    return sql, tuple(values)


def _to_place(values: Sequence[Any], origin: str) -> NamedPlace | None:
    row = RowReader(("name", "ra_deg", "dec_deg"), values)
    name, ra, dec = row.text("name"), row.real("ra_deg", -360, 360), row.real("dec_deg", -90, 90)
    if name is None or ra is None or dec is None or row.problems:
        return None
    return NamedPlace(name, ra % 360.0, dec, origin)
