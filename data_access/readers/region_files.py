"""Region files of DS9 and CASA (CRTF), read and written with the package `regions`.

The package skips what it does not understand with a warning, and stops at what it cannot digest. Here every line is
given to it alone, so that the reader is told which line is left out and why. It is imported when it is first needed:
that takes half a second.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from astropy import units as u
from astropy.coordinates import FK4, FK5, ICRS, BaseCoordinateFrame, Galactic, SkyCoord

from data_access.analysis.region_geometry import ImageGrid, drawn_shape, pixel_shape
from data_access.analysis.region_text import checked, is_typed, type_region
from data_access.errors import ValidationError
from data_access.records.files import ImageHeader
from data_access.records.regions import Shape, ShapeKind

RegionFormat = Literal["ds9", "crtf"]
FileFrame = Literal["icrs", "fk5", "fk4", "galactic", "image"]
LONGEST_TEXT = 1_000_000
MOST_LINES = 2_000
LONGEST_LINE = 20_000
LONGEST_NAME = 80
_MOST_PROBLEMS = 30
_FRAMES = {"fk5": "fk5", "j2000": "fk5", "fk4": "fk4", "b1950": "fk4", "icrs": "icrs", "galactic": "galactic",
           "image": "image"}  # fmt: skip
_OTHER_FRAMES = re.compile(
    r"(physical|ecliptic|linear|amplifier|detector|wcs\w?|equatorial|supergal|azel|unknown)", re.I
)
_PLAIN: dict[str, ShapeKind] = {"Polygon": "polygon", "Line": "line", "Point": "point"}
_CRTF_FRAMES = {"icrs": "ICRS", "fk5": "J2000", "fk4": "B1950", "galactic": "GALACTIC"}
# What the parsers of `regions` 0.12 raise on text that is not what it claims to be.
_BAD_TEXT = (ValueError, TypeError, KeyError, IndexError, AttributeError, ArithmeticError, NotImplementedError)
_CRTF_BEGIN = re.compile(r"\s*#CRTF", re.I)
_CRTF_FRAME = re.compile(r"\bcoord\s*=|\d\s*pix", re.I)
_CRTF_CORNERS = re.compile(r"([+-]?\s*)box\s*\[\s*(\[[^\[\]]*\])\s*,\s*(\[[^\[\]]*\])\s*\](.*)", re.I)
# DS9 keeps in comments what it cannot filter events with.
_DS9_COMMENTED = re.compile(r"#\s*(vector|ruler|text|compass|projection|segment|composite)\s*\(", re.I)
_CRTF_SHAPE = re.compile(r"[+-]?\s*(?:ann\s+)?\w+\s*\[", re.I)


@dataclass(frozen=True, slots=True)
class RegionFile:
    """What a text contains.

    Attributes
    ----------
    shapes : tuple of Shape
    problems : tuple of str
        What was left out, with the number of the line and the reason.
    left_out : str
        The lines that were left out.
    """

    shapes: tuple[Shape, ...]
    problems: tuple[str, ...]
    left_out: str


@dataclass(frozen=True, slots=True)
class _Piece:
    """One region as it stands in a text, with what must stand before it."""

    line: int
    text: str
    prefix: str
    file_format: RegionFormat | Literal["typed", "unknown frame", "no region"]


def read_region_text(text: str, *, most: int) -> RegionFile:
    """Return the regions of a DS9 file, a CRTF file, or typed lines.

    Parameters
    ----------
    most : int
        Regions that are wanted at most; the problems say so when there are more.

    Raises
    ------
    ValidationError
        For a text that is too long to be looked at.
    """
    lines = text.splitlines()
    if len(text) > LONGEST_TEXT or len(lines) > MOST_LINES:
        raise ValidationError(
            f"The text has {len(text):,} letters in {len(lines):,} lines; up to {LONGEST_TEXT:,} in {MOST_LINES:,} "
            "are read",
            remedy="Save fewer regions into the file.",
        )
    shapes: list[Shape] = []
    problems: list[tuple[int, str]] = []
    for piece in _crtf_pieces(lines) if _is_crtf(text) else _ds9_pieces(lines):
        if len(shapes) >= most:
            problems.append((piece.line, f"up to {most} more regions are taken: this one and the rest are left out"))
            break
        try:
            shapes.append(_shape_of(piece))
        except ValidationError as err:
            problems.append((piece.line, err.message))
    words = [f"line {line}: {reason}" for line, reason in problems[:_MOST_PROBLEMS]]
    if len(problems) > _MOST_PROBLEMS:
        words.append(f"and {len(problems) - _MOST_PROBLEMS} more lines")
    bad = dict.fromkeys(line for line, _ in problems)
    return RegionFile(tuple(shapes), tuple(words), "\n".join(lines[line - 1][:LONGEST_LINE] for line in bad))


def is_only_typed(text: str) -> bool:
    """Say whether every line of a text is a typed one: then the package is not needed."""
    return len(text) <= LONGEST_TEXT and all(is_typed(line) for line in text.splitlines() if line.strip())


def _is_crtf(text: str) -> bool:
    return bool(_CRTF_BEGIN.match(text)) or any(_CRTF_SHAPE.match(line) for line in text.splitlines())


def _ds9_pieces(lines: list[str]) -> Iterator[_Piece]:
    frame = ""
    for number, line in enumerate(lines, start=1):
        if is_typed(line):
            yield _Piece(number, line, "", "typed")
            continue
        for part in _parts(line):
            word = part.lower()
            if word in _FRAMES or _OTHER_FRAMES.fullmatch(word):
                frame = _FRAMES.get(word, word)
            elif commented := _DS9_COMMENTED.match(part):
                yield _Piece(number, part, commented[1].lower(), "no region")
            elif part and not part.startswith("#") and not re.match(r"global\b", word):
                known = not frame or frame in _FRAMES
                yield _Piece(number, part, frame, "ds9" if known else "unknown frame")


def _parts(line: str) -> list[str]:
    """Split a line of DS9 at the semicolons before its comment, of which the last part keeps the comment."""
    before, mark, comment = line.partition("#")
    parts = [part.strip() for part in before.split(";")]
    if mark:
        parts[-1] = f"{parts[-1]} #{comment}".strip()
    return parts


def _crtf_pieces(lines: list[str]) -> Iterator[_Piece]:
    settings = ""
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if re.match(r"global\b", text, re.I):
            settings = text
        elif text and not text.startswith("#"):
            # an annotation is a region that is only drawn
            yield _Piece(number, re.sub(r"^([+-]?)\s*ann\s+", r"\1", text, flags=re.I), settings, "crtf")


def _shape_of(piece: _Piece) -> Shape:
    text = piece.text
    shown = text if len(text) <= 60 else f"{text[:60]}…"
    if len(text) > LONGEST_LINE:
        raise ValidationError(f"{len(text):,} letters are too many for a region")
    if piece.file_format == "typed":
        return type_region(text)
    if piece.file_format == "unknown frame":
        raise ValidationError(f"the frame '{piece.prefix}' is not known here")
    if piece.file_format == "no region":
        raise ValidationError(f"a {piece.prefix} of DS9 is no region that can be measured here: {shown}")
    if text.startswith("-"):
        raise ValidationError(f"a region to be left out of others has no meaning here: {shown}")
    if piece.file_format == "crtf" and not _CRTF_FRAME.search(f"{piece.prefix} {text}"):
        # the package would take degrees for pixels
        raise ValidationError(f"neither a frame (coord=...) nor pixels (pix): {shown}")
    if piece.file_format == "crtf" and (corners := _CRTF_CORNERS.fullmatch(text)):
        return _box_of_corners(piece, corners, shown)
    begin = f"{piece.prefix}\n" if piece.file_format == "ds9" else f"#CRTFv0\n{piece.prefix}\n"
    found, reason = _parsed(begin + text, piece.file_format)
    if found is None:
        raise ValidationError(f"{reason}: {shown}")
    return _from_package(found)


def _box_of_corners(piece: _Piece, found: re.Match[str], shown: str) -> Shape:
    """Return the box between two corners, straight in the frame of the file.

    `regions` 0.12 takes the difference of two longitudes for a distance, and does not see that they meet at 0h: it is
    asked for the corners alone, as two points.
    """
    points = []
    for corner in (found[2], found[3]):
        region, reason = _parsed(f"#CRTFv0\n{piece.prefix}\n{found[1]}symbol[{corner}, .]{found[4]}", "crtf")
        if region is None:
            raise ValidationError(f"{reason}: {shown}")
        points.append(region)
    name = clean_name(str(points[0].meta.get("text") or points[0].meta.get("label") or ""))
    one, other = (point.center for point in points)
    if not isinstance(one, SkyCoord):
        middle = ((float(one.x + other.x) / 2, float(one.y + other.y) / 2),)
        width, height = abs(float(other.x - one.x)), abs(float(other.y - one.y))
        return checked(Shape("box", "pixel", middle, width, height, name=name))
    (lon, lat), (other_lon, other_lat) = (
        (float(place.spherical.lon.deg), float(place.spherical.lat.deg)) for place in (one, other)
    )
    across, up = (other_lon - lon + 180) % 360 - 180, other_lat - lat
    centre = SkyCoord(lon + across / 2, lat + up / 2, unit="deg", frame=one.frame.replicate_without_data())
    width, height = abs(across) * math.cos(math.radians(lat + up / 2)) * 3600, abs(up) * 3600
    place = centre.icrs
    angle = _turned(centre, 0.0, ICRS())
    return checked(Shape("box", "icrs", ((place.ra.deg, place.dec.deg),), width, height, angle, name=name))


def _parsed(text: str, file_format: str) -> tuple[Any, str]:
    """Return the region of the package, or None and why there is none."""
    from regions import Regions

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            found = Regions.parse(text, format=file_format)
        except _BAD_TEXT:
            return None, "not a region as the format writes them"
    if len(found) == 1:
        return found[0], ""
    said = " ".join(str(warning.message) for warning in caught)
    if "frame was not found" in said:
        return None, "no frame (such as icrs) stands before it"
    return None, "not a region" if not found else "more than one region"


def _from_package(region: Any) -> Shape:
    """Return a region of the package as ours.

    Raises
    ------
    ValidationError
        For a shape that we do not have, and for numbers that make no sense.
    """
    name = type(region).__name__
    on_pixels = name.endswith("PixelRegion")
    kind = name.removesuffix("PixelRegion").removesuffix("SkyRegion")
    words = str(region.meta.get("text") or region.meta.get("label") or "")
    shape = Shape("point", "pixel" if on_pixels else "icrs", (), name=clean_name(words))
    points = _points_of(region, kind, on_pixels)
    match kind:
        case "Circle":
            size = 2 * _size(region.radius, on_pixels)
            shape = replace(shape, kind="circle", points=points, width=size, height=size)
        case "Ellipse" | "Rectangle":
            angle = float(region.angle.to_value(u.deg))
            shape = replace(
                shape, kind="ellipse" if kind == "Ellipse" else "box", points=points,
                width=_size(region.width, on_pixels), height=_size(region.height, on_pixels),
                angle_deg=angle if on_pixels else _turned(region.center, angle, ICRS()),
            )  # fmt: skip
        case "Polygon" | "Line" | "Point":
            shape = replace(shape, kind=_PLAIN[kind], points=points)
        case _:
            raise ValidationError(f"the shape {kind} is not known here")
    return checked(shape)


def _points_of(region: Any, kind: str, on_pixels: bool) -> tuple[tuple[float, float], ...]:
    places = {"Polygon": ("vertices",), "Line": ("start", "end")}.get(kind, ("center",))
    found: list[tuple[float, float]] = []
    for place in (getattr(region, name) for name in places if hasattr(region, name)):
        sky = None if on_pixels else place.icrs
        first, second = (place.x, place.y) if sky is None else (sky.ra.deg, sky.dec.deg)
        found += zip(np.atleast_1d(first).tolist(), np.atleast_1d(second).tolist(), strict=True)
    return tuple(found)


def _size(size: Any, on_pixels: bool) -> float:
    return float(size) if on_pixels else float(size.to_value(u.arcsec))


def _turned(place: SkyCoord, angle_deg: float, frame: BaseCoordinateFrame) -> float:
    """Return a position angle at a place in another frame, whose north is elsewhere."""
    beside = place.directional_offset_by(angle_deg * u.deg, 1 * u.arcsec)
    return float(place.transform_to(frame).position_angle(beside.transform_to(frame)).deg)


def clean_name(text: str) -> str:
    """Return a name that no format takes for something else."""
    kept = "".join(char if char.isprintable() and char not in "{}[]\"'#;,\\" else " " for char in text)
    return " ".join(kept.split())[:LONGEST_NAME]


def write_region_text(
    shapes: Iterable[Shape], header: ImageHeader, *, file_format: RegionFormat, frame: FileFrame
) -> str:
    """Return regions as a file of DS9 or CASA.

    Parameters
    ----------
    header : ImageHeader
        Of the image on which they are, for those in pixels and for files in pixels.
    frame : str
        Frame of the file; regions of an image without sky coordinates are written in pixels whatever it is.

    Raises
    ------
    ValidationError
        For a region that is not on the projection of the image, when pixels are wanted.

    Notes
    -----
    Angles are from the north of the frame of the file, as DS9 and CASA understand them (`to_pixel` of `regions` 0.12
    takes them from the north of the image). The lines are our own: `regions` writes pixels into CRTF as degrees.
    """
    grid = ImageGrid.of(header)
    first = "# Region file format: DS9 version 4.1" if file_format == "ds9" else "#CRTFv0"
    lines, last_frame = [first], ""
    for shape in shapes:
        wanted = pixel_shape(shape, grid) if frame == "image" else drawn_shape(shape, grid)
        now: FileFrame = "image" if wanted.frame == "pixel" else frame
        points, angle = _in_frame(wanted, now)
        if file_format == "ds9":
            if now != last_frame:
                lines.append(now)
                last_frame = now
            lines.append(_ds9_line(wanted, points, angle))
        else:
            lines.append(_crtf_line(wanted, points, angle, now))
    return "\n".join(lines) + "\n"


def _in_frame(shape: Shape, frame: FileFrame) -> tuple[list[tuple[float, float]], float]:
    """Return the positions (degrees) and the angle of a region in another frame; pixels as they are."""
    target = {"fk5": FK5(), "fk4": FK4(equinox="B1950"), "galactic": Galactic()}.get(frame)
    if target is None:
        return list(shape.points), shape.angle_deg % 360
    icrs = SkyCoord(*np.array(shape.points, dtype=np.float64).T, unit="deg", frame="icrs")
    places = icrs.transform_to(target).spherical
    points = list(zip(places.lon.deg.tolist(), places.lat.deg.tolist(), strict=True))
    angle = _turned(icrs[0], shape.angle_deg, target) if shape.kind in ("ellipse", "box") else 0.0
    return points, angle % 360


def _ds9_line(shape: Shape, points: list[tuple[float, float]], angle: float) -> str:
    # DS9 counts pixels from 1
    on_pixels = shape.frame == "pixel"
    shift, unit = (1.0, "") if on_pixels else (0.0, '"')
    numbers = [f"{number + shift:.9f}" for point in points for number in point]
    half = {"circle": 2, "ellipse": 2}.get(shape.kind, 1)
    if shape.kind == "circle":
        numbers.append(f"{shape.width / half:.6f}{unit}")
    elif shape.kind in ("ellipse", "box"):
        numbers += [f"{size / half:.6f}{unit}" for size in (shape.width, shape.height)] + [f"{angle:.6f}"]
    comment = f" # text={{{shape.name}}}" if shape.name else ""
    return f"{shape.kind}({','.join(numbers)}){comment}"


def _crtf_line(shape: Shape, points: list[tuple[float, float]], angle: float, frame: FileFrame) -> str:
    on_pixels = shape.frame == "pixel"
    unit, size_unit = ("pix", "pix") if on_pixels else ("deg", "arcsec")
    places = ", ".join(f"[{first:.9f}{unit}, {second:.9f}{unit}]" for first, second in points)
    width, height = (f"{size / 2:.6f}{size_unit}" for size in (shape.width, shape.height))
    full = ", ".join(f"{size:.6f}{size_unit}" for size in (shape.width, shape.height))
    text = {
        "circle": f"circle[{places}, {width}]",
        "ellipse": f"ellipse[{places}, [{height}, {width}], {angle:.6f}deg]",
        "box": f"rotbox[{places}, [{full}], {angle:.6f}deg]",
        "polygon": f"poly[{places}]",
        "line": f"line[{places}]",
        "point": f"symbol[{places}, .]",
    }[shape.kind]
    words = [text] if on_pixels else [text, f"coord={_CRTF_FRAMES[frame]}"]
    return ", ".join([*words, f"label='{shape.name}'"] if shape.name else words)
