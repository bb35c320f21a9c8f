"""Themes, and what every plot has in common."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest
from bokeh.document import Document
from bokeh.embed import json_item
from bokeh.models import HoverTool
from bokeh.plotting import figure as Figure

from dashboards import plots
from dashboards.plots.style import add_hover, add_subtitle, new_figure, plain_text
from dashboards.plots.theme import STATE_TOKENS
from data_access.records import BeamShape, CalibratorTransit, Pointing
from tests.dashboards.plot_samples import make_antennas, make_caltable, make_light_curve, make_ms, make_preview

NOISE = (60900.0 + np.arange(3), np.array([1e-3, np.nan, 2e-3]), ["a", "b", "c"])
TRANSIT = CalibratorTransit("3C48", 60900.0, True, "g", 1.0, 0.9, True)
GAINS = np.ones((1, 6, 1, 1, 2), dtype=complex)
PLOTS = {
    "image": lambda theme: plots.plot_image(make_preview(beam=BeamShape(30, 15, 20, "header")), theme=theme),
    "light curve": lambda theme: plots.plot_light_curve(make_light_curve(), theme=theme),
    "antennas": lambda theme: plots.plot_antenna_layout(make_antennas(), theme=theme),
    "flag bars": lambda theme: plots.plot_flag_bars(make_antennas(), theme=theme),
    "flags by time": lambda theme: plots.plot_flag_fraction_by_time(make_ms(), theme=theme),
    "flags by channel": lambda theme: plots.plot_flag_fraction_by_channel(make_ms(), theme=theme),
    "bandpass": lambda theme: plots.plot_caltable(make_caltable(np.ones((1, 6, 2, 8, 2), complex)), theme=theme)[0],
    "gain": lambda theme: plots.plot_caltable(make_caltable(GAINS, kind="G Jones"), theme=theme)[1],
    "snr": lambda theme: plots.plot_caltable(make_caltable(GAINS, kind="G Jones"), theme=theme)[-1],
    "noise": lambda theme: plots.plot_noise_trend(*NOISE, theme=theme),
    "timeline": lambda theme: plots.plot_timeline([plots.TimelineEvent("imaged", 60900.0)], theme=theme),
    "transits": lambda theme: plots.plot_transits([TRANSIT], theme=theme),
    "pointing": lambda theme: plots.plot_pointing([Pointing(60900.0, 10.0, 16.0)], theme=theme),
    "coverage": lambda theme: plots.plot_sky_coverage(np.array([10.0]), np.array([16.0]), ["f"], 1.5, theme=theme),
}  # fmt: skip


def luminance(colour):
    """Relative luminance (WCAG 2.1)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    bright, dim = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


@pytest.mark.parametrize("token", ["text", "muted", *STATE_TOKENS])
@pytest.mark.parametrize("name", ["dark", "light", "red"])
def test_text_has_a_contrast_of_four_and_a_half(name, token):
    theme = plots.get_theme(name)

    assert contrast(theme.colour(token), theme.background) >= 4.5
    assert contrast(theme.colour(token), theme.panel) >= 4.5


@pytest.mark.parametrize("name", ["dark", "light", "red"])
def test_lines_have_a_contrast_of_three(name):
    theme = plots.get_theme(name)

    assert min(contrast(colour, theme.panel) for colour in theme.series) >= 3


def test_the_red_theme_has_only_red_hues():
    theme = plots.get_theme("red")
    colours = [*plots.css_variables("red").values(), *theme.series, *theme.image_palette]

    for colour in (*colours, theme.overlay):
        red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
        hue, _, _ = colorsys.rgb_to_hsv(red, green, blue)
        assert hue == 0.0, colour
        assert max(green, blue) <= 0.36, colour


def test_an_unknown_theme_is_the_dark_one():
    assert plots.get_theme("mauve") is plots.get_theme("dark")


def test_page_and_plots_have_the_same_colours():
    theme, css = plots.get_theme("light"), plots.css_variables("light")

    assert list(css) == [
        "--bg", "--panel", "--image-tint", "--text",
        "--muted", "--grid", "--accent", "--ok", "--warn", "--bad", "--info", "--link"
    ]  # fmt: skip
    assert (css["--panel"], css["--warn"]) == (theme.panel, theme.warn)


