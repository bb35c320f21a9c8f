"""Solutions of a calibration table: delays, bandpasses and gains, with what is flagged left out."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from dashboards.plots.antennas import name_places, plot_flag_bars
from dashboards.plots.bokeh_models import Figure, models
from dashboards.plots.caltable_values import (
    Quantity,
    antenna_band,
    antenna_points,
    antenna_snr,
    good_values,
    quantities,
    time_band,
)
from dashboards.plots.empty import empty_figure
from dashboards.plots.style import add_hover, add_subtitle, new_figure, paint, plain_formatter
from dashboards.plots.theme import Theme, get_theme
from dashboards.plots.time_axis import add_mjd_axis, utc_formatter
from data_access.records import CaltableDetail

FloatArray = npt.NDArray[np.float64]
# below this signal-to-noise a solution is not trusted: CASA's default for minsnr in gaincal and bandpass
SNR_THRESHOLD = 3.0
_MARKERS = ("circle", "square", "diamond", "triangle")
_DASHES = ("solid", "dashed", "dotted", "dotdash")


def plot_caltable(
    detail: CaltableDetail, *, theme: str = "dark", antenna: str | None = None, height: int = 280
) -> list[Figure]:
    """Return the figures that suit the kind of table.

    K: delay of each antenna; KAntPos: offset of its position. B (and everything else with channels): amplitude and
    phase against frequency, the median of all antennas with the band from the 16th to the 84th percentile, and one
    antenna on top when `antenna` names it. G: amplitude and phase of each antenna, or against time when there are
    several times.
    Then, for all: flagged share and signal-to-noise of each antenna. Flagged solutions are gaps, never points.
    """
    figures: list[Figure] = []
    if detail.values.size == 0:
        return [empty_figure("this table has no solutions", theme, title=detail.kind, height=height)]
    good = good_values(detail)
    for quantity in quantities(detail):
        if detail.values.shape[3] > 1:
            figures.append(_plot_spectrum(detail, good, quantity, theme, antenna, height))
        elif detail.times_mjd.size > 1:
            figures.append(_plot_times(detail, good, quantity, theme, antenna, height))
        else:
            figures.append(_plot_antennas(detail, good, quantity, theme, antenna, height))
    figures.append(plot_flag_bars(detail.antennas, theme=theme, height=height))
    figures.append(_plot_snr(detail, theme, height))
    return figures


def _start(
    detail: CaltableDetail, quantity: Quantity, theme: Theme, x_label: str, height: int, **options: Any
) -> Figure:
    figure = new_figure(
        theme,
        title=f"{detail.kind}: {quantity.name.lower()}",
        x_label=x_label,
        y_label=f"{quantity.name} ({quantity.unit})",
        height=height,
        name=f"caltable_{quantity.name.lower()}",
        **options,
    )
    figure.yaxis.formatter = models.BasicTickFormatter(power_limit_low=-6)
    if quantity.unit == "degrees":
        figure.y_range = models.Range1d(-190, 190)
        figure.yaxis.ticker = models.FixedTicker(ticks=[-180, -90, 0, 90, 180])
    return figure


def _finish(figure: Figure, detail: CaltableDetail, theme: Theme, extra: str = "") -> Figure:
    flagged = 100 * detail.flag_fraction
    words = f"{flagged:.1f} % of {detail.n_solutions:,} solutions flagged" if np.isfinite(flagged) else "empty table"
    if detail.n_solutions and detail.n_flagged >= detail.n_solutions:
        words = f"all {detail.n_solutions:,} solutions are flagged: nothing to draw"
    elif detail.n_not_finite:
        words += f" · {detail.n_not_finite:,} unflagged ones are not finite and not drawn"
    refant = f"reference antenna {', '.join(detail.refants[:3])}" if detail.refants else ""
    for legend in list(figure.legend):
        legend.update(orientation="horizontal", location="top_left", padding=2, margin=0, spacing=12)
        figure.center.remove(legend)
        figure.add_layout(legend, "above")
    add_subtitle(figure, theme, " · ".join(part for part in (words, extra, refant) if part))
    return paint(figure, theme)


def _plot_spectrum(
    detail: CaltableDetail,
    good: npt.NDArray[Any],
    quantity: Quantity,
    theme_name: str,
    antenna: str | None,
    height: int,
) -> Figure:
    theme = get_theme(theme_name)
    figure = _start(detail, quantity, theme, "Frequency (MHz)", height)
    figure.xaxis[0].formatter = plain_formatter()
    lines = []
    for pol, pol_name in enumerate(detail.pol_names):
        colour = theme.series[pol % len(theme.series)]
        band = models.ColumnDataSource(antenna_band(detail, good, quantity, pol), name=f"band_{pol}")
        figure.varea("freq_mhz", "low", "high", source=band, fill_color=colour, fill_alpha=0.2)
        label = f"{pol_name} median"
        dash = _DASHES[pol % len(_DASHES)]
        lines.append(
            figure.line("freq_mhz", "median", source=band, line_color=colour, line_dash=dash, legend_label=label)
        )
    chosen = _antenna_index(detail, antenna)
    if chosen is not None:
        for pol, pol_name in enumerate(detail.pol_names):
            one = antenna_band(detail, good[:, [chosen]], quantity, pol)
            source = models.ColumnDataSource(one, name=f"antenna_{pol}")
            figure.scatter(
                "freq_mhz",
                "median",
                source=source,
                size=3,
                marker=_MARKERS[pol % len(_MARKERS)],
                color=theme.text,
                fill_alpha=1.0 if pol == 0 else 0.0,
                legend_label=f"antenna {antenna} {pol_name}",
            )
    rows = [("frequency", "@freq_mhz{0.000} MHz"), (quantity.name.lower(), f"@median{{0.000}} {quantity.unit}")]
    add_hover(figure, theme, rows, renderers=lines, mode="vline")
    return _finish(figure, detail, theme, _missing_words(antenna, chosen))


def _plot_antennas(
    detail: CaltableDetail,
    good: npt.NDArray[Any],
    quantity: Quantity,
    theme_name: str,
    antenna: str | None,
    height: int,
) -> Figure:
    theme = get_theme(theme_name)
    figure = _start(detail, quantity, theme, "Antenna (name, in order of the table)", height)
    chosen = _antenna_index(detail, antenna)
    points = []
    for pol, pol_name in enumerate(detail.pol_names):
        columns = antenna_points(detail, good, quantity, pol)
        columns["size"] = [13 if index == chosen else 7 for index in columns["antenna"]]
        source = models.ColumnDataSource(columns, name=f"antennas_{pol}")
        points.append(
            figure.scatter(
                "antenna",
                "value",
                source=source,
                size="size",
                marker=_MARKERS[pol % len(_MARKERS)],
                color=theme.series[pol % len(theme.series)],
                fill_alpha=0.7 if pol == 0 else 0.0,
                legend_label=pol_name,
            )
        )
    name_places(figure, detail.antennas.names)
    rows = [("antenna", "@name"), (quantity.name.lower(), f"@value{{0.0000}} {quantity.unit}")]
    add_hover(figure, theme, rows, renderers=points)
    return _finish(figure, detail, theme, _missing_words(antenna, chosen))


def _plot_times(
    detail: CaltableDetail,
    good: npt.NDArray[Any],
    quantity: Quantity,
    theme_name: str,
    antenna: str | None,
    height: int,
) -> Figure:
    theme = get_theme(theme_name)
    figure = _start(detail, quantity, theme, "Time (UTC)", height, x_axis_type="datetime")
    chosen = _antenna_index(detail, antenna)
    values = good if chosen is None else good[:, [chosen]]
    lines = []
    for pol, pol_name in enumerate(detail.pol_names):
        colour = theme.series[pol % len(theme.series)]
        source = models.ColumnDataSource(time_band(detail, values, quantity, pol), name=f"times_{pol}")
        who = "median of antennas" if chosen is None else f"antenna {antenna}"
        if chosen is None:
            figure.varea("utc_ms", "low", "high", source=source, fill_color=colour, fill_alpha=0.2)
        figure.line("utc_ms", "median", source=source, line_color=colour, line_dash=_DASHES[pol % len(_DASHES)])
        lines.append(
            figure.scatter(
                "utc_ms",
                "median",
                source=source,
                size=6,
                marker=_MARKERS[pol % len(_MARKERS)],
                color=colour,
                legend_label=f"{pol_name} {who}",
            )
        )
    figure.xaxis[0].formatter = utc_formatter()
    rows = [("UTC", "@utc_ms{%F %T}"), (quantity.name.lower(), f"@median{{0.000}} {quantity.unit}")]
    add_hover(figure, theme, rows, renderers=lines, formatters={"@utc_ms": "datetime"})
    add_mjd_axis(figure)
    return _finish(figure, detail, theme, _missing_words(antenna, chosen))


def _plot_snr(detail: CaltableDetail, theme_name: str, height: int) -> Figure:
    columns = antenna_snr(detail)
    # Zero for every antenna is what solvers write that compute none (delays): no figure, not a bad one.
    if not np.any(columns["value"]):
        return empty_figure("no signal-to-noise is recorded", theme_name, title="Signal-to-noise", height=height)
    theme = get_theme(theme_name)
    figure = new_figure(
        theme,
        title="Median signal-to-noise of unflagged solutions",
        x_label="Antenna (name, in order of the table)",
        y_label="Signal-to-noise (ratio)",
        height=height,
        name="caltable_snr",
        y_range=models.DataRange1d(start=0),
    )
    weak = columns["value"] < SNR_THRESHOLD
    columns["colour"] = [theme.bad if low else theme.accent for low in weak]
    columns["marker"] = ["triangle" if low else "circle" for low in weak]
    source = models.ColumnDataSource(columns, name="snr")
    points = figure.scatter("antenna", "value", source=source, size=7, marker="marker", color="colour")
    figure.add_layout(
        models.Span(
            location=SNR_THRESHOLD,
            dimension="width",
            line_color=theme.warn,
            line_dash="dashed",
            line_width=1,
            name="threshold",
        )
    )
    name_places(figure, detail.antennas.names)
    add_hover(figure, theme, [("antenna", "@name"), ("signal-to-noise", "@value{0.0}")], renderers=[points])
    words = f"{int(weak.sum())} of {weak.size} antennas below {SNR_THRESHOLD:g} (dashed), as triangles"
    add_subtitle(figure, theme, words)
    return paint(figure, theme)


def _antenna_index(detail: CaltableDetail, antenna: str | None) -> int | None:
    return detail.antennas.names.index(antenna) if antenna in detail.antennas.names else None


def _missing_words(antenna: str | None, chosen: int | None) -> str:
    return f"no antenna {antenna} in this table" if antenna and chosen is None else ""
