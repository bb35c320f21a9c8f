"""Antennas: where they stand and how much of their data is flagged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from dashboards.plots.bokeh_models import Figure, models, value
from dashboards.plots.empty import empty_figure
from dashboards.plots.style import add_hover, add_subtitle, new_figure, paint, plain_formatter, plain_text
from dashboards.plots.theme import Theme, get_theme
from dashboards.plots.time_axis import utc_formatter, utc_ms
from data_access.records import AntennaTable, MeasurementSetDetail

FloatArray = npt.NDArray[np.float64]

# state -> (marker, colour token, words); a fraction belongs to the first limit that it exceeds
STATES: dict[str, tuple[str, str, str]] = {
    "ok": ("circle", "ok", "up to 20 % flagged"),
    "some": ("diamond", "warn", "more than 20 %"),
    "most": ("triangle", "bad", "more than 50 %"),
    "no data": ("x", "muted", "no data"),
}
SOME_FLAGGED, MOST_FLAGGED = 0.2, 0.5
# the core reaches a quarter further than this share of the antennas; zooming out shows the outriggers
CORE_SHARE = 0.8
MOST_CHANNELS_DRAWN = 4096
# of 8 px, on the 500 px that a plot of half the page has at 1280 px
_LETTERS_IN_A_ROW = 60
# what upright names leave of the bars at least, below title and subtitle and above the label of the axis
_LEAST_PLOT_PX, _WORDS_PX, _LETTER_PX = 100, 105, 7


def flag_state(flag_fraction: FloatArray, has_data: npt.NDArray[np.bool_]) -> list[str]:
    """Return ``"ok"``, ``"some"`` (> 20 %), ``"most"`` (> 50 %) or ``"no data"`` for each antenna."""
    states = np.full(flag_fraction.shape, "ok", dtype="U8")
    states[flag_fraction > SOME_FLAGGED] = "some"
    states[flag_fraction > MOST_FLAGGED] = "most"
    states[~has_data | ~np.isfinite(flag_fraction)] = "no data"
    return [str(state) for state in states]


def antenna_columns(antennas: AntennaTable, *, theme: str = "dark") -> dict[str, Any]:
    """Return one row per antenna: ``east_m, north_m, up_m, name, percent`` (flagged), ``state`` and its look."""
    colours = get_theme(theme)
    states = flag_state(antennas.flag_fraction, antennas.has_data)
    return {
        "east_m": antennas.east_m,
        "north_m": antennas.north_m,
        "up_m": antennas.up_m,
        "name": list(antennas.names),
        "percent": 100.0 * antennas.flag_fraction,
        "words": [_percent_words(100.0 * fraction) for fraction in antennas.flag_fraction],
        "state": states,
        "marker": [STATES[state][0] for state in states],
        "colour": [colours.colour(STATES[state][1]) for state in states],
    }


def plot_antenna_layout(antennas: AntennaTable, *, theme: str = "dark", height: int = 420) -> Figure:
    """Return the array seen from above: metres east and north of its middle, equal scales.

    Colour and symbol say how much is flagged. When a few outriggers would shrink the core to a dot, the view
    starts on the core and the subtitle says how many antennas lie outside; zoom out to see them.
    """
    if not antennas.names:
        return empty_figure("no antennas in this table", theme, title="Antennas", height=height)
    colours = get_theme(theme)
    x_range, y_range, outside = _core_view(antennas.east_m, antennas.north_m)
    figure = new_figure(
        colours,
        title=f"{len(antennas.names)} antennas",
        x_label="East (m)",
        y_label="North (m)",
        height=height,
        name="antennas",
        match_aspect=True,
        x_range=x_range,
        y_range=y_range,
    )
    source = models.ColumnDataSource(antenna_columns(antennas, theme=theme), name="antennas")
    points = figure.scatter(
        "east_m",
        "north_m",
        source=source,
        marker="marker",
        size=10,
        line_color="colour",
        fill_color="colour",
        fill_alpha=0.7,
        name="antennas",
    )
    _add_state_legend(figure, colours, set(source.data["state"]))
    rows = [
        ("antenna", "@name"),
        ("flagged", "@words"),
        ("east, north, up", "@east_m{0.0}, @north_m{0.0}, @up_m{0.0} m"),
    ]
    add_hover(figure, colours, rows, renderers=[points])
    add_subtitle(figure, colours, _layout_words(antennas, outside))
    return paint(figure, colours)


def flag_bar_columns(antennas: AntennaTable, *, theme: str = "dark", most: int = 40) -> dict[str, Any]:
    """Return the antennas with the largest flagged fraction, worst first; those without data are left out."""
    known = np.flatnonzero(antennas.has_data & np.isfinite(antennas.flag_fraction))
    worst = known[np.argsort(-antennas.flag_fraction[known], kind="stable")][:most]
    columns = antenna_columns(antennas, theme=theme)
    return {
        "place": np.arange(worst.size, dtype=float),
        "name": [columns["name"][i] for i in worst],
        "percent": columns["percent"][worst],
        "words": [columns["words"][i] for i in worst],
        "state": [columns["state"][i] for i in worst],
        "colour": [columns["colour"][i] for i in worst],
    }


def plot_flag_bars(antennas: AntennaTable, *, theme: str = "dark", most: int = 40, height: int = 260) -> Figure:
    """Return the flagged share of each antenna as bars, worst first, with lines at 20 and 50 %.

    The figure is higher than `height` where long names would leave too little of it.
    """
    columns = flag_bar_columns(antennas, theme=theme, most=most)
    if not columns["name"]:
        return empty_figure("no antenna has data", theme, title="Flagged by antenna", height=height)
    colours = get_theme(theme)
    n_known = int(np.count_nonzero(antennas.has_data & np.isfinite(antennas.flag_fraction)))
    figure = new_figure(
        colours,
        title="Flagged by antenna, worst first",
        x_label="Antenna",
        y_label="Flagged (%)",
        height=max(height, _height_for(columns["name"])),
        name="flag_bars",
        x_range=models.Range1d(-0.6, len(columns["name"]) - 0.4),
        y_range=models.Range1d(0, 100),
    )
    source = models.ColumnDataSource(columns, name="flag_bars")
    bars = figure.vbar(x="place", top="percent", width=0.8, source=source, fill_color="colour", line_color=None)
    name_places(figure, columns["name"], every_name=True)
    _threshold_lines(figure, colours)
    add_hover(figure, colours, [("antenna", "@name"), ("flagged", "@words")], renderers=[bars])
    add_subtitle(figure, colours, _bar_words(len(columns["name"]), n_known, len(antennas.names) - n_known))
    return paint(figure, colours)


def _bar_words(n_shown: int, n_known: int, n_without: int) -> str:
    which = "the worst " if n_shown < n_known else ""
    without = f"; {n_without} without data not shown" if n_without else ""
    return f"{which}{n_shown} of {n_known} antennas with data{without}"


def flags_by_time_columns(detail: MeasurementSetDetail) -> dict[str, FloatArray]:
    """Return ``utc_ms, mjd, percent`` flagged of each integration."""
    order = np.argsort(detail.times_mjd, kind="stable")
    mjd = detail.times_mjd[order]
    return {"utc_ms": utc_ms(mjd), "mjd": mjd, "percent": 100.0 * detail.flag_by_time[order]}


def plot_flag_fraction_by_time(detail: MeasurementSetDetail, *, theme: str = "dark", height: int = 240) -> Figure:
    """Return the flagged share of each integration against UTC."""
    title = "Flagged by time"
    if detail.times_mjd.size == 0:
        return empty_figure("no integrations", theme, title=title, height=height)
    colours = get_theme(theme)
    figure = new_figure(
        colours,
        title=title,
        x_label="Time (UTC)",
        y_label="Flagged (%)",
        height=height,
        x_axis_type="datetime",
        name="flags_by_time",
        y_range=models.Range1d(0, 100),
        x_range=models.DataRange1d(default_span=3_600_000.0),
    )
    source = models.ColumnDataSource(flags_by_time_columns(detail), name="flags_by_time")
    points = _line_and_points(figure, colours, "utc_ms", source)
    figure.xaxis[0].formatter = utc_formatter()
    rows = [("UTC", "@utc_ms{%F %T}"), ("flagged", "@percent{0.0} %")]
    add_hover(figure, colours, rows, renderers=[points], formatters={"@utc_ms": "datetime"})
    add_subtitle(figure, colours, _coverage_words(detail))
    return paint(figure, colours)


def flags_by_channel_columns(detail: MeasurementSetDetail) -> dict[str, Any]:
    """Return ``freq_mhz, channel, percent`` of each channel in order of frequency.

    NaN rows break the line where spectral windows do not join; above 4096 channels, neighbours are averaged.
    """
    freq, flagged = detail.chan_freq_hz, 100.0 * detail.flag_by_channel
    channel = np.arange(freq.size, dtype=float)
    order = np.argsort(freq, kind="stable")
    freq, flagged, channel = freq[order] / 1e6, flagged[order], channel[order]
    group = -(-freq.size // MOST_CHANNELS_DRAWN) if freq.size else 1
    if group > 1:
        starts = np.arange(0, freq.size, group)
        size = np.diff(np.append(starts, freq.size))
        freq, flagged, channel = (np.add.reduceat(a, starts) / size for a in (freq, flagged, channel))
    gaps = np.diff(freq)
    breaks = np.flatnonzero(gaps > 3.0 * np.median(gaps)) + 1 if gaps.size > 2 else np.array([], dtype=int)
    return {
        "freq_mhz": np.insert(freq, breaks, np.nan),
        "percent": np.insert(flagged, breaks, np.nan),
        "channel": np.insert(channel, breaks, np.nan),
    }


def plot_flag_fraction_by_channel(detail: MeasurementSetDetail, *, theme: str = "dark", height: int = 240) -> Figure:
    """Return the flagged share of each channel against frequency."""
    title = "Flagged by channel"
    if detail.chan_freq_hz.size == 0:
        return empty_figure("no channels", theme, title=title, height=height)
    colours = get_theme(theme)
    figure = new_figure(
        colours,
        title=title,
        x_label="Frequency (MHz)",
        y_label="Flagged (%)",
        height=height,
        name="flags_by_channel",
        y_range=models.Range1d(0, 100),
    )
    figure.xaxis[0].formatter = plain_formatter()
    source = models.ColumnDataSource(flags_by_channel_columns(detail), name="flags_by_channel")
    points = _line_and_points(figure, colours, "freq_mhz", source)
    rows = [("frequency", "@freq_mhz{0.000} MHz"), ("channel", "@channel{0}"), ("flagged", "@percent{0.0} %")]
    add_hover(figure, colours, rows, renderers=[points])
    words = _coverage_words(detail)
    if detail.chan_freq_hz.size > MOST_CHANNELS_DRAWN:
        words = f"{detail.chan_freq_hz.size:,} channels, neighbours averaged · {words}"
    add_subtitle(figure, colours, words)
    return paint(figure, colours)


def name_places(figure: Figure, names: Sequence[str], *, every_name: bool = False) -> None:
    """Write antenna names at 0, 1, 2, ... on the x axis; `every_name` upright where they would not fit."""
    axis = figure.xaxis[0]
    axis.major_label_overrides = {place: plain_text(name) for place, name in enumerate(names)}
    figure.xgrid.visible = False
    if not every_name:
        axis.ticker = models.BasicTicker(min_interval=1, num_minor_ticks=0)
        return
    axis.ticker = models.FixedTicker(ticks=list(range(len(names))), minor_ticks=[])
    axis.major_label_policy = models.AllLabels()
    if _stand_upright(names):
        axis.major_label_orientation = "vertical"


def _stand_upright(names: Sequence[str]) -> bool:
    return sum(len(name) + 1 for name in names) > _LETTERS_IN_A_ROW


def _height_for(names: Sequence[str]) -> int:
    """Return the height that leaves room for bars below and above names that stand upright, 0 if none do."""
    if not _stand_upright(names):
        return 0
    return _WORDS_PX + _LEAST_PLOT_PX + _LETTER_PX * max(map(len, names))


def _line_and_points(figure: Figure, theme: Theme, x: str, source: Any) -> Any:
    figure.line(x, "percent", source=source, line_color=theme.accent, line_width=1.5)
    return figure.scatter(x, "percent", source=source, marker="circle", size=4, color=theme.accent)


def _threshold_lines(figure: Figure, theme: Theme) -> None:
    for percent, token in ((100 * SOME_FLAGGED, "warn"), (100 * MOST_FLAGGED, "bad")):
        figure.add_layout(
            models.Span(
                location=percent, dimension="width", line_color=theme.colour(token), line_dash="dashed", line_width=1
            )
        )


def _core_view(east_m: FloatArray, north_m: FloatArray) -> tuple[Any, Any, int]:
    """Return ranges and the number of antennas outside of them; antennas without a position do not count."""
    placed = np.isfinite(east_m) & np.isfinite(north_m)
    east, north = east_m[placed], north_m[placed]
    whole = models.DataRange1d(range_padding=0.08), models.DataRange1d(range_padding=0.08), 0
    if east.size < 5:
        return whole
    distance = np.hypot(east - np.median(east), north - np.median(north))
    core = distance <= 1.25 * np.quantile(distance, CORE_SHARE)
    # DSA-110's core is a T of 0.4 km with outriggers at 1 to 2 km; an evenly spread array is shown whole
    if distance.max() < 2.0 * max(float(distance[core].max()), 1.0):
        return whole
    middle_x, middle_y = ((float(a[core].min()) + float(a[core].max())) / 2 for a in (east, north))
    half = 0.56 * max(float(np.ptp(east[core])), float(np.ptp(north[core])), 10.0)
    inside = (np.abs(east - middle_x) <= half) & (np.abs(north - middle_y) <= half)
    return (
        models.Range1d(middle_x - half, middle_x + half),
        models.Range1d(middle_y - half, middle_y + half),
        int(np.count_nonzero(~inside)),
    )


def _layout_words(antennas: AntennaTable, outside: int) -> str:
    parts = [f"{int(np.count_nonzero(antennas.has_data))} with data"]
    unplaced = int(np.count_nonzero(~np.isfinite(antennas.east_m + antennas.north_m)))
    if unplaced:
        parts.append(f"{unplaced} without a position not shown")
    if outside:
        parts.append(f"view of the core: {outside} outriggers outside, zoom out to see them")
    return " · ".join(parts)


def _percent_words(percent: float) -> str:
    return f"{percent:.1f} %" if np.isfinite(percent) else "no data"


def _coverage_words(detail: MeasurementSetDetail) -> str:
    total = (
        f"{100 * detail.flag_fraction:.1f} % of all visibilities flagged" if np.isfinite(detail.flag_fraction) else ""
    )
    return " · ".join(part for part in (total, "only part of the rows was read" if detail.truncated else "") if part)


def _add_state_legend(figure: Figure, theme: Theme, present: set[str]) -> None:
    items = []
    for state, (marker, token, words) in STATES.items():
        if state in present:
            colour = theme.colour(token)
            key = figure.scatter([np.nan], [np.nan], marker=marker, size=9, line_color=colour, fill_color=colour)
            items.append(models.LegendItem(label=value(words), renderers=[key]))
    figure.add_layout(
        models.Legend(items=items, orientation="horizontal", location="top_left", padding=2, margin=0, spacing=12),
        "above",
    )
