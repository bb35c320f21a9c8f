"""Light curves of many measurements: smaller symbols, fewer outlines."""

from __future__ import annotations

import numpy as np
from bokeh.models import ColumnDataSource

from dashboards.plots import light_curve_columns, plot_light_curve, update_light_curve
from dashboards.plots.light_curve_data import Marks
from tests.dashboards.plot_samples import make_light_curve


def outlines(figure):
    return figure.select_one({"name": "light_curve", "type": ColumnDataSource}).data["outline"]


def test_symbols_of_many_measurements_are_smaller_also_after_a_patch():
    few, many = make_light_curve(30), make_light_curve(500)
    figure = plot_light_curve(few)
    points = next(renderer for renderer in figure.renderers if renderer.name == "points")
    assert points.glyph.size == points.nonselection_glyph.size == 8
    assert set(outlines(figure)) == {1.0}

    assert update_light_curve(figure, many)
    assert points.glyph.size == points.nonselection_glyph.size == 6
    assert plot_light_curve(many).select_one({"name": "points"}).glyph.size == 6

    assert update_light_curve(figure, few)
    assert points.glyph.size == points.selection_glyph.size == 8


def test_among_many_symbols_only_those_without_an_inside_have_outlines():
    curve = make_light_curve(500, origin=["image name"] * 400 + ["processing time"] * 100)
    columns = light_curve_columns(curve, marks=Marks(left_out=frozenset({int(curve.photometry_id[0])})))
    bare = [kind in ("flagged", "left out") for kind in columns["kind"]]
    hollow = np.asarray(columns["fill_alpha"]) == 0.0
    assert any(bare)
    assert hollow.any()
    assert np.asarray(columns["outline"]).tolist() == np.where(np.array(bare) | hollow, 1.0, 0.0).tolist()


def test_hollow_symbols_stay_hollow_beside_a_chosen_one():
    figure = plot_light_curve(make_light_curve(30, origin=["processing time"] * 30))
    others = next(renderer for renderer in figure.renderers if renderer.name == "points").nonselection_glyph
    for alpha, column in ((others.fill_alpha, "fill_alpha"), (others.line_alpha, "outline")):
        assert alpha.field == column
        assert dict(zip(alpha.transform.x, alpha.transform.y, strict=True)) == {0.0: 0.0, 1.0: 0.5}
