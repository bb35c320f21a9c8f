"""A static file is compressed once and arrives whole, every time and in every version."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, GZipContentEncoding, StaticFileHandler

from dashboards.compression import CompressedFiles, CompressOnce


def _script(seed: int) -> str:
    """Return text of several of Tornado's pieces that compresses, but not to nothing."""
    numbers = random.Random(seed)
    return " ".join(str(numbers.random()) for _ in range(20_000))


@asynccontextmanager
async def _serving(folder: Path, files: CompressedFiles) -> AsyncIterator[httpx.AsyncClient]:
    application = Application([(r"/static/(.*)", StaticFileHandler, {"path": str(folder)})])
    application.transforms = [partial(CompressOnce, files)]
    server = HTTPServer(application)
    (socket,) = bind_sockets(0, "127.0.0.1")
    server.add_sockets([socket])
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{socket.getsockname()[1]}") as client:
            yield client
    finally:
        server.stop()
        await server.close_all_connections()


async def test_a_file_arrives_whole_the_first_and_the_second_time(tmp_path: Path) -> None:
    text = _script(1)
    (tmp_path / "a.js").write_text(text, encoding="utf-8")
    async with _serving(tmp_path, CompressedFiles()) as client:
        answers = [await client.get("/static/a.js") for _ in range(3)]
    assert [answer.headers["content-encoding"] for answer in answers] == ["gzip"] * 3
    assert all(answer.text == text for answer in answers)


async def test_visitors_at_the_same_time_all_get_the_file(tmp_path: Path) -> None:
    text = _script(2)
    (tmp_path / "a.js").write_text(text, encoding="utf-8")
    async with _serving(tmp_path, CompressedFiles()) as client:
        answers = await asyncio.gather(*(client.get("/static/a.js") for _ in range(8)))
    assert all(answer.text == text for answer in answers)


async def test_a_file_is_compressed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.js").write_text(_script(3), encoding="utf-8")
    compressed: list[int] = []
    compress = GZipContentEncoding.transform_chunk

    def spy(self: GZipContentEncoding, chunk: bytes, finishing: bool) -> bytes:
        compressed.append(len(chunk))
        return compress(self, chunk, finishing)

    monkeypatch.setattr(GZipContentEncoding, "transform_chunk", spy)
    async with _serving(tmp_path, CompressedFiles()) as client:
        await client.get("/static/a.js")
        first = len(compressed)
        await client.get("/static/a.js")
    assert len(compressed) == first > 1


async def test_a_file_that_changed_is_sent_as_it_is_now(tmp_path: Path) -> None:
    file = tmp_path / "a.js"
    file.write_text(_script(4), encoding="utf-8")
    async with _serving(tmp_path, CompressedFiles()) as client:
        await client.get("/static/a.js")
        file.write_text(_script(5), encoding="utf-8")
        StaticFileHandler.reset()  # Tornado remembers the hash of a file for the life of the process
        answer = await client.get("/static/a.js")
    assert answer.text == _script(5)


async def test_a_client_that_cannot_unpack_gets_it_plain(tmp_path: Path) -> None:
    text = _script(6)
    (tmp_path / "a.js").write_text(text, encoding="utf-8")
    async with _serving(tmp_path, CompressedFiles()) as client:
        await client.get("/static/a.js")
        plain = await client.get("/static/a.js", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.text == text


async def test_a_part_of_a_file_is_the_part_that_was_asked_for(tmp_path: Path) -> None:
    text = _script(7)
    (tmp_path / "a.js").write_text(text, encoding="utf-8")
    async with _serving(tmp_path, CompressedFiles()) as client:
        await client.get("/static/a.js")
        part = await client.get("/static/a.js", headers={"Range": "bytes=10-4999"})
    assert (part.status_code, part.text) == (206, text[10:5000])


async def test_no_more_files_are_kept_than_allowed(tmp_path: Path) -> None:
    files = CompressedFiles(max_files=2)
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.js").write_text(_script(8), encoding="utf-8")
    async with _serving(tmp_path, files) as client:
        for name in ("a", "b", "c"):
            await client.get(f"/static/{name}.js")
    assert len(files) == 2
