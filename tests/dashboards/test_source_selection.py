"""The choice of epochs on the page of a source: brush, left out, flagged, systematic errors, the chosen epoch."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import numpy as np
import pytest
from bokeh.models import ColumnDataSource

from dashboards.components.browser_state import BrowserState, write_query
from dashboards.components.plot_pane import FigurePane
from dashboards.links import Links
from dashboards.pages.source import SourcePage
from dashboards.pages.source_metrics import analyse, metric_note
from dashboards.pages.source_point import PointPart
from dashboards.pages.source_selection import SelectionPart
from dashboards.plots.time_axis import utc_ms
from dashboards.session import Session
from data_access import Archive
from data_access.analysis.variability import total_error, variability_metrics
from data_access.records import PageRequest, Source, SourceDetail
from data_access.repositories.images import ImageFilter
from tests.dashboards.plot_samples import make_light_curve


async def open_source(archive: Archive, name: str = "", **query: str) -> SourcePage:
    """Open a source, or the ESE candidate with most epochs."""
    if not name:
        found = [await archive.sources.get(c.source_id) for c in await archive.sources.find_ese_candidates()]
        name = max(found, key=lambda detail: detail.light_curve.n_epoch).source.source_id
    path_params = {"source_id": name}
    prepared = await SourcePage.prepare(archive, path_params, query)
    view = SourcePage(Session(archive, path_params=path_params, query=query, links=Links("../"), prepared=prepared))
    view.__panel__()
    await view.load()
    return view


def part_of(view: SourcePage, kind: type) -> Any:
    return next(part for part in view.parts if isinstance(part, kind))


def shown(view: SourcePage, key: str, column: str) -> str:
    index = [c["name"] for c in view.metrics.columns].index(column)
    return str(next(row["cells"][index]["t"] for row in view.metrics.rows if row["key"] == key))


def kinds(view: SourcePage) -> dict[int, str]:
    assert view.figure is not None
    sources = (view.figure.select_one({"name": name, "type": ColumnDataSource}) for name in ("light_curve", "words"))
    data, words = (source.data for source in sources)
    return dict(zip(np.asarray(data["photometry_id"]).tolist(), words["kind"], strict=True))


async def neighbour_of(archive: Archive, view: SourcePage) -> str:
    measured = await archive.photometry.find_sources_in(view.detail.light_curve.image_path[0] or "")
    return next(name for name, *_ in measured.rows if name != view.detail.source.source_id)


def follow(browser: BrowserState, source_id: str, **query: str) -> str:
    """Click on a link to another source; return its path."""
    path = f"/sources/{quote(source_id)}"
    browser._handle_msg({"type": "follow", "query": urlencode(query), "path": path})
    return path


def rectangle(begin: float, end: float) -> Any:
    x0, x1 = (float(utc_ms(np.array([mjd]))[0]) for mjd in (begin, end))
    return SimpleNamespace(final=True, geometry={"type": "rect", "x0": x0, "x1": x1, "y0": 0, "y1": 1})


async def test_a_brush_shows_the_metrics_of_its_epochs_beside_those_of_all(archive: Archive) -> None:
    view = await open_source(archive)
    curve = view.detail.light_curve
    begin, end = float(curve.mjd[2]) - 1e-3, float(curve.mjd[9]) + 1e-3
    view.curve.brushed(rectangle(end, begin))
    await view.settled()
    inside = (curve.mjd > begin) & (curve.mjd < end) & ~curve.is_flagged
    ours = variability_metrics(curve.peak_jyb[inside], curve.peak_err_jyb[inside])
    assert shown(view, "eta", "brushed") == f"{ours.eta.value:.6g}"
    assert shown(view, "eta", "ours") != shown(view, "eta", "brushed")
    assert f"mjd_from={begin:.5f}" in write_query(view, view.url_params)
    assert view.figure is not None
    assert view.figure.select_one({"name": "brush"}).visible


async def test_a_click_with_the_brush_takes_it_away(archive: Archive) -> None:
    view = await open_source(archive, mjd_from="60000", mjd_to="90000")
    assert "brushed" in [c["name"] for c in view.metrics.columns]
    view.curve.brushed(rectangle(60001.0, 60001.0))
    await view.settled()
    assert "brushed" not in [c["name"] for c in view.metrics.columns]
    assert write_query(view, view.url_params) == ""


async def test_an_epoch_that_is_left_out_counts_no_more_and_is_kept_in_the_url(archive: Archive) -> None:
    view = await open_source(archive)
    curve = view.detail.light_curve
    n, number = int(np.count_nonzero(~curve.is_flagged)), int(curve.photometry_id[~curve.is_flagged][1])
    view.point = number
    await view.settled()
    part_of(view, PointPart).switches._handle_msg({"type": "choose", "name": "epoch", "value": "out"})
    await view.settled()
    assert shown(view, "n", "ours").endswith(f" of {n - 1}")
    assert "1 measurement is left out by you" in view.metrics.note
    assert kinds(view)[number] == "left out"
    again = await open_source(archive, without=view.without)
    assert [row["cells"] for row in again.metrics.rows] == [row["cells"] for row in view.metrics.rows]


async def test_flagged_epochs_count_when_the_reader_says_so(archive: Archive) -> None:
    view = await open_source(archive)
    part_of(view, SelectionPart).form._handle_msg({"type": "submit", "values": {"flagged": True}})
    await view.settled()
    assert shown(view, "n", "ours").endswith(f" of {view.detail.light_curve.n_epoch}")
    assert "flagged=1" in write_query(view, view.url_params)


async def test_systematic_errors_are_added_in_quadrature(archive: Archive) -> None:
    view = await open_source(archive, error_percent="5", error_mjy="2")
    curve = view.detail.light_curve
    use = ~curve.is_flagged
    flux, error = curve.peak_jyb[use], curve.peak_err_jyb[use]
    ours = variability_metrics(flux, total_error(flux, error, fractional_error=0.05, additive_error=0.002))
    assert shown(view, "eta", "ours") == f"{ours.eta.value:.6g}"
    assert "(5 % of I)² + (2 mJy)²" in view.metrics.note


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("mjd_from", "yesterday", "yesterday"),
        ("without", "1 2 three", "Row numbers"),
        ("error_percent", "-3", "zero or above"),
        ("error_mjy", "nan", "no number that anything can have"),
    ],
)
async def test_a_value_without_meaning_is_said_at_its_field_and_does_nothing(
    archive: Archive, name: str, text: str, said: str
) -> None:
    plain, odd = await open_source(archive), await open_source(archive, **{name: text})
    assert said in part_of(odd, SelectionPart).form.errors[name]
    assert [row["cells"] for row in odd.metrics.rows] == [row["cells"] for row in plain.metrics.rows]


async def test_the_chosen_epoch_shows_its_cutout_with_links(archive: Archive) -> None:
    page = await archive.images.find(ImageFilter(), PageRequest(limit=200))
    states = await archive.files.states([image.path for image in page.rows])
    on_disk = [image for image in page.rows if states[image.path].exists]
    measured = [(image, await archive.photometry.find_sources_in(image.path)) for image in on_disk]
    image, name = next((image, on.rows[0][0]) for image, on in measured if on.rows and on.path == image.path)
    view = await open_source(archive, name)
    at = view.detail.light_curve.image_path.index(image.path)
    view.curve.picked("indices", [], [at])
    await view.settled()
    items = {item["label"]: item["cell"] for item in part_of(view, PointPart).facts.groups[0]["items"]}
    assert view.slots["measurement"].content.select(FigurePane)
    assert f"images/{image.id}/cutout?" in items["Download"]["h"]


async def test_a_chosen_epoch_without_its_image_says_why_there_is_no_cutout(archive: Archive) -> None:
    view = await open_source(archive)
    curve = view.detail.light_curve
    states = await archive.files.states([path for path in curve.image_path if path])
    at = next(i for i, path in enumerate(curve.image_path) if path and not states[path].exists)
    view.point = int(curve.photometry_id[at])
    await view.settled()
    notice = view.slots["measurement"].content[0]
    assert notice.text.startswith("No cutout: ")


async def test_another_source_is_opened_in_the_same_figure_with_its_own_epochs(archive: Archive) -> None:
    view = await open_source(archive, unit="Jy", without="1", page="2", mjd_from="60000")
    other = await neighbour_of(archive, view)
    figure, browser = view.figure, BrowserState(view)
    path = follow(browser, other)
    await view.settled()
    fresh = await open_source(archive, other, unit="Jy")
    assert view.figure is figure
    assert kinds(view) == kinds(fresh)
    assert [row["cells"] for row in view.metrics.rows] == [row["cells"] for row in fresh.metrics.rows]
    assert [row["key"] for row in view.measurements.rows] == [row["key"] for row in fresh.measurements.rows]
    assert browser.address == {"query": "unit=Jy", "push": False, "path": path}


async def test_settings_that_are_not_about_the_epochs_of_one_source_stay_with_the_next_one(archive: Archive) -> None:
    stays = {
        "flux": "integrated", "unit": "Jy", "flagged": "1", "error_percent": "5", "error_mjy": "2",
        "strip_size": "300.0", "strip_scale": "own", "strip_rate": "1", "near": "90.0",
        "ese": "open", "ese_sigma": "4.0",
    }  # fmt: skip
    begins_anew = {"without": "1", "mjd_from": "60000", "mjd_to": "61000", "page": "2", "point": "1", "frame": "1"}
    view = await open_source(archive, **stays, **begins_anew, theme="light")
    browser = BrowserState(view)
    follow(browser, await neighbour_of(archive, view), q="n=1..")
    await view.settled()
    assert dict(parse_qsl(browser.address["query"])) == {**stays, "q": "n=1..", "theme": "light"}


async def test_a_setting_that_a_link_names_wins_over_the_one_of_before(archive: Archive) -> None:
    view = await open_source(archive, unit="Jy", ese="closed")
    browser = BrowserState(view)
    follow(browser, await neighbour_of(archive, view), ese="open")
    await view.settled()
    assert (view.ese, view.unit) == ("open", "Jy")


async def test_back_leads_to_the_source_of_before_with_its_settings(archive: Archive) -> None:
    view = await open_source(archive)
    first = view.detail.source.source_id
    browser = BrowserState(view)
    follow(browser, await neighbour_of(archive, view))
    await view.settled()
    browser._handle_msg({"type": "pop", "query": "unit=Jy", "path": f"/sources/{quote(first)}"})
    await view.settled()
    assert view.detail.source.source_id == first
    assert view.figure is not None
    assert view.figure.title.text.startswith(first)
    assert view.figure.yaxis[0].axis_label.endswith("(Jy/beam)")


@pytest.mark.parametrize("query", [{}, {"flagged": "1"}, {"error_percent": "7", "error_mjy": "3", "flagged": "1"}])
async def test_the_line_in_the_light_curve_is_the_weighted_mean_of_the_metrics(
    archive: Archive, query: dict[str, str]
) -> None:
    view = await open_source(archive, **query)
    assert view.figure is not None
    line = view.figure.select_one({"name": "mean", "type": ColumnDataSource}).data["y"][0]
    assert f"{line:.6g}" == shown(view, "weighted_mean", "ours").split()[0]


def test_the_metrics_say_which_measurements_count_and_how() -> None:
    n, error = 6, np.full(6, 1e-3)
    error[4] = np.nan  # the second limit is in no metric
    curve = make_light_curve(
        n, peak_jyb=np.linspace(0.01, 0.02, n), peak_err_jyb=error, is_forced=np.arange(n) == 2,
        quality=("good", "good", "forced", "upper_limit", "upper_limit", "bad fit"),
    )  # fmt: skip
    source = Source("KINDS", None, None, None, n, None, None, None)
    analysis = analyse(SourceDetail(source, curve, (), ()), "peak")
    assert analysis.n_kinds == (2, 1, 1)
    assert analysis.every.metrics.n_valid == sum(analysis.n_kinds)
    note = metric_note(analysis)
    assert "in use: 2 detections, 1 forced, 1 that the pipeline calls upper limit, each" in note
    assert "upper limits with the one that is stored for them" in note


def test_of_detections_alone_no_kind_is_said() -> None:
    source = Source("KINDS", None, None, None, 5, None, None, None)
    assert "in use" not in metric_note(analyse(SourceDetail(source, make_light_curve(5), (), ()), "peak"))
