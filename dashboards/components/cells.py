"""One value as the reader sees it: text, unit, state, link, age - the same in tables, facts and tiles."""

from __future__ import annotations

import math
import re
from typing import Any, Literal
from urllib.parse import urlsplit

State = Literal["ok", "warn", "bad", "stale", "off", "info"]
Cell = dict[str, Any]
STATES: tuple[State, ...] = ("ok", "warn", "bad", "stale", "off", "info")
MISSING = "—"
# The layout of a page takes as long as the square of its longest words: 0.4 s at 4,000 letters, again and again.
LONGEST_TEXT = 1000
LONGEST_TITLE = 4000
LONGEST_HREF = 16_000
# Three thousand years to either side: ages beyond are none, and would be as wide as the page.
_LATEST_UNIX = 1e11
_LARGEST_WRITTEN_OUT = 1e15
_WORDS: dict[str, str] = {
    "ok": "ok",
    "warn": "warning",
    "bad": "bad",
    "stale": "stale",
    "off": "off",
    "info": "note",
}


def cell(
    value: object,
    *,
    unit: str = "",
    digits: int | None = None,
    href: str | None = None,
    state: State | None = None,
    title: str | None = None,
    unix: float | None = None,
    mono: bool = False,
    note: str | None = None,
) -> Cell:
    """Return what a component draws for `value`.

    Parameters
    ----------
    value : object
        None becomes a dash that says "not recorded"; a NaN or infinite number a dash that says which.
    unit : str
        Drawn after the number.
    digits : int, optional
        Digits after the point; without it floats are given to six significant digits.
    href : str, optional
        Relative or http(s) link; anything else (``javascript:``) is left out.
    state : str, optional
        One of `STATES`: drawn as glyph, word and colour. The word is `value`, or the state's own name.
    title : str, optional
        Tooltip.
    unix : float, optional
        Unix seconds: the age, ticking in the browser, is drawn after `value` (alone if `value` is None), the
        time itself stands in the tooltip. A number that is no possible time is called so instead.
    mono : bool
        Fixed-width letters, for paths and ids.
    note : str, optional
        Small text below.

    Raises
    ------
    ValueError
        For an unknown state.
    """
    if state is not None and state not in STATES:
        raise ValueError(f"'{state}' is not a state; these are: {', '.join(STATES)}")
    made: Cell = {}
    text, missing = _text(value, digits)
    if missing and state is not None:
        text, missing = _WORDS[state], ""
    if missing and unix is not None:
        text, missing = _text_beside_age(unix)
    made["t"] = shortened(text)
    if missing:
        made["title"], made["missing"] = missing, True
    elif unit:
        made["u"] = unit
    if title or len(text) > LONGEST_TEXT:
        made["title"] = shortened(title or text, LONGEST_TITLE)
    if href is not None and (safe := safe_href(href)) is not None:
        made["h"] = safe
    if state is not None:
        made["s"] = state
    if unix is not None and abs(unix) <= _LATEST_UNIX:
        made["x"] = unix
    if mono:
        made["m"] = True
    if note:
        made["n"] = shortened(note)
    return made


def shortened(text: str, longest: int = LONGEST_TEXT) -> str:
    """Return `text`, one of absurd length cut: a browser stands still over a cell of a megabyte."""
    if len(text) <= longest:
        return text
    return f"{text[:longest]} … ({len(text):,} characters)"


def _text_beside_age(unix: float) -> tuple[str, str]:
    """Return what `_text` does of nothing that is beside an age: a dash where that is none."""
    if abs(unix) <= _LATEST_UNIX:
        return "", ""
    return MISSING, f"recorded as {unix:.6g}, which is no possible time"


def _text(value: object, digits: int | None) -> tuple[str, str]:
    """Return the text of `value` and, for a missing one, why it is missing."""
    if hasattr(value, "item") and not isinstance(value, str | bytes):
        value = value.item()
    if value is None or value == "":
        return MISSING, "not recorded"
    if isinstance(value, bool):
        return ("yes" if value else "no"), ""
    if isinstance(value, int):
        return f"{value:,}" if digits is None else f"{value:,.{digits}f}", ""
    if isinstance(value, float):
        if not math.isfinite(value):
            return MISSING, f"recorded as {value}"
        is_plain = digits is not None and abs(value) < _LARGEST_WRITTEN_OUT
        return (f"{value:,.{digits}f}" if is_plain else f"{value:.6g}"), ""
    return str(value), ""


_FORBIDDEN = re.compile(r"[\x00-\x20\x7f\\]")


def safe_href(href: str) -> str | None:
    """Return `href` if it is relative or http(s) and has no blanks or control characters, else None.

    One that no server would accept for its length is None too.
    """
    if not href or len(href) > LONGEST_HREF or _FORBIDDEN.search(href) or href.startswith("//"):
        return None
    try:
        scheme = urlsplit(href).scheme
    except ValueError:
        return None
    if scheme and scheme not in ("http", "https"):
        return None
    # "a:b" without a known scheme may still be read as one by a browser.
    first = re.split(r"[/?#]", href, maxsplit=1)[0]
    return None if ":" in first and not scheme else href
