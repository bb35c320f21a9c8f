"""A connection to a pipeline database and the thread that it lives in."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from threading import Thread
from typing import Any

import aiosqlite

from data_access.read_only_connection import ReadOnlyConnection

CLOSE_S = 2.0
"""How long the end of a thread is waited for."""


@dataclass(slots=True, eq=False)
class Lane:
    """A connection for one statement at a time; lanes of an earlier generation are of a file that was replaced.

    Attributes
    ----------
    name : str
        What it is kept for: fast questions, slow ones, or the watcher's.
    errand : Future, optional
        What it was sent to do for those who wait; it is not free before that has ended.
    """

    connection: aiosqlite.Connection
    raw: ReadOnlyConnection
    generation: int
    name: str
    errand: asyncio.Future[bool] | None = None

    @property
    def run(self) -> Callable[..., Awaitable[Any]]:
        """What runs a function in the thread of the connection; aiosqlite itself does everything with it."""
        execute: Callable[..., Awaitable[Any]] = self.connection._execute
        return execute


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
