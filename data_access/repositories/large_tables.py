"""Tables too large to be gone through while others wait: which they are, and how they are sorted all the same."""

from __future__ import annotations

from collections.abc import Sequence

from data_access.database import Rows
from data_access.errors import QueryTooSlow, ValidationError
from data_access.layout import Table
from data_access.read_only_connection import Statement

SMALL_TABLE = 100_000
"""A table of so many rows is sorted or counted as a whole in some tens of milliseconds."""
SORT_DEADLINE_S = 2.0
"""Sorting a large table without an index gives up after this time (0.1 to 0.3 s at a million rows)."""


async def is_large(table: Table) -> bool:
    """Return whether a table has more rows than should be gone through for one answer."""
    if not table.has_rowid:
        return False
    found = await table.fetch(f'SELECT max(rowid) FROM "{table.name}"')
    highest = found.rows[0][0]
    return isinstance(highest, int) and highest > SMALL_TABLE


async def sort_large(table: Table, statement: Statement, sort: str, served: Sequence[str]) -> Rows:
    """Return the rows of a large table in an order that no index serves, without keeping fast questions waiting.

    Parameters
    ----------
    sort : str
        Name of the order, for the message.
    served : sequence of str
        Names of the orders that an index serves, for the remedy.

    Raises
    ------
    ValidationError
        The table is too large for it: it names what to sort by instead. It is not worth asking again.
    """
    deadline_s = min(SORT_DEADLINE_S, table.database.deadline_s)
    try:
        return await table.fetch(*statement, slow=True, deadline_s=deadline_s)
    except QueryTooSlow as err:
        instead = f"sort by one of these, which an index serves: {', '.join(served)}" if served else "clear the order"
        raise ValidationError(
            f"Not sorted by '{sort}': '{table.name}' has no index for it, and going through all its rows takes "
            f"longer than {deadline_s:g} s",
            remedy=f"Narrow the filter, or {instead}.",
            table=table.logical,
        ) from err
