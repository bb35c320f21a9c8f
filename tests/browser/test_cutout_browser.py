"""From a click on an image to a cutout on the disk, in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS
from playwright.sync_api import Page, expect

from tests.browser.conftest import ServerProcess, newest_image

StartServer = Callable[..., ServerProcess]


def test_click_cuts_there_and_the_download_has_its_coordinates(
    page: Page, server: StartServer, demo: Path, tmp_path: Path
) -> None:
    number, path = newest_image(demo)
    root = server(str(demo), module="tests.browser.archive_server").url
    page.goto(f"{root}images/{number}")
    page.wait_for_function("document.documentElement.dataset.filled === 'yes'")
    picture = page.locator(".bk-Figure").first.locator(".bk-CanvasPanel, canvas").first
    box = picture.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 0.45 * box["width"], box["y"] + 0.5 * box["height"])
    expect(page.get_by_role("heading", name="This cutout")).to_be_visible()
    page.wait_for_url("**cut=*")
    ra, dec = (float(word) for word in parse_qs(urlsplit(page.url).query)["cut"][0].split())

    with page.expect_download() as waiting:
        page.get_by_role("link", name="FITS").and_(page.locator("[href*='cutout']")).click()
    saved = tmp_path / waiting.value.suggested_filename
    waiting.value.save_as(saved)
    assert saved.name.startswith(path.name.removesuffix(".fits").replace(":", "-"))
    with fits.open(saved) as hdus, fits.open(path) as whole:
        x, y = WCS(hdus[0].header).world_to_pixel(SkyCoord(ra, dec, unit="deg"))
        x0, y0 = WCS(whole[0].header).celestial.world_to_pixel(SkyCoord(ra, dec, unit="deg"))
        n_y, n_x = hdus[0].data.shape
        assert max(abs(x - (n_x - 1) / 2), abs(y - (n_y - 1) / 2)) <= 1
        left, bottom = round(float(x0 - x)), round(float(y0 - y))
        same = whole[0].data[0, 0, bottom : bottom + n_y, left : left + n_x]
        np.testing.assert_array_equal(hdus[0].data, same)

    first = page.url
    page.reload()
    expect(page.get_by_role("heading", name="This cutout")).to_be_visible()
    page.go_back()
    page.wait_for_url(lambda url: "cut=" not in url)
    expect(page.get_by_role("heading", name="This cutout")).to_have_count(0)
    assert first != page.url
