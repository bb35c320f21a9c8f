"""Words and numbers in pictures that are drawn without a browser."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from PIL import ImageFont

# What Pillow's own font does not have.
_SPELLED = str.maketrans(
    {"′": "'", "″": '"', "−": "-", "×": "x", "µ": "u", "μ": "u", "·": "|", "–": "-", "σ": "sigma"}
)


def spelled(text: str) -> str:
    """Return text in the letters that the font has, on one line."""
    return "".join(c if " " <= c <= "ÿ" else "?" for c in text.translate(_SPELLED))


def fitting(text: str, width: float, size: int) -> str:
    """Return the text, its middle left out where it is too long for a line."""
    shown = spelled(text)
    while len(shown) > 12 and font(size).getlength(shown) > width:
        middle = len(shown) // 2
        shown = f"{shown[: middle - 3]}...{shown[middle + 3 :]}"
    return shown


@lru_cache(maxsize=8)
def font(size: int) -> Any:
    """Return Pillow's own font, which every installation has, `size` pixels high."""
    return ImageFont.load_default(size)


def round_values(low: float, high: float) -> list[float]:
    """Return about five round numbers from low to high."""
    step = (high - low) / 5
    power = 10.0 ** np.floor(np.log10(step))
    step = float(power * next(n for n in (1, 2, 5, 10) if n * power >= step * 0.999))
    return [round(k * step, 12) for k in range(int(np.ceil(low / step)), int(np.floor(high / step)) + 1)]
