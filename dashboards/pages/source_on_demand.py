"""What the page of a source shows when it is asked: what the metrics mean, and why epochs are missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import param

from dashboards.components.notice import Notice
from dashboards.components.record_table import RecordTable, Turn
from dashboards.pages.metric_definitions import DEFINITION_COLUMNS, definition_rows
from dashboards.pages.missing_words import MISSING_COLUMNS, missing_rows, missing_words
from dashboards.pages.source_part import SourcePart
from dashboards.pages.source_point import place_of
from data_access.records.missing_epochs import MissingEpochs

if TYPE_CHECKING:
    from dashboards.pages.source import SourcePage


class OnDemandParams(param.Parameterized):  # type: ignore[misc, unused-ignore]
    """What the page of a source keeps in the URL about what is opened."""

    definitions: Any = param.Selector(default="off", objects=["off", "on"], doc="whether metrics are explained")
    missing: Any = param.Selector(default="off", objects=["off", "on"], doc="whether missing epochs are listed")
    missing_page = param.Integer(default=1, bounds=(1, None), doc="page of the missing epochs, newest first")


ON_DEMAND_PARAMS = ("definitions", "missing", "missing_page")


class DefinitionsPart(SourcePart):
    """Formula, unit, reference and caveat of every metric."""

    place = "metrics"

    def __init__(self, page: SourcePage) -> None:
        super().__init__(page)
        self.slot = page.new_slot("definitions", height=0)
        self.table = RecordTable(columns=list(DEFINITION_COLUMNS), caption="What the metrics are")
        page.param.watch(self._changed, ["definitions"])

    @property
    def view(self) -> Any:
        """The slot below the metrics."""
        return self.slot

    async def load(self) -> None:
        """Explain, if the URL asks for it."""
        await self.page.patch(self._show)

    def _changed(self, *_events: Any) -> None:
        self._show()

    def _show(self) -> None:
        if self.page.definitions == "on":
            self.table.rows = definition_rows()
            self.slot.succeed(self.table)
        elif self.slot.content is not None:
            self.slot.succeed(Notice())


class MissingPart(SourcePart):
    """Images near the source on which it was not measured; looked for only when asked: files are opened."""

    place = "curve"

    def __init__(self, page: SourcePage) -> None:
        super().__init__(page)
        self.slot = page.new_slot("missing epochs", height=0)
        self.table = RecordTable(
            columns=list(MISSING_COLUMNS), caption="Epochs without a measurement", max_height=260, on_turn=self._turn
        )
        page.param.watch(self._changed, ["missing", "missing_page"])

    @property
    def view(self) -> Any:
        """The slot below the light curve."""
        return self.slot

    async def load(self) -> None:
        """Look for missing epochs, if the URL asks for it."""
        if self.page.missing == "on" or self.slot.content is not None:
            await self.page.fill(self.slot, self._find, self._show)

    async def refresh(self) -> None:
        """Look again: there may be new images."""
        await self.load()

    def _changed(self, *_events: Any) -> None:
        self.page.run(self._find, self._show, slot=self.slot)

    async def _find(self) -> MissingEpochs | None:
        place = place_of(self.page.detail)
        if self.page.missing != "on" or place is None:
            return None
        service, curve = self.page.session.archive.missing_epochs, self.page.detail.light_curve
        found: MissingEpochs = await service.of(curve, place, page=self.page.missing_page)
        return found

    def _turn(self, where: Turn) -> None:
        at = self.page.missing_page
        self.page.missing_page = {"first": 1, "next": at + 1, "previous": max(1, at - 1)}[where]

    def _show(self, found: MissingEpochs | None) -> Any:
        if found is None:
            wanted = self.page.missing == "on"
            return Notice(text="No position is recorded: images near it cannot be found" if wanted else "")
        self.table.param.update(
            rows=missing_rows(found, self.page.session.links),
            note=missing_words(found),
            empty="No image near this source lacks a measurement of it.",
            truncated=found.truncated,
            has_previous=found.page > 1,
            has_next=found.page < found.n_pages,
        )
        return self.table
