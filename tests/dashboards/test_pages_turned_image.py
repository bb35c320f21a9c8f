"""The page of an image that is drawn transposed: everything that is read off the screen belongs to the file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from bokeh.events import SelectionGeometry, Tap

from dashboards.pages.compare import ComparePage
from dashboards.pages.image import ImagePage
from dashboards.pages.image_regions import RegionPart
from dashboards.plots.image_turn import Turn
from dashboards.session import Session
from data_access import Archive, open_archive
from tests.dashboards.image_page_samples import look_at, open_image, source_named, write_archive_of

N_X, N_Y = 1300, 900
BRIGHT = (1000, 200)
SKY = {
    "CTYPE1": "RA---SIN", "CTYPE2": "DEC--SIN", "CRVAL1": 150.0, "CRVAL2": 33.0, "CRPIX1": 650.0, "CRPIX2": 450.0,
    "CDELT1": -3 / 3600, "CDELT2": 3 / 3600, "CROTA2": 90.0, "RADESYS": "ICRS", "BUNIT": "Jy/beam",
}  # fmt: skip


def pixels() -> np.ndarray:
    data = np.random.default_rng(110).normal(0, 1e-3, (N_Y, N_X)).astype(np.float32)
    data[BRIGHT[1], BRIGHT[0]] = 1.0
    return data


@pytest.fixture
async def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Archive]:
    monkeypatch.setenv("DSA110_DASHBOARD_CACHE", str(tmp_path / "cache"))
    write_archive_of(tmp_path, fits.PrimaryHDU(pixels(), fits.Header(SKY)))
    async with open_archive(tmp_path) as opened:
        yield opened


def shown(page: ImagePage) -> tuple[float, float]:
    """Return where on the axes of the figure the bright pixel is drawn."""
    columns = source_named(page, "image").data
    image, n = columns["image"][0], columns["factor"][0]
    row, column = np.unravel_index(int(np.nanargmax(image)), image.shape)
    return columns["x"][0] + (column + 0.5) * n, columns["y"][0] + (row + 0.5) * n


def part_of(page: ImagePage) -> RegionPart:
    return next(part for part in page.parts if isinstance(part, RegionPart))


async def test_the_readout_names_the_pixel_of_the_file_and_its_position(archive: Archive) -> None:
    page = await open_image(archive, 1)
    assert Turn.of(page.figure).swaps
    x, y = shown(page)
    assert (x, y) == pytest.approx(BRIGHT[::-1], abs=2.0)
    source_named(page, "pointer").data = {"x": [BRIGHT[1]], "y": [BRIGHT[0]]}
    await page.settled()
    words = {item["label"]: item["cell"]["t"] for item in page.viewer.pixel.line.items}
    assert words["pixel"] == "1000, 200"
    assert words["value in file"] == "1000"  # mJy/beam


async def test_a_click_cuts_at_the_sky_that_was_clicked(archive: Archive) -> None:
    page = await open_image(archive, 1)
    page.figure._trigger_event(Tap(page.figure, x=float(BRIGHT[1]), y=float(BRIGHT[0])))
    await page.settled()
    sky = WCS(fits.Header(SKY)).wcs_pix2world([BRIGHT], 0)[0]
    assert [float(word) for word in page.cut.split()] == pytest.approx(sky.tolist(), abs=2e-6)
    outline = source_named(page, "cutout_outline").data
    assert outline["xs"][0].min() < BRIGHT[1] < outline["xs"][0].max()
    assert outline["ys"][0].min() < BRIGHT[0] < outline["ys"][0].max()
    # the cutout is turned as well: a click on it goes to the same place
    assert page.cutout.figure is not None
    page.cutout.figure._trigger_event(Tap(page.cutout.figure, x=float(BRIGHT[1]), y=float(BRIGHT[0])))
    await page.settled()
    assert [float(word) for word in page.cut.split()] == pytest.approx(sky.tolist(), abs=2e-6)


async def test_zooming_reads_the_pixels_that_are_visible(archive: Archive) -> None:
    page = await open_image(archive, 1)
    await look_at(page, 150, 900, 250, 1100, width=300, height=600)
    x0, y0, x1, y1 = page.viewer.zoom.pixels.box
    assert (x0, y0) <= (900, 150) <= (1100, 250) <= (x1, y1)
    assert page.viewer.zoom.pixels.factor == 1
    assert shown(page) == BRIGHT[::-1]
    assert page.view == "1000 200 100"
    np.testing.assert_array_equal(source_named(page, "image").data["image"][0].T, pixels()[y0:y1, x0:x1])
    lines = source_named(page, "graticule").data
    assert all(np.nanmax(x) < 400 for x in lines["xs"])


async def test_the_view_of_the_url_is_in_pixels_of_the_file(archive: Archive) -> None:
    page = await open_image(archive, 1, view="1000 200 50")
    move = next(tag for tag in page.figure.tags if getattr(tag, "name", "") == "move")
    assert (move.data["x"], move.data["y"]) == ([200.0], [1000.0])


async def test_a_region_drawn_around_the_bright_pixel_holds_it(archive: Archive) -> None:
    page = await open_image(archive, 1)
    part_of(page).choose_mode("box")
    geometry = {"type": "rect", "x0": 190.0, "x1": 210.0, "y0": 980.0, "y1": 1040.0}
    page.figure._trigger_event(SelectionGeometry(page.figure, geometry=geometry, final=True))
    await page.settled()
    found = part_of(page).measured[0].statistics
    assert found is not None
    assert found.maximum == 1.0
    drawn = source_named(page, "regions").data
    assert (np.min(drawn["xs"][0]), np.max(drawn["ys"][0])) == pytest.approx((190.0, 1040.0), abs=0.1)


async def test_contours_go_around_the_bright_pixel_as_it_is_drawn(archive: Archive) -> None:
    page = await open_image(archive, 1, contours="value", levels="0.5")
    lines = source_named(page, "contours").data
    assert (np.nanmean(lines["xs"][0]), np.nanmean(lines["ys"][0])) == pytest.approx(BRIGHT[::-1], abs=0.5)


async def test_compared_images_are_turned_and_zoomed_alike(archive: Archive) -> None:
    page = ComparePage(Session(archive, query={"images": "1", "mode": "blink"}))
    page.__panel__()
    await page.load()
    figure = page.figures[0]
    assert Turn.of(figure).swaps
    visible = figure.select_one({"name": "visible"})
    visible.data = {"x0": [150], "x1": [250], "y0": [900], "y1": [1100], "width": [300], "height": [600]}
    await page.settled()
    assert page.view == "1000 200 100"
    x0, y0, x1, y1 = page.drawn[0].view.box
    drawn = next(one for one in figure.renderers if one.name == "layer_0").data_source.data["image"][0]
    np.testing.assert_array_equal(drawn.T, pixels()[y0:y1, x0:x1])
