"""The list of images."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import param

from dashboards.components.cells import cell
from dashboards.components.record_table import RecordTable, Row, row
from dashboards.pages.list_page import FieldError, ListPage, number_of
from dashboards.pages.mosaics_table import mosaic_rows, mosaics_table
from dashboards.pages.patching import patch_source
from dashboards.pages.wording import epoch_cell, file_cell, noise_against_time, position_cells
from dashboards.plots import noise_trend_columns, plot_noise_trend
from data_access.records import Count, FileState, Image, Mosaic, PageRequest, RecordPage
from data_access.repositories.images import ImageFilter

_MOSAICS = 20
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


class ImagesPage(ListPage):
    """Every registered image, newest first."""

    text = param.String(default="", doc="part of the path or of the field name")
    type = param.String(default="", doc="type of image")
    date = param.String(default="", doc="day of the observation, UTC")
    dec_min = param.String(default="", doc="least declination of the centre, degrees")
    dec_max = param.String(default="", doc="greatest declination of the centre, degrees")
    noise_max = param.String(default="", doc="greatest noise, mJy/beam")

    noun = "images"
    columns = (
        {"name": "path", "label": "Image", "sortable": True, "width": "24rem"},
        {"name": "epoch", "label": "Observed", "unit": "UTC"},
        {"name": "type", "label": "Type", "sortable": True},
        {"name": "center_ra_deg", "label": "RA", "unit": "ICRS", "sortable": True},
        {"name": "center_dec_deg", "label": "Dec", "unit": "ICRS", "sortable": True},
        {"name": "noise_jy", "label": "Noise", "unit": "mJy/beam", "sortable": True, "align": "right"},
        {"name": "dynamic_range", "label": "Dynamic range", "sortable": True, "align": "right"},
        {"name": "beam", "label": "Beam", "unit": "″", "align": "right"},
        {"name": "file", "label": "File"},
        {"name": "created_at", "label": "Registered", "sortable": True, "align": "right"},
    )
    fields = (
        {"name": "text", "label": "Name or field", "kind": "text", "placeholder": "part of a name", "width": "14rem"},
        {"name": "type", "label": "Type", "kind": "text", "placeholder": "5min", "width": "8rem"},
        {"name": "date", "label": "Observed on", "kind": "date"},
        {"name": "dec_min", "label": "Dec from", "kind": "number", "unit": "°", "width": "6rem"},
        {"name": "dec_max", "label": "Dec to", "kind": "number", "unit": "°", "width": "6rem"},
        {"name": "noise_max", "label": "Noise below", "kind": "number", "unit": "mJy/beam", "width": "7rem"},
    )

    @property
    def title(self) -> str:
        """Title of the document."""
        return "Images"

    def above(self) -> Any:
        """The noise of the images on this page against time."""
        self.trend_slot = self.new_slot("noise of these images", height=240)
        self.trend: Any = None
        return self.trend_slot

    def __panel__(self) -> Any:
        page = super().__panel__()
        self.mosaics = mosaics_table()
        self.mosaics_slot = self.new_slot("mosaics", height=80)
        page.append(self.mosaics_slot)
        return page

    async def load(self) -> None:
        """Read the page of the list that the URL names, then the newest mosaics."""
        await super().load()
        await self.fill(self.mosaics_slot, self._read_mosaics, self._show_mosaics)

    async def _read_mosaics(self) -> tuple[tuple[Mosaic, ...], dict[str, FileState]]:
        archive = self.session.archive
        mosaics = (await archive.images.find_mosaics(PageRequest(limit=_MOSAICS))).rows
        return mosaics, await archive.files.states([mosaic.path for mosaic in mosaics if mosaic.path])

    def _show_mosaics(self, answer: tuple[tuple[Mosaic, ...], dict[str, FileState]]) -> RecordTable:
        self.mosaics.rows = mosaic_rows(*answer)
        return self.mosaics

    def check(self, values: Mapping[str, str]) -> None:
        """Raise `FieldError` for a malformed date or number."""
        _filter_of(values)

    def _wanted(self) -> ImageFilter:
        return _filter_of({field["name"]: getattr(self, field["name"]) for field in self.fields})

    async def find(self, request: PageRequest) -> RecordPage[Image]:
        """Return one page of images."""
        return await self.session.archive.images.find(self._wanted(), request)

    async def count(self) -> Count:
        """Return how many images match."""
        return await self.session.archive.images.count(self._wanted())

    async def details(self, records: Sequence[Image]) -> dict[str, FileState]:
        """Return which of the files are on disk."""
        return await self.session.archive.files.states([image.path for image in records])

    def _show(self, answer: Any) -> Any:
        table = super()._show(answer)
        self._show_trend()
        return table

    def _show_no_rows(self) -> None:
        super()._show_no_rows()
        if self.trend is None:
            self.trend_slot.clear()

    def _show_trend(self) -> None:
        data = noise_against_time(self._page.rows)
        if not patch_source(self.trend, "noise_trend", noise_trend_columns(*data)):
            self.trend = plot_noise_trend(*data, theme=self.session.theme)
            self.trend_slot.succeed(self.trend)

    def to_row(self, record: Image, details: dict[str, FileState]) -> Row:
        """Return the table row of one image."""
        links = self.session.links
        ra, dec = position_cells(record.center_ra_deg, record.center_dec_deg)
        noise = None if record.noise_jy is None else record.noise_jy * 1e3
        problem = "; ".join(record.problems)
        return row(
            record.id,
            [
                cell(record.name, mono=True, title=problem or record.path, note=problem or None),
                epoch_cell(record.epoch),
                cell(record.type),
                ra,
                dec,
                cell(noise, digits=3),
                cell(record.dynamic_range, digits=0),
                cell(_beam_text(record)),
                file_cell(details.get(record.path)),
                cell(None, unix=record.created_at),
            ],
            href=links.image(record.id),
        )


def _beam_text(image: Image) -> str | None:
    if image.beam_major_arcsec is None:
        return None
    if image.beam_minor_arcsec is None:
        return f"{image.beam_major_arcsec:.3g}"
    return f"{image.beam_major_arcsec:.3g} × {image.beam_minor_arcsec:.3g}"


def _filter_of(values: Mapping[str, str]) -> ImageFilter:
    if values["date"] and not _DATE.fullmatch(values["date"]):
        raise FieldError("date", "Write a day as 2025-10-13")
    noise = number_of("noise_max", values["noise_max"])
    return ImageFilter(
        text=values["text"],
        type=values["type"],
        date=values["date"],
        dec_min_deg=number_of("dec_min", values["dec_min"]),
        dec_max_deg=number_of("dec_max", values["dec_max"]),
        noise_max_jy=None if noise is None else noise / 1e3,
    )
