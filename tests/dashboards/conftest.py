"""Fixtures of the page tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from dashboards.session import Session
from data_access import Archive, open_archive
from data_access.demo import write_demo


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo archive of one night that tests only read.

    Every path in it has a blank, a colon, a percent sign and letters outside of ASCII, as nothing forbids them.
    """
    return write_demo(tmp_path_factory.mktemp("pages") / "Müller's 100% données: κ", nights=1)


@pytest.fixture(autouse=True)
def _pages_end_before_their_archive(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop what a page still does when its archive is closed, as the server does.

    A task that goes on would open a database again, which nobody closes: its thread then speaks to an event loop
    that is gone.
    """
    sessions: list[Session] = []
    spawn, close = Session.spawn, Archive.close

    def remembered(session: Session, work: Any) -> Any:
        if not any(session is known for known in sessions):
            sessions.append(session)
        return spawn(session, work)

    async def close_after_pages(archive: Archive) -> None:
        own = [session for session in sessions if session.archive is archive]
        tasks = [task for session in own for task in session.tasks]
        for session in own:
            session.close()
        await asyncio.gather(*tasks, return_exceptions=True)
        await close(archive)

    monkeypatch.setattr(Session, "spawn", remembered)
    monkeypatch.setattr(Archive, "close", close_after_pages)


@pytest.fixture
async def archive(demo_folder: Path) -> AsyncIterator[Archive]:
    """The demo archive that tests only read, opened."""
    async with open_archive(demo_folder) as opened:
        yield opened


@pytest.fixture
async def search_index(archive: Archive) -> None:
    """Wait for the index of all sources of the archive."""
    await archive.search.index(patience_s=30.0)
