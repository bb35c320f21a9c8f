"""Serves an archive for the browser tests: ``python -m tests.browser.archive_server PORT FOLDER [PREFIX]``.

Beside the pages, ``/sessions`` answers with the number of Bokeh's sessions, which only tests want to know.
"""

from __future__ import annotations

import asyncio
import logging
import sys

from tornado.web import RequestHandler

from dashboards.server import serve_async
from data_access import open_archive


class SessionsHandler(RequestHandler):
    """``/sessions``: how many sessions there are, as JSON number."""

    def get(self) -> None:
        contexts = self.application._applications.values()  # type: ignore[attr-defined]
        self.write(str(sum(len(list(context.sessions)) for context in contexts)))


async def main(port: str, folder: str, prefix: str = "") -> None:
    logging.basicConfig(level=logging.WARNING)
    async with open_archive(folder) as archive:
        await serve_async(
            archive, port=int(port), prefix=prefix, ready=lambda url: print(url, flush=True),
            extra_patterns=[(r"/sessions", SessionsHandler)],
        )  # fmt: skip


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
