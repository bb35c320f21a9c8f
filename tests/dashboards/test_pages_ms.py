"""The list of Measurement Sets and the page of one."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import numpy as np
import pytest
from bokeh.models import ColumnDataSource

from dashboards.links import Links
from dashboards.pages.ms import MSPage, duration_cell
from dashboards.pages.ms_detail import MSDetailPage
from dashboards.pages.ms_facts import antenna_rows, file_group, record_group
from dashboards.pages.wording import mjd_cell, window_words, with_utc
from dashboards.server import build_server
from dashboards.session import Session
from data_access import Archive, open_archive
from data_access.analysis.times import format_mjd_utc, parse_utc
from data_access.errors import RecordNotFound, ValidationError
from data_access.records import AntennaTable, Epoch, MeasurementSet, PageRequest, SpectralWindow
from data_access.repositories.measurement_sets import MeasurementSetFilter
from tests.dashboards.plot_samples import make_ms


async def open_list(archive: Archive, **query: str) -> MSPage:
    view = MSPage(Session(archive, query=query))
    view.__panel__()
    await view.load()
    return view


async def open_detail(archive: Archive, query: dict[str, str]) -> MSDetailPage:
    prepared = await MSDetailPage.prepare(archive, {}, query)
    view = MSDetailPage(Session(archive, query=query, prepared=prepared))
    view.__panel__()
    await view.load()
    return view


async def newest(archive: Archive, *, on_disk: bool) -> MeasurementSet:
    page = await archive.measurement_sets.find(MeasurementSetFilter(), PageRequest(limit=200))
    states = await archive.files.states([ms.path for ms in page.rows])
    return next(ms for ms in page.rows if states[ms.path].exists is on_disk)


def facts_of(groups: list[dict[str, Any]]) -> dict[str, str]:
    return {item["label"]: item["cell"]["t"] for group in groups for item in group["items"]}


def columns_drawn(figure: Any, name: str) -> dict[str, Any]:
    return dict(figure.select_one({"name": name, "type": ColumnDataSource}).data)


def columns_of(view: MSPage, name: str) -> list[str]:
    index = [column["name"] for column in view.columns].index(name)
    return [row["cells"][index]["t"] for row in view.table.rows]


async def test_the_list_begins_with_the_newest_observation(archive: Archive) -> None:
    view = await open_list(archive)
    observed = columns_of(view, "mid_mjd")
    assert observed == sorted(observed, reverse=True)
    assert len(observed) == 50
    assert view.table.has_next


async def test_a_stage_chosen_in_the_url_leaves_only_that_stage(archive: Archive) -> None:
    view = await open_list(archive, stage="imaged")
    assert set(columns_of(view, "stage")) == {"imaged"}


async def test_a_status_that_only_the_url_knows_can_be_seen_in_the_choice(archive: Archive) -> None:
    view = await open_list(archive, status="melted")
    status = next(field for field in view.filters.fields if field["name"] == "status")
    assert "melted" in status["options"]
    assert view.table.rows == []


async def test_a_range_of_dates_includes_its_last_day(archive: Archive) -> None:
    ms = await newest(archive, on_disk=True)
    assert ms.mid_mjd is not None
    day = format_mjd_utc(ms.mid_mjd)[:10]
    view = await open_list(archive, date_from=day, date_to=day, rows="200")
    wanted = await archive.measurement_sets.count(
        MeasurementSetFilter(after_mjd=parse_utc(day), before_mjd=parse_utc(day) + 1)
    )
    assert len(view.table.rows) == min(200, wanted.value or 0) > 0
    assert {text[:10] for text in columns_of(view, "mid_mjd")} == {day}


async def test_dates_reach_rows_that_have_only_a_start(real_archive_split: Path) -> None:
    async with open_archive(real_archive_split) as archive:
        view = await open_list(archive, date_from="1990-01-01", date_to="1990-12-31")
        assert columns_of(view, "path") == ["1990-01-27T00:00:00.ms"]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"date_from": "last tuesday"}, "date_from"),
        ({"date_to": "99999999"}, "date_to"),
        ({"date_from": "2025-10-15", "date_to": "2025-10-13"}, "date_to"),
        ({"dec_min": "north"}, "dec_min"),
        ({"dec_min": "40", "dec_max": "30"}, "dec_max"),
    ],
)
async def test_a_value_that_means_nothing_is_said_at_its_field(
    archive: Archive, values: dict[str, str], field: str
) -> None:
    view = await open_list(archive)
    before = view.table.rows
    view._submit(values)
    assert view.filters.errors[field]
    assert view.table.rows == before
    assert (view.date_from, view.date_to, view.dec_min, view.dec_max) == ("", "", "", "")


async def test_a_bad_date_in_the_url_becomes_a_card_that_names_it(archive: Archive) -> None:
    view = await open_list(archive, date_from="<b>soon</b>")
    assert view.table_slot.notice.kind == "warn"
    assert "<b>soon</b>" in view.table_slot.notice.text


async def test_a_row_says_whether_the_file_is_still_there(archive: Archive) -> None:
    view = await open_list(archive)
    assert set(columns_of(view, "file")) == {"on disk", "gone"}


def test_an_end_before_the_start_is_said_not_drawn_as_a_negative_time() -> None:
    nothing: dict[str, Any] = dict.fromkeys(
        ("mid_mjd", "processed_at", "status", "stage", "stage_updated_at", "cal_applied", "imagename", "field_name",
         "pointing_ra_deg", "pointing_dec_deg")
    )  # fmt: skip
    ms = MeasurementSet(path="/a.ms", start_mjd=60000.5, end_mjd=60000.0, epoch=Epoch(60000.5, "ms_index"), **nothing)
    assert duration_cell(ms)["t"] == "end before start"


async def test_a_row_opens_the_page_of_its_own_path_whatever_letters_it_has(archive: Archive) -> None:
    view = await open_list(archive)
    query = dict(parse_qsl(urlsplit(view.table.rows[0]["href"]).query))
    opened = await MSDetailPage.prepare(archive, {}, query)
    assert opened.record.path == view.table.rows[0]["key"]
    assert "Müller's 100% données: κ" in opened.record.path


async def test_the_server_answers_for_such_a_path_and_says_no_in_words(archive: Archive) -> None:
    ms = await newest(archive, on_disk=True)
    server = build_server(archive)
    server.start()
    links = Links(root="")
    try:
        async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
            found = await http.get(links.ms_detail(ms.path))
            as_folder = await http.get(links.ms_detail(f"{ms.path}/"))
            unknown = await http.get(links.ms_detail(ms.path + ".gone"))
            nothing = await http.get("ms/detail")
    finally:
        await server.stop()
    assert (found.status_code, unknown.status_code, nothing.status_code) == (200, 404, 400)
    assert as_folder.status_code == 200
    assert f"<title>{ms.name}" in found.text
    assert '">MS</a> · <a href' in unknown.text  # the list in which to look for it
    assert "is no Measurement Set" in unknown.text or "There is no Measurement Set" in unknown.text


async def test_without_a_path_the_page_asks_for_one(archive: Archive) -> None:
    with pytest.raises(ValidationError, match="which Measurement Set"):
        await MSDetailPage.prepare(archive, {}, {})


@pytest.mark.parametrize("path", ["relative.ms", "../../etc", "\x00"])
async def test_a_path_that_does_not_start_at_the_root_is_refused(archive: Archive, path: str) -> None:
    with pytest.raises(ValidationError, match="not the full path"):
        await MSDetailPage.prepare(archive, {}, {"path": path})


@pytest.mark.parametrize("path", ["/etc", "/nowhere/a.ms", "/etc/\x00"])
async def test_a_path_that_neither_a_row_nor_the_archive_has_is_not_found(archive: Archive, path: str) -> None:
    with pytest.raises(RecordNotFound):
        await MSDetailPage.prepare(archive, {}, {"path": path})


async def test_a_set_on_disk_that_no_row_names_is_shown_with_a_note(archive: Archive) -> None:
    ms = await newest(archive, on_disk=True)
    path = f"{Path(ms.path).parent}/./{ms.name}"
    view = await open_detail(archive, {"path": path})
    assert "no row" in view.note.text
    assert view.detail is not None


async def test_the_page_draws_every_antenna_and_the_flags_three_ways(archive: Archive) -> None:
    ms = await newest(archive, on_disk=True)
    view = await open_detail(archive, {"path": ms.path})
    detail = await archive.files.measurement_set(ms.path)
    layout, bars, time, channel = view.figures
    assert len(columns_drawn(layout, "antennas")["name"]) == len(detail.antennas.names)
    percent = columns_drawn(bars, "flag_bars")["percent"]
    assert list(percent) == sorted(percent, reverse=True)
    assert len(columns_drawn(time, "flags_by_time")["percent"]) == detail.times_mjd.size
    drawn = np.asarray(columns_drawn(channel, "flags_by_channel")["percent"])
    assert np.isfinite(drawn).sum() == detail.chan_freq_hz.size


async def test_the_heading_has_the_grade_with_its_reason(archive: Archive) -> None:
    ms = await newest(archive, on_disk=True)
    view = await open_detail(archive, {"path": ms.path})
    grade = next(item["cell"] for item in view.heading.items if item["label"] == "grade")
    assert grade["t"] in ("good", "suspect", "bad")
    assert "Flagged visibilities" in grade["title"]


async def test_the_contents_are_those_of_the_real_file(real_archive_split: Path) -> None:
    path = str(real_archive_split / "stage/ms/calibrators/2010-04-26/2010-04-26T03:21:56.ms")
    async with open_archive(real_archive_split) as archive:
        view = await open_detail(archive, {"path": path})
        facts = facts_of(view.contents.groups)
        assert (facts["Telescope"], facts["Rows"], facts["Baselines"]) == ("EVLA", "1,360", "153")
        assert facts["Antennas"] == "18 with data of 28"
        assert facts["Spectral windows"].startswith("1 with 64 channels, 36304.5 to 36312.4 MHz")
        links = facts_of(view.links_slot.content.groups)
        assert links["BP"] == "2010-04-26T03:21:56_0_bpcal"
        assert links["Run and log"] == "job-2010-04-26-032156"


@pytest.mark.parametrize(
    ("intervals_s", "shown", "note"),
    [
        ((), "—", None),
        ((12.0,), "12.00", None),
        ((0.5, 12.0), "0.500 to 12.00", "not the same in all spectral windows"),
    ],
)
def test_the_integration_time_says_when_windows_differ(
    intervals_s: tuple[float, ...], shown: str, note: str | None
) -> None:
    facts = {item["label"]: item["cell"] for item in file_group(replace(make_ms(), intervals_s=intervals_s))["items"]}
    assert (facts["Integration time"]["t"], facts["Integration time"].get("n")) == (shown, note)


async def test_every_time_of_the_facts_names_its_zone(archive: Archive) -> None:
    newest = (await archive.measurement_sets.find(MeasurementSetFilter(), PageRequest(limit=1))).rows[0]
    recorded = {item["label"]: item["cell"] for item in record_group(newest)["items"]}
    assert all(recorded[label]["u"].startswith("UTC · MJD\u00a0") for label in ("Observed", "Start", "End"))


def test_a_time_that_is_not_recorded_has_no_zone() -> None:
    assert "u" not in with_utc(mjd_cell(None))


def test_one_channel_is_one_frequency_not_a_range() -> None:
    one = SpectralWindow(0, "w", 1, np.array([1.4752e9]), 1e6)
    assert window_words([one]) == "1 with 1 channel, 1475.2 MHz"


async def test_a_set_that_is_gone_says_so_and_keeps_the_rest_of_the_page(archive: Archive) -> None:
    ms = await newest(archive, on_disk=False)
    view = await open_detail(archive, {"path": ms.path})
    assert "is not on disk" in view.plots_slot.notice.text
    assert facts_of(view.record.groups)["Path"] == ms.path
    assert "Run and log" in facts_of(view.links_slot.content.groups)


async def test_a_refresh_of_an_unchanged_set_keeps_every_figure(archive: Archive) -> None:
    ms = await newest(archive, on_disk=True)
    view = await open_detail(archive, {"path": ms.path})
    before, shown = list(view.figures), view.plots_slot.content
    await view.refresh()
    assert view.figures == before
    assert view.plots_slot.content is shown


async def test_a_refresh_shows_the_stage_that_was_reached_meanwhile(demo_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(demo_folder / "state", tmp_path / "state")
    async with open_archive(tmp_path) as archive:
        ms = await newest(archive, on_disk=False)
        view = await open_detail(archive, {"path": ms.path})
        with closing(sqlite3.connect(tmp_path / "state/db/products.sqlite3")) as db, db:
            db.execute("UPDATE ms_index SET stage = 'cataloged' WHERE path = ?", (ms.path,))
        await view.refresh()
        assert facts_of(view.record.groups)["Stage"] == "cataloged"
        assert next(i["cell"]["t"] for i in view.heading.items if i["label"] == "stage") == "cataloged"


async def test_the_antennas_are_sorted_by_the_url(archive: Archive) -> None:
    ms = await newest(archive, on_disk=True)
    view = await open_detail(archive, {"path": ms.path, "antenna_sort": "name", "antenna_order": "asc"})
    assert view.antennas.sort == "name"
    assert [row["cells"][0]["t"] for row in view.antennas.rows][:3] == ["1", "2", "3"]


def test_antennas_without_data_come_last_in_either_direction() -> None:
    zeros = np.zeros(4)
    table = AntennaTable(
        ("a10", "a2", "a1", "a3"), zeros, zeros, zeros, np.array([True, True, False, True]),
        np.array([0.1, 0.9, np.nan, 0.5]),
    )  # fmt: skip
    for descending, expected in ((True, ["a2", "a3", "a10", "a1"]), (False, ["a10", "a3", "a2", "a1"])):
        rows = antenna_rows(table, sort="flagged", descending=descending)
        assert [row["cells"][0]["t"] for row in rows] == expected
