"""Pictures for print: north up and east left whatever the file, every pixel in its place, words that fit."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from dashboards.plots import picture as module
from dashboards.plots.image import SkyMarker, image_box
from dashboards.plots.picture import picture_png
from dashboards.plots.picture_frame import picture_frame
from dashboards.plots.picture_ink import BLANK_RGB, colour_table, png_of
from dashboards.plots.picture_look import PictureLook
from dashboards.plots.sky import celestial_wcs, local_sky
from data_access.records import BeamShape, ImageHeader, ImagePreview, ImageStatistics

STATISTICS = ImageStatistics(1.0, 0, 0, 0.0, 0.0, 0.1, 0.0, 1)
HOT = PictureLook(palette="inferno", low=0.0, high=1.0)


def preview_with(data: npt.NDArray[np.float32], **changes: Any) -> ImagePreview:
    n_y, n_x = data.shape
    cards = {
        "CTYPE1": "RA---SIN", "CTYPE2": "DEC--SIN", "CRVAL1": 150.0, "CRVAL2": 65.0, "CDELT1": -2 / 3600,
        "CDELT2": 2 / 3600, "CRPIX1": (n_x + 1) / 2, "CRPIX2": (n_y + 1) / 2, "RADESYS": "ICRS",
        "NAXIS": 2, "NAXIS1": n_x, "NAXIS2": n_y, **changes,
    }  # fmt: skip
    header = ImageHeader(
        path="/a/b.fits", shape=data.shape, axes=("", ""), wcs_header=cards if cards["CTYPE1"] else {}, frame="icrs",
        bunit="Jy/beam", object_name="", telescope="", date_obs="", freq_hz=None,
        beam=BeamShape(8.0, 5.0, 30.0, "header"), cards=(),
    )  # fmt: skip
    return ImagePreview(header, data.astype(np.float32), 1, 0, 0, 0, STATISTICS)


def pixels_of(png: bytes) -> npt.NDArray[np.int_]:
    with Image.open(io.BytesIO(png)) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def coloured(data: npt.NDArray[np.float32], look: PictureLook) -> npt.NDArray[np.uint8]:
    """Return the colours of values between 0 and 1."""
    return colour_table(look.colours)[module._indices(data, look, (0.0, 1.0, ""))]


def rotated(degrees: float, *, mirrored: bool = False) -> dict[str, float]:
    angle, sign = np.radians(degrees), 1 if mirrored else -1
    step = 2 / 3600
    return {
        "CDELT1": sign * step, "CDELT2": step,
        "PC1_1": float(np.cos(angle)), "PC1_2": float(-np.sin(angle)),
        "PC2_1": float(np.sin(angle)), "PC2_2": float(np.cos(angle)),
    }  # fmt: skip


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("degrees", [0, 1, 30, 45, 90, 133, 180, 270, 359])
def test_bright_pixel_in_the_north_east_is_at_the_upper_left(degrees: float, mirrored: bool) -> None:
    blank = preview_with(np.zeros((41, 41), np.float32), **rotated(degrees, mirrored=mirrored))
    wcs = celestial_wcs(blank.header)
    assert wcs is not None
    sky = local_sky(wcs, image_box(blank))
    assert sky is not None
    dx, dy = sky.offsets(np.array([10.0]), np.array([20.0]))  # arcsec east and north: 5 and 10 pixels
    data = np.zeros((41, 41), np.float32)
    data[round(20 + float(dy[0])), round(20 + float(dx[0]))] = 1.0
    bright = preview_with(data, **rotated(degrees, mirrored=mirrored))
    frame = picture_frame(image_box(bright), sky, 1, longest=module.LONGEST_SIDE)
    image = pixels_of(picture_png(bright, title="t", look=HOT))
    width, height = frame.size
    top = image.shape[0] - module._BELOW - height
    panel = image[top : top + height, module._LEFT : module._LEFT + width]
    rows, columns = np.nonzero((panel[..., 0] > 240) & (panel[..., 1] > 220) & (panel[..., 2] < 200))
    east = (width / 2 - columns.mean()) / frame.zoom
    north = (height / 2 - rows.mean()) / frame.zoom
    assert (east, north) == pytest.approx((5, 10), abs=0.9)


def test_every_pixel_of_an_upright_image_is_a_square_of_its_colour() -> None:
    data = np.random.default_rng(2).uniform(size=(9, 12)).astype(np.float32)
    preview = preview_with(data)
    image = pixels_of(picture_png(preview, title="t", look=HOT))
    frame = picture_frame(image_box(preview), None, 1, longest=module.LONGEST_SIDE)
    zoom = int(frame.zoom)
    top = image.shape[0] - module._BELOW - frame.size[1]
    levels = coloured(data, HOT)
    for y, x in ((1, 4), (4, 1), (7, 6), (5, 10)):
        corner = (top + (8 - y) * zoom, module._LEFT + x * zoom)
        square = image[corner[0] : corner[0] + zoom, corner[1] : corner[1] + zoom].reshape(-1, 3)
        assert np.median(square, axis=0) == pytest.approx(levels[y, x], abs=1)


def test_png_is_lossless() -> None:
    random = np.random.default_rng(3)
    pixels, table = (random.integers(0, 256, shape, dtype=np.uint8) for shape in ((37, 53), (256, 3)))
    np.testing.assert_array_equal(pixels_of(png_of(pixels, table)), table[pixels])


@pytest.mark.parametrize(
    "data",
    [
        np.full((8, 8), np.nan),
        np.zeros((1, 1)),
        np.ones((1, 400)),
        np.full((5, 5), np.inf),
        np.where(np.eye(30) > 0, np.nan, 1e30),
    ],
    ids=["all blank", "one pixel", "one row", "infinite", "huge values"],
)
@pytest.mark.parametrize("ctype", ["RA---SIN", ""])
def test_odd_images_are_drawn_all_the_same(data: npt.NDArray[np.float64], ctype: str) -> None:
    with np.errstate(over="ignore"):
        preview = preview_with(data.astype(np.float32), CTYPE1=ctype)
    png = picture_png(preview, title="名前 <b>\x00" * 30, words=["µ σ ′″"], target=SkyMarker(150.0, 65.0))
    assert pixels_of(png).shape[0] > 80


def test_blank_pixels_have_a_colour_of_their_own() -> None:
    data = np.zeros((10, 10), np.float32)
    data[:5] = np.nan
    image = pixels_of(picture_png(preview_with(data), title="t", look=HOT))
    assert (image.reshape(-1, 3) == BLANK_RGB).all(axis=1).sum() > 100_000


@pytest.mark.parametrize("stretch", ["linear", "sqrt", "log", "asinh"])
def test_stretch_changes_the_middle_and_not_the_ends(stretch: Any) -> None:
    look = PictureLook(stretch=stretch, palette="grey", low=0.0, high=1.0)
    low, middle, high = coloured(np.array([[0.0, 0.3, 1.0]], np.float32), look)[0]
    assert tuple(low) == (255, 255, 255)
    assert tuple(high) == (0, 0, 0)
    assert (int(middle[0]) < 170) == (stretch != "linear")
