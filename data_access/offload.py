"""The only thread pool and the only process pool.

FITS files and logs are read in threads. CASA tables are read in worker processes: python-casacore holds the
interpreter lock for a whole read (a `getcol` in a thread froze the event loop for up to 5.4 s), and a process can be
stopped at a deadline while a thread cannot.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Literal, ParamSpec, TypeVar

from pebble import ProcessExpired, ProcessPool

from data_access.errors import FileError, ReadTooSlow

P = ParamSpec("P")
T = TypeVar("T")
WorkerState = Literal["not started", "running", "broken"]

log = logging.getLogger(__name__)

_LOOK_AT_POOL_S = 1.0
_JOIN_S = 5.0


class _PoolBroke(Exception):
    """The pool of processes can run nothing any more."""


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
        self.n_threads, self.n_processes, self._deadline_s = threads, processes, deadline_s
        self._threads: ThreadPoolExecutor | None = None
        self._processes: ProcessPool | None = None
        self._closed = False

    async def in_thread(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return the function's result, computed in a thread."""
        if self._threads is None:
            self._threads = ThreadPoolExecutor(self.n_threads, thread_name_prefix="archive")
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
        name = getattr(function, "__name__", "read")
        for _ in range(2):
            pool = self._pool()
            try:
                return await self._in_pool(pool, functools.partial(function, *args, **kwargs))
            except TimeoutError as err:
                message = f"{name} was stopped after {self._deadline_s:g} s"
                raise ReadTooSlow(message, path=str(args[:1])) from err
            except ProcessExpired as err:
                raise FileError(
                    f"The worker process that ran {name} died", remedy="The table may be damaged: open it with CASA."
                ) from err
            except _PoolBroke:
                if self._closed:
                    break
                log.warning("a worker process died while it was idle: new ones are started")
                await self._drop(pool)
        raise FileError(
            f"The worker processes ended before {name} could run", remedy="Try again; see the server's log."
        )

    async def _in_pool(self, pool: ProcessPool, call: Callable[[], T]) -> T:
        """Run one call; raise `_PoolBroke` when the pool is to blame and not the call."""
        try:
            return await _answer(pool, asyncio.wrap_future(pool.schedule(call, timeout=self._deadline_s)))
        except BrokenProcessPool as err:
            raise _PoolBroke from err
        except RuntimeError as err:
            if pool.active:
                raise
            raise _PoolBroke from err

    @property
    def worker_state(self) -> WorkerState:
        """What the worker processes are up to; broken ones are replaced by the next read."""
        if self._processes is None:
            return "not started"
        return "running" if self._processes.active else "broken"

    @property
    def n_waiting(self) -> int:
        """Number of calls that wait for a thread."""
        return 0 if self._threads is None else self._threads._work_queue.qsize()

    def warm_up(self) -> None:
        """Start the worker processes, so that the first reader does not wait for them."""
        for _ in range(self.n_processes):
            self._pool().schedule(_nothing)

    def _pool(self) -> ProcessPool:
        if self._processes is None:
            # spawn: a forked child of a threaded server inherits locks in an unknown state.
            self._processes = ProcessPool(
                max_workers=self.n_processes, max_tasks=200, context=multiprocessing.get_context("spawn")
            )
        return self._processes

    async def _drop(self, pool: ProcessPool) -> None:
        """Stop a pool; the next call makes a new one. Of several callers whom it failed, the first one does it."""
        if self._processes is not pool:
            return  # two that join the same pool close its channels twice, and then perhaps somebody else's
        self._processes = None
        pool.stop()  # type: ignore[no-untyped-call, unused-ignore]
        await asyncio.to_thread(pool.join, _JOIN_S)

    async def close(self) -> None:
        """Stop the workers; what is under way is abandoned."""
        self._closed = True
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
            self._threads = None
        if self._processes is not None:
            await self._drop(self._processes)


async def _answer(pool: ProcessPool, answer: asyncio.Future[T]) -> T:
    """Wait for an answer; what is queued in the moment a pool breaks never gets one (pebble 5.2)."""
    try:
        while not answer.done():
            await asyncio.wait((answer,), timeout=_LOOK_AT_POOL_S)
            if not answer.done() and not pool.active:
                raise _PoolBroke
        return answer.result()
    finally:
        answer.cancel()  # of a caller that gave up: the worker is stopped
