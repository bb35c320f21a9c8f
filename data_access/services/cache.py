"""Results derived from files: computed once, kept while the file is the same, shared by all who ask at once."""

from __future__ import annotations

import asyncio
import os
import stat
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from contextlib import suppress
from typing import Any

from data_access.errors import file_error

FileKey = tuple[int, ...]


def file_key(path: str) -> FileKey:
    """Return what changes when a file, or the table in a directory or one of its subtables, is written or replaced.

    Raises
    ------
    FileMissing, FileUnreadable
    """
    try:
        state = os.stat(path)  # noqa: PTH116 - a third of the time of Path.stat
        key = [state.st_ino, state.st_mtime_ns, state.st_size]
        if stat.S_ISDIR(state.st_mode):
            # one number, alike in every process: overviews on disk have little room for the key
            key.append(hash(tuple(_numbers_of_table(path))))
    except OSError as err:
        raise file_error(path, err) from err
    return tuple(key)


def _numbers_of_table(path: str) -> list[int]:
    """Return times and sizes of the files of a table and its subtables; nothing for a folder that is no table."""
    numbers, folders = _look_into(path)
    for folder in folders if numbers else ():
        with suppress(OSError):  # it vanished, or may not be read: for whoever reads the table to say
            numbers += _look_into(folder)[0]
    return numbers


def _look_into(folder: str) -> tuple[list[int], list[str]]:
    """Return times and sizes of the files of a table, in order of their names, and its folders.

    The lock is left out: those who only read write to it.
    """
    with os.scandir(folder) as entries:  # half the time of Path.glob
        found = sorted(entries, key=lambda entry: entry.name)
    files = [one.stat() for one in found if one.name.startswith("table.") and one.name != "table.lock"]
    numbers = [number for file in files for number in (file.st_mtime_ns, file.st_size)]
    return numbers, [one.path for one in found if one.is_dir()]


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
