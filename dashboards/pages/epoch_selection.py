"""Which epochs of a light curve count, and with which errors: from the words in the URL to arrays."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import param

from dashboards.pages.filter_fields import moment_of
from dashboards.pages.list_page import FieldError, number_of
from data_access.records import LightCurve

BoolArray = npt.NDArray[np.bool_]
MOST_LEFT_OUT = 200


class SelectionParams(param.Parameterized):  # type: ignore[misc, unused-ignore]
    """What the page of a source keeps in the URL about its epochs."""

    mjd_from = param.String(default="", doc="begin of the brushed stretch, MJD (UTC)")
    mjd_to = param.String(default="", doc="end of the brushed stretch, MJD (UTC)")
    flagged = param.Boolean(default=False, doc="whether flagged measurements count")
    without = param.String(default="", doc="measurements that are left out: their row numbers in photometry")
    error_percent = param.String(default="", doc="systematic error, per cent of each flux density")
    error_mjy = param.String(default="", doc="systematic error, mJy, the same for all epochs")

    @classmethod
    def check_query(cls, query: Mapping[str, str]) -> None:
        """Raise `FieldError` for words of the selection that mean nothing."""
        parse_selection({name: query.get(name, "") for name in SELECTION_PARAMS})


SELECTION_PARAMS = ("mjd_from", "mjd_to", "flagged", "without", "error_percent", "error_mjy")


@dataclass(frozen=True, slots=True)
class EpochSelection:
    """Which measurements count.

    Attributes
    ----------
    from_mjd, to_mjd : float
        The brushed stretch, ends included; infinite where it is open.
    left_out : frozenset of int
        Row numbers of measurements that the reader leaves out.
    fractional_error, additive_error_jy : float
        Systematic errors, added to each error in quadrature.
    """

    from_mjd: float = -math.inf
    to_mjd: float = math.inf
    flagged: bool = False
    left_out: frozenset[int] = frozenset()
    fractional_error: float = 0.0
    additive_error_jy: float = 0.0

    @property
    def is_brushed(self) -> bool:
        """True when only a stretch of time is asked for."""
        return math.isfinite(self.from_mjd) or math.isfinite(self.to_mjd)

    def used(self, curve: LightCurve) -> BoolArray:
        """Return which measurements count, shape (n_epoch,), wherever the brush is."""
        kept = ~np.isin(curve.photometry_id, list(self.left_out))
        return kept if self.flagged else kept & ~curve.is_flagged

    def brushed(self, curve: LightCurve) -> BoolArray:
        """Return which measurements count and lie inside the brush, shape (n_epoch,); none without a time."""
        with np.errstate(invalid="ignore"):
            return self.used(curve) & (curve.mjd >= self.from_mjd) & (curve.mjd <= self.to_mjd)


def parse_selection(values: Mapping[str, Any]) -> EpochSelection:
    """Return what the words mean; raise `FieldError` naming the first that means nothing."""
    begin = moment_of("mjd_from", values["mjd_from"])
    end = moment_of("mjd_to", values["mjd_to"], end_of_day=True)
    begin, end = -math.inf if begin is None else begin, math.inf if end is None else end
    return EpochSelection(
        from_mjd=min(begin, end),
        to_mjd=max(begin, end),
        flagged=bool(values["flagged"]),
        left_out=frozenset(row_numbers(values["without"])),
        fractional_error=_error("error_percent", values["error_percent"]) / 100.0,
        additive_error_jy=_error("error_mjy", values["error_mjy"]) / 1e3,
    )


def selection_of(page: Any) -> tuple[EpochSelection, dict[str, str]]:
    """Return the selection of a page and what is wrong with its words; a word without meaning does nothing."""
    values = {name: getattr(page, name) for name in SELECTION_PARAMS}
    errors: dict[str, str] = {}
    while True:
        try:
            return parse_selection(values), errors
        except FieldError as err:
            errors[err.field] = err.message
            values[err.field] = ""


def row_numbers(text: str) -> list[int]:
    """Return the row numbers in a text, separated by blanks or commas; raise `FieldError` for anything else."""
    words = text.replace(",", " ").split()
    if len(words) > MOST_LEFT_OUT:
        raise FieldError("without", f"At most {MOST_LEFT_OUT} measurements can be left out")
    numbers = [int(word) for word in words if word.isascii() and word.isdigit() and len(word) < 19]
    if len(numbers) < len(words):
        raise FieldError("without", "Row numbers of measurements are wanted, as in the table below")
    return numbers


def _error(field: str, text: str) -> float:
    value = number_of(field, text) or 0.0
    if not 0 <= value < math.inf:
        raise FieldError(field, "An error is zero or above")
    return value
