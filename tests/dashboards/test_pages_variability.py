"""The page of the eta-V plane."""

from __future__ import annotations

import asyncio
import math
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from bokeh.plotting import figure as BokehFigure

from dashboards.components.browser_state import write_query
from dashboards.pages.variability import VariabilityPage
from dashboards.plots.eta_v_data import drawable
from dashboards.session import Session
from data_access import Archive, open_archive


@pytest.fixture
def writable(demo_folder: Path, tmp_path: Path) -> Path:
    """Databases of the demo archive that a test may write to."""
    shutil.copytree(demo_folder / "state", tmp_path / "archive" / "state")
    return tmp_path / "archive"


async def open_page(archive: Archive, **query: str) -> VariabilityPage:
    view = VariabilityPage(Session(archive, query=query))
    view.__panel__()
    await view.load()
    return view


def names(view: VariabilityPage, table: str = "candidates") -> list[str]:
    return [row["key"] for row in getattr(view, table).rows]


def add_measurement(folder: Path, name: str) -> None:
    with closing(sqlite3.connect(folder / "state" / "db" / "products.sqlite3")) as db, db:
        db.execute(
            "INSERT INTO photometry (source_id, image_path, ra_deg, dec_deg, peak_jyb, peak_err_jyb, "
            "measured_at) VALUES (?, '/none.fits', 1.0, 54.0, 50.0, 0.001, 1.76e9)",
            (name,),
        )


def facts(view: VariabilityPage) -> dict[str, dict[str, str]]:
    return {
        group["title"]: {item["label"]: item["cell"]["t"] for item in group["items"]} for group in view.facts.groups
    }


async def test_the_plane_shows_every_source_with_two_measurements(archive: Archive) -> None:
    view = await open_page(archive)
    table = await archive.variability.table()
    assert view.plot is not None
    assert view.plot.source.data["name"] == table.source_id[drawable(table, 2)].tolist()
    assert view.slots["η-V plane"].content is view.plot.layout


async def test_sources_above_both_cuts_are_listed_with_links_highest_eta_first(archive: Archive) -> None:
    view = await open_page(archive)
    assert view.plane is not None
    table, cuts = view.plane.table, view.plane.cuts
    wanted = np.flatnonzero((table.reason == 0) & (table.eta > cuts.eta) & (table.v > cuts.v))
    wanted = wanted[np.argsort(-table.eta[wanted])]
    assert wanted.size > 0
    assert names(view) == table.source_id[wanted].tolist()
    assert view.candidates.rows[0]["href"] == view.session.links.source(str(table.source_id[wanted[0]]))


@pytest.mark.parametrize("is_made", [False, True])
async def test_both_tables_have_the_two_epoch_metrics_that_the_list_of_sources_has(
    archive: Archive, *, is_made: bool
) -> None:
    if is_made:
        assert await archive.search.curve_metrics_made(["vs"])
    table = await archive.variability.table()
    view = await open_page(archive, picked=";".join(table.source_id[table.n > 5][:2]), eta_cut="0.5", v_cut="0.01")
    await view.settled()
    assert (archive.curve_metrics.columns("peak") is not None) is is_made
    assert await archive.search.curve_metrics_made(["vs"])
    index = await archive.search.index()
    rows = [*view.candidates.rows, *view.selected.rows]
    assert len(view.selected.rows) == 2
    assert len(rows) > 4
    for row in rows:
        at = index.names.get(row["key"])
        assert at is not None
        shown = [float(cell["t"]) for cell in row["cells"][-2:]]
        assert shown == [pytest.approx(index.columns[name][at], rel=1e-3) for name in ("vs", "m")]


async def test_two_epoch_metrics_follow_a_commit_and_the_kind_of_flux(writable: Path) -> None:
    async with open_archive(writable) as archive:
        table = await archive.variability.table()
        name = str(table.source_id[np.argmax(table.n)])
        view = await open_page(archive, picked=name)
        await view.settled()
        (before,) = view.selected.rows
        add_measurement(writable, name)
        await archive.databases.look_again()
        await view.refresh()
        await view.settled()
        (row,) = view.selected.rows
        assert float(row["cells"][-2]["t"]) > 1000 > float(before["cells"][-2]["t"])
        view.flux = "integrated"
        await view.settled()
        (row,) = view.selected.rows
        assert float(row["cells"][-2]["t"]) < 1000


async def test_cuts_in_the_url_are_used_beside_the_published_ones(archive: Archive) -> None:
    view = await open_page(archive, eta_cut="0.5", v_cut="0.01")
    assert view.plane is not None
    assert (view.plane.cuts.eta, view.plane.cuts.v) == (0.5, 0.01)
    assert len(names(view)) > 3
    assert float(facts(view)["Published cuts, 3 σ"]["η"]) == pytest.approx(view.plane.cuts.published[0], rel=1e-3)


