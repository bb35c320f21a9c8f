"""What is selected in the eta-V plane: areas mean every source inside, clicks the points themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from bokeh.events import SelectionGeometry

from dashboards.components.browser_state import write_query
from dashboards.pages.variability import VariabilityPage
from dashboards.plots.eta_v_data import AXES
from data_access import Archive
from data_access.analysis.plane_area import box, inside
from data_access.services.medians import Medians
from tests.dashboards.eta_v_samples import make_table
from tests.dashboards.test_pages_variability import names, open_page


def select(view: VariabilityPage, geometry: dict[str, object], *, mode: str = "replace", axes: str = "") -> None:
    """Select as the browser does: first the points, then what was drawn."""
    assert view.plot is not None
    columns = view.plot.source.data
    outline = (
        box(*(geometry[name] for name in ("x0", "x1", "y0", "y1")))  # type: ignore[arg-type]
        if geometry["type"] == "rect"
        else np.stack([geometry["x"], geometry["y"]], axis=1)  # type: ignore[list-item]
    )
    within = inside([outline], *(np.asarray(columns[name]) for name in AXES[axes]))
    before = set(view.plot.source.selected.indices)
    new = set(np.flatnonzero(within).tolist())
    chosen = {"replace": new, "append": before | new, "subtract": before - new}[mode]
    view.plot.source.selected.indices = sorted(chosen)
    view.selection.drawn(SelectionGeometry(view.plot.figure, geometry=geometry, final=True), axes)


BOX = {"type": "rect", "x0": -0.1, "x1": 0.1, "y0": -1.4, "y1": -1.2}


async def many(archive: Archive, monkeypatch: pytest.MonkeyPatch, **query: str) -> tuple[VariabilityPage, Any]:
    """A page of 40,000 sources, half of which are only counted."""
    table = make_table(40_000)

    async def made(*_: object) -> Any:
        return table

    monkeypatch.setattr(archive.variability, "table", made)
    monkeypatch.setattr(archive.variability, "_derived", {})
    return await open_page(archive, **query), table


async def test_a_box_selects_all_sources_in_it_and_not_only_those_drawn_as_points(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    view, table = await many(archive, monkeypatch)
    select(view, BOX)
    await view.settled()
    x, y = np.log10(table.eta), np.log10(table.v)
    wanted = np.flatnonzero((x > -0.1) & (x < 0.1) & (y > -1.4) & (y < -1.2))
    assert view.plot is not None
    assert len(view.plot.source.selected.indices) < wanted.size
    assert view.selected.total == f"{wanted.size:,} sources"
    best = wanted[np.argsort(-table.eta[wanted])][:200]
    assert names(view, "selected") == table.source_id[best].tolist()
    note = "The 200 with the highest η are listed."
    assert view.selected.note == note
    await view.refresh()
    assert view.selected.note == note
    again, _ = await many(archive, monkeypatch, area=view.area)
    assert (again.selected.total, names(again, "selected")) == (view.selected.total, names(view, "selected"))
    assert again.plot is not None
    assert again.plot.source.selected.indices == view.plot.source.selected.indices


async def test_a_lasso_is_asked_of_all_sources_and_kept_in_the_url(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    view, table = await many(archive, monkeypatch)
    angle = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    x, y = 0.08 * np.cos(angle), -1.3 + 0.1 * np.sin(angle)
    select(view, {"type": "poly", "x": x.tolist(), "y": y.tolist()})
    await view.settled()
    away = np.hypot(np.log10(table.eta) / 0.08, (np.log10(table.v) + 1.3) / 0.1)
    assert view.selection.total == pytest.approx(np.count_nonzero(away < 1), rel=0.01)
    assert view.selection.total > len(view.plot.source.selected.indices)  # type: ignore[union-attr]
    assert write_query(view, view.url_params) == f"area={view.area}"


@pytest.mark.parametrize("axes", ["max-eta", "ratio-eta", "max-v", "ratio-v"])
async def test_a_box_in_a_panel_selects_all_sources_in_it_and_is_kept_in_the_url(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, axes: str
) -> None:
    async def medians(table: Any) -> Medians:
        return Medians(table.mean * np.linspace(0.5, 1.0, len(table)), table.last_id)

    monkeypatch.setattr(archive.medians, "of", medians)
    view, table = await many(archive, monkeypatch, panels="on")
    which = axes.split("-")
    x = np.log10(table.max * 1e3) if which[0] == "max" else np.log10(table.max / (await medians(table)).flux)
    y = np.log10(table.eta if which[1] == "eta" else table.v)
    ends = {
        "x0": np.quantile(x, 0.3),
        "x1": np.quantile(x, 0.7),
        "y0": np.quantile(y, 0.3),
        "y1": np.quantile(y, 0.7),
    }
    select(view, {"type": "rect", **{name: float(value) for name, value in ends.items()}}, axes=axes)
    await view.settled()
    wanted = (x > ends["x0"]) & (x < ends["x1"]) & (y > ends["y0"]) & (y < ends["y1"])
    assert view.plot is not None
    assert view.selection.total == pytest.approx(np.count_nonzero(wanted), rel=0.001)
    assert view.selection.total > len(view.plot.source.selected.indices)
    assert f"axes={axes}" in write_query(view, view.url_params)
    assert "Selected in the panel of largest" in view.selected.note
    again, _ = await many(archive, monkeypatch, panels="on", area=view.area, axes=axes)
    assert again.plot is not None
    assert (again.selected.total, names(again, "selected")) == (view.selected.total, names(view, "selected"))
    assert again.plot.source.selected.indices == view.plot.source.selected.indices
    select(again, BOX)
    await again.settled()
    assert again.axes == ""


async def test_the_panels_tell_what_is_drawn_in_them(archive: Archive) -> None:
    view = await open_page(archive, panels="on")
    figure = view.diagnostic.layout.select_one({"name": "panel log_ratio log_v"})
    columns = view.plot.source.data  # type: ignore[union-attr]
    known = np.flatnonzero(np.isfinite(columns["log_ratio"]))
    view.plot.source.selected.indices = known.tolist()  # type: ignore[union-attr]
    event = SelectionGeometry(
        figure, geometry={"type": "rect", "x0": -9.0, "x1": 9.0, "y0": -9.0, "y1": 9.0}, final=True
    )
    figure._trigger_event(event)
    await view.settled()
    assert (view.axes, view.selection.total) == ("ratio-v", known.size)


async def test_an_added_box_is_part_of_the_area_and_a_cut_one_leaves_points_that_say_so(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    view, _ = await many(archive, monkeypatch)
    select(view, BOX)
    await view.settled()
    first = view.selection.total
    other = {"type": "rect", "x0": 0.1, "x1": 0.2, "y0": -1.4, "y1": -1.2}
    select(view, other, mode="append")
    await view.settled()
    assert view.area.count("~") == 1
    assert view.selection.total > first
    select(view, other, mode="subtract")
    await view.settled()
    assert view.area == ""
    assert "Only sources drawn as points are selected" in view.selected.note


async def test_a_cleared_selection_clears_area_and_list(archive: Archive) -> None:
    view = await open_page(archive, area="-9_-9_9_-9_9_9_-9_9")
    assert view.plot is not None
    assert view.selection.total == len(view.plot.source.data["name"])
    view.plot.source.selected.indices = []
    await view.settled()
    assert (view.area, view.selected.rows, view.selected.total) == ("", [], "")


async def test_an_area_in_the_url_that_is_none_says_so(archive: Archive) -> None:
    view = await open_page(archive, area="<b>1_2</b>")
    assert "is not an area of the plane" in view.selected.note
