"""The last 24 hours in a few numbers, each with its own error: what the people on shift look at first."""

from __future__ import annotations

import time
from collections.abc import Awaitable
from dataclasses import dataclass, fields
from http import HTTPStatus
from typing import Generic, TypeVar

from data_access.analysis.times import mjd_to_unix, unix_to_mjd
from data_access.errors import ArchiveError, TableMissing
from data_access.records import (
    Alert,
    Caltable,
    Count,
    Image,
    MeasurementSet,
    OpenAlerts,
    StateCounts,
    StorageLocation,
)
from data_access.repositories.calibration import CalibrationRepository
from data_access.repositories.images import ImageRepository
from data_access.repositories.measurement_sets import MeasurementSetRepository
from data_access.repositories.operations import OperationsRepository
from data_access.repositories.queue import QueueRepository
from data_access.repositories.run_rows import state_of
from data_access.repositories.sources import SourceRepository
from data_access.services.files import FileService

T = TypeVar("T")
WINDOW_DAYS = 1.0


@dataclass(frozen=True, slots=True)
class Part(Generic[T]):
    """One answer, or why there is none; one broken database must not hide the others.

    Attributes
    ----------
    absent : bool
        This archive simply does not record it.
    is_waiting : bool
        It is worth asking again: something is not available now.
    """

    value: T | None
    error: str = ""
    absent: bool = False
    is_waiting: bool = False


@dataclass(frozen=True, slots=True)
class NightWindow:
    """The 24 hours that are shown.

    Attributes
    ----------
    is_current : bool
        False when the newest observation is older than a day: the window then ends with it, not now.
    """

    start_mjd: float
    end_mjd: float
    is_current: bool


@dataclass(frozen=True, slots=True)
class NightSummary:
    """Numbers of one window."""

    window: NightWindow
    newest_ms: Part[MeasurementSet | None]
    observed: Part[tuple[MeasurementSet, ...]]
    newest_images: Part[tuple[Image, ...]]
    queue: Part[StateCounts]
    newest_caltable: Part[Caltable | None]
    alerts: Part[tuple[Alert, ...]]
    open_alerts: Part[OpenAlerts]
    alert_sources: Part[frozenset[str]]
    active_candidates: Part[Count]
    storage: Part[tuple[StorageLocation, ...]]

    @property
    def is_waiting(self) -> bool:
        """Whether an answer may come with another question, without anything new being written."""
        parts = (getattr(self, field.name) for field in fields(self))
        return any(isinstance(part, Part) and part.is_waiting for part in parts)

    @property
    def failed(self) -> tuple[MeasurementSet, ...]:
        """Measurement Sets of the window whose processing failed."""
        return tuple(ms for ms in self.observed.value or () if state_of(ms.status, ms.stage, ms.path) == "failed")


class NightService:
    """Asks all repositories for the last 24 hours."""

    def __init__(
        self,
        images: ImageRepository,
        measurement_sets: MeasurementSetRepository,
        calibration: CalibrationRepository,
        queue: QueueRepository,
        sources: SourceRepository,
        operations: OperationsRepository,
        files: FileService,
    ) -> None:
        self._images, self._measurement_sets, self._calibration = images, measurement_sets, calibration
        self._queue, self._sources, self._operations, self._files = queue, sources, operations, files

    async def summary(self, *, now: float | None = None, n_images: int = 60) -> NightSummary:
        """Return the numbers of the last 24 hours, or of the last day with data.

        Parameters
        ----------
        now : float, optional
            Unix seconds; the clock by default.
        """
        now = time.time() if now is None else now
        newest = await _part(self._measurement_sets.newest(now=now))
        window = window_of(newest.value, now)
        alerts = await _part(self._operations.find_alerts(now=now))
        named = [alert.source_id for alert in alerts.value or () if alert.source_id]
        return NightSummary(
            window=window,
            newest_ms=newest,
            observed=await _part(self._measurement_sets.find_between(window.start_mjd, window.end_mjd)),
            newest_images=await _part(self._images.newest(n_images)),
            queue=await _part(self._queue.count_by_state(now=now)),
            newest_caltable=await _part(self._calibration.newest_active()),
            alerts=alerts,
            open_alerts=await _part(self._operations.count_open_alerts(now=now)),
            alert_sources=await _part(self._sources.find_known(named)),
            active_candidates=await _part(self._sources.count_ese_candidates(status="active")),
            storage=await _part(self._storage()),
        )

    async def _storage(self) -> tuple[StorageLocation, ...]:
        return await self._files.storage(await self._operations.find_storage())


def window_of(newest: MeasurementSet | None, now: float) -> NightWindow:
    """Return the window to show: the last 24 hours, or the day that ends with the newest observation."""
    end = unix_to_mjd(now)
    observed = newest.epoch.mjd if newest is not None else None
    if observed is not None and mjd_to_unix(observed) < now - WINDOW_DAYS * 86400:
        return NightWindow(observed - WINDOW_DAYS, observed + 0.01, is_current=False)
    return NightWindow(end - WINDOW_DAYS, end + 0.01, is_current=True)


async def _part(question: Awaitable[T]) -> Part[T]:
    try:
        return Part(await question)
    except ArchiveError as err:
        absent, is_unavailable = isinstance(err, TableMissing), err.status == HTTPStatus.SERVICE_UNAVAILABLE
        return Part(None, err.message, absent=absent, is_waiting=is_unavailable and not absent)
