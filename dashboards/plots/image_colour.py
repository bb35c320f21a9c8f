"""From pixel values to colours: stretches, robust limits, and a unit in which the numbers are readable."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

Stretch = Literal["linear", "sqrt", "log", "asinh"]
STRETCHES: tuple[Stretch, ...] = ("asinh", "linear", "sqrt", "log")
LOW_PERCENTILE, HIGH_PERCENTILE = 1.0, 99.9
PALETTE_SIZE = 1024
_ASINH_SOFTENING = 10.0
_LOG_RANGE = 999.0
_JANSKY = re.compile(r"jy(?:\s*/\s*|\s+per\s+|\.)(beam|pixel|pix)|jy\s*beam\s*\^?\(?-1\)?|jy", re.IGNORECASE)


def stretched_palette(palette: Sequence[str], stretch: Stretch) -> list[str]:
    """Return a palette that gives a linear colour mapper the wanted stretch.

    Bokeh 3.9 has no asinh mapper. A bent palette also means that a new stretch sends a few kilobytes and
    no pixels. `PALETTE_SIZE` entries, from the lower to the upper limit.
    """
    share = np.linspace(0.0, 1.0, PALETTE_SIZE)
    bent = {
        "linear": share,
        "sqrt": np.sqrt(share),
        "log": np.log1p(_LOG_RANGE * share) / np.log1p(_LOG_RANGE),
        "asinh": np.arcsinh(_ASINH_SOFTENING * share) / np.arcsinh(_ASINH_SOFTENING),
    }[stretch]
    return [palette[index] for index in np.rint(bent * (len(palette) - 1)).astype(int)]


def colour_limits(
    data: npt.NDArray[np.float32], low: float | None = None, high: float | None = None
) -> tuple[float, float, str]:
    """Return (low, high, how they were found) for colours, in the unit of the data.

    Limits that are not given are percentiles of the finite pixels, so that one bright source does not turn
    the rest black. The upper one is always above the lower one.
    """
    finite = data[np.isfinite(data)]
    if low is not None and high is not None:
        words = "given limits"
    elif finite.size:
        robust = np.percentile(finite, (LOW_PERCENTILE, HIGH_PERCENTILE))
        words = f"{LOW_PERCENTILE:g} to {HIGH_PERCENTILE:g} %"
        if low is not None or high is not None:
            words = f"given limit, {words}"
        low = float(robust[0]) if low is None else low
        high = float(robust[1]) if high is None else high
    else:
        low, high, words = low or 0.0, high if high is not None else (low or 0.0) + 1.0, "no finite pixel"
    if not high > low:
        high = low + (abs(low) * 1e-3 or 1.0)
    return float(low), float(high), words


def display_unit(bunit: str, high: float) -> tuple[str, float]:
    """Return (unit, factor) to show values with: Jy becomes mJy or µJy when the image is faint."""
    unit = re.sub(r"[^\w .,/*^()+\-µμ%°]", "", bunit).strip()[:24]
    match = _JANSKY.fullmatch(unit)
    if not match:
        return unit or "unit not stated", 1.0
    per = "" if unit.lower() == "jy" else f"/{match.group(1) or 'beam'}".lower()
    size = abs(high)
    if size >= 1.0 or size == 0.0:
        return f"Jy{per}", 1.0
    return (f"mJy{per}", 1e3) if size >= 1e-3 else (f"µJy{per}", 1e6)
