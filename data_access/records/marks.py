"""What people say about a candidate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

MarkKind = Literal["source", "transient"]
Verdict = Literal["", "real", "artefact", "unsure", "follow-up"]
KINDS: tuple[MarkKind, ...] = ("source", "transient")
VERDICTS: tuple[Verdict, ...] = ("real", "artefact", "unsure", "follow-up")


@dataclass(frozen=True, slots=True)
class Mark:
    """One state of what was said about an object.

    Attributes
    ----------
    kind, object_id : str
        What it is about: a source with its name, or a transient candidate with its place (see `transient_id`).
    revision : int
        Counts the changes of this object from 1; 0: nobody has said anything.
    who : str
    marked_at : float or None
        Unix seconds (UTC).
    verdict : str
        One of `VERDICTS`, or empty.
    undoes : int or None
        The revision that was taken back by this one.
    """

    kind: MarkKind
    object_id: str
    revision: int = 0
    who: str = ""
    marked_at: float | None = None
    verdict: Verdict = ""
    tags: tuple[str, ...] = ()
    comment: str = ""
    undoes: int | None = None

    @property
    def is_empty(self) -> bool:
        """True when nothing is said (any more)."""
        return not (self.verdict or self.tags or self.comment)


Marks = Mapping[tuple[MarkKind, str], Mark]
"""The newest mark of each object, by kind and id."""
