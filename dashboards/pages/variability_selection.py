"""What is selected in the eta-V plane and its panels: an area, which means every source inside, or single points."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from bokeh.events import SelectionGeometry

from dashboards.components.record_table import RecordTable
from dashboards.pages.part import PagePart
from dashboards.pages.variability_words import MOST_LISTED, MOST_PICKED, source_rows, table_columns
from dashboards.plots.eta_v import EtaVPlot
from dashboards.plots.eta_v_data import AXES, drawable, places_of
from dashboards.plots.style import how_many
from data_access.analysis.plane_area import LONGEST_AREA, area_text, box, inside, parse_area
from data_access.errors import ValidationError
from data_access.services.medians import Medians

if TYPE_CHECKING:
    from dashboards.pages.variability import Plane, VariabilityPage

IntArray = npt.NDArray[np.int64]
_SEPARATOR = ";"
_REST_S = 0.2
# A corner of an outline may take a few points more or less than the browser did.
_FEW, _SHARE = 2, 0.01
_NAMES = {
    "log_max": "largest flux density", "log_ratio": "largest over median flux density", "log_eta": "η", "log_v": "V",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Selected:
    """Sources that are selected, by their positions in the table of the plane, highest eta first."""

    plane: Plane
    rows: IntArray
    note: str = ""


class SelectionPart(PagePart["VariabilityPage"]):
    """The table of the selected sources, and the way from the figure to the URL and back.

    A box or a lasso is kept as an area of the plane, or of a diagnostic panel, and asked of all sources, drawn one by
    one or counted; the list follows when sources move in or out of it. Clicks are kept as names.
    """

    def __init__(self, page: VariabilityPage) -> None:
        super().__init__(page)
        self.table = RecordTable(
            columns=table_columns(page.flux), caption="Selected", max_height=190,
            empty="Select sources with the box, the lasso or a click.",
        )  # fmt: skip
        self.names: tuple[str, ...] = ()
        self.total = 0
        self._n_left_out = 0
        self._taken_from: Any = None
        self._shown: list[int] = []
        self._resting: asyncio.Task[None] | None = None
        page.param.watch(self._changed, ["picked", "area", "axes"])

    @property
    def view(self) -> Any:
        """The table."""
        return self.table

    async def load(self) -> None:
        """List what the URL selects."""
        await self.page.run(self._find, self._show)

    async def refresh(self) -> None:
        """The same: sources move, come and go."""
        await self.load()

    def listen(self, plot: EtaVPlot) -> None:
        """Follow what is selected in a figure."""
        plot.source.selected.on_change("indices", self._points_changed)
        self.listen_to_areas(plot.figure, "")

    def listen_to_areas(self, figure: Any, axes: str) -> None:
        """Follow what is drawn in the plane or in a panel, a key of `AXES`."""
        figure.on_event(SelectionGeometry, lambda event: self.drawn(event, axes))

    def drawn(self, event: Any, axes: str = "") -> None:
        """Take over a box or a lasso; what a key makes of two selections that differ stays a list of points."""
        geometry, plot = event.geometry or {}, self.page.plot
        if not event.final or plot is None or geometry.get("type") not in ("rect", "poly"):
            return
        if geometry["type"] == "rect":
            outline = box(*(float(geometry[name]) for name in ("x0", "x1", "y0", "y1")))
        else:
            outline = np.stack([np.asarray(geometry[name], dtype=np.float64) for name in "xy"], axis=1)
        if len(outline) < 3 or not np.isfinite(outline).all():
            return
        (outline,) = parse_area(area_text([outline]))  # of fewer corners, and what the URL will say
        columns = plot.source.data
        within = inside([outline], *(np.asarray(columns[name]) for name in AXES[axes]))
        chosen = np.zeros(within.size, dtype=np.bool_)
        chosen[[i for i in plot.source.selected.indices if 0 <= i < within.size]] = True
        few = _FEW + _SHARE * np.count_nonzero(within)
        before = self.page.area
        if np.count_nonzero(within & ~chosen) > few:
            return  # the selection was cut by this area
        is_added = np.count_nonzero(chosen & ~within) > few
        if is_added and (not before or self.page.axes != axes):
            return
        text = area_text([*(parse_area(before) if is_added else ()), outline])
        if len(text) > LONGEST_AREA:
            return
        if self._resting is not None:
            self._resting.cancel()
        self._n_left_out = 0
        self.page.param.update(area=text, axes=axes, picked="")

    def ratios_changed(self) -> None:
        """Mark the points of an area again that needed their medians."""
        if self.page.area and "log_ratio" in AXES[self.page.axes]:
            self._mark_in_area()

    def _points_changed(self, _attr: str, _old: Any, new: list[int]) -> None:
        """Wait until the selection rests, and until a box or a lasso has said that it was one."""
        if self._resting is not None:
            self._resting.cancel()
        if list(new) != self._shown:
            self._resting = self.page.session.spawn(self._rested(list(new)))

    async def _rested(self, indices: list[int]) -> None:
        await asyncio.sleep(_REST_S)
        await self.page.patch(lambda: self._take_points(indices))

    def _take_points(self, indices: list[int]) -> None:
        plot = self.page.plot
        if plot is None:
            return
        drawn = plot.source.data["name"]
        names = [drawn[i] for i in indices if 0 <= i < len(drawn)]
        self._shown, self._taken_from = list(indices), drawn
        self._n_left_out = max(0, len(names) - MOST_PICKED)
        self.page.param.update(area="", axes="", picked=_SEPARATOR.join(names[:MOST_PICKED]))

    def _changed(self, *_events: Any) -> None:
        self.page.run(self._find, self._follow)

    def _follow(self, found: Selected | None) -> None:
        self._show(found)
        self.page.curves.changed()

    async def _find(self) -> Selected | None:
        plane = self.page.plane
        if plane is None:
            return None
        archive, found = self.page.session.archive, None
        if not self.page.area:
            found = await archive.offload.in_thread(self._by_name, plane)
        else:
            has_ratio = "log_ratio" in AXES[self.page.axes]
            medians = await archive.medians.of(plane.table) if has_ratio else None
            found = await archive.offload.in_thread(self._in_area, plane, medians)
        return found

    def _in_area(self, plane: Plane, medians: Medians | None) -> Selected:
        try:
            outlines = parse_area(self.page.area)
        except ValidationError as err:
            return Selected(plane, np.array([], dtype=np.int64), f"{err.message}. {err.remedy}")
        rows = drawable(plane.table, plane.min_epochs)
        axes = AXES[self.page.axes]
        places = places_of(plane.table, rows, axes, None if medians is None else medians.flux)
        rows = rows[inside(outlines, *places)]
        note = (
            "" if not self.page.axes else f"Selected in the panel of {' and '.join(map(_NAMES.__getitem__, axes))}."
        )
        return Selected(plane, rows[np.argsort(-plane.table.eta[rows], kind="stable")], note)

    def _by_name(self, plane: Plane) -> Selected:
        names = [name for name in self.page.picked.split(_SEPARATOR) if name]
        if not names:
            return Selected(plane, np.array([], dtype=np.int64))
        rows = np.flatnonzero(np.isin(plane.table.source_id, names))
        notes = []
        if self._n_left_out:
            notes.append(f"The first {MOST_PICKED} of {len(names) + self._n_left_out:,} selected points are listed.")
        if len(names) > 1 and plane.data.n_drawn < plane.data.n_rows:
            notes.append("Only sources drawn as points are selected; a box or a lasso takes all.")
        if (unknown := len(set(names)) - rows.size) > 0:
            notes.append(f"{unknown} of the names are not measured here.")
        return Selected(plane, rows, " ".join(notes))

    def _show(self, found: Selected | None) -> None:
        if found is None:
            return
        page, table, n = self.page, found.plane.table, int(found.rows.size)
        listed = found.rows[:MOST_LISTED]
        cut = f"The {MOST_LISTED} with the highest η are listed." if n > MOST_LISTED else ""
        self.names, self.total = tuple(table.source_id[listed].tolist()), n
        self.table.param.update(
            columns=table_columns(table.flux),
            rows=source_rows(table, listed, page.session.links, page.marks, page.pairs.known(table)),
            total=how_many(n, "source") if n or page.area else "",
            truncated=n > MOST_LISTED,
            note=" ".join(words for words in (cut, found.note) if words),
        )
        page.pairs.changed()
        self._mark(found)

    def _mark(self, found: Selected) -> None:
        """Show as selected those that are drawn one by one."""
        plot, page = self.page.plot, self.page
        if plot is None:
            return
        columns = plot.source.data
        if self._n_left_out and columns["name"] is self._taken_from:
            return  # more points are selected than are listed
        if page.area:
            self._mark_in_area()
        else:
            names = found.plane.table.source_id[found.rows]
            self._mark_points(plot, np.isin(np.asarray(columns["name"]), names))

    def _mark_in_area(self) -> None:
        page, plot = self.page, self.page.plot
        if plot is None:
            return
        try:
            outlines = parse_area(page.area)
        except ValidationError:
            return
        columns = plot.source.data
        self._mark_points(plot, inside(outlines, *(np.asarray(columns[name]) for name in AXES[page.axes])))

    def _mark_points(self, plot: EtaVPlot, chosen: npt.NDArray[np.bool_]) -> None:
        self._shown = np.flatnonzero(chosen).tolist()
        if sorted(plot.source.selected.indices) != self._shown:
            plot.source.selected.indices = self._shown
