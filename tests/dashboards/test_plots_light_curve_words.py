"""Light curves: what symbols, lines and measurements are called, within the plot and beside it."""

from __future__ import annotations

import numpy as np
from bokeh.models import ColumnDataSource, HoverTool, LegendItem

from dashboards.plots import light_curve_columns, plot_light_curve, update_light_curve
from dashboards.plots.light_curve_data import MOST_POINTS, Marks
from dashboards.plots.light_curve_hover import tell_words
from dashboards.plots.light_curve_lines import Reference
from tests.dashboards.plot_samples import make_light_curve


def subtitle(figure):
    return figure.select_one({"name": "subtitle"}).text


def data(figure):
    return figure.select_one({"name": "light_curve", "type": ColumnDataSource}).data


def words(figure):
    return figure.select_one(HoverTool).formatters["$index"].args["words"].data


def test_the_weighted_mean_is_stated_with_its_unit_in_the_legend_or_else_in_the_subtitle():
    lc, stated = make_light_curve(peak_jyb=np.full(30, 0.02)), "weighted mean 20 ± 0.18 mJy/beam"
    within, beside = plot_light_curve(lc), plot_light_curve(lc, legend=False)

    assert within.select_one({"name": "mean", "type": LegendItem}).label.value == stated
    assert subtitle(beside) == f"{stated} · {subtitle(within)}"
    assert update_light_curve(beside, make_light_curve(peak_jyb=np.full(30, 0.03)))
    assert subtitle(beside).startswith("weighted mean 30 ± 0.18 mJy/beam · ")


def test_a_legend_beside_the_plot_knows_what_the_one_within_says():
    lc, marks = make_light_curve(flags=np.array([4] * 5 + [0] * 25)), Marks(off_scale=frozenset({7}))
    look = {"marks": marks, "reference": Reference(20.0, "NVSS 1.4 GHz")}

    within, beside = plot_light_curve(lc, **look), plot_light_curve(lc, legend=False, **look)

    assert not beside.legend
    assert beside.tags == within.tags
    said = [item.label.value for item in within.legend[0].items]
    assert all(text.startswith(word) for text, (_, _, word) in zip(said, within.tags, strict=True))
    assert "NVSS 1.4 GHz 20 mJy" in subtitle(beside)
    update_light_curve(beside, make_light_curve())
    assert [word for _, _, word in beside.tags] == ["detection", "weighted mean"]


def test_a_catalogue_flux_outside_the_axis_is_said_to_be_there_and_not_drawn():
    lc, far = make_light_curve(), {"reference": Reference(1e6, "NVSS 1.4 GHz"), "unit": "Jy"}

    within, beside = plot_light_curve(lc, **far), plot_light_curve(lc, legend=False, **far)

    item = within.select_one({"name": "reference", "type": LegendItem})
    assert item.label.value == "NVSS 1.4 GHz 1000 Jy, above the axis"
    assert np.isnan(within.select_one({"name": "reference", "type": ColumnDataSource}).data["y"]).all()
    assert "NVSS 1.4 GHz 1000 Jy, above the axis" in subtitle(beside)
    assert [word for _, _, word in beside.tags] == ["detection", "weighted mean"]


def test_words_may_come_after_the_points_and_are_never_those_of_another_source():
    figure = plot_light_curve(make_light_curve())
    other = make_light_curve(12, source_id="another")

    assert update_light_curve(figure, other, words=False)

    assert {len(column) for column in data(figure).values()} == {12}
    assert set(map(len, words(figure).values())) == {0}
    tell_words(figure, light_curve_columns(other))
    assert len(words(figure)["image"]) == 12


def test_the_hover_counts_measurements_only_where_a_point_stands_for_several():
    n = MOST_POINTS + 1

    several = plot_light_curve(make_light_curve(n, mjd=60000 + np.arange(n) / 100))

    assert words(plot_light_curve(make_light_curve()))["kind"][0] == "detection"
    assert words(several)["kind"][0] == f"mean of {data(several)['n'][0]} measurements"
    assert "measured" not in str(several.select_one(HoverTool).tooltips)
