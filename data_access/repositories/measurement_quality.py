"""The rule of `data_access.records.measurement_quality` as SQL on the rows of ``photometry``."""

from __future__ import annotations

from data_access.layout import Table
from data_access.records.measurement_quality import FORCED_WORDS, GOOD_WORDS, LIMIT_WORDS


def has_quality(table: Table) -> bool:
    """Return whether the rows say in words how good they are."""
    return "quality_flag" in table.columns


def is_forced_sql(table: Table) -> str:
    """Return a condition for measurements that are no detections: forced ones and limits."""
    if has_quality(table):
        return f"{_word(table)} IN {_texts(*FORCED_WORDS, *LIMIT_WORDS)}"
    return f"(CAST(coalesce({table.column('flags')}, 0) AS INTEGER) & 1) = 1"


def is_unflagged_sql(table: Table) -> str:
    """Return a condition for measurements without a fault.

    The lowest bit of the flags says "forced" where a word says so too, or where there is no column for words.
    """
    flags = f"coalesce({table.column('flags')}, 0)"
    if not has_quality(table):
        return f"({flags} & ~1) = 0"
    return (
        f"(CASE WHEN {is_forced_sql(table)} THEN {flags} & ~1 "
        f"WHEN {_word(table)} IN {_texts(*GOOD_WORDS)} THEN {flags} ELSE 1 END) = 0"
    )


def _word(table: Table) -> str:
    return f"replace(replace(lower(trim(coalesce({table.column('quality_flag')}, ''))), ' ', '_'), '-', '_')"


def _texts(*words: str) -> str:
    return "(" + ", ".join(f"'{word}'" for word in words) + ")"
