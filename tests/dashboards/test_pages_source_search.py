"""Finding sources on their page: what is typed, what it means, and what is said when it means nothing."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from dashboards.components.browser_state import write_query
from dashboards.pages.list_page import FieldError
from dashboards.pages.source_search import query_of, radius_of, range_of
from dashboards.pages.source_table import Line, line_cells
from dashboards.pages.sources import SourcesPage
from data_access import Archive, open_archive
from data_access.analysis.coordinates import galactic
from data_access.analysis.source_list import read_list
from data_access.errors import SearchNotReady, ValidationError
from data_access.records import Count
from data_access.records.source_columns import BY_NAME
from data_access.records.source_query import Cone, Range
from data_access.repositories.source_rows import SourceFacts, to_source
from tests.dashboards.source_list_samples import open_list

pytestmark = pytest.mark.usefixtures("search_index")
MEASURED_ONCE = SourceFacts({}, {}, {}, {}, {"S": 1})


def names(view: SourcesPage) -> list[str]:
    return [row["key"] for row in view.table.rows]


@pytest.mark.parametrize(
    ("text", "name", "is_cone", "n_entries"),
    [
        ("NVSS J0958+65", "NVSS J0958+65", False, 0),
        ("0958+6533", "0958+6533", False, 0),
        ("8", "8", False, 0),
        ("onerror", "onerror", False, 0),
        ("09:58:47 +65:33:54", "", True, 0),
        ("149.7, 65.565", "", True, 0),
        ("gal 148.21 +41.93", "", True, 0),
        ("09h58m47s +65d33m54s B1950", "", True, 0),
        ("J0958+65, J1000+10", "", False, 2),
        ("09:58:47 +65:33:54; 10:00:00 +10:00:00; 8", "", False, 3),
        ("149.7, 65.5; 150.7, 65.5", "", False, 2),
    ],
)
def test_one_box_takes_names_lists_and_positions(text: str, name: str, *, is_cone: bool, n_entries: int) -> None:
    query = query_of({"text": text, "radius": "5'"})
    assert query.name == name
    assert (query.cone is not None) is is_cone
    assert len(query.entries or ()) == n_entries
    if query.cone is not None:
        assert query.cone.radius_arcsec == 300.0


async def test_a_galactic_position_with_few_digits_is_a_wider_circle_and_that_is_said(archive: Archive) -> None:
    index = await archive.search.index(patience_s=60.0)
    name, ra, dec = index.names.names[0], float(index.columns["ra_deg"][0]), float(index.columns["dec_deg"][0])
    longitude, latitude = galactic(ra, dec)
    view = await open_list(archive, text=f"gal {longitude:.1f} {latitude:.2f}")
    assert name in names(view)
    assert "°: that is the radius, because none was asked for." in view.table.note
    view = await open_list(archive, text=f"gal {longitude:.5f} {latitude:.5f}", radius="30")
    assert name in names(view) and "asked for" not in view.table.note


async def test_a_radius_that_was_typed_holds_and_a_coarser_position_is_said(archive: Archive) -> None:
    index = await archive.search.index(patience_s=60.0)
    longitude, latitude = galactic(float(index.columns["ra_deg"][0]), float(index.columns["dec_deg"][0]))
    text = f"gal {longitude:.0f} {latitude:.0f}"
    for asked, arcsec in (("30'", 1800.0), ("60", 60.0)):
        view = await open_list(archive, text=text, radius=asked)
        _, found = await archive.search.select(await view.query())
        cone = (await view.query()).cone
        assert cone is not None and cone.radius_arcsec == arcsec
        assert found.separation_arcsec is not None and (found.separation_arcsec <= arcsec).all()
        assert f"given to 1°: what it means may lie outside of the {arcsec:g} arcsec asked for." in view.table.note
    widened = (await (await open_list(archive, text=text)).query()).cone
    assert widened is not None and widened.radius_arcsec == 3600.0


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [("3", 3, None), (">=3", 3, None), ("≥ 3", 3, None), ("3..10", 3, 10), ("..10", None, 10), ("<=10", None, 10),
     ("=5", 5, 5), ("-1..1", -1, 1)],
)  # fmt: skip
def test_a_range_is_written_in_any_of_the_usual_ways(text: str, low: float | None, high: float | None) -> None:
    assert range_of(BY_NAME["eta"], text) == Range("eta", low, high)


@pytest.mark.parametrize(
    ("column", "text", "low", "high"),
    [
        ("n_flagged", ">0", 1, None), ("n", "> 2", 3, None), ("n", ">2.5", 3, None), ("n", "<3", None, 2),
        ("n", "<2.5", None, 2), ("eta", ">3", math.nextafter(3, 4), None),
        ("eta", "<3", None, math.nextafter(3, 2)),
        ("mean", ">10", math.nextafter(0.01, 1), None),
        ("seen_mjd", ">2026-01-20", math.nextafter(61061, 61062), None),
        ("seen_mjd", "<2026-01-20", None, math.nextafter(61060, 61059)), ("seen_mjd", "<=2026-01-20", None, 61061),
        ("seen_mjd", ">=2026-01-20", 61060, None), ("seen_mjd", "=2026-01-20", 61060, 61061),
    ],
)  # fmt: skip
def test_above_and_below_leave_the_number_itself_out(
    column: str, text: str, low: float | None, high: float | None
) -> None:
    assert range_of(BY_NAME[column], text) == Range(column, low, high)


async def test_more_than_none_flagged_leaves_out_the_sources_without_any(archive: Archive) -> None:
    view = await open_list(archive, n_flagged=">0")
    index = await archive.search.index()
    _, found = await archive.search.select(await view.query())
    assert 0 < found.rows.size < len(index)
    assert (index.columns["n_flagged"][found.rows] > 0).all()


def test_brightness_is_typed_in_mjy_and_days_as_dates() -> None:
    assert range_of(BY_NAME["mean"], "10..20") == Range("mean", 0.01, 0.02)
    assert range_of(BY_NAME["seen_mjd"], "2026-01-20..2026-01-20") == Range("seen_mjd", 61060.0, 61061.0)


@pytest.mark.parametrize("text", ["five", "3..1", "..", "nan", "2026-99-99.."])
def test_a_range_that_means_nothing_is_refused_in_words(text: str) -> None:
    with pytest.raises(FieldError):
        range_of(BY_NAME["seen_mjd" if text.startswith("2026") else "eta"], text)


@pytest.mark.parametrize("text", ["0", "-1", "2x", "1e9", "1.2.3"])
def test_a_radius_that_means_nothing_is_refused(text: str) -> None:
    with pytest.raises(FieldError):
        radius_of(text)


async def test_the_beginning_of_a_name_finds_its_sources_without_the_prefix(archive: Archive) -> None:
    beginning = (await archive.search.index()).names.names[0].removeprefix("NVSS ")[:5]
    view = await open_list(archive, text=beginning)
    assert names(view)
    assert all(name.startswith(f"NVSS {beginning}") for name in names(view))
    assert view.table.total == view.total_words(Count(len(names(view)))) or view.table.has_next
    assert "As of" in view.table.note


async def test_a_position_lists_what_is_around_it_with_the_distance(archive: Archive) -> None:
    index = await archive.search.index()
    ra, dec = index.columns["ra_deg"][0], index.columns["dec_deg"][0]
    view = await open_list(archive, text=f"{ra:.6f} {dec:+.6f}", radius="2d", sort="sep_arcsec")
    assert names(view)[0] == index.names.names[0]
    assert view.table.columns[1]["name"] == "sep_arcsec"
    apart = [float(row["cells"][1]["t"].replace(",", "")) for row in view.table.rows]
    assert apart == sorted(apart)
    assert apart[-1] <= 7200


async def test_filters_on_our_metrics_are_kept_in_the_url(archive: Archive) -> None:
    index = await archive.search.index()
    # the sources of the demo archive are those of the sky at the hour it was written
    text = index.names.names[int(np.nanargmax(index.columns["eta"]))].removeprefix("NVSS ")[:3]
    view = await open_list(archive)
    view.filters._handle_msg({"type": "submit", "values": {"eta": "1.5..", "text": text}})
    await view.settled()
    assert write_query(view, view.url_params) == f"text={text}&eta=1.5.."
    rows = [index.names.get(name) for name in names(view)]
    assert rows
    assert all(index.columns["eta"][row] >= 1.5 for row in rows if row is not None)


async def test_without_the_index_the_database_answers_and_that_is_said(
    demo_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def not_ready(**_: object) -> None:
        raise SearchNotReady("The index of all sources is being made (7% of the measurements are counted)")

    async with open_archive(demo_folder) as archive:
        monkeypatch.setattr(archive.search, "index", not_ready)
        monkeypatch.setattr(SourcesPage, "_incomplete", False)
        view = await open_list(archive, text="NVSS", sort="eta_metric")
        other = await open_list(archive, eta="1..")
    assert names(view)
    assert "being made (7%" in view.table.note
    assert "the database is asked" in view.table.note
    assert "being made" in other.table_slot.notice.text
    assert other.is_waiting


async def test_a_refresh_keeps_what_is_said_about_a_field(archive: Archive) -> None:
    view = await open_list(archive)
    view.filters._handle_msg({"type": "submit", "values": {"eta": "large"}})
    await view.refresh()
    assert "'large' is not a number" in view.filters.errors["eta"]
    view.filters._handle_msg({"type": "submit", "values": {"eta": "1.."}})
    await view.settled()
    assert view.filters.errors == {}


async def test_text_that_is_too_long_is_refused_and_not_cut(archive: Archive) -> None:
    view = await open_list(archive)
    view.filters._handle_msg({"type": "submit", "values": {"text": "J0" * 2000}})
    await view.settled()
    assert view.filters.errors == {"text": "4,000 characters are more than 2,000"}
    assert view.text == ""  # type: ignore[attr-defined]


async def test_chosen_columns_are_in_the_url_with_their_definitions(archive: Archive) -> None:
    view = await open_list(archive, cols="eta_int,neighbour_arcsec,nonsense")
    assert [c["name"] for c in view.table.columns] == ["source_id", "eta_int", "neighbour_arcsec"]
    assert view.table.columns[1]["title"] == BY_NAME["eta_int"].definition
    view.tools._handle_msg({"type": "columns", "names": "snr,<b>,eta"})
    await view.settled()
    assert view.cols == "snr,eta"
    assert [len(row["cells"]) for row in view.table.rows] == [3] * len(view.table.rows)


async def test_metrics_of_whole_light_curves_come_when_they_are_made(archive: Archive) -> None:
    chosen = ("vs", "m", "leave_one_out", "von_neumann", "leave_one_out_int", "von_neumann_int")
    view = await open_list(archive, cols=",".join(chosen), sort="n_rows", order="desc")
    index = await archive.search.index()
    assert [c["label"] for c in view.table.columns] == [
        "Source", "|Vs|", "|m|", "z, 1 out", "von Neumann", "z, 1 out int.", "von Neumann int.",
    ]  # fmt: skip
    row = index.names.get(names(view)[0])
    assert row is not None
    for place, name in enumerate(chosen, start=1):
        shown = float(view.table.rows[0]["cells"][place]["t"].replace("−", "-"))
        assert shown == pytest.approx(index.columns[name][row], rel=0.01), name
    assert "being made" not in view.table.note


async def test_metrics_of_whole_light_curves_come_on_the_first_visit_of_the_plain_list(
    demo_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DSA110_DASHBOARD_CACHE", str(tmp_path))
    async with open_archive(demo_folder) as archive:
        view = await open_list(archive, cols="n,leave_one_out,von_neumann_int", sort="n_obs", order="desc")
        shown = [row["cells"] for row in view.table.rows if int(row["cells"][1]["t"].replace(",", "")) > 2]
    assert shown
    assert all("—" not in (z["t"], ratio["t"]) for _, _, z, ratio in shown)


async def test_a_list_says_how_far_its_metrics_of_whole_light_curves_are(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    say = "Vs, m and z are being made: 5 rows are counted (50%)."
    monkeypatch.setattr(
        archive.search, "follow_curve_metrics", lambda names: (say, False) if list(names) else ("", False)
    )
    assert say in (await open_list(archive, cols="vs")).table.note
    assert say in (await open_list(archive, cols="von_neumann_int", eta="0..")).table.note
    assert say in (await open_list(archive, sort="leave_one_out")).table.note
    assert say not in (await open_list(archive, eta="0..")).table.note


@pytest.mark.parametrize(
    ("first", "second", "text"),
    [(("vs", "4.3..", 4.3, math.inf), ("m", ">0.26", math.nextafter(0.26, 1), math.inf), "vs=4.3..&m=%3E0.26"),
     (("leave_one_out", "<-3", -math.inf, math.nextafter(-3.0, -4)), ("von_neumann_int", "1..2.5", 1.0, 2.5),
      "leave_one_out=%3C-3&von_neumann_int=1..2.5")],
)  # fmt: skip
async def test_a_range_of_metrics_of_whole_light_curves_is_in_the_url_and_finds_its_sources(
    archive: Archive, first: tuple[str, str, float, float], second: tuple[str, str, float, float], text: str
) -> None:
    assert await archive.search.curve_metrics_made([first[0], second[0]])
    view = await open_list(archive)
    view.filters._handle_msg({"type": "submit", "values": {name: bounds for name, bounds, _, _ in (first, second)}})
    await view.settled()
    assert write_query(view, view.url_params) == text
    index = await archive.search.index()
    with np.errstate(invalid="ignore"):
        inside = [
            (index.columns[name] >= low) & (index.columns[name] <= high) for name, _, low, high in (first, second)
        ]
    n = np.count_nonzero(inside[0] & inside[1])
    assert n
    assert view.table.total == view.total_words(Count(n))


@pytest.mark.parametrize(
    ("numbers", "words"),
    [(None, "not counted yet"), ({"eta": 1.0}, "not counted yet"), ({"vs": math.nan}, "does not exist for these"),
     ({}, "does not exist for these")],
)  # fmt: skip
def test_an_empty_cell_says_whether_there_is_no_such_number_or_none_yet(
    numbers: dict[str, float] | None, words: str
) -> None:
    empty = line_cells(Line(to_source("S", MEASURED_ONCE, (10.0, 20.0)), numbers), ["vs"])[1]
    assert words in empty["title"]


async def test_the_list_is_sorted_by_the_largest_deviation_signed(archive: Archive) -> None:
    assert await archive.search.curve_metrics_made(["leave_one_out"])
    view = await open_list(archive, cols="leave_one_out", sort="leave_one_out", order="asc")
    index = await archive.search.index()
    lowest = np.argsort(index.columns["leave_one_out"], kind="stable")[:5]
    assert index.columns["leave_one_out"][lowest[0]] < 0
    assert names(view)[:5] == [index.names.names[i] for i in lowest]


async def test_every_row_gets_the_curve_of_its_newest_epochs(archive: Archive) -> None:
    view = await open_list(archive, sort="n_rows", order="desc")
    index = [c["name"] for c in view.table.columns].index("curve")
    name = names(view)[0]
    curve = view.table.rows[0]["cells"][index]["k"]
    light_curve = await archive.sources.get_light_curve(name)
    newest = np.argsort(light_curve.photometry_id)[-len(curve["x"]) :]
    peaks, mjd = light_curve.peak_jyb[newest], light_curve.mjd[newest]
    peaks = peaks[np.argsort(mjd, kind="stable")]
    expected = np.round(100 * (peaks - peaks.min()) / (peaks.max() - peaks.min()))
    assert curve["y"] == expected.tolist()
    assert curve["x"] == sorted(curve["x"])
    assert f"{len(curve['x'])} newest epochs" in curve["label"]
    assert all("k" in row["cells"][index] for row in view.table.rows)


async def test_a_position_can_be_copied(archive: Archive) -> None:
    view = await open_list(archive)
    ra, dec = view.table.rows[0]["cells"][1:3]
    assert dec["c"] == f"{ra['t']} {dec['t']}"


async def test_an_uploaded_list_is_searched_and_what_means_no_source_is_named(archive: Archive) -> None:
    index = await archive.search.index()
    first, second = index.names.names[:2]
    ra, dec = index.columns["ra_deg"][1], index.columns["dec_deg"][1]
    view = await open_list(archive)
    view.tools._handle_msg({"type": "list", "text": f"# mine\n{first}\n{ra:.6f} {dec:+.6f}\nNVSS J000000-890000\n"})
    await view.settled()
    assert set(names(view)) == {first, second}
    assert view.tools.unmatched == ["NVSS J000000-890000"]
    assert f"list={view.list}" in write_query(view, view.url_params)
    assert all(f"list={view.list}" in href for _, href in view.tools.exports)
    view.tools._handle_msg({"type": "drop"})
    await view.settled()
    assert len(names(view)) > 2


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("0123456789abcdef", "is unknown here"),
        ("../../etc/passwd", "is unknown here"),
        ("z.", "cannot be read"),
        ("z.AAAA", "cannot be read"),
    ],
)
async def test_a_list_that_is_unknown_here_says_so(archive: Archive, key: str, words: str) -> None:
    view = await open_list(archive, list=key)
    assert words in view.table_slot.notice.text
    assert words in view.tools.list_words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("J1\nJ2, and more\n", ["J1", "J2"]),
        ("name,flux\nJ1,2\n\nJ2,3", ["J1", "J2"]),
        ("id\tRA\tDec\nx\t10.5\t-3\ny\tnowhere\t1", [(10.5, -3.0), "nowhere, 1"]),
        ("10:00:00 +65:00:00\ngal 10 20", [(150.0, 65.0), None]),
        ("id;RA (deg);Dec (deg)\nx0;10.5;-3\nx1;20;+4", [(10.5, -3.0), (20.0, 4.0)]),
        ("name,RA (h),Dec (deg)\nx,10.5,-3\ny,10:30:00,-3\nz,25,-3", [(157.5, -3.0), (157.5, -3.0), "25h, -3"]),
        ("ra_hours\tdec\n.5\t-3", [(7.5, -3.0)]),
        ("ra [deg],dec [deg]\n10.5,-3", [(10.5, -3.0)]),
        ("l,b\n0,90\n-57.06808,27.12825", [(192.85948, 27.12825), None]),
        ("id|GLON (deg)|GLAT (deg)\nx|0|90\ny|0|91", [(192.85948, 27.12825), "gal 0, 91"]),
        ("l,b,ra,dec\n1,2,10.5,-3", [(10.5, -3.0)]),
        ("Name [IAU], flux (mJy)\nJ1,2", ["J1"]),
    ],
)
def test_a_list_is_read_in_the_usual_shapes(text: str, expected: list[object]) -> None:
    for entry, wanted in zip(read_list(text), expected, strict=True):
        if wanted is None:
            assert isinstance(entry, Cone)
        elif isinstance(wanted, tuple):
            assert isinstance(entry, Cone)
            assert (entry.ra_deg, entry.dec_deg) == pytest.approx(wanted)
        else:
            assert entry == wanted


@pytest.mark.parametrize("text", ["", "# only words", "ra,dec\n", "x\n" * 5001])
def test_a_list_that_is_empty_or_too_long_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        read_list(text)


def test_a_row_whose_last_epoch_is_a_processing_time_says_so() -> None:
    source = to_source("S", MEASURED_ONCE, (10.0, 20.0))
    seen, plain = (
        line_cells(Line(source, {"seen_mjd": 61060.5, "seen_processed": processed}), ["seen_mjd"])[1]
        for processed in (1.0, 0.0)
    )
    assert (seen["t"], seen["n"]) == ("2026-01-20", "processing time")
    assert "n" not in plain
