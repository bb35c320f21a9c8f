"""The eta-V plane as data: what is drawn, where the lines stand, what is only counted."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from bokeh.models import ColumnDataSource

from dashboards.plots.eta_v import EtaVPlot, plot_eta_v, update_eta_v
from dashboards.plots.eta_v_data import MOST_POINTS, Cuts, drawable, floor_of, margin_columns, one_by_one
from data_access.analysis.eta_v import beyond_both, fit_log_gaussian
from data_access.records.variability import VariabilityTable
from tests.dashboards.eta_v_samples import make_table


def cuts_of(table: VariabilityTable, **own: float) -> Cuts:
    eta, v = fit_log_gaussian(table.eta), fit_log_gaussian(table.v)
    return Cuts(eta, v, 3.0, own.get("eta", eta.cut()), own.get("v", v.cut()))


def plotted(table: VariabilityTable, **options: Any) -> EtaVPlot:
    made = plot_eta_v(table, cuts_of(table), **options)
    assert isinstance(made, EtaVPlot)
    return made


def source_of(plot: EtaVPlot, name: str) -> dict[str, Any]:
    return dict(plot.layout.select_one({"name": name, "type": ColumnDataSource}).data)


def test_every_source_is_a_point_at_its_logarithms() -> None:
    table = make_table(300)
    data = source_of(plotted(table), "eta_v")
    np.testing.assert_allclose(10 ** data["log_eta"], table.eta)
    np.testing.assert_allclose(10 ** data["log_v"], table.v)
    np.testing.assert_allclose(data["flux_mjy"], 1e3 * table.mean)
    assert data["name"] == table.source_id.tolist()


def test_axes_name_quantity_and_unit() -> None:
    figure = plotted(make_table(60)).figure
    assert figure.xaxis[0].axis_label == "η, weighted reduced χ² against a constant (no unit)"
    assert figure.yaxis[0].axis_label == "V, modulation index (no unit)"


def test_lines_stand_at_the_cuts_and_those_of_the_reader_can_be_dragged() -> None:
    table = make_table(300)
    cuts = cuts_of(table, eta=7.0, v=0.4)
    plot = plot_eta_v(table, cuts)
    assert isinstance(plot, EtaVPlot)
    assert (plot.eta_line.location, plot.v_line.location) == (math.log10(7.0), math.log10(0.4))
    assert plot.eta_line.editable
    assert plot.v_line.editable
    published = plot.figure.select_one({"name": "published_height"})
    assert published.location == pytest.approx(math.log10(fit_log_gaussian(table.eta).cut()))
    assert not published.editable


def test_the_count_above_both_cuts_is_said() -> None:
    table = make_table(300, n_variable=7)
    words = plotted(table).figure.select_one({"name": "beyond_count"}).text
    assert words.startswith("7 above both: η > ")


def test_sources_without_a_place_or_with_too_few_epochs_are_not_drawn() -> None:
    table = make_table(10)
    table.reason[3], table.n[4] = 5, 4
    assert drawable(table, 5).tolist() == [0, 1, 2, 5, 6, 7, 8, 9]


def test_above_the_limit_the_dense_part_is_counted_and_no_source_is_lost() -> None:
    table = make_table(60_000, n_variable=30)
    plot = plotted(table)
    drawn, cells = source_of(plot, "eta_v"), source_of(plot, "eta_v_cells")
    assert len(drawn["name"]) == MOST_POINTS
    assert cells["count"].sum() == 60_000 - MOST_POINTS
    words = plot.figure.select_one({"name": "drawn_how"}).text
    assert words == "60,000 sources: 20,000 points, others counted in cells"


def test_every_candidate_is_a_point_among_a_million_counted_sources() -> None:
    table = make_table(1_000_000, n_variable=400)
    cuts, rows = cuts_of(table), np.arange(1_000_000)
    drawn = one_by_one(table, rows, cuts)
    beyond = np.flatnonzero(beyond_both(table.eta, table.v, cuts.eta, cuts.v))
    assert beyond.size >= 400
    assert np.isin(beyond, drawn).all()


def test_below_the_floor_of_the_points_the_browser_knows_that_its_count_is_short() -> None:
    table = make_table(60_000)
    rows = np.arange(60_000)
    floor = floor_of(table, rows, one_by_one(table, rows, cuts_of(table)))
    plot = plotted(table)
    assert plot.source.tags == [floor]
    rest = np.setdiff1d(rows, one_by_one(table, rows, cuts_of(table)))
    assert floor == {"eta": table.eta[rest].max(), "v": table.v[rest].max()}
    assert floor_of(table, rows[:10], rows[:10]) == {}


def test_the_fit_in_the_margin_has_the_area_of_the_sources_that_were_kept() -> None:
    table = make_table(5000)
    fit = fit_log_gaussian(table.eta)
    bars, bell = margin_columns(table.eta, fit)
    assert bars["count"].sum() == 5000
    width = bars["high"][0] - bars["low"][0]
    assert np.trapezoid(bell["y"], bell["x"]) / width == pytest.approx(fit.n_kept, rel=0.02)


def test_an_update_patches_the_sources_and_keeps_every_model() -> None:
    table = make_table(300)
    plot = plotted(table)
    before = {model.id for model in plot.layout.references()}
    newer = replace(table, eta=table.eta * 2)
    assert update_eta_v(plot, newer, cuts_of(newer, eta=9.0))
    assert {model.id for model in plot.layout.references()} == before
    np.testing.assert_allclose(source_of(plot, "eta_v")["eta"], newer.eta)
    assert plot.eta_line.location == math.log10(9.0)
    assert "η > 9 " in plot.figure.select_one({"name": "beyond_count"}).text


def test_a_line_under_the_hand_is_not_moved_by_missing_digits() -> None:
    table = make_table(300)
    plot = plotted(table)
    plot.eta_line.location = 0.87654321
    update_eta_v(plot, table, cuts_of(table, eta=float(f"{10**0.87654321:.4g}")))
    assert plot.eta_line.location == 0.87654321


def test_no_source_at_all_is_said() -> None:
    table = make_table(6)
    table.reason[:] = 3
    figure = plot_eta_v(table, cuts_of(table))
    assert not isinstance(figure, EtaVPlot)
    assert figure.select_one({"name": "message"}).text == "no source has enough measurements for η and V"


@pytest.mark.parametrize("theme", ["dark", "light", "red"])
def test_the_plane_is_drawn_in_every_theme(theme: str) -> None:
    from dashboards.plots.theme import get_theme

    assert plotted(make_table(60), theme=theme).figure.background_fill_color == get_theme(theme).panel
