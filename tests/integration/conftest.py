"""Fixtures of the tests that take whole pages over whole archives."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from data_access import open_archive
from data_access.archive import Archive
from data_access.demo import write_demo
from tests.integration.page_opening import Known


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo archive that the tests leave as it is."""
    return write_demo(tmp_path_factory.mktemp("integration") / "archive", nights=1)


@pytest.fixture
async def archive(demo: Path) -> AsyncIterator[Archive]:
    """The demo archive, opened."""
    async with open_archive(demo) as opened:
        yield opened


@pytest.fixture(scope="session")
def known(demo: Path) -> Known:
    """Keys of the demo archive."""
    products = sqlite3.connect(demo / "state/db/products.sqlite3")
    registry = sqlite3.connect(demo / "state/db/cal_registry.sqlite3")
    measured = products.execute(
        "SELECT i.id, i.path, i.ms_path, p.source_id FROM images i JOIN photometry p ON p.image_path = i.path "
        "WHERE i.path LIKE '%.fits' AND p.source_id IN (SELECT source_id FROM variability_stats) "
        "ORDER BY i.id DESC, p.source_id"
    )
    image_id, image_path, ms_path, source_id = next(
        row for row in measured if Path(row[1]).is_file() and Path(row[2]).is_dir()
    )
    tables = registry.execute("SELECT path FROM caltables ORDER BY id DESC")
    caltable = next(path for (path,) in tables if Path(path).is_dir())
    products.close()
    registry.close()
    run = "job-" + Path(ms_path).stem.replace("T", "-").replace(":", "")
    return Known(str(image_id), image_path, source_id, run, ms_path, caltable)
