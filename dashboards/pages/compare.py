"""Two to four images of the same sky: blinked, side by side with locked sky, or subtracted."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import panel as pn
import param

from dashboards.components.blink import RATES, BlinkControl
from dashboards.components.filters import FilterBar
from dashboards.components.heading import Heading
from dashboards.components.notice import Notice
from dashboards.components.plot_pane import as_view
from dashboards.pages.compare_reading import (
    Compared,
    Drawn,
    parse_ids,
    read_compared,
    read_drawn,
    subtracted,
)
from dashboards.pages.compare_words import (
    compare_fields,
    compared_table,
    difference_words,
    is_pair,
    pair_of,
    title_of,
    words_of,
)
from dashboards.pages.image_colours import COLOUR_PARAMS, ColourParams, ImageColours
from dashboards.pages.image_viewer import is_plane
from dashboards.pages.image_zoom import PLACE_TEXT, read_place
from dashboards.pages.list_page import FieldError
from dashboards.plots import image_source
from dashboards.plots.bokeh_models import Figure
from dashboards.plots.image import image_box, set_colours
from dashboards.plots.image_compare import plot_beside, plot_blink, plot_difference
from dashboards.plots.image_turn import Turn
from dashboards.plots.image_view import (
    Graticule,
    Visible,
    add_zoom,
    graticule_of,
    move_view,
    own_source,
    set_graticule,
)
from dashboards.session import PageView, Session
from data_access import Archive
from data_access.records import ImageHeader, ImagePreview
from data_access.services.compare import difference_objection, difference_remarks

MODES = ("blink", "side", "difference")
_SCREEN_PIXELS = 800
_AROUND = 0.3
_FIRST_PAIR = "1-2"
_HEIGHT, _HEIGHT_BESIDE = 440, 400


@dataclass(frozen=True, slots=True)
class _Answer:
    """What was read for what is visible, and the columns that show it in the mode it was read for."""

    compared: tuple[Compared, ...]
    drawn: tuple[Drawn, ...]
    layers: tuple[dict[str, list[Any]], ...] = ()
    mode: str = ""
    graticule: Graticule | None = None


class ComparePage(PageView, ColourParams):
    """The first image that can be read gives the pixels; the others are resampled onto them."""

    images = param.String(default="", doc="numbers of two to four images, separated by commas")
    mode = param.Selector[str](default="blink", objects=list(MODES), doc="how they are compared")
    scales = param.Selector[str](
        default="same", objects=["same", "own"], doc="whether the limits of the colours are those of the first image"
    )
    pair = param.String(default="", doc="which two are subtracted: '1-2' is the first minus the second")
    plane = param.Integer(default=0, bounds=(0, 10**9), doc="plane of every image, counted from 0")
    view = param.String(default="", doc="middle and side of what is visible: 'x y size', pixels of the first image")
    shown = param.Integer(default=0, bounds=(0, 3), doc="number of the visible image while blinking, from 0")
    play = param.Selector[str](default="off", objects=["off", "on"], doc="whether it blinks by itself")
    rate = param.Selector[str](default="2", objects=list(RATES), doc="images per second")

    url_params = ("images", "mode", *COLOUR_PARAMS, "scales", "pair", "plane", "view", "shown", "play", "rate")
    push_params = ("images", "mode")
    live_roles = frozenset[str]()
    texts = MappingProxyType({"pair": (is_pair, "two numbers as 1-2"), "view": PLACE_TEXT})

    @classmethod
    def check_query(cls, query: Mapping[str, str]) -> None:
        """Raise `FieldError` for what is no number of an image."""
        _, problem = parse_ids(query.get("images", ""))
        if problem:
            raise FieldError("images", problem)

    @classmethod
    async def check_archive(cls, archive: Archive, query: Mapping[str, str]) -> None:
        """Raise the error of the first image that cannot be looked up."""
        for image_id in parse_ids(query.get("images", ""))[0]:
            await archive.images.get(image_id)

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(session, **params)
        self.figures: tuple[Figure, ...] = ()
        self.compared: tuple[Compared, ...] = ()
        self.drawn: tuple[Drawn, ...] = ()
        self._visible: Visible | None = None
        self._own_view = ""
        self._wanted_view = self.view
        self._n_drawn = 0
        self._previews: tuple[ImagePreview, ...] = ()
        self.colouring = ImageColours(self)
        self.param.watch(self._reread, ["images"])
        self.param.watch(self._redraw, ["mode", "pair", "plane"])
        self.param.watch(self._recolour, [*COLOUR_PARAMS, "scales"])
        self.param.watch(self._show_control, ["shown", "play", "rate"])
        self.param.watch(self._go, ["view"])

    @property
    def page(self) -> ComparePage:
        """The page itself: its params say which colours."""
        return self

    @property
    def figure(self) -> Figure | None:
        """The first of the figures."""
        return self.figures[0] if self.figures else None

    @property
    def preview(self) -> ImagePreview | None:
        """What the first figure was made of: its unit is that of the colours."""
        return self._previews[0] if self._previews else None

    def __panel__(self) -> Any:
        self.heading = Heading(text="Compare images")
        self.form = FilterBar(label="Comparison", on_submit=self._submit)
        self.remarks = Notice(kind="warn")
        self.control = BlinkControl(on_show=self._rest, on_play=self._played, on_mode=self._choose_mode)
        self.picture_slot = self.new_slot("comparison", height=_HEIGHT if self.images else 0)
        self.resolution_slot = self.new_slot("resolution", height=0)
        self.table_slot = self.new_slot("compared images", height=120)
        self._show_form()
        return pn.Column(
            self.heading, self.form, self.remarks, self.control, self.picture_slot, self.resolution_slot,
            self.table_slot, sizing_mode="stretch_width", margin=0,
        )  # fmt: skip

    async def load(self) -> None:
        """Read the records, then the pixels."""
        await self.fill(self.picture_slot, self._read, self._show)

    async def _read(self) -> _Answer:
        ids, _ = parse_ids(self.images)
        archive = self.session.archive
        compared = await read_compared(archive, ids)
        drawn, compared = await read_drawn(archive, compared, None, _SCREEN_PIXELS, plane=self.plane)
        return _Answer(compared, drawn)

    def _show(self, answer: _Answer) -> Any:
        self.compared, self.drawn, self._visible = answer.compared, answer.drawn, None
        self._show_form()
        self.table_slot.succeed(compared_table(answer.compared, answer.drawn, self.session.links))
        return self._draw()

    def _draw(self) -> Any:
        """Return the figures for the mode, or words where there is nothing to compare."""
        self.figures = ()
        content = self._draw_figures()
        if self.figures:
            self._n_drawn += 1
            self.figures[0].name = f"compared_{self._n_drawn}"
        self._show_control()
        return content

    def _draw_figures(self) -> Any:
        if not self.drawn:
            text = "None of the images can be shown." if self.compared else "Which images are to be compared?"
            return Notice(kind="info", text=text, remedy="Write the numbers of two to four images above, or choose "
                          "them on the page of an image.")  # fmt: skip
        grid = self.drawn[0].compared.header
        previews = self._previews = tuple(one.preview(grid) for one in self.drawn) if grid is not None else ()
        theme = self.session.theme
        if self.mode == "difference" and len(previews) > 1:
            return self._draw_difference()
        if self.mode == "side":
            for number, preview in enumerate(previews):
                figure = plot_beside(
                    preview,
                    theme=theme,
                    title=title_of(self.drawn[number]),
                    height=_HEIGHT_BESIDE,
                    like=self.figures[0] if self.figures else None,
                )
                self.figures = (*self.figures, figure)
        else:
            shown = min(self.shown, len(previews) - 1)
            self.figures = (plot_blink(previews, theme=theme, shown=shown, height=_HEIGHT),)
        self._recolour()
        add_zoom(self.figures[0], image_box(previews[0]), self._look)
        views = [as_view(figure) for figure in self.figures]
        if len(views) == 3:
            views.append(pn.Column(sizing_mode="stretch_width"))  # as wide as the others: pixels stay square
        rows = [pn.Row(*views[i : i + 2], sizing_mode="stretch_width", margin=0) for i in range(0, len(views), 2)]
        return pn.Column(*rows, sizing_mode="stretch_width", margin=0)

    def _draw_difference(self) -> Any:
        one, other = pair_of(self.pair, self.drawn)
        headers = one.header, other.header
        if headers[0] is None or headers[1] is None or self.drawn[0].compared.header is None:
            return Notice(kind="warn", text="One of the two images cannot be shown.")
        if objection := difference_objection(headers[0], headers[1]):
            return Notice(
                kind="warn", text=f"No difference: {objection}.", remedy="Blink them, or choose another pair."
            )
        remarks = difference_remarks(headers[0], headers[1])
        preview = replace(one, view=subtracted(one, other)).preview(self.drawn[0].compared.header)
        title = f"Image {one.compared.number} − image {other.compared.number}"
        figure = plot_difference(preview, theme=self.session.theme, title=title, height=_HEIGHT)
        figure.select_one({"name": "subtitle"}).text = difference_words(preview)
        self.figures = (figure,)
        add_zoom(figure, image_box(preview), self._look)
        text = f"Of this difference: {'; '.join(remarks)}." if remarks else ""
        return pn.Column(Notice(kind="warn", text=text), as_view(figure), sizing_mode="stretch_width", margin=0)

    def _recolour(self, *_events: Any) -> None:
        """Give the figures the colours that the page asks for; a difference has its own."""
        if self.mode != "difference" or len(self.drawn) < 2:
            for number, figure in enumerate(self.figures):
                data = self._previews[number if self.scales == "own" else 0].data
                shown = set_colours(figure, self.colouring.scale, data)
                if number == 0:
                    self.colouring.shown = shown
        self._show_form()

    def _look(self, visible: Visible) -> None:
        """Read what has come into view, at the resolution of the screen."""
        if self._wanted_view:
            # The first word of a new figure: the browser has laid it out and can go where the last one was.
            self.view, self._wanted_view = self._wanted_view, ""
            self._own_view = ""
            self._go()
            return
        self._visible = visible
        self._own_view = self.view = self._view_text(visible)
        self.run(self._read_visible, self._show_visible, slot=self.resolution_slot)

    def _view_text(self, visible: Visible) -> str:
        header = self.drawn[0].compared.header if self.drawn else None
        if header is None:
            return ""
        n_y, n_x = header.shape[-2:]
        whole, seen = Turn.of(self.figure).box((0, 0, n_x - 1, n_y - 1)), visible.edges
        if all(seen[i] <= whole[i] and seen[i + 2] >= whole[i + 2] for i in range(2)):
            return ""
        return " ".join(f"{n:.6g}" for n in visible.middle)

    async def _read_visible(self) -> _Answer | None:
        visible, compared, drawn = self._visible, self.compared, self.drawn
        if visible is None or not drawn or drawn[0].compared.header is None:
            return None
        n_y, n_x = drawn[0].compared.header.shape[-2:]
        x0, y0, x1, y1 = visible.grown(_AROUND)
        box = max(0, math.floor(x0)), max(0, math.floor(y0)), min(n_x, math.ceil(x1)), min(n_y, math.ceil(y1))
        if box[0] >= box[2] or box[1] >= box[3]:
            return None
        size = min(2048, math.ceil(max(box[2] - box[0], box[3] - box[1]) / max(visible.scale, 1.0)) + 1)
        archive = self.session.archive
        fresh, compared = await read_drawn(archive, compared, box, size, plane=self.plane)
        # Lines reach the edge of the outermost pixels: that is where their labels are looked for.
        turn, in_thread, mode = Turn.of(self.figure), archive.offload.in_thread, self.mode
        whole, seen = turn.box((-0.5, -0.5, n_x - 0.5, n_y - 0.5)), visible.grown_edges(_AROUND)
        window = max(whole[0], seen[0]), max(whole[1], seen[1]), min(whole[2], seen[2]), min(whole[3], seen[3])
        graticule = await in_thread(graticule_of, drawn[0].compared.header, window, turn)
        is_pair = mode == "difference" and len(fresh) > 1
        views = [subtracted(*pair_of(self.pair, fresh))] if is_pair else [one.view for one in fresh]
        layers = [await in_thread(image_source, view, turn, window) for view in views]
        return _Answer(compared, fresh, tuple(layers), mode, graticule)

    def _show_visible(self, answer: _Answer | None) -> None:
        if answer is None or len(answer.drawn) != len(self.drawn) or not self.figures or answer.mode != self.mode:
            return
        if [one.compared.asked for one in answer.drawn] != [one.compared.asked for one in self.drawn]:
            return
        self.drawn = answer.drawn
        if self.mode == "side":
            for figure, layer in zip(self.figures, answer.layers, strict=False):
                own_source(figure, "image").data = layer
        else:
            for number, layer in enumerate(answer.layers):
                own_source(self.figures[0], f"image_{number}" if number else "image").data = layer
        if answer.graticule is not None:
            for figure in self.figures:
                set_graticule(figure, answer.graticule)

    def _go(self, *_events: Any) -> None:
        """Move the browser's view to where the URL says, unless that is where it is."""
        if not self.figures or self.view == self._own_view:
            return
        self._own_view = self.view
        place = read_place(self.view)
        if place is None:
            move_view(self.figures[0], "whole")
        else:
            move_view(self.figures[0], "to", x=place[0], y=place[1], size=place[2])

    def _reread(self, *_events: Any) -> None:
        self._own_view = self.view = ""
        self._show_form()
        self.run(self._read, self._show, slot=self.picture_slot)

    def _redraw(self, *_events: Any) -> None:
        """Draw in another way, and go back to where the view was."""
        self._wanted_view = self._own_view = self.view
        self._show_form()
        self.run(self._read, self._show, slot=self.picture_slot)

    def _show_form(self) -> None:
        _, problem = parse_ids(self.images)
        self.form.param.update(
            fields=compare_fields(
                self.mode, len(self.drawn), MODES, self._plane_header(), self.plane, self.colouring.fields()
            ),
            values=self.colouring.values() | {
                "images": self.images, "mode": self.mode, "scales": self.scales,
                "pair": self.pair or _FIRST_PAIR, "plane": str(self.plane),
            },
            errors={"images": problem} if problem else {},
        )  # fmt: skip

    def _plane_header(self) -> ImageHeader | None:
        """Return the header with the most planes: its planes are those that can be chosen."""
        headers = [one.header for one in self.compared if one.header is not None]
        return max(headers, key=lambda header: header.n_planes, default=None)

    def _submit(self, values: Mapping[str, Any]) -> None:
        ids, problem = parse_ids(str(values.get("images") or ""))
        if problem:
            self.form.errors = {"images": problem}
            return
        chosen: dict[str, Any] = {
            name: str(values.get(name) or "")
            for name in ("mode", "scales")
            if str(values.get(name) or "") in self.param[name].objects
        }
        plane = str(values.get("plane") or "0")
        if not is_plane(plane):
            self.form.errors = {"plane": "Planes are counted from 0"}
            return
        pair = str(values.get("pair") or self.pair)
        chosen |= {"plane": int(plane), "pair": "" if pair == _FIRST_PAIR else pair}
        if "stretch" in values:
            colours, errors = self.colouring.read(values)
            if errors:
                self.form.errors = errors
                return
            chosen |= colours
        self.param.update(images=",".join(ids), **chosen)

    def _show_control(self, *_events: Any) -> None:
        layers = [{"title": title_of(one), "words": words_of(one)} for one in self.drawn]
        mode = self.mode if self.mode != "difference" or len(self.drawn) > 1 else "blink"
        self.control.param.update(
            figure=self.figures[0].name if self.figures else "",
            layers=layers,
            shown=self.shown,
            playing=self.play == "on",
            rate=self.rate,
            mode=mode,
        )

    def _rest(self, number: int) -> None:
        self.shown = number

    def _played(self, playing: bool, rate: str) -> None:
        self.param.update(play="on" if playing else "off", rate=rate)

    def _choose_mode(self, mode: str) -> None:
        self.mode = mode
