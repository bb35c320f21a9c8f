"""One calibration table: its solutions, how good they are, where they come from and what they apply to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import panel as pn
import param

from dashboards.boundary import Failure
from dashboards.components.cells import cell
from dashboards.components.facts import Facts, fact
from dashboards.components.filters import FilterBar
from dashboards.components.heading import Heading
from dashboards.components.notice import Notice
from dashboards.components.plot_pane import plot_pane
from dashboards.components.record_table import RecordTable
from dashboards.components.slot import Slot
from dashboards.pages.calibration import flagged_share_cell
from dashboards.pages.calibration_facts import (
    COMPARED_COLUMNS,
    SET_COLUMNS,
    USER_COLUMNS,
    compared_rows,
    file_groups,
    registry_groups,
    set_rows,
    snr_number_cell,
    source_group,
    user_rows,
)
from dashboards.pages.figure_updates import update_figures
from dashboards.pages.filter_fields import with_present
from dashboards.pages.grades import caltable_grades, grade_cell
from dashboards.pages.layouts import FACTS_WIDTH, side_by_side
from dashboards.pages.table_paths import Opened, open_path
from dashboards.pages.wording import state_cell
from dashboards.plots import plot_caltable
from dashboards.session import PageView, Session
from data_access import Archive
from data_access.analysis.qa import worst
from data_access.records import Caltable, CaltableDetail
from data_access.services.provenance import CaltableUse, Provenance

_PLOT_HEIGHT = 265
# `ProvenanceService.of_caltable` reads so many Measurement Sets at most.
USERS_READ = 100


class CalibrationDetailPage(PageView):
    """One row of ``caltables`` and the table on disk."""

    antenna = param.String(default="", doc="antenna that is drawn on top of the median of all; empty for none")

    url_params = ("antenna",)
    push_params = ("antenna",)
    live_roles = frozenset({"cal_registry", "products", "pipeline"})

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(session, **params)
        opened: Opened[Caltable] = session.prepared
        self.table, self.registered = opened.record, not opened.note
        self._opened = opened
        self.detail: CaltableDetail | None = None
        self.figures: list[Any] = []
        self._drawn_antenna = ""
        self.param.watch(self._redraw, "antenna")

    @classmethod
    async def prepare(
        cls,
        archive: Archive,
        path_params: Mapping[str, str],  # noqa: ARG003
        query: Mapping[str, str],
    ) -> Opened[Caltable]:
        """Return the row of the path in the URL (400 without a path, 404 when there is neither row nor file)."""
        return await open_path(
            archive, query, noun="calibration table", get=archive.calibration.get, unregistered=_unregistered
        )

    @property
    def title(self) -> str:
        """Title of the document."""
        return self.table.name

    def __panel__(self) -> Any:
        self.heading = Heading(text=self.table.name, tooltip=self.table.path)
        self.note = Notice(kind="info", text=self._opened.note, remedy=self._opened.remedy)
        self.status = Notice()
        self.problems = Notice(kind="warn")
        self.chooser = FilterBar(
            label="Antenna", fields=self._fields(), values={"antenna": self.antenna}, on_submit=self._submit,
            width=330, height=66, sizing_mode="fixed",
        )  # fmt: skip
        self.plots_slot = self.new_slot("solutions", height=2 * _PLOT_HEIGHT + 20)
        self.registry = Facts(min_width=FACTS_WIDTH)
        self.links_slot = self.new_slot("links", height=90)
        self.contents_slot = self.new_slot("contents", height=0)
        self.compared = RecordTable(
            caption="Stored quality figures", columns=list(COMPARED_COLUMNS), empty="The pipeline stored none."
        )
        self.set_table = RecordTable(
            caption="Tables of this set, in the order of application", columns=list(SET_COLUMNS), empty="No set."
        )
        self.users = RecordTable(caption="", columns=list(USER_COLUMNS), max_height=360)
        self._show_record(self.table)
        middle = pn.Column(self.links_slot, self.compared, sizing_mode="stretch_width", margin=0)
        return pn.Column(
            pn.Row(self.heading, self.chooser, sizing_mode="stretch_width", margin=0),
            self.status, self.note, self.problems, self.plots_slot,
            side_by_side(self.registry, middle, self.contents_slot),
            side_by_side(self.set_table, self.users),
            sizing_mode="stretch_width", margin=0,
        )  # fmt: skip

    async def load(self) -> None:
        """Fill the slots: what the databases say first, as the file may take seconds."""
        await self.fill(self.links_slot, self._read_links, self._show_links)
        await self.fill(self.plots_slot, self._read_detail, self._show_detail)

    async def refresh(self) -> None:
        """Read the row and its links again; the file only when it changed on disk."""
        if self.registered:
            await self.fill(self.page_failure, self._read_record, self._show_record)
        await self.load()

    async def show_failure(self, slot: Slot, failure: Failure) -> None:
        """Say what failed; without plots there is no antenna to choose, and no list is not an empty one."""
        if slot is self.links_slot:
            await self.patch(
                lambda: self.users.param.update(rows=[], total="", empty=f"Not known: {failure.message}")
            )
        if slot is self.plots_slot and self.detail is None:
            await self.patch(lambda: self.chooser.param.update(visible=False))
        await super().show_failure(slot, failure)

    async def _read_record(self) -> Caltable:
        archive: Archive = self.session.archive
        return await archive.calibration.get(self.table.path)

    def _show_record(self, table: Caltable) -> None:
        self.table = table
        self.registry.groups = registry_groups(table, self.session.links, registered=self.registered)
        self.problems.text = "; ".join(table.problems)
        self._show_status(table)
        self._show_figures_of_quality()

    def _show_status(self, table: Caltable) -> None:
        status = (table.status or "").lower()
        marked = status in ("failed", "retired")
        words = f"Marked as {status} in the registry: the pipeline does not apply this table." if marked else ""
        self.status.param.update(
            kind="bad" if status == "failed" else "warn", text=words, remedy=(table.notes or "") if marked else ""
        )

    def _show_figures_of_quality(self) -> None:
        table, detail = self.table, self.detail
        self.compared.rows = compared_rows(table, detail) if table.quality_metrics else []
        missing = cell(None, title="The file has not been read")
        grade = None if detail is None else worst(caltable_grades(detail))
        self.heading.items = [
            fact("type", cell(table.table_type if detail is None else f"{table.table_type or '?'} ({detail.kind})")),
            fact("status", state_cell(table.status)),
            fact("made", cell(None, unix=table.created_at)),
            fact("flagged", missing if detail is None else flagged_share_cell(detail.flag_fraction, unit="%")),
            fact("SNR", missing if detail is None else snr_number_cell(detail)),
            fact("grade", grade_cell(grade)),
        ]

    async def _read_links(self) -> tuple[Provenance, tuple[CaltableUse, ...]]:
        archive: Archive = self.session.archive
        members = await archive.calibration.find_set(self.table.set_name) if self.table.set_name else ()
        await self.patch(lambda: self._show_members(members))  # whatever becomes of the rest, in another database
        return await archive.provenance.of_caltable(self.table)

    def _show_members(self, members: tuple[Caltable, ...]) -> None:
        rows = set_rows(members, self.session.links, present=self.table.path)
        self.set_table.param.update(rows=rows, total=self.table.set_name or "")

    def _show_links(self, answer: tuple[Provenance, tuple[CaltableUse, ...]]) -> Facts:
        origin, users = answer
        links = self.session.links
        known = self.table.valid_start_mjd is not None
        self.users.param.update(
            caption="Measurement Sets observed while it was valid",
            total=f"{len(users)} in the first 24 h" if known else "",
            rows=user_rows(users, self.table, links),
            truncated=len(users) >= USERS_READ,
            note=f"the first {USERS_READ} are listed" if len(users) >= USERS_READ else "",
            empty="None in the first 24 hours." if known else "No start of validity is recorded.",
        )
        groups = [source_group(self.table, origin, links)]
        if isinstance(self.links_slot.content, Facts):
            self.links_slot.content.groups = groups
            return self.links_slot.content
        return Facts(groups=groups, min_width=FACTS_WIDTH)

    async def _read_detail(self) -> tuple[CaltableDetail, str, list[Any]]:
        archive: Archive = self.session.archive
        detail, antenna = await archive.files.caltable(self.table.path), self.antenna
        if detail is self.detail and antenna == self._drawn_antenna:
            return detail, antenna, []
        theme = self.session.theme
        return detail, antenna, await archive.offload.in_thread(_figures, detail, theme, antenna)

    def _show_detail(self, answer: tuple[CaltableDetail, str, list[Any]]) -> Any:
        detail, self._drawn_antenna, figures = answer
        if detail is not self.detail:
            self.detail = detail
            self._show_contents(detail)
        if not figures or update_figures(self.figures, figures):
            return None
        self.figures = figures
        panes = [plot_pane(figure) for figure in figures]
        return [side_by_side(*panes[i : i + 2]) for i in range(0, len(panes), 2)]

    def _show_contents(self, detail: CaltableDetail) -> None:
        groups = file_groups(self.table, detail, self.session.links)
        if isinstance(self.contents_slot.content, Facts):
            self.contents_slot.content.groups = groups
        else:
            self.contents_slot.succeed(Facts(groups=groups, min_width=FACTS_WIDTH))
        self.chooser.param.update(fields=self._fields(), values={"antenna": self.antenna}, visible=True)
        self._show_figures_of_quality()

    def _fields(self) -> list[Any]:
        antennas = () if self.detail is None else self.detail.antennas
        names = [] if not antennas else [n for n, has in zip(antennas.names, antennas.has_data, strict=True) if has]
        field: Any = {
            "name": "antenna", "label": "Antenna drawn over the median", "kind": "select", "width": "13rem",
            "options": [("", "median of all only"), *((name, name) for name in names)],
        }  # fmt: skip
        return list(with_present([field], {"antenna": self.antenna}))

    def _submit(self, values: Mapping[str, Any]) -> None:
        self.antenna = str(values.get("antenna") or "")

    def _redraw(self, *_events: Any) -> None:
        self.chooser.values = {"antenna": self.antenna}
        self.run(self._read_detail, self._show_detail, slot=self.plots_slot)


def _figures(detail: CaltableDetail, theme: str, antenna: str) -> list[Any]:
    return plot_caltable(detail, theme=theme, antenna=antenna or None, height=_PLOT_HEIGHT)


def _unregistered(path: str) -> Caltable:
    nothing: dict[str, Any] = dict.fromkeys(
        (
            "set_name", "table_type", "order_index", "cal_field", "refant", "created_at", "valid_start_mjd",
            "valid_end_mjd", "status", "notes", "source_ms_path", "solver_command", "solver_version", "solver_params",
            "quality_metrics",
        )
    )  # fmt: skip
    return Caltable(id=0, path=path, **nothing)
