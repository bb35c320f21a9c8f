"""The choice of epochs on the page of a source: a stretch of time, what is left out, systematic errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dashboards.components.filters import Field, FilterBar
from dashboards.components.slot import Slot
from dashboards.pages.epoch_selection import SELECTION_PARAMS, parse_selection, selection_of
from dashboards.pages.list_page import FieldError
from dashboards.pages.source_part import SourcePart

if TYPE_CHECKING:
    from dashboards.pages.source import SourcePage

_BRUSH = "metrics of this stretch stand beside those of all epochs; the brush tool of the plot sets it too"
FIELDS: tuple[Field, ...] = (
    {"name": "mjd_from", "label": "Brush from", "kind": "text", "unit": "UTC or MJD", "width": "11rem",
     "help": _BRUSH},
    {"name": "mjd_to", "label": "to", "kind": "text", "unit": "UTC or MJD", "width": "11rem", "help": _BRUSH},
    {"name": "without", "label": "Left out", "kind": "text", "unit": "measurement numbers", "width": "15rem",
     "help": "numbers as in the table of measurements; a chosen point has a switch for it"},
    {"name": "error_percent", "label": "Systematic error", "kind": "number", "unit": "% of flux", "width": "11rem",
     "help": "added to every error in quadrature"},
    {"name": "error_mjy", "label": "and", "kind": "number", "unit": "mJy", "width": "6rem",
     "help": "added to every error in quadrature"},
    {"name": "flagged", "label": "use flagged", "kind": "toggle", "help": "let flagged measurements count"},
)  # fmt: skip


class SelectionPart(SourcePart):
    """The form below the light curve."""

    place = "curve"

    def __init__(self, page: SourcePage) -> None:
        super().__init__(page)
        self.slot = page.new_slot("epochs", height=67)
        self.form = FilterBar(fields=list(FIELDS), label="Epochs and errors", on_submit=self._submit)
        page.param.watch(self._show, list(SELECTION_PARAMS))

    @property
    def view(self) -> Slot:
        """The slot with the form."""
        return self.slot

    async def load(self) -> None:
        """Show the form with what the URL says."""
        await self.page.patch(self._show)
        await self.page.patch(lambda: self.slot.succeed(self.form))

    def _show(self, *_events: Any) -> None:
        values = {name: getattr(self.page, name) for name in SELECTION_PARAMS}
        self.form.param.update(values=values, errors=selection_of(self.page)[1])

    def _submit(self, values: Mapping[str, Any]) -> None:
        wanted = {name: values.get(name) or (False if name == "flagged" else "") for name in SELECTION_PARAMS}
        try:
            parse_selection(wanted)
        except FieldError as err:
            self.form.errors = {err.field: err.message}
            return
        self.page.param.update(**wanted)
