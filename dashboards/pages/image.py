"""One image: the picture with its coordinates, what is known of it, where it comes from, what was measured on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import panel as pn
import param
from bokeh.events import Tap

from dashboards.components.facts import Facts
from dashboards.components.heading import Heading
from dashboards.components.notice import Notice
from dashboards.components.record_table import RecordTable
from dashboards.pages.compare_part import ComparePart
from dashboards.pages.cutout_panel import (
    DEFAULT_SIZE,
    UNITS,
    CutoutPanel,
    NamedCutout,
    draw_outline,
    place_text,
)
from dashboards.pages.image_colours import COLOUR_PARAMS
from dashboards.pages.image_facts import (
    Neighbours,
    cards_table,
    cut_words,
    header_groups,
    heading_items,
    measured_words,
    newer_words,
    provenance_groups,
    quality_table,
    record_groups,
    source_rows,
)
from dashboards.pages.image_keys import ImageKeys
from dashboards.pages.image_overlays import OVERLAY_PARAMS, OverlayParams, OverlayPart
from dashboards.pages.image_part import ImagePart
from dashboards.pages.image_question import TEXTS, check_place, check_question
from dashboards.pages.image_regions import REGION_PARAMS, RegionParams, RegionPart
from dashboards.pages.image_viewer import VIEW_PARAMS, ImageViewer, ViewParams, plane_of, read_eagerly
from dashboards.pages.layouts import side_by_side
from dashboards.pages.quality_part import QUALITY_PARAMS, QualityParams, QualityPart
from dashboards.plots.bokeh_models import Figure
from dashboards.plots.image_turn import Turn
from dashboards.plots.picture_look import picture_query
from dashboards.session import PageView, Session
from data_access import Archive
from data_access.errors import ValidationError
from data_access.records import Image, ImageHeader, ImagePreview, ImageQA, MeasuredSources, Region
from data_access.services.cutouts import Place
from data_access.services.provenance import Provenance

# In the order in which they are laid out, told of a new figure, and filled.
_BAD_QUESTION = 400
_WITHOUT_FILE = (
    "Zoom, cutouts, regions, contours, quality of the pixels and the header need the file, and are left out. "
    "What the databases say of this image is beside and below."
)
_CONTROLS_HEIGHT = "76px"  # room for them, so that nothing jumps when they come after the first plot
PARTS: tuple[type[ImagePart], ...] = (ComparePart, RegionPart, OverlayPart, QualityPart)


@dataclass(slots=True)
class PreparedImage:
    """The record, and the picture where it could be read within a moment."""

    image: Image
    plane: int = 0
    preview: ImagePreview | None = None


class ImagePage(PageView, ViewParams, OverlayParams, RegionParams, QualityParams):
    """One row of ``images`` and its file.

    Attributes
    ----------
    viewer : ImageViewer
    parts : tuple of ImagePart
        What stands beside the picture, or is drawn on it, in modules of its own: one of each of ``PARTS``.
    """

    cut = param.String(default="", doc="middle of the cutout: a position, a name, or 'pixel 120 88'")
    cut_size = param.Number(
        default=DEFAULT_SIZE, bounds=(0, 1e6), inclusive_bounds=(False, False), doc="side of the cutout"
    )
    cut_unit = param.Selector[str](default=UNITS[0], objects=list(UNITS), doc="unit of the side of the cutout")

    url_params = (*VIEW_PARAMS, "cut", "cut_size", "cut_unit", *OVERLAY_PARAMS, *REGION_PARAMS, *QUALITY_PARAMS)
    push_params = ("cut",)
    texts = TEXTS

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(session, **params)
        prepared: PreparedImage = session.prepared
        self.image = prepared.image
        self._provenance: Provenance | None = None
        self._is_loading = False
        self._told: Figure | None = None
        self._header: ImageHeader | None = None
        self.viewer = ImageViewer(self, prepared.preview)
        self.parts = tuple(make(self) for make in PARTS)
        self.keys = ImageKeys(self)
        self.param.watch(self._recut, ["cut", "cut_size", "cut_unit", "plane"])
        self.param.watch(self._recolour, [*COLOUR_PARAMS, "plane"])
        self.param.watch(self._show_plane, "plane")

    @classmethod
    async def prepare(
        cls, archive: Archive, path_params: Mapping[str, str], query: Mapping[str, str]
    ) -> PreparedImage:
        """Return the record (404 when there is none)."""
        return PreparedImage(await archive.images.get(path_params["image_id"]), plane_of(query))

    @classmethod
    async def finish(cls, archive: Archive, prepared: PreparedImage) -> None:
        """Read the picture, if that is a matter of a moment."""
        prepared.preview = await read_eagerly(archive, prepared.image, prepared.plane)

    @classmethod
    def check_query(cls, query: Mapping[str, str]) -> None:
        """Raise `ValidationError` for levels of contours or regions that mean nothing."""
        check_question(query)

    @classmethod
    async def check_archive(cls, archive: Archive, query: Mapping[str, str]) -> None:
        """Raise `ValidationError` for a cutout around what is neither a position nor a known name."""
        await check_place(archive, query.get("cut", ""))

    @property
    def title(self) -> str:
        """Title of the document."""
        return self.image.name

    @property
    def figure(self) -> Figure | None:
        """The picture on the screen; None while there is none."""
        return self.viewer.figure

    @property
    def preview(self) -> ImagePreview | None:
        """What the picture was made of; None while there is none."""
        return self.viewer.preview

    def __panel__(self) -> Any:
        self.heading = Heading(text=self.image.name, tooltip=self.image.path, items=heading_items(self.image))
        self.problems = Notice(kind="warn", text="; ".join(self.image.problems))
        self.newer = Notice(kind="warn", remedy="Open the newer record for the figures of this file.")
        self.cutout = CutoutPanel(self.new_slot("cutout", height=0), self._ask_cutout)
        self.cutout.show_question(self.cut, self.cut_size, self.cut_unit)
        self.links_slot = self.new_slot("links", height=140)
        self.facts = Facts(groups=self._record_groups(), min_width=260)
        self.sources_slot = self.new_slot("measured sources", height=80)
        self.quality_slot = self.new_slot("quality and regions", height=80)
        self.header_slot = self.new_slot("header", height=160)
        self.cards_slot = self.new_slot("header cards", height=0)
        self._what_is_left = Notice(kind="info", text=_WITHOUT_FILE)
        self.viewer.show_prepared()
        self._left = pn.Column(self.viewer.view, sizing_mode="stretch_width", margin=0)
        self._below = pn.Column(sizing_mode="stretch_width", margin=0)
        self._right = pn.Column(width=430, margin=(0, 0, 0, 10))
        row = pn.Row(self._left, self._right, sizing_mode="stretch_width", margin=0)
        self._controls = pn.Column(sizing_mode="stretch_width", margin=0, styles={"min-height": _CONTROLS_HEIGHT})
        problems = [self.problems] if self.problems.text else []
        parts = (self.heading, *problems, self._controls, row, self._below)
        return pn.Column(*parts, sizing_mode="stretch_width", margin=0)

    def _lay_out(self) -> None:
        """Lay out what stands below the picture, and draw on it, only now: it would delay the first plot."""
        if self.figure is not None and self.preview is not None and self._told is not self.figure:
            self._tell_parts(self.figure, self.preview)
        self._right[:] = [self.newer, self.links_slot, self.facts]
        if self._is_unreadable:
            self._lay_out_without_file()
            return
        views = [(part.place, part.view) for part in self.parts]
        self._controls[:] = [self.viewer.controls]
        self._controls.styles = {"min-height": _CONTROLS_HEIGHT}
        self.facts.groups = self._record_groups()
        self._left[:] = [
            self.viewer.view,
            self.viewer.below,
            *(view for place, view in views if place == "picture"),
            self.cutout.view,
        ]
        self._below[:] = [
            *(view for place, view in views if place == "page"),
            side_by_side(self.sources_slot, self.quality_slot),
            side_by_side(self.header_slot, self.cards_slot),
            self.keys.listener,
        ]

    @property
    def _is_unreadable(self) -> bool:
        """True when the picture failed for the sake of the file, and not for that of a question (a plane too far)."""
        failure = self.viewer.slot.failure
        return self.figure is None and failure is not None and failure.status != _BAD_QUESTION

    def _lay_out_without_file(self) -> None:
        """Leave out what could only fail again, and say so once."""
        for part in self.parts:
            part.without_file()
        self._controls[:] = []
        self._controls.styles = {"min-height": "0"}
        self._left[:] = [self.viewer.view, self._what_is_left]
        self.facts.groups = self._record_groups()
        self._below[:] = [side_by_side(self.sources_slot, self.quality_slot), self.keys.listener]

    def _wait_no_longer(self) -> None:
        for slot in self.slots.values():
            if slot.failure is None:
                slot.clear()

    async def load(self) -> None:
        """Fill the slots: picture, links, measured sources, header, quality, and the parts in their order."""
        self._is_loading = True
        await self.viewer.load()
        await self.patch(self._lay_out)
        if self._is_unreadable:
            await self.fill(self.links_slot, self._read_links, self._show_links)
            await self.fill(self.quality_slot, self._read_quality, self._show_quality)
            await self.patch(self._wait_no_longer)
            return
        if self.cut:
            await self.fill(self.cutout.slot, self._read_cutout, self._show_cutout)
        await self.fill(self.links_slot, self._read_links, self._show_links)
        if self.links_slot.failure is not None:
            await self.patch(self.sources_slot.clear)  # they come with the links
        await self.fill(self.header_slot, self._read_header, self._show_header)
        await self.fill(self.quality_slot, self._read_quality, self._show_quality)
        for part in self.parts:
            await part.load()

    async def refresh(self) -> None:
        """Read again what the databases say; the picture only when its file was replaced, or has come back."""
        if self._is_unreadable:
            await self.load()
            return
        await self.fill(self.links_slot, self._read_links, self._show_links)
        await self.fill(self.quality_slot, self._read_quality, self._show_quality)
        await self.viewer.refresh()
        await self.fill(self.header_slot, self._read_header, self._show_header)
        if self.cut:
            await self.fill(self.cutout.slot, self._read_cutout, self._show_cutout)
        for part in self.parts:
            await part.refresh()

    def figure_made(self, figure: Figure, preview: ImagePreview) -> None:
        """Prepare a new picture for what is drawn on it, here and by the parts."""
        figure.on_event(Tap, self._tapped)
        # A figure that comes later is not part of the first paint. The parts are told before it is sent: Panel lets
        # changes of a figure overtake the figure itself, and the browser would not know what they are about.
        if self._is_loading:
            self._tell_parts(figure, preview)

    def _tell_parts(self, figure: Figure, preview: ImagePreview) -> None:
        self._told = figure
        for part in self.parts:
            part.figure_made(figure, preview)

    async def _read_links(self) -> tuple[Provenance, Neighbours]:
        archive = self.session.archive
        return await archive.provenance.of_image(self.image), await archive.images.find_neighbours(self.image)

    def _show_links(self, answer: tuple[Provenance, Neighbours]) -> Facts:
        made, neighbours = answer
        self.keys.set_neighbours(*neighbours)
        self.newer.text = newer_words(made.newer)
        news = self._provenance is None or self._provenance.measured != made.measured
        self._provenance, self.is_partial = made, made.is_waiting
        if news:
            self._show_sources(made.measured)
        groups = provenance_groups(self.image, made, neighbours, self.session.links)
        if isinstance(self.links_slot.content, Facts):
            self.links_slot.content.groups = groups
            return self.links_slot.content
        return Facts(groups=groups, min_width=260)

    def _show_sources(self, measured: MeasuredSources) -> None:
        table = RecordTable(
            caption="Measured on this image",
            empty="No photometry refers to this image.",
            max_height=300,
            columns=[
                {"name": "source", "label": "Source"},
                {"name": "ra", "label": "RA", "unit": "ICRS"},
                {"name": "dec", "label": "Dec", "unit": "ICRS"},
                {"name": "peak", "label": "Peak", "unit": "mJy/beam", "align": "right"},
            ],
            rows=source_rows(measured, self.session.links),
            total=measured_words(measured, self.image),
            truncated=measured.truncated,
            note=cut_words(measured),
        )
        self.sources_slot.succeed(table)

    async def _read_header(self) -> ImageHeader:
        return await self.session.archive.files.image_header(self.image.path)

    def _show_header(self, header: ImageHeader) -> Facts | None:
        if header is self._header and isinstance(self.header_slot.content, Facts):
            return None  # of a file that is still the same
        self._header = header
        self.cards_slot.succeed(cards_table(header))
        return Facts(groups=header_groups(header, self.plane), min_width=260)

    def _show_plane(self, *_events: Any) -> None:
        if self._header is not None and isinstance(self.header_slot.content, Facts):
            self.header_slot.content.groups = header_groups(self._header, self.plane)

    async def _read_quality(self) -> tuple[tuple[ImageQA, ...], tuple[Region, ...]]:
        archive = self.session.archive
        return await archive.images.find_qa(self.image), await archive.images.find_regions(self.image)

    def _show_quality(self, answer: tuple[tuple[ImageQA, ...], tuple[Region, ...]]) -> Any:
        table = quality_table(*answer)
        return table or Notice(kind="info", text="No stored quality rows and no regions refer to this image.")

    def _ask_cutout(self, position: str, size: float, unit: str) -> None:
        """Cut at a position or name, once it is known that there is such a place."""

        async def look_up() -> str:
            try:
                if position:
                    await self.session.archive.names.find_place(position)
            except ValidationError as err:
                return f"{err.message}. {err.remedy}"
            return ""

        def go_on(problem: str) -> None:
            self.cutout.refuse(problem)
            if not problem:
                self.param.update(cut=position, cut_size=size, cut_unit=unit)

        self.run(look_up, go_on, slot=self.cutout.slot)

    def _tapped(self, event: Any) -> None:
        if event.x is None or event.y is None:
            return
        x, y = Turn.of(event.model).point(float(event.x), float(event.y))
        # a region that is being drawn comes before the sources below it
        if not any(part.tapped(x, y) for part in self.parts):
            self.cut_at(x, y)

    def cut_at(self, x: float, y: float) -> None:
        """Make a cutout around a place, 0-based pixels of the file."""

        async def find() -> Place:
            return await self.session.archive.cutouts.position_of_pixel(self.image, x, y)

        self.run(find, self._choose_place, slot=self.cutout.slot)

    def _choose_place(self, place: Place) -> None:
        self.cut = place_text(place)

    def _recut(self, *events: Any) -> None:
        if not self.cut and all(event.name == "plane" for event in events):
            return
        self.cutout.show_question(self.cut, self.cut_size, self.cut_unit)
        self.run(self._read_cutout, self._show_cutout, slot=self.cutout.slot)

    def _recolour(self, *_events: Any) -> None:
        """Give the cutout the colours of the picture, and the links to pictures both."""
        links, theme = self.session.links, self.session.theme
        self.cutout.recolour(self.image, links, theme, self.viewer.colours.scale)
        self.facts.groups = self._record_groups()

    def _record_groups(self) -> list[dict[str, Any]]:
        if self._is_unreadable:
            return record_groups(self.image, self.session.links, None)
        look = picture_query(self.viewer.colours.scale, self.session.theme)
        if self.plane:
            look["plane"] = str(self.plane)
        return record_groups(self.image, self.session.links, look)

    async def _read_cutout(self) -> NamedCutout | None:
        if not self.cut:
            return None
        unit: Any = self.cut_unit
        archive = self.session.archive
        place, name = await archive.names.find_place(self.cut)
        cutout = await archive.cutouts.cutout(self.image, place, width=self.cut_size, unit=unit, plane=self.plane)
        return NamedCutout(cutout, name)

    def _show_cutout(self, cutout: NamedCutout | None) -> Any:
        before = self.cutout.figure
        scale = self.viewer.colours.scale
        content = self.cutout.show(cutout, self.image, self.session.links, self.session.theme, scale)
        draw_outline(self.figure, None if cutout is None else cutout.cutout, self.session.theme)
        if self.cutout.figure is not None and self.cutout.figure is not before:
            self.cutout.figure.on_event(Tap, self._tapped)
        return content
