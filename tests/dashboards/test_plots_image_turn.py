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
from dashboards.plots.sky import celestial_wcs, local_sky, pixel_to_sky
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


def with_cd(degrees: float, *, mirrored: bool = False) -> dict[str, Any]:
    cards = turned_cards(degrees, mirrored=mirrored)
    steps = [cards.pop(f"CDELT{i}") for i in (1, 2)]
    return {
        (f"CD{key[2:]}" if key.startswith("PC") else key): (
            value * steps[int(key[2]) - 1] if key.startswith("PC") else value
        )
        for key, value in cards.items()
    }


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
    image = columns["image"][0]
    row, column = (float(np.mean(one)) for one in np.nonzero(image == np.nanmax(image)))
    n_rows, n_columns = columns["image"][0].shape
    right = (column + 0.5) * columns["dw"][0] / n_columns - columns["dw"][0] / 2
    above = (row + 0.5) * columns["dh"][0] / n_rows - columns["dh"][0] / 2
    return (-right if figure.x_range.flipped else right), (-above if figure.y_range.flipped else above)


ANGLES = (30.0, 123.0, -77.0)
WAYS = {
    **{f"turned by {angle}": turned_cards(angle) for angle in (0, 90, 180, 270)},
    **{f"mirrored, turned by {angle}": turned_cards(angle, mirrored=True) for angle in (0, 90, 180, 270)},
    "CROTA2 of 90": with_old_rotation(90.0),
    "CROTA2 of -90": with_old_rotation(-90.0),
    "declination first": in_other_order(),
}
OTHER_ANGLES = {
    **{f"turned by {angle}": turned_cards(angle) for angle in (*ANGLES, 4.0, 45.0, 315.0)},
    **{f"mirrored, turned by {angle}": turned_cards(angle, mirrored=True) for angle in ANGLES},
    **{f"CD, turned by {angle}": with_cd(angle) for angle in ANGLES},
    **{f"CD, mirrored, turned by {angle}": with_cd(angle, mirrored=True) for angle in ANGLES},
    **{f"CROTA2 of {angle}": with_old_rotation(angle) for angle in ANGLES},
}


@pytest.mark.parametrize("way", WAYS)
def test_a_bright_pixel_in_the_north_east_is_drawn_at_the_upper_left(tmp_path: Path, way: str) -> None:
    write_bright_pixel(tmp_path / "image.fits", WAYS[way])
    figure = plot_image(read_fits_preview(str(tmp_path / "image.fits")))
    assert place_on_screen(figure) == pytest.approx((-EAST / STEP, NORTH / STEP), abs=0.6)
    assert figure.select_one({"name": "compass", "type": models.ColumnDataSource}) is None


@pytest.mark.parametrize("way", OTHER_ANGLES)
def test_at_any_other_angle_a_bright_pixel_in_the_north_east_is_drawn_at_the_upper_left(
    tmp_path: Path, way: str
) -> None:
    bright = write_bright_pixel(tmp_path / "image.fits", OTHER_ANGLES[way])
    figure = plot_image(read_fits_preview(str(tmp_path / "image.fits")))
    # to half a pixel, by which the brightest one is not where it is wanted
    assert place_on_screen(figure) == pytest.approx((-EAST / STEP, NORTH / STEP), abs=0.75)
    turn, columns = Turn.of(figure), figure.select_one({"name": "image", "type": models.ColumnDataSource}).data
    assert np.nansum(columns["image"][0] == 1.0) * (columns["dw"][0] / columns["image"][0].shape[1]) ** 2 == (
        pytest.approx(1.0, abs=0.35)
    )
    assert turn.point(*turn.place(*map(float, bright))) == pytest.approx(bright)
    assert figure.select_one({"name": "compass", "type": models.ColumnDataSource}) is None


@pytest.mark.parametrize("way", OTHER_ANGLES)
def test_every_sample_of_a_turned_image_is_the_pixel_of_the_file_below_it_or_blank(tmp_path: Path, way: str) -> None:
    path = tmp_path / "image.fits"
    data = np.arange(N_X * N_Y, dtype=np.float32).reshape(N_Y, N_X)
    fits.PrimaryHDU(data, fits.Header(OTHER_ANGLES[way])).writeto(path)
    figure = plot_image(read_fits_preview(str(path)))
    columns = figure.select_one({"name": "image", "type": models.ColumnDataSource}).data
    drawn = columns["image"][0]
    n_v, n_u = drawn.shape
    u = columns["x"][0] + (np.arange(n_u) + 0.5) * columns["dw"][0] / n_u
    v = columns["y"][0] + (np.arange(n_v) + 0.5) * columns["dh"][0] / n_v
    x, y = Turn.of(figure).point(*np.meshgrid(u, v))
    inside = (x > -0.5) & (x < N_X - 0.5) & (y > -0.5) & (y < N_Y - 0.5)
    assert np.isnan(drawn[~inside]).all()
    # a sample on the very border of two pixels may be either
    clear = inside & (np.abs(x % 1 - 0.5) > 1e-6) & (np.abs(y % 1 - 0.5) > 1e-6)
    np.testing.assert_array_equal(drawn[clear], data[np.rint(y[clear]).astype(int), np.rint(x[clear]).astype(int)])
    assert set(np.unique(drawn[inside])) == set(range(N_X * N_Y))


