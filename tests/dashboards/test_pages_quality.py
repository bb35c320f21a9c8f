"""The quality of an image on its page."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from dashboards.components.record_table import RecordTable
from dashboards.pages.image import ImagePage
from dashboards.session import Session
from data_access import Archive, open_archive
from data_access.demo.schema import create_database


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[Archive]:
    path = tmp_path / "2026-01-01T00:00:00.img.fits"
    noise = np.random.default_rng(1).normal(scale=2e-3, size=(80, 80)).astype("f4")
    fits.PrimaryHDU(noise, fits.Header({"BUNIT": "Jy/beam"})).writeto(path)
    (tmp_path / "state" / "db").mkdir(parents=True)
    database = tmp_path / "state" / "db" / "products.sqlite3"
    create_database(database, "products")
    with sqlite3.connect(database) as connection:
        for image_path in (str(path), str(tmp_path / "gone.fits")):
            connection.execute(
                "INSERT INTO images (path, ms_path, created_at, type, noise_jy) VALUES (?, 'a.ms', 0, '5min', 2e-4)",
                (image_path,),
            )
    config = tmp_path / "settings.toml"
    config.write_text(f'state_dir = "{tmp_path}/state"\nroots = ["{tmp_path}"]\n', encoding="utf-8")
    made = open_archive(config=config)
    yield made
    await made.close()


async def _page(archive: Archive, image_id: str, query: dict[str, str]) -> ImagePage:
    prepared = await ImagePage.prepare(archive, {"image_id": image_id}, query)
    session = Session(archive, path_params={"image_id": image_id}, query=query, prepared=prepared)
    page = ImagePage(session)
    page.__panel__()
    await page.load()
    return page


def _grade(page: ImagePage) -> tuple[str, str]:
    (item,) = [item for item in page.heading.items if item["label"] == "grade"]
    return item["cell"]["t"], item["cell"]["title"]


def _tables(page: ImagePage) -> dict[str, RecordTable]:
    found = page.slots["measured quality"].content.select(RecordTable)
    return {table.caption: table for table in found}


async def test_heading_has_the_grade_of_the_recorded_figures_until_the_pixels_are_measured(archive: Archive) -> None:
    page = await _page(archive, "1", {})
    word, why = _grade(page)
    assert word == "good"
    assert "recorded figures only" in why
    page.quality = "on"
    await page.settled()
    word, why = _grade(page)
    assert word == "bad"  # no source: a dynamic range of 4
    assert "measured on the pixels" in why


async def test_measured_figures_have_grade_threshold_and_the_stored_value_beside_them(archive: Archive) -> None:
    page = await _page(archive, "1", {"quality": "on"})
    tables = _tables(page)
    noise = tables["Measured now"].rows[0]["cells"]
    assert [noise[2]["t"], noise[2]["s"]] == ["suspect", "warn"]
    assert "0.001 Jy/beam" in noise[3]["t"]
    (stored,) = tables["Stored by the pipeline"].rows
    assert (stored["cells"][1]["t"], stored["cells"][1]["u"]) == ("200", "µJy/beam")
    assert stored["cells"][4]["s"] == "warn"
    assert "not applicable" in [row["cells"][2]["t"] for row in tables["Measured now"].rows]


async def test_an_image_whose_file_is_gone_is_graded_by_its_record(archive: Archive) -> None:
    page = await _page(archive, "2", {"quality": "on"})
    assert page.viewer.slot.failure is not None
    assert "not on disk" in page.viewer.slot.failure.message
    assert page.slots["measured quality"].failure is None
    assert _grade(page)[0] == "good"
