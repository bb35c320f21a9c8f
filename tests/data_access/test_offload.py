"""Worker processes: one that dies costs at most the read it was in the middle of."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator

import pytest

from data_access.errors import FileError
from data_access.offload import Offload


def _fail() -> None:
    raise RuntimeError("a read of our own failed")


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture
async def offload() -> AsyncIterator[Offload]:
    offload = Offload(threads=1, processes=1, deadline_s=60.0)
    yield offload
    await offload.close()


async def _kill_the_idle_worker(offload: Offload) -> None:
    os.kill(await offload.in_process(os.getpid), signal.SIGKILL)


async def test_after_an_idle_worker_was_killed_the_next_read_is_answered(offload: Offload) -> None:
    await _kill_the_idle_worker(offload)
    async with asyncio.timeout(30):
        while offload.worker_state == "running":  # noqa: ASYNC110  nothing announces that a worker died
            await asyncio.sleep(0.05)
    assert offload.worker_state == "broken"
    assert await offload.in_process(abs, -3) == 3
    assert offload.worker_state == "running"


async def test_a_read_asked_for_in_the_moment_of_the_death_is_answered(offload: Offload) -> None:
    await _kill_the_idle_worker(offload)
    async with asyncio.timeout(30):
        assert await offload.in_process(abs, -3) == 3


async def test_reads_under_way_together_survive_the_death_of_an_idle_worker(offload: Offload) -> None:
    await _kill_the_idle_worker(offload)
    async with asyncio.timeout(30):
        assert await asyncio.gather(*(offload.in_process(abs, -n) for n in range(4))) == [0, 1, 2, 3]


async def test_a_worker_killed_by_its_own_read_fails_that_read_only(offload: Offload) -> None:
    with pytest.raises(FileError, match="_die died"):
        await offload.in_process(_die)
    assert await offload.in_process(abs, -3) == 3


async def test_an_error_of_the_read_itself_is_not_taken_for_a_broken_pool(offload: Offload) -> None:
    with pytest.raises(RuntimeError, match="of our own"):
        await offload.in_process(_fail)
    assert offload.worker_state == "running"


async def test_a_caller_that_gives_up_frees_its_worker(offload: Offload) -> None:
    await offload.in_process(abs, -1)
    given_up = asyncio.create_task(offload.in_process(time.sleep, 50.0))
    await asyncio.sleep(0.3)
    given_up.cancel()
    async with asyncio.timeout(20):
        assert await offload.in_process(abs, -3) == 3


async def test_a_read_under_way_when_all_is_closed_starts_no_new_workers(offload: Offload) -> None:
    await offload.in_process(abs, -1)
    under_way = asyncio.create_task(offload.in_process(time.sleep, 50.0))
    await asyncio.sleep(0.1)
    await offload.close()
    with pytest.raises(FileError, match="ended before"):
        await under_way
    assert offload.worker_state == "not started"


async def test_workers_that_nobody_asked_yet_are_not_called_broken(offload: Offload) -> None:
    assert offload.worker_state == "not started"
