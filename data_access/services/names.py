"""From what a reader types to a place on the sky: coordinates in any format, or a name that the tables know.

Nothing is asked over the network: the observatory's computers may have none, and its own tables know its sources.
"""

from __future__ import annotations

import re

from data_access.analysis.coordinates import EXAMPLES, format_dec, format_ra, parse_position, separation_arcsec
from data_access.errors import ValidationError
from data_access.records.names import NamedPlace
from data_access.repositories.names import FoundNames, NameRepository
from data_access.services.cutout_plan import Place, is_pixel, parse_place

SAME_PLACE_ARCSEC = 5.0
_LISTED = 6
_LONGEST_NAME = 100
_CATALOGUES = ("NVSS", "FIRST", "VLASS", "RACS", "DSA")
# Digits, signs and separators only, with at least one separator: no name looks like this.
_COORDINATES = re.compile(r"[\d+\-−–.:\s,;]*[\s,:;][\d+\-−–.:\s,;]*")
# Calibrators are called like this; as degrees it would be a place nobody meant.
_CALIBRATOR = re.compile(r"\d{4}[+\-−–]\d{3,4}")
_NAME_OF_DIGITS = re.compile(r"(?:[A-Za-z]+ )?J\d{4,}(?:\.\d+)?[+-]\d{4,}(?:\.\d+)?")


class NameService:
    """Understands positions and names.

    Parameters
    ----------
    names : NameRepository
    """

    def __init__(self, names: NameRepository) -> None:
        self._names = names

    async def resolve(self, text: str) -> NamedPlace:
        """Return the one place that a text means: an exact name wins over coordinates that it may look like.

        ``0003-066`` is a calibrator where the tables have one, not 3 degrees and -66 degrees.

        Raises
        ------
        ValidationError
            Neither a position nor a known name, or a name of several places; the message lists candidates.
        """
        typed = " ".join(text.split())
        if not _COORDINATES.fullmatch(typed) and len(typed) <= _LONGEST_NAME:
            found = await self._names.find(_spellings(typed))
            if found.places:
                return _only(typed, found)
        try:
            position = None if _CALIBRATOR.fullmatch(typed) else parse_position(typed)
        except ValidationError:
            position = None
            if _COORDINATES.fullmatch(typed) or not typed or len(typed) > _LONGEST_NAME:
                raise
        if position is None:
            raise await self._unknown(typed)
        return NamedPlace(typed, position.ra_deg, position.dec_deg, "")

    async def find_place(self, text: str) -> tuple[Place, NamedPlace | None]:
        """Return where the middle of a cutout is: ``pixel 120 88``, a position, or a name as `resolve` knows them.

        Returns
        -------
        Place
        NamedPlace or None
            What the tables call it; None for pixels and coordinates.

        Raises
        ------
        ValidationError
            As `resolve`.
        """
        if is_pixel(text):
            return parse_place(text), None
        found = await self.resolve(text)
        if not found.origin:
            return Place(found.ra_deg, found.dec_deg), None
        return Place(found.ra_deg, found.dec_deg, name=found.name), found

    async def _unknown(self, typed: str) -> ValidationError:
        similar = await self._names.find_similar(typed)
        names = list(dict.fromkeys(place.name for place in similar.places))
        unread = f" (not looked in, because it cannot be read: {', '.join(similar.unread)})" if similar.unread else ""
        if not names:
            return ValidationError(
                f"No calibrator or source of this archive is called '{typed}', and it is not a position{unread}",
                remedy=EXAMPLES,
            )
        shown = ", ".join(names[:_LISTED]) + (f" and {len(names) - _LISTED} more" if len(names) > _LISTED else "")
        return ValidationError(f"'{typed}' is not a whole name; there are: {shown}{unread}", remedy=EXAMPLES)


def _spellings(typed: str) -> list[str]:
    """Return the ways in which the tables may write a name."""
    if _NAME_OF_DIGITS.fullmatch(typed) and " " not in typed:
        return [typed, *(f"{catalogue} {typed}" for catalogue in _CATALOGUES)]
    without_blanks = typed.replace(" ", "")
    return list(dict.fromkeys((typed, typed.upper(), without_blanks, without_blanks.upper())))


def _only(typed: str, found: FoundNames) -> NamedPlace:
    """Return the place when all that has the name lies together; raise `ValidationError` otherwise."""
    first = found.places[0]
    distinct = [first]
    for place in found.places[1:]:
        near = separation_arcsec(
            [other.ra_deg for other in distinct], [other.dec_deg for other in distinct], place.ra_deg, place.dec_deg
        )
        if float(near.min()) > SAME_PLACE_ARCSEC:
            distinct.append(place)
    if len(distinct) == 1:
        return first
    shown = "; ".join(
        f"{p.name} at {format_ra(p.ra_deg, digits=0)} {format_dec(p.dec_deg, digits=0)} ({p.origin})"
        for p in distinct[:_LISTED]
    )
    raise ValidationError(
        f"'{typed}' is the name of more than one place: {shown}",
        remedy="Write the coordinates of the one you mean.",
    )
