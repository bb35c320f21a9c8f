"""Runs, tasks, batches, the processing queue and the raw-data index."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from data_access.records.base import Epoch

STUCK_S = 3600.0
"""Without progress for longer, work in progress is suspicious: the pipeline's own alert rule (ProcessingStuck)."""
UNFINISHED_STATES = frozenset({"in_progress", "collecting", "running"})
"""Of groups, tasks and batch items that are being worked on."""


@dataclass(frozen=True, slots=True)
class Run:
    """One processed Measurement Set seen as a pipeline run (``ms_index``).

    `state` is derived from the row's own status and stage: the pipeline itself has no run table.
    """

    run_id: str
    ms_path: str
    state: str
    status: str | None
    stage: str | None
    processed_at: float | None
    stage_updated_at: float | None
    epoch: Epoch
    imagename: str | None


@dataclass(frozen=True, slots=True)
class Task:
    """One row of ``jobs``; times are unix seconds (UTC)."""

    id: int
    run_id: str
    type: str | None
    status: str | None
    ms_path: str | None
    params: Any
    logs: str | None
    artifacts: tuple[str, ...]
    created_at: float | None
    started_at: float | None
    finished_at: float | None


@dataclass(frozen=True, slots=True)
class Batch:
    """One row of ``batch_jobs``.

    `created_at` comes from a naive UTC datetime: on a host that is not on UTC it is late by the host's offset.
    """

    id: int
    type: str | None
    created_at: float | None
    status: str | None
    total_items: int | None
    completed_items: int | None
    failed_items: int | None
    params: Any


@dataclass(frozen=True, slots=True)
class BatchItem:
    """One row of ``batch_job_items``."""

    id: int
    batch_id: int
    ms_path: str | None
    status: str | None
    error: str | None
    started_at: float | None
    completed_at: float | None


@dataclass(frozen=True, slots=True)
class QueueItem:
    """One group in ``ingest_queue`` / ``processing_queue``."""

    group_id: str
    state: str | None
    received_at: float | None
    last_update: float | None
    expected_subbands: int | None
    n_subbands: int | None
    retry_count: int | None
    error: str | None
    processing_stage: str | None

    @property
    def progress_at(self) -> float | None:
        """Unix seconds (UTC) of its last progress, or of its arrival."""
        return self.last_update if self.last_update is not None else self.received_at

    def is_stuck(self, now: float) -> bool:
        """Say whether it is being worked on and had no progress in the `STUCK_S` before `now` (unix seconds)."""
        since = self.progress_at
        return (self.state or "") in UNFINISHED_STATES and since is not None and now - since > STUCK_S


@dataclass(frozen=True, slots=True)
class StateCounts:
    """How many groups of the queue are in each state; empty without a queue.

    `n_stuck` of them are stuck (see `QueueItem`). `n_newest` is the number of newest rows that were counted, None
    when all were.
    """

    counts: Mapping[str, int]
    n_newest: int | None = None
    n_stuck: int = 0


@dataclass(frozen=True, slots=True)
class ObservationGroup:
    """Raw files of one group in the HDF5 index."""

    group_id: str
    n_files: int
    subbands: tuple[str, ...]
    size_bytes: int | None
    timestamp_mjd: float | None
    ra_deg: float | None
    dec_deg: float | None


@dataclass(frozen=True, slots=True)
class LogFile:
    """A log file inside the configured log roots.

    `why` says why it belongs to the thing it was looked up for.
    """

    path: str
    size_bytes: int
    modified_at: float
    why: str


@dataclass(frozen=True, slots=True)
class RunLogs:
    """The log files of a run.

    Attributes
    ----------
    files : tuple of LogFile
        The one named after it and its rotated ones first, then the shared ones that mention it.
    unsearched : tuple of LogFile
        Shared ones that were not searched to their end, within the limits: they may mention it too.
    """

    files: tuple[LogFile, ...]
    unsearched: tuple[LogFile, ...] = ()
