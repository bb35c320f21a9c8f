"""From a key of the reader to a mark in our own database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from data_access.errors import ArchiveError
from data_access.records.marks import Mark, MarkKind, Marks
from data_access.records.review import Candidate
from data_access.repositories.marks import MarkRepository, tags_of


class MarkSaving:
    """Writes what the browser sends, and knows which candidates this reader marked, the newest last."""

    def __init__(self, marks: MarkRepository) -> None:
        self._marks = marks
        self.mine: list[str] = []

    async def write(
        self, kind: str, said: Mapping[str, Any], who: str, *, order: Sequence[Candidate], marks: Marks
    ) -> Mark:
        """Write one mark and return it as it is kept.

        Parameters
        ----------
        kind : str
            ``"mark"``, ``"comment"`` or ``"undo"``; undo is about what this reader marked last, else what is shown.
        said : mapping
            What the browser sent: ``key`` and ``seen`` (revision) of what its reader saw, and the words.
        order : sequence of Candidate
            Only these can be marked.

        Raises
        ------
        ArchiveError
            Nothing was saved.
        """
        name = self.mine[-1] if kind == "undo" and self.mine else said["key"]
        key = _key_of(name, order)
        now = marks.get(key, Mark(*key))
        if kind == "undo":
            undone = await self._marks.undo(*key, seen=now.revision if self.mine else said["seen"], who=who)
            del self.mine[-1:]
            return undone
        wanted = replace(now, revision=said["seen"], who=who, undoes=None)
        if kind == "mark":
            wanted = replace(wanted, verdict=said["verdict"])
        else:
            wanted = replace(wanted, tags=tags_of(said["tag_words"]), comment=said["comment"])
        written = await self._marks.add(wanted)
        self.mine.append(name)
        return written


def name_of(candidate: Candidate) -> str:
    """Return the word for a candidate in the URL."""
    return f"{candidate.kind}:{candidate.object_id}"


def _key_of(name: str, order: Sequence[Candidate]) -> tuple[MarkKind, str]:
    found = next((c for c in order if name_of(c) == name), None)
    if found is None:
        raise ArchiveError("This candidate is not in the list any more", remedy="Reload the page.")
    return found.key
