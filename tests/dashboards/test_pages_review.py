"""The review page: one candidate at a time, every mark saved at once, nobody overwritten."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from dashboards.components.browser_state import write_query
from dashboards.mark_files import COLUMNS, marks_csv
from dashboards.pages.review import ReviewPage
from dashboards.pages.source import SourcePage
from dashboards.pages.source_marks import MarkPart
from dashboards.pages.sources import SourcesPage
from dashboards.pages.status import StatusPage
from dashboards.pages.variability import VariabilityPage
from dashboards.plots.epoch_words import epoch_words
from dashboards.server import build_server
from dashboards.session import Session
from data_access import Archive, open_archive
from data_access.errors import DatabaseLocked
from data_access.records.marks import Mark
from data_access.records.review import ReviewQueue


@pytest.fixture
async def archive(demo_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Archive]:
    monkeypatch.setenv("DSA110_DASHBOARD_DATA", str(tmp_path / "data"))
    async with open_archive(demo_folder) as opened:
        yield opened


async def open_review(archive: Archive, user: str = "", **query: str) -> ReviewPage:
    view = ReviewPage(Session(archive, query=query, user=user))
    view.__panel__()
    await view.load()
    await view.settled()
    return view


def press(view: ReviewPage, kind: str, *, who: str = "Ada", **said: Any) -> None:
    """Send what the browser sends for a key."""
    view.desk._handle_msg({"type": kind, "key": view.desk.key, "seen": view.desk.revision, "who": who, **said})


def step(view: ReviewPage, by: int) -> None:
    view.desk._handle_msg({"type": "step", "by": by})


async def test_the_first_candidate_is_shown_with_light_curve_reasons_and_place(archive: Archive) -> None:
    view = await open_review(archive)
    assert view.desk.place == f"1 of {len(view.order)}"
    assert view.desk.reasons
    assert view.figure is not None
    titles = [g["title"] for g in view.facts.groups]
    assert "Candidate" in titles and "Variability" in titles


async def test_the_pictures_are_bare_tiles_with_the_target_marked_and_words_below(archive: Archive) -> None:
    view = await open_review(archive)
    dossier = await view._dossier(view.current) if view.current else None
    assert dossier is not None and dossier.detail is not None and dossier.pictures
    for shown, drawn in zip(dossier.pictures, view.pictures.pictures, strict=True):
        row = dossier.detail.light_curve.photometry_id[shown.index]
        assert f"/epochs/{row}.png?" in drawn["src"]
        assert "mark=cross" in drawn["src"] and f"size={shown.width_arcsec:g}" in drawn["src"]
        words = epoch_words(dossier.detail.light_curve, shown.index, "peak", "mJy")
        assert words.kind in drawn["note"] and words.flux in drawn["note"]
    assert len({drawn["src"].partition("low=")[2] for drawn in view.pictures.pictures}) == 1


async def test_a_mark_is_saved_at_once_and_said(archive: Archive) -> None:
    view = await open_review(archive)
    press(view, "mark", verdict="real")
    await view.settled()
    assert view.desk.status["kind"] == "ok" and "saved: real" in view.desk.status["text"]
    assert view.desk.verdict == "real"
    assert view.desk.counts.startswith("1 of ")
    kept = await archive.marks.get("source", view.order[0].object_id)
    assert (kept.verdict, kept.who) == ("real", "Ada")
    assert len(view.history.rows) == 1


async def test_what_is_not_saved_is_said_in_so_many_words(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    view = await open_review(archive)

    async def locked(*_: Any) -> None:
        raise DatabaseLocked("the notes database is locked")

    monkeypatch.setattr(archive.notes, "write", locked)
    press(view, "mark", verdict="real")
    await view.settled()
    assert view.desk.status["kind"] == "bad"
    assert view.desk.status["text"].startswith("NOT SAVED. the notes database is locked")
    assert view.desk.verdict == ""


async def test_a_mark_without_a_name_is_refused(archive: Archive) -> None:
    view = await open_review(archive)
    press(view, "mark", verdict="real", who=" ")
    await view.settled()
    assert view.desk.status["text"].startswith("NOT SAVED. A mark needs the name of its author")


async def test_a_name_from_the_trusted_proxy_wins_over_what_the_browser_says(archive: Archive) -> None:
    view = await open_review(archive, user="Grace")
    press(view, "mark", verdict="unsure", who="Eve")
    await view.settled()
    assert (await archive.marks.get("source", view.order[0].object_id)).who == "Grace"


async def test_somebody_elses_mark_is_shown_instead_of_overwritten(archive: Archive) -> None:
    view = await open_review(archive)
    name = view.order[0].object_id
    await archive.marks.add(Mark("source", name, who="Bob", verdict="artefact"))
    press(view, "mark", verdict="real")
    await view.settled()
    assert "Bob has marked it meanwhile: artefact" in view.desk.status["text"]
    assert (view.desk.verdict, view.desk.revision) == ("artefact", 1)
    assert (await archive.marks.get("source", name)).verdict == "artefact"


async def test_a_step_shows_the_next_candidate_in_the_same_moment(archive: Archive) -> None:
    view = await open_review(archive)
    first = view.facts.groups
    step(view, 1)
    assert view.desk.title == view.order[1].object_id
    assert view.facts.groups != first  # nothing was awaited: it had been read ahead
    assert view.at == f"source:{view.order[1].object_id}"
    await view.settled()


async def test_before_the_first_and_after_the_last_nothing_moves_and_it_is_said(archive: Archive) -> None:
    view = await open_review(archive)
    step(view, -1)
    assert view.desk.status["text"] == "This is the first one."
    assert view.current is view.order[0]


async def test_undo_goes_back_to_what_was_marked_last_and_takes_it_back(archive: Archive) -> None:
    view = await open_review(archive)
    first, second = view.order[0].object_id, view.order[1].object_id
    press(view, "mark", verdict="real")
    await view.settled()
    step(view, 1)
    await view.settled()
    assert view.desk.title == second
    press(view, "undo")
    await view.settled()
    assert view.desk.title == first
    assert (await archive.marks.get("source", first)).is_empty
    assert len(await archive.marks.find_history("source", first)) == 2


async def test_a_comment_keeps_the_verdict_and_tags_are_words(archive: Archive) -> None:
    view = await open_review(archive)
    press(view, "mark", verdict="follow-up")
    await view.settled()
    press(view, "comment", comment="<b>deep</b> dip", tag_words="#Dip rfi")
    await view.settled()
    kept = await archive.marks.get("source", view.order[0].object_id)
    assert (kept.verdict, kept.comment, kept.tags) == ("follow-up", "<b>deep</b> dip", ("dip", "rfi"))


async def test_filters_by_reason_state_and_mark_are_in_the_url(archive: Archive) -> None:
    view = await open_review(archive, kind="ese", state="dismissed")
    assert view.order
    assert all(c.ese and any(e.status == "dismissed" for e in c.ese) for c in view.order)
    press(view, "mark", verdict="artefact")
    await view.settled()
    view.param.update(state="", mark="artefact")
    await view.settled()
    assert len(view.order) == 1
    assert write_query(view, view.url_params) == "kind=ese&mark=artefact"


async def test_meaningless_words_in_the_url_give_the_whole_queue(archive: Archive) -> None:
    view = await open_review(archive, kind="nonsense", mark="?", at="nobody")
    assert view.current is view.order[0]


async def test_no_match_says_so(archive: Archive) -> None:
    view = await open_review(archive, mark="unsure")
    assert view.desk.title == "No candidate to review"
    assert view.desk.key == ""


async def test_a_mark_by_somebody_else_appears_while_the_page_is_open(archive: Archive) -> None:
    view = await open_review(archive)
    await archive.marks.add(Mark("source", view.order[0].object_id, who="Bob", verdict="unsure"))
    await view.refresh()
    assert (view.desk.verdict, view.desk.revision) == ("unsure", 1)
    assert "notes" in ReviewPage.live_roles


async def test_without_our_own_database_the_candidates_are_still_shown(archive: Archive) -> None:
    archive.notes.file.parent.mkdir(parents=True)
    archive.notes.file.write_bytes(b"no database" * 200)
    view = await open_review(archive)
    assert view.order and view.figure is not None
    assert "damaged or no database" in view.trouble.text


async def test_sources_above_both_published_cuts_are_in_the_queue(archive: Archive) -> None:
    queue = await archive.review.queue()
    above = [c for c in queue.candidates if c.eta_v is not None]
    table = await archive.variability.table("peak")
    eta, v = (dict(zip(table.source_id, values, strict=True)) for values in (table.eta, table.v))
    assert above
    for candidate in above:
        known = candidate.eta_v
        assert known is not None
        assert eta[candidate.object_id] > known.eta_cut and v[candidate.object_id] > known.v_cut


def test_marks_as_csv_come_back_letter_by_letter_and_no_cell_is_a_formula() -> None:
    marks = [
        Mark("source", "A", 2, "Ada", 1.7e9, "real", ("dip", "rfi"), 'said "deep",\nthen left', None),
        Mark("transient", "150.1 +2.0", 1, "Bob", 1.7e9, "", (), "=HYPERLINK(1)", 1),
    ]
    rows = list(csv.reader(io.StringIO(marks_csv(marks))))
    assert tuple(rows[0]) == COLUMNS
    assert rows[1] == [
        "source", "A", "real", "dip rfi", 'said "deep",\nthen left', "Ada", "2023-11-14 22:13:20", "2", "",
    ]  # fmt: skip
    assert rows[2][4] == "'=HYPERLINK(1)"


async def test_a_source_that_nobody_flagged_can_be_reviewed_by_name(archive: Archive) -> None:
    flagged = {c.object_id for c in (await archive.review.queue()).candidates}
    table = await archive.variability.table("peak")
    name = next(str(n) for n in table.source_id if str(n) not in flagged)
    view = await open_review(archive, at=f"source:{name}")
    assert view.desk.title == name
    assert view.figure is not None
    press(view, "mark", verdict="follow-up")
    await view.settled()
    assert (await archive.marks.get("source", name)).verdict == "follow-up"


async def test_marks_stand_on_the_page_of_the_source_and_change_while_it_is_open(archive: Archive) -> None:
    name = (await archive.review.queue()).candidates[0].object_id
    view = SourcePage(Session(archive, path_params={"source_id": name}, prepared=await archive.sources.get(name)))
    view.__panel__()
    part = next(p for p in view.parts if isinstance(p, MarkPart))
    await part.load()
    assert part.facts.groups[0]["items"][0]["cell"]["title"] == "nobody has marked it"
    await archive.marks.add(Mark("source", name, who="Bob", verdict="artefact", comment="<b>sidelobe</b>"))
    await archive.marks.add(Mark("source", name, revision=1, who="Ada", verdict="real"))
    await part.refresh()
    assert part.facts.groups[0]["items"][0]["cell"]["t"] == "real"
    assert part.history is not None and len(part.history.rows) == 2
    assert [i["cell"]["t"] for i in view.heading.items if i["label"] == "Mark"] == ["real"]
    assert "notes" in SourcePage.live_roles


async def test_lists_of_candidates_carry_the_marks(archive: Archive) -> None:
    name = (await archive.sources.find_ese_candidates())[0].source_id
    await archive.marks.add(Mark("source", name, who="Bob", verdict="artefact"))
    sources = SourcesPage(Session(archive))
    sources.__panel__()
    await sources.fill(sources.ese_slot, sources._find_candidates, sources._show_candidates)
    row = next(r for r in sources.ese_table.rows if r["cells"][0]["t"] == name)
    assert row["cells"][-1]["t"] == "artefact"
    plane = VariabilityPage(Session(archive, query={"picked": name}))
    plane.__panel__()
    await plane.load()
    assert plane.selected.rows[0]["cells"][0]["n"].startswith("artefact, says Bob")


async def test_what_the_pipeline_flagged_is_shown_before_the_photometry_is_added_up(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = await archive.review.queue()
    gate, asked_again = asyncio.Event(), asyncio.Event()
    table, asked = archive.variability.table, []

    async def slow(flux: Any = "peak") -> Any:
        asked.append(flux)
        if len(asked) == 2:
            asked_again.set()
        await gate.wait()
        return await table(flux)

    monkeypatch.setattr(archive.variability, "table", slow)
    view = ReviewPage(Session(archive))
    view.__panel__()
    loading = asyncio.ensure_future(view.load())
    await asyncio.wait_for(asked_again.wait(), 20)
    assert view.figure is not None
    assert "being counted" in view.table.note
    assert all(c.ese or c.transients for c in view.order)
    first = view.current
    gate.set()
    await loading
    assert {c.key for c in view.order} == {c.key for c in whole.candidates}
    assert view.current is not None and first is not None and view.current.key == first.key
    assert view.table.note == ""


@pytest.mark.parametrize(("setting", "name"), [("X-Forwarded-User", "Grace Hopper"), ("", "")])
async def test_the_name_is_taken_from_a_header_only_where_that_is_configured(
    archive: Archive, setting: str, name: str
) -> None:
    server = build_server(Archive(replace(archive.settings, user_header=setting)))
    server.start()
    try:
        async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
            assert (await client.get("review", headers={"x-forwarded-user": "Grace  Hopper"})).status_code == 200
        documents = [s.document for c in server.bokeh._tornado._applications.values() for s in c.sessions]
        payloads = [str(getattr(model, "payload", "")) for document in documents for model in document.models]
    finally:
        await server.stop()
    desk = next(json.loads(payload) for payload in payloads if "fixed_name" in payload)
    assert desk["fixed_name"] == name


async def test_marks_are_downloaded_as_they_hold_or_with_every_change(archive: Archive) -> None:
    await archive.marks.add(Mark("source", "A", who="Ada", verdict="real"))
    await archive.marks.add(Mark("source", "A", revision=1, who="Bob", verdict="artefact"))
    server = build_server(archive)
    server.start()
    try:
        async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
            now, every = await client.get("marks.csv"), await client.get("marks.csv?history=1")
    finally:
        await server.stop()
    assert now.headers["content-type"].startswith("text/csv")
    assert [row[2] for row in csv.reader(io.StringIO(now.text))] == ["verdict", "artefact"]
    assert [row[2] for row in csv.reader(io.StringIO(every.text))] == ["verdict", "artefact", "real"]


async def test_status_tells_how_our_own_database_is(archive: Archive) -> None:
    async def told() -> dict[str, str]:
        view = StatusPage(Session(archive))
        view.__panel__()
        await view.load()
        return {item["label"]: item["cell"]["t"] for item in view.notes.groups[0]["items"]}

    assert (await told())["State"] == "nothing was written yet"
    await archive.marks.add(Mark("source", "A", who="Ada", verdict="real"))
    assert (await told())["State"] == "in use"
    archive.notes.file.write_bytes(b"no database" * 200)
    broken = await told()
    assert broken["State"] == "failed"
    assert broken["File"].endswith("notes.sqlite3")


async def test_what_a_page_still_does_ends_before_its_archive_is_closed(demo_folder: Path) -> None:
    async with open_archive(demo_folder) as archive:
        session = Session(archive)

        async def ask_on() -> None:
            while True:
                await archive.images.newest(1)

        task = session.spawn(ask_on())
        await archive.images.newest(1)
    assert task.cancelled()
    assert all(database.mode == "closed" for database in archive.databases.values())


async def test_reasons_that_are_counted_later_come_into_the_facts(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = archive.review.queue

    async def queue(*, patience_s: float | None = None) -> ReviewQueue:
        found = await plain(patience_s=None)
        if patience_s is None:
            return found
        early = tuple(replace(c, eta_v=None) for c in found.candidates if c.ese or c.transients)
        return replace(found, candidates=early, is_complete=False)

    monkeypatch.setattr(archive.review, "queue", queue)
    above = next(c for c in (await plain()).candidates if c.eta_v is not None)
    view = await open_review(archive, at=f"{above.key[0]}:{above.object_id}")
    (variability,) = [group for group in view.facts.groups if group["title"] == "Variability"]
    assert {"η", "V", "Vs", "m"} <= {item["label"] for item in variability["items"]}


async def test_an_unknown_candidate_in_the_url_is_named_and_not_quietly_another_one(archive: Archive) -> None:
    page = await open_review(archive, at="NVSS nope")
    assert page.trouble.text.startswith("There is no candidate 'NVSS nope'")
    assert page.current is page.order[0]
    assert "no candidate" not in (await open_review(archive)).trouble.text
