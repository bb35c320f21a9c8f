"""The right resolution for what is visible of an image, from the whole field to single pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import param

from dashboards.pages.patching import patch_source
from dashboards.plots import image_source
from dashboards.plots.bokeh_models import Figure
from dashboards.plots.image import describe_image, image_box
from dashboards.plots.image_turn import Turn
from dashboards.plots.image_view import Graticule, Visible, add_zoom, graticule_of, move_view, set_graticule
from dashboards.plots.sky import Box
from data_access.records import ImagePreview, ImageView

if TYPE_CHECKING:
    from dashboards.pages.image import ImagePage

REDUCTIONS = ("mean", "max")
# More than the visible part is read, so that a small pan needs nothing new.
_AROUND = 0.3
_DIGITS = 6


class ZoomParams(param.Parameterized):  # type: ignore[misc, unused-ignore]
    """What the page keeps in its URL for the visible part."""

    view = param.String(default="", doc="middle and side of what is visible: 'x y size' in 0-based file pixels")
    reduction = param.Selector[str](
        default="mean", objects=list(REDUCTIONS), doc="what stands for many pixels: their mean, or the highest"
    )


ZOOM_PARAMS = ("view", "reduction")


@dataclass(frozen=True, slots=True)
class _Answer:
    """What was read for a view, and the columns that show it: None where what is shown will do."""

    preview: ImagePreview
    pixels: ImageView | None = None
    columns: dict[str, list[Any]] | None = None
    window: Box | None = None
    graticule: Graticule | None = None


class ImageZoom:
    """Reads what the browser shows, and patches it into the figure.

    Attributes
    ----------
    visible : Visible or None
        What the browser shows; None until it has said so.
    pixels : ImageView or None
        What is drawn; None for the preview of the whole image.
    drawn : tuple of float or None
        Edges of what is drawn, in the figure; None for the whole image.
    whole : float32 array or None
        Maxima that the limits of the colours are found in, where maxima are drawn; None for those of the preview.
    """

    def __init__(self, page: ImagePage) -> None:
        self.page = page
        self.slot = page.new_slot("resolution", height=0)
        self.visible: Visible | None = None
        self.pixels: ImageView | None = None
        self.drawn: Box | None = None
        self.whole: npt.NDArray[np.float32] | None = None
        self._own = ""
        page.param.watch(self._ask_again, "reduction")
        page.param.watch(self._go, "view")

    def figure_made(self, figure: Figure, preview: ImagePreview) -> None:
        """Listen to a new figure."""
        self.visible = self.pixels = self.drawn = self.whole = None
        add_zoom(figure, image_box(preview), self._look)
        if place := read_place(self.page.view):
            move_view(figure, "to", x=place[0], y=place[1], size=place[2])

    async def load(self) -> None:
        """Read the maxima that the URL asks for; what is visible, the browser tells when it is there."""
        if self.page.reduction != "mean":
            await self.page.fill(self.slot, self._read, self._show)

    def pixels_changed(self) -> None:
        """Read anew what is visible: the file was replaced."""
        self.pixels = self.drawn = self.whole = None
        self._ask_again()

    def _look(self, visible: Visible) -> None:
        self.visible = visible
        self._own = self.page.view = self._text(visible)
        self._ask_again()
        for part in self.page.parts:
            part.looked(visible)

    def _text(self, visible: Visible) -> str:
        preview = self.page.preview
        if preview is None or self._shows_all(visible, preview):
            return ""
        return " ".join(f"{n:.{_DIGITS}g}" for n in visible.middle)

    def _go(self, *_events: Any) -> None:
        """Move the browser's view to where the URL says, unless that is where it is."""
        if self.page.figure is None or self.page.view == self._own:
            return
        place = read_place(self.page.view)
        if place is None:
            move_view(self.page.figure, "whole")
        else:
            move_view(self.page.figure, "to", x=place[0], y=place[1], size=place[2])

    @property
    def part(self) -> tuple[int, int, int, int] | None:
        """The part of the file that is visible, with some more around it; None for all of it, or when not known."""
        visible, preview = self.visible, self.page.preview
        if visible is None or preview is None or self._shows_all(visible, preview):
            return None
        x0, y0, x1, y1 = _inside(visible.grown(_AROUND), image_box(preview))
        n_y, n_x = preview.header.shape[-2:]
        return max(0, math.floor(x0)), max(0, math.floor(y0)), min(n_x, math.ceil(x1)), min(n_y, math.ceil(y1))

    def _shows_all(self, visible: Visible, preview: ImagePreview) -> bool:
        whole, seen = Turn.of(self.page.figure).box(image_box(preview)), visible.edges
        slack = 0.02 * max(whole[2] - whole[0], whole[3] - whole[1])
        return all(seen[i] <= whole[i] + slack and seen[i + 2] >= whole[i + 2] - slack for i in range(2))

    def _ask_again(self, *_events: Any) -> None:
        self.page.run(self._read, self._show, slot=self.slot)

    async def _read(self) -> _Answer | None:
        page, preview = self.page, self.page.preview
        if preview is None:
            return None
        archive, visible = page.session.archive, self.visible
        in_thread = archive.offload.in_thread
        whole, turn = image_box(preview), Turn.of(page.figure)
        box, window = whole, turn.box(whole)
        if visible is not None:
            box, window = _inside(visible.grown(_AROUND), whole), _inside(visible.grown_edges(_AROUND), window)
        graticule = await in_thread(graticule_of, preview.header, window, turn) if visible else None
        factor = factor_of(visible.scale) if visible is not None else preview.factor
        if self._is_enough(preview, visible, factor):
            return _Answer(preview, graticule=graticule)
        reduction: Any = page.reduction
        size = math.ceil(max(box[2] - box[0], box[3] - box[1]) / factor) + 1
        corners = math.floor(box[0]), math.floor(box[1]), math.ceil(box[2]), math.ceil(box[3])
        pixels = await archive.overviews.view(
            page.image, corners, plane=preview.plane, max_size=size, reduction=reduction
        )
        columns = await in_thread(image_source, pixels, turn, window)
        return _Answer(preview, pixels, columns, window, graticule)

    def _is_enough(self, preview: ImagePreview, visible: Visible | None, factor: int) -> bool:
        """Say whether what is drawn has all that a view needs, and not much more."""
        shown, reduction, turn = self.pixels, self.page.reduction, Turn.of(self.page.figure)
        if shown is None:
            is_fine = not turn.angle_deg or visible is None or self._is_fine(preview, visible, turn)
            return (preview.factor == 1 and is_fine) or (reduction == "mean" and factor >= preview.factor > 1)
        if visible is None or shown.reduction != reduction:
            return False
        if turn.angle_deg and not self._is_fine(preview, visible, turn):
            return False
        x0, y0, x1, y1 = _inside((visible.x0, visible.y0, visible.x1, visible.y1), image_box(preview))
        left, lower, right, upper = shown.box
        return shown.factor == factor and left - 1 <= x0 and lower - 1 <= y0 and x1 <= right and y1 <= upper

    def _is_fine(self, preview: ImagePreview, visible: Visible, turn: Turn) -> bool:
        """Say whether the samples of a figure that is turned by an angle are all there, and close enough."""
        whole, factor = turn.box(image_box(preview)), 1 if self.pixels is None else self.pixels.factor
        drawn, wanted = self.drawn or whole, _inside(visible.edges, whole)
        is_there = all(drawn[i] <= wanted[i] and wanted[i + 2] <= drawn[i + 2] for i in range(2))
        return is_there and turn.step(drawn, factor) <= 2 * turn.step(wanted, factor)

    def _show(self, answer: _Answer | None) -> None:
        page = self.page
        if answer is None or page.figure is None or answer.preview is not page.preview:
            return
        if answer.graticule is not None:
            set_graticule(page.figure, answer.graticule)
        if answer.pixels is not None and answer.columns is not None:
            self._limits_from(answer.pixels)
            self.pixels, self.drawn = answer.pixels, answer.window
            patch_source(page.figure, "image", answer.columns)
            words = describe_image(answer.preview, answer.pixels, turn=Turn.of(page.figure))
            page.figure.select_one({"name": "subtitle"}).text = words

    def _limits_from(self, pixels: ImageView) -> None:
        """Find the limits of the colours in what is drawn first after a change between means and maxima."""
        kind = "mean" if self.pixels is None else self.pixels.reduction
        if kind != pixels.reduction:
            self.whole = pixels.data if pixels.reduction == "max" else None
            self.page.viewer.recolour()


def read_place(text: str) -> tuple[float, float, float] | None:
    """Return what 'x y size' says; None where it says nothing."""
    try:
        x, y, size = (float(word) for word in text.split())
    except ValueError:
        return None
    return (x, y, size) if math.isfinite(x + y + size) and size > 0 else None


PLACE_TEXT = (lambda text: read_place(text) is not None, "three numbers 'x y size', in pixels,")


def factor_of(scale: float) -> int:
    """Return the largest block, 1, 2, 4, 8 ..., that is not larger than a pixel of the screen."""
    return int(2 ** max(0, math.floor(math.log2(scale) + 1e-9))) if scale > 1 else 1


def _inside(one: tuple[float, ...], whole: tuple[float, ...]) -> tuple[float, float, float, float]:
    """Return the common part of two boxes; the whole one where there is none."""
    x0, y0, x1, y1 = max(one[0], whole[0]), max(one[1], whole[1]), min(one[2], whole[2]), min(one[3], whole[3])
    return (x0, y0, x1, y1) if x0 < x1 and y0 < y1 else (whole[0], whole[1], whole[2], whole[3])
