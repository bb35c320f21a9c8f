"""The tables and views of a file that no page shows: named and counted, so that a report leaves nothing out."""

from __future__ import annotations

from collections.abc import Container
from typing import Literal

from data_access.database import Database
from data_access.errors import DatabaseError, DatabaseLocked, DatabaseMissing
from data_access.introspection import Schema
from data_access.layout import Table
from data_access.records import Count, UnusedTable
from data_access.repositories.base import Where, count_rows

_OF_SQLITE = "sqlite_"


async def find_unused_tables(
    database: Database, used: Container[str], *, count_deadline_s: float
) -> tuple[UnusedTable, ...]:
    """Return what a file has beside the tables in use, in the order of the names; a broken one hurts no other.

    Raises
    ------
    DatabaseLocked, DatabaseMissing
        True of the whole file: each further table would wait as long.
    """
    schema = await database.schema()
    names = sorted({*schema.tables, *schema.broken})
    return tuple(
        [
            await _look_at(database, schema, name, count_deadline_s)
            for name in names
            if name not in used and not name.startswith(_OF_SQLITE)
        ]
    )


async def _look_at(database: Database, schema: Schema, name: str, count_deadline_s: float) -> UnusedTable:
    kind: Literal["table", "view"] = "view" if name in schema.views else "table"
    n_columns = len(schema.tables.get(name, ()))
    try:
        rows = await _count(database, schema, name, count_deadline_s)
    except (DatabaseLocked, DatabaseMissing):
        raise
    except DatabaseError as err:
        return UnusedTable(name, kind, n_columns, "not readable", err.message)
    return UnusedTable(name, kind, n_columns, str(rows), n_rows=rows.value, count_kind=rows.kind)


async def _count(database: Database, schema: Schema, name: str, deadline_s: float) -> Count:
    quoted = _quoted(name)
    if name in schema.views:
        # Counting what a view joins or groups goes through whole tables: it is only seen whether it can be read.
        await database.fetch(f"SELECT 1 FROM {quoted} LIMIT 0")
        return Count(None, "unknown")
    has_rowid = name in schema.with_rowid
    table = Table(name, quoted[1:-1], database, frozenset(schema.tables.get(name, ())), has_rowid)
    return await count_rows(table, quoted, Where(), deadline_s=deadline_s, whole_table=True)


def _quoted(name: str) -> str:
    """Return a name as SQL takes it: whatever the file calls its tables."""
    escaped = name.replace('"', '""')
    return f'"{escaped}"'
