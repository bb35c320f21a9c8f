"""The page of an image stored at an angle that is no quarter: what is read off the screen belongs to the file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from bokeh.events import SelectionGeometry, Tap

from dashboards.pages.compare import ComparePage
from dashboards.pages.image import ImagePage
from dashboards.pages.image_regions import RegionPart
from dashboards.plots.image import SkyMarker, plot_image
from dashboards.plots.image_turn import Turn
from dashboards.session import Session
from data_access import Archive, open_archive
from tests.dashboards.image_page_samples import look_at, open_image, source_named, write_archive_of

N_X, N_Y = 1300, 900
BRIGHT = (1000, 200)
WAYS = {
    "30": {"CROTA2": 30.0, "CDELT1": -3 / 3600},
    "123 mirrored": {"CROTA2": 123.0, "CDELT1": 3 / 3600},
    "-77": {"CROTA2": -77.0, "CDELT1": -3 / 3600},
}


def sky_of(way: str) -> dict[str, Any]:
    return {
        "CTYPE1": "RA---SIN", "CTYPE2": "DEC--SIN", "CRVAL1": 150.0, "CRVAL2": 33.0, "CRPIX1": 650.0, "CRPIX2": 450.0,
        "CDELT2": 3 / 3600, "RADESYS": "ICRS", "BUNIT": "Jy/beam", **WAYS[way],
    }  # fmt: skip


def pixels() -> np.ndarray:
    data = np.random.default_rng(110).normal(0, 1e-3, (N_Y, N_X)).astype(np.float32)
    data[BRIGHT[1], BRIGHT[0]] = 1.0
    return data


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str) -> AsyncIterator[Archive]:
    monkeypatch.setenv("DSA110_DASHBOARD_CACHE", str(tmp_path / "cache"))
    write_archive_of(tmp_path, fits.PrimaryHDU(pixels(), fits.Header(sky_of(way))))
    async with open_archive(tmp_path) as opened:
        yield opened


def bright_on(page: ImagePage) -> tuple[float, float]:
    """Return where on the axes of the figure the bright pixel belongs."""
    turn = Turn.of(page.figure)
    assert turn.angle_deg != 0
    return turn.place(float(BRIGHT[0]), float(BRIGHT[1]))


def drawn_at(columns: dict[str, Any]) -> tuple[float, float]:
    """Return where the brightest samples are drawn."""
    image = columns["image"][0]
    row, column = np.argwhere(image == np.nanmax(image)).mean(axis=0)
    n_v, n_u = image.shape
    return (
        columns["x"][0] + (column + 0.5) * columns["dw"][0] / n_u,
        columns["y"][0] + (row + 0.5) * columns["dh"][0] / n_v,
    )


def part_of(page: ImagePage) -> RegionPart:
    return next(part for part in page.parts if isinstance(part, RegionPart))


async def test_the_bright_pixel_is_drawn_where_it_is_on_the_sky_and_read_from_the_file(
    archive: Archive, way: str
) -> None:
    page = await open_image(archive, 1)
    x, y = bright_on(page)
    assert drawn_at(source_named(page, "image").data) == pytest.approx((x, y), abs=2.0)
    # on the screen it is as far up and to the left as it is north and east of the middle
    middle = Turn.of(page.figure).place((N_X - 1) / 2, (N_Y - 1) / 2)
    left, up = (x - middle[0]) * (1 if page.figure.x_range.flipped else -1), y - middle[1]
    sky = WCS(fits.Header(sky_of(way))).wcs_pix2world([BRIGHT, ((N_X - 1) / 2, (N_Y - 1) / 2)], 0)
    north = (sky[0][1] - sky[1][1]) * 1200
    east = (sky[0][0] - sky[1][0]) * 1200 * np.cos(np.radians(sky[0][1]))
    assert (left, up) == pytest.approx((east, north), abs=2.0)
    source_named(page, "pointer").data = {"x": [x + 0.3], "y": [y - 0.3]}
    await page.settled()
    words = {item["label"]: item["cell"]["t"] for item in page.viewer.pixel.line.items}
    assert (words["pixel"], words["value in file"]) == ("1000, 200", "1000")


async def test_a_click_cuts_at_the_sky_that_was_clicked(archive: Archive, way: str) -> None:
    page = await open_image(archive, 1)
    x, y = bright_on(page)
    page.figure._trigger_event(Tap(page.figure, x=x, y=y))
    await page.settled()
    sky = WCS(fits.Header(sky_of(way))).wcs_pix2world([BRIGHT], 0)[0]
    assert [float(word) for word in page.cut.split()] == pytest.approx(sky.tolist(), abs=2e-6)
    outline = source_named(page, "cutout_outline").data
    assert (outline["xs"][0][:4].mean(), outline["ys"][0][:4].mean()) == pytest.approx((x, y), abs=1.0)
    # the cutout is turned about the same middle: a click on it goes to the same place
    cutout = page.cutout.figure
    assert cutout is not None
    x, y = Turn.of(cutout).place(float(BRIGHT[0]), float(BRIGHT[1]))
    assert drawn_at(cutout.select_one({"name": "image", "type": type(source_named(page, "image"))}).data) == (
        pytest.approx((x, y), abs=0.5)
    )
    cutout._trigger_event(Tap(cutout, x=x, y=y))
    await page.settled()
    assert [float(word) for word in page.cut.split()] == pytest.approx(sky.tolist(), abs=2e-6)


async def test_zooming_reads_the_pixels_that_are_visible_and_draws_each_of_them(archive: Archive) -> None:
    page = await open_image(archive, 1)
    x, y = bright_on(page)
    await look_at(page, x - 40, y - 30, x + 40, y + 30, width=800, height=600)
    x0, y0, x1, y1 = page.viewer.zoom.pixels.box
    assert page.viewer.zoom.pixels.factor == 1
    assert x0 < BRIGHT[0] < x1
    assert y0 < BRIGHT[1] < y1
    assert (x1 - x0) * (y1 - y0) < 200 * 200
    columns = source_named(page, "image").data
    assert drawn_at(columns) == pytest.approx((x, y), abs=0.2)
    image, side = columns["image"][0], columns["dw"][0] / columns["image"][0].shape[1]
    assert np.count_nonzero(image == 1.0) * side**2 == pytest.approx(1.0, abs=0.1)
    assert [float(word) for word in page.view.split()] == pytest.approx([*BRIGHT, 60.0], rel=1e-3)
    # nothing is read for the same view again, and finer samples for a closer one
    before = page.viewer.zoom.pixels
    await look_at(page, x - 40, y - 30, x + 40, y + 30.001, width=800, height=600)
    assert page.viewer.zoom.pixels is before
    await look_at(page, x - 4, y - 3, x + 4, y + 3, width=800, height=600)
    image = source_named(page, "image").data["image"][0]
    assert source_named(page, "image").data["dw"][0] / image.shape[1] == pytest.approx(1 / 16)


async def test_the_view_of_the_url_is_in_pixels_of_the_file(archive: Archive) -> None:
    page = await open_image(archive, 1, view="1000 200 50")
    move = next(tag for tag in page.figure.tags if getattr(tag, "name", "") == "move")
    assert (move.data["x"][0], move.data["y"][0]) == pytest.approx(bright_on(page))


async def test_the_lines_of_the_sky_are_where_astropy_has_them(archive: Archive, way: str) -> None:
    page = await open_image(archive, 1)
    x, y = bright_on(page)
    await look_at(page, x - 100, y - 80, x + 100, y + 80)
    lines, turn = source_named(page, "graticule").data, Turn.of(page.figure)
    assert len(lines["xs"]) > 4
    for xs, ys, family, value in zip(lines["xs"], lines["ys"], lines["family"], lines["value_deg"], strict=True):
        seen = np.isfinite(xs)
        assert np.max(np.abs(xs[seen] - x)) < 300
        places = np.column_stack(turn.point(xs[seen], ys[seen]))
        world = WCS(fits.Header(sky_of(way))).wcs_pix2world(places, 0)[:, 0 if family == "lon" else 1]
        np.testing.assert_allclose(world, value, atol=1e-6)


async def test_a_box_dragged_on_the_screen_stands_upright_there_and_holds_the_pixels_of_the_file(
    archive: Archive,
) -> None:
    page = await open_image(archive, 1)
    x, y = bright_on(page)
    part = part_of(page)
    part.choose_mode("box")
    geometry = {"type": "rect", "x0": x - 15, "x1": x + 5, "y0": y - 20, "y1": y + 10}
    page.figure._trigger_event(SelectionGeometry(page.figure, geometry=geometry, final=True))
    await page.settled()
    found = part.measured[0].statistics
    assert found is not None
    u, v = Turn.of(page.figure).place(*(n.astype(float) for n in np.meshgrid(np.arange(N_X), np.arange(N_Y))))
    inside = (u > x - 15) & (u < x + 5) & (v > y - 20) & (v < y + 10)
    expected = pixels()[inside]
    assert found.maximum_xy == BRIGHT
    assert found.n_pixels == pytest.approx(expected.size, abs=4)
    assert found.mean == pytest.approx(float(expected.mean()), rel=0.02)
    drawn = source_named(page, "regions").data
    edges = [np.min(drawn["xs"][0]), np.max(drawn["xs"][0]), np.min(drawn["ys"][0]), np.max(drawn["ys"][0])]
    assert edges == pytest.approx([x - 15, x + 5, y - 20, y + 10], abs=0.2)


async def test_two_clicks_make_the_same_box_and_a_profile_runs_through_the_pixels_of_the_file(
    archive: Archive,
) -> None:
    page = await open_image(archive, 1)
    x, y = bright_on(page)
    part = part_of(page)
    part.choose_mode("box")
    for corner in ((x - 15, y + 10), (x + 5, y - 20)):
        page.figure._trigger_event(Tap(page.figure, x=corner[0], y=corner[1]))
    part.choose_mode("line")
    for end in ((x - 30, y - 30), (x + 30, y + 30)):
        page.figure._trigger_event(Tap(page.figure, x=end[0], y=end[1]))
    await page.settled()
    box, line = part.measured
    drawn = source_named(page, "regions").data
    assert np.min(drawn["xs"][0]) == pytest.approx(x - 15, abs=0.2)
    assert box.statistics is not None
    assert box.statistics.maximum_xy == BRIGHT
    assert line.profile is not None
    assert np.nanmax(line.profile.value) > 0.3  # interpolated between pixels
    assert line.profile.offset[-1] == pytest.approx(60 * np.sqrt(2) * 3, rel=1e-2)


async def test_contours_go_around_the_bright_pixel_as_it_is_drawn(archive: Archive) -> None:
    page = await open_image(archive, 1, contours="value", levels="0.5")
    lines = source_named(page, "contours").data
    assert (np.nanmean(lines["xs"][0]), np.nanmean(lines["ys"][0])) == pytest.approx(bright_on(page), abs=0.5)


async def test_compared_images_are_turned_and_zoomed_alike(archive: Archive) -> None:
    page = ComparePage(Session(archive, query={"images": "1", "mode": "blink"}))
    page.__panel__()
    await page.load()
    figure = page.figures[0]
    x, y = Turn.of(figure).place(float(BRIGHT[0]), float(BRIGHT[1]))
    visible = figure.select_one({"name": "visible"})
    visible.data = {"x0": [x - 40], "x1": [x + 40], "y0": [y - 30], "y1": [y + 30], "width": [800], "height": [600]}
    await page.settled()
    assert [float(word) for word in page.view.split()] == pytest.approx([*BRIGHT, 60.0], rel=1e-3)
    columns = next(one for one in figure.renderers if one.name == "layer_0").data_source.data
    assert drawn_at(columns) == pytest.approx((x, y), abs=0.2)


async def test_a_marked_place_lies_on_its_pixel(archive: Archive, way: str) -> None:
    page = await open_image(archive, 1)
    ra, dec = WCS(fits.Header(sky_of(way))).wcs_pix2world([BRIGHT], 0)[0]
    figure = plot_image(page.preview, markers=[SkyMarker(ra, dec, "here")])
    places = figure.select_one({"name": "markers", "type": type(source_named(page, "image"))}).data
    assert (places["x"][0], places["y"][0]) == pytest.approx(bright_on(page), abs=0.01)