@pytest.mark.parametrize("way", OTHER_ANGLES)
def test_the_sky_of_an_image_turned_by_an_angle_is_that_of_astropy(tmp_path: Path, way: str) -> None:
    write_bright_pixel(tmp_path / "image.fits", OTHER_ANGLES[way])
    preview = read_fits_preview(str(tmp_path / "image.fits"))
    turn = Turn.of(plot_image(preview))
    wcs = celestial_wcs(turn.header(preview.header))
    assert wcs is not None
    x, y = np.array([3.0, 50.0]), np.array([40.0, 7.0])
    expected = WCS(fits.Header(OTHER_ANGLES[way])).wcs_pix2world(np.column_stack([x, y]), 0)
    np.testing.assert_allclose(np.column_stack(pixel_to_sky(wcs, *turn.place(x, y))), expected, atol=1e-10)


def test_axes_that_are_not_square_to_each_other_have_north_up_and_a_compass_for_east(tmp_path: Path) -> None:
    cards = with_cd(0.0) | {"CD1_2": 3.0 / 3600, "CD2_1": 0.0}
    write_bright_pixel(tmp_path / "image.fits", cards | {"CD2_1": -2.5 / 3600})
    figure = plot_image(read_fits_preview(str(tmp_path / "image.fits")))
    compass = figure.select_one({"name": "compass", "type": models.ColumnDataSource}).data
    assert compass["dy"][0] == pytest.approx(1.0, abs=1e-3)


def test_around_a_pole_no_direction_is_up_and_the_image_stays_as_it_is(tmp_path: Path) -> None:
    cards = turned_cards(30.0) | {"CRVAL2": 90.0}
    fits.PrimaryHDU(np.zeros((N_Y, N_X), np.float32), fits.Header(cards)).writeto(tmp_path / "image.fits")
    figure = plot_image(read_fits_preview(str(tmp_path / "image.fits")))
    assert Turn.of(figure).angle_deg == 0.0


@pytest.mark.parametrize("pixels", [1.5, 5.0, 40.0])
def test_near_a_pole_north_at_the_middle_is_up_and_the_words_say_so(tmp_path: Path, pixels: float) -> None:
    cards = turned_cards(30.0) | {"CRVAL2": 90.0 - pixels * STEP / 3600}
    fits.PrimaryHDU(np.zeros((N_Y, N_X), np.float32), fits.Header(cards)).writeto(tmp_path / "image.fits")
    figure = plot_image(read_fits_preview(str(tmp_path / "image.fits")))
    assert "north is up at the middle" in figure.select_one({"name": "subtitle"}).text
    turn = Turn.of(figure)
    wcs = celestial_wcs(turn.header(read_fits_preview(str(tmp_path / "image.fits")).header))
    assert wcs is not None
    sky = local_sky(wcs, turn.box((-0.5, -0.5, N_X - 0.5, N_Y - 0.5)))
    assert sky is not None
    assert sky.north == pytest.approx((0.0, 1 / STEP), abs=1e-3)


@pytest.mark.parametrize("way", [way for way in WAYS if "90" in way or "270" in way])
def test_the_sky_of_a_transposed_image_is_that_of_astropy(tmp_path: Path, way: str) -> None:
    write_bright_pixel(tmp_path / "image.fits", WAYS[way])
    header = read_fits_preview(str(tmp_path / "image.fits")).header
    wcs = celestial_wcs(Turn(swaps=True).header(header))
    assert wcs is not None
    x, y = np.array([3.0, 50.0]), np.array([40.0, 7.0])
    expected = WCS(fits.getheader(tmp_path / "image.fits")).wcs_pix2world(np.column_stack([x, y]), 0)
    np.testing.assert_allclose(np.column_stack(pixel_to_sky(wcs, y, x)), expected, atol=1e-10)


@pytest.mark.parametrize("degrees", [90.0, 30.0, 123.0])
def test_distortion_turns_with_the_pixels(tmp_path: Path, degrees: float) -> None:
    cards = turned_cards(degrees) | {
        "CTYPE1": "RA---TAN-SIP", "CTYPE2": "DEC--TAN-SIP", "A_ORDER": 2, "B_ORDER": 2, "A_2_0": 1e-4, "A_0_2": -3e-4,
        "B_1_1": 2e-4, "B_0_2": 5e-5,
    }  # fmt: skip
    path = tmp_path / "image.fits"
    fits.PrimaryHDU(np.zeros((N_Y, N_X), np.float32), fits.Header(cards)).writeto(path)
    preview = read_fits_preview(str(path))
    turn = Turn.of(plot_image(preview))
    wcs = celestial_wcs(turn.header(preview.header))
    assert wcs is not None
    expected = WCS(fits.getheader(path)).all_pix2world([[55.0, 12.0]], 0)
    lon, lat = pixel_to_sky(wcs, *turn.place(np.array([55.0]), np.array([12.0])))
    assert (lon[0], lat[0]) == pytest.approx(tuple(expected[0]), abs=1e-10)


@pytest.mark.parametrize(
    ("cards", "drawn"),
    [
        ({}, False),
        (turned_cards(0.0, mirrored=True), False),
        (turned_cards(90.0), False),
        (turned_cards(30.0), False),
        ({"PC1_1": 1.0, "PC1_2": 0.0, "PC2_1": 0.7, "PC2_2": 0.7}, True),
        (turned_cards(30.0) | {"CRVAL2": 90.0}, True),
    ],
)
def test_where_north_cannot_be_up_and_east_left_a_compass_shows_them(
    tmp_path: Path, cards: dict[str, Any], drawn: bool
) -> None:
    path = tmp_path / "image.fits"
    fits.PrimaryHDU(np.zeros((N_Y, N_X), np.float32), fits.Header(turned_cards(0.0) | cards)).writeto(path)
    figure = plot_image(read_fits_preview(str(path)))
    assert (figure.select_one({"name": "compass", "type": models.ColumnDataSource}) is not None) is drawn
