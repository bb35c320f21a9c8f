"""Cutouts: the right pixels with the right coordinates from every kind of image, and words for what cannot be."""

from __future__ import annotations

import asyncio
import io
import json
import os
import weakref
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.nddata import Cutout2D
from astropy.nddata.utils import NoOverlapError
from astropy.wcs import WCS

from data_access import Archive, open_archive
from data_access.errors import ArchiveError, FileError, FITSError, ValidationError
from data_access.readers import raw_pixels
from data_access.records import Cutout
from data_access.services import cutouts as module
from data_access.services.cutout_files import cutout_fits
from data_access.services.cutouts import Place, parse_place, preview_of
from tests.data_access.cutout_samples import CARDS, write


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[Archive]:
    (tmp_path / "state").mkdir()
    (tmp_path / "stage").mkdir()
    async with open_archive(tmp_path) as opened:
        yield opened


@pytest.fixture
def ramp() -> np.ndarray:
    return np.arange(100 * 120, dtype=np.float32).reshape(100, 120)


def wcs_of(cutout: Cutout) -> WCS:
    return WCS(fits.Header(cutout.wcs_header), naxis=2)


@pytest.mark.real
async def test_the_peak_of_every_real_image_is_at_the_middle_and_at_its_place_on_the_sky(
    real_archive_split: Path,
) -> None:
    truth = json.loads((real_archive_split / "truth.json").read_text())["images"]
    wrong, n_kinds = {}, set()
    async with open_archive(real_archive_split) as archive:
        for path, facts in truth.items():
            if not facts["readable"]:
                with pytest.raises(FileError):
                    await archive.cutouts.cutout(str(real_archive_split / path), "10 10")
                continue
            sky = facts["peak_sky"]
            place = Place(sky["ra_deg"], sky["dec_deg"])
            cutout = await archive.cutouts.cutout(str(real_archive_split / path), place, width=9, unit="pixel")
            n_kinds.add(Path(path).suffix)
            back = wcs_of(cutout).pixel_to_world(4, 4)
            found = (cutout.x, cutout.y, cutout.data[4, 4], back.spherical.lat.deg, back.spherical.lon.deg % 360)
            expected = (facts["peak_x"], facts["peak_y"], facts["peak"], sky["lat_deg"], sky["lon_deg"])
            if found != pytest.approx(expected, rel=1e-6, abs=1e-4) or back.frame.name != sky["frame"]:
                wrong[path] = (found, expected)
    assert wrong == {}
    assert {".fits", ".fz", ".gz", ".image", ".im"} <= n_kinds


@pytest.mark.parametrize("x,y", [(60, 50), (0, 0), (119, 99), (3.4, 96.7), (118.5, 1.5)])
@pytest.mark.parametrize("width,height", [(1, 1), (10, 7), (31, 64), (400, 300)])
async def test_cutout_is_that_of_astropy_in_pixels_and_coordinates(
    archive: Archive, tmp_path: Path, ramp: np.ndarray, x: float, y: float, width: int, height: int
) -> None:
    path = write(tmp_path, ramp)
    header = fits.getheader(path)
    theirs = Cutout2D(ramp, (x, y), (height, width), wcs=WCS(header), mode="partial", fill_value=np.nan)
    ours = await archive.cutouts.cutout(path, Place(pixel=(x, y)), width=width, height=height, unit="pixel")
    np.testing.assert_array_equal(ours.data, theirs.data)
    corner = (0.0, float(height - 1))
    assert wcs_of(ours).wcs_pix2world([corner], 0) == pytest.approx(theirs.wcs.wcs_pix2world([corner], 0), abs=1e-10)
    assert ours.outside_fraction == pytest.approx(np.isnan(theirs.data).mean())


async def test_size_on_the_sky_becomes_pixels_at_the_place_itself(
    archive: Archive, tmp_path: Path, ramp: np.ndarray
) -> None:
    path = write(tmp_path, ramp)
    cutout = await archive.cutouts.cutout(path, "150.0 65.0", width=1, height=20 / 60, unit="arcmin")
    assert cutout.data.shape == (10, 30)
    assert cutout.pixel_arcsec == pytest.approx((2, 2), rel=1e-6)
    assert (cutout.x, cutout.y) == pytest.approx((59, 49), abs=1e-6)


async def test_partly_outside_is_filled_with_nan_and_said(archive: Archive, tmp_path: Path, ramp: np.ndarray) -> None:
    cutout = await archive.cutouts.cutout(write(tmp_path, ramp), "pixel 0 0", width=10, unit="pixel")
    assert cutout.box == (-5, -5, 5, 5)
    assert np.isnan(cutout.data).sum() == 75
    assert cutout.data[5, 5] == ramp[0, 0]
    assert "75 % of the cutout lies outside the image and is blank" in cutout.problems


