"""Lists are sorted by what they show: the epoch and the position of the records, wherever these come from."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from data_access.archive import Archive, open_archive
from data_access.records import PageRequest
from data_access.repositories.images import ImageFilter
from data_access.repositories.jobs import RunFilter
from data_access.repositories.measurement_sets import MeasurementSetFilter
from tests.data_access.database_samples import make_database

SETS = (
    "CREATE TABLE ms_index (path TEXT PRIMARY KEY, start_mjd REAL, mid_mjd REAL, stage TEXT, status TEXT, "
    "pointing_ra_deg REAL, pointing_dec_deg REAL)",
    "CREATE INDEX mids ON ms_index (mid_mjd)",
    "INSERT INTO ms_index (path, start_mjd, mid_mjd, pointing_ra_deg, pointing_dec_deg) VALUES "
    "('/s/2024-01-01T00:00:00.ms', 60310.0, 60310.1, 200.0, 10.0), ('/s/b.ms', 60000.0, NULL, 5.0, 20.0), "
    "('/s/2025-10-13T13:28:03.ms', NULL, NULL, NULL, NULL), ('/s/odd/c.ms', NULL, NULL, 30.0, 30.0), "
    "('/s/2022-05-06T07:08.ms', 'early', 'unknown', 40.0, 40.0), ('/s/d.ms', NULL, 59000.0, 50.0, 50.0), "
    "('/s/x_2023-02-03T040506.ms', NULL, 9e999, 60.0, 60.0), "
    "('/s/T/2021-02-03T04:05:06.7.x/e.ms', NULL, NULL, 0, 0), "
    "('/s/f.ms', 'late', NULL, NULL, NULL), ('/s/2024-99-01T00:00:00.ms', NULL, NULL, NULL, NULL), "
    "('/s/g.ms', NULL, 60310.1, 70.0, 70.0), ('/s/now', NULL, x'00', NULL, NULL)",
)
IMAGES = (
    "CREATE TABLE images (id INTEGER PRIMARY KEY, path TEXT, ms_path TEXT, type TEXT, center_ra_deg REAL, "
    "center_dec_deg REAL)",
    "INSERT INTO images (path, ms_path) SELECT replace(path, '.ms', '.fits'), path FROM ms_index",
    "INSERT INTO images (path, ms_path, center_ra_deg, center_dec_deg) VALUES ('/i/a.fits', '/s/b.ms', -20.0, -5.0), "
    "('/i/2020-01-01T00:00:00.fits', '/s/d.ms', 100.0, 'north'), ('/i/c.fits', NULL, 10.0, 80.0), "
    "('/i/d.fits', NULL, 'east', NULL), ('/i/e.fits', '/s/g.ms', 720.0, 1.0)",
)
Find = Callable[[Archive, PageRequest], Awaitable[Any]]


def _images(archive: Archive, page: PageRequest) -> Awaitable[Any]:
    return archive.images.find(ImageFilter(), page)


ORDERS: dict[str, tuple[str, Find, Callable[[Any], float | None]]] = {
    "sets by epoch": (
        "mid_mjd", lambda a, page: a.measurement_sets.find(MeasurementSetFilter(), page), lambda ms: ms.epoch.mjd
    ),
    "runs by epoch": ("mid_mjd", lambda a, page: a.jobs.find_runs(RunFilter(), page), lambda run: run.epoch.mjd),
    "images by epoch": ("epoch", _images, lambda image: image.epoch.mjd),
    "images by right ascension": ("center_ra_deg", _images, lambda image: image.position.ra_deg),
    "images by declination": ("center_dec_deg", _images, lambda image: image.position.dec_deg),
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_database(tmp_path / "products.sqlite3", *SETS, *IMAGES)
    return tmp_path


async def all_rows(archive: Archive, find: Find, sort: str, *, descending: bool) -> tuple[list[Any], list[Any]]:
    """Return the rows of all pages of two, walked forwards, and then back again."""
    page = await find(archive, PageRequest(2, "", sort, descending))
    forwards = [*page.rows]
    while page.next_cursor:
        page = await find(archive, PageRequest(2, page.next_cursor, sort, descending))
        forwards += page.rows
    backwards = [*page.rows]
    while page.previous_cursor:
        page = await find(archive, PageRequest(2, page.previous_cursor, sort, descending))
        backwards = [*page.rows, *backwards]
    return forwards, backwards


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("name", ORDERS)
async def test_a_list_is_in_the_order_of_what_it_shows(folder: Path, name: str, descending: bool) -> None:
    sort, find, shown = ORDERS[name]
    async with open_archive(folder) as archive:
        rows, back = await all_rows(archive, find, sort, descending=descending)
        alone = await find(archive, PageRequest(50, "", sort, descending))
    values = [shown(row) for row in rows]
    known = [value for value in values if value is not None]
    assert len(known) >= 6
    assert values == [*sorted(known, reverse=descending), *[None] * (len(values) - len(known))]
    assert len(rows) == len({repr(row) for row in rows}) == (12 if sort == "mid_mjd" else 17)
    assert rows == back == list(alone.rows)


@pytest.mark.parametrize(("after", "before"), [(None, 60200.0), (59500.0, None), (59700.0, 60400.0)])
async def test_an_interval_is_that_of_the_epochs_shown(
    folder: Path, after: float | None, before: float | None
) -> None:
    low, high = after if after is not None else 0.0, before if before is not None else 1e5
    async with open_archive(folder) as archive:
        everything = (await archive.measurement_sets.find(MeasurementSetFilter(), PageRequest(50))).rows
        wanted = {ms.path for ms in everything if ms.epoch.mjd is not None and low <= ms.epoch.mjd <= high}
        filtered = MeasurementSetFilter(after_mjd=after, before_mjd=before)
        for sort in ("mid_mjd", "path"):
            found = (await archive.measurement_sets.find(filtered, PageRequest(50, sort=sort))).rows
            assert {ms.path for ms in found} == wanted
        assert (await archive.measurement_sets.count(filtered)).value == len(wanted) >= 2
