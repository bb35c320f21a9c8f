"""Images, mosaics, their quality rows and regions: SQL in, records out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from data_access.analysis.times import epoch_of_image, mjd_of_stamp, stamp_in_name
from data_access.errors import QueryTooSlow, RecordNotFound
from data_access.layout import Layout, Table
from data_access.records import Count, Image, ImageQA, Mosaic, PageRequest, RecordPage, Region
from data_access.records.images import ImageNeighbour, place_of
from data_access.repositories.base import (
    COUNT_CAP,
    Listing,
    RowReader,
    Where,
    count_rows,
    listing_segments,
    position_in,
    read_page,
)
from data_access.repositories.image_filter import ImageFilter, WhenAndWhere, matching, where_images
from data_access.repositories.image_rows import (
    IMAGE_COLUMNS,
    MOSAIC_COLUMNS,
    QA_COLUMNS,
    REGION_COLUMNS,
    to_image,
    to_image_qa,
    to_listed_image,
    to_mosaic,
    to_region,
)
from data_access.repositories.observed import number_sql, stamp_sql
from data_access.repositories.refined import Keep, read_refined_page

_SKY = ("ra_deg", "dec_deg")
_TESTED = ("path", "center_ra_deg", "center_dec_deg", "mid_mjd", "ms_ra_deg", "ms_dec_deg")
# Tiered mosaics of December 2025 have no noise_jy: of what they have the noise of the sum comes first.
_MOSAIC_NOISE = ("noise_jy", "effective_noise_jy", "median_rms_jy")
_NUMBERS = frozenset({"created_at", "noise_jy", "dynamic_range", "beam_major_arcsec"})
_MANY = 200
_ROW_NUMBER = re.compile(r"[0-9]{1,18}")
# The middle of a tile of 5 minutes lies 2.5 minutes after the start that names it.
_BEFORE_DAYS, _AFTER_DAYS = 60.0 / 86400.0, 300.0 / 86400.0


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

    async def find(self, wanted: ImageFilter, request: PageRequest, *, keep: Keep | None = None) -> RecordPage[Image]:
        """Return one page of images; the newest registered first unless asked otherwise.

        Parameters
        ----------
        keep : coroutine function (images) -> sequence of bool, optional
            One more test, of the files for example. A page whose rows are tested one by one may hold fewer than
            asked for; its note then says so.
        """
        listing = await self._listing()
        segments = listing_segments(listing, await self._where(wanted, listing), request.sort)
        if keep is None and not wanted.needs_rows:
            return await read_page(segments, request, to_listed_image)

        async def keep_both(images: Sequence[Image]) -> Sequence[bool]:
            passed = await matching(wanted, (WhenAndWhere(image.epoch.mjd, image.position) for image in images))
            if keep is None:
                return passed
            tested = iter(await keep([image for image, ok in zip(images, passed, strict=True) if ok]))
            return [ok and next(tested) for ok in passed]

        return await read_refined_page(segments, request, to_listed_image, keep_both)

    async def position_of(self, image: Image, *, sort: str = "", backwards: bool = False) -> str:
        """Return the position of an image in the list of `find`: that of the page after it, or before it.

        Raises
        ------
        ValidationError
            There is no such order.
        RecordNotFound
            The image is gone.
        """
        position = await position_in(await self._listing(), sort, image.id, backwards=backwards)
        if not position:
            raise RecordNotFound(f"There is no image '{image.id}' any more", table="images", key=image.id)
        return position

    async def count(self, wanted: ImageFilter) -> Count:
        """Return how many images match."""
        listing = await self._listing()
        where, deadline_s = await self._where(wanted, listing), self._count_deadline_s
        if wanted.needs_rows:
            return await self._count_rows(wanted, listing, where)
        plain = not where.clauses
        source = f'"{listing.table.name}" i' if plain else listing.source
        return await count_rows(listing.table, source, where, deadline_s=deadline_s, whole_table=plain)

    async def _count_rows(self, wanted: ImageFilter, listing: Listing, where: Where) -> Count:
        """Count what has to be tested row by row: up to a cap, within the deadline."""
        own = listing.table.select(("path", "center_ra_deg", "center_dec_deg"), "i")
        columns = (*own, *listing.columns[-3:])
        select, source = ", ".join(columns), listing.source
        sql = f"SELECT {select} FROM {source}{where.sql()} ORDER BY {listing.key} DESC LIMIT {COUNT_CAP + 1}"
        try:
            found = await listing.table.fetch(sql, where.values, deadline_s=self._count_deadline_s)
        except QueryTooSlow:
            return Count(None, "unknown")
        n = sum(await matching(wanted, map(_when_and_where, found.rows[:COUNT_CAP])))
        return Count(n) if len(found.rows) <= COUNT_CAP else Count(n, "at least")

    async def _where(self, wanted: ImageFilter, listing: Listing) -> Where:
        quality = await self._layout.find_or_none("image_qa") if wanted.verdict else None
        if quality is not None and quality.database is not listing.table.database:
            quality = None
        return where_images(
            wanted, listing.table, _places(listing.table, listing.columns[-2:]), listing.columns[-3], quality
        )

    async def types(self) -> tuple[str, ...]:
        """Return the types that occur among the newest images."""
        table = await self._layout.find("images")
        newest = f'SELECT {table.column("type")} AS t FROM "{table.name}" ORDER BY {table.key("id")} DESC LIMIT 5000'
        found = await table.fetch(f"SELECT DISTINCT t FROM ({newest}) WHERE t IS NOT NULL ORDER BY t LIMIT 50")
        return tuple(str(row[0]) for row in found.rows)

    async def find_of_ms(self, ms_path: str) -> tuple[Image, ...]:
        """Return the images made from a Measurement Set."""
        return await self._some(await self._listing(), "i.ms_path = ?", (ms_path,))

    async def find_newest_of_path(self, image: Image) -> Image | None:
        """Return the newest row that was registered for the file of an image after it; None when it is the last one.

        Of an image with a Measurement Set only rows of the same set are looked at: they have an index, paths have
        none.
        """
        listing = await self._listing()
        condition, values = f"{listing.key} > ? AND i.path = ?", [image.id, image.path]
        if image.ms_path:
            condition, values = f"{condition} AND i.ms_path = ?", [*values, image.ms_path]
        return next(iter(await self._some(listing, condition, values, limit=1)), None)

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

    async def find_without_place(self, *, limit: int) -> tuple[tuple[Image, ...], int]:
        """Return the newest images whose position is recorded nowhere, and how many there are, up to `COUNT_CAP`."""
        listing = await self._listing()
        ra, dec = _places(listing.table, listing.columns[-2:])
        condition = f"typeof({ra}) NOT IN ('real', 'integer') OR typeof({dec}) NOT IN ('real', 'integer')"
        images = await self._some(listing, condition, (), limit=limit)
        if len(images) < limit:
            return images, len(images)
        sql = f"SELECT count(*) FROM (SELECT 1 FROM {listing.source} WHERE {condition} LIMIT {COUNT_CAP})"
        found = await listing.table.fetch(sql)
        return images, int(found.rows[0][0])

    async def find_by_ids(self, ids: Sequence[int]) -> tuple[Image, ...]:
        """Return the images with these row numbers, the newest first; numbers that no image has are left out."""
        wanted = list(dict.fromkeys(ids))[:_MANY]
        if not wanted:
            return ()
        listing = await self._listing()
        return await self._some(listing, f"{listing.key} IN ({','.join('?' * len(wanted))})", wanted)

    async def newest(self, limit: int) -> tuple[Image, ...]:
        """Return the images with the highest row numbers (rows are also rewritten), the one registered last first."""
        images = await self._some(await self._listing(), "1", (), limit=limit)
        return tuple(sorted(images, key=lambda image: image.created_at or 0.0, reverse=True))

    async def find_neighbours(self, image: Image) -> tuple[ImageNeighbour | None, ImageNeighbour | None]:
        """Return the images in the rows before and after that of this one: by number, the times are not indexed."""
        table = await self._layout.find("images")
        key, name = table.key("id"), table.name
        sql = (
            f'SELECT {key}, {table.column("path")} FROM "{name}" WHERE {key} IN ('
            f'(SELECT max({key}) FROM "{name}" WHERE {key} < ?), (SELECT min({key}) FROM "{name}" WHERE {key} > ?)) '
            f"ORDER BY {key} LIMIT 2"
        )
        found = await table.fetch(sql, (image.id, image.id))
        near = {int(n) < image.id: ImageNeighbour(int(n), str(path or "")) for n, path in found.rows}
        return near.get(True), near.get(False)

    async def find_qa(self, image: Image) -> tuple[ImageQA, ...]:
        """Return the stored quality rows of an image, newest first; none when the table is absent."""
        table = await self._layout.find_or_none("image_qa")
        if table is None:
            return ()
        sql = (
            f'SELECT {", ".join(table.select(QA_COLUMNS))} FROM "{table.name}" '
            f"WHERE {table.column('image_path')} = ? ORDER BY {table.column('timestamp')} DESC LIMIT 20"
        )
        found = await table.fetch(sql, (image.path,))
        return tuple(to_image_qa(row) for row in found.rows)

    async def find_regions(self, image: Image) -> tuple[Region, ...]:
        """Return the regions drawn on an image; none when the table is absent."""
        table = await self._layout.find_or_none("regions")
        if table is None:
            return ()
        sql = (
            f'SELECT {", ".join(table.select(REGION_COLUMNS))} FROM "{table.name}" '
            f"WHERE {table.column('image_path')} = ? ORDER BY {table.key('id')} LIMIT {_MANY}"
        )
        found = await table.fetch(sql, (image.path,))
        return tuple(to_region(row) for row in found.rows)

    async def find_mosaics(self, request: PageRequest) -> RecordPage[Mosaic]:
        """Return one page of mosaics, newest first; none, with a note, when the table is absent.

        Raises
        ------
        TableMissing
            There is no database at all.
        """
        table = await self._layout.find_optional("mosaics")
        if table is None:
            return RecordPage((), note="This archive has no mosaics table.")
        key = table.key("id", "i")
        columns = [table.column(name, "i") for name in MOSAIC_COLUMNS]
        noise = [table.column(name, "i") for name in _MOSAIC_NOISE]
        columns[MOSAIC_COLUMNS.index("noise_jy")] = f"coalesce({', '.join(noise)})"
        listing = Listing(table, f'"{table.name}" i', tuple(columns), key, {"id": key}, "id")
        return await read_page(listing_segments(listing, Where(), request.sort), request, to_mosaic)

    async def _listing(self) -> Listing:
        table = await self._layout.find("images")
        index = await self._layout.find_or_none("ms_index")
        known = self._last_listing
        if known is None or known[0] is not table or known[1] is not index:
            known = self._last_listing = (table, index, self._make_listing(table, index))
        return known[2]

    @staticmethod
    def _make_listing(table: Table, index: Table | None) -> Listing:
        source = f'"{table.name}" i'
        of_ms: tuple[str, ...] = ("NULL", "NULL", "NULL")
        if index is not None and index.database is table.database:
            source += f' LEFT JOIN "{index.name}" m ON m.path = {table.column("ms_path", "i")}'
            pointing = (f"coalesce({index.column(f'pointing_{c}', 'm')}, {index.column(c, 'm')})" for c in _SKY)
            of_ms = (index.column("mid_mjd", "m"), *pointing)
        sortable = ("created_at", "noise_jy", "dynamic_range", "type", "path", "beam_major_arcsec")
        key = table.key("id", "i")
        ra, dec = _places(table, of_ms[1:])
        sorts = {
            "id": key,
            **{name: table.column(name, "i") for name in sortable},
            "epoch": f"coalesce({stamp_sql(table.column('path', 'i'))}, {number_sql(of_ms[0])})",
            "center_ra_deg": f"(CASE WHEN {ra} < 0 THEN {ra} + 360 ELSE {ra} END)",
            "center_dec_deg": dec,
        }
        return Listing(table, source, (*table.select(IMAGE_COLUMNS, "i"), *of_ms), key, sorts, "id", _NUMBERS)

    async def _some(
        self, listing: Listing, condition: str, values: Sequence[Any], *, limit: int = _MANY
    ) -> tuple[Image, ...]:
        select = ", ".join(listing.columns)
        sql = f"SELECT {select} FROM {listing.source} WHERE {condition} ORDER BY {listing.key} DESC LIMIT {limit}"
        found = await listing.table.fetch(sql, values)
        return tuple(to_image(row) for row in found.rows)


def _places(table: Table, pointings: Sequence[str]) -> tuple[str, str]:
    """Return the SQL of right ascension and declination, as `Image.position` chooses them: else the pointing."""
    own = [table.column(f"center_{name}", "i") for name in _SKY]
    has_own = " AND ".join(
        f"typeof({column}) <> 'text' AND abs({column}) <= {most}" for column, most in zip(own, (360, 90), strict=True)
    )
    ra, dec = (
        f"(CASE WHEN {has_own} THEN {column} ELSE {pointing} END)"
        for column, pointing in zip(own, pointings, strict=True)
    )
    return ra, dec


def _when_and_where(values: Sequence[Any]) -> WhenAndWhere:
    row = RowReader(_TESTED, values)
    place = place_of(*(row.real(name) for name in ("center_ra_deg", "center_dec_deg", "ms_ra_deg", "ms_dec_deg")))
    return WhenAndWhere(epoch_of_image(row.text("path") or "", row.real("mid_mjd")).mjd, place)
