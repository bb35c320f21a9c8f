"""Opens pages of an archive without a browser, and reads what their slots say."""

from __future__ import annotations

from dataclasses import dataclass

from dashboards.routes import ROUTES
from dashboards.session import PageView, Session
from data_access.archive import Archive

SPECS = {spec.path: spec for spec in ROUTES}


@dataclass(frozen=True)
class Known:
    """Keys of one run of the demo archive that has everything."""

    image_id: str
    image_path: str
    source_id: str
    run_id: str
    ms_path: str
    caltable_path: str

    def open(self, route: str) -> tuple[dict[str, str], dict[str, str]]:
        """Return path parameters and query of a detail page."""
        path = {"/ms/detail": self.ms_path, "/calibration/detail": self.caltable_path}.get(route)
        names = {"image_id": self.image_id, "source_id": self.source_id, "run_id": self.run_id}
        return {k: v for k, v in names.items() if f"{{{k}}}" in route}, {"path": path} if path else {}


async def open_view(
    archive: Archive, route: str, query: dict[str, str] | None = None, params: dict[str, str] | None = None
) -> PageView:
    query, params = query or {}, params or {}
    kind = SPECS[route].load_view()
    prepared = await kind.prepare(archive, params, query)
    view = kind(Session(archive, query=query, path_params=params, prepared=prepared))
    view.__panel__()
    await view.load()
    await view.settled()
    return view


async def open_known(archive: Archive, route: str, known: Known) -> PageView:
    params, query = known.open(route)
    return await open_view(archive, route, query, params)


def cards(view: PageView) -> dict[str, str]:
    """Return what the slots say instead of their content: message and remedy."""
    return {name: f"{s.notice.text} {s.notice.remedy}" for name, s in view.slots.items() if s.notice.text}
