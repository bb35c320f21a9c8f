"""Regions on real files: every figure of the truth, profiles, and words for what cannot be measured."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from regions import CirclePixelRegion, PixCoord

from data_access import Archive, open_archive
from data_access.errors import ValidationError
from data_access.records.regions import Shape
from data_access.services import regions as module

CARDS = {
    "CTYPE1": "RA---SIN", "CTYPE2": "DEC--SIN", "CRVAL1": 150.0, "CRVAL2": 65.0, "CDELT1": -2 / 3600,
    "CDELT2": 2 / 3600, "CRPIX1": 60.0, "CRPIX2": 50.0, "CUNIT1": "deg", "CUNIT2": "deg", "RADESYS": "ICRS",
    "BUNIT": "Jy/beam", "BMAJ": 0.003, "BMIN": 0.002, "BPA": 33.0,
}  # fmt: skip


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[Archive]:
    (tmp_path / "state").mkdir()
    (tmp_path / "stage").mkdir()
    async with open_archive(tmp_path) as opened:
        yield opened


def write(folder: Path, data: np.ndarray, **cards: Any) -> str:
    path = folder / "stage" / "a.fits"
    hdu = fits.PrimaryHDU(data)
    hdu.header.update({**CARDS, **cards})
    hdu.writeto(path, overwrite=True)
    return str(path)


@pytest.fixture
def noise() -> np.ndarray:
    data = np.random.default_rng(3).normal(0, 1e-3, (100, 120)).astype(np.float32)
    data[30:40, 50:60] = np.nan
    return data


def whole(n_y: int, n_x: int) -> Shape:
    return Shape("box", "pixel", (((n_x - 1) / 2, (n_y - 1) / 2),), n_x + 0.5, n_y + 0.5)


@pytest.mark.real
async def test_a_box_around_every_real_image_has_its_true_figures(real_archive_split: Path) -> None:
    truth = json.loads((real_archive_split / "truth.json").read_text())["images"]
    wrong, n = {}, 0
    async with open_archive(real_archive_split) as archive:
        for path, facts in truth.items():
            if not facts["readable"]:
                continue
            n_y, n_x = facts["shape"][-2:]
            found = (await archive.regions.measure(str(real_archive_split / path), whole(n_y, n_x))).statistics
            assert found is not None
            ours = (found.maximum, *found.maximum_xy, found.minimum, found.median, found.robust_rms,
                    found.n_blank / found.n_pixels, found.n_pixels)  # fmt: skip
            true = (facts["peak"], facts["peak_x"], facts["peak_y"], facts["minimum"], facts["median"],
                    facts["noise"], facts["nan_fraction"], n_x * n_y)  # fmt: skip
            n += 1
            if ours != pytest.approx(true, rel=1e-5, abs=1e-12):
                wrong[path] = (ours, true)
    assert wrong == {}
    assert n > 50


async def test_a_circle_on_the_sky_has_the_figures_of_regions_and_numpy(
    archive: Archive, tmp_path: Path, noise: np.ndarray
) -> None:
    path = write(tmp_path, noise)
    shape = await archive.regions.place(path, Shape("circle", "pixel", ((55.3, 44.2),), 31.0, 31.0))
    found = (await archive.regions.measure(path, shape)).statistics
    mask = CirclePixelRegion(PixCoord(55.3, 44.2), 15.5).to_mask(mode="center").to_image(noise.shape).astype(bool)
    values = noise[mask]
    good = values[np.isfinite(values)].astype(float)
    assert shape.frame == "icrs"
    assert found is not None
    assert (found.n_pixels, found.n_blank) == (values.size, values.size - good.size)
    assert (found.total, found.maximum) == pytest.approx((good.sum(), good.max()))
    beam_pixels = np.pi / (4 * np.log(2)) * (0.003 * 1800) * (0.002 * 1800)
    assert found.flux_jy == pytest.approx(good.sum() / beam_pixels, rel=1e-4)


async def test_a_large_region_is_read_in_pieces_with_the_same_figures(
    archive: Archive, tmp_path: Path, noise: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, noise)
    shape = Shape("ellipse", "pixel", ((55.3, 44.2),), 90.0, 61.0, 20.0)
    at_once = (await archive.regions.measure(path, shape)).statistics
    monkeypatch.setattr(module, "_READ_PIXELS", 1000)
    monkeypatch.setattr(module, "_BLOCK_PIXELS", 300)
    in_pieces = (await archive.regions.measure(path, shape)).statistics
    assert at_once is not None
    assert in_pieces is not None
    assert (in_pieces.n_pixels, in_pieces.median, in_pieces.maximum_xy, in_pieces.robust_rms) == (
        at_once.n_pixels, at_once.median, at_once.maximum_xy, at_once.robust_rms
    )  # fmt: skip
    assert in_pieces.std == pytest.approx(at_once.std, rel=1e-9)


async def test_partly_outside_counts_what_is_missing(archive: Archive, tmp_path: Path, noise: np.ndarray) -> None:
    path = write(tmp_path, noise)
    found = (await archive.regions.measure(path, Shape("box", "pixel", ((-0.5, 49.5),), 40.0, 20.0))).statistics
    assert found is not None
    assert (found.n_pixels, found.n_outside) == (400, 400)


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        (Shape("box", "pixel", ((-500.0, 50.0),), 40.0, 20.0), "wholly outside"),
        (Shape("circle", "pixel", ((50.5, 50.5),), 0.2, 0.2), "No pixel"),
        (Shape("circle", "icrs", ((330.0, -65.0),), 60.0, 60.0), "projection"),
        (Shape("line", "pixel", ((-50.0, -5.0), (-10.0, -60.0))), "wholly outside"),
    ],
)
async def test_what_cannot_be_measured_says_why(
    archive: Archive, tmp_path: Path, noise: np.ndarray, shape: Shape, words: str
) -> None:
    path = write(tmp_path, noise)
    with pytest.raises(ValidationError, match=words):
        await archive.regions.measure(path, shape)
    assert words in (await archive.regions.try_measure(path, shape)).problem


async def test_a_region_of_too_many_pixels_is_refused_with_its_size(
    archive: Archive, tmp_path: Path, noise: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, noise)
    monkeypatch.setattr(module, "MAX_PIXELS", 5000)
    with pytest.raises(ValidationError, match="spans 120 × 100 pixels"):
        await archive.regions.measure(path, whole(100, 120))


async def test_a_profile_has_the_pixels_under_the_line_over_arcsec(
    archive: Archive, tmp_path: Path, noise: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, noise)
    found = await archive.regions.measure(path, Shape("line", "pixel", ((10.0, 20.0), (90.0, 20.0))))
    assert found.profile is not None
    assert found.separation is not None
    np.testing.assert_allclose(found.profile.value, noise[20, 10:91])
    assert found.profile.offset_unit == "arcsec"
    assert found.profile.offset[-1] == pytest.approx(160.0, rel=1e-5)
    assert found.separation.arcsec == pytest.approx(160.0, rel=1e-5)
    monkeypatch.setattr(module, "_PIECE_PIXELS", 50)
    line = Shape("line", "pixel", ((-5.0, -5.0), (110.0, 95.0)))
    in_pieces = (await archive.regions.measure(path, line)).profile
    monkeypatch.undo()
    at_once = (await archive.regions.measure(path, line)).profile
    assert in_pieces is not None
    assert at_once is not None
    np.testing.assert_allclose(in_pieces.value, at_once.value)
    assert np.isnan(in_pieces.value[0])


async def test_the_other_planes_of_a_cube_have_their_own_figures(archive: Archive, tmp_path: Path) -> None:
    cube = np.stack([np.zeros((40, 50), np.float32), np.full((40, 50), 7.0, np.float32)])
    path = write(tmp_path, cube, CTYPE3="FREQ", CRVAL3=1.4e9, CDELT3=1e6, CRPIX3=1.0)
    shape = Shape("circle", "pixel", ((20.0, 20.0),), 9.0, 9.0)
    assert [(await archive.regions.measure(path, shape, plane=n)).statistics.mean for n in (0, 1)] == [0.0, 7.0]  # type: ignore[union-attr]


async def test_the_flux_density_of_a_plane_uses_the_beam_of_that_plane(archive: Archive, tmp_path: Path) -> None:
    path = tmp_path / "stage" / "a.fits"
    image = fits.PrimaryHDU(np.ones((2, 40, 50), np.float32))
    cards = {key: value for key, value in CARDS.items() if key not in ("BMAJ", "BMIN", "BPA")}
    image.header.update(cards | {"CTYPE3": "FREQ", "CRVAL3": 1.4e9, "CDELT3": 1e6, "CRPIX3": 1.0})
    beams = (("BMAJ", "arcsec", [9.0, 18.0]), ("BMIN", "arcsec", [8.0, 8.0]), ("BPA", "deg", [0.0, 0.0]))
    columns = [fits.Column(name, "E", unit, array=values) for name, unit, values in beams]
    fits.HDUList([image, fits.BinTableHDU.from_columns(columns, name="BEAMS")]).writeto(path)
    shape = Shape("circle", "pixel", ((20.0, 20.0),), 9.0, 9.0)
    found = [(await archive.regions.measure(str(path), shape, plane=n)).statistics for n in (0, 1)]
    assert found[0].flux_jy == pytest.approx(2 * found[1].flux_jy)  # type: ignore[union-attr, operator]


async def test_a_beam_that_is_taken_for_round_is_said_beside_the_flux_density(
    archive: Archive, tmp_path: Path
) -> None:
    path = write(tmp_path, np.ones((40, 50), np.float32), BMIN=None)
    found = (await archive.regions.measure(path, Shape("circle", "pixel", ((20.0, 20.0),), 9.0, 9.0))).statistics
    assert found is not None
    assert "minor axis is not recorded" in found.flux_reason


async def test_in_a_frame_that_is_not_known_regions_are_measured_in_pixels_only(
    archive: Archive, tmp_path: Path, noise: np.ndarray
) -> None:
    path = write(tmp_path, noise, RADESYS="GAPPT")
    with pytest.raises(ValidationError, match="GAPPT"):
        await archive.regions.measure(path, Shape("circle", "icrs", ((150.0, 65.0),), 20.0, 20.0))
    found = (await archive.regions.measure(path, Shape("circle", "pixel", ((20.0, 20.0),), 9.0, 9.0))).statistics
    assert found is not None
    assert found.flux_jy is not None
    assert found.maximum_sky is None
    drawn = await archive.regions.place(path, Shape("circle", "pixel", ((20.0, 20.0),), 9.0, 9.0))
    assert drawn.frame == "pixel"
