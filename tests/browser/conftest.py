"""A real Chromium, a real server process, and a page that fails its test for what a reader would never see.

Fixtures
--------
browser
    Chromium for the whole session; skipped when there is none.
page
    A fresh page of 1280 x 720. At the end of the test it fails for console errors, violations of the content
    security policy, uncaught exceptions and requests to any other host, unless ``complaints.allowed`` was set.
sample
    URL of one server with the sample pages, shared by the tests that only look.
server
    ``server(*args, **options)`` starts ``python -m <module> PORT *args`` and returns a `ServerProcess`.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Error, Page, Playwright, expect, sync_playwright

from data_access.demo import write_demo

ROOT = Path(__file__).resolve().parents[2]
_ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run", "--disable-default-apps", "--disable-dev-shm-usage",
]  # fmt: skip
_PORTS_TRIED = 3
_LOCAL_SCHEMES = ("data", "blob", "about")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything in this folder."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


class ServerProcess:
    """A server of its own, that can be killed and started again on the same port."""

    def __init__(self, module: str, arguments: tuple[str, ...]) -> None:
        self.module = module
        self.arguments = arguments
        self.port = free_port()
        self.url = ""
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> ServerProcess:
        """Start, and return when the server has printed its URL.

        A port that was free a moment ago may be taken by another session's test: then the first start takes another.
        """
        for _ in range(_PORTS_TRIED):
            if self._has_started():
                return self
            if self.url or not any("already in use" in line for line in self.errors):
                break
            self.port = free_port()
        raise RuntimeError(f"the server did not start: {''.join(self.errors)[-2000:]}")

    def _has_started(self) -> bool:
        self._process = subprocess.Popen(
            [sys.executable, "-m", self.module, str(self.port), *self.arguments],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        out, err = self._process.stdout, self._process.stderr
        assert out is not None
        assert err is not None
        self.errors: list[str] = []
        reading = threading.Thread(target=lambda: self.errors.extend(err), daemon=True)
        reading.start()
        line = out.readline().strip()
        if not line.startswith("http"):
            self.kill()
            reading.join(5.0)
            return False
        self.url = line.replace("127.0.0.1", "localhost")
        return True

    def kill(self) -> None:
        """End it without any farewell."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> int:
        """Ask it to stop (SIGTERM) and return its exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(timeout=20)
        self._process = None
        return code

    def freeze(self) -> None:
        """Make it hang with its sockets open."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def server() -> Iterator[Callable[..., ServerProcess]]:
    """Start servers that end with the test."""
    started: list[ServerProcess] = []

    def start(*arguments: str, module: str = "tests.dashboards.shell_samples") -> ServerProcess:
        started.append(ServerProcess(module, arguments))
        return started[-1].start()

    yield start
    for process in started:
        process.kill()


@pytest.fixture(scope="session")
def sample() -> Iterator[str]:
    """The URL of a server with the sample pages, the same for all tests that do not end or stop it."""
    process = ServerProcess("tests.dashboards.shell_samples", ()).start()
    yield process.url
    process.kill()


@pytest.fixture(scope="session")
def _playwright() -> Iterator[Playwright]:
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="session")
def browser(_playwright: Playwright) -> Iterator[Browser]:
    """Chromium, headless: the one of the system, else playwright's own."""
    system = next((p for p in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if p), None)
    try:
        made = _playwright.chromium.launch(executable_path=system, args=_ARGUMENTS)
    except Error as err:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no Chromium can be started here (install the package chromium): {err}")
    yield made
    made.close()


class Complaints:
    """What went wrong in a page behind the reader's back."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self.allowed = False

    def watch(self, page: Page) -> None:
        """Collect from `page`."""
        page.on("console", self._console)
        page.on("pageerror", self._uncaught)
        page.on("request", lambda request: self._request(page, request.url))

    def _uncaught(self, err: Error) -> None:
        stack = str(err.stack or "")
        # BokehJS 3.9 (_image_index, _get_column_value) reads past the rows of an image whose very edge the pointer
        # meets: a hover box less. Only that, and only where its own code stands at the top of the stack.
        top = next((line for line in stack.splitlines() if line.strip().startswith("at ")), "")
        if re.search(r"of undefined \(reading '\d+'\)", str(err)) and "/static/js/bokeh" in top:
            return
        self.found.append(f"uncaught: {err} {stack}")

    def _console(self, message: Any) -> None:
        if message.type == "error" or "Content Security Policy" in message.text:
            self.found.append(f"console: {message.text} {message.location.get('url', '')}")

    def _request(self, page: Page, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in _LOCAL_SCHEMES and parts.hostname not in ("localhost", "127.0.0.1"):
            self.found.append(f"request to a foreign host: {url}")


@pytest.fixture
def complaints() -> Complaints:
    """The list that the `page` of this test fails for; set ``allowed`` to look at it instead."""
    return Complaints()


@pytest.fixture
def page(browser: Browser, complaints: Complaints, server: Callable[..., ServerProcess]) -> Iterator[Page]:
    """A fresh page in a fresh profile; it is closed before the server ends, which would be a lost connection."""
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    context.set_default_timeout(15_000)
    made = context.new_page()
    expect.set_options(timeout=15_000)
    complaints.watch(made)
    yield made
    context.close()
    if not complaints.allowed:
        assert complaints.found == []


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo archive of one night that tests only read."""
    return write_demo(tmp_path_factory.mktemp("browser_demo") / "archive", nights=1)


def newest_image(folder: Path) -> tuple[int, Path]:
    """Row number and file of the newest primary-beam corrected FITS image on disk."""
    with sqlite3.connect(f"file:{folder}/state/db/products.sqlite3?mode=ro", uri=True) as database:
        rows = database.execute("SELECT id, path FROM images WHERE path LIKE '%.pbcor.fits' ORDER BY id DESC")
        return next((int(number), Path(path)) for number, path in rows if Path(path).is_file())
