"""How the values of a printed picture become colours, and how its URL says so."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
from bokeh.palettes import (
    Blues256,
    Cividis256,
    Greys256,
    Inferno256,
    Magma256,
    Reds256,
    Viridis256,
    diverging_palette,
)

from dashboards.plots.image_colour import ColourScale, Stretch, colour_limits
from dashboards.plots.theme import get_theme

# On paper faint is white: the grey of the pages runs the other way.
PALETTES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "grey": tuple(reversed(Greys256)),
        "gray": tuple(reversed(Greys256)),
        "inferno": tuple(Inferno256),
        "magma": tuple(Magma256),
        "viridis": tuple(Viridis256),
        "cividis": tuple(Cividis256),
        "blue-red": tuple(diverging_palette(Blues256, Reds256, 256)),
        "red": get_theme("red").image_palette,
    }
)
NAMED_LIMITS = ("robust", "zscale", "minmax")
_OF_THEME = {"dark": "inferno", "light": "grey", "red": "red"}
_LEAST_PERCENT = 1.0


@dataclass(frozen=True, slots=True)
class PictureLook:
    """How values become colours.

    Attributes
    ----------
    palette : str
        One of `PALETTES`.
    low, high : float or None
        In the unit of the file; each that is None is found as `limits` says.
    limits : str
        One of `NAMED_LIMITS`, or the central share of the pixels in percent.
    invert : bool
    """

    stretch: Stretch = "linear"
    palette: str = "grey"
    low: float | None = None
    high: float | None = None
    limits: str = "robust"
    invert: bool = False

    @property
    def colours(self) -> tuple[str, ...]:
        """The colours from faint to bright."""
        palette = PALETTES[self.palette]
        return tuple(reversed(palette)) if self.invert else palette

    def find_limits(self, data: npt.NDArray[np.float32]) -> tuple[float, float, str]:
        """Return (low, high, how they were found), in the unit of the data; the upper one is above the lower one."""
        if self.limits == "robust" or (self.low is not None and self.high is not None):
            return colour_limits(data, self.low, self.high)
        low, high, words = ColourScale(limits=self.limits).find_limits(data)
        if self.low is None and self.high is None:
            return low, high, words
        low, high = (low if self.low is None else self.low), (high if self.high is None else self.high)
        return *colour_limits(data, low, high)[:2], f"given limit, {words}"


def is_limits(text: str) -> bool:
    """Say whether a text is one of `NAMED_LIMITS` or a share of the pixels in percent."""
    if text in NAMED_LIMITS:
        return True
    try:
        share = float(text)
    except ValueError:
        return False
    return math.isfinite(share) and _LEAST_PERCENT <= share <= 100.0


def picture_query(scale: ColourScale, theme: str) -> dict[str, str]:
    """Return the words with which the URL of a picture asks for the colours of a page."""
    name = "red" if theme == "red" else _OF_THEME.get(theme, "grey") if scale.colours == "theme" else scale.colours
    # the pages' own grey is that of the screen, from black to white
    invert = scale.invert != (name == "grey" and scale.colours == "grey" and theme != "red")
    query = {"stretch": scale.stretch, "colormap": name}
    if invert:
        query["invert"] = "1"
    if scale.limits == "hand":
        given = {"low": scale.low, "high": scale.high}
        return query | {key: repr(value) for key, value in given.items() if value is not None}
    return query if scale.limits == "robust" else query | {"limits": scale.limits}
