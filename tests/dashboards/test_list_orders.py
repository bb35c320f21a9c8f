"""Lists say in which order they are, from the first look on."""

from __future__ import annotations

from pathlib import Path

import pytest

from dashboards.pages.wording import BY_FOLDER
from data_access import open_archive
from data_access.demo import write_demo
from tests.integration.page_opening import open_view

MARKED = [
    ("/ms", {}, "mid_mjd"),
    ("/jobs", {}, "mid_mjd"),
    ("/jobs", {"view": "tasks"}, "id"),
    ("/jobs", {"view": "batches"}, "id"),
    ("/jobs", {"view": "queue"}, "group_id"),
    ("/jobs", {"view": "raw"}, "group"),
    ("/jobs", {"view": "logs"}, "modified"),
    ("/calibration", {}, "created_at"),
    ("/sources", {}, "source_id"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small demo archive of the split layout."""
    return write_demo(tmp_path_factory.mktemp("orders") / "archive", nights=1)


@pytest.mark.parametrize(("route", "query", "column"), MARKED)
async def test_the_column_of_the_natural_order_is_marked(
    folder: Path, route: str, query: dict[str, str], column: str
) -> None:
    async with open_archive(folder) as archive:
        view = await open_view(archive, route, query)
        assert view.table.sort == column
        assert view.table.rows
        assert column in {c["name"] for c in view.table.columns if c.get("sortable")}
        chosen = await open_view(archive, route, {**query, "sort": column, "order": view.order})
        assert [row["key"] for row in chosen.table.rows] == [row["key"] for row in view.table.rows]


async def test_an_order_that_no_column_has_stands_beside_the_number(folder: Path) -> None:
    async with open_archive(folder) as archive:
        view = await open_view(archive, "/images")
        assert view.table.sort == ""
        assert view.table.total.endswith(" images, newest row first")
        assert (await open_view(archive, "/images", {"order": "asc"})).table.total.endswith(", oldest row first")
        assert (await open_view(archive, "/images", {"sort": "noise_jy"})).table.total.endswith(" images")


@pytest.mark.parametrize("route", ["/images", "/ms", "/jobs", "/calibration"])
async def test_a_column_of_names_says_that_it_is_sorted_by_folder(folder: Path, route: str) -> None:
    async with open_archive(folder) as archive:
        view = await open_view(archive, route)
    assert next(column for column in view.table.columns if column["name"] == "path")["title"] == BY_FOLDER
