"""Files that are gone, cut or no such files: said in their place, while the record and the rest are shown."""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from data_access import open_archive
from data_access.archive import Archive
from tests.integration.page_opening import Known, cards, open_known, open_view


@pytest.fixture
def files(demo: Path, known: Known, tmp_path: Path) -> Path:
    """An archive of its own with the files of one run, to be damaged; keys are the same as in the demo."""
    shutil.copytree(demo / "state", tmp_path / "state", symlinks=True)
    for path in (known.image_path, known.ms_path):
        target = tmp_path / Path(path).relative_to(demo)
        target.parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if Path(path).is_dir() else shutil.copy
        copy(path, target)
    connection = sqlite3.connect(tmp_path / "state/db/products.sqlite3")
    for table, column in (("images", "path"), ("images", "ms_path"), ("ms_index", "path")):
        sql = f"UPDATE OR IGNORE {table} SET {column} = replace({column}, ?, ?)"
        connection.execute(sql, (str(demo), str(tmp_path)))
    connection.commit()
    connection.close()
    return tmp_path


def moved(known: Known, demo: Path, files: Path) -> Known:
    image, ms = (str(files / Path(path).relative_to(demo)) for path in (known.image_path, known.ms_path))
    return replace(known, image_path=image, ms_path=ms)


async def image_cards(files: Path, known: Known) -> tuple[dict[str, str], Any]:
    async with open_archive(files) as archive:
        view: Any = await open_known(archive, "/images/{image_id}", known)
        return cards(view), view


def truncate(path: str) -> None:
    content = Path(path).read_bytes()
    Path(path).write_bytes(content[: len(content) // 2])


def make_html(path: str) -> None:
    Path(path).write_text("<!DOCTYPE html><script>alert(1)</script>" * 200)


def empty(path: str) -> None:
    Path(path).write_bytes(b"")


def make_folder(path: str) -> None:
    Path(path).unlink()
    Path(path).mkdir()


@pytest.mark.parametrize("damage", [truncate, make_html, empty, make_folder, os.remove])
async def test_a_broken_image_is_said_in_its_place_and_the_record_is_shown(
    files: Path, known: Known, demo: Path, damage: Any, caplog: pytest.LogCaptureFixture
) -> None:
    here = moved(known, demo, files)
    damage(here.image_path)
    said, view = await image_cards(files, here)
    assert any(here.image_path in text for text in said.values())
    assert not any("unexpectedly" in text or text.startswith("Loading") for text in said.values())
    shown = {item["label"] for group in view.facts.groups for item in group["items"]}
    assert len(shown) > 5
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


def remove_main_table(path: str) -> None:
    Path(path, "table.dat").unlink()


def cut_main_table(path: str) -> None:
    truncate(str(Path(path, "table.dat")))


def cut_the_data(path: str) -> None:
    for data in Path(path).glob("table.f*"):
        data.write_bytes(data.read_bytes()[:64])


@pytest.mark.parametrize("damage", [shutil.rmtree, remove_main_table, cut_main_table, cut_the_data])
async def test_a_broken_measurement_set_is_said_in_its_place_and_the_record_is_shown(
    files: Path, known: Known, demo: Path, damage: Any, caplog: pytest.LogCaptureFixture
) -> None:
    here = moved(known, demo, files)
    damage(here.ms_path)
    async with open_archive(files) as archive:
        view: Any = await open_known(archive, "/ms/detail", here)
    said = cards(view)
    assert any(here.ms_path in text for text in said.values())
    assert not any("unexpectedly" in text or text.startswith("Loading") for text in said.values())
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_a_run_without_its_log_is_still_shown(files: Path, known: Known, demo: Path) -> None:
    for log in (files / "state/logs").rglob("*"):
        if log.is_file():
            log.unlink()
    async with open_archive(files) as archive:
        view: Any = await open_known(archive, "/jobs/{run_id}", moved(known, demo, files))
        said = cards(view)
        assert not any("unexpectedly" in text or text.startswith("Loading") for text in said.values())
        assert view.run_record.run_id == known.run_id


async def test_a_log_outside_the_log_folders_is_not_opened(archive: Archive, known: Known) -> None:
    view = await open_view(
        archive, "/jobs/{run_id}", {"log": "/etc/passwd"}, {"run_id": known.run_id}
    )  # fmt: skip
    assert any("/etc/passwd" in text for text in cards(view).values())
    listed: Any = await open_view(archive, "/jobs", {"view": "logs", "log": "/etc/passwd"})
    assert any("/etc/passwd is not below a folder" in text for text in cards(listed).values())
