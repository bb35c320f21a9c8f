"""Sections of the page of one source."""

from __future__ import annotations

from typing import Any

from bokeh.models import UIElement

from dashboards.components.section_links import SectionLinks
from dashboards.pages.source import SourcePage
from dashboards.pages.source_part import SECTIONS
from dashboards.session import Session
from data_access import Archive


async def make_page(archive: Archive) -> SourcePage:
    name = (await archive.sources.find_ese_candidates())[0].source_id
    path_params = {"source_id": name}
    prepared = await SourcePage.prepare(archive, path_params, {})
    return SourcePage(Session(archive, path_params=path_params, prepared=prepared))


async def test_every_section_but_the_top_has_its_place_on_the_page(archive: Archive) -> None:
    view = await make_page(archive)
    shown = view.__panel__()
    await view.load()
    await view.settled()
    classes = [name for model in shown.get_root().select({"type": UIElement}) for name in model.css_classes]
    marked = [name.removeprefix("section-") for name in classes if name.startswith("section-")]
    assert sorted(marked) == sorted(name for name, _ in SECTIONS[1:])


async def test_the_links_come_after_the_first_plot(archive: Archive) -> None:
    view = await make_page(archive)
    shown = view.__panel__()

    def links() -> list[Any]:
        return list(shown.select(SectionLinks))

    assert view.figure is not None
    assert not links()
    await view.load()
    await view.settled()
    assert [made.sections for made in links()] == [list(SECTIONS)]


async def test_the_measurements_scroll_in_a_box_of_their_own(archive: Archive) -> None:
    view = await make_page(archive)
    view.__panel__()
    assert 0 < view.measurements.max_height <= 450
