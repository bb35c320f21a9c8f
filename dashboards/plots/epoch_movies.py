"""Frames as a GIF or an MP4, in memory."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from dashboards.plots.epoch_tiles import colours_of
from dashboards.plots.theme import get_theme

_PALETTE_LEVELS = 224
_CODECS = ("libx264", "mpeg4")


def gif_of(frames: Sequence[Image.Image], *, rate: float, theme: str) -> bytes:
    """Return an endless animation of `rate` frames per second.

    All frames share one palette of 224 steps of the scale and 32 of the words, so that a colour means the same value
    in every frame; a palette of each frame's own, as encoders make it, would shift them.
    """
    shared = _palette(theme)
    indexed = [frame.quantize(palette=shared, dither=Image.Dither.NONE) for frame in frames]
    buffer = io.BytesIO()
    indexed[0].save(
        buffer, "gif", save_all=True, append_images=indexed[1:], duration=round(1000 / rate), loop=0, optimize=False
    )
    return buffer.getvalue()


def mp4_of(frames: Sequence[Image.Image], *, rate: int) -> bytes:
    """Return a video of `rate` frames per second that browsers and slide programs play (H.264, 4:2:0).

    Width and height must be even.
    """
    import av  # large, and only this needs it

    codec = next((name for name in _CODECS if name in av.codecs_available), _CODECS[-1])
    buffer = io.BytesIO()
    with av.open(buffer, mode="w", format="mp4") as container:
        stream: Any = container.add_stream(codec, rate=rate, options={"crf": "15"} if codec == "libx264" else {})
        stream.width, stream.height = frames[0].size
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            picture = av.VideoFrame.from_ndarray(np.asarray(frame), format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def _palette(theme: str) -> Image.Image:
    levels = colours_of(theme)[:256]
    steps = levels[np.linspace(0, 255, _PALETTE_LEVELS).round().astype(int)]
    chosen = get_theme(theme)
    ground, ink = (np.array(bytearray.fromhex(c[1:]), float) for c in (chosen.panel, chosen.text))
    greys = ground + (ink - ground) * np.linspace(0, 1, 24)[:, None]
    named = (chosen.grid, chosen.muted, chosen.overlay, chosen.background, chosen.warn, chosen.accent)
    others = [list(bytearray.fromhex(c[1:])) for c in named]
    colours = np.vstack([steps, greys.round().astype(int), others]).astype(np.uint8)
    made = Image.new("P", (1, 1))
    made.putpalette(colours.tobytes())
    return made
