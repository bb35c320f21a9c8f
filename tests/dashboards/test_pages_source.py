"""The list of sources and the page of one source."""

from __future__ import annotations

import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bokeh.models import ColumnDataSource

from dashboards.components.browser_state import write_query
from dashboards.links import Links
from dashboards.pages.source import SourcePage
from dashboards.pages.source_facts import newest_first
from dashboards.pages.source_metrics import m_cell
from dashboards.pages.source_point import PointPart
from dashboards.pages.source_words import bounded_cell
from dashboards.pages.sources import SourcesPage
from dashboards.session import Session
from data_access import Archive, open_archive
from data_access.analysis.variability import Metric, variability_metrics
from data_access.errors import RecordNotFound
from data_access.records import LightCurve, SourceDetail
from tests.dashboards.source_list_samples import open_list

HOSTILE = '<img src=x onerror="alert(1)">'


@pytest.fixture
def writable(demo_folder: Path, tmp_path: Path) -> Path:
    """Databases of the demo archive that a test may write to."""
    shutil.copytree(demo_folder / "state", tmp_path / "archive" / "state")
    return tmp_path / "archive"


def products(folder: Path) -> Any:
    return closing(sqlite3.connect(folder / "state" / "db" / "products.sqlite3"))


def insert(db: sqlite3.Connection, table: str, **values: Any) -> None:
    marks = ", ".join("?" * len(values))
    db.execute(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})", tuple(values.values()))
    db.commit()


async def open_source(archive: Archive, source_id: str, **query: str) -> SourcePage:
    path_params = {"source_id": source_id}
    prepared = await SourcePage.prepare(archive, path_params, query)
    session = Session(archive, path_params=path_params, query=query, links=Links("../"), prepared=prepared)
    view = SourcePage(session)
    view.__panel__()
    await view.load()
    return view


async def best_measured(archive: Archive) -> SourceDetail:
    """Return a source with many epochs, some of them on registered images."""
    candidates = await archive.sources.find_ese_candidates()
    details = [await archive.sources.get(c.source_id) for c in candidates]
    return max(details, key=lambda d: d.light_curve.n_epoch)


def points_of(view: SourcePage) -> dict[str, Any]:
    assert view.figure is not None
    return dict(view.figure.select_one({"name": "light_curve", "type": ColumnDataSource}).data)


def row_of(rows: list[Any], key: str) -> list[dict[str, Any]]:
    return next(list(row["cells"]) for row in rows if row["key"] == key)


def n_counted(view: SourcePage) -> int:
    """Return how many measurements count in the metrics: flagged ones are drawn, and do not."""
    return int(row_of(view.metrics.rows, "n")[1]["t"].split(" of ")[1].replace(",", ""))


def point_facts(view: SourcePage) -> dict[str, dict[str, Any]]:
    part = next(part for part in view.parts if isinstance(part, PointPart))
    return {item["label"]: item["cell"] for item in part.facts.groups[0]["items"]}


def texts(view: SourcesPage, column: str) -> list[str]:
    index = [c["name"] for c in view.table.columns].index(column)
    return [row["cells"][index]["t"] for row in view.table.rows]


async def test_the_list_is_in_order_of_names_and_says_how_many_there_are(archive: Archive) -> None:
    view = await open_list(archive)
    names = texts(view, "source_id")
    assert names == sorted(names)
    assert view.table.total.endswith(" sources")
    assert view.table.has_next


async def test_the_list_sorted_by_a_stored_metric_says_that_others_come_last(archive: Archive) -> None:
    view = await open_list(archive, sort="eta_metric", order="desc", cols="eta_metric,n_rows")
    eta = [float(text) for text in texts(view, "eta_metric")]
    assert eta == sorted(eta, reverse=True)
    assert "come last" in view.table.note


async def test_a_filter_of_declination_keeps_only_what_is_inside(archive: Archive) -> None:
    view = await open_list(archive, dec_deg="54.5..54.6")
    signs = {text[:6] for text in texts(view, "dec_deg")}
    assert view.table.rows
    assert signs <= {"+54:30", "+54:31", "+54:32", "+54:33", "+54:34", "+54:35", "+54:36"}


