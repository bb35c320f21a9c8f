"""What the page of the eta-V plane adds on demand: four panels, light curves of the selected, names of points."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dashboards.components.notice import Notice
from dashboards.pages.part import PagePart
from dashboards.pages.variability_words import median_words, panel_words
from dashboards.plots.eta_v import show_probe
from dashboards.plots.eta_v_data import AXES, PanelData, drawable, panel_data
from data_access.errors import ArchiveError
from data_access.records.variability import VariabilityTable
from data_access.services.medians import Medians

if TYPE_CHECKING:
    from dashboards.pages.variability import Plane, VariabilityPage

_PANEL_HEIGHT = 260
_REACH_PX = 10.0


class DiagnosticPart(PagePart["VariabilityPage"]):
    """The four diagnostic panels, made when they are asked for."""

    def __init__(self, page: VariabilityPage) -> None:
        super().__init__(page)
        self.slot = page.new_slot("diagnostic panels", height=0)
        self.layout: Any = None
        self.note = Notice()

    @property
    def view(self) -> Any:
        """The slot of the panels."""
        return self.slot

    async def load(self) -> None:
        """Draw or patch the panels if they are wanted; take them away if not."""
        if self.page.panels == "on" or self.layout is not None:
            await self.page.fill(self.slot, self._find, self._show)

    async def refresh(self) -> None:
        """The same: what is on the page is patched."""
        await self.load()

    async def _find(self) -> tuple[Plane, PanelData, Medians] | None:
        plane, archive = self.page.plane, self.page.session.archive
        if self.page.panels != "on" or plane is None:
            return None
        medians = await archive.medians.of(plane.table)
        data = await archive.offload.in_thread(
            panel_data, plane.table, plane.cuts, medians.flux, min_epochs=plane.min_epochs
        )
        return plane, data, medians

    def _show(self, answer: tuple[Plane, PanelData, Medians] | None) -> Any:
        from dashboards.plots.eta_v_panels import plot_eta_v_panels, update_eta_v_panels

        page = self.page
        if answer is None or page.plot is None:
            self.layout = None
            return Notice()
        plane, data, medians = answer
        if plane is not page.plane and self.layout is not None:
            return None  # a newer plane brings its own
        self.note.param.update(kind="info", text=panel_words(plane.table, medians, data))
        look = {"flux": page.flux, "of": median_words(medians)}
        if self.layout is not None and page.plot.source in self.layout.references():
            update_eta_v_panels(self.layout, page.plot, data, **look)
            page.selection.ratios_changed()
            return None
        self.layout = plot_eta_v_panels(page.plot, data, **look, theme=page.session.theme, height=_PANEL_HEIGHT)
        for axes, (x, y) in AXES.items():
            if axes:
                page.selection.listen_to_areas(self.layout.select_one({"name": f"panel {x} {y}"}), axes)
        page.selection.ratios_changed()
        return [self.note, self.layout]


class SelectedCurvesPart(PagePart["VariabilityPage"]):
    """Small light curves of the sources that are selected in the plane."""

    def __init__(self, page: VariabilityPage) -> None:
        super().__init__(page)
        self.slot = page.new_slot("light curves of the selected", height=0)
        self._shown: tuple[Any, ...] = ()

    @property
    def view(self) -> Any:
        """The slot of the light curves."""
        return self.slot

    async def load(self) -> None:
        """Draw what is selected."""
        if self.page.selection.names or self._shown:
            await self.page.fill(self.slot, self._find, self._show)

    async def refresh(self) -> None:
        """Draw again: new epochs may have come."""
        self._shown = ()
        await self.load()

    def changed(self) -> None:
        """Draw what is selected now."""
        self.page.run(self._find, self._show, slot=self.slot)

    async def _find(self) -> tuple[tuple[Any, ...], list[Any]] | None:
        """Read the light curves and make their figures, one at a time: twelve at once would hold up every page."""
        from dashboards.plots.small_curves import MOST_CURVES, plot_small_curve

        names = self.page.selection.names[:MOST_CURVES]
        wanted = (names, self.page.flux, self.page.selection.total)
        if wanted == self._shown:
            return None
        figures: list[Any] = []
        for name in names:
            try:
                curve = await self.page.session.archive.sources.get_light_curve(name)
            except ArchiveError:
                continue  # the table of the selected says which names are not measured
            if not curve.n_epoch:
                continue
            x_range = figures[0].x_range if figures else None
            figures.append(
                plot_small_curve(curve, theme=self.page.session.theme, flux=self.page.flux, x_range=x_range)
            )
            await asyncio.sleep(0)
        return wanted, figures

    def _show(self, answer: tuple[tuple[Any, ...], list[Any]] | None) -> Any:
        from dashboards.plots.small_curves import arrange_small_curves

        if answer is None:
            return None
        self._shown, figures = answer
        if not figures:
            return Notice()
        n = self._shown[2]
        layout = arrange_small_curves(figures)
        if n <= len(figures):
            return layout
        return [Notice(kind="truncated", text=f"Light curves of the first {len(figures)} of {n:,} selected."), layout]


class ProbePart(PagePart["VariabilityPage"]):
    """Names the source below the pointer where sources are only counted: the browser asks when the pointer rests."""

    def __init__(self, page: VariabilityPage) -> None:
        super().__init__(page)
        self._places: tuple[Any, ...] = ()

    @property
    def view(self) -> Any:
        """Nothing of its own: it writes into the plane."""
        return Notice()

    def asked(self, _attr: str, _old: Any, new: Sequence[float]) -> None:
        """Look for the source at a place of the plane: log10 of eta and V, and dex per pixel of both axes."""
        if len(new) == 4 and all(isinstance(value, int | float) and np.isfinite(value) for value in new):
            self.page.run(lambda: self._find([float(value) for value in new]), self._show)

    async def _find(self, asked: Sequence[float]) -> tuple[VariabilityTable, int] | None:
        plane = self.page.plane
        if plane is None or not (asked[2] > 0 and asked[3] > 0):
            return None
        row: int | None = await self.page.session.archive.offload.in_thread(self._nearest, plane, asked)
        return None if row is None else (plane.table, row)

    def _nearest(self, plane: Any, asked: Sequence[float]) -> int | None:
        if not self._places or self._places[0] is not plane:
            rows = drawable(plane.table, plane.min_epochs)
            logs = [np.log10(column[rows]) for column in (plane.table.eta, plane.table.v)]
            self._places = (plane, rows, *logs)
        _, rows, log_eta, log_v = self._places
        near = np.flatnonzero(
            (np.abs(log_eta - asked[0]) < _REACH_PX * asked[2]) & (np.abs(log_v - asked[1]) < _REACH_PX * asked[3])
        )
        if not near.size:
            return None
        away = np.hypot((log_eta[near] - asked[0]) / asked[2], (log_v[near] - asked[1]) / asked[3])
        return int(rows[near[int(np.argmin(away))]])

    def _show(self, answer: tuple[VariabilityTable, int] | None) -> None:
        if self.page.plot is not None:
            show_probe(self.page.plot, *(answer or (None, 0)))
