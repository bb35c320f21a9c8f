"""Previous and next source of the search that led to a source: the search travels in the URL of its page."""

from __future__ import annotations

from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlencode

import panel as pn

from dashboards.components.step_links import StepLinks
from dashboards.pages.source_part import Place, SourcePart
from dashboards.pages.source_search import NAMES, query_with_lists, query_words
from data_access.errors import ArchiveError
from data_access.records.source_query import Step

QUERY_PARAM = "q"
_LONGEST = 4000


def search_of(values: dict[str, str]) -> str:
    """Return the filters and the order of a list as one text for a URL; empty for the plain list."""
    return urlencode({name: value for name, value in values.items() if value})


class StepPart(SourcePart):
    """Links to the neighbours of a source in the result that the URL names; nothing without one."""

    place: ClassVar[Place] = "top"

    def __init__(self, page: Any) -> None:
        super().__init__(page)
        self.search = str(page.session.query.get(QUERY_PARAM, ""))[:_LONGEST]
        self.links = StepLinks(height=26) if self.search else None

    @property
    def view(self) -> Any:
        """The links, or an empty place."""
        return self.links if self.links is not None else pn.Column(height=0, margin=0)

    async def load(self) -> None:
        """Find the source in the result."""
        if self.links is None:
            return
        try:
            step = await self._find()
        except ArchiveError as err:
            message = err.message
            await self.page.patch(lambda: self._show_trouble(message))
            return
        await self.page.patch(lambda: self._show(step))

    async def refresh(self) -> None:
        """Find it again: sources come and go."""
        await self.load()

    def _given(self) -> dict[str, str]:
        return dict(parse_qsl(self.search))

    async def _find(self) -> Step:
        given, archive = self._given(), self.page.session.archive
        query = await query_with_lists(given, archive.source_lists)
        step: Step = await archive.search.step(
            query, given.get("sort", ""), self.page.detail.source.source_id, descending=given.get("order") == "desc"
        )
        return step

    def _show(self, step: Step) -> None:
        if self.links is None:
            return
        place = f"{step.place:,} of {step.total:,}" if step.place else f"not among the {step.total:,} of the result"
        self.links.param.update(
            previous=self._link(step.previous), next=self._link(step.next), place=place, list=self._list()
        )

    def _show_trouble(self, message: str) -> None:
        if self.links is not None:
            self.links.param.update(place=message, list=self._list(), previous=("", ""), next=("", ""))

    def _link(self, name: str | None) -> tuple[str, str]:
        if name is None:
            return "", ""
        return name, self.page.session.links.source(name, **{QUERY_PARAM: self.search})

    def _list(self) -> tuple[str, str]:
        given = self._given()
        words = query_words({name: given.get(name, "") for name in NAMES}) or "all sources"
        return words, self.page.session.links.sources(**given)
