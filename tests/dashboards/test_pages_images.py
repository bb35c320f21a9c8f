"""The list of images and the page of one image, on a demo archive."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bokeh.models import ColumnDataSource

from dashboards.components.facts import Facts
from dashboards.pages.image import ImagePage
from dashboards.pages.images import ImagesPage
from dashboards.session import Session
from data_access import Archive, open_archive
from data_access.demo import write_demo
from data_access.errors import RecordNotFound, ValidationError
from data_access.records import PageRequest
from data_access.repositories.images import ImageFilter


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_demo(tmp_path_factory.mktemp("images") / "archive", nights=1)


@pytest.fixture
async def archive(folder: Path) -> AsyncIterator[Archive]:
    async with open_archive(folder) as opened:
        yield opened


async def open_list(archive: Archive, **params: Any) -> ImagesPage:
    page = ImagesPage(Session(archive), **params)
    page.__panel__()
    await page.load()
    return page


async def open_image(archive: Archive, image_id: int, **query: str) -> ImagePage:
    prepared = await ImagePage.prepare(archive, {"image_id": str(image_id)}, query)
    page = ImagePage(Session(archive, prepared=prepared), **query)
    page.__panel__()
    await page.load()
    return page


async def image_on_disk(archive: Archive) -> int:
    images = (await archive.images.find(ImageFilter(text="pbcor"), PageRequest(limit=200))).rows
    states = await archive.files.states([image.path for image in images])
    return next(image.id for image in images if not states[image.path].problem)


def texts(facts: Facts) -> dict[str, str]:
    return {item["label"]: item["cell"]["t"] for group in facts.groups for item in group["items"]}


async def test_the_list_begins_with_the_image_registered_last(archive: Archive) -> None:
    page = await open_list(archive)
    newest = await archive.images.newest(1)
    assert page.table.rows[0]["key"] == str(newest[0].id)
    assert page.table.rows[0]["href"].endswith(f"images/{newest[0].id}")
    assert len(page.table.rows) == 50
    assert page.table.total.endswith(" images")


async def test_the_next_page_goes_on_where_this_one_ends(archive: Archive) -> None:
    page = await open_list(archive)
    first = [row["key"] for row in page.table.rows]
    page._turn("next")
    await page.settled()
    second = [row["key"] for row in page.table.rows]
    assert page.after
    assert int(second[0]) < int(first[-1])
    page._turn("previous")
    await page.settled()
    assert [row["key"] for row in page.table.rows] == first


async def test_a_filter_keeps_only_what_matches_and_starts_at_the_first_page(archive: Archive) -> None:
    page = await open_list(archive)
    page._turn("next")
    await page.settled()
    page._submit({"noise_max": "1.2"})
    await page.settled()
    noises = [float(row["cells"][5]["t"]) for row in page.table.rows]
    assert page.after == ""
    assert noises
    assert max(noises) <= 1.2


async def test_a_malformed_value_is_said_at_its_field_and_the_list_stays(archive: Archive) -> None:
    page = await open_list(archive)
    before = list(page.table.rows)
    page._submit({"dec_min": "north"})
    await page.settled()
    assert page.filters.errors == {"dec_min": "'north' is not a number"}
    assert page.table.rows == before


async def test_a_position_that_means_nothing_breaks_the_table_only(archive: Archive) -> None:
    page = await open_list(archive, after="%%%")
    assert "is not a position in this list" in page.table_slot.notice.text
    assert page.filters.fields


async def test_the_noise_of_the_page_is_drawn_and_patched(archive: Archive) -> None:
    page = await open_list(archive)
    figure = page.trend
    source = figure.select_one({"name": "noise_trend", "type": ColumnDataSource})
    assert len(source.data["noise"]) == sum(row["cells"][5]["t"] != "—" for row in page.table.rows)
    page._submit({"noise_max": "1.2"})
    await page.settled()
    assert page.trend is figure
    assert max(source.data["noise"]) <= 1.2


async def test_a_file_that_is_gone_is_said_in_the_list(archive: Archive) -> None:
    page = await open_list(archive, rows=200)
    words = {row["cells"][8]["t"] for row in page.table.rows}
    assert {"on disk", "gone"} <= words


async def test_the_newest_mosaics_stand_below_the_list(archive: Archive) -> None:
    page = await open_list(archive)
    recorded = (await archive.images.find_mosaics(PageRequest(limit=20))).rows
    assert recorded
    assert [row["key"] for row in page.mosaics.rows] == [str(mosaic.id) for mosaic in recorded]


async def test_an_unknown_image_is_not_found_before_a_page_is_built(archive: Archive) -> None:
    with pytest.raises(RecordNotFound, match="99999999"):
        await ImagePage.prepare(archive, {"image_id": "99999999"}, {})


async def test_a_plane_that_is_no_number_is_refused(archive: Archive) -> None:
    with pytest.raises(ValidationError, match="not the number of a plane"):
        await ImagePage.prepare(archive, {"image_id": str(await image_on_disk(archive))}, {"plane": "one"})


async def test_the_picture_has_the_pixels_of_the_file(archive: Archive) -> None:
    page = await open_image(archive, await image_on_disk(archive))
    preview = await archive.files.image_preview(page.image.path, max_size=800)
    source = page.figure.select_one({"name": "image", "type": ColumnDataSource})
    assert np.array_equal(source.data["image"][0], preview.data, equal_nan=True)


async def test_another_stretch_changes_colours_and_not_the_figure(archive: Archive) -> None:
    page = await open_image(archive, await image_on_disk(archive))
    figure, palette = page.figure, list(page.figure.select_one({"name": "colours"}).palette)
    page._submit({"stretch": "linear", "sources": "on"})
    await page.settled()
    assert page.figure is figure
    assert list(figure.select_one({"name": "colours"}).palette) != palette


async def test_measured_sources_are_circled_and_listed_with_links(archive: Archive) -> None:
    page = await open_image(archive, await image_on_disk(archive))
    table = page.sources_slot.content
    circles = page.figure.select_one({"name": "markers", "type": ColumnDataSource}).data
    assert table.rows
    assert table.rows[0]["href"].split("sources/")[1]
    assert 0 < len(circles["x"]) <= len(table.rows)


async def test_the_image_leads_to_its_set_run_and_tables(archive: Archive) -> None:
    page = await open_image(archive, await image_on_disk(archive))
    hrefs = {
        item["label"]: item["cell"].get("h", "")
        for group in page.links_slot.content.groups
        for item in group["items"]
    }
    assert "ms/detail?path=" in hrefs["Measurement Set"]
    assert "jobs/job-" in hrefs["Run and log"]
    assert "calibration/detail?path=" in hrefs["BP"]


async def test_header_and_record_stand_side_by_side(archive: Archive) -> None:
    page = await open_image(archive, await image_on_disk(archive))
    assert texts(page.facts)["Noise"] != "—"
    assert texts(page.header_slot.content)["Shape"] == "1 × 1 × 512 × 512"
    assert "CTYPE1" in {row["cells"][0]["t"] for row in page.cards_slot.content.rows}


async def test_an_image_whose_file_is_gone_says_so_and_shows_its_record(archive: Archive) -> None:
    images = (await archive.images.find(ImageFilter(), PageRequest(limit=200))).rows
    states = await archive.files.states([image.path for image in images])
    gone = next(image for image in images if not states[image.path].exists)
    page = await open_image(archive, gone.id)
    assert "is not on disk" in page.picture_slot.notice.text
    assert texts(page.facts)["Path"] == gone.path
    assert page.links_slot.content is not None


async def test_an_odd_row_says_what_is_odd(archive: Archive, folder: Path) -> None:
    odd = [i for i in (await archive.images.find(ImageFilter(), PageRequest(limit=1000))).rows if i.problems]
    if not odd:
        with sqlite3.connect(folder / "state" / "db" / "products.sqlite3") as writer:
            writer.execute("UPDATE images SET created_at = '5min' WHERE id = (SELECT max(id) FROM images)")
        odd = list(await archive.images.newest(1))
    page = await open_image(archive, odd[0].id)
    assert odd[0].problems[0] in page.problems.text
