"""A light curve against its running baseline, as measured and beside its neighbours, with the dips marked."""

from __future__ import annotations

from typing import Any

import numpy as np

from dashboards.plots.bokeh_models import Figure, models
from dashboards.plots.empty import empty_figure
from dashboards.plots.light_curve_data import bar_words, systematic_words
from dashboards.plots.measurement_kinds import FluxKind, FluxUnit
from dashboards.plots.style import add_hover, add_subtitle, how_many, new_figure, paint, steady_formatter
from dashboards.plots.theme import get_theme
from dashboards.plots.time_axis import MS_PER_DAY, add_mjd_axis, utc_formatter, utc_ms
from data_access.analysis.ese_summary import DipCurve, EseOptions, EseSummary
from data_access.analysis.variability import total_error
from data_access.records import LightCurve

HEIGHT = 260
_DEFAULTS = EseOptions()
_HALF_EPOCH_MS = 0.25 * MS_PER_DAY


def plot_ese(
    curve: LightCurve,
    summary: EseSummary,
    *,
    theme: str = "dark",
    flux: FluxKind = "peak",
    unit: FluxUnit = "mJy",
    options: EseOptions = _DEFAULTS,
    x_range: Any = None,
) -> list[Figure]:
    """Return figures with one time axis: as measured, and divided by the neighbours where they have a factor.

    Points of a dip are triangles that point down, the others circles; the line is the running median. Sources are
    named ``"ese_own"``, ``"ese_normalised"`` and, for the dips, ``"dips_own"`` and ``"dips_normalised"``.

    Parameters
    ----------
    options : EseOptions
        How the dips were found: its systematic errors are in the bars, as they are in z.
    x_range : Bokeh range, optional
        That of the light curve, so that all move together.
    """
    scale = 1e3 if unit == "mJy" else 1.0
    per = f"{unit}/beam" if flux == "peak" else unit
    if x_range is None:
        x_range = models.DataRange1d(range_padding=0.04, default_span=MS_PER_DAY)
    look = (scale, theme, x_range, per, options)
    made = [_panel(curve, summary.own, "own", f"Flux density ({per})", "As measured", *look)]
    if not summary.reason:
        title, label = "Divided by the steady neighbours in the same images", f"Flux / factor ({per})"
        made.append(_panel(curve, summary.normalised, "normalised", label, title, *look))
    return made


def _is_empty(curve: LightCurve, dips: DipCurve) -> bool:
    return not np.any(np.isfinite(dips.flux) & np.isfinite(curve.mjd))


def ese_columns(
    curve: LightCurve, dips: DipCurve, scale: float, theme: str, options: EseOptions = _DEFAULTS
) -> dict[str, Any]:
    """Return the columns of one curve: only measurements that are used and have a time.

    ``lower`` and ``upper`` are flux ∓ the total error, the one that ``z`` is counted in.
    """
    total = total_error(dips.flux, dips.error, **options.errors)
    colours = get_theme(theme)
    shown = np.flatnonzero(np.isfinite(dips.flux) & np.isfinite(curve.mjd))
    in_dip = np.zeros(curve.n_epoch, dtype=bool)
    order = np.flatnonzero(np.isfinite(dips.z) & np.isfinite(curve.mjd))
    for dip in dips.dips:
        inside = (curve.mjd[order] >= dip.start_mjd) & (curve.mjd[order] <= dip.end_mjd)
        in_dip[order[inside]] = True
    low = in_dip[shown]
    return {
        "utc_ms": utc_ms(curve.mjd[shown]),
        "mjd": curve.mjd[shown],
        "flux": dips.flux[shown] * scale,
        "lower": (dips.flux - total)[shown] * scale,
        "upper": (dips.flux + total)[shown] * scale,
        "baseline": dips.baseline[shown] * scale,
        "z": dips.z[shown],
        "kind": np.where(low, "in a dip", "not in a dip").tolist(),
        "marker": np.where(low, "inverted_triangle", "circle").tolist(),
        "colour": np.where(low, colours.bad, colours.accent).tolist(),
    }


def dip_columns(dips: DipCurve) -> dict[str, Any]:
    """Return the stretches of time of the dips, a quarter of a day wider on both sides."""
    return {
        "x0": [float(utc_ms(np.array(dip.start_mjd))) - _HALF_EPOCH_MS for dip in dips.dips],
        "x1": [float(utc_ms(np.array(dip.end_mjd))) + _HALF_EPOCH_MS for dip in dips.dips],
    }


def _panel(
    curve: LightCurve, dips: DipCurve, which: str, y_label: str, title: str, scale: float, theme: str,
    x_range: Any, per: str, options: EseOptions,
) -> Figure:  # fmt: skip
    if _is_empty(curve, dips):
        return empty_figure("no measurement that is used", theme, title=title, height=HEIGHT)
    colours = get_theme(theme)
    figure = _time_figure(theme, title, y_label, x_range, f"ese_{which}")
    source = models.ColumnDataSource(ese_columns(curve, dips, scale, theme, options), name=f"ese_{which}")
    stretches = models.ColumnDataSource(dip_columns(dips), name=f"dips_{which}")
    figure.vstrip("x0", "x1", source=stretches, fill_color=colours.bad, fill_alpha=0.13, line_alpha=0.0)
    bars = figure.segment("utc_ms", "lower", "utc_ms", "upper", source=source, line_color="colour", line_alpha=0.7)
    figure.line("utc_ms", "baseline", source=source, line_color=colours.series[1], line_width=2, line_dash="dashed")
    points = figure.scatter(
        "utc_ms", "flux", source=source, marker="marker", size=7, line_color="colour", fill_color="colour",
        fill_alpha=0.8, name="points",
    )  # fmt: skip
    figure.y_range.renderers = [bars, points]
    rows = [
        ("UTC", "@utc_ms{%F %T}"), ("MJD", "@mjd{%.5f}"), ("flux", f"@flux{{%.4g}} {per}"),
        ("baseline", f"@baseline{{%.4g}} {per}"), ("z", "@z{%.2f}"), ("", "@kind"),
    ]  # fmt: skip
    formats = {"@utc_ms": "datetime", **dict.fromkeys(("@mjd", "@flux", "@baseline", "@z"), "printf")}
    add_hover(figure, colours, rows, renderers=[points], formatters=formats)
    n = len(dips.dips)
    found = f"{how_many(n, 'dip')}, marked by triangles and ground" if n else "no dip"
    bar = bar_words(systematic_words(options.fractional_error, options.additive_error))
    add_subtitle(figure, colours, f"{found}; dashed: running median; {bar}")
    return paint(figure, colours)


def _time_figure(theme: str, title: str, y_label: str, x_range: Any, name: str) -> Figure:
    figure = new_figure(
        get_theme(theme), title=title, x_label="Time (UTC)", y_label=y_label, height=HEIGHT, x_axis_type="datetime",
        name=name, x_range=x_range, y_range=models.DataRange1d(range_padding=0.08),
    )  # fmt: skip
    figure.xaxis[0].formatter = utc_formatter()
    figure.yaxis[0].formatter = steady_formatter()
    add_mjd_axis(figure)
    return figure
