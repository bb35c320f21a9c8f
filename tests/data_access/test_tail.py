"""Following logs: no line lost, none doubled, through every way a log is rotated."""

# ruff: noqa: ASYNC110, ASYNC240 - these tests act on small local files as a pipeline would, between two awaits

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from data_access.errors import FileUnreadable
from data_access.log_follower import LogFollower
from data_access.readers.logs import read_log_tail
from data_access.tail import LogBatch, watch_log

LIMIT_S = 8.0


class Follower:
    """One `watch_log` and what it gave so far; every wait has a limit."""

    def __init__(self, path: Path, **options: object) -> None:
        settings = {"batch_s": 0.02, "poll_s": 0.2, "partial_s": 0.1} | options
        self.iterator: AsyncIterator[LogBatch] = watch_log(path, **settings)
        self.batches: list[LogBatch] = []

    async def next(self) -> LogBatch:
        async with asyncio.timeout(LIMIT_S):
            self.batches.append(await anext(self.iterator))
        return self.batches[-1]

    async def until(self, last_line: str) -> list[str]:
        """Return all lines so far, joined over partial ones, once the last of them is `last_line`."""
        while not (lines := self.lines()) or lines[-1] != last_line:
            await self.next()
        return lines

    async def until_state(self, state: str) -> LogBatch:
        while (batch := await self.next()).state != state:
            pass
        return batch

    def lines(self) -> list[str]:
        lines: list[str] = []
        for batch in self.batches:
            for i, line in enumerate(batch.lines):
                if i == 0 and batch.continues and lines:
                    lines[-1] += line
                else:
                    lines.append(line)
        return lines

    async def __aenter__(self) -> Follower:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.iterator.aclose()


def append(path: Path, text: str) -> None:
    with path.open("a") as handle:
        handle.write(text)


def numbered(start: int, stop: int) -> str:
    return "".join(f"line {i}\n" for i in range(start, stop))


def names(start: int, stop: int) -> list[str]:
    return [f"line {i}" for i in range(start, stop)]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "some.log"
    path.write_text("old\n")
    return path


async def test_first_batch_says_that_the_log_is_followed_from_its_end(log: Path) -> None:
    async with Follower(log) as follower:
        assert await follower.next() == LogBatch(state="following", offset=4)


async def test_appended_lines_arrive_in_order(log: Path) -> None:
    async with Follower(log) as follower:
        await follower.next()
        append(log, numbered(0, 3))
        assert await follower.until("line 2") == names(0, 3)
        append(log, numbered(3, 5))
        assert await follower.until("line 4") == names(0, 5)
        assert follower.batches[-1].offset == log.stat().st_size


async def test_notification_of_the_file_system_wakes_it_long_before_the_poll(log: Path) -> None:
    async def keep_writing() -> None:  # the watch is set up beside the first look: one write could come before it
        while True:
            append(log, "tick\n")
            await asyncio.sleep(0.05)

    async with Follower(log, poll_s=3600.0) as follower:
        await follower.next()
        writing = asyncio.create_task(keep_writing())
        try:
            await follower.until("tick")
            await follower.next()
        finally:
            writing.cancel()


async def test_following_from_the_end_of_a_window_loses_nothing_in_between(log: Path) -> None:
    window = read_log_tail(log)
    append(log, numbered(0, 2))
    async with Follower(log, from_offset=window.end_offset, inode=window.inode) as follower:
        assert await follower.until("line 1") == names(0, 2)


async def test_log_rotated_between_window_and_follower_is_read_from_its_start(log: Path) -> None:
    window = read_log_tail(log)
    log.rename(log.with_suffix(".1"))
    log.write_text(numbered(0, 5))
    async with Follower(log, from_offset=window.end_offset, inode=window.inode) as follower:
        assert await follower.until("line 4") == names(0, 5)
        assert follower.batches[0].reset


async def test_offset_inside_a_line_continues_that_line(log: Path) -> None:
    append(log, "begin")
    window = read_log_tail(log, n_lines=1)
    append(log, " end\n")
    async with Follower(log, from_offset=window.end_offset) as follower:
        batch = await follower.next()
    assert (window.lines, batch.lines, batch.continues) == (("begin",), (" end",), True)


async def test_partial_line_is_held_until_it_is_complete(log: Path) -> None:
    async with Follower(log, partial_s=60.0) as follower:
        await follower.next()
        append(log, "whole\nhalf")
        batch = await follower.next()
        assert (batch.lines, batch.offset) == (("whole",), 10)
        append(log, " done\n")
        assert (await follower.next()).lines == ("half done",)


