"""From a commit in the pipeline's databases to the pages that show them: one task per server, coalesced per page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Protocol

from dashboards.boundary import Boundary
from dashboards.session import Session

RETRY_S = 5.0
_OLD_S = 5.0


class Change(Protocol):
    """What changed: the roles of the databases that were written."""

    @property
    def roles(self) -> frozenset[str]:
        """Roles of `data_access.settings.ROLES`."""


class Subscription(Protocol):
    """A bounded queue of changes."""

    def __aiter__(self) -> AsyncIterator[Change]: ...

    def close(self) -> None:
        """Stop receiving."""


class Changes(Protocol):
    """The part of ``archive.changes`` that the pages need."""

    @property
    def last_write(self) -> float | None:
        """Newest write to the databases with the images, unix seconds."""

    @property
    def writes(self) -> Mapping[str, float]:
        """Role of a database -> its newest write, unix seconds."""

    @property
    def remarks(self) -> tuple[str, ...]:
        """What readers of any page must know about the databases."""

    async def look_if_older(self, age_s: float) -> None:
        """Look at the databases now, unless that was done within `age_s`."""

    def subscribe(self) -> Subscription:
        """Return a new subscription."""


class ChangeFeed:
    """One subscriber of ``archive.changes`` for all pages of a server; without pages it does not subscribe.

    Parameters
    ----------
    changes : Changes
    """

    def __init__(self, changes: Changes) -> None:
        self._changes = changes
        self._pages: set[Live] = set()
        self._task: asyncio.Task[None] | None = None

    @property
    def last_write(self) -> float | None:
        """Newest write to the databases with the images, unix seconds; None when not known."""
        return self._changes.last_write

    @property
    def writes(self) -> Mapping[str, float]:
        """Role of a database -> its newest write, unix seconds."""
        return self._changes.writes

    @property
    def remarks(self) -> tuple[str, ...]:
        """What readers of any page must know about the databases; empty when all is well."""
        return self._changes.remarks

    async def look(self) -> None:
        """Let what is told here be of now, also while no page listens and the databases are not looked at."""
        await self._changes.look_if_older(_OLD_S)

    def __len__(self) -> int:
        return len(self._pages)

    def pages(self) -> tuple[Live, ...]:
        """The pages that listen."""
        return tuple(self._pages)

    def join(self, page: Live) -> None:
        """Deliver changes to `page` from now on."""
        self._pages.add(page)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._dispatch())

    def leave(self, page: Live) -> None:
        """Stop delivering to `page`; the last one ends the subscription."""
        self._pages.discard(page)
        if not self._pages and self._task is not None:
            self._task.cancel()
            self._task = None

    async def _dispatch(self) -> None:
        delay_s = 1.0
        while True:
            with Boundary("change feed"):
                subscription = self._changes.subscribe()
                try:
                    async for change in subscription:
                        delay_s = 1.0
                        for page in tuple(self._pages):
                            page.notify(change.roles)
                finally:
                    subscription.close()
            # The feed ended or failed: the header's age keeps growing meanwhile, so nobody is misled.
            await asyncio.sleep(delay_s)
            delay_s = min(60.0, 2 * delay_s)


class Live:
    """Changes for one page: at most one refresh runs, at most one waits; none while nobody looks.

    Parameters
    ----------
    session : Session
    feed : ChangeFeed
    refresh : coroutine function
        Patches the page; its errors are its own.
    roles : frozenset of str or None
        Databases that concern the page; None for all, empty for none.
    is_waiting : callable
        Returns whether something on the page is not available now. It is asked for again every `RETRY_S`: the end
        of a writer's lock, or a database that appears, is no change that the feed would tell.
    """

    def __init__(
        self,
        session: Session,
        feed: ChangeFeed,
        refresh: Callable[[], Awaitable[None]],
        roles: frozenset[str] | None = None,
        is_waiting: Callable[[], bool] = bool,
    ) -> None:
        self._is_waiting = is_waiting
        self._session = session
        self._feed = feed
        self._refresh = refresh
        self._roles = roles
        self._visible = True
        self._loaded = False
        self._missed = False
        self._task: asyncio.Task[None] | None = None
        self._retry: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to listen; what changes while the page is still loading is read afterwards.

        Pages that no database concerns listen too: the watcher looks at the databases only while somebody does,
        and the header of every page shows the age of the newest write.
        """
        if not self._session.closed:
            self._feed.join(self)

    def loaded(self) -> None:
        """Tell that the page has its content: from now on it may be refreshed."""
        self._loaded = True
        self._wake()
        self._retry_later()

    def stop(self) -> None:
        """Stop listening; a running refresh is cancelled with the session's tasks."""
        self._feed.leave(self)

    def close(self) -> None:
        """Stop listening and end the tasks of the page (at the end of the server)."""
        self.stop()
        self._session.close()

    def notify(self, roles: frozenset[str]) -> None:
        """Take note of a change; an empty set of roles means that all may have changed."""
        if self._roles is not None and (not self._roles or (roles and not roles & self._roles)):
            return
        self._missed = True
        self._wake()

    def set_visible(self, visible: bool) -> None:
        """Tell whether the browser shows the page; what was missed is read when it is shown again."""
        self._visible = visible
        self._wake()

    def _wake(self) -> None:
        busy = self._task is not None and not self._task.done()
        if busy or not (self._missed and self._loaded) or self._session.closed:
            return
        if self._visible and self._session.connected:
            self._task = self._session.spawn(self._run())

    async def _run(self) -> None:
        while self._missed and self._visible and self._session.connected:
            self._missed = False
            with Boundary("refresh"):
                await self._refresh()
        self._retry_later()

    def _retry_later(self) -> None:
        due = self._retry is None or self._retry.done() or self._retry is asyncio.current_task()
        if due and self._is_waiting() and not self._session.closed:
            self._retry = self._session.spawn(self._ask_again())

    async def _ask_again(self) -> None:
        await asyncio.sleep(RETRY_S)
        self._missed = True
        self._wake()
