"""The variability of one source: computed here, beside what the pipeline stored, and why the two differ."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from dashboards.components.cells import Cell, cell
from dashboards.components.record_table import Column, Row, row
from dashboards.pages.epoch_selection import BoolArray, EpochSelection
from dashboards.pages.metric_definitions import LEAVE_ONE_OUT, SIGMA_DEVIATION
from dashboards.pages.source_words import bounded_cell, stored_sigma_cell
from dashboards.plots.light_curve_hover import unit_text
from dashboards.plots.measurement_kinds import FluxKind, FluxUnit, fluxes
from dashboards.plots.style import how_many
from data_access.analysis.ese import leave_one_out
from data_access.analysis.variability import (
    DEFINITIONS,
    M_THRESHOLD,
    VS_THRESHOLD,
    Metric,
    VariabilityMetrics,
    compare_monitoring,
    compare_stored,
    compare_v,
    total_error,
    variability_metrics,
)
from data_access.analysis.variability.metric import usable
from data_access.analysis.variability.sigma_deviation import largest_possible_sigma_deviation, sigma_deviation
from data_access.records import LightCurve, Source, SourceDetail

_NAME: Column = {"name": "metric", "label": "Metric"}
_OURS: Column = {"name": "ours", "label": "From the photometry", "align": "right", "title": "computed here"}
_BRUSHED: Column = {"name": "brushed", "label": "Brushed", "align": "right", "title": "the epochs inside the brush"}
_STORED: Column = {"name": "stored", "label": "Stored", "align": "right", "title": "as the pipeline wrote it"}

EVERY_EPOCH = EpochSelection()


@dataclass(frozen=True, slots=True)
class Numbers:
    """Metrics of some measurements in Jy; `sigma` is the pipeline's statistic, `n_all` counts unusable ones too."""

    metrics: VariabilityMetrics
    largest_leave_one_out: Metric
    sigma: Metric
    n_all: int


@dataclass(frozen=True, slots=True)
class Analysis:
    """What the photometry says.

    Attributes
    ----------
    every, brushed : Numbers
        Of the measurements in use, and of those inside the brush (None without one).
    remarks : tuple of str
        Why the stored numbers and the photometry differ; they are held against its peaks, flagged ones too.
    n_flagged, n_left_out : int
        Measurements that do not count because the pipeline flagged them, or because the reader left them out.
    selection : EpochSelection
    flux : str
        Which flux the photometry is taken from; what is stored is always of the peak.
    n_kinds : tuple of 3 int
        Usable measurements that count: detections, forced ones, and those that the pipeline calls upper limits.
    n_repeated : int
        Usable measurements that count though another one is of the same observation.
    """

    every: Numbers
    brushed: Numbers | None
    remarks: tuple[str, ...]
    n_flagged: int
    n_left_out: int
    selection: EpochSelection
    flux: FluxKind = "peak"
    n_kinds: tuple[int, int, int] = (0, 0, 0)
    n_repeated: int = 0


def analyse(detail: SourceDetail, flux: FluxKind, selection: EpochSelection = EVERY_EPOCH) -> Analysis:
    """Return the metrics of a light curve; takes time n²/2 (all pairs of epochs), so call it in a thread."""
    curve = detail.light_curve
    left_out = np.isin(curve.photometry_id, list(selection.left_out))
    return Analysis(
        every=_numbers(curve, flux, selection, selection.used(curve)),
        brushed=_numbers(curve, flux, selection, selection.brushed(curve)) if selection.is_brushed else None,
        remarks=_remarks(detail),
        n_flagged=0 if selection.flagged else int(np.count_nonzero(curve.is_flagged & ~left_out)),
        n_left_out=int(np.count_nonzero(left_out)),
        selection=selection,
        flux=flux,
        n_kinds=_n_kinds(curve, flux, selection.used(curve)),
        n_repeated=curve.n_repeated(selection.used(curve) & usable(*fluxes(curve, flux))),
    )


def _n_kinds(curve: LightCurve, flux: FluxKind, use: BoolArray) -> tuple[int, int, int]:
    use = use & usable(*fluxes(curve, flux))
    limit, forced = curve.is_upper_limit, curve.is_forced & ~curve.is_upper_limit
    return tuple(int(np.count_nonzero(use & kind)) for kind in (~limit & ~forced, forced, limit))  # type: ignore[return-value]


def _remarks(detail: SourceDetail) -> tuple[str, ...]:
    stored, monitoring, curve = detail.source.stored, detail.source.monitoring, detail.light_curve
    of_row = compare_stored(stored, curve.peak_jyb, curve.peak_err_jyb) if stored is not None else ()
    shown = monitoring
    if monitoring is not None and stored is not None and stored.eta_metric is not None:
        shown = replace(monitoring, eta=None)
    of_monitored = compare_monitoring(shown, curve.peak_jyb, curve.peak_err_jyb) if shown is not None else ()
    return (*of_row, *compare_v(detail.source, curve.peak_jyb, curve.peak_err_jyb), *of_monitored)


