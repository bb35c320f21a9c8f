"""Regions of an image in words: one line each in the list, everything that is known of the selected one."""

from __future__ import annotations

import math
from typing import Any

from dashboards.components.cells import Cell, cell
from dashboards.components.facts import fact, group
from dashboards.pages.wording import position_cells
from dashboards.plots.image_colour import colour_limits, display_unit
from data_access.analysis.coordinates import format_dec, format_ra
from data_access.records import ImagePreview
from data_access.records.regions import RegionMeasurement, RegionStatistics, Shape

LIST_COLUMNS: list[dict[str, Any]] = [
    {"label": "Region"},
    {"label": "Position", "unit": "ICRS"},
    {"label": "Size"},
    {"label": "Pixels", "align": "right", "title": "pixels of the file whose centre is inside"},
    {"label": "Mean", "align": "right"},
    {"label": "rms", "align": "right", "title": "root of the mean square"},
    {"label": "Max", "align": "right"},
    {"label": "Flux", "unit": "mJy", "align": "right", "title": "integrated: sum over the pixels per beam"},
]
_NOT_MEASURED = cell(None, title="not measured")


def unit_of(preview: ImagePreview | None) -> tuple[str, float]:
    """Return the unit in which the picture's values are readable, and what to multiply those of the file by."""
    if preview is None:
        return "unit of the file", 1.0
    return display_unit(preview.header.bunit, colour_limits(preview.data)[1])


def list_cells(one: RegionMeasurement, scale: float) -> list[Cell]:
    """Return the cells of one line, without the name."""
    shape, found = one.shape, one.statistics
    start = [cell(place_words(shape), mono=True), cell(size_words(one))]
    if one.problem:
        return [*start, cell("not measured", state="warn", title=one.problem), *[_NOT_MEASURED] * 4]
    if found is None:
        return [*start, cell(None, title="a line has no pixels inside"), *[_NOT_MEASURED] * 4]
    flux = cell(None, title=found.flux_reason)
    if found.flux_jy is not None:
        flux = _short(found.flux_jy * 1e3, title=found.flux_reason)
    numbers = (_short(number * scale) for number in (found.mean, found.rms, found.maximum))
    return [*start, cell(found.n_pixels), *numbers, flux]


def _short(number: float, *, title: str | None = None) -> Cell:
    """Return four digits: the list is narrow, and the selected region has all of them below."""
    return cell(f"{number:.4g}" if math.isfinite(number) else number, title=title)


def place_words(shape: Shape) -> str:
    """Return where a region is: its middle, the first end of a line, the first corner of a polygon."""
    first, second = shape.points[0]
    if shape.frame == "pixel":
        return f"pixel {first:.1f}, {second:.1f}"
    return f"{format_ra(first % 360, digits=1)} {format_dec(second, digits=0)}"


def size_words(one: RegionMeasurement) -> str:
    """Return how large a region is."""
    shape = one.shape
    unit = "″" if shape.frame == "icrs" else " px"
    if shape.kind == "line":
        return _length(one)
    if shape.kind == "polygon":
        return f"{len(shape.points)} corners"
    if shape.kind == "point":
        return "a pixel"
    if shape.kind == "circle":
        return f"radius {_angle(shape.width / 2, unit)}"
    turned = f", {shape.angle_deg % 360:.0f}°" if round(shape.angle_deg % 180) else ""
    return f"{_angle(shape.width, unit)} × {_angle(shape.height, unit)}{turned}"


def _length(one: RegionMeasurement) -> str:
    length = one.separation
    if length is None:
        return ""
    if length.arcsec is None or length.pa_deg is None:
        return f"{length.pixels:.4g} px" if length.pixels is not None else ""
    return f"{_angle(length.arcsec, '″')}, PA {length.pa_deg:.1f}°"


def _angle(size: float, unit: str) -> str:
    if unit == "″" and size >= 3600:
        return f"{size / 3600:.4g}°"
    return f"{size / 60:.4g}′" if unit == "″" and size >= 300 else f"{size:.4g}{unit}"


def region_groups(one: RegionMeasurement, number: int, unit: str, scale: float) -> list[dict[str, Any]]:
    """Return all that is known of a region."""
    shape = one.shape
    items = [fact("Size", cell(size_words(one)))]
    if shape.frame == "icrs":
        labels = ("From", "To") if shape.kind == "line" else ("Middle",) if shape.kind != "polygon" else ()
        for label, (ra, dec) in zip(labels, shape.points, strict=False):
            ra_cell, dec_cell = position_cells(ra % 360, dec)
            items += [fact(f"{label}, RA", ra_cell), fact(f"{label}, Dec", dec_cell)]
    if shape.name:
        items.insert(0, fact("Name", cell(shape.name)))
    if (length := one.separation) is not None:
        items += [
            fact("Angular distance", cell(length.arcsec, unit="arcsec")),
            fact("Position angle", cell(length.pa_deg, unit="° east of north")),
            fact("In pixels", cell(length.pixels)),
        ]
    groups = [group(f"Region {number}: {shape.kind}", items)]
    if one.statistics is not None:
        groups.append(group("Pixels inside, full resolution", _figures(one.statistics, unit, scale)))
    return groups


def _figures(found: RegionStatistics, unit: str, scale: float) -> list[dict[str, Any]]:
    blank = f"{found.n_blank:,} of them blank" if found.n_blank else ""
    outside = f"about {found.n_outside:,} more are outside of the image" if found.n_outside else ""
    sampled = "from a random sample of a million pixels" if found.sampled else ""
    pixels = "; ".join(words for words in (blank, outside) if words)
    flux = cell(None if found.flux_jy is None else found.flux_jy * 1e3, unit="mJy", title=found.flux_reason)
    place = ""
    if found.maximum_sky is not None:
        ra, dec = found.maximum_sky
        place = f", {format_ra(ra)} {format_dec(dec)}"
    return [
        fact("Pixels", cell(found.n_pixels), note=pixels),
        fact("Area", cell(found.area_arcsec2, unit="arcsec²")),
        fact("Flux density", flux, note=found.flux_reason),
        fact("Sum", cell(found.total * scale, unit=unit)),
        fact("Mean", cell(found.mean * scale, unit=unit)),
        fact("Median", cell(found.median * scale, unit=unit), note=sampled),
        fact("rms", cell(found.rms * scale, unit=unit, title="root of the mean square")),
        fact("Scatter", cell(found.std * scale, unit=unit, title="standard deviation about the mean")),
        fact("Robust rms", cell(found.robust_rms * scale, unit=unit, title="1.4826 × median absolute deviation"),
             note=sampled),
        fact("Minimum", cell(found.minimum * scale, unit=unit), note=_pixel(found.minimum_xy)),
        fact("Maximum", cell(found.maximum * scale, unit=unit), note=_pixel(found.maximum_xy) + place),
    ]  # fmt: skip


def _pixel(xy: tuple[int, int]) -> str:
    return f"pixel {xy[0]}, {xy[1]}" if xy[0] >= 0 else ""
