"""Images on the pixels of another one: the same sky, whatever their grids."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from data_access import Archive, open_archive
from data_access.analysis.resample import between_pixels, other_pixels, places
from data_access.errors import ValidationError
from data_access.readers.fits import read_fits_header
from data_access.records import BeamShape, Epoch, Image
from data_access.services.compare import difference_objection, difference_remarks

N = 120
CARDS: dict[str, Any] = {
    "CTYPE1": "RA---SIN", "CTYPE2": "DEC--SIN", "CRVAL1": 150.0, "CRVAL2": 54.5, "CDELT1": -5 / 3600,
    "CDELT2": 5 / 3600, "CRPIX1": 60.0, "CRPIX2": 60.0, "BUNIT": "Jy/beam",
}  # fmt: skip
# The same sky, turned by 30 degrees, in other pixels, another projection and another frame.
TURNED: dict[str, Any] = {
    "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 150.02, "CRVAL2": 54.51, "CRPIX1": 55.0, "CRPIX2": 66.0,
    "CD1_1": -4 / 3600 * 0.866, "CD1_2": 4 / 3600 * 0.5, "CD2_1": 4 / 3600 * 0.5, "CD2_2": 4 / 3600 * 0.866,
    "BUNIT": "Jy/beam",
}  # fmt: skip
GALACTIC: dict[str, Any] = {
    "CTYPE1": "GLON-TAN", "CTYPE2": "GLAT-TAN", "CRVAL1": 160.3, "CRVAL2": 48.9, "CDELT1": -5 / 3600,
    "CDELT2": 5 / 3600, "CRPIX1": 60.0, "CRPIX2": 60.0, "BUNIT": "Jy/beam",
}  # fmt: skip


def _write(path: Path, data: np.ndarray, cards: dict[str, Any]) -> str:
    fits.PrimaryHDU(data.astype("f4"), fits.Header(cards)).writeto(path)
    return str(path)


def _blob(cards: dict[str, Any], ra_deg: float, dec_deg: float, width_arcsec: float = 40.0) -> np.ndarray:
    """Return one round source on a grid, computed through the sky."""
    wcs = WCS(fits.Header(cards))
    y, x = np.mgrid[:N, :N]
    ra, dec = wcs.wcs_pix2world(np.column_stack([x.ravel(), y.ravel()]), 0).T
    east = (ra - ra_deg) * np.cos(np.radians(dec_deg)) * 3600
    north = (dec - dec_deg) * 3600
    return np.exp(-4 * np.log(2) * (east**2 + north**2) / width_arcsec**2).reshape(N, N)


def test_places_of_another_image_agree_with_astropy(tmp_path: Path) -> None:
    first = read_fits_header(_write(tmp_path / "a.fits", np.zeros((N, N)), CARDS))
    for cards in (TURNED, GALACTIC):
        other = read_fits_header(_write(tmp_path / f"{cards['CTYPE1']}.fits", np.zeros((N, N)), cards))
        x, y = places((0, 0), 1, (N, N))
        found = other_pixels(first, other, x, y)
        assert found is not None
        sky = WCS(fits.Header(CARDS | {"RADESYS": "ICRS"})).pixel_to_world(*np.meshgrid(x, y))
        expected = WCS(fits.Header(cards)).world_to_pixel(sky)
        np.testing.assert_allclose(found, expected, atol=2e-3)


def test_a_frame_that_is_not_known_is_compared_only_with_itself(tmp_path: Path) -> None:
    one, two, known = (
        read_fits_header(_write(tmp_path / f"{n}.fits", np.zeros((N, N)), CARDS | {"RADESYS": system}))
        for n, system in enumerate(("GAPPT", "GAPPT", "FK5"))
    )
    x, y = places((0, 0), 1, (N, N))
    same = other_pixels(one, two, x, y)
    assert same is not None
    np.testing.assert_allclose(same, np.meshgrid(x, y), atol=1e-6)
    assert other_pixels(one, known, x, y) is None
    assert other_pixels(known, one, x, y) is None


def test_between_pixels_keeps_a_plane_exact_and_blanks_out() -> None:
    y, x = np.mgrid[:20, :30].astype(np.float32)
    data = 3 * x - 2 * y
    at_x, at_y = np.array([[4.25, 29.4, 29.6, 7.0]]), np.array([[7.5, 3.0, 3.0, 19.2]])
    found = between_pixels(data, (0, 0), 1, at_x, at_y)
    np.testing.assert_allclose(found, [[3 * 4.25 - 15, 3 * 29 - 6, np.nan, 21 - 38]], rtol=1e-6)
    data[7, 7] = np.nan
    assert np.isnan(between_pixels(data, (0, 0), 1, np.array([[7.1]]), np.array([[7.1]])))
    assert np.isfinite(between_pixels(data, (0, 0), 1, np.array([[7.9]]), np.array([[7.9]])))
    blocks = data[:20:2, :30:2] + 0.5
    assert np.isfinite(between_pixels(blocks, (10, 10), 2, np.array([[14.5]]), np.array([[20.5]])))


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[Archive]:
    config = tmp_path / "settings.toml"
    config.write_text(f'state_dir = "{tmp_path}/state"\nroots = ["{tmp_path}"]\n', encoding="utf-8")
    made = open_archive(config=config)
    yield made
    await made.close()


def _image(path: str) -> Image:
    """Return the record of an image of which the pipeline recorded only the path."""
    values: dict[str, Any] = {field.name: None for field in fields(Image)}
    return Image(**{**values, "id": 1, "path": path, "epoch": Epoch(None, "unknown"), "problems": ()})


async def test_the_same_sky_leaves_nothing_whatever_the_grid(archive: Archive, tmp_path: Path) -> None:
    first = _image(_write(tmp_path / "a.fits", _blob(CARDS, 150.02, 54.49), CARDS))
    other = _image(_write(tmp_path / "b.fits", _blob(TURNED, 150.02, 54.49), TURNED))
    grid = (await archive.compare.first(first, None, max_size=800)).view
    found = await archive.compare.on_grid(first, other, grid)
    assert "bilinear" in found.how
    difference = grid.data - found.view.data
    assert np.nanmax(grid.data) == pytest.approx(1, abs=0.02)
    assert np.nanmax(np.abs(difference)) < 0.03
    assert np.isfinite(difference).mean() > 0.4


async def test_a_comparison_says_which_frame_is_not_known(archive: Archive, tmp_path: Path) -> None:
    first = _image(_write(tmp_path / "a.fits", np.ones((N, N)), CARDS))
    other = _image(_write(tmp_path / "b.fits", np.ones((N, N)), CARDS | {"RADESYS": "GAPPT"}))
    grid = (await archive.compare.first(first, None, max_size=800)).view
    found = await archive.compare.on_grid(first, other, grid)
    assert "pixel by pixel" in found.how
    assert "GAPPT" in found.how


async def test_blocks_of_a_large_image_are_compared_with_blocks(archive: Archive, tmp_path: Path) -> None:
    big = {**CARDS, "CDELT1": -1 / 3600, "CDELT2": 1 / 3600, "CRPIX1": 600.0, "CRPIX2": 600.0}
    y, x = np.mgrid[:1200, :1200]
    first = _image(_write(tmp_path / "a.fits", np.hypot(x - 599, y - 599), big))
    other = _image(_write(tmp_path / "b.fits", np.hypot(x - 589, y - 599), {**big, "CRPIX1": 590.0}))
    grid = (await archive.compare.first(first, None, max_size=256)).view
    assert grid.factor == 4
    found = await archive.compare.on_grid(first, other, grid)
    difference = np.abs(grid.data - found.view.data)[2:-2, 2:-2]
    assert np.nanmax(difference) < 3.0  # blocks of 4 pixels, the middle is a cusp
    assert np.nanmedian(difference) < 0.01


async def test_another_part_of_the_sky_is_blank_and_pixels_without_sky_need_one_size(
    archive: Archive, tmp_path: Path
) -> None:
    first = _image(_write(tmp_path / "a.fits", np.ones((N, N)), CARDS))
    away = _image(_write(tmp_path / "b.fits", np.ones((N, N)), {**CARDS, "CRVAL1": 20.0}))
    plain = _image(_write(tmp_path / "c.fits", np.full((N, N), 2.0), {"BUNIT": "Jy/beam"}))
    small = _image(_write(tmp_path / "d.fits", np.ones((9, 9)), {}))
    grid = (await archive.compare.first(first, None, max_size=800)).view
    gone = await archive.compare.on_grid(first, away, grid)
    assert np.isnan(gone.view.data).all()
    assert "no part" in gone.how
    found = await archive.compare.on_grid(first, plain, grid)
    assert "pixel by pixel" in found.how
    assert (found.view.data == 2).all()
    with pytest.raises(ValidationError, match="sizes differ"):
        await archive.compare.on_grid(first, small, grid)


def test_units_forbid_a_difference_and_beams_are_remarked(tmp_path: Path) -> None:
    header = read_fits_header(_write(tmp_path / "a.fits", np.zeros((4, 4)), CARDS))
    one = replace(header, beam=BeamShape(30, 25, 0, "header"), freq_hz=1.4e9)
    assert difference_objection(one, replace(one, bunit="JY / BEAM")) == ""
    assert "K" in difference_objection(one, replace(one, bunit="K"))
    assert difference_remarks(one, one) == ()
    (remark,) = difference_remarks(one, replace(one, beam=BeamShape(40, 25, 0, "header")))
    assert "beams differ" in remark
    assert len(difference_remarks(one, replace(one, beam=None, bunit="", freq_hz=1.5e9))) == 3