def _numbers(curve: LightCurve, flux: FluxKind, selection: EpochSelection, use: BoolArray) -> Numbers:
    values, errors = (column[use] for column in fluxes(curve, flux))
    errors = total_error(
        values,
        errors,
        fractional_error=selection.fractional_error,
        additive_error=selection.additive_error_jy,
    )
    return Numbers(
        metrics=variability_metrics(values, errors),
        largest_leave_one_out=leave_one_out(values, errors).largest,
        sigma=sigma_deviation(values, errors),
        n_all=int(values.size),
    )


def metric_columns(analysis: Analysis) -> list[Column]:
    """Return the columns of the table; the brushed epochs have one while there is a brush."""
    stored: Column = _STORED if analysis.flux == "peak" else {**_STORED, "label": "Stored (peak)"}
    return [_NAME, _OURS, *([_BRUSHED] if analysis.brushed is not None else []), stored]


def metric_rows(detail: SourceDetail, analysis: Analysis, unit: FluxUnit) -> list[Row]:
    """Return the rows of the table of metrics: flux-like ones in `unit`, ratios without a unit."""
    computed = [
        _cells(numbers, analysis.flux, unit) for numbers in (analysis.every, analysis.brushed) if numbers is not None
    ]
    stored = _stored_cells(detail, unit)
    return [
        row(key, [_name_cell(key), *(cells[key] for cells in computed), stored.get(key, cell(None))])
        for key in computed[0]
    ]


def _cells(numbers: Numbers, flux: FluxKind, unit: FluxUnit) -> dict[str, Cell]:
    """Return what is computed of some epochs, by the key of the row."""
    ours, scale = numbers.metrics, 1e3 if unit == "mJy" else 1.0
    of_flux, named = ("weighted_mean", "mean", "std", "min", "max"), unit_text(flux, unit)
    return {
        "n": cell(f"{ours.n_valid:,} of {numbers.n_all:,}", title="usable ones of those that count"),
        "eta": _metric_cell(ours.eta),
        "modulation_index": _metric_cell(ours.modulation_index),
        "debiased_modulation_index": _metric_cell(ours.debiased_modulation_index),
        "reduced_chi_squared": _metric_cell(ours.reduced_chi_squared),
        "unweighted_chi_squared": _metric_cell(ours.unweighted_chi_squared),
        "sigma_deviation": _sigma_cell(numbers),
        "leave_one_out": _metric_cell(numbers.largest_leave_one_out),
        "vs": vs_cell(ours.maximum_pair.vs),
        "m": m_cell(ours.maximum_pair.m),
        "von_neumann": _metric_cell(ours.von_neumann),
        **{name: _metric_cell(getattr(ours, name), scale=scale, unit=named) for name in of_flux},
    }


def _stored_cells(detail: SourceDetail, unit: FluxUnit) -> dict[str, Cell]:
    """Return what the pipeline stored, by the key of the row; its flux densities are those of the peak."""
    stored = detail.source.stored
    made: dict[str, Cell] = {}
    if detail.source.v_stored is not None:
        made["modulation_index"] = _stored_v_cell(detail.source)
    if detail.source.eta_stored is not None:
        made["eta"] = cell(detail.source.eta_stored)
    if stored is None:
        return made
    n_obs, from_mjy, named = stored.n_obs, 1.0 if unit == "mJy" else 1e-3, unit_text("peak", unit)
    in_mjy = {"mean": stored.mean_flux_mjy, "std": stored.std_flux_mjy, "min": stored.min_flux_mjy,
              "max": stored.max_flux_mjy}  # fmt: skip
    return {
        **made,
        "n": cell(n_obs),
        "unweighted_chi_squared": cell(stored.chi2_nu),
        "sigma_deviation": stored_sigma_cell(stored),
        **{name: cell(None if value is None else value * from_mjy, unit=named) for name, value in in_mjy.items()},
    }


def _stored_v_cell(source: Source) -> Cell:
    monitored = source.monitoring is not None and source.monitoring.v_index is not None
    title = "v_index of the monitored sources" if monitored else "stored standard deviation over stored mean"
    return cell(source.v_stored, title=title)


