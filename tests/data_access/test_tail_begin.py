"""A log that is rotated just when somebody begins to follow it."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path

from data_access.readers.logs import read_log_tail
from data_access.tail import watch_log


async def test_log_that_is_away_when_the_follower_begins_was_rotated(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text("old\n")
    window = read_log_tail(log)
    log.rename(log.with_suffix(".1"))
    follower = watch_log(log, from_offset=window.end_offset, inode=window.inode, batch_s=0.02, poll_s=0.2)
    async with asyncio.timeout(8), aclosing(follower) as batches:
        assert (await anext(batches)).state == "waiting"
        log.write_text("new\n")
        batch = await anext(batches)
        while not batch.lines:
            batch = await anext(batches)
    assert batch.lines == ("new",)
    assert batch.reset
