"""Pointing, alerts and storage: what the people on shift look at."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from data_access.analysis.times import unix_to_mjd
from data_access.database import Database
from data_access.errors import DatabaseError, TableMissing
from data_access.layout import Layout, may_hold
from data_access.records import Alert, Count, OpenAlerts, Pointing, StorageLocation
from data_access.repositories.alert_rows import open_sql, recent_sql, records_ends, to_alert, twins_sql, unique_alerts
from data_access.repositories.base import RowReader

_UNIX_ABOVE = 1e6
_MOST_OPEN = 1000
SENT_COUNTS_S = 86_400.0
"""How long an alert counts as open whose table has no place for its end."""


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
        alerts, _ = await self._find_alerts(recent_sql, limit, now)
        late = [alert for alert in alerts[limit:] if alert.is_open and alert.is_critical]
        return (*alerts[:limit], *late[:limit])

    async def count_open_alerts(self, *, now: float | None = None) -> OpenAlerts:
        """Return how many alerts nobody has resolved, in all databases that can be read; errors as in `find_alerts`.

        Counted are 1000 at most, and 1000 critical ones; an alert in two databases counts once.
        """
        alerts, trouble = await self._find_alerts(open_sql, _MOST_OPEN + 1, now)
        critical = [alert for alert in alerts if alert.is_critical]
        raised = [alert.raised_at for alert in alerts if alert.raised_at is not None]
        n_sent = sum(not alert.can_be_resolved for alert in alerts)
        said = "" if trouble is None else trouble.message
        return OpenAlerts(_capped(len(alerts)), _capped(len(critical)), max(raised, default=None), n_sent, said)

    async def _find_alerts(
        self, sql_of: Callable[[Sequence[str], int, int], str], limit: int, now: float | None
    ) -> tuple[list[Alert], DatabaseError | None]:
        """Return the alerts of all databases, newest first, each once, and what is amiss.

        Databases that record ends are asked first: what was sent of an alert that stands there is not open by itself.
        """
        sent_since = (time.time() if now is None else now) - SENT_COUNTS_S
        histories, trouble = await self._alert_histories()
        histories.sort(key=lambda history: not records_ends(history[1]))
        has_sent = any(not records_ends(columns) for _, columns in histories)
        alerts: list[Alert] = []
        twins: list[list[Any]] = []
        n_read = 0
        for database, columns in histories:
            try:
                known = [] if records_ends(columns) else twins
                values = (sent_since, *(value for twin in known for value in twin))
                found = await database.fetch(sql_of(columns, limit, len(known)), values)
                if has_sent and records_ends(columns):
                    twins += (await database.fetch(twins_sql(columns), (sent_since,))).rows
            except DatabaseError as err:
                trouble = trouble or (err if may_hold(database.role, "alert_history") else None)
                continue
            n_read += 1
            alerts += map(to_alert, found.rows)
        if trouble is not None and not alerts:
            raise trouble
        if not n_read:
            raise TableMissing("No configured database has the table 'alert_history'", table="alert_history")
        return sorted(unique_alerts(alerts), key=lambda a: a.raised_at or 0.0, reverse=True), trouble

    async def _alert_histories(self) -> tuple[list[tuple[Database, Sequence[str]]], DatabaseError | None]:
        """Return the databases with alerts, with the columns of the table, and the first that cannot be read."""
        histories: list[tuple[Database, Sequence[str]]] = []
        trouble: DatabaseError | None = None
        for database in self._layout.databases.values():
            try:
                columns = (await database.schema()).tables.get("alert_history")
            except DatabaseError as err:
                trouble = trouble or (err if may_hold(database.role, "alert_history") else None)
                continue
            if columns is not None:
                histories.append((database, columns))
        return histories, trouble

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
