"""Parts of the page of one source that live in modules of their own."""

from __future__ import annotations

from typing import Any

from dashboards.components.notice import Notice
from dashboards.links import Links
from dashboards.pages.source import SourcePage
from dashboards.pages.source_part import SourcePart
from dashboards.session import Session
from data_access import Archive
from data_access.records import SourceDetail


class Diary(SourcePart):
    """Writes down what it is told."""

    place = "curve"

    def __init__(self, page: SourcePage) -> None:
        super().__init__(page)
        self.view_made = Notice(kind="info", text="diary")
        self.entries: list[str] = []

    @property
    def view(self) -> Any:
        return self.view_made

    async def load(self) -> None:
        self.entries.append(f"load, {'drawn' if self.page.figure is not None else 'not drawn'}")

    async def refresh(self) -> None:
        self.entries.append("refresh")

    def curve_changed(self, detail: SourceDetail) -> None:
        self.entries.append(f"curve of {detail.light_curve.n_epoch}")


class Broken(Diary):
    """Fails wherever it can."""

    place = "end"

    async def load(self) -> None:
        raise ZeroDivisionError

    def curve_changed(self, detail: SourceDetail) -> None:
        raise ZeroDivisionError


class PageWithParts(SourcePage):
    part_types = (Broken, Diary)


async def open_page(archive: Archive) -> PageWithParts:
    name = (await archive.sources.find_ese_candidates())[0].source_id
    path_params = {"source_id": name}
    prepared = await PageWithParts.prepare(archive, path_params, {})
    view = PageWithParts(Session(archive, path_params=path_params, links=Links("../"), prepared=prepared))
    view.__panel__()
    await view.load()
    return view


async def test_parts_are_loaded_after_the_light_curve_and_hear_of_its_changes(archive: Archive) -> None:
    view = await open_page(archive)
    diary = view.parts[1]
    assert isinstance(diary, Diary)
    await view.refresh()
    n = view.detail.light_curve.n_epoch
    assert diary.entries == ["load, drawn", f"curve of {n}", "refresh"]


async def test_a_part_that_fails_is_said_on_top_and_stops_no_other(archive: Archive) -> None:
    view = await open_page(archive)
    await view.refresh()
    assert "failed unexpectedly" in view.page_failure.notice.text
    assert view.curve_slot.failure is None
    assert isinstance(view.parts[1], Diary)
    assert "refresh" in view.parts[1].entries
