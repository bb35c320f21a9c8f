"""Fixtures shared by all tests: real components, built once per session."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from data_access import Archive

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what the tests cache and write out of the home folder of whoever runs them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DSA110_DASHBOARD_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("DSA110_DASHBOARD_DATA", str(tmp_path_factory.mktemp("data")))
        yield


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real files with known answers, beside the project."""
    if not (SHARED / "data").is_dir():
        pytest.skip("the folder ../shared with the real test files is not here: put it beside the project")
    return SHARED


def _build_archive(shared: Path, out: Path, layout: str) -> Path:
    command = [
        sys.executable, str(shared / "tools" / "real_archive.py"),
        "--data", str(shared / "data"), "--out", str(out), "--layout", layout,
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    return out


@pytest.fixture(scope="session")
def real_archive_split(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole archive of real files, split layout, with truth.json beside it."""
    return _build_archive(shared_data, tmp_path_factory.mktemp("real_split") / "archive", "split")


@pytest.fixture(scope="session")
def real_archive_unified(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same in the unified layout."""
    return _build_archive(shared_data, tmp_path_factory.mktemp("real_unified") / "archive", "unified")


@asynccontextmanager
async def served(archive: Archive) -> AsyncIterator[httpx.AsyncClient]:
    """Give a client of a server of the archive in this process."""
    from dashboards.server import build_server

    server = build_server(archive)
    server.start()
    async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
        yield client
    await server.stop()


@pytest.fixture
async def http(archive: Archive) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a server of the archive; `archive` is the one that is nearest to the test."""
    async with served(archive) as client:
        yield client