async def test_a_line_that_rests_moves_list_and_url(archive: Archive) -> None:
    view = await open_page(archive)
    before = names(view)
    assert view.plot is not None
    view.plot.v_line.location = math.log10(0.02)
    view.plot.eta_line.location = math.log10(0.9)
    await view.settled()
    assert write_query(view, view.url_params) == "eta_cut=0.9&v_cut=0.02"
    assert set(names(view)) > set(before)
    assert view.plot.v_line.location == math.log10(0.02)


async def test_fewer_widths_lower_the_published_cuts(archive: Archive) -> None:
    three, one = await open_page(archive), await open_page(archive, k="1")
    assert three.plane is not None
    assert one.plane is not None
    assert one.plane.cuts.eta < three.plane.cuts.eta
    assert len(names(one)) > len(names(three))


async def test_a_selection_is_listed_and_kept_in_the_url(archive: Archive) -> None:
    view = await open_page(archive)
    assert view.plot is not None
    view.plot.source.selected.indices = [2, 5]
    await view.settled()
    drawn = view.plot.source.data["name"]
    assert sorted(names(view, "selected")) == sorted([drawn[2], drawn[5]])
    again = await open_page(archive, picked=view.picked)
    assert names(again, "selected") == names(view, "selected")
    assert again.plot is not None
    assert again.plot.source.selected.indices == [2, 5]


async def test_a_large_selection_is_cut_and_says_so(archive: Archive) -> None:
    view = await open_page(archive)
    assert view.plot is not None
    n = len(view.plot.source.data["name"])
    view.plot.source.selected.indices = list(range(n))
    await view.settled()
    assert len(view.selected.rows) == 40
    words = f"The first 40 of {n:,} selected points are listed."
    assert view.selected.note == words
    await view.refresh()
    assert view.selected.note == words


async def test_unknown_names_in_the_url_are_said(archive: Archive) -> None:
    view = await open_page(archive, picked="nobody;nowhere")
    assert view.selected.note == "2 of the names are not measured here."


async def test_sources_left_out_are_counted_with_reasons(archive: Archive) -> None:
    view = await open_page(archive, epochs="4")
    table = await archive.variability.table()
    left = facts(view)["Left out, of the sources with measurements"]
    assert "fewer than 2 usable measurements" in left.values()
    assert "fewer than 4 usable measurements" in left.values()
    n_drawn = int(drawable(table, 4).size)
    (group,) = (
        group for group in view.facts.groups if group["title"] == "Left out, of the sources with measurements"
    )
    assert sum(int(item["label"].replace(",", "")) for item in group["items"]) == len(table) - n_drawn


async def test_peak_and_integrated_are_switched(archive: Archive) -> None:
    view = await open_page(archive)
    view.switches._handle_msg({"type": "choose", "name": "flux", "value": "integrated"})
    await view.settled()
    assert view.plane is not None
    assert view.plane.table.flux == "integrated"
    assert write_query(view, view.url_params) == "flux=integrated"


@pytest.mark.parametrize("text", ["many", "-1", "0", "inf", "1e999"])
async def test_a_malformed_cut_is_said_at_its_field_and_the_plane_stays(archive: Archive, text: str) -> None:
    view = await open_page(archive)
    before = names(view)
    view.filters._handle_msg({"type": "submit", "values": {"eta_cut": text}})
    await view.settled()
    assert "eta_cut" in view.filters.errors
    assert names(view) == before


async def test_a_malformed_cut_in_the_url_is_a_card_and_not_a_broken_page(archive: Archive) -> None:
    view = await open_page(archive, eta_cut="many")
    assert view.slots["η-V plane"].notice.text == "'many' is not a number"


async def test_a_new_commit_patches_the_plane(writable: Path) -> None:
    async with open_archive(writable) as archive:
        view = await open_page(archive)
        assert view.plot is not None
        layout, name = view.plot.layout, view.plot.source.data["name"][0]
        n = int(view.plot.source.data["n"][0])
        add_measurement(writable, name)
        await view.refresh()
        assert view.plot.layout is layout
        assert view.slots["η-V plane"].content is layout
        assert view.plot.source.data["n"][0] == n + 1
        assert name in names(view)


