"""Questions to a database that found every lane busy.

A lane that has answered one takes the next along without going back to the event loop: for a single row the way
there and back costs more than the answer. They are answered in the order they were asked, by whichever lane is ready
first, so that nobody waits behind one slow question while another lane is idle.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TypeAlias

from data_access.read_only_connection import Answers, FileReplaced, Question, ReadOnlyConnection

Answer: TypeAlias = "asyncio.Future[tuple[Answers, ReadOnlyConnection] | None]"


class WaitingQuestions:
    """Questions in the order they were asked, and their answers on the way back to the event loop."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Question, Answer]] = deque()
        self._outcomes: deque[tuple[Answer, Answers | BaseException, ReadOnlyConnection]] = deque()
        self._is_announced = False

    def __bool__(self) -> bool:
        return bool(self._waiting)

    async def wait(self, question: Question, wake: Callable[[], None]) -> tuple[Answers, ReadOnlyConnection] | None:
        """Return the answer and who gave it, or None when the question has to find a lane by itself.

        Parameters
        ----------
        wake : callable
            Called when the question stands in line.

        Raises
        ------
        FileReplaced, sqlite3.Error
        """
        answer: Answer = asyncio.get_running_loop().create_future()
        self._waiting.append((question, answer))
        wake()
        try:
            return await answer
        except asyncio.CancelledError:
            question.given_up = True
            if not answer.cancelled() and answer.exception() is None and answer.result() is None:
                self.let_one_go()  # what was let go is not going
            raise

    def let_one_go(self) -> None:
        """Let the first that still waits find a lane by itself."""
        while (first := self._first()) is not None:
            if not first[1].done():
                first[1].set_result(None)
                return

    def answer_with(self, connection: ReadOnlyConnection) -> bool:
        """Answer one after the other in the thread of a connection; False when that cannot go on."""
        while not connection.abandoned:
            first = self._first()
            if first is None:
                return True
            question, answer = first
            if question.given_up:
                continue
            found = _answered(connection, question)
            self._hand_over(answer, found, connection)
            if isinstance(found, FileReplaced):
                return False
        return False

    def _first(self) -> tuple[Question, Answer] | None:
        """Take the first out of the line, in whichever thread; None when nobody waits."""
        try:
            return self._waiting.popleft()
        except IndexError:
            return None

    def _hand_over(self, answer: Answer, found: Answers | BaseException, connection: ReadOnlyConnection) -> None:
        """Give what was found to the event loop, which is woken once for all that it has not taken yet."""
        self._outcomes.append((answer, found, connection))
        if not self._is_announced:
            self._is_announced = True
            answer.get_loop().call_soon_threadsafe(self._take_over)

    def _take_over(self) -> None:
        self._is_announced = False  # first: what comes from now on is announced again
        while self._outcomes:
            answer, found, connection = self._outcomes.popleft()
            if answer.done():
                continue
            if isinstance(found, BaseException):
                answer.set_exception(found)
            else:
                answer.set_result((found, connection))


def _answered(connection: ReadOnlyConnection, question: Question) -> Answers | BaseException:
    try:
        return connection.answer(question)
    except BaseException as err:  # noqa: BLE001  it is raised where the answer is waited for
        return err
