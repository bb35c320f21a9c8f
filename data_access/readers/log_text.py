"""Bytes of a log to lines that are safe and sensible to show: plain text, one idea per line, bounded."""

from __future__ import annotations

import re
from typing import Literal

Level = Literal["debug", "info", "warning", "error", "critical", ""]

LONGEST_LINE = 4000
"""Characters of a line that are shown; the real logs hold lines of 16,000, and one of 1 MB freezes a browser."""

OVERWRITTEN = "␍"
"""Put before a line of which earlier text was overwritten by carriage returns, as a progress bar does."""

_ESCAPE = re.compile(
    r"\x1b(?:"
    r"\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor movement
    r"|[\]P^_X][^\x07\x1b]*(?:\x07|\x1b\\)"  # OSC and other strings: window titles, links
    r"|[ -/]+[0-~]"  # character sets
    r"|[0-Z\\^-~]"  # single characters
    r")"
)

# Control characters become their visible pictures. Bidirectional overrides are written out: they would let a line
# of a log show text in another order than it has.
_VISIBLE = {code: 0x2400 + code for code in range(32) if chr(code) not in "\t\n\r"} | {0x7F: 0x2421}
_VISIBLE_TEXT = {code: f"⟨U+{code:04X}⟩" for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F)}
_TRANSLATION: dict[int, int | str] = {**_VISIBLE, **_VISIBLE_TEXT}

_WORDS: dict[str, Level] = {
    "TRACE": "debug",
    "DEBUG": "debug",
    "INFO": "info",
    "NOTICE": "info",
    "SUCCESS": "info",
    "WARN": "warning",
    "WARNING": "warning",
    "ERROR": "error",
    "SEVERE": "error",
    "CRITICAL": "critical",
    "FATAL": "critical",
}
_JSON_LEVEL = re.compile(r'"(?:level|levelname|severity)"\s*:\s*"(\w+)"')
# A level stands near the start, as a word of its own in capitals: "0 ERRORS" and "ERROR_COUNT" are no levels.
_LEVEL_WORD = re.compile(rf"(?<![\w.=/-])({'|'.join(_WORDS)})(?![\w=/.])")
_LEADING_WORD = re.compile(r"\s*(error|warning|fatal|critical)\s*:", re.IGNORECASE)
_EXCEPTION = re.compile(r"(?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*(?:Error|Exception|Interrupt|Exit)(?::|$)")
_PYTHON_WARNING = re.compile(r"\S+:\d+: \w*Warning:")
_LEVEL_WITHIN = 120


def clean_line(raw: bytes) -> str:
    """Return one line as text to show.

    Invalid UTF-8 is replaced, escape sequences are removed, a carriage return starts the line again (marked with
    `OVERWRITTEN`), other control characters are shown as their pictures (NUL is ``␀``), and a line longer than
    `LONGEST_LINE` characters is cut with a mark that says how much is missing.
    """
    text = raw.decode("utf-8", errors="replace").rstrip("\r\n")
    if "\x1b" in text:
        text = _ESCAPE.sub("", text).rstrip("\r")
    if "\r" in text:
        pieces = [piece for piece in text.split("\r") if piece]
        text = OVERWRITTEN + pieces[-1] if len(pieces) > 1 else "".join(pieces)
    if not text.isprintable():
        text = text.translate(_TRANSLATION)
    if len(text) > LONGEST_LINE:
        return f"{text[:LONGEST_LINE]} … [{len(text) - LONGEST_LINE:,} more characters]"
    return text


def level_of(line: str) -> Level:
    """Return the level that a cleaned line states; empty when it states none.

    Understood: the pipeline's text and JSON lines, ``[LEVEL]``, ``- LEVEL -``, CASA's ``SEVERE``, a leading
    ``error:``, Python warnings, tracebacks and their last line. The first level word near the start counts.
    """
    if line.startswith("{") and (match := _JSON_LEVEL.search(line)):
        return _WORDS.get(match[1].upper(), "")
    if match := _LEVEL_WORD.search(line, 0, _LEVEL_WITHIN):
        return _WORDS[match[1]]
    if match := _LEADING_WORD.match(line):
        return _WORDS[match[1].upper()]
    if line.startswith("Traceback (most recent call last)") or _EXCEPTION.match(line):
        return "error"
    if _PYTHON_WARNING.match(line):
        return "warning"
    return ""
