"""Questions that wait for a connection: who asks the same meanwhile gets the same answer.

After a commit every open page reads its lists again, and most of them ask the same. Only a question that has not
begun is shared, so that nobody gets an answer older than their question.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Any


class SharedQuestions:
    """Questions that were asked and have not begun."""

    def __init__(self) -> None:
        self._waiting: dict[Hashable, list[asyncio.Future[Any]]] = {}

    async def ask(self, key: Hashable, run: Callable[[Callable[[], None]], Awaitable[Any]]) -> Any:
        """Return the answer to a question; an error is raised to all who share it.

        Parameters
        ----------
        key : hashable
            The same for the same question.
        run : coroutine function (begun) -> answer
            Calls `begun` when the question begins, from any thread: from then on it is not shared any more.
        """
        while (others := self._waiting.get(key)) is not None:
            answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            others.append(answer)
            if await answer:
                return answer.result()[0]
        others = self._waiting[key] = []
        try:
            found = await run(lambda: self._begin(key, others))
        except asyncio.CancelledError:
            self._answer(key, others, lambda other: other.set_result(()))
            raise
        except BaseException as err:
            failure = err
            self._answer(key, others, lambda other: other.set_exception(failure))
            raise
        self._answer(key, others, lambda other: other.set_result((found,)))
        return found

    def _begin(self, key: Hashable, others: list[asyncio.Future[Any]]) -> None:
        if self._waiting.get(key) is others:
            self._waiting.pop(key, None)  # who gives up in the event loop may have been faster

    def _answer(
        self,
        key: Hashable,
        others: list[asyncio.Future[Any]],
        tell: Callable[[asyncio.Future[Any]], None],
    ) -> None:
        self._begin(key, others)
        for other in others:
            if not other.done():
                tell(other)
