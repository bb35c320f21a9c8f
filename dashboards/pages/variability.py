"""Every source in the plane of eta and V: what stands out, by the published recipe and by cuts of one's own."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import panel as pn
import param

from dashboards.boundary import Failure
from dashboards.components.facts import Facts
from dashboards.components.filters import FilterBar
from dashboards.components.notice import Notice
from dashboards.components.record_table import RecordTable
from dashboards.components.slot import Slot
from dashboards.components.switches import Switches, option, switch
from dashboards.pages.list_page import FieldError
from dashboards.pages.variability_pairs import PairsPart
from dashboards.pages.variability_parts import DiagnosticPart, ProbePart, SelectedCurvesPart
from dashboards.pages.variability_selection import SelectionPart
from dashboards.pages.variability_words import (
    FIELDS,
    MOST_LISTED,
    filling_words,
    plane_facts,
    positive,
    recent_words,
    source_rows,
    state_words,
    table_columns,
)
from dashboards.plots.eta_v import EtaVPlot, plot_eta_v, update_eta_v
from dashboards.plots.eta_v_data import AXES, Cuts, EtaVData, drawable, eta_v_data
from dashboards.plots.style import how_many
from dashboards.session import PageView, Session
from data_access.analysis.eta_v import DEFAULT_SIGMA, LogGaussian, beyond_both, fit_log_gaussian
from data_access.analysis.plane_area import parse_area
from data_access.records.marks import Marks
from data_access.records.variability import VariabilityTable

_PLOT_HEIGHT = 430
_SIDE_WIDTH = 530
_PAUSE_S = 0.25
_NUMBER_FIELDS = ("epochs", "k", "eta_cut", "v_cut")


@dataclass(frozen=True, slots=True)
class Plane:
    """What the page shows: the table, the cuts, and the positions of the sources above both (highest eta
    first), and what the figure draws.
    """

    table: VariabilityTable
    cuts: Cuts
    min_epochs: int
    beyond: npt.NDArray[np.int64]
    data: EtaVData


class VariabilityPage(PageView):
    """The eta-V plane of all sources."""

    flux = param.Selector[str](default="peak", objects=["peak", "integrated"], doc="which flux density")
    epochs = param.String(default="", doc="least number of usable measurements; empty for 2")
    k = param.String(default="", doc="how many widths above the fit the published cuts stand; empty for 3")
    eta_cut = param.String(default="", doc="cut in η; empty for the published one")
    v_cut = param.String(default="", doc="cut in V; empty for the published one")
    picked = param.String(default="", doc="names of the sources selected one by one")
    area = param.String(default="", doc="the part of the plane that is selected, corners in log10 of its axes")
    axes = param.Selector[str](
        default="", objects=list(AXES), doc="diagnostic panel that the area lies in; empty for the plane of η and V"
    )
    panels: Any = param.Selector(default="off", objects=["off", "on"], doc="whether the diagnostic panels are shown")
    url_params = ("flux", "epochs", "k", "eta_cut", "v_cut", "picked", "area", "axes", "panels")
    push_params = ("flux", "epochs", "k")
    main_table = "photometry"
    live_roles = frozenset({"products", "pipeline", "notes"})

    @classmethod
    def check_query(cls, query: Mapping[str, str]) -> None:
        """Raise `FieldError` for a cut or a number of measurements that means nothing."""
        for name in _NUMBER_FIELDS:
            positive(name, query.get(name, ""))
        if query.get("area"):
            parse_area(query["area"])

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(session, **params)
        self.filters = FilterBar(fields=list(FIELDS), on_submit=self._submit, label="Cuts and selection")
        self.switches = Switches(on_choose=lambda name, value: setattr(self, name, value), margin=(0, 0, 10, 18))
        self.status = Notice(kind="loading")
        self.candidates = RecordTable(
            columns=table_columns(self.flux), caption="Above both cuts", max_height=250, empty="Not known yet."
        )
        self.facts = Facts(min_width=330)
        self.plot: EtaVPlot | None = None
        self.plane: Plane | None = None
        self.marks: Marks = {}
        self._drag: asyncio.Task[None] | None = None
        self.param.watch(self._changed, ["flux", "epochs", "k", "eta_cut", "v_cut"])
        self.selection, self.pairs = SelectionPart(self), PairsPart(self)
        self.diagnostic, self.curves, self.probe = DiagnosticPart(self), SelectedCurvesPart(self), ProbePart(self)
        self.param.watch(self._panels_changed, ["panels"])

    @property
    def title(self) -> str:
        """Title of the document."""
        return "Variability"

    def __panel__(self) -> Any:
        self.plot_slot = self.new_slot("η-V plane", height=_PLOT_HEIGHT + 110)
        self.facts_slot = self.new_slot("cuts", height=120)
        self._show_inputs({})
        side = pn.Column(
            self.candidates, self.selection.view, width=_SIDE_WIDTH, sizing_mode="fixed", margin=(0, 0, 0, 10)
        )
        side.sizing_mode = None
        return pn.Column(
            self.filters,
            self.switches,
            self.status,
            pn.Row(self.plot_slot, side, sizing_mode="stretch_width", margin=0),
            self.curves.view,
            self.diagnostic.view,
            self.facts_slot,
            sizing_mode="stretch_width",
            margin=0,
        )

    @property
    def selected(self) -> RecordTable:
        """The table of the selected sources."""
        return self.selection.table

    async def load(self) -> None:
        """Show the plane that was made last, if any, said as such; bring the sums up to date, then patch it."""
        if (recent := self._recent()) is not None:
            await self.fill(self.plot_slot, recent, self.show_plane)
            await self.patch(self._show_recent)
            await self.selection.load()
        telling = self.session.spawn(self._tell_progress())
        try:
            await self.fill(self.plot_slot, self.find, self.show_plane)
        finally:
            telling.cancel()
        await self.patch(self._show_state)
        for part in (self.selection, self.curves, self.diagnostic):
            await part.load()

    async def refresh(self) -> None:
        """Count the new measurements and patch the plane."""
        await self.fill(self.plot_slot, self.find, self.show_plane)
        await self.patch(self._show_state)
        for part in (self.selection, self.curves, self.diagnostic):
            await part.refresh()

    async def show_failure(self, slot: Slot, failure: Failure) -> None:
        """Say in `slot` what failed; the cuts do not come either."""
        if slot is self.plot_slot:
            await self.patch(self.facts_slot.clear)
        await super().show_failure(slot, failure)

    def _recent(self) -> Callable[[], Awaitable[Plane]] | None:
        """Return how to get the plane that somebody else was shown, when these inputs were asked for before.

        Preparing a million sources takes a second or two after every write: nobody who opens the page waits for it.
        """
        try:
            values = self._values()
        except FieldError:
            return None  # said by the card of the plane
        plane: Plane | None = self.session.archive.variability.recent_derived(self.flux, _key(values))
        if plane is None:
            return None

        async def recent() -> Plane:
            self.marks = await self.session.archive.marks.find_or_none()
            return plane

        return recent

    def _show_recent(self) -> None:
        words = "" if self.plane is None else recent_words(self.plane.table)
        self.status.param.update(kind="loading", text=words, remedy="", small="")

    async def _tell_progress(self) -> None:
        while True:
            if self.session.archive.variability.state.computing:
                await self.patch(self._show_progress)
            await asyncio.sleep(2 * _PAUSE_S)

    def _show_progress(self) -> None:
        words = filling_words(self.session.archive.variability.state)
        self.status.param.update(kind="loading", text=words, remedy="", small="")

    def _show_state(self) -> None:
        kind, text = state_words(self.session.archive.variability.state)
        self.status.param.update(kind=kind, text=text, remedy="", small="")

    async def find(self) -> Plane:
        """Return the plane for the present inputs."""
        archive = self.session.archive
        values = self._values()
        self.marks = await archive.marks.find_or_none()
        derived, least = archive.variability.derived, int(values["epochs"] or 2)
        # A dragged line asks for another plane with the same fits, which take most of the time.
        fits = await derived(self.flux, ("fits", least), partial(fit_both, min_epochs=least))
        plane: Plane = await derived(self.flux, _key(values), partial(prepare_plane, values=values, fits=fits))
        return plane

    def show_plane(self, plane: Plane) -> Any:
        """Patch the figure, or make it; list what lies above both cuts."""
        self.plane = plane
        self._show_candidates(plane)
        self._show_inputs({})
        self.facts.groups = plane_facts(plane.table, plane.cuts, plane.min_epochs, plane.data)
        self.facts_slot.succeed(self.facts)
        if self.plot is None or not update_eta_v(self.plot, plane.table, plane.cuts, data=plane.data):
            made = plot_eta_v(plane.table, plane.cuts, data=plane.data, theme=self.session.theme, height=_PLOT_HEIGHT)
            self.plot = made if isinstance(made, EtaVPlot) else None
            if self.plot is None:
                return made
            self._listen(self.plot)
        return self.plot.layout

    def _listen(self, plot: EtaVPlot) -> None:
        for line in (plot.eta_line, plot.v_line):
            line.on_change("location", self._dragged)
        self.selection.listen(plot)
        plot.probe.on_change("tags", self.probe.asked)

    def _show_candidates(self, plane: Plane) -> None:
        n = plane.beyond.size
        self.candidates.param.update(
            columns=table_columns(plane.table.flux),
            rows=source_rows(
                plane.table, plane.beyond[:MOST_LISTED], self.session.links, self.marks, self.pairs.known(plane.table)
            ),
            empty="No source lies above both cuts.",
            total=how_many(n, "source"),
            truncated=n > MOST_LISTED,
            note=f"The {MOST_LISTED} with the highest η are listed." if n > MOST_LISTED else "",
        )
        self.pairs.changed()

    def _dragged(self, _attr: str, _old: float, _new: float) -> None:
        """The browser counts by itself while a line moves; the list and the URL follow when it rests."""
        if self._drag is not None:
            self._drag.cancel()
        self._drag = self.session.spawn(self._drag_ended())

    async def _drag_ended(self) -> None:
        await asyncio.sleep(_PAUSE_S)
        await self.patch(self._take_lines)

    def _take_lines(self) -> None:
        if self.plot is None or self.plane is None:
            return
        moved = {}
        for name, line, at in (
            ("eta_cut", self.plot.eta_line, self.plane.cuts.eta),
            ("v_cut", self.plot.v_line, self.plane.cuts.v),
        ):
            if not (at > 0 and math.isclose(math.log10(at), line.location, abs_tol=0.003)):
                moved[name] = f"{10.0**line.location:.4g}"
        if moved:
            self.param.update(**moved)

    def _values(self) -> dict[str, float | None]:
        return {name: positive(name, getattr(self, name)) for name in _NUMBER_FIELDS}

    def _submit(self, values: Mapping[str, Any]) -> None:
        wanted = {field["name"]: str(values.get(field["name"], "") or "") for field in FIELDS}
        try:
            for name, text in wanted.items():
                positive(name, text)
        except FieldError as err:
            self.filters.errors = {err.field: err.message}
            return
        self.param.update(**wanted)

    def _show_inputs(self, errors: Mapping[str, str]) -> None:
        values = {field["name"]: getattr(self, field["name"]) for field in FIELDS}
        self.filters.param.update(values=values, errors=dict(errors))
        options = [option("peak", "peak"), option("integrated", "integrated")]
        shown = [option("off", "hidden"), option("on", "shown")]
        self.switches.switches = [
            switch("flux", "Flux density", self.flux, options),
            switch("panels", "Diagnostic panels", self.panels, shown),
        ]

    def _changed(self, *_events: Any) -> None:
        async def follow() -> None:
            await self.fill(self.plot_slot, self.find, self.show_plane)
            for part in (self.selection, self.curves, self.diagnostic):
                await part.refresh()

        self.session.spawn(follow())

    def _panels_changed(self, *_events: Any) -> None:
        self._show_inputs({})
        self.session.spawn(self.diagnostic.load())


def _key(values: Mapping[str, float | None]) -> Hashable:
    return ("plane", *values.items())


def fit_both(table: VariabilityTable, min_epochs: int) -> tuple[LogGaussian, LogGaussian]:
    """Return the fits of eta and of V; for a million sources half a second, so call it in a thread."""
    rows = drawable(table, min_epochs)
    return fit_log_gaussian(table.eta[rows]), fit_log_gaussian(table.v[rows])


def prepare_plane(
    table: VariabilityTable, values: Mapping[str, float | None], fits: tuple[LogGaussian, LogGaussian]
) -> Plane:
    """Set the cuts and find what lies above both; for a million sources half a second, so call it in a thread."""
    min_epochs = int(values["epochs"] or 2)
    rows = drawable(table, min_epochs)
    eta_fit, v_fit = fits
    k = values["k"] or DEFAULT_SIGMA
    cuts = Cuts(eta_fit, v_fit, k, values["eta_cut"] or eta_fit.cut(k), values["v_cut"] or v_fit.cut(k))
    beyond = rows[beyond_both(table.eta[rows], table.v[rows], cuts.eta, cuts.v)]
    beyond = beyond[np.argsort(-table.eta[beyond], kind="stable")]
    return Plane(table, cuts, min_epochs, beyond, eta_v_data(table, cuts, min_epochs=min_epochs))
