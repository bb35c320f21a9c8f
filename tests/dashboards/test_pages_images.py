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
from dashboards.pages.image_filters import FIELDS, filter_of
from dashboards.pages.image_overlays import OverlayPart
from dashboards.pages.images import ImagesPage
from dashboards.session import Session
from data_access import Archive, open_archive
from data_access.demo import write_demo
from data_access.errors import RecordNotFound, ValidationError
from data_access.records import PageRequest
from data_access.repositories.image_filter import NOT_JUDGED
from data_access.repositories.images import ImageFilter
from tests.dashboards.image_page_samples import image_on_disk


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


def texts(facts: Facts) -> dict[str, str]:
    return {item["label"]: item["cell"]["t"] for group in facts.groups for item in group["items"]}


async def test_the_list_begins_with_the_image_registered_last(archive: Archive) -> None:
    page = await open_list(archive)
    newest = await archive.images.newest(1)
    assert page.table.rows[0]["key"] == str(newest[0].id)
    assert page.table.rows[0]["href"].endswith(f"images/{newest[0].id}")
    assert len(page.table.rows) == 50
    assert page.table.total.endswith(" images, newest row first")


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


async def test_images_near_a_name_are_found_and_the_name_is_explained(archive: Archive) -> None:
    image = (await archive.images.newest(1))[0]
    here = f"{image.position.ra_deg} {image.position.dec_deg}"
    page = await open_list(archive, near=here, radius="0.5")
    assert str(image.id) in {row["key"] for row in page.table.rows}
    assert page.table.note.startswith("Centres within 0.5° of")
    assert page.table.total.startswith(f"{len(page.table.rows)} image")


async def test_an_unknown_name_is_said_at_its_field(archive: Archive) -> None:
    page = await open_list(archive, near="Betelgeuse")
    assert "'Betelgeuse'" in page.filters.errors["near"]
    page._submit({"near": ""})
    await page.settled()
    assert page.filters.errors == {}
    assert page.table.rows


@pytest.mark.parametrize(
    ("name", "value"),
    [("date_from", "31.12.2025"), ("radius", "-1"), ("noise_max", "much"), ("grade", "fair"), ("on_disk", "maybe")],
)
async def test_every_malformed_filter_of_a_url_is_said_at_its_field(archive: Archive, name: str, value: str) -> None:
    page = await open_list(archive, **{name: value})
    assert page.filters.errors[name]


async def test_images_whose_file_is_gone_are_listed_without_a_false_count(archive: Archive) -> None:
    page = await open_list(archive, on_disk="no")
    assert {row["cells"][9]["t"] for row in page.table.rows} == {"gone"}
    assert page.table.total == "newest row first"
    assert "not counted" in page.table.note


async def test_the_contact_sheet_shows_the_rows_of_the_list(archive: Archive) -> None:
    table, sheet = await open_list(archive), await open_list(archive, view="gallery")
    assert sheet.table_slot.content is sheet.gallery
    assert [tile["key"] for tile in sheet.gallery.tiles] == [row["key"] for row in table.table.rows]
    assert sheet.gallery.total == table.table.total
    gone = [tile for tile in sheet.gallery.tiles if "src" not in tile]
    assert gone
    assert all("not on disk" in tile["problem"] for tile in gone)
    shown = next(tile for tile in sheet.gallery.tiles if "src" in tile)
    assert shown["src"].split("?")[0].endswith(f"images/{shown['key']}/thumbnail.png")


async def test_the_contact_sheet_goes_on_and_its_length_is_in_the_url(archive: Archive) -> None:
    page = await open_list(archive, view="gallery")
    first = [tile["key"] for tile in page.gallery.tiles]
    page.gallery._handle_msg({"type": "more"})
    await page.settled()
    longer = [tile["key"] for tile in page.gallery.tiles]
    assert (len(first), len(longer)) == (50, 100)
    assert longer[:50] == first
    assert page.tiles == 100
    assert "tiles" in page.url_params
    page._submit({"type": "5min"})
    await page.settled()
    assert len(page.gallery.tiles) == 50


async def test_a_refresh_keeps_the_length_of_the_contact_sheet(archive: Archive) -> None:
    page = await open_list(archive, view="gallery", tiles=120)
    await page.refresh()
    assert len(page.gallery.tiles) == 120


async def test_table_and_contact_sheet_are_switched(archive: Archive) -> None:
    page = await open_list(archive)
    assert page.gallery is None  # made when it is asked for
    page.switches._handle_msg({"type": "choose", "name": "view", "value": "gallery"})
    await page.settled()
    assert page.table_slot.content is page.gallery
    page.switches._handle_msg({"type": "choose", "name": "view", "value": "table"})
    await page.settled()
    assert page.table_slot.content is page.table


async def open_charts(archive: Archive, **params: Any) -> ImagesPage:
    page = await open_list(archive, **params)
    await page.settled()
    return page


def listed_in(page: ImagesPage, title: str) -> dict[str, dict[str, Any]]:
    """Cells of one of the lists beside the trend, by the row number in their link."""
    items = [
        item for group in page.charts.lists.groups if group["title"].startswith(title) for item in group["items"]
    ]
    return {item["cell"]["h"].rsplit("/", 1)[1]: item["cell"] for item in items if "h" in item["cell"]}


async def test_outliers_are_listed_by_name_with_the_reason_and_a_link(archive: Archive, folder: Path) -> None:
    page = await open_charts(archive)
    listed = listed_in(page, "Outliers")
    assert listed
    for key, cell in listed.items():
        image = await archive.images.get(key)
        assert cell["t"] == image.name
        assert f"{image.noise_jy * 1e3:.3g} mJy/beam" in cell["title"]
        assert "σ above median" in cell["n"]
    drawn = page.charts.trend.source.data
    assert {key for key, marker in zip(drawn["id"], drawn["marker"], strict=True) if marker == "diamond"} == set(
        listed
    )