async def test_a_malformed_number_is_said_at_its_field_and_the_list_stays(archive: Archive) -> None:
    view = await open_list(archive)
    before = view.table.rows
    view.filters._handle_msg({"type": "submit", "values": {"eta_metric": "large"}})
    await view.settled()
    assert view.filters.errors == {
        "eta_metric": "'large' is not a number or a range: 3..10 (from, to, both included), 3 or >=3 (at least), "
        ">3 (above), <=10 (at most), <10 (below), =5"
    }
    assert view.table.rows is before


async def test_a_malformed_url_breaks_the_list_only(archive: Archive) -> None:
    view = await open_list(archive, eta_metric="large", after="%%")
    assert "not a number" in view.table_slot.notice.text
    assert view.ese_table.rows
    assert not view.table.loading_rows


async def test_a_sorting_that_does_not_exist_is_an_answer_in_words(archive: Archive) -> None:
    view = await open_list(archive, sort="1; DROP TABLE photometry")
    assert "cannot be sorted" in view.table_slot.notice.text


async def test_the_candidates_above_the_list_carry_the_bound_of_their_significance(archive: Archive) -> None:
    view = await open_list(archive)
    candidates = await archive.sources.find_ese_candidates()
    assert [row["key"] for row in view.ese_table.rows] == [str(c.id) for c in candidates]
    significance = view.ese_table.rows[0]["cells"][2]
    assert f"{candidates[0].largest_possible:.3g}" in significance["u"]


def test_an_impossible_significance_is_marked_as_such() -> None:
    assert bounded_cell(8.2, 4.36)["s"] == "bad"
    assert "s" not in bounded_cell(4.3, 4.36)


async def test_an_impossible_stored_row_says_why_in_the_list(writable: Path) -> None:
    with products(writable) as db:
        insert(
            db, "variability_stats", source_id="MOCK", ra_deg=345.6, dec_deg=23.4, nvss_flux_mjy=50.0, n_obs=20,
            mean_flux_mjy=0.052, sigma_deviation=8.2, updated_at=time.time(),
        )  # fmt: skip
    async with open_archive(writable) as archive:
        view = await open_list(archive, text="MOCK")
        detail = await open_source(archive, "MOCK")
    note = view.table.rows[0]["cells"][0]["n"]
    assert "look like Jy" in note
    assert "impossible with 20 measurements" in note
    assert "no usable photometry" in detail.metrics.note
    assert detail.figure is not None
    assert detail.figure.select_one({"name": "message"}).text == "no photometry"


async def test_a_hostile_name_is_text_and_its_link_is_escaped(writable: Path) -> None:
    with products(writable) as db:
        insert(db, "photometry", source_id=HOSTILE, image_path="/x/a.fits", ra_deg=1.0, dec_deg=54.0, peak_jyb=0.1,
               peak_err_jyb=0.01, mjd=61000.0, measured_at=1.8e9, flags=0)  # fmt: skip
    async with open_archive(writable) as archive:
        view = await open_list(archive, text="onerror")
        detail = await open_source(archive, HOSTILE)
    assert view.table.rows[0]["cells"][0]["t"] == HOSTILE
    assert "<" not in view.table.rows[0]["href"]
    assert detail.heading.text == HOSTILE
    assert detail.title == HOSTILE


async def test_an_unknown_source_is_not_found_before_a_page_is_built(archive: Archive) -> None:
    with pytest.raises(RecordNotFound):
        await SourcePage.prepare(archive, {"source_id": "NVSS J000000+000000"}, {})


async def test_the_light_curve_draws_every_epoch_in_the_unit_of_the_url(archive: Archive) -> None:
    known = (await best_measured(archive)).light_curve
    in_mjy = points_of(await open_source(archive, known.source_id))
    in_jy = points_of(await open_source(archive, known.source_id, unit="Jy"))
    np.testing.assert_allclose(in_mjy["flux"], known.peak_jyb * 1e3)
    np.testing.assert_allclose(in_jy["flux"], known.peak_jyb)


