"""Paging, counts and epochs, shared by all records."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from data_access.errors import ValidationError

RecordT = TypeVar("RecordT")

EpochOrigin = Literal[
    "image name", "MS name", "ms_index", "mosaics", "mjd column", "measurement time", "processing time", "unknown"
]


@dataclass(frozen=True, slots=True)
class Epoch:
    """When the telescope observed.

    Attributes
    ----------
    mjd : float or None
        Modified Julian Date, UTC, days; the middle of the observation where it is known, else its start.
    origin : str
        Where it comes from. ``"processing time"`` means that no observation time is recorded anywhere:
        such an epoch says when the pipeline worked, not when the sky was seen.
    """

    mjd: float | None
    origin: EpochOrigin

    @property
    def is_observation(self) -> bool:
        """True when this is the time of the observation, not of the processing."""
        return self.mjd is not None and self.origin not in ("processing time", "measurement time", "unknown")


@dataclass(frozen=True, slots=True)
class Cursor:
    """A position in a sorted list: the sort value and the key of a row, and which way to go from it.

    `segment` numbers the parts that a list consists of one after the other (rows with a value, rows without).
    """

    value: Any
    key: Any
    segment: int = 0
    backwards: bool = False

    def encode(self) -> str:
        """Return the position as text that is safe in a URL."""
        packed = json.dumps([self.value, self.key, self.segment, int(self.backwards)], separators=(",", ":"))
        return base64.urlsafe_b64encode(packed.encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str) -> Cursor:
        """Return the position that `encode` wrote; raise `ValidationError` on anything else."""
        try:
            raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
            value, key, segment, backwards = json.loads(raw)
        except (binascii.Error, ValueError, TypeError, RecursionError) as err:
            raise ValidationError(
                f"'{text}' is not a position in this list", remedy="Start again from the first page."
            ) from err
        if not (_is_scalar(value) and _is_scalar(key) and segment in (0, 1, 2)):
            raise ValidationError("That is not a position in this list", remedy="Start from the first page.")
        return cls(value, key, segment, bool(backwards))


def _is_scalar(value: object) -> bool:
    if isinstance(value, int):
        return -(2**63) <= value < 2**63
    return value is None or isinstance(value, float | str)


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which rows of a list are wanted: how many, from where, in what order."""

    limit: int = 50
    cursor: str = ""
    sort: str = ""
    descending: bool = True

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= 1000:
            raise ValidationError(f"A page of {self.limit} rows is not possible; between 1 and 1000 are")


@dataclass(frozen=True, slots=True)
class RecordPage(Generic[RecordT]):
    """Some rows of a list.

    Attributes
    ----------
    rows : tuple
    next_cursor, previous_cursor : str
        Where the neighbouring pages start; empty at the ends.
    note : str
        What the reader must know about this answer (for example: rows without a value come last).
    """

    rows: tuple[RecordT, ...]
    next_cursor: str = ""
    previous_cursor: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Count:
    """How many rows, as far as that is known without reading them all.

    Attributes
    ----------
    value : int or None
        None when counting was stopped at its deadline.
    kind : str
        ``"exact"``, ``"at least"`` (counting stopped at a cap), ``"at most"`` (so many row numbers are in use or
        were: deleted rows between others are among them) or ``"unknown"``.
    """

    value: int | None
    kind: Literal["exact", "at least", "at most", "unknown"] = "exact"

    def __str__(self) -> str:
        if self.value is None:
            return "not counted"
        number = f"{self.value:,}"
        return {"exact": number, "at least": f"{number}+", "at most": f"at most {number}"}.get(self.kind, number)
