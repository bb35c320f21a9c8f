"""Rows into the demo's databases: one insert for both layouts, short transactions, WAL."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from data_access.demo.schema import Layout, create_database, database_files, locate_table

Row = Mapping[str, Any]


class DemoDatabases:
    """All databases of one demo archive, addressed by logical table name.

    A row is a mapping that may hold the columns of both layouts: what the table does not have is left out.
    A table that the layout does not have takes no rows and yields none.

    Parameters
    ----------
    root : Path
        Folder of the archive.
    layout : {'split', 'unified'}
    """

    def __init__(self, root: Path, layout: Layout) -> None:
        self.root = root
        self.layout = layout
        self._connections: dict[str, sqlite3.Connection] = {}
        self._columns: dict[tuple[str, str], tuple[str, ...]] = {}

    def create(self) -> None:
        """Create every database of the layout, empty."""
        for file, sql_name in database_files(self.layout).items():
            create_database(self.root / file, sql_name)

    def __enter__(self) -> DemoDatabases:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections; what was not committed is lost."""
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()

    @contextmanager
    def transaction(self, *tables: str) -> Iterator[None]:
        """Write to `tables` in one transaction per database file; commit at the end, roll back on an error."""
        files = {place[0] for table in tables if (place := locate_table(self.layout, table))}
        with ExitStack() as stack:
            for file in sorted(files):
                stack.enter_context(self._write(file))
            yield

    @contextmanager
    def _write(self, file: str) -> Iterator[None]:
        connection = self._connect(file)
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")

    def insert(self, table: str, rows: Sequence[Row], *, on_conflict: str = "ABORT") -> None:
        """Insert `rows`, which all have the same keys; `on_conflict` is SQLite's word (ABORT, IGNORE, REPLACE)."""
        place = locate_table(self.layout, table)
        if place is None or not rows:
            return
        file, name = place
        columns = [column for column in self._columns_of(file, name) if column in rows[0]]
        marks = ", ".join("?" * len(columns))
        self._connect(file).executemany(
            f"INSERT OR {on_conflict} INTO {name} ({', '.join(columns)}) VALUES ({marks})",
            [[row[column] for column in columns] for row in rows],
        )

    def update(self, table: str, key: Row, values: Row) -> None:
        """Set `values` in the rows of `table` that match `key`."""
        place = locate_table(self.layout, table)
        if place is None:
            return
        file, name = place
        known = self._columns_of(file, name)
        values = {column: value for column, value in values.items() if column in known}
        assignments = ", ".join(f"{column} = ?" for column in values)
        condition = " AND ".join(f"{column} = ?" for column in key)
        self._connect(file).execute(
            f"UPDATE {name} SET {assignments} WHERE {condition}", [*values.values(), *key.values()]
        )

    def select(self, table: str, columns: str, rest: str = "", parameters: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """Return ``SELECT columns FROM table rest``; empty when the layout has no such table."""
        place = locate_table(self.layout, table)
        if place is None:
            return []
        file, name = place
        return self._connect(file).execute(f"SELECT {columns} FROM {name} {rest}", parameters).fetchall()

    def insert_once(self, table: str, row: Row, *key: str) -> None:
        """Insert `row` unless there is a row with the same values in the columns `key`."""
        if not self._has(table, row, key):
            self.insert(table, [row])

    def upsert(self, table: str, row: Row, *key: str) -> None:
        """Update the row with the same values in the columns `key`, or insert `row`; a known row keeps its rowid."""
        if self._has(table, row, key):
            self.update(table, {column: row[column] for column in key}, row)
        else:
            self.insert(table, [row])

    def _has(self, table: str, row: Row, key: Sequence[str]) -> bool:
        condition = " AND ".join(f"{column} = ?" for column in key)
        return bool(self.select(table, "1", f"WHERE {condition} LIMIT 1", [row[column] for column in key]))

    def count(self, table: str) -> int:
        """Return the number of rows."""
        rows = self.select(table, "count(*)")
        return int(rows[0][0]) if rows else 0

    def _columns_of(self, file: str, name: str) -> tuple[str, ...]:
        key = (file, name)
        if key not in self._columns:
            found = self._connect(file).execute(f"PRAGMA table_info({name})")
            self._columns[key] = tuple(row["name"] for row in found)
        return self._columns[key]

    def _connect(self, file: str) -> sqlite3.Connection:
        if file not in self._connections:
            connection = sqlite3.connect(self.root / file, timeout=30.0, isolation_level=None)
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA synchronous=NORMAL")
            self._connections[file] = connection
        return self._connections[file]
