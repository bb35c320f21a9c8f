"""Pointing, alerts and storage: what the people on shift look at."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from data_access.analysis.times import unix_to_mjd
from data_access.errors import DatabaseError, TableMissing
from data_access.layout import Layout, may_hold
from data_access.records import Alert, Count, OpenAlerts, Pointing, StorageLocation
from data_access.repositories.base import RowReader

_UNIX_ABOVE = 1e6
_MOST_OPEN = 1000
SENT_COUNTS_S = 86_400.0
"""How long an alert counts as open whose table has no place for its end."""
_ALERT_FIELDS = (
    "id", "name", "severity", "state", "message", "raised_at", "resolved_at", "source_id", "acknowledged_by",
    "is_open", "can_be_resolved",
)  # fmt: skip


class OperationsRepository:
    """Rows of ``pointing_history``, ``alert_history`` and ``storage_locations``, whichever shape they have."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    async def find_pointing(self, *, limit: int = 2000) -> tuple[Pointing, ...]:
        """Return the newest pointings in order of time; none when the table is absent.

        ``timestamp`` holds MJD although it is documented as unix seconds: its size decides.
        """
        table = await self._layout.find_optional("pointing_history")
        if table is None:
            return ()
        time = table.first_of("timestamp_mjd", "timestamp")
        sql = (
            f'SELECT {time}, {table.column("ra_deg")}, {table.column("dec_deg")} FROM "{table.name}" '
            f"WHERE {time} IS NOT NULL ORDER BY 1 DESC LIMIT {int(limit)}"
        )
        found = await table.fetch(sql)
        pointings = []
        for values in reversed(found.rows):
            row = RowReader(("time", "ra_deg", "dec_deg"), values)
            when = row.real("time")
            if when is not None:
                mjd = unix_to_mjd(when) if when > _UNIX_ABOVE else when
                pointings.append(Pointing(mjd, row.real("ra_deg", -360, 360), row.real("dec_deg", -90, 90)))
        return tuple(pointings)

    async def find_alerts(self, *, limit: int = 50, now: float | None = None) -> tuple[Alert, ...]:
        """Return the newest alerts of every database that has some, newest first.

        The newest of the open critical ones are among them, however many others came later. A database that cannot
        be read is an error only when no other one has alerts; `TableMissing` is raised when none has the table.

        Parameters
        ----------
        now : float, optional
            Unix seconds, decides which are open that were only sent; the clock by default.
        """
        alerts, _ = await self._find_alerts(_recent_sql, limit, now)
        late = [alert for alert in alerts[limit:] if alert.is_open and alert.is_critical]
        return (*alerts[:limit], *late[:limit])

    async def count_open_alerts(self, *, now: float | None = None) -> OpenAlerts:
        """Return how many alerts nobody has resolved, in all databases that can be read; errors as in `find_alerts`.

        Counted are 1000 at most, and 1000 critical ones; an alert in two databases counts once.
        """
        alerts, trouble = await self._find_alerts(_open_sql, _MOST_OPEN + 1, now)
        critical = [alert for alert in alerts if alert.is_critical]
        raised = [alert.raised_at for alert in alerts if alert.raised_at is not None]
        n_sent = sum(not alert.can_be_resolved for alert in alerts)
        said = "" if trouble is None else trouble.message
        return OpenAlerts(_capped(len(alerts)), _capped(len(critical)), max(raised, default=None), n_sent, said)

    async def _find_alerts(
        self, sql_of: Callable[[Sequence[str], int], str], limit: int, now: float | None
    ) -> tuple[list[Alert], DatabaseError | None]:
        """Return the alerts of all databases, newest first, each once, and what is amiss."""
        sent_since = (time.time() if now is None else now) - SENT_COUNTS_S
        alerts: list[Alert] = []
        recorded = False
        trouble: DatabaseError | None = None
        for database in self._layout.databases.values():
            try:
                columns = (await database.schema()).tables.get("alert_history")
                if columns is None:
                    continue
                found = await database.fetch(sql_of(columns, limit), (sent_since,))
            except DatabaseError as err:
                if may_hold(database.role, "alert_history"):
                    trouble = trouble or err
                continue
            recorded = True
            alerts += map(_to_alert, found.rows)
        if trouble is not None and not alerts:
            raise trouble
        if not recorded:
            raise TableMissing("No configured database has the table 'alert_history'", table="alert_history")
        unique = {(alert.name, alert.message, alert.raised_at): alert for alert in reversed(alerts)}
        return sorted(unique.values(), key=lambda a: a.raised_at or 0.0, reverse=True), trouble

    async def find_storage(self) -> tuple[StorageLocation, ...]:
        """Return the recorded storage folders (whether they exist is the caller's to look up)."""
        table = await self._layout.find_optional("storage_locations")
        if table is None:
            return ()
        columns = (
            table.first_of("location_type", "name"),
            table.first_of("base_path", "path"),
            table.column("status"),
            table.column("description"),
        )
        sql = f'SELECT {", ".join(columns)} FROM "{table.name}" ORDER BY 1, 2 LIMIT 200'
        found = await table.fetch(sql)
        locations = []
        for row in found.rows:
            kind, path, status, description = (None if v is None else str(v) for v in row)
            locations.append(StorageLocation(kind, path, status, description, None, None, None))
        return tuple(locations)


