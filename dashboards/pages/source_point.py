"""The chosen measurement on the page of a source: its numbers, its image, and what the sky looked like."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import panel as pn

from dashboards.components.cells import cell
from dashboards.components.facts import Facts, fact, group
from dashboards.components.notice import Notice
from dashboards.components.plot_pane import as_view
from dashboards.components.switches import Switches, option, switch
from dashboards.pages.epoch_selection import SELECTION_PARAMS
from dashboards.pages.source_facts import measurement_facts
from dashboards.pages.source_part import SourcePart
from data_access.errors import ArchiveError
from data_access.records import Cutout, Image, LightCurve, SourceDetail
from data_access.services.cutouts import Place, preview_of

if TYPE_CHECKING:
    from dashboards.pages.source import SourcePage

_WIDTH_ARCMIN = 6.0
_HEIGHT = 300
_LARGEST_DRAWN = 300


@dataclass(frozen=True, slots=True)
class ChosenPoint:
    """Where the chosen measurement stands in the light curve, its image, and the cutout or why there is none."""

    index: int
    image: Image | None
    cutout: Cutout | None
    problem: str


class PointPart(SourcePart):
    """What a click on a point of the light curve shows."""

    place = "curve"

    def __init__(self, page: SourcePage) -> None:
        super().__init__(page)
        self.slot = page.new_slot("measurement", height=0)
        self.facts = Facts(min_width=330)
        self.switches = Switches(on_choose=self._choose)
        self._drawn: tuple[Any, ...] = ()
        page.param.watch(self._changed, ["point", "flux", "unit", *SELECTION_PARAMS])

    @property
    def view(self) -> Any:
        """The slot below the light curve."""
        return self.slot

    async def load(self) -> None:
        """Show the point that the URL names."""
        if self.page.point or self.slot.content is not None:
            await self.page.fill(self.slot, self._find, self._show)

    def _changed(self, *events: Any) -> None:
        if self.page.point or any(event.name == "point" for event in events):
            self.page.run(self._find, self._show, slot=self.slot)

    async def _find(self) -> ChosenPoint | None:
        curve, archive = self.page.detail.light_curve, self.page.session.archive
        at = np.flatnonzero(curve.photometry_id == self.page.point)
        if not at.size:
            return None
        index = int(at[0])
        path = curve.image_path[index]
        if path is None:
            return ChosenPoint(index, None, None, "the measurement does not say on which image it was made")
        image = (await archive.images.find_behind((path,))).get(path) or await archive.provenance.images_of_path(path)
        place = place_of(self.page.detail)
        if place is None:
            return ChosenPoint(index, image, None, "no position is recorded for this source")
        try:
            cutout = await archive.cutouts.cutout(image or path, place, width=_WIDTH_ARCMIN, unit="arcmin")
        except ArchiveError as err:
            return ChosenPoint(index, image, None, err.message)
        return ChosenPoint(index, image, cutout, "")

    def _show(self, chosen: ChosenPoint | None) -> Any:
        page = self.page
        if chosen is None:
            self._drawn = ()
            text = f"Measurement {page.point} is not among those of this source" if page.point else ""
            return Notice(kind="warn", text=text)
        curve = page.detail.light_curve
        items = measurement_facts(curve, chosen.index, chosen.image, page.session.links, page.flux, page.unit)
        self.facts.groups = [group("Chosen epoch", [*items, *self._cutout_facts(chosen)])]
        self._show_switch(curve, chosen.index)
        drawn = (chosen.cutout and (chosen.cutout.key, chosen.cutout.box, chosen.cutout.path), chosen.problem)
        if drawn == self._drawn:
            return None
        self._drawn = drawn
        return self._layout(chosen)

    def _layout(self, chosen: ChosenPoint) -> Any:
        words = pn.Column(self.switches, self.facts, sizing_mode="stretch_width", margin=0)
        if chosen.cutout is None:
            notice = Notice(kind="info", text=f"No cutout: {chosen.problem}")
            return pn.Column(notice, words, sizing_mode="stretch_width", margin=0)
        from dashboards.plots import SkyMarker, plot_image

        cutout, markers = chosen.cutout, []
        if cutout.ra_deg is not None and cutout.dec_deg is not None:
            markers = [SkyMarker(cutout.ra_deg, cutout.dec_deg, self.page.detail.source.source_id)]
        preview, theme = preview_of(cutout, max_size=_LARGEST_DRAWN), self.page.session.theme
        figure = plot_image(preview, theme=theme, title="Cutout of that epoch", markers=markers, height=_HEIGHT)
        picture = pn.Column(as_view(figure), width=430, sizing_mode="fixed", margin=(0, 14, 0, 0))
        picture.sizing_mode = None
        return pn.Row(picture, words, sizing_mode="stretch_width", margin=0)

    def _cutout_facts(self, chosen: ChosenPoint) -> list[dict[str, Any]]:
        if chosen.image is None or chosen.cutout is None:
            return []
        links, cutout = self.page.session.links, chosen.cutout
        if cutout.ra_deg is None or cutout.dec_deg is None:
            return []
        at = {
            "ra": f"{cutout.ra_deg:.7f}",
            "dec": f"{cutout.dec_deg:.7f}",
            "width": f"{cutout.width:g}",
            "unit": "arcmin",
        }
        from dashboards.plots.image_colour import ColourScale
        from dashboards.plots.picture_look import picture_query

        png = picture_query(ColourScale(), self.page.session.theme) | {"format": "png"}
        larger = links.image(chosen.image.id, cut=f"{cutout.ra_deg:.6f} {cutout.dec_deg:+.6f}")
        return [
            fact(
                "Cutout",
                cell(f"{cutout.width:g}′ × {cutout.width:g}′", href=larger, title="on the page of the image"),
            ),
            fact("Download", cell("FITS", href=links.image_cutout(chosen.image.id, **at, format="fits"))),
            fact("For print", cell("PNG picture", href=links.image_cutout(chosen.image.id, **at, **png))),
        ]

    def _show_switch(self, curve: LightCurve, index: int) -> None:
        out = int(curve.photometry_id[index]) in self.page.selection.left_out
        options = [option("used", "used"), option("out", "left out")]
        self.switches.switches = [switch("epoch", "This epoch is", "out" if out else "used", options)]

    def _choose(self, _name: str, value: str) -> None:
        self.page.leave_out(self.page.point, out=value == "out")


def place_of(detail: SourceDetail) -> Place | None:
    """Return where a source is: as listed, else as measured; None without a position that makes sense."""
    source, curve = detail.source, detail.light_curve
    ra = source.ra_deg if source.ra_deg is not None else curve.ra_deg
    dec = source.dec_deg if source.dec_deg is not None else curve.dec_deg
    if ra is None or dec is None or not (math.isfinite(ra) and math.isfinite(dec) and abs(dec) <= 90):
        return None
    return Place(ra_deg=ra, dec_deg=dec)
