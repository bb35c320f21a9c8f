"""Images: orientation, sky coordinates, beam, colours."""

from __future__ import annotations

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io.fits import Header
from astropy.wcs import WCS
from bokeh.models import ColumnDataSource, HoverTool, LinearColorMapper

from dashboards.plots import SkyMarker, image_source, marker_columns, plot_image
from dashboards.plots.graticule import edge_families, edge_ticks, graticule_columns
from dashboards.plots.image import image_box
from dashboards.plots.image_colour import (
    colour_limits,
    display_unit,
)
from dashboards.plots.sky import celestial_wcs, degrees_text, hours_text, local_sky, sky_grid, sky_to_pixel
from data_access.records import BeamShape
from tests.dashboards.plot_samples import (
    ALL_SKY_WCS,
    GALACTIC_WCS,
    SIN_WCS,
    SOLAR_WCS,
    SUPERGALACTIC_WCS,
    make_preview,
)


def source(figure, name):
    return figure.select_one({"name": name, "type": ColumnDataSource})


def outline(figure):
    data = source(figure, "beam").data
    return np.array([data["dx"][0], data["dy"][0]])


def test_the_first_fits_row_is_drawn_at_the_bottom():
    data = np.zeros((40, 40))
    data[35, 7] = 1.0

    figure = plot_image(make_preview(data))

    drawn = source(figure, "image").data
    row, column = np.unravel_index(np.argmax(drawn["image"][0]), (40, 40))
    pixel = drawn["dh"][0] / 40
    assert drawn["y"][0] + (row + 0.5) * pixel == 35
    assert drawn["x"][0] + (column + 0.5) * pixel == 7
    assert figure.renderers[1].glyph.origin == "bottom_left"
    assert not figure.y_range.flipped


def test_a_block_averaged_cutout_lies_at_its_place_in_the_file():
    columns = image_source(make_preview(np.zeros((10, 20)), factor=4, origin=(100, 200)))

    assert (columns["x"][0], columns["y"][0], columns["dw"][0], columns["dh"][0]) == (99.5, 199.5, 80, 40)


def test_pixels_are_sent_as_float32_and_blank_ones_are_transparent():
    data = np.full((40, 40), np.nan)
    data[0, 0] = 1.0

    figure = plot_image(make_preview(data))

    assert source(figure, "image").data["image"][0].dtype == np.float32
    assert figure.select_one(LinearColorMapper).nan_color == "rgba(0, 0, 0, 0)"
    assert "99.9 % blank" in figure.select_one({"name": "subtitle"}).text


@pytest.mark.parametrize(
    "cards",
    [
        SIN_WCS,
        {**SIN_WCS, "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL2": 80.0, "CDELT1": -0.05, "CDELT2": 0.05},
        {**SIN_WCS, "CTYPE1": "RA---SIN", "PC1_1": 0.8, "PC1_2": -0.6, "PC2_1": 0.6, "PC2_2": 0.8},
        {**SIN_WCS, "CRVAL1": 0.001},
    ],
    ids=["SIN", "TAN near the pole", "rotated", "across 0 h"],
)
def test_graticule_agrees_with_astropy_to_a_tenth_of_a_pixel(cards):
    preview = make_preview(wcs=cards)
    wcs = WCS(Header(cards))

    lines = graticule_columns(preview.header, celestial_wcs(preview.header), image_box(preview))

    assert {"lon", "lat"} <= set(lines["family"])
    for xs, ys, family, value in zip(lines["xs"], lines["ys"], lines["family"], lines["value_deg"], strict=True):
        seen = np.isfinite(xs)
        world = wcs.pixel_to_world(xs[seen], ys[seen])
        on_line = SkyCoord(value * u.deg, world.dec) if family == "lon" else SkyCoord(world.ra, value * u.deg)
        x, y = wcs.world_to_pixel(on_line)
        assert np.hypot(x - xs[seen], y - ys[seen]).max() < 0.1


def test_tick_labels_stand_where_the_lines_meet_the_edges():
    figure = plot_image(make_preview())
    wcs = WCS(Header(SIN_WCS))

    ticks = figure.xaxis[0].major_label_overrides

    assert len(ticks) >= 2
    assert sorted(ticks) == figure.xaxis[0].ticker.ticks
    for x, label in ticks.items():
        ra = wcs.pixel_to_world(x, -0.5).ra
        assert abs(ra.hourangle - SkyCoord(label, "0d").ra.hourangle) * 15 * 3600 < 0.3


