"""The queue of candidates and what is looked at to judge one: real archive, real images."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from data_access import Archive, open_archive
from data_access.errors import DatabaseError
from data_access.records.review import Candidate


@pytest.fixture
async def archive(real_archive_split: Path) -> AsyncIterator[Archive]:
    async with open_archive(real_archive_split) as opened:
        yield opened


async def test_every_flagged_thing_is_in_the_queue_once_with_all_its_reasons(archive: Archive) -> None:
    queue = await archive.review.queue()
    ese = await archive.sources.find_ese_candidates()
    transients = await archive.sources.find_transients()
    keys = [c.key for c in queue.candidates]
    assert len(keys) == len(set(keys))
    assert {("source", c.source_id) for c in ese} | {("source", t.source_name) for t in transients} <= set(keys)
    both = next(c for c in queue.candidates if c.object_id == "J175534-252742")
    assert both.reasons == ("ese", "transient")


async def test_the_transient_of_the_real_archive_is_seen_at_its_brightest_epoch(archive: Archive) -> None:
    queue = await archive.review.queue()
    found = await archive.review.dossier(next(c for c in queue.candidates if c.object_id == "J175534-252742"))
    brightest = next(p for p in found.pictures if p.role == "most deviating")
    assert "10:39:04" in brightest.image.name
    assert found.deviation is not None and found.deviation > 5


async def test_all_pictures_of_a_candidate_have_one_size_and_one_scale(archive: Archive) -> None:
    queue = await archive.review.queue()
    found = await archive.review.dossier(next(c for c in queue.candidates if c.object_id == "11"))
    assert len(found.pictures) == 3
    assert len({(p.width_arcsec, p.low, p.high) for p in found.pictures}) == 1
    assert found.pictures[0].high == pytest.approx(3.0002, rel=1e-3)


async def test_a_name_without_photometry_says_so(archive: Archive) -> None:
    found = await archive.review.dossier(Candidate("source", "nobody", "nobody"))
    assert found.detail is None
    assert found.problems == ("no light curve is recorded under this name",)


async def test_what_cannot_be_asked_is_a_problem_and_not_the_end(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(flux: str = "peak") -> None:
        raise DatabaseError("photometry is locked")

    monkeypatch.setattr(archive.variability, "table", broken)
    queue = await archive.review.queue()
    assert queue.candidates
    assert queue.problems == ("sources above the η and V cuts: photometry is locked",)


async def test_what_has_the_same_reason_is_said_together(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise DatabaseError("all is locked")

    monkeypatch.setattr(archive.variability, "table", broken)
    monkeypatch.setattr(archive.sources, "find_ese_candidates", broken)
    monkeypatch.setattr(archive.sources, "find_transients", broken)
    queue = await archive.review.queue()
    assert queue.problems == ("ESE candidates, transients, sources above the η and V cuts: all is locked",)
