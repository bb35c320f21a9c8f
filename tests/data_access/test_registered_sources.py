"""What stands in the table ``sources`` is listed, found by its other name and has a page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from data_access import Archive, open_archive
from data_access.errors import RecordNotFound
from data_access.records import PageRequest
from data_access.records.source_query import Cone, SourceQuery
from data_access.repositories.sources import SourceFilter
from tests.data_access.database_samples import make_database


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[Archive]:
    make_database(
        tmp_path / "pipeline.sqlite3",
        "CREATE TABLE photometry (id INTEGER PRIMARY KEY, source_id TEXT, ra_deg REAL, dec_deg REAL, peak_jyb REAL)",
        "INSERT INTO photometry (source_id, ra_deg, dec_deg, peak_jyb) VALUES ('SRC1', 10.0, 20.0, 0.1)",
        "CREATE TABLE sources (id TEXT PRIMARY KEY, name TEXT, ra_deg REAL NOT NULL, dec_deg REAL NOT NULL)",
        "INSERT INTO sources VALUES ('SRC1', 'NVSS J004000+200000', 10.001, 20.0), "
        "('SRC2', 'DSA J1234+5678', 188.5, 56.1), ('SRC3', NULL, 30.0, 40.0)",
        "CREATE TABLE monitoring_sources (source_id TEXT PRIMARY KEY, name TEXT, ra_deg, dec_deg, eta REAL)",
        "INSERT INTO monitoring_sources VALUES ('SRC3', '3C 0', NULL, NULL, 2.5)",
    )
    async with open_archive(tmp_path) as opened:
        yield opened


async def test_a_source_that_only_stands_in_the_table_of_sources_has_a_page_and_a_place_in_the_list(
    archive: Archive,
) -> None:
    page = await archive.sources.find(SourceFilter(), PageRequest(10, descending=False))
    assert [(s.source_id, s.name, s.n_epochs) for s in page.rows] == [
        ("SRC1", "NVSS J004000+200000", 1), ("SRC2", "DSA J1234+5678", 0), ("SRC3", "3C 0", 0),
    ]  # fmt: skip
    assert [(s.ra_deg, s.dec_deg) for s in page.rows] == [(10.001, 20.0), (188.5, 56.1), (30.0, 40.0)]
    assert (await archive.sources.get("SRC2")).source.name == "DSA J1234+5678"
    assert await archive.sources.find_known(("SRC2", "nobody")) == {"SRC2"}
    with pytest.raises(RecordNotFound):
        await archive.sources.get("nobody")


@pytest.mark.parametrize(("text", "found"), [("j1234+", ["SRC2"]), ("SRC1", ["SRC1"]), ("3c 0", ["SRC3"]), ("%", [])])
async def test_sources_are_searched_for_by_their_other_names_too(
    archive: Archive, text: str, found: list[str]
) -> None:
    page = await archive.sources.find(SourceFilter(text=text), PageRequest(10))
    assert [source.source_id for source in page.rows] == found
    count = await archive.sources.count(SourceFilter(text=text))
    assert count.value == len(found)


async def test_the_index_of_all_sources_knows_them_by_name_and_place(archive: Archive) -> None:
    index, by_name = await archive.search.select(SourceQuery(name="DSA J1234"))
    _, by_place = await archive.search.select(SourceQuery(cone=Cone(30.0, 40.0, 5.0)))
    assert [index.names.names[row] for row in (*by_name.rows, *by_place.rows)] == ["SRC2", "SRC3"]
    assert index.columns["eta_metric"][by_place.rows].tolist() == [2.5]
