"""The databases of an archive by role: those named in the settings, and those looked for in the state folder."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from data_access.database import Database
from data_access.presence import best_place, has_content, may_exist

_LOOK_AGAIN_S = 1.0

Expected = Mapping[str, tuple[Path, ...]]


class Databases(Mapping[str, Database]):
    """Role -> database, in the order in which they are asked. Files that come later are found by `look_again`.

    Parameters
    ----------
    databases : mapping of role to Database
        Those that are named or that are there at the start.
    expected : mapping of role to paths
        Where a file of the role is looked for, the best place first.
    state_dir : Path, optional
        The folder that is searched, for the messages.
    open_database : callable, optional
        Makes the access to a file that was found.
    """

    def __init__(
        self,
        databases: Mapping[str, Database],
        *,
        expected: Expected | None = None,
        state_dir: Path | None = None,
        open_database: Callable[[str, Path], Database] | None = None,
    ) -> None:
        # Never changed, only replaced: whoever walks over it meanwhile sees it as it was.
        self._databases = dict(databases)
        self._order = tuple({**(expected or {}), **databases})
        self._expected = dict(expected or {})
        self.state_dir = state_dir
        self._open = open_database
        self._gate = asyncio.Lock()
        self._seen = 0.0
        self._has_folder = state_dir is None or may_exist(state_dir)

    def __getitem__(self, role: str) -> Database:
        return self._databases[role]

    def __iter__(self) -> Iterator[str]:
        return iter(self._databases)

    def __len__(self) -> int:
        return len(self._databases)

    @property
    def complaint(self) -> str:
        """What is wrong with the state folder as a whole, in words; empty when something was found."""
        if self._databases or not self._expected:
            return ""
        if not self._has_folder:
            return f"the state folder {self.state_dir} does not exist"
        return f"the state folder {self.state_dir} has no database"

    def expected_places(self, role: str) -> tuple[Path, ...]:
        """Return where the file of a role is looked for; none when it is there or when nobody looks for it."""
        return () if role in self._databases else self._expected.get(role, ())

    async def look_again(self) -> frozenset[str]:
        """Look for the files that are not there, at most once a second; return the roles found since."""
        if self._open is None or not self._expected or time.monotonic() - self._seen < _LOOK_AGAIN_S:
            return frozenset()
        async with self._gate:
            if time.monotonic() - self._seen < _LOOK_AGAIN_S:
                return frozenset()
            found = await asyncio.to_thread(self._look)
            self._seen = time.monotonic()
            return await self._take(found)

    def _look(self) -> dict[str, Path]:
        """Return the files of roles without one, or whose file has gone or is empty while another place has one."""
        self._has_folder = self.state_dir is None or may_exist(self.state_dir)
        found = {}
        for role, places in self._expected.items():
            known = self._databases.get(role)
            if known is not None and has_content(known.path):
                continue
            path = best_place(places)
            if path is not None and (known is None or path != known.path):
                found[role] = path
        return found

    async def _take(self, found: Mapping[str, Path]) -> frozenset[str]:
        if not found or self._open is None:
            return frozenset()
        replaced = [self._databases[role] for role in found if role in self._databases]
        both = {**self._databases, **{role: self._open(role, path) for role, path in found.items()}}
        self._databases = {role: both[role] for role in self._order if role in both}
        for database in replaced:
            await database.close()
        return frozenset(found)
