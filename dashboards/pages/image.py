"""One image: the picture with its coordinates, what is known of it, where it comes from, what was measured on it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import panel as pn
import param
from bokeh.events import Tap

from dashboards.components.cells import cell
from dashboards.components.facts import Facts
from dashboards.components.filters import FilterBar
from dashboards.components.heading import Heading
from dashboards.components.notice import Notice
from dashboards.components.record_table import RecordTable, row
from dashboards.pages.cutout_panel import (
    DEFAULT_SIZE,
    UNITS,
    CutoutPanel,
    add_outline,
    draw_outline,
    place_text,
)
from dashboards.pages.image_facts import (
    cards_table,
    header_groups,
    heading_items,
    provenance_groups,
    record_groups,
)
from dashboards.pages.layouts import side_by_side
from dashboards.pages.patching import patch_source
from dashboards.pages.wording import position_cells
from dashboards.plots import SkyMarker, image_source, marker_columns, plot_image, set_stretch
from dashboards.session import PageView, Session
from data_access import Archive
from data_access.errors import FileError, ValidationError
from data_access.records import Cutout, Image, ImageHeader, ImagePreview, ImageQA, Region
from data_access.services.cutouts import Place
from data_access.services.provenance import Provenance

STRETCHES = ("asinh", "linear", "sqrt", "log")
_SCREEN_PIXELS = 800
_EAGER_S = 0.25
_MARKERS = 300
_PLANE_DIGITS = 9
_PLOT_HEIGHT = 620


@dataclass(frozen=True, slots=True)
class PreparedImage:
    """The record, and the picture where it could be read at once."""

    image: Image
    preview: ImagePreview | None


class ImagePage(PageView):
    """One row of ``images`` and its file."""

    stretch = param.Selector[str](default="asinh", objects=list(STRETCHES), doc="how brightness is mapped to colour")
    plane = param.Integer(default=0, bounds=(0, None), doc="plane of a cube, counted from 0")
    sources = param.Selector[str](default="on", objects=["on", "off"], doc="whether measured sources are circled")

    cut = param.String(default="", doc="middle of the cutout: a position in any format, or 'pixel 120 88'")
    cut_size = param.Number(
        default=DEFAULT_SIZE, bounds=(0, 1e6), inclusive_bounds=(False, False), doc="side of the cutout"
    )
    cut_unit = param.Selector[str](default=UNITS[0], objects=list(UNITS), doc="unit of the side of the cutout")

    url_params = ("stretch", "plane", "sources", "cut", "cut_size", "cut_unit")
    push_params = ("cut",)

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(session, **params)
        prepared: PreparedImage = session.prepared
        self.image = prepared.image
        self.preview = prepared.preview
        self.figure: Any = None
        self._provenance: Provenance | None = None
        self.param.watch(self._restretch, "stretch")
        self.param.watch(self._reread, ["plane", "sources"])
        self.param.watch(self._recut, ["cut", "cut_size", "cut_unit", "plane", "stretch"])

    @classmethod
    async def prepare(
        cls, archive: Archive, path_params: Mapping[str, str], query: Mapping[str, str]
    ) -> PreparedImage:
        """Return the record (404 when there is none), and the picture if it can be read within a moment."""
        image = await archive.images.get(path_params["image_id"])
        plane = query.get("plane", "0")
        if not _is_plane(plane):
            raise ValidationError(f"'{plane[:40]}' is not the number of a plane", remedy="Planes are counted from 0.")
        reading = asyncio.ensure_future(
            archive.files.image_preview(image.path, plane=int(plane), max_size=_SCREEN_PIXELS)
        )
        done, _ = await asyncio.wait({reading}, timeout=_EAGER_S)
        preview = reading.result() if done and reading.exception() is None else None
        reading.add_done_callback(_seen)
        return PreparedImage(image, preview)

    @property
    def title(self) -> str:
        """Title of the document."""
        return self.image.name

    def __panel__(self) -> Any:
        self.heading = Heading(text=self.image.name, tooltip=self.image.path, items=heading_items(self.image))
        self.controls = FilterBar(label="View", fields=self._fields(1), values=self._values(), on_submit=self._submit)
        self.problems = Notice(kind="warn", text="; ".join(self.image.problems))
        self.picture_slot = self.new_slot("image", height=_PLOT_HEIGHT)
        self.cutout = CutoutPanel(self.new_slot("cutout", height=0), self._ask_cutout)
        self.cutout.show_question(self.cut, self.cut_size, self.cut_unit)
        self.links_slot = self.new_slot("links", height=140)
        self.facts = Facts(groups=record_groups(self.image, self.session.links), min_width=260)
        self.sources_slot = self.new_slot("measured sources", height=80)
        self.quality_slot = self.new_slot("quality and regions", height=80)
        self.header_slot = self.new_slot("header", height=160)
        self.cards_slot = self.new_slot("header cards", height=0)
        if self.preview is not None:
            self.picture_slot.succeed(self._show_preview(self.preview))
        parts = (self.controls, self.picture_slot, self.cutout.view)
        left = pn.Column(*parts, sizing_mode="stretch_width", margin=0)
        right = pn.Column(self.links_slot, self.facts, width=430, margin=(0, 0, 0, 10))
        return pn.Column(
            self.heading,
            self.problems,
            pn.Row(left, right, sizing_mode="stretch_width", margin=0),
            side_by_side(self.sources_slot, self.quality_slot),
            side_by_side(self.header_slot, self.cards_slot),
            sizing_mode="stretch_width",
            margin=0,
        )

    async def load(self) -> None:
        """Fill the slots: picture, links, measured sources, header, quality."""
        if self.preview is None:
            await self.fill(self.picture_slot, self._read_preview, self._show_preview)
        if self.cut:
            await self.fill(self.cutout.slot, self._read_cutout, self._show_cutout)
        await self.fill(self.links_slot, self._read_links, self._show_links)
        await self.fill(self.header_slot, self._read_header, self._show_header)
        await self.fill(self.quality_slot, self._read_quality, self._show_quality)

    async def refresh(self) -> None:
        """Read again what the databases say; the picture only when its file was replaced."""
        await self.fill(self.links_slot, self._read_links, self._show_links)
        await self.fill(self.quality_slot, self._read_quality, self._show_quality)
        await self.fill(self.picture_slot, self._read_preview, self._show_preview)
        if self.cut:
            await self.fill(self.cutout.slot, self._read_cutout, self._show_cutout)

    async def _read_preview(self) -> ImagePreview:
        return await self.session.archive.files.image_preview(
            self.image.path, plane=self.plane, max_size=_SCREEN_PIXELS
        )

    def _show_preview(self, preview: ImagePreview) -> Any:
        unchanged = preview is self.preview and self.figure is not None
        same_shape = self.figure is not None and self.preview is not None and _same_view(preview, self.preview)
        self.preview = preview
        if unchanged:
            return None
        self.controls.param.update(fields=self._fields(preview.header.n_planes), values=self._values())
        if same_shape:
            patch_source(self.figure, "image", image_source(preview))
            return None
        self.figure = plot_image(
            preview,
            theme=self.session.theme,
            stretch=self.stretch,
            title=self.image.name,
            markers=self._markers(),
            height=_PLOT_HEIGHT,
        )
        add_outline(self.figure, self.session.theme)
        self.figure.on_event(Tap, self._tapped)
        return self.figure

    def _markers(self) -> list[SkyMarker]:
        if self._provenance is None or self.sources == "off":
            return []
        return [SkyMarker(ra, dec, name) for name, ra, dec, _ in self._provenance.sources[:_MARKERS]]

    async def _read_links(self) -> tuple[Provenance, tuple[int | None, int | None]]:
        archive = self.session.archive
        return await archive.provenance.of_image(self.image), await archive.images.find_neighbours(self.image)

    def _show_links(self, answer: tuple[Provenance, tuple[int | None, int | None]]) -> Facts:
        made, neighbours = answer
        news = self._provenance is None or self._provenance.sources != made.sources
        self._provenance = made
        if news:
            self._show_sources(made)
        groups = provenance_groups(made, neighbours, self.session.links)
        if isinstance(self.links_slot.content, Facts):
            self.links_slot.content.groups = groups
            return self.links_slot.content
        return Facts(groups=groups, min_width=260)

    def _show_sources(self, made: Provenance) -> None:
        links = self.session.links
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
            rows=[
                row(name, [cell(name), *position_cells(ra, dec), cell(peak * 1e3, digits=3)], href=links.source(name))
                for name, ra, dec, peak in made.sources
            ],
            total=f"{len(made.sources)} sources, brightest first",
        )
        self.sources_slot.succeed(table)
        self._show_markers()

    def _show_markers(self) -> None:
        if self.preview is not None:
            patch_source(self.figure, "markers", marker_columns(self.preview, self._markers()))

    async def _read_header(self) -> ImageHeader:
        return await self.session.archive.files.image_header(self.image.path)

    def _show_header(self, header: ImageHeader) -> Facts:
        self.cards_slot.succeed(cards_table(header))
        return Facts(groups=header_groups(header), min_width=260)

    async def _read_quality(self) -> tuple[tuple[ImageQA, ...], tuple[Region, ...]]:
        archive = self.session.archive
        return await archive.images.find_qa(self.image), await archive.images.find_regions(self.image)

    def _show_quality(self, answer: tuple[tuple[ImageQA, ...], tuple[Region, ...]]) -> Any:
        quality, regions = answer
        rows = [
            row(f"qa-{q.id}", [cell("stored quality"), cell(q.overall_quality), cell(None, unix=q.timestamp)])
            for q in quality
        ] + [row(f"region-{r.id}", [cell(r.name), cell(r.type), cell(r.created_by)]) for r in regions]
        if not rows:
            return Notice(kind="info", text="No stored quality rows and no regions refer to this image.")
        columns = [{"name": n, "label": n} for n in ("What", "Kind or grade", "When or by whom")]
        return RecordTable(caption="Quality rows and regions", columns=columns, rows=rows)

    def _fields(self, n_planes: int) -> list[Any]:
        fields: list[Any] = [
            {"name": "stretch", "label": "Stretch", "kind": "select", "options": list(STRETCHES)},
            {"name": "sources", "label": "Sources", "kind": "select", "options": ["on", "off"]},
        ]
        if n_planes > 1:
            help_text = f"0 to {n_planes - 1}"
            fields.append({"name": "plane", "label": "Plane", "kind": "number", "help": help_text, "width": "6rem"})
        return fields

    def _values(self) -> dict[str, str]:
        return {"stretch": self.stretch, "plane": str(self.plane), "sources": self.sources}

    def _submit(self, values: Mapping[str, Any]) -> None:
        plane = str(values.get("plane") or "0")
        if not _is_plane(plane):
            self.controls.errors = {"plane": "Planes are counted from 0"}
            return
        self.controls.errors = {}
        stretch, sources = str(values.get("stretch") or "asinh"), str(values.get("sources") or "on")
        self.param.update(
            stretch=stretch if stretch in STRETCHES else "asinh",
            plane=int(plane),
            sources=sources if sources in ("on", "off") else "on",
        )

    def _ask_cutout(self, position: str, size: float, unit: str) -> None:
        self.param.update(cut=position, cut_size=size, cut_unit=unit)

    def _tapped(self, event: Any) -> None:
        if event.x is None or event.y is None:
            return
        x, y = float(event.x), float(event.y)

        async def find() -> Place:
            return await self.session.archive.cutouts.position_of_pixel(self.image, x, y)

        self.run(find, self._choose_place, slot=self.cutout.slot)

    def _choose_place(self, place: Place) -> None:
        self.cut = place_text(place)

    def _recut(self, *events: Any) -> None:
        if not self.cut and all(event.name in ("plane", "stretch") for event in events):
            return
        self.cutout.show_question(self.cut, self.cut_size, self.cut_unit)
        self.run(self._read_cutout, self._show_cutout, slot=self.cutout.slot)

    async def _read_cutout(self) -> Cutout | None:
        if not self.cut:
            return None
        unit: Any = self.cut_unit
        return await self.session.archive.cutouts.cutout(
            self.image, self.cut, width=self.cut_size, unit=unit, plane=self.plane
        )

    def _show_cutout(self, cutout: Cutout | None) -> Any:
        before = self.cutout.figure
        stretch: Any = self.stretch
        content = self.cutout.show(cutout, self.image, self.session.links, self.session.theme, stretch)
        draw_outline(self.figure, cutout)
        if self.cutout.figure is not None and self.cutout.figure is not before:
            self.cutout.figure.on_event(Tap, self._tapped)
        return content

    def _restretch(self, *_events: Any) -> None:
        if self.figure is not None:
            set_stretch(self.figure, self.stretch)

    def _reread(self, *_events: Any) -> None:
        self.figure = None
        self.run(self._read_preview, self._show_preview, slot=self.picture_slot)


def _is_plane(text: str) -> bool:
    """Superscripts count as digits for Python, and a number of any length would reach the reader."""
    return text.isascii() and text.isdigit() and len(text) <= _PLANE_DIGITS


def _same_view(one: ImagePreview, other: ImagePreview) -> bool:
    return (one.data.shape, one.factor, one.header.wcs_header) == (
        other.data.shape,
        other.factor,
        other.header.wcs_header,
    )


def _seen(task: asyncio.Future[ImagePreview]) -> None:
    """Mark an error as seen: the page asks again and shows it in its slot."""
    if not task.cancelled() and isinstance(task.exception(), FileError):
        return
