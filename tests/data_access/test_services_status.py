"""Services of the pipeline on this machine, and our own parts: said as they are, asked only here and not for long."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from data_access.archive import Archive, open_archive
from data_access.errors import ValidationError
from data_access.service_ports import DEFAULT_SERVICES, ServicePort, parse_service
from data_access.services import pipeline_services
from data_access.services.pipeline_services import PipelineServices
from data_access.settings import load_settings
from tests.data_access.database_samples import make_database

Listen = Callable[[bytes | None], Awaitable[int]]


@pytest.fixture
async def listen() -> AsyncIterator[Listen]:
    """Return a function that starts a server which answers every line with these bytes (None: never), its port."""
    async with AsyncExitStack() as stack:

        async def start(answer: bytes | None) -> int:
            async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                await reader.readline()
                if answer is not None:
                    writer.write(answer)
                    await writer.drain()
                    writer.close()
                else:
                    await reader.read()
                    writer.close()

            server = await asyncio.start_server(serve, "127.0.0.1", 0)
            stack.callback(server.close)
            return int(server.sockets[0].getsockname()[1])

        yield start


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.mark.parametrize(
    ("answer", "check", "state", "words"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", "/api/health", "running", ""),
        (b"HTTP/1.1 302 Found\r\n\r\n", "/", "running", ""),
        (b"HTTP/1.1 503 Unavailable\r\n\r\n", "/", "error", "it answered HTTP 503"),
        (b"220 smtp\r\n", "/", "error", "it does not speak HTTP"),
        (b"+PONG\r\n", "PING", "running", ""),
        (b"-NOAUTH Authentication required.\r\n", "PING", "running", ""),
        (b"-LOADING\r\n", "PING", "error", "it answered '-LOADING' to PING"),
        (b"", "", "running", ""),
    ],
)
async def test_a_service_is_running_when_it_answers_as_it_should(
    listen: Listen, answer: bytes, check: str, state: str, words: str
) -> None:
    (found,) = await PipelineServices([ServicePort("x", await listen(answer), check)]).states()
    assert (found.state, found.problem) == (state, words)
    assert found.response_ms is not None


async def test_a_port_where_nothing_listens_is_stopped() -> None:
    (found,) = await PipelineServices([ServicePort("x", free_port(), "/")]).states()
    assert (found.state, found.response_ms) == ("stopped", None)


async def test_services_that_hang_cost_the_time_of_one(listen: Listen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline_services, "_TIMEOUT_S", 0.5)
    services = PipelineServices([ServicePort(str(n), await listen(None), "/") for n in range(5)])
    begun = time.monotonic()
    states = await services.states()
    assert time.monotonic() - begun < 2.0
    assert {(s.state, s.problem) for s in states} == {("error", "no answer within 0.5 s")}


def test_a_service_of_the_settings_is_a_name_a_port_and_a_check() -> None:
    assert parse_service("My API 8000 /api/health") == ServicePort("My API", 8000, "/api/health")
    assert parse_service(" Redis 6379 PING ") == ServicePort("Redis", 6379, "PING")
    assert parse_service("PostgreSQL 5433") == ServicePort("PostgreSQL", 5433, "")


@pytest.mark.parametrize("text", ["", "x", "8000", "x 0", "x 99999", "x 80 http://outside", "x 80 /a\r\nHost: b"])
def test_what_is_no_service_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        parse_service(text)


def test_services_come_from_the_settings_and_can_be_switched_off(tmp_path: Path) -> None:
    config = tmp_path / "s.toml"
    config.write_text('services = ["A 80 /"]')
    assert load_settings(environment={}).services == DEFAULT_SERVICES
    assert load_settings(config=config, environment={}).services == ("A 80 /",)
    assert load_settings(environment={"DSA110_DASHBOARD_SERVICES": "A 80, B 81 PING"}).services == (
        "A 80",
        "B 81 PING",
    )
    assert load_settings(environment={"DSA110_DASHBOARD_SERVICES": "none"}).services == ()
    config.write_text("services = []")
    assert load_settings(config=config, environment={}).services == ()


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[Archive]:
    make_database(tmp_path / "products.sqlite3", "CREATE TABLE images (id)")
    async with open_archive(tmp_path) as opened:
        yield opened


async def state_of(archive: Archive, part: str) -> tuple[str, str]:
    return next((p.state, p.detail) for p in await archive.parts.states() if p.name.startswith(part))


async def test_parts_that_nobody_needed_yet_are_idle(archive: Archive) -> None:
    for part in ("Watcher", "Worker", "Kept sums"):
        assert (await state_of(archive, part))[0] == "idle"


async def test_the_watcher_says_when_it_looked(archive: Archive) -> None:
    with archive.changes.subscribe():
        assert (await state_of(archive, "Watcher"))[0] == "broken"
        await archive.changes.look()
        assert await state_of(archive, "Watcher") == ("working", "looked 0 s ago")


async def test_a_dead_worker_is_said_until_it_is_replaced(archive: Archive) -> None:
    os.kill(await archive.offload.in_process(os.getpid), signal.SIGKILL)
    async with asyncio.timeout(30):
        while (await state_of(archive, "Worker"))[0] != "broken":  # noqa: ASYNC110  nothing announces it
            await asyncio.sleep(0.05)
    await archive.offload.in_process(os.getpid)
    assert (await state_of(archive, "Worker"))[0] == "working"


async def test_a_cache_folder_inside_the_pipeline_is_said(tmp_path: Path) -> None:
    config = tmp_path / "s.toml"
    config.write_text(f'state_dir = "{tmp_path}"\ncache_dir = "{tmp_path / "cache"}"\n')
    async with open_archive(config=config) as archive:
        state, detail = await state_of(archive, "Cache")
    assert state == "broken"
    assert "lies inside the pipeline's folder" in detail
