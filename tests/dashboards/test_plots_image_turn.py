"""North is up and east left, however an image is stored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from dashboards.plots.bokeh_models import models
from dashboards.plots.image import plot_image
from dashboards.plots.image_turn import Turn
from dashboards.plots.sky import celestial_wcs, pixel_to_sky
from data_access.readers.fits import read_fits_preview

N_X, N_Y = 61, 51
# arcsec from the middle of the image
EAST, NORTH = 20.0, 40.0
STEP = 4.0


def turned_cards(degrees: float, *, mirrored: bool = False) -> dict[str, Any]:
    angle, sign = np.radians(degrees), 1 if mirrored else -1
    return {
        "CTYPE1": "RA---SIN", "CTYPE2": "DEC--SIN", "CRVAL1": 150.0, "CRVAL2": 33.0, "RADESYS": "ICRS",
        "CRPIX1": (N_X + 1) / 2, "CRPIX2": (N_Y + 1) / 2, "CDELT1": sign * STEP / 3600, "CDELT2": STEP / 3600,
        "PC1_1": float(np.cos(angle)), "PC1_2": float(-np.sin(angle)),
        "PC2_1": float(np.sin(angle)), "PC2_2": float(np.cos(angle)),
    }  # fmt: skip


def with_old_rotation(degrees: float) -> dict[str, Any]:
    cards = {key: value for key, value in turned_cards(0).items() if not key.startswith("PC")}
    return cards | {"CROTA2": degrees}


def in_other_order() -> dict[str, Any]:
    cards = turned_cards(0)
    renamed = {key: cards[key] for key in ("RADESYS",)}
    for key in ("CTYPE", "CRVAL", "CDELT"):
        renamed |= {f"{key}1": cards[f"{key}2"], f"{key}2": cards[f"{key}1"]}
    return renamed | {"CRPIX1": (N_X + 1) / 2, "CRPIX2": (N_Y + 1) / 2}


def write_bright_pixel(path: Path, cards: dict[str, Any]) -> tuple[int, int]:
    """Write an image with one bright pixel, north-east of the middle; return its x, y in the array of the file."""
    wcs = WCS(fits.Header(cards))
    north = 33.0 + NORTH / 3600
    east = 150.0 + EAST / 3600 / np.cos(np.radians(north))
    world = (east, north) if cards["CTYPE1"].startswith("RA") else (north, east)
    x, y = (round(float(one)) for one in wcs.wcs_world2pix([world], 0)[0])
    data = np.zeros((N_Y, N_X), np.float32)
    data[y, x] = 1.0
    fits.PrimaryHDU(data, fits.Header(cards)).writeto(path)
    return x, y


def place_on_screen(figure: Any) -> tuple[float, float]:
    """Return how far right of the middle and above it the brightest pixel is drawn, in pixels of the file."""
    columns = figure.select_one({"name": "image", "type": models.ColumnDataSource}).data
    row, column = np.unravel_index(int(np.argmax(columns["image"][0])), columns["image"][0].shape)
    n_rows, n_columns = columns["image"][0].shape
    right = (column + 0.5) * columns["dw"][0] / n_columns - columns["dw"][0] / 2
    above = (row + 0.5) * columns["dh"][0] / n_rows - columns["dh"][0] / 2
    return (-right if figure.x_range.flipped else right), (-above if figure.y_range.flipped else above)


WAYS = {
    **{f"turned by {angle}": turned_cards(angle) for angle in (0, 90, 180, 270)},
    **{f"mirrored, turned by {angle}": turned_cards(angle, mirrored=True) for angle in (0, 90, 180, 270)},
    "CROTA2 of 90": with_old_rotation(90.0),
    "CROTA2 of -90": with_old_rotation(-90.0),
    "declination first": in_other_order(),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_bright_pixel_in_the_north_east_is_drawn_at_the_upper_left(tmp_path: Path, way: str) -> None:
    write_bright_pixel(tmp_path / "image.fits", WAYS[way])
    figure = plot_image(read_fits_preview(str(tmp_path / "image.fits")))
    assert place_on_screen(figure) == pytest.approx((-EAST / STEP, NORTH / STEP), abs=0.6)
    assert figure.select_one({"name": "compass", "type": models.ColumnDataSource}) is None


@pytest.mark.parametrize("degrees", [30, 60, 120, 315])
def test_at_other_angles_north_is_within_45_degrees_of_the_top_and_a_compass_shows_it(
    tmp_path: Path, degrees: float
) -> None:
    write_bright_pixel(tmp_path / "image.fits", turned_cards(degrees))
    figure = plot_image(read_fits_preview(str(tmp_path / "image.fits")))
    compass = figure.select_one({"name": "compass", "type": models.ColumnDataSource}).data
    up = -compass["dy"][0] if figure.y_range.flipped else compass["dy"][0]
    left = compass["dx"][1] if figure.x_range.flipped else -compass["dx"][1]
    assert min(up, left) > np.cos(np.radians(45.1))


@pytest.mark.parametrize("way", [way for way in WAYS if "90" in way or "270" in way])
def test_the_sky_of_a_transposed_image_is_that_of_astropy(tmp_path: Path, way: str) -> None:
    write_bright_pixel(tmp_path / "image.fits", WAYS[way])
    header = read_fits_preview(str(tmp_path / "image.fits")).header
    wcs = celestial_wcs(Turn(swaps=True).header(header))
    assert wcs is not None
    x, y = np.array([3.0, 50.0]), np.array([40.0, 7.0])
    expected = WCS(fits.getheader(tmp_path / "image.fits")).wcs_pix2world(np.column_stack([x, y]), 0)
    np.testing.assert_allclose(np.column_stack(pixel_to_sky(wcs, y, x)), expected, atol=1e-10)


def test_distortion_turns_with_the_pixels(tmp_path: Path) -> None:
    cards = turned_cards(90) | {
        "CTYPE1": "RA---TAN-SIP", "CTYPE2": "DEC--TAN-SIP", "A_ORDER": 2, "B_ORDER": 2, "A_2_0": 1e-4, "A_0_2": -3e-4,
        "B_1_1": 2e-4, "B_0_2": 5e-5,
    }  # fmt: skip
    path = tmp_path / "image.fits"
    fits.PrimaryHDU(np.zeros((N_Y, N_X), np.float32), fits.Header(cards)).writeto(path)
    wcs = celestial_wcs(Turn(swaps=True).header(read_fits_preview(str(path)).header))
    assert wcs is not None
    expected = WCS(fits.getheader(path)).all_pix2world([[55.0, 12.0]], 0)
    lon, lat = pixel_to_sky(wcs, np.array([12.0]), np.array([55.0]))
    assert (lon[0], lat[0]) == pytest.approx(tuple(expected[0]), abs=1e-10)