def metric_note(analysis: Analysis) -> str:
    """Return what the reader must know about the columns; empty when there is nothing to add."""
    parts = list(analysis.remarks)
    if analysis.flux != "peak":
        parts.insert(0, "what is stored, and what is said of it here, is of the peak flux density")
    eta = analysis.every.metrics.eta
    if eta.value is None:
        parts.insert(0, f"η {eta.reason}")
    if any(analysis.n_kinds[1:]):
        parts.append(_kind_words(*analysis.n_kinds))
    if analysis.n_repeated:
        how_often = "measurement is" if analysis.n_repeated == 1 else "measurements are"
        parts.append(
            f"{analysis.n_repeated:,} {how_often} of an observation that another one is of too; every one counts as "
            "an epoch of its own"
        )
    if analysis.n_flagged:
        parts.append(f"{analysis.n_flagged:,} flagged measurements are left out here, but not by the pipeline")
    elif analysis.selection.flagged:
        parts.append("flagged measurements count")
    if analysis.n_left_out:
        n = analysis.n_left_out
        parts.append(f"{n:,} measurement{' is' if n == 1 else 's are'} left out by you")
    if error := _systematic(analysis.selection):
        parts.append(f"errors here are √(σ² + {error})")
    return "; ".join(parts)


def _kind_words(n_detections: int, n_forced: int, n_limits: int) -> str:
    """Return which measurements count and how: nothing that is known of the pipeline says it for upper limits."""
    counted = [f"{how_many(n_detections, 'detection')}", f"{n_forced:,} forced"]
    how = "each with its measured flux density, below 3 σ too"
    if n_limits:
        counted.append(f"{n_limits:,} that the pipeline calls upper limit{'' if n_limits == 1 else 's'}")
        how += ", and upper limits with the one that is stored for them"
    return f"in use: {', '.join(counted)}, {how}"


def _systematic(selection: EpochSelection) -> str:
    parts = []
    if selection.fractional_error:
        parts.append(f"({selection.fractional_error * 100:g} % of I)²")
    if selection.additive_error_jy:
        parts.append(f"({selection.additive_error_jy * 1e3:g} mJy)²")
    return " + ".join(parts)


def _name_cell(name: str) -> Cell:
    """Return the name of a metric with its formula and reference."""
    own = _OWN_WORDS.get(name)
    if own is not None:
        return cell(own[0], title=own[1])
    definition = DEFINITIONS[name]
    title = f"{definition.formula}. {definition.reference}" if definition.reference else definition.formula
    return cell(_LABELS.get(name) or f"{definition.symbol}  {_WORDS[name]}", title=title)


_OWN_WORDS = {
    "n": ("N", "usable measurements of those that count"),
    "sigma_deviation": ("σ deviation", f"{SIGMA_DEVIATION.formula}: it can never pass √(N-1) (Samuelson 1968)"),
    "leave_one_out": ("leave-one-out z", LEAVE_ONE_OUT.formula),
    "min": ("smallest", "the smallest flux density"),
    "max": ("largest", "the largest flux density"),
}
_LABELS = {"weighted_mean": "weighted mean ξ", "mean": "mean", "std": "standard deviation s"}
_WORDS = {
    "eta": "weighted variability",
    "modulation_index": "modulation index",
    "debiased_modulation_index": "debiased modulation index",
    "reduced_chi_squared": "about the weighted mean",
    "unweighted_chi_squared": "about the unweighted mean",
    "vs": "of the most different pair",
    "m": "of the same pair",
    "von_neumann": "von Neumann ratio",
}


def _metric_cell(metric: Metric, *, scale: float = 1.0, unit: str = "") -> Cell:
    if metric.value is None:
        return cell("n/a", title=metric.reason)
    return cell(metric.value * scale, unit=unit, note=metric.reason or None)


def vs_cell(metric: Metric) -> Cell:
    """Return Vs, and whether it reaches what its authors call significant."""
    passes = metric.value is not None and abs(metric.value) >= VS_THRESHOLD
    otherwise = f"below {VS_THRESHOLD:g}: no pair differs significantly"
    return _verdict_cell(metric, f"reaches {VS_THRESHOLD:g}" if passes else otherwise)


def m_cell(metric: Metric) -> Cell:
    """Return m, and whether it is above what its authors call variable: the threshold itself is not."""
    passes = metric.value is not None and abs(metric.value) > M_THRESHOLD
    return _verdict_cell(metric, f"above {M_THRESHOLD:g}" if passes else f"not above {M_THRESHOLD:g}: a small change")


def _verdict_cell(metric: Metric, said: str) -> Cell:
    if metric.value is None:
        return _metric_cell(metric)
    return _metric_cell(replace(metric, reason="; ".join(part for part in (said, metric.reason) if part)))


def _sigma_cell(numbers: Numbers) -> Cell:
    n, sigma = numbers.metrics.n_valid, numbers.sigma
    if sigma.value is None:
        return _metric_cell(sigma)
    return bounded_cell(sigma.value, largest_possible_sigma_deviation(n), of=f"{n:,} usable epochs")
