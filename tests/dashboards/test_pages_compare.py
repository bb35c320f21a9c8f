"""The page on which images are compared."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from bokeh.models import ColumnDataSource

from dashboards.pages.compare import ComparePage
from dashboards.pages.compare_part import ComparePart, epochs_around
from dashboards.pages.compare_reading import parse_ids
from dashboards.pages.image import ImagePage
from dashboards.pages.images import ImagesPage
from dashboards.plots.image_view import Visible
from dashboards.session import Session
from data_access import Archive, open_archive
from data_access.demo.schema import create_database
from data_access.records import Image

N = 64
SKY: dict[str, Any] = {
    "CTYPE1": "RA---SIN", "CTYPE2": "DEC--SIN", "CRVAL1": 150.0, "CRVAL2": 54.5, "CDELT1": -5 / 3600,
    "CDELT2": 5 / 3600, "CRPIX1": 32.0, "CRPIX2": 32.0, "BUNIT": "Jy/beam", "BMAJ": 30 / 3600, "BMIN": 30 / 3600,
}  # fmt: skip


def _write(folder: Path, day: int, level: float, **cards: Any) -> str:
    data = np.full((N, N), level, "f4")
    data[40, 20] = 1.0
    path = folder / f"2026-01-0{day}T00:00:00.img.fits"
    fits.PrimaryHDU(data, fits.Header(SKY | cards)).writeto(path)
    return str(path)


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[Archive]:
    paths = [
        _write(tmp_path, 1, 0.1),
        _write(tmp_path, 2, 0.3, CRPIX1=22.0),
        _write(tmp_path, 3, 0.2, BUNIT="K"),
        str(tmp_path / "2026-01-04T00:00:00.img.fits"),
        _write(tmp_path, 5, 0.2, BMAJ=60 / 3600),
        _write(tmp_path, 6, 300.0, BUNIT="mJy/beam"),
    ]
    (tmp_path / "state" / "db").mkdir(parents=True)
    database = tmp_path / "state" / "db" / "products.sqlite3"
    create_database(database, "products")
    with sqlite3.connect(database) as connection:
        connection.executemany(
            "INSERT INTO images (path, ms_path, created_at, type, center_ra_deg, center_dec_deg) "
            "VALUES (?, 'a.ms', 0, '5min', 150.0, 54.5)",
            [(path,) for path in paths],
        )
    config = tmp_path / "settings.toml"
    config.write_text(f'state_dir = "{tmp_path}/state"\nroots = ["{tmp_path}"]\n', encoding="utf-8")
    made = open_archive(config=config)
    yield made
    await made.close()


async def _page(archive: Archive, **query: str) -> ComparePage:
    page = ComparePage(Session(archive, query=query))
    page.__panel__()
    await page.load()
    return page


def _pixels(figure: Any, name: str = "image") -> np.ndarray:
    return np.asarray(figure.select_one({"name": name, "type": ColumnDataSource}).data["image"][0])


def _mapper(figure: Any) -> Any:
    return next(renderer.glyph.color_mapper for renderer in figure.renderers if renderer.name == "image")


async def test_blink_has_all_images_upon_each_other_and_the_one_of_the_url_visible(archive: Archive) -> None:
    page = await _page(archive, images="1,2", shown="1")
    (figure,) = page.figures
    visible = [figure.select_one({"name": f"layer_{number}"}).visible for number in range(2)]
    assert visible == [False, True]
    assert [layer["title"][:2] for layer in page.control.layers] == ["1:", "2:"]
    np.testing.assert_allclose(_pixels(figure, "image_1")[32, 30], 0.3, rtol=1e-6)
    # the second one lies ten pixels further west: its source is ten columns further on the pixels of the first
    assert np.nanargmax(_pixels(figure, "image_1")[40]) == 30


async def test_side_by_side_the_sky_is_locked_and_the_colours_are_those_of_the_first(archive: Archive) -> None:
    page = await _page(archive, images="1,2", mode="side")
    one, two = page.figures
    assert (one.x_range, one.y_range) == (two.x_range, two.y_range)
    mappers = [_mapper(figure) for figure in page.figures]
    assert mappers[0].low == mappers[1].low
    page.scales = "own"
    await page.settled()
    mappers = [_mapper(figure) for figure in page.figures]
    assert mappers[0].low != mappers[1].low


async def test_colours_are_chosen_as_on_the_page_of_an_image(archive: Archive) -> None:
    page = await _page(archive, images="1,2", colours="viridis", invert="1", limits="minmax")
    figure = page.figures[0]
    mapper = figure.select_one({"name": "colours"})
    assert (mapper.low, mapper.high) == pytest.approx((0.1, 1.0))
    assert mapper.palette[0] == "#FDE724"
    page._submit(dict(page.form.values) | {"low": "150", "invert": False})  # the form is in mJy/beam
    await page.settled()
    assert page.figures[0] is figure
    assert (page.limits, page.low, page.invert) == ("hand", 0.15, False)
    assert (mapper.low, mapper.palette[-1]) == (0.15, "#FDE724")
    page._submit(dict(page.form.values) | {"low": "2000"})
    assert page.form.errors == {"high": "must be above the lower limit"}


async def test_pixels_in_mjy_are_brought_to_the_jy_of_the_first_image(archive: Archive) -> None:
    page = await _page(archive, images="1,6")
    np.testing.assert_allclose(_pixels(page.figures[0], "image_1")[5, 40], 0.3, rtol=1e-6)
    assert "its mJy/beam brought to Jy/beam" in page.drawn[1].how
    page.mode = "difference"
    await page.settled()
    np.testing.assert_allclose(_pixels(page.figures[0])[5, 40], -0.2, rtol=1e-5)


async def test_the_difference_is_on_common_pixels_and_differing_units_refuse_it(archive: Archive) -> None:
    page = await _page(archive, images="1,2,3", mode="difference")
    np.testing.assert_allclose(_pixels(page.figures[0])[5, 40], -0.2, rtol=1e-5)
    page.pair = "2-1"
    await page.settled()
    np.testing.assert_allclose(_pixels(page.figures[0])[5, 40], 0.2, rtol=1e-5)
    page.pair = "1-3"
    await page.settled()
    assert page.figures == ()
    assert "units differ" in page.picture_slot.content.text


async def test_differing_beams_are_said_with_the_difference(archive: Archive) -> None:
    page = await _page(archive, images="1,5", mode="difference")
    assert page.figures
    assert "beams differ" in page.picture_slot.content[0].text


async def test_an_image_that_cannot_be_read_costs_only_itself(archive: Archive) -> None:
    page = await _page(archive, images="4,1,99,2")
    assert len(page.control.layers) == 2
    rows = page.table_slot.content.rows
    assert [row["cells"][5]["t"] for row in rows][::2] == ["not shown", "not shown"]
    assert "not on disk" in rows[0]["cells"][5]["n"]


async def test_what_comes_into_view_is_read_at_its_resolution_and_kept_in_the_url(archive: Archive) -> None:
    page = await _page(archive, images="1,2")
    page._look(Visible(10, 10, 30, 20, 600, 300))
    await page.settled()
    source = page.figures[0].select_one({"name": "image_1", "type": ColumnDataSource}).data
    assert (source["x"][0], source["dw"][0]) == (3.5, 32)
    assert page.view == "20 15 10"


@pytest.mark.parametrize("text", ["", "x", "1,,", "1,²", "9" * 30, "1 2 3 4 5", "<b>"])
async def test_any_text_for_images_is_answered_in_words(archive: Archive, text: str) -> None:
    page = await _page(archive, images=text, mode="difference", pair="4-4", view="nan 1 1")
    assert page.picture_slot.failure is None
    assert bool(page.form.errors) == (text not in ("", "1,,"))


def test_image_numbers_are_four_at_most_and_each_once() -> None:
    assert parse_ids("3, 1 3,2") == (("3", "1", "2"), "")
    assert parse_ids("1,2,3,4,5")[0] == ("1", "2", "3", "4")


async def test_an_image_leads_to_the_comparison_with_its_neighbours_in_time(archive: Archive) -> None:
    prepared = await ImagePage.prepare(archive, {"image_id": "2"}, {})
    page = ImagePage(Session(archive, prepared=prepared))
    page.__panel__()
    part = next(part for part in page.parts if isinstance(part, ComparePart))
    await part.load()
    hrefs = [one["href"] for one in part.switches.switches[0]["options"]]
    assert [href.split("images=")[1] for href in hrefs] == ["2%2C1", "2%2C3", "2%2C6%2C5%2C4"]


async def test_two_to_four_selected_images_of_the_list_lead_to_their_comparison(archive: Archive) -> None:
    for selected, expected in (("1", []), ("1,3", ["images=1%2C3"]), ("1,2,3,4,5", [])):
        page = ImagesPage(Session(archive, query={"selected": selected}))
        page.__panel__()
        await page.load()
        options = [one for group in page.switches.switches for one in group["options"]]
        assert [one["href"].split("?")[1] for one in options if one["value"] == "compare"] == expected


async def test_the_next_piece_of_a_drift_scan_is_no_other_epoch_of_this_one(archive: Archive) -> None:
    image = await archive.images.get("2")
    mjd = image.epoch.mjd
    assert mjd is not None

    def at(number: int, days: float, dec_deg: float) -> Image:
        epoch = replace(image.epoch, mjd=mjd + days)
        return replace(image, id=number, epoch=epoch, center_dec_deg=dec_deg)

    minutes_later, night_before = at(11, 0.0035, 54.5), at(12, -1.0, 54.5)
    far_of_that_night, two_nights_later = at(13, -1.002, 55.2), at(14, 1.99, 54.6)
    found = epochs_around(image, (image, minutes_later, far_of_that_night, night_before, two_nights_later))
    assert (found.before, found.after) == (night_before, two_nights_later)
    assert [one.id for one in found.newest] == [14, 12]
