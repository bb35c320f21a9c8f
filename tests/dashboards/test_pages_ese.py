"""The ESE panel of a source: the flag with its bound, dips with numbers, the neighbours' verdict."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bokeh.models import ColumnDataSource

from dashboards.components.browser_state import write_query
from dashboards.pages.ese_part import EsePart
from dashboards.pages.source import SourcePage
from dashboards.session import Session
from data_access import Archive, open_archive
from tests.dashboards.epoch_samples import NAME, write_epochs


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_epochs(tmp_path_factory.mktemp("ese") / "archive")


@pytest.fixture
async def archive(folder: Path) -> AsyncIterator[Archive]:
    async with open_archive(folder) as opened:
        yield opened


async def open_panel(archive: Archive, name: str = NAME, **query: str) -> tuple[SourcePage, EsePart]:
    path_params = {"source_id": name}
    prepared = await SourcePage.prepare(archive, path_params, query)
    view = SourcePage(Session(archive, path_params=path_params, query=query, prepared=prepared))
    view.__panel__()
    await view.load()
    await view.settled()
    part = next(part for part in view.parts if isinstance(part, EsePart))
    assert part.slot.failure is None
    return view, part


def fact_of(part: EsePart, label: str) -> dict[str, Any]:
    items = [item for group in part.facts.groups for item in group["items"]]
    return next(dict(item["cell"]) for item in items if item["label"] == label)


async def test_the_flag_stands_beside_the_largest_value_it_can_have(archive: Archive) -> None:
    _, part = await open_panel(archive)
    # nine unflagged measurements: √8
    assert fact_of(part, "σ deviation (the pipeline's flag)")["u"] == "of 2.83"
    assert fact_of(part, "Flag at 5")["t"] == "cannot be reached"
    assert fact_of(part, "Flag at 5")["n"].startswith("9 epochs; 26 are needed")
    assert float(fact_of(part, "leave-one-out z")["t"]) < -10


async def test_dips_are_listed_with_depth_duration_and_run_length(archive: Archive) -> None:
    _, part = await open_panel(archive)
    first = [c["t"] for c in part.dips.rows[0]["cells"]]
    # three epochs at 40 %, then the one whose images are all too faint
    assert first[:2] == ["as measured", "2026-03-13 08:00:00"]
    assert first[3:6] == ["9 d", "4", "60"]


async def test_beside_the_neighbours_the_dip_ends_where_the_flux_scale_was_wrong(archive: Archive) -> None:
    _, part = await open_panel(archive)
    row = next(row for row in part.dips.rows if row["cells"][0]["t"] == "beside the neighbours")
    assert [c["t"] for c in row["cells"]][3:6] == ["6 d", "3", "60"]
    assert fact_of(part, "Verdict of the neighbours")["t"] == "the source itself"
    assert [figure.name for figure in part.figures] == ["ese_own", "ese_normalised"]


async def test_the_panel_is_open_for_candidates_and_opens_for_others(archive: Archive) -> None:
    view, part = await open_panel(archive, "N03")
    assert (part.is_open, part.figures) == (False, [])
    view.ese = "open"
    await view.settled()
    assert part.figures
    assert write_query(view, view.url_params) == "ese=open"


async def test_window_and_threshold_are_kept_in_the_url_and_nonsense_is_said(archive: Archive) -> None:
    view, part = await open_panel(archive)
    part._submit({"ese_window": "30", "ese_sigma": "500"})
    await view.settled()
    assert part.dips.rows == []
    assert write_query(view, view.url_params) == "ese_window=30.0&ese_sigma=500.0"
    part._submit({"ese_window": "-1", "ese_sigma": "many"})
    assert set(part.form.errors) == {"ese_window", "ese_sigma"}
    assert view.ese_window == 30.0


async def test_other_epochs_patch_the_figures(archive: Archive) -> None:
    view, part = await open_panel(archive)
    before = list(part.figures)
    view.leave_out(int(view.detail.light_curve.photometry_id[0]), out=True)
    await view.settled()
    assert part.figures == before
    source = before[0].select_one({"name": "ese_own", "type": ColumnDataSource})
    assert len(source.data["flux"]) == 8


async def test_the_panel_follows_measurements_that_are_written_anew_in_place(tmp_path: Path) -> None:
    own = write_epochs(tmp_path / "archive")
    async with open_archive(own) as opened:
        view, part = await open_panel(opened)
        assert part.dips.rows[0]["cells"][5]["t"] == "60"
        with closing(sqlite3.connect(own / "state" / "db" / "products.sqlite3")) as db, db:
            db.execute("UPDATE photometry SET peak_jyb = 0.02 WHERE source_id = ? AND peak_jyb < 0.05", (NAME,))
        await view.refresh()
        await view.settled()
        assert part.dips.rows[0]["cells"][5]["t"] == "80"


async def test_both_systematic_errors_count_in_the_panel(archive: Archive) -> None:
    view, part = await open_panel(archive)
    plain = abs(float(fact_of(part, "leave-one-out z")["t"]))
    view.error_mjy = "50"
    await view.settled()
    with_constant = abs(float(fact_of(part, "leave-one-out z")["t"]))
    assert with_constant < plain / 2
    assert "errors with 50 mJy" in part.dips.note
    for figure in part.figures:
        assert (
            "bars: σ with 50 mJy in quadrature"
            in next(title for title in figure.above if title.name == "subtitle").text
        )
    drawn = part.figures[0].select_one({"name": "ese_own", "type": ColumnDataSource}).data
    np.testing.assert_allclose((drawn["flux"] - drawn["baseline"]) / (drawn["upper"] - drawn["flux"]), drawn["z"])
    assert min(drawn["upper"] - drawn["flux"]) > 50
    view.error_percent = "20"
    await view.settled()
    assert abs(float(fact_of(part, "leave-one-out z")["t"])) < with_constant
    assert "errors with 0.2 of the flux and 50 mJy" in part.dips.note


async def test_plots_of_the_last_source_are_not_painted_on_the_time_axis_of_another(archive: Archive) -> None:
    view, part = await open_panel(archive, ese="open")
    shown = list(part.figures)
    held: list[list[bool]] = []
    assert view.curve.figure is not None
    view.curve.figure.title.on_change(
        "text", lambda attr, old, new: held.append([figure.hold_render for figure in shown])
    )
    view.returned_to("/sources/N03")
    await view.settled()
    assert view.title == "N03"
    assert held[0] == [True, True]
    assert [figure.hold_render for figure in part.figures] == [False, False]


async def test_a_source_that_cannot_be_opened_leaves_the_last_one_whole(archive: Archive) -> None:
    view, part = await open_panel(archive, ese="open")
    drawn = asyncio.Event()
    assert view.curve.figure is not None
    view.curve.figure.title.on_change("text", lambda attr, old, new: drawn.set())
    view.returned_to("/sources/N03")
    await drawn.wait()
    # its panel still waits when the next one is asked for
    assert any(figure.hold_render for figure in part.figures)
    view.returned_to("/sources/nobody")
    await view.settled()
    assert view.curve_slot.failure is not None
    assert view.title == "N03"
    assert not any(figure.hold_render for figure in part.figures)
