"""The sky map of a search: every source at its place, many counted, a selection that becomes the list."""

from __future__ import annotations

import numpy as np
import pytest
from bokeh.models import ColumnDataSource

from dashboards.components.browser_state import write_query
from dashboards.plots.result_sky import plot_result_sky
from dashboards.plots.result_sky_data import count_words, project, result_sky_data
from data_access import Archive
from tests.dashboards.source_list_samples import open_list

pytestmark = pytest.mark.usefixtures("search_index")


def column(figure: object, name: str) -> ColumnDataSource:
    found: ColumnDataSource = figure.select_one({"name": name, "type": ColumnDataSource})  # type: ignore[attr-defined]
    return found


def test_the_whole_sky_is_equal_to_published_values_of_the_projection() -> None:
    # Snyder & Voxland (1989), An Album of Map Projections, Aitoff: x = 2 cos φ sin(λ/2) α/sin α, y = sin φ α/sin α.
    x, y = project(np.array([0.0, 90.0, 270.0, 180.0, 0.0]), np.array([0.0, 0.0, 0.0, 90.0, -90.0]), "aitoff")
    np.testing.assert_allclose(x, [0.0, -np.pi / 2, np.pi / 2, 0.0, 0.0], atol=1e-12)
    np.testing.assert_allclose(y, [0.0, 0.0, 0.0, np.pi / 2, -np.pi / 2], atol=1e-12)


def test_a_field_around_0_h_stays_in_one_piece() -> None:
    ra, dec = np.array([359.5, 0.5, 1.0]), np.array([10.0, 10.0, 10.0])
    sky = result_sky_data(np.arange(3), ra, dec, ["a", "b", "c"], "flat")
    x = np.asarray(sky.columns["points"]["x"])
    assert np.ptp(x) == pytest.approx(1.5)
    np.testing.assert_allclose(x % 360.0, ra)


def test_many_sources_are_counted_in_cells_and_none_is_lost() -> None:
    rng = np.random.default_rng(3)
    n = 50_000
    ra, dec = rng.uniform(0, 360, n), rng.uniform(-40, 80, n)
    ra[:7] = np.nan
    sky = result_sky_data(np.arange(n), ra, dec, [], "aitoff")
    assert sum(sky.columns["cells"]["count"]) == n - 7
    assert sky.columns["points"]["x"] == []
    cell = int(np.argmax(sky.columns["cells"]["count"]))
    assert sky.rows_in([cell]).size == sky.columns["cells"]["count"][cell]
    assert (
        count_words(sky)
        == "49,993 sources, counted in cells (stronger: more, by the logarithm); 7 without a position"
    )
    assert plot_result_sky(sky, theme="red").select_one({"name": "sky_count"}).text.startswith("49,993 sources")


async def test_the_map_is_made_only_when_it_is_opened_and_has_the_whole_result(archive: Archive) -> None:
    view = await open_list(archive, n="1..", rows="25")
    assert view.map.figure is None
    view.sky = "flat"
    await view.settled()
    points = column(view.map.figure, "sky_points").data
    assert len(points["name"]) == int(view.table.total.split()[0].replace(",", ""))
    assert len(column(view.map.figure, "sky_listed").data["x"]) == len(view.table.rows)
    figure = view.map.figure
    view.filters._handle_msg({"type": "submit", "values": {"n": "1..", "eta": "1.."}})
    await view.settled()
    names = column(view.map.figure, "sky_points").data["name"]
    assert len(names) == int(view.table.total.split()[0].replace(",", ""))
    assert len(names) < len(points["name"])
    assert figure is not None


async def test_what_is_selected_on_the_map_becomes_the_list_and_is_kept_in_the_url(archive: Archive) -> None:
    view = await open_list(archive, sky="flat", n="1..")
    all_names = list(column(view.map.figure, "sky_points").data["name"])
    column(view.map.figure, "sky_points").selected.indices = [0, 2]
    await view.settled()
    assert {row["key"] for row in view.table.rows} == {all_names[0], all_names[2]}
    assert "Only the 2 sources selected" in view.table.note
    assert f"picked={view.picked}" in write_query(view, view.url_params)
    assert column(view.map.figure, "sky_points").data["name"] == all_names
    again = await open_list(archive, sky="flat", n="1..", picked=view.picked)
    assert sorted(column(again.map.figure, "sky_points").selected.indices) == [0, 2]
    column(again.map.figure, "sky_points").selected.indices = []
    await again.settled()
    assert again.picked == ""
    assert len(again.table.rows) > 2
