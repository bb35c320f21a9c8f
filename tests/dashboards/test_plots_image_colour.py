"""Colours of images: stretches, limits, maps, and changing them without sending pixels."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.visualization import ZScaleInterval
from bokeh.models import ColumnDataSource, LinearColorMapper

from dashboards.plots import plot_image, set_stretch
from dashboards.plots.image_colour import COLOUR_MAPS, ColourScale, ranks, stretched_palette
from dashboards.plots.theme import get_theme
from tests.dashboards.plot_samples import make_preview


def source(figure, name):
    return figure.select_one({"name": name, "type": ColumnDataSource})


@pytest.mark.parametrize("stretch", ["linear", "sqrt", "log", "asinh"])
def test_every_stretch_runs_from_the_first_to_the_last_colour_without_turning_back(stretch):
    shades = [f"#{level:02x}{level:02x}{level:02x}" for level in range(256)]

    levels = [int(colour[1:3], 16) for colour in stretched_palette(shades, stretch)]

    assert (levels[0], levels[-1]) == (0, 255)
    assert np.all(np.diff(levels) >= 0)


def test_asinh_lifts_faint_emission_above_linear():
    shades = [f"#{level:02x}{level:02x}{level:02x}" for level in range(256)]

    at_tenth = {stretch: stretched_palette(shades, stretch)[102] for stretch in ("linear", "asinh", "log")}

    assert at_tenth["linear"] < at_tenth["asinh"] < at_tenth["log"]


def test_set_stretch_changes_colours_and_sends_no_pixels():
    preview = make_preview()
    figure = plot_image(preview)
    before = source(figure, "image").data["image"][0]
    low = figure.select_one(LinearColorMapper).low

    set_stretch(figure, "log", high=1.0)

    assert source(figure, "image").data["image"][0] is before
    mapper = figure.select_one(LinearColorMapper)
    assert (mapper.low, mapper.high) == (low, 1.0)
    assert figure.select_one({"name": "colour_bar"}).title == "µJy/beam · log · one limit given"


@pytest.mark.parametrize("theme", ["dark", "light", "red"])
def test_set_stretch_keeps_the_theme_and_gives_what_a_new_figure_has(theme):
    figure = plot_image(make_preview(), theme=theme)

    set_stretch(figure, "sqrt")

    fresh = plot_image(make_preview(), theme=theme, stretch="sqrt")
    assert figure.select_one(LinearColorMapper).palette == fresh.select_one(LinearColorMapper).palette
    assert figure.select_one({"name": "colour_bar"}).title == fresh.select_one({"name": "colour_bar"}).title


def test_histogram_equalisation_gives_every_colour_the_same_number_of_pixels():
    data = np.random.default_rng(0).lognormal(0, 1, (200, 200)).astype(np.float32)
    shades = [f"#{level:02x}0000" for level in range(256)]
    low, high = float(data.min()), float(np.percentile(data, 99))

    palette = stretched_palette(shades, "histogram", ranks(data, low, high))

    levels = np.array([int(colour[1:3], 16) for colour in palette])
    inside = data[(data >= low) & (data <= high)]
    colour = levels[((inside - low) / (high - low) * 1023).astype(int)]
    counts = np.histogram(colour, bins=4, range=(0, 256))[0] / inside.size
    assert np.all(np.abs(counts - 0.25) < 0.05)
    assert (levels[0], levels[-1]) == (0, 255)


@pytest.mark.parametrize(
    ("how", "expected"),
    [("minmax", (-3.0, 9.0)), ("99", None), ("zscale", None), ("hand", (1.0, 2.0))],
)
def test_limits_are_what_their_name_says(how, expected):
    data = np.random.default_rng(0).normal(0, 0.5, (300, 300)).astype(np.float32)
    data[0, :3] = -3.0, 9.0, np.nan

    low, high, words = ColourScale(limits=how, low=1.0, high=2.0).find_limits(data)

    if how == "99":
        expected = tuple(np.nanpercentile(data, (0.5, 99.5)))
    if how == "zscale":
        expected = ZScaleInterval().get_limits(data[np.isfinite(data)])
    assert (low, high) == pytest.approx(expected)
    assert words


@pytest.mark.parametrize("colours", COLOUR_MAPS)
@pytest.mark.parametrize("invert", [False, True])
def test_the_red_theme_keeps_red_whatever_map_is_asked_for(colours, invert):
    for colour in ColourScale(colours=colours, invert=invert).palette(get_theme("red")):
        assert colour[3:] == "0000"


def test_an_inverted_map_runs_backwards():
    theme = get_theme("dark")
    assert ColourScale(colours="grey", invert=True).palette(theme) == tuple(
        reversed(ColourScale(colours="grey").palette(theme))
    )
