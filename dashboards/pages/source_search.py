"""What is typed to find sources, as a query: names, lists, places in any notation, ranges of every quantity."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from dashboards.components.filters import Field
from dashboards.pages.filter_fields import moment_of
from dashboards.pages.list_page import FieldError
from data_access.analysis.coordinates import looks_like_position, parse_position
from data_access.errors import ValidationError
from data_access.records.source_columns import BY_NAME, COLUMNS, SourceColumn
from data_access.records.source_query import Cone, Range, SourceQuery
from data_access.repositories.sources import STORED_SORTS, SourceFilter
from data_access.services.source_lists import SourceLists

DEFAULT_RADIUS_ARCSEC = 60.0
LARGEST_RADIUS_DEG = 180.0
LONGEST_TEXT = 2000
_UNITS = {"": 1.0, '"': 1.0, "″": 1.0, "s": 1.0, "arcsec": 1.0, "'": 60.0, "′": 60.0, "m": 60.0, "arcmin": 60.0,
          "d": 3600.0, "deg": 3600.0, "°": 3600.0}  # fmt: skip
_ANGLE = re.compile(r"([0-9.]+(?:e[+-]?\d+)?)\s*([a-z\"'″′°]*)", re.IGNORECASE)
_NAME = re.compile(r"(?:[A-Za-z][\w.\-]*\s*)?[JB]?\d+(?:\.\d+)?(?:[+−-](?:\d+(?:\.\d*)?)?)?", re.IGNORECASE)
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?"
_BOUND = re.compile(rf"(>=|<=|>|<|≥|≤|=)?\s*({_NUMBER})", re.IGNORECASE)
_INTEGERS = re.compile(r"\d+(?:\s*[,;\n]\s*\d+)+|\d+\s+\d+", re.ASCII)
_MOMENT = re.compile(r"(>=|<=|>|<|≥|≤|=)?\s*(.*)")
_SAME_SIGN = {"≥": ">=", "≤": "<="}
_MOMENTS = frozenset({"seen_mjd", "last_mjd"})
_STORED_BOUNDS = {
    "eta_metric": ("eta_min", ""),
    "n_obs": ("n_obs_min", ""),
    "sigma_deviation": ("sigma_min", ""),
    "dec_deg": ("dec_min_deg", "dec_max_deg"),
}
RANGE_HELP = "3..10 (from, to, both included), 3 or >=3 (at least), >3 (above), <=10 (at most), <10 (below), =5"
_MOMENT_HELP = (
    "2026-01-20 or >=2026-01-20 (since), >2026-01-20 (after that day), <2026-01-20 (before it), =2026-01-20 (on it), "
    "2026-01-20..2026-01-25"
)
_GROUPS = {
    "position": "Place, time and state",
    "peak": "Ours, peak flux density",
    "int": "Ours, integrated flux density",
    "stored": "As stored by the pipeline",
}
_STATES: tuple[Field, ...] = (
    {"name": "ese", "label": "ESE candidate", "kind": "select", "width": "9rem", "group": _GROUPS["position"],
     "options": ["", ("any", "any state"), "active", "investigated", "dismissed"]},
    {"name": "transient", "label": "Transient candidate", "kind": "select", "width": "10rem",
     "group": _GROUPS["position"], "options": ["", ("any", "any kind"), "new", "brightening", "fading", "variable"]},
)  # fmt: skip
# Shown by themselves in a group they are too many; these stand in the first line.
_FIRST = ("eta", "v", "n")


def group_of(column: SourceColumn) -> str:
    """Return the title of the group that a quantity belongs to."""
    if column.origin == "position" or column.name in ("n_rows", "n_flagged", "seen_mjd", "seen_processed"):
        return _GROUPS["position"]
    if column.origin == "stored":
        return _GROUPS["stored"]
    return _GROUPS["int" if column.name.endswith("_int") else "peak"]


def shown_unit(column: SourceColumn) -> tuple[str, float]:
    """Return the unit in which the reader sees a quantity, and how many of its own unit that is."""
    if column.unit.startswith("Jy"):
        return f"m{column.unit}", 1e-3
    return {"deg": "°", "arcsec": "″", "d": "UTC"}.get(column.unit, column.unit), 1.0


def _field(column: SourceColumn) -> Field:
    unit, _ = shown_unit(column)
    kind_help = _MOMENT_HELP if column.name in _MOMENTS else RANGE_HELP
    made: Field = {
        "name": column.name, "label": column.label, "kind": "text", "width": "8.5rem",
        "help": f"{column.definition}. {kind_help}.",
    }  # fmt: skip
    if unit:
        made["unit"] = unit
    if column.name not in _FIRST:
        made["group"] = group_of(column)
    return made


def _fields() -> tuple[Field, ...]:
    ranges = [_field(column) for column in COLUMNS]
    places = [field for field in ranges if field.get("group") == _GROUPS["position"]]
    rest = [field for field in ranges if field.get("group") not in (None, _GROUPS["position"])]
    return (
        {"name": "text", "label": "Name, list or position", "kind": "text", "width": "23rem", "longest": LONGEST_TEXT,
         "placeholder": "J0958+65, 09:58:47 +65:33:54, gal 148 +42",
         "help": "The beginning of a name with or without its prefix; several, separated by comma or semicolon; a "
                 "position in any notation, then everything within the radius. Right ascension is in hours unless "
                 "written in decimal degrees. Two whole numbers are names where both are, else a position."},
        {"name": "radius", "label": "Radius", "kind": "text", "unit": "″", "width": "6rem", "placeholder": "60",
         "help": "Around a position: arcsec, or with a unit: 5', 0.5d. When empty: 60, or as wide as the last "
                 "digit of a position with few digits."},
        *sorted((f for f in ranges if "group" not in f), key=lambda f: _FIRST.index(f["name"])),
        *places, *_STATES, *rest,
    )  # fmt: skip


FIELDS: tuple[Field, ...] = _fields()
NAMES: tuple[str, ...] = tuple(field["name"] for field in FIELDS)


def query_of(values: Mapping[str, str], entries: Sequence[str | Cone] | None = None) -> SourceQuery:
    """Return the query that the values of `FIELDS` mean.

    Parameters
    ----------
    entries : sequence of str or Cone, optional
        An uploaded list; its positions get the radius.

    Raises
    ------
    FieldError
        For the first value that means nothing.
    """
    text = values.get("text", "").strip()
    radius = radius_of(values.get("radius", ""))
    if _INTEGERS.fullmatch(text):
        return replace(query_of({**values, "text": ""}, entries), **_numbers(text, radius))
    name, cone, otherwise, typed = _meaning(text, radius)
    listed = None if entries is None else [_with_radius(entry, radius) for entry in entries]
    both = (*typed, *(listed or ())) if typed or listed is not None else None
    states = tuple((kind, values[kind].strip()) for kind in ("ese", "transient") if values.get(kind, "").strip())
    ranges = tuple(found for column in COLUMNS if (found := range_of(column, values.get(column.name, ""))))
    return SourceQuery(name, cone, both, ranges, states, otherwise)


async def query_with_lists(values: Mapping[str, str], lists: SourceLists) -> SourceQuery:
    """Return the query of `query_of`, with the lists that ``list`` and ``picked`` name.

    Raises
    ------
    ValidationError
        One of them is unknown here, or a value means nothing.
    """
    key, picked = values.get("list", ""), values.get("picked", "")
    query = query_of(values, (await lists.get(key)).entries if key else None)
    if not picked:
        return query
    only = (await lists.get(picked)).entries
    return replace(query, only=tuple(name for name in only if isinstance(name, str)))


def _with_radius(entry: str | Cone, radius: float | None) -> str | Cone:
    radius = DEFAULT_RADIUS_ARCSEC if radius is None else radius
    return replace(entry, radius_arcsec=radius) if isinstance(entry, Cone) else entry


def radius_of(text: str) -> float | None:
    """Return the arcsec of a radius such as ``30``, ``5'`` or ``0.5d``; None when empty."""
    if not text.strip():
        return None
    match = _ANGLE.fullmatch(text.strip())
    unit = _UNITS.get(match[2].lower()) if match else None
    try:
        radius = float(match[1]) * unit if match and unit is not None else -1.0
    except ValueError:
        radius = -1.0
    if not 0.0 < radius <= LARGEST_RADIUS_DEG * 3600.0:
        raise FieldError("radius", f"'{text[:40]}' is not a radius: write 30 (arcsec), 5' or 0.5d")
    return radius