async def test_the_page_opens_with_the_plane_made_last_and_says_so(
    writable: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_archive(writable) as archive:
        name = (await open_page(archive)).plot.source.data["name"][0]  # type: ignore[union-attr]
        table = await archive.variability.table()
        add_measurement(writable, name)
        view, written, refresh = VariabilityPage(Session(archive)), asyncio.Event(), archive.variability.refresh

        async def late() -> object:
            await written.wait()
            return await refresh()

        monkeypatch.setattr(archive.variability, "refresh", late)
        view.__panel__()
        said = asyncio.Event()
        view.status.param.watch(lambda event: said.set() if "being added" in event.new else None, "text")
        loading = asyncio.ensure_future(view.load())
        await asyncio.wait_for(said.wait(), 20)
        assert f"up to row {table.last_id:,}" in view.status.text
        assert view.plot is not None
        n = int(view.plot.source.data["n"][0])
        written.set()
        await loading
        assert view.plot.source.data["n"][0] == n + 1
        assert view.status.text == ""


async def test_an_archive_without_photometry_says_so(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    async with open_archive(tmp_path / "state") as archive:
        view = await open_page(archive)
    assert "photometry" in view.slots["η-V plane"].notice.text
    assert view.plot is None


async def test_sums_that_were_made_anew_say_why(writable: Path) -> None:
    async with open_archive(writable) as archive:
        view = await open_page(archive)
        with closing(sqlite3.connect(writable / "state" / "db" / "products.sqlite3")) as db, db:
            db.execute("DELETE FROM photometry WHERE id = (SELECT max(id) FROM photometry)")
        await view.refresh()
        assert view.status.text == "The newest rows were deleted: all sums were made anew"


async def test_the_diagnostic_panels_draw_the_points_of_the_plane_when_asked_for(archive: Archive) -> None:
    view = await open_page(archive)
    assert view.diagnostic.layout is None
    assert view.plot is not None
    before = view.plot.eta_line.properties_with_values(), view.plot.v_line.properties_with_values()
    view.switches._handle_msg({"type": "choose", "name": "panels", "value": "on"})
    await view.settled()
    # a changed model of the plane that refers to a new panel may be sent after the panel
    assert (view.plot.eta_line.properties_with_values(), view.plot.v_line.properties_with_values()) == before
    panels = list(view.diagnostic.layout.select({"type": BokehFigure}))
    assert len(panels) == 4
    assert all(view.plot.source in panel.references() for panel in panels)
    columns = view.plot.source.data
    for i in range(5):
        curve = await archive.sources.get_light_curve(columns["name"][i])
        flux = curve.peak_jyb[~curve.is_flagged & (curve.peak_err_jyb > 0)]
        assert columns["log_ratio"][i] == pytest.approx(np.log10(flux.max() / np.median(flux)), abs=1e-12)
    labels = {panel.name: panel.xaxis[0].axis_label for panel in panels}
    assert labels["panel log_max log_eta"] == "Largest flux density (mJy/beam)"
    assert labels["panel log_ratio log_eta"] == labels["panel log_ratio log_v"] == "Largest / median (no unit)"
    assert "newest" not in view.diagnostic.note.text
    view.switches._handle_msg({"type": "choose", "name": "panels", "value": "off"})
    await view.settled()
    assert view.diagnostic.layout is None


async def test_selected_sources_show_their_light_curves_at_most_twelve(archive: Archive) -> None:
    view = await open_page(archive)
    assert view.plot is not None
    view.plot.source.selected.indices = list(range(15))
    await view.settled()
    notice, layout = view.slots["light curves of the selected"].content
    shown = [figure.name for figure in layout.select({"type": BokehFigure})]
    assert sorted(shown) == sorted(view.plot.source.data["name"][:12])
    assert notice.text == "Light curves of the first 12 of 15 selected."


async def test_a_resting_pointer_gets_the_name_of_the_nearest_source(archive: Archive) -> None:
    view = await open_page(archive)
    assert view.plot is not None
    columns = view.plot.source.data
    view.plot.probe.tags = [float(columns["log_eta"][3]) + 1e-6, float(columns["log_v"][3]), 0.001, 0.001]
    await view.settled()
    assert view.plot.probe.data["text"][0].startswith(f"{columns['name'][3]}: N ")
    view.plot.probe.tags = [9.0, 9.0, 0.001, 0.001]
    await view.settled()
    assert view.plot.probe.data["text"] == []


async def test_medians_of_the_newest_rows_only_say_so_at_the_axis_and_above(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("data_access.services.medians.MOST_ROWS", 100)
    view = await open_page(archive, panels="on")
    panel = view.diagnostic.layout.select_one({"name": "panel log_ratio log_v"})
    assert panel.xaxis[0].axis_label == "Largest / median of the newest 100 rows (no unit)"
    assert "The medians are of the newest 100 rows of the photometry" in view.diagnostic.note.text


async def test_a_new_commit_patches_the_diagnostic_panels(writable: Path) -> None:
    async with open_archive(writable) as archive:
        view = await open_page(archive, panels="on")
        assert view.plot is not None
        layout, name = view.diagnostic.layout, view.plot.source.data["name"][0]
        before = view.plot.source.data["log_ratio"][0]
        with closing(sqlite3.connect(writable / "state" / "db" / "products.sqlite3")) as db, db:
            db.execute(
                "INSERT INTO photometry (source_id, image_path, ra_deg, dec_deg, peak_jyb, peak_err_jyb, "
                "measured_at) VALUES (?, '/none.fits', 1.0, 54.0, 50.0, 0.001, 1.76e9)",
                (name,),
            )
        await view.refresh()
        assert view.diagnostic.layout is layout
        assert view.plot.source.data["log_ratio"][0] > before + 1


async def test_means_of_peaks_are_per_beam_in_both_tables(archive: Archive) -> None:
    for flux, unit in (("peak", "mJy/beam"), ("integrated", "mJy")):
        view = await open_page(archive, flux=flux)
        await view.settled()
        for table in (view.candidates, view.selection.table):
            assert [column["unit"] for column in table.columns if column["name"] == "mean"] == [unit]
