"""What is drawn over the picture of an image: measurements, calibrators, catalogue, regions, contours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast, get_args

import panel as pn
import param

from dashboards.components.filters import FilterBar
from dashboards.components.notice import Notice
from dashboards.pages.image_part import ImagePart
from dashboards.pages.region_words import unit_of
from dashboards.plots.bokeh_models import Figure
from dashboards.plots.image_markers import (
    LOOKS,
    TOUCH_PX,
    add_opener,
    draw_contours,
    draw_markers,
    marker_layer,
    nearest_source,
    open_page,
    select_marker,
)
from dashboards.plots.image_view import Visible
from data_access.analysis.contours import DEFAULT_SIGMAS, parse_levels
from data_access.analysis.image_sky import frame_problem
from data_access.errors import ValidationError
from data_access.readers.plane import Box
from data_access.records import ImagePreview
from data_access.records.contours import Contours
from data_access.records.overlays import OverlayKind, OverlayLayer
from data_access.services.contours import PART_PIXELS
from data_access.services.overviews import factor_for

if TYPE_CHECKING:
    from dashboards.pages.image import ImagePage

KINDS: tuple[OverlayKind, ...] = get_args(OverlayKind)
NAMES: Mapping[OverlayKind, str] = {
    "detections": "Detections", "forced": "Forced", "calibrators": "Calibrators", "catalogue": "Catalogue",
    "regions": "Pipeline's regions",
}  # fmt: skip
CONTOURS = (("off", "off"), ("sigma", "multiples of the noise"), ("value", "values"))
_DEFAULT_KINDS = "detections.forced"
# What the frame of the picture is wide before the browser has told.
_USUAL_WIDTH = 500.0


class OverlayParams(param.Parameterized):  # type: ignore[misc, unused-ignore]
    """What the page keeps in its URL for what is drawn over the picture."""

    overlays = param.String(default=_DEFAULT_KINDS, doc="kinds that are drawn, joined by points; '-' for none")
    source = param.String(default="", doc="source that is marked")
    contours = param.Selector[str](default="off", objects=[value for value, _ in CONTOURS], doc="contours")
    levels = param.String(default="", doc="levels of the contours")


KINDS_TEXT = (lambda text: text == "-" or set(text.split(".")) <= set(KINDS), f"some of {'.'.join(KINDS)}, or -,")
OVERLAY_PARAMS = ("overlays", "source", "contours", "levels")


@dataclass(frozen=True, slots=True)
class _Drawn:
    """A layer, and its columns for the figure."""

    layer: OverlayLayer
    columns: dict[str, list[Any]]


class OverlayPart(ImagePart):
    """The switches below the picture, and the layers on it."""

    place: ClassVar[Literal["picture", "page"]] = "picture"
    keys: ClassVar[tuple[tuple[str, str], ...]] = (
        ("o", "measured sources over the picture, on or off"),
        ("k", "contours, on or off"),
    )

    def __init__(self, page: ImagePage) -> None:
        super().__init__(page)
        self.slot = page.new_slot("overlays", height=0)
        self.contour_slot = page.new_slot("contours", height=0)
        self.form: FilterBar | None = None
        self.note = Notice(kind="info")
        self.drawn: dict[OverlayKind, _Drawn] = {}
        self.contours: Contours | None = None
        # what the keys switch on again
        self._last_overlays, self._last_contours = _DEFAULT_KINDS, "sigma"
        page.param.watch(self._remember, ["overlays", "contours"])
        page.param.watch(self._reread, ["overlays", "source"])
        page.param.watch(self._recontour, ["contours", "levels", "plane"])

    @property
    def view(self) -> Any:
        """Empty until the rest of the page is there."""
        return pn.Column(self.slot, self.contour_slot, sizing_mode="stretch_width", margin=0)

    @property
    def kinds(self) -> tuple[OverlayKind, ...]:
        """The kinds that are switched on."""
        wanted = self.page.overlays.split(".")
        return tuple(kind for kind in KINDS if kind in wanted)

    async def load(self) -> None:
        """Read and draw what the URL asks for."""
        await self.page.fill(self.slot, self._read, self._show)
        if self.page.contours != "off":
            await self.page.fill(self.contour_slot, self._read_contours, self._show_contours)

    async def refresh(self) -> None:
        """Draw measurements that are new."""
        await self.page.fill(self.slot, self._read, self._show)

    def figure_made(self, figure: Figure, preview: ImagePreview) -> None:  # noqa: ARG002
        """Draw on a new picture what is drawn already."""
        add_opener(figure)
        if self.form is not None:
            self._draw_on(figure)

    def tapped(self, x: float, y: float) -> bool:
        """Open the source that was clicked."""
        figure = self.page.figure
        if figure is None or not self.drawn:
            return False
        reach = TOUCH_PX * self._file_pixels_per_screen_pixel()
        measured = [self.drawn[kind].columns for kind in ("detections", "forced") if kind in self.drawn]
        _, source_id = min((nearest_source(columns, x, y, reach) for columns in measured), default=(0.0, ""))
        if not source_id:
            return False
        open_page(figure, self.page.session.links.source(source_id))
        return True

    def press(self, key: str) -> None:
        """Switch all kinds, or the contours, off, or on as they were."""
        if key == "o":
            self.page.overlays = "-" if self.kinds else self._last_overlays
        elif self.page.contours != "off":
            self.page.contours = "off"
        else:
            # values without levels would be refused
            self.page.contours = self._last_contours if self.page.levels.strip() else "sigma"

    def _remember(self, *events: Any) -> None:
        """Keep what is switched off, by a key or otherwise."""
        for event in events:
            if event.name == "contours" and event.old != "off":
                self._last_contours = event.old
            elif event.name == "overlays" and any(kind in KINDS for kind in event.old.split(".")):
                self._last_overlays = event.old

    def _file_pixels_per_screen_pixel(self) -> float:
        visible, preview = self.page.viewer.zoom.visible, self.page.preview
        if visible is not None:
            return visible.scale
        return max(preview.header.shape[-2:]) / _USUAL_WIDTH if preview is not None else 1.0

    def _reread(self, *_events: Any) -> None:
        self.page.run(self._read, self._show, slot=self.slot)

    async def _read(self) -> dict[OverlayKind, _Drawn]:
        page, archive = self.page, self.page.session.archive
        if page.preview is None:
            return {}
        header = page.preview.header
        if self._frame_problem():
            return {}
        layers = await archive.overlays.layers(page.image, self.kinds)
        columns = [await archive.offload.in_thread(marker_layer, layer, header) for layer in layers]
        return {layer.kind: _Drawn(layer, made) for layer, made in zip(layers, columns, strict=True)}

    def _show(self, drawn: dict[OverlayKind, _Drawn]) -> Any:
        self.drawn = drawn
        first = self.form is None
        if self.page.preview is None:
            return None
        if self.form is None:
            self.form = FilterBar(label="Over the picture", on_submit=self._submit)
        self.form.param.update(fields=self._fields(), values=self._values())
        if self.page.figure is not None:
            self._draw_on(self.page.figure)
        self._show_note()
        return pn.Column(self.form, self.note, sizing_mode="stretch_width", margin=0) if first else None

    def _draw_on(self, figure: Figure) -> None:
        theme = self.page.session.theme
        for kind in KINDS:
            drawn = self.drawn.get(kind)
            empty = OverlayLayer(kind, (), 0)
            columns = drawn.columns if drawn is not None else {n: [] for n in _column_names(empty)}
            draw_markers(figure, theme, kind, columns)
        draw_contours(figure, theme, self.contours)
        select_marker(figure, theme, *self._selected())

    def _selected(self) -> tuple[float | None, float | None]:
        for drawn in self.drawn.values():
            names = drawn.columns.get("source_id", [])
            if self.page.source and self.page.source in names:
                n = names.index(self.page.source)
                return drawn.columns["x"][n], drawn.columns["y"][n]
        return None, None

    def _frame_problem(self) -> str:
        header = None if self.page.preview is None else self.page.preview.header
        return "" if header is None else frame_problem(header.frame, header.wcs_header)

    def _show_note(self) -> None:
        words = []
        if self.kinds and (problem := self._frame_problem()):
            words.append(f"Nothing of the sky is drawn: {problem}.")
        for kind, drawn in self.drawn.items():
            layer = drawn.layer
            if layer.problem:
                words.append(f"{NAMES[kind]}: {layer.problem}.")
            if layer.total > len(layer.objects):
                words.append(f"{NAMES[kind]}: {len(layer.objects):,} of {layer.total:,} shown, brightest first.")
        if self.page.source and self.drawn and self._selected() == (None, None):
            words.append(f"The source {self.page.source[:80]} is not among the measurements shown on this image.")
        self.note.text = " ".join([*words, *self._contour_words()])

    def _fields(self) -> list[Any]:
        unit = self.page.preview.header.bunit if self.page.preview is not None else ""
        toggles = [
            {"name": kind, "label": f"{LOOKS[kind].sign} {NAMES[kind]}{self._count(kind)}", "kind": "toggle"}
            for kind in KINDS
        ]
        levels = {"sigma": "× noise", "value": unit or "unit of the file"}.get(self.page.contours, "")
        return [
            *toggles,
            {"name": "contours", "label": "Contours", "kind": "select", "options": CONTOURS, "width": "13rem"},
            {"name": "levels", "label": "Levels", "kind": "text", "unit": levels, "width": "14rem",
             "placeholder": " ".join(f"{level:g}" for level in DEFAULT_SIGMAS)},
        ]  # fmt: skip

    def _count(self, kind: OverlayKind) -> str:
        drawn = self.drawn.get(kind)
        if drawn is None:
            return ""
        return f" ({len(drawn.columns['name']):,})"

    def _values(self) -> dict[str, Any]:
        page = self.page
        return {kind: kind in self.kinds for kind in KINDS} | {"contours": page.contours, "levels": page.levels}

    def _submit(self, values: Mapping[str, Any]) -> None:
        if self.form is None:
            return
        levels, how = str(values.get("levels") or ""), str(values.get("contours") or "off")
        try:
            given = parse_levels(levels)
            if how == "value" and not given:
                raise ValidationError("Values need levels, for example: 0.001 0.002")
        except ValidationError as err:
            self.form.errors = {"levels": f"{err.message}. {err.remedy}".strip()}
            return
        self.form.errors = {}
        wanted = ".".join(kind for kind in KINDS if values.get(kind)) or "-"
        self.page.param.update(overlays=wanted, contours=how if how in dict(CONTOURS) else "off", levels=levels)

    # Contours.

    def _recontour(self, *_events: Any) -> None:
        self.page.run(self._read_contours, self._show_contours, slot=self.contour_slot)

    async def _read_contours(self) -> Contours | None:
        page = self.page
        if page.contours == "off":
            return None
        levels = parse_levels(page.levels) or (DEFAULT_SIGMAS if page.contours == "sigma" else ())
        if not levels:
            raise ValidationError("Contours of values need levels", remedy="Write for example: 0.001 0.002")
        how = cast(Literal["sigma", "value"], page.contours)
        box = page.viewer.zoom.part
        return await page.session.archive.contours.contours(page.image, levels, of=how, plane=page.plane, box=box)

    def looked(self, visible: Visible) -> None:
        """Draw finer contours of what is visible, where those of the whole image are coarse."""
        found = self.contours
        if self.page.contours == "off" or found is None or (found.factor == 1 and found.box is None):
            return
        wanted = self.page.viewer.zoom.part
        if wanted is None:
            if found.box is not None:
                self._recontour()
        elif not _is_inside(visible, found.box, wanted) or found.factor > factor_for(wanted, PART_PIXELS):
            self._recontour()

    def _show_contours(self, contours: Contours | None) -> None:
        self.contours = contours
        if self.page.figure is not None:
            draw_contours(self.page.figure, self.page.session.theme, contours)
        if self.form is not None:
            self.form.param.update(fields=self._fields(), values=self._values())
        self._show_note()

    def _contour_words(self) -> list[str]:
        found = self.contours
        if found is None:
            return []
        unit, scale = unit_of(self.page.preview)
        step = found.sigma or 1.0 / scale
        levels = ", ".join(f"{line.level / step:.4g}" for line in found.lines)
        of = f" × {found.sigma * scale:.4g} {unit} (robust rms of the plane)" if found.sigma else f" {unit}"
        where = "the file's pixels" if found.factor == 1 else f"means of {found.factor} × {found.factor} pixels"
        part = " of the part that is visible" if found.box is not None else ""
        words = [f"Contours at {levels}{of}, through {where}{part}; negative ones are dashed."]
        if found.left_out:
            left_out = ", ".join(f"{level / step:.4g}" for level in found.left_out)
            words.append(f"Left out for too many points: {left_out}.")
        return words


def _is_inside(visible: Visible, box: Box | None, wanted: Box) -> bool:
    """Say whether all that is visible of the image is inside the box; `wanted` is cut at the edges of the image."""
    if box is None:
        return False
    x0, y0 = max(visible.x0, wanted[0]), max(visible.y0, wanted[1])
    x1, y1 = min(visible.x1, wanted[2]), min(visible.y1, wanted[3])
    return box[0] <= x0 + 1 and box[1] <= y0 + 1 and x1 - 1 <= box[2] and y1 - 1 <= box[3]


def _column_names(layer: OverlayLayer) -> tuple[str, ...]:
    return ("xs", "ys", "name", "note") if layer.kind == "regions" else (
        "x", "y", "name", "flux", "snr", "note", "source_id"
    )  # fmt: skip
