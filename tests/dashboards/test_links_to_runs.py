"""The run that something comes from: a link where there is such a run, else its name and why there is none."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from data_access import Archive, open_archive
from data_access.demo.schema import create_database
from tests.conftest import served
from tests.integration.page_opening import open_view

MS = "/stage/ms/2026-01-21T05:00:00.ms"
CALTABLE = "/stage/cal/2026-01-21T05:00:00_kcal"
ROUTES = {"image": "/images/{image_id}", "caltable": "/calibration/detail"}


def write_archive(folder: Path, *ms_paths: str) -> Path:
    """Write an image and a calibration table of `MS`, and an index of other Measurement Sets."""
    database = folder / "state" / "db" / "pipeline.sqlite3"
    create_database(database, "pipeline")
    with closing(sqlite3.connect(database)) as db, db:
        db.executemany("INSERT INTO ms_index (path) VALUES (?)", [(path,) for path in ms_paths])
        db.execute(
            "INSERT INTO images (path, ms_path, created_at, type) "
            "VALUES ('/stage/images/2026-01-21T05:00:00.img.fits', ?, 1.769e9, '5min')",
            (MS,),
        )
        db.execute(
            "INSERT INTO caltables (set_name, path, table_type, order_index, created_at, source_ms_path) "
            "VALUES ('set', ?, 'K', 10, 1.769e9, ?)",
            (CALTABLE, MS),
        )
    return folder


async def run_cell_of(archive: Archive, page: str) -> dict[str, Any]:
    view: Any = await open_view(archive, ROUTES[page], {"path": CALTABLE}, {"image_id": "1"})
    items = [item for group in view.links_slot.content.groups for item in group["items"]]
    return next(item["cell"] for item in items if item["label"] == "Run and log")


@pytest.mark.parametrize("page", ROUTES)
async def test_a_run_that_is_not_known_is_named_without_a_link(tmp_path: Path, page: str) -> None:
    async with open_archive(write_archive(tmp_path)) as archive:
        shown = await run_cell_of(archive, page)
    assert shown["t"] == "job-2026-01-21-050000"
    assert "h" not in shown
    assert shown["n"] == "no such run: its Measurement Set is not in the index"


@pytest.mark.parametrize("page", ROUTES)
@pytest.mark.parametrize(("ms_path", "note"), [(MS, None), (f"/data{MS}", f"of the set of the same name, /data{MS}")])
async def test_the_link_of_a_run_leads_to_a_page(tmp_path: Path, page: str, ms_path: str, note: str | None) -> None:
    async with open_archive(write_archive(tmp_path, ms_path)) as archive:
        shown = await run_cell_of(archive, page)
        async with served(archive) as http:
            answer = await http.get(shown["h"].replace("../", "").replace("./", ""))
    assert (answer.status_code, shown.get("n")) == (200, note)
