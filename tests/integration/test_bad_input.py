"""Malformed addresses and filters: always words in their place, never a traceback or a 500."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import httpx
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
        ("/sources/%ff%fe", 400),
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
    assert answer.status_code == (400 if "after=" in query else 200)
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


@pytest.mark.parametrize("path", LISTS)
async def test_a_number_of_rows_that_is_not_offered_means_the_usual_one(archive: Archive, path: str) -> None:
    view: Any = await open_view(archive, path, {"rows": "-5"})
    assert view.rows == 50
    assert cards(view) == {}


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
