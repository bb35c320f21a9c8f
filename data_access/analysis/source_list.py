"""A list of names and positions as people have them: a line each, or CSV with a header."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence

from data_access.analysis.coordinates import parse_position
from data_access.errors import ValidationError
from data_access.records.source_query import Cone

MOST_ENTRIES = 5_000
_RA = frozenset({"ra", "ra_deg", "raj2000", "_ra", "ra_icrs", "radeg", "alpha"})
_DEC = frozenset({"dec", "dec_deg", "dej2000", "decj2000", "_de", "de_icrs", "dec_icrs", "decdeg", "delta"})
_UNIT = re.compile(r"\s*[(\[][^)\]]*[)\]]\s*$")
_NAMES = frozenset({"source_id", "source", "name", "source_name", "id", "designation"})


def read_list(text: str) -> tuple[str | Cone, ...]:
    """Return the entries of a list: names, and positions as circles of no radius yet.

    With a header that names right ascension and declination, every row is a position; with one that names the source,
    a name; else every line is a position when it means one, and a name (its first column) when it does not. Lines
    that begin with ``#`` and empty ones are left out.

    Raises
    ------
    ValidationError
        It is empty or too long, or a row of a table has no position.
    """
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    delimiter = next((mark for mark in ("\t", ",", ";", "|") if lines and mark in lines[0]), ",")
    header = [_without_unit(word) for word in lines[0].split(delimiter)] if lines else []
    ra, dec, name = (
        next((i for i, word in enumerate(header) if word in words), None) for words in (_RA, _DEC, _NAMES)
    )
    has_header = (ra is not None and dec is not None) or name is not None
    body = lines[1:] if has_header else lines
    if not body:
        raise ValidationError("The list is empty", remedy="Give one name or position a line.")
    if len(body) > MOST_ENTRIES:
        raise ValidationError(f"The list has {len(body):,} entries: {MOST_ENTRIES:,} are possible at once")
    if ra is not None and dec is not None:
        return tuple(_position(row, ra, dec) for row in _rows(body, delimiter))
    if name is not None:
        return tuple(row[name].strip() if name < len(row) else ",".join(row) for row in _rows(body, delimiter))
    return tuple(_entry(line.strip(), delimiter) for line in body)


def _without_unit(word: str) -> str:
    """Return a word of a header without the unit in brackets behind it: ``ra`` for ``RA (deg)``."""
    return _UNIT.sub("", word.strip().strip('"').casefold()).strip()


def _rows(lines: Sequence[str], delimiter: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO("\n".join(lines)), delimiter=delimiter))


def _position(row: Sequence[str], ra: int, dec: int) -> str | Cone:
    """Return the position in a row; a row without one stays as it is written, to be listed as meaning no source."""
    if max(ra, dec) >= len(row):
        return ", ".join(row)
    written = f"{row[ra].strip()}, {row[dec].strip()}"
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
