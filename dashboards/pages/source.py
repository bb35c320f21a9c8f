"""One source: its light curve, how variable it is, what the pipeline says about it, every measurement."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import panel as pn
import param

from dashboards.components.facts import Facts, group
from dashboards.components.heading import Heading
from dashboards.components.notice import Notice
from dashboards.components.record_table import RecordTable, Turn
from dashboards.components.switches import Switches, option, switch
from dashboards.pages.source_facts import (
    MEASUREMENT_COLUMNS,
    heading_items,
    measurement_facts,
    measurement_row,
    newest_first,
    position_group,
    state_group,
)
from dashboards.pages.source_metrics import METRIC_COLUMNS, Analysis, analyse, metric_note, metric_rows
from dashboards.pages.source_words import candidate_columns, candidate_row
from dashboards.plots.bokeh_models import Figure, models
from dashboards.plots.light_curve import flux_label, plot_light_curve, update_light_curve
from dashboards.session import PageView, Session
from data_access.records import Image, SourceDetail

PAGE_ROWS = 100
CURVE_HEIGHT = 380
_RECENT = 10


class SourcePage(PageView):
    """A source with its light curve; new epochs appear in it while the page is open."""

    flux: Any = param.Selector(default="peak", objects=["peak", "integrated"], doc="which flux density is shown")
    unit: Any = param.Selector(default="mJy", objects=["mJy", "Jy"], doc="unit of the flux densities")
    page = param.Integer(default=1, bounds=(1, None), doc="page of the table of measurements, newest first")
    point = param.Integer(default=0, bounds=(0, None), doc="the chosen measurement: its row number in photometry")

    url_params = ("flux", "unit", "page", "point")
    push_params = ("flux", "unit", "page")
    live_roles = frozenset({"products", "pipeline"})

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(session, **params)
        self.figure: Figure | None = None
        self.heading = Heading()
        self.switches = Switches(on_choose=self._choose)
        self.metrics = RecordTable(columns=list(METRIC_COLUMNS), caption="Variability")
        self.facts = Facts(min_width=320)
        self.candidates = RecordTable(
            columns=list(candidate_columns(with_source=False)),
            caption="ESE candidate of the pipeline",
            max_height=200,
        )
        self.measurements = RecordTable(
            columns=list(MEASUREMENT_COLUMNS), caption="Measurements", empty="No photometry.", on_turn=self._turn
        )
        self.chosen = Facts(min_width=380)
        self.param.watch(self._redraw, ["flux", "unit"])
        self.param.watch(self._show_page, ["page"])
        self.param.watch(self._point_changed, ["point"])

    @classmethod
    async def prepare(
        cls,
        archive: Any,
        path_params: Mapping[str, str],
        query: Mapping[str, str],  # noqa: ARG003
    ) -> SourceDetail:
        """Return what is recorded about the source; raise `RecordNotFound` when no table knows it."""
        detail: SourceDetail = await archive.sources.get(path_params["source_id"])
        return detail

    @property
    def title(self) -> str:
        """Title of the document."""
        return str(self.session.path_params.get("source_id", "Source"))

    @property
    def detail(self) -> SourceDetail:
        """What is known of the source, as read last."""
        known: SourceDetail = self.session.prepared
        return known

    def __panel__(self) -> Any:
        self.curve_slot = self.new_slot("light curve", height=CURVE_HEIGHT)
        self.chosen_slot = self.new_slot("measurement", height=0)
        self.metrics_slot = self.new_slot("variability metrics", height=420)
        self.facts_slot = self.new_slot("facts", height=160)
        self.candidates_slot = self.new_slot("candidates", height=0)
        self.table_slot = self.new_slot("measurements", height=300)
        self._show_heading()
        self._show_switches()
        beside = pn.Column(self.facts_slot, self.candidates_slot, sizing_mode="stretch_width", margin=(0, 0, 0, 10))
        return pn.Column(
            self.heading,
            self.switches,
            self.curve_slot,
            self.chosen_slot,
            pn.Row(self.metrics_slot, beside, sizing_mode="stretch_width", margin=0),
            self.table_slot,
            sizing_mode="stretch_width",
            margin=0,
        )

    async def load(self) -> None:
        """Draw the light curve first, then everything derived from it."""
        await self.fill(self.curve_slot, self._known, self._show_curve)
        await self._fill_rest()
        if self.point:
            await self.fill(self.chosen_slot, self._find_point, self._show_point)

    async def refresh(self) -> None:
        """Read the source again; what is derived is made anew only when something is different."""
        before = self.detail
        await self.fill(self.curve_slot, self._read, self._show_curve)
        if _version(self.detail) != _version(before):
            await self._fill_rest()

    async def _fill_rest(self) -> None:
        await self.fill(self.metrics_slot, self._analyse, self._show_metrics)
        await self.fill(self.facts_slot, self._find_newest_image, self._show_facts)
        await self.fill(self.candidates_slot, self._known, self._show_candidates)
        await self.fill(self.table_slot, self._find_images, self._show_measurements)

    async def _known(self) -> SourceDetail:
        return self.detail

    async def _read(self) -> SourceDetail:
        detail: SourceDetail = await self.session.archive.sources.get(self.detail.source.source_id)
        return detail

    def _show_curve(self, detail: SourceDetail) -> Figure | None:
        """Patch the figure with the new epochs; a new one is made only when there was none or it was empty."""
        self.session.prepared = detail
        self._show_heading()
        look: dict[str, Any] = {"theme": self.session.theme, "flux": self.flux, "unit": self.unit}
        if self.figure is not None and update_light_curve(self.figure, detail.light_curve, **look):
            return None
        return self._new_figure(look)

    def _new_figure(self, look: Mapping[str, Any]) -> Figure:
        self.figure = plot_light_curve(self.detail.light_curve, height=CURVE_HEIGHT, **look)
        points = self.figure.select_one({"name": "points"})
        if points is not None:
            self.figure.add_tools(models.TapTool(renderers=[points]))
            chosen = points.data_source.selected
            chosen.indices = list(np.flatnonzero(self._ids() == self.point)) if self.point else []
            chosen.on_change("indices", self._picked)
        return self.figure

    def _ids(self) -> Any:
        figure: Any = self.figure
        source = figure.select_one({"name": "light_curve", "type": models.ColumnDataSource})
        return np.asarray(source.data["photometry_id"])

    def _picked(self, _attr: str, _old: list[int], new: list[int]) -> None:
        ids = self._ids()
        self.point = max(0, int(ids[new[0]])) if new and new[0] < ids.size else 0

    def _point_changed(self, *_events: Any) -> None:
        self.run(self._find_point, self._show_point, slot=self.chosen_slot)

    async def _find_point(self) -> tuple[int, Image | None] | None:
        """Return the position of the chosen measurement in the light curve, and the image it was made on."""
        curve, archive = self.detail.light_curve, self.session.archive
        at = np.flatnonzero(curve.photometry_id == self.point)
        if not at.size:
            return None
        path = curve.image_path[int(at[0])]
        if path is None:
            return int(at[0]), None
        image = (await archive.images.find_behind((path,))).get(path) or await archive.provenance.images_of_path(path)
        return int(at[0]), image

    def _show_point(self, answer: tuple[int, Image | None] | None) -> Any:
        if answer is not None:
            index, image = answer
            facts = measurement_facts(self.detail.light_curve, index, image, self.session.links, self.flux, self.unit)
            self.chosen.groups = [group("", [item]) for item in facts]
            return self.chosen
        text = f"Measurement {self.point} is not among those of this source" if self.point else ""
        return Notice(kind="warn", text=text)

    async def _analyse(self) -> Analysis:
        analysis: Analysis = await self.session.archive.offload.in_thread(analyse, self.detail, self.flux)
        return analysis

    def _show_metrics(self, analysis: Analysis) -> RecordTable:
        self.metrics.param.update(
            rows=metric_rows(self.detail, analysis, self.unit),
            note=metric_note(analysis),
            total=flux_label(self.flux, self.unit),
        )
        return self.metrics

    async def _find_newest_image(self) -> Image | None:
        """Return the newest image with this source, of the last few, whose file is still on disk."""
        curve, archive = self.detail.light_curve, self.session.archive
        paths = [path for i in newest_first(curve, 1, _RECENT) if (path := curve.image_path[i])]
        found = await archive.images.find_behind(paths)
        images = [found[path] for path in paths if path in found]
        states = await archive.files.states([image.path for image in images])
        return next((image for image in images if states[image.path].exists), None)

    def _show_facts(self, newest: Image | None) -> Facts:
        self.facts.groups = [position_group(self.detail, newest, self.session.links), state_group(self.detail)]
        return self.facts

    def _show_candidates(self, detail: SourceDetail) -> RecordTable | None:
        if not detail.ese_candidates:
            return None
        rows = [candidate_row(c, self.session.links, with_source=False) for c in detail.ese_candidates]
        self.candidates.rows = rows
        return self.candidates

    async def _find_images(self) -> dict[str, Image]:
        curve = self.detail.light_curve
        paths = [path for i in newest_first(curve, self.page, PAGE_ROWS) if (path := curve.image_path[i])]
        found: dict[str, Image] = await self.session.archive.images.find_behind(paths)
        return found

    def _show_measurements(self, images: dict[str, Image]) -> RecordTable:
        curve, links = self.detail.light_curve, self.session.links
        shown = newest_first(curve, self.page, PAGE_ROWS)
        first = (self.page - 1) * PAGE_ROWS
        self.measurements.param.update(
            columns=[{**c, "unit": self._unit_of(c["name"], c.get("unit", ""))} for c in MEASUREMENT_COLUMNS],
            rows=[measurement_row(curve, i, images, links, self.flux, self.unit) for i in shown],
            total=f"{first + 1:,}-{first + len(shown):,} of {curve.n_epoch:,}, newest first" if shown else "",
            has_previous=self.page > 1,
            has_next=first + len(shown) < curve.n_epoch and bool(shown),
            truncated=curve.truncated,
            note="; ".join(curve.problems),
            loading_rows=False,
        )
        return self.measurements

    def _unit_of(self, column: str, otherwise: str) -> str:
        if column == "flux":
            return f"{self.unit}/beam" if self.flux == "peak" else self.unit
        return f"{self.unit}/beam" if column == "rms" else otherwise

    def _show_heading(self) -> None:
        self.heading.param.update(
            text=self.detail.source.source_id, items=heading_items(self.detail), tooltip=self.detail.source.name or ""
        )

    def _show_switches(self) -> None:
        self.switches.switches = [
            switch("flux", "Flux density", self.flux, [option("peak", "peak"), option("integrated", "integrated")]),
            switch("unit", "Unit", self.unit, [option("mJy", "mJy"), option("Jy", "Jy")]),
        ]

    def _choose(self, name: str, value: str) -> None:
        self.param.update(**{name: value})

    def _turn(self, where: Turn) -> None:
        self.page = {"first": 1, "next": self.page + 1, "previous": max(1, self.page - 1)}[where]

    def _redraw(self, *_events: Any) -> None:
        self._show_switches()
        self.figure = None  # the unit stands in the hover box, which is part of the figure
        self.run(self._known, self._show_curve, slot=self.curve_slot)
        self.run(self._analyse, self._show_metrics, slot=self.metrics_slot)
        self.run(self._find_images, self._show_measurements, slot=self.table_slot)
        if self.point:
            self._point_changed()

    def _show_page(self, *_events: Any) -> None:
        self.measurements.loading_rows = True
        self.run(self._find_images, self._show_measurements, slot=self.table_slot)


def _version(detail: SourceDetail) -> tuple[Any, ...]:
    curve = detail.light_curve
    newest = int(curve.photometry_id.max()) if curve.n_epoch else 0
    return curve.n_epoch, newest, detail.source, detail.ese_candidates, detail.transients
