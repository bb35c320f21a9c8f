"""Contours: on the right pixels, at the right levels, in bounded number."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from data_access import Archive, open_archive
from data_access.analysis import contours as module
from data_access.analysis.contours import contour_lines, parse_levels
from data_access.errors import ValidationError
from data_access.records import Image
from data_access.services import contours as service


def hill(n: int = 900) -> np.ndarray:
    y, x = np.indices((n, n))
    return (100.0 - np.hypot(x - 400.25, y - 300.5)).astype(np.float32)


def test_contours_of_a_cone_are_circles_about_its_top() -> None:
    lines, left_out = contour_lines(hill(), [90.0, 20.0, 500.0])
    assert left_out == ()
    assert [line.level for line in lines] == [20.0, 90.0, 500.0]
    for line, radius in zip(lines[:2], (80.0, 10.0), strict=True):
        distance = np.hypot(line.x - 400.25, line.y - 300.5)
        np.testing.assert_allclose(distance[np.isfinite(distance)], radius, atol=0.05)
        assert np.isfinite(distance).sum() > 2 * radius
    assert lines[2].x.size == 0


def test_block_means_lie_on_the_pixels_of_the_file() -> None:
    means = hill().reshape(300, 3, 300, 3).mean(axis=(1, 3))
    (line,), _ = contour_lines(means.astype(np.float32), [20.0], factor=3)
    distance = np.hypot(line.x - 400.25, line.y - 300.5)
    np.testing.assert_allclose(distance[np.isfinite(distance)], 80.0, atol=0.2)


def test_blank_pixels_have_no_lines() -> None:
    data = hill()
    data[:, 400:] = np.nan
    (line,), _ = contour_lines(data, [20.0])
    assert np.nanmax(line.x) <= 399
    assert contour_lines(np.full((30, 30), np.nan, np.float32), [1.0])[0][0].x.size == 0


def test_too_many_points_leave_out_the_lowest_levels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_POINTS", 3000)
    noise = np.random.default_rng(1).normal(0, 1, (300, 300)).astype(np.float32)
    lines, left_out = contour_lines(noise, [-3.0, 0.0, 3.0, 3.5])
    assert 0.0 in left_out
    assert {line.level for line in lines} | set(left_out) == {-3.0, 0.0, 3.0, 3.5}
    assert sum(line.x.size for line in lines) <= 3000


@pytest.mark.parametrize(("text", "levels"), [("", ()), ("5, 3 10", (3.0, 5.0, 10.0)), ("−3 3;3", (-3.0, 3.0))])
def test_levels_are_read_in_any_order(text: str, levels: tuple[float, ...]) -> None:
    assert parse_levels(text) == levels


@pytest.mark.parametrize("text", ["three", "1 nan", "inf", " ".join(map(str, range(50)))])
def test_levels_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        parse_levels(text)


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[Archive]:
    (tmp_path / "state").mkdir()
    (tmp_path / "stage").mkdir()
    async with open_archive(tmp_path) as opened:
        yield opened


def image_at(path: Path) -> Image:
    fields = dict.fromkeys(Image.__dataclass_fields__)
    return Image(**{**fields, "id": 1, "path": str(path), "problems": ()})  # type: ignore[arg-type]


async def test_levels_in_sigma_are_multiples_of_the_robust_rms_at_full_resolution(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = np.random.default_rng(2).normal(0, 2e-3, (1000, 1000)).astype(np.float32)
    path = tmp_path / "stage" / "a.fits"
    fits.PrimaryHDU(data).writeto(path)
    sigma = 1.4826 * np.median(np.abs(data - np.median(data)))
    found = await archive.contours.contours(image_at(path), (4.0, 5.0), of="sigma")
    assert found.factor == 1
    assert found.sigma == pytest.approx(sigma, rel=1e-5)
    assert [line.level for line in found.lines] == pytest.approx([4 * sigma, 5 * sigma], rel=1e-5)
    monkeypatch.setattr(service, "FULL_PIXELS", 1000)
    coarse = await archive.contours.contours(image_at(path), (0.001,), of="value")
    assert (coarse.factor, coarse.sigma) == (2, None)


async def test_an_image_without_noise_asks_for_levels(archive: Archive, tmp_path: Path) -> None:
    path = tmp_path / "stage" / "a.fits"
    fits.PrimaryHDU(np.zeros((50, 50), np.float32)).writeto(path)
    with pytest.raises(ValidationError, match="no noise"):
        await archive.contours.contours(image_at(path), (3.0,), of="sigma")


async def test_a_part_of_a_large_image_has_contours_at_full_resolution(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "stage" / "a.fits"
    y, x = np.indices((1700, 1700))
    fits.PrimaryHDU((10.0 - np.hypot(x - 1200.25, y - 900.5)).astype(np.float32)).writeto(path)
    monkeypatch.setattr(service, "FULL_PIXELS", 1000)
    whole = await archive.contours.contours(image_at(path), (7.0,), of="value")
    part = await archive.contours.contours(image_at(path), (7.0,), of="value", box=(1150, 850, 1250, 950))
    assert (whole.factor, whole.box) == (3, None)
    assert (part.factor, part.box) == (1, (1150, 850, 1250, 950))
    distance = np.hypot(part.lines[0].x - 1200.25, part.lines[0].y - 900.5)
    np.testing.assert_allclose(distance[np.isfinite(distance)], 3.0, atol=0.1)


async def test_a_part_of_a_small_image_has_the_contours_of_all_of_it(archive: Archive, tmp_path: Path) -> None:
    path = tmp_path / "stage" / "a.fits"
    fits.PrimaryHDU(hill()).writeto(path)
    found = await archive.contours.contours(image_at(path), (20.0,), of="value", box=(0, 0, 10, 10))
    assert (found.factor, found.box) == (1, None)
    assert found.lines[0].x.size > 100
