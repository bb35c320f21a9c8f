"""What is typed into the box of the sources and means nothing, or more than one thing: it is said, never guessed."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from dashboards.pages.list_page import FieldError
from dashboards.pages.source_search import query_of
from data_access import Archive, open_archive
from data_access.demo.schema import create_database
from tests.dashboards.source_list_samples import open_list

IMPOSSIBLE = (
    ("10.0 95.0", "a declination of 95 degrees is beyond 90"),
    ("10.0, 95.0", "a declination of 95 degrees is beyond 90"),
    ("361.0 10.0", "a right ascension of 361 degrees is above 360"),
    ("361.0 +10.0", "a right ascension of 361 degrees is above 360"),
    ("25:00:00 +10:00:00", "25 hours is not below 24"),
    ("10:70:00 +10:00:00", "70 minutes is not below 60"),
    ("10:70:00+10:00:00", "70 minutes is not below 60"),
    ("10h70m00s +10d00m00s", "70 minutes is not below 60"),
    ("10 20 30 -95 00 00", "a declination of -95 degrees is beyond 90"),
    ("gal 120 -20 30'", "is not an angle"),
    ("l=120 b=-95", "a declination of -95 degrees is beyond 90"),
    ("1 2 3", "can be split in more than one way"),
)
NAMES = (
    "NVSS J0958+65", "0958+6533", "0958 +6533", "B0531+21", "3C 286", "1H 1934-063", "2S 0114+650", "4C 10.5",
    "M 31 2", "HD 12 34", "B 12 95", "2E 10 20", "8", "10.0", "1-2-3", "2026-01-20", "10:70:00", "field 7",
    "gal", "x=1 y=2", "J1234 +95", "NVSS J361 95", "<b>10 95</b>",
)  # fmt: skip
LISTS = (
    "1.5, 2.5, 3.5", "10.5 20.5; 30.5 40.5", "10.5 20.5; 30.5 95.5", "09:58:47 +65:33:54; 10:70:00 +10:00:00",
    "J0958+65, J1000+10",
)  # fmt: skip


@pytest.mark.parametrize(("text", "reason"), IMPOSSIBLE)
def test_two_coordinates_that_are_no_position_are_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(FieldError) as caught:
        query_of({"text": text})
    assert caught.value.field == "text"
    assert f"'{text}' is not a position: " in caught.value.message
    assert reason in caught.value.message


@pytest.mark.parametrize("text", NAMES)
def test_what_may_be_a_name_is_never_refused(text: str) -> None:
    assert query_of({"text": text}).name == text


@pytest.mark.parametrize("text", LISTS)
def test_a_list_is_not_refused_for_one_of_its_entries(text: str) -> None:
    assert len(query_of({"text": text}).entries or ()) > 1


async def test_a_page_whose_position_is_impossible_says_so_at_its_field_and_in_its_status(
    archive: Archive, http: httpx.AsyncClient
) -> None:
    for text, reason in IMPOSSIBLE[:3]:
        assert (await http.get("sources", params={"text": text})).status_code == 400
        view = await open_list(archive, text=text)
        assert reason in view.filters.errors["text"]
        assert not view.page_failure.notice.text
    view.filters._handle_msg({"type": "submit", "values": {"text": "NVSS"}})
    await view.settled()
    assert view.filters.errors == {}
    assert view.table.rows
    answer = await http.get("sources/export", params={"text": "10.0 95.0"})
    assert (answer.status_code, "beyond 90" in answer.text) == (400, True)
    assert (await http.get("sources", params={"text": "3C 286"})).status_code == 200


@pytest.fixture(scope="module")
def numbered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sources that are called 1 to 14, away from where these numbers would be as positions, and one at 20, 3.

    Some have names with digits that others begin with.
    """
    folder = tmp_path_factory.mktemp("numbered")
    database = folder / "state" / "db" / "products.sqlite3"
    create_database(database, "products")
    places = {str(n): (200.0 + n, 40.0) for n in range(1, 15)} | {"20 deg": (20.0, 3.0)}
    places |= {f"NVSS J{n}1010+400000": (300.0 + n, 40.0) for n in (10, 11, 20)} | {"PSR B1010+40": (310.0, 40.0)}
    with closing(sqlite3.connect(database)) as db, db:
        db.executemany(
            "INSERT INTO photometry (source_id, image_path, ra_deg, dec_deg, peak_jyb, peak_err_jyb, measured_at, "
            "mjd) VALUES (?, '/i.fits', ?, ?, 0.1, 0.01, 1.8e9, 61000.5)",
            [(name, ra, dec) for name, (ra, dec) in places.items()],
        )
    return folder


@pytest.mark.parametrize(
    ("text", "found", "unmatched", "words"),
    [
        ("1, 2", ["1", "2"], [], "names of 2 sources; with decimals it is a position: 1.0 2.0."),
        ("1 2", ["1", "2"], [], "names of 2 sources"),
        ("8; 9", ["8", "9"], [], "names of 2 sources"),
        ("8, 9; 10", ["10", "8", "9"], [], "names of 3 sources"),
        ("8, 99", ["8"], ["99"], "As a position they mean nothing: a declination of 99 degrees is beyond 90."),
        ("8, 77, 78", ["8"], ["77", "78"], "names of 3 sources"),
        ("361 95", [], ["361", "95"], "As a position they mean nothing: a right ascension of 361 degrees"),
        ("20, 3", ["20 deg"], [], "Read as a position, 20, 3: no source is called 20."),
        ("20 30", [], [], "Read as a position, 20 30: no source is called 20 or 30."),
        ("1.0, 2.0", [], [], ""),
        ("20.0 3.0", ["20 deg"], [], ""),
    ],
)
async def test_whole_numbers_are_names_where_all_of_them_are_and_how_they_were_read_is_said(
    numbered: Path, text: str, found: list[str], unmatched: list[str], words: str
) -> None:
    async with open_archive(numbered) as archive:
        await archive.search.index(patience_s=30.0)
        view = await open_list(archive, text=text)
    assert [row["key"] for row in view.table.rows] == found
    assert view.tools.unmatched == unmatched
    assert words in view.table.note
    assert bool(words) == ("Read as" in view.table.note)


@pytest.mark.parametrize(
    ("listed", "found", "unmatched"),
    [
        ("x1\nfoo2", [], ["x1", "foo2"]),
        ("B1\nQ0\n14", ["14"], ["B1", "Q0"]),
        ("id;RA (deg);Dec (deg)\nx0;201.0;40.0\nx1;202.0;40.0\nx2;10.0;10.0", ["1", "2"], ["10.0, 10.0"]),
    ],
)
async def test_what_is_no_source_in_a_list_is_named_and_means_no_other_one(
    numbered: Path, listed: str, found: list[str], unmatched: list[str]
) -> None:
    async with open_archive(numbered) as archive:
        await archive.search.index(patience_s=30.0)
        view = await open_list(archive)
        view.tools._handle_msg({"type": "list", "text": listed})
        await view.settled()
    assert [row["key"] for row in view.table.rows] == found
    assert view.tools.unmatched == unmatched
