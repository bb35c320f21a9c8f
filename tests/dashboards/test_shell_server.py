"""The server: answers, headers, origins, prefix, and nothing left behind."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import socket
import time
from collections.abc import AsyncIterator, Callable

import httpx
import pytest
import websockets
from bokeh.document import Document
from bokeh.plotting import figure

from dashboards.every_answer import HEADERS
from dashboards.server import DashboardServer, build_server
from dashboards.session import PageView
from data_access.errors import RecordNotFound
from data_access.settings import Settings
from tests.dashboards import shell_samples
from tests.dashboards.bokeh_client import BokehClient
from tests.dashboards.shell_samples import HOSTILE, SPECS, FakeArchive


@pytest.fixture
async def server() -> AsyncIterator[DashboardServer]:
    made = build_server(FakeArchive(), specs=SPECS)
    made.start()
    yield made
    await made.stop()


@pytest.fixture
async def http(server: DashboardServer) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=server.url, timeout=20) as client:
        yield client


async def until(condition: Callable[[], bool], *, seconds: float = 20) -> None:
    """Return when Bokeh's periodic clean-up, which tells nobody, has made `condition` true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not become true"
        await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/", 200, "Sample"),
        ("/sample", 200, "Sample"),
        ("/sample/7", 200, "7"),
        ("/gone/x", 404, "There is no record &#39;x&#39;"),
        ("/unavailable", 503, "The database products is not configured"),
        ("/bad?q=z", 400, "&#39;z&#39; means nothing"),
        ("/broken", 500, "error id"),
        ("/unbuildable", 500, "error id"),
        ("/missing-module", 500, "error id"),
        ("/nowhere", 404, "There is no such page: /nowhere"),
        ("/%3Cb%3Eno", 404, "There is no such page: /&lt;b&gt;no"),
        ("/nowhere/at/all", 404, "There is no such page"),
        ("/sample/autoload.js", 404, "There is no such page"),
        ("/sample/metadata", 404, "There is no such page"),
        ("/components/os/x/y/z", 404, "There is no such page"),
        ("/liveness?endpoint=/", 404, "There is no such page"),
        ("/assets/no-such-file", 404, "There is no such page"),
    ],
)
async def test_every_answer_has_its_status_its_words_and_our_headers(
    http: httpx.AsyncClient, path: str, status: int, words: str
) -> None:
    answer = await http.get(path)
    assert answer.status_code == status
    assert words in answer.text
    assert {name: answer.headers.get(name) for name in HEADERS} == dict(HEADERS)


@pytest.mark.parametrize("path", ["/healthz", "/assets/page.css", "/favicon.ico", "/static/js/bokeh.min.js"])
async def test_files_carry_the_headers_too(http: httpx.AsyncClient, path: str) -> None:
    answer = await http.get(path)
    assert answer.status_code < 400
    assert {name: answer.headers.get(name) for name in HEADERS} == dict(HEADERS)


@pytest.mark.parametrize("path", ["/gone/x", "/unavailable", "/bad", "/broken", "/missing-module"])
async def test_page_that_cannot_be_shown_makes_no_session(
    http: httpx.AsyncClient, server: DashboardServer, path: str
) -> None:
    await http.get(path)
    assert server.sessions() == 0


async def test_session_of_a_page_that_failed_while_being_built_goes_away(
    http: httpx.AsyncClient, server: DashboardServer
) -> None:
    await http.get("/unbuildable")
    await until(lambda: server.sessions() == 0)


async def test_error_page_escapes_what_the_url_said(http: httpx.AsyncClient) -> None:
    answer = await http.get("/bad", params={"q": HOSTILE})
    assert "<img" not in answer.text
    assert "&lt;img" in answer.text


