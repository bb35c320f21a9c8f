"""Colours, pixel under the pointer and keys of the page of an image."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS

from dashboards.pages.cutout_panel import place_text
from dashboards.pages.image import ImagePage
from dashboards.pages.image_overlays import OverlayPart
from dashboards.pages.image_pixel import exact_text
from data_access import Archive, open_archive
from data_access.demo import write_demo
from data_access.records import PageRequest
from data_access.repositories.images import ImageFilter
from tests.dashboards.image_page_samples import look_at, open_image, replace_image, source_named, write_archive_of

SIZE = 1700


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int, Path]:
    data = np.random.default_rng(110).normal(0, 1e-4, (SIZE, SIZE)).astype(np.float32)
    data[200, 300] = 0.123456
    data[10, 20] = np.nan
    folder = write_demo(tmp_path_factory.mktemp("viewer") / "archive", nights=1)
    return folder, *replace_image(folder, data)


@pytest.fixture
async def archive(shown: tuple[Path, int, Path]) -> AsyncIterator[Archive]:
    async with open_archive(shown[0]) as opened:
        yield opened


async def point_at(page: ImagePage, x: float, y: float) -> dict[str, str]:
    """Return the line below the picture after the pointer came to rest."""
    source_named(page, "pointer").data = {"x": [x], "y": [y]}
    await page.settled()
    return {
        item["label"]: f"{item['cell']['t']} {item['cell'].get('u', '')}".strip()
        for item in page.viewer.pixel.line.items
    }


async def test_the_pixel_under_the_pointer_is_that_of_the_file_while_means_are_drawn(
    archive: Archive, shown: tuple[Path, int, Path]
) -> None:
    page = await open_image(archive, shown[1])
    assert source_named(page, "image").data["factor"] == [3]
    words = await point_at(page, 300.2, 199.7)
    assert words["pixel"] == "300, 200"
    number, unit = words["value in file"].split()
    factor = {"µJy/beam": 1e-6, "mJy/beam": 1e-3, "Jy/beam": 1.0}[unit]
    assert float(number) * factor == pytest.approx(0.123456, rel=1e-5)


@pytest.mark.parametrize(
    ("stored", "shown_value"),
    [
        (np.full((30, 40), 1.23456789012345), "1.23456789012345 Jy/beam"),
        (np.full((30, 40), 16777217, np.int32), "16777217 Jy/beam"),
    ],
)
async def test_the_value_under_the_pointer_has_every_digit_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stored: np.ndarray, shown_value: str
) -> None:
    monkeypatch.setenv("DSA110_DASHBOARD_CACHE", str(tmp_path / "cache"))
    write_archive_of(tmp_path, fits.PrimaryHDU(stored, fits.Header({"BUNIT": "Jy/beam"})))
    async with open_archive(tmp_path) as archive:
        page = await open_image(archive, 1)
        assert (await point_at(page, 19, 14))["value in file"] == shown_value


@pytest.mark.parametrize(
    ("value", "factor", "text"),
    [
        (np.float32(0.123456), 1e3, "123.456"),
        (np.float32(-3.4e-5), 1e6, "-34"),
        (1.23456789012345e-3, 1e3, "1.23456789012345"),
        (16777217, 1.0, "16777217"),
        (0.0, 1.0, "0"),
        (np.float32(1e-30), 1e6, "1E-24"),
    ],
)
def test_a_value_in_another_unit_keeps_its_digits(value: float, factor: float, text: str) -> None:
    assert exact_text(value, factor) == text


async def test_the_position_under_the_pointer_is_that_of_astropy(
    archive: Archive, shown: tuple[Path, int, Path]
) -> None:
    page = await open_image(archive, shown[1])
    words = await point_at(page, 300, 200)
    sky = WCS(fits.getheader(shown[2]), naxis=2).pixel_to_world(300, 200)
    told = SkyCoord(words["RA"], words["Dec (ICRS)"], unit=(u.hourangle, u.deg))
    lon, lat = (float(word.rstrip("°")) for word in words["l, b"].split())
    assert told.separation(sky).arcsec < 0.2
    assert SkyCoord(lon, lat, unit="deg", frame="galactic").separation(sky.galactic).arcsec < 0.5


async def test_a_blank_pixel_says_blank_and_beside_the_image_nothing_is_said(
    archive: Archive, shown: tuple[Path, int, Path]
) -> None:
    page = await open_image(archive, shown[1])
    assert (await point_at(page, 20, 10))["value in file"] == "blank"
    assert await point_at(page, -40, 10) == {}


async def test_colours_come_from_the_url_and_send_no_pixels(archive: Archive, shown: tuple[Path, int, Path]) -> None:
    page = await open_image(archive, shown[1], stretch="log", limits="minmax", colours="viridis", invert="1")
    mapper, pixels = page.figure.select_one({"name": "colours"}), source_named(page, "image").data["image"][0]
    assert (mapper.low, mapper.high) == pytest.approx((np.nanmin(pixels), np.nanmax(pixels)))
    assert mapper.palette[0] == "#FDE724"
    page.param.update(limits="robust", colours="grey", invert=False)
    assert mapper.palette[0] == "#000000"
    assert mapper.high < np.nanmax(pixels)
    assert source_named(page, "image").data["image"][0] is pixels


async def test_a_limit_that_is_typed_is_one_by_hand_in_the_unit_of_the_colour_bar(
    archive: Archive, shown: tuple[Path, int, Path]
) -> None:
    page = await open_image(archive, shown[1])
    controls = page.viewer.controls
    unit = next(field["unit"] for field in controls.fields if field["name"] == "high")
    scale = {"µJy/beam": 1e6, "mJy/beam": 1e3}[unit]
    page.viewer._submit({**controls.values, "high": "500"})
    assert page.limits == "hand"
    assert page.high == pytest.approx(500 / scale)
    assert page.figure.select_one({"name": "colours"}).high == pytest.approx(500 / scale)
    assert controls.values["high"] == "500"
    page.viewer._submit({**controls.values, "low": "600"})
    assert controls.errors == {"high": "must be above the lower limit"}
    page.viewer._submit({**controls.values, "low": "faint"})
    assert controls.errors == {"low": "not a number"}


@pytest.mark.parametrize(
    "query", [{"low": "nan", "high": "inf", "limits": "hand"}, {"limits": "120", "stretch": "cubic", "colours": "x"}]
)
async def test_meaningless_colours_in_the_url_give_a_picture(
    archive: Archive, shown: tuple[Path, int, Path], query: dict[str, str]
) -> None:
    page = await open_image(archive, shown[1], **query)
    mapper = page.figure.select_one({"name": "colours"})
    assert np.isfinite(mapper.low)
    assert mapper.low < mapper.high


async def test_keys_change_the_colours_and_move_the_view(archive: Archive, shown: tuple[Path, int, Path]) -> None:
    page = await open_image(archive, shown[1])
    for key in ("s", "c", "i", "l"):
        page.keys.press(key)
    assert (page.stretch, page.colours, page.invert, page.limits) == ("linear", "grey", True, "99")
    for key, kind in (("+", "by"), ("Shift+ArrowLeft", "pan"), ("0", "whole")):
        page.keys.press(key)
        assert source_named(page, "move").data["kind"] == [kind]
    await look_at(page, 290, 190, 310, 210)
    page.keys.press("p")
    await page.settled()
    assert page.viewer.pixel.line.items[0]["cell"]["t"] == "300, 200"


async def test_the_enter_key_cuts_at_the_middle_of_the_view(archive: Archive, shown: tuple[Path, int, Path]) -> None:
    page = await open_image(archive, shown[1])
    await look_at(page, 100, 50, 140, 90)
    page.keys.press("Enter")
    await page.settled()
    place = await archive.cutouts.position_of_pixel(page.image, 120, 70)
    assert page.cut == place_text(place)
    assert page.cutout.figure is not None


async def test_every_key_is_listed_and_the_look_goes_along_to_the_next_image(
    archive: Archive, shown: tuple[Path, int, Path]
) -> None:
    page = await open_image(archive, shown[1], stretch="log", view="10 10 5", cut="pixel 3 4")
    listed = {key for names, *_ in page.keys.listener.keys for key in names.split(" ")}
    of_parts = {key for part in page.parts for names, _ in part.keys for key in names.split(" ")}
    assert listed == set(page.keys._deeds()) | of_parts
    assert page.keys.listener.keep == "stretch=log"
    before, after = await archive.images.find_neighbours(page.image)
    wanted = {"before": before, "after": after}
    assert page.keys.listener.links == {
        k: page.session.links.image(one.id) for k, one in wanted.items() if one is not None
    }
    names = {
        item["label"]: item["cell"].get("t") for group in page.links_slot.content.groups for item in group["items"]
    }
    assert names["Previous row"] == ("none" if before is None else before.name)
    assert names["Next row"] == ("none" if after is None else after.name)


async def test_planes_of_a_cube_are_stepped_in_the_same_picture_and_at_the_same_view(
    real_archive_split: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DSA110_DASHBOARD_CACHE", str(tmp_path))
    async with open_archive(real_archive_split) as archive:
        images = (await archive.images.find(ImageFilter(text="noise_4d_casa"), PageRequest())).rows
        page = await open_image(archive, images[0].id)
        figure = page.figure
        for _ in range(3):
            page.keys.press(".")
            await page.settled()
        whole = await archive.files.image_preview(page.image.path, plane=3)
    assert page.plane == 3
    assert page.figure is figure
    np.testing.assert_array_equal(source_named(page, "image").data["image"][0], whole.data)
    assert "plane 3 of 10" in figure.select_one({"name": "subtitle"}).text
    assert "Stokes Q" in figure.select_one({"name": "subtitle"}).text


async def test_the_picture_of_a_plane_has_the_beam_of_that_plane(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DSA110_DASHBOARD_CACHE", str(tmp_path / "cache"))
    write_archive_of(tmp_path, _cube_with_beams())
    async with open_archive(tmp_path) as archive:
        page = await open_image(archive, 1, view="20 15 10")
        said, sizes = [], []
        for _ in range(2):
            assert page.figure is not None
            said.append(page.figure.select_one({"name": "subtitle"}).text)
            sizes.append(float(np.ptp(source_named(page, "beam").data["dy"][0])))
            page.keys.press(".")
            await page.settled()
    assert "beam 9″ × 8″, PA 0°" in said[0]
    assert "beam 18″ × 8″, PA 0°" in said[1]
    assert sizes == pytest.approx([9 / 2, 18 / 2], rel=0.02)
    assert page.view == "20 15 10"


def _cube_with_beams() -> fits.HDUList:
    image = fits.PrimaryHDU(np.random.default_rng(0).normal(size=(2, 30, 40)).astype("f4"))
    image.header.update({
        "CTYPE1": "RA---SIN", "CRVAL1": 150.0, "CDELT1": -2 / 3600, "CRPIX1": 20.0,
        "CTYPE2": "DEC--SIN", "CRVAL2": 54.0, "CDELT2": 2 / 3600, "CRPIX2": 15.0,
        "CTYPE3": "FREQ", "CRVAL3": 1.4e9, "CDELT3": 1e6, "CRPIX3": 1.0, "BUNIT": "Jy/beam",
    })  # fmt: skip
    beams = (("BMAJ", "arcsec", [9.0, 18.0]), ("BMIN", "arcsec", [8.0, 8.0]), ("BPA", "deg", [0.0, 0.0]))
    columns = [fits.Column(name, "E", unit, array=values) for name, unit, values in beams]
    return fits.HDUList([image, fits.BinTableHDU.from_columns(columns, name="BEAMS")])


async def test_in_a_frame_that_is_not_known_the_page_shows_the_coordinates_of_the_file_and_nothing_of_the_sky(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DSA110_DASHBOARD_CACHE", str(tmp_path / "cache"))
    image = _cube_with_beams()[0]
    image.header["RADESYS"] = "GAPPT"
    write_archive_of(tmp_path, image)
    async with open_archive(tmp_path) as archive:
        page = await open_image(archive, 1)
        words = await point_at(page, 19, 14)
        part = next(part for part in page.parts if isinstance(part, OverlayPart))
        await part.load()
    assert "RA" not in words
    assert words["longitude, latitude (GAPPT, frame not known here)"] == "150.000000° +54.000000°"
    assert "GAPPT" in part.note.text
    assert page.figure is not None
    assert page.figure.xaxis[0].axis_label == "Right ascension (frame GAPPT)"
