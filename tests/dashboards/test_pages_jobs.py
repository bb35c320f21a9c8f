"""The views of what the pipeline works on."""

from __future__ import annotations

import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from dashboards.components.browser_state import write_query
from dashboards.pages.batch_view import BatchesView, run_of
from dashboards.pages.job_words import params_text, queue_state_cell, run_state_cell, subbands_cell, took_cell
from dashboards.pages.jobs import VIEWS, JobsPage, _view_class
from dashboards.session import Session
from data_access import Archive, open_archive
from data_access.records import BatchItem, Count, Epoch, PageRequest, QueueItem, Run
from data_access.repositories.jobs import RunFilter


async def open_view(archive: Archive, **query: str) -> Any:
    view = JobsPage(Session(archive, query=query))
    view.__panel__()
    await view.load()
    return view


def column(view: Any, name: str) -> list[dict[str, Any]]:
    index = [c["name"] for c in view.columns].index(name)
    return [row["cells"][index] for row in view.table.rows]


def run(state: str, progress: float | None) -> Run:
    return Run("job-x", "/x.ms", state, "converted", "converted", None, progress, Epoch(None, "unknown"), None)


def group(state: str, updated: float, n: int | None = 16) -> QueueItem:
    return QueueItem("2026-01-01T00:00:00", state, updated, updated, 16, n, 0, None, None)


@pytest.mark.parametrize("name", list(VIEWS))
async def test_every_view_opens_from_its_url_and_marks_its_tab(archive: Archive, name: str) -> None:
    view = await open_view(archive, view=name)
    assert view.name_in_url == name
    assert view.tabs.switches[0]["value"] == name
    assert view.table.rows
    assert not [slot.notice.text for slot in view.slots.values() if slot.notice.text]


async def test_a_view_that_does_not_exist_shows_the_runs(archive: Archive) -> None:
    assert (await open_view(archive, view="<script>")).name_in_url == "runs"


async def test_the_view_stays_in_the_url_when_its_filters_change(archive: Archive) -> None:
    view = await open_view(archive, view="tasks")
    view.filters._handle_msg({"type": "submit", "values": {"status": "failed"}})
    await view.settled()
    assert write_query(view, view.url_params) == "status=failed&view=tasks"
    assert {c["t"] for c in column(view, "status")} == {"failed"}


async def test_runs_begin_with_the_newest_and_lead_to_their_page(archive: Archive) -> None:
    view = await open_view(archive)
    observed = [c["t"] for c in column(view, "mid_mjd")]
    newest = (await archive.jobs.find_runs(RunFilter(), PageRequest(limit=1))).rows[0]
    assert observed == sorted(observed, reverse=True)
    assert view.table.rows[0]["href"] == view.session.links.job(newest.run_id, ms=newest.ms_path)


async def test_runs_of_a_day_are_those_of_that_day(archive: Archive) -> None:
    day = column(await open_view(archive), "mid_mjd")[0]["t"][:10]
    view = await open_view(archive, start=day, end=day)
    assert {c["t"][:10] for c in column(view, "mid_mjd")} == {day}


async def test_a_malformed_time_is_said_at_its_field(archive: Archive) -> None:
    view = await open_view(archive)
    view.filters._handle_msg({"type": "submit", "values": {"start": "yesterday"}})
    assert "'yesterday' is not a date" in view.filters.errors["start"]


def test_a_run_without_progress_for_two_hours_is_suspicious() -> None:
    stuck, working = run_state_cell(run("running", 0.0), 7200.0), run_state_cell(run("running", 7000.0), 7200.0)
    assert (stuck["t"], stuck["s"], stuck["n"]) == ("running?", "warn", "no progress for 2 h 00 min")
    assert (working["t"], working["s"]) == ("running", "info")


def test_a_finished_run_is_never_suspicious() -> None:
    assert run_state_cell(run("completed", 0.0), 1e9)["s"] == "ok"


