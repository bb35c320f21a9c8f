"""What was applied to an observation: as it is recorded, else as the rule chooses, on every page that says so."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from data_access import open_archive
from data_access.demo.schema import create_database
from tests.integration.page_opening import open_view

MID_MJD = 61060.2
MS = "/stage/ms/2026-01-20T05:00:00.ms"
IMAGE = "/stage/images/2026-01-20T05:00:00.img.fits"
HOUR_DAYS = 1 / 24


def unix(mjd: float) -> float:
    return (mjd - 40587) * 86400


def write_archive(folder: Path, *statements: str, sets: dict[str, float]) -> Path:
    """Write an archive of one observation; `sets` are sets of three tables and when they were made (MJD)."""
    database = folder / "state" / "db" / "pipeline.sqlite3"
    create_database(database, "pipeline")
    with closing(sqlite3.connect(database)) as db, db:
        db.execute(
            "INSERT INTO ms_index (path, mid_mjd, processed_at, stage, status) VALUES (?, ?, ?, 'imaged', 'done')",
            (MS, MID_MJD, unix(MID_MJD + 2 * HOUR_DAYS)),
        )
        db.execute(
            "INSERT INTO images (path, ms_path, created_at, type) VALUES (?, ?, ?, '5min')",
            (IMAGE, MS, unix(MID_MJD + 2 * HOUR_DAYS)),
        )
        for name, made_mjd in sets.items():
            for order, kind in ((30, "BP"), (10, "K"), (50, "GP")):
                db.execute(
                    "INSERT INTO caltables (set_name, path, table_type, order_index, created_at, valid_start_mjd, "
                    "status) VALUES (?, ?, ?, ?, ?, ?, 'active')",
                    (name, path_of(name, kind), kind, order, unix(made_mjd), MID_MJD - HOUR_DAYS),
                )
        for statement in statements:
            db.execute(statement)
    return folder


def path_of(name: str, kind: str) -> str:
    return f"/stage/cal/{name}_{kind.lower()}cal"


def applied(kind: str, *, success: str = "1", error: str = "NULL", path: str = "") -> str:
    return (
        "INSERT INTO calibration_applied (ms_path, caltable_path, applied_at, success, error_message) "
        f"VALUES ('{MS}', '{path or path_of('first', kind)}', {unix(MID_MJD + HOUR_DAYS)}, {success}, {error})"
    )


BOTH_SETS = {"first": MID_MJD + 0.5 * HOUR_DAYS, "second": MID_MJD + 3}
RECORDED = (applied("GP", success="0", error="'no solutions'"), applied("BP"), applied("K"))


async def open_pages(folder: Path) -> dict[str, list[tuple[str, dict[str, Any]]]]:
    """Return the facts of what the observation comes from, label and cell, on all pages that have them."""
    async with open_archive(folder) as archive:
        image = await open_view(archive, "/images/{image_id}", {}, {"image_id": "1"})
        ms = await open_view(archive, "/ms/detail", {"path": MS})
        job = await open_view(archive, "/jobs/{run_id}", {}, {"run_id": "job-2026-01-20-050000"})
    groups = {
        "image": image.slots["links"].content.groups,
        "ms": ms.slots["links"].content.groups,
        "job": job.slots["what it was made from"].content.groups,
    }
    return {
        page: [(item["label"], item["cell"]) for group in found for item in group["items"]]
        for page, found in groups.items()
    }


def of(facts: list[tuple[str, dict[str, Any]]], *labels: str) -> list[tuple[str, dict[str, Any]]]:
    return [(label, shown) for label, shown in facts if label in labels]


async def test_what_is_recorded_as_applied_is_shown_in_its_order_and_not_what_the_rule_says(tmp_path: Path) -> None:
    for page, facts in (await open_pages(write_archive(tmp_path, *RECORDED, sets=BOTH_SETS))).items():
        shown = of(facts, "Calibration set", "K", "BP", "GP")
        assert [label for label, _ in shown] == ["Calibration set", "K", "BP", "GP"], page
        assert shown[0][1]["t"] == "first"
        assert shown[0][1]["n"].startswith("recorded as applied")
        assert all("calibration/detail?path=" in table["h"] for _, table in shown[1:])
        assert "applied 2026-01-20 05:48:00 UTC" in shown[1][1]["n"]


async def test_a_table_whose_application_failed_is_marked_and_says_why(tmp_path: Path) -> None:
    for facts in (await open_pages(write_archive(tmp_path, *RECORDED, sets=BOTH_SETS))).values():
        ((_, failed),) = of(facts, "GP")
        assert failed["s"] == "bad"
        assert "no solutions" in failed["n"]
        ((_, name),) = of(facts, "Calibration set")
        assert "1 of 3 tables failed" in name["n"]


async def test_a_table_of_no_registry_is_named_without_a_link(tmp_path: Path) -> None:
    folder = write_archive(tmp_path, applied("K", path="/stage/cal/lost"), sets=BOTH_SETS)
    for facts in (await open_pages(folder)).values():
        ((_, lost),) = of(facts, "table")
        assert (lost["t"], "h" in lost) == ("lost", False)
        assert "not in the registry" in lost["n"]


@pytest.mark.parametrize(
    "statements",
    [
        (),
        (*RECORDED, "DROP TABLE calibration_applied"),
        (*RECORDED, "ALTER TABLE calibration_applied RENAME COLUMN caltable_path TO cal"),
        ("DROP TABLE calibration_applied", "CREATE TABLE calibration_applied (note TEXT)"),
    ],
)
async def test_without_a_record_the_rule_counts(tmp_path: Path, statements: tuple[str, ...]) -> None:
    for facts in (await open_pages(write_archive(tmp_path, *statements, sets=BOTH_SETS))).values():
        ((_, name),) = of(facts, "Calibration set")
        assert name["t"] == "second"
        assert "by the rule" in name["n"]


async def test_a_record_without_times_and_success_is_shown(tmp_path: Path) -> None:
    statements = (
        "DROP TABLE calibration_applied",
        "CREATE TABLE calibration_applied (ms_path TEXT, caltable_path TEXT)",
        f"INSERT INTO calibration_applied VALUES ('{MS}', '{path_of('first', 'K')}')",
    )
    for facts in (await open_pages(write_archive(tmp_path, *statements, sets=BOTH_SETS))).values():
        shown = of(facts, "Calibration set", "K")
        assert [cell["t"] for _, cell in shown] == ["first", "first_kcal"]
        assert "s" not in shown[1][1]


@pytest.mark.parametrize(
    ("table", "word", "state", "note"),
    [
        (path_of("first", "K"), "this one", "ok", "recorded as applied"),
        (path_of("first", "GP"), "this one", "bad", "failed: no solutions"),
        (path_of("second", "K"), "first", "warn", "recorded as applied"),
    ],
)
async def test_the_page_of_a_table_says_what_is_recorded_as_applied_to_the_sets_of_its_time(
    tmp_path: Path, table: str, word: str, state: str, note: str
) -> None:
    async with open_archive(write_archive(tmp_path, *RECORDED, sets=BOTH_SETS)) as archive:
        view: Any = await open_view(archive, "/calibration/detail", {"path": table})
        (used,) = view.users.rows
    shown = used["cells"][-1]
    assert (shown["t"], shown["s"], shown["n"]) == (word, state, note)


LATER = {"image": "this image", "ms": "the Measurement Set was processed", "job": "the Measurement Set was processed"}


async def test_a_set_made_after_the_product_is_marked_as_one_that_cannot_have_been_applied(tmp_path: Path) -> None:
    for page, facts in (await open_pages(write_archive(tmp_path, sets=BOTH_SETS))).items():
        ((_, name),) = of(facts, "Calibration set")
        assert (name["t"], name["s"]) == ("second", "warn")
        assert f"made after {LATER[page]}: it cannot have been applied" in name["n"]


async def test_a_set_made_before_the_product_is_not_marked(tmp_path: Path) -> None:
    folder = write_archive(tmp_path, sets={"first": MID_MJD + 0.5 * HOUR_DAYS})
    for facts in (await open_pages(folder)).values():
        ((_, name),) = of(facts, "Calibration set")
        assert (name["t"], name["n"]) == ("first", "that applies by the rule, as of now")
        assert "s" not in name


async def test_a_set_with_one_table_made_later_says_how_many(tmp_path: Path) -> None:
    later = f"UPDATE caltables SET created_at = {unix(MID_MJD + 1)} WHERE table_type = 'GP'"
    folder = write_archive(tmp_path, later, sets={"first": MID_MJD})
    for facts in (await open_pages(folder)).values():
        ((_, name),) = of(facts, "Calibration set")
        assert "1 of 3 tables made after" in name["n"]
        assert name["s"] == "warn"


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("valid_start_mjd", f"{MID_MJD - 99}", "99 d before the observation"),
        ("valid_start_mjd", f"{MID_MJD - 1.5}", "1.5 d before the observation"),
        ("valid_start_mjd", f"{MID_MJD - 0.9}", ""),
        ("valid_start_mjd", "NULL", ""),
        ("source_ms_path", "'/stage/ms/2026-01-17T04:48:00.ms'", "3.0 d before the observation"),
    ],
)
async def test_the_distance_of_the_calibration_is_said_when_it_is_more_than_a_day(
    tmp_path: Path, column: str, value: str, words: str
) -> None:
    update = f"UPDATE caltables SET {column} = {value}"
    by_rule = write_archive(tmp_path / "rule", update, sets={"first": MID_MJD})
    recorded = write_archive(tmp_path / "record", update, applied("K"), sets={"first": MID_MJD})
    for folder in (by_rule, recorded):
        for facts in (await open_pages(folder)).values():
            ((_, name),) = of(facts, "Calibration set")
            assert name["n"].partition("; ")[2] == words