def _meaning(text: str, radius: float | None) -> tuple[str, Cone | None, Cone | None, list[str | Cone]]:
    """Return the name, the circle, what a name means as a circle when no source is called so, and a list."""
    if not text:
        return "", None, None, []
    cone = _cone(text, radius)
    if _NAME.fullmatch(text):
        return text, None, cone, []
    if cone is not None:
        return "", cone, None, []
    _refuse_impossible(text)
    parts = [part.strip() for part in re.split(r"[;,\n]", text) if part.strip()]
    if len(parts) > 1:
        by_line = [part.strip() for part in re.split(r"[;\n]", text) if part.strip()]
        parts = by_line if len(by_line) > 1 and all("," not in p or _cone(p, radius) for p in by_line) else parts
        return "", None, None, [_entry(part, radius) for part in parts]
    return text, None, None, []


def _numbers(text: str, radius: float | None) -> dict[str, Any]:
    """Return what whole numbers may be, as fields of a query: only the index knows whether sources are called so."""
    numbers = tuple(re.findall(r"\d+", text))
    try:
        parse_position(text)
    except ValidationError as err:
        no_place = err.message.partition(" is not a position: ")[2] if looks_like_position(text) else ""
        return {"numbers": numbers, "no_place": no_place}
    return {"numbers": numbers, "otherwise": _cone(text, radius)}


