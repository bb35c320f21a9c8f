"""What people say about a source, on its page."""

from __future__ import annotations

from typing import Any, ClassVar

import panel as pn

from dashboards.components.cells import cell
from dashboards.components.facts import Facts, fact, group
from dashboards.components.record_table import RecordTable
from dashboards.pages.review_words import HISTORY_COLUMNS, comment_cell, history_row
from dashboards.pages.source_part import Place, SourcePart
from dashboards.pages.source_words import verdict_cell
from data_access.records.marks import Mark


class MarkPart(SourcePart):
    """The mark that holds, everything that was said before, and the way to say more."""

    place: ClassVar[Place] = "end"
    section: ClassVar[str] = "marks"

    def __init__(self, page: Any) -> None:
        super().__init__(page)
        self.slot = page.new_slot("marks", height=0)
        self.facts = Facts(min_width=380)
        self.history: RecordTable | None = None
        self.column = pn.Column(sizing_mode="stretch_width", margin=0)

    @property
    def view(self) -> Any:
        """One slot; the table in it is made when there is something to list."""
        return self.slot

    async def load(self) -> None:
        """Read what was said."""
        await self.page.fill(self.slot, self._find, self._show)

    async def refresh(self) -> None:
        """Read it again: others may have said something."""
        await self.load()

    async def _find(self) -> tuple[Mark, ...]:
        history: tuple[Mark, ...] = await self.page.session.archive.marks.find_history("source", self._name)
        return history

    @property
    def _name(self) -> str:
        return str(self.page.detail.source.source_id)

    def _show_in_heading(self, said: Mark | None) -> None:
        """Put the mark beside the name of the source, where nobody misses it."""
        heading = self.page.heading
        others = [item for item in heading.items if item["label"] != "Mark"]
        heading.items = [*others, fact("Mark", verdict_cell(said))] if said is not None else others

    def _show(self, history: tuple[Mark, ...]) -> Any:
        now = history[0] if history else None
        said = now if now is not None and not now.is_empty else None
        href = self.page.session.links.review(at=f"source:{self._name}")
        items = [fact("Mark", verdict_cell(said)), fact("To mark it", cell("review", href=href))]
        if said is not None:
            items[1:1] = [
                fact("By", cell(said.who, unix=said.marked_at)),
                fact("Comment and tags", comment_cell(said)),
            ]
        self.facts.groups = [group("What people say", items)]
        self._show_in_heading(said)
        parts: list[Any] = [self.facts]
        if len(history) > 1:
            if self.history is None:
                self.history = RecordTable(columns=list(HISTORY_COLUMNS), caption="Every change", max_height=200)
            self.history.rows = [history_row(mark) for mark in history]
            parts.append(self.history)
        if list(self.column) != parts:
            self.column[:] = parts
        return self.column
