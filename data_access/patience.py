"""How long a reader waits for a writer's lock."""

from __future__ import annotations

import time

from data_access.errors import DatabaseLocked

_SHORT_S = 0.3


class Patience:
    """Long, until somebody waited in vain: then short for as long again, or until a read succeeds.

    A page asks a dozen questions. With a writer that holds its database for minutes, each would wait for the whole
    busy timeout in turn, and what could be said after five seconds would be said after a minute.
    """

    def __init__(self, long_s: float) -> None:
        self._long_s = long_s
        self._locked_until = 0.0

    @property
    def seconds(self) -> float:
        """How long to wait for a lock now."""
        return min(_SHORT_S, self._long_s) if time.monotonic() < self._locked_until else self._long_s

    def failed(self, err: Exception) -> None:
        """Take note of an error: of a lock that was not given up in time."""
        if isinstance(err, DatabaseLocked):
            self.waited_in_vain()

    def waited_in_vain(self) -> None:
        """Take note of a lock that was not given up in time, in whichever thread."""
        self._locked_until = time.monotonic() + self._long_s

    def succeeded(self) -> None:
        """Take note that the database can be read."""
        self._locked_until = 0.0
