"""From pixel values to colours: stretches, robust limits, and a unit in which the numbers are readable."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from bokeh import palettes

from dashboards.plots.theme import Theme
from dashboards.plots.zscale import zscale_limits

Stretch = Literal["linear", "sqrt", "log", "asinh", "histogram"]
STRETCHES: tuple[Stretch, ...] = ("asinh", "linear", "sqrt", "log", "histogram")
LIMITS = ("robust", "99", "99.5", "99.9", "99.99", "zscale", "minmax", "hand")
# "theme" is the one that suits the theme; in the red theme it is the only one: all others shine green or blue.
COLOUR_MAPS = ("theme", "grey", "inferno", "magma", "viridis", "cividis", "blue-red")
LOW_PERCENTILE, HIGH_PERCENTILE = 1.0, 99.9
PALETTE_SIZE = 1024
_ASINH_SOFTENING = 10.0
_LOG_RANGE = 999.0
_JANSKY = re.compile(r"jy(?:\s*/\s*|\s+per\s+|\.)(beam|pixel|pix)|jy\s*beam\s*\^?\(?-1\)?|jy", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ColourScale:
    """How values become colours.

    Attributes
    ----------
    stretch : str
    limits : str
        One of `LIMITS`; a number is the central share of the pixels in percent, ``"robust"`` is 1 to 99.9 %.
    low, high : float or None
        In the unit of the file; used with ``"hand"``.
    colours : str
        One of `COLOUR_MAPS`.
    invert : bool
    """

    stretch: Stretch = "asinh"
    limits: str = "robust"
    low: float | None = None
    high: float | None = None
    colours: str = "theme"
    invert: bool = False

    def palette(self, theme: Theme) -> tuple[str, ...]:
        """Return the colours from faint to bright; those of the red theme are red, whatever is asked for."""
        known = {
            "grey": palettes.Greys256,
            "inferno": palettes.Inferno256,
            "magma": palettes.Magma256,
            "viridis": palettes.Viridis256,
            "cividis": palettes.Cividis256,
            "blue-red": palettes.diverging_palette(palettes.Blues256, palettes.Reds256, 256),
        }
        chosen = theme.image_palette if theme.name == "red" else known.get(self.colours, theme.image_palette)
        return tuple(reversed(chosen)) if self.invert else tuple(chosen)

    def find_limits(self, data: npt.NDArray[np.float32]) -> tuple[float, float, str]:
        """Return (low, high, how they were found), in the unit of the data; the upper one is above the lower one."""
        if self.limits == "hand":
            return colour_limits(data, self.low, self.high)
        if self.limits == "robust":
            return colour_limits(data)
        finite = data[np.isfinite(data)]
        if not finite.size:
            return colour_limits(data)
        low, high = _limits_of(finite, self.limits)
        words = {"zscale": "z-scale", "minmax": "minimum to maximum"}.get(self.limits, f"central {self.limits} %")
        return *colour_limits(data, low, high)[:2], words


def _limits_of(finite: npt.NDArray[np.float32], how: str) -> tuple[float, float]:
    if how == "minmax":
        return float(finite.min()), float(finite.max())
    if how == "zscale":
        return zscale_limits(finite)
    rest = (100.0 - float(how)) / 2
    low, high = np.percentile(finite, (rest, 100.0 - rest))
    return float(low), float(high)


def ranks(data: npt.NDArray[np.float32], low: float, high: float) -> npt.NDArray[np.float64]:
    """Return the share of the pixels between the limits that are fainter, for every entry of a palette."""
    inside = np.sort(data[(data >= low) & (data <= high)], axis=None)
    if not inside.size:
        return np.linspace(0.0, 1.0, PALETTE_SIZE)
    share = np.searchsorted(inside, np.linspace(low, high, PALETTE_SIZE), side="right") / inside.size
    return np.asarray((share - share[0]) / max(share[-1] - share[0], 1e-9))


def stretched_palette(
    palette: Sequence[str], stretch: Stretch, ranked: npt.NDArray[np.float64] | None = None
) -> list[str]:
    """Return a palette that gives a linear colour mapper the wanted stretch.

    Bokeh 3.9 has no asinh mapper. A bent palette also means that a new stretch sends a few kilobytes and
    no pixels. `PALETTE_SIZE` entries, from the lower to the upper limit. ``"histogram"`` needs the `ranks` of the
    pixels: every colour then covers the same number of them.
    """
    share = np.linspace(0.0, 1.0, PALETTE_SIZE)
    bent = {
        "histogram": share if ranked is None else ranked,
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
