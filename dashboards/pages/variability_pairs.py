"""|Vs| and |m| of the sources that the page of the eta-V plane lists: read after its tables are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from dashboards.components.notice import Notice
from dashboards.components.record_table import Row
from dashboards.pages.part import PagePart
from dashboards.pages.variability_words import Pairs, with_pairs
from data_access.records.variability import VariabilityTable

if TYPE_CHECKING:
    from dashboards.pages.variability import VariabilityPage


class PairsPart(PagePart["VariabilityPage"]):
    """The two-epoch metrics in both tables.

    No kept sum has them. Those of a moment ago stay until the ones with the newest measurements are read.
    """

    def __init__(self, page: VariabilityPage) -> None:
        super().__init__(page)
        self._known: dict[str, tuple[float, float]] = {}
        self._table: VariabilityTable | None = None

    @property
    def view(self) -> Any:
        """Nothing of its own: it writes into the tables."""
        return Notice()

    def known(self, table: VariabilityTable) -> Pairs:
        """Return what is known of the sources of a table by their names."""
        return self._known if self._table is not None and self._table.flux == table.flux else {}

    def changed(self) -> None:
        """Read what the tables list now and is not known."""
        self.page.run(self._find, self._show)

    async def _find(self) -> tuple[VariabilityTable, Pairs] | None:
        plane = self.page.plane
        if plane is None:
            return None
        table, archive = plane.table, self.page.session.archive
        listed = {one["key"] for shown in (self.page.candidates, self.page.selected) for one in shown.rows}
        missing = listed - self._known.keys() if table is self._table else listed
        if not missing:
            return None
        places = await archive.offload.in_thread(_places, table, sorted(missing))
        vs, m = await archive.curve_metrics.pairs_of(table, places)
        names = table.source_id[places].tolist()
        return table, dict(zip(names, zip(vs.tolist(), m.tolist(), strict=True), strict=True))

    def _show(self, answer: tuple[VariabilityTable, Pairs] | None) -> None:
        if answer is None:
            return
        table, found = answer
        if table is not self._table:
            self._table, self._known = table, {}
        self._known |= found
        for shown in (self.page.candidates, self.page.selected):
            shown.rows = with_pairs(cast(list[Row], shown.rows), self._known)


def _places(table: VariabilityTable, names: list[str]) -> Any:
    return np.flatnonzero(np.isin(table.source_id, names))
