"""A connection to a pipeline database and the thread that it lives in."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Thread

import aiosqlite

from data_access.read_only_connection import Answers, Question, ReadOnlyConnection

CLOSE_S = 2.0
"""How long the end of a thread is waited for."""


@dataclass(slots=True, eq=False, weakref_slot=True)
class Lane:
    """A connection and its thread.

    Attributes
    ----------
    outdated : bool
        Set when it is closed after the question that it is at.
    found : deque
        Questions and what was found, on the way from its thread to the event loop.
    """

    connection: aiosqlite.Connection
    raw: ReadOnlyConnection
    outdated: bool = False
    found: deque[tuple[Question, Answers | BaseException]] = field(default_factory=deque)

    def start(self, work: Callable[[], None]) -> None:
        """Let the thread of the connection do this next; it says by itself when that is done."""
        self.connection._tx.put_nowait((None, work))


async def connect_in_thread(
    connect: Callable[[], ReadOnlyConnection], given_up: set[Thread]
) -> tuple[ReadOnlyConnection, aiosqlite.Connection]:
    """Return what `connect` opened, and the connection that runs everything in a thread of its own.

    Parameters
    ----------
    given_up : set of Thread
        Gets the thread when the caller is cancelled: aiosqlite ends it without waiting for it, and it must not
        speak to an event loop that is gone. A caller that gives up does not wait either, but somebody has to.
    """
    opened: list[ReadOnlyConnection] = []

    def open_it() -> sqlite3.Connection:
        opened.append(connect())
        return opened[0]

    connection = aiosqlite.Connection(open_it, iter_chunk_size=64)
    # Reads never outlive the process: a forgotten thread must not keep a notebook or a test from ending.
    connection._thread.daemon = True
    try:
        await connection
    except (sqlite3.Error, OSError):
        await asyncio.to_thread(connection._thread.join, CLOSE_S)
        raise
    except asyncio.CancelledError:
        given_up.difference_update([thread for thread in given_up if not thread.is_alive()])
        given_up.add(connection._thread)
        raise
    return opened[0], connection
