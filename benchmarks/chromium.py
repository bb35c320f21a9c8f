"""A headless Chromium, and servers in processes of their own."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from playwright.async_api import Browser, async_playwright

ROOT = Path(__file__).resolve().parent.parent
_ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run", "--disable-default-apps", "--disable-dev-shm-usage",
]  # fmt: skip
_STOP_S = 10


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Start the Chromium of this machine; every context made from it begins with an empty profile and cache."""
    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if executable is None:
        raise SystemExit("this item needs a Chromium: put one on the PATH")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=_ARGUMENTS, headless=True)
        try:
            yield browser
        finally:
            await browser.close()


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(arguments: Sequence[str], *, ready: str) -> Iterator[None]:
    """Run ``python <arguments>`` until the end of the block; it is up when it prints a line with `ready`."""
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [sys.executable, "-u", *arguments], cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True
        )
        try:
            _wait_for(process, ready, errors)
            yield
        finally:
            process.terminate()
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()


def _wait_for(process: subprocess.Popen[str], ready: str, errors: object) -> None:
    for line in process.stdout or ():
        if ready in line:
            return
    errors.seek(0)  # type: ignore[attr-defined]
    raise RuntimeError(f"the server ended with status {process.wait()}: {errors.read()[-2000:]}")  # type: ignore[attr-defined]


@contextmanager
def dashboard(state_dir: Path) -> Iterator[str]:
    """Serve an archive with the dashboard; yields its URL without a trailing slash."""
    port = free_port()
    with serving(["app.py", "serve", "--state-dir", str(state_dir), "--port", str(port)], ready="Dashboard:"):
        yield f"http://127.0.0.1:{port}"
