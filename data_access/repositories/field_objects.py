"""What the pipeline's tables know of a piece of the sky: measurements made on an image, calibrators in its field."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from data_access.analysis.cones import Cone, box_of
from data_access.layout import Layout, Table
from data_access.records.overlays import OverlayObject
from data_access.repositories.base import RowReader, Where
from data_access.repositories.flux_columns import peak_sql
from data_access.repositories.measured_images import find_measured_path
from data_access.repositories.measurement_quality import is_forced_sql

_MEASURED = ("source_id", "ra_deg", "dec_deg", "peak", "err", "snr")
_LISTED = ("name", "ra_deg", "dec_deg", "flux_jy")
_CALIBRATORS = (("calibrator_catalog", "name", "calibrator list"),
                ("bandpass_calibrators", "calibrator_name", "bandpass calibrators"))  # fmt: skip


class FieldObjects:
    """Rows of ``photometry`` by image, rows of the calibrator tables by position."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    async def find_measured(
        self, image_path: str, *, forced: bool, limit: int
    ) -> tuple[tuple[OverlayObject, ...], int]:
        """Return the brightest measurements made on an image, detections or forced ones, and how many there are.

        Forced is what the quality flag calls so, or a limit; in tables without one, bit 0 of the flags. An image that
        nothing was measured on has the measurements of its observation (see `find_measured_path`).
        """
        table = await self._layout.find_or_none("photometry")
        if table is None:
            return (), 0
        image_path = await find_measured_path(table, image_path)
        peak = peak_sql(table)
        rule = is_forced_sql(table) if forced else f"NOT ({is_forced_sql(table)})"
        where = f'FROM "{table.name}" WHERE {table.column("image_path")} = ? AND {rule}'
        columns = (*table.select(_MEASURED[:3]), peak, table.first_of("peak_err_jyb", "flux_err_jy"),
                   table.column("snr"))  # fmt: skip
        found = await table.fetch(
            f"SELECT {', '.join(columns)} {where} ORDER BY {peak} DESC LIMIT {int(limit)}", (image_path,),
        )  # fmt: skip
        total = len(found.rows)
        if total >= limit:
            total = (await table.fetch(f"SELECT count(*) {where}", (image_path,))).rows[0][0]
        objects = [made for row in found.rows if (made := _measured(row)) is not None]
        return tuple(objects), total - (len(found.rows) - len(objects))

    async def find_calibrators(self, cone: Cone, *, limit: int) -> tuple[OverlayObject, ...]:
        """Return the calibrators in a circle, brightest first, each name once."""
        found: dict[str, OverlayObject] = {}
        for logical, name, origin in _CALIBRATORS:
            table = await self._layout.find_or_none(logical)
            if table is None or "NULL" in (table.column("ra_deg"), table.column("dec_deg")):
                continue
            for one in await self._in_cone(table, name, cone, origin):
                known = found.get(one.name)
                if known is None or (known.flux_mjy is None and one.flux_mjy is not None):
                    found[one.name] = one
        ordered = sorted(found.values(), key=lambda one: -(one.flux_mjy or 0.0))
        return tuple(ordered[:limit])

    async def _in_cone(self, table: Table, name: str, cone: Cone, origin: str) -> list[OverlayObject]:
        box, where = box_of(cone), Where()
        ra, dec = table.column("ra_deg"), table.column("dec_deg")
        where.add(f"{dec} BETWEEN ? AND ?", box.dec_low_deg, box.dec_high_deg)
        if box.ra_spans:
            spans = " OR ".join([f"{ra} BETWEEN ? AND ?"] * len(box.ra_spans))
            where.add(f"({spans})", *(value for span in box.ra_spans for value in span))
        columns = (table.column(name), ra, dec, table.column("flux_jy"))
        sql = f'SELECT {", ".join(columns)} FROM "{table.name}"{where.sql()} ORDER BY 4 DESC LIMIT 2000'
        rows = (await table.fetch(sql, where.values)).rows
        listed = [one for row in rows if (one := _listed(row, origin)) is not None]
        inside = cone.contains([one.ra_deg for one in listed], [one.dec_deg for one in listed])
        return [one for one, is_inside in zip(listed, inside, strict=True) if is_inside]


def _measured(values: Sequence[Any]) -> OverlayObject | None:
    row = RowReader(_MEASURED, values)
    ra, dec = row.real("ra_deg", -360, 360), row.real("dec_deg", -90, 90)
    if ra is None or dec is None:
        return None
    peak, err, snr = row.real("peak"), row.real("err", 0), row.real("snr")
    if snr is None and peak is not None and err:
        snr = peak / err
    name = row.text("source_id") or ""
    return OverlayObject(
        name or "no source name", ra % 360.0, dec, None if peak is None else peak * 1e3,
        None if err is None else err * 1e3, snr, name, "photometry",
    )  # fmt: skip


def _listed(values: Sequence[Any], origin: str) -> OverlayObject | None:
    row = RowReader(_LISTED, values)
    name, ra, dec = row.text("name"), row.real("ra_deg", -360, 360), row.real("dec_deg", -90, 90)
    if name is None or ra is None or dec is None:
        return None
    flux = row.real("flux_jy", 0)
    return OverlayObject(name, ra % 360.0, dec, None if flux is None else flux * 1e3, note=origin)