async def test_wholly_outside_is_refused_with_the_distance(
    archive: Archive, tmp_path: Path, ramp: np.ndarray
) -> None:
    # two degrees north of the reference pixel, which is 50.5 pixels of 2 arcsec below the upper edge
    with pytest.raises(ValidationError, match=r"wholly outside.* 1\.97° .*from the nearest edge, 2°") as caught:
        await archive.cutouts.cutout(write(tmp_path, ramp), "150.0 67.0")
    assert "120 × 100 pixels" in caught.value.remedy
    with pytest.raises(NoOverlapError):
        Cutout2D(ramp, SkyCoord(150.0, 67.0, unit="deg"), 30, wcs=WCS(CARDS))


async def test_other_side_of_the_sky_is_refused_with_the_distance(
    archive: Archive, tmp_path: Path, ramp: np.ndarray
) -> None:
    with pytest.raises(ValidationError, match="not on the projection of this image, 180° from its centre"):
        await archive.cutouts.cutout(write(tmp_path, ramp), "330.0 -65.0")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"width": 0}, "width of a cutout cannot be 0"),
        ({"width": float("nan")}, "width of a cutout cannot be nan"),
        ({"width": 1e300, "unit": "deg"}, "cannot be 1e\\+300"),
        ({"height": -3}, "height of a cutout cannot be -3"),
        ({"unit": "parsec"}, "'parsec' is not a unit"),
        ({"plane": 1}, "the image has 1"),
        ({"width": 9000, "unit": "pixel"}, "more than"),
    ],
)
async def test_what_makes_no_sense_is_refused_in_words(
    archive: Archive, tmp_path: Path, ramp: np.ndarray, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValidationError, match=words):
        await archive.cutouts.cutout(write(tmp_path, ramp), "150.0 65.0", **options)


@pytest.mark.parametrize("text", ["", "here", "pixel 1", "pixel 1.2.3 4", "150 95"])
def test_a_place_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        parse_place(text)


async def test_without_sky_coordinates_pixels_work_and_positions_are_refused(
    archive: Archive, tmp_path: Path, ramp: np.ndarray
) -> None:
    path = write(tmp_path, ramp, CTYPE1="X", CTYPE2="Y")
    cutout = await archive.cutouts.cutout(path, "pixel 60 50", width=3, unit="pixel")
    assert cutout.data[1, 1] == ramp[50, 60]
    assert (cutout.ra_deg, cutout.wcs_header) == (None, {})
    for position, unit in (("150 65", "pixel"), ("pixel 60 50", "arcsec")):
        with pytest.raises(ValidationError, match="no sky coordinates"):
            await archive.cutouts.cutout(path, position, unit=unit)  # type: ignore[arg-type]


async def test_scaled_integers_with_blanks_are_physical_values(archive: Archive, tmp_path: Path) -> None:
    data = np.arange(100, dtype=np.int16).reshape(10, 10)
    path = write(tmp_path, data, BLANK=44)
    with fits.open(path, mode="update", do_not_scale_image_data=True) as hdus:
        hdus[0].header["BSCALE"], hdus[0].header["BZERO"] = 0.5, 10.0
    cutout = await archive.cutouts.cutout(path, "pixel 4 4", width=3, unit="pixel")
    assert cutout.data[0].tolist() == [10 + 0.5 * n for n in (33, 34, 35)]
    assert np.isnan(cutout.data[1, 1])


async def test_plane_of_a_cube_and_axes_in_another_order(archive: Archive, tmp_path: Path) -> None:
    cube = np.random.default_rng(1).normal(size=(2, 3, 20, 30)).astype(">f4")
    path = write(tmp_path, cube, "cube.fits", CTYPE3="FREQ", CTYPE4="STOKES")
    swapped = {"CTYPE1": "DEC--SIN", "CTYPE2": "RA---SIN", "CRVAL1": 65.0, "CRVAL2": 150.0}
    turned = write(tmp_path, np.swapaxes(cube[1, 1], 0, 1), "turned.fits", **swapped)
    front = write(tmp_path, np.moveaxis(cube[1], 0, 2), "front.fits", **{
        "CTYPE1": "FREQ", "CTYPE2": "RA---SIN", "CTYPE3": "DEC--SIN", "CRVAL1": 1.4e9, "CRVAL2": 150.0,
        "CRVAL3": 65.0, "CRPIX3": 50.0, "CDELT3": 2 / 3600, "CDELT2": -2 / 3600,
    })  # fmt: skip
    wanted = cube[1, 1, 8:13, 12:17]
    for name, plane in ((path, 4), (turned, 0), (front, 1)):
        cutout = await archive.cutouts.cutout(name, "pixel 14 10", width=5, unit="pixel", plane=plane)
        np.testing.assert_array_equal(cutout.data, wanted, err_msg=name)


