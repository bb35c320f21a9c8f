"""What people say about candidates: the newest of every object, its history, and new marks that overwrite nothing."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from data_access.errors import ArchiveError, MarkConflict, ValidationError
from data_access.notes import NotesDatabase, NotesState
from data_access.records.marks import KINDS, VERDICTS, Mark, MarkKind, Verdict

MOST_MARKS = 20_000
LONGEST_COMMENT = 2000
LONGEST_NAME = 80
MOST_TAGS = 12
_TAG = re.compile(r"[^\s,;]{1,40}")
_COLUMNS = "kind, object_id, revision, who, marked_at, verdict, tags, comment, undoes"


class MarkRepository:
    """Marks in our own database.

    Every change is a row of its own. Whoever marks says which revision they have seen; when somebody else was faster,
    `MarkConflict` tells what stands there now, and nothing is written.
    """

    def __init__(self, notes: NotesDatabase) -> None:
        self._notes = notes

    async def state(self) -> NotesState:
        """Return how our own database is; never raises."""
        return await self._notes.state()

    async def get(self, kind: MarkKind, object_id: str) -> Mark:
        """Return the mark that holds now; an empty one of revision 0 when nobody has said anything."""
        rows = await self._notes.read(
            f"SELECT {_COLUMNS} FROM current_marks WHERE kind = ? AND object_id = ? LIMIT 1", (kind, object_id)
        )
        return _mark(rows[0]) if rows else Mark(kind, object_id)

    async def find(self, *, limit: int = MOST_MARKS) -> dict[tuple[MarkKind, str], Mark]:
        """Return the newest marks of all objects, by kind and id, the newest first."""
        rows = await self._notes.read(
            f"SELECT {_COLUMNS} FROM current_marks ORDER BY marked_at DESC, id DESC LIMIT ?", (limit,)
        )
        return {(mark.kind, mark.object_id): mark for mark in map(_mark, rows)}

    async def find_or_none(self) -> dict[tuple[MarkKind, str], Mark]:
        """Return the newest marks for a list that shows them beside something else: none when they cannot be read."""
        try:
            return await self.find()
        except ArchiveError:
            return {}

    async def find_all(self, *, limit: int = 100_000) -> tuple[Mark, ...]:
        """Return every change of every object, the newest first."""
        rows = await self._notes.read(
            f"SELECT {_COLUMNS} FROM marks ORDER BY marked_at DESC, id DESC LIMIT ?", (limit,)
        )
        return tuple(map(_mark, rows))

    async def find_history(self, kind: MarkKind, object_id: str, *, limit: int = 200) -> tuple[Mark, ...]:
        """Return everything that was said about an object, the newest first."""
        rows = await self._notes.read(
            f"SELECT {_COLUMNS} FROM marks WHERE kind = ? AND object_id = ? ORDER BY revision DESC LIMIT ?",
            (kind, object_id, limit),
        )
        return tuple(map(_mark, rows))

    async def add(self, wanted: Mark) -> Mark:
        """Write a mark and return it as it is kept.

        Parameters
        ----------
        wanted : Mark
            What is to hold from now on; its `revision` is the one that its author has seen, 0 for none.

        Raises
        ------
        ValidationError
            No name, an unknown verdict, or a text without end.
        MarkConflict
            Somebody else has changed it meanwhile.
        DatabaseError
            It could not be saved.
        """
        mark = _checked(wanted)
        values = {
            "kind": mark.kind, "object_id": mark.object_id, "seen": mark.revision, "who": mark.who,
            "marked_at": time.time(), "verdict": mark.verdict, "tags": json.dumps(list(mark.tags)),
            "comment": mark.comment, "undoes": mark.undoes,
        }  # fmt: skip
        rows = await self._notes.write(
            f"INSERT INTO marks ({_COLUMNS}) SELECT :kind, :object_id, :seen + 1, :who, :marked_at, :verdict, :tags, "
            ":comment, :undoes WHERE :seen = (SELECT coalesce(max(revision), 0) FROM marks "
            f"WHERE kind = :kind AND object_id = :object_id) RETURNING {_COLUMNS}",
            values,
        )
        if not rows:
            await self._refuse(mark)
        return _mark(rows[0])

    async def undo(self, kind: MarkKind, object_id: str, *, seen: int, who: str) -> Mark:
        """Take back the newest change that was not taken back yet; what was written stays in the history.

        Raises
        ------
        ValidationError
            There is nothing to take back.
        MarkConflict
            Somebody else has changed it meanwhile.
        """
        history = await self.find_history(kind, object_id, limit=MOST_MARKS)
        standing = standing_marks(history)
        if not standing:
            raise ValidationError("There is nothing to take back here", remedy="Nobody has marked it.")
        before = standing[1] if len(standing) > 1 else Mark(kind, object_id)
        return await self.add(replace(before, revision=seen, who=who, undoes=standing[0].revision))

    async def _refuse(self, wanted: Mark) -> None:
        now = await self.get(wanted.kind, wanted.object_id)
        said = now.verdict or ("nothing" if now.is_empty else "a comment")
        raise MarkConflict(
            f"{now.who or 'Somebody'} has marked it meanwhile: {said}. Your mark was not saved.",
            current=now,
            revision=now.revision,
        )


def standing_marks(history: Sequence[Mark]) -> tuple[Mark, ...]:
    """Return the changes that were not taken back, the newest first.

    Parameters
    ----------
    history : sequence of Mark
        All changes of one object, the newest first.
    """
    standing: list[Mark] = []
    for mark in reversed(history):
        if mark.undoes is None:
            standing.append(mark)
        elif standing:
            standing.pop()
    return tuple(reversed(standing))


def tags_of(text: str) -> tuple[str, ...]:
    """Return the words of a text as tags: lower case, each once, in order."""
    return tuple(dict.fromkeys(word.lower().lstrip("#") for word in _TAG.findall(text) if word.strip("#")))


def _checked(mark: Mark) -> Mark:
    who = " ".join(mark.who.split())
    if not who or len(who) > LONGEST_NAME:
        raise ValidationError(
            f"A mark needs the name of its author, at most {LONGEST_NAME} letters", remedy="Type your name once."
        )
    if mark.kind not in KINDS or not mark.object_id or len(mark.object_id) > 500:
        raise ValidationError("That is nothing that can be marked")
    if mark.verdict not in ("", *VERDICTS):
        raise ValidationError(f"'{mark.verdict}' is no verdict; these are: {', '.join(VERDICTS)}")
    if len(mark.comment) > LONGEST_COMMENT:
        raise ValidationError(
            f"The comment has {len(mark.comment):,} letters; at most {LONGEST_COMMENT:,} are kept",
            remedy="Shorten it; nothing was saved.",
        )
    if len(mark.tags) > MOST_TAGS or not all(_TAG.fullmatch(tag) for tag in mark.tags):
        raise ValidationError(f"At most {MOST_TAGS} tags of at most 40 letters each, without blanks")
    return replace(mark, who=who, comment=mark.comment.strip())


def _mark(row: dict[str, Any]) -> Mark:
    return Mark(
        kind=cast(MarkKind, row["kind"]),
        object_id=str(row["object_id"]),
        revision=int(row["revision"]),
        who=str(row["who"]),
        marked_at=float(row["marked_at"]),
        verdict=cast(Verdict, row["verdict"] if row["verdict"] in VERDICTS else ""),
        tags=tuple(json.loads(row["tags"])),
        comment=str(row["comment"]),
        undoes=row["undoes"],
    )
