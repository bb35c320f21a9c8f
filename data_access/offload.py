"""The only thread pool and the only process pool.

FITS files and logs are read in threads. CASA tables are read in worker processes: python-casacore holds the
interpreter lock for a whole read (a `getcol` in a thread froze the event loop for up to 5.4 s), and a process can be
stopped at a deadline while a thread cannot.
"""

from __future__ import annotations

import asyncio
import functools
import multiprocessing
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar, cast

from pebble import ProcessExpired, ProcessPool

from data_access.errors import FileError, ReadTooSlow

P = ParamSpec("P")
T = TypeVar("T")


def _nothing() -> None:
    return None


class Offload:
    """Runs blocking work off the event loop, bounded in number and in time.

    Parameters
    ----------
    threads, processes : int
    deadline_s : float
        A worker process that takes longer is stopped.
    """

    def __init__(self, *, threads: int, processes: int, deadline_s: float) -> None:
        self._n_threads, self._n_processes, self._deadline_s = threads, processes, deadline_s
        self._threads: ThreadPoolExecutor | None = None
        self._processes: ProcessPool | None = None

    async def in_thread(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return the function's result, computed in a thread."""
        if self._threads is None:
            self._threads = ThreadPoolExecutor(self._n_threads, thread_name_prefix="archive")
        call = functools.partial(function, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)

    async def in_process(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return the function's result, computed in a worker process; stopped at the deadline.

        Raises
        ------
        ReadTooSlow
            The deadline was reached and the process was stopped.
        FileError
            The process died (a damaged table can crash casacore); others are not affected.
        """
        future = self._pool().schedule(function, args=args, kwargs=kwargs, timeout=self._deadline_s)
        name = getattr(function, "__name__", "read")
        try:
            return cast(T, await asyncio.wrap_future(cast("Future[T]", future)))
        except TimeoutError as err:
            raise ReadTooSlow(f"{name} was stopped after {self._deadline_s:g} s", path=str(args[:1])) from err
        except ProcessExpired as err:
            raise FileError(
                f"The worker process that ran {name} died", remedy="The table may be damaged: open it with CASA."
            ) from err

    def warm_up(self) -> None:
        """Start the worker processes, so that the first reader does not wait for them."""
        for _ in range(self._n_processes):
            self._pool().schedule(_nothing)

    def _pool(self) -> ProcessPool:
        if self._processes is None:
            # spawn: a forked child of a threaded server inherits locks in an unknown state.
            self._processes = ProcessPool(
                max_workers=self._n_processes, max_tasks=200, context=multiprocessing.get_context("spawn")
            )
        return self._processes

    async def close(self) -> None:
        """Stop the workers; what is under way is abandoned."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
            self._threads = None
        if self._processes is not None:
            pool, self._processes = self._processes, None
            pool.stop()  # type: ignore[no-untyped-call, unused-ignore]
            await asyncio.to_thread(pool.join, 5)
