"""The variability of one source: computed here, beside what the pipeline stored, and why the two differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dashboards.components.cells import Cell, cell
from dashboards.components.record_table import Column, Row, row
from dashboards.pages.source_words import bounded_cell
from dashboards.plots.light_curve import FluxKind, FluxUnit
from data_access.analysis.ese import leave_one_out
from data_access.analysis.variability import (
    DEFINITIONS,
    Metric,
    VariabilityMetrics,
    compare_stored,
    variability_metrics,
)
from data_access.analysis.variability.sigma_deviation import largest_possible_sigma_deviation, sigma_deviation
from data_access.records import LightCurve, SourceDetail

METRIC_COLUMNS: Sequence[Column] = (
    {"name": "metric", "label": "Metric"},
    {"name": "ours", "label": "From the photometry", "align": "right", "title": "computed here, unflagged points"},
    {"name": "stored", "label": "Stored", "align": "right", "title": "as the pipeline wrote it"},
)

_LEAVE_ONE_OUT = (
    "(I[i]-ξ of all others) / √(σ[i]²+1/Σ1/σ²): the largest, signed. Unlike σ deviation it has no upper bound"
)
_SIGMA_DEVIATION = "max|I-mean| / s, the pipeline's ESE statistic: it can never pass √(N-1) (Samuelson 1968)"


@dataclass(frozen=True, slots=True)
class Analysis:
    """What the photometry says: `metrics` of the unflagged measurements in Jy, `sigma` the pipeline's statistic.

    Attributes
    ----------
    remarks : tuple of str
        Why the stored row and the photometry differ; the pipeline's row is held against its peaks, flagged ones too.
    n_flagged : int
        Measurements that are left out of `metrics`.
    """

    metrics: VariabilityMetrics
    largest_leave_one_out: Metric
    sigma: Metric
    remarks: tuple[str, ...]
    n_flagged: int


def analyse(detail: SourceDetail, flux: FluxKind) -> Analysis:
    """Return the metrics of a light curve; takes time n²/2 (all pairs of epochs), so call it in a thread."""
    curve = detail.light_curve
    values, errors = fluxes(curve, flux)
    good = ~curve.is_flagged
    stored = detail.source.stored
    return Analysis(
        metrics=variability_metrics(values[good], errors[good]),
        largest_leave_one_out=leave_one_out(values[good], errors[good]).largest,
        sigma=sigma_deviation(values[good]),
        remarks=compare_stored(stored, curve.peak_jyb, curve.peak_err_jyb) if stored is not None else (),
        n_flagged=int(np.count_nonzero(~good)),
    )


def fluxes(curve: LightCurve, flux: FluxKind) -> tuple[np.ndarray, np.ndarray]:
    """Return flux and error of the chosen kind, Jy/beam or Jy, each of shape (n_epoch,)."""
    return (curve.peak_jyb, curve.peak_err_jyb) if flux == "peak" else (curve.flux_jy, curve.flux_err_jy)


def metric_rows(detail: SourceDetail, analysis: Analysis, unit: FluxUnit) -> list[Row]:
    """Return the rows of the table of metrics: flux-like ones in `unit`, ratios without a unit."""
    ours, stored, monitoring = analysis.metrics, detail.source.stored, detail.source.monitoring
    scale, from_mjy = (1e3, 1.0) if unit == "mJy" else (1.0, 1e-3)

    def flux_row(name: str, label: str, metric: Metric, stored_mjy: float | None) -> Row:
        known = None if stored_mjy is None else stored_mjy * from_mjy
        return _row(name, label, _metric_cell(metric, scale=scale, unit=unit), cell(known, unit=unit))

    def plain_row(name: str, metric: Metric, known: float | None = None) -> Row:
        return _row(name, "", _metric_cell(metric), cell(known))

    counted = f"{ours.n_valid:,} of {ours.n + analysis.n_flagged:,}"
    bound = largest_possible_sigma_deviation(ours.n_valid) if ours.n_valid > 1 else None
    n_stored = stored.n_obs if stored else None
    bound_stored = largest_possible_sigma_deviation(n_stored) if n_stored and n_stored > 1 else None
    eta_stored = stored.eta_metric if stored else None
    return [
        row("n", [cell("N", title="usable, unflagged measurements of all"), cell(counted), cell(n_stored)]),
        plain_row("eta", ours.eta, eta_stored if eta_stored is not None or not monitoring else monitoring.eta),
        plain_row("modulation_index", ours.modulation_index, monitoring.v_index if monitoring else None),
        plain_row("debiased_modulation_index", ours.debiased_modulation_index),
        plain_row("reduced_chi_squared", ours.reduced_chi_squared, stored.chi2_nu if stored else None),
        row(
            "sigma_deviation",
            [
                cell("σ deviation", title=_SIGMA_DEVIATION),
                _sigma_cell(analysis.sigma, bound),
                bounded_cell(stored.sigma_deviation if stored else None, bound_stored),
            ],
        ),
        row(
            "leave_one_out",
            [cell("leave-one-out z", title=_LEAVE_ONE_OUT), _metric_cell(analysis.largest_leave_one_out), cell(None)],
        ),
        plain_row("vs", ours.maximum_pair.vs),
        plain_row("m", ours.maximum_pair.m),
        plain_row("von_neumann", ours.von_neumann),
        flux_row("weighted_mean", "weighted mean ξ", ours.weighted_mean, None),
        flux_row("mean", "mean", ours.mean, stored.mean_flux_mjy if stored else None),
        flux_row("std", "standard deviation s", ours.std, stored.std_flux_mjy if stored else None),
        flux_row("min", "smallest", ours.min, stored.min_flux_mjy if stored else None),
        flux_row("max", "largest", ours.max, stored.max_flux_mjy if stored else None),
    ]


def metric_note(analysis: Analysis) -> str:
    """Return what the reader must know about the two columns; empty when they agree."""
    parts = list(analysis.remarks)
    if analysis.metrics.eta.value is None:
        parts.insert(0, f"η {analysis.metrics.eta.reason}")
    if analysis.n_flagged:
        parts.append(f"{analysis.n_flagged:,} flagged measurements are left out here, but not by the pipeline")
    return "; ".join(parts)


def _row(name: str, label: str, ours: Cell, stored: Cell) -> Row:
    definition = DEFINITIONS.get(name)
    title = None
    if definition is not None:
        title = f"{definition.formula}. {definition.reference}" if definition.reference else definition.formula
    shown = label or (f"{definition.symbol}  {_WORDS[name]}" if definition is not None else name)
    return row(name, [cell(shown, title=title), ours, stored])


_WORDS = {
    "eta": "weighted variability",
    "modulation_index": "modulation index",
    "debiased_modulation_index": "debiased modulation index",
    "reduced_chi_squared": "about the weighted mean",
    "vs": "of the most different pair",
    "m": "of the same pair",
    "von_neumann": "von Neumann ratio",
}


def _metric_cell(metric: Metric, *, scale: float = 1.0, unit: str = "") -> Cell:
    if metric.value is None:
        return cell("n/a", title=metric.reason)
    return cell(metric.value * scale, unit=unit, note=metric.reason or None)


def _sigma_cell(metric: Metric, bound: float | None) -> Cell:
    return bounded_cell(metric.value, bound) if metric.value is not None else _metric_cell(metric)
