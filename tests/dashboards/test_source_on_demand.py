"""What the page of a source shows when it is asked: definitions of the metrics, and why epochs are missing."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from dashboards.components.browser_state import write_query
from dashboards.links import Links
from dashboards.pages.metric_definitions import definition_rows
from dashboards.pages.source import SourcePage
from dashboards.session import Session
from data_access import Archive, open_archive
from tests.dashboards.epoch_samples import DEC_DEG, NAME, RA_DEG, STAMPS, write_epochs

REASONS = {2: "image gone", 3: "not covered", 5: "too noisy", 6: "no fit"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ten epochs, of which four have lost their measurement for four reasons."""
    made = write_epochs(tmp_path / "archive")
    with closing(sqlite3.connect(made / "state" / "db" / "products.sqlite3")) as db, db:
        db.execute("UPDATE images SET center_ra_deg = ?, center_dec_deg = ?, noise_jy = 1e-3", (RA_DEG, DEC_DEG))
        db.execute("UPDATE images SET noise_jy = 0.05 WHERE path LIKE ?", (f"%{STAMPS[5]}%",))
        for k in REASONS:
            db.execute("DELETE FROM photometry WHERE source_id = ? AND image_path LIKE ?", (NAME, f"%{STAMPS[k]}%"))
    return made


async def open_source(archive: Archive, **query: str) -> SourcePage:
    path_params = {"source_id": NAME}
    prepared = await SourcePage.prepare(archive, path_params, query)
    view = SourcePage(Session(archive, path_params=path_params, query=query, links=Links("../"), prepared=prepared))
    view.__panel__()
    await view.load()
    return view


def choose(view: SourcePage, name: str, value: str) -> None:
    view.switches._handle_msg({"type": "choose", "name": name, "value": value})


async def test_missing_epochs_are_listed_with_their_reason_when_asked_for(folder: Path) -> None:
    async with open_archive(folder) as archive:
        view = await open_source(archive)
        assert view.slots["missing epochs"].content is None
        choose(view, "missing", "on")
        await view.settled()
        table: Any = view.slots["missing epochs"].content
    found = {row["cells"][3]["t"][:19]: row["cells"][1]["t"] for row in table.rows}
    assert found == {STAMPS[k]: reason for k, reason in REASONS.items()}
    assert "missing=on" in write_query(view, view.url_params)
    assert "10 observations" in table.note


async def test_an_image_that_is_gone_and_never_reached_the_source_did_not_cover_it(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "state" / "db" / "products.sqlite3")) as db, db:
        db.execute(
            "UPDATE images SET center_dec_deg = ?, imsize_x = ?, imsize_y = ?, cellsize_arcsec = ? WHERE path LIKE ?",
            (DEC_DEG + 1.0, 64, 64, 6.0, f"%{STAMPS[2]}%"),
        )
    async with open_archive(folder) as archive:
        view = await open_source(archive, missing="on")
    table: Any = view.slots["missing epochs"].content
    cells = next(row["cells"] for row in table.rows if row["cells"][3]["t"].startswith(STAMPS[2]))
    assert (cells[1]["t"], cells[2]["t"][:5]) == ("not covered", "1.00°")


@pytest.mark.parametrize(
    ("type_of_others", "pointing_deg", "said"),
    [
        (
            "5min",
            1.0,
            ("not covered", "1.00° from the pointing of its MS; images of its type near here reached 0.08°"),
        ),
        ("5min", 0.05, ("image gone", "the file is not on disk any more")),
        ("mosaic", 1.0, ("image gone", "the file is not on disk any more")),
    ],
)
async def test_a_gone_image_without_a_size_is_judged_by_its_pointing_and_the_reach_of_its_type(
    folder: Path, type_of_others: str, pointing_deg: float, said: tuple[str, str]
) -> None:
    with closing(sqlite3.connect(folder / "state" / "db" / "products.sqlite3")) as db, db:
        db.execute("UPDATE images SET imsize_x = 64, imsize_y = 64, cellsize_arcsec = 6, type = ?", (type_of_others,))
        db.execute(
            "UPDATE images SET imsize_x = NULL, center_ra_deg = NULL, center_dec_deg = NULL, type = '5min' "
            "WHERE path LIKE ?",
            (f"%{STAMPS[2]}%",),
        )
        db.execute(
            "INSERT INTO ms_index (path, pointing_ra_deg, pointing_dec_deg) VALUES (?, ?, ?)",
            (f"/stage/ms/{STAMPS[2]}.ms", RA_DEG, DEC_DEG + pointing_deg),
        )
    async with open_archive(folder) as archive:
        view = await open_source(archive, missing="on")
    table: Any = view.slots["missing epochs"].content
    cells = next(row["cells"] for row in table.rows if row["cells"][3]["t"].startswith(STAMPS[2]))
    assert cells[1]["t"] == said[0] and cells[2]["t"].startswith(said[1])