def _refuse_impossible(text: str) -> None:
    """Raise `FieldError` with the reason for a text that can only be two coordinates and is no position."""
    if not looks_like_position(text):
        return
    try:
        parse_position(text)
    except ValidationError as err:
        raise FieldError("text", f"{err.message}. {err.remedy}") from err


def _entry(text: str, radius: float | None) -> str | Cone:
    cone = None if _NAME.fullmatch(text) else _cone(text, radius)
    return cone or text


def _cone(text: str, radius: float | None) -> Cone | None:
    """Return the circle that a position means, without a radius one as wide as its digits; None for no position."""
    try:
        place = parse_position(text)
    except ValidationError:
        return None
    coarse, asked = place.resolution_arcsec or 0.0, DEFAULT_RADIUS_ARCSEC if radius is None else radius
    used = max(asked, coarse) if radius is None else radius
    return Cone(place.ra_deg, place.dec_deg, used, text, given_arcsec=coarse if coarse > asked else None)


def range_of(column: SourceColumn, text: str) -> Range | None:
    """Return the bounds that a text such as ``3..10``, ``>3``, ``..5`` or ``=7`` means; None when empty.

    ``>`` and ``<`` leave their number out: for counts the next whole number is the bound, else the next float.
    """
    text = text.strip()
    if not text:
        return None
    first, dots, second = text.partition("..")
    if dots:
        low = _bound(column, first, end=False) if first.strip() else None
        high = _bound(column, second, end=True) if second.strip() else None
        if low is None and high is None:
            raise FieldError(column.name, f"'{text[:40]}' has no bounds: {RANGE_HELP}")
        if low is not None and high is not None and low > high:
            raise FieldError(column.name, f"{first.strip()} is above {second.strip()}")
        return Range(column.name, low, high)
    moment = column.name in _MOMENTS
    match = (_MOMENT if moment else _BOUND).fullmatch(text)
    if not match:
        raise FieldError(column.name, f"'{text[:40]}' is not a number or a range: {RANGE_HELP}")
    sign, number = _SAME_SIGN.get(match[1], match[1]), match[2]
    if sign in (None, ">="):
        return Range(column.name, _bound(column, number, end=False), None)
    if sign == "<=":
        return Range(column.name, None, _bound(column, number, end=True))
    if sign == "=":
        return Range(column.name, _bound(column, number, end=False), _bound(column, number, end=True))
    # Bounds are inclusive: what is above a day begins when the day ends, what is below it ends before it begins.
    value = _bound(column, number, end=sign == ">")
    if sign == ">":
        return Range(column.name, _next(column, value, 1), None)
    return Range(column.name, None, _next(column, value, -1))


def _next(column: SourceColumn, value: float | None, way: int) -> float | None:
    """Return the nearest possible value above (`way` 1) or below (-1) a number."""
    if value is None:
        return None
    if column.whole and math.isfinite(value):
        return float(math.floor(value) + 1 if way > 0 else math.ceil(value) - 1)
    return math.nextafter(value, way * math.inf)


def _bound(column: SourceColumn, text: str, *, end: bool) -> float | None:
    if column.name in _MOMENTS:
        return moment_of(column.name, text.strip(), end_of_day=end)
    try:
        value = float(text)
    except ValueError as err:
        raise FieldError(column.name, f"'{text.strip()[:40]}' is not a number") from err
    if value != value:
        raise FieldError(column.name, "NaN is not a bound")
    return value * shown_unit(column)[1]


def stored_filter(query: SourceQuery, sort: str) -> SourceFilter | None:
    """Return what the database itself can be asked while there is no index; None when it cannot answer."""
    lists = (query.entries, query.only)
    if (
        query.cone is not None
        or query.numbers
        or lists != (None, None)
        or sort not in ("", "source_id", *STORED_SORTS)
    ):
        return None
    given: dict[str, float | None] = {}
    for wanted in query.ranges:
        low, high = _STORED_BOUNDS.get(wanted.column, ("", ""))
        if not low or (wanted.high is not None and not high):
            return None
        given |= {low: wanted.low, **({high: wanted.high} if high else {})}
    states = dict(query.states)
    if set(states) - {"ese"} or states.get("ese") == "any" or (states and given):
        return None
    return SourceFilter(text=query.name, ese_status=states.get("ese", ""), **given)  # type: ignore[arg-type]


def query_words(values: Mapping[str, str]) -> str:
    """Return the filters in words, by the names that they have in URLs and files; empty when there are none."""
    parts = []
    for field in FIELDS:
        name, value = field["name"], values.get(field["name"], "").strip()
        if not value or (name == "radius" and not values.get("text", "").strip()):
            continue
        column = BY_NAME.get(name)
        unit = f"m{column.unit}" if column is not None and column.unit.startswith("Jy") else ""
        parts.append(f"{name}: {value} {unit}".rstrip())
    return "; ".join(parts)
