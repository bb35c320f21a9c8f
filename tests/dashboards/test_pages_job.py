"""The page of one run, and the log in it."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest

from dashboards.links import Links
from dashboards.pages.job import JobPage
from dashboards.pages.log_panel import LogChoice, RecordFilter
from dashboards.session import Session
from data_access import Archive, open_archive
from data_access.errors import RecordNotFound, ValidationError
from data_access.records import PageRequest, Run
from data_access.repositories.jobs import RunFilter
from data_access.services import logs as logs_module

NEW_LINE = "2026-01-01 00:00:00 INFO     something new"


@pytest.fixture
def folder(demo_folder: Path, tmp_path: Path) -> Path:
    """Databases and logs of the demo archive that a test may write to."""
    shutil.copytree(demo_folder / "state", tmp_path / "archive" / "state")
    return tmp_path / "archive"


@pytest.fixture
async def archive(folder: Path) -> AsyncIterator[Archive]:
    async with open_archive(folder) as opened:
        yield opened


class Browser:
    """Stands for the browser: takes what a log view sends."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.skipped: list[str] = []
        self.at_first_error = False
        self.came = asyncio.Event()

    def take(self, message: dict[str, Any]) -> None:
        if message.get("to_first_error"):
            self.at_first_error = True
            return
        if message["reset"]:
            self.lines, self.at_first_error = [], False
        self.skipped += [message["skipped"]] if message["skipped"] else []
        self.lines += message["text"].split("\n") if message["text"] else []
        self.came.set()

    async def until(self, condition: Callable[[Browser], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition(self):
                self.came.clear()
                await self.came.wait()


@asynccontextmanager
async def opened_run(archive: Archive, run_id: str, **query: str) -> AsyncIterator[tuple[JobPage, Browser]]:
    path_params = {"run_id": run_id}
    prepared = await JobPage.prepare(archive, path_params, query)
    session = Session(archive, path_params=path_params, query=query, links=Links("../"), prepared=prepared)
    view, browser = JobPage(session), Browser()
    view.__panel__()
    view.panel.view._send_msg = browser.take
    await view.load()
    view.panel.view._handle_msg({"type": "ready"})
    try:
        yield view, browser
    finally:
        session.close()
        await view.settled()


async def failed_run(archive: Archive, *, with_log: bool = True) -> Run:
    runs = (await archive.jobs.find_runs(RunFilter(status="failed"), PageRequest(limit=50))).rows
    names = {Path(f.path).name for f in (await archive.logs.find()).rows}
    return next(run for run in runs if (f"{run.run_id}.log" in names) is with_log)


async def running_log(archive: Archive, folder: Path) -> tuple[Run, Path]:
    runs = (await archive.jobs.find_runs(RunFilter(), PageRequest(limit=50))).rows
    logs = folder / "state" / "logs"
    run = next(r for r in runs if r.state != "failed" and (logs / f"{r.run_id}.log").exists())
    return run, logs / f"{run.run_id}.log"


async def test_an_unknown_run_is_not_found(archive: Archive) -> None:
    with pytest.raises(RecordNotFound):
        await JobPage.prepare(archive, {"run_id": "job-1999-01-01-000000"}, {})


@pytest.mark.parametrize("run_id", ["../../etc/passwd", "a/b", "", "x" * 400, "job\0"])
async def test_a_name_that_cannot_be_a_run_is_refused(archive: Archive, run_id: str) -> None:
    with pytest.raises(ValidationError):
        await JobPage.prepare(archive, {"run_id": run_id}, {})


@asynccontextmanager
async def run_of_two_sets(folder: Path) -> AsyncIterator[tuple[Archive, str, str, str]]:
    """Give an archive in which two sets have one run name, the name, the newer set and the older one."""
    newer, older = (f"/ms/{kind}/2026-11-30/2026-11-30T20:00:00.ms" for kind in ("science", "failed"))
    with closing(sqlite3.connect(folder / "state" / "db" / "products.sqlite3")) as db, db:
        db.executemany(
            "INSERT INTO ms_index (path, mid_mjd, status, stage, processed_at) VALUES (?, 61374.835, ?, ?, ?)",
            [(older, "failed", "converted", 1.7e9), (newer, "done", "imaged", 1.8e9)],
        )
    async with open_archive(folder) as archive:
        yield archive, "job-2026-11-30-200000", newer, older


async def test_a_link_that_names_the_set_leads_to_its_run_and_not_to_a_namesake(folder: Path) -> None:
    async with run_of_two_sets(folder) as (archive, run_id, newer, older):
        for path in (newer, older):
            async with opened_run(archive, run_id, ms=path) as (view, _):
                await view.refresh()
                assert view.run_record.ms_path == path
                assert view.refusal == ""
            await JobPage.check_archive(archive, {"ms": path})


async def test_a_run_whose_name_several_sets_have_is_the_newest_and_names_the_others(folder: Path) -> None:
    async with run_of_two_sets(folder) as (archive, run_id, newer, older):
        async with opened_run(archive, run_id) as (view, _):
            assert view.run_record.ms_path == newer
            assert view.namesakes_slot.content is view.namesakes
            rows = {row["key"]: row for row in view.namesakes.rows}
            assert rows[newer]["cells"][-1]["t"] == "shown here"
            assert rows[older]["href"] == Links("../").job(run_id, ms=older)
        one = await failed_run(archive)
        async with opened_run(archive, one.run_id) as (view, _):
            assert view.namesakes_slot.content is None


async def test_a_set_in_the_link_that_has_no_such_run_is_said_so(folder: Path) -> None:
    async with run_of_two_sets(folder) as (archive, run_id, newer, _):
        async with opened_run(archive, run_id, ms="/ms/<b>gone</b>.ms") as (view, _):
            assert view.run_record.ms_path == newer
            assert "No run of '/ms/<b>gone</b>.ms' has this name" in view.refusal
        with pytest.raises(RecordNotFound):
            await JobPage.check_archive(archive, {"ms": "/ms/<b>gone</b>.ms"})


async def test_a_failed_run_opens_its_own_log_at_the_first_error_and_says_why_on_top(archive: Archive) -> None:
    run = await failed_run(archive)
    async with opened_run(archive, run.run_id) as (view, browser):
        await browser.until(lambda b: bool(b.lines))
        assert view.panel.first_error
        assert browser.at_first_error
        assert any("Traceback" in line for line in browser.lines)
        assert view.notice.text.startswith("Failed: ")
        assert "Error" in view.notice.text


async def test_a_running_log_is_followed_without_losing_or_doubling_a_line(archive: Archive, folder: Path) -> None:
    run, log = await running_log(archive, folder)
    before = log.read_text().splitlines()
    async with opened_run(archive, run.run_id) as (_, browser):
        await browser.until(lambda b: b.lines == before)
        assert not browser.at_first_error
        with log.open("a") as handle:
            handle.writelines(f"{NEW_LINE} {i}\n" for i in range(50))
        await browser.until(lambda b: len(b.lines) >= len(before) + 50)
        assert browser.lines == before + [f"{NEW_LINE} {i}" for i in range(50)]


async def test_a_rotated_log_goes_on_with_a_mark(archive: Archive, folder: Path) -> None:
    run, log = await running_log(archive, folder)
    async with opened_run(archive, run.run_id) as (_, browser):
        await browser.until(lambda b: bool(b.lines))
        log.rename(log.with_suffix(".log.1"))
        log.write_text("2026-01-01 00:00:00 INFO the new file\n")
        await browser.until(lambda b: b.lines[-1].endswith("the new file"))
        assert any("rotated" in words for words in browser.skipped)


async def test_nothing_is_left_running_when_the_page_is_closed(archive: Archive, folder: Path) -> None:
    run, _ = await running_log(archive, folder)
    before = asyncio.all_tasks()
    async with opened_run(archive, run.run_id) as (_, browser):
        await browser.until(lambda b: bool(b.lines))
        assert asyncio.all_tasks() - before
    assert not asyncio.all_tasks() - before


async def test_a_browser_that_comes_back_gets_everything_again_once(archive: Archive, folder: Path) -> None:
    run, log = await running_log(archive, folder)
    n_lines = len(log.read_text().splitlines())
    async with opened_run(archive, run.run_id) as (view, browser):
        await browser.until(lambda b: len(b.lines) == n_lines)
        browser.lines.append("a line of the lost view")
        view.panel.view._handle_msg({"type": "ready"})
        await browser.until(lambda b: len(b.lines) == n_lines)
        assert "a line of the lost view" not in browser.lines


async def test_of_a_shared_log_only_the_records_of_this_run_are_shown(archive: Archive, folder: Path) -> None:
    run, _ = await running_log(archive, folder)
    shared = str(folder / "state" / "logs" / "pipeline.log")
    stamp = Path(run.ms_path).stem
    async with opened_run(archive, run.run_id, log=shared) as (view, browser):
        await browser.until(lambda b: bool(b.lines))
        assert all(stamp in line for line in browser.lines if line[:4].isdigit())
        view.chooser._handle_msg({"type": "choose", "name": "only", "value": "0"})
        await view_settles(view)
        await browser.until(lambda b: any(stamp not in line for line in b.lines))


async def test_what_a_long_shared_log_said_long_ago_is_found(archive: Archive, folder: Path) -> None:
    run, _ = await running_log(archive, folder)
    shared, stamp = folder / "state" / "logs" / "pipeline.log", Path(run.ms_path).stem
    filler = "2026-01-01 00:00:00 INFO     other work | group_id=2026-01-01T00:00:00\n" * 20_000
    shared.write_text(f"2026-01-01 00:00:00 ERROR first | group_id={stamp}\nTraceback of it\n{filler}"
                      f"2026-01-01 00:00:00 INFO last | group_id={stamp}\n")  # fmt: skip
    async with opened_run(archive, run.run_id, log=str(shared)) as (_, browser):
        await browser.until(lambda b: bool(b.lines))
        with shared.open("a") as handle:
            handle.write(f"2026-01-01 00:00:00 INFO now | group_id={stamp}\n")
        await browser.until(lambda b: "now" in b.lines[-1])
    kinds = [line.split(" | ")[0].removeprefix("2026-01-01 00:00:00 ") for line in browser.lines]
    assert kinds == ["ERROR first", "Traceback of it", "INFO last", "INFO now"]


async def view_settles(view: JobPage) -> None:
    """Wait for the slots; the following of the log itself never ends."""
    follower = view.panel._task
    while pending := [t for t in view.session.tasks if t is not follower and t is not asyncio.current_task()]:
        await asyncio.wait(pending)
        follower = view.panel._task


def test_the_lines_after_a_record_belong_to_it() -> None:
    kept = RecordFilter("group_id=A")
    lines = [
        "2026-01-01 00:00:00 INFO b | group_id=B", "2026-01-01 00:00:01 ERROR a | group_id=A", "Traceback:",
        '  File "x.py", line 1', "ValueError: no", "2026-01-01 00:00:02 INFO b | group_id=B", "  more of b",
    ]  # fmt: skip
    assert kept.keep(lines[:3]) == lines[1:3]
    assert kept.keep(lines[3:]) == lines[3:5]


def test_a_line_without_a_time_that_names_another_set_belongs_to_that_one() -> None:
    kept = RecordFilter("2025-10-13T13:28:03")
    lines = [
        "Imaging /ms/2025-10-13T13:28:03.ms", "  10 of 20 ms of gridding", "Imaging /ms/2025-10-13T13:33:12.ms",
        "  12 of 20", "done with 2025-10-13T13:28:03", "stage=image group_id=2025-10-13T13:33:12", "  13 of 20",
    ]  # fmt: skip
    assert kept.keep(lines) == [*lines[:2], lines[4]]


async def test_a_log_outside_of_the_log_folders_is_refused_and_the_page_stays(archive: Archive) -> None:
    run = await failed_run(archive)
    async with opened_run(archive, run.run_id, log="/etc/passwd") as (view, browser):
        assert "/etc/passwd" in view.panel.slot.notice.text
        assert view.facts.groups
        assert browser.lines == []


async def test_the_log_that_a_task_keeps_in_the_database_can_be_read(archive: Archive) -> None:
    tasks = (await archive.jobs.find_tasks(PageRequest(limit=50), status="failed")).rows
    task = next(t for t in tasks if t.logs)
    async with opened_run(archive, task.run_id, log=f"task:{task.id}") as (_, browser):
        await browser.until(lambda b: bool(b.lines))
        assert browser.lines == (task.logs or "").splitlines()
        assert browser.at_first_error


async def test_colours_of_a_terminal_are_taken_out_of_a_stored_log(archive: Archive, folder: Path) -> None:
    tasks = (await archive.jobs.find_tasks(PageRequest(limit=50), status="failed")).rows
    task = next(t for t in tasks if t.logs)
    execute(folder, "UPDATE jobs SET logs = ? WHERE id = ?", "\x1b[31mERROR\x1b[0m <b>bad</b>\nsecond", task.id)
    async with opened_run(archive, task.run_id, log=f"task:{task.id}") as (_, browser):
        await browser.until(lambda b: bool(b.lines))
        assert browser.lines == ["ERROR <b>bad</b>", "second"]


async def test_a_task_without_a_log_in_the_url_is_said(archive: Archive) -> None:
    run = await failed_run(archive)
    async with opened_run(archive, run.run_id, log="task:999999") as (view, _):
        assert "no log 'task:999999'" in view.panel.slot.content.text


async def test_tables_that_apply_and_images_are_linked(archive: Archive) -> None:
    runs = (await archive.jobs.find_runs(RunFilter(stage="imaged"), PageRequest(limit=1))).rows
    async with opened_run(archive, runs[0].run_id) as (view, _):
        titles = {group["title"].split(" (")[0]: group["items"] for group in view.facts.groups}
    images = await archive.images.find_of_ms(runs[0].ms_path)
    assert {item["cell"]["h"] for item in titles["Images made"]} == {f"../images/{image.id}" for image in images}
    assert any(item["cell"].get("h", "").startswith("../calibration/detail?path=") for item in titles["Made from"])


async def test_a_new_state_reaches_the_heading_without_a_new_page(archive: Archive, folder: Path) -> None:
    run, _ = await running_log(archive, folder)
    async with opened_run(archive, run.run_id) as (view, _):
        content = view.panel.slot.content
        execute(folder, "UPDATE ms_index SET status = 'failed' WHERE path = ?", run.ms_path)
        await view.refresh()
        assert view.heading.items[0]["cell"]["t"] == "failed"
        assert view.panel.slot.content is content


async def test_a_run_that_says_running_with_a_silent_log_is_suspicious(archive: Archive, folder: Path) -> None:
    run, log = await running_log(archive, folder)
    execute(folder, "UPDATE ms_index SET status = 'converted', stage = 'converted' WHERE path = ?", run.ms_path)
    for path in log.parent.iterdir():
        os.utime(path, (1.7e9, 1.7e9))
    async with opened_run(archive, run.run_id) as (view, _):
        assert "nothing was written to its log" in view.notice.text


async def test_the_same_choice_again_does_not_start_the_log_anew(archive: Archive, folder: Path) -> None:
    run, log = await running_log(archive, folder)
    async with opened_run(archive, run.run_id) as (view, browser):
        await browser.until(lambda b: bool(b.lines))
        following = view.panel._task
        view.panel.open(LogChoice(str(log)))
        assert view.panel._task is following


def execute(folder: Path, sql: str, *values: Any) -> None:
    with closing(sqlite3.connect(folder / "state" / "db" / "products.sqlite3")) as db:
        db.execute(sql, values)
        db.commit()


async def test_shared_logs_that_were_not_searched_to_their_end_are_said(
    archive: Archive, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await failed_run(archive)
    async with opened_run(archive, run.run_id) as (view, _):
        assert view.unsearched.text == ""
    monkeypatch.setattr(logs_module, "_SEARCH_S", 0.0)
    (folder / "state" / "logs" / "large.log").write_bytes(b"some line\n" * 500_000)
    async with opened_run(archive, run.run_id) as (view, _):
        assert "not searched to the end" in view.unsearched.text
        assert "large.log" in view.unsearched.text
