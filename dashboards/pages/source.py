"""One source: its light curve, how variable it is, what the pipeline says about it, every measurement."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar
from urllib.parse import unquote

import panel as pn
import param

from dashboards.boundary import Boundary
from dashboards.components.facts import Facts
from dashboards.components.heading import Heading
from dashboards.components.notice import Notice
from dashboards.components.record_table import RecordTable, Turn
from dashboards.components.section_links import ROOM, SectionLinks, mark_section
from dashboards.components.switches import Switches
from dashboards.links import name_in_path
from dashboards.pages.context_part import CONTEXT_URL_PARAMS, ContextParams, ContextPart
from dashboards.pages.epoch_part import EPOCH_URL_PARAMS, EpochParams, EpochPart
from dashboards.pages.epoch_selection import SELECTION_PARAMS, EpochSelection, SelectionParams, selection_of
from dashboards.pages.ese_part import ESE_URL_PARAMS, EsePanelParams, EsePart
from dashboards.pages.source_curve import CurveView
from dashboards.pages.source_facts import (
    MEASUREMENT_COLUMNS,
    heading_items,
    measurement_columns,
    measurement_rows,
    newest_first,
    position_group,
    state_group,
)
from dashboards.pages.source_files import curve_files
from dashboards.pages.source_marks import MarkPart
from dashboards.pages.source_metrics import Analysis, analyse, metric_columns, metric_note, metric_rows
from dashboards.pages.source_on_demand import ON_DEMAND_PARAMS, DefinitionsPart, MissingPart, OnDemandParams
from dashboards.pages.source_part import SECTIONS, Place, SourcePart
from dashboards.pages.source_point import PointPart
from dashboards.pages.source_reference import nvss_reference
from dashboards.pages.source_scale import ScalePart
from dashboards.pages.source_selection import SelectionPart
from dashboards.pages.source_steps import StepPart
from dashboards.pages.source_words import candidate_columns, candidate_row, source_switches
from dashboards.plots.bokeh_models import Figure
from dashboards.plots.light_curve import flux_label
from dashboards.plots.light_curve_data import Marks
from dashboards.session import PageView, Session
from data_access.errors import ArchiveError
from data_access.records import Image, SourceDetail

PAGE_ROWS = 100
CURVE_HEIGHT = 400
# pixels; a hundred rows would put what comes after them out of reach
TABLE_HEIGHT = 420
_RECENT = 10
_UNTIL_PAINTED_S = 0.1  # the browser paints the curve undisturbed, and the rest never waits for who steps on
_OF_ONE_SOURCE = frozenset({"page", "point", "mjd_from", "mjd_to", "without", "strip_page", "frame", "missing_page"})


class SourcePage(SelectionParams, OnDemandParams, EpochParams, EsePanelParams, ContextParams, PageView):
    """A source with its light curve; new epochs appear in it while the page is open."""

    flux: Any = param.Selector(default="peak", objects=["peak", "integrated"], doc="which flux density is shown")
    unit: Any = param.Selector(default="mJy", objects=["mJy", "Jy"], doc="unit of the flux densities")
    page = param.Integer(default=1, bounds=(1, None), doc="page of the table of measurements, newest first")
    point = param.Integer(default=0, bounds=(0, None), doc="the chosen measurement: its row number in photometry")

    url_params = (
        "flux",
        "unit",
        "page",
        "point",
        *SELECTION_PARAMS,
        *EPOCH_URL_PARAMS,
        *ESE_URL_PARAMS,
        *CONTEXT_URL_PARAMS,
        *ON_DEMAND_PARAMS,
    )
    # What is about the epochs of one source begins anew with another source; how sources are looked at stays.
    kept_params = tuple(name for name in url_params if name not in _OF_ONE_SOURCE)
    push_params = ("flux", "unit", "page", *SELECTION_PARAMS, "strip_page", "missing_page")
    live_roles = frozenset({"products", "pipeline", "notes"})
    follows_links = True
    part_types: ClassVar[tuple[type[SourcePart], ...]] = (
        SelectionPart,
        PointPart,
        MissingPart,
        DefinitionsPart,
        ScalePart,
        EpochPart,
        EsePart,
        MarkPart,
        ContextPart,
        StepPart,
    )

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(session, **params)
        self.curve = CurveView(
            height=CURVE_HEIGHT, on_pick=lambda point: setattr(self, "point", point), on_brush=self._brushed
        )
        self.heading = Heading(margin=(ROOM, 0, 10, 0))
        self.switches = Switches(on_choose=lambda name, value: self.param.update(**{name: value}))
        self.metrics = RecordTable(caption="Variability")
        self.facts = Facts(min_width=320)
        self.candidates = RecordTable(
            columns=list(candidate_columns(with_source=False)),
            caption="ESE candidate of the pipeline",
            max_height=200,
        )
        self.measurements = RecordTable(
            columns=list(MEASUREMENT_COLUMNS), caption="Measurements", empty="No photometry.", on_turn=self._turn,
            max_height=TABLE_HEIGHT,
        )  # fmt: skip
        self.no_candidates = Notice()
        self.parts = tuple(make(self) for make in self.part_types)
        self._off_scale: frozenset[int] = frozenset()
        self._rest: asyncio.Task[None] | None = None
        self.param.watch(self._redraw, ["flux", "unit"])
        self.param.watch(self._show_page, ["page"])
        self.param.watch(lambda *_: self._show_switches(), list(ON_DEMAND_PARAMS))
        self.param.watch(self._selection_changed, list(SELECTION_PARAMS))

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
        return self.detail.source.source_id

    @property
    def detail(self) -> SourceDetail:
        """What is known of the source, as read last."""
        known: SourceDetail = self.session.prepared
        return known

    def __panel__(self) -> Any:
        self.curve_slot = self.new_slot("light curve", height=CURVE_HEIGHT)
        self.metrics_slot = self.new_slot("variability metrics", height=420)
        self.facts_slot = self.new_slot("facts", height=160)
        self.candidates_slot = self.new_slot("candidates", height=0)
        self.table_slot = self.new_slot("measurements", height=300)
        self._show_switches()
        self.fill_at_once(self.curve_slot, self.detail, self._show_curve)
        self._below = pn.Column(sizing_mode="stretch_width", margin=0)
        curve = (self.curve.key, self.curve_slot)
        parts = (self.heading, *self._views("top"), self.switches, *curve, self._below)
        return pn.Column(*parts, sizing_mode="stretch_width", margin=0)

    async def load(self) -> None:
        """Show everything derived from the light curve, which is there already, then what other modules add."""
        await self.patch(self._lay_out)
        await self._load_rest()

    async def _load_rest(self, *, after_s: float = 0.0) -> None:
        await asyncio.sleep(after_s)
        await self.patch(self._tell)
        await self._fill_rest()
        for part in self.parts:
            await self._contained(part, part.load)

    async def refresh(self) -> None:
        """Read the source again; what is derived is made anew only when something is different."""
        before = self.detail
        await self.fill(self.curve_slot, self._read, self._show_changed_curve)
        if _version(self.detail) != _version(before):
            await self._fill_rest()
        for part in self.parts:
            await self._contained(part, part.refresh)

    async def _contained(self, part: SourcePart, work: Callable[[], Awaitable[None]]) -> None:
        """Await the work of a part; what it raises is said on top of the page and stops no other part."""
        with Boundary(f"{type(self).__name__}: {type(part).__name__}") as boundary:
            await work()
        if boundary.failure is not None:
            await self.show_failure(self.page_failure, boundary.failure)

    def _views(self, place: Place) -> list[Any]:
        return [part.view for part in self.parts if part.place == place]

    def _lay_out(self) -> None:
        """Lay out what stands below the light curve only now: it would delay the first plot."""
        for part in self.parts:
            if part.section:
                mark_section(part.view, part.section)
        mark_section(self.metrics_slot, "variability")
        mark_section(self.table_slot, "measurements")
        beside = pn.Column(self.facts_slot, self.candidates_slot, sizing_mode="stretch_width", margin=(0, 0, 0, 10))
        self._below[:] = [
            *self._views("curve"),
            pn.Row(self.metrics_slot, beside, sizing_mode="stretch_width", margin=0),
            *self._views("metrics"),
            self.table_slot,
            *self._views("end"),
            SectionLinks(sections=list(SECTIONS)),
        ]

    async def _fill_rest(self) -> None:
        await self.fill(self.metrics_slot, self._analyse, self._show_metrics)
        await self.fill(self.facts_slot, self._find_newest_image, self._show_facts)
        await self.fill(self.candidates_slot, self._known, self._show_candidates)
        await self.fill(self.table_slot, self._find_images, self._show_measurements)

    @property
    def figure(self) -> Figure | None:
        """The light curve; None before it is drawn."""
        return self.curve.figure

    @property
    def selection(self) -> EpochSelection:
        """Which epochs count, as the URL says; words without meaning do nothing and are marked in the form."""
        return selection_of(self)[0]

    def mark_off_scale(self, numbers: frozenset[int]) -> None:
        """Frame measurements in the light curve whose images have a wrong flux scale."""
        if numbers != self._off_scale:
            self._off_scale = numbers
            self._show_curve(self.detail)

    def returned_to(self, path: str) -> None:
        """Show the source that the reader went back to, or whose link was followed, without a new document."""
        source_id = name_in_path(unquote(path.rstrip("/").rpartition("/")[2]))
        if source_id != self.detail.source.source_id or self.curve_slot.failure is not None:
            self._open(source_id)

    def _open(self, source_id: str) -> None:
        async def find() -> SourceDetail:
            try:
                return await self._read(source_id)
            except ArchiveError:
                self._rest = self.session.spawn(self._load_rest())  # of the source that stays
                raise

        def show(detail: SourceDetail) -> Figure | None:
            for part in self.parts:
                part.hold()
            shown = self._show_curve(detail)
            self.session.doc.title = self.title
            self._rest = self.session.spawn(self._load_rest(after_s=_UNTIL_PAINTED_S))
            return shown

        if self._rest is not None:
            self._rest.cancel()
        self.run(find, show, slot=self.curve_slot)

    def leave_out(self, photometry_id: int, *, out: bool) -> None:
        """Leave a measurement out of all metrics, or take it in again."""
        numbers = set(self.selection.left_out) - {photometry_id}
        self.without = " ".join(str(n) for n in sorted(numbers | {photometry_id} if out else numbers))

    def _brushed(self, begin: float | None, end: float | None) -> None:
        ends = ["" if mjd is None else f"{mjd:.5f}" for mjd in (begin, end)]
        self.param.update(mjd_from=ends[0], mjd_to=ends[1])

    def _selection_changed(self, *_events: Any) -> None:
        self.measurements.files = curve_files(self)
        self.run(self._known, self._show_changed_curve, slot=self.curve_slot)
        self.run(self._analyse, self._show_metrics, slot=self.metrics_slot)

    async def _known(self) -> SourceDetail:
        return self.detail

    async def _read(self, source_id: str = "") -> SourceDetail:
        detail: SourceDetail = await self.session.archive.sources.get(source_id or self.detail.source.source_id)
        return detail

    def _show_curve(self, detail: SourceDetail) -> Figure | None:
        """Patch the figure with the new epochs; a new one is made only when there was none or it was empty."""
        is_another = detail.source.source_id != self.detail.source.source_id
        self.session.prepared = detail
        if is_another:
            self._off_scale = frozenset()
        else:
            self._show_heading()
        selection = self.selection
        return self.curve.show(
            detail.light_curve,
            point=self.point,
            brush=(selection.from_mjd, selection.to_mjd),
            words=not is_another,
            theme=self.session.theme,
            flux=self.flux,
            unit=self.unit,
            marks=Marks(
                left_out=selection.left_out,
                off_scale=self._off_scale,
                flagged=selection.flagged,
                fractional_error=selection.fractional_error,
                additive_error_jy=selection.additive_error_jy,
            ),
            reference=nvss_reference(detail),
        )

    def _show_changed_curve(self, detail: SourceDetail) -> Figure | None:
        """Show the light curve, then let the parts know."""
        shown = self._show_curve(detail)
        for part in self.parts:
            with Boundary(f"{type(self).__name__}: {type(part).__name__}"):
                part.curve_changed(detail)
        return shown

    async def _analyse(self) -> Analysis:
        analysis: Analysis = await self.session.archive.offload.in_thread(
            analyse, self.detail, self.flux, self.selection
        )
        return analysis

    def _show_metrics(self, analysis: Analysis) -> RecordTable:
        self.metrics.param.update(
            columns=metric_columns(analysis),
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

    def _show_candidates(self, detail: SourceDetail) -> Any:
        if not detail.ese_candidates:
            return self.no_candidates
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
            columns=measurement_columns(curve, shown, self.flux, self.unit),
            files=curve_files(self),
            rows=measurement_rows(curve, shown, images, links, self.flux, self.unit),
            total=f"{first + 1:,}-{first + len(shown):,} of {curve.n_epoch:,}, newest first" if shown else "",
            has_previous=self.page > 1,
            has_next=first + len(shown) < curve.n_epoch and bool(shown),
            truncated=curve.truncated,
            note="; ".join(curve.problems),
            loading_rows=False,
        )
        return self.measurements

    def _tell(self) -> None:
        """Say in words what the light curve shows already: it would be painted later with them."""
        self.curve.tell()
        self._show_heading()

    def _show_heading(self) -> None:
        self.heading.param.update(
            text=self.detail.source.source_id, items=heading_items(self.detail), tooltip=self.detail.source.name or ""
        )

    def _show_switches(self) -> None:
        self.switches.switches = source_switches(self.flux, self.unit, self.definitions, self.missing)

    def _turn(self, where: Turn) -> None:
        self.page = {"first": 1, "next": self.page + 1, "previous": max(1, self.page - 1)}[where]

    def _redraw(self, *_events: Any) -> None:
        self._show_switches()
        self.run(self._known, self._show_changed_curve, slot=self.curve_slot)
        self.run(self._analyse, self._show_metrics, slot=self.metrics_slot)
        self.run(self._find_images, self._show_measurements, slot=self.table_slot)

    def _show_page(self, *_events: Any) -> None:
        self.measurements.loading_rows = True
        self.run(self._find_images, self._show_measurements, slot=self.table_slot)


def _version(detail: SourceDetail) -> tuple[Any, ...]:
    return detail.light_curve.version, detail.source, detail.ese_candidates, detail.transients
