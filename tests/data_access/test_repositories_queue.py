"""The processing queue and the index of raw files: every shape understood, nothing claimed that was not read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from data_access.archive import open_archive
from data_access.database import Database
from data_access.errors import TableMissing, ValidationError
from data_access.records import PageRequest
from data_access.repositories.queue import QueueFilter
from data_access.repositories.raw_files import RawFilter
from tests.data_access.database_samples import Make

GROUP, LATER = "2025-10-13T13:28:03", "2025-10-13T13:33:12"
# Shapes B and C of the index of raw files are known from documents and scripts of the pipeline only.
SHAPES = {
    "with groups": (
        "CREATE TABLE hdf5_file_index (path TEXT, group_id TEXT, subband_code TEXT, timestamp_mjd REAL, "
        "file_size_bytes INTEGER)",
        "INSERT INTO hdf5_file_index VALUES ('/in/{group}_sb{n:02d}.hdf5', '{group}', 'sb{n:02d}', 60961.5, 100)",
    ),
    "B": (
        "CREATE TABLE hdf5_file_index (path TEXT, timestamp TEXT, subband INT, size_bytes INT, mtime REAL)",
        "INSERT INTO hdf5_file_index VALUES ('/in/{group}_sb{n:02d}.hdf5', '{group}', {n}, 100, 1.0)",
    ),
    "C": (
        "CREATE TABLE hdf5_file_index (id INTEGER PRIMARY KEY, timestamp TEXT, timestamp_iso TEXT, subband INTEGER, "
        "path TEXT, mid_mjd REAL)",
        "INSERT INTO hdf5_file_index (timestamp, timestamp_iso, subband, path, mid_mjd) "
        "VALUES ('{group}.5', NULL, {n}, '/in/{group}_sb{n:02d}.hdf5', 60961.5)",
    ),
    "paths alone": (
        "CREATE TABLE hdf5_file_index (path TEXT)",
        "INSERT INTO hdf5_file_index VALUES ('/in/{group}_sb{n:02d}.hdf5')",
    ),
}


def files(shape: str) -> list[str]:
    """Return an index with one complete group and a later one of 14 subbands."""
    create, insert = SHAPES[shape]
    rows = [(GROUP, n) for n in range(16)] + [(LATER, n) for n in range(14)]
    return [create, *(insert.format(group=group, n=n) for group, n in rows)]


@pytest.mark.parametrize("shape", list(SHAPES))
async def test_every_shape_of_the_raw_index_has_its_groups_and_subbands(make: Make, shape: str) -> None:
    archive = await make(*files(shape))
    page = await archive.raw_files.find_groups(PageRequest())
    assert [(group.group_id, group.n_files) for group in page.rows] == [(LATER, 14), (GROUP, 16)]
    assert page.rows[0].subbands == tuple(f"sb{n:02d}" for n in range(14))
    assert str(await archive.raw_files.count_groups()) == "2"
    assert ("names no groups" in page.note) == (shape != "with groups")


async def test_size_and_time_of_the_other_shapes_are_read(make: Make) -> None:
    archive = await make(*files("B"))
    assert (await archive.raw_files.find_groups(PageRequest())).rows[1].size_bytes == 1600


async def test_groups_without_a_name_are_paged_without_losing_one(make: Make) -> None:
    archive = await make(*files("B"))
    first = await archive.raw_files.find_groups(PageRequest(limit=1))
    second = await archive.raw_files.find_groups(PageRequest(limit=1, cursor=first.next_cursor))
    assert [page.rows[0].group_id for page in (first, second)] == [LATER, GROUP]
    assert second.next_cursor == ""


async def test_a_raw_index_of_unknown_shape_says_so(make: Make) -> None:
    archive = await make("CREATE TABLE hdf5_file_index (name)", "INSERT INTO hdf5_file_index VALUES ('a')")
    page = await archive.raw_files.find_groups(PageRequest())
    assert page.note == "The columns of the index 'hdf5_file_index' are not understood: name."
    assert await archive.raw_files.count_groups() is None


@pytest.mark.parametrize("shape", ["with groups", "C"])
async def test_groups_are_filtered_by_completeness_and_time(make: Make, shape: str) -> None:
    archive = await make(*files(shape))

    async def names(wanted: RawFilter) -> list[str]:
        found = [group.group_id for group in (await archive.raw_files.find_groups(PageRequest(), wanted)).rows]
        assert str(await archive.raw_files.count_groups(wanted)) == str(len(found))
        return found

    assert await names(RawFilter(complete=True)) == [GROUP]
    assert await names(RawFilter(complete=False)) == [LATER]
    assert await names(RawFilter(after_mjd=60961.5625)) == [LATER]  # 13:30
    assert await names(RawFilter(before_mjd=60961.5625)) == [GROUP]


QUEUE = (
    "CREATE TABLE ingest_queue (group_id TEXT PRIMARY KEY, state TEXT, received_at REAL, error TEXT)",
    f"INSERT INTO ingest_queue VALUES ('{GROUP}', 'failed', 1, 'disk full'), ('{LATER}', NULL, 2, NULL)",
)


async def test_groups_without_a_state_are_those_that_the_count_calls_unknown(make: Make) -> None:
    archive = await make(*QUEUE)
    assert (await archive.queue.count_by_state()).counts == {"failed": 1, "unknown": 1}
    page = await archive.queue.find(PageRequest(), QueueFilter(state="unknown"))
    assert [group.group_id for group in page.rows] == [LATER]
    assert str(await archive.queue.count(QueueFilter(state="unknown"))) == "1"


async def test_the_queue_is_filtered_by_name_and_error(make: Make) -> None:
    archive = await make(*QUEUE)
    for text in ("DISK", "13:28"):
        page = await archive.queue.find(PageRequest(), QueueFilter(text=text))
        assert [group.group_id for group in page.rows] == [GROUP]


async def test_a_large_queue_is_counted_among_its_newest_rows_and_says_so(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("data_access.repositories.large_tables.SMALL_TABLE", 1)
    monkeypatch.setattr("data_access.repositories.queue.COUNT_CAP", 1)
    archive = await make(*QUEUE)
    counted = await archive.queue.count_by_state()
    assert (counted.counts, counted.n_newest) == ({"unknown": 1}, 1)


async def test_the_groups_counted_as_stuck_are_those_that_their_rows_say_are(make: Make) -> None:
    archive = await make(
        "CREATE TABLE ingest_queue (group_id TEXT PRIMARY KEY, state TEXT, received_at REAL, last_update REAL)",
        "INSERT INTO ingest_queue VALUES ('a', 'in_progress', 1, 100), ('b', 'collecting', 100, NULL), "
        "('c', 'in_progress', 1, 9900), ('d', 'pending', 1, 1), ('e', NULL, 1, 1), ('f', 'in_progress', NULL, NULL), "
        "('g', 'in_progress', 9900, 'noon'), ('h', 'collecting', 100, 'noon')",
    )
    stuck = [group.group_id for group in (await archive.queue.find(PageRequest())).rows if group.is_stuck(10_000.0)]
    assert sorted(stuck) == ["a", "b", "h"]
    assert (await archive.queue.count_by_state(now=10_000.0)).n_stuck == 3
    assert (await archive.queue.count_by_state(now=200.0)).n_stuck == 0


@pytest.fixture
def slow_lane(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every table is a large one; what is asked in the lane of slow questions is written down."""
    monkeypatch.setattr("data_access.repositories.large_tables.SMALL_TABLE", 1)
    asked: list[str] = []
    fetch = Database.fetch

    async def spy(self: Database, sql: str, *values: Any, slow: bool = False, **options: Any) -> Any:
        asked.extend([sql] if slow else [])
        return await fetch(self, sql, *values, slow=slow, **options)

    monkeypatch.setattr(Database, "fetch", spy)
    return asked


