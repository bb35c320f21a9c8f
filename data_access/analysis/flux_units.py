"""Units of flux density in FITS and CASA headers, as factors to Jy."""

from __future__ import annotations

import re

_PREFIX = {"": 1.0, "m": 1e-3, "u": 1e-6, "µ": 1e-6, "μ": 1e-6, "n": 1e-9, "k": 1e3, "M": 1e6}
_JANSKY = r"(?P<prefix>[muµμnk]?)jy"
_PER = r"(?:\s*/\s*|\s+per\s+|\.)"
_TO_MINUS_ONE = r"\s?(?:\^|\*\*)?\(?-1\)?"
_PER_BEAM = (
    re.compile(rf"{_JANSKY}{_PER}beam"),
    re.compile(rf"{_JANSKY}[ .*]beam{_TO_MINUS_ONE}"),
    re.compile(rf"beam{_TO_MINUS_ONE}[ .*]{_JANSKY}"),
)
_PER_PIXEL = (re.compile(rf"{_JANSKY}{_PER}pix(?:el)?"), re.compile(rf"{_JANSKY}[ .*]pix(?:el)?{_TO_MINUS_ONE}"))


def jy_per_beam(unit: str) -> float | None:
    """Return what one of `unit` is in Jy/beam; None for a unit of any other kind.

    Capitals do not matter, but for one prefix: ``MJy`` is mega, while ``MJY`` in a header all in capitals is milli.
    """
    return _factor(unit, _PER_BEAM)


def jy_per_pixel(unit: str) -> float | None:
    """Return what one of `unit` is in Jy/pixel; None for a unit of any other kind."""
    return _factor(unit, _PER_PIXEL)


def unit_ratio(unit: str, other: str) -> float | None:
    """Return what one of `unit` is in `other`: 1000 for Jy/beam in mJy/beam; None for units of two kinds."""
    for factor in (jy_per_beam, jy_per_pixel):
        one, base = factor(unit), factor(other)
        if one is not None and base is not None:
            return one / base
    return None


def _factor(unit: str, patterns: tuple[re.Pattern[str], ...]) -> float | None:
    words = " ".join(unit.split())
    for pattern in patterns:
        if found := pattern.fullmatch(words.lower()):
            return _PREFIX["M" if "MJy" in words else found["prefix"]]
    return None
