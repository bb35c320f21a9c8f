"""Outlines, masks and figures of regions, against the package regions, astropy and numpy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS
from regions import (
    CircleSkyRegion,
    EllipsePixelRegion,
    EllipseSkyRegion,
    PixCoord,
    PolygonPixelRegion,
    RectanglePixelRegion,
    RectangleSkyRegion,
)

from data_access.analysis.region_geometry import (
    ImageGrid,
    bounding_box,
    drawn_shape,
    line_length,
    outline,
    pixels_inside,
)
from data_access.analysis.region_statistics import RegionFigures, histogram_of, integrated_flux, values_along
from data_access.records.files import BeamShape, ImageHeader
from data_access.records.regions import Shape

CARDS = {
    "CTYPE1": "RA---SIN", "CTYPE2": "DEC--SIN", "CRVAL1": 149.7, "CRVAL2": 65.5, "CRPIX1": 101.0, "CRPIX2": 91.0,
    "CDELT1": -2 / 3600, "CDELT2": 2 / 3600, "RADESYS": "ICRS",
}  # fmt: skip


def header_of(cards: dict[str, Any], *, shape: tuple[int, ...] = (180, 200), bunit: str = "Jy/beam") -> ImageHeader:
    return ImageHeader(
        path="x", shape=shape, axes=("DEC", "RA"), wcs_header=cards, frame="icrs", bunit=bunit, object_name="",
        telescope="", date_obs="", freq_hz=None, beam=BeamShape(10.0, 6.0, 20.0, "header"), cards=(),
    )  # fmt: skip


def inside(shape: Shape, grid: ImageGrid) -> np.ndarray:
    return pixels_inside(*outline(shape, grid), (0, 0, grid.n_x, grid.n_y))


def expected(region: Any, n_y: int = 180, n_x: int = 200) -> np.ndarray:
    image = region.to_mask(mode="center").to_image((n_y, n_x))
    return image.astype(bool)


@pytest.mark.parametrize(
    ("shape", "region"),
    [
        (Shape("ellipse", "pixel", ((90.3, 80.2),), 40.0, 21.0, 33.0),
         EllipsePixelRegion(PixCoord(90.3, 80.2), 40.0, 21.0, 33 * u.deg)),
        (Shape("box", "pixel", ((90.3, 80.2),), 40.7, 21.1, -12.0),
         RectanglePixelRegion(PixCoord(90.3, 80.2), 40.7, 21.1, -12 * u.deg)),
        (Shape("polygon", "pixel", ((10.2, 20.1), (60.3, 40.4), (22.2, 90.7), (31.1, 40.3))),
         PolygonPixelRegion(PixCoord([10.2, 60.3, 22.2, 31.1], [20.1, 40.4, 90.7, 40.3]))),
    ],
)  # fmt: skip
def test_pixels_inside_are_those_of_the_package_regions(shape: Shape, region: Any) -> None:
    found = inside(shape, ImageGrid.of(header_of({})))
    assert found.sum() > 300
    np.testing.assert_array_equal(found, expected(region))


@pytest.mark.parametrize(
    ("shape", "make"),
    [
        (Shape("circle", "icrs", ((149.72, 65.51),), 60.0, 60.0), lambda c: CircleSkyRegion(c, 30 * u.arcsec)),
        (Shape("ellipse", "icrs", ((149.72, 65.51),), 80.0, 30.0, 25.0),
         lambda c: EllipseSkyRegion(c, 80 * u.arcsec, 30 * u.arcsec, 25 * u.deg)),
        (Shape("box", "icrs", ((149.72, 65.51),), 81.0, 31.0, 115.0),
         lambda c: RectangleSkyRegion(c, 81 * u.arcsec, 31 * u.arcsec, 115 * u.deg)),
    ],
)  # fmt: skip
def test_regions_on_the_sky_have_the_angle_and_size_of_ds9(shape: Shape, make: Any) -> None:
    region = make(SkyCoord(*shape.points[0], unit="deg")).to_pixel(WCS(CARDS | {"NAXIS": 2}))
    differ = inside(shape, ImageGrid.of(header_of(CARDS))) != expected(region)
    assert differ.sum() <= 2  # a centre on the very edge


def test_a_mirrored_image_turns_the_angle_with_the_sky() -> None:
    mirrored = CARDS | {"CDELT1": 2 / 3600, "CRPIX1": 100.0}
    shape = Shape("box", "icrs", ((149.7, 65.5),), 81.0, 31.0, 30.0)
    one = inside(shape, ImageGrid.of(header_of(CARDS)))
    other = inside(shape, ImageGrid.of(header_of(mirrored)))
    assert (one != other[:, ::-1]).sum() <= 2


def test_a_region_around_the_pole_is_a_circle_there() -> None:
    cards = CARDS | {"CRVAL2": 90.0, "CRVAL1": 10.0}
    grid = ImageGrid.of(header_of(cards))
    x, y = outline(Shape("circle", "icrs", ((200.0, 89.999),), 40.0, 40.0), grid)
    middle = grid.to_pixels([200.0], [89.999])
    assert np.hypot(x - middle[0], y - middle[1]) == pytest.approx(np.full(x.size, 10.0), abs=0.01)


def test_a_drawn_box_becomes_the_same_pixels_on_the_sky() -> None:
    grid = ImageGrid.of(header_of(CARDS))
    drawn = Shape("box", "pixel", ((90.3, 80.2),), 40.7, 21.1)
    made = drawn_shape(drawn, grid)
    assert (made.kind, made.frame) == ("box", "icrs")
    assert (made.width, made.height) == pytest.approx((81.4, 42.2), rel=1e-5)
    np.testing.assert_array_equal(inside(made, grid), inside(drawn, grid))


def test_where_the_projection_bends_a_box_it_stays_what_was_drawn_as_a_polygon() -> None:
    cards = CARDS | {"CTYPE1": "RA---AIT", "CTYPE2": "DEC--AIT", "CRVAL1": 0.0, "CRVAL2": 0.0, "CDELT1": -1.0,
                     "CDELT2": 1.0}  # fmt: skip
    grid = ImageGrid.of(header_of(cards))
    drawn = Shape("box", "pixel", ((60.3, 130.2),), 40.7, 21.1)
    made = drawn_shape(drawn, grid)
    assert (made.kind, made.frame) == ("polygon", "icrs")
    np.testing.assert_array_equal(inside(made, grid), inside(drawn, grid))


def test_without_sky_a_drawn_region_stays_in_pixels() -> None:
    drawn = Shape("circle", "pixel", ((20.0, 20.0),), 9.0, 9.0)
    assert drawn_shape(drawn, ImageGrid.of(header_of({}))) is drawn


def test_figures_added_in_blocks_are_those_of_numpy() -> None:
    rng = np.random.default_rng(5)
    data = (1000 + rng.normal(0, 1e-3, (180, 200))).astype(np.float32)
    data[40:60, 50] = np.nan
    grid = ImageGrid.of(header_of(CARDS))
    shape = Shape("ellipse", "pixel", ((90.3, 80.2),), 120.0, 90.0, 33.0)
    corners = outline(shape, grid)
    x0, y0, x1, y1 = bounding_box(*corners)
    figures = RegionFigures((x1 - x0) * (y1 - y0))
    for start in range(y0, y1, 7):
        stop = min(start + 7, y1)
        figures.add(data[start:stop, x0:x1], pixels_inside(*corners, (x0, start, x1, stop)), x0, start)
    found = figures.result(grid, (90.3, 80.2), 0)
    values = data[inside(shape, grid)].astype(np.float64)
    good = values[np.isfinite(values)]
    assert (found.n_pixels, found.n_blank) == (values.size, values.size - good.size)
    assert found.n_blank > 0
    assert (found.minimum, found.maximum, found.median) == (good.min(), good.max(), np.median(good))
    assert data[found.maximum_xy[1], found.maximum_xy[0]] == found.maximum
    assert data[found.minimum_xy[1], found.minimum_xy[0]] == found.minimum
    assert (found.total, found.mean) == pytest.approx((good.sum(), good.mean()), rel=1e-12)
    assert found.std == pytest.approx(good.std(ddof=1), rel=1e-9)
    assert found.rms == pytest.approx(math.sqrt(np.mean(good**2)), rel=1e-12)
    assert found.robust_rms == pytest.approx(1.4826 * np.median(np.abs(good - np.median(good))))
    assert found.histogram is not None
    assert found.histogram.counts.sum() == good.size


def test_a_gaussian_source_has_its_flux_density_in_jansky() -> None:
    grid = ImageGrid.of(header_of(CARDS, bunit="mJy/beam"))
    y, x = np.indices((180, 200))
    sigma_x, sigma_y = (fwhm / 2 / math.sqrt(8 * math.log(2)) for fwhm in (6.0, 10.0))  # pixels of 2 arcsec
    data = (5.0 * np.exp(-0.5 * (((x - 100) / sigma_x) ** 2 + ((y - 90) / sigma_y) ** 2))).astype(np.float32)
    figures = RegionFigures(data.size)
    figures.add(data, np.ones(data.shape, dtype=np.bool_), 0, 0)
    found = figures.result(grid, (100.0, 90.0), 0)
    assert found.flux_jy == pytest.approx(5.0e-3, rel=1e-4)
    assert found.beam_pixels == pytest.approx(math.pi / (4 * math.log(2)) * 10 * 6 / 4, rel=1e-5)
    assert found.maximum_sky == pytest.approx((149.7, 65.5))


@pytest.mark.parametrize(("bunit", "words"), [("K", "the unit is K"), ("", "no unit"), ("Jy/beam", "states no beam")])
def test_without_unit_or_beam_there_is_no_flux_density_but_a_reason(bunit: str, words: str) -> None:
    import dataclasses

    header = dataclasses.replace(header_of(CARDS, bunit=bunit), beam=None)
    found = integrated_flux(3.0, ImageGrid.of(header), 4.0)
    assert found.jy is None
    assert words in found.reason


def test_per_pixel_units_add_up_as_they_are() -> None:
    found = integrated_flux(3.0, ImageGrid.of(header_of(CARDS, bunit="Jy/pixel")), 4.0)
    assert found.jy == 3.0


@pytest.mark.parametrize("value", [0.0, 2.5, -1e-30])
def test_equal_values_have_a_histogram_of_one_bar(value: float) -> None:
    found = histogram_of(np.full(50, value))
    assert found is not None
    assert found.counts.tolist() == [50]
    assert found.edges[0] < value < found.edges[1]


def test_a_profile_interpolates_between_pixels_and_blanks_stay_blank() -> None:
    y, x = np.indices((20, 30))
    data = (2.0 * x + 3.0 * y).astype(np.float32)
    data[10, 10] = np.nan
    along_x, along_y = np.array([3.25, 7.5, 10.0, 9.5, 11.0, 29.4]), np.array([4.5, 6.25, 9.0, 10.0, 10.0, 19.0])
    found = values_along(data[2:, 1:], (1, 2), along_x, along_y)
    assert found[[0, 1, 2, 4]] == pytest.approx(2.0 * along_x[[0, 1, 2, 4]] + 3.0 * along_y[[0, 1, 2, 4]])
    assert math.isnan(found[3])
    assert found[5] == pytest.approx(2.0 * 29 + 3.0 * 19)


def test_distance_and_position_angle_are_those_of_astropy() -> None:
    grid = ImageGrid.of(header_of(CARDS))
    one, other = SkyCoord(149.71, 65.49, unit="deg"), SkyCoord(149.66, 65.52, unit="deg")
    found = line_length(Shape("line", "icrs", ((149.71, 65.49), (149.66, 65.52))), grid)
    assert found.arcsec == pytest.approx(one.separation(other).arcsec, rel=1e-9)
    assert found.pa_deg == pytest.approx(one.position_angle(other).deg, rel=1e-9)
    drawn = line_length(Shape("line", "pixel", ((100.0, 90.0), (100.0, 100.0))), grid)
    assert (drawn.arcsec, drawn.pixels) == pytest.approx((20.0, 10.0), rel=1e-6)
    assert min(drawn.pa_deg or 0.0, 360 - (drawn.pa_deg or 0.0)) == pytest.approx(0.0, abs=1e-6)
