"""The images against time and on the sky: what is drawn, what is named, what is left out and said to be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord

from dashboards.plots.image_map import (
    PRIMARY_BEAM_RADIUS_DEG,
    ImageFields,
    image_map_columns,
    plot_image_map,
    update_image_map,
)
from dashboards.plots.image_trend import (
    NARROWEST_PX,
    ImageSeries,
    image_trend_columns,
    plot_image_trend,
    update_image_trend,
)
from dashboards.plots.time_axis import utc_ms

N = 40


def series() -> ImageSeries:
    value = 1.0 + 0.1 * np.sin(np.arange(float(N)))
    value[[5, 30]] = 9.0, 5.0
    value[7] = np.nan
    mjd = 61000.0 + np.arange(float(N))[::-1]
    mjd[8] = np.nan
    return ImageSeries("noise", [str(i) for i in range(N)], [f"image {i}" for i in range(N)], mjd, value)


def fields(ra: list[float], dec: list[float], radius: list[float] | None = None) -> ImageFields:
    n = len(ra)
    noise = np.linspace(1.0, 2.0, n)
    ids = [str(i) for i in range(n)]
    own = np.array(radius if radius is not None else [1.0] * n)
    return ImageFields(ids, ids, np.array(ra), np.array(dec), own, noise, 10 * noise)


def test_outliers_have_a_symbol_of_their_own_and_say_why() -> None:
    columns = image_trend_columns(series())["image_trend"]
    out = [i for i, marker in enumerate(columns["marker"]) if marker == "diamond"]
    assert sorted(columns["id"][i] for i in out) == ["30", "5"]
    why = columns["why"][columns["id"].index("5")]
    assert why.startswith("9 mJy/beam, ")
    assert "σ above the median" in why
    assert "limit 3.5 σ" in why
    assert {columns["why"][i] for i in range(len(columns["id"])) if i not in out} == {"within the usual scatter"}


def test_points_are_in_order_of_time_and_those_left_out_are_counted() -> None:
    plot = plot_image_trend(series())
    assert np.all(np.diff(plot.source.data["utc_ms"]) > 0)
    assert len(plot.source.data["id"]) == N - 2
    assert plot.words.text == "median 1.01 mJy/beam of 38 images · 2 beyond 3.5 σ (◆) · 2 without epoch or value"


def test_names_of_outliers_do_not_fall_upon_each_other() -> None:
    one = series()
    one.value[10:14] = 50.0, 51.0, 52.0, 53.0
    names = image_trend_columns(one)["image_trend_names"]["text"]
    assert names[0] == "image 13"
    assert not {"image 10", "image 11", "image 12"} & set(names)


@pytest.mark.parametrize("at", [0, 4, 13, 19, 26, 35, 39])
def test_the_name_of_an_outlier_stays_inside_of_a_narrow_figure(at: int) -> None:
    one = replace(series(), names=["2026-01-20T03:04:05.img.image.pbcor.fits"] * N)
    one.value[[5, 30]] = 1.0
    one.mjd[8] = 61000.0
    one.value[at] = 50.0
    columns = image_trend_columns(one)["image_trend_names"]
    assert columns["text"] == ["2026-01-20T03:04:05.img…"]
    first, last = utc_ms(np.array([61000.0, 61039.0]))
    place = NARROWEST_PX * (columns["utc_ms"][0] - first) / (last - first)
    width = 6.5 * 24
    left = place + columns["shift"][0] - {"left": 0, "center": width / 2, "right": width}[columns["align"][0]]
    assert left >= 0 and left + width <= NARROWEST_PX
    assert columns["drop"] == ([15] if columns["align"] == ["center"] else [0])


def test_names_side_by_side_are_both_shown_where_they_have_room() -> None:
    one = series()
    one.value[[5, 30]] = 1.0
    one.value[[0, 39]] = 50.0, 49.0
    assert sorted(image_trend_columns(one)["image_trend_names"]["text"]) == ["image 0", "image 39"]


def test_another_quantity_is_patched_into_the_same_figure() -> None:
    plot = plot_image_trend(series())
    source = plot.source
    update_image_trend(plot, replace(series(), quantity="dynamic_range", value=np.full(N, 100.0), scope="a part"))
    assert plot.source is source
    assert plot.figure.yaxis[0].axis_label == "Dynamic range (peak over noise)"
    assert plot.words.text == "median 100 of a part · 1 without epoch or value"


def test_the_longest_words_leave_room_for_the_tools_on_a_small_screen() -> None:
    many = replace(series(), scope="the 1,000 registered last", value=np.full(N, 1.24) + np.linspace(0, 0.01, N))
    many.value[:3] = 99.0
    words = plot_image_trend(many).words.text
    assert words.startswith("median 1.25 mJy/beam of the 1,000 registered last · 3 beyond")
    # 12 px letters are about 6.2 px wide; the chart has 808 px at 1280, the axis takes 75 and the tools 260
    assert len(words.split(" · 1 without")[0]) * 6.2 < 808 - 75 - 260


def test_without_images_the_figure_says_so() -> None:
    empty = ImageSeries("noise", [], [], np.array([]), np.array([]))
    plot = plot_image_trend(empty)
    assert plot.words.text == "no image with an epoch and a value"
    assert not plot.median.visible
    update_image_trend(plot, series())
    assert plot.median.visible


@pytest.mark.parametrize(("ra", "dec"), [([359.0, 1.0], [10.0, 10.0]), ([1.0, 179.0], [0.0, 0.0])])
def test_fields_across_0h_lie_side_by_side(ra: list[float], dec: list[float]) -> None:
    columns = image_map_columns(fields(ra, dec), "noise")["image_map"]
    apart = SkyCoord(ra[0], dec[0], unit=u.deg).separation(SkyCoord(ra[1], dec[1], unit=u.deg)).deg
    assert abs(columns["ra"][1] - columns["ra"][0]) * np.cos(np.radians(dec[0])) == pytest.approx(apart, rel=1e-3)
    assert columns["ra_true"].tolist() == pytest.approx(ra)


@pytest.mark.parametrize("dec", [0.0, 54.6, -80.0])
def test_the_ellipse_is_a_circle_on_the_sky(dec: float) -> None:
    columns = image_map_columns(fields([200.0], [dec], [1.35]), "noise")["image_map"]
    angle = np.linspace(0, 2 * np.pi, 60)
    rim = SkyCoord(
        columns["ra"][0] + 0.5 * columns["width"][0] * np.cos(angle),
        dec + 0.5 * columns["height"][0] * np.sin(angle),
        unit=u.deg,
    )
    away = rim.separation(SkyCoord(200.0, dec, unit=u.deg)).deg
    assert away == pytest.approx(np.full(60, 1.35), rel=0.1)


def test_a_field_that_holds_a_pole_is_drawn_as_a_cap() -> None:
    columns = image_map_columns(fields([30.0, 40.0], [89.5, 88.0], [1.0, 1.0]), "noise")
    assert np.isnan(columns["image_map"]["width"]).all()
    cap = columns["image_map_polar"]
    assert max(cap["ys"][0]) == 90.0
    assert max(cap["xs"][0]) - min(cap["xs"][0]) == 360.0
    assert max(cap["ys"][1]) < 90.0


def test_fields_without_a_recorded_size_are_said_to_be_assumed() -> None:
    columns = image_map_columns(fields([10.0, 11.0], [0.0, 0.0], [np.nan, 2.0]), "noise")["image_map"]
    assert columns["height"].tolist() == [2 * PRIMARY_BEAM_RADIUS_DEG, 4.0]
    assert "assumed" in columns["field"][0]
    assert "assumed" not in columns["field"][1]


def test_the_colour_is_switched_in_the_same_map() -> None:
    some = fields([10.0, 11.0, np.nan], [0.0, 0.0, 0.0])
    plot = plot_image_map(some, "noise")
    assert plot.words.text == "2 images with a position · 1 without"
    update_image_map(plot, some, "age")
    assert plot.bar.title == "Age (days)"
    assert plot.source.data["level"].tolist() == [10.0, 15.0]
    assert (plot.mapper.low, plot.mapper.high) == (pytest.approx(10.1), pytest.approx(14.9))