def shown(view: SourcePage) -> list[tuple[str, str]]:
    """Return time and reason of what is listed."""
    table: Any = view.slots["missing epochs"].content
    return [(row["cells"][3]["t"][:19], row["cells"][1]["t"]) for row in table.rows]


async def test_missing_epochs_go_on_to_older_ones_page_by_page(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("data_access.services.missing_epochs.MOST_LOOKED_AT", 2)
    monkeypatch.setattr("data_access.services.missing_epochs._IMAGES_AT_ONCE", 3)
    with closing(sqlite3.connect(folder / "state" / "db" / "products.sqlite3")) as db, db:
        # the oldest observation was registered last: what is newest is said by the observation
        db.execute("UPDATE images SET id = 1000 WHERE path LIKE ?", (f"%{STAMPS[2]}%",))
    async with open_archive(folder) as archive:
        view = await open_source(archive, missing="on")
        assert shown(view) == [(STAMPS[6], REASONS[6]), (STAMPS[5], REASONS[5])]
        table: Any = view.slots["missing epochs"].content
        words = "2 of 4 without a measurement were looked at here, from 2026-03-19 back to 2026-03-16 (page 1 of 2"
        assert words in table.note and table.has_next and not table.has_previous
        table._handle_msg({"type": "next"})
        await view.settled()
        assert shown(view) == [(STAMPS[3], REASONS[3]), (STAMPS[2], REASONS[2])]
        assert "(page 2 of 2)" in table.note and table.has_previous and not table.has_next
    assert "missing_page=2" in write_query(view, view.url_params)


async def test_images_that_cannot_cover_a_source_take_no_look_from_those_that_can(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("data_access.services.missing_epochs.MOST_LOOKED_AT", 1)
    with closing(sqlite3.connect(folder / "state" / "db" / "products.sqlite3")) as db, db:
        for k in (5, 6):
            db.execute(
                "UPDATE images SET center_dec_deg = ?, imsize_x = 64, imsize_y = 64, cellsize_arcsec = 6 "
                "WHERE path LIKE ?",
                (DEC_DEG + 1.0, f"%{STAMPS[k]}%"),
            )
    async with open_archive(folder) as archive:
        view = await open_source(archive, missing="on")
    assert shown(view) == [(STAMPS[6], "not covered"), (STAMPS[5], "not covered"), (STAMPS[3], REASONS[3])]


async def test_where_no_centre_is_recorded_the_header_of_the_file_is_asked(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "state" / "db" / "products.sqlite3")) as db, db:
        db.execute("UPDATE images SET center_ra_deg = NULL, center_dec_deg = NULL")
    async with open_archive(folder) as archive:
        view = await open_source(archive, missing="on")
    table: Any = view.slots["missing epochs"].content
    found = {row["cells"][3]["t"][:19]: row["cells"][1]["t"] for row in table.rows}
    # of the image that is gone nothing says where it was; the one that does not cover the source lies elsewhere
    assert found == {STAMPS[k]: reason for k, reason in REASONS.items() if k in (5, 6)}
    assert "1 image has no recorded centre and could not be looked at" in table.note


async def test_headers_are_read_of_a_bounded_number_of_images(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("data_access.services.missing_epochs.MOST_HEADERS", 1)
    with closing(sqlite3.connect(folder / "state" / "db" / "products.sqlite3")) as db, db:
        db.execute("UPDATE images SET center_ra_deg = NULL, center_dec_deg = 'unknown'")
    async with open_archive(folder) as archive:
        view = await open_source(archive, missing="on")
    table: Any = view.slots["missing epochs"].content
    assert [row["cells"][1]["t"] for row in table.rows] == ["no fit"]
    assert "3 images have no recorded centre and could not be looked at" in table.note


async def test_a_place_at_the_edge_of_an_image_is_said_to_be_there(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "state" / "db" / "products.sqlite3")) as db, db:
        db.execute("UPDATE photometry SET dec_deg = ? WHERE source_id = ?", (DEC_DEG + 0.03, NAME))
    async with open_archive(folder) as archive:
        view = await open_source(archive, missing="on")
    table: Any = view.slots["missing epochs"].content
    assert {row["cells"][1]["t"] for row in table.rows} == {"image gone", "not covered", "near the edge"}


async def test_every_metric_of_the_table_has_its_definition_one_click_away(folder: Path) -> None:
    async with open_archive(folder) as archive:
        view = await open_source(archive)
        choose(view, "definitions", "on")
        await view.settled()
    table: Any = view.slots["definitions"].content
    explained = {row["key"] for row in table.rows}
    assert {row["key"] for row in view.metrics.rows} - explained == {"n", "min", "max"}


def test_every_definition_has_a_formula_a_unit_a_reference_and_a_caveat() -> None:
    for one in definition_rows():
        assert all(cell["t"] not in ("", "—") for cell in one["cells"])
