"""The list of images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import param

from dashboards.components.gallery import Gallery
from dashboards.components.record_table import RecordTable, Row
from dashboards.components.switches import Switches, option, switch
from dashboards.pages.compare_reading import MOST_IMAGES
from dashboards.pages.filter_fields import with_present
from dashboards.pages.image_charts import MOST_DRAWN, ImageChartParams, ImageCharts, are_row_numbers
from dashboards.pages.image_filters import FIELDS, TypedFilter, filter_of, place_words
from dashboards.pages.image_gallery import MOST_TILES, image_picture
from dashboards.pages.image_listing import ImageListing
from dashboards.pages.image_rows import COLUMNS, image_row
from dashboards.pages.list_page import FieldError, ListPage
from dashboards.pages.mosaics_table import mosaic_rows, mosaics_table
from dashboards.plots.image_trend import QUANTITIES
from dashboards.session import Session
from data_access.errors import ValidationError
from data_access.records import Count, FileState, Image, Mosaic, NamedPlace, PageRequest, RecordPage
from data_access.repositories.image_filter import ImageFilter

_MOSAICS = 20
_FILTERS = frozenset(field["name"] for field in FIELDS)


class ImagesPage(ImageChartParams, ListPage):
    """Every registered image, newest first."""

    text = param.String(default="", doc="part of the path or of the field name")
    type = param.String(default="", doc="type of image")
    date_from = param.String(default="", doc="observed at or after this time, UTC or MJD")
    date_to = param.String(default="", doc="observed at or before this time (a day counts whole), UTC or MJD")
    near = param.String(default="", doc="position, or name of a calibrator or source, that the centre is near")
    radius = param.String(default="", doc="how near, degrees; empty for 1")
    dec_min = param.String(default="", doc="least declination of the centre, degrees")
    dec_max = param.String(default="", doc="greatest declination of the centre, degrees")
    noise_min = param.String(default="", doc="least noise, mJy/beam")
    noise_max = param.String(default="", doc="greatest noise, mJy/beam")
    beam_min = param.String(default="", doc="least major axis of the beam, arcsec")
    beam_max = param.String(default="", doc="greatest major axis of the beam, arcsec")
    grade = param.String(default="", doc="grade of noise and dynamic range, or pipeline:word for its own verdict")
    on_disk = param.String(default="", doc="yes: the file is on disk, no: it is gone")
    view = param.Selector[str](default="table", objects=["table", "gallery"], doc="rows, or a contact sheet")
    tiles = param.Integer(default=0, bounds=(0, MOST_TILES), doc="how many tiles the contact sheet has; 0 for a page")

    noun = "images"
    noun_of_one = "image"
    main_table = "images"
    columns = COLUMNS
    fields = FIELDS
    more_url_params = ("view",)
    rows_are_selected = True
    texts = MappingProxyType({"selected": (are_row_numbers, "row numbers of images, joined by commas,")})
    quiet_params = ("tiles", "quantity", "sky", "selected")

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(session, **params)
        self.filters.fields = with_present(FIELDS, self._values())
        self.switches = Switches(on_choose=self._choose)
        self.gallery: Gallery | None = None
        self._listing = ImageListing(session.archive, TypedFilter(ImageFilter(), "", 0.0, None))
        self._unknown_place: tuple[str, str] = ("", "")
        self._charts_old = True
        self.param.watch(self._show_switches, ["quantity", "sky", "selected"])

    @property
    def title(self) -> str:
        """Title of the document."""
        return "Images"

    @property
    def shown(self) -> Sequence[Image]:
        """The images of this page of the list."""
        return self._page.rows

    def above(self) -> Any:
        """The images against time, and what stands out of them."""
        self.charts = ImageCharts(self, on_select=self._mark)
        return self.charts.view

    def __panel__(self) -> Any:
        page = super().__panel__()
        self.mosaics = mosaics_table()
        self.mosaics_slot = self.new_slot("mosaics", height=80)
        page.append(self.mosaics_slot)
        self.switches_slot = self.new_slot("ways to look at the list", height=32)
        page.insert(1, self.switches_slot)
        page.insert(3, self.charts.map_slot)
        return page

    async def load(self) -> None:
        """Read the page of the list that the URL names, then the newest mosaics."""
        await super().load()
        await self.fill(self.switches_slot, self._nothing, self._show_switches)
        await self.fill(self.mosaics_slot, self._read_mosaics, self._show_mosaics)

    async def refresh(self) -> None:
        """Read the list and the charts again and patch them."""
        self._charts_old = True
        await super().refresh()

    async def _read_mosaics(self) -> tuple[RecordPage[Mosaic], dict[str, FileState]]:
        archive = self.session.archive
        page = await archive.images.find_mosaics(PageRequest(limit=_MOSAICS))
        return page, await archive.files.states([mosaic.path for mosaic in page.rows if mosaic.path])

    def _show_mosaics(self, answer: tuple[RecordPage[Mosaic], dict[str, FileState]]) -> RecordTable:
        page, states = answer
        self.mosaics.param.update(rows=mosaic_rows(page.rows, states), empty=page.note or "No mosaic is recorded.")
        return self.mosaics

    @classmethod
    def check(cls, values: Mapping[str, str]) -> None:
        """Raise `FieldError` for a value that means nothing; whether a name is known is found out by `find`."""
        filter_of(values)

    def _show_filters(self, errors: Mapping[str, str]) -> None:
        typed, message = self._unknown_place
        known = {name: words for name, words in errors.items() if name != "near"}
        super()._show_filters({"near": message, **known} if typed and typed == self.near else known)

    async def _read(self) -> Any:
        self._unknown_place = ("", "")
        asked = filter_of(self._values())
        self._listing = ImageListing(self.session.archive, asked, await self._find_place(asked.near))
        return await super()._read()

    async def _find_place(self, text: str) -> NamedPlace | None:
        if not text:
            return None
        try:
            place: NamedPlace = await self.session.archive.names.resolve(text)
        except ValidationError as err:
            self._unknown_place = (self.near, err.message)
            raise FieldError("near", f"{err.message}. {err.remedy}") from err
        return place

    async def find(self, request: PageRequest) -> RecordPage[Image]:
        """Return one page of images."""
        page = await self._listing.find(request)
        return replace(page, note=" ".join(words for words in (*self._remarks(), page.note) if words))

    def _remarks(self) -> list[str]:
        """Return what a reader must know about these filters."""
        remarks = []
        listing = self._listing
        if listing.centre is not None:
            remarks.append(f"{place_words(listing.centre, listing.asked.radius_deg)}.")
        if listing.asked.on_disk is not None:
            remarks.append("Files are looked up for the rows of a page only, so that this list is not counted.")
        return remarks

    async def count(self) -> Count | None:
        """Return how many images match; None when their files decide."""
        if self._listing.asked.on_disk is not None:
            return None
        found: Count = await self.session.archive.images.count(self._listing.wanted)
        return found

    async def details(self, records: Sequence[Image]) -> dict[str, FileState]:
        """Return which of the files are on disk."""
        return await self.session.archive.files.states([image.path for image in records])

    async def _nothing(self) -> None:
        """Have nothing to read."""

    def _show_switches(self, *_: Any) -> Switches:
        views = [option("table", "Table"), option("gallery", "Gallery")]
        quantities = [option(name, label.capitalize()) for name, (label, _, _) in QUANTITIES.items()]
        maps = [option("", "hidden"), option("noise", "by noise"), option("age", "by age")]
        chosen = [option("", f"Clear {n:,} selected")] if (n := len(self.charts.selected)) else []
        if 2 <= n <= MOST_IMAGES:
            chosen.append(
                option("compare", f"Compare these {n}", href=self.session.links.compare(self.charts.selected))
            )
        self.switches.switches = [
            switch("view", "Show as", self.view, views),
            switch("quantity", "Against time", self.quantity, quantities),
            switch("sky", "Sky map", self.sky, maps),
            *([switch("selected", "", "-", chosen)] if chosen else []),
        ]
        return self.switches

    def _choose(self, name: str, value: str) -> None:
        self.param.update(**{name: value})

    def _select(self, keys: list[str]) -> None:
        self.charts.select(keys)

    def _mark(self, keys: list[str]) -> None:
        """Show the selection in the rows and tiles."""
        for part in (self.table, self.gallery):
            if part is not None and part.selected != keys:
                part.selected = keys

    def _limit(self) -> int:
        limit: int = max(self.rows, self.tiles) if self.view == "gallery" else self.rows
        return limit

    def _changed(self, *events: Any) -> None:
        self.tiles = 0
        self._charts_old |= any(event.name in _FILTERS for event in events)
        if self.gallery is not None:
            self.gallery.loading_tiles = True
        self._show_switches()
        super()._changed(*events)

    def _show(self, answer: Any) -> Any:
        shown = self._show_gallery(answer) if self.view == "gallery" else super()._show(answer)
        self._show_charts()
        return shown

    def _show_charts(self) -> None:
        """Draw the images of a short list at once; of a longer one more than its page, after the table."""
        if not (self._page.next_cursor or self._page.previous_cursor):
            self._charts_old = False
            self.charts.show(self._page.rows, "")
            return
        if self.charts.trend is None:
            self.charts.show(self._page.rows, "this page of the list")
        if self._charts_old:
            self._charts_old = False
            self.run(self._read_for_charts, self.charts.show_answer, slot=self.charts.trend_slot)

    async def _read_for_charts(self) -> RecordPage[Image]:
        return await self._listing.find(PageRequest(limit=MOST_DRAWN))

    def _show_gallery(self, answer: tuple[RecordPage[Image], Count | None, dict[str, FileState]]) -> Gallery:
        """Fill the contact sheet, which is made when it is first asked for."""
        self._page, count, states = answer
        if self.gallery is None:
            self.gallery = Gallery(
                caption="Images",
                selected=self.charts.selected,
                on_more=self._add_tiles,
                on_turn=self._turn,
                on_select=self._select,
            )
        links = self.session.links
        self.gallery.param.update(
            tiles=[image_picture(image, states.get(image.path), links) for image in self._page.rows],
            total=self.total_words(count),
            note=self._page.note,
            has_more=bool(self._page.next_cursor) and self._limit() < MOST_TILES,
            has_next=bool(self._page.next_cursor),
            has_previous=bool(self._page.previous_cursor),
            loading_tiles=False,
            empty=self.empty_words(),
        )
        self._show_filters(self.filters.errors)
        return self.gallery

    def _add_tiles(self) -> None:
        """Let the sheet go on: the same page, but longer."""
        if self.gallery is not None:
            self.gallery.loading_tiles = True
        self.tiles = min(self._limit() + self.rows, MOST_TILES)
        self.run(self._read, self._show, slot=self.table_slot)

    def _show_no_rows(self) -> None:
        super()._show_no_rows()
        if self.gallery is not None:
            self.gallery.loading_tiles = False
        if self.charts.trend is None:
            self.charts.clear()

    def to_row(self, record: Image, details: dict[str, FileState]) -> Row:
        """Return the table row of one image."""
        return image_row(record, details.get(record.path), self.session.links)
