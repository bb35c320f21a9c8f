"""Pointing, alerts, storage, and the state of the databases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from data_access.records.base import Count


@dataclass(frozen=True, slots=True)
class Pointing:
    """Where the telescope pointed: MJD days UTC, degrees ICRS."""

    mjd: float
    ra_deg: float | None
    dec_deg: float | None


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert, whichever of the three table shapes it came from; unix seconds (UTC).

    Attributes
    ----------
    is_open : bool
        Until somebody or something resolved it: said by a time or by its state. Where neither can be recorded it
        counts as open for a day.
    can_be_resolved : bool
        False in a table that holds only what was sent.
    delivery_error : str or None
        Why it reached nobody; None where it was delivered, or nothing says that it was not.
    """

    id: int
    name: str
    severity: str | None
    state: str | None
    message: str | None
    raised_at: float | None
    resolved_at: float | None
    source_id: str | None
    acknowledged_by: str | None
    delivery_error: str | None
    is_open: bool
    can_be_resolved: bool

    @property
    def is_critical(self) -> bool:
        """True for the highest severity."""
        return (self.severity or "").lower() == "critical"


@dataclass(frozen=True, slots=True)
class OpenAlerts:
    """How many alerts are open, how many of them critical, and when the newest was raised (unix seconds, UTC).

    `n_sent` of them stand only in a table that holds what was sent. `trouble` says which database with alerts cannot
    be read: then there may be more.
    """

    n: Count
    n_critical: Count
    newest_at: float | None
    n_sent: int
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class StorageLocation:
    """One row of ``storage_locations``, whichever shape."""

    kind: str | None
    path: str | None
    status: str | None
    description: str | None
    exists: bool | None
    free_bytes: int | None
    total_bytes: int | None


@dataclass(frozen=True, slots=True)
class TableState:
    """One logical table: where it was found and what is missing of it.

    `rows` is in words, `n_rows` the number in them, None when it is not known; `count_kind` as in `Count`. `error`
    says why it cannot be read; empty when it can.
    """

    name: str
    role: str
    physical_name: str
    columns: tuple[str, ...]
    missing_columns: tuple[str, ...]
    rows: str
    error: str = ""
    n_rows: int | None = None
    count_kind: str = "unknown"


@dataclass(frozen=True, slots=True)
class UnusedTable:
    """A table that no page shows, or a view, which is not counted; `rows` and what follows as in `TableState`."""

    name: str
    kind: Literal["table", "view"]
    n_columns: int
    rows: str
    error: str = ""
    n_rows: int | None = None
    count_kind: str = "unknown"


@dataclass(frozen=True, slots=True)
class DatabaseState:
    """One database file: can it be read, how, and how old is its newest write.

    `unused` has the tables that the dashboard does not use, where they were asked for.
    """

    role: str
    path: str
    ok: bool
    error: str
    remedy: str
    mode: str
    journal: str
    size_bytes: int | None
    last_write_at: float | None
    tables: tuple[TableState, ...]
    unused: tuple[UnusedTable, ...] = ()


@dataclass(frozen=True, slots=True)
class ServiceState:
    """Whether a program of the pipeline answers on its port of this machine; `problem` says what is wrong."""

    name: str
    port: int
    state: Literal["running", "stopped", "error"]
    problem: str
    response_ms: float | None


@dataclass(frozen=True, slots=True)
class PartState:
    """What a part of the dashboard itself is doing."""

    name: str
    state: Literal["working", "idle", "broken"]
    detail: str
