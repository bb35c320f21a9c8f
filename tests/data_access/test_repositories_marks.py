"""Marks: what holds now, what was said before, and that nobody's word is overwritten unseen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_access import Archive, open_archive
from data_access.errors import MarkConflict, ValidationError
from data_access.notes import NotesDatabase
from data_access.offload import Offload
from data_access.records.marks import VERDICTS, Mark
from data_access.repositories.marks import LONGEST_COMMENT, MarkRepository, tags_of

NAME = "NVSS J095847+653354"
FIRST = Mark("source", NAME, who="Ada", verdict="real", tags=("dip",), comment="deep")


@pytest.fixture
async def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Archive]:
    monkeypatch.setenv("DSA110_DASHBOARD_DATA", str(tmp_path / "data"))
    (tmp_path / "state").mkdir()
    async with open_archive(tmp_path / "state") as made:
        yield made


async def test_nobody_has_said_anything_is_a_mark_of_revision_zero(archive: Archive) -> None:
    mark = await archive.marks.get("source", NAME)
    assert (mark.revision, mark.is_empty, mark.marked_at) == (0, True, None)


async def test_a_mark_is_kept_with_author_time_words_and_revision(archive: Archive) -> None:
    kept = await archive.marks.add(FIRST)
    assert replace(kept, marked_at=None) == replace(FIRST, revision=1)
    assert kept.marked_at is not None and kept.marked_at > 1.7e9
    assert await archive.marks.get("source", NAME) == kept


async def test_two_people_do_not_overwrite_each_other_unseen(archive: Archive) -> None:
    await archive.marks.add(FIRST)
    with pytest.raises(MarkConflict, match="Ada has marked it meanwhile: real") as conflict:
        await archive.marks.add(Mark("source", NAME, who="Bob", verdict="artefact"))
    assert conflict.value.facts["revision"] == 1
    assert conflict.value.status == 409
    assert len(await archive.marks.find_history("source", NAME)) == 1


async def test_of_many_at_the_same_moment_one_is_kept(archive: Archive) -> None:
    await archive.marks.add(FIRST)
    seen = Mark("source", NAME, revision=1, verdict="unsure")
    answers = await asyncio.gather(
        *(archive.marks.add(replace(seen, who=f"P{i}")) for i in range(6)), return_exceptions=True
    )
    assert sum(isinstance(answer, Mark) for answer in answers) == 1
    assert sum(isinstance(answer, MarkConflict) for answer in answers) == 5


async def test_a_source_and_a_transient_of_the_same_name_are_two_things(archive: Archive) -> None:
    await archive.marks.add(FIRST)
    await archive.marks.add(Mark("transient", NAME, who="Bob", verdict="artefact"))
    found = await archive.marks.find()
    assert {key: mark.verdict for key, mark in found.items()} == {
        ("source", NAME): "real",
        ("transient", NAME): "artefact",
    }


@pytest.mark.parametrize(
    "bad",
    [
        replace(FIRST, who="  "),
        replace(FIRST, who="x" * 81),
        replace(FIRST, verdict="maybe"),  # type: ignore[arg-type]
        replace(FIRST, comment="x" * (LONGEST_COMMENT + 1)),
        replace(FIRST, kind="image"),  # type: ignore[arg-type]
        replace(FIRST, object_id=""),
        replace(FIRST, tags=("two words",)),
        replace(FIRST, tags=tuple(f"t{i}" for i in range(13))),
    ],
    ids=["no name", "long name", "verdict", "comment", "kind", "object", "tag", "tags"],
)
async def test_what_makes_no_sense_is_refused_and_nothing_kept(archive: Archive, bad: Mark) -> None:
    with pytest.raises(ValidationError):
        await archive.marks.add(bad)
    assert await archive.marks.find() == {}


async def test_nothing_to_take_back_is_said(archive: Archive) -> None:
    with pytest.raises(ValidationError, match="nothing to take back"):
        await archive.marks.undo("source", NAME, seen=0, who="Ada")


async def test_hostile_text_is_kept_letter_by_letter(archive: Archive) -> None:
    text = "'); DROP TABLE marks; -- <img src=x onerror=alert(1)> ☃"
    await archive.marks.add(replace(FIRST, object_id=text, comment=text, who="<b>Eve</b>"))
    kept = await archive.marks.get("source", text)
    assert (kept.comment, kept.who) == (text, "<b>Eve</b>")


async def test_a_mark_is_told_to_open_pages_and_is_no_news_of_the_pipeline(archive: Archive) -> None:
    await archive.changes.look()
    with archive.changes.subscribe() as subscription:
        await archive.marks.add(FIRST)
        change = await archive.changes.look()
        assert change is not None and change.roles == {"notes"}
        assert (await anext(aiter(subscription))).roles == {"notes"}
    assert archive.changes.last_write is None


async def test_looking_at_marks_is_no_change(archive: Archive) -> None:
    await archive.marks.add(FIRST)
    await archive.changes.look()
    await archive.marks.find()
    assert await archive.changes.look() is None


def test_tags_are_words_in_lower_case_each_once() -> None:
    assert tags_of("Dip, #RFI; dip  rfi ##") == ("dip", "rfi")


_STEPS = st.lists(st.one_of(st.sampled_from(VERDICTS), st.just("undo")), max_size=14)


@settings(max_examples=25, deadline=None)
@given(_STEPS)
def test_any_sequence_of_marks_and_undos_is_a_stack_whose_history_is_whole(steps: list[str]) -> None:
    async def run() -> None:
        offload = Offload(threads=1, processes=1, deadline_s=10)
        with TemporaryDirectory() as folder:
            marks = MarkRepository(NotesDatabase(Path(folder), offload, forbidden=(), busy_timeout_s=1))
            stack: list[str] = []
            written = 0
            for step in steps:
                if step == "undo" and not stack:
                    continue
                if step == "undo":
                    stack.pop()
                    made = await marks.undo("source", "A", seen=written, who="Ada")
                else:
                    stack.append(step)
                    made = await marks.add(Mark("source", "A", revision=written, who="Ada", verdict=step))  # type: ignore[arg-type]
                written += 1
                assert (made.revision, made.verdict) == (written, stack[-1] if stack else "")
            history = await marks.find_history("source", "A")
            assert [mark.revision for mark in history] == list(range(written, 0, -1))
        await offload.close()

    asyncio.run(run())
