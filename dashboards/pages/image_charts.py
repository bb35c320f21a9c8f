"""What stands beside the image list: a figure of all its images against time, their places on the sky, what stands
out, and what is selected - in any of them, and in the rows or tiles.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import panel as pn
import param

from dashboards.components.cells import cell
from dashboards.components.facts import Facts, fact, group
from dashboards.pages.image_rows import beam_text
from dashboards.pages.part import PagePart
from dashboards.pages.wording import noise_words
from dashboards.plots.empty import empty_figure
from dashboards.plots.image_map import ImageFields, ImageMapPlot, plot_image_map, update_image_map
from dashboards.plots.image_trend import QUANTITIES, ImageSeries, ImageTrendPlot, plot_image_trend, update_image_trend
from data_access.analysis.times import format_mjd_utc, unix_to_mjd
from data_access.records import Image, RecordPage

if TYPE_CHECKING:
    from dashboards.pages.images import ImagesPage

MOST_DRAWN = 1000
MOST_SELECTED = 100
_MOST_OUTLIERS = 50
_SIDE_WIDTH = 430
_HEIGHT = 262
# a line that is cut looks like an error of the page, one that fades like a list that goes on
_FADING = {"mask-image": "linear-gradient(to bottom, black calc(100% - 36px), transparent)"}


class ImageChartParams(param.Parameterized):
    """What the charts keep in the URL."""

    quantity = param.Selector[str](
        default="noise", objects=["noise", "dynamic_range", "beam"], doc="figure that is drawn against time"
    )
    sky = param.Selector[str](default="", objects=["", "noise", "age"], doc="colour of the sky map; empty: hidden")
    selected = param.String(default="", doc="row numbers of the selected images")


def are_row_numbers(text: str) -> bool:
    """Return whether a text is what the selection is in the URL."""
    return all(map(_is_row_number, text.split(",")))


def _is_row_number(text: str) -> bool:
    return text.isdecimal() and len(text) < 19


class ImageCharts(PagePart["ImagesPage"]):
    """Trend, outliers, map and selection.

    Parameters
    ----------
    page : ImagesPage
    on_select : callable
        Called with the selected keys when they have changed, wherever that was.
    """

    def __init__(self, page: ImagesPage, *, on_select: Callable[[list[str]], object]) -> None:
        super().__init__(page)
        self._on_select = on_select
        self.trend_slot = page.new_slot("noise of these images", height=260)
        self.side_slot = page.new_slot("what stands out", height=260)
        self.map_slot = page.new_slot("sky map", height=0)
        self.trend: ImageTrendPlot | None = None
        self.map: ImageMapPlot | None = None
        self.lists = Facts(min_width=330)
        self.side: Any = None
        self.images: Sequence[Image] = ()
        self._scope = ""
        page.param.watch(self._redraw, ["quantity", "sky"])
        page.param.watch(self._selected_changed, ["selected"])

    @property
    def view(self) -> Any:
        """The trend with the lists beside it."""
        side = self.side_slot.__panel__()
        side.param.update(sizing_mode=None, width=_SIDE_WIDTH, margin=(0, 0, 0, 10))
        return pn.Row(self.trend_slot, self.side_slot, sizing_mode="stretch_width", margin=0)

    @property
    def selected(self) -> list[str]:
        """Row numbers of the selected images, as the URL has them."""
        return [*filter(_is_row_number, self.page.selected.split(","))][:MOST_SELECTED]

    def select(self, keys: Sequence[str]) -> None:
        """Select these images and no others."""
        self.page.selected = ",".join(keys[:MOST_SELECTED])

    def show_answer(self, answer: RecordPage[Image]) -> Any:
        """Draw what was read for the charts."""
        scope = f"the {len(answer.rows):,} registered last" if answer.next_cursor else ""
        self.show(answer.rows, scope)
        return self.trend.figure if self.trend is not None else None

    def show(self, images: Sequence[Image], scope: str) -> None:
        """Draw these images; `scope` says which of the list they are when not all."""
        self.images, self._scope = images, scope
        self._redraw()

    def clear(self) -> None:
        """Wait no longer for a first content that will not come."""
        for slot in (self.trend_slot, self.side_slot):
            slot.clear()

    def _redraw(self, *_events: Any) -> None:
        theme, series = self.page.session.theme, _series(self.images, self.page.quantity, self._scope)
        if not series.is_drawn.any():
            self._show_no_trend(series)
        elif self.trend is None:
            self.trend = plot_image_trend(series, theme=theme)
            self._listen(self.trend.source)
            self.trend_slot.succeed(self.trend.figure)
        else:
            update_image_trend(self.trend, series, theme=theme)
        self._redraw_map(theme)
        self._selected_changed()

    def _show_no_trend(self, series: ImageSeries) -> None:
        if self.trend is not None or self.trend_slot.content is None:
            self.trend = None
            words, title = "no image with an epoch and a value", f"{QUANTITIES[series.quantity][0]} of images"
            self.trend_slot.succeed(empty_figure(words, self.page.session.theme, title=title, height=_HEIGHT))

    def _redraw_map(self, theme: str) -> None:
        """The map is made when it is first asked for."""
        colour = self.page.sky
        if colour:
            fields = _fields(self.images, self._scope)
            if self.map is None:
                self.map = plot_image_map(fields, colour, theme=theme)
                self._listen(self.map.source)
                self.map_slot.succeed(self.map.figure)
            else:
                update_image_map(self.map, fields, colour)
        self.map_slot.__panel__().visible = bool(colour)

    def _item(self, image: Image, label: str, words: str, title: str = "") -> dict[str, Any]:
        when = format_mjd_utc(image.epoch.mjd, seconds=False)
        note = ", ".join(part for part in (words, f"{when} UTC" if when else "epoch not known") if part)
        href = self.page.session.links.image(image.id)
        return fact(label, cell(image.name, mono=True, href=href, title=title or image.path, note=note))

    def _listen(self, source: Any) -> None:
        source.selected.on_change("indices", lambda _attr, _old, new: self._picked(source, new))

    def _picked(self, source: Any, indices: Sequence[int]) -> None:
        """Take over what was selected in a plot; what the page itself has set there is no news."""
        drawn = source.data["id"]
        keys = [drawn[i] for i in indices if 0 <= i < len(drawn)]
        if set(keys) != set(drawn) & set(self.selected):
            self.select(keys)

    def _selected_changed(self, *_events: Any) -> None:
        self._mark()
        self.page.run(self._read_selected, self._show_lists, slot=self.side_slot)

    def _mark(self) -> None:
        """Show the selection in the plots, the rows and the tiles."""
        chosen = set(self.selected)
        for plot in (self.trend, self.map):
            if plot is not None:
                indices = [i for i, key in enumerate(plot.source.data["id"]) if key in chosen]
                if list(plot.source.selected.indices) != indices:
                    plot.source.selected.indices = indices
        self._on_select(self.selected)

    async def _read_selected(self) -> tuple[Image, ...]:
        known = {str(image.id): image for image in (*self.images, *self.page.shown)}
        missing = [int(key) for key in self.selected if key not in known]
        others = await self.page.session.archive.images.find_by_ids(missing) if missing else ()
        known |= {str(image.id): image for image in others}
        return tuple(known[key] for key in self.selected if key in known)

    def _show_lists(self, images: Sequence[Image]) -> Any:
        """List what is selected, if something is, and what stands out."""
        chosen = [self._chosen(images)] if self.selected else []
        self.lists.groups = [*chosen, self._outliers()]
        if self.side is None:
            self.side = pn.Column(
                self.lists, height=_HEIGHT, scroll=True, sizing_mode="stretch_width", margin=0, styles=_FADING
            )
        return self.side

    def _chosen(self, images: Sequence[Image]) -> dict[str, Any]:
        items = [self._item(image, _noise_words(image), _words(image)) for image in images]
        if gone := len(self.selected) - len(images):
            items.append(fact("", cell(f"{gone:,} of the selected are not registered here")))
        if len(self.selected) == MOST_SELECTED:
            items.append(fact("", cell(f"No more than {MOST_SELECTED} can be selected")))
        return group(f"Selected ({len(self.selected):,})", items)

    def _outliers(self) -> dict[str, Any]:
        series = _series(self.images, self.page.quantity, self._scope)
        spread = series.spread
        found = np.flatnonzero(spread.stands_out)
        found = found[np.argsort(-np.abs(spread.score[found]), kind="stable")]
        items = [
            self._item(
                self.images[i], series.words(i), series.reason(i, spread), series.reason(i, spread, in_full=True)
            )
            for i in found[:_MOST_OUTLIERS].tolist()
        ]
        if found.size > _MOST_OUTLIERS:
            items.append(fact("", cell(f"and {found.size - _MOST_OUTLIERS:,} more, less far out")))
        if not items:
            items.append(fact("", cell("Nothing stands out of these images")))
        label = QUANTITIES[series.quantity][0].lower()
        return group(f"Outliers in {label} ({found.size:,})", items)


def _noise_words(image: Image) -> str:
    return "no noise" if image.noise_jy is None or not image.is_of_sky else " ".join(noise_words(image.noise_jy))


def _words(image: Image) -> str:
    words = [] if image.dynamic_range is None else [f"dynamic range {image.dynamic_range:.0f}"]
    beam = beam_text(image)
    return ", ".join([*words, *([f"beam {beam}″"] if beam else [])])


def _numbers(values: Sequence[float | None]) -> npt.NDArray[np.float64]:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _noise_mjy(images: Sequence[Image]) -> npt.NDArray[np.float64]:
    return _numbers([image.noise_jy if image.is_of_sky else None for image in images]) * 1e3


def _series(images: Sequence[Image], quantity: Any, scope: str) -> ImageSeries:
    if quantity == "noise":
        value = _noise_mjy(images)
    elif quantity == "beam":
        value = _numbers([image.beam_major_arcsec for image in images])
    else:
        value = _numbers([image.dynamic_range if image.is_of_sky else None for image in images])
    ids, names = [str(image.id) for image in images], [image.name for image in images]
    return ImageSeries(quantity, ids, names, _numbers([image.epoch.mjd for image in images]), value, scope)


def _fields(images: Sequence[Image], scope: str) -> ImageFields:
    places = [image.position for image in images]
    return ImageFields(
        ids=[str(image.id) for image in images],
        names=[image.name for image in images],
        ra_deg=_numbers([place.ra_deg for place in places]),
        dec_deg=_numbers([place.dec_deg for place in places]),
        radius_deg=_numbers([_radius_deg(image) for image in images]),
        noise_mjy=_noise_mjy(images),
        age_days=unix_to_mjd(time.time()) - _numbers([image.epoch.mjd for image in images]),
        scope=scope,
    )


def _radius_deg(image: Image) -> float | None:
    """Return half of the smaller side of an image."""
    if not image.imsize_x or not image.cellsize_arcsec:
        return None
    side = min(image.imsize_x, image.imsize_y or image.imsize_x) * image.cellsize_arcsec / 3600.0
    return 0.5 * side if 0 < side <= 180 else None
