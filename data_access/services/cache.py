"""Results derived from files: computed once, kept while the file is the same, shared by all who ask at once."""

from __future__ import annotations

import asyncio
import os
import stat
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from pathlib import Path
from typing import Any

from data_access.errors import file_error

FileKey = tuple[int, ...]


def file_key(path: str) -> FileKey:
    """Return what changes when a file (or the table in a directory) is written or replaced.

    Raises
    ------
    FileMissing, FileUnreadable
    """
    try:
        state = os.stat(path)  # noqa: PTH116 - a third of the time of Path.stat
        key = [state.st_ino, state.st_mtime_ns, state.st_size]
        if stat.S_ISDIR(state.st_mode):
            for part in sorted(Path(path).glob("table.*")):
                if part.name == "table.lock":
                    continue
                inner = part.stat()
                key += [inner.st_mtime_ns, inner.st_size]
    except OSError as err:
        raise file_error(path, err) from err
    return tuple(key)


class SingleFlightCache:
    """A bounded cache of results under keys that change with their input; concurrent callers share one computation.

    Parameters
    ----------
    max_entries : int
    """

    def __init__(self, *, max_entries: int) -> None:
        self._max_entries = max_entries
        self._done: OrderedDict[Hashable, Any] = OrderedDict()
        self._running: dict[Hashable, asyncio.Task[Any]] = {}

    async def get(self, key: Hashable, compute: Callable[[], Awaitable[Any]]) -> Any:
        """Return the kept result, or compute it; an error is raised to all who wait and is not kept."""
        if key in self._done:
            self._done.move_to_end(key)
            return self._done[key]
        task = self._running.get(key)
        if task is None:
            task = asyncio.ensure_future(self._compute(key, compute))
            task.add_done_callback(_look_at_error)
            self._running[key] = task
        # shield: one caller that gives up must not take the answer from the others.
        return await asyncio.shield(task)

    async def _compute(self, key: Hashable, compute: Callable[[], Awaitable[Any]]) -> Any:
        try:
            value = await compute()
        finally:
            self._running.pop(key, None)
        self._done[key] = value
        while len(self._done) > self._max_entries:
            self._done.popitem(last=False)
        return value

    def __len__(self) -> int:
        return len(self._done)


def _look_at_error(task: asyncio.Task[Any]) -> None:
    """Take note of an error even when every caller has given up: asyncio would log it as lost."""
    if not task.cancelled():
        task.exception()
