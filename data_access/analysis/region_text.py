"""Regions as short text: as they stand in a URL, and as a person types them.

In a URL a region is its kind, its positions, its size and its angle, joined by ``_``; pixels are marked by ``px``.
Regions are joined by ``~``: no letter of it needs escaping. ``circle_149.7_65.5_30~px-box_100_120_20_10_15``.
Sizes: the radius of a circle, full width and height of a box and an ellipse; arcsec or pixels.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import cast

from data_access.analysis.coordinates import parse_position
from data_access.errors import ValidationError
from data_access.records.regions import SHAPE_KINDS, Shape, ShapeFrame, ShapeKind

MAX_REGIONS = 200
MAX_CORNERS = 500
LONGEST_IN_URL = 1900
EXAMPLES = (
    "Write for example: circle 09:58:47 +65:33:54 30 (radius, arcsec), box 149.7 65.5 60 30 12 (width, height, "
    "angle), line 149.7 65.5 149.8 65.6, pixel ellipse 100 120 20 10, or lines of a DS9 or CRTF file."
)
_LARGEST_SIZE = 1e7
_LARGEST_PIXEL = 1e7
_FRAME_WORDS = {
    "icrs": "",
    "fk5": "fk5",
    "j2000": "fk5",
    "fk4": "fk4",
    "b1950": "fk4",
    "gal": "gal",
    "galactic": "gal",
}
_UNITS = {
    "": 1.0, '"': 1.0, "″": 1.0, "arcsec": 1.0, "'": 60.0, "′": 60.0, "arcmin": 60.0,
    "deg": 3600.0, "°": 3600.0, "d": 3600.0,
}  # fmt: skip
_SIZE = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)([^\d.]*)", re.IGNORECASE)
_N_POINTS = {"line": 2}


def write_regions(shapes: Iterable[Shape]) -> str:
    """Return regions as they stand in a URL; names are left out."""
    return "~".join(_written(shape) for shape in shapes)


def read_regions(text: str) -> tuple[tuple[Shape, ...], tuple[str, ...]]:
    """Return the regions of a URL, and in words what could not be read."""
    shapes, problems = [], []
    for word in [word for word in text.split("~") if word][:MAX_REGIONS]:
        try:
            shapes.append(_read(word))
        except ValidationError as err:
            problems.append(err.message)
    return tuple(shapes), tuple(problems)


def is_typed(line: str) -> bool:
    """Say whether a line is one that `type_region` understands rather than one of a region file."""
    words = line.lower().split()
    if words and words[0] in ("pixel", "px"):
        words = words[1:]
    return len(words) > 2 and words[0] in SHAPE_KINDS


def type_region(line: str) -> Shape:
    """Return the region that a person typed: kind, position, sizes and angle, in this order; see `EXAMPLES`.

    Raises
    ------
    ValidationError
    """
    words = line.replace(",", " ").split()
    on_pixels = bool(words) and words[0].lower() in ("pixel", "px")
    words = words[1:] if on_pixels else words
    frames = {_FRAME_WORDS[word.lower()] for word in words if word.lower() in _FRAME_WORDS}
    words = [word for word in words if word.lower() not in _FRAME_WORDS]
    if not words or words[0].lower() not in SHAPE_KINDS or len(frames) > 1:
        raise ValidationError(f"'{line[:60]}' is not a region", remedy=EXAMPLES)
    kind, rest = cast(ShapeKind, words[0].lower()), words[1:]
    n_points = len(rest) // 2 if kind == "polygon" else _N_POINTS.get(kind, 1)
    pairs = [rest[2 * i : 2 * i + 2] for i in range(n_points)]
    if any(len(pair) < 2 for pair in pairs) or (kind == "polygon" and len(rest) % 2):
        raise ValidationError(f"'{line[:60]}' does not have enough numbers", remedy=EXAMPLES)
    if on_pixels:
        points = tuple((_number(x), _number(y)) for x, y in pairs)
    else:
        places = [parse_position(f"{first} {second} {' '.join(frames)}") for first, second in pairs]
        points = tuple((place.ra_deg, place.dec_deg) for place in places)
    return _made(kind, "pixel" if on_pixels else "icrs", points, rest[2 * n_points :])


def checked(shape: Shape) -> Shape:
    """Return a region whose numbers make sense.

    Raises
    ------
    ValidationError
        For sizes of nothing, positions off the sky, too few or too many corners.
    """
    n_points = len(shape.points)
    numbers = [number for point in shape.points for number in point]
    if not all(map(math.isfinite, (*numbers, shape.width, shape.height, shape.angle_deg))):
        raise ValidationError(f"A {shape.kind} has a number that is not finite", remedy=EXAMPLES)
    if shape.kind == "polygon" and not 3 <= n_points <= MAX_CORNERS:
        raise ValidationError(f"A polygon has 3 to {MAX_CORNERS} corners, not {n_points}", remedy=EXAMPLES)
    if shape.kind in ("circle", "ellipse", "box") and not all(
        0 < size < _LARGEST_SIZE for size in (shape.width, shape.height)
    ):
        raise ValidationError(f"The size of a {shape.kind} is above 0 and below {_LARGEST_SIZE:g}", remedy=EXAMPLES)
    if shape.frame == "icrs" and any(abs(dec) > 90 or not -360 <= ra <= 360 for ra, dec in shape.points):
        raise ValidationError(f"A {shape.kind} has a position that is not on the sky", remedy=EXAMPLES)
    if shape.frame == "pixel" and any(abs(number) > _LARGEST_PIXEL for number in numbers):
        raise ValidationError(f"A {shape.kind} has a pixel beyond {_LARGEST_PIXEL:g}", remedy=EXAMPLES)
    return shape


def _written(shape: Shape) -> str:
    pixel = shape.frame == "pixel"
    words = [f"px-{shape.kind}" if pixel else shape.kind]
    words += [_short(number, 3 if pixel else 7) for point in shape.points for number in point]
    if shape.kind == "circle":
        words.append(_short(shape.width / 2, 4))
    elif shape.kind in ("ellipse", "box"):
        words += [_short(shape.width, 4), _short(shape.height, 4)]
        words += [_short(shape.angle_deg, 3)] if round(shape.angle_deg, 3) else []
    return "_".join(words)


def _read(word: str) -> Shape:
    name, *numbers = word.split("_")
    kind, frame = name.removeprefix("px-"), "pixel" if name.startswith("px-") else "icrs"
    if kind not in SHAPE_KINDS:
        raise ValidationError(f"'{word[:60]}' is not a region")
    values = [_number(number) for number in numbers]
    n_points = len(values) // 2 if kind == "polygon" else _N_POINTS.get(kind, 1)
    if len(values) < 2 * n_points or (kind == "polygon" and len(values) % 2):
        raise ValidationError(f"'{word[:60]}' does not have enough numbers")
    points = tuple((values[2 * i], values[2 * i + 1]) for i in range(n_points))
    return _made(kind, cast(ShapeFrame, frame), points, numbers[2 * n_points :])


def _made(kind: ShapeKind, frame: ShapeFrame, points: tuple[tuple[float, float], ...], words: Sequence[str]) -> Shape:
    expected = {"circle": (1, 1), "ellipse": (2, 3), "box": (2, 3)}.get(kind, (0, 0))
    if not expected[0] <= len(words) <= expected[1]:
        number = {(0, 0): "no number", (1, 1): "one number", (2, 3): "two or three numbers"}[expected]
        raise ValidationError(f"A {kind} has {number} after its position, not {len(words)}", remedy=EXAMPLES)
    sizes = [_size(word, frame) for word in words[: expected[0]]]
    angle = _number(words[2].rstrip("°").removesuffix("deg")) if len(words) > 2 else 0.0
    width, height = (2 * sizes[0], 2 * sizes[0]) if kind == "circle" else (*sizes, 0.0, 0.0)[:2]
    return checked(Shape(kind, frame, points, width, height, angle))


def _size(word: str, frame: ShapeFrame) -> float:
    found = _SIZE.fullmatch(word)
    unit = found[2].lower() if found else None
    if not found or unit not in (_UNITS if frame == "icrs" else ("", "px", "pix", "pixel")):
        raise ValidationError(f"'{word[:40]}' is not a size", remedy=EXAMPLES)
    return float(found[1]) * (_UNITS[found[2].lower()] if frame == "icrs" else 1.0)


def _number(word: str) -> float:
    try:
        number = float(word) if word.isascii() and "_" not in word else math.nan
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValidationError(f"'{word[:40]}' is not a number", remedy=EXAMPLES)
    return number


def _short(number: float, digits: int) -> str:
    text = f"{number:.{digits}f}".rstrip("0").rstrip(".")
    return "0" if text in ("", "-0") else text
