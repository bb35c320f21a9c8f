"""An image stored at an angle, in a real browser: right is west, up is north, values are those of the file."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from playwright.sync_api import Page, expect

from data_access.demo import write_demo
from tests.browser.conftest import ServerProcess
from tests.dashboards.image_page_samples import replace_image

StartServer = Callable[..., ServerProcess]
SIZE, STEP = 600, 6.0
SCALE = """() => {
  const figure = [...Bokeh.documents[0]._all_models.values()].find(m => m.type == 'Figure' && m.name == 'image')
  return Math.abs(figure.x_range.end - figure.x_range.start) / figure.inner_width
}"""


def read_out(page: Page) -> tuple[int, int, float]:
    """Return x, y and the value (Jy/beam) that the line below the picture says."""
    text = page.locator(".ro").inner_text()
    pixel, value = re.search(r"(\d+), (\d+)", text), re.search(r"(-?[\d.e-]+)\s*(µ|m)Jy/beam", text)
    assert pixel is not None
    assert value is not None
    return int(pixel[1]), int(pixel[2]), float(value[1]) * {"µ": 1e-6, "m": 1e-3}[value[2]]


@pytest.mark.parametrize("mirrored", [False, True])
def test_the_pointer_moves_west_and_north_over_the_pixels_of_the_file(
    page: Page, server: StartServer, tmp_path: Path, mirrored: bool
) -> None:
    data = np.random.default_rng(110).normal(0, 1e-3, (SIZE, SIZE)).astype(np.float32)
    folder = write_demo(tmp_path / "archive", nights=1)
    cards = {"CDELT1": (1 if mirrored else -1) * STEP / 3600, "CDELT2": STEP / 3600, "CROTA2": 123.0}
    number, path = replace_image(folder, data, cards=cards)
    root = server(str(folder), module="tests.browser.archive_server").url
    page.goto(f"{root}images/{number}")
    page.wait_for_function("document.documentElement.dataset.filled === 'yes'")
    box = page.locator(".bk-Figure").first.bounding_box()
    assert box is not None
    at = box["x"] + 0.42 * box["width"], box["y"] + 0.55 * box["height"]
    page.mouse.move(*at)
    page.locator(".ro", has_text="value in file").wait_for()
    x, y, value = read_out(page)
    assert value == pytest.approx(float(data[y, x]), rel=1e-4)

    right, up, scale = 90, 60, page.evaluate(SCALE)
    page.mouse.move(at[0] + right, at[1] - up)
    expect(page.locator(".ro")).not_to_contain_text(f"{x}, {y}")
    found_x, found_y, found = read_out(page)
    assert found == pytest.approx(float(data[found_y, found_x]), rel=1e-4)
    wcs = WCS(fits.getheader(path)).celestial
    ra, dec = wcs.wcs_pix2world([[x, y]], 0)[0]
    dec_there = dec + up * scale * STEP / 3600
    ra_there = ra - right * scale * STEP / 3600 / np.cos(np.radians((dec + dec_there) / 2))
    assert (found_x, found_y) == pytest.approx(wcs.wcs_world2pix([[ra_there, dec_there]], 0)[0], abs=2.5)