async def test_a_large_table_is_sorted_without_an_index_in_the_lane_of_slow_questions(
    make: Make, slow_lane: list[str]
) -> None:
    archive = await make(*QUEUE, "CREATE INDEX by_state ON ingest_queue(state)")
    for sort in ("", "group_id", "state"):
        assert len((await archive.queue.find(PageRequest(sort=sort))).rows) == 2
    assert slow_lane == []
    page = await archive.queue.find(PageRequest(sort="received_at"))
    assert [group.received_at for group in page.rows] == [2, 1]
    assert slow_lane


async def test_a_sort_that_takes_too_long_is_refused_and_names_what_is_served(
    make: Make, slow_lane: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("data_access.repositories.large_tables.SORT_DEADLINE_S", 0.0)
    many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)"
    archive = await make(
        QUEUE[0],
        f"INSERT INTO ingest_queue {many} SELECT 'g' || i, 'done', i % 7, NULL FROM n",
        *(insert for insert in files("with groups")),
        f"INSERT INTO hdf5_file_index (group_id, file_size_bytes) {many} SELECT 'g' || i, i FROM n",
    )
    with pytest.raises(
        ValidationError, match="Not sorted by 'received_at': 'ingest_queue' has no index for it"
    ) as queue:
        await archive.queue.find(PageRequest(sort="received_at"))
    assert queue.value.remedy.endswith("which an index serves: group_id.")
    with pytest.raises(ValidationError, match="Not sorted by 'size'") as raw:
        await archive.raw_files.find_groups(PageRequest(sort="size"))
    assert raw.value.remedy.endswith("which an index serves: group.")
    assert len((await archive.queue.find(PageRequest())).rows) == 50


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("sort", ["files", "missing", "size", "time", "dec"])
async def test_groups_of_raw_files_are_paged_in_any_order(make: Make, sort: str, descending: bool) -> None:
    insert = SHAPES["with groups"][1].replace("60961.5", "{mjd}")
    groups = {f"2025-10-13T13:{m:02d}:00": (m % 5 + 12, f"60961.1234567891{m % 3}") for m in range(12)}
    rows = [insert.format(group=g, n=n, mjd=mjd) for g, (count, mjd) in groups.items() for n in range(count)]
    archive = await make(SHAPES["with groups"][0], "ALTER TABLE hdf5_file_index ADD COLUMN dec_deg REAL", *(
        row.replace("hdf5_file_index VALUES", "hdf5_file_index (path, group_id, subband_code, timestamp_mjd, "
                    "file_size_bytes) VALUES") for row in rows))  # fmt: skip
    await make("UPDATE hdf5_file_index SET timestamp_mjd = NULL WHERE group_id LIKE '%:07:00'",
               "UPDATE hdf5_file_index SET dec_deg = length(path) WHERE group_id LIKE '%1:00'")  # fmt: skip
    value = {"files": lambda g: g.n_files, "missing": lambda g: 16 - len(g.subbands), "size": lambda g: g.size_bytes,
             "time": lambda g: g.timestamp_mjd, "dec": lambda g: g.dec_deg}[sort]  # fmt: skip
    met: list[Any] = []
    request = PageRequest(limit=5, sort=sort, descending=descending)
    while True:
        page = await archive.raw_files.find_groups(request)
        met += page.rows
        if not page.next_cursor:
            break
        request = replace(request, cursor=page.next_cursor)
    known = [value(g) for g in met if value(g) is not None]
    assert known == sorted(known, reverse=descending)
    assert [value(g) for g in met[: len(known)]] == known
    assert sorted(g.group_id for g in met) == sorted(groups)
    back = await archive.raw_files.find_groups(replace(request, cursor=page.previous_cursor))
    assert list(back.rows) == met[-len(page.rows) - 5 : -len(page.rows)]


