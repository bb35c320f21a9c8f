"""From image to image through a whole list, page after page."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dashboards.pages.image_filters import FIELDS, filter_of
from dashboards.pages.image_listing import ImageListing, find_beyond
from data_access import Archive, open_archive
from data_access.demo import write_demo
from data_access.errors import ValidationError
from data_access.records import Image, PageRequest
from tests.dashboards.image_page_samples import open_image

QUERIES = {
    "newest first": {},
    "by noise": {"sort": "noise_jy", "order": "asc"},
    "by a column that is absent in some rows": {"sort": "dynamic_range", "order": "desc"},
    "by type": {"sort": "type", "order": "asc"},
    "filtered": {"noise_max": "1.2", "sort": "noise_jy", "order": "desc"},
    "without a file": {"on_disk": "no"},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_demo(tmp_path_factory.mktemp("listing") / "archive", nights=1)
    with sqlite3.connect(folder / "state" / "db" / "products.sqlite3") as database:
        database.execute("UPDATE images SET dynamic_range = NULL WHERE id % 7 = 0")
        database.execute("UPDATE images SET dynamic_range = 100 WHERE id % 5 = 0")
    return folder


@pytest.fixture
async def archive(folder: Path) -> AsyncIterator[Archive]:
    async with open_archive(folder) as opened:
        yield opened


async def whole_list(archive: Archive, query: dict[str, str]) -> list[Image]:
    asked = filter_of({field["name"]: query.get(field["name"], "") for field in FIELDS})
    rows: list[Image] = []
    cursor, is_first = "", True
    while cursor or is_first:
        request = PageRequest(1000, cursor, query.get("sort", ""), query.get("order") != "asc")
        page = await ImageListing(archive, asked).find(request)
        rows, cursor, is_first = [*rows, *page.rows], page.next_cursor, False
    return rows


@pytest.mark.parametrize("name", QUERIES)
async def test_steps_lead_through_the_whole_list_in_its_order_and_back(archive: Archive, name: str) -> None:
    query = QUERIES[name]
    listed = [image.id for image in await whole_list(archive, query)]
    assert len(listed) > 60
    walked = [listed[0]]
    while following := (
        await find_beyond(archive, await archive.images.get(walked[-1]), query, backwards=False)
    ).images:
        walked += [image.id for image in following]
    assert walked == listed
    back = [listed[-1]]
    while before := (await find_beyond(archive, await archive.images.get(back[-1]), query, backwards=True)).images:
        back += [image.id for image in before]
    assert back == listed[::-1]


async def test_the_way_back_is_the_page_of_the_list_that_follows(archive: Archive) -> None:
    listed = [image.id for image in await whole_list(archive, {})]
    found = await find_beyond(archive, await archive.images.get(listed[9]), {}, backwards=False)
    page = await archive.images.find(filter_of({f["name"]: "" for f in FIELDS}).wanted, PageRequest(5, found.after))
    assert [image.id for image in page.rows] == listed[10:15]


async def test_rows_that_do_not_match_are_passed_over(archive: Archive) -> None:
    listed = [image.id for image in await whole_list(archive, {"on_disk": "yes"})]
    oldest = (await whole_list(archive, {}))[-1]
    found = await find_beyond(archive, oldest, {"on_disk": "yes"}, backwards=True)
    assert [image.id for image in found.images] == listed[::-1]
    assert not (await find_beyond(archive, oldest, {"on_disk": "yes"}, backwards=False)).is_cut


async def test_the_page_of_an_image_answers_the_browser_with_what_follows(archive: Archive) -> None:
    listed = [image.id for image in await whole_list(archive, {"sort": "noise_jy", "order": "asc"})]
    page = await open_image(archive, listed[49])
    listener = page.keys.listener
    listener._handle_msg({"type": "beyond", "step": 1, "query": "?sort=noise_jy&order=asc&view=gallery"})
    await page.settled()
    assert listener.beyond["hrefs"] == [page.session.links.image(n) for n in listed[50:100]]
    assert listener.beyond["step"] == 1
    assert listener.beyond["after"]
    listener._handle_msg({"type": "beyond", "step": -1, "query": "sort=noise_jy&order=asc"})
    await page.settled()
    assert listener.beyond["hrefs"] == [page.session.links.image(n) for n in listed[48::-1]]
    assert listener.beyond["serial"] == 2


@pytest.mark.parametrize("query", ["?sort=colour", "?noise_max=much", "?near=Betelgeuse"])
async def test_a_list_that_means_nothing_is_said_and_no_error_of_the_page(archive: Archive, query: str) -> None:
    page = await open_image(archive, (await archive.images.newest(1))[0].id)
    page.keys.listener._handle_msg({"type": "beyond", "step": 1, "query": query})
    await page.settled()
    assert page.keys.listener.beyond["hrefs"] == []
    assert page.keys.listener.beyond["words"]
    assert page.page_failure.failure is None


async def test_an_order_that_does_not_exist_is_an_error(archive: Archive) -> None:
    with pytest.raises(ValidationError, match="sorted by 'colour'"):
        await archive.images.position_of((await archive.images.newest(1))[0], sort="colour")
