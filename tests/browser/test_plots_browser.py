"""What only a browser can show: the scripts of an image give the positions and labels that astropy gives."""

from __future__ import annotations

import re

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io.fits import Header
from astropy.wcs import WCS
from bokeh.embed import file_html
from bokeh.resources import INLINE

from dashboards.plots import plot_flag_bars, plot_image, plot_light_curve
from data_access.records import BeamShape
from tests.dashboards.plot_samples import SIN_WCS, make_antennas, make_light_curve, make_preview

PLOT = "Bokeh.documents[0].roots()[0]"


class Screen:
    """A page with one figure, as a notebook or an exported file shows it."""

    def __init__(self, page):
        self.page = page

    def show(self, figure):
        self.page.goto("about:blank")
        self.page.set_content(file_html(figure, INLINE))
        self.page.wait_for_function(f"window.Bokeh?.documents.length && {PLOT}.inner_width > 0")
        self.page.wait_for_function(f"Number.isFinite({PLOT}.x_range.start)")

    def get(self, script):
        return self.page.evaluate(f"(() => {{ const plot = {PLOT}; {script} }})()")

    def hover(self, x, y):
        spot = self.get(
            f"""
            const view = Bokeh.index.find_one(plot), box = view.el.getBoundingClientRect()
            return [box.x + view.frame.x_scale.compute({x}), box.y + view.frame.y_scale.compute({y})]
            """
        )
        self.page.mouse.move(spot[0] - 3, spot[1])
        self.page.mouse.move(*spot)
        box = self.page.locator(".bk-Tooltip .bk-tooltip-content")
        box.wait_for()
        return box.inner_text()


@pytest.fixture
def screen(page):
    return Screen(page)


def test_the_position_under_the_pointer_is_the_one_of_astropy(screen):
    data = np.zeros((40, 40))
    data[30, 12] = 0.5
    screen.show(plot_image(make_preview(data)))

    text = screen.hover(12, 30)

    hours, degrees = re.search(r"(\d+h\d+m[\d.]+s)\s+([+−]\d+°\d+′[\d.]+″)", text).groups()
    read = SkyCoord(hours, degrees.replace("−", "-").replace("°", "d").replace("′", "m").replace("″", "s"))
    # the mouse moves in whole screen pixels, of which an image pixel has about eleven
    assert read.separation(WCS(Header(SIN_WCS)).pixel_to_world(12, 30)).arcsec < 0.1 * 3
    assert "0.5000 Jy/beam" in text
    assert "12 , 30" in text


def test_labels_beam_and_scale_bar_follow_the_view(screen):
    screen.show(plot_image(make_preview(beam=BeamShape(9.0, 6.0, 0.0, "header"))))
    whole = screen.get("return plot.x_range.end - plot.x_range.start")

    screen.hover(19, 19)
    screen.page.mouse.wheel(0, -400)
    screen.page.wait_for_function(f"{PLOT}.x_range.end - {PLOT}.x_range.start < {whole / 2}")
    x0, x1, y0, y1 = screen.get("const x = plot.x_range, y = plot.y_range; return [x.start, x.end, y.start, y.end]")
    ticks = screen.get("return [...plot.below[0].major_label_overrides]")
    beam = screen.get("return Array.from(plot.select('beam').find(m => m.data_source).data_source.data.xs[0])")
    bar = screen.get("return plot.select('scale_bar').find(m => m.data_source).data_source.data")

    assert ticks
    for x, label in ticks:
        assert x0 <= x <= x1
        ra = WCS(Header(SIN_WCS)).pixel_to_world(x, y0).ra
        assert abs(ra.hourangle - SkyCoord(label, "0d").ra.hourangle) * 15 * 3600 < 0.3
    assert x0 < min(beam) < max(beam) < (x0 + x1) / 2
    assert x0 < bar["x0"][0] < bar["x1"][0] < x1
    assert float(bar["text"][0].rstrip("″")) == pytest.approx(3.0 * (bar["x1"][0] - bar["x0"][0]))
    assert bar["y"][0] < (y0 + y1) / 2


def test_markup_in_data_stays_text_in_a_hover_box(screen):
    path = "/images/<img src=x onerror=alert(1)>.fits"
    screen.show(plot_light_curve(make_light_curve(1, image_path=(path,))))

    text = screen.hover(
        "plot.select('points')[0].data_source.data.utc_ms[0]", "plot.select('points')[0].data_source.data.flux[0]"
    )

    assert "<img src=x onerror=alert(1)>.fits" in text
    assert screen.page.locator(".bk-Tooltip img").count() == 0


def test_the_light_curve_does_not_jump_aside_from_one_source_to_the_next(screen):
    widths = []
    for scale in (0.001, 0.011, 0.31):
        lc = make_light_curve(peak_jyb=scale * np.linspace(1.0, 1.5, 30))
        screen.show(plot_light_curve(lc))
        widths.append(screen.get("return Bokeh.index.find_one(plot.left[0]).layout.bbox.width"))

    assert widths[0] > 20
    assert len(set(widths)) == 1


@pytest.mark.parametrize(
    ("n", "name", "height"), [(6, "ant{}", 200), (8, "CS00{}HBA0", 0), (40, "{}-a-very-long-name", 0)]
)
def test_bars_keep_a_hundred_pixels_above_names_that_stand_upright(screen, n, name, height):
    screen.show(plot_flag_bars(make_antennas(n, names=tuple(name.format(i) for i in range(n))), height=200))

    assert screen.get("return plot.height") == height or screen.get("return plot.inner_height") >= 100
