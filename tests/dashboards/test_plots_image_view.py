"""The visible part of an image: what the browser says of it, and the lines of the sky that belong to it."""

from __future__ import annotations

import numpy as np
import pytest
from bokeh.models import ColumnDataSource

from dashboards.plots import plot_image
from dashboards.plots.image import image_box
from dashboards.plots.image_view import add_zoom, graticule_of, move_view, read_visible, set_graticule
from dashboards.plots.sky import celestial_wcs, pixel_to_sky
from tests.dashboards.plot_samples import SIN_WCS, make_preview

POLE = {**SIN_WCS, "CRVAL2": 90.0, "CRVAL1": 0.0}
MIDNIGHT = {**SIN_WCS, "CRVAL1": 0.0}


@pytest.mark.parametrize(
    "cards", [SIN_WCS, POLE, MIDNIGHT, {**SIN_WCS, "CDELT1": 3 / 3600}, {**POLE, "CROTA2": 30.0}]
)
@pytest.mark.parametrize("box", [(-0.5, -0.5, 39.5, 39.5), (12.0, 12.0, 26.0, 26.0), (17.0, 17.5, 21.0, 21.5)])
def test_lines_of_a_zoomed_part_lie_where_wcslib_puts_them(cards, box):
    header = make_preview(wcs=cards).header
    graticule = graticule_of(header, box)
    wcs = celestial_wcs(header)
    assert len(set(graticule.columns["family"])) == 2
    for xs, ys, family, value in zip(
        *(graticule.columns[name] for name in ("xs", "ys", "family", "value_deg")), strict=True
    ):
        seen = np.isfinite(xs)
        lon, lat = pixel_to_sky(wcs, xs[seen], ys[seen])
        # cut ends lie on a chord between two points of the line
        off = (lon - value + 180) % 360 - 180 if family == "lon" else lat - value
        inner = off[1:-1] * (np.cos(np.radians(lat[1:-1])) if family == "lon" else 1)
        assert np.all(np.abs(inner) * 3600 < 0.3)


def test_labels_of_a_part_across_midnight_run_through_zero_hours():
    labels = graticule_of(make_preview(wcs=MIDNIGHT).header, (5, 5, 35, 35)).columns["label"]
    assert any(label.startswith("23h59m") for label in labels)
    assert any(label.startswith("00h00m") for label in labels)
    assert not any(label.startswith("24h") for label in labels)


def test_without_a_sky_there_are_no_lines():
    assert graticule_of(make_preview(wcs={}, frame="unknown").header, (0, 0, 10, 10)) is None


def test_lines_of_a_part_replace_those_of_the_whole_in_the_same_figure():
    preview = make_preview()
    figure = plot_image(preview)
    graticule = graticule_of(preview.header, (10, 10, 14, 14))
    set_graticule(figure, graticule)
    source = figure.select_one({"name": "graticule", "type": ColumnDataSource})
    assert source.data["label"] == graticule.columns["label"]


@pytest.mark.parametrize(
    "change",
    [{"x0": ["here"]}, {"x1": [-5.0]}, {"width": [0]}, {"y0": []}, {"y1": [float("inf")]}, {"height": [1e9]}],
)
def test_what_is_no_range_is_not_taken_for_one(change):
    good = {"x0": [0.0], "x1": [10.0], "y0": [0.0], "y1": [10.0], "width": [500], "height": [500]}
    assert read_visible(good) is not None
    assert read_visible(good | change) is None


def test_the_view_is_moved_twice_by_the_same_step():
    preview = make_preview()
    figure = plot_image(preview)
    add_zoom(figure, image_box(preview), lambda _: None)
    sent = []
    move = next(tag for tag in figure.tags if tag.name == "move")
    move.on_change("data", lambda _name, _old, new: sent.append(dict(new)))
    move_view(figure, "by", size=0.5)
    move_view(figure, "by", size=0.5)
    assert [one["size"] for one in sent] == [[0.5], [0.5]]
