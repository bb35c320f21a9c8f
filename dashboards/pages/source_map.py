"""The sky map of a search, opened when it is wanted; what is selected on it becomes the list."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

import panel as pn
import param

from dashboards.components.switches import Switches, option, switch
from dashboards.pages.part import PagePart
from dashboards.plots.bokeh_models import Figure, models
from dashboards.plots.result_sky import plot_result_sky, ring_listed, update_result_sky
from dashboards.plots.result_sky_data import Projection, ResultSky, result_sky_data
from data_access.errors import SearchNotReady
from data_access.services.source_lists import SourceList

if TYPE_CHECKING:
    from dashboards.pages.sources import SourcesPage

MAP_HEIGHT = 340
_PATIENCE_S = 20.0
_REST_S = 0.2


class MapParams(param.Parameterized):  # type: ignore[misc, unused-ignore]
    """What the map keeps in the URL."""

    sky: Any = param.Selector(default="", objects=["", "flat", "aitoff"], doc="which sky map is open")
    picked = param.String(default="", doc="the sources selected on the map, as a key; empty for all")


class MapPart(PagePart["SourcesPage"]):
    """Switch, map and selection."""

    def __init__(self, page: SourcesPage) -> None:
        super().__init__(page)
        self.switches = Switches(on_choose=lambda _, value: setattr(page, "sky", "" if value == "off" else value))
        self.slot = page.new_slot("sky map", height=MAP_HEIGHT if page.sky else 0)
        self.figure: Figure | None = None
        self.data: ResultSky | None = None
        self._made_of: tuple[Any, ...] = ()
        self._resting: asyncio.Task[None] | None = None
        self._view = pn.Column(sizing_mode="stretch_width", margin=(0, 0, 10, 0))
        self._arrange()
        page.param.watch(self._opened, ["sky"])

    @property
    def view(self) -> Any:
        """The switch, and the map below it when it is open."""
        return self._view

    def _arrange(self) -> None:
        options = [option("off", "closed"), option("flat", "RA/Dec"), option("aitoff", "whole sky")]
        self.switches.switches = [switch("sky", "Sky map", self.page.sky or "off", options)]
        self._view[:] = [self.switches, *([self.slot] if self.page.sky else [])]

    def _opened(self, *_events: Any) -> None:
        self._arrange()
        self.list_changed()

    def list_changed(self) -> None:
        """Let the map follow behind the list, where it is open."""
        if self.page.sky:
            self.page.run(self.find, self.show, slot=self.slot)

    async def find(self) -> ResultSky | None:
        """Return the places of all sources of the result, selected or not; None when they are those on the map."""
        archive = self.page.session.archive
        query = await self.page.query(with_picked=False)
        projection = cast(Projection, self.page.sky or "flat")
        index = await self._index()
        _, found = await archive.search.select(query)
        made_of = (index, query, projection)
        if self.data is not None and self._made_of == made_of:
            return None
        made: ResultSky = await archive.offload.in_thread(
            result_sky_data,
            found.rows,
            index.columns["ra_deg"],
            index.columns["dec_deg"],
            index.names.names,
            projection,
        )
        self._made_of = made_of
        return made

    async def _index(self) -> Any:
        while True:
            try:
                return await self.page.session.archive.search.index(patience_s=_PATIENCE_S)
            except SearchNotReady:
                continue

    def show(self, sky: ResultSky | None) -> Any:
        """Patch the map, or make it; then ring the sources of the table."""
        made = None
        if sky is not None:
            before, self.data = self.data, sky
            if not update_result_sky(self.figure, before, sky):
                made = self.figure = self._new_figure(sky)
        if self.figure is not None and self.data is not None:
            self._mark(self.figure, self.data)
        return made

    def _new_figure(self, sky: ResultSky) -> Figure:
        made = plot_result_sky(sky, theme=self.page.session.theme, height=MAP_HEIGHT)
        for source in _sources(made).values():
            source.selected.on_change("indices", self._selected)
        return made

    def _mark(self, figure: Figure, sky: ResultSky) -> None:
        """Ring what the table lists, and show what is picked as selected, also after a reload."""
        places = {
            line.source.source_id: (line.source.ra_deg, line.source.dec_deg)
            for line in self.page.lines
            if line.source.ra_deg is not None and line.source.dec_deg is not None
        }
        ring_listed(figure, sky, places)
        points = _sources(figure).get("sky_points")
        if points is None or sky.is_counted:
            return
        kept = self.page.session.archive.source_lists.recent(self.page.picked)
        wanted = set(kept.entries) if kept is not None else set()
        indices = [i for i, name in enumerate(points.data["name"]) if name in wanted] if wanted else []
        if sorted(points.selected.indices) != indices:
            points.selected.indices = indices

    def _selected(self, _attr: str, _old: Any, new: list[int]) -> None:
        """Wait until the selection rests: a lasso sends many."""
        if self._resting is not None:
            self._resting.cancel()
        self._resting = self.page.session.spawn(self._rested(list(new)))

    async def _rested(self, indices: list[int]) -> None:
        await asyncio.sleep(_REST_S)
        self.pick(indices)

    def pick(self, indices: list[int]) -> None:
        """Let the list show the sources behind these points or cells; all of them for none."""
        self.page.run(lambda: self._keep(indices), self._use)

    async def _keep(self, indices: list[int]) -> str:
        if self.data is None or not indices:
            return ""
        archive = self.page.session.archive
        kept: SourceList = await archive.source_lists.keep(archive.search.names_of(self.data.rows_in(indices)))
        return kept.key

    def _use(self, key: str) -> None:
        if key != self.page.picked:
            self.page.param.update(picked=key, after="")


def _sources(figure: Figure) -> dict[str, Any]:
    """Return the columns of points and cells by name; none of a figure that says why there is nothing."""
    found = {n: figure.select_one({"name": n, "type": models.ColumnDataSource}) for n in ("sky_points", "sky_cells")}
    return {name: source for name, source in found.items() if source is not None}
