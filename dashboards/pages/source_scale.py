"""The neighbours of a source on the same images: an image with a wrong flux scale shows in all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dashboards.components.notice import Notice
from dashboards.pages.source_part import SourcePart
from dashboards.plots.bokeh_models import Figure
from data_access.records import LightCurve
from data_access.records.neighbours import NeighbourCurves

if TYPE_CHECKING:
    from dashboards.pages.source import SourcePage

_HEIGHT = 220
# Many sources have too few neighbours, and a line of words then stands here instead of a plot.
_WAITING_HEIGHT = 48
# An image is several degrees wide, and only what was measured on the same images is compared.
_RADIUS_DEG = 2.0


class ScalePart(SourcePart):
    """The panel of the flux scale; epochs that are off are framed in the light curve."""

    place = "curve"
    section = "flux-scale"

    def __init__(self, page: SourcePage) -> None:
        super().__init__(page)
        self.slot = page.new_slot("flux scale from neighbours", height=_WAITING_HEIGHT)
        self.figure: Figure | None = None
        self._version: tuple[Any, ...] = ()
        page.param.watch(self._flux_changed, ["flux"])

    @property
    def view(self) -> Any:
        """The slot of the panel."""
        return self.slot

    def hold(self) -> None:
        """Keep the plot as it is until it is of the other source."""
        if self.figure is not None:
            self.figure.hold_render = True

    async def load(self) -> None:
        """Compare with the neighbours."""
        await self.page.fill(self.slot, self._find, self._show)

    async def refresh(self) -> None:
        """Compare again when there are other measurements, or when it failed."""
        if self.slot.failure is not None or self._version != self._wanted():
            await self.load()

    def _flux_changed(self, *_events: Any) -> None:
        self.page.run(self._find, self._show, slot=self.slot)

    def _wanted(self) -> tuple[Any, ...]:
        return self.page.detail.light_curve.version, self.page.flux

    async def _find(self) -> tuple[tuple[Any, ...], LightCurve, NeighbourCurves]:
        version, curve = self._wanted(), self.page.detail.light_curve
        service = self.page.session.archive.neighbours
        return version, curve, await service.of(curve, flux=self.page.flux, radius_deg=_RADIUS_DEG)

    def _show(self, answer: tuple[tuple[Any, ...], LightCurve, NeighbourCurves]) -> Any:
        from dashboards.plots.flux_scale import plot_flux_scale, update_flux_scale
        from data_access.analysis.flux_scale import off_scale

        self._version, curve, neighbours = answer
        numbers = curve.photometry_id[off_scale(neighbours.ensemble)]
        self.page.mark_off_scale(frozenset(np.asarray(numbers).tolist()))
        if neighbours.ensemble.reason:
            self.figure = None
            return Notice(kind="info", text=f"No flux scale from neighbours: {neighbours.ensemble.reason}")
        theme = self.page.session.theme
        if update_flux_scale(self.figure, curve, neighbours, theme=theme):
            return None
        x_range = self.page.figure.x_range if self.page.figure is not None and curve.n_epoch else None
        self.figure = plot_flux_scale(curve, neighbours, theme=theme, height=_HEIGHT, x_range=x_range)
        return self.figure
