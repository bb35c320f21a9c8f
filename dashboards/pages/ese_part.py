"""Whether a source shows an extreme scattering event: a panel below its epochs, made when it is opened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import panel as pn
import param

from dashboards.components.facts import Facts
from dashboards.components.filters import Field, FilterBar
from dashboards.components.plot_pane import as_view
from dashboards.components.record_table import RecordTable
from dashboards.components.switches import Switches, option, switch
from dashboards.pages.ese_words import DIP_COLUMNS, dip_rows, dips_note, ese_facts
from dashboards.pages.figure_updates import update_figures
from dashboards.pages.source_part import Place, SourcePart
from dashboards.plots.bokeh_models import Figure
from dashboards.plots.ese import plot_ese
from data_access.analysis.ese_summary import THRESHOLD_SIGMA, WINDOW_DAYS, EseOptions
from data_access.services.ese import EseAnalysis


class EseParams(param.Parameterized):  # type: ignore[misc, unused-ignore]
    """What the search for dips keeps in the URL."""

    ese_window = param.Number(default=WINDOW_DAYS, bounds=(0.001, 1e5), doc="width of the running median, days")
    ese_sigma = param.Number(default=THRESHOLD_SIGMA, bounds=(0.1, 1e4), doc="how far below the baseline, in errors")

    def ese_options(self, fractional_error: float = 0.0, additive_error_jy: float = 0.0) -> EseOptions:
        """Return how dips are looked for."""
        return EseOptions(
            float(self.ese_window), float(self.ese_sigma), fractional_error, additive_error=additive_error_jy
        )


class EsePanelParams(EseParams):
    """The same, and whether the panel is open: for the pipeline's candidates it is, unless it is closed."""

    ese: Any = param.Selector(default="", objects=["", "open", "closed"], doc="whether the ESE panel is open")


ESE_OPTION_PARAMS = ("ese_window", "ese_sigma")
ESE_URL_PARAMS = ("ese", *ESE_OPTION_PARAMS)
ESE_FIELDS: tuple[Field, ...] = (
    {"name": "ese_window", "label": "Running median over", "kind": "number", "unit": "days", "width": "11rem",
     "placeholder": f"{WINDOW_DAYS:g}",
     "help": "more than twice the length of the dip, or the median follows the dip itself"},
    {"name": "ese_sigma", "label": "Dip below", "kind": "number", "unit": "σ", "width": "7rem",
     "placeholder": f"{THRESHOLD_SIGMA:g}",
     "help": "two or more measurements in a row so far below the running median"},
)  # fmt: skip


def option_values(view: Any) -> dict[str, str]:
    """Return what the form shows: nothing where the default holds, which its placeholder says."""
    return {n: f"{getattr(view, n):g}" for n in ESE_OPTION_PARAMS if getattr(view, n) != view.param[n].default}


def submitted(view: Any, values: Mapping[str, Any]) -> tuple[dict[str, float], dict[str, str]]:
    """Return the values of the form that mean something, and what is wrong with the others."""
    found: dict[str, float] = {}
    errors: dict[str, str] = {}
    for name in ESE_OPTION_PARAMS:
        text = str(values.get(name) or "").strip()
        try:
            value = float(text) if text else float(view.param[name].default)
            view.param[name]._validate(value)
            found[name] = value
        except ValueError:
            low, high = view.param[name].bounds
            errors[name] = f"A number from {low:g} to {high:g} is wanted"
    return found, errors


