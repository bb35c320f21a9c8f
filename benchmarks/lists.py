"""The lists of the dashboard as its list pages ask for them, and the same lists of the peer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from benchmarks.peer import PeerRepository
from data_access import Archive
from data_access.records import PageRequest
from data_access.repositories.images import ImageFilter
from data_access.repositories.jobs import RunFilter
from data_access.repositories.sources import SourceFilter

PAGE = 25

Pager = Callable[[str, int], Awaitable[Any]]
PeerPager = Callable[[int], Awaitable[Any]]
Counter = Callable[[], Awaitable[Any]]


def our_pages(archive: Archive) -> dict[str, Pager]:
    """Return for every list the question for one page of it: (cursor, number of rows) -> page."""

    async def images(cursor: str, limit: int) -> Any:
        return await archive.images.find(ImageFilter(), PageRequest(limit=limit, cursor=cursor))

    async def by_name(cursor: str, limit: int) -> Any:
        return await archive.sources.find(SourceFilter(), PageRequest(limit=limit, cursor=cursor, descending=False))

    async def by_eta(cursor: str, limit: int) -> Any:
        request = PageRequest(limit=limit, cursor=cursor, sort="eta_metric")
        return await archive.sources.find(SourceFilter(), request)

    async def runs(cursor: str, limit: int) -> Any:
        return await archive.jobs.find_runs(RunFilter(), PageRequest(limit=limit, cursor=cursor))

    async def tasks(cursor: str, limit: int) -> Any:
        return await archive.jobs.find_tasks(PageRequest(limit=limit, cursor=cursor))

    return {"images": images, "sources by name": by_name, "sources by eta": by_eta, "runs": runs, "jobs": tasks}


def peer_pages(peer: PeerRepository) -> dict[str, PeerPager]:
    """Return the same lists of the peer: offset -> page of `PAGE` rows."""

    async def images(offset: int) -> Any:
        return await peer.find_images(limit=PAGE, offset=offset)

    async def by_name(offset: int) -> Any:
        return await peer.find_sources(limit=PAGE, offset=offset, sort="source_id")

    async def by_eta(offset: int) -> Any:
        return await peer.find_sources(limit=PAGE, offset=offset)

    async def runs(offset: int) -> Any:
        return await peer.find_runs(limit=PAGE, offset=offset)

    async def tasks(offset: int) -> Any:
        return await peer.find_tasks(limit=PAGE, offset=offset)

    return {"images": images, "sources by name": by_name, "sources by eta": by_eta, "runs": runs, "jobs": tasks}


def our_counts(archive: Archive) -> dict[str, Counter]:
    """Return the question for the number above each list; the jobs page counts none of its tasks."""

    async def images() -> Any:
        return await archive.images.count(ImageFilter())

    async def sources() -> Any:
        return await archive.sources.count(SourceFilter())

    async def runs() -> Any:
        return await archive.jobs.count_runs(RunFilter())

    return {"images": images, "sources by name": sources, "sources by eta": sources, "runs": runs}


def peer_counts(peer: PeerRepository) -> dict[str, Counter]:
    """Return the same numbers, counted."""

    async def images() -> Any:
        return await peer.count("images")

    async def sources() -> Any:
        return await peer.count("sources")

    async def runs() -> Any:
        return await peer.count("ms_index")

    return {"images": images, "sources by name": sources, "sources by eta": sources, "runs": runs}
