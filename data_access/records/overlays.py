"""What can be drawn over an image from the pipeline's tables and from catalogues."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from data_access.records.regions import Shape

OverlayKind = Literal["detections", "forced", "calibrators", "catalogue", "regions"]


@dataclass(frozen=True, slots=True)
class OverlayObject:
    """One place on an image.

    Attributes
    ----------
    name : str
    ra_deg, dec_deg : float
        ICRS.
    flux_mjy, err_mjy : float or None
        Peak flux density per beam where it was measured on this image, else that of the list it comes from.
    snr : float or None
        As recorded, else flux over error.
    source_id : str
        Of the page about it; empty when there is none.
    note : str
        Where it comes from.
    shape : Shape or None
        For regions.
    """

    name: str
    ra_deg: float
    dec_deg: float
    flux_mjy: float | None = None
    err_mjy: float | None = None
    snr: float | None = None
    source_id: str = ""
    note: str = ""
    shape: Shape | None = None


@dataclass(frozen=True, slots=True)
class OverlayLayer:
    """All places of one kind, brightest first.

    Attributes
    ----------
    total : int
        How many there are; more than `objects` when only the brightest were read.
    problem : str
        Why there may be more, or none; empty when all is well.
    """

    kind: OverlayKind
    objects: tuple[OverlayObject, ...]
    total: int
    problem: str = ""
