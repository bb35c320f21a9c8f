"""One epoch of a source as a small square picture: north up, east left, the beam in the corner, on a given scale."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from dashboards.plots.image import image_box
from dashboards.plots.image_colour import colour_limits
from dashboards.plots.picture_frame import enlarged, picture_frame
from dashboards.plots.sky import beam_outline, celestial_wcs, local_sky
from dashboards.plots.theme import get_theme
from data_access.records import ImagePreview

TILE_PIXELS = 240
MARKS = ("edge", "cross")
TileMark = Literal["edge", "cross"]
_TICK = 0.045
# From the middle to the arms of the cross, and to their ends: the source and its beam stay free.
_CROSS = (0.075, 0.15)
_LEVELS = 256

Colours = npt.NDArray[np.uint8]


def tile_image(
    preview: ImagePreview,
    limits: tuple[float, float] | None,
    *,
    theme: str,
    side: int = TILE_PIXELS,
    mark: TileMark = "edge",
) -> Image.Image:
    """Return a square picture of a cutout.

    Parameters
    ----------
    limits : tuple of float or None
        Values of the first and the last colour, in the unit of the file; None for robust limits of its own.
    theme : str
        Its palette, from faint to bright; blank pixels have the colour of the grid.
    side : int
        Width and height, pixels.
    mark : str
        Ticks at the middle of the edges that point to the position of the source, or an open cross around it.

    Notes
    -----
    The beam is left out where it is larger
    than half of the picture, or not recorded.
    """
    wcs, box = celestial_wcs(preview.header), image_box(preview)
    sky = None if wcs is None else local_sky(wcs, box)
    frame = picture_frame(box, sky, preview.factor, longest=side)
    low, high = colour_limits(preview.data)[:2] if limits is None else limits
    blank = colours_of(theme)[_LEVELS]
    panel = enlarged(coloured(preview.data, low, high, theme), frame, preview.factor, tuple(blank.tolist()))
    zoom = side / max(panel.size)
    panel = panel.resize([max(1, round(n * zoom)) for n in panel.size], Image.Resampling.NEAREST)
    tile = Image.new("RGB", (side, side), tuple(blank.tolist()))
    tile.paste(panel, ((side - panel.width) // 2, (side - panel.height) // 2))
    draw = ImageDraw.Draw(tile)
    ink = get_theme(theme).overlay
    if mark == "cross":
        _draw_cross(draw, side, ink, get_theme(theme).background)
    else:
        _draw_ticks(draw, side, ink)
    beam = preview.header.beam
    if sky is not None and beam is not None and beam.has_outline:
        u, v = frame.turn(*beam_outline(sky, beam))
        _draw_beam(draw, side, u * frame.zoom * zoom, -v * frame.zoom * zoom, ink, get_theme(theme).background)
    return tile


def tile_png(
    preview: ImagePreview,
    limits: tuple[float, float] | None,
    *,
    theme: str,
    side: int = TILE_PIXELS,
    mark: TileMark = "edge",
) -> bytes:
    """Return `tile_image` as a PNG."""
    buffer = io.BytesIO()
    tile_image(preview, limits, theme=theme, side=side, mark=mark).save(buffer, "png", compress_level=1)
    return buffer.getvalue()


def coloured(data: npt.NDArray[np.float32], low: float, high: float, theme: str) -> Colours:
    """Return RGB of every pixel on a linear scale, shape (ny, nx, 3), rows in the order of the file."""
    with np.errstate(invalid="ignore", over="ignore"):
        share = (data - np.float32(low)) * np.float32((_LEVELS - 1) / (high - low))
    blank = ~np.isfinite(data)
    level = np.clip(np.where(blank, 0, share), 0, _LEVELS - 1).astype(np.int16)
    level[blank] = _LEVELS
    return colours_of(theme)[level]


@lru_cache(maxsize=4)
def colours_of(theme: str) -> Colours:
    """Return RGB of the 256 levels from faint to bright, and last that of blank pixels."""
    chosen = get_theme(theme)
    text = "".join(colour[1:7] for colour in (*chosen.image_palette, chosen.grid))
    return np.frombuffer(bytes.fromhex(text), np.uint8).reshape(-1, 3)


def _draw_ticks(draw: ImageDraw.ImageDraw, side: int, ink: str) -> None:
    middle, long = side / 2, _TICK * side
    for start, end in ((0.0, long), (side - 1 - long, side - 1.0)):
        draw.line((middle, start, middle, end), fill=ink, width=2)
        draw.line((start, middle, end, middle), fill=ink, width=2)


def _draw_cross(draw: ImageDraw.ImageDraw, side: int, ink: str, ground: str) -> None:
    middle = side / 2
    for colour, width in ((ground, 4), (ink, 2)):
        for sign in (-1, 1):
            near, far = (middle + sign * part * side for part in _CROSS)
            draw.line((middle, near, middle, far), fill=colour, width=width)
            draw.line((near, middle, far, middle), fill=colour, width=width)


def _draw_beam(
    draw: ImageDraw.ImageDraw, side: int, dx: npt.NDArray[np.float64], dy: npt.NDArray[np.float64],
    ink: str, ground: str,
) -> None:  # fmt: skip
    if max(dx.max(), dy.max()) > 0.25 * side:
        return
    margin = 0.04 * side
    outline = np.column_stack([margin + dx.max() + dx, side - margin - dy.max() + dy]).ravel().tolist()
    # a wide line in the ground's colour below the real one: legible on any pixels
    draw.line(outline, fill=ground, width=4)
    draw.line(outline, fill=ink, width=2)