async def test_replaced_file_is_read_anew_and_never_mixed(archive: Archive, tmp_path: Path, ramp: np.ndarray) -> None:
    path = write(tmp_path, ramp)
    first = await archive.cutouts.cutout(path, "pixel 60 50", width=3, unit="pixel")
    other = write(tmp_path, ramp + 1, "b.fits", CRVAL1=151.0)
    os.utime(other, ns=(first.key[1], first.key[1]))
    os.replace(other, path)  # noqa: PTH105 - as a writer does
    second = await archive.cutouts.cutout(path, "pixel 60 50", width=3, unit="pixel")
    assert second.data[1, 1] == first.data[1, 1] + 1
    assert second.ra_deg == pytest.approx((first.ra_deg or 0) + 1, abs=0.01)


async def test_file_cut_short_behind_our_back_is_an_error_and_no_crash(
    archive: Archive, tmp_path: Path, ramp: np.ndarray
) -> None:
    path = write(tmp_path, ramp)
    known = await archive.cutouts.cutout(path, "pixel 60 90", width=3, unit="pixel")
    os.truncate(path, 8000)
    os.utime(path, ns=(known.key[1], known.key[1]))
    with pytest.raises(FITSError, match="truncated"):
        await archive.cutouts.cutout(path, "pixel 60 90", width=3, unit="pixel")


