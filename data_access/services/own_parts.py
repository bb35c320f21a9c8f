"""What the dashboard's own parts are doing: said on /status, from memory alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from data_access.changes import ChangeWatcher
from data_access.errors import ArchiveError
from data_access.offload import Offload
from data_access.records import PartState
from data_access.services.variability import VariabilityService

_LATE_S = 60.0


class OwnParts:
    """The watcher, the workers, the threads, the kept sums and the cache folder."""

    def __init__(
        self, changes: ChangeWatcher, offload: Offload, variability: VariabilityService, cache: Callable[[], Path]
    ) -> None:
        self._changes, self._offload, self._variability, self._cache = changes, offload, variability, cache

    async def states(self) -> tuple[PartState, ...]:
        """Return the state of every part."""
        folder = await self._offload.in_thread(self._folder)
        return self._watcher(), self._workers(), self._threads(), self._sums(), folder

    def _watcher(self) -> PartState:
        name, seen, n = "Watcher of the databases", self._changes.looked_at, self._changes.n_subscriptions
        if not n:
            return PartState(name, "idle", "nobody listens, nothing is looked at")
        if seen is None:
            return PartState(name, "broken", "it has not looked yet")
        age_s = time.time() - seen
        return PartState(name, "broken" if age_s > _LATE_S else "working", f"looked {age_s:.0f} s ago")

    def _workers(self) -> PartState:
        name, state = f"Worker processes ({self._offload.n_processes})", self._offload.worker_state
        if state == "broken":
            return PartState(name, "broken", "one died; the next read of a CASA table starts new ones")
        return PartState(name, "working" if state == "running" else "idle", state)

    def _threads(self) -> PartState:
        n = self._offload.n_waiting
        return PartState(
            f"Threads for files ({self._offload.n_threads})", "working", f"{n} reads wait" if n else "no read waits"
        )

    def _sums(self) -> PartState:
        name, state = "Kept sums of all sources", self._variability.state
        if state.note:
            return PartState(name, "working", state.note)
        if not state.newest_id:
            return PartState(name, "idle", "nobody has asked for them yet")
        counted = f"{state.last_id:,} of {state.newest_id:,} rows are counted"
        return PartState(name, "working", f"{counted}, more are being read" if state.computing else counted)

    def _folder(self) -> PartState:
        try:
            folder = self._cache()
        except ArchiveError as err:
            return PartState("Cache folder", "broken", err.message)
        return PartState("Cache folder", "working" if folder.is_dir() else "idle", str(folder))
