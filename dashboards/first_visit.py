"""A first visit: the scripts go out before the page is built, so that the browser runs them meanwhile.

Building a page keeps the event loop busy for as long as the browser needs to read three megabytes of scripts, and the
requests for those come while it is at it: they would wait, and the browser with them.
"""

from __future__ import annotations

import asyncio
import hashlib

import bokeh
import panel
from tornado.httputil import HTTPServerRequest

COOKIE = "dsa110_scripts"
VERSION = hashlib.sha256(f"{bokeh.__version__} {panel.__version__}".encode()).hexdigest()[:12]
_LAST_SCRIPT = "/panel.min.js"
_LONGEST_WAIT_S = 0.3


class FirstVisits:
    """Visitors who have the start of a page and wait for its scripts."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Event] = set()

    @staticmethod
    def is_first(request: HTTPServerRequest) -> bool:
        """Return whether this is a browser that does not have the scripts yet: no cookie says that it has."""
        known = request.cookies.get(COOKIE)
        navigates = request.headers.get("Upgrade-Insecure-Requests") == "1"
        return navigates and (known is None or known.value != VERSION)

    async def scripts_sent(self) -> None:
        """Return when the scripts have been sent to somebody, or after a moment."""
        sent = asyncio.Event()
        self._waiting.add(sent)
        try:
            async with asyncio.timeout(_LONGEST_WAIT_S):
                await sent.wait()
        except TimeoutError:
            pass  # a browser that had them all along
        finally:
            self._waiting.discard(sent)

    def note_sent(self, path: str) -> None:
        """Take note of a file that was sent; the last of the scripts ends the waiting."""
        if path.endswith(_LAST_SCRIPT):
            for sent in self._waiting:
                sent.set()
