"""Observations that cover the place of a source and have no measurement of it, with the reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from data_access.records.images import Image

MissingReason = Literal["image gone", "not covered", "near the edge", "too noisy", "unreadable", "no fit"]


@dataclass(frozen=True, slots=True)
class MissingEpoch:
    """One image near a source without a measurement of it; `detail` says in words how that was found."""

    image: Image
    reason: MissingReason
    detail: str


@dataclass(frozen=True, slots=True)
class MissingEpochs:
    """What was found about a light curve, one page of it.

    Attributes
    ----------
    epochs : tuple of MissingEpoch
        Of this page, the newest observation first.
    n_images : int
        Observations that are near, measured ones too.
    n_missing : int
        Those without a measurement, on all pages.
    page, n_pages : int
        Which page this is, from 1; later pages are older.
    truncated : bool
        True when there are more registered images near than are read.
    n_unplaced : int
        Images without a measurement here that could not be looked at: neither the database nor their file says where
        they are, or there are too many of them.
    """

    epochs: tuple[MissingEpoch, ...]
    n_images: int
    n_missing: int
    page: int
    n_pages: int
    truncated: bool
    n_unplaced: int = 0
