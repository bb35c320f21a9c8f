"""One Measurement Set: its antennas and flags, what it contains, and what was made from it with which tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import panel as pn
import param

from dashboards.components.cells import cell
from dashboards.components.facts import Facts, fact
from dashboards.components.heading import Heading
from dashboards.components.notice import Notice
from dashboards.components.plot_pane import plot_pane
from dashboards.components.record_table import RecordTable
from dashboards.pages.figure_updates import update_figures
from dashboards.pages.grades import grade_cell
from dashboards.pages.layouts import FACTS_WIDTH, side_by_side
from dashboards.pages.ms_facts import (
    ANTENNA_COLUMNS,
    WINDOW_COLUMNS,
    antenna_rows,
    file_group,
    link_groups,
    percent_cell,
    record_group,
    task_groups,
    window_rows,
)
from dashboards.pages.table_paths import Opened, open_path
from dashboards.pages.wording import full_epoch_cell, state_cell
from dashboards.plots import (
    plot_antenna_layout,
    plot_flag_bars,
    plot_flag_fraction_by_channel,
    plot_flag_fraction_by_time,
)
from dashboards.session import PageView, Session
from data_access import Archive
from data_access.analysis.qa import grade_ms_flag_fraction
from data_access.analysis.times import epoch_of_ms
from data_access.records import MeasurementSet, MeasurementSetDetail, Task
from data_access.services.provenance import Provenance

_STRIP_HEIGHTS = (200, 190, 170)


class MSDetailPage(PageView):
    """One row of ``ms_index`` and the Measurement Set on disk."""

    antenna_sort = param.Selector[str](
        default="flagged", objects=["flagged", "name", "east", "north", "up"], doc="order of the table of antennas"
    )
    antenna_order = param.Selector[str](default="desc", objects=["desc", "asc"], doc="direction of that order")

    url_params = ("antenna_sort", "antenna_order")
    live_roles = frozenset({"products", "cal_registry", "pipeline"})

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(session, **params)
        opened: Opened[MeasurementSet] = session.prepared
        self.ms, self.registered = opened.record, not opened.note
        self._opened = opened
        self.detail: MeasurementSetDetail | None = None
        self.figures: list[Any] = []
        self.param.watch(self._sort_antennas, ["antenna_sort", "antenna_order"])

    @classmethod
    async def prepare(
        cls,
        archive: Archive,
        path_params: Mapping[str, str],  # noqa: ARG003
        query: Mapping[str, str],
    ) -> Opened[MeasurementSet]:
        """Return the row of the path in the URL (400 without a path, 404 when there is neither row nor file)."""
        return await open_path(
            archive, query, noun="Measurement Set", get=archive.measurement_sets.get, unregistered=_unregistered
        )

    @property
    def title(self) -> str:
        """Title of the document."""
        return self.ms.name

    def __panel__(self) -> Any:
        self.heading = Heading(text=self.ms.name, tooltip=self.ms.path, items=self._heading_items())
        self.note = Notice(kind="info", text=self._opened.note, remedy=self._opened.remedy)
        self.problems = Notice(kind="warn", text="; ".join(self.ms.problems))
        self.plots_slot = self.new_slot("antennas and flags", height=sum(_STRIP_HEIGHTS) + 10)
        self.record = Facts(groups=[record_group(self.ms)], min_width=FACTS_WIDTH)
        self.contents_slot = self.new_slot("contents", height=0)
        self.links_slot = self.new_slot("links", height=140)
        self.tasks_slot = self.new_slot("tasks", height=0)
        links = pn.Column(self.links_slot, self.tasks_slot, sizing_mode="stretch_width", margin=0)
        self.tables_slot = self.new_slot("spectral windows and antennas", height=0)
        return pn.Column(
            self.heading,
            self.note,
            self.problems,
            self.plots_slot,
            side_by_side(links, self.record, self.contents_slot),
            self.tables_slot,
            sizing_mode="stretch_width",
            margin=0,
        )

    async def load(self) -> None:
        """Fill the slots: what the databases say first, as the file may take seconds."""
        await self.fill(self.links_slot, self._read_links, self._show_links)
        await self.fill(self.tasks_slot, self._read_tasks, self._show_tasks)
        await self.fill(self.plots_slot, self._read_detail, self._show_detail)

    async def refresh(self) -> None:
        """Read the row and its links again; the file only when it changed on disk."""
        if self.registered:
            await self.fill(self.page_failure, self._read_record, self._show_record)
        await self.load()

    async def _read_record(self) -> MeasurementSet:
        ms: MeasurementSet = await self.session.archive.measurement_sets.get(self.ms.path)
        return ms

    def _show_record(self, ms: MeasurementSet) -> None:
        self.ms = ms
        self.record.groups = [record_group(ms)]
        self.problems.text = "; ".join(ms.problems)
        self.heading.items = self._heading_items()

    async def _read_links(self) -> Provenance:
        made: Provenance = await self.session.archive.provenance.of_measurement_set(self.ms)
        return made

    def _show_links(self, made: Provenance) -> Facts:
        self.is_partial = made.is_waiting
        groups = link_groups(self.ms, made, self.session.links)
        if isinstance(self.links_slot.content, Facts):
            self.links_slot.content.groups = groups
            return self.links_slot.content
        return Facts(groups=groups, min_width=FACTS_WIDTH)

    async def _read_tasks(self) -> tuple[Task, ...]:
        tasks: tuple[Task, ...] = await self.session.archive.jobs.find_tasks_of(self.ms.path)
        return tasks

    def _show_tasks(self, tasks: tuple[Task, ...]) -> Facts | None:
        groups = task_groups(tasks, self.session.links)
        if isinstance(self.tasks_slot.content, Facts):
            self.tasks_slot.content.groups = groups
            return self.tasks_slot.content
        return Facts(groups=groups, min_width=FACTS_WIDTH) if groups else None

    async def _read_detail(self) -> tuple[MeasurementSetDetail, list[Any]]:
        detail: MeasurementSetDetail = await self.session.archive.files.measurement_set(self.ms.path)
        if detail is self.detail:
            return detail, []
        return detail, await self.session.archive.offload.in_thread(_figures, detail, self.session.theme)

    def _show_detail(self, answer: tuple[MeasurementSetDetail, list[Any]]) -> Any:
        detail, figures = answer
        if detail is self.detail:
            return None
        self.detail = detail
        self.heading.items = self._heading_items()
        self._show_contents(detail)
        if update_figures(self.figures, figures):
            return None
        self.figures = figures
        layout, *strips = figures
        right = pn.Column(*map(plot_pane, strips), sizing_mode="stretch_width", margin=0)
        return side_by_side(plot_pane(layout), right)

    def _show_contents(self, detail: MeasurementSetDetail) -> None:
        if self.contents_slot.content is None:
            self.contents = Facts(min_width=FACTS_WIDTH)
            self.windows = RecordTable(
                caption="Spectral windows", columns=list(WINDOW_COLUMNS), empty="No spectral windows.", max_height=260
            )
            self.antennas = RecordTable(
                caption="Antennas", columns=list(ANTENNA_COLUMNS), empty="No antennas.", max_height=420,
                on_sort=self._ask_antennas,
            )  # fmt: skip
            self.contents_slot.succeed(self.contents)
            self.tables_slot.succeed(side_by_side(self.antennas, self.windows))
        self.contents.groups = [file_group(detail)]
        self.windows.rows = window_rows(detail.spectral_windows)
        self._sort_antennas()

    def _ask_antennas(self, name: str, descending: bool) -> None:
        self.param.update(antenna_sort=name, antenna_order="desc" if descending else "asc")

    def _sort_antennas(self, *_events: Any) -> None:
        if self.detail is None:
            return
        descending = self.antenna_order == "desc"
        self.antennas.param.update(
            rows=antenna_rows(self.detail.antennas, sort=self.antenna_sort, descending=descending),
            sort=self.antenna_sort,
            descending=descending,
            total=f"{len(self.detail.antennas.names)} antennas; those without data come last",
        )

    def _heading_items(self) -> list[dict[str, Any]]:
        ms, detail = self.ms, self.detail
        grade = None if detail is None else grade_ms_flag_fraction(detail.flag_fraction)
        flagged = cell(None, title="not read") if detail is None else percent_cell(detail.flag_fraction)
        return [
            fact("observed", full_epoch_cell(ms.epoch)),
            fact("stage", state_cell(ms.stage)),
            fact("status", state_cell(ms.status)),
            fact("calibrated", cell(ms.cal_applied)),
            fact("flagged", flagged),
            fact("grade", grade_cell(grade)),
        ]


def _figures(detail: MeasurementSetDetail, theme: str) -> list[Any]:
    bars, time, channel = _STRIP_HEIGHTS
    strips = [
        plot_flag_bars(detail.antennas, theme=theme, height=bars),
        plot_flag_fraction_by_time(detail, theme=theme, height=time),
        plot_flag_fraction_by_channel(detail, theme=theme, height=channel),
    ]
    beside_all = sum(strip.height for strip in strips)
    return [plot_antenna_layout(detail.antennas, theme=theme, height=beside_all), *strips]


def _unregistered(path: str) -> MeasurementSet:
    nothing: dict[str, Any] = dict.fromkeys(
        (
            "start_mjd", "end_mjd", "mid_mjd", "processed_at", "status", "stage", "stage_updated_at", "cal_applied",
            "imagename", "field_name", "pointing_ra_deg", "pointing_dec_deg",
        )
    )  # fmt: skip
    return MeasurementSet(path=path, epoch=epoch_of_ms(path, None, None), **nothing)
