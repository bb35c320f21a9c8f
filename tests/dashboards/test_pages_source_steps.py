"""From a source to the next one of the search that led to it."""

from __future__ import annotations

from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from dashboards.links import Links
from dashboards.pages.source import SourcePage
from dashboards.pages.source_steps import StepPart
from dashboards.pages.sources import SourcesPage
from dashboards.session import Session
from data_access import Archive

pytestmark = pytest.mark.usefixtures("search_index")


async def steps_of(archive: Archive, href: str) -> StepPart:
    parts = urlsplit(href)
    source_id = unquote(parts.path.rpartition("/")[2])
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    prepared = await SourcePage.prepare(archive, {"source_id": source_id}, query)
    page = SourcePage(Session(archive, query=query, links=Links("../"), prepared=prepared))
    part = next(p for p in page.parts if isinstance(p, StepPart))
    await part.load()
    return part


async def test_the_next_source_is_the_next_row_of_the_list_whatever_its_filters_and_order(archive: Archive) -> None:
    view = SourcesPage(Session(archive, query={"n": "1..", "sort": "mean", "order": "desc", "rows": "25"}))
    view.__panel__()
    await view.load()
    await view.settled()
    rows = view.table.rows
    assert len(rows) > 2
    part = await steps_of(archive, rows[0]["href"])
    assert part.links is not None
    assert part.links.previous == ("", "")
    assert part.links.place == f"1 of {view.table.total.split()[0]}"
    seen = [rows[0]["key"]]
    for _ in rows[1:4]:
        assert part.links is not None
        seen.append(part.links.next[0])
        part = await steps_of(archive, part.links.next[1])
    assert seen == [row["key"] for row in rows[: len(seen)]]
    assert part.links is not None
    assert part.links.previous[0] == seen[-2]
    assert part.links.list[0] == "n: 1.."
    assert "sort=mean" in part.links.list[1]


async def test_a_source_outside_of_the_result_and_a_broken_search_say_so(archive: Archive) -> None:
    name = (await archive.search.index()).names.names[0]
    outside = await steps_of(archive, Links().source(name, q="n=1000000.."))
    broken = await steps_of(archive, Links().source(name, q="n=many"))
    plain = await steps_of(archive, Links().source(name))
    assert outside.links is not None
    assert "not among the 0" in outside.links.place
    assert broken.links is not None
    assert "'many' is not a number" in broken.links.place
    assert plain.links is None
