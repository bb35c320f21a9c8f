"""What catalogues of other surveys know near a place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class CatalogueMatch:
    """One entry near a place.

    Attributes
    ----------
    separation_arcsec, position_angle_deg : float
        From the place to the entry; degrees east of north.
    flux_mjy, flux_err_mjy : float or None
    freq_ghz : float or None
        Of the flux density.
    note : str
        What else the catalogue says (period, dispersion measure, quality codes).
    """

    catalogue: str
    name: str
    ra_deg: float
    dec_deg: float
    separation_arcsec: float
    position_angle_deg: float
    flux_mjy: float | None = None
    flux_err_mjy: float | None = None
    freq_ghz: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class CatalogueAnswer:
    """What one catalogue said.

    Attributes
    ----------
    status : str
        ``"asked"``, ``"missing"`` (no such file), ``"not covered"`` (files, but none of this declination) or
        ``"failed"``.
    message : str
        Why it was not asked, in words.
    matches : tuple of CatalogueMatch
        The nearest first.
    truncated : bool
        True when there are more than were read.
    """

    catalogue: str
    status: Literal["asked", "missing", "not covered", "failed"]
    message: str = ""
    matches: tuple[CatalogueMatch, ...] = ()
    truncated: bool = False
