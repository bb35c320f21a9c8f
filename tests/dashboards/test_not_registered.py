"""What is on disk and in no database: what is not known is not worded as if it were recorded so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from data_access import open_archive
from data_access.demo.schema import create_database
from tests.data_access.test_readers_ms import ROWS, write_ms
from tests.integration.page_opening import open_view


def facts(groups: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {item["label"]: item["cell"] for group in groups for item in group["items"]}


async def test_the_validity_of_a_table_that_is_only_on_disk_is_not_known(tmp_path: Path) -> None:
    create_database(tmp_path / "state" / "db" / "pipeline.sqlite3", "pipeline")
    path = tmp_path / "stage" / "cal" / "lost_kcal"
    path.mkdir(parents=True)
    async with open_archive(tmp_path) as archive:
        view: Any = await open_view(archive, "/calibration/detail", {"path": str(path)})
    assert "no row" in view.note.text
    shown = facts(view.registry.groups)
    assert [(shown[label]["t"], shown[label]["s"]) for label in ("Valid from", "Valid to")] == [
        ("not known", "off"),
        ("not known", "off"),
    ]


async def test_a_set_that_is_only_on_disk_has_no_time_in_the_databases_but_one_in_its_file(tmp_path: Path) -> None:
    create_database(tmp_path / "state" / "db" / "pipeline.sqlite3", "pipeline")
    path = tmp_path / "stage" / "ms" / "field.ms"
    path.parent.mkdir(parents=True)
    write_ms(path, ROWS)
    async with open_archive(tmp_path) as archive:
        view: Any = await open_view(archive, "/ms/detail", {"path": str(path)})
    assert facts(view.contents.groups)["First"]["t"].startswith("2025-11-21")
    shown = facts(view.links_slot.content.groups)["Calibration set"]
    assert (shown["t"], shown["n"]) == ("unknown", "no time of observation is in the database: the rule needs one")
