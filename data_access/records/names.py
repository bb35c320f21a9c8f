"""Names that have a place on the sky."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NamedPlace:
    """A name and where it is: ICRS degrees.

    Attributes
    ----------
    origin : str
        The table that says so, in words; empty for coordinates that were typed in.
    """

    name: str
    ra_deg: float
    dec_deg: float
    origin: str
