"""Plots over nights: noise of images, what happened when, transits, pointings, and where on the sky."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from dashboards.plots.bokeh_models import Figure, models
from dashboards.plots.empty import empty_figure
from dashboards.plots.style import add_hover, add_subtitle, how_many, new_figure, paint
from dashboards.plots.theme import Theme, get_theme
from dashboards.plots.time_axis import MS_PER_DAY, add_mjd_axis, utc_formatter, utc_ms
from data_access.analysis.times import format_mjd_utc
from data_access.records import CalibratorTransit, Pointing

FloatArray = npt.NDArray[np.float64]
Lane = Literal["observed", "converted", "imaged", "failed"]

# lane -> (marker, colour token); the lane itself is the word
LANES: dict[str, tuple[str, str]] = {
    "failed": ("x", "bad"),
    "imaged": ("square", "ok"),
    "converted": ("diamond", "accent"),
    "observed": ("circle", "info"),
}


@dataclass(frozen=True, slots=True)
class Night:
    """The time that plots beside each other share: MJD days, UTC."""

    start_mjd: float
    end_mjd: float


@dataclass(frozen=True, slots=True)
class TimelineEvent:
    """Something that happened at one moment (`end_mjd` None) or over a time; MJD days, UTC."""

    lane: Lane
    start_mjd: float
    end_mjd: float | None = None
    label: str = ""


def noise_trend_columns(
    mjd: FloatArray, noise_jy: FloatArray, names: Sequence[str], *, unit: Literal["mJy", "Jy"] = "mJy"
) -> dict[str, Any]:
    """Return ``utc_ms, mjd, noise, name`` in order of time; rows without epoch or noise are left out."""
    mjd, noise = np.asarray(mjd, dtype=float), np.asarray(noise_jy, dtype=float)
    known = np.flatnonzero(np.isfinite(mjd) & np.isfinite(noise))
    known = known[np.argsort(mjd[known], kind="stable")]
    scale = 1e3 if unit == "mJy" else 1.0
    return {
        "utc_ms": utc_ms(mjd[known]),
        "mjd": mjd[known],
        "noise": noise[known] * scale,
        "name": [names[int(i)] for i in known],
    }


def plot_noise_trend(
    mjd: FloatArray,
    noise_jy: FloatArray,
    names: Sequence[str],
    *,
    theme: str = "dark",
    unit: Literal["mJy", "Jy"] = "mJy",
    night: Night | None = None,
    height: int = 260,
) -> Figure:
    """Return the noise of images against the time of observation, with the median as a dashed line.

    Parameters
    ----------
    mjd, noise_jy : float64, shape (n_image,)
        MJD days (UTC) and Jy/beam; NaN where unknown.
    names : sequence of str, length n_image
    night : Night, optional
        The time that is shown: images of other times are counted in words, they do not stretch the axis.
    """
    columns = noise_trend_columns(mjd, noise_jy, names, unit=unit)
    title = "Noise of images"
    if not columns["name"]:
        return empty_figure("no image with an epoch and a noise", theme, title=title, height=height)
    left_out = len(names) - len(columns["name"])
    columns, n_other = _within(columns, night)
    if not columns["name"]:
        return empty_figure(f"{how_many(n_other, 'image')}, all of other times", theme, title=title, height=height)
    colours = get_theme(theme)
    figure = _time_figure(colours, title, f"Noise ({unit}/beam)", height, "noise_trend", x_range=_time_range(night))
    source = models.ColumnDataSource(columns, name="noise_trend")
    points = figure.scatter("utc_ms", "noise", source=source, size=6, color=colours.accent, fill_alpha=0.7)
    median = float(np.median(columns["noise"]))
    figure.add_layout(
        models.Span(
            location=median, dimension="width", line_color=colours.muted, line_dash="dashed", name="median_noise"
        )
    )
    rows = [("image", "@name"), ("UTC", "@utc_ms{%F %T}"), ("noise", f"@noise{{%.3g}} {unit}/beam")]
    add_hover(figure, colours, rows, renderers=[points], formatters={"@utc_ms": "datetime", "@noise": "printf"})
    words = [f"median {median:.3g} {unit}/beam (dashed) of {how_many(len(columns['name']), 'image')}"]
    words += [f"{n_other:,} of other times"] if n_other else []
    words += [f"{left_out:,} without epoch or noise"] if left_out else []
    add_subtitle(figure, colours, " · ".join(words))
    return paint(figure, colours)


def timeline_columns(events: Sequence[TimelineEvent], *, theme: str = "dark") -> dict[str, Any]:
    """Return one row per event: ``lane, start_ms, end_ms`` and its look; events without a time are left out."""
    colours = get_theme(theme)
    known = [event for event in events if np.isfinite(event.start_mjd)]
    start = utc_ms(np.array([event.start_mjd for event in known], dtype=float))
    end = utc_ms(np.array([_end_mjd(event) for event in known], dtype=float))
    return {
        "lane": [event.lane for event in known],
        "start_ms": start,
        "end_ms": end,
        "label": [event.label for event in known],
        "marker": [LANES[event.lane][0] for event in known],
        "colour": [colours.colour(LANES[event.lane][1]) for event in known],
    }


def plot_timeline(
    events: Sequence[TimelineEvent],
    *,
    theme: str = "dark",
    night: Night | None = None,
    height: int = 240,
) -> Figure:
    """Return one lane each for observed, converted, imaged and failed against UTC.

    `night` fixes the time that is shown; without it the events do.
    """
    columns = timeline_columns(events, theme=theme)
    if not columns["lane"] and night is None:
        return empty_figure("nothing happened in this time", theme, title="Timeline", height=height)
    colours = get_theme(theme)
    figure = _time_figure(
        colours,
        "Timeline",
        "Last step (name)",
        height,
        "timeline",
        x_range=_time_range(night, MS_PER_DAY / 24),
        y_range=models.FactorRange(factors=list(LANES)),
    )
    source = models.ColumnDataSource(columns, name="timeline")
    bars = figure.hbar(
        y="lane", left="start_ms", right="end_ms", height=0.5, source=source, fill_color="colour", line_color="colour"
    )
    points = figure.scatter(
        "start_ms", "lane", source=source, marker="marker", size=8, color="colour", fill_alpha=0.8
    )
    rows = [("what", "@label"), ("step", "@lane"), ("from", "@start_ms{%F %T}"), ("to", "@end_ms{%F %T}")]
    formats = {"@start_ms": "datetime", "@end_ms": "datetime"}
    add_hover(figure, colours, rows, renderers=[bars, points], formatters=formats)
    counts = [f"{columns['lane'].count(lane):,} {lane}" for lane in reversed(LANES)]
    add_subtitle(figure, colours, " · ".join(counts))
    return paint(figure, colours)


def transit_columns(transits: Sequence[CalibratorTransit], *, theme: str = "dark") -> dict[str, Any]:
    """Return one row per transit with a time: ``utc_ms, calibrator, pb_response, state`` and its look."""
    colours = get_theme(theme)
    known = [transit for transit in transits if transit.transit_mjd is not None]
    states = ["data" if t.has_data else "no data" if t.has_data is False else "not recorded" for t in known]
    looks = {"data": ("circle", "ok", 0.8), "no data": ("x", "bad", 0.8), "not recorded": ("square", "muted", 0.0)}
    return {
        "utc_ms": utc_ms(np.array([t.transit_mjd for t in known], dtype=float)),
        "calibrator": [t.calibrator_name for t in known],
        "pb_response": np.array([np.nan if t.pb_response is None else t.pb_response for t in known], dtype=float),
        "group": [t.group_id or "not recorded" for t in known],
        "state": states,
        "marker": [looks[state][0] for state in states],
        "colour": [colours.colour(looks[state][1]) for state in states],
        "fill_alpha": np.array([looks[state][2] for state in states]),
    }


def plot_transits(transits: Sequence[CalibratorTransit], *, theme: str = "dark", height: int = 260) -> Figure:
    """Return calibrator transits, one lane per calibrator: filled circle with data, cross without."""
    columns = transit_columns(transits, theme=theme)
    title = "Calibrator transits"
    if not columns["calibrator"]:
        return empty_figure("no transit is recorded", theme, title=title, height=height)
    colours = get_theme(theme)
    lanes = sorted(set(columns["calibrator"]), reverse=True)
    figure = _time_figure(
        colours, title, "Calibrator (name)", height, "transits", y_range=models.FactorRange(factors=lanes)
    )
    source = models.ColumnDataSource(columns, name="transits")
    points = figure.scatter(
        "utc_ms",
        "calibrator",
        source=source,
        marker="marker",
        size=10,
        line_color="colour",
        fill_color="colour",
        fill_alpha="fill_alpha",
    )
    rows = [
        ("calibrator", "@calibrator"),
        ("transit (UTC)", "@utc_ms{%F %T}"),
        ("data", "@state"),
        ("group", "@group"),
        ("primary beam", "@pb_response{0.00}"),
    ]
    add_hover(figure, colours, rows, renderers=[points], formatters={"@utc_ms": "datetime"})
    with_data = columns["state"].count("data")
    add_subtitle(figure, colours, f"{with_data} of {len(columns['state'])} transits have data; × has none")
    return paint(figure, colours)


def pointing_columns(pointings: Sequence[Pointing]) -> dict[str, Any]:
    """Return ``utc_ms, mjd, ra_deg, dec_deg`` in order of time; pointings without a declination are left out."""
    known = sorted((p for p in pointings if p.dec_deg is not None), key=lambda pointing: pointing.mjd)
    mjd = np.array([p.mjd for p in known], dtype=float)
    return {
        "utc_ms": utc_ms(mjd),
        "mjd": mjd,
        "ra_deg": np.array([np.nan if p.ra_deg is None else p.ra_deg for p in known], dtype=float),
        "dec_deg": np.array([p.dec_deg for p in known], dtype=float),
    }


def plot_pointing(
    pointings: Sequence[Pointing], *, theme: str = "dark", night: Night | None = None, height: int = 240
) -> Figure:
    """Return the declination at which the array pointed against time (it is a drift-scan instrument).

    Of pointings outside of `night` only the last one is told, in words: the array stays where it was left.
    """
    known = pointing_columns(pointings)
    if not known["mjd"].size:
        return empty_figure("no pointing is recorded", theme, title="Pointing", height=height)
    columns, n_other = _within(known, night)
    if not columns["mjd"].size:
        left = f"none recorded in this time; newest: {known['dec_deg'][-1]:+.3f}° at"
        words = f"{left} {format_mjd_utc(float(known['mjd'][-1]), seconds=False)} UTC"
        return empty_figure(words, theme, title="Pointing", height=height)
    colours = get_theme(theme)
    figure = _time_figure(
        colours,
        "Pointing",
        "Declination (degrees, ICRS)",
        height,
        "pointing",
        x_range=_time_range(night),
        y_range=models.DataRange1d(default_span=2.0, range_padding=0.1),
    )
    source = models.ColumnDataSource(columns, name="pointing")
    figure.step("utc_ms", "dec_deg", source=source, mode="after", line_color=colours.accent, line_alpha=0.5)
    points = figure.scatter("utc_ms", "dec_deg", source=source, size=5, color=colours.accent)
    rows = [("UTC", "@utc_ms{%F %T}"), ("right ascension", "@ra_deg{0.000}°"), ("declination", "@dec_deg{0.000}°")]
    add_hover(figure, colours, rows, renderers=[points], formatters={"@utc_ms": "datetime"})
    n_shown = len(columns["mjd"])
    words = f"{how_many(n_shown, 'pointing')}, the last one {columns['dec_deg'][-1]:+.3f}°"
    add_subtitle(figure, colours, f"{words} · {n_other:,} of other times" if n_other else words)
    return paint(figure, colours)


def sky_coverage_columns(
    ra_deg: FloatArray, dec_deg: FloatArray, labels: Sequence[str], radius_deg: float
) -> dict[str, Any]:
    """Return outlines ``xs, ys`` (degrees) of circles on the sky, with ``ra_deg, dec_deg, label``.

    Outlines are true circles about each centre, cut where they cross 0 h; fields without a position are left out.
    """
    ra, dec = np.asarray(ra_deg, dtype=float), np.asarray(dec_deg, dtype=float)
    known = np.flatnonzero(np.isfinite(ra) & np.isfinite(dec))
    outlines = [_circle(float(ra[i]), float(dec[i]), radius_deg) for i in known]
    return {
        "xs": [outline[0] for outline in outlines],
        "ys": [outline[1] for outline in outlines],
        "ra_deg": ra[known] % 360.0,
        "dec_deg": dec[known],
        "label": [labels[int(i)] for i in known],
    }


def plot_sky_coverage(
    ra_deg: FloatArray,
    dec_deg: FloatArray,
    labels: Sequence[str],
    radius_deg: float,
    *,
    theme: str = "dark",
    height: int = 320,
) -> Figure:
    """Return fields on the sky: right ascension grows to the left, as the sky is seen.

    Parameters
    ----------
    ra_deg, dec_deg : float64, shape (n_field,)
        ICRS centres in degrees; NaN where unknown.
    labels : sequence of str, length n_field
    radius_deg : float
        Radius of the circles, for example half of the primary beam's width at half power.
    """
    columns = sky_coverage_columns(ra_deg, dec_deg, labels, radius_deg)
    if not columns["label"]:
        return empty_figure("no field with a position", theme, title="Sky coverage", height=height)
    colours = get_theme(theme)
    low, high = float(columns["dec_deg"].min()), float(columns["dec_deg"].max())
    figure = new_figure(
        colours,
        title="Sky coverage",
        x_label="Right ascension (hours, ICRS)",
        y_label="Declination (degrees, ICRS)",
        height=height,
        name="sky_coverage",
        x_range=models.Range1d(360, 0),
        y_range=models.Range1d(max(low - radius_deg - 5, -90), min(high + radius_deg + 5, 90)),
    )
    source = models.ColumnDataSource(columns, name="sky_coverage")
    figure.multi_line("xs", "ys", source=source, line_color=colours.accent, line_alpha=0.7)
    points = figure.scatter("ra_deg", "dec_deg", source=source, size=5, color=colours.accent)
    hours = range(0, 25, 3)
    figure.xaxis.ticker = models.FixedTicker(ticks=[15 * hour for hour in hours], minor_ticks=[])
    figure.xaxis.major_label_overrides = {15 * hour: f"{hour}h" for hour in hours}
    rows = [("field", "@label"), ("right ascension", "@ra_deg{0.000}°"), ("declination", "@dec_deg{0.000}°")]
    add_hover(figure, colours, rows, renderers=[points])
    add_subtitle(figure, colours, f"{len(columns['label']):,} fields, circles of {radius_deg:g}° radius")
    return paint(figure, colours)


def _within(columns: dict[str, Any], night: Night | None) -> tuple[dict[str, Any], int]:
    """Return the rows whose ``mjd`` lies in the night, and how many others there are."""
    if night is None:
        return columns, 0
    inside = np.flatnonzero((columns["mjd"] >= night.start_mjd) & (columns["mjd"] <= night.end_mjd))
    kept = {
        name: values[inside] if isinstance(values, np.ndarray) else [values[int(i)] for i in inside]
        for name, values in columns.items()
    }
    return kept, len(columns["mjd"]) - inside.size


def _time_range(night: Night | None, default_span_ms: float = MS_PER_DAY) -> Any:
    """Return the range of the time axis: the night, or what the data fill."""
    if night is None:
        return models.DataRange1d(default_span=default_span_ms)
    first, last = (float(ms) for ms in utc_ms(np.array([night.start_mjd, night.end_mjd])))
    return models.Range1d(start=first, end=last, reset_start=first, reset_end=last)


def _time_figure(theme: Theme, title: str, y_label: str, height: int, name: str, **options: Any) -> Figure:
    options.setdefault("x_range", models.DataRange1d(default_span=MS_PER_DAY))
    figure = new_figure(
        theme,
        title=title,
        x_label="Time (UTC)",
        y_label=y_label,
        height=height,
        x_axis_type="datetime",
        name=name,
        **options,
    )
    figure.xaxis[0].formatter = utc_formatter()
    add_mjd_axis(figure)
    return figure


def _end_mjd(event: TimelineEvent) -> float:
    return event.start_mjd if event.end_mjd is None or not np.isfinite(event.end_mjd) else event.end_mjd


def _circle(ra_deg: float, dec_deg: float, radius_deg: float) -> tuple[FloatArray, FloatArray]:
    """Return the points at one distance from a centre (spherical law of cosines); NaN where RA wraps."""
    bearing = np.linspace(0.0, 2 * np.pi, 49)
    dec, radius = np.radians(dec_deg), np.radians(radius_deg)
    lat = np.arcsin(np.sin(dec) * np.cos(radius) + np.cos(dec) * np.sin(radius) * np.cos(bearing))
    step = np.arctan2(np.sin(bearing) * np.sin(radius) * np.cos(dec), np.cos(radius) - np.sin(dec) * np.sin(lat))
    x, y = (ra_deg + np.degrees(step)) % 360.0, np.degrees(lat)
    wraps = np.flatnonzero(np.abs(np.diff(x)) > 180.0) + 1
    return np.insert(x, wraps, np.nan), np.insert(y, wraps, np.nan)
