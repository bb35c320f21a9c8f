"""A list of names and positions as people have them: a line each, or CSV with a header."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass

from data_access.analysis.coordinates import parse_position
from data_access.errors import ValidationError
from data_access.records.source_query import Cone

MOST_ENTRIES = 5_000
_RA = frozenset({"ra", "ra_deg", "raj2000", "_ra", "ra_icrs", "radeg", "alpha"})
_RA_HOURS = frozenset({"ra_h", "ra_hr", "ra_hour", "ra_hours", "rahours"})
_DEC = frozenset({"dec", "dec_deg", "dej2000", "decj2000", "_de", "de_icrs", "dec_icrs", "decdeg", "delta"})
_LONGITUDE = frozenset({"l", "glon", "_glon", "gal_l", "gal_lon", "l_deg", "glon_deg"})
_LATITUDE = frozenset({"b", "glat", "_glat", "gal_b", "gal_lat", "b_deg", "glat_deg"})
_HOURS = frozenset({"h", "hr", "hrs", "hour", "hours", "hourangle"})
_WITH_UNIT = re.compile(r"(.*?)\s*[(\[]([^)\]]*)[)\]]\s*")
_PLAIN_NUMBER = re.compile(r"\+?\d+(?:\.\d*)?|\+?\.\d+")
_NAMES = frozenset({"source_id", "source", "name", "source_name", "id", "designation"})


@dataclass(frozen=True, slots=True)
class _Places:
    """Which two columns of a table are the position, and how they are written."""

    first: int
    second: int
    galactic: bool = False
    in_hours: bool = False

    def written(self, row: Sequence[str]) -> str:
        """Return the position of a row as somebody would type it."""
        first, second = row[self.first].strip(), row[self.second].strip()
        if self.galactic:
            return f"gal {first}, {second}"
        return f"{first}h, {second}" if self.in_hours and _PLAIN_NUMBER.fullmatch(first) else f"{first}, {second}"


def read_list(text: str) -> tuple[str | Cone, ...]:
    """Return the entries of a list: names, and positions as circles of no radius yet.

    With a header that names right ascension and declination, every row is a position, in hours where the header says
    so (``ra (h)``, ``ra_hours``); with one that names l and b, or glon and glat, a galactic one; with one that names
    the source, a name; else every line is a position when it means one, and a name (its first column) when it does
    not. Lines that begin with ``#`` and empty ones are left out.

    Raises
    ------
    ValidationError
        It is empty or too long, or a row of a table has no position.
    """
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    delimiter = next((mark for mark in ("\t", ",", ";", "|") if lines and mark in lines[0]), ",")
    header = [_word_and_unit(word) for word in lines[0].split(delimiter)] if lines else []
    places, name = _places(header), _column(header, _NAMES)
    body = lines[1:] if places is not None or name is not None else lines
    if not body:
        raise ValidationError("The list is empty", remedy="Give one name or position a line.")
    if len(body) > MOST_ENTRIES:
        raise ValidationError(f"The list has {len(body):,} entries: {MOST_ENTRIES:,} are possible at once")
    if places is not None:
        return tuple(_position(row, places) for row in _rows(body, delimiter))
    if name is not None:
        return tuple(row[name].strip() if name < len(row) else ",".join(row) for row in _rows(body, delimiter))
    return tuple(_entry(line.strip(), delimiter) for line in body)


def _word_and_unit(text: str) -> tuple[str, str]:
    """Return a word of a header in small letters and the unit in brackets behind it: ``ra``, ``deg``."""
    word = text.strip().strip('"').casefold()
    match = _WITH_UNIT.fullmatch(word)
    return (match[1], match[2].strip()) if match else (word, "")


def _column(header: Sequence[tuple[str, str]], words: frozenset[str]) -> int | None:
    return next((i for i, (word, _) in enumerate(header) if word in words), None)


def _places(header: Sequence[tuple[str, str]]) -> _Places | None:
    """Return the columns of right ascension and declination, else those of galactic coordinates; None without any."""
    ra, dec = _column(header, _RA | _RA_HOURS), _column(header, _DEC)
    if ra is not None and dec is not None:
        word, unit = header[ra]
        return _Places(ra, dec, in_hours=word in _RA_HOURS or unit in _HOURS)
    longitude, latitude = _column(header, _LONGITUDE), _column(header, _LATITUDE)
    if longitude is not None and latitude is not None:
        return _Places(longitude, latitude, galactic=True)
    return None


def _rows(lines: Sequence[str], delimiter: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO("\n".join(lines)), delimiter=delimiter))


def _position(row: Sequence[str], places: _Places) -> str | Cone:
    """Return the position in a row; a row without one stays as it is written, to be listed as meaning no source."""
    if max(places.first, places.second) >= len(row):
        return ", ".join(row)
    written = places.written(row)
    return _cone(written) or written


def _entry(line: str, delimiter: str) -> str | Cone:
    return _cone(line) or next(iter(_rows([line], delimiter)[0]), line).strip() or line


def _cone(text: str) -> Cone | None:
    try:
        place = parse_position(text)
    except ValidationError:
        return None
    if place.frame_given == "name":
        return None
    return Cone(place.ra_deg, place.dec_deg, 0.0, text)
