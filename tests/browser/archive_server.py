"""Serves an archive for the browser tests: ``python -m tests.browser.archive_server PORT FOLDER [PREFIX]``."""

from __future__ import annotations

import asyncio
import logging
import sys

from dashboards.server import serve_async
from data_access import open_archive


async def main(port: str, folder: str, prefix: str = "") -> None:
    logging.basicConfig(level=logging.WARNING)
    async with open_archive(folder) as archive:
        await serve_async(archive, port=int(port), prefix=prefix, ready=lambda url: print(url, flush=True))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
