"""The list of sources, with the pipeline's candidates above it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import panel as pn
import param

from dashboards.components.cells import Cell, cell
from dashboards.components.record_table import Column, RecordTable, Row, row
from dashboards.pages.list_page import ListPage, number_of
from dashboards.pages.source_words import (
    bounded_cell,
    candidate_columns,
    candidate_row,
    ese_cell,
    short_cell,
    transient_row,
)
from dashboards.pages.wording import mjd_cell, position_cells
from data_access.analysis.variability import compare_stored
from data_access.records import Count, EseCandidate, PageRequest, RecordPage, Source, StoredVariability
from data_access.repositories.sources import STORED_SORTS, SourceFilter

_STRIP_HEIGHT = 118
_ALL_WITH_STATISTICS = "The metrics are the pipeline's own, as stored; sources without stored statistics come last."


class SourcesPage(ListPage):
    """Every source that occurs in photometry, statistics, monitoring or candidates."""

    order = param.Selector(default="asc", objects=["asc", "desc"], doc="direction of the sort")
    text = param.String(default="", doc="part of the name")
    eta_min = param.String(default="", doc="least stored η")
    n_obs_min = param.String(default="", doc="least number of measurements in the stored statistics")
    sigma_min = param.String(default="", doc="least stored sigma_deviation")
    dec_min = param.String(default="", doc="least declination, degrees")
    dec_max = param.String(default="", doc="greatest declination, degrees")
    ese = param.String(default="", doc="status of the pipeline's ESE candidate")

    noun = "sources"
    live_roles = frozenset({"products", "pipeline"})
    columns: ClassVar[Sequence[Column]] = (
        {"name": "source_id", "label": "Source", "sortable": True, "width": "17rem"},
        {"name": "ra_deg", "label": "RA", "unit": "ICRS", "sortable": True},
        {"name": "dec_deg", "label": "Dec", "unit": "ICRS", "sortable": True},
        {"name": "n_obs", "label": "Epochs", "sortable": True, "align": "right",
         "title": "measurements in the photometry; sorted by the number in the stored statistics"},
        {"name": "mean_flux_mjy", "label": "Mean flux", "unit": "mJy", "sortable": True, "align": "right",
         "title": "stored by the pipeline; one of its code paths writes Jy here"},
        {"name": "eta_metric", "label": "η", "sortable": True, "align": "right",
         "title": "stored eta_metric: weighted reduced chi-squared against a constant"},
        {"name": "v", "label": "V", "align": "right",
         "title": "stored v_index, else stored standard deviation over stored mean"},
        {"name": "chi2_nu", "label": "χ²ν", "sortable": True, "align": "right",
         "title": "stored chi2_nu: the pipeline takes it about the unweighted mean"},
        {"name": "sigma_deviation", "label": "σ deviation", "sortable": True, "align": "right",
         "title": "stored max|flux - mean| / std, and the largest value that its number of epochs allows"},
        {"name": "last_mjd", "label": "Last seen", "unit": "UTC", "sortable": True},
        {"name": "ese", "label": "ESE"},
    )  # fmt: skip
    fields = (
        {"name": "text", "label": "Name", "kind": "text", "placeholder": "part of a name", "width": "12rem"},
        {"name": "eta_min", "label": "η at least", "kind": "number", "width": "6rem"},
        {"name": "n_obs_min", "label": "Epochs at least", "kind": "number", "width": "7rem"},
        {"name": "sigma_min", "label": "σ deviation at least", "kind": "number", "width": "9rem"},
        {"name": "dec_min", "label": "Dec from", "kind": "number", "unit": "°", "width": "6rem"},
        {"name": "dec_max", "label": "Dec to", "kind": "number", "unit": "°", "width": "6rem"},
        {"name": "ese", "label": "ESE candidate", "kind": "select", "width": "9rem",
         "options": ["", "active", "investigated", "dismissed"]},
    )  # fmt: skip

    @property
    def title(self) -> str:
        """Title of the document."""
        return "Sources"

    def above(self) -> Any:
        """The pipeline's candidates, in two short lists side by side."""
        self.ese_table = _strip("ESE candidates", "The pipeline has flagged none.", candidate_columns())
        self.transient_table = _strip("Transient candidates", "The pipeline has found none.", _TRANSIENT_COLUMNS)
        self.ese_slot = self.new_slot("ESE candidates", height=158)
        self.transient_slot = self.new_slot("transient candidates", height=158)
        beside = pn.Column(self.transient_slot, sizing_mode="stretch_width", margin=(0, 0, 0, 10))
        return pn.Row(self.ese_slot, beside, sizing_mode="stretch_width", margin=0)

    async def load(self) -> None:
        """Fill the candidates, then the list."""
        archive = self.session.archive
        await self.fill(self.ese_slot, archive.sources.find_ese_candidates, self._show_candidates)
        await self.fill(self.transient_slot, archive.sources.find_transients, self._show_transients)
        await super().load()

    def _show_candidates(self, candidates: Sequence[EseCandidate]) -> RecordTable:
        self.ese_table.param.update(
            rows=[candidate_row(c, self.session.links) for c in candidates], total=_how_many(candidates)
        )
        return self.ese_table

    def _show_transients(self, transients: Sequence[Any]) -> RecordTable:
        self.transient_table.param.update(
            rows=[transient_row(t, self.session.links) for t in transients], total=_how_many(transients)
        )
        return self.transient_table

    def check(self, values: Mapping[str, str]) -> None:
        """Raise `FieldError` for a malformed number."""
        _filter_of(values)

    def _wanted(self) -> SourceFilter:
        return _filter_of({field["name"]: getattr(self, field["name"]) for field in self.fields})

    async def find(self, request: PageRequest) -> RecordPage[Source]:
        """Return one page of sources."""
        page: RecordPage[Source] = await self.session.archive.sources.find(self._wanted(), request)
        return replace(page, note=_ALL_WITH_STATISTICS) if request.sort in STORED_SORTS else page

    async def count(self) -> Count:
        """Return how many sources match."""
        count: Count = await self.session.archive.sources.count(self._wanted())
        return count

    def to_row(self, record: Source, details: Any) -> Row:  # noqa: ARG002
        """Return the table row of one source."""
        stored = record.stored
        ra, dec = position_cells(record.ra_deg, record.dec_deg)
        remarks = stored_remarks(record)
        return row(
            record.source_id,
            [
                cell(record.source_id, title=_title(record), note="; ".join(remarks) or None),
                ra,
                dec,
                cell(record.n_epochs),
                _stored_cell(stored.mean_flux_mjy if stored else None, remarks),
                short_cell(stored.eta_metric if stored else None),
                cell(_modulation_index(record), digits=3),
                short_cell(stored.chi2_nu if stored else None),
                bounded_cell(stored.sigma_deviation, _bound(stored)) if stored else cell(None),
                _day_cell(stored.last_mjd if stored else None),
                ese_cell(record.ese_status),
            ],
            href=self.session.links.source(record.source_id),
        )


