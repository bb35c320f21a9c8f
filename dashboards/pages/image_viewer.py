"""The picture of an image on its page: plane, stretch, and the figure that the other parts draw on."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import panel as pn
import param

from dashboards.components.filters import FilterBar
from dashboards.components.slot import Slot
from dashboards.pages.image_colours import COLOUR_PARAMS, ColourParams, ImageColours
from dashboards.pages.image_pixel import PixelReadout
from dashboards.pages.image_zoom import ZOOM_PARAMS, ImageZoom, ZoomParams
from dashboards.pages.part import PagePart
from dashboards.pages.patching import patch_source
from dashboards.pages.plane_field import plane_field
from dashboards.plots import image_source, plot_image
from dashboards.plots.bokeh_models import Figure
from dashboards.plots.image import describe_image
from dashboards.plots.image_turn import Turn
from data_access import Archive
from data_access.errors import FileError, ValidationError
from data_access.records import Image, ImageHeader, ImagePreview

if TYPE_CHECKING:
    from dashboards.pages.image import ImagePage

# With the bar, the heading and the controls above it, the readout below it is still on a screen of 1280 x 720.
PLOT_HEIGHT = 450
# On a larger screen the picture fills what header, controls and readout leave of the window.
_TALL = f":host {{ flex-basis: clamp({PLOT_HEIGHT}px, calc(100vh - 270px), 1400px) !important; }}"
_EAGER_S = 0.25
_PLANE_DIGITS = 9


class ViewParams(ZoomParams, ColourParams):
    """What the page keeps in its URL for the picture."""

    plane = param.Integer(default=0, bounds=(0, None), doc="plane of a cube, counted from 0")


VIEW_PARAMS = (*COLOUR_PARAMS, "plane", *ZOOM_PARAMS)


class ImageViewer(PagePart["ImagePage"]):
    """The figure, and the controls above it.

    Attributes
    ----------
    figure : Figure or None
        None while there is no picture.
    preview : ImagePreview or None
        What the figure was made of.
    """

    def __init__(self, page: ImagePage, preview: ImagePreview | None) -> None:
        super().__init__(page)
        self.preview = preview
        self.figure: Figure | None = None
        self.colours = ImageColours(self)
        self.controls = FilterBar(
            label="View", fields=self._fields(None), values=self._values(), on_submit=self._submit
        )
        self.slot = page.new_slot("image", height=PLOT_HEIGHT)
        self.zoom = ImageZoom(page)
        self.pixel = PixelReadout(page)
        page.param.watch(self.recolour, list(COLOUR_PARAMS))
        page.param.watch(self._reread, "plane")

    @property
    def view(self) -> Slot:
        """The picture; the controls stand above it in full width, and `below` is laid out after the first plot."""
        return self.slot

    @property
    def below(self) -> pn.Column:
        """What is under the pointer, and what went wrong while zooming."""
        return pn.Column(self.pixel.line, self.pixel.slot, self.zoom.slot, sizing_mode="stretch_width", margin=0)

    def show_prepared(self) -> None:
        """Draw at once what was read before the page was built."""
        if self.preview is not None:
            self.page.fill_at_once(self.slot, self.preview, self._show)

    async def load(self) -> None:
        """Draw the picture, unless it was read before the page was built."""
        if self.preview is None:
            await self.page.fill(self.slot, self._read, self._show)
        await self.zoom.load()

    async def refresh(self) -> None:
        """Draw the picture again when its file was replaced."""
        await self.page.fill(self.slot, self._read, self._show)

    async def _read(self) -> ImagePreview:
        page = self.page
        return await read_whole(page.session.archive, page.image, page.plane)

    def _show(self, preview: ImagePreview) -> Any:
        unchanged = preview is self.preview and self.figure is not None
        drawn = self.figure if self.preview is not None and _same_view(preview, self.preview) else None
        self.preview = preview
        if unchanged:
            return None
        self.controls.fields = self._fields(preview.header)
        if drawn is not None:
            turn = Turn.of(drawn)
            patch_source(drawn, "image", image_source(preview, turn))
            drawn.select_one({"name": "subtitle"}).text = describe_image(preview, turn=turn)
            self.zoom.pixels_changed()
            self.recolour()
            return None
        theme, title = self.page.session.theme, self.page.image.name
        self.figure = plot_image(preview, theme=theme, title=title, height=PLOT_HEIGHT)
        self.figure.stylesheets = [*self.figure.stylesheets, _TALL]
        self.recolour()
        self.zoom.figure_made(self.figure, preview)
        self.pixel.figure_made(self.figure)
        self.page.figure_made(self.figure, preview)
        return self.figure

    def _fields(self, header: ImageHeader | None) -> list[Any]:
        fields: list[Any] = [
            *self.colours.fields(),
            {"name": "reduction", "label": "Zoomed out", "kind": "select", "width": "6rem",
             "options": [("", "mean"), ("max", "highest")], "help": "what is drawn where many pixels share one"},
        ]  # fmt: skip
        if header is not None and header.n_planes > 1:
            fields.append(plane_field(header, self.page.plane))
        return fields

    def _values(self) -> dict[str, Any]:
        page = self.page
        return self.colours.values() | {
            "plane": str(page.plane),
            "reduction": "" if page.reduction == "mean" else page.reduction,
        }

    def _submit(self, values: Mapping[str, Any]) -> None:
        plane = str(values.get("plane") or "0")
        if not is_plane(plane):
            self.controls.errors = {"plane": "Planes are counted from 0"}
            return
        colours, self.controls.errors = self.colours.read(values)
        if self.controls.errors:
            return
        self.page.param.update(
            **colours,
            reduction="max" if values.get("reduction") == "max" else "mean",
            plane=int(plane),
        )
        self.controls.values = self._values()

    def recolour(self, *_events: Any) -> None:
        """Give the picture the colours that the page asks for, and say so in the controls."""
        if self.preview is not None:
            self.colours.apply(self.zoom.whole if self.zoom.whole is not None else self.preview.data)
        self.controls.values = self._values()

    def _reread(self, *_events: Any) -> None:
        self.page.run(self._read, self._show, slot=self.slot)


async def read_whole(archive: Archive, image: Image, plane: int) -> ImagePreview:
    """Return the whole image at the resolution of a screen."""
    return await archive.previews.whole(image, plane=plane)


def plane_of(query: Mapping[str, str]) -> int:
    """Return the plane that the URL asks for; raise `ValidationError` when that is no number."""
    plane = query.get("plane", "0")
    if not is_plane(plane):
        raise ValidationError(f"'{plane[:40]}' is not the number of a plane", remedy="Planes are counted from 0.")
    return int(plane)


async def read_eagerly(archive: Archive, image: Image, plane: int) -> ImagePreview | None:
    """Return the picture if it can be read within a moment, else None."""
    reading = asyncio.ensure_future(read_whole(archive, image, plane))
    done, _ = await asyncio.wait({reading}, timeout=_EAGER_S)
    reading.add_done_callback(_seen)
    return reading.result() if done and reading.exception() is None else None


def is_plane(text: str) -> bool:
    """Superscripts count as digits for Python, and a number of any length would reach the reader."""
    return text.isascii() and text.isdigit() and len(text) <= _PLANE_DIGITS


def _same_view(one: ImagePreview, other: ImagePreview) -> bool:
    """Say whether the figure of one is good for the other: all but its pixels stays, the beam too."""
    kept = [(p.data.shape, p.factor, p.header.wcs_header, p.header.beam) for p in (one, other)]
    return kept[0] == kept[1]


def _seen(task: asyncio.Future[ImagePreview]) -> None:
    """Mark an error as seen: the page asks again and shows it in its slot."""
    if not task.cancelled() and isinstance(task.exception(), FileError):
        return