async def test_a_switch_changes_plot_metrics_table_and_url(archive: Archive) -> None:
    view = await open_source(archive, (await best_measured(archive)).source.source_id)
    view.switches._handle_msg({"type": "choose", "name": "unit", "value": "Jy"})
    view.switches._handle_msg({"type": "choose", "name": "flux", "value": "integrated"})
    await view.settled()
    assert view.figure is not None
    assert view.figure.yaxis[0].axis_label == "Integrated flux density (Jy)"
    assert view.measurements.columns[2]["unit"] == "Jy"
    assert row_of(view.metrics.rows, "mean")[1]["u"] == "Jy"
    assert write_query(view, view.url_params) == "flux=integrated&unit=Jy"


async def test_a_value_that_a_switch_does_not_offer_is_ignored(archive: Archive) -> None:
    view = await open_source(archive, (await best_measured(archive)).source.source_id)
    view.switches._handle_msg({"type": "choose", "name": "unit", "value": "<b>"})
    assert view.unit == "mJy"


async def test_our_metrics_stand_beside_the_stored_ones(archive: Archive) -> None:
    detail = await best_measured(archive)
    view = await open_source(archive, detail.source.source_id)
    curve, stored = detail.light_curve, detail.source.stored
    good = ~curve.is_flagged
    ours = variability_metrics(curve.peak_jyb[good], curve.peak_err_jyb[good])
    assert stored is not None
    assert ours.eta.value is not None
    _, shown, beside = row_of(view.metrics.rows, "eta")
    assert float(shown["t"]) == pytest.approx(ours.eta.value, rel=1e-5)
    assert float(beside["t"]) == pytest.approx(stored.eta_metric, rel=1e-5)


async def test_stored_numbers_beside_integrated_ones_are_called_those_of_the_peak(archive: Archive) -> None:
    name = (await best_measured(archive)).source.source_id
    peak, integrated = await open_source(archive, name), await open_source(archive, name, flux="integrated")
    assert [view.metrics.columns[-1]["label"] for view in (peak, integrated)] == ["Stored", "Stored (peak)"]
    assert integrated.metrics.note.startswith("what is stored, and what is said of it here, is of the peak")
    assert "of the peak" not in peak.metrics.note


async def test_eta_and_v_of_the_monitored_sources_that_differ_are_said(writable: Path) -> None:
    with products(writable) as db:
        name = db.execute("SELECT source_id FROM monitoring_sources LIMIT 1").fetchone()[0]
        db.execute("UPDATE monitoring_sources SET eta = 99, v_index = 98 WHERE source_id = ?", (name,))
        db.execute("DELETE FROM variability_stats WHERE source_id = ?", (name,))
        db.commit()
    async with open_archive(writable) as archive:
        view = await open_source(archive, name)
    assert "η of the monitored sources is 99" in view.metrics.note
    assert "V of the monitored sources is 98" in view.metrics.note


async def test_the_stored_chi_squared_stands_in_the_row_of_the_unweighted_mean(writable: Path) -> None:
    with products(writable) as db:
        name = db.execute("SELECT source_id FROM variability_stats LIMIT 1").fetchone()[0]
        db.execute("UPDATE variability_stats SET chi2_nu = 77.5 WHERE source_id = ?", (name,))
        db.commit()
    async with open_archive(writable) as archive:
        view = await open_source(archive, name)
    stored = {
        key: row_of(view.metrics.rows, key)[2]["t"] for key in ("reduced_chi_squared", "unweighted_chi_squared")
    }
    assert stored["unweighted_chi_squared"].startswith("77.5") and stored["reduced_chi_squared"] == "—"


