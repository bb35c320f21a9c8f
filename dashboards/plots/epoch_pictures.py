"""The epochs of a source as frames of an animation and as one sheet: one colour bar, time and flux with each."""

from __future__ import annotations

import io
from dataclasses import dataclass

from PIL import Image, ImageDraw

from dashboards.plots.epoch_tiles import colours_of, tile_image
from dashboards.plots.epoch_words import EpochWords, limits_for, missing_words, reaches_above
from dashboards.plots.image_colour import display_unit
from dashboards.plots.picture_text import fitting, font, round_values, spelled
from dashboards.plots.theme import Theme, get_theme
from data_access.records.epochs import EpochFrame, EpochScale

FRAME_SIDE = 384
SHEET_SIDE = 150
SHEET_COLUMNS = 8
_MARGIN, _BAR, _LINE = 14, 96, 22
_SHEET_LINE, _SHEET_WORDS = 16, 4
_ABOVE = "above the scale"


@dataclass(frozen=True, slots=True)
class EpochPictures:
    """What is drawn.

    Attributes
    ----------
    title : str
        Name of the source.
    lines : tuple of str
        What holds for all epochs: position, size, which epochs of how many.
    frames, words : tuple
        As many of one as of the other, in order of observation.
    scale : EpochScale or None
        None for a scale of each epoch's own, which the picture says.
    theme : str
    """

    title: str
    lines: tuple[str, ...]
    frames: tuple[EpochFrame, ...]
    words: tuple[EpochWords, ...]
    scale: EpochScale | None
    theme: str


def animation_frames(pictures: EpochPictures) -> list[Image.Image]:
    """Return one picture per epoch, all of the same even width and height, with the colour bar at the right."""
    theme = get_theme(pictures.theme)
    head = _MARGIN + _LINE * (1 + len(pictures.lines))
    size = (2 * _MARGIN + FRAME_SIDE + _BAR, head + 10 + FRAME_SIDE + 3 * _LINE + _MARGIN)
    ground = Image.new("RGB", (size[0] + size[0] % 2, size[1] + size[1] % 2), theme.panel)
    _write_head(ground, pictures, theme, FRAME_SIDE + _BAR)
    _draw_bar(ground, pictures, theme, (_MARGIN + FRAME_SIDE + 12, head + 10, FRAME_SIDE))
    made = []
    for number, (frame, words) in enumerate(zip(pictures.frames, pictures.words, strict=True), 1):
        picture = ground.copy()
        draw = ImageDraw.Draw(picture)
        picture.paste(_tile(pictures, frame, FRAME_SIDE), (_MARGIN, head + 10))
        below = head + 10 + FRAME_SIDE + 6
        above = [_ABOVE] if reaches_above(frame, pictures.scale) else []
        lines = (
            f"{words.time} UTC" if words.utc_ms is not None else words.time,
            " · ".join(part for part in (words.flux, words.snr) if part),
            " · ".join([words.kind, f"{number} of {len(pictures.frames)}", *above, *_gone(frame)]),
        )
        for k, line in enumerate(lines):
            _write(draw, (_MARGIN, below + k * _LINE), fitting(line, FRAME_SIDE + _BAR, 16), theme.text, 16)
        made.append(picture)
    return made


