"""Colours of an image on its page: stretch, limits, colour map; no pixel is sent when they change."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt
import param

from dashboards.components.filters import Field
from dashboards.plots import STRETCHES
from dashboards.plots.image import set_colours, shown_unit
from dashboards.plots.image_colour import COLOUR_MAPS, LIMITS, ColourScale

if TYPE_CHECKING:
    from dashboards.plots.bokeh_models import Figure
    from data_access.records import ImagePreview

_DIGITS = 4
_LONG_UNIT = 12
_WORDS = {
    "robust": "1 to 99.9 %",
    **{how: f"central {how} %" for how in LIMITS if how[0].isdigit()},
    "zscale": "z-scale",
    "minmax": "min to max",
    "hand": "by hand",
}


class ColourParams(param.Parameterized):  # type: ignore[misc, unused-ignore]
    """What the page keeps in its URL for the colours."""

    stretch = param.Selector[str](default="asinh", objects=list(STRETCHES), doc="how brightness is mapped to colour")
    limits = param.Selector[str](
        default="robust", objects=list(LIMITS), doc="how the limits of the colours are found"
    )
    low = param.Number(default=None, allow_None=True, doc="lower limit by hand, in the unit of the file")
    high = param.Number(default=None, allow_None=True, doc="upper limit by hand, in the unit of the file")
    colours = param.Selector[str](default="theme", objects=list(COLOUR_MAPS), doc="colour map")
    invert = param.Boolean(default=False, doc="whether the colour map runs from bright to faint")


COLOUR_PARAMS = ("stretch", "limits", "low", "high", "colours", "invert")


class Coloured(Protocol):
    """What has colours: a picture, what it was made of, and the page whose params (`ColourParams`) say which."""

    @property
    def page(self) -> Any:
        """The page."""

    @property
    def figure(self) -> Figure | None:
        """The picture; None while there is none."""

    @property
    def preview(self) -> ImagePreview | None:
        """What the picture was made of; None while there is none."""


class ImageColours:
    """Gives the figure the colours of the params, and the form their words.

    The form shows limits in the unit of the colour bar (mJy/beam), the URL has them in the unit of the file.
    """

    def __init__(self, viewer: Coloured) -> None:
        self.viewer, self.page = viewer, viewer.page
        self.shown: tuple[float, float] | None = None
        self._unit_of: tuple[ImagePreview | None, tuple[str, float]] = (None, ("", 1.0))

    @property
    def scale(self) -> ColourScale:
        """The params as a record."""
        page = self.page
        stretch: Any = page.stretch
        low, high = _finite(page.low), _finite(page.high)
        return ColourScale(stretch, page.limits, low, high, page.colours, page.invert)

    def apply(self, data: npt.NDArray[np.float32]) -> None:
        """Give the figure its colours; `data` is what the limits are found in."""
        if self.viewer.figure is not None:
            self.shown = set_colours(self.viewer.figure, self.scale, data)

    def fields(self) -> list[Field]:
        """Return the fields of the form; the default of each has no word of its own in the URL."""
        unit = self._unit()[0]
        is_red = self.page.session.theme == "red"
        maps = [("", "red")] if is_red else _options(COLOUR_MAPS, "theme", {"theme": "default"})
        return [
            {"name": "stretch", "label": "Stretch", "kind": "select", "width": "6.6rem",
             "options": _options(STRETCHES, "asinh", {})},
            {"name": "limits", "label": "Limits", "kind": "select", "width": "8.4rem",
             "options": _options(LIMITS, "robust", _WORDS)},
            {"name": "low", "label": "from", "kind": "number", "width": "5.2rem", "help": f"lower limit, {unit}"},
            {"name": "high", "label": "to", "kind": "number", "width": "5.2rem", "help": f"upper limit, {unit}",
             "unit": unit if len(unit) < _LONG_UNIT else ""},
            {"name": "colours", "label": "Colours", "kind": "select", "width": "6.6rem", "options": maps},
            {"name": "invert", "label": "Invert", "kind": "toggle"},
        ]  # fmt: skip

    def values(self) -> dict[str, Any]:
        """Return what the form shows."""
        page, scale = self.page, self._unit()[1]
        limits = ("", "") if self.shown is None else tuple(f"{one * scale:.{_DIGITS}g}" for one in self.shown)
        return {
            "stretch": "" if page.stretch == "asinh" else page.stretch,
            "limits": "" if page.limits == "robust" else page.limits,
            "low": limits[0],
            "high": limits[1],
            "colours": "" if page.colours == "theme" else page.colours,
            "invert": page.invert,
        }

    def read(self, values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
        """Return params and errors by field of what the form was given; a limit that was typed is one by hand."""
        before = self.values()
        found: dict[str, Any] = {
            "stretch": _one_of(values.get("stretch"), STRETCHES, "asinh"),
            "limits": _one_of(values.get("limits"), LIMITS, "robust"),
            "colours": _one_of(values.get("colours"), COLOUR_MAPS, "theme"),
            "invert": values.get("invert") is True,
        }
        typed = {name: str(values.get(name) or "") for name in ("low", "high")}
        changed = {name: text for name, text in typed.items() if text and text != before[name]}
        errors = {name: "not a number" for name, text in changed.items() if _number(text) is None}
        if errors:
            return {}, errors
        if changed:
            found["limits"] = "hand"
        if found["limits"] != "hand":
            return found | {"low": None, "high": None}, {}
        scale = self._unit()[1]
        for name, shown in zip(("low", "high"), self.shown or (None, None), strict=True):
            number = _number(changed.get(name, ""))
            found[name] = shown if number is None else number / scale
        if found["low"] is not None and found["high"] is not None and not found["low"] < found["high"]:
            return {}, {"high": "must be above the lower limit"}
        return found, {}

    def _unit(self) -> tuple[str, float]:
        preview = self.viewer.preview
        if preview is not self._unit_of[0]:
            self._unit_of = preview, ("", 1.0) if preview is None else shown_unit(preview)
        return self._unit_of[1]


def _options(names: tuple[str, ...], default: str, words: Mapping[str, str]) -> list[tuple[str, str]]:
    return [("" if name == default else name, words.get(name, name)) for name in names]


def _one_of(given: object, known: tuple[str, ...], default: str) -> str:
    return str(given) if given in known else default


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None
