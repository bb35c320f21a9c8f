"""Region files of DS9 and CASA: what others wrote is read, what we write the package regions reads back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS
from hypothesis import given, settings
from hypothesis import strategies as st
from regions import Regions

from data_access.analysis.region_geometry import ImageGrid, outline, pixels_inside
from data_access.errors import ValidationError
from data_access.readers.region_files import MOST_LINES, clean_name, read_region_text, write_region_text
from data_access.records.files import ImageHeader
from data_access.records.regions import Shape

CARDS = {
    "CTYPE1": "RA---SIN", "CTYPE2": "DEC--SIN", "CRVAL1": 149.7, "CRVAL2": 65.5, "CRPIX1": 101.0, "CRPIX2": 91.0,
    "CDELT1": -2 / 3600, "CDELT2": 2 / 3600, "RADESYS": "ICRS",
}  # fmt: skip
SHAPES = (
    Shape("circle", "icrs", ((149.72, 65.51),), 60.0, 60.0, name="a source"),
    Shape("ellipse", "icrs", ((149.72, 65.51),), 81.0, 33.0, 25.0),
    Shape("box", "icrs", ((149.68, 65.49),), 61.0, 21.0, 300.0),
    Shape("polygon", "icrs", ((149.72, 65.51), (149.68, 65.52), (149.69, 65.49))),
    Shape("line", "icrs", ((149.72, 65.51), (149.68, 65.52))),
    Shape("point", "icrs", ((149.72, 65.51),)),
)


def header_of(cards: dict[str, Any]) -> ImageHeader:
    return ImageHeader(
        path="x", shape=(180, 200), axes=("DEC", "RA"), wcs_header=cards, frame="icrs", bunit="Jy/beam",
        object_name="", telescope="", date_obs="", freq_hz=None, beam=None, cards=(),
    )  # fmt: skip


def pixels_of(shape: Shape, grid: ImageGrid) -> np.ndarray:
    return pixels_inside(*outline(shape, grid), (0, 0, grid.n_x, grid.n_y))


@pytest.mark.parametrize("file_format", ["ds9", "crtf"])
@pytest.mark.parametrize("frame", ["icrs", "fk5", "fk4", "galactic", "image"])
def test_files_are_read_back_by_regions_and_by_us_in_every_frame(file_format: Any, frame: Any) -> None:
    header = header_of(CARDS)
    grid = ImageGrid.of(header)
    text = write_region_text(SHAPES, header, file_format=file_format, frame=frame)
    theirs = Regions.parse(text, format=file_format)
    assert len(theirs) == len(SHAPES)
    wcs = WCS(CARDS | {"NAXIS": 2})
    ours = read_region_text(text, most=100)
    assert ours.problems == ()
    for shape, their, our in zip(SHAPES, theirs, ours.shapes, strict=True):
        assert our.kind == shape.kind
        x, y = outline(shape, grid)
        again_x, again_y = outline(our, grid)
        assert (again_x.mean(), again_y.mean()) == pytest.approx((x.mean(), y.mean()), abs=1e-3)
        if shape.has_area:
            assert (pixels_of(our, grid) != pixels_of(shape, grid)).sum() <= 1
        if shape.has_area and frame not in ("fk4", "galactic"):  # whose north `regions` 0.12 takes for the image's
            pixel = their if frame == "image" else their.to_pixel(wcs)
            mask = pixel.to_mask(mode="center").to_image((180, 200)).astype(bool)
            assert (mask != pixels_of(shape, grid)).sum() <= 3


def test_names_travel_and_cannot_break_a_file() -> None:
    header = header_of(CARDS)
    hostile = "x}; circle(1,2,3)\n# {y} 'z' \"q\" ] \u202e <b>"
    shape = Shape("circle", "icrs", ((149.72, 65.51),), 60.0, 60.0, name=clean_name(hostile))
    for file_format in ("ds9", "crtf"):
        text = write_region_text([shape], header, file_format=file_format, frame="icrs")  # type: ignore[arg-type]
        found = read_region_text(text, most=9)
        assert (len(found.shapes), found.problems) == (1, ())
        assert found.shapes[0].name == shape.name


def test_lines_of_ds9_in_all_frames_are_where_astropy_puts_them() -> None:
    text = """# Region file format: DS9 version 4.1
