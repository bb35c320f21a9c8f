"""The web server: routes, static files, liveness, start and orderly stop."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import secrets
import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import panel as pn
from panel.io.server import get_server
from panel.io.state import state as panel_state
from tornado.web import RequestHandler, StaticFileHandler

from dashboards.boundary import Boundary
from dashboards.compression import CompressedFiles, CompressOnce
from dashboards.epoch_files import epoch_file_rules
from dashboards.image_files import image_file_rules
from dashboards.lean_serialization import send_lean
from dashboards.live import ChangeFeed
from dashboards.mark_files import mark_file_rules
from dashboards.panel_patches import PageApplication, log_callback_error, own_handlers, page_applications
from dashboards.public_address import host_in_url, origin_of, prefix_of
from dashboards.routes import ROUTES
from dashboards.session import PageSpec
from dashboards.shell import ASSETS, Shell
from dashboards.source_files import source_file_rules
from data_access.errors import ValidationError

log = logging.getLogger("dsa110.dashboard")
DAY_S = 86_400
_LOOK_S = 1.0


class HealthHandler(RequestHandler):
    """``/healthz``: answers while the event loop turns; builds no session, and waits for no database for long."""

    def initialize(self, shell: Shell, archive: Any) -> None:
        """Receive the shell, which knows the boot id and the newest write, and the archive for its workers."""
        self._shell = shell
        self._offload = getattr(archive, "offload", None)

    async def get(self) -> None:
        """Write ``{"ok", "boot", "now", "last_write", "writes", "remarks", "workers"}``; times are unix seconds.

        ``writes`` has the newest write by database. ``workers`` that are ``"broken"`` are no reason for a restart:
        the next read replaces them.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_S):
                await self._shell.feed.look()
        self.set_header("Content-Type", "application/json")
        self.set_header("Cache-Control", "no-store")
        self.write(
            json.dumps(
                {
                    "ok": True,
                    "boot": self._shell.boot_id,
                    "now": round(time.time(), 3),
                    "last_write": self._shell.feed.last_write,
                    "writes": dict(self._shell.feed.writes),
                    "remarks": self._shell.feed.remarks,
                    "workers": getattr(self._offload, "worker_state", "not started"),
                }
            )
        )

    async def head(self) -> None:
        """Answer as `get` does, without the text."""
        await self.get()


class DashboardServer:
    """A server with its background tasks; made by `build_server`, used inside a running event loop.

    Attributes
    ----------
    port : int
    url : str
        Of the overview, with the prefix.
    feed : ChangeFeed
    """

    def __init__(self, server: Any, shell: Shell, archive: Any, server_id: str, url: str) -> None:
        self.bokeh = server
        self.shell = shell
        self.feed = shell.feed
        self.port: int = server.port
        self.url = url
        self._archive = archive
        self._id = server_id
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Serve, and watch the databases for changes."""
        self.bokeh.start()
        self._tasks.append(asyncio.get_running_loop().create_task(self._watch()))

    async def stop(self) -> None:
        """Stop serving, close the open connections and cancel the background tasks."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for page in self.feed.pages():
            page.close()
        self.bokeh.stop(wait=False)
        await self.bokeh._http.close_all_connections()
        panel_state._servers.pop(self._id, None)

    @property
    def applications(self) -> tuple[PageApplication, ...]:
        """The applications of the routes."""
        return tuple(c.application for c in self.bokeh._tornado._applications.values())

    def sessions(self) -> int:
        """Return how many Bokeh sessions exist."""
        return sum(len(list(c.sessions)) for c in self.bokeh._tornado._applications.values())

    async def _watch(self) -> None:
        delay_s = 1.0
        while True:
            with Boundary("watching the databases"):
                await self._archive.changes.run()
            await asyncio.sleep(delay_s)
            delay_s = min(60.0, 2 * delay_s)