def test_an_image_turned_by_90_degrees_has_declination_at_the_left():
    turned = {**SIN_WCS, "PC1_1": 0.0, "PC1_2": 1.0, "PC2_1": -1.0, "PC2_2": 0.0}

    figure = plot_image(make_preview(wcs=turned))

    assert figure.xaxis[0].axis_label == "Right ascension (ICRS)"
    assert figure.yaxis[0].axis_label == "Declination (ICRS)"
    assert all("°" in label for label in figure.yaxis[0].major_label_overrides.values())


def test_an_image_turned_by_nearly_45_degrees_has_its_labels_where_they_reach_the_edges():
    angle = np.radians(44.0)
    turned = {"PC1_1": np.cos(angle), "PC1_2": np.sin(angle), "PC2_1": -np.sin(angle), "PC2_2": np.cos(angle)}

    figure = plot_image(make_preview(wcs={**SIN_WCS, **{key: float(value) for key, value in turned.items()}}))

    assert figure.xaxis[0].major_label_overrides
    assert figure.yaxis[0].major_label_overrides


@pytest.mark.parametrize(
    ("frame", "cards", "label"),
    [
        ("icrs", SIN_WCS, "Right ascension (ICRS)"),
        ("fk5", {**SIN_WCS, "RADESYS": "FK5", "EQUINOX": 2000.0}, "Right ascension (FK5 J2000.0)"),
        ("fk4", {**SIN_WCS, "RADESYS": "FK4", "EQUINOX": 1950.0}, "Right ascension (FK4 B1950.0)"),
        ("galactic", GALACTIC_WCS, "Galactic longitude (degrees)"),
        ("fk4-no-e", {**SIN_WCS, "RADESYS": "FK4-NO-E"}, "Right ascension (FK4 without E-terms, B1950.0)"),
        ("supergalactic", SUPERGALACTIC_WCS, "Supergalactic longitude (degrees)"),
        ("unknown", {**SIN_WCS, "RADESYS": "GAPPT"}, "Right ascension (frame GAPPT)"),
        ("unknown", SOLAR_WCS, "Longitude (HPLN, degrees)"),
    ],
)
def test_axes_name_the_native_frame(frame, cards, label):
    assert plot_image(make_preview(wcs=cards, frame=frame)).xaxis[0].axis_label == label


@pytest.mark.parametrize("cards", [{**SIN_WCS, "RADESYS": "GAPPT"}, SOLAR_WCS])
def test_no_marker_is_drawn_in_a_frame_that_is_not_known(cards):
    marker = SkyMarker(cards["CRVAL1"], cards["CRVAL2"], "here")

    assert marker_columns(make_preview(wcs=cards, frame="unknown"), [marker])["x"] == []


def test_galactic_ticks_are_decimal_degrees():
    figure = plot_image(make_preview(wcs=GALACTIC_WCS, frame="galactic"))

    labels = figure.xaxis[0].major_label_overrides.values()
    assert labels
    assert all(label.endswith("°") and "h" not in label for label in labels)


def test_an_all_sky_map_has_labels_inside_where_no_line_reaches_the_edge():
    figure = plot_image(make_preview(wcs=ALL_SKY_WCS))

    inside = source(figure, "graticule_labels").data
    assert len(inside["text"]) >= 6
    assert np.all(np.isfinite(inside["x"]))


def test_lines_do_not_jump_across_an_all_sky_map():
    preview = make_preview(wcs=ALL_SKY_WCS)

    lines = graticule_columns(preview.header, celestial_wcs(preview.header), image_box(preview))

    steps = [np.hypot(np.diff(x), np.diff(y)) for x, y in zip(lines["xs"], lines["ys"], strict=True)]
    assert max(np.nanmax(step) for step in steps) < 6


def test_without_coordinates_the_axes_are_pixels_and_the_title_says_so():
    figure = plot_image(make_preview(wcs={}, frame="unknown"))

    assert "no sky coordinates" in figure.title.text
    assert [figure.xaxis[0].axis_label, figure.yaxis[0].axis_label] == ["x (pixel)", "y (pixel)"]
    assert source(figure, "graticule") is None


def test_a_broken_wcs_is_treated_as_none():
    assert celestial_wcs(make_preview(wcs={"CTYPE1": "RA---XXX", "CTYPE2": "DEC--XXX"}).header) is None


@pytest.mark.parametrize("pa_deg", [0.0, 30.0, 120.0])
def test_beam_has_its_size_and_its_angle_from_north_through_east(pa_deg):
    figure = plot_image(make_preview(beam=BeamShape(30.0, 15.0, pa_deg, "header")))

    dx, dy = outline(figure)
    radius = np.hypot(dx, dy)
    tip = int(np.argmax(radius))
    # east is to the left in this image: an angle from north through east runs anticlockwise
    angle = np.degrees(np.arctan2(-dx[tip], dy[tip])) % 180
    assert 2 * radius.max() == pytest.approx(10.0, rel=1e-3)
    assert 2 * radius.min() == pytest.approx(5.0, rel=1e-3)
    assert min(abs(angle - pa_deg), 180 - abs(angle - pa_deg)) < 0.5


