"""Regions as they stand in a URL and as people type them."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_access.analysis.region_text import is_typed, read_regions, type_region, write_regions
from data_access.errors import ValidationError
from data_access.records.regions import Shape

SHAPES = (
    Shape("circle", "icrs", ((149.7123456, -65.5),), 60.5, 60.5),
    Shape("ellipse", "icrs", ((0.0000012, 65.5),), 60.25, 30.0, 12.5),
    Shape("box", "pixel", ((100.25, 120.0),), 20.0, 10.0, 350.0),
    Shape("polygon", "icrs", ((149.7, 65.5), (149.8, 65.5), (149.8, 65.6))),
    Shape("line", "pixel", ((-1.5, 2.0), (30.0, 40.0))),
    Shape("point", "icrs", ((359.9999999, 89.0),)),
)


def test_regions_come_back_from_the_url_and_need_no_escaping() -> None:
    text = write_regions(SHAPES)
    assert read_regions(text) == (SHAPES, ())
    assert urlencode({"regions": text}) == f"regions={text}"


@given(st.text(max_size=60))
def test_any_text_in_the_url_gives_regions_or_words(text: str) -> None:
    shapes, problems = read_regions(text)
    assert len(shapes) + len(problems) == len([word for word in text.split("~") if word])


@pytest.mark.parametrize(
    "text", ["circle_1_2_-3", "circle_1_2_nan", "circle_1_95_3", "polygon_1_2_3_4", "box_1_2_3", "line_1_2",
             "moon_1_2", "circle_1_2_3_4", "circle_1_2_1e400", "circle_١_2_3"],
)  # fmt: skip
def test_what_makes_no_sense_is_left_out_and_said(text: str) -> None:
    shapes, problems = read_regions(f"{text}~circle_1_2_3")
    assert len(shapes) == 1
    assert len(problems) == 1


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("circle 09:58:47 +65:33:54 30", Shape("circle", "icrs", ((149.69583333, 65.565),), 60.0, 60.0)),
        ("Circle 149.7, 65.5, 0.5'", Shape("circle", "icrs", ((149.7, 65.5),), 60.0, 60.0)),
        ("box 149.7 65.5 60 30 12", Shape("box", "icrs", ((149.7, 65.5),), 60.0, 30.0, 12.0)),
        ("pixel ellipse 100 120 20 10 15°", Shape("ellipse", "pixel", ((100.0, 120.0),), 20.0, 10.0, 15.0)),
        ("line 149.7 65.5 149.8 65.6", Shape("line", "icrs", ((149.7, 65.5), (149.8, 65.6)))),
        ("polygon 149.7 65.5 149.8 65.6 149.9 65.4",
         Shape("polygon", "icrs", ((149.7, 65.5), (149.8, 65.6), (149.9, 65.4)))),
        ("circle 0 0 1deg gal", Shape("circle", "icrs", ((266.40498829, -28.93617776),), 7200.0, 7200.0)),
    ],
)  # fmt: skip
def test_typed_regions_are_understood(line: str, expected: Shape) -> None:
    found = type_region(line)
    assert is_typed(line)
    assert (found.kind, found.frame, found.angle_deg) == (expected.kind, expected.frame, expected.angle_deg)
    assert [n for p in found.points for n in p] == pytest.approx([n for p in expected.points for n in p], abs=1e-7)
    assert (found.width, found.height) == pytest.approx((expected.width, expected.height))


@pytest.mark.parametrize(
    "line", ["circle 149.7 65.5", "box 149.7 65.5 60", "circle 149.7 65.5 thirty", "line 1 2 3",
             "circle here there 3", "pixel circle 1 2 3arcsec", "circle 1 2 3 fk4 gal"],
)  # fmt: skip
def test_typed_nonsense_is_refused_with_examples(line: str) -> None:
    with pytest.raises(ValidationError) as caught:
        type_region(line)
    assert caught.value.remedy


def test_lines_of_region_files_are_not_taken_for_typed_ones() -> None:
    for line in ('circle(149.7,65.5,30")', "circle[[149.7deg, 65.5deg], 30arcsec]", "fk5", "# circle 1 2 3"):
        assert not is_typed(line)
