"""Images, mosaics, their quality rows and regions: SQL in, records out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from data_access.analysis.times import epoch_of_image, mjd_of_stamp, stamp_in_name
from data_access.errors import RecordNotFound, TableMissing
from data_access.layout import TABLES, Layout, Table
from data_access.records import Count, Image, ImageQA, Mosaic, PageRequest, RecordPage, Region
from data_access.repositories.base import Listing, RowReader, Where, count_rows, listing_segments, read_page

_COLUMNS = TABLES["images"].columns
_MOSAIC_COLUMNS = (*TABLES["mosaics"].columns, "status")
_QA_COLUMNS = TABLES["image_qa"].columns
_REGION_COLUMNS = TABLES["regions"].columns
_MANY = 200
_ROW_NUMBER = re.compile(r"[0-9]{1,18}")
# The middle of a tile of 5 minutes lies 2.5 minutes after the start that names it.
_BEFORE_DAYS, _AFTER_DAYS = 60.0 / 86400.0, 300.0 / 86400.0


@dataclass(frozen=True, slots=True)
class ImageFilter:
    """Which images are wanted; empty fields do not filter.

    Attributes
    ----------
    text : str
        Part of the path or of the field name.
    type : str
        Exactly this type.
    date : str
        ``YYYY-MM-DD`` of the observation (UTC), as it stands in the file's name.
    dec_min_deg, dec_max_deg : float
        Of the image centre.
    noise_max_jy : float
    """

    text: str = ""
    type: str = ""
    date: str = ""
    dec_min_deg: float | None = None
    dec_max_deg: float | None = None
    noise_max_jy: float | None = None


class ImageRepository:
    """Images and mosaics."""

    def __init__(self, layout: Layout, *, count_deadline_s: float) -> None:
        self._layout = layout
        self._count_deadline_s = count_deadline_s
        self._last_listing: tuple[Table, Table | None, Listing] | None = None

    async def get(self, image_id: int | str) -> Image:
        """Return one image by its row number or its full path; raise `RecordNotFound`."""
        listing = await self._listing()
        is_number = isinstance(image_id, int) or _ROW_NUMBER.fullmatch(image_id)
        column = listing.key if is_number else listing.table.column("path", "i")
        value = int(image_id) if is_number else image_id
        images = await self._some(listing, f"{column} = ?", (value,), limit=1)
        if not images:
            raise RecordNotFound(f"There is no image '{image_id}'", table="images", key=image_id)
        return images[0]

    async def find(self, wanted: ImageFilter, request: PageRequest) -> RecordPage[Image]:
        """Return one page of images; the newest registered first unless asked otherwise."""
        listing = await self._listing()
        return await read_page(
            listing_segments(listing, _where(wanted, listing.table), request.sort), request, _to_image
        )

    async def count(self, wanted: ImageFilter) -> Count:
        """Return how many images match."""
        table = await self._layout.find("images")
        where, deadline_s = _where(wanted, table), self._count_deadline_s
        return await count_rows(table, f'"{table.name}" i', where, deadline_s=deadline_s, whole_table=True)

    async def types(self) -> tuple[str, ...]:
        """Return the types that occur among the newest images."""
        table = await self._layout.find("images")
        newest = f'SELECT {table.column("type")} AS t FROM "{table.name}" ORDER BY {table.key("id")} DESC LIMIT 5000'
        found = await table.fetch(
            f"SELECT DISTINCT t FROM ({newest}) WHERE t IS NOT NULL ORDER BY t LIMIT 50", n_columns=1
        )
        return tuple(str(row[0]) for row in found.rows)

    async def find_of_ms(self, ms_path: str) -> tuple[Image, ...]:
        """Return the images made from a Measurement Set."""
        return await self._some(await self._listing(), "i.ms_path = ?", (ms_path,))

    async def find_of_stamp(self, stamp: str) -> tuple[Image, ...]:
        """Return the images of one observation, by the start time in their names."""
        return await self._some(await self._listing(), "instr(i.path, ?) > 0", (f"/{stamp}",))

    async def find_by_paths(self, paths: Sequence[str]) -> dict[str, Image]:
        """Return the registered images among these paths, by path; the newest row of a path counts."""
        wanted = list(dict.fromkeys(paths))[:_MANY]
        if not wanted:
            return {}
        marks = ",".join("?" * len(wanted))
        images = await self._some(await self._listing(), f"i.path IN ({marks})", wanted, limit=4 * _MANY)
        return {image.path: image for image in reversed(images)}

    async def find_behind(self, paths: Sequence[str]) -> dict[str, Image]:
        """Return the registered images for paths as photometry records them, by those paths.

        Photometry names the FITS file while the pipeline registers CASA directories: the row with the same path
        counts, else one of the same observation. They are looked for by the time in the name, because no layout
        has an index of the paths; only what is not found like this is looked for by its path.
        """
        wanted = list(dict.fromkeys(paths))[:_MANY]
        stamps = {path: stamp_in_name(path) for path in wanted}
        near = await self._some_at([mjd for s in stamps.values() if (mjd := mjd_of_stamp(s)) is not None])
        by_path = {image.path: image for image in reversed(near)}
        by_stamp = {stamp_in_name(image.path): image for image in reversed(near)}
        found = {p: hit for p in wanted if (hit := by_path.get(p) or by_stamp.get(stamps[p] or "")) is not None}
        rest = [path for path in wanted if path not in found]
        return found | (await self.find_by_paths(rest) if rest else {})

    async def _some_at(self, starts_mjd: Sequence[float]) -> tuple[Image, ...]:
        """Return the images of the Measurement Sets whose middle is shortly after one of these times."""
        images, index = await self._layout.find("images"), await self._layout.find_or_none("ms_index")
        if index is None or index.database is not images.database or not starts_mjd:
            return ()
        if not {"mid_mjd", "path"} <= set(index.columns) or "ms_path" not in images.columns:
            return ()
        moments = " OR ".join(["mid_mjd BETWEEN ? AND ?"] * len(starts_mjd))
        condition = f'i.ms_path IN (SELECT path FROM "{index.name}" WHERE {moments})'
        bounds = [mjd + shift for mjd in starts_mjd for shift in (-_BEFORE_DAYS, _AFTER_DAYS)]
        return await self._some(await self._listing(), condition, bounds, limit=20 * _MANY)

    async def newest(self, limit: int) -> tuple[Image, ...]:
        """Return the images registered last."""
        return await self._some(await self._listing(), "1", (), limit=limit)

    async def find_neighbours(self, image: Image) -> tuple[int | None, int | None]:
        """Return the row numbers of the previous and the next registered image."""
        table = await self._layout.find("images")
        key, name = table.key("id"), table.name
        sql = (
            f'SELECT (SELECT max({key}) FROM "{name}" WHERE {key} < ?), '
            f'(SELECT min({key}) FROM "{name}" WHERE {key} > ?)'
        )
        found = await table.fetch(sql, (image.id, image.id), n_columns=2)
        before, after = found.rows[0]
        return before, after

    async def find_qa(self, image: Image) -> tuple[ImageQA, ...]:
        """Return the stored quality rows of an image, newest first; none when the table is absent."""
        table = await self._layout.find_or_none("image_qa")
        if table is None:
            return ()
        sql = (
            f'SELECT {", ".join(table.select(_QA_COLUMNS))} FROM "{table.name}" '
            f"WHERE {table.column('image_path')} = ? ORDER BY {table.column('timestamp')} DESC LIMIT 20"
        )
        found = await table.fetch(sql, (image.path,), n_columns=len(_QA_COLUMNS))
        return tuple(_to_qa(row) for row in found.rows)

    async def find_regions(self, image: Image) -> tuple[Region, ...]:
        """Return the regions drawn on an image; none when the table is absent."""
        table = await self._layout.find_or_none("regions")
        if table is None:
            return ()
        sql = (
            f'SELECT {", ".join(table.select(_REGION_COLUMNS))} FROM "{table.name}" '
            f"WHERE {table.column('image_path')} = ? ORDER BY {table.key('id')} LIMIT {_MANY}"
        )
        found = await table.fetch(sql, (image.path,), n_columns=len(_REGION_COLUMNS))
        return tuple(_to_region(row) for row in found.rows)

    async def find_mosaics(self, request: PageRequest) -> RecordPage[Mosaic]:
        """Return one page of mosaics, newest first; empty when the table is absent."""
        try:
            table = await self._layout.find("mosaics")
        except TableMissing:
            return RecordPage(())
        key = table.key("id", "i")
        listing = Listing(table, f'"{table.name}" i', table.select(_MOSAIC_COLUMNS, "i"), key, {"id": key}, "id")
        return await read_page(listing_segments(listing, Where(), request.sort), request, _to_mosaic)

    async def _listing(self) -> Listing:
        table = await self._layout.find("images")
        index = await self._layout.find_or_none("ms_index")
        known = self._last_listing
        if known is None or known[0] is not table or known[1] is not index:
            known = self._last_listing = (table, index, self._make_listing(table, index))
        return known[2]

    @staticmethod
    def _make_listing(table: Table, index: Table | None) -> Listing:
        source, mid = f'"{table.name}" i', "NULL"
        if index is not None and index.database is table.database:
            source += f' LEFT JOIN "{index.name}" m ON m.path = {table.column("ms_path", "i")}'
            mid = index.column("mid_mjd", "m")
        sortable = ("created_at", "noise_jy", "dynamic_range", "center_dec_deg", "center_ra_deg", "type", "path")
        key = table.key("id", "i")
        sorts = {"id": key, **{name: table.column(name, "i") for name in sortable}}
        return Listing(table, source, (*table.select(_COLUMNS, "i"), mid), key, sorts, "id")

    async def _some(
        self, listing: Listing, condition: str, values: Sequence[Any], *, limit: int = _MANY
    ) -> tuple[Image, ...]:
        select = ", ".join(listing.columns)
        sql = f"SELECT {select} FROM {listing.source} WHERE {condition} ORDER BY {listing.key} DESC LIMIT {limit}"
        found = await listing.table.fetch(sql, values, n_columns=len(listing.columns))
        return tuple(_to_image(row) for row in found.rows)


def _where(wanted: ImageFilter, table: Table) -> Where:
    where = Where()
    if wanted.text.strip():
        path, field_name = table.column("path", "i"), table.column("field_name", "i")
        where.contains(f"({path} || ' ' || coalesce({field_name}, ''))", wanted.text)
    if wanted.type:
        where.add(f"{table.column('type', 'i')} = ?", wanted.type)
    if wanted.date:
        where.contains(table.column("path", "i"), f"/{wanted.date}t")
    where.between(table.column("center_dec_deg", "i"), wanted.dec_min_deg, wanted.dec_max_deg)
    where.between(table.column("noise_jy", "i"), None, wanted.noise_max_jy)
    return where


def _to_image(values: Sequence[Any]) -> Image:
    return _image_of(*values)


# A list is read again after every commit, and most of its rows are as they were.
@lru_cache(maxsize=4096, typed=True)
def _image_of(*values: Any) -> Image:
    row = RowReader((*_COLUMNS, "mid_mjd"), values)
    path = row.text("path") or ""
    image = {
        "beam_major_arcsec": row.real("beam_major_arcsec", 0),
        "beam_minor_arcsec": row.real("beam_minor_arcsec", 0),
        "beam_pa_deg": row.real("beam_pa_deg", -360, 360),
        "noise_jy": row.real("noise_jy", 0),
        "dynamic_range": row.real("dynamic_range"),
        "center_ra_deg": row.real("center_ra_deg", -360, 360),
        "center_dec_deg": row.real("center_dec_deg", -90, 90),
        "cellsize_arcsec": row.real("cellsize_arcsec", 0),
        "freq_ghz": row.real("freq_ghz", 0),
        "bandwidth_mhz": row.real("bandwidth_mhz"),
        "integration_sec": row.real("integration_sec", 0),
    }
    if not path:
        row.problems.append("the row has no path")
    return Image(
        id=row.integer("id") or 0,
        path=path,
        ms_path=row.text("ms_path"),
        created_at=row.unix("created_at"),
        type=row.text("type"),
        pbcor=row.flag("pbcor"),
        format=row.text("format"),
        field_name=row.text("field_name"),
        imsize_x=row.integer("imsize_x"),
        imsize_y=row.integer("imsize_y"),
        epoch=epoch_of_image(path, row.real("mid_mjd")),
        problems=tuple(row.problems),
        **image,
    )


def _to_qa(values: Sequence[Any]) -> ImageQA:
    row = RowReader(_QA_COLUMNS, values)
    return ImageQA(
        id=row.integer("id") or 0,
        image_path=row.text("image_path"),
        ms_path=row.text("ms_path"),
        rms_noise=row.real("rms_noise"),
        peak_flux=row.real("peak_flux"),
        dynamic_range=row.real("dynamic_range"),
        beam_major=row.real("beam_major"),
        beam_minor=row.real("beam_minor"),
        beam_pa=row.real("beam_pa"),
        num_sources=row.integer("num_sources"),
        overall_quality=row.text("overall_quality"),
        timestamp=row.unix("timestamp"),
    )


def _to_region(values: Sequence[Any]) -> Region:
    row = RowReader(_REGION_COLUMNS, values)
    return Region(
        id=row.integer("id") or 0,
        name=row.text("name"),
        type=row.text("type"),
        coordinates=row.decoded("coordinates"),
        image_path=row.text("image_path"),
        created_at=row.unix("created_at"),
        created_by=row.text("created_by"),
    )


def _to_mosaic(values: Sequence[Any]) -> Mosaic:
    row = RowReader(_MOSAIC_COLUMNS, values)
    return Mosaic(
        id=row.integer("id") or 0,
        path=row.text("path"),
        name=row.text("name"),
        created_at=row.unix("created_at"),
        start_mjd=row.real("start_mjd"),
        end_mjd=row.real("end_mjd"),
        n_images=row.integer("n_images"),
        center_ra_deg=row.real("center_ra_deg"),
        center_dec_deg=row.real("center_dec_deg", -90, 90),
        dec_min_deg=row.real("dec_min_deg", -90, 90),
        dec_max_deg=row.real("dec_max_deg", -90, 90),
        noise_jy=row.real("noise_jy", 0),
        beam_major_arcsec=row.real("beam_major_arcsec", 0),
        n_sources=row.integer("n_sources"),
        status=row.text("status"),
        problems=tuple(row.problems),
    )
