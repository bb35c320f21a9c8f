"""Planes of cubes on the page of an image and on that of compared images."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from dashboards.pages.compare import ComparePage
from dashboards.session import Session
from data_access import open_archive
from tests.dashboards.image_page_samples import open_image, write_archive_of
from tests.dashboards.test_pages_calibration import facts_of
from tests.data_access.cutout_samples import write_cube_with_beams

SKY = {
    "CTYPE1": "RA---SIN", "CTYPE2": "DEC--SIN", "CRVAL1": 150.0, "CRVAL2": 33.0, "CRPIX1": 15.0, "CRPIX2": 15.0,
    "CDELT1": -1e-3, "CDELT2": 1e-3, "CTYPE3": "FREQ", "CRVAL3": 1.4e9, "CDELT3": 5e6, "CRPIX3": 1.0, "CUNIT3": "Hz",
}  # fmt: skip


def cube(n_planes: int) -> fits.PrimaryHDU:
    data = np.arange(n_planes, dtype=np.float32)[:, None, None] + np.zeros((n_planes, 30, 30), np.float32)
    return fits.PrimaryHDU(data, fits.Header(SKY))


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DSA110_DASHBOARD_CACHE", str(tmp_path / "cache"))


def field(fields: list[dict[str, Any]]) -> dict[str, Any]:
    return next(one for one in fields if one["name"] == "plane")


async def test_planes_are_chosen_by_their_frequency(tmp_path: Path) -> None:
    write_archive_of(tmp_path, cube(3))
    async with open_archive(tmp_path) as archive:
        page = await open_image(archive, 1)
        options = field(page.viewer.controls.fields)["options"]
        assert options == [("0", "0: 1.4 GHz"), ("1", "1: 1.405 GHz"), ("2", "2: 1.41 GHz")]
        page.viewer.controls._handle_msg({"type": "submit", "values": {"plane": "2"}})
        await page.settled()
        assert "plane 2 of 3 (1.41 GHz)" in page.figure.select_one({"name": "subtitle"}).text


async def test_of_many_planes_the_number_is_asked_for_and_the_frequency_stands_beside(tmp_path: Path) -> None:
    write_archive_of(tmp_path, cube(70))
    async with open_archive(tmp_path) as archive:
        page = await open_image(archive, 1)
        page.plane = 4
        await page.settled()
        found = field(page.viewer.controls.fields)
        assert (found["kind"], found["unit"]) == ("number", "1.42 GHz")


async def test_the_frequency_found_in_the_file_is_that_of_the_plane(tmp_path: Path) -> None:
    write_archive_of(tmp_path, cube(3))
    async with open_archive(tmp_path) as archive:
        page = await open_image(archive, 1, plane="1")
        for plane, expected in ((1, "1.40500"), (2, "1.41000")):
            page.plane = plane
            await page.settled()
            found = facts_of(page.header_slot.content.groups)["Frequency"]
            assert (found["t"], found["n"]) == (expected, f"of plane {plane}")


async def test_the_beam_found_in_the_file_is_that_of_the_plane(tmp_path: Path) -> None:
    write_archive_of(tmp_path, cube(1))
    write_cube_with_beams(next((tmp_path / "stage" / "images").glob("*.fits")))
    async with open_archive(tmp_path) as archive:
        page = await open_image(archive, 1, plane="2")
        found = facts_of(page.header_slot.content.groups)["Beam"]
        assert (found["t"], found["n"]) == ("15 × 8", "of plane 2: each of 3 has its own")


async def test_compared_images_show_the_plane_of_the_url_or_say_that_they_have_none(tmp_path: Path) -> None:
    path = write_archive_of(tmp_path, cube(3))
    other = path.with_name("2026-01-02T00:00:00.img.fits")
    flat = cube(1)
    flat.writeto(other)
    with sqlite3.connect(tmp_path / "state" / "db" / "products.sqlite3") as connection:
        connection.execute(
            "INSERT INTO images (path, ms_path, created_at, type) VALUES (?, 'b.ms', 0, '5min')", (str(other),)
        )
    async with open_archive(tmp_path) as archive:
        page = ComparePage(Session(archive, query={"images": "1,2", "plane": "2"}))
        page.__panel__()
        await page.load()
        assert [float(one.view.data[15, 15]) for one in page.drawn] == [2.0, 0.0]
        assert "plane 2 of 3 (1.41 GHz)" in page.drawn[0].how
        assert "its only plane (1.4 GHz), for want of a plane 2" in page.drawn[1].how
        assert field(page.form.fields)["options"][1] == ("1", "1: 1.405 GHz")
        page.mode = "side"
        await page.settled()
        subtitles = [next(one.text for one in f.above if one.name == "subtitle") for f in page.figures]
        assert "plane 2 of 3 (1.41 GHz)" in subtitles[0]
        assert "plane" not in subtitles[1]
