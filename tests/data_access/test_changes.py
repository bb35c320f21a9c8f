"""The watcher: sees every commit soon, tells only who listens, survives databases that come and go."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from data_access.changes import Change, ChangeWatcher, Subscription
from data_access.database import Database
from tests.data_access.database_samples import OtherProcess, make_database, numbers

INSERT = "INSERT INTO t (x) VALUES (1)"


@asynccontextmanager
async def _watching(paths: dict[str, Path], interval_s: float = 0.05) -> AsyncIterator[ChangeWatcher]:
    databases = {role: Database(role, path, busy_timeout_s=2.0) for role, path in paths.items()}
    watcher = ChangeWatcher(databases, interval_s=interval_s)
    task = asyncio.create_task(watcher.run())
    try:
        yield watcher
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        for database in databases.values():
            await database.close()


async def _next(subscription: Subscription, timeout_s: float = 3.0) -> Change:
    async with asyncio.timeout(timeout_s):
        return await anext(aiter(subscription))


@pytest.mark.parametrize("journal", ["wal", "delete"])
async def test_a_commit_of_another_process_is_told_within_a_second(tmp_path: Path, journal: str) -> None:
    path = numbers(tmp_path / "n.sqlite3", 3, journal=journal)
    databases = {"products": Database("products", path)}
    watcher = ChangeWatcher(databases, interval_s=0.5)
    with OtherProcess(path) as writer, watcher.subscribe() as subscription:
        await watcher.look()  # what is there when the listener comes is no change
        task = asyncio.create_task(watcher.run())
        writer.run(INSERT)
        committed = time.monotonic()
        change = await _next(subscription)
        waited = time.monotonic() - committed
        task.cancel()
    await databases["products"].close()
    assert change.roles == {"products"}
    assert waited < 1.0
    assert abs(change.at - time.time()) < 2.0


async def test_only_the_database_with_the_commit_is_named(tmp_path: Path) -> None:
    paths = {role: numbers(tmp_path / f"{role}.sqlite3", 1) for role in ("products", "ingest")}
    databases = {role: Database(role, path) for role, path in paths.items()}
    watcher = ChangeWatcher(databases, interval_s=1.0)
    await watcher.look()
    with OtherProcess(paths["ingest"]) as writer:
        writer.run(INSERT)
    change = await watcher.look()
    for database in databases.values():
        await database.close()
    assert change is not None
    assert change.roles == {"ingest"}


async def test_a_look_without_a_commit_tells_nothing(tmp_path: Path) -> None:
    databases = {"products": Database("products", numbers(tmp_path / "n.sqlite3", 1))}
    watcher = ChangeWatcher(databases, interval_s=1.0)
    looks = [await watcher.look() for _ in range(3)]
    await databases["products"].close()
    assert looks == [None, None, None]


async def test_our_own_reading_is_no_change(tmp_path: Path) -> None:
    database = Database("products", numbers(tmp_path / "n.sqlite3", 1))
    watcher = ChangeWatcher({"products": database}, interval_s=1.0)
    await watcher.look()
    await database.fetch("SELECT count(*) FROM t")
    change = await watcher.look()
    await database.close()
    assert change is None


async def test_changes_that_were_not_fetched_are_merged_into_one(tmp_path: Path) -> None:
    watcher = ChangeWatcher({}, interval_s=1.0)
    subscription = watcher.subscribe()
    for at, role in enumerate(("products", "ingest", "products")):
        subscription.offer(Change(frozenset({role}), float(at)))
    change = await _next(subscription)
    with pytest.raises(TimeoutError):
        await _next(subscription, 0.05)
    assert change == Change(frozenset({"products", "ingest"}), 2.0)


async def test_nothing_is_looked_at_while_nobody_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[float] = []
    looked = asyncio.Event()

    async def look(self: ChangeWatcher) -> None:
        looks.append(time.monotonic())
        looked.set()

    monkeypatch.setattr(ChangeWatcher, "look", look)
    async with _watching({"products": tmp_path / "n.sqlite3"}, 0.01) as watcher:
        await asyncio.sleep(0.1)
        before = len(looks)
        with watcher.subscribe():
            async with asyncio.timeout(1):
                await looked.wait()
        await asyncio.sleep(0.03)  # the look under way ends
        count = len(looks)
        await asyncio.sleep(0.1)
        after = len(looks)
    assert before == 0
    assert after == count
    assert watcher.n_subscriptions == 0


async def test_a_closed_subscription_ends_its_loop(tmp_path: Path) -> None:
    watcher = ChangeWatcher({}, interval_s=1.0)
    subscription = watcher.subscribe()
    seen: list[Change] = []

    async def listen() -> None:
        async for change in subscription:
            seen.append(change)

    task = asyncio.create_task(listen())
    await asyncio.sleep(0)
    subscription.close()
    async with asyncio.timeout(1):
        await task
    assert seen == []


async def test_a_deleted_database_is_trouble_once_and_its_return_is_news(tmp_path: Path) -> None:
    path = numbers(tmp_path / "n.sqlite3", 1, journal="delete")
    async with _watching({"products": path}) as watcher:
        with watcher.subscribe() as subscription:
            await watcher.look()
            path.unlink()
            gone = await _next(subscription)
            trouble = dict(watcher.trouble)
            with pytest.raises(TimeoutError):
                await _next(subscription, 0.2)
            numbers(path, 2, journal="delete")
            back = await _next(subscription)
    assert (gone.roles, back.roles) == ({"products"}, {"products"})
    assert "does not exist" in trouble["products"]
    assert watcher.trouble == {}


async def test_a_locked_database_is_trouble_until_it_is_free_and_does_not_delay_the_others(tmp_path: Path) -> None:
    locked = numbers(tmp_path / "a.sqlite3", 1, journal="delete")
    other = numbers(tmp_path / "b.sqlite3", 1)
    async with _watching({"alerts": locked, "products": other}) as watcher:
        with watcher.subscribe() as subscription, OtherProcess(locked) as holder, OtherProcess(other) as writer:
            await watcher.look()
            holder.run("BEGIN EXCLUSIVE", INSERT)
            locked.touch()  # a lock alone does not change the file, so that nobody looks
            await _next_with(subscription, "alerts")
            in_trouble = set(watcher.trouble)
            writer.run(INSERT)
            began = time.monotonic()
            change = await _next_with(subscription, "products")
            waited = time.monotonic() - began
            holder.run("COMMIT")
            await _next_with(subscription, "alerts")
    assert "products" in change.roles
    assert in_trouble == {"alerts"}
    assert waited < 1.0
    assert watcher.trouble == {}


async def _next_with(subscription: Subscription, role: str) -> Change:
    async with asyncio.timeout(3):
        while True:
            change = await anext(aiter(subscription))
            if role in change.roles:
                return change


async def test_a_replaced_database_is_a_change(tmp_path: Path) -> None:
    path = numbers(tmp_path / "n.sqlite3", 1, journal="delete")
    database = Database("products", path)
    watcher = ChangeWatcher({"products": database}, interval_s=1.0)
    await watcher.look()
    numbers(tmp_path / "new.sqlite3", 1, journal="delete").replace(path)
    change = await watcher.look()
    await database.close()
    assert change is not None


async def test_the_watcher_goes_on_after_a_look_that_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = numbers(tmp_path / "n.sqlite3", 1)
    stamps = ChangeWatcher._all_stamps
    failures = iter([True, True])
    looked = asyncio.Event()

    loop = asyncio.get_running_loop()

    def fail(self: ChangeWatcher) -> object:
        if next(failures, False):
            raise RuntimeError("no stamps today")
        loop.call_soon_threadsafe(looked.set)
        return stamps(self)

    monkeypatch.setattr(ChangeWatcher, "_all_stamps", fail)
    async with _watching({"products": path}, 0.01) as watcher:
        with watcher.subscribe() as subscription, OtherProcess(path) as writer:
            await looked.wait()
            await watcher.look()
            writer.run(INSERT)
            change = await _next(subscription)
    assert change.roles == {"products"}
    assert caplog.text.count("looking for changes failed") == 2


async def test_the_last_write_is_the_time_of_the_newest_commit(tmp_path: Path) -> None:
    old = make_database(tmp_path / "a.sqlite3", "CREATE TABLE t (x)")
    new = make_database(tmp_path / "b.sqlite3", "CREATE TABLE t (x)")
    databases = {"ingest": Database("ingest", old), "products": Database("products", new)}
    watcher = ChangeWatcher(databases, interval_s=1.0)
    with OtherProcess(new) as writer:
        writer.run(INSERT)
        await watcher.look()
        newest = new.with_name("b.sqlite3-wal").stat().st_mtime
        last_write = watcher.last_write
    for database in databases.values():
        await database.close()
    assert last_write == pytest.approx(newest, abs=0.001)


async def test_an_open_reader_does_not_count_as_a_write(tmp_path: Path) -> None:
    path = numbers(tmp_path / "n.sqlite3", 1)
    written = path.stat().st_mtime
    database = Database("products", path)
    watcher = ChangeWatcher({"products": database}, interval_s=1.0)
    await database.fetch("SELECT 1 FROM t")
    await watcher.look()
    last_write = watcher.last_write
    await database.close()
    assert last_write == pytest.approx(written, abs=0.001)


async def test_without_any_database_there_is_no_last_write(tmp_path: Path) -> None:
    database = Database("products", tmp_path / "none.sqlite3")
    watcher = ChangeWatcher({"products": database}, interval_s=1.0)
    await watcher.look()
    assert watcher.last_write is None
    assert set(watcher.trouble) == {"products"}


async def test_a_database_that_fails_is_named_to_readers_of_every_page(tmp_path: Path) -> None:
    path = tmp_path / "alerts.sqlite3"
    path.write_bytes(b"no database" * 500)
    watcher = ChangeWatcher({"alerts": Database("alerts", path)}, interval_s=0.05)
    await watcher.look()
    assert watcher.remarks == ("cannot be read now: alerts",)


async def test_what_made_a_database_unreadable_is_not_its_last_write(tmp_path: Path) -> None:
    path = numbers(tmp_path / "n.sqlite3", 1, journal="delete")
    os.utime(path, (1e9, 1e9))
    watcher = ChangeWatcher({"products": Database("products", path)}, interval_s=1.0)
    await watcher.look()
    whole = path.read_bytes()
    path.unlink()
    path.write_bytes(b"no database" * 500)
    await watcher.look()
    assert set(watcher.trouble) == {"products"}
    assert watcher.last_write == 1e9
    path.unlink()
    path.write_bytes(whole)
    await watcher.look()
    assert not watcher.trouble
    assert watcher.last_write == pytest.approx(path.stat().st_mtime, abs=0.001)


async def test_a_busy_queue_does_not_make_the_images_look_young(tmp_path: Path) -> None:
    paths = {
        role: make_database(tmp_path / f"{role}.sqlite3", "CREATE TABLE t (x)") for role in ("products", "ingest")
    }
    os.utime(paths["products"], (1e9, 1e9))
    watcher = ChangeWatcher({role: Database(role, path) for role, path in paths.items()}, interval_s=1.0)
    await watcher.look()
    assert watcher.last_write == 1e9
    assert watcher.writes["products"] == 1e9
    assert watcher.writes["ingest"] > 1.7e9


async def test_without_a_database_of_images_the_newest_write_counts(tmp_path: Path) -> None:
    path = make_database(tmp_path / "ingest.sqlite3", "CREATE TABLE t (x)")
    watcher = ChangeWatcher({"ingest": Database("ingest", path)}, interval_s=1.0)
    await watcher.look()
    assert watcher.last_write == pytest.approx(path.stat().st_mtime)


@pytest.mark.parametrize("folder", [".", "older"])
async def test_a_file_that_comes_or_goes_in_a_watched_folder_is_told(tmp_path: Path, folder: str) -> None:
    (tmp_path / "older").mkdir()
    watcher = ChangeWatcher({}, interval_s=1.0, folders={"logs": (tmp_path, tmp_path / "not there")})
    assert await watcher.look() is None
    log = tmp_path / folder / "job.log"
    log.touch()
    appeared = await watcher.look()
    assert await watcher.look() is None
    log.unlink()
    gone = await watcher.look()
    assert appeared is not None
    assert gone is not None
    assert appeared.roles == gone.roles == {"logs"}
    assert watcher.last_write is None


async def test_a_watched_folder_that_is_made_later_is_told(tmp_path: Path) -> None:
    watcher = ChangeWatcher({}, interval_s=1.0, folders={"logs": (tmp_path / "logs",)})
    await watcher.look()
    (tmp_path / "logs").mkdir()
    change = await watcher.look()
    assert change is not None
    assert change.roles == {"logs"}
