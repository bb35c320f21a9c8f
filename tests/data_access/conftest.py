"""What several tests of the data layer start from."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from data_access.archive import Archive, open_archive
from tests.data_access.database_samples import Make, make_database


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Make]:
    """Return a function that opens an archive of one products database with these statements."""
    async with AsyncExitStack() as stack:

        async def archive(*statements: str) -> Archive:
            make_database(tmp_path / "products.sqlite3", *statements)
            return await stack.enter_async_context(open_archive(tmp_path))

        yield archive
