"""The filters of the image list: their fields, and what typed values mean."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from dashboards.components.filters import Field
from dashboards.pages.filter_fields import moment_of
from dashboards.pages.list_page import FieldError, number_of
from data_access.analysis.cones import Cone
from data_access.analysis.coordinates import format_dec, format_ra, parse_position
from data_access.errors import ValidationError
from data_access.records import NamedPlace
from data_access.repositories.image_filter import GRADES, ImageFilter

DEFAULT_RADIUS_DEG = 1.0
_PIPELINE = "pipeline:"
# Two numbers or more and nothing else; one alone may be the name of a source.
_NUMBERS = re.compile(r"\s*[+\-−]?[\d.]+[\s:hd°,+\-−][\s\d:+\-−.,hmsd°′″'\"]*")
# What the pipeline's own code writes into image_qa; the column is free text, so that a URL may name others.
VERDICTS = ("excellent", "good", "marginal", "poor")

FIELDS: Sequence[Field] = (
    {"name": "text", "label": "Name or field", "kind": "text", "placeholder": "part of a name", "width": "11rem"},
    {"name": "type", "label": "Type", "kind": "text", "placeholder": "5min", "width": "5.6rem"},
    {"name": "date_from", "label": "Observed from", "kind": "text", "unit": "UTC", "width": "8.5rem",
     "placeholder": "2025-10-13", "help": "a date, a date and time (UTC) or an MJD"},
    {"name": "date_to", "label": "to", "kind": "text", "unit": "UTC", "width": "8.5rem",
     "placeholder": "2025-10-14", "help": "a date counts whole; a date and time (UTC) or an MJD"},
    {"name": "near", "label": "Near a position or name", "kind": "text", "width": "11.4rem",
     "placeholder": "13:31 +30:30 or 3C286",
     "help": "coordinates in any format, or the name of a calibrator or source in the archive's own tables"},
    {"name": "radius", "label": "within", "kind": "number", "unit": "°", "width": "5.6rem", "placeholder": "1",
     "help": "radius of the circle around the position"},
    {"name": "dec_min", "label": "Dec from", "kind": "number", "unit": "°", "width": "5.6rem"},
    {"name": "dec_max", "label": "to", "kind": "number", "unit": "°", "width": "5.6rem"},
    {"name": "noise_min", "label": "Noise from", "kind": "number", "unit": "mJy/beam", "width": "8.5rem"},
    {"name": "noise_max", "label": "to", "kind": "number", "width": "5.6rem", "help": "mJy/beam"},
    {"name": "beam_min", "label": "Beam from", "kind": "number", "unit": "″", "width": "5.6rem",
     "help": "major axis"},
    {"name": "beam_max", "label": "to", "kind": "number", "unit": "″", "width": "5.6rem", "help": "major axis"},
    {"name": "grade", "label": "QA grade", "kind": "select", "width": "8rem",
     "options": ["", *GRADES, *((f"{_PIPELINE}{word}", f"pipeline: {word}") for word in VERDICTS)],
     "help": "of the recorded noise and dynamic range by our thresholds, or the pipeline's own verdict"},
    {"name": "on_disk", "label": "File", "kind": "select", "width": "6rem",
     "options": ["", ("yes", "on disk"), ("no", "gone")], "help": "looked up for the rows of each page"},
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class TypedFilter:
    """What the fields say, before a name is looked up.

    Attributes
    ----------
    near : str
        The position or name; empty for none.
    on_disk : bool or None
    """

    wanted: ImageFilter
    near: str
    radius_deg: float
    on_disk: bool | None

    def around(self, place: NamedPlace) -> ImageFilter:
        """Return the filter with the circle around a place."""
        return replace(self.wanted, cone=Cone(place.ra_deg, place.dec_deg, self.radius_deg))


def filter_of(values: Mapping[str, str]) -> TypedFilter:
    """Return what the fields mean; raise `FieldError` for the first one that means nothing."""
    after, before = (
        moment_of("date_from", values["date_from"]),
        moment_of("date_to", values["date_to"], end_of_day=True),
    )
    noise_min, noise_max = _range(values, "noise")
    beam_min, beam_max = _range(values, "beam")
    dec_min, dec_max = _range(values, "dec")
    if after is not None and before is not None and before < after:
        raise FieldError("date_to", "This is before the start")
    radius = number_of("radius", values["radius"])
    if radius is not None and not 0 < radius <= 180:
        raise FieldError("radius", "Write a radius above 0° and up to 180°")
    verdict = values["grade"].removeprefix(_PIPELINE) if values["grade"].startswith(_PIPELINE) else ""
    if values["grade"] and not verdict and values["grade"] not in GRADES:
        raise FieldError("grade", f"Choose one of: {', '.join(GRADES)}")
    if values["on_disk"] not in ("", "yes", "no"):
        raise FieldError("on_disk", "Choose yes or no")
    wanted = ImageFilter(
        text=values["text"],
        type=values["type"],
        after_mjd=after,
        before_mjd=before,
        dec_min_deg=dec_min,
        dec_max_deg=dec_max,
        noise_min_jy=None if noise_min is None else noise_min / 1e3,
        noise_max_jy=None if noise_max is None else noise_max / 1e3,
        beam_min_arcsec=beam_min,
        beam_max_arcsec=beam_max,
        grade="" if verdict else values["grade"],
        verdict=verdict,
    )
    if _NUMBERS.fullmatch(values["near"]):
        _check_position(values["near"])
    on_disk = {"": None, "yes": True, "no": False}[values["on_disk"]]
    return TypedFilter(wanted, values["near"].strip(), radius or DEFAULT_RADIUS_DEG, on_disk)


def _check_position(text: str) -> None:
    """Raise `FieldError` for numbers that are no position; a name can only be looked up."""
    try:
        parse_position(text)
    except ValidationError as err:
        raise FieldError("near", f"{err.message}. {err.remedy}") from err


def place_words(place: NamedPlace, radius_deg: float) -> str:
    """Return where the circle of the list is, and who says so."""
    known = f"{place.name} ({place.origin})" if place.origin else place.name
    where = f"{format_ra(place.ra_deg, digits=1)} {format_dec(place.dec_deg, digits=0)} ICRS"
    return f"Centres within {radius_deg:g}° of {known}, {where}"


def _range(values: Mapping[str, str], name: str) -> tuple[float | None, float | None]:
    low, high = (number_of(field, values[field]) for field in (f"{name}_min", f"{name}_max"))
    if low is not None and high is not None and high < low:
        raise FieldError(f"{name}_max", f"{high:g} is below {low:g}")
    return low, high