async def test_an_old_transient_stands_on_the_page_of_its_source(writable: Path, archive: Archive) -> None:
    name = (await best_measured(archive)).source.source_id
    with products(writable) as db:
        for i in range(150):
            insert(
                db, "transient_candidates", source_name=name if i == 0 else f"T{i}", ra_deg=1.0, dec_deg=2.0,
                detection_type="fading", flux_obs_mjy=1.0, flux_ratio=0.1, significance_sigma=5.0,
                baseline_catalog="NVSS", detected_at=1e9 + i, peak_mjy=1.0, rms_mjy=0.1, snr=10.0, ms_path="/x.ms",
                image_path="/x.fits",
            )  # fmt: skip
    async with open_archive(writable) as opened:
        detail = await opened.sources.get(name)
    assert [t.detected_at for t in detail.transients][-1] == 1e9


async def test_the_most_different_pair_is_shown_and_said_to_pass_or_not(writable: Path) -> None:
    with products(writable) as db:
        for name, second in (("STEADY", 0.0102), ("CHANGED", 0.02)):
            for day, peak in enumerate((0.01, second)):
                insert(
                    db, "photometry", source_id=name, image_path=f"/img/2026-01-0{day + 1}T00:00:00.fits",
                    peak_jyb=peak, peak_err_jyb=0.001, ra_deg=1.0, dec_deg=2.0, measured_at=1.76e9, mjd=61000.0,
                )  # fmt: skip
    async with open_archive(writable) as archive:
        steady, changed = await open_source(archive, "STEADY"), await open_source(archive, "CHANGED")
    cells = [row_of(view.metrics.rows, key)[1] for view in (steady, changed) for key in ("vs", "m")]
    assert [cell["t"][:6] for cell in cells] == ["-0.141", "-0.019", "-7.071", "-0.666"]
    assert cells[0]["n"] == "below 4.3: no pair differs significantly"
    assert cells[1]["n"] == "not above 0.26: a small change"
    assert [cell["n"] for cell in cells[2:]] == ["reaches 4.3", "above 0.26"]


@pytest.mark.parametrize(("m", "said"), [(0.26, "not above 0.26: a small change"), (-0.2601, "above 0.26")])
def test_m_is_variable_only_above_its_threshold(m: float, said: str) -> None:
    assert m_cell(Metric(m))["n"] == said


async def test_a_metric_that_does_not_exist_gives_its_reason(writable: Path) -> None:
    with products(writable) as db:
        insert(db, "photometry", source_id="ONCE", image_path="/x/a.fits", ra_deg=1.0, dec_deg=54.0, peak_jyb=0.1,
               peak_err_jyb=0.01, mjd=61000.0, measured_at=1.8e9, flags=0)  # fmt: skip
    async with open_archive(writable) as archive:
        view = await open_source(archive, "ONCE")
    assert row_of(view.metrics.rows, "eta")[1]["t"] == "n/a"
    assert "at least 2 measurements" in row_of(view.metrics.rows, "eta")[1]["title"]


async def test_a_new_epoch_appears_in_the_same_figure(writable: Path) -> None:
    async with open_archive(writable) as archive:
        source_id = (await best_measured(archive)).source.source_id
        view = await open_source(archive, source_id)
        figure, before, counted = view.figure, len(points_of(view)["mjd"]), n_counted(view)
        with products(writable) as db:
            insert(db, "photometry", source_id=source_id, image_path="/x/2030-01-01T00:00:00.img.fits",
                   ra_deg=1.0, dec_deg=54.0, peak_jyb=0.1, peak_err_jyb=0.01, measured_at=1.8e9, flags=0)  # fmt: skip
        await view.refresh()
    assert view.figure is figure
    assert len(points_of(view)["mjd"]) == before + 1
    assert n_counted(view) == counted + 1
    assert view.measurements.rows[0]["cells"][1]["t"] == "2030-01-01 00:00:00"


async def test_a_refresh_without_news_leaves_the_tables_alone(archive: Archive) -> None:
    view = await open_source(archive, (await best_measured(archive)).source.source_id)
    rows = view.metrics.rows
    await view.refresh()
    assert view.metrics.rows is rows


