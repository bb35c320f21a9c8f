"""Zooming an image: the right resolution for what is visible, the address of the view, the lines of the sky."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from dashboards.pages.image_overlays import OverlayPart
from data_access import Archive, open_archive
from data_access.demo import write_demo
from tests.dashboards.image_page_samples import look_at, open_image, replace_image, source_named

SIZE = 4000


def sky() -> np.ndarray:
    data = np.random.default_rng(110).normal(0, 1e-4, (SIZE, SIZE)).astype(np.float32)
    data[1234, 567] = 0.5
    return data


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    folder = write_demo(tmp_path_factory.mktemp("zoom") / "archive", nights=1)
    return folder, replace_image(folder, sky())[0]


@pytest.fixture
async def archive(shown: tuple[Path, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Archive]:
    monkeypatch.setenv("DSA110_DASHBOARD_CACHE", str(tmp_path / "cache"))
    async with open_archive(shown[0]) as opened:
        yield opened


async def test_zooming_in_ends_at_the_pixels_of_the_file(archive: Archive, shown: tuple[Path, int]) -> None:
    page = await open_image(archive, shown[1])
    figure = page.figure
    assert source_named(page, "image").data["factor"] == [5]
    await look_at(page, 500, 1200, 620, 1320)
    columns = source_named(page, "image").data
    x0, y0 = round(columns["x"][0] + 0.5), round(columns["y"][0] + 0.5)
    pixels = columns["image"][0]
    assert columns["factor"] == [1]
    np.testing.assert_array_equal(pixels, sky()[y0 : y0 + pixels.shape[0], x0 : x0 + pixels.shape[1]])
    assert page.figure is figure


async def test_between_the_whole_field_and_single_pixels_blocks_fit_the_screen(
    archive: Archive, shown: tuple[Path, int]
) -> None:
    page = await open_image(archive, shown[1])
    for side, factor in ((2600, 4), (1300, 2), (600, 1)):
        await look_at(page, 100, 100, 100 + side, 100 + side)
        assert source_named(page, "image").data["factor"] == [factor]


async def test_a_small_pan_reads_nothing_new(archive: Archive, shown: tuple[Path, int]) -> None:
    page = await open_image(archive, shown[1])
    await look_at(page, 500, 1200, 620, 1320)
    before = source_named(page, "image").data["image"][0]
    await look_at(page, 510, 1210, 630, 1330)
    assert source_named(page, "image").data["image"][0] is before


async def test_maxima_keep_a_single_bright_pixel_in_the_whole_field(
    archive: Archive, shown: tuple[Path, int]
) -> None:
    page = await open_image(archive, shown[1], reduction="max")
    columns = source_named(page, "image").data
    assert columns["reduction"] == ["max"]
    assert columns["factor"][0] > 1
    assert np.nanmax(columns["image"][0]) == np.float32(0.5)
    page.reduction = "mean"
    await page.settled()
    assert source_named(page, "image").data["reduction"] == ["mean"]


async def test_the_view_is_in_the_url_and_the_url_moves_the_view(archive: Archive, shown: tuple[Path, int]) -> None:
    page = await open_image(archive, shown[1])
    await look_at(page, 500, 1200, 620, 1320)
    assert page.view == "560 1260 120"
    await look_at(page, -10, -10, SIZE + 10, SIZE + 10)
    assert page.view == ""
    moved = await open_image(archive, shown[1], view="560 1260 120")
    move = source_named(moved, "move").data
    assert [move[name][0] for name in ("kind", "x", "y", "size")] == ["to", 560, 1260, 120]


@pytest.mark.parametrize("text", ["here", "1 2", "nan 1 1", "1 1 -4", "1 1 inf"])
async def test_a_view_that_means_nothing_is_the_whole_image(
    archive: Archive, shown: tuple[Path, int], text: str
) -> None:
    page = await open_image(archive, shown[1], view=text)
    assert source_named(page, "image").data["factor"] == [5]
    assert source_named(page, "move").data["kind"] in ([], ["whole"])


async def test_the_lines_of_the_sky_become_denser_with_the_zoom(archive: Archive, shown: tuple[Path, int]) -> None:
    page = await open_image(archive, shown[1])
    coarse = set(source_named(page, "graticule").data["label"])
    await look_at(page, 500, 1200, 530, 1230)
    fine = source_named(page, "graticule").data
    assert len(fine["label"]) >= 4
    assert not coarse & set(fine["label"])
    for xs, ys in zip(fine["xs"], fine["ys"], strict=True):
        assert np.nanmin(xs) >= 490
        assert np.nanmax(xs) <= 540
        assert np.nanmin(ys) >= 1190
        assert np.nanmax(ys) <= 1240


async def test_a_range_that_is_none_is_ignored(archive: Archive, shown: tuple[Path, int]) -> None:
    page = await open_image(archive, shown[1])
    await look_at(page, 620, 1320, 500, 1200)
    await look_at(page, float("nan"), 0, 100, 100)
    await look_at(page, 0, 0, 100, 100, width=0)
    assert source_named(page, "image").data["factor"] == [5]


async def test_a_replaced_file_is_shown_at_the_same_view(archive: Archive, shown: tuple[Path, int]) -> None:
    page = await open_image(archive, shown[1])
    await look_at(page, 500, 1200, 620, 1320)
    header = page.header_slot.content
    replace_image(shown[0], sky() + 1)
    try:
        await page.refresh()
        await page.settled()
        columns = source_named(page, "image").data
        assert columns["factor"] == [1]
        assert np.nanmin(columns["image"][0]) > 0.9
        assert page.header_slot.content is not None and page.header_slot.content is not header
        header = page.header_slot.content
        await page.refresh()
        assert page.header_slot.content is header
    finally:
        replace_image(shown[0], sky())


async def test_contours_are_those_of_the_pixels_once_they_are_visible(
    archive: Archive, shown: tuple[Path, int]
) -> None:
    page = await open_image(archive, shown[1], contours="value", levels="0.1")
    part = next(one for one in page.parts if isinstance(one, OverlayPart))
    assert "means of 5 × 5 pixels" in part.note.text
    assert source_named(page, "contours").data["xs"][0].size == 0  # a single pixel is lost in the means
    await look_at(page, 500, 1200, 620, 1320)
    found = source_named(page, "contours").data
    assert (np.nanmean(found["xs"][0]), np.nanmean(found["ys"][0])) == pytest.approx((567, 1234), abs=0.2)
    assert "the file's pixels of the part that is visible" in part.note.text
    before = part.contours
    await look_at(page, 510, 1210, 630, 1330)
    assert part.contours is before
    await look_at(page, 0, 0, 2000, 2000)
    assert "through means of 2 × 2 pixels of the part that is visible" in part.note.text
    await look_at(page, 0, 0, SIZE, SIZE)
    assert "means of 5 × 5 pixels" in part.note.text
