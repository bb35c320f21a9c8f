"""Malformed addresses and filters: always words in their place, never a traceback or a 500."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import param
import pytest

from data_access.archive import Archive
from data_access.records import PageRequest
from data_access.repositories.sources import SourceFilter
from tests.integration.page_opening import SPECS, Known, cards, open_view

LISTS = ("/images", "/sources", "/jobs", "/ms", "/calibration")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/images/99999999", 404),
        ("/images/9223372036854775808", 404),
        ("/images/abc", 404),
        ("/images/%00", 404),
        ("/images/..%2F..%2Fetc%2Fpasswd", 404),
        ("/sources/nobody", 404),
        ("/sources/%ff%fe", 404),
        ("/jobs/job-nothing", 404),
        ("/jobs/job-2025-10-13-133444%00", 400),
        ("/ms/detail?path=/nowhere.ms", 404),
        ("/ms/detail", 400),
        ("/ms/detail?path=", 400),
        ("/ms/detail?path=relative/x.ms", 400),
        ("/calibration/detail", 400),
        ("/calibration/detail?path=../../etc", 400),
        ("/calibration/detail?path=/nowhere/x_bpcal", 404),
        ("/calibration/detail?path=/etc", 404),
        ("/ms/detail?path=%00", 400),
        ("/ms/detail?path=/a%00b", 404),
        ("/ms/detail?path=/proc/self/environ", 404),
    ],
)
async def test_an_address_that_leads_nowhere_says_so(http: httpx.AsyncClient, path: str, status: int) -> None:
    answer = await http.get(path)
    assert answer.status_code == status
    assert "Traceback" not in answer.text
    assert "root:" not in answer.text


@pytest.mark.parametrize("route", ["ms/detail", "calibration/detail"])
@pytest.mark.parametrize("way", ["{stage}/../../../../../../etc", "{stage}/ms/./../../../../../../../../etc/"])
async def test_a_path_cannot_climb_out_of_the_roots(
    http: httpx.AsyncClient, demo: Path, route: str, way: str
) -> None:
    answer = await http.get(f"/{route}?" + urlencode({"path": way.format(stage=demo / "stage")}))
    assert answer.status_code in (403, 404)


async def test_a_link_inside_a_root_cannot_lead_out(http: httpx.AsyncClient, demo: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.ms"
    outside.mkdir()
    link = demo / "stage" / "ms" / "way_out.ms"
    link.symlink_to(outside)
    answer = await http.get("/ms/detail?" + urlencode({"path": str(link)}))
    link.unlink()
    assert answer.status_code in (403, 404)


@pytest.mark.parametrize("plane", ["²", "-1", "1.5", "nan", "9" * 5000, "%00", "x"])
async def test_a_plane_that_is_no_number_is_refused(http: httpx.AsyncClient, known: Known, plane: str) -> None:
    answer = await http.get(f"/images/{known.image_id}?plane={quote(plane)}")
    assert answer.status_code == 400
    assert "Planes are counted from 0" in answer.text


HOSTILE_VALUES = ("%%%", "evil", "31.12", "-5", "abc", "\x00", "9" * 2000, "1e999", "nan", "'; DROP TABLE images;--")


@pytest.mark.parametrize("path", LISTS)
async def test_no_query_makes_a_list_fail(http: httpx.AsyncClient, path: str) -> None:
    names = SPECS[path].load_view().url_params
    for value in HOSTILE_VALUES:
        for start in range(0, len(names), 12):  # no address of all of them would be short enough
            answer = await http.get(path, params=dict.fromkeys(names[start : start + 12], value))
            assert answer.status_code in (200, 400), value[:40]
            assert "bokeh.min.js" in answer.text, value[:40]


@pytest.mark.parametrize("query", ["?after=%%%", "?%", "?=&&=", "?rows=-5&rows=7", "?after=%C3%28", "?" + "x" * 9000])
async def test_queries_that_break_the_grammar_open_the_page(http: httpx.AsyncClient, query: str) -> None:
    answer = await http.get(f"/images{query}")
    assert answer.status_code == (400 if "after=" in query or "rows=" in query else 200)
    assert "bokeh.min.js" in answer.text


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("/images?dec_min=abc", 400),
        ("/images?near=nonsense", 200),
        ("/images?near=99:99:99 %2B99:99:99", 400),
        ("/images?near=13:31 %2B30:30", 200),
        ("/images?near=11", 200),
        ("/variability?k=abc", 400),
        ("/variability?eta_cut=-1", 400),
        ("/variability?epochs=4", 200),
        ("/sources?eta_metric=much", 400),
        ("/ms?after=%25%25", 400),
        ("/jobs?start=yesterday", 400),
        ("/jobs?view=raw&subbands=some", 400),
        ("/jobs?view=tasks&start=yesterday", 200),
        ("/calibration?sort=evil", 400),
        ("/images?dec_min=-5&sort=noise_jy", 200),
        ("/jobs?sort=mid_mjd", 200),
    ],
)
async def test_a_list_that_did_not_understand_says_so_in_its_status_too(
    http: httpx.AsyncClient, query: str, status: int
) -> None:
    answer = await http.get(query)
    assert answer.status_code == status
    assert "bokeh.min.js" in answer.text


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(("name", "value"), [("after", "%%%"), ("sort", "evil")])
async def test_a_list_says_what_it_did_not_understand(archive: Archive, path: str, name: str, value: str) -> None:
    view: Any = await open_view(archive, path, {name: value})
    (message,) = [text for slot, text in cards(view).items() if view.slots[slot] is view.table_slot]
    assert f"'{value}'" in message
    assert "unexpectedly" not in message
    assert not view.table.loading_rows


@pytest.mark.parametrize(
    ("path", "name", "value"),
    [
        ("/images", "date_from", "31.12.2025"),
        ("/images", "dec_min", "abc"),
        ("/images", "noise_max", "1,5"),
        ("/sources", "eta_metric", "much"),
        ("/sources", "dec_deg", "north"),
        ("/ms", "date_from", "31.12.2025"),
        ("/ms", "dec_min", "abc"),
        ("/jobs", "start", "yesterday"),
        ("/calibration", "valid_at", "-1"),
    ],
)
async def test_a_malformed_filter_in_the_address_is_marked_at_its_field(
    archive: Archive, path: str, name: str, value: str
) -> None:
    view: Any = await open_view(archive, path, {name: value})
    assert list(view.filters.errors) == [name]
    assert view.filters.values[name] == value
    assert cards(view)
    assert not any(text.startswith("Loading") for text in cards(view).values())


MEANINGLESS: tuple[tuple[str, str, str, str], ...] = (
    ("/", "theme", "pink", "one of dark, light, red is wanted"),
    ("/status", "theme", "<b>", "one of dark, light, red is wanted"),
    ("/images", "rows", "-5", "one of 25, 50, 100, 200 is wanted"),
    ("/images", "order", "sideways", "one of desc, asc is wanted"),
    ("/images", "tiles", "1e999", "a whole number from 0 to 1,000 is wanted"),
    ("/images", "selected", "1,two", "row numbers of images, joined by commas, is wanted"),
    ("/sources", "cols", "eta,nothing", "names of columns, joined by commas, is wanted"),
    ("/sources", "sky", "round", "one of flat, aitoff is wanted"),
    ("/jobs", "view", "evil", "one of runs, tasks, batches, queue, raw, logs is wanted"),
    ("/variability", "flux", "both", "one of peak, integrated is wanted"),
    ("/ese", "page", "abc", "a whole number from 1 is wanted"),
    ("/ese", "page", "9" * 5000, "a whole number from 1 is wanted"),
    ("/ese", "sort", "evil", "one of source, state"),
    ("/ese", "ese_window", "nan", "a number from 0.001 to 100,000 is wanted"),
    ("/review", "kind", "odd", "one of ese, transient, eta-v is wanted"),
    ("/compare", "mode", "melt", "one of blink, side, difference is wanted"),
    ("/compare", "low", "inf", "a number is wanted"),
    ("/compare", "pair", "1-9", "two numbers as 1-2 is wanted"),
    ("/images/{image_id}", "view", "somewhere", "three numbers 'x y size', in pixels, is wanted"),
    ("/images/{image_id}", "invert", "maybe", "1 (yes) or 0 (no) is wanted"),
    ("/images/{image_id}", "overlays", "detections.ufos", "some of detections.forced"),
    ("/images/{image_id}", "cut_size", "-1", "a number from 0 to 1,000,000 is wanted"),
    ("/sources/{source_id}", "point", "1.5", "a whole number from 0 is wanted"),
    ("/sources/{source_id}", "flagged", "banana", "1 (yes) or 0 (no) is wanted"),
    ("/ms/detail", "antenna_sort", "colour", "one of flagged, name"),
)


@pytest.mark.parametrize(("route", "name", "value", "wanted"), MEANINGLESS)
async def test_a_value_that_means_nothing_is_named_with_what_would_be_right(
    archive: Archive, http: httpx.AsyncClient, known: Known, route: str, name: str, value: str, wanted: str
) -> None:
    params, query = known.open(route)
    path = route.format(**{key: quote(text, safe="") for key, text in params.items()})
    answer = await http.get(path, params={**query, name: value})
    assert answer.status_code == 400
    assert "bokeh.min.js" in answer.text
    view = await open_view(archive, route, {**query, name: value}, params)
    assert view.refusal.startswith(f"'{name}' cannot be '{value[:40]}")
    assert wanted in view.refusal
    assert cards(view) == {}


@pytest.mark.parametrize(
    ("route", "query", "status"),
    [
        ("/images/{image_id}", "cut=garbage", 400),
        ("/images/{image_id}", "cut=pixel 10 10", 200),
        ("/images/{image_id}", "cut=13:31 %2B30:30", 200),
        ("/images/{image_id}", "regions=garbage", 400),
        ("/images/{image_id}", "contours=sigma&levels=high", 400),
        ("/compare", "images=abc", 400),
        ("/compare", "images=1,2,3,4,5", 400),
        ("/compare", "images=1,99999999", 404),
        ("/compare", "images=1,2", 200),
        ("/ese", "depth_range=deep", 400),
        ("/variability", "area=here", 400),
        ("/sources", "sort=evil", 400),
        ("/sources", "list=nobody", 400),
        ("/images", "dec_min=nan", 400),
        ("/jobs", "view=logs&log=/etc/passwd", 403),
        ("/jobs", "view=batches&batch=99999999", 404),
        ("/jobs", "view=batches&batch=1", 200),
        ("/review", "at=source:nobody", 404),
        ("/review", "at=source:{source_id}", 200),
        ("/jobs/{run_id}", "log=/etc/passwd", 403),
        ("/jobs/{run_id}", "log=task:1", 200),
        ("/compare", "low=", 200),
    ],
)
async def test_a_part_that_did_not_understand_says_so_in_the_status_too(
    http: httpx.AsyncClient, known: Known, route: str, query: str, status: int
) -> None:
    names = {"image_id": known.image_id, "run_id": known.run_id, "source_id": quote(known.source_id, safe="")}
    answer = await http.get(f"{route.format(**names)}?{query.format(**names)}")
    assert answer.status_code == status
    assert "bokeh.min.js" in answer.text


async def test_every_param_that_is_no_text_refuses_nonsense_in_its_own_words() -> None:
    for spec in SPECS.values():
        view = spec.load_view()
        for name in view.url_params:
            if not isinstance(view.param[name], param.String):
                assert view.refusal_of({name: "no such thing"}).startswith(f"'{name}' cannot be"), (spec.path, name)
            assert view.refusal_of({name: ""}) == ""


async def test_a_list_that_failed_leaves_no_task_behind_that_nobody_asks(
    archive: Archive, caplog: pytest.LogCaptureFixture
) -> None:
    await open_view(archive, "/images", {"dec_min": "abc"})
    gc.collect()
    assert "never retrieved" not in caplog.text


async def test_an_unexpected_error_shows_an_id_and_its_traceback_is_in_the_log_only(
    http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, archive: Archive
) -> None:
    async def fail(_key: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(archive.images, "get", fail)
    answer = await http.get("/images/1")
    assert answer.status_code == 500
    assert "secret detail" not in answer.text
    assert "Traceback" not in answer.text
    record = next(r for r in caplog.records if r.exc_info and "secret detail" in str(r.exc_info[1]))
    error_id = record.getMessage().split()[1]
    assert error_id in answer.text


@pytest.mark.parametrize(
    ("query", "status"),
    [("mjd_from=abc", 400), ("error_percent=-3", 400), ("without=x", 400), ("mjd_from=61000&flagged=true", 200)],
)
async def test_a_source_page_that_did_not_understand_says_so_in_its_status_too(
    archive: Archive, http: httpx.AsyncClient, query: str, status: int
) -> None:
    source = (await archive.sources.find(SourceFilter(), PageRequest(limit=1))).rows[0]
    answer = await http.get(f"/sources/{quote(source.source_id, safe='')}?{query}")
    assert answer.status_code == status
    assert source.source_id in answer.text
