"""What a monitor is told that asks ``/healthz`` alone, with no page open."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from data_access import open_archive
from tests.conftest import served
from tests.data_access.database_samples import numbers


async def test_the_newest_write_and_what_cannot_be_read_are_of_now_though_no_page_is_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboards.live._OLD_S", 0.0)
    products = numbers(tmp_path / "products.sqlite3", 3)
    async with open_archive(tmp_path) as archive, served(archive) as http:
        first = (await http.get("/healthz")).json()
        assert first["last_write"] == pytest.approx(products.stat().st_mtime, abs=1.0)
        later = time.time() + 100.0
        os.utime(products, (later, later))
        assert (await http.get("/healthz")).json()["last_write"] == pytest.approx(later, abs=1.0)
        products.rename(tmp_path / "away")
        assert "cannot be read now: products" in (await http.get("/healthz")).json()["remarks"]
        (tmp_path / "away").rename(products)
        back = (await http.get("/healthz")).json()
        assert (back["ok"], back["remarks"]) == (True, [])
