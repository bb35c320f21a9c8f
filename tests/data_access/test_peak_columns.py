"""A peak that a row has in one of two columns is the same number on every page."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from data_access import open_archive
from data_access.repositories.field_objects import FieldObjects
from tests.data_access.database_samples import make_database

IMAGE = "/img/2025-12-04T00:00:00.img.fits"


async def _peaks_of_everyone(folder: Path, *columns: str) -> list[list[float]]:
    """Return the peaks of two sources, brightest first, by every question about photometry."""
    recorded = ", ".join(f"{column} REAL" for column in columns)
    make_database(
        folder / "pipeline.sqlite3",
        "CREATE TABLE photometry (id INTEGER PRIMARY KEY, source_id TEXT, image_path TEXT, ra_deg REAL, "
        f"dec_deg REAL, peak_err_jyb REAL, {recorded})",
        f"INSERT INTO photometry (source_id, image_path, ra_deg, dec_deg, peak_err_jyb, {columns[0]}) "
        f"VALUES ('J1', '{IMAGE}', 10, 54, 0.001, 0.25)",
        f"INSERT INTO photometry (source_id, image_path, ra_deg, dec_deg, peak_err_jyb, {columns[-1]}) "
        f"VALUES ('J2', '{IMAGE}', 11, 54, 0.001, 0.5)",
    )
    async with open_archive(folder) as archive:
        curves = [await archive.sources.get_light_curve(name) for name in ("J2", "J1")]
        fluxes, _ = await archive.photometry.find_fluxes(("J1", "J2"), "peak")
        in_image = await archive.photometry.find_sources_in(IMAGE)
        objects, _ = await FieldObjects(archive.layout).find_measured(IMAGE, forced=False, limit=10)
        newest = await archive.curves.newest(("J1", "J2"))
        table = await archive.variability.table()
    return [
        [float(curve.peak_jyb[0]) for curve in curves],
        [flux for _, _, flux, _ in fluxes],
        [peak for *_, peak in in_image.rows],
        [(one.flux_mjy or math.nan) / 1e3 for one in objects],
        [newest[name][0].peak_jyb for name in ("J2", "J1") if name in newest],
        table.mean[::-1].tolist(),
    ]


async def test_each_row_may_have_its_peak_in_either_column(tmp_path: Path) -> None:
    for peaks in await _peaks_of_everyone(tmp_path, "peak_jyb", "peak_flux_jy"):
        assert peaks == pytest.approx([0.5, 0.25])


async def test_a_table_without_peaks_shows_the_integrated_flux(tmp_path: Path) -> None:
    *shown, of_sums = await _peaks_of_everyone(tmp_path, "flux_jy")
    for peaks in shown:
        assert peaks == pytest.approx([0.5, 0.25])
    assert all(math.isnan(mean) for mean in of_sums)