def test_the_document_theme_colours_a_plain_figure():
    document = Document(theme=plots.bokeh_theme("red"))
    figure = Figure()
    figure.line([0, 1], [0, 1], legend_label="x")

    document.add_root(figure)

    assert figure.border_fill_color == plots.get_theme("red").panel
    assert figure.legend[0].label_text_color == plots.get_theme("red").text


@pytest.mark.parametrize("theme", ["dark", "light", "red"])
@pytest.mark.parametrize("name", PLOTS)
def test_theme_colours_reach_every_part_of_every_plot(name, theme):
    figure, colours = PLOTS[name](theme), plots.get_theme(theme)

    assert figure.border_fill_color == figure.background_fill_color == colours.panel
    assert {axis.major_label_text_color for axis in figure.axis} == {colours.text}
    assert {axis.axis_label_text_color for axis in figure.axis} == {colours.text}
    assert {legend.label_text_color for legend in figure.legend} <= {colours.text}
    assert figure.title.text_color == colours.text


@pytest.mark.parametrize("name", PLOTS)
def test_axis_titles_state_quantity_and_unit(name):
    figure = PLOTS[name]("dark")

    axes = [*figure.below, *figure.left]
    assert axes
    for axis in axes:
        quantity, _, unit = axis.axis_label.partition(" (")
        if name != "flag bars" or axis in figure.left:
            assert quantity
            assert unit.endswith(")")


@pytest.mark.parametrize("name", PLOTS)
def test_no_hover_box_takes_data_for_markup(name):
    boxes = list(PLOTS[name]("dark").select(HoverTool))

    assert boxes
    for box in boxes:
        assert "{safe}" not in str(box.tooltips)


@pytest.mark.parametrize("name", PLOTS)
def test_every_plot_serialises_and_is_described_to_screen_readers(name):
    figure = PLOTS[name]("dark")

    assert json_item(figure)["root_id"] == figure.id
    assert figure.html_attributes["aria-label"].strip(": ")
    assert figure.sizing_mode == "stretch_width"
    assert figure.toolbar.logo is None


@pytest.mark.parametrize(("height", "place"), [(220, "above"), (400, "above"), (520, "right")])
def test_tools_of_a_low_figure_stand_above_it_where_all_have_room(height, place):
    figure = new_figure(plots.get_theme("dark"), title="", x_label="x", y_label="y", height=height)

    assert figure.toolbar_location == place


@pytest.mark.parametrize("name", ["dark", "light", "red"])
def test_dividers_and_dots_between_tools_have_the_colours_of_the_theme(name):
    theme = plots.get_theme(name)
    css = new_figure(theme, title="", x_label="x", y_label="y").toolbar.stylesheets[0].css

    assert f".bk-divider{{background-color:{theme.grid}}}" in css
    assert f".bk-tool-overflow{{color:{theme.muted}}}" in css


def test_labels_of_hover_boxes_are_escaped():
    theme = plots.get_theme("dark")
    figure = new_figure(theme, title="", x_label="x", y_label="y")

    hover = add_hover(figure, theme, [("<b>label</b>", "@x")], renderers=[])

    assert "<b>" not in hover.tooltips
    assert "&lt;b&gt;label" in hover.tooltips


@pytest.mark.parametrize("text", ["$$x^2$$", r"\(x\)", r"\[x\]", "a\nb", "x" * 500])
def test_text_from_data_starts_no_typesetter_and_has_an_end(text):
    plain = plain_text(text)

    assert not any(mark in plain for mark in ("$$", r"\(", r"\[", "\n"))
    assert len(plain) <= 160


def test_a_subtitle_is_muted_and_can_be_found():
    theme = plots.get_theme("dark")
    figure = new_figure(theme, title="t", x_label="x", y_label="y")

    add_subtitle(figure, theme, "words")

    assert figure.select_one({"name": "subtitle"}).text_color == theme.muted


def test_an_empty_figure_says_why_in_plain_text():
    figure = plots.empty_figure("nothing <b>here</b>", "light")

    assert figure.select_one({"name": "message"}).text == "nothing <b>here</b>"
    assert not any(axis.visible for axis in figure.axis)


def test_the_package_lists_what_it_exports():
    for name in plots.__all__:
        assert hasattr(plots, name)
        if name.startswith("plot_"):
            assert f"`{name}`" in plots.__doc__