async def test_partial_line_is_given_after_its_time_and_its_rest_continues_it(log: Path) -> None:
    async with Follower(log) as follower:
        await follower.next()
        append(log, "progress")
        assert (await follower.next()).lines == ("progress",)
        append(log, " bar\nnext\n")
        assert await follower.until("next") == ["progress bar", "next"]
        assert follower.batches[-1].continues


async def test_character_cut_in_the_middle_is_not_broken(log: Path) -> None:
    first, second = "µ".encode()
    async with Follower(log) as follower:
        await follower.next()
        with log.open("ab", buffering=0) as handle:
            handle.write(b"2 " + bytes([first]))
            assert (await follower.next()).lines == ("2 ",)
            handle.write(bytes([second]) + b"Jy\n")
            assert await follower.until("2 µJy") == ["2 µJy"]


async def test_rename_and_create_loses_and_doubles_nothing(log: Path) -> None:
    async with Follower(log) as follower:
        await follower.next()
        append(log, numbered(0, 10))
        await follower.until("line 9")
        with log.open("a") as old:
            log.rename(log.with_suffix(".1"))
            old.write(numbered(10, 20))
            old.flush()
            log.write_text(numbered(20, 30))
        assert await follower.until("line 29") == names(0, 30)
        assert [batch.reset for batch in follower.batches if "line 20" in batch.lines] == [True]


async def test_writer_that_stays_on_the_renamed_file_is_followed_until_the_new_one_has_content(log: Path) -> None:
    async with Follower(log) as follower:
        await follower.next()
        with log.open("a") as old:
            log.rename(log.with_suffix(".1"))
            assert (await follower.until_state("gone")).lines == ()
            log.touch()
            old.write(numbered(0, 5))
            old.flush()
            assert await follower.until("line 4") == names(0, 5)
        append(log, numbered(5, 9))
        assert await follower.until("line 8") == names(0, 9)


async def test_partial_line_at_the_end_of_a_rotated_log_is_not_lost(log: Path) -> None:
    async with Follower(log, partial_s=60.0) as follower:
        await follower.next()
        append(log, "last words")
        log.rename(log.with_suffix(".1"))
        log.write_text("new\n")
        assert await follower.until("new") == ["last words", "new"]


async def test_copytruncate_starts_again_at_the_start(log: Path) -> None:
    async with Follower(log) as follower:
        await follower.next()
        append(log, numbered(0, 10))
        await follower.until("line 9")
        os.truncate(log, 0)
        append(log, numbered(10, 12))
        assert await follower.until("line 11") == names(0, 12)
        assert follower.batches[-1].reset and follower.batches[-1].offset == log.stat().st_size


async def test_truncated_log_that_grew_beyond_the_position_is_read_from_its_start(log: Path) -> None:
    async with Follower(log) as follower:
        await follower.next()
        append(log, numbered(0, 3))
        await follower.until("line 2")
        with log.open("r+") as handle:
            handle.truncate(0)
            handle.write(numbered(100, 200))
        assert await follower.until("line 199") == names(0, 3) + names(100, 200)


async def test_rewrite_of_the_same_size_is_seen(log: Path) -> None:
    async with Follower(log) as follower:
        await follower.next()
        append(log, "aaaa\n")
        await follower.until("aaaa")
        log.write_text("new\nbbbb\n")
        assert await follower.until("bbbb") == ["aaaa", "new", "bbbb"]
        assert any(batch.reset for batch in follower.batches)


async def test_missing_log_is_waited_for_and_read_from_its_start(tmp_path: Path) -> None:
    path = tmp_path / "later.log"
    async with Follower(path) as follower:
        assert (await follower.next()).state == "waiting"
        path.write_text(numbered(0, 3))
        assert await follower.until("line 2") == names(0, 3)
        assert follower.batches[-1].state == "following"


async def test_log_in_a_folder_that_does_not_exist_yet_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "not yet" / "later.log"
    async with Follower(path) as follower:
        assert (await follower.next()).state == "waiting"
        path.parent.mkdir()
        path.write_text("here\n")
        assert await follower.until("here") == ["here"]


async def test_empty_log_that_appears_is_reported_as_followed(tmp_path: Path) -> None:
    path = tmp_path / "later.log"
    async with Follower(path) as follower:
        await follower.next()
        path.touch()
        assert (await follower.next()).state == "following"


