"""Regions on the page of an image: drawn, typed, measured, kept in the URL."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

import numpy as np
import pytest
from bokeh.events import DoubleTap, SelectionGeometry, Tap
from bokeh.models import BoxSelectTool, PanTool
from regions import Regions

from dashboards.components.browser_state import write_query
from dashboards.pages.image import ImagePage
from dashboards.pages.image_regions import RegionPart
from data_access import Archive
from data_access.analysis.region_text import MAX_REGIONS
from tests.dashboards.image_page_samples import data_of, open_newest_image


def part_of(page: ImagePage) -> RegionPart:
    return next(part for part in page.parts if isinstance(part, RegionPart))


def query_of(page: ImagePage) -> dict[str, str]:
    return {key: values[0] for key, values in parse_qs(write_query(page, page.url_params)).items()}


def tell(page: ImagePage, **message: Any) -> None:
    panel = part_of(page).panel
    assert panel is not None
    panel._handle_msg(message)


async def click(page: ImagePage, *points: tuple[float, float]) -> None:
    for x, y in points:
        page.figure._trigger_event(Tap(page.figure, x=x, y=y))
    await page.settled()


async def test_two_clicks_draw_a_box_whose_figures_are_those_of_its_pixels(archive: Archive) -> None:
    page = await open_newest_image(archive)
    tell(page, type="mode", value="box")
    await click(page, (99.6, 119.6), (140.4, 150.4))
    part = part_of(page)
    found = part.measured[0].statistics
    pixels = (await archive.cutouts.cutout(page.image, "pixel 120 135", width=41, height=31, unit="pixel")).data
    assert found is not None
    assert (found.n_pixels, found.maximum) == (pixels.size, pixels.max())
    assert found.total == pytest.approx(float(pixels.sum(dtype=float)))
    assert part.shapes[0].frame == "icrs"
    assert page.cut == ""  # the click was not taken for a cutout
    assert query_of(page)["regions"].startswith("box_")
    assert [len(one) for one in data_of(page.figure, "regions")["xs"]] == [5]
    assert data_of(page.figure, "region_begun")["x"] == []


async def test_without_a_tool_a_click_is_a_cutout_and_no_region(archive: Archive) -> None:
    page = await open_newest_image(archive)
    await click(page, (100.0, 120.0))
    assert page.cut
    assert part_of(page).shapes == ()


async def test_the_url_restores_regions_with_figures_and_the_selected_one(archive: Archive) -> None:
    regions = "px-circle_100_120_10~px-line_100_120_150_120"
    page = await open_newest_image(archive, regions=regions, region="1")
    part = part_of(page)
    assert part.panel is not None
    assert [row["selected"] for row in part.panel.rows] == [True, False]
    assert part.detail[1][0].object.name == "region_histogram"
    page.region = 2
    profile = part.detail[1][0].object
    expected = (await archive.cutouts.cutout(page.image, "pixel 125 120", width=51, height=1, unit="pixel")).data[0]
    np.testing.assert_allclose(part.measured[1].profile.value, expected)  # type: ignore[union-attr]
    assert profile.name == "region_profile"
    assert profile.xaxis[0].axis_label == "Offset (arcmin)"
    assert query_of(page) == {"regions": regions, "region": "2"}


async def test_a_drag_over_the_picture_draws_once_a_tool_is_chosen(archive: Archive) -> None:
    page = await open_newest_image(archive)
    tell(page, type="mode", value="ellipse")
    geometry = {"type": "rect", "x0": 90.0, "x1": 130.0, "y0": 100.0, "y1": 120.0}
    page.figure._trigger_event(SelectionGeometry(page.figure, geometry=geometry, final=True))
    await page.settled()
    shape = part_of(page).shapes[0]
    assert shape.kind == "ellipse"
    assert shape.width / shape.height == pytest.approx(2.0, rel=1e-3)


async def test_a_double_click_ends_a_polygon(archive: Archive) -> None:
    page = await open_newest_image(archive)
    tell(page, type="mode", value="polygon")
    await click(page, (100.0, 100.0), (140.0, 100.0), (120.0, 140.0), (120.0, 140.0))
    assert part_of(page).shapes == ()
    assert data_of(page.figure, "region_begun")["x"] == [100.0, 140.0, 120.0]
    page.figure._trigger_event(DoubleTap(page.figure, x=120.0, y=140.0))
    await page.settled()
    assert len(part_of(page).shapes[0].points) == 3


async def test_typed_regions_are_added_and_what_makes_no_sense_stays_in_the_box(archive: Archive) -> None:
    page = await open_newest_image(archive)
    part = part_of(page)
    tell(page, type="add", text="pixel circle 100 120 10\n\npixel box 1 2\npixel line 1 1 20 20\n")
    await page.settled()
    assert part.panel is not None
    assert [shape.kind for shape in part.shapes] == ["circle", "line"]
    assert part.panel.errors[0].startswith("left out: line 3: ")
    assert part.panel.text == "pixel box 1 2"
    tell(page, type="remove", key=1)
    await page.settled()
    assert [shape.kind for shape in part.shapes] == ["line"]


async def test_a_file_is_read_and_saved_again_in_both_formats(archive: Archive) -> None:
    page = await open_newest_image(archive)
    part = part_of(page)
    assert part.panel is not None
    ra, dec = (await archive.cutouts.position_of_pixel(page.image, 100, 120)).ra_deg, 54.5
    text = f'fk5\ncircle({ra},{dec},30") # text={{<b>x</b>}}\nannulus({ra},{dec},30",40")\n'
    tell(page, type="add", text=text, name="mine.reg")
    await page.settled()
    assert [(shape.kind, shape.name) for shape in part.shapes] == [("circle", "<b>x</b>")]
    assert part.panel.errors[0] == "left out: mine.reg, line 3: the shape CircleAnnulus is not known here"
    tell(page, type="frame", value="galactic")
    for serial, (file_format, suffix) in enumerate((("ds9", ".reg"), ("crtf", ".crtf")), start=1):
        tell(page, type="save", value=file_format)
        await page.settled()
        assert part.panel.file["serial"] == serial
        assert part.panel.file["name"].endswith(suffix)
        (found,) = Regions.parse(part.panel.file["text"], format=file_format)
        assert found.center.frame.name == "galactic"
        assert found.radius.to_value("arcsec") == pytest.approx(30.0)
        assert found.center.fk5.ra.deg == pytest.approx(ra, abs=1e-7)


async def test_a_text_that_is_too_long_is_refused_and_the_regions_stay(archive: Archive) -> None:
    page = await open_newest_image(archive, regions="px-circle_100_120_10")
    tell(page, type="add", text="circle(1,2,3)\n" * 5000)
    await page.settled()
    assert "5,000 lines" in part_of(page).text_slot.notice.text
    assert len(part_of(page).measured) == 1


async def test_regions_beside_the_image_say_so_and_the_others_are_measured(archive: Archive) -> None:
    page = await open_newest_image(archive, regions="circle_10_-80_30~px-circle_100_120_10")
    part = part_of(page)
    assert part.measured[0].problem
    assert part.measured[1].statistics is not None
    assert part.panel is not None
    assert part.panel.rows[0]["cells"][2]["s"] == "warn"


async def test_more_regions_than_the_address_holds_stay_and_say_so(archive: Archive) -> None:
    page = await open_newest_image(archive)
    part = part_of(page)
    tell(page, type="add", text="\n".join(f"pixel circle {n}.125 120 10" for n in range(50, 50 + MAX_REGIONS)))
    await page.settled()
    assert len(part.measured) == MAX_REGIONS
    assert "regions" not in query_of(page)
    assert part.panel is not None
    assert "address" in part.panel.note
    tell(page, type="add", text="pixel circle 1 1 1")
    await page.settled()
    assert "up to 0 more" in part.panel.errors[0]
    tell(page, type="clear")
    await page.settled()
    assert (part.shapes, part.panel.note) == ((), "")


async def test_going_back_brings_the_regions_of_that_address(archive: Archive) -> None:
    page = await open_newest_image(archive, regions="px-circle_100_120_10")
    page.regions = ""
    await page.settled()
    assert part_of(page).measured == ()
    page.regions = "px-box_100_120_10_20~nonsense"
    await page.settled()
    assert [one.shape.kind for one in part_of(page).measured] == ["box"]


async def test_messages_that_are_not_offered_change_nothing(archive: Archive) -> None:
    page = await open_newest_image(archive, regions="px-circle_100_120_10")
    for message in ({"type": "mode", "value": "moon"}, {"type": "remove", "key": 7}, {"type": "remove", "key": "1"},
                    {"type": "select"}, {"type": "add", "text": 5}, {"type": "save", "value": "exe"}):  # fmt: skip
        tell(page, **message)
    await page.settled()
    assert len(part_of(page).shapes) == 1
    assert part_of(page).drawing.mode == "cutout"


async def test_keys_choose_what_is_drawn_close_a_polygon_and_end_drawing(archive: Archive) -> None:
    page = await open_newest_image(archive)
    drawing = part_of(page).drawing
    listed = {key for keys, *_ in page.keys.listener.keys for key in keys.split(" ")}
    assert {"r", "e", "b", "y", "d", "f", "Escape", "o", "k"} <= listed
    page.keys.press("y")
    await click(page, (100.0, 100.0), (140.0, 100.0), (120.0, 140.0))
    page.keys.press("f")
    await page.settled()
    assert [shape.kind for shape in part_of(page).shapes] == ["polygon"]
    page.keys.press("b")
    assert drawing.mode == "box"
    assert isinstance(page.figure.toolbar.active_drag, BoxSelectTool)
    page.keys.press("Escape")
    assert drawing.mode == "cutout"
    assert isinstance(page.figure.toolbar.active_drag, PanTool)


async def test_another_plane_is_measured_anew(archive: Archive) -> None:
    page = await open_newest_image(archive, regions="px-circle_100_120_10")
    first = part_of(page).measured[0].statistics
    page.plane = 1
    await page.settled()
    assert "plane 1 does not exist" in part_of(page).measured[0].problem
    page.plane = 0
    await page.settled()
    assert part_of(page).measured[0].statistics is not first
    assert part_of(page).measured[0].statistics is not None


async def test_a_new_figure_has_the_outlines_and_the_tool(archive: Archive) -> None:
    page = await open_newest_image(archive, regions="px-circle_100_120_10")
    before = page.figure
    tell(page, type="mode", value="box")
    page.viewer.preview = page.viewer.figure = None
    page.viewer._reread()
    await page.settled()
    assert page.figure is not before
    assert [len(one) for one in data_of(page.figure, "regions")["xs"]] == [181]
    assert isinstance(page.figure.toolbar.active_drag, BoxSelectTool)
