"""Rows of ``alert_history`` in each of its shapes: which of them are open, which are the same alert."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from data_access.records import Alert
from data_access.repositories.base import RowReader

_ALERT_FIELDS = (
    "id", "name", "severity", "state", "message", "raised_at", "resolved_at", "source_id", "acknowledged_by",
    "delivery_error", "is_open", "can_be_resolved",
)  # fmt: skip
_UNNAMED = "alert"
_MOST_TWINS = 5000
"""SQLite binds 32,766 values at most, and a twin has three. Nobody reads more alerts in a day."""


def records_ends(columns: Sequence[str]) -> bool:
    """Say whether a table can say that an alert is over; one of what was only sent cannot."""
    return "state" in columns or "resolved_at" in columns


def recent_sql(columns: Sequence[str], limit: int, n_twins: int) -> str:
    """Return SQL for the alerts registered last, and for those of the open critical ones.

    The first parameter of this and of the others is the time (unix seconds) since which those are open that were only
    sent; then come, for so many twins, the values of a row of `twins_sql`.
    """
    select, is_open, is_critical = _alert_sql(columns, n_twins)
    return (
        f"{_with_twins(n_twins)}SELECT * FROM (SELECT {select} ORDER BY 1 DESC LIMIT {int(limit)}) UNION "
        f"SELECT * FROM (SELECT {select} WHERE {is_open} AND {is_critical} ORDER BY 1 DESC LIMIT {int(limit)}) "
        "ORDER BY 1 DESC"
    )


def open_sql(columns: Sequence[str], limit: int, n_twins: int) -> str:
    """Return SQL for so many of the open alerts that are critical, and so many of the others; nothing is sorted."""
    select, is_open, is_critical = _alert_sql(columns, n_twins)
    return _with_twins(n_twins) + " UNION ALL ".join(
        f"SELECT * FROM (SELECT {select} WHERE {is_open} AND {kind} ORDER BY 1 DESC LIMIT {int(limit)})"
        for kind in (is_critical, f"NOT {is_critical}")
    )


def twins_sql(columns: Sequence[str]) -> str:
    """Return SQL for name, message and time of the alerts of a table that records ends, open or not."""
    raised_at = _raised_at(columns)
    return (
        f"SELECT {', '.join(_identity(columns))} FROM alert_history "
        f"WHERE {raised_at} >= ?1 AND typeof({raised_at}) <> 'text' ORDER BY {raised_at} DESC LIMIT {_MOST_TWINS}"
    )


def to_alert(values: Sequence[Any]) -> Alert:
    """Return the alert in a row of `recent_sql` or `open_sql`."""
    row = RowReader(_ALERT_FIELDS, values)
    return Alert(
        id=row.integer("id") or 0,
        name=row.text("name") or _UNNAMED,
        severity=row.text("severity"),
        state=row.text("state"),
        message=row.text("message"),
        raised_at=row.unix("raised_at"),
        resolved_at=row.unix("resolved_at"),
        source_id=row.text("source_id"),
        acknowledged_by=row.text("acknowledged_by"),
        delivery_error=row.text("delivery_error"),
        is_open=bool(row.flag("is_open")),
        can_be_resolved=bool(row.flag("can_be_resolved")),
    )


def unique_alerts(alerts: Iterable[Alert]) -> list[Alert]:
    """Return each alert once: state and end from a table that records them, the rest from whichever has it."""
    unique: dict[tuple[str, str | None, float | None], Alert] = {}
    for alert in alerts:
        key = (alert.name, alert.message, alert.raised_at)
        twin = unique.get(key)
        if twin is None:
            unique[key] = alert
            continue
        first, other = (alert, twin) if alert.can_be_resolved and not twin.can_be_resolved else (twin, alert)
        unique[key] = replace(
            first,
            source_id=first.source_id or other.source_id,
            delivery_error=first.delivery_error or other.delivery_error,
        )
    return list(unique.values())


def _with_twins(n_twins: int) -> str:
    rows = ", ".join(f"(?{i}, ?{i + 1}, ?{i + 2})" for i in range(2, 2 + 3 * n_twins, 3))
    return f"WITH twin(name, message, raised_at) AS (VALUES {rows}) " if n_twins else ""


def _alert_sql(columns: Sequence[str], n_twins: int) -> tuple[str, str, str]:
    """Return what to select for `to_alert`, and the conditions for an open and for a critical alert."""
    severity, state, resolved_at = (_first(columns, name) for name in ("severity", "state", "resolved_at"))
    raised_at, can_be_resolved = _raised_at(columns), int(records_ends(columns))
    is_open = (
        f"({resolved_at} IS NULL AND coalesce({state}, '') <> 'resolved' COLLATE NOCASE "
        f"AND ({can_be_resolved} OR (typeof({raised_at}) <> 'text' AND {raised_at} >= ?1)))"
    )
    if n_twins:
        # With NOT IN, SQLite reads all twins for every row that is none: one of them could hold a NULL.
        is_twin = f"({', '.join(_identity(columns))}) IN (SELECT name, message, raised_at FROM twin)"
        is_open = f"({is_open} AND CASE WHEN {is_twin} THEN 0 ELSE 1 END)"
    wanted = (
        _first(columns, "id"),
        _name(columns),
        severity,
        state,
        _first(columns, "message"),
        raised_at,
        resolved_at,
        _first(columns, "source_id"),
        _first(columns, "acknowledged_by"),
        _delivery_error(columns),
        is_open,
        str(can_be_resolved),
    )
    is_critical = f"(coalesce({severity}, '') = 'critical' COLLATE NOCASE)"
    return f"{', '.join(wanted)} FROM alert_history", is_open, is_critical


def _identity(columns: Sequence[str]) -> tuple[str, str, str]:
    """Return SQL for what tells alerts apart."""
    message = _first(columns, "message")
    return f"coalesce({_name(columns)}, '')", f"coalesce({message}, '')", _raised_at(columns)


def _delivery_error(columns: Sequence[str]) -> str:
    if "success" not in columns:
        return "NULL"
    reason = _first(columns, "error_msg")
    return f"""CASE WHEN "success" = 0 THEN coalesce(nullif({reason}, ''), 'no reason is recorded') END"""


def _name(columns: Sequence[str]) -> str:
    return _first(columns, "alert_name", "rule_name", "alert_type")


def _raised_at(columns: Sequence[str]) -> str:
    return _first(columns, "triggered_at", "fired_at", "sent_at")


def _first(columns: Sequence[str], *names: str) -> str:
    return next((f'"{n}"' for n in names if n in columns), "NULL")