class EsePart(SourcePart):
    """Switch, form, plots, facts and dips."""

    place: ClassVar[Place] = "curve"
    section: ClassVar[str] = "ese"

    def __init__(self, page: Any) -> None:
        super().__init__(page)
        self.switches = Switches(on_choose=lambda _, value: setattr(page, "ese", value))
        self.form = FilterBar(fields=list(ESE_FIELDS), label="Dips", on_submit=self._submit)
        self.facts = Facts(min_width=330)
        self.dips = RecordTable(columns=list(DIP_COLUMNS), caption="Dips", empty="No dip.", max_height=240)
        self.figures: list[Figure] = []
        self._look: dict[str, Any] = {}
        self._waits = False
        self._made_of: tuple[Any, ...] = ()
        self.slot = page.new_slot("ESE analysis", height=0)
        self._place = pn.Column(self.slot, sizing_mode="stretch_width", margin=0)
        page.param.watch(self._changed, list(ESE_URL_PARAMS))

    @property
    def view(self) -> Any:
        """The slot; its content comes when the rest of the page is there."""
        return self._place

    @property
    def is_open(self) -> bool:
        """True when the panel is to be shown."""
        return self.page.ese == "open" or (self.page.ese == "" and bool(self.page.detail.ese_candidates))

    def hold(self) -> None:
        """Keep the plots as they are until they are of the other source."""
        for figure in self.figures:
            figure.hold_render = True

    async def load(self) -> None:
        """Show the switch, and the analysis when it is open."""
        await self.page.patch(self._show_switch)
        if self.is_open:
            await self.page.fill(self.slot, self._read, self._show)

    async def _read_with_neighbours(self) -> EseAnalysis:
        await self.page.session.archive.ese.wait_for_neighbours()
        return await self._read()

    def curve_changed(self, detail: Any) -> None:
        """Follow new epochs and another choice of them."""
        if self.is_open and self.slot.content is not None and self._made_of != self._version(detail):
            self.page.run(self._read, self._show, slot=self.slot)

    def _version(self, detail: Any) -> tuple[Any, ...]:
        """Return what the analysis depends on beside its own form."""
        curve, page = detail.light_curve, self.page
        used = page.selection.used(curve).tobytes()
        look = (page.flux, page.unit, self._options(), detail.ese_candidates)
        return curve.version, used, *look

    def _changed(self, *_events: Any) -> None:
        self._show_switch()
        if self.is_open:
            self.page.run(self._read, self._show, slot=self.slot)

    def _show_switch(self) -> None:
        value = "open" if self.is_open else "closed"
        choices = [option("open", "open"), option("closed", "closed")]
        self.switches.switches = [switch("ese", "ESE: dips, bound of the flag, neighbours", value, choices)]
        shown = [self.switches, self.slot] if self.is_open else [self.switches]
        if list(self._place) != shown:
            self._place[:] = shown

    def _options(self) -> EseOptions:
        selection = self.page.selection
        options: EseOptions = self.page.ese_options(selection.fractional_error, selection.additive_error_jy)
        return options

    async def _read(self) -> EseAnalysis:
        curve = self.page.detail.light_curve
        used = self.page.selection.used(curve)
        analysis: EseAnalysis = await self.page.session.archive.ese.analyse(
            curve, flux=self.page.flux, used=used, options=self._options()
        )
        return analysis

    def _show(self, analysis: EseAnalysis) -> Any:
        page, detail, summary = self.page, self.page.detail, analysis.summary
        if analysis.neighbours is None and not self._waits:
            self._waits = True
            page.run(self._read_with_neighbours, self._show, slot=self.slot)
        self._made_of = self._version(detail)
        candidate = detail.ese_candidates[0] if detail.ese_candidates else None
        self.form.param.update(values=option_values(page), errors={})
        self.facts.groups = ese_facts(summary, analysis.neighbours, candidate)
        self.dips.param.update(rows=dip_rows(summary), note=dips_note(summary, self._options()))
        look = {"theme": page.session.theme, "flux": page.flux, "unit": page.unit}
        x_range = page.figure.x_range if page.figure is not None and detail.light_curve.n_epoch else None
        newer = plot_ese(detail.light_curve, summary, x_range=x_range, options=self._options(), **look)
        # unit and kind of flux stand on axes and in hover boxes: those figures are made anew
        if self.figures and look == self._look and update_figures(self.figures, newer):
            return None
        self.figures, self._look = newer, look
        return pn.Column(
            self.form, self.facts, *(as_view(figure) for figure in newer), self.dips,
            sizing_mode="stretch_width", margin=0,
        )  # fmt: skip

    def _submit(self, values: Mapping[str, Any]) -> None:
        found, errors = submitted(self.page, values)
        self.form.errors = errors
        if not errors:
            self.page.param.update(**found)
