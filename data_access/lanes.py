"""The few connections that answer one kind of question, and the questions that wait for them.

Two threads that compete for the interpreter cost up to twice the processor time of one, and on the way there and back
to the event loop a single row costs more than its SQL. So one lane answers everybody as long as it gets on: all who
wait, one after the other, and the event loop is woken when nobody waits any more or when a while has passed. Another
lane helps while that one has been at the same question for long.

Who asks what others wait for already gets the same answer: after a commit every open page reads its lists again. Only
a question that has not begun is shared, so that nobody gets an answer older than their question.

A lane that nobody asks is closed after a while: an open connection, though it reads nothing, keeps the pipeline from
clearing away its write-ahead log, from changing its journal mode, and from locking its file for itself.
"""

from __future__ import annotations

import asyncio
import functools
import math
import time
import weakref
from collections import deque
from collections.abc import Awaitable, Callable, Hashable
from contextlib import suppress
from typing import Any

from data_access.lane import CLOSE_S, Lane
from data_access.patience import Patience
from data_access.read_only_connection import (
    Answers,
    FileReplaced,
    Identity,
    Question,
    ReadOnlyConnection,
    Statement,
)

_STUCK_S = 0.01
_LOOK_S = 0.002
_HAND_OVER_S = 0.0005
IDLE_S = 5.0
"""A lane that was asked nothing for so long is closed."""


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
        An error that it raises is raised to everybody who waited when it was called.
    """

    def __init__(self, n: int, patience: Patience, open_lane: Callable[[], Awaitable[Lane]]) -> None:
        self.patience = patience
        self._n = n
        self._open_lane = open_lane
        self._line: deque[Question] = deque()
        self._asked: dict[Hashable, Question] = {}
        self._free: list[Lane] = []
        self._at_work: set[Lane] = set()
        self._opening: asyncio.Future[Lane] | None = None
        self._tasks: set[asyncio.Future[Any]] = set()
        self._next_look: asyncio.TimerHandle | None = None
        self._next_close: asyncio.TimerHandle | None = None
        self._last_back = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def is_idle(self) -> bool:
        """Whether nobody waits, and every lane is back."""
        return not (self._line or self._at_work or self._tasks)

    @property
    def held_logs(self) -> frozenset[Identity]:
        """The files whose write-ahead logs are held by a lane that goes on."""
        going_on = [lane for lane in (*self._free, *self._at_work) if not lane.outdated]
        return frozenset(lane.raw.identity for lane in going_on if lane.raw.holds_log)

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
        self._meet_loop()
        key: Hashable = (limit, budget_s, *((sql, *values, *map(type, values)) for sql, values in statements))
        try:
            question = self._asked.get(key)
        except TypeError:  # a value that cannot be compared: this one is not shared
            key, question = object(), None
        if question is not None:
            question.asked_at = time.monotonic()  # first: whoever begins it from here on looks at the file
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
        self._meet_loop()
        self._refuse(LanesClosed(), asked_until=math.inf)
        if self._opening is not None:
            self._opening.cancel()
        for lane in self._at_work:
            lane.raw.abandon()
        self.drop()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                while self._tasks:
                    await asyncio.wait(self._tasks)
                    self.drop()  # one may have been opened in the last moment

    def _meet_loop(self) -> None:
        """Forget what an event loop that has ended left behind: nobody waits there any more."""
        if self._loop is (loop := asyncio.get_running_loop()):
            return
        self._loop = loop
        self._line.clear()
        self._asked.clear()
        self._tasks.clear()
        self._opening = self._next_look = self._next_close = None
        for lane in self._at_work:
            lane.raw.abandon()
            self._retire(lane)
        self._at_work.clear()

    def _retire(self, lane: Lane) -> None:
        if not lane.outdated:
            lane.outdated = True
            self._keep(asyncio.ensure_future(lane.connection.close()))

    def _refuse(self, err: Exception, *, asked_until: float) -> None:
        """Raise an error to those who waited at that moment (`time.monotonic`); the others keep their places."""
        later = []
        while (question := self._first()) is not None:
            if question.asked_at <= asked_until:
                self._hand_over(None, question, err)
            else:
                later.append(question)
        self._line.extend(later)

    def _call_a_lane(self) -> None:
        """Send a lane to those who wait, unless one gets on with its work."""
        if all(lane.raw.is_stuck(_STUCK_S) for lane in self._at_work):
            if self._free:
                self._send(self._free.pop())
            elif self._opening is None and len(self._at_work) < self._n:
                self._opening = asyncio.ensure_future(self._open_lane())
                self._opening.add_done_callback(functools.partial(self._has_opened, time.monotonic()))
                self._keep(self._opening)

    def _look_later(self) -> None:
        if self._next_look is None:
            self._next_look = asyncio.get_running_loop().call_later(_LOOK_S, self._look_again)

    def _look_again(self) -> None:
        """Take over what lanes have found that are at the next question meanwhile, and see whether one is stuck."""
        self._next_look = None
        for lane in self._at_work:
            self._take_over(lane)
        if self._line:
            self._call_a_lane()
        if self._at_work:
            self._look_later()

    def _has_opened(self, called_at: float, opening: asyncio.Future[Lane]) -> None:
        """Send the lane that was opened, or raise what kept it from that to those who had waited for it."""
        if self._opening is not opening:
            return
        self._opening = None
        if opening.cancelled():
            return
        if isinstance(err := opening.exception(), Exception):
            self._refuse(err, asked_until=called_at)
        else:
            self._send(opening.result())
        if self._line:
            self._call_a_lane()

    def _send(self, lane: Lane) -> None:
        self._at_work.add(lane)
        self._look_later()
        # The thread remembers what it did last: with the lane itself in it, one that is forgotten would never end.
        lane.start(functools.partial(_work, weakref.ref(self), weakref.ref(lane), asyncio.get_running_loop()))

    def _keep(self, task: asyncio.Future[Any]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def answer_with(self, lane: Lane, loop: asyncio.AbstractEventLoop) -> None:
        """Answer one after the other, in the thread of a lane."""
        found: Answers | BaseException = []
        last = time.monotonic()
        while not lane.outdated and (question := self._first()) is not None:
            if question.given_up:
                continue
            found = _answered(lane.raw, question)
            lane.found.append((question, found))
            if isinstance(found, FileReplaced):
                break
            if self._line and time.monotonic() - last > _HAND_OVER_S:
                loop.call_soon_threadsafe(self._take_over, lane)
                last = time.monotonic()
        loop.call_soon_threadsafe(self._is_back, lane, isinstance(found, FileReplaced))

    def _is_back(self, lane: Lane, is_replaced: bool) -> None:
        self._at_work.discard(lane)
        self._take_over(lane)
        if is_replaced:
            self._retire(lane)
        if not lane.outdated:
            self._free.append(lane)
            self._close_when_idle()
        if self._line:
            self._call_a_lane()

    def _close_when_idle(self) -> None:
        self._last_back = time.monotonic()
        if self._next_close is None:
            self._close_later(IDLE_S)

    def _close_later(self, after_s: float) -> None:
        loop = asyncio.get_running_loop()
        self._next_close = loop.call_later(after_s, _close_if_idle, weakref.ref(self))  # which may be forgotten

    def close_if_idle(self) -> None:
        """Close every connection if nobody asked for a while; else look again later."""
        left_s = self._last_back + IDLE_S - time.monotonic()
        if left_s > 0 or not self.is_idle:
            self._close_later(max(left_s, 1.0))
            return
        self._next_close = None
        self.drop()

    def _take_over(self, lane: Lane) -> None:
        while lane.found:
            self._hand_over(lane.raw, *lane.found.popleft())

    def _first(self) -> Question | None:
        """Take the first out of the line, in whichever thread; None when nobody waits."""
        try:
            return self._line.popleft()
        except IndexError:
            return None

    def _hand_over(
        self, connection: ReadOnlyConnection | None, question: Question, found: Answers | BaseException
    ) -> None:
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


def _work(lanes: weakref.ref[Lanes], lane: weakref.ref[Lane], loop: asyncio.AbstractEventLoop) -> None:
    if (mine := lanes()) is not None and (my_lane := lane()) is not None:
        mine.answer_with(my_lane, loop)


def _close_if_idle(lanes: weakref.ref[Lanes]) -> None:
    if (mine := lanes()) is not None:
        mine.close_if_idle()


def _answered(connection: ReadOnlyConnection, question: Question) -> Answers | BaseException:
    try:
        return connection.answer(question)
    except BaseException as err:  # noqa: BLE001  it is raised where the answer is waited for
        return err