def test_a_group_in_progress_for_two_hours_is_suspicious() -> None:
    assert queue_state_cell(group("in_progress", 0.0), 7200.0)["t"] == "in_progress?"
    assert queue_state_cell(group("pending", 0.0), 7200.0)["t"] == "pending"


@pytest.mark.parametrize(
    ("n", "text", "state"), [(14, "14 / 16", "warn"), (16, "16 / 16", None), (None, "? / 16", None)]
)
def test_subbands_of_a_group_are_counted(n: int | None, text: str, state: str | None) -> None:
    made = subbands_cell(group("collecting", 0.0, n))
    assert (made["t"], made.get("s")) == (text, state)


async def test_the_states_of_the_queue_add_up_and_filter_it(archive: Archive) -> None:
    view = await open_view(archive, view="queue", state="failed")
    counts = {o["value"]: o["count"] for o in view.states.switches[0]["options"]}
    assert counts.pop("") == sum(counts.values())
    assert len(view.table.rows) == counts["failed"]
    assert {c["t"] for c in column(view, "state")} == {"failed"}


async def test_raw_files_name_the_subbands_that_are_missing(archive: Archive) -> None:
    view = await open_view(archive, view="raw")
    for files, missing in zip(column(view, "files"), column(view, "missing"), strict=True):
        n_missing = 0 if missing["t"] == "none" else len(missing["t"].split(", "))
        assert int(files["t"].split(" / ")[0]) + n_missing == 16


async def test_one_record_is_not_called_by_the_plural(archive: Archive) -> None:
    view = await open_view(archive, view="batches")
    counts = (Count(1), Count(2), Count(0), Count(1, "at least"), Count(1, "at most"), None)
    said = ["1 batch", "2 batches", "0 batches", "1+ batches", "at most 1 batch", ""]
    assert list(map(view.total_words, counts)) == said


async def test_raw_files_are_filtered_by_completeness_and_counted(archive: Archive) -> None:
    everything = await open_view(archive, view="raw", rows="200")
    view = await open_view(archive, view="raw", subbands="incomplete", rows="200")
    lacking = [row["key"] for row, cell in zip(everything.table.rows, column(everything, "missing"), strict=True)
               if cell["t"] != "none"]  # fmt: skip
    assert [row["key"] for row in view.table.rows] == lacking
    assert view.table.total == view.total_words(Count(len(lacking)))


async def test_an_unknown_choice_of_subbands_is_said_at_its_field(archive: Archive) -> None:
    view = await open_view(archive, view="raw", subbands="<b>")
    assert "is not one of" in view.filters.errors["subbands"]


@pytest.mark.parametrize("name", ["queue", "raw"])
async def test_a_group_leads_to_its_run(archive: Archive, name: str) -> None:
    view = await open_view(archive, view=name)
    links = {row["key"]: row["href"] for row in view.table.rows}
    run = (await archive.jobs.find_runs(RunFilter(), PageRequest(limit=1))).rows[0]
    group = Path(run.ms_path).stem
    assert links[group] == f"./jobs/{run.run_id}"
    assert all(links.values())


@pytest.mark.parametrize("name", ["queue", "raw", "tasks", "batches"])
async def test_what_an_archive_does_not_record_is_not_called_empty(tmp_path: Path, name: str) -> None:
    with closing(sqlite3.connect(tmp_path / "products.sqlite3")) as connection:
        connection.execute("CREATE TABLE images (id)")
    async with open_archive(tmp_path) as archive:
        view = await open_view(archive, view=name)
    assert view.table.empty.startswith("This archive has no ")


@pytest.mark.parametrize("name", ["queue", "raw", "tasks", "batches"])
async def test_nothing_is_called_empty_when_nothing_can_be_read(tmp_path: Path, name: str) -> None:
    async with open_archive(tmp_path) as archive:
        view = await open_view(archive, view=name)
    told = [slot.notice.text for slot in view.slots.values() if slot.failure is not None]
    assert view.table_slot.notice.text in told
    assert sum("has no database" in text for text in told) == 1


