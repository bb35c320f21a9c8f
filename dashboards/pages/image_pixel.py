"""The pixel under the pointer: its exact value and its position, read from the file and not from the picture."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from bokeh.events import MouseLeave, MouseMove

from dashboards.components.cells import cell
from dashboards.components.facts import fact
from dashboards.components.readout import Readout
from dashboards.pages.wording import position_cells
from dashboards.plots.bokeh_models import Figure, models
from dashboards.plots.image import shown_unit
from dashboards.plots.image_turn import Turn
from data_access.analysis.coordinates import galactic
from data_access.analysis.image_sky import frame_name, frame_problem
from data_access.readers.pixel import PixelNumber
from data_access.records import ImagePreview
from data_access.services.cutouts import Place

if TYPE_CHECKING:
    from dashboards.pages.image import ImagePage

_HINT = (
    "Point at the image: the exact value of the pixel and its position appear here (key p: of the one in the middle)"
)
_REST_MS = 70
# Written out between these powers of ten, else with an exponent.
_LEAST_POWER, _MOST_POWER = -6, 20
_JS_TELL = """
const pixel = rows.map((row) => Math.round(row[0] * x + row[1] * y + row[2]))
const key = pixel.join(' ')
clearTimeout(pointer.timer)
if (!pixel.every(Number.isFinite) || pointer.seen === key) return
pointer.timer = setTimeout(() => { pointer.seen = key; pointer.data = {x: [x], y: [y]} }, rest)
"""
_JS_MOVED = """
const {x, y} = cb_obj, share = (range, at) => (at - range.start) / (range.end - range.start)
pointer.at = [share(across, x), share(up, y)]
"""
# The picture moves below a pointer that rests: it is still at the same share of both axes.
_JS_ZOOMED = """
if (!pointer.at) return
const [x, y] = [across, up].map((range, i) => range.start + pointer.at[i] * (range.end - range.start))
"""
_JS_LEFT = "pointer.at = null"


@dataclass(frozen=True, slots=True)
class _Pixel:
    """One pixel; the position is that of its middle, in ICRS and, where that is not possible, as the file has it."""

    x: int
    y: int
    value: PixelNumber
    place: Place
    galactic_deg: tuple[float, float]
    native_deg: tuple[float, float]


class PixelReadout:
    """The line below the picture.

    Attributes
    ----------
    line : Readout
    """

    def __init__(self, page: ImagePage) -> None:
        self.page = page
        self.line = Readout(label="Pixel under the pointer", hint=_HINT, margin=(0, 0, 6, 0))
        self.slot = page.new_slot("pixel", height=0)
        self._wanted: tuple[int, int] | None = None
        self._busy = False

    def figure_made(self, figure: Figure) -> None:
        """Listen to the pointer on a new figure."""
        pointer = models.ColumnDataSource({"x": [], "y": []}, name="pointer")
        turn = Turn.of(figure)
        ranges = {"across": figure.x_range, "up": figure.y_range}
        args = {"pointer": pointer, "rest": _REST_MS, "rows": turn.to_file.tolist(), **ranges}
        figure.js_on_event(MouseMove, models.CustomJS(args=args, code=_JS_MOVED + _JS_TELL))
        figure.js_on_event(MouseLeave, models.CustomJS(args={"pointer": pointer}, code=_JS_LEFT))
        zoomed = models.CustomJS(args=args, code=_JS_ZOOMED + _JS_TELL)
        for axis in ranges.values():
            axis.js_on_change("start", zoomed)
            axis.js_on_change("end", zoomed)

        def told(_name: str, _old: Any, new: Mapping[str, Any]) -> None:
            try:
                self.ask(*turn.point(float(new["x"][0]), float(new["y"][0])))
            except (KeyError, IndexError, TypeError, ValueError):
                return

        pointer.on_change("data", told)

    def ask(self, x: float, y: float) -> None:
        """Show the pixel at 0-based `x`, `y`; nothing outside of the image.

        While one pixel is read, of those asked for meanwhile only the last one is read next: compressed files are
        unpacked for every pixel.
        """
        preview = self.page.preview
        if preview is None or not math.isfinite(x + y):
            return
        n_y, n_x = preview.header.shape[-2:]
        if not (-0.5 <= x < n_x - 0.5 and -0.5 <= y < n_y - 0.5):
            self._wanted = None
            self.line.items = []
            return
        self._wanted = round(x), round(y)
        if not self._busy:
            self._busy = True
            self.page.run(self._read, self._show, slot=self.slot)

    async def _read(self) -> _Pixel | None:
        found: _Pixel | None = None
        try:
            while self._wanted is not None and self._wanted != ((found.x, found.y) if found else None):
                found = await self._read_pixel(*self._wanted)
        finally:
            self._busy = False
        return found if self._wanted is not None else None

    async def _read_pixel(self, x: int, y: int) -> _Pixel:
        page, preview = self.page, self.page.preview
        archive, plane = page.session.archive, 0 if preview is None else preview.plane
        value = await archive.cutouts.pixel_value(page.image, x, y, plane=plane)
        place = await archive.cutouts.position_of_pixel(page.image, x, y)
        turned = native = (math.nan, math.nan)
        if place.ra_deg is not None and place.dec_deg is not None:
            turned = await archive.offload.in_thread(galactic, place.ra_deg, place.dec_deg)
        else:
            native = await archive.cutouts.native_of_pixel(page.image, x, y)
        return _Pixel(x, y, value, place, turned, native)

    def _show(self, pixel: _Pixel | None) -> None:
        preview = self.page.preview
        self.line.items = [] if pixel is None or preview is None else _items(pixel, preview)


def exact_text(value: PixelNumber, factor: float) -> str:
    """Return every digit of a value times a power of ten: no float comes between."""
    shown = Decimal(str(value)).scaleb(round(math.log10(factor))).normalize()
    return f"{shown:f}" if _LEAST_POWER <= shown.adjusted() <= _MOST_POWER else str(shown)


def _items(pixel: _Pixel, preview: ImagePreview) -> list[dict[str, Any]]:
    unit, scale = shown_unit(preview)
    value = cell("blank", state="off")
    if math.isfinite(pixel.value):
        title = f"{pixel.value} in the unit of the file: all digits that it has"
        value = cell(exact_text(pixel.value, scale), unit=unit, mono=True, title=title)
    where = cell(f"{pixel.x}, {pixel.y}", mono=True, title="counted from 0")
    items = [fact("pixel", where), fact("value in file", value)]
    ra_deg, dec_deg = pixel.place.ra_deg, pixel.place.dec_deg
    if ra_deg is None or dec_deg is None:
        return [*items, *_native_items(pixel, preview)]
    ra, dec = position_cells(ra_deg, dec_deg)
    lon, lat = pixel.galactic_deg
    turned = cell(f"{lon:.4f}° {lat:+.4f}°", mono=True)
    return [*items, fact("RA", ra), fact("Dec (ICRS)", dec), fact("l, b", turned)]


def _native_items(pixel: _Pixel, preview: ImagePreview) -> list[dict[str, Any]]:
    """Return the position in the frame of the file where there is no way to ICRS, or why there is none at all."""
    header = preview.header
    if not header.wcs_header:
        return [fact("position", cell("no sky coordinates", state="off"))]
    lon, lat = pixel.native_deg
    problem = frame_problem(header.frame, header.wcs_header)
    if not problem or not math.isfinite(lon + lat):
        return [fact("position", cell("off the sky", state="off"))]
    found = cell(f"{lon:.6f}° {lat:+.6f}°", mono=True, title=problem)
    return [fact(f"longitude, latitude ({frame_name(header.wcs_header)}, frame not known here)", found)]
