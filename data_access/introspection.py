"""What a database file consists of: its tables, their columns, and the columns by which they are in order."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

INDEXES_SQL = "SELECT tbl_name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL ORDER BY name"
# An index of an expression, or with a condition, serves no plain order.
_FIRST_COLUMN = re.compile(
    r"""\bON\b[^(]*\(\s*["'`\[]?(\w+)["'`\]]?\s*(?:ASC|DESC)?\s*[,)](?!.*\bWHERE\b)""", re.IGNORECASE | re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Schema:
    """Tables of one file: name -> column names, in the order of the file; `with_rowid` have a row number.

    `keys` names the primary key where it is a single column; `indexed` has the columns that an index begins with.
    `broken` are the tables and views whose columns SQLite cannot tell: they are not among `tables`.
    """

    tables: dict[str, tuple[str, ...]]
    version: int
    with_rowid: frozenset[str] = frozenset()
    keys: Mapping[str, str] = field(default_factory=dict)
    indexed: Mapping[str, frozenset[str]] = field(default_factory=dict)
    views: frozenset[str] = frozenset()
    broken: tuple[str, ...] = ()


def indexed_columns(keys: Mapping[str, Sequence[str]], indexes: Iterable[Sequence[str]]) -> dict[str, frozenset[str]]:
    """Return table -> the columns that serve an order: the first of the primary key and of every whole index.

    Parameters
    ----------
    keys : mapping
        Table -> the columns of its primary key.
    indexes : iterable of (table, SQL)
        What `INDEXES_SQL` asks for.
    """
    found = {table: set(columns[:1]) for table, columns in keys.items()}
    for table, sql in indexes:
        match = _FIRST_COLUMN.search(sql)
        if match is not None and table in found:
            found[table].add(match[1])
    return {table: frozenset(columns) for table, columns in found.items()}
