"""The few connections that answer one kind of question, and the questions that wait for them.

Two threads that compete for the interpreter cost up to twice the processor time of one, and on the way there and back
to the event loop a single row costs more than its SQL. So one lane answers everybody as long as it gets on: all who
wait, one after the other, and the event loop is woken when nobody waits any more or when a while has passed. Another
lane helps while that one has been at the same question for long.

Who asks what others wait for already gets the same answer: after a commit every open page reads its lists again. Only
a question that has not begun is shared, so that nobody gets an answer older than their question.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections import deque
from collections.abc import Awaitable, Callable, Hashable
from contextlib import suppress
from typing import Any, TypeAlias

from data_access.lane import CLOSE_S, Lane
from data_access.patience import Patience
from data_access.read_only_connection import Answers, FileReplaced, Question, ReadOnlyConnection, Statement

_STUCK_S = 0.01
_HAND_OVER_S = 0.0005

Outcome: TypeAlias = tuple[Question, Answers | BaseException]


class LanesClosed(Exception):
    """The database was closed while a question waited."""


class Lanes:
    """At most `n` connections, and who waits for them, in the order they asked.

    Parameters
    ----------
    n : int
    patience : Patience
        How long their statements wait for a writer's lock.
    open_lane : coroutine function -> Lane
        An error that it raises is raised to everybody who waits at that moment.
    """

    def __init__(self, n: int, patience: Patience, open_lane: Callable[[], Awaitable[Lane]]) -> None:
        self.patience = patience
        self._n = n
        self._open_lane = open_lane
        self._line: deque[Question] = deque()
        self._asked: dict[Hashable, Question] = {}
        self._free: list[Lane] = []
        self._at_work: set[Lane] = set()
        self._opening: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Future[Any]] = set()
        self._next_look: asyncio.TimerHandle | None = None
        self._closing = False

    @property
    def is_idle(self) -> bool:
        """Whether nobody waits, and every lane is back."""
        return not (self._line or self._at_work or self._tasks)

    async def ask(
        self, statements: tuple[Statement, ...], limit: int, budget_s: float
    ) -> tuple[Answers, ReadOnlyConnection]:
        """Return the rows of each statement, at most `limit`, and the connection that found them.

        Raises
        ------
        FileReplaced, LanesClosed, sqlite3.Error
        Exception
            What `open_lane` raises.
        """
        if self._closing:
            raise LanesClosed
        key = (limit, budget_s, *((sql, *values, *map(type, values)) for sql, values in statements))
        question = self._asked.get(key)
        if question is None or question.has_begun or question.given_up:
            question = self._asked[key] = Question(statements, limit, budget_s, self.patience, key)
            self._line.append(question)
            self._call_a_lane()
        answer: asyncio.Future[tuple[Answers, ReadOnlyConnection]] = asyncio.get_running_loop().create_future()
        question.answers.append(answer)
        try:
            return await answer
        except asyncio.CancelledError:
            if all(other.cancelled() for other in question.answers):
                question.given_up = True
                self._forget(question)
            raise

    def drop(self) -> None:
        """Close every connection; those at work finish the question that they are at."""
        for lane in (*self._free, *self._at_work):
            self._retire(lane)
        self._free.clear()

    async def close(self) -> None:
        """Refuse those who wait, stop what runs and close every connection; later questions open them again."""
        self._closing = True
        try:
            self._refuse_all(LanesClosed())
            if self._opening is not None:
                self._opening.cancel()
            for lane in self._at_work:
                lane.raw.abandon()
            self.drop()
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_S):
                    while self._tasks:
                        await asyncio.wait(self._tasks)
        finally:
            self._closing = False

    def _retire(self, lane: Lane) -> None:
        if not lane.outdated:
            lane.outdated = True
            self._keep(asyncio.ensure_future(lane.connection.close()))

    def _refuse_all(self, err: Exception) -> None:
        while (question := self._first()) is not None:
            self._hand_over(None, [(question, err)])

    def _call_a_lane(self) -> None:
        """Send a lane to those who wait, unless one gets on with its work; look again while they wait."""
        if all(lane.raw.is_stuck(_STUCK_S) for lane in self._at_work):
            if self._free:
                self._send(self._free.pop())
                return
            if self._opening is None and len(self._at_work) < self._n:
                self._opening = asyncio.ensure_future(self._open_one())
                self._keep(self._opening)
                return
        if self._next_look is None and len(self._at_work) < self._n:
            self._next_look = asyncio.get_running_loop().call_later(_STUCK_S, self._look_again)

    def _look_again(self) -> None:
        self._next_look = None
        if self._line:
            self._call_a_lane()

    async def _open_one(self) -> None:
        try:
            lane = await self._open_lane()
        except Exception as err:  # noqa: BLE001  it is raised where the answers are waited for
            self._refuse_all(err)
        else:
            if self._closing:
                await lane.connection.close()
            else:
                self._send(lane)
        finally:
            self._opening = None

    def _send(self, lane: Lane) -> None:
        self._at_work.add(lane)
        lane.start(functools.partial(self._answer_with, lane, asyncio.get_running_loop()))

    def _keep(self, task: asyncio.Future[Any]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _answer_with(self, lane: Lane, loop: asyncio.AbstractEventLoop) -> None:
        """Answer one after the other, in the thread of a lane."""
        outcomes: list[Outcome] = []
        last = time.monotonic()
        while not lane.outdated and (question := self._first()) is not None:
            if question.given_up:
                continue
            found = _answered(lane.raw, question)
            outcomes.append((question, found))
            if isinstance(found, FileReplaced):
                break
            if self._line and time.monotonic() - last > _HAND_OVER_S:
                loop.call_soon_threadsafe(self._hand_over, lane.raw, outcomes)
                outcomes, last = [], time.monotonic()
        loop.call_soon_threadsafe(self._is_back, lane, outcomes)

    def _is_back(self, lane: Lane, outcomes: list[Outcome]) -> None:
        self._at_work.discard(lane)
        self._hand_over(lane.raw, outcomes)
        if outcomes and isinstance(outcomes[-1][1], FileReplaced):
            self._retire(lane)
        if not lane.outdated:
            self._free.append(lane)
        if self._line:
            self._call_a_lane()

    def _first(self) -> Question | None:
        """Take the first out of the line, in whichever thread; None when nobody waits."""
        try:
            return self._line.popleft()
        except IndexError:
            return None

    def _hand_over(self, connection: ReadOnlyConnection | None, outcomes: list[Outcome]) -> None:
        for question, found in outcomes:
            self._forget(question)
            for answer in question.answers:
                if answer.done():
                    continue
                if isinstance(found, BaseException):
                    answer.set_exception(found)
                else:
                    answer.set_result((found, connection))

    def _forget(self, question: Question) -> None:
        if self._asked.get(question.key) is question:
            del self._asked[question.key]


def _answered(connection: ReadOnlyConnection, question: Question) -> Answers | BaseException:
    try:
        return connection.answer(question)
    except BaseException as err:  # noqa: BLE001  it is raised where the answer is waited for
        return err
