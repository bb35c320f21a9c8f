"""The small picture: north up and east left whatever the file's axes, the noise at one grey, blank pixels marked."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from PIL import Image

from data_access.analysis.thumbnail import BLANK_LEVEL, level_limits, thumbnail_levels, thumbnail_png
from data_access.readers.fits import read_fits_preview
from data_access.readers.thumbnail import read_thumbnail
from data_access.records import ImagePreview

N = 128


def image_with_a_source(folder: Path, *, turn_deg: float, mirrored: bool, dec_deg: float = 30.0) -> Path:
    """A file whose one bright block lies 20 pixels north and 40 pixels east of the middle, however it is turned."""
    angle = np.radians(turn_deg)
    east = (-np.cos(angle), -np.sin(angle)) if not mirrored else (np.cos(angle), np.sin(angle))
    north = (-np.sin(angle), np.cos(angle))
    data = np.random.default_rng(1).normal(0, 1, (N, N)).astype(np.float32)
    middle = (N - 1) / 2
    x, y = (middle + 40 * east[i] + 20 * north[i] for i in (0, 1))
    data[round(y) - 2 : round(y) + 3, round(x) - 2 : round(x) + 3] = 500.0
    scale = 1e-3
    header = fits.Header(
        {
            "CTYPE1": "RA---SIN", "CTYPE2": "DEC--SIN", "CRPIX1": middle + 1, "CRPIX2": middle + 1,
            "CRVAL1": 0.01, "CRVAL2": dec_deg, "CDELT1": 1.0, "CDELT2": 1.0, "CUNIT1": "deg", "CUNIT2": "deg",
            "PC1_1": scale * east[0], "PC1_2": scale * east[1],
            "PC2_1": scale * north[0], "PC2_2": scale * north[1],
        }
    )  # fmt: skip
    path = folder / "source.fits"
    fits.PrimaryHDU(data, header).writeto(path, overwrite=True)
    return path


@pytest.mark.parametrize("dec_deg", [30.0, 90.0, -89.9])
@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("turn_deg", [0.0, 90.0, 180.0, -90.0, 35.0])
def test_a_source_in_the_north_east_is_at_the_upper_left(
    tmp_path: Path, turn_deg: float, mirrored: bool, dec_deg: float
) -> None:
    preview = read_fits_preview(
        str(image_with_a_source(tmp_path, turn_deg=turn_deg, mirrored=mirrored, dec_deg=dec_deg))
    )
    levels = thumbnail_levels(preview)
    bright = np.argwhere(levels == BLANK_LEVEL - 1)
    row, column = np.median(bright, axis=0) - (np.array(levels.shape) - 1) / 2
    assert (column, row) == (pytest.approx(-40, abs=2.5), pytest.approx(-20, abs=2.5))


def test_an_image_with_straight_axes_keeps_every_pixel(tmp_path: Path) -> None:
    preview = read_fits_preview(str(image_with_a_source(tmp_path, turn_deg=0.0, mirrored=False)))
    assert thumbnail_levels(preview).shape == (N, N)


def limits_of(data: list[float] | np.ndarray) -> tuple[float, float]:
    return level_limits(np.asarray(data, dtype=np.float32))


def test_noise_is_at_the_same_grey_whatever_its_strength_and_sources() -> None:
    noise = np.random.default_rng(2).normal(0, 1, 40_000)
    with_source = np.append(noise, [1000.0] * 20)
    low, high = limits_of(with_source)
    assert low == pytest.approx(-2.5, abs=0.1)
    assert high == pytest.approx(15.0, abs=0.4)
    assert limits_of(with_source * 7) == (pytest.approx(7 * low, rel=1e-5), pytest.approx(7 * high, rel=1e-5))


@pytest.mark.parametrize("data", [[], [np.nan, np.nan], [0.0] * 9, [5.0] * 9, [0.0] * 99 + [1.0], [-3e-9, 1e30]])
def test_there_is_always_a_range(data: list[float]) -> None:
    low, high = limits_of(data)
    assert np.isfinite(low + high)
    assert high > low


def test_blank_pixels_have_a_colour_that_no_value_has(tmp_path: Path) -> None:
    path = image_with_a_source(tmp_path, turn_deg=0.0, mirrored=False)
    with fits.open(path, mode="update") as hdus:
        hdus[0].data[:10] = np.nan
    picture = np.asarray(Image.open(io.BytesIO(read_thumbnail(str(path), 192))).convert("RGB"))
    grey = (picture[..., 0] == picture[..., 1]) & (picture[..., 1] == picture[..., 2])
    assert not grey[-10:].any()
    assert grey[:-10].all()


def test_small_images_are_enlarged_by_whole_pixels(tmp_path: Path) -> None:
    fits.PrimaryHDU(np.arange(20, dtype=np.float32).reshape(4, 5)).writeto(tmp_path / "tiny.fits")
    preview: ImagePreview = read_fits_preview(str(tmp_path / "tiny.fits"))
    assert Image.open(io.BytesIO(thumbnail_png(preview))).size == (95, 76)
