"""An image whose file was registered a second time: the older row says that the file is not its own any more."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from data_access import Archive, open_archive
from data_access.demo.schema import create_database
from tests.integration.page_opening import open_view

IMAGE = "/stage/images/2026-01-21T05:00:00.img.fits"
MS = "/stage/ms/2026-01-21T05:00:00.ms"
FIRST_AT, AGAIN_AT = 1_769_000_000.0, 1_769_300_000.0


@pytest.fixture(params=[MS, ""], ids=["of a set", "of no set"])
async def registered_again(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Archive]:
    """Records 1 and 2 of one file, and record 3 of another product."""
    database = tmp_path / "state" / "db" / "products.sqlite3"
    create_database(database, "products")
    rows = [(IMAGE, FIRST_AT), (IMAGE, AGAIN_AT), (IMAGE.replace(".img", ".img.pbcor"), AGAIN_AT)]
    with closing(sqlite3.connect(database)) as db, db:
        db.executemany(
            "INSERT INTO images (path, ms_path, created_at, type) VALUES (?, ?, ?, '5min')",
            [(path, request.param, at) for path, at in rows],
        )
    async with open_archive(tmp_path) as archive:
        yield archive


async def open_image(archive: Archive, number: int) -> tuple[str, dict[str, list[dict[str, Any]]]]:
    """Return the notice of a page, and its links by their labels."""
    page: Any = await open_view(archive, "/images/{image_id}", {}, {"image_id": str(number)})
    links: dict[str, list[dict[str, Any]]] = {}
    for group in page.links_slot.content.groups:
        for item in group["items"]:
            links.setdefault(item["label"], []).append(item["cell"])
    return page.newer.text, links


async def test_the_older_record_says_when_its_file_was_registered_again_and_leads_there(
    registered_again: Archive,
) -> None:
    words, links = await open_image(registered_again, 1)
    assert words == (
        "Registered again on 2026-01-25 00:13:20 UTC, as record #2: the file is that of the newer record."
    )
    (newer,) = links["Newer record"]
    assert (newer["t"], newer["h"]) == ("#2", "./images/2")


async def test_the_last_record_of_a_file_says_nothing_of_a_newer_one(registered_again: Archive) -> None:
    for number in (2, 3):
        words, links = await open_image(registered_again, number)
        assert words == ""
        assert "Newer record" not in links


async def test_another_record_of_the_same_file_is_not_listed_as_another_product(registered_again: Archive) -> None:
    _, links = await open_image(registered_again, 1)
    assert links["Next row"][0]["n"] == "newer record of this file, #2"
    assert [product.get("n") for product in links.get("5min", ())] in ([], [None, "newer record of this file, #2"])
    _, links = await open_image(registered_again, 2)
    assert links["Previous row"][0]["n"] == "older record of this file, #1"
    assert "n" not in links["Next row"][0]