async def test_a_click_on_a_point_leads_to_its_image(archive: Archive) -> None:
    detail = await best_measured(archive)
    paths = [path for path in detail.light_curve.image_path if path]
    images = await archive.images.find_behind(paths)
    view = await open_source(archive, detail.source.source_id)
    at = next(i for i, path in enumerate(detail.light_curve.image_path) if path in images)
    view.curve.picked("indices", [], [at])
    await view.settled()
    image = point_facts(view)["Image"]
    assert image["h"] == f"../images/{images[detail.light_curve.image_path[at] or ''].id}"
    assert f"point={detail.light_curve.photometry_id[at]}" in write_query(view, view.url_params)


async def test_a_point_of_another_source_in_the_url_is_said(archive: Archive) -> None:
    view = await open_source(archive, (await best_measured(archive)).source.source_id, point="999999999")
    assert "not among those" in view.slots["measurement"].content.text


async def test_the_words_of_quality_stand_in_the_table_of_measurements(writable: Path) -> None:
    with products(writable) as db:
        if "quality_flag" not in {row[1] for row in db.execute("PRAGMA table_info(photometry)")}:
            db.execute("ALTER TABLE photometry ADD COLUMN quality_flag TEXT")
        for day, word in enumerate(("good", "upper_limit", "near <b>edge</b>")):
            insert(
                db, "photometry", source_id="WORDS", image_path=f"/img/2026-01-0{day + 1}T00:00:00.fits",
                peak_jyb=0.01, peak_err_jyb=0.001, ra_deg=1.0, dec_deg=2.0, measured_at=1.76e9, mjd=61000.0,
                flags=int(day == 1), quality_flag=word,
            )  # fmt: skip
    async with open_archive(writable) as archive:
        view = await open_source(archive, "WORDS")
    names = [column["name"] for column in view.measurements.columns]
    rows = [[row["cells"][names.index(name)]["t"] for name in ("kind", "quality")] for row in view.measurements.rows]
    assert rows == [["flagged", "near <b>edge</b>"], ["limit", "upper_limit"], ["detection", "good"]]


async def test_measurements_lead_to_registered_images_only(archive: Archive) -> None:
    detail = await best_measured(archive)
    view = await open_source(archive, detail.source.source_id)
    images = await archive.images.find_behind([p for p in detail.light_curve.image_path if p])
    at = [column["name"] for column in view.measurements.columns].index("image")
    linked = {row["cells"][at]["t"] for row in view.measurements.rows if "h" in row["cells"][at]}
    assert linked == {Path(path).name for path in images}


def test_measurements_without_a_time_come_last_and_pages_do_not_overlap() -> None:
    mjd = np.array([60000.0 + i for i in range(249)] + [np.nan])
    curve = light_curve(mjd)
    pages = [newest_first(curve, page, 100) for page in (1, 2, 3, 4)]
    assert pages[0][0] == 248
    assert pages[2][-1] == 249
    assert sorted(i for page in pages for i in page) == list(range(250))


def test_a_forced_measurement_is_not_a_flagged_one() -> None:
    curve = light_curve(np.arange(3.0), flags=np.array([1, 3, 2]), forced=np.array([True, True, False]))
    assert curve.is_flagged.tolist() == [False, True, True]


def light_curve(mjd: Any, flags: Any = None, forced: Any = None) -> LightCurve:
    n = len(mjd)
    ones = np.ones(n)
    return LightCurve(
        source_id="X", mjd=mjd, origin=("image name",) * n, peak_jyb=ones, peak_err_jyb=ones, flux_jy=ones,
        flux_err_jy=ones, snr=ones, rms_jy=ones, flags=np.zeros(n, dtype=np.int64) if flags is None else flags,
        is_forced=np.zeros(n, dtype=np.bool_) if forced is None else forced, photometry_id=np.arange(n),
        image_path=(None,) * n, ra_deg=None, dec_deg=None, nvss_flux_mjy=None,
    )  # fmt: skip