def _capped(n: int) -> Count:
    return Count(_MOST_OPEN, "at least") if n > _MOST_OPEN else Count(n)


def _recent_sql(columns: Sequence[str], limit: int) -> str:
    """Return SQL for the alerts registered last, and for those of the open critical ones."""
    select, is_open, is_critical = _alert_sql(columns)
    return (
        f"SELECT * FROM (SELECT {select} ORDER BY 1 DESC LIMIT {int(limit)}) UNION "
        f"SELECT * FROM (SELECT {select} WHERE {is_open} AND {is_critical} ORDER BY 1 DESC LIMIT {int(limit)}) "
        "ORDER BY 1 DESC"
    )


def _open_sql(columns: Sequence[str], limit: int) -> str:
    """Return SQL for so many of the open alerts that are critical, and so many of the others; nothing is sorted."""
    select, is_open, is_critical = _alert_sql(columns)
    return " UNION ALL ".join(
        f"SELECT * FROM (SELECT {select} WHERE {is_open} AND {kind} ORDER BY 1 DESC LIMIT {int(limit)})"
        for kind in (is_critical, f"NOT {is_critical}")
    )


def _alert_sql(columns: Sequence[str]) -> tuple[str, str, str]:
    """Return what to select for `_to_alert`, and the conditions for an open and for a critical alert.

    The first parameter is the time since which those are open that were only sent.
    """
    severity, state, resolved_at = (_first(columns, name) for name in ("severity", "state", "resolved_at"))
    raised_at = _first(columns, "triggered_at", "fired_at", "sent_at")
    can_be_resolved = int((state, resolved_at) != ("NULL", "NULL"))
    is_open = (
        f"({resolved_at} IS NULL AND coalesce({state}, '') <> 'resolved' COLLATE NOCASE "
        f"AND ({can_be_resolved} OR (typeof({raised_at}) <> 'text' AND {raised_at} >= ?1)))"
    )
    wanted = (
        _first(columns, "id"),
        _first(columns, "alert_name", "rule_name", "alert_type"),
        severity,
        state,
        _first(columns, "message"),
        raised_at,
        resolved_at,
        _first(columns, "source_id"),
        _first(columns, "acknowledged_by"),
        is_open,
        str(can_be_resolved),
    )
    is_critical = f"(coalesce({severity}, '') = 'critical' COLLATE NOCASE)"
    return f"{', '.join(wanted)} FROM alert_history", is_open, is_critical


def _first(columns: Sequence[str], *names: str) -> str:
    return next((f'"{n}"' for n in names if n in columns), "NULL")


def _to_alert(values: Sequence[Any]) -> Alert:
    row = RowReader(_ALERT_FIELDS, values)
    return Alert(
        id=row.integer("id") or 0,
        name=row.text("name") or "alert",
        severity=row.text("severity"),
        state=row.text("state"),
        message=row.text("message"),
        raised_at=row.unix("raised_at"),
        resolved_at=row.unix("resolved_at"),
        source_id=row.text("source_id"),
        acknowledged_by=row.text("acknowledged_by"),
        is_open=bool(row.flag("is_open")),
        can_be_resolved=bool(row.flag("can_be_resolved")),
    )
