"""Follow a log while it is written, through both kinds of rotation, without losing or doubling a line.

Rename rotation is seen by the inode: the old file stays open and is read to its end before the new one is begun.
Copy-and-truncate and a rewrite of the same size are seen by what is in front of the position: the last bytes that
were read must still be there. What is lost is only what nobody could read: text that was truncated away unseen.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from watchfiles import watch

from data_access.log_follower import LogBatch, LogFollower

__all__ = ["LogBatch", "watch_log"]

_WATCH_STEP_MS = 50
_RETRY_WATCH_S = 5.0
_STOP_WATCH_S = 2.0


async def watch_log(
    path: str | Path,
    *,
    from_offset: int | None = None,
    inode: int | None = None,
    batch_s: float = 0.25,
    poll_s: float = 1.0,
    partial_s: float = 1.0,
    max_batch_bytes: int = 1_000_000,
) -> AsyncGenerator[LogBatch, None]:
    """Yield the lines that are appended to a log, in batches, for ever; rotation does not end it.

    The first batch comes at once: it says whether the file is there. Notifications of the file system wake it,
    a slow poll finds what they miss (network disks, links). Reads happen in threads.

    Parameters
    ----------
    path : str or Path
        Need not exist yet.
    from_offset : int, optional
        Byte to start from, usually `LogWindow.end_offset`; the end of the file when None.
    inode : int, optional
        `LogWindow.inode` of that window: when the log was rotated in between, the new one is read from its start.
    batch_s : float
        Shortest time between two batches.
    poll_s : float
        Longest time between two looks at the file.
    partial_s : float
        A last line without a line feed is held for so long, then given; its rest comes with `LogBatch.continues`.
    max_batch_bytes : int
        When more than this was appended between two batches, only the end of it is read and the rest is
        counted in `LogBatch.skipped_bytes`.

    Raises
    ------
    FileUnreadable
        When the path is a directory, a pipe or compressed, or may not be read.

    Notes
    -----
    Close the iterator (``aclose``, or cancel the task that consumes it): that ends its watcher and closes the file.
    """
    follower = LogFollower(
        path, from_offset=from_offset, inode=inode, partial_s=partial_s, max_batch_bytes=max_batch_bytes
    )
    try:
        async with _notifications(Path(path)) as changed:
            while True:
                changed.clear()
                began = time.monotonic()
                batches = await asyncio.to_thread(follower.read)
                for batch in batches:
                    yield batch
                if not batches:
                    await _wait(changed, min(poll_s, follower.partial_due_s()))
                elif (pause := began + batch_s - time.monotonic()) > 0:
                    await asyncio.sleep(pause)
    finally:
        follower.close()


async def _wait(changed: asyncio.Event, timeout_s: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            await changed.wait()


@asynccontextmanager
async def _notifications(path: Path) -> AsyncIterator[asyncio.Event]:
    """Give an event that is set whenever the file system reports something about `path`."""
    loop = asyncio.get_running_loop()
    changed, ended, stop = asyncio.Event(), asyncio.Event(), threading.Event()

    def tell(event: asyncio.Event) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody listens any more
            loop.call_soon_threadsafe(event.set)

    # A thread of its own: awatch takes one of the 40 threads that all ASGI file responses share (anyio) for as
    # long as it watches (watchfiles 1.3).
    thread = threading.Thread(
        target=_watch_folders,
        args=(path, stop, lambda: tell(changed), lambda: tell(ended)),
        name=f"watch {path.name}",
        daemon=True,
    )
    thread.start()
    try:
        yield changed
    finally:
        stop.set()
        await _wait(ended, _STOP_WATCH_S)


def _watch_folders(path: Path, stop: threading.Event, report: Callable[[], None], end: Callable[[], None]) -> None:
    """Report changes until stopped; without a folder to watch, or watches left, the poll alone must do."""
    try:
        while not stop.is_set():
            with suppress(OSError, RuntimeError):  # no such folder, no watches left, an error inside watchfiles
                _watch_once(path, stop, report)
            stop.wait(_RETRY_WATCH_S)
    finally:
        end()


def _watch_once(path: Path, stop: threading.Event, report: Callable[[], None]) -> None:
    real = Path(os.path.realpath(path))  # a log may be a link into another folder
    names = {path.name, real.name}
    reports = watch(
        *{path.parent, real.parent},
        # filtered here and not by us: watchfiles logs what passes, which would feed our own log in the same folder
        watch_filter=lambda _, changed: Path(changed).name in names,
        debounce=2 * _WATCH_STEP_MS,
        step=_WATCH_STEP_MS,
        stop_event=stop,
        recursive=False,
        raise_interrupt=False,
    )
    for _ in reports:
        report()
