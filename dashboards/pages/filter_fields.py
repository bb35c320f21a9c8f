"""What typed filter values mean, and choices that are open for words the dashboard does not know."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from dashboards.components.filters import Field
from dashboards.pages.list_page import FieldError
from data_access.analysis.times import parse_utc
from data_access.errors import ValidationError

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def moment_of(field: str, text: str, *, end_of_day: bool = False) -> float | None:
    """Return the MJD (UTC) of a date, a time or an MJD in a filter field; None when the field is empty.

    Parameters
    ----------
    end_of_day : bool
        A date without a time then means the end of that day: "to 13 October" includes the 13th.

    Raises
    ------
    FieldError
        For anything else.
    """
    if not text.strip():
        return None
    try:
        mjd = parse_utc(text)
    except ValidationError as err:
        raise FieldError(field, f"{err.message}. {err.remedy}") from err
    return mjd + 1.0 if end_of_day and _DAY.fullmatch(text.strip()) else mjd


def with_present(fields: Sequence[Field], values: Mapping[str, str]) -> list[Field]:
    """Return the fields, a choice that the URL asks for added to those that do not list it.

    Columns such as ``status`` are free text: a value that only newer pipelines write can be asked for too.
    """
    return [_with_option(field, values.get(field["name"], "")) for field in fields]


def _with_option(field: Field, value: str) -> Field:
    options = field.get("options", ())
    known = [option if isinstance(option, str) else option[0] for option in options]
    if field["kind"] != "select" or value in known:
        return field
    return {**field, "options": [*options, value]}
