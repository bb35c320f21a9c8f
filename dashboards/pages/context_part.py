"""What lies near a source, on its page: catalogues, neighbours, links to other services."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import panel as pn
import param

from dashboards.components.facts import Facts
from dashboards.components.filters import Field, FilterBar
from dashboards.components.record_table import RecordTable
from dashboards.pages.context_words import (
    MATCH_COLUMNS,
    NEIGHBOUR_COLUMNS,
    context_facts,
    match_row,
    neighbour_note,
    neighbour_row,
)
from dashboards.pages.list_page import FieldError, number_of
from dashboards.pages.source_part import Place, SourcePart
from data_access.records import SourceDetail
from data_access.records.context import SourceContext
from data_access.repositories.cross_matches import LARGEST_RADIUS_ARCSEC

CONTEXT_URL_PARAMS = ("near",)
DEFAULT_RADIUS_ARCSEC = 60.0
_FIELD: Field = {
    "name": "near", "label": "Context within", "kind": "number", "unit": "″", "width": "8rem",
    "placeholder": f"{DEFAULT_RADIUS_ARCSEC:g}", "help": f"radius in arcsec, up to {LARGEST_RADIUS_ARCSEC:g}",
}  # fmt: skip


class ContextParams(param.Parameterized):
    """What the context keeps in the URL."""

    near = param.Number(
        default=DEFAULT_RADIUS_ARCSEC,
        bounds=(0, LARGEST_RADIUS_ARCSEC),
        inclusive_bounds=(False, True),
        doc="radius within which catalogues and other sources are looked for, arcsec",
    )


class ContextPart(SourcePart):
    """Catalogues and neighbours; read last, made only then."""

    place: ClassVar[Place] = "end"
    section: ClassVar[str] = "context"

    def __init__(self, page: Any) -> None:
        super().__init__(page)
        self.slot = page.new_slot("context", height=0)
        self.filters: FilterBar | None = None
        self.shown: Any = None
        page.param.watch(self._changed, ["near"])

    @property
    def view(self) -> Any:
        """One slot; what stands in it is made when it is read."""
        return self.slot

    async def load(self) -> None:
        """Ask everybody about the place."""
        await self.page.fill(self.slot, self._find, self._show)

    def curve_changed(self, detail: SourceDetail) -> None:
        """A new epoch changes the mean by little: the context follows when the page is opened again."""

    async def _find(self) -> SourceContext:
        detail, archive = self.page.detail, self.page.session.archive
        context: SourceContext = await archive.context.of(detail, radius_arcsec=float(self.page.near))
        return context

    def _make(self) -> None:
        self.filters = FilterBar(fields=[_FIELD], on_submit=self._submit, label="Context")
        self.matches = RecordTable(columns=list(MATCH_COLUMNS), caption="In catalogues", max_height=300)
        self.neighbours = RecordTable(
            columns=list(NEIGHBOUR_COLUMNS), caption="Other sources of ours", max_height=260,
            empty="None within the radius or a beam.",
        )  # fmt: skip
        self.facts = Facts(min_width=320)
        self.shown = pn.Column(
            self.filters, self.matches, self.neighbours, self.facts, sizing_mode="stretch_width", margin=0
        )

    def _show(self, context: SourceContext) -> Any:
        if self.filters is None:
            self._make()
        assert self.filters is not None  # noqa: S101  (made above)
        near = float(self.page.near)
        self.filters.param.update(values={"near": "" if near == DEFAULT_RADIUS_ARCSEC else f"{near:g}"}, errors={})
        asked = sum(answer.status == "asked" for answer in context.answers)
        self.matches.param.update(
            rows=[match_row(match, at) for at, match in enumerate(context.matches)],
            total=f"{len(context.matches)} within {near:g}″",
            empty=f"Nothing within {near:g}″ in the {asked} catalogues that cover this place.",
            truncated=any(answer.truncated for answer in context.answers),
        )
        self.neighbours.param.update(
            rows=[neighbour_row(found, self.page.session.links) for found in context.neighbours],
            total=str(len(context.neighbours)),
            note=neighbour_note(context),
        )
        self.facts.groups = context_facts(context)
        return self.shown

    def _submit(self, values: Mapping[str, Any]) -> None:
        assert self.filters is not None  # noqa: S101  (it has sent this)
        text = str(values.get("near", "") or "")
        try:
            number = number_of("near", text)
            if number is not None and not 0 < number <= LARGEST_RADIUS_ARCSEC:
                raise FieldError("near", f"a radius above 0 and up to {LARGEST_RADIUS_ARCSEC:g}″")
        except FieldError as err:
            self.filters.errors = {err.field: err.message}
            return
        self.filters.errors = {}
        self.page.near = DEFAULT_RADIUS_ARCSEC if number is None else number

    def _changed(self, *_events: Any) -> None:
        self.page.run(self._find, self._show, slot=self.slot)