def build_server(
    archive: Any,
    *,
    address: str = "127.0.0.1",
    port: int = 0,
    prefix: str = "",
    allowed_origins: Sequence[str] = (),
    specs: Sequence[PageSpec] = ROUTES,
    extra_patterns: Sequence[tuple[Any, ...]] = (),
) -> DashboardServer:
    """Return a server that listens but does not answer yet; call inside the event loop that will run it.

    Parameters
    ----------
    archive : Archive
        Needs ``changes`` (see `dashboards.live.Changes`) and may have ``settings``.
    address : str
        To listen on; ``"0.0.0.0"`` for all, then name the public hosts in `allowed_origins`.
    port : int
        0 for any free one.
    prefix : str
        Path below which everything is served, for example ``"/dash"``.
    allowed_origins : sequence of str
        Further ``host:port`` from which a browser may open the websocket (see `dashboards.public_address`).
    extra_patterns : sequence of tuple
        Further Tornado rules (the JSON API); they get the prefix, our headers and our error pages.

    Raises
    ------
    ValidationError
        When it cannot listen on this address and port, or an origin or the prefix is none.
    """
    pn.config.exception_handler = log_callback_error
    send_lean()
    pn.config.browser_info = False  # nobody asks, and the browser looks it up for 20 ms before the first plot
    origins = {origin_of(name) for name in allowed_origins}
    settings = getattr(archive, "settings", None)
    feed = ChangeFeed(archive.changes)
    shell = Shell(specs, feed, boot_id=secrets.token_hex(8), stale_after_s=getattr(settings, "stale_after_s", 3600.0))
    server_id = secrets.token_hex(8)
    interrupt = signal.getsignal(signal.SIGINT)
    server = _listen(
        page_applications(tuple(specs), shell, archive, settings),
        port=port,
        address=address,
        prefix=prefix_of(prefix),
        server_id=server_id,
        use_index=False,
        ico_path="none",
        extra_patterns=[
            (r"/healthz", HealthHandler, {"shell": shell, "archive": archive}),
            (r"/assets/(.*)", StaticFileHandler, {"path": str(ASSETS)}),
            *image_file_rules(archive),
            *epoch_file_rules(archive),
            *mark_file_rules(archive),
            *source_file_rules(archive),
            *extra_patterns,
        ],
        sign_sessions=True,
        secret_key=(getattr(settings, "secret", "") or secrets.token_hex(32)).encode(),
        session_token_expiration=DAY_S,
        unused_session_lifetime_milliseconds=5000,
        check_unused_sessions_milliseconds=2000,
        websocket_ping_interval=20,
        websocket_ping_timeout=20,
        compress_response=True,
    )
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, interrupt)  # Panel takes Ctrl-C for a loop that is not ours
    _put_first(server._tornado, "/sources/export")
    own_handlers(server._tornado, shell)
    server._tornado.transforms = [partial(CompressOnce, CompressedFiles())]
    host = host_in_url(address)
    own = {f"{name}:{server.port}" for name in ("localhost", "127.0.0.1", host)}
    server._tornado.websocket_origins.update(own, origins)
    url = f"http://{host}:{server.port}{server.prefix.rstrip('/')}/"
    return DashboardServer(server, shell, archive, server_id, url)


def _put_first(tornado: Any, path: str) -> None:
    """Let the rule of a path be asked before those of the pages: ``/sources/{id}`` would take it for a source."""
    rules = tornado.wildcard_router.rules
    rules.sort(key=lambda rule: path not in getattr(getattr(rule.matcher, "regex", None), "pattern", ""))


def _listen(applications: dict[str, Any], *, address: str, port: int, **options: Any) -> Any:
    if not 0 <= port <= 65_535:
        raise ValidationError(f"Cannot listen on port {port}: ports go from 0 (any free one) to 65535")
    try:
        return get_server(applications, address=address, port=port, **options)
    except OSError as err:
        raise ValidationError(
            f"Cannot listen on {address or 'all addresses'}, port {port}: {err.strerror or err}",
            remedy="Another program may use it: choose another address or port (0 is any free one).",
        ) from err


async def serve_async(
    archive: Any,
    *,
    address: str = "127.0.0.1",
    port: int = 5006,
    prefix: str = "",
    allowed_origins: Sequence[str] = (),
    ready: Callable[[str], None] | None = None,
    extra_patterns: Sequence[tuple[Any, ...]] = (),
    specs: Sequence[PageSpec] = ROUTES,
) -> None:
    """Serve until SIGINT or SIGTERM; `ready` is called with the URL as soon as the server answers."""
    server = build_server(
        archive, address=address, port=port, prefix=prefix,
        allowed_origins=allowed_origins, extra_patterns=extra_patterns, specs=specs,
    )  # fmt: skip
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    server.start()
    log.info("serving %s", server.url)
    # What stands until the end is not looked through again and again: 100 ms each time, in which no page is answered.
    gc.collect()
    gc.freeze()
    try:
        if ready is not None:
            ready(server.url)
        await stopped.wait()
    finally:
        await server.stop()


def serve(archive: Any, **options: Any) -> None:
    """Serve until SIGINT or SIGTERM; the options are those of `serve_async`."""
    asyncio.run(serve_async(archive, **options))
