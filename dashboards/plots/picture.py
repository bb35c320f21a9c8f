"""An image as a PNG for papers and reports, drawn without a browser: axes, beam, scale bar, colour bar, words."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.wcs import WCS
from PIL import Image, ImageDraw

from dashboards.plots.graticule import edge_families, edge_ticks, graticule_columns
from dashboards.plots.image import SkyMarker, image_box
from dashboards.plots.image_colour import (
    PALETTE_SIZE,
    colour_limits,
    display_unit,
    ranks,
)
from dashboards.plots.image_overlay import scale_bar_columns
from dashboards.plots.picture_frame import PictureFrame, enlarged, picture_frame
from dashboards.plots.picture_ink import (
    BLANK,
    GREY,
    INK,
    LINE,
    MARK,
    PAPER,
    Indices,
    colour_table,
    levels,
    png_of,
    printed,
)
from dashboards.plots.picture_look import PictureLook
from dashboards.plots.picture_text import fitting, font, round_values, spelled
from dashboards.plots.sky import (
    LocalSky,
    axis_names,
    beam_outline,
    celestial_wcs,
    icrs_to_pixel,
    local_sky,
)
from data_access.records import ImagePreview

LONGEST_SIDE = 900
# What stands beside the image is drawn in greys.
_BLACK, _WHITE = 0, 255
_LEFT, _RIGHT, _BELOW, _LINE = 132, 132, 66, 24
_TICK = 7
_BAR = 16


def picture_png(
    preview: ImagePreview,
    *,
    title: str,
    words: Sequence[str] = (),
    look: PictureLook | None = None,
    target: SkyMarker | None = None,
) -> bytes:
    """Return the `picture` as a PNG."""
    return png_of(*picture(preview, title=title, words=words, look=look, target=target))


def picture_jpeg(
    preview: ImagePreview,
    *,
    title: str,
    words: Sequence[str] = (),
    look: PictureLook | None = None,
    target: SkyMarker | None = None,
    quality: int = 90,
) -> bytes:
    """Return the `picture` as a JPEG: smaller than a PNG, its sharp edges no longer exact."""
    indices, table = picture(preview, title=title, words=words, look=look, target=target)
    file = io.BytesIO()
    Image.fromarray(table[indices]).save(file, "JPEG", quality=quality)
    return file.getvalue()


def picture(
    preview: ImagePreview,
    *,
    title: str,
    words: Sequence[str] = (),
    look: PictureLook | None = None,
    target: SkyMarker | None = None,
) -> tuple[Indices, Indices]:
    """Return an image with north up and east left: indices, shape (height, width), and their RGB, shape (256, 3).

    Parameters
    ----------
    preview : ImagePreview
    title : str
    words : sequence of str
        Lines below the title: epoch, position, beam.
    look : PictureLook, optional
    target : SkyMarker, optional
        A position to mark by four strokes around it.

    Notes
    -----
    An image turned by more than 3 degrees is resampled (nearest pixel); others keep every pixel as a square.
    Without sky coordinates the axes are pixels, and the picture says so. Blank pixels are grey-blue.
    """
    look = look or PictureLook()
    wcs = celestial_wcs(preview.header)
    sky = None if wcs is None else local_sky(wcs, image_box(preview))
    frame = picture_frame(image_box(preview), sky, preview.factor, longest=LONGEST_SIDE)
    limits = look.find_limits(preview.data)
    panel = enlarged(_indices(preview.data, look, limits), frame, preview.factor, BLANK)
    width, height = panel.size
    lines = [title, *words] if wcs is not None else [title, *words, "no sky coordinates: axes are pixels"]
    top = 14 + _LINE * len(lines) + 10
    paper = Image.new("L", (_LEFT + width + _RIGHT, top + height + _BELOW), _WHITE)
    draw = ImageDraw.Draw(paper)
    for number, line in enumerate(lines):
        size = 15 if number else 18
        _write(draw, (_LEFT, 12 + _LINE * number), fitting(line, width + _RIGHT - 10, size), "la", size)
    if wcs is None or sky is None:
        _pixel_ticks(draw, frame, top, preview)
    else:
        columns = _graticule(panel, preview, wcs, frame)
        _sky_ticks(draw, columns, preview, frame, top)
        _corners(panel, sky, frame, preview)
        if target is not None:
            _mark(panel, preview, wcs, frame, target)
    draw.rectangle((_LEFT - 1, top - 1, _LEFT + width, top + height), outline=_BLACK)
    bar = (_LEFT + width + 16, top, height)
    _colour_bar(draw, look, limits, preview, bar)
    page = printed(paper)
    page.paste(panel, (_LEFT, top))
    page.paste(Image.fromarray(_bar_levels(look, height)), bar[:2])
    return np.asarray(page), colour_table(look.colours)


def _indices(data: npt.NDArray[np.float32], look: PictureLook, limits: tuple[float, float, str]) -> Indices:
    """Return the index of the colour of every pixel, rows in the order of the file."""
    low, high = limits[:2]
    with np.errstate(invalid="ignore", over="ignore"):
        share = (data - np.float32(low)) * np.float32((PALETTE_SIZE - 1) / (high - low))
    blank = ~np.isfinite(data)
    place = np.clip(np.where(blank, 0, share), 0, PALETTE_SIZE - 1).astype(np.int16)
    place[blank] = PALETTE_SIZE
    if look.stretch == "histogram":
        bent = np.rint(ranks(data, low, high) * (PALETTE_SIZE - 1)).astype(np.int16)
        place = np.append(bent, np.int16(PALETTE_SIZE))[place]
    return levels(look.stretch)[place]


def _graticule(panel: Image.Image, preview: ImagePreview, wcs: WCS, frame: PictureFrame) -> dict[str, list[Any]]:
    """Draw the lines; return their columns in the frame's own (u, v)."""
    columns = graticule_columns(preview.header, wcs, frame.file_box())
    draw = ImageDraw.Draw(panel)
    for number, (xs, ys) in enumerate(zip(columns["xs"], columns["ys"], strict=True)):
        u, v = frame.to_frame(xs, ys)
        columns["xs"][number], columns["ys"][number] = u, v
        screen = np.column_stack(frame.to_screen(u, v))
        for piece in np.split(screen, np.flatnonzero(~np.isfinite(screen[:, 0]))):
            points = piece[np.isfinite(piece[:, 0])]
            if len(points) > 1:
                draw.point(_dots(points).ravel().tolist(), fill=LINE)
    return columns