async def test_every_way_to_read_rows_gives_the_same_pixels(
    archive: Archive, tmp_path: Path, ramp: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, found = write(tmp_path, ramp), []
    for at_once, nowait in ((1 << 18, raw_pixels._NOWAIT), (0, raw_pixels._NOWAIT), (0, 0)):
        monkeypatch.setattr(raw_pixels, "_ONE_READ", at_once)
        monkeypatch.setattr(raw_pixels, "_NOWAIT", nowait)
        cutout = await archive.cutouts.cutout(path, "pixel 60 50", width=30, height=20, unit="pixel")
        found.append(cutout.data)
    for data in found:
        np.testing.assert_array_equal(data, ramp[40:60, 45:75])


async def test_facts_of_images_are_kept_and_their_number_is_bounded(
    archive: Archive, tmp_path: Path, ramp: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST_IMAGES", 3)
    paths = [write(tmp_path, ramp, f"{n}.fits") for n in range(5)]
    for path in (*paths, paths[-1]):
        await archive.cutouts.cutout(path, "pixel 60 50")
    assert list(archive.cutouts._images) == paths[-3:]


async def test_open_files_are_few_and_let_go_when_nobody_asks(
    archive: Archive, tmp_path: Path, ramp: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST_FILES", 2)
    monkeypatch.setattr(module, "_KEEP_S", 0.0)
    paths = [write(tmp_path, ramp, f"{n}.fits") for n in range(4)]
    await archive.cutouts.strip(paths, "pixel 60 50")
    assert len(archive.cutouts._files) == 2
    gone = asyncio.Event()
    last = weakref.ref(next(reversed(archive.cutouts._files.values()))[0], lambda _: gone.set())
    async with asyncio.timeout(10):
        await gone.wait()
    assert last() is None
    assert not archive.cutouts._files


async def test_outside_the_folders_nothing_is_cut(archive: Archive, tmp_path: Path, ramp: np.ndarray) -> None:
    write(tmp_path, ramp, "../secret.fits")
    with pytest.raises(FileError, match="not below a folder"):
        await archive.cutouts.cutout(str(tmp_path / "stage" / ".." / "secret.fits"), "pixel 60 50")


async def test_strip_has_every_image_in_order_and_errors_in_their_place(
    archive: Archive, tmp_path: Path, ramp: np.ndarray
) -> None:
    paths = [write(tmp_path, ramp + n, f"{n}.fits") for n in range(3)]
    os.truncate(paths[1], 100)
    strip = await archive.cutouts.strip(paths, "150.0 65.0", width=10)
    assert isinstance(strip[1], ArchiveError)
    assert [one.data[2, 2] for one in strip if isinstance(one, Cutout)] == [ramp[49, 59], ramp[49, 59] + 2]


async def test_pixel_and_position_lead_to_each_other(archive: Archive, tmp_path: Path, ramp: np.ndarray) -> None:
    path = write(tmp_path, ramp, CTYPE1="GLON-TAN", CTYPE2="GLAT-TAN", CRVAL1=359.9, CRVAL2=-0.1)
    place = await archive.cutouts.position_of_pixel(path, 17.25, 80.5)
    expected = WCS(fits.getheader(path)).pixel_to_world(17.25, 80.5).icrs
    assert (place.ra_deg, place.dec_deg) == pytest.approx((expected.ra.deg, expected.dec.deg), abs=1e-9)
    cutout = await archive.cutouts.cutout(path, place)
    assert (cutout.x, cutout.y) == pytest.approx((17.25, 80.5), abs=1e-6)


@pytest.mark.parametrize(
    ("frame", "cards"),
    [
        ("fk4", {"RADESYS": "FK4", "EQUINOX": 1950.0}),
        ("fk4-no-e", {"RADESYS": "FK4-NO-E", "EQUINOX": 1950.0}),
        ("fk5", {"RADESYS": "FK5", "EQUINOX": 2025.8}),
        ("galactic", {"CTYPE1": "GLON-SIN", "CTYPE2": "GLAT-SIN"}),
        ("ecliptic", {"CTYPE1": "ELON-SIN", "CTYPE2": "ELAT-SIN"}),
    ],
)
async def test_positions_go_through_the_native_frame(
    archive: Archive, tmp_path: Path, ramp: np.ndarray, frame: str, cards: dict[str, Any]
) -> None:
    path = write(tmp_path, ramp, **cards)
    cutout = await archive.cutouts.cutout(path, "pixel 30 20", width=3, unit="pixel")
    native = WCS(fits.getheader(path)).pixel_to_world(30, 20)
    position = native.icrs if frame != "ecliptic" else SkyCoord(cutout.ra_deg, cutout.dec_deg, unit="deg")
    assert (cutout.ra_deg, cutout.dec_deg) == pytest.approx((position.ra.deg, position.dec.deg), abs=1e-8)
    again = await archive.cutouts.cutout(path, Place(cutout.ra_deg, cutout.dec_deg), width=3, unit="pixel")
    assert (again.x, again.y) == pytest.approx((30, 20), abs=1e-5)
    assert again.header.frame == frame


async def test_supergalactic_positions_are_those_of_astropy(
    archive: Archive, tmp_path: Path, ramp: np.ndarray
) -> None:
    path = write(tmp_path, ramp, CTYPE1="SLON-SIN", CTYPE2="SLAT-SIN", RADESYS=None)
    cutout = await archive.cutouts.cutout(path, "pixel 59 49", width=3, unit="pixel")
    expected = SkyCoord(150.0, 65.0, unit="deg", frame="supergalactic").icrs
    assert (cutout.ra_deg, cutout.dec_deg) == pytest.approx((expected.ra.deg, expected.dec.deg), abs=1e-8)
    again = await archive.cutouts.cutout(path, Place(cutout.ra_deg, cutout.dec_deg), width=3, unit="pixel")
    assert (again.x, again.y) == pytest.approx((59, 49), abs=1e-5)


UNKNOWN_FRAMES = [
    {"RADESYS": "GAPPT"},
    {"CTYPE1": "HPLN-SIN", "CTYPE2": "HPLT-SIN"},
    {"CTYPE1": "HLON-MOL", "CTYPE2": "HLAT-MOL"},
]


@pytest.mark.parametrize("cards", UNKNOWN_FRAMES)
async def test_a_frame_that_is_not_known_is_never_taken_for_icrs(
    archive: Archive, tmp_path: Path, ramp: np.ndarray, cards: dict[str, Any]
) -> None:
    path = write(tmp_path, ramp, **cards)
    with pytest.raises(ValidationError, match="is not known here") as refused:
        await archive.cutouts.cutout(path, "10:00:00 +65:00:00")
    assert "pixel" in (refused.value.remedy or "")
    cutout = await archive.cutouts.cutout(path, "pixel 59 49", width=20, unit="arcsec")
    assert (cutout.ra_deg, cutout.dec_deg) == (None, None)
    assert any("is not known here" in problem for problem in cutout.problems)
    assert (await archive.cutouts.position_of_pixel(path, 59, 49)).pixel == (59, 49)
    assert await archive.cutouts.native_of_pixel(path, 59, 49) == pytest.approx((150.0, 65.0))
    with fits.open(io.BytesIO(cutout_fits(cutout))) as hdus:
        assert hdus[0].header["CTYPE1"] == {**CARDS, **cards}["CTYPE1"]


async def test_preview_of_a_large_cutout_is_averaged_and_keeps_its_place(
    archive: Archive, tmp_path: Path, ramp: np.ndarray
) -> None:
    cutout = await archive.cutouts.cutout(write(tmp_path, ramp), "pixel 60 50", width=40, unit="pixel")
    preview = preview_of(cutout, max_size=20)
    assert (preview.factor, preview.origin_x, preview.origin_y) == (2, 40, 30)
    assert preview.data[0, 0] == pytest.approx(ramp[30:32, 40:42].mean())
    assert (preview.statistics.peak_x, preview.statistics.peak_y) == (79, 69)
