"""Candidates as somebody goes through them, and what is looked at to judge one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from data_access.records.images import Image
from data_access.records.marks import MarkKind
from data_access.records.sources import EseCandidate, SourceDetail, TransientCandidate

ReasonKind = Literal["ese", "transient", "eta-v"]
REASON_KINDS: tuple[ReasonKind, ...] = ("ese", "transient", "eta-v")


@dataclass(frozen=True, slots=True)
class EtaV:
    """Where a source lies in the eta-V plane, and the cuts that it lies above."""

    n: int
    eta: float
    v: float
    eta_cut: float
    v_cut: float


@dataclass(frozen=True, slots=True)
class Candidate:
    """One thing to judge, with everything that made it a candidate.

    Attributes
    ----------
    kind, object_id : str
        Under which its marks are kept.
    source_id : str or None
        The source with the light curve; None for a transient without a name.
    ese : tuple of EseCandidate
        Newest first.
    """

    kind: MarkKind
    object_id: str
    source_id: str | None
    ra_deg: float | None = None
    dec_deg: float | None = None
    ese: tuple[EseCandidate, ...] = ()
    transients: tuple[TransientCandidate, ...] = ()
    eta_v: EtaV | None = None

    @property
    def key(self) -> tuple[MarkKind, str]:
        """Kind and id."""
        return self.kind, self.object_id

    @property
    def reasons(self) -> tuple[ReasonKind, ...]:
        """Why it is here."""
        given = {"ese": bool(self.ese), "transient": bool(self.transients), "eta-v": self.eta_v is not None}
        return tuple(kind for kind in REASON_KINDS if given[kind])


@dataclass(frozen=True, slots=True)
class ReviewQueue:
    """All candidates, and what could not be asked.

    Attributes
    ----------
    is_complete : bool
        False while the sources above the cuts in eta and V are still being counted.
    """

    candidates: tuple[Candidate, ...]
    problems: tuple[str, ...] = ()
    is_complete: bool = True


@dataclass(frozen=True, slots=True)
class ReviewPicture:
    """One epoch to look at.

    Attributes
    ----------
    role : str
        ``"newest"``, ``"reference"`` or ``"most deviating"``.
    index : int
        Position in the light curve.
    width_arcsec : float
        Of the cutout that shows the source.
    low, high : float or None
        Colour limits that all pictures of a candidate share; None when they could not be read.
    """

    role: Literal["newest", "reference", "most deviating"]
    index: int
    image: Image
    width_arcsec: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Dossier:
    """What is looked at to judge a candidate.

    Attributes
    ----------
    detail : SourceDetail or None
        None when no table knows a source of that name.
    deviation : float or None
        Largest deviation of one measurement from the weighted mean of all others, in its own errors (signed).
    vs, m : float or None
        Two-epoch metrics of the unflagged peak flux densities, signed; see `maximum_pair`.
    """

    candidate: Candidate
    detail: SourceDetail | None
    pictures: tuple[ReviewPicture, ...] = ()
    deviation: float | None = None
    vs: float | None = None
    m: float | None = None
    problems: tuple[str, ...] = ()