def _dots(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return (x, y) along a line, a dot in three pixels: the image stays visible between them."""
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    at = np.arange(0.0, along[-1], 3.0)
    return np.column_stack([np.interp(at, along, points[:, axis]) for axis in (0, 1)])


def _sky_ticks(
    draw: ImageDraw.ImageDraw, columns: dict[str, list[Any]], preview: ImagePreview, frame: PictureFrame, top: int
) -> None:
    below, left = edge_families(columns, frame.box)
    names = dict(zip(("lon", "lat"), axis_names(preview.header), strict=True))
    x_ticks = edge_ticks(columns, frame.box, side="below", family=below)
    y_ticks = edge_ticks(columns, frame.box, side="left", family=left)
    _ticks(draw, frame, top, x_ticks, y_ticks, (names[below], names[left]))


def _pixel_ticks(draw: ImageDraw.ImageDraw, frame: PictureFrame, top: int, preview: ImagePreview) -> None:
    x0, y0, x1, y1 = image_box(preview)
    x_ticks = {x - frame.middle[0]: f"{x:g}" for x in round_values(x0, x1)}
    y_ticks = {y - frame.middle[1]: f"{y:g}" for y in round_values(y0, y1)}
    _ticks(draw, frame, top, x_ticks, y_ticks, ("x (pixel)", "y (pixel)"))


def _ticks(
    draw: ImageDraw.ImageDraw, frame: PictureFrame, top: int,
    x_ticks: dict[float, str], y_ticks: dict[float, str], names: tuple[str, str],
) -> None:  # fmt: skip
    width, height = frame.size
    bottom, reach = top + height, -np.inf
    for u, label in sorted(x_ticks.items()):
        x = _LEFT + (u + frame.half_u) * frame.zoom
        half = draw.textlength(spelled(label), font=font(15)) / 2
        if _LEFT <= x <= _LEFT + width:
            draw.line((x, bottom, x, bottom + _TICK), fill=_BLACK)
            if x - half > reach and x + half < _LEFT + width + 12:
                _write(draw, (x, bottom + _TICK + 3), label, "ma", 15)
                reach = x + half + 12
    reach = np.inf
    for v, label in sorted(y_ticks.items()):
        y = top + (frame.half_v - v) * frame.zoom
        if top <= y <= bottom:
            draw.line((_LEFT - _TICK, y, _LEFT, y), fill=_BLACK)
            if y < reach:
                _write(draw, (_LEFT - _TICK - 4, y), label, "rm", 15)
                reach = y - 20
    _write(draw, (_LEFT + width / 2, bottom + 36), names[0], "ma", 15)
    side = Image.new("L", (min(height, 420), 22), 0)
    ImageDraw.Draw(side).text((side.width / 2, 2), spelled(names[1]), fill=255, font=font(15), anchor="ma")
    turned = side.rotate(90, expand=True)
    draw.bitmap((6, top + (height - turned.height) // 2), turned, fill=_BLACK)


def _corners(panel: Image.Image, sky: LocalSky, frame: PictureFrame, preview: ImagePreview) -> None:
    """Draw the beam in the lower left corner and the scale bar in the lower right one, on white ground."""
    draw = ImageDraw.Draw(panel)
    width, height = panel.size
    beam, margin = preview.header.beam, 16
    if beam is not None and beam.major_arcsec > 0:
        u, v = frame.turn(*beam_outline(sky, beam))
        dx, dy = u * frame.zoom, -v * frame.zoom
        if max(dx.max(), dy.max()) < 0.45 * min(width, height):
            x, y = margin + dx.max(), height - margin - dy.max()
            draw.rectangle((x - dx.max() - 6, y - dy.max() - 6, x + dx.max() + 6, y + dy.max() + 6), fill=PAPER)
            draw.polygon(np.column_stack([x + dx, y + dy]).ravel().tolist(), fill=GREY, outline=INK)
    bar = scale_bar_columns(sky.pixel_arcsec, frame.box, margin / frame.zoom)
    right = (bar["x1"][0] + frame.half_u) * frame.zoom
    left = max((bar["x0"][0] + frame.half_u) * frame.zoom, 2.0)
    text, y = spelled(bar["text"][0]), height - margin
    half = max(draw.textlength(text, font=font(15)), right - left) / 2
    middle = min((left + right) / 2, width - half - 8)
    corner = (round(middle - half - 6), y - 26)
    ground = Image.new("L", (round(2 * half + 12), 34), _WHITE)
    letters = ImageDraw.Draw(ground)
    letters.line((left - corner[0], 26, right - corner[0], 26), fill=_BLACK, width=3)
    letters.text((middle - corner[0], 21), text, fill=_BLACK, font=font(15), anchor="md")
    panel.paste(printed(ground), corner)


def _mark(panel: Image.Image, preview: ImagePreview, wcs: WCS, frame: PictureFrame, target: SkyMarker) -> None:
    x, y = icrs_to_pixel(preview.header, wcs, np.array([target.ra_deg]), np.array([target.dec_deg]))
    if not np.isfinite(x[0] + y[0]):
        return
    screen = frame.to_screen(*frame.to_frame(x, y))
    column, line = float(screen[0][0]), float(screen[1][0])
    near, far = 0.035 * max(panel.size), 0.07 * max(panel.size)
    draw = ImageDraw.Draw(panel)
    for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        draw.line((column + dx * near, line + dy * near, column + dx * far, line + dy * far), fill=MARK, width=2)


def _colour_bar(
    draw: ImageDraw.ImageDraw, look: PictureLook, limits: tuple[float, float, str], preview: ImagePreview,
    place: tuple[int, int, int],
) -> None:  # fmt: skip
    """Draw the frame, the numbers and the words of the colour bar; `_bar_levels` fills it."""
    x, top, height = place
    low, high, _ = limits
    # the unit follows the robust limit, as on the page
    is_robust = look == replace(look, low=None, high=None, limits="robust")
    robust = limits if is_robust else colour_limits(preview.data)
    unit, scale = display_unit(preview.header.bunit, robust[1])
    draw.rectangle((x - 1, top - 1, x + _BAR, top + height), outline=_BLACK)
    for value in round_values(low * scale, high * scale):
        y = top + height * (1 - (value / scale - low) / (high - low))
        draw.line((x + _BAR, y, x + _BAR + 5, y), fill=_BLACK)
        _write(draw, (x + 25, y), f"{value:.4g}", "lm", 14)
    _write(draw, (x - 2, top + height + 10), unit, "la", 14)
    _write(draw, (x - 2, top + height + 28), look.stretch, "la", 14)


def _bar_levels(look: PictureLook, height: int) -> Indices:
    """Return the colours from bright to faint as a column."""
    return np.repeat(
        levels(look.stretch)[np.linspace(PALETTE_SIZE - 1, 0, height).astype(int)][:, None], _BAR, axis=1
    )


def _write(draw: ImageDraw.ImageDraw, place: tuple[float, float], text: str, anchor: str, size: int) -> None:
    draw.text(place, spelled(text), fill=_BLACK, font=font(size), anchor=anchor)
