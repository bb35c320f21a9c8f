"""One watcher per process: sees commits of the pipeline and tells bounded subscribers which database changed.

Per look: a stat of the file and of its write-ahead log, and only when one of them moved ``PRAGMA data_version``.
Nobody subscribed means that nothing is looked at.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from data_access.database import Database
from data_access.discovery import Databases
from data_access.errors import DatabaseError
from data_access.side_files import Stamps, write_stamps

log = logging.getLogger(__name__)

_ESSENTIAL = ("pipeline", "products")


@dataclass(frozen=True, slots=True)
class Change:
    """What changed since the last look.

    Attributes
    ----------
    roles : frozenset of str
        Databases with a new commit, or that could be read again.
    at : float
        Unix seconds (UTC) when the watcher saw it.
    """

    roles: frozenset[str]
    at: float


class Subscription:
    """Changes for one listener; changes that were not fetched yet are merged into one."""

    def __init__(self, watcher: ChangeWatcher) -> None:
        self._watcher = watcher
        self._waiting: frozenset[str] = frozenset()
        self._at = 0.0
        self._event = asyncio.Event()
        self._closed = False

    def offer(self, change: Change) -> None:
        """Merge a change into what waits."""
        self._waiting |= change.roles
        self._at = change.at
        self._event.set()

    def __aiter__(self) -> AsyncIterator[Change]:
        return self

    async def __anext__(self) -> Change:
        await self._event.wait()
        if self._closed:
            raise StopAsyncIteration
        change = Change(self._waiting, self._at)
        self._waiting = frozenset()
        self._event.clear()
        return change

    def close(self) -> None:
        """Stop listening."""
        self._closed = True
        self._event.set()
        self._watcher.forget(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class ChangeWatcher:
    """Looks at the databases while somebody listens.

    Parameters
    ----------
    own : mapping of str to Path
        Files of our own by role: looked at by their stamps alone. They may be absent, and a write to them is no news
        of the pipeline.
    folders : mapping of str to sequence of Path
        Folders by role: a file that comes or goes in one of them, or in a folder of it, is a change.

    Attributes
    ----------
    writes : dict of str to float
        Role -> unix seconds of the newest write to that database, from the files' modification times.
    last_write : float or None
        The newest write to the databases with the images; where there is none of those, to any. A busy queue must not
        make images look young.
    looked_at : float or None
        Unix seconds of the last look.
    trouble : dict
        Role -> message of the databases that cannot be read now.
    """

    def __init__(
        self,
        databases: Mapping[str, Database],
        *,
        interval_s: float,
        own: Mapping[str, Path] | None = None,
        folders: Mapping[str, Sequence[Path]] | None = None,
    ) -> None:
        self._databases = databases if isinstance(databases, Databases) else Databases(databases)
        self._own = dict(own or {})
        self._folders = {role: [_WatchedFolder(path) for path in paths] for role, paths in (folders or {}).items()}
        self._own_stamps: dict[str, Any] = {}
        self._interval_s = interval_s
        self._subscriptions: set[Subscription] = set()
        self._wake = asyncio.Event()
        self._stamps: dict[str, Stamps] = {}
        self._versions: dict[str, tuple[int, ...]] = {}
        self._looking = asyncio.Lock()
        self._ended = 0.0  # when the files were looked at last (`time.monotonic`)
        self._quiet_from: dict[str, float] = {}
        self.writes: dict[str, float] = {}
        self.last_write: float | None = None
        self.looked_at: float | None = None
        self.trouble: dict[str, str] = {}

    def subscribe(self) -> Subscription:
        """Return a new subscription; close it when the listener goes away."""
        subscription = Subscription(self)
        self._subscriptions.add(subscription)
        self._wake.set()
        return subscription

    def forget(self, subscription: Subscription) -> None:
        """Drop a subscription."""
        self._subscriptions.discard(subscription)

    @property
    def n_subscriptions(self) -> int:
        """Number of listeners."""
        return len(self._subscriptions)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What readers of any page must know: no database, some that fail now, or that are read as a fixed copy."""
        fixed = [role for role, database in self._databases.items() if database.mode == "immutable"]
        remarks = [self._databases.complaint] if self._databases.complaint else []
        if self.trouble:
            remarks.append(f"cannot be read now: {', '.join(sorted(self.trouble))}")
        if fixed:
            remarks.append(f"read as a fixed copy, no writer is active: {', '.join(fixed)}")
        return tuple(remarks)

    async def run(self) -> None:
        """Look for changes for ever; cancel to stop. A failed look is logged and tried again."""
        failures = 0
        while True:
            if not self._subscriptions:
                self._wake.clear()
                await self._wake.wait()
            try:
                await self.look()
                failures = 0
            except Exception:
                failures += 1
                log.exception("looking for changes failed")
            await asyncio.sleep(min(self._interval_s * 2 ** min(failures, 6), 30.0))

    async def look_if_older(self, age_s: float) -> None:
        """Look once, unless that was done within `age_s`: what is told here is then new though nobody listens."""
        async with self._looking:
            if self.looked_at is None or time.time() - self.looked_at > age_s:
                await self.look()

    async def look(self) -> Change | None:
        """Look once; tell the subscribers and return the change, or None when nothing changed."""
        new = await self._databases.look_again()
        began, before = time.monotonic(), self._ended
        stamps, own = await asyncio.to_thread(self._all_stamps)
        self._ended = time.monotonic()
        changed = set(new)
        changed |= {role for role, stamp in own.items() if self._own_stamps.get(role, stamp) != stamp}
        self._own_stamps = own
        for role, stamp in stamps.items():
            if self._stamps.get(role) == stamp and role not in self.trouble:
                self._databases[role].tell_quiet(self._quiet_from.setdefault(role, before), began)
                continue
            self._quiet_from.pop(role, None)
            if await self._has_changed(role, is_rewritten=self._stamps.get(role, stamp)[0] != stamp[0]):
                changed.add(role)
                self._databases[role].tell_changed()
            self._stamps[role] = stamp
        self._remember_last_write(stamps)
        self.looked_at = time.time()
        if not changed:
            return None
        change = Change(frozenset(changed), time.time())
        for subscription in tuple(self._subscriptions):
            subscription.offer(change)
        return change

    async def _has_changed(self, role: str, *, is_rewritten: bool) -> bool:
        """Return whether there is something new in a database.

        A file that was written without a commit had its log merged into it, or was overwritten by somebody who is not
        SQLite: then what connections keep of it is wrong, and only new ones see it.
        """
        if await self._has_new_version(role):
            return True
        if not is_rewritten or role in self.trouble:
            return False
        self._databases[role].open_anew()
        await self._has_new_version(role)
        return True

    async def _has_new_version(self, role: str) -> bool:
        before = self._versions.get(role)
        try:
            version = await self._databases[role].version()
        except DatabaseError as err:
            news = self.trouble.get(role) != err.message
            self.trouble[role] = err.message
            self._versions.pop(role, None)
            return news
        recovered = self.trouble.pop(role, None) is not None
        self._versions[role] = version
        return recovered or (before is not None and before != version)

    def _all_stamps(self) -> tuple[dict[str, Stamps], dict[str, Any]]:
        databases = {role: write_stamps(database.path) for role, database in self._databases.items()}
        own: dict[str, Any] = {role: write_stamps(path) for role, path in self._own.items()}
        own |= {role: tuple(folder.stamp() for folder in folders) for role, folders in self._folders.items()}
        return databases, own

    def _remember_last_write(self, stamps: Mapping[str, Stamps]) -> None:
        times = {role: [s[1] / 1e9 for s in stamp if s is not None] for role, stamp in stamps.items()}
        # What made a database unreadable is no news of the pipeline: the last one before that counts.
        kept = {role: at for role, at in self.writes.items() if role in self.trouble}
        self.writes = kept | {role: max(at) for role, at in times.items() if at and role not in self.trouble}
        essential = [self.writes[role] for role in _ESSENTIAL if role in self.writes]
        self.last_write = max(essential or self.writes.values(), default=None)


class _WatchedFolder:
    """A folder and the folders in it; they are listed again only when one of them came or went."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._listed: int | None = None
        self._inside: tuple[Path, ...] = ()

    def stamp(self) -> tuple[int | None, ...]:
        """Return what changes when a file comes or goes; None for a folder that is not there."""
        own = _folder_time(self._path)
        if own != self._listed:
            self._listed, self._inside = own, self._folders_inside()
        return own, *map(_folder_time, self._inside)

    def _folders_inside(self) -> tuple[Path, ...]:
        try:
            with os.scandir(self._path) as entries:
                return tuple(Path(entry.path) for entry in entries if entry.is_dir())
        except OSError:
            return ()


def _folder_time(path: Path) -> int | None:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None
