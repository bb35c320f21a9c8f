"""The cache of derived results: one computation for all who ask, errors not kept, bounded, keyed by the file."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import numpy as np
import pytest
from casacore.images import image
from casacore.tables import default_ms, table

from data_access.errors import FileMissing
from data_access.services.cache import SingleFlightCache, file_key


class Work:
    """Counts how often it is done; waits for permission to finish."""

    def __init__(self, *, error: Exception | None = None) -> None:
        self.times = 0
        self.may_finish = asyncio.Event()
        self._error = error

    async def __call__(self) -> int:
        self.times += 1
        await self.may_finish.wait()
        if self._error is not None:
            raise self._error
        return self.times


async def test_concurrent_callers_share_one_computation() -> None:
    cache, work = SingleFlightCache(max_entries=4), Work()
    asking = [asyncio.create_task(cache.get("key", work)) for _ in range(50)]
    await asyncio.sleep(0)
    work.may_finish.set()
    assert await asyncio.gather(*asking) == [1] * 50


async def test_a_kept_result_is_not_computed_again() -> None:
    cache, work = SingleFlightCache(max_entries=4), Work()
    work.may_finish.set()
    assert [await cache.get("key", work) for _ in range(3)] == [1, 1, 1]


async def test_an_error_reaches_all_who_wait_and_is_not_kept() -> None:
    cache, failing, work = SingleFlightCache(max_entries=4), Work(error=FileMissing("gone")), Work()
    failing.may_finish.set()
    work.may_finish.set()
    asking = [asyncio.create_task(cache.get("key", failing)) for _ in range(3)]
    results = await asyncio.gather(*asking, return_exceptions=True)
    assert [type(result) for result in results] == [FileMissing] * 3
    assert failing.times == 1
    assert await cache.get("key", work) == 1


async def test_a_caller_that_gives_up_does_not_take_the_answer_from_the_others() -> None:
    cache, work = SingleFlightCache(max_entries=4), Work()
    first = asyncio.create_task(cache.get("key", work))
    second = asyncio.create_task(cache.get("key", work))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    work.may_finish.set()
    assert await second == 1


async def test_an_error_that_nobody_waits_for_any_more_is_not_reported_as_lost(
    caplog: pytest.LogCaptureFixture,
) -> None:
    cache, failing = SingleFlightCache(max_entries=4), Work(error=FileMissing("gone"))
    only = asyncio.create_task(cache.get("key", failing))
    await asyncio.sleep(0)
    only.cancel()
    await asyncio.gather(only, return_exceptions=True)
    failing.may_finish.set()
    for _ in range(3):
        await asyncio.sleep(0)
    del only
    __import__("gc").collect()
    assert "never retrieved" not in caplog.text


async def test_the_result_used_longest_ago_is_dropped_first() -> None:
    cache, works = SingleFlightCache(max_entries=2), {name: Work() for name in "abc"}
    for work in works.values():
        work.may_finish.set()
    for name in "abac":
        await cache.get(name, works[name])
    assert len(cache) == 2
    await cache.get("a", works["a"])
    await cache.get("b", works["b"])
    assert {name: work.times for name, work in works.items()} == {"a": 1, "b": 2, "c": 1}


def test_a_file_replaced_by_one_of_the_same_size_and_time_has_another_key(tmp_path: Path) -> None:
    path, other = tmp_path / "a.fits", tmp_path / "b.fits"
    path.write_bytes(b"one")
    other.write_bytes(b"two")
    stat = path.stat()
    os.utime(other, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    before = file_key(str(path))
    other.replace(path)
    assert file_key(str(path)) != before


def test_a_file_written_in_place_has_another_key(tmp_path: Path) -> None:
    path = tmp_path / "a.fits"
    path.write_bytes(b"one")
    os.utime(path, ns=(0, 0))
    before = file_key(str(path))
    path.write_bytes(b"two")
    assert file_key(str(path)) != before


def test_a_table_written_in_place_has_another_key_and_a_lock_changes_nothing(tmp_path: Path) -> None:
    table = tmp_path / "t.ms"
    table.mkdir()
    for name in ("table.dat", "table.f0", "table.lock"):
        (table / name).write_bytes(b"x")
        os.utime(table / name, ns=(0, 0))
    before = file_key(str(table))
    (table / "table.lock").write_bytes(b"yyyy")
    locked = file_key(str(table))
    (table / "table.f0").write_bytes(b"z")
    assert locked == before
    assert file_key(str(table)) != before


def test_a_subtable_written_in_place_gives_a_measurement_set_another_key(tmp_path: Path) -> None:
    path = str(tmp_path / "a.ms")
    default_ms(path).close()
    before = file_key(path)
    with table(f"{path}/FIELD", readonly=False, ack=False) as field:
        field.addrows(1)
        field.putcell("NAME", 0, "3C286")
    assert file_key(path) != before
    before = file_key(path)
    with table(f"{path}/FIELD", readonly=True, ack=False) as field:
        assert field.getcell("NAME", 0) == "3C286"
    assert file_key(path) == before, "reading takes a lock and changes nothing"


def test_a_mask_changed_in_place_gives_a_casa_image_another_key(tmp_path: Path) -> None:
    path = str(tmp_path / "a.image")
    made = image(path, shape=(4, 5), maskname="mask0")
    made.putmask(np.zeros((4, 5), bool))
    del made
    before = file_key(path)
    with table(f"{path}/mask0", readonly=False, ack=False) as mask:
        mask.putcell("PagedArray", 0, np.zeros((4, 5), bool))
    assert file_key(path) != before


def test_the_key_of_a_table_of_many_subtables_is_short(tmp_path: Path) -> None:
    (tmp_path / "table.dat").touch()
    for number in range(200):
        (tmp_path / f"mask{number}").mkdir()
        (tmp_path / f"mask{number}" / "table.dat").touch()
    assert len(file_key(str(tmp_path))) == 4


@pytest.mark.parametrize("name", ["none", "file/below", "n" * 300])
def test_the_key_of_a_file_that_is_not_there_is_an_error_of_the_file(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises((FileMissing, __import__("data_access.errors").errors.FileUnreadable)):
        file_key(str(tmp_path / name))