async def test_nothing_is_said_about_a_queue_when_nothing_can_be_read(tmp_path: Path) -> None:
    async with open_archive(tmp_path) as archive:
        for question in (
            archive.queue.find(PageRequest()),
            archive.queue.count_by_state(),
            archive.raw_files.find_groups(PageRequest()),
        ):
            with pytest.raises(TableMissing, match="has no database"):
                await question


async def test_an_archive_without_a_queue_says_so(make: Make) -> None:
    archive = await make("CREATE TABLE images (id)")
    assert "no processing queue" in (await archive.queue.find(PageRequest())).note
    assert "no index of raw files" in (await archive.raw_files.find_groups(PageRequest())).note


async def test_groups_lead_to_their_runs(make: Make) -> None:
    archive = await make(
        "CREATE TABLE ms_index (path TEXT PRIMARY KEY, mid_mjd REAL)",
        f"INSERT INTO ms_index VALUES ('/ms/{GROUP}.ms', 60961.5627), ('/ms/2025-10-01T00:00:00.ms', 60949.0)",
    )
    runs = await archive.jobs.find_runs_of_groups((GROUP, LATER, "no time"))
    assert runs == {GROUP: "job-2025-10-13-132803"}


@pytest.mark.parametrize(("n", "cut"), [(500, False), (501, True)])
async def test_a_batch_is_called_cut_only_when_it_has_more_items(make: Make, n: int, cut: bool) -> None:
    archive = await make(
        "CREATE TABLE batch_job_items (id INTEGER PRIMARY KEY, batch_id INT, status TEXT)",
        "INSERT INTO batch_job_items (batch_id, status) WITH RECURSIVE n(i) AS "
        f"(SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {n}) SELECT 1, 'done' FROM n",
    )
    items = await archive.jobs.find_batch_items(1)
    assert (len(items.rows), bool(items.note)) == (500, cut)


async def test_tasks_and_batches_are_counted_as_they_are_filtered(make: Make) -> None:
    archive = await make(
        "CREATE TABLE jobs (id INTEGER PRIMARY KEY, type TEXT, status TEXT, ms_path TEXT)",
        "INSERT INTO jobs (type, status) VALUES ('image', 'done'), ('image', 'failed'), ('convert', 'done')",
        "CREATE TABLE batch_jobs (id INTEGER PRIMARY KEY, type TEXT, status TEXT)",
        "INSERT INTO batch_jobs (type, status) VALUES ('photometry', 'done'), ('imaging', 'failed')",
    )
    assert str(await archive.jobs.count_tasks(text="image", status="failed")) == "1"
    assert str(await archive.jobs.count_batches(kind="PHOTO")) == "1"
    batches = (await archive.jobs.find_batches(PageRequest(), status="failed")).rows
    assert [batch.type for batch in batches] == ["imaging"]
