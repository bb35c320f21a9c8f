"""Lines of equal longitude and latitude over an image, and where they meet its edges."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy.wcs import WCS

from dashboards.plots.sky import (
    Box,
    FloatArray,
    decimal_text,
    degrees_text,
    hours_text,
    is_equatorial,
    pixel_to_sky,
    sky_to_pixel,
)
from data_access.records import ImageHeader

POINTS_PER_LINE = 361
MOST_LINES = 7
# Width of a letter, of the width of the narrowest picture: a cutout of 250 pixels.
_LETTER = 0.033

_HOUR_STEPS_S = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30)
_HOUR_STEPS_DEG = tuple(s / 240 for s in _HOUR_STEPS_S) + tuple(
    m / 4 for m in (1, 2, 5, 10, 20, 30, 60, 120, 180, 240)
)
_DEGREE_STEPS = (
    *(s / 3600 for s in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30)),
    *(m / 60 for m in (1, 2, 5, 10, 20, 30)),
    *(1.0, 2.0, 5.0, 10.0, 15.0, 30.0),
)
_DECIMAL_STEPS = (
    *(s * 10.0**p for p in (-5, -4, -3, -2, -1, 0) for s in (1, 2, 5)),
    *(10.0, 20.0, 30.0, 45.0, 60.0),
)


@dataclass(frozen=True, slots=True)
class Span:
    """Range of the sky inside an image: longitudes may run beyond 360; `around` means all of them."""

    lon_min: float
    lon_max: float
    lat_min: float
    lat_max: float
    around: bool


def graticule_columns(header: ImageHeader, wcs: WCS, box: Box) -> dict[str, list[Any]]:
    """Return the lines that cross `box`, for a ``multi_line``.

    Parameters
    ----------
    header, wcs
        The image and its celestial WCS.
    box : x0, y0, x1, y1
        Edges of the part that is drawn, 0-based file pixels (pixel centres are whole numbers).

    Returns
    -------
    dict
        ``xs``, ``ys`` (arrays with NaN at breaks), ``label``, ``family`` (``"lon"`` or ``"lat"``) and
        ``value_deg``, one entry per line; empty lists when nothing of the box is on the sky.
    """
    columns: dict[str, list[Any]] = {"xs": [], "ys": [], "label": [], "family": [], "value_deg": []}
    span = sky_span(wcs, box)
    if span is None:
        return columns
    for family in ("lon", "lat"):
        for value, label, lon, lat in _lines(header, span, family):
            x, y = _clip(*sky_to_pixel(wcs, lon, lat), box)
            if np.isfinite(x).sum() > 1:
                for key, item in zip(columns, (x, y, label, family, value), strict=True):
                    columns[key].append(item)
    return columns


def sky_span(wcs: WCS, box: Box) -> Span | None:
    """Return which longitudes and latitudes occur inside the box; None when it is off the sky."""
    x, y = np.meshgrid(np.linspace(box[0], box[2], 41), np.linspace(box[1], box[3], 41))
    lon, lat = pixel_to_sky(wcs, x, y)
    seen = np.isfinite(lon) & np.isfinite(lat)
    if not seen.any():
        return None
    lat_min, lat_max = float(lat[seen].min()), float(lat[seen].max())
    poles = [pole for pole in (-90.0, 90.0) if _inside(wcs, pole, box)]
    if poles:
        lat_min, lat_max = min(lat_min, *poles), max(lat_max, *poles)
        return Span(0.0, 360.0, lat_min, lat_max, around=True)
    ordered = np.sort(lon[seen])
    gaps = np.diff(np.append(ordered, ordered[0] + 360.0))
    widest = int(np.argmax(gaps))
    if gaps[widest] < 40.0:
        return Span(0.0, 360.0, lat_min, lat_max, around=True)
    start = float(ordered[(widest + 1) % ordered.size])
    return Span(start, start + 360.0 - float(gaps[widest]), lat_min, lat_max, around=False)


def edge_ticks(columns: dict[str, list[Any]], box: Box, *, side: str, family: str) -> dict[float, str]:
    """Return position along an edge -> label, for the lines of one family that reach the edge.

    `side` is ``"below"`` (positions are x) or ``"left"`` (positions are y). The browser repeats this for the
    visible part of the image while the reader zooms (`dashboards.plots.image_overlay`).
    """
    at = box[1] if side == "below" else box[0]
    ticks: dict[float, str] = {}
    for xs, ys, label, kind in zip(columns["xs"], columns["ys"], columns["label"], columns["family"], strict=True):
        if kind != family:
            continue
        across, along = (ys, xs) if side == "below" else (xs, ys)
        position = _crossing(across, along, at)
        if position is not None:
            ticks[position] = label
    # Bokeh finds labels that overlap only among ticks in order
    return dict(sorted(ticks.items()))


def edge_families(columns: dict[str, list[Any]], box: Box) -> tuple[str, str]:
    """Return which family is labelled below and which at the left: swapped for an image turned by 90°."""

    def reach(below: str, left: str) -> int:
        return len(edge_ticks(columns, box, side="below", family=below)) + len(
            edge_ticks(columns, box, side="left", family=left)
        )

    return ("lat", "lon") if reach("lat", "lon") > reach("lon", "lat") else ("lon", "lat")


def inner_labels(columns: dict[str, list[Any]], box: Box) -> dict[str, list[Any]]:
    """Return labels (``x, y, text``) inside the image for lines that no labelled edge shows (all-sky maps)."""
    below, left = edge_families(columns, box)
    shown = {
        (family, label)
        for side, family in (("below", below), ("left", left))
        for label in edge_ticks(columns, box, side=side, family=family).values()
    }
    labels: dict[str, list[Any]] = {"x": [], "y": [], "text": []}
    for xs, ys, label, family in zip(columns["xs"], columns["ys"], columns["label"], columns["family"], strict=True):
        if (family, label) in shown:
            continue
        seen = np.flatnonzero(np.isfinite(xs))
        # meridians are marked half way, parallels nearer to an end: the two do not fall on each other
        middle = seen[seen.size // 2] if family == "lon" else seen[seen.size // 5]
        if xs[middle] + _LETTER * len(label) * (box[2] - box[0]) > box[2]:
            middle = seen[np.argmin(xs[seen])]  # texts begin at their place: nearer to the edge it would be cut
        for key, item in zip(labels, (float(xs[middle]), float(ys[middle]), label), strict=True):
            labels[key].append(item)
    return labels


def _lines(header: ImageHeader, span: Span, family: str) -> list[tuple[float, str, FloatArray, FloatArray]]:
    equatorial = is_equatorial(header)
    text: Callable[[float, float], str]
    if family == "lon":
        step = _step(_HOUR_STEPS_DEG if equatorial else _DECIMAL_STEPS, span.lon_max - span.lon_min)
        text = hours_text if equatorial else decimal_text
        low, high = _padded(span.lat_min, span.lat_max)
        lat = np.linspace(max(low, -90.0), min(high, 90.0), POINTS_PER_LINE)
        values = _multiples(step, span.lon_min, span.lon_max, skip_last=span.around)
        return [(v % 360.0, text(v % 360.0, step), np.full_like(lat, v), lat) for v in values]
    step = _step(_DEGREE_STEPS if equatorial else _DECIMAL_STEPS, span.lat_max - span.lat_min)
    text = degrees_text if equatorial else decimal_text
    low, high = (0.0, 360.0) if span.around else _padded(span.lon_min, span.lon_max)
    lon = np.linspace(low, high, POINTS_PER_LINE)
    values = [v for v in _multiples(step, span.lat_min, span.lat_max) if abs(v) < 90.0]
    return [(v, text(v, step), lon, np.full_like(lon, v)) for v in values]


def _step(steps: tuple[float, ...], span: float) -> float:
    return next((step for step in steps if span / step <= MOST_LINES), steps[-1])


def _multiples(step: float, low: float, high: float, *, skip_last: bool = False) -> list[float]:
    first, last = int(np.ceil(low / step - 1e-9)), int(np.floor(high / step + 1e-9))
    return [k * step for k in range(first, last + (0 if skip_last else 1))]


def _padded(low: float, high: float) -> tuple[float, float]:
    # the samples that gave the range miss its very ends: lines must still reach the edges of the image
    pad = 0.1 * (high - low)
    return low - pad, high + pad


def _inside(wcs: WCS, pole_deg: float, box: Box) -> bool:
    x, y = sky_to_pixel(wcs, np.array([0.0]), np.array([pole_deg]))
    return bool(np.isfinite(x[0]) and box[0] <= x[0] <= box[2] and box[1] <= y[0] <= box[3])


def _clip(x: FloatArray, y: FloatArray, box: Box) -> tuple[FloatArray, FloatArray]:
    """Cut a line at the edges of the box; where it leaves, NaN breaks it."""
    x0, y0, x1, y1 = box
    inside = np.isfinite(x) & np.isfinite(y)
    inside &= (x >= x0) & (x <= x1) & (y >= y0) & (y <= y1)
    longest = 0.1 * float(np.hypot(x1 - x0, y1 - y0))
    within = np.flatnonzero(inside)
    if not within.size:
        return np.empty(0), np.empty(0)
    run = slice(int(within[0]), int(within[-1]) + 1)
    if run.stop - run.start == within.size and not (np.hypot(np.diff(x[run]), np.diff(y[run])) > longest).any():
        return _one_piece(x, y, run, box, longest)
    out: list[tuple[float, float]] = []
    for i in range(x.size):
        if inside[i]:
            if i and not inside[i - 1]:
                out.extend(_edge_point(x, y, i, i - 1, box, longest))
            elif i and np.hypot(x[i] - x[i - 1], y[i] - y[i - 1]) > longest:
                out.append((np.nan, np.nan))  # the line jumps to the other side of an all-sky map
            out.append((float(x[i]), float(y[i])))
        elif i and inside[i - 1]:
            out.extend(_edge_point(x, y, i - 1, i, box, longest))
            out.append((np.nan, np.nan))
    points = np.array(out, dtype=float).reshape(-1, 2)
    return points[:, 0], points[:, 1]


def _one_piece(x: FloatArray, y: FloatArray, run: slice, box: Box, longest: float) -> tuple[FloatArray, FloatArray]:
    """Return the part of a line that is inside all along `run`, with its ends on the edges: nearly all lines."""
    before = _edge_point(x, y, run.start, run.start - 1, box, longest) if run.start else []
    after: list[tuple[float, float]] = []
    if run.stop < x.size:
        after = [*_edge_point(x, y, run.stop - 1, run.stop, box, longest), (np.nan, np.nan)]
    points = np.concatenate(
        [np.reshape(before, (-1, 2)), np.column_stack([x[run], y[run]]), np.reshape(after, (-1, 2))]
    )
    return points[:, 0], points[:, 1]


def _edge_point(
    x: FloatArray, y: FloatArray, inner: int, outer: int, box: Box, longest: float
) -> list[tuple[float, float]]:
    """Return where the step from an inner to an outer point meets the box; nothing if the step is a jump."""
    dx, dy = x[outer] - x[inner], y[outer] - y[inner]
    if not np.isfinite(dx + dy) or np.hypot(dx, dy) > longest:
        return []
    shares = [1.0]
    for start, delta, low, high in ((x[inner], dx, box[0], box[2]), (y[inner], dy, box[1], box[3])):
        if delta:
            shares.append(max((low - start) / delta, (high - start) / delta))
    share = min(shares)
    return [(float(x[inner] + share * dx), float(y[inner] + share * dy))]


def _crossing(across: FloatArray, along: FloatArray, at: float) -> float | None:
    side = across - at
    # a line that was cut at the edge ends exactly on it
    touching = np.flatnonzero(np.abs(side) < 1e-6)
    if touching.size:
        return float(along[touching[0]])
    crossed = np.flatnonzero(side[:-1] * side[1:] < 0)
    if not crossed.size:
        return None
    i = int(crossed[0])
    return float(along[i] - side[i] * (along[i + 1] - along[i]) / (side[i + 1] - side[i]))