@pytest.mark.parametrize(
    ("beam", "words"),
    [
        (BeamShape(30.0, 15.0, None, "header"), "beam 30″ × 15″, PA not recorded"),
        (BeamShape(30.0, 30.0, 10.0, "header", minor_assumed=True), "beam 30″ (minor axis not recorded), PA 10°"),
        (None, "beam not recorded"),
    ],
)
def test_a_beam_that_is_not_wholly_recorded_is_not_drawn_and_says_what_is_missing(beam, words):
    figure = plot_image(make_preview(beam=beam))

    assert figure.select({"name": "beam"}) == []
    assert words in figure.select_one({"name": "subtitle"}).text


def test_a_round_beam_needs_no_angle():
    dx, dy = outline(plot_image(make_preview(beam=BeamShape(30.0, 30.0, None, "header"))))

    np.testing.assert_allclose(np.hypot(dx, dy), 5.0, rtol=1e-3)


def test_beam_turns_with_a_mirrored_image():
    mirrored = {**SIN_WCS, "CDELT1": 3 / 3600}

    dx, dy = outline(plot_image(make_preview(wcs=mirrored, beam=BeamShape(30.0, 15.0, 30.0, "header"))))

    tip = int(np.argmax(np.hypot(dx, dy)))
    assert np.degrees(np.arctan2(dx[tip], dy[tip])) % 180 == pytest.approx(30.0, abs=0.5)


def test_beam_lies_in_the_lower_left_corner_inside_the_image():
    data = source(plot_image(make_preview(beam=BeamShape(30.0, 15.0, 45.0, "header"))), "beam").data

    assert -0.5 < data["xs"][0].min() < 5
    assert -0.5 < data["ys"][0].min() < 5


def test_scale_bar_has_the_length_it_states():
    data = source(plot_image(make_preview()), "scale_bar").data

    assert data["text"][0] == "30″"
    assert data["x1"][0] - data["x0"][0] == pytest.approx(10.0, rel=1e-6)


def test_scale_is_the_same_at_the_pole():
    wcs = celestial_wcs(make_preview(wcs={**SIN_WCS, "CRVAL2": 90.0}).header)

    assert local_sky(wcs, (-0.5, -0.5, 38.5, 38.5)).pixel_arcsec == pytest.approx(3.0, rel=1e-3)


def test_markers_are_moved_from_icrs_to_the_frame_of_the_image():
    preview = make_preview(wcs=GALACTIC_WCS, frame="galactic")
    place = SkyCoord(30.001, 0.002, unit="deg", frame="galactic").icrs

    columns = marker_columns(preview, [SkyMarker(place.ra.deg, place.dec.deg, "one"), SkyMarker(0.0, 0.0, "far")])

    x, y = WCS(Header(GALACTIC_WCS)).wcs_world2pix([[30.001, 0.002]], 0)[0]
    assert columns["label"] == ["one"]
    assert columns["x"][0] == pytest.approx(x, abs=1e-6)
    assert columns["y"][0] == pytest.approx(y, abs=1e-6)


def test_position_grid_interpolates_to_a_tenth_of_a_pixel():
    cards = {**SIN_WCS, "CDELT1": -0.05, "CDELT2": 0.05}
    wcs = WCS(Header(cards))
    box = (-0.5, -0.5, 39.5, 39.5)
    grid = sky_grid(wcs, box)
    n = int(np.sqrt(grid["ux"].size))
    spots = np.random.default_rng(0).uniform(0, 39, (50, 2))

    for x, y in spots:
        gx, gy = (x - box[0]) / 40 * (n - 1), (y - box[1]) / 40 * (n - 1)
        i, j = int(gx), int(gy)
        a, b, k = gx - i, gy - j, j * n + i
        vector = [
            (1 - b) * ((1 - a) * g[k] + a * g[k + 1]) + b * ((1 - a) * g[k + n] + a * g[k + n + 1])
            for g in (grid["ux"], grid["uy"], grid["uz"])
        ]
        found = SkyCoord(*vector, representation_type="cartesian")
        found.representation_type = "unitspherical"
        assert found.separation(wcs.pixel_to_world(x, y)).deg < 0.1 * 0.05


def test_colour_limits_are_robust_and_stated_in_the_colour_bar():
    data = np.random.default_rng(0).normal(0, 1e-4, (100, 100))
    data[50, 50] = 5.0

    figure = plot_image(make_preview(data))

    assert figure.select_one(LinearColorMapper).high < 1e-3
    assert figure.select_one({"name": "colour_bar"}).title == "µJy/beam · asinh · 1 to 99.9 %"


