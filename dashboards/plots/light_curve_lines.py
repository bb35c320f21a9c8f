"""The lines across a light curve: the weighted mean, and a flux density from a catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dashboards.plots.light_curve_data import Marks, axis_ends, mean_in_use, reach_of
from dashboards.plots.light_curve_hover import unit_text
from dashboards.plots.measurement_kinds import FluxKind, FluxUnit
from dashboards.plots.style import plain_text
from dashboards.plots.theme import Theme
from data_access.records import LightCurve

Y_PADDING = 0.06
"""Share of the range of flux that the axis is wider than what it shows."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A flux density from a catalogue, drawn as a dotted line; `words` says which one, for the legend."""

    flux_mjy: float
    words: str


@dataclass(frozen=True, slots=True)
class Line:
    """A line across the plot: what it is (empty: it is not drawn), and that with its value."""

    y: float
    label: str
    words: str


NO_LINE = Line(float("nan"), "", "")


def lines_across(
    lc: LightCurve, columns: dict[str, Any], flux: FluxKind, unit: FluxUnit, marks: Marks, reference: Reference | None
) -> dict[str, Line]:
    """Return the lines by name; the axis makes room for the mean, unless points are off it, and for no other line.

    Parameters
    ----------
    columns : dict
        Of `light_curve_columns`, in `unit`.
    """
    mean, error, n = mean_in_use(lc, flux, marks=marks)
    scale = 1e3 if unit == "mJy" else 1.0
    mean, error = mean * scale, error * scale
    words = f"weighted mean {mean:.4g} ± {error:.2g} {unit_text(flux, unit)}" if n else "no mean: no errors"
    lines = {"mean": _line(mean, "weighted mean", words, axis_ends(columns))}
    if reference is not None:
        at = reference.flux_mjy * scale * 1e-3
        words = f"{reference.words} {at:.4g} {unit}"
        lines["reference"] = _line(at, plain_text(reference.words), words, _shown(columns, lines["mean"]))
    return lines


def _line(at: float, label: str, words: str, ends: tuple[float, float]) -> Line:
    """Return a line; one outside the `ends` of the axis says so and is not drawn."""
    if ends[0] <= at <= ends[1]:
        return Line(at, label, words)
    where = ", above the axis" if at > ends[1] else ", below the axis" if at < ends[0] else ""
    return Line(NO_LINE.y, "", words + where)


def _shown(columns: dict[str, Any], mean: Line) -> tuple[float, float]:
    """Return the flux at which the axis ends before anybody zooms."""
    low, high = reach_of(columns)
    if mean.label:
        low, high = min(low, mean.y), max(high, mean.y)
    margin = 0.5 * Y_PADDING * (high - low)
    return low - margin, high + margin


def line_looks(theme: Theme) -> dict[str, tuple[str, str]]:
    """Return colour and dash of each line."""
    return {"mean": (theme.muted, "dashed"), "reference": (theme.series[3], "dotted")}


def line_key(theme: Theme, lines: Mapping[str, Line]) -> list[list[str]]:
    """Return dash, colour and word of each line that is drawn."""
    looks = line_looks(theme)
    return [[looks[name][1], looks[name][0], line.label] for name, line in lines.items() if line.label]
