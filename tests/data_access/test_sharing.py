"""The same question asked by many while it waits is asked once, and never answered with an older answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from data_access.errors import QueryTooSlow
from data_access.sharing import SharedQuestions


class Lane:
    """Questions that wait at a gate, and what came of each."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.finish = asyncio.Event()
        self.finish.set()
        self.n_begun = 0
        self.error: Exception | None = None

    async def run(self, begun: Callable[[], None]) -> int:
        await self.gate.wait()
        begun()
        self.n_begun += 1
        mine = self.n_begun
        await self.finish.wait()
        if self.error is not None:
            raise self.error
        return mine


async def _asked(shared: SharedQuestions, key: str, run: Callable[[Any], Awaitable[int]]) -> asyncio.Task[int]:
    task = asyncio.create_task(shared.ask(key, run))
    await asyncio.sleep(0)
    return task


async def test_those_who_ask_the_same_while_it_waits_share_one_answer() -> None:
    shared, lane = SharedQuestions(), Lane()
    tasks = [await _asked(shared, "images", lane.run) for _ in range(5)]
    lane.gate.set()
    assert await asyncio.gather(*tasks) == [1] * 5


async def test_a_question_that_has_begun_is_not_shared() -> None:
    shared, lane = SharedQuestions(), Lane()
    lane.gate.set()
    lane.finish.clear()
    first = await _asked(shared, "images", lane.run)
    second = await _asked(shared, "images", lane.run)
    lane.finish.set()
    assert (await first, await second) == (1, 2)


async def test_different_questions_are_not_mixed_up() -> None:
    shared, lane = SharedQuestions(), Lane()
    first, second = await _asked(shared, "images", lane.run), await _asked(shared, "sources", lane.run)
    lane.gate.set()
    assert sorted([await first, await second]) == [1, 2]


async def test_those_who_give_up_take_the_answer_from_nobody() -> None:
    shared, lane = SharedQuestions(), Lane()
    first = await _asked(shared, "images", lane.run)
    others = [await _asked(shared, "images", lane.run) for _ in range(3)]
    first.cancel()
    others[0].cancel()
    await asyncio.gather(first, others[0], return_exceptions=True)
    lane.gate.set()
    assert await asyncio.wait_for(asyncio.gather(*others[1:]), 5) == [1, 1]


async def test_an_error_is_raised_to_all_who_share_it() -> None:
    shared, lane = SharedQuestions(), Lane()
    lane.error = QueryTooSlow("stopped")
    tasks = [await _asked(shared, "images", lane.run) for _ in range(3)]
    lane.gate.set()
    for task in tasks:
        with pytest.raises(QueryTooSlow):
            await task