global color=green dashlist=8 3 width=1 font="helvetica 10 normal"
fk5
circle(09:58:47.2,+65:33:54,30") # text={first; one}
galactic; box(140.5,42.1,20",10",30)
fk4
point(149.5,65.7) # point=cross
image
circle(100,120,5)
"""
    first, second, third, fourth = read_region_text(text, most=9).shapes
    expected = SkyCoord("09:58:47.2 +65:33:54", unit=("hourangle", "deg"), frame="fk5").icrs
    assert first.points[0] == pytest.approx((expected.ra.deg, expected.dec.deg), abs=1e-9)
    assert first.name == "first one"
    centre = SkyCoord(140.5, 42.1, unit="deg", frame="galactic")
    assert second.points[0] == pytest.approx((centre.icrs.ra.deg, centre.icrs.dec.deg), abs=1e-9)
    beside = centre.directional_offset_by(30 * u.deg, 1 * u.arcmin).icrs
    assert second.angle_deg == pytest.approx(centre.icrs.position_angle(beside).deg, abs=0.01)
    b1950 = SkyCoord(149.5, 65.7, unit="deg", frame="fk4").icrs
    assert third.points[0] == pytest.approx((b1950.ra.deg, b1950.dec.deg), abs=1e-9)
    assert (fourth.frame, fourth.points, fourth.width) == ("pixel", ((99.0, 119.0),), 10.0)


@pytest.mark.parametrize(
    ("corners", "centre", "size_deg"),
    [
        ("[10deg,54deg],[11deg,55deg]", (10.5, 54.5), (np.cos(np.radians(54.5)), 1.0)),
        ("[11deg, 55deg], [10deg, 54deg]", (10.5, 54.5), (np.cos(np.radians(54.5)), 1.0)),
        ("[359.9deg,54deg],[0.1deg,54.2deg]", (0.0, 54.1), (0.2 * np.cos(np.radians(54.1)), 0.2)),
        ("[0.1deg,54.2deg],[359.9deg,54deg]", (0.0, 54.1), (0.2 * np.cos(np.radians(54.1)), 0.2)),
        ("[23:59:36,54.00.00.0],[00h00m24s,+54d12m0s]", (0.0, 54.1), (0.2 * np.cos(np.radians(54.1)), 0.2)),
    ],
)
def test_a_crtf_box_of_two_corners_has_their_size_on_the_sky(
    corners: str, centre: tuple[float, float], size_deg: tuple[float, float]
) -> None:
    for text in (f"box[{corners}], coord=ICRS, label='two corners'", f"+ ann box [ {corners} ] , coord=ICRS"):
        found = read_region_text(f"#CRTFv0\n{text}\n", most=9)
        assert found.problems == ()
        (shape,) = found.shapes
        assert (shape.kind, shape.frame) == ("box", "icrs")
        ((ra, dec),) = shape.points
        assert ((ra + 180) % 360 - 180, dec) == pytest.approx(centre, abs=1e-9)
        assert (shape.width, shape.height) == pytest.approx((3600 * size_deg[0], 3600 * size_deg[1]), rel=1e-9)
        assert min(shape.angle_deg, 360 - shape.angle_deg) == pytest.approx(0.0, abs=1e-6)
    assert read_region_text(f"#CRTFv0\nbox[{corners}], coord=ICRS, label='two'", most=9).shapes[0].name == "two"


def test_a_crtf_box_of_two_corners_is_straight_in_the_frame_of_the_file() -> None:
    found = read_region_text("#CRTFv0\nglobal coord=GALACTIC\nbox[[140deg,42deg],[141deg,42.5deg]]", most=9)
    (shape,) = found.shapes
    centre = SkyCoord(140.5, 42.25, unit="deg", frame="galactic")
    assert shape.points[0] == pytest.approx((centre.icrs.ra.deg, centre.icrs.dec.deg), abs=1e-9)
    assert (shape.width, shape.height) == pytest.approx((3600 * np.cos(np.radians(42.25)), 1800), rel=1e-9)
    north = centre.directional_offset_by(0 * u.deg, 1 * u.arcmin).icrs
    assert shape.angle_deg == pytest.approx(centre.icrs.position_angle(north).deg, abs=0.01)


def test_a_crtf_box_of_two_corners_in_pixels_lies_between_them() -> None:
    (shape,) = read_region_text("#CRTFv0\nbox[[10pix,20pix],[30pix,60pix]]", most=9).shapes
    assert (shape.kind, shape.frame, shape.points) == ("box", "pixel", ((20.0, 40.0),))
    assert (shape.width, shape.height) == (20.0, 40.0)


@pytest.mark.parametrize("kind", ["vector", "ruler", "text", "compass", "projection", "segment"])
def test_what_ds9_writes_as_a_comment_is_named_as_left_out(kind: str) -> None:
    text = f'# Region file format: DS9\nicrs\n# {kind}(149.5,65.7,10",20) {kind}=1 width=1\npoint(149.5,65.7)'
    found = read_region_text(text, most=9)
    assert [shape.kind for shape in found.shapes] == ["point"]
    assert len(found.problems) == 1
    assert found.problems[0].startswith(f"line 3: a {kind} of DS9")
    assert found.left_out == text.splitlines()[2]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("fk5\ncircle(1,2\n", 2, "not a region"),
        ("circle(149,65,10)", 1, "no frame"),
        ('icrs\nannulus(149,65,10",20")', 2, "CircleAnnulus"),
        ("physical\ncircle(1,2,3)", 2, "physical"),
        ("icrs\n\n-circle(1,2,3)", 3, "left out"),
        ("icrs\ncircle(1,2,-3)", 2, "not a region"),
        ("icrs\ncircle(1,2,1e9)", 2, "size"),
        ("icrs\ncircle(1,95,3)", 2, ""),
        ("#CRTFv0\ncircle[[1deg, 2deg], 3arcsec]", 2, "coord="),
        ("#CRTFv0\nbox[[1deg, 2deg], [x, 3deg]], coord=J2000", 2, "not a region"),
        ("#CRTFv0\nglobal coord=J2000\ncircle[[1deg, 2deg]", 3, "not a region"),
        ("<script>alert(1)</script>", 1, "not a region"),
    ],
)
def test_what_is_left_out_is_named_with_its_line(text: str, line: int, words: str) -> None:
    found = read_region_text(text, most=9)
    assert found.shapes == ()
    assert len(found.problems) == 1
    assert found.problems[0].startswith(f"line {line}: ")
    assert words in found.problems[0]
    assert found.left_out == text.splitlines()[line - 1]


def test_the_lines_around_a_bad_one_are_read() -> None:
    found = read_region_text('icrs\ncircle(149,65,10")\nmoon(1,2)\ncircle(149,66,10")\npixel line 1 2 3 4\n', most=9)
    assert [shape.kind for shape in found.shapes] == ["circle", "circle", "line"]
    assert found.left_out == "moon(1,2)"


@settings(max_examples=40, deadline=None)
@given(st.text(alphabet=st.sampled_from("icrsfk5;:(),[]{}#-+.0123456789\"' \n=coxle"), max_size=120))
def test_any_text_gives_regions_or_words(text: str) -> None:
    read_region_text(text, most=9)
    read_region_text("#CRTFv0\n" + text, most=9)


def test_a_huge_text_is_refused_and_many_regions_are_cut() -> None:
    with pytest.raises(ValidationError, match="letters"):
        read_region_text("circle(1,2,3)\n" * (MOST_LINES + 1), most=9)
    found = read_region_text("pixel circle 1 2 3\n" * 20, most=5)
    assert len(found.shapes) == 5
    assert "up to 5 more" in found.problems[0]


def test_without_sky_a_file_is_in_pixels_whatever_was_asked() -> None:
    shape = Shape("circle", "pixel", ((20.0, 30.0),), 9.0, 9.0)
    text = write_region_text([shape], header_of({}), file_format="ds9", frame="icrs")
    assert "image" in text
    assert read_region_text(text, most=9).shapes == (shape,)