def sheet_png(pictures: EpochPictures) -> bytes:
    """Return all epochs on one sheet as a PNG, row by row; those without a picture say why."""
    theme = get_theme(pictures.theme)
    columns = max(1, min(SHEET_COLUMNS, len(pictures.frames)))
    rows = -(-len(pictures.frames) // columns)
    pitch_x, pitch_y = SHEET_SIDE + 10, SHEET_SIDE + _SHEET_LINE * _SHEET_WORDS + 10
    width = max(columns * pitch_x, 3 * pitch_x)
    head = _MARGIN + _LINE * (1 + len(pictures.lines)) + 10
    height = max(rows * pitch_y, 180)
    sheet = Image.new("RGB", (2 * _MARGIN + width + _BAR, head + height + _MARGIN), theme.panel)
    _write_head(sheet, pictures, theme, width + _BAR)
    _draw_bar(sheet, pictures, theme, (_MARGIN + width + 4, head, min(height - 40, FRAME_SIDE)))
    draw = ImageDraw.Draw(sheet)
    for number, (frame, words) in enumerate(zip(pictures.frames, pictures.words, strict=True)):
        x, y = _MARGIN + number % columns * pitch_x, head + number // columns * pitch_y
        sheet.paste(_tile(pictures, frame, SHEET_SIDE), (x, y))
        above = _ABOVE if reaches_above(frame, pictures.scale) else ""
        lines = (words.time, words.flux, " · ".join(part for part in (words.kind, words.snr) if part), above)
        for k, line in enumerate(lines):
            place = (x, y + SHEET_SIDE + 2 + k * _SHEET_LINE)
            _write(draw, place, fitting(line, SHEET_SIDE, 13), theme.text if k < 2 else theme.muted, 13)
    buffer = io.BytesIO()
    sheet.save(buffer, "png", compress_level=6)
    return buffer.getvalue()


def _gone(frame: EpochFrame) -> list[str]:
    return [frame.problem] if frame.preview is None else []


def _tile(pictures: EpochPictures, frame: EpochFrame, side: int) -> Image.Image:
    if frame.preview is not None:
        return tile_image(frame.preview, limits_for(frame, pictures.scale), theme=pictures.theme, side=side)
    theme = get_theme(pictures.theme)
    empty = Image.new("RGB", (side, side), theme.background)
    draw = ImageDraw.Draw(empty)
    draw.rectangle((0, 0, side - 1, side - 1), outline=theme.grid)
    for k, line in enumerate(_wrapped(missing_words(frame), side - 16, 13)[: (side - 16) // _SHEET_LINE]):
        _write(draw, (8, 8 + k * _SHEET_LINE), line, theme.muted, 13)
    return empty


def _wrapped(text: str, width: float, size: int) -> list[str]:
    """Return text in lines of this width, broken inside long words."""
    lines, line = [], ""
    for letter in spelled(text):
        if font(size).getlength(line + letter) > width:
            cut = line.rfind(" ") if " " in line and letter != " " else len(line)
            lines.append(line[:cut])
            line = line[cut:].lstrip()
        line += letter
    return [*lines, line]


def _write_head(paper: Image.Image, pictures: EpochPictures, theme: Theme, width: int) -> None:
    draw = ImageDraw.Draw(paper)
    _write(draw, (_MARGIN, _MARGIN), fitting(pictures.title, width, 18), theme.text, 18)
    for k, line in enumerate(pictures.lines, 1):
        _write(draw, (_MARGIN, _MARGIN + k * _LINE + 2), fitting(line, width, 14), theme.muted, 14)


def _draw_bar(paper: Image.Image, pictures: EpochPictures, theme: Theme, place: tuple[int, int, int]) -> None:
    """Draw the colours with their values; without a common scale the words say that there is none."""
    x, top, height = place
    draw, scale = ImageDraw.Draw(paper), pictures.scale
    if scale is None:
        for k, word in enumerate(("each epoch", "on its own", "scale")):
            _write(draw, (x, top + k * _LINE), word, theme.warn, 14)
        return
    levels = colours_of(pictures.theme)[:256][::-1]
    bar = Image.fromarray(levels[:, None].repeat(14, axis=1)).resize((14, height), Image.Resampling.NEAREST)
    paper.paste(bar, (x, top))
    unit, factor = display_unit(scale.unit, scale.high)
    for value in round_values(scale.low * factor, scale.high * factor):
        y = top + height * (1 - (value / factor - scale.low) / (scale.high - scale.low))
        draw.line((x + 14, y, x + 18, y), fill=theme.text)
        draw.text((x + 21, y), f"{value:.4g}", fill=theme.text, font=font(13), anchor="lm")
    _write(draw, (x, top + height + 6), fitting(unit, _BAR - 10, 13), theme.text, 13)


def _write(draw: ImageDraw.ImageDraw, place: tuple[float, float], text: str, colour: str, size: int) -> None:
    draw.text(place, spelled(text), fill=colour, font=font(size))
