"""The list of ESE candidates: what is computed, how it is sorted, how it follows the pipeline."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from dashboards.components.browser_state import write_query
from dashboards.links import Links
from dashboards.pages.ese import COLUMNS, EsePage
from dashboards.pages.source_words import candidate_row
from dashboards.session import Session
from data_access import Archive, open_archive
from tests.dashboards.epoch_samples import NAME, write_epochs

COLUMN = {column["name"]: number for number, column in enumerate(COLUMNS)}


def add_candidate(folder: Path, name: str, significance: float, status: str) -> None:
    with closing(sqlite3.connect(folder / "state" / "db" / "products.sqlite3")) as db, db:
        db.execute(
            "INSERT INTO ese_candidates (source_id, flagged_at, flagged_by, significance, flag_type, status) "
            "VALUES (?, 1.7e9, 'auto', ?, 'auto', ?)",
            (name, significance, status),
        )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = write_epochs(tmp_path / "archive")
    add_candidate(made, "N03", 1.2, "dismissed")
    add_candidate(made, "<b>ghost</b>", 9.0, "investigated")
    return made


@pytest.fixture
async def archive(folder: Path) -> AsyncIterator[Archive]:
    async with open_archive(folder) as opened:
        yield opened


async def open_list(archive: Archive, **query: str) -> EsePage:
    view = EsePage(Session(archive, query=query))
    view.__panel__()
    await view.load()
    await view.settled()
    assert view.slot.failure is None
    return view


def column(view: EsePage, name: str) -> list[Any]:
    return [row["cells"][COLUMN[name]]["t"] for row in view.table.rows]


async def test_every_candidate_has_its_state_bound_statistic_and_dip(archive: Archive) -> None:
    view = await open_list(archive)
    found = {row["cells"][0]["t"]: row["cells"] for row in view.table.rows}
    own = {name: found[NAME][at] for name, at in COLUMN.items()}
    assert own["state"]["t"] == "active"
    assert (own["significance"]["t"], own["significance"]["u"]) == ("2.90", "of 3")
    assert (own["bound"]["t"], own["bound"]["u"]) == ("97", "%")
    assert float(own["leave_one_out"]["t"]) < -10
    assert (own["n"]["t"], own["run"]["t"], own["depth"]["t"], own["duration"]["t"]) == ("10", "4", "60", "9 d")
    assert own["normalised"]["t"] == "60"
    assert own["verdict"]["t"] == "the source itself"
    assert found["N03"][COLUMN["verdict"]]["t"] == "no dip to judge"


async def test_a_candidate_without_photometry_says_so_and_stays_text(archive: Archive) -> None:
    view = await open_list(archive)
    ghost = next(row for row in view.table.rows if row["cells"][0]["t"] == "<b>ghost</b>")
    assert ghost["cells"][COLUMN["verdict"]]["t"] == "no photometry"


async def test_an_impossible_flag_is_marked_and_says_which_number_of_epochs_it_is_held_against(
    archive: Archive, folder: Path
) -> None:
    with closing(sqlite3.connect(folder / "state" / "db" / "products.sqlite3")) as db, db:
        db.execute(
            "INSERT INTO variability_stats (source_id, ra_deg, dec_deg, nvss_flux_mjy, n_obs, updated_at) "
            "VALUES ('<b>ghost</b>', 1, 2, 3, 20, 1.8e9)"
        )
        db.execute(
            "INSERT INTO photometry (source_id, image_path, ra_deg, dec_deg, peak_jyb, peak_err_jyb, measured_at) "
            "VALUES ('ONCE', '/x/2026-04-01T08:00:00.img.fits', 150, 50, 0.2, 0.002, 1.8e9)"
        )
    add_candidate(folder, "ONCE", 5.2, "active")
    view = await open_list(archive)
    found = {row["cells"][0]["t"]: row["cells"] for row in view.table.rows}
    ghost, once = (found[name][COLUMN["significance"]] for name in ("<b>ghost</b>", "ONCE"))
    assert (ghost["t"], ghost["u"], ghost["s"]) == ("9.00", "> 4.36", "bad")
    assert "at most 4.36 with the 20 epochs of the stored statistics (there is no photometry)" in ghost["title"]
    assert (once["t"], once["u"], once["s"]) == ("5.20", "> 0.00", "bad")
    assert "with the 1 epoch in the photometry" in once["title"]
    assert found["<b>ghost</b>"][COLUMN["bound"]]["t"] == "206"
    candidates = {c.source_id: c for c in await archive.sources.find_ese_candidates()}
    assert candidate_row(candidates["ONCE"], Links(""))["cells"][2] == once
    assert candidate_row(candidates["ONCE"], Links(""), with_source=False)["cells"][1] == once


async def test_it_is_sorted_by_what_was_flagged_and_what_was_computed(archive: Archive) -> None:
    view = await open_list(archive, sort="significance")
    assert column(view, "source") == ["<b>ghost</b>", NAME, "N03"]
    view._sort_by("leave_one_out", False)
    assert column(view, "source")[0] == NAME
    assert write_query(view, view.url_params) == "sort=leave_one_out&order=asc"


def test_signed_columns_are_sorted_by_the_strongest_dip_first() -> None:
    lowest = {column["name"] for column in COLUMNS if column.get("lowest_first")}
    assert lowest == {"leave_one_out", "deepest"}


@pytest.mark.parametrize("sort", ["depth", "duration", "run", "deepest", "normalised", "verdict"])
@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_candidates_without_a_value_come_last_in_both_directions(
    archive: Archive, sort: str, order: str
) -> None:
    view = await open_list(archive, sort=sort, order=order)
    assert column(view, "source")[0] == NAME


async def test_a_state_keeps_its_candidates_and_unknown_words_are_harmless(archive: Archive) -> None:
    view = await open_list(archive, state="dismissed", sort="nonsense", page="-4", ese_sigma="x")
    assert column(view, "source") == ["N03"]
    assert view.sort == "flagged"
    assert view.table.total == "1 of 3"
    counts = {o["text"]: o["count"] for o in view.switches.switches[0]["options"]}
    assert counts == {"all": 3, "active": 1, "dismissed": 1, "investigated": 1}


async def test_a_new_candidate_and_a_new_state_are_patched_into_the_table(archive: Archive, folder: Path) -> None:
    view = await open_list(archive)
    table = view.slot.content
    add_candidate(folder, "N04", 2.0, "active")
    await view.refresh()
    await view.settled()
    assert view.slot.content is table
    assert "N04" in column(view, "source")
    assert len(view.table.rows) == 4


async def test_other_options_are_computed_anew(archive: Archive) -> None:
    view = await open_list(archive)
    view._submit({"ese_window": "", "ese_sigma": "1000"})
    await view.settled()
    assert set(column(view, "depth")) == {"—"}
    view._submit({"ese_window": "0", "ese_sigma": ""})
    assert set(view.form.errors) == {"ese_window"}


async def test_a_light_curve_is_analysed_once_until_it_has_another_epoch(archive: Archive, folder: Path) -> None:
    view = await open_list(archive)
    first = {entry.candidate.source_id: entry.summary for entry in view._done.values()}
    with closing(sqlite3.connect(folder / "state" / "db" / "products.sqlite3")) as db, db:
        db.execute(
            "INSERT INTO photometry (source_id, image_path, ra_deg, dec_deg, peak_jyb, peak_err_jyb, measured_at) "
            "VALUES ('N03', '/x/2026-04-01T08:00:00.img.fits', 150, 50, 0.2, 0.002, 1.8e9)"
        )
    again = await open_list(archive)
    second = {entry.candidate.source_id: entry.summary for entry in again._done.values()}
    assert second[NAME] is first[NAME]
    assert second["N03"] is not first["N03"]


@pytest.mark.parametrize("change", ["peak_jyb = 3 * peak_jyb WHERE mjd > 61110", "flags = 4 WHERE peak_jyb < 0.05"])
async def test_a_light_curve_that_was_written_anew_in_place_is_analysed_anew(
    archive: Archive, folder: Path, change: str
) -> None:
    view = await open_list(archive)
    before = column(view, "depth"), column(view, "leave_one_out")
    with closing(sqlite3.connect(folder / "state" / "db" / "products.sqlite3")) as db, db:
        db.execute(f"UPDATE photometry SET {change}")
    await view.refresh()
    await view.settled()
    assert (column(view, "depth"), column(view, "leave_one_out")) != before
    again = await open_list(archive)
    assert column(again, "depth") == column(view, "depth")


@pytest.mark.parametrize(
    ("name", "inside", "outside"),
    [
        ("depth_range", "50..70", ">70"),
        ("duration_range", "=9", "<9"),
        ("run_range", ">3", ">4"),
        ("deepest_range", "<-5", ">0"),
        ("leave_one_out_range", "<-10", ">0"),
        ("bound_range", "90..100", "<90"),
    ],
)
async def test_candidates_are_filtered_by_ranges_of_what_their_light_curves_say(
    archive: Archive, name: str, inside: str, outside: str
) -> None:
    view = await open_list(archive, **{name: inside})
    assert NAME in column(view, "source") and view.form.values[name] == inside
    assert "<b>ghost</b>" not in column(view, "source")
    view._submit({name: outside})
    assert NAME not in column(view, "source") and "of 3" in view.table.total
    assert f"{name}=" in write_query(view, view.url_params)
    view._submit({name: "deep"})
    assert set(view.form.errors) == {name} and getattr(view, name) == outside


async def test_a_range_without_meaning_in_the_url_is_said_at_its_field(archive: Archive) -> None:
    view = await open_list(archive, depth_range="deep")
    assert set(view.form.errors) == {"depth_range"}
    assert len(column(view, "source")) == 3
