"""What is sent is what Bokeh itself would send."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from bokeh.core.has_props import HasProps
from bokeh.document import Document
from bokeh.models import ColumnDataSource, CustomJSHover, Range1d, Title
from bokeh.plotting import figure
from bokeh.themes import Theme

from dashboards.lean_serialization import full_query, lean_query
from dashboards.links import Links
from dashboards.server import build_server
from data_access import Archive
from data_access.records import PageRequest
from data_access.repositories.images import ImageFilter
from data_access.repositories.jobs import RunFilter
from data_access.repositories.sources import SourceFilter
from tests.dashboards.bokeh_client import BokehClient


def _figure() -> Any:
    made = figure(title="κ", x_range=Range1d(0, 1), tools="pan,hover")
    made.scatter([1, 2], [3, 4], size=5)
    made.tags.append("a list that was changed in place")
    return made


def _changed_back() -> ColumnDataSource:
    source = ColumnDataSource({"x": [1]})
    source.data = {}
    source.selected.indices.append(3)
    return source


@pytest.mark.parametrize("make", [_figure, _changed_back, CustomJSHover, Title, ColumnDataSource])
@pytest.mark.parametrize("themed", [False, True])
def test_a_model_has_the_same_properties(make: Callable[[], Any], themed: bool) -> None:
    document = Document(
        theme=Theme(json={"attrs": {"Title": {"text": "by the theme"}, "Grid": {"grid_line_dash": [6]}}})
    )
    model = make()
    if themed:
        document.add_root(model)
    for one in model.references():
        assert lean_query(one, _sent, include_defaults=False) == full_query(one, _sent, include_defaults=False)
        assert lean_query(one, _sent) == full_query(one, _sent)


def _sent(descriptor: Any) -> bool:
    return bool(descriptor.serialized)


def _is_same(one: Any, other: Any) -> bool:
    return one is other or bool(one == other)


async def _paths(archive: Archive) -> list[str]:
    links, first = Links(root="/"), PageRequest(limit=1)
    image = (await archive.images.find(ImageFilter(), first)).rows[0]
    source = (await archive.sources.find(SourceFilter(), first)).rows[0]
    run = (await archive.jobs.find_runs(RunFilter(), first)).rows[0]
    details = [
        links.image(image.id),
        links.source(source.source_id),
        links.job(run.run_id),
        links.ms_detail(run.ms_path),
    ]
    return ["/", "/images", "/sources", "/jobs", "/ms", "/calibration", "/night", "/status", *details]


async def test_every_page_sends_what_bokeh_itself_would_send(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0
    other: list[tuple[HasProps, str]] = []

    def both(self: HasProps, query: Any, **options: Any) -> dict[str, Any]:
        nonlocal asked
        asked += 1
        lean = lean_query(self, query, **options)
        full = full_query(self, query, **options)
        other.extend((self, name) for name in lean.keys() ^ full.keys())
        other.extend((self, name) for name in lean.keys() & full.keys() if not _is_same(lean[name], full[name]))
        return lean

    server = build_server(archive)
    assert HasProps.query_properties_with_values is lean_query
    monkeypatch.setattr(HasProps, "query_properties_with_values", both)
    server.start()
    root = urlsplit(server.url)
    try:
        for path in await _paths(archive):
            before = asked
            client = await BokehClient(f"{root.scheme}://{root.netloc}", path).open()
            with pytest.raises(TimeoutError):  # until the page is complete and says nothing any more
                while True:
                    async with asyncio.timeout(1.0):
                        await client.receive()
            await client.close()
            assert asked > before
    finally:
        await server.stop()
    assert other == []
