"""The list of calibration tables and the page of one."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from bokeh.models import ColumnDataSource

from dashboards.links import Links
from dashboards.pages.calibration import CalibrationPage, snr_cell, validity_cells
from dashboards.pages.calibration_detail import CalibrationDetailPage
from dashboards.pages.calibration_facts import compared_rows, solver_group
from dashboards.pages.calibration_tiles import CalibrationNow, age_word, calibration_tiles
from dashboards.server import build_server
from dashboards.session import Session
from data_access import Archive, open_archive
from data_access.analysis.times import format_utc, unix_to_mjd
from data_access.errors import RecordNotFound, ValidationError
from data_access.records import CalibratorTransit, Caltable, CaltableSet, PageRequest
from data_access.repositories.calibration import CaltableFilter

BANDPASS = "stage/ms/calibrators/2025-10-13/2025-10-13T13:28:03_all_bpcal"
HOUR_S = 3600.0


@pytest.fixture
async def real(real_archive_split: Path) -> AsyncIterator[Archive]:
    async with open_archive(real_archive_split) as opened:
        yield opened


async def open_list(archive: Archive, **query: str) -> CalibrationPage:
    view = CalibrationPage(Session(archive, query=query))
    view.__panel__()
    await view.load()
    return view


async def open_detail(archive: Archive, path: str, **query: str) -> CalibrationDetailPage:
    asked = {"path": path, **query}
    prepared = await CalibrationDetailPage.prepare(archive, {}, asked)
    view = CalibrationDetailPage(Session(archive, query=asked, prepared=prepared))
    view.__panel__()
    await view.load()
    return view


async def newest(archive: Archive, table_type: str) -> Caltable:
    found = await archive.calibration.find(
        CaltableFilter(table_type=table_type), PageRequest(limit=1, sort="created_at")
    )
    return found.rows[0]


def make_table(**changes: Any) -> Caltable:
    nothing: dict[str, Any] = dict.fromkeys(
        ("set_name", "table_type", "order_index", "cal_field", "refant", "created_at", "valid_start_mjd",
         "valid_end_mjd", "status", "notes", "source_ms_path", "solver_command", "solver_version", "solver_params",
         "quality_metrics")
    )  # fmt: skip
    return Caltable(**{"id": 1, "path": "/cal/x", **nothing, **changes})


def facts_of(groups: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {item["label"]: item["cell"] for group in groups for item in group["items"]}


def columns_of(view: CalibrationPage, name: str) -> list[str]:
    index = [column["name"] for column in view.columns].index(name)
    return [row["cells"][index]["t"] for row in view.table.rows]


def tile_of(view: CalibrationPage, title: str) -> dict[str, Any]:
    return next(tile for tile in view.tiles.tiles if tile["title"] == title)


async def test_the_list_begins_with_the_table_made_last(archive: Archive) -> None:
    view = await open_list(archive)
    made = [row["cells"][5]["x"] for row in view.table.rows]
    assert made == sorted(made, reverse=True)
    assert len(made) == 50


async def test_the_type_and_the_status_filter_together(real: Archive) -> None:
    view = await open_list(real, type="BP", status="failed")
    assert columns_of(view, "path") == ["2025-10-13T13:28:03_all_bpcal_failed"]


async def test_valid_at_keeps_tables_whose_window_contains_the_time(real: Archive) -> None:
    view = await open_list(real, valid_at="2025-09-05 12:00", status="active")
    assert set(columns_of(view, "set_name")) == {"test_calibration_0"}


async def test_a_time_that_means_nothing_is_said_at_its_field(archive: Archive) -> None:
    view = await open_list(archive)
    view._submit({"valid_at": "yesterday"})
    assert "yesterday" in view.filters.errors["valid_at"]
    assert view.valid_at == ""


async def test_an_end_that_was_never_written_is_called_open(real: Archive) -> None:
    view = await open_list(real, text="2025-10-13T13:28:03_all_gpcal")
    assert columns_of(view, "valid_end_mjd") == ["open"]


def test_a_window_that_ends_before_it_starts_is_marked() -> None:
    _, end = validity_cells(make_table(valid_start_mjd=60001.0, valid_end_mjd=60000.0))
    assert end["s"] == "warn"


async def test_stored_figures_are_marked_by_their_grade(real: Archive) -> None:
    view = await open_list(real, text="test_calibration_final_gain")
    snr = view.table.rows[0]["cells"][[c["name"] for c in view.columns].index("snr")]
    assert (snr["t"], snr["s"]) == ("2.0", "bad")


@pytest.mark.parametrize("metrics", [None, {}, {"snr_median": "high"}, {"snr_median": None}, {"snr_median": True}])
def test_a_figure_that_is_no_number_is_missing_not_zero(metrics: dict[str, Any] | None) -> None:
    assert snr_cell(make_table(quality_metrics=metrics))["missing"]


@pytest.mark.parametrize(
    ("hours", "word"),
    [(0, "fresh"), (6, "fresh"), (6.1, "aging"), (12, "aging"), (12.1, "stale"), (24, "stale"), (24.1, "critical")],
)
def test_the_age_of_a_calibration_has_the_words_of_the_pipeline(hours: float, word: str) -> None:
    assert age_word(hours * HOUR_S)[0] == word


async def test_the_tiles_say_how_old_the_calibration_is_and_what_applies(archive: Archive) -> None:
    view = await open_list(archive)
    table = await archive.calibration.newest_active()
    assert table is not None
    assert tile_of(view, "Newest active table")["unix"] == table.created_at
    assert tile_of(view, "Newest active table")["word"] in ("fresh", "aging", "stale", "critical")
    assert tile_of(view, "Applies now")["word"].startswith("K, BP, GP")


async def test_a_set_that_applies_only_for_want_of_an_end_is_a_warning(real: Archive) -> None:
    view = await open_list(real)
    applied = tile_of(view, "Applies now")
    assert applied["state"] == "warn"
    assert "older than 24 h" in applied["word"]


def test_the_next_transit_is_expected_a_sidereal_day_after_the_last() -> None:
    now = 1.75e9
    last = CalibratorTransit("0834+555", unix_to_mjd(now) - 0.25, True, None, None, None, None)
    tiles = calibration_tiles(CalibrationNow(now, None, CaltableSet(None, None, (), ""), (last,)), Links())
    expected = tiles[3]
    assert (expected["value"]["t"], expected["word"]) == ("0834+555", "expected")
    assert expected["unix"] == pytest.approx(now + (0.99726957 - 0.25) * 86400)


def test_without_any_table_the_tiles_are_alarms_not_errors() -> None:
    tiles = calibration_tiles(CalibrationNow(1.75e9, None, CaltableSet(None, None, (), ""), ()), Links())
    assert [tile["state"] for tile in tiles] == ["bad", "bad", "off", "off"]


async def test_the_server_opens_a_table_by_the_link_of_its_row(archive: Archive) -> None:
    view = await open_list(archive, text="kcal")
    server = build_server(archive)
    server.start()
    try:
        async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
            found = await http.get(view.table.rows[0]["href"])
            unknown = await http.get(Links(root="").calibration_detail("/nowhere/<b>x"))
            nothing = await http.get("calibration/detail")
    finally:
        await server.stop()
    assert (found.status_code, unknown.status_code, nothing.status_code) == (200, 404, 400)
    assert "<b>x" not in unknown.text


async def test_a_row_leads_to_its_own_table_whatever_letters_its_path_has(archive: Archive) -> None:
    view = await open_list(archive)
    query = dict(parse_qsl(urlsplit(view.table.rows[0]["href"]).query))
    opened = await CalibrationDetailPage.prepare(archive, {}, query)
    assert str(opened.record.id) == view.table.rows[0]["key"]
    assert "Müller's 100% données: κ" in opened.record.path


async def test_without_a_path_the_page_asks_for_one(archive: Archive) -> None:
    with pytest.raises(ValidationError, match="which calibration table"):
        await CalibrationDetailPage.prepare(archive, {}, {"antenna": "3"})


async def test_an_unknown_table_is_not_found(archive: Archive) -> None:
    with pytest.raises(RecordNotFound):
        await CalibrationDetailPage.prepare(archive, {}, {"path": "/etc"})


async def test_the_page_has_the_figures_of_the_real_table(real: Archive, real_archive_split: Path) -> None:
    truth = json.loads((real_archive_split / "truth.json").read_text())["caltables"][BANDPASS]
    view = await open_detail(real, str(real_archive_split / BANDPASS))
    facts = facts_of(view.contents_slot.content.groups)
    assert facts["Fully flagged antennas"]["t"].split(", ") == truth["fully_flagged_antenna_names"]
    assert facts["Flagged"]["t"] == f"{100 * truth['flag_fraction']:.1f}"
    assert facts["Solutions"]["t"] == f"{truth['n_solutions']:,}"
    assert facts["Flagged share"]["t"] == "good"
    assert facts["Signal-to-noise"]["t"] == "suspect"


async def test_stored_figures_stand_beside_those_of_the_file(real: Archive, real_archive_split: Path) -> None:
    view = await open_detail(real, str(real_archive_split / BANDPASS))
    verdicts = {row["key"]: row["cells"][-1]["t"] for row in view.compared.rows}
    assert verdicts["flagged_fraction"] == "agrees"
    assert verdicts["snr_median"] == "agrees"
    assert view.detail is not None
    changed = replace(view.table, quality_metrics={"flagged_fraction": 0.01})
    first = compared_rows(changed, view.detail)[0]
    assert (first["key"], first["cells"][-1]["t"]) == ("flagged_fraction", "differs")


async def test_the_antenna_of_the_url_is_drawn_and_chosen(real: Archive, real_archive_split: Path) -> None:
    view = await open_detail(real, str(real_archive_split / BANDPASS), antenna="24")
    assert view.figures[0].select_one({"name": "antenna_0", "type": ColumnDataSource}) is not None
    assert view.chooser.values == {"antenna": "24"}


async def test_another_antenna_patches_the_figures(real: Archive, real_archive_split: Path) -> None:
    view = await open_detail(real, str(real_archive_split / BANDPASS), antenna="24")
    figures = list(view.figures)
    before = list(figures[0].select_one({"name": "antenna_0", "type": ColumnDataSource}).data["median"])
    view._submit({"antenna": "25"})
    await view.settled()
    assert view.figures == figures
    assert list(figures[0].select_one({"name": "antenna_0", "type": ColumnDataSource}).data["median"]) != before


async def test_an_antenna_that_does_not_exist_is_said_and_breaks_nothing(archive: Archive) -> None:
    table = await newest(archive, "BP")
    view = await open_detail(archive, table.path, antenna="<i>none</i>")
    words = view.figures[0].select_one({"name": "subtitle"}).text
    assert "no antenna <i>none</i> in this table" in words
    assert view.plots_slot.notice.text == ""


async def test_delays_without_signal_to_noise_are_not_graded_bad_for_it(
    real: Archive, real_archive_split: Path
) -> None:
    path = str(real_archive_split / "stage/ms/calibrators/2022-04-16/220416_08:31:47.r64_0_kcal")
    view = await open_detail(real, path)
    facts = facts_of(view.contents_slot.content.groups)
    assert facts["Signal-to-noise"]["t"] == "not applicable"
    assert facts["Median signal-to-noise"]["t"] == "not computed"
    assert facts["Flagged share"]["t"] == "suspect"


async def test_the_set_that_a_table_names_is_a_link_to_the_sets_of_that_name(
    real: Archive, real_archive_split: Path
) -> None:
    view = await open_detail(real, str(real_archive_split / BANDPASS))
    named = facts_of(view.contents_slot.content.groups)["Solved from"]
    assert named["t"].endswith(".ms")
    assert named["h"] == view.session.links.ms(text=named["t"][: -len(".ms")])


async def test_a_flagged_share_is_marked_by_its_grade_wherever_it_stands(real: Archive) -> None:
    seen = set()
    for table in (await real.calibration.find(CaltableFilter(), PageRequest(50))).rows:
        view = await open_detail(real, table.path)
        if view.detail is None:
            continue
        facts = facts_of(view.contents_slot.content.groups)
        heading = {item["label"]: item["cell"] for item in view.heading.items}
        word = facts["Flagged share"]["t"]
        state = {"good": None, "suspect": "warn", "bad": "bad"}[word]
        assert heading["flagged"].get("s") == facts["Flagged"].get("s") == state, table.path
        assert (snr_cell(table)["t"] == "none") <= (heading["SNR"]["t"] == "not computed")
        seen.add(word)
    assert len(seen) >= 2


async def test_a_set_applies_without_its_failed_table(real: Archive, real_archive_split: Path) -> None:
    failed = await open_detail(real, str(real_archive_split / f"{BANDPASS}_failed"))
    active = await open_detail(real, str(real_archive_split / BANDPASS))
    for view, word, state in ((failed, "this one, without this table", "off"), (active, "this one", "ok")):
        cells = [row["cells"][-1] for row in view.users.rows]
        assert [(cell["t"], cell["s"]) for cell in cells if cell["t"].startswith("this one")][:1] == [(word, state)]


async def test_a_failed_table_says_so_first_and_shows_what_is_recorded(
    real: Archive, real_archive_split: Path
) -> None:
    view = await open_detail(real, str(real_archive_split / f"{BANDPASS}_failed"))
    assert view.status.kind == "bad"
    assert "failed" in view.status.text
    assert "no unflagged data" in view.status.remedy
    assert "is not on disk" in view.plots_slot.notice.text
    assert not view.chooser.visible
    assert facts_of(view.registry.groups)["Command"]["t"].startswith("bandpass(")


async def test_an_active_table_has_no_banner(archive: Archive) -> None:
    view = await open_detail(archive, (await newest(archive, "BP")).path)
    assert not view.status.visible


async def test_the_tables_of_a_set_are_links_in_the_order_of_application(archive: Archive) -> None:
    table = await newest(archive, "GP")
    view = await open_detail(archive, table.path)
    assert [row["cells"][2]["t"] for row in view.set_table.rows] == ["K", "BP", "GP"]
    assert dict(parse_qsl(urlsplit(view.set_table.rows[2]["href"]).query))["path"] == table.path


async def test_provenance_leads_to_the_set_it_was_solved_from_and_to_those_it_was_valid_for(
    archive: Archive,
) -> None:
    table = await newest(archive, "GP")
    view = await open_detail(archive, table.path)
    origin = facts_of(view.links_slot.content.groups)["Measurement Set"]
    assert dict(parse_qsl(urlsplit(origin["h"]).query))["path"] == table.source_ms_path
    assert view.users.rows
    start = table.valid_start_mjd
    assert start is not None
    found = await archive.measurement_sets.find_by_paths([row["key"] for row in view.users.rows])
    assert all(start <= (ms.mid_mjd or 0) <= start + 1 for ms in found.values())


async def test_every_set_it_was_valid_for_says_which_tables_apply_as_its_own_page_does(archive: Archive) -> None:
    said = set()
    for table in (await archive.calibration.find(CaltableFilter(table_type="K"), PageRequest(limit=5))).rows:
        view = await open_detail(archive, table.path)
        for row in view.users.rows:
            ms = await archive.measurement_sets.get(row["key"])
            applied = (await archive.provenance.of_measurement_set(ms)).applicable
            assert applied is not None
            shown = row["cells"][-1]["t"]
            assert shown == ("this one" if applied.set_name == table.set_name else applied.set_name or "none")
            said.add(shown)
    assert said


async def test_a_refresh_keeps_the_figures_of_an_unchanged_table(archive: Archive) -> None:
    view = await open_detail(archive, (await newest(archive, "BP")).path)
    figures = list(view.figures)
    await view.refresh()
    assert view.figures == figures


async def test_a_refresh_shows_that_a_table_was_retired_meanwhile(demo_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(demo_folder / "state", tmp_path / "state")
    async with open_archive(tmp_path) as archive:
        table = await archive.calibration.newest_active()
        assert table is not None
        view = await open_detail(archive, table.path)
        with closing(sqlite3.connect(tmp_path / "state/db/cal_registry.sqlite3")) as db, db:
            db.execute("UPDATE caltables SET status = 'retired', notes = 'phase jump' WHERE id = ?", (table.id,))
        await view.refresh()
        assert (view.status.kind, view.status.remedy) == ("warn", "phase jump")
        assert facts_of(view.registry.groups)["Status"]["t"] == "retired"


def test_solver_parameters_of_any_shape_are_shown_as_text() -> None:
    for parameters, label, text in (
        ({"<b>refant</b>": ["103", "104"]}, "<b>refant</b>", '["103", "104"]'),
        ([1, 2], "Parameters", "[1, 2]"),
        ("not json", "Parameters", "not json"),
    ):
        facts = facts_of([solver_group(make_table(solver_params=parameters))])
        assert facts[label]["t"] == text


async def test_the_newest_table_has_its_year_when_it_is_not_of_the_last_days(archive: Archive) -> None:
    table = await archive.calibration.newest_active()
    assert table is not None and table.created_at is not None
    made = format_utc(table.created_at, seconds=False)
    for days, shown in ((6, made[5:]), (308, made)):
        state = CalibrationNow(table.created_at + days * 24 * HOUR_S, table, CaltableSet(None, None, (), ""), ())
        assert calibration_tiles(state, Links("../"))[0]["value"]["t"] == shown


async def test_fully_flagged_antennas_do_not_count_as_those_with_solutions(
    real: Archive, real_archive_split: Path
) -> None:
    view = await open_detail(real, str(real_archive_split / BANDPASS))
    assert view.detail is not None
    n, n_all = len(view.detail.fully_flagged), len(view.detail.antennas.names)
    assert n > 0
    shown = facts_of(view.contents_slot.content.groups)["Antennas"]["t"]
    assert shown == f"{n_all - n} with unflagged solutions of {n_all}"