@pytest.mark.parametrize(("name", "query"), [("logs", {"text": "JOB-"}), ("batches", {"status": "failed"}),
                                             ("tasks", {"status": "failed"}), ("queue", {"text": "2"})])  # fmt: skip
async def test_every_list_says_how_many_match_its_filter(archive: Archive, name: str, query: dict[str, str]) -> None:
    view = await open_view(archive, view=name, rows="200", **query)
    assert view.table.total == view.total_words(Count(len(view.table.rows)))


async def test_a_batch_names_what_failed_in_it_and_why(archive: Archive) -> None:
    view = await open_view(archive, view="batches")
    failing = [c for c in column(view, "failed") if c.get("s") == "bad"]
    assert failing
    assert all(".ms: RuntimeError" in c["n"] for c in failing)


async def test_an_opened_batch_shows_its_items_failed_ones_first(archive: Archive) -> None:
    view = await open_view(archive, view="batches", batch="1")
    assert isinstance(view, BatchesView)
    assert view.items.rows[0]["cells"][1]["t"] == "failed"
    assert view.items.rows[0]["cells"][2]["t"].startswith("RuntimeError")
    assert view.items.rows[0]["href"].startswith("./jobs/job-")


async def test_the_page_of_a_batch_that_does_not_exist_stays_usable(archive: Archive) -> None:
    view = await open_view(archive, view="batches", batch="123456")
    failure = view.items_slot.failure
    assert failure is not None
    assert (failure.status, failure.message) == (404, "There is no batch '123456'")
    assert view.table.rows


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/ms/2026-01-02T03:04:05.ms", ("job-2026-01-02-030405", "/ms/2026-01-02T03:04:05.ms")),
        ("/ms/2026-01-02T03:04:05.ms:40.0:54.6", ("job-2026-01-02-030405", "/ms/2026-01-02T03:04:05.ms")),
        ("/images/2026-01-02T03:04:05.img.pbcor.fits:40.0:54.6", ("job-2026-01-02-030405", "")),
        ("all_sources", None),
        (None, None),
    ],
)
def test_a_batch_item_leads_to_its_run(path: str | None, expected: tuple[str, str] | None) -> None:
    assert run_of(BatchItem(1, 1, path, "done", None, None, None)) == expected


async def test_batch_times_in_the_future_are_explained(demo_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(demo_folder / "state", tmp_path / "archive" / "state")
    with closing(sqlite3.connect(tmp_path / "archive" / "state" / "db" / "products.sqlite3")) as db:
        db.execute("UPDATE batch_jobs SET created_at = ?", (time.time() + 8 * 3600,))
        db.commit()
    async with open_archive(tmp_path / "archive") as archive:
        view = await open_view(archive, view="batches")
    assert "offset from UTC" in view.table.note


async def test_a_failed_task_shows_the_first_error_of_its_log(archive: Archive) -> None:
    view = await open_view(archive, view="tasks", status="failed")
    assert all("Error" in c["t"] for c in column(view, "logs"))


async def test_an_unknown_status_in_the_url_can_still_be_chosen(archive: Archive) -> None:
    view = await open_view(archive, view="tasks", status="paused")
    status = next(f for f in view.filters.fields if f["name"] == "status")
    assert "paused" in status["options"]


async def test_a_log_outside_of_the_log_folders_is_refused_and_the_list_stays(archive: Archive) -> None:
    view = await open_view(archive, view="logs", log="/etc/passwd")
    assert "/etc/passwd" in view.panel.slot.notice.text
    assert view.panel.slot.content is None
    assert view.table.rows


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"a": 1, "b": None}, "a=1, b=None"),
        (["x", "y"], "['x', 'y']"),
        ("two\nlines", "two lines"),
        ({}, None),
        (None, None),
    ],
)
def test_parameters_of_any_shape_become_one_line(params: Any, text: str | None) -> None:
    assert params_text(params) == text


