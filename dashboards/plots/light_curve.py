"""A light curve: flux of one source against the time of observation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from dashboards.plots.bokeh_models import Figure, models, value
from dashboards.plots.empty import empty_figure
from dashboards.plots.style import add_hover, add_subtitle, new_figure, paint, plain_text
from dashboards.plots.theme import SYMBOLS, Theme, get_theme
from dashboards.plots.time_axis import MS_PER_DAY, add_mjd_axis, utc_formatter, utc_ms
from data_access.records import Epoch, LightCurve

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
FluxKind = Literal["peak", "integrated"]
FluxUnit = Literal["mJy", "Jy"]

MOST_POINTS = 20_000
AGGREGATE_BINS = 500
LIMIT_SIGMA = 3.0
# points further from the median than this many robust standard deviations are marked at the edge
ROBUST_RANGE_SIGMA = 12.0

COLUMNS = (
    *("utc_ms", "mjd", "flux", "error", "lower", "upper", "drawn", "view_low", "view_high", "rms"),
    *("kind", "marker", "angle", "colour", "fill_alpha", "image", "flags", "origin", "photometry_id", "n"),
)


@dataclass(frozen=True, slots=True)
class Selected:
    """Measurements in display units, with what each one is; every array has shape (n_epoch,)."""

    mjd: FloatArray
    flux: FloatArray
    error: FloatArray
    rms: FloatArray
    kind: npt.NDArray[np.str_]
    observed: BoolArray


def plot_light_curve(
    lc: LightCurve,
    *,
    theme: str = "dark",
    flux: FluxKind = "peak",
    unit: FluxUnit = "mJy",
    height: int = 320,
) -> Figure:
    """Return flux against UTC (below) and MJD (above), with error bars of one standard deviation.

    Kinds of measurement differ by symbol and colour; hollow symbols are epochs that do not say when the sky was
    seen. Points far outside of the rest do not squeeze the axis: they are marked by triangles at its edge. The
    dashed line is the mean of the unflagged measurements, weighted by 1/error². Above 20,000 points the curve
    is averaged in equal bins of time, and the subtitle says so.

    The figure's sources are named ``"light_curve"`` (columns of `light_curve_columns`) and ``"mean"``;
    `update_light_curve` patches a figure in place.
    """
    if lc.n_epoch == 0:
        return empty_figure("no photometry", theme, title=f"Light curve of {lc.source_id}", height=height)
    colours = get_theme(theme)
    figure = new_figure(
        colours,
        title=_title(lc),
        x_label="Time (UTC)",
        y_label=flux_label(flux, unit),
        height=height,
        x_axis_type="datetime",
        name="light_curve",
        x_range=models.DataRange1d(range_padding=0.04, default_span=MS_PER_DAY),
        y_range=models.DataRange1d(range_padding=0.06),
    )
    columns = light_curve_columns(lc, flux, unit, theme=theme)
    source = models.ColumnDataSource(columns, name="light_curve")
    points = _draw(figure, colours, source)
    figure.xaxis[0].formatter = utc_formatter()
    add_mjd_axis(figure)
    _add_legend(figure, colours, set(columns["kind"]), _draw_mean(figure, colours, columns, flux, unit))
    add_hover(figure, colours, _hover_rows(_unit_text(flux, unit)), renderers=[points], formatters=_HOVER_FORMATS)
    add_subtitle(figure, colours, light_curve_summary(lc, columns))
    return paint(figure, colours)


def update_light_curve(
    figure: Figure, lc: LightCurve, *, theme: str = "dark", flux: FluxKind = "peak", unit: FluxUnit = "mJy"
) -> bool:
    """Patch a figure of `plot_light_curve` in place.

    Returns False, and changes nothing, when the figure or the light curve is empty: make a new figure then.
    """
    source = figure.select_one({"name": "light_curve", "type": models.ColumnDataSource})
    if source is None or lc.n_epoch == 0:
        return False
    columns = light_curve_columns(lc, flux, unit, theme=theme)
    source.data = columns
    figure.select_one({"name": "mean", "type": models.ColumnDataSource}).data = {"y": [weighted_mean(columns)[0]]}
    figure.select_one({"name": "mean", "type": models.LegendItem}).label = value(_mean_text(columns, flux, unit))
    figure.select_one({"name": "subtitle"}).text = plain_text(light_curve_summary(lc, columns))
    figure.title.text = plain_text(_title(lc))
    figure.yaxis[0].axis_label = flux_label(flux, unit)
    return True


def light_curve_columns(
    lc: LightCurve, flux: FluxKind = "peak", unit: FluxUnit = "mJy", *, theme: str = "dark"
) -> dict[str, Any]:
    """Return the columns of the source ``"light_curve"``, for drawing and for patching ``source.data``.

    ``flux, error, lower, upper, rms`` are in `unit` (`lower` and `upper` are flux ∓ error); ``drawn`` is the flux
    kept inside the robust range ``view_low`` to ``view_high``; ``utc_ms`` is milliseconds since 1970;
    ``n`` is how many measurements a point stands for. Measurements without an epoch are left out.
    """
    selected = _select(lc, flux, unit)
    known = np.isfinite(selected.mjd) & np.isfinite(selected.flux)
    if int(known.sum()) > MOST_POINTS:
        return _dress(_aggregate(selected, known), theme)
    index = np.flatnonzero(known)
    flux_values, error = selected.flux[index], selected.error[index]
    bar = np.where(np.isfinite(error), error, 0.0)
    columns: dict[str, Any] = {
        "mjd": selected.mjd[index],
        "flux": flux_values,
        "error": error,
        "lower": flux_values - bar,
        "upper": flux_values + bar,
        "rms": selected.rms[index],
        "kind": [str(kind) for kind in selected.kind[index]],
        "fill_alpha": np.where(selected.observed[index], 0.9, 0.0),
        "image": [_file_name(lc.image_path[i]) for i in index],
        "flags": lc.flags[index],
        "origin": [lc.origin[i] for i in index],
        "photometry_id": lc.photometry_id[index],
        "n": np.ones(index.size, dtype=np.int64),
    }
    return _dress(columns, theme)


def weighted_mean(columns: dict[str, Any]) -> tuple[float, float, int]:
    """Return (mean, its standard error, number of points) of unflagged points with a positive error.

    Weights are 1/error², the error is 1/√Σ weights; NaN without such a point.
    """
    error = np.asarray(columns["error"], dtype=float)
    usable = np.isin(columns["kind"], ("detection", "forced", "mean")) & np.isfinite(error) & (error > 0)
    if not usable.any():
        return float("nan"), float("nan"), 0
    weight = 1.0 / error[usable] ** 2
    mean = float(np.sum(weight * np.asarray(columns["flux"])[usable]) / weight.sum())
    return mean, float(1.0 / np.sqrt(weight.sum())), int(np.asarray(columns["n"])[usable].sum())


def light_curve_summary(lc: LightCurve, columns: dict[str, Any]) -> str:
    """Return the subtitle: what the reader must know about these points before believing them."""
    parts: list[str] = []
    drawn = int(np.sum(columns["n"]))
    late = sum(not Epoch(0.0, origin).is_observation for origin in lc.origin)
    if late:
        parts.append(f"epochs are processing times for {late:,} of {lc.n_epoch:,} points")
    if drawn > MOST_POINTS:
        parts.append(f"{drawn:,} points as means in {len(columns['mjd']):,} bins, bars: lowest to highest")
    above, below = columns["marker"].count("triangle"), columns["marker"].count("inverted_triangle")
    if above or below:
        parts.append(f"outside the axis: {above} above, {below} below")
    flagged = int(np.count_nonzero(lc.is_flagged))
    if flagged:
        parts.append(f"{flagged:,} flagged")
    left_out = lc.n_epoch - drawn - (flagged if drawn > MOST_POINTS else 0)
    if left_out > 0:
        parts.append(f"{left_out:,} without epoch or flux")
    if lc.truncated:
        parts.append("older epochs not read")
    return " · ".join(parts) or "epochs are times of observation; bars are 1 σ"


def flux_label(flux: FluxKind, unit: FluxUnit) -> str:
    """Return the axis title for a flux: peaks are per beam."""
    name = "Peak flux density" if flux == "peak" else "Integrated flux density"
    return f"{name} ({_unit_text(flux, unit)})"


def _unit_text(flux: FluxKind, unit: FluxUnit) -> str:
    return f"{unit}/beam" if flux == "peak" else unit


def _title(lc: LightCurve) -> str:
    points = "1 measurement" if lc.n_epoch == 1 else f"{lc.n_epoch:,} measurements"
    return f"{lc.source_id}: {points}"


def _file_name(path: str | None) -> str:
    return "not recorded" if path is None else (path.rstrip("/").rsplit("/", 1)[-1] or path)


def _select(lc: LightCurve, flux: FluxKind, unit: FluxUnit) -> Selected:
    scale = 1e3 if unit == "mJy" else 1.0
    values, errors = (lc.peak_jyb, lc.peak_err_jyb) if flux == "peak" else (lc.flux_jy, lc.flux_err_jy)
    kind = np.where(lc.is_forced, "forced", "detection").astype("U9")
    limit = ~np.isfinite(values) & np.isfinite(lc.rms_jy) & (lc.rms_jy > 0)
    kind[limit] = "limit"
    kind[lc.is_flagged] = "flagged"
    observed = np.array([Epoch(0.0, origin).is_observation for origin in lc.origin], dtype=bool)
    return Selected(
        mjd=lc.mjd,
        flux=np.where(limit, LIMIT_SIGMA * lc.rms_jy, values) * scale,
        error=np.where(limit, np.nan, errors) * scale,
        rms=lc.rms_jy * scale,
        kind=kind,
        observed=observed,
    )


def _aggregate(selected: Selected, known: BoolArray) -> dict[str, Any]:
    """Average unflagged measurements in equal bins of time; bars become lowest to highest value."""
    use = np.flatnonzero(known & np.isin(selected.kind, ("detection", "forced")))
    mjd, flux, error = selected.mjd[use], selected.flux[use], selected.error[use]
    weight = np.where(np.isfinite(error) & (error > 0), 1.0 / np.square(np.where(error > 0, error, 1.0)), 0.0)
    edges = np.linspace(mjd.min(), mjd.max(), AGGREGATE_BINS + 1)
    bins = np.clip(np.digitize(mjd, edges) - 1, 0, AGGREGATE_BINS - 1)
    # a bin without any usable error falls back to the plain mean
    weight = np.where(np.bincount(bins, weight, AGGREGATE_BINS)[bins] > 0, weight, 1.0)
    total = np.bincount(bins, weight, AGGREGATE_BINS)
    filled = np.flatnonzero(total > 0)
    low, high = np.full(AGGREGATE_BINS, np.inf), np.full(AGGREGATE_BINS, -np.inf)
    np.minimum.at(low, bins, flux)
    np.maximum.at(high, bins, flux)
    size = filled.size
    return {
        "mjd": (np.bincount(bins, weight * mjd, AGGREGATE_BINS) / np.maximum(total, 1e-300))[filled],
        "flux": (np.bincount(bins, weight * flux, AGGREGATE_BINS) / np.maximum(total, 1e-300))[filled],
        "error": 1.0 / np.sqrt(total[filled]),
        "lower": low[filled],
        "upper": high[filled],
        "rms": np.full(size, np.nan),
        "kind": ["mean"] * size,
        "fill_alpha": np.full(size, 0.9),
        "image": ["several"] * size,
        "flags": np.zeros(size, dtype=np.int64),
        "origin": ["several"] * size,
        "photometry_id": np.full(size, -1, dtype=np.int64),
        "n": np.bincount(bins, minlength=AGGREGATE_BINS)[filled],
    }


def _dress(columns: dict[str, Any], theme: str) -> dict[str, Any]:
    """Add times, the robust range and the look of each point."""
    colours = get_theme(theme)
    low, high = robust_range(columns)
    flux = np.asarray(columns["flux"], dtype=float)
    symbols = [
        SYMBOLS["above" if f > high else "below" if f < low else kind]
        for f, kind in zip(flux, columns["kind"], strict=True)
    ]
    dressed = {
        **columns,
        "utc_ms": utc_ms(np.asarray(columns["mjd"], dtype=float)),
        "drawn": np.clip(flux, low, high),
        "view_low": np.clip(columns["lower"], low, high),
        "view_high": np.clip(columns["upper"], low, high),
        "marker": [symbol.marker for symbol in symbols],
        "angle": np.array([symbol.angle_rad for symbol in symbols], dtype=float),
        "colour": [colours.colour(SYMBOLS[kind].token) for kind in columns["kind"]],
    }
    return {name: dressed[name] for name in COLUMNS}


def robust_range(columns: dict[str, Any]) -> tuple[float, float]:
    """Return the range of flux that is drawn in place: all of it unless a few points are far outside.

    The range is the median ± 12 robust standard deviations (1.4826 × the median absolute deviation, but at least
    the median error) of unflagged points; with fewer than five such points everything is drawn. For averaged
    points it runs from the 1st percentile of the lowest values to the 99th of the highest.
    """
    flux = np.asarray(columns["flux"], dtype=float)
    if "mean" in columns["kind"]:
        # bins carry their extremes as bars: show nearly all of them
        return float(np.percentile(columns["lower"], 1.0)), float(np.percentile(columns["upper"], 99.0))
    good = flux[np.asarray(columns["kind"], dtype="U9") != "flagged"]
    if good.size < 5:
        good = flux
    if good.size < 5:
        return -np.inf, np.inf
    middle = float(np.median(good))
    errors = np.asarray(columns["error"], dtype=float)
    errors = errors[np.isfinite(errors)]
    typical = float(np.median(errors)) if errors.size else 0.0
    width = ROBUST_RANGE_SIGMA * max(1.4826 * float(np.median(np.abs(good - middle))), typical)
    return (middle - width, middle + width) if width > 0 else (-np.inf, np.inf)


_HOVER_FORMATS = {
    "@utc_ms": "datetime",
    "@mjd": "printf",
    "@flux": "printf",
    "@error": "printf",
    "@rms": "printf",
}


def _hover_rows(unit: str) -> list[tuple[str, str]]:
    return [
        ("UTC", "@utc_ms{%F %T}"),
        ("MJD", "@mjd{%.5f}"),
        ("flux", f"@flux{{%.4g}} ± @error{{%.2g}} {unit}"),
        ("rms", f"@rms{{%.3g}} {unit}"),
        ("kind", "@kind, @n measured"),
        ("flags", "@flags"),
        ("epoch from", "@origin"),
        ("image", "@image"),
    ]


def _draw(figure: Figure, theme: Theme, source: Any) -> Any:
    figure.add_layout(
        models.Whisker(
            source=source,
            base="utc_ms",
            lower="lower",
            upper="upper",
            line_color="colour",
            line_alpha=0.7,
            upper_head=models.TeeHead(size=5, line_color="colour"),
            lower_head=models.TeeHead(size=5, line_color="colour"),
            name="error_bars",
        )
    )
    # carries the y range: bars of outliers must not widen it, error bars of the others must
    reach = figure.segment("utc_ms", "view_low", "utc_ms", "view_high", source=source, line_alpha=0.0, name="reach")
    points = figure.scatter(
        "utc_ms",
        "drawn",
        source=source,
        marker="marker",
        angle="angle",
        size=8,
        line_color="colour",
        line_width=1.5,
        fill_color="colour",
        fill_alpha="fill_alpha",
        selection_line_color=theme.text,
        nonselection_alpha=0.5,
        name="points",
    )
    figure.x_range.renderers = [points]
    figure.y_range.renderers = [reach, points]
    return points


def _mean_text(columns: dict[str, Any], flux: FluxKind, unit: FluxUnit) -> str:
    mean, error, n = weighted_mean(columns)
    return f"weighted mean {mean:.4g} ± {error:.2g} {_unit_text(flux, unit)}" if n else "no mean: no errors"


def _draw_mean(figure: Figure, theme: Theme, columns: dict[str, Any], flux: FluxKind, unit: FluxUnit) -> Any:
    source = models.ColumnDataSource({"y": [weighted_mean(columns)[0]]}, name="mean")
    line = figure.hspan(y="y", source=source, line_color=theme.muted, line_dash="dashed", line_width=1, name="mean")
    return models.LegendItem(label=value(_mean_text(columns, flux, unit)), renderers=[line], name="mean")


def _add_legend(figure: Figure, theme: Theme, kinds: set[str], mean: Any) -> None:
    """Explain the symbols that occur, in words; each is drawn from a point that lies nowhere."""
    items = []
    for kind in ("detection", "forced", "limit", "flagged", "mean"):
        if kind not in kinds:
            continue
        symbol = SYMBOLS[kind]
        colour = theme.colour(symbol.token)
        key = figure.scatter(
            [np.nan],
            [np.nan],
            marker=symbol.marker,
            angle=symbol.angle_rad,
            size=8,
            line_color=colour,
            fill_color=colour,
        )
        items.append(models.LegendItem(label=value(symbol.word), renderers=[key]))
    legend = models.Legend(
        items=[*items, mean],
        orientation="horizontal",
        name="legend",
        padding=2,
        spacing=12,
        margin=0,
        glyph_height=14,
        glyph_width=14,
        label_height=14,
        location="top_left",
    )
    figure.add_layout(legend, "above")