async def test_unexpected_error_tells_its_id_and_nothing_else(
    http: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        answer = await http.get("/broken")
    assert "secret detail" not in answer.text
    assert "ZeroDivisionError" not in answer.text
    error_id = answer.text.split("error id <code>")[1][:8]
    assert f"error {error_id}" in caplog.text
    assert "secret detail" in caplog.text


async def test_trailing_slash_leads_to_the_page_and_keeps_the_query(http: httpx.AsyncClient) -> None:
    answer = await http.get("/sample/a%20b/?q=1", follow_redirects=True)
    assert answer.status_code == 200
    assert answer.url.raw_path == b"/sample/a%20b?q=1"


async def test_path_parameter_arrives_unescaped(http: httpx.AsyncClient) -> None:
    assert "<title>a b/c 1 · DSA-110</title>" in (await http.get("/sample/a%20b%2Fc?q=1")).text


async def test_assets_with_a_version_are_kept_by_the_browser(http: httpx.AsyncClient) -> None:
    answer = await http.get("/assets/page.js?v=abc")
    assert "max-age=" in answer.headers["Cache-Control"]


async def test_pages_are_compressed(http: httpx.AsyncClient) -> None:
    assert (await http.get("/")).headers["Content-Encoding"] == "gzip"


async def test_the_start_of_a_page_is_sent_before_the_page_is_built(
    http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = (await http.get("/")).text
    built: list[bool] = []
    monkeypatch.setattr(shell_samples.SamplePage, "__panel__", lambda _self: built.append(True) or 1 / 0)
    async with http.stream("GET", "/") as answer:
        parts = [part async for part in answer.aiter_text()]
    second = "".join(parts)
    assert built
    assert answer.status_code == 200
    assert "bokeh.min.js" in second.partition("<main")[0]
    assert second.partition("<main")[0].count("<header") == whole.count("<header") == 1
    assert "failed unexpectedly" in second
    assert "division" not in second


@pytest.mark.parametrize(
    ("path", "status"),
    [("/healthz", 200), ("/", 200), ("/sample/7", 200), ("/gone/x", 404), ("/unavailable", 503), ("/nowhere", 404)],
)
async def test_those_who_only_look_get_the_status_and_no_session(
    http: httpx.AsyncClient, server: DashboardServer, path: str, status: int
) -> None:
    answer = await http.head(path)
    assert (answer.status_code, answer.content) == (status, b"")
    assert {name: answer.headers.get(name) for name in HEADERS} == dict(HEADERS)
    assert server.sessions() == 0


async def test_control_characters_of_a_visitor_stand_in_the_log_as_text(
    http: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="dsa110.dashboard"):
        await http.get("/gone/1%00%0Aforged%1B[31m")
    (record,) = [r.getMessage() for r in caplog.records if r.name == "dsa110.dashboard"]
    assert record.isprintable()
    assert "1\\x00\\nforged" in record


async def test_healthz_answers_without_a_session(http: httpx.AsyncClient, server: DashboardServer) -> None:
    answer = await http.get("/healthz")
    assert set(answer.json()) == {"ok", "boot", "now", "last_write", "writes", "remarks", "workers"}
    assert answer.headers["Cache-Control"] == "no-store"
    assert server.sessions() == 0


async def test_theme_is_taken_from_the_url_then_from_the_cookie(http: httpx.AsyncClient) -> None:
    by_cookie = await http.get("/", headers={"Cookie": "dsa110_theme=light"})
    by_url = await http.get("/?theme=red", headers={"Cookie": "dsa110_theme=light"})
    unknown = await http.get("/?theme=%22%3E%3Cscript%3E")
    themes = [a.text.split('data-theme="')[1].split('"')[0] for a in (by_cookie, by_url, unknown)]
    assert themes == ["light", "red", "dark"]


async def test_navigation_marks_the_current_page(http: httpx.AsyncClient) -> None:
    text = (await http.get("/sample/7")).text
    current = [line for line in text.splitlines() if 'aria-current="page"' in line]
    assert len(current) == 1
    assert 'href="../sample"' in current[0]


@pytest.mark.parametrize("path", ["/", "/sample", "/sample/7"])
async def test_websocket_of_every_page_opens(server: DashboardServer, path: str) -> None:
    client = await BokehClient(server.url.rstrip("/"), path).open()
    assert client.document["roots"]
    await client.close()


async def test_a_websocket_holds_no_frame_back(server: DashboardServer) -> None:
    client = await BokehClient(server.url.rstrip("/"), "/sample").open()
    (connection,) = server.bokeh._tornado._clients
    stream = connection._socket.ws_connection.stream
    assert stream.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
    await client.close()


async def test_websocket_from_a_foreign_origin_is_refused(server: DashboardServer) -> None:
    with pytest.raises(websockets.InvalidStatus) as refusal:
        await BokehClient(server.url.rstrip("/"), "/sample").open(origin="http://evil.example")
    assert refusal.value.response.status_code == 403


async def test_websocket_with_a_forged_token_is_refused(server: DashboardServer) -> None:
    address = f"ws://127.0.0.1:{server.port}/sample/ws"
    forged = websockets.Subprotocol("eyJzZXNzaW9uX2lkIjogIngifQ")
    socket = await websockets.connect(
        address,
        subprotocols=[websockets.Subprotocol("bokeh"), forged],
        origin=websockets.Origin(server.url.rstrip("/")),
    )
    with pytest.raises(websockets.ConnectionClosed):
        await socket.recv()
    assert server.sessions() == 0


@pytest.mark.parametrize(("path", "words"), [("/sample/7?q=1", "record 7 1"), ("/sample", "sample_plot")])
async def test_websocket_of_an_expired_session_gets_the_page_without_any_foreign_address(
    path: str, words: str
) -> None:
    first, second = await two_servers()
    client = await BokehClient(first.url.rstrip("/"), path).open(websocket_base=second.url.rstrip("/"))
    text = json.dumps(client.document)
    text += await client.wait_for("filled")
    await client.close()
    await first.stop()
    await second.stop()
    assert words in text
    assert "static/extensions/panel" in text
    assert "cdn." not in text


async def test_websocket_of_an_expired_session_gets_a_card_when_the_page_is_gone_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second = await two_servers()

    async def refuse(*_: object) -> None:
        raise RecordNotFound("gone meanwhile")

    application = next(a for a in second.applications if a.spec.path == "/sample/{record}")
    monkeypatch.setattr(application, "prepare", refuse)
    client = await BokehClient(first.url.rstrip("/"), "/sample/7").open(websocket_base=second.url.rstrip("/"))
    text = json.dumps(client.document)
    await client.close()
    await first.stop()
    await second.stop()
    assert "gone meanwhile" in text


async def two_servers() -> tuple[DashboardServer, DashboardServer]:
    """Two servers with one secret: to the second, the tokens of the first are those of expired sessions."""
    settings = Settings(secret="a secret for this test")
    archive = FakeArchive(settings=settings)
    made = build_server(archive, specs=SPECS), build_server(archive, specs=SPECS)
    for server in made:
        server.start()
    return made


async def test_everything_works_below_a_prefix() -> None:
    server = build_server(FakeArchive(), specs=SPECS, prefix="/dash")
    server.start()
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", timeout=20) as http:
            page = await http.get("/dash/sample/7")
            slash = await http.get("/dash/sample/7/", follow_redirects=True)
            missing = await http.get("/dash/nowhere/x")
            asset = await http.get("/dash/assets/page.css")
            health = await http.get("/dash/healthz")
        client = await BokehClient(f"http://127.0.0.1:{server.port}/dash", "/sample/7").open()
        await client.close()
    finally:
        await server.stop()
    assert [a.status_code for a in (page, slash, missing, asset, health)] == [200, 200, 404, 200, 200]
    assert str(slash.url).endswith("/dash/sample/7")
    assert 'href="../assets/page.css' in page.text
    assert 'href="../assets/page.css' in missing.text


async def test_page_is_filled_and_follows_a_change(server: DashboardServer) -> None:
    archive = server._archive
    client = await BokehClient(server.url.rstrip("/"), "/").open()
    async with asyncio.timeout(20):
        await client.wait_for("No database has")
        await until(lambda: len(archive.changes.subscribers) == 1)
        archive.text = "a new record"
        archive.changes.publish("products")
        await client.wait_for("a new record")
    await client.close()


async def test_twenty_closed_pages_leave_nothing_behind(server: DashboardServer) -> None:
    changes = server._archive.changes
    base = server.url.rstrip("/")
    warm = await BokehClient(base, "/").open()
    await warm.close()
    await until(lambda: server.sessions() == 0)
    gc.collect()
    before = count_documents()
    clients = [await BokehClient(base, "/").open() for _ in range(20)]
    await until(lambda: len(server.feed) == 20)
    assert len(changes.subscribers) == 1
    for client in clients:
        await client.close()
    await until(lambda: server.sessions() == 0 and len(server.feed) == 0)
    await until(lambda: not changes.subscribers)
    gc.collect()
    assert count_documents() <= before
    own = [t for t in asyncio.all_tasks() if "Session._with_document" in repr(t) or "ChangeFeed" in repr(t)]
    assert own == []


def count_documents() -> int:
    return sum(1 for o in gc.get_objects() if type(o) is Document and o.session_context is not None)


async def test_stopping_the_server_ends_its_tasks() -> None:
    server = build_server(FakeArchive(), specs=SPECS)
    server.start()
    client = await BokehClient(server.url.rstrip("/"), "/").open()
    await until(lambda: len(server.feed) == 1)
    await server.stop()
    await client.close()
    ours = [t for t in asyncio.all_tasks() - {asyncio.current_task()} if "/dashboards/" in repr(t)]
    assert ours == []


async def test_a_browser_that_is_slow_hears_of_new_content_before_what_changes_in_it(server: DashboardServer) -> None:
    client = await BokehClient(server.url.rstrip("/"), "/").open()
    view = next(o for o in gc.get_objects() if isinstance(o, PageView) and o.session.connected)
    session, slot = view.session, view.slots["facts"]
    await until(lambda: slot.content is not None)
    (connection,) = session.doc.session_context.session._subscribed_connections
    shown = figure(name="new content")

    async def place() -> None:
        await session.patch(lambda: slot.succeed(shown))
        await session.patch(lambda: shown.update(tags=["changed in it"]))

    with await connection._socket.write_lock.acquire():
        placing = asyncio.ensure_future(place())
        await asyncio.sleep(0.1)
    met = await asyncio.wait_for(client.wait_for("changed in it"), 10)
    await placing
    assert "new content" in met
    await client.close()