async def test_removed_log_is_gone_and_its_successor_is_followed(log: Path) -> None:
    async with Follower(log) as follower:
        await follower.next()
        log.unlink()
        await follower.until_state("gone")
        log.write_text("again\n")
        assert await follower.until("again") == ["again"]
        assert follower.batches[-1].reset and follower.batches[-1].state == "following"


async def test_burst_is_bounded_and_says_what_was_skipped(log: Path) -> None:
    async with Follower(log, max_batch_bytes=1000) as follower:
        await follower.next()
        append(log, numbered(0, 10_000))
        lines = await follower.until("line 9999")
        skipped = sum(batch.skipped_bytes for batch in follower.batches)
        shown = sum(len(line) + 1 for line in lines)
        assert 0 < shown <= 1000
        assert skipped + shown == log.stat().st_size - 4
        assert lines == names(10_000 - len(lines), 10_000)


def test_line_longer_than_a_batch_is_given_in_pieces_before_it_is_complete(log: Path) -> None:
    follower = LogFollower(log, max_batch_bytes=100, partial_s=3600.0)
    try:
        follower.read()
        append(log, "x" * 90)
        assert follower.read() == []
        append(log, "y" * 90)
        (batch,) = follower.read()
        assert (batch.lines, batch.continues) == (("x" * 90 + "y" * 90,), False)
        append(log, "z\n")
        (batch,) = follower.read()
        assert (batch.lines, batch.continues) == (("z",), True)
    finally:
        follower.close()


def test_closed_follower_reads_nothing_more(log: Path) -> None:
    follower = LogFollower(log)
    follower.read()
    follower.close()
    append(log, "more\n")
    assert follower.read() == []


async def test_link_that_is_moved_to_another_log_is_followed_there(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("")
    (tmp_path / "b.log").write_text("from b\n")
    link = tmp_path / "current.log"
    link.symlink_to("a.log")
    async with Follower(link) as follower:
        await follower.next()
        append(tmp_path / "a.log", "from a\n")
        await follower.until("from a")
        link.unlink()
        link.symlink_to("b.log")
        assert await follower.until("from b") == ["from a", "from b"]


async def test_random_rotations_under_load_lose_and_double_nothing(log: Path) -> None:
    n_lines = 3000

    async def write() -> None:
        handle = log.open("a")
        for i in range(n_lines):
            handle.write(f"line {i}\n")
            if i % 37 == 0:
                handle.flush()
                await asyncio.sleep(0)
            if i % 500 == 499:
                handle.close()
                reached = f"line {i}"
                async with asyncio.timeout(LIMIT_S):
                    while not follower.lines() or follower.lines()[-1] != reached:
                        await asyncio.sleep(0.01)
                log.rename(log.with_suffix(f".{i}"))
                handle = log.open("a")
        handle.close()

    async with Follower(log) as follower:
        await follower.next()
        writing = asyncio.create_task(write())
        lines = await follower.until(f"line {n_lines - 1}")
        await writing
    assert lines == names(0, n_lines)


async def test_directory_is_refused(tmp_path: Path) -> None:
    async with Follower(tmp_path) as follower:
        with pytest.raises(FileUnreadable):
            await follower.next()


def open_files() -> int:
    """Return how many logs and watches are open: files that other tests left to the collector do not count."""
    targets = [os.path.realpath(entry) for entry in Path("/proc/self/fd").iterdir()]
    return sum(".log" in target or "inotify" in target for target in targets)


def watching_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("watch ")]


async def until_everything_is_released(files: int, tasks: int) -> None:
    """Wait for the kernel's notification thread, which closes its files shortly after it is told to."""
    async with asyncio.timeout(LIMIT_S):
        while open_files() > files or len(asyncio.all_tasks()) > tasks or watching_threads():
            await asyncio.sleep(0.01)


async def test_closing_leaves_no_task_no_thread_and_no_open_file(log: Path) -> None:
    files, tasks = open_files(), len(asyncio.all_tasks())
    for _ in range(5):
        async with Follower(log) as follower:
            await follower.next()
            assert open_files() > files and watching_threads()
    await until_everything_is_released(files, tasks)


async def test_cancelling_leaves_no_task_and_no_open_file(log: Path) -> None:
    files, tasks = open_files(), len(asyncio.all_tasks())
    started = asyncio.Event()

    async def consume() -> None:
        async for _ in watch_log(log):
            started.set()

    task = asyncio.create_task(consume())
    await asyncio.wait_for(started.wait(), LIMIT_S)
    assert open_files() > files
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until_everything_is_released(files, tasks)
