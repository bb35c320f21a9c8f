"""Pieces of image files over HTTP."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from astropy.io import fits

from dashboards.byte_ranges import RangeNotSatisfiable, parse_range, same_version
from dashboards.server import build_server
from data_access import open_archive
from data_access.demo.schema import create_database


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "a.fits"
    fits.PrimaryHDU(np.arange(900, dtype="f4").reshape(30, 30)).writeto(path)
    return path


@pytest.fixture
async def http(tmp_path: Path, image: Path) -> AsyncIterator[httpx.AsyncClient]:
    (tmp_path / "state" / "db").mkdir(parents=True)
    database = tmp_path / "state" / "db" / "products.sqlite3"
    create_database(database, "products")
    with sqlite3.connect(database) as connection:
        connection.execute(
            "INSERT INTO images (path, ms_path, created_at, type) VALUES (?, 'a.ms', 0, '5min')", (str(image),)
        )
    config = tmp_path / "settings.toml"
    config.write_text(f'state_dir = "{tmp_path}/state"\nroots = ["{tmp_path}"]\n', encoding="utf-8")
    async with open_archive(config=config) as archive:
        server = build_server(archive)
        server.start()
        async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
            yield client
        await server.stop()


def _bytes(path: Path) -> bytes:
    return path.read_bytes()


async def test_a_range_of_the_file_is_sent_and_pieces_make_the_whole(http: httpx.AsyncClient, image: Path) -> None:
    whole = _bytes(image)
    head = await http.head("images/1/fits")
    assert (head.status_code, head.headers["Accept-Ranges"]) == (200, "bytes")
    pieces = []
    for wanted in ("bytes=0-2879", "bytes=2880-4000", "bytes=4001-"):
        answer = await http.get("images/1/fits", headers={"Range": wanted})
        assert answer.status_code == 206
        first, last = answer.headers["Content-Range"].removeprefix("bytes ").split("/")[0].split("-")
        assert len(answer.content) == int(last) - int(first) + 1 == int(answer.headers["Content-Length"])
        pieces.append(answer.content)
    assert b"".join(pieces) == whole
    tail = await http.get("images/1/fits", headers={"Range": "bytes=-10"})
    assert (tail.content, tail.headers["Content-Range"]) == (
        whole[-10:], f"bytes {len(whole) - 10}-{len(whole) - 1}/{len(whole)}"
    )  # fmt: skip


async def test_a_range_beyond_the_end_is_refused_with_the_size(http: httpx.AsyncClient, image: Path) -> None:
    answer = await http.get("images/1/fits", headers={"Range": "bytes=999999-"})
    assert answer.status_code == 416
    assert answer.headers["Content-Range"] == f"bytes */{len(_bytes(image))}"


async def test_if_range_sends_the_whole_when_the_file_was_replaced(http: httpx.AsyncClient, image: Path) -> None:
    first = await http.get("images/1/fits", headers={"Range": "bytes=0-9"})
    ask = {"Range": "bytes=10-19", "If-Range": first.headers["Etag"]}
    assert not first.headers["Etag"].startswith("W/")
    assert (await http.get("images/1/fits", headers=ask)).status_code == 206
    dated = {"Range": "bytes=10-19", "If-Range": first.headers["Last-Modified"]}
    assert (await http.get("images/1/fits", headers=dated)).status_code == 206
    fits.PrimaryHDU(np.zeros((40, 40), "f4")).writeto(image, overwrite=True)
    answer = await http.get("images/1/fits", headers=ask)
    assert (answer.status_code, answer.content) == (200, _bytes(image))


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-0", (0, 1)), ("bytes=5-", (5, 100)), ("bytes=-7", (93, 100)), ("bytes=-700", (0, 100)),
        ("bytes=90-900", (90, 100)), ("BYTES = 1 - 2", (1, 3)), ("bytes=2-1", None), ("bytes=-", None),
        ("bytes=0-1,4-5", None), ("items=0-1", None), ("bytes=x-1", None), ("", None), ("bytes=" + "9" * 40, None),
    ],
)  # fmt: skip
def test_ranges_are_read_as_the_standard_says(header: str, expected: tuple[int, int] | None) -> None:
    found = parse_range(header, 100)
    assert (None if found is None else (found.start, found.stop)) == expected


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_a_range_without_a_byte_cannot_be_satisfied(header: str) -> None:
    with pytest.raises(RangeNotSatisfiable):
        parse_range(header, 100)


def test_weak_tags_and_nonsense_never_match() -> None:
    date = "Fri, 20 Nov 2026 13:00:00 GMT"
    assert same_version("", '"a"', date)
    assert same_version('"a"', '"a"', date)
    assert same_version(date, '"a"', date)
    assert not any(same_version(text, 'W/"a"', date) for text in ('W/"a"', '"a"', "nonsense", "Fri, 99 Nov 2026"))