async def test_another_quantity_patches_the_figure(archive: Archive) -> None:
    page = await open_charts(archive)
    plot = page.charts.trend
    page.switches._handle_msg({"type": "choose", "name": "quantity", "value": "beam"})
    await page.settled()
    assert page.charts.trend is plot
    assert plot.figure.yaxis[0].axis_label == "Beam, major axis (″)"
    assert set(plot.source.data["value"]) == {30.0}


async def test_the_map_is_made_when_it_is_asked_for(archive: Archive) -> None:
    page = await open_charts(archive)
    assert page.charts.map is None
    page.switches._handle_msg({"type": "choose", "name": "sky", "value": "noise"})
    drawn = page.charts.map
    assert page.charts.map_slot.content is drawn.figure
    assert len(drawn.source.data["id"]) == len(page.charts.images)
    page.sky = "age"
    assert page.charts.map is drawn
    assert drawn.bar.title == "Age (days)"
    assert min(drawn.source.data["age"]) > 0


async def test_a_selection_anywhere_is_shown_everywhere_and_in_the_url(archive: Archive) -> None:
    page = await open_charts(archive, sky="noise")
    table_rows = [row["key"] for row in page.table.rows]
    page.table._handle_msg({"type": "select", "key": table_rows[3]})
    page.table._handle_msg({"type": "select", "key": table_rows[0]})
    await page.settled()
    chosen = {table_rows[0], table_rows[3]}
    assert set(page.selected.split(",")) == chosen == set(page.table.selected)
    for plot in (page.charts.trend, page.charts.map):
        assert {plot.source.data["id"][i] for i in plot.source.selected.indices} == chosen
    assert set(listed_in(page, "Selected")) == chosen
    page.charts.map.source.selected.indices = [5, 6]  # as the box of the map does
    await page.settled()
    in_map = [page.charts.map.source.data["id"][i] for i in (5, 6)]
    assert page.selected.split(",") == in_map
    assert page.table.selected == in_map
    page.view = "gallery"
    await page.settled()
    assert page.gallery.selected == in_map
    page.gallery._handle_msg({"type": "select", "key": in_map[0]})
    assert page.selected == in_map[1]
    page.switches._handle_msg({"type": "choose", "name": "selected", "value": ""})
    assert page.table.selected == []


async def test_selected_images_that_are_not_on_the_page_are_listed_and_missing_ones_counted(archive: Archive) -> None:
    page = await open_charts(archive, near="0 -80", selected="1,2,99999999,x,-4")
    assert page.table.rows == []
    assert set(listed_in(page, "Selected (3)")) == {"1", "2"}
    assert page.charts.lists.groups[0]["items"][-1]["cell"]["t"] == "1 of the selected are not registered here"


async def test_a_selection_reads_nothing_again_and_adds_no_step_to_the_history(archive: Archive) -> None:
    page = await open_charts(archive)
    before = page.table.rows
    page.selected = page.table.rows[0]["key"]
    await page.settled()
    assert page.table.rows is before
    assert "selected" in page.url_params
    assert "selected" not in page.push_params


async def test_a_position_that_means_nothing_breaks_the_table_only(archive: Archive) -> None:
    page = await open_list(archive, after="%%%")
    assert "is not a position in this list" in page.table_slot.notice.text
    assert page.filters.fields


async def test_the_noise_of_the_page_is_drawn_and_patched(archive: Archive) -> None:
    page = await open_list(archive)
    await page.settled()
    plot = page.charts.trend
    listed = (await archive.images.find(ImageFilter(), PageRequest(limit=1000))).rows
    assert len(plot.source.data["value"]) == sum(image.noise_jy is not None for image in listed) > 50
    page._submit({"noise_max": "1.2"})
    await page.settled()
    assert page.charts.trend is plot
    assert max(plot.source.data["value"]) <= 1.2


async def test_a_file_that_is_gone_is_said_in_the_list(archive: Archive) -> None:
    page = await open_list(archive, rows=200)
    words = {row["cells"][9]["t"] for row in page.table.rows}
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
    page.viewer._submit({"stretch": "linear"})
    await page.settled()
    assert page.figure is figure
    assert list(figure.select_one({"name": "colours"}).palette) != palette


async def test_measured_sources_are_circled_and_listed_with_links(archive: Archive) -> None:
    page = await open_image(archive, await image_on_disk(archive))
    assert {name: slot.failure for name, slot in page.slots.items() if slot.failure is not None} == {}
    overlays = next(part for part in page.parts if isinstance(part, OverlayPart))
    assert {kind: drawn.layer.problem for kind, drawn in overlays.drawn.items()} == {"detections": "", "forced": ""}
    table = page.sources_slot.content
    circles = page.figure.select_one({"name": "overlay_detections", "type": ColumnDataSource}).data
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
    assert "is not on disk" in page.viewer.slot.notice.text
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


async def test_without_any_database_nothing_is_called_empty(tmp_path: Path) -> None:
    async with open_archive(tmp_path) as archive:
        page = await open_list(archive)
    assert page.mosaics_slot.failure is not None


def test_images_that_nobody_can_judge_are_an_option_of_the_grade() -> None:
    field = next(field for field in FIELDS if field["name"] == "grade")
    assert NOT_JUDGED in field["options"]
    values = {field["name"]: "" for field in FIELDS} | {"grade": NOT_JUDGED}
    assert filter_of(values).wanted == ImageFilter(grade=NOT_JUDGED)