def test_a_task_that_has_not_ended_shows_how_long_it_has_been_running() -> None:
    made = took_cell(0.0, None, 7200.0, ended=False)
    assert (made["t"], made["s"]) == ("2 h 00 min", "warn")
    assert took_cell(0.0, None, 7200.0, ended=True)["missing"]


@pytest.mark.parametrize("name", ["queue", "raw", "logs"])
async def test_groups_and_logs_are_paged_forwards_and_back(archive: Archive, name: str) -> None:
    view = await open_view(archive, view=name, rows="25")
    keys = [[row["key"] for row in view.table.rows]]
    while view.table.has_next:
        view._turn("next")
        await view.settled()
        keys.append([row["key"] for row in view.table.rows])
    met = [key for page in keys for key in page]
    assert len(set(met)) == len(met) > 25
    view._turn("previous")
    await view.settled()
    assert [row["key"] for row in view.table.rows] == keys[-2]


async def test_the_queue_is_sorted_by_what_the_reader_chooses(archive: Archive) -> None:
    view = await open_view(archive, view="queue", sort="last_update", order="asc")
    times = [cell["x"] for cell in column(view, "last_update")]
    assert times == sorted(times)


def sort_value(cell: dict[str, Any]) -> Any:
    """Return what a cell is sorted by: a time, a number, a size, else its words; None for a dash."""
    if cell.get("missing"):
        return None
    return cell["x"] if cell.get("x") is not None else cell["t"]


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize(
    ("name", "sort"), [(name, sort) for name in VIEWS for sort in sorted(_view_class(name).sort_names() or ())]
)
async def test_every_column_that_sorts_is_walked_without_losing_a_row(
    archive: Archive, name: str, sort: str, order: str
) -> None:
    view = await open_view(archive, view=name, rows="25", sort=sort, order=order)
    assert not view.table_slot.notice.text
    met = [row["key"] for row in view.table.rows]
    while view.table.has_next:
        view._turn("next")
        await view.settled()
        met += [row["key"] for row in view.table.rows]
    whole = await open_view(archive, view=name, rows="200", sort=sort, order=order)
    assert met[:200] == [row["key"] for row in whole.table.rows]
    assert len(set(met)) == len(met)


@pytest.mark.parametrize(
    ("name", "sort"),
    [("tasks", "started_at"), ("tasks", "finished_at"), ("batches", "created_at"), ("logs", "modified"),
     ("runs", "state"), ("tasks", "type"), ("tasks", "run"), ("batches", "status"), ("logs", "name"),
     ("queue", "processing_stage"), ("raw", "time")],
)  # fmt: skip
async def test_a_view_shows_its_rows_in_the_order_of_the_chosen_column(
    archive: Archive, name: str, sort: str
) -> None:
    view = await open_view(archive, view=name, rows="200", sort=sort, order="asc")
    shown = [v for c in column(view, sort) if (v := sort_value(c)) is not None]
    if sort == "state":
        shown = [text.removesuffix("?") for text in shown]
    assert len(shown) > 1
    assert shown == sorted(shown)


async def test_what_took_longest_comes_first(archive: Archive) -> None:
    page = await archive.jobs.find_tasks(PageRequest(limit=200, sort="took"))
    took = [t.finished_at - t.started_at for t in page.rows if t.finished_at is not None and t.started_at is not None]
    assert took == sorted(took, reverse=True)
    assert took[0] > took[-1]


async def test_a_new_log_file_is_news_for_the_list_of_logs(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    async with open_archive(tmp_path) as archive:
        view = await open_view(archive, view="logs")
        await archive.changes.look()
        (tmp_path / "logs" / "job-new.log").write_text("started\n")
        change = await archive.changes.look()
        assert change is not None
        assert change.roles & type(view).live_roles
        await view.refresh()
    assert [row["cells"][0]["t"] for row in view.table.rows] == ["job-new.log"]
