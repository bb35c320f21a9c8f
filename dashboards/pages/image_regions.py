"""Regions on the page of an image: drawn by clicks or typed, listed with their figures, kept in the URL.

The URL holds all regions as long as they fit (`LONGEST_IN_URL` letters, some 40 circles). Beyond that it holds none,
and the list says so: the regions then live in this session and travel as a file.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast

import panel as pn
import param
from bokeh.events import DoubleTap, SelectionGeometry
from bokeh.models import BoxSelectTool, ColumnDataSource, PanTool

from dashboards.components.facts import Facts
from dashboards.components.notice import Notice
from dashboards.components.plot_pane import as_view
from dashboards.components.region_panel import RegionPanel, region_row
from dashboards.pages.image_part import ImagePart
from dashboards.pages.patching import patch_source
from dashboards.pages.region_drawing import MODE_KEYS, MODES, RegionDrawing
from dashboards.pages.region_words import LIST_COLUMNS, list_cells, region_groups, unit_of
from dashboards.plots.bokeh_models import Figure
from dashboards.plots.image_regions import (
    add_region_layers,
    begun_columns,
    plot_profile,
    plot_region_histogram,
    region_columns,
)
from dashboards.plots.image_turn import Turn
from data_access.analysis.region_text import (
    EXAMPLES,
    LONGEST_IN_URL,
    MAX_REGIONS,
    read_regions,
    write_regions,
)
from data_access.readers.region_files import FileFrame, RegionFile, RegionFormat
from data_access.records import ImagePreview
from data_access.records.regions import RegionMeasurement, Shape
from data_access.services.cutout_files import safe_name

if TYPE_CHECKING:
    from dashboards.pages.image import ImagePage

FORMATS = [("ds9", "DS9 (.reg)", "save a region file of DS9"), ("crtf", "CRTF", "save a region file of CASA")]
FRAMES = [("icrs", "ICRS"), ("fk5", "FK5 J2000"), ("fk4", "FK4 B1950"), ("galactic", "galactic"), ("image", "pixels")]
_FACTS_WIDTH = 330


class RegionParams(param.Parameterized):  # type: ignore[misc, unused-ignore]
    """What the page keeps in its URL for the regions."""

    regions = param.String(default="", doc="regions, as `data_access.analysis.region_text` writes them")
    region = param.Integer(default=0, bounds=(0, MAX_REGIONS), doc="selected region from 1; 0 for the last one")


REGION_PARAMS = ("regions", "region")


class RegionPart(ImagePart):
    """Tools, list and figures; outlines on the picture."""

    place: ClassVar[Literal["picture", "page"]] = "picture"
    keys: ClassVar[tuple[tuple[str, str], ...]] = (
        (" ".join(MODE_KEYS), "draw a " + ", ".join(MODE_KEYS.values())),
        ("f", "close the polygon that is drawn"),
        ("Escape", "draw no more: a click makes a cutout"),
    )

    def __init__(self, page: ImagePage) -> None:
        super().__init__(page)
        self.shapes, self._unread = read_regions(page.regions)
        self.measured: tuple[RegionMeasurement, ...] = ()
        self.drawing = RegionDrawing()
        self.panel: RegionPanel | None = None
        self.detail = pn.Column(sizing_mode="stretch_width", margin=0)
        self.slot = page.new_slot("regions", height=0)
        self.text_slot = page.new_slot("region text", height=0)
        self._drawn: list[Shape] = []
        self._known: dict[Shape, RegionMeasurement] = {}
        self._known_for: tuple[ImagePreview | None, int] = (None, 0)
        self._in_url = page.regions
        self._shown: RegionMeasurement | None = None
        page.param.watch(self._follow_url, list(REGION_PARAMS))
        page.param.watch(self._remeasure, "plane")

    @property
    def view(self) -> Any:
        """Empty until the rest of the page is there."""
        return self.slot

    async def load(self) -> None:
        """Measure what the URL names, and show the tools."""
        await self.page.fill(self.slot, self._measure, self._show)

    async def refresh(self) -> None:
        """Measure again when the file was replaced."""
        if not self._is_known():
            await self.load()

    def figure_made(self, figure: Figure, preview: ImagePreview) -> None:  # noqa: ARG002
        """Listen to a new picture, and draw the outlines on it once there are any."""
        _listen(figure, DoubleTap, self._finished)
        _listen(figure, SelectionGeometry, self._dragged)
        self.drawing.up_deg = Turn.of(figure).up_deg
        if self.panel is not None:
            self._draw_on(figure)
            _set_drag(figure, draws=self.drawing.takes_drags)

    def tapped(self, x: float, y: float) -> bool:
        """Take a click on the picture as a corner of what is being drawn."""
        if not self.drawing.takes_clicks:
            return False
        self._add_drawn(self.drawing.click(x, y))
        return True

    def press(self, key: str) -> None:
        """Choose what is drawn, end it, or draw no more."""
        if key == "f":
            self.finish()
        elif self.panel is not None:
            self.choose_mode(MODE_KEYS.get(key, MODES[0][0]))

    # What the panel tells.

    def choose_mode(self, mode: str) -> None:
        """A click on the picture now does something else."""
        self.drawing.choose(mode)
        figure = self.page.figure
        if figure is not None:
            _set_drag(figure, draws=self.drawing.takes_drags)
        self._show_drawing()

    def finish(self) -> None:
        """The polygon has all its corners."""
        self._add_drawn(self.drawing.finish())

    def cancel(self) -> None:
        """What was begun is not wanted."""
        self.drawing.cancel()
        self._show_drawing()

    def add_text(self, text: str, name: str) -> None:
        """Add the regions of a text or a file; the lines that make no sense are listed, and stay in the box."""

        async def read() -> RegionFile:
            return await self.page.session.archive.regions.read_text(text, most=MAX_REGIONS - len(self.shapes))

        self.page.run(read, lambda found: self._take_over(found, name), slot=self.text_slot)

    def select(self, number: int) -> None:
        """Show the figures of a region."""
        self.page.region = number

    def remove(self, number: int) -> None:
        """Forget a region."""
        self._set([shape for n, shape in enumerate(self.shapes, start=1) if n != number], 0)

    def clear(self) -> None:
        """Forget all regions."""
        self._set([], 0)

    def choose_frame(self, frame: str) -> None:
        """Write files in another frame."""
        if self.panel is not None:
            self.panel.frame = frame

    def save(self, file_format: str) -> None:
        """Send the regions as a file."""
        shapes, frame = self.shapes, self.panel.frame if self.panel is not None else "icrs"
        kind, file_frame = cast(RegionFormat, file_format), cast(FileFrame, frame)

        async def write() -> str:
            regions = self.page.session.archive.regions
            return await regions.write_text(self.page.image, shapes, file_format=kind, frame=file_frame)

        self.page.run(write, lambda text: self._send(kind, text), slot=self.text_slot)

    # What follows from it.

    def _take_over(self, found: RegionFile, name: str) -> None:
        if self.panel is None:
            return
        where = f"{name}, " if name else ""
        errors = [f"left out: {where}{problem}" for problem in found.problems]
        left_out = "" if name else found.left_out
        self.panel.param.update(
            errors=[*errors, EXAMPLES] if errors else [], text=left_out, added=self.panel.added + 1
        )
        if found.shapes:
            self._set([*self.shapes, *found.shapes], 0)

    def _send(self, file_format: RegionFormat, text: str) -> None:
        if self.panel is not None:
            suffix = "reg" if file_format == "ds9" else "crtf"
            name = f"{safe_name(self.page.image.name)}.{suffix}"
            self.panel.file = {"serial": self.panel.file["serial"] + 1, "name": name, "text": text}

    def _dragged(self, event: Any) -> None:
        if event.final and event.geometry.get("type") == "rect" and self.drawing.takes_drags:
            x0, y0, x1, y1 = (float(event.geometry[key]) for key in ("x0", "y0", "x1", "y1"))
            turn = Turn.of(self.page.figure)
            self._add_drawn(self.drawing.drag(*turn.point(x0, y0), *turn.point(x1, y1)))

    def _finished(self, _event: Any) -> None:
        if self.drawing.mode == "polygon":
            self.finish()

    def _add_drawn(self, shape: Shape | None) -> None:
        if shape is not None and len(self.shapes) + len(self._drawn) < MAX_REGIONS:
            self._drawn.append(shape)
            self._remeasure()
        self._show_drawing()

    def _set(self, shapes: list[Shape], selected: int) -> None:
        self.shapes, self._unread = tuple(shapes), ()
        self.page.region = selected
        self._remeasure()

    def _follow_url(self, *_events: Any) -> None:
        if self.page.regions != self._in_url:
            self._in_url = self.page.regions
            self.shapes, self._unread = read_regions(self._in_url)
            self._remeasure()
        else:
            self._show_list()

    def _remeasure(self, *_events: Any) -> None:
        self.page.run(self._measure, self._show, slot=self.slot)

    def _is_known(self) -> bool:
        """Say whether what was measured is of the pixels that are shown: of this file and this plane."""
        preview, plane = self._known_for
        return preview is self.page.preview and plane == self.page.plane

    async def _measure(self) -> tuple[int, tuple[Shape, ...], tuple[RegionMeasurement, ...]]:
        page, regions = self.page, self.page.session.archive.regions
        if not self._is_known():
            self._known, self._known_for = {}, (page.preview, page.plane)
        n_drawn = len(self._drawn)
        placed = [await regions.place(page.image, shape) for shape in self._drawn[:n_drawn]]
        shapes, plane, known = (*self.shapes, *placed), page.plane, self._known
        found = {shape: known[shape] for shape in shapes if shape in known}
        for shape in shapes:
            if shape not in found:
                found[shape] = await regions.try_measure(page.image, shape, plane=plane)
        self._known = found
        return n_drawn, shapes, tuple(found[shape] for shape in shapes)

    def _show(self, answer: tuple[int, tuple[Shape, ...], tuple[RegionMeasurement, ...]]) -> Any:
        n_drawn, self.shapes, self.measured = answer
        del self._drawn[:n_drawn]
        first = self.panel is None
        if self.panel is None:
            self.panel = RegionPanel(
                self, modes=list(MODES), placeholder=EXAMPLES, formats=FORMATS, frames=FRAMES, frame=FRAMES[0][0]
            )
            self._show_drawing()
        text = write_regions(self.shapes)
        self._in_url = text if len(text) <= LONGEST_IN_URL else ""
        self.page.param.update(regions=self._in_url, region=min(self.page.region, len(self.shapes)))
        self._show_list()
        if first:
            return pn.Column(self.panel, self.text_slot, self.detail, sizing_mode="stretch_width", margin=0)
        return None

    def _show_list(self) -> None:
        if self.panel is None:
            return
        page, measured = self.page, self.measured
        selected = min(page.region, len(measured)) or len(measured)
        unit, scale = unit_of(page.preview)
        rows = [
            region_row(n, f"{n} {one.shape.kind}", list_cells(one, scale), selected=n == selected)
            for n, one in enumerate(measured, start=1)
        ]
        count = f"{len(rows)} region{'s' if len(rows) != 1 else ''}"
        total = f"{count}, plane {page.plane}; values in {unit}" if rows else ""
        self.panel.param.update(rows=rows, columns=LIST_COLUMNS, total=total, note=self._note())
        if page.figure is not None:
            self._draw_on(page.figure)
        self._show_detail(measured[selected - 1] if measured else None, selected, unit, scale)

    def _note(self) -> str:
        notes = [f"Left out from the address: {problem}" for problem in self._unread]
        if self.shapes and not self._in_url:
            notes.append("These are too many for the address of the page: it does not contain them.")
        return " ".join(notes)

    def _show_detail(self, one: RegionMeasurement | None, number: int, unit: str, scale: float) -> None:
        if one is self._shown and (one is None or len(self.detail)):
            return
        self._shown = one
        if one is None:
            self.detail[:] = []
            return
        facts = pn.Column(
            Facts(groups=region_groups(one, number, unit, scale), min_width=260),
            width=_FACTS_WIDTH, margin=(0, 0, 0, 10),
        )  # fmt: skip
        problem = Notice(kind="warn", text=one.problem)
        plot = self._plot(one, number, unit, scale)
        parts = [as_view(plot), facts] if plot is not None else [facts]
        self.detail[:] = [problem, pn.Row(*parts, sizing_mode="stretch_width", margin=0)]

    def _plot(self, one: RegionMeasurement, number: int, unit: str, scale: float) -> Figure | None:
        theme, name = self.page.session.theme, f"region {number} ({one.shape.kind})"
        if one.profile is not None:
            return plot_profile(one.profile, unit=unit, scale=scale, theme=theme, title=f"Profile along {name}")
        if one.statistics is None:
            return None
        return plot_region_histogram(
            one.statistics.histogram, unit=unit, scale=scale, theme=theme, title=f"Values in {name}"
        )

    def _show_drawing(self) -> None:
        drawing = self.drawing
        if self.panel is not None:
            self.panel.param.update(mode=drawing.mode, hint=drawing.hint, actions=drawing.actions)
        patch_source(
            self.page.figure, "region_begun", Turn.of(self.page.figure).columns(begun_columns(drawing.points))
        )

    def _draw_on(self, figure: Figure) -> None:
        if figure.select_one({"name": "regions", "type": ColumnDataSource}) is None:
            add_region_layers(figure, self.page.session.theme)
        selected = min(self.page.region, len(self.measured)) or len(self.measured)
        patch_source(figure, "regions", Turn.of(figure).columns(region_columns(self.measured, selected)))


def _listen(figure: Figure, event: type[Any], callback: Callable[[Any], None]) -> None:
    """Call back for an event of a figure, whether or not it is on a page already."""
    figure.on_event(event, callback)
    if figure.document is not None:
        # Bokeh 3.9 subscribes callbacks with the document only when a figure enters it.
        figure.document.callbacks.subscribe(event.event_name, figure)


def _set_drag(figure: Figure, *, draws: bool) -> None:
    """Let a drag over the picture draw, or move it; the tool is added when it is first wanted."""
    tool = figure.select_one({"type": BoxSelectTool})
    if tool is None and draws:
        tool = BoxSelectTool(renderers=[], description="Draw a region")
        figure.add_tools(tool)
    if tool is not None:
        figure.toolbar.active_drag = tool if draws else figure.select_one({"type": PanTool})
