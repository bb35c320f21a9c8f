"""The page of all sources without a browser."""

from __future__ import annotations

from dashboards.pages.sources import SourcesPage
from dashboards.session import Session
from data_access import Archive


async def open_list(archive: Archive, **query: str) -> SourcesPage:
    """Return the page with everything read."""
    view = SourcesPage(Session(archive, query=query))
    view.__panel__()
    await view.load()
    await view.settled()
    return view
