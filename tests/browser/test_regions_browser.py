"""A region drawn with the mouse, its figures, and the file on the disk, in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from playwright.sync_api import Page, expect
from regions import RectangleSkyRegion, Regions

from tests.browser.conftest import ServerProcess, newest_image

StartServer = Callable[..., ServerProcess]


def test_a_dragged_box_has_its_figures_and_is_saved_for_ds9(
    page: Page, server: StartServer, demo: Path, tmp_path: Path
) -> None:
    number, path = newest_image(demo)
    root = server(str(demo), module="tests.browser.archive_server").url
    page.goto(f"{root}images/{number}")
    page.wait_for_function("document.documentElement.dataset.filled === 'yes'")
    page.get_by_role("button", name="Box", exact=True).click()
    expect(page.get_by_role("button", name="Box", exact=True)).to_have_attribute("aria-pressed", "true")
    page.wait_for_function(
        "[...Bokeh.documents[0]._all_models.values()].some(m => m.type === 'BoxSelectTool' && m.active)"
    )
    picture = page.locator(".bk-Figure").first
    picture.evaluate("node => node.scrollIntoView({block: 'center'})")
    box = picture.locator(".bk-CanvasPanel, canvas").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 0.4 * box["height"])
    page.mouse.down()
    for share in (0.43, 0.46, 0.5):
        page.mouse.move(box["x"] + share * box["width"], box["y"] + share * box["height"])
    page.mouse.up()
    row = page.get_by_role("row", name="1 box")
    expect(row).to_be_visible()
    page.wait_for_url("**regions=box_*")
    expect(page.get_by_role("heading", name="Pixels inside, full resolution")).to_be_visible()

    with page.expect_download() as waiting:
        page.get_by_role("button", name="DS9 (.reg)").click()
    saved = tmp_path / "saved.reg"
    waiting.value.save_as(saved)
    assert waiting.value.suggested_filename.endswith(".reg")
    (region,) = Regions.read(str(saved), format="ds9")
    assert isinstance(region, RectangleSkyRegion)
    with fits.open(path) as hdus:
        plane, wcs = hdus[0].data[0, 0], WCS(hdus[0].header).celestial
    mask = region.to_pixel(wcs).to_mask(mode="center").to_image(plane.shape).astype(bool)
    n = int(row.get_by_role("cell").nth(2).inner_text().replace(",", ""))
    assert n == pytest.approx(int(mask.sum()), rel=0.02)
    assert float(row.get_by_role("cell").nth(5).inner_text()) == pytest.approx(
        float(plane[mask].max()) * 1e3, rel=1e-3
    )
    assert np.isfinite(plane[mask]).all()

    kept = parse_qs(urlsplit(page.url).query)["regions"]
    page.reload()
    expect(page.get_by_role("row", name="1 box")).to_be_visible()
    assert parse_qs(urlsplit(page.url).query)["regions"] == kept