@pytest.mark.parametrize("data", [np.full((4, 4), np.nan), np.zeros((4, 4)), np.full((4, 4), -2.5), [[np.inf, 1.0]]])
def test_colour_limits_rise_even_for_blank_and_constant_images(data):
    low, high, _ = colour_limits(np.asarray(data, dtype=np.float32))

    assert np.isfinite([low, high]).all()
    assert low < high


def test_given_limits_win_over_percentiles():
    figure = plot_image(make_preview(), low=-0.5, high=2.0)

    mapper = figure.select_one(LinearColorMapper)
    assert (mapper.low, mapper.high) == (-0.5, 2.0)
    assert "given limits" in figure.select_one({"name": "colour_bar"}).title


@pytest.mark.parametrize(
    ("bunit", "high", "expected"),
    [
        ("Jy/beam", 2.0, ("Jy/beam", 1.0)),
        ("JY/BEAM", 2e-2, ("mJy/beam", 1e3)),
        ("Jy beam-1", 2e-4, ("µJy/beam", 1e6)),
        ("Jy/pixel", 2e-2, ("mJy/pixel", 1e3)),
        ("K", 2e-4, ("K", 1.0)),
        ("", 1.0, ("unit not stated", 1.0)),
        ("<img onerror=x>", 1.0, ("img onerrorx", 1.0)),
    ],
)
def test_display_unit_makes_numbers_readable_and_carries_no_markup(bunit, high, expected):
    assert display_unit(bunit, high) == expected


def test_value_position_and_pixel_are_under_the_pointer():
    boxes = plot_image(make_preview()).select(HoverTool)
    hover = next(box for box in boxes if box.renderers[0].name == "image")

    assert all(part in hover.tooltips for part in ("@image{custom}", "$sx{custom}", "$x{0}"))
    assert set(hover.formatters) == {"@image", "$sx"}


@pytest.mark.parametrize(
    ("value", "step", "text"),
    [(187.5, 15.0, "12h"), (187.5, 0.5, "12h30m"), (187.5, 1 / 240, "12h30m00s"), (359.99999, 1 / 240, "00h00m00s"),
     (187.5, 0.1 / 240, "12h30m00.0s")],
)  # fmt: skip
def test_hours_show_as_many_parts_as_the_spacing_needs(value, step, text):
    assert hours_text(value, step) == text


@pytest.mark.parametrize(
    ("value", "step", "text"),
    [(-0.5, 0.5, "−0°30′"), (33.2, 0.1, "+33°12′"), (33.0, 1.0, "+33°"),
     (-1 / 3600, 1 / 3600, "−0°00′01″"), (0.0, 0.5 / 3600, "+0°00′00.0″")],
)  # fmt: skip
def test_degrees_keep_the_sign_of_small_southern_declinations(value, step, text):
    assert degrees_text(value, step) == text


def test_families_and_ticks_of_an_upright_image():
    preview = make_preview()
    box = image_box(preview)
    lines = graticule_columns(preview.header, celestial_wcs(preview.header), box)

    assert edge_families(lines, box) == ("lon", "lat")
    assert all("°" in label for label in edge_ticks(lines, box, side="left", family="lat").values())


@pytest.mark.parametrize(
    "cards",
    [
        {},
        {"CDELT1": 3 / 3600},
        {"CDELT2": -3 / 3600},
        {"CDELT1": 3 / 3600, "CDELT2": -3 / 3600},
        {"CROTA2": 180.0},
        {"CROTA2": 30.0},
        {"CDELT1": 3 / 3600, "CROTA2": -40.0},
    ],
)
def test_a_bright_pixel_in_the_north_east_is_up_and_left_however_the_image_is_stored(cards):
    wcs = celestial_wcs(make_preview(wcs={**SIN_WCS, **cards}).header)
    x, y = sky_to_pixel(wcs, np.array([150.0 + 0.01]), np.array([33.0 + 0.0084]))
    data = np.zeros((40, 40))
    data[round(float(y[0])), round(float(x[0]))] = 1.0
    figure = plot_image(make_preview(data, wcs={**SIN_WCS, **cards}))
    columns = figure.select_one({"name": "image", "type": ColumnDataSource}).data
    bright_y, bright_x = np.argwhere(columns["image"][0] == 1).mean(axis=0)
    n_y, n_x = columns["image"][0].shape
    across = columns["dw"][0] * ((bright_x + 0.5) / n_x - 0.5)
    up = columns["dh"][0] * ((bright_y + 0.5) / n_y - 0.5)
    assert (-across if figure.x_range.flipped else across) < 0
    assert (-up if figure.y_range.flipped else up) > 0
