"""The 256 colours of a printed image and its PNG: one byte a pixel, a third of what colours themselves would take."""

from __future__ import annotations

import struct
import zlib
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from isal import isal_zlib
from PIL import Image

from dashboards.plots.image_colour import Stretch, stretched_palette

Indices = npt.NDArray[np.uint8]

# The table of colours: values from faint to bright, greys from ink to paper, three more.
_N_LEVELS, _N_GREYS = 208, 32
INK, PAPER = _N_LEVELS, _N_LEVELS + _N_GREYS - 1
GREY = INK + 2 * _N_GREYS // 3
BLANK, LINE, MARK = PAPER + 1, PAPER + 2, PAPER + 3
BLANK_RGB = (206, 212, 222)
_INK_RGB, _PAPER_RGB, _LINE_RGB, _MARK_RGB = (20, 24, 30), (255, 255, 255), (0, 80, 170), (190, 30, 20)


@lru_cache(maxsize=32)
def colour_table(palette: tuple[str, ...]) -> Indices:
    """Return RGB by index, shape (256, 3), for a palette of 256 ``#rrggbb``."""
    colours = np.frombuffer(bytes.fromhex("".join(colour[1:7] for colour in palette)), np.uint8).reshape(-1, 3)
    table = np.zeros((256, 3), np.uint8)
    table[:_N_LEVELS] = colours[np.rint(np.linspace(0, len(colours) - 1, _N_LEVELS)).astype(int)]
    table[INK : PAPER + 1] = np.rint(np.linspace(_INK_RGB, _PAPER_RGB, _N_GREYS))
    table[[BLANK, LINE, MARK]] = BLANK_RGB, _LINE_RGB, _MARK_RGB
    return table


@lru_cache(maxsize=8)
def levels(stretch: Stretch) -> Indices:
    """Return the index of a colour by share of the limits, shape (PALETTE_SIZE + 1,); the last one is for blanks."""
    places = np.array([int(place) for place in stretched_palette([str(n) for n in range(256)], stretch)])
    return np.append(np.rint(places * ((_N_LEVELS - 1) / 255)), BLANK).astype(np.uint8)


def printed(grey: Image.Image) -> Image.Image:
    """Return what was drawn in black on white as indices."""
    return grey.point([INK + round(value / 255 * (_N_GREYS - 1)) for value in range(256)])


def png_of(indices: Indices, table: Indices) -> bytes:
    """Return indices, shape (height, width), with their colours as a PNG.

    Rows are not filtered: indices are no quantities. ISA-L packs a page in half a millisecond, zlib in nine.
    """
    height, width = indices.shape
    rows = np.zeros((height, 1 + width), np.uint8)
    rows[:, 1:] = indices
    head = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    chunks = (
        (b"IHDR", head),
        (b"PLTE", table.tobytes()),
        (b"IDAT", isal_zlib.compress(rows.data, 1)),
        (b"IEND", b""),
    )
    body = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body