_TRANSIENT_COLUMNS: Sequence[Column] = (
    {"name": "source", "label": "Source"},
    {"name": "type", "label": "Kind"},
    {"name": "ratio", "label": "Ratio", "align": "right", "title": "observed over baseline flux"},
    {"name": "significance", "label": "Significance", "unit": "σ", "align": "right"},
    {"name": "detected", "label": "Detected", "align": "right"},
)


def stored_remarks(source: Source) -> tuple[str, ...]:
    """Return what is odd about the stored statistics of a source, judged by the row alone."""
    if source.stored is None:
        return source.problems
    without_photometry = compare_stored(source.stored, (), ())[1:]
    known = " ".join(without_photometry)
    rest = [p for p in source.problems if not ("impossible" in p and "impossible" in known)]
    return (*without_photometry, *rest)


def _strip(caption: str, empty: str, columns: Sequence[Column]) -> RecordTable:
    return RecordTable(columns=list(columns), caption=caption, empty=empty, max_height=_STRIP_HEIGHT)


def _how_many(records: Sequence[Any]) -> str:
    return f"{len(records)}{'+' if len(records) == 100 else ''}, newest first" if records else ""


def _title(source: Source) -> str:
    name = source.name if source.name and source.name != source.source_id else None
    catalogue = source.monitoring.catalog if source.monitoring else None
    return ", ".join(part for part in (source.source_id, name, catalogue) if part)


def _bound(stored: StoredVariability) -> float | None:
    return math.sqrt(stored.n_obs - 1) if stored.n_obs and stored.n_obs > 1 else None


def _modulation_index(source: Source) -> float | None:
    if source.monitoring is not None and source.monitoring.v_index is not None:
        return source.monitoring.v_index
    stored = source.stored
    if stored is None or stored.std_flux_mjy is None or not stored.mean_flux_mjy or stored.mean_flux_mjy < 0:
        return None
    return stored.std_flux_mjy / stored.mean_flux_mjy


def _day_cell(mjd: float | None) -> Cell:
    made = mjd_cell(mjd)
    if "title" not in made or mjd is None:
        return made
    return {**made, "t": made["t"].partition(" ")[0], "title": f"{made['t']} UTC, MJD {mjd:.5f}"}


def _stored_cell(value: float | None, remarks: Sequence[str]) -> Cell:
    doubt = next((r for r in remarks if "Jy" in r), "")
    return cell(value, digits=2, state="warn" if doubt else None, title=doubt or None)


def _filter_of(values: Mapping[str, str]) -> SourceFilter:
    return SourceFilter(
        text=values["text"],
        eta_min=number_of("eta_min", values["eta_min"]),
        n_obs_min=number_of("n_obs_min", values["n_obs_min"]),
        sigma_min=number_of("sigma_min", values["sigma_min"]),
        dec_min_deg=number_of("dec_min", values["dec_min"]),
        dec_max_deg=number_of("dec_max", values["dec_max"]),
        ese_status=values["ese"],
    )
