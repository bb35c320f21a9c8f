"""A figure of images against time, in which outliers are named and points can be selected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from dashboards.plots.bokeh_models import Figure, models, value
from dashboards.plots.style import add_hover, add_subtitle, new_figure, paint, plain_text
from dashboards.plots.theme import FONT, get_theme
from dashboards.plots.time_axis import MS_PER_DAY, add_mjd_axis, utc_formatter, utc_ms
from data_access.analysis.outliers import THRESHOLD, Spread, spread_of

FloatArray = npt.NDArray[np.float64]
Quantity = Literal["noise", "dynamic_range", "beam"]
QUANTITIES: dict[Quantity, tuple[str, str, str]] = {
    "noise": ("Noise", "mJy/beam", "Noise (mJy/beam)"),
    "dynamic_range": ("Dynamic range", "", "Dynamic range (peak over noise)"),
    "beam": ("Beam", "″", "Beam, major axis (″)"),
}
_MOST_NAMES = 6
_USUAL = "within the usual scatter"
_APART = 0.12


@dataclass(frozen=True, slots=True)
class ImageSeries:
    """One figure of many images.

    Attributes
    ----------
    ids, names : length n_image
    mjd : float64, shape (n_image,)
        MJD days (UTC); NaN where not known.
    value : float64, shape (n_image,)
        In the unit of `QUANTITIES`; NaN where not recorded.
    scope : str
        Which images these are, when not all of the list.
    """

    quantity: Quantity
    ids: Sequence[str]
    names: Sequence[str]
    mjd: FloatArray
    value: FloatArray
    scope: str = ""

    @property
    def spread(self) -> Spread:
        """Middle, width and scores of the values."""
        return spread_of(self.value)

    def words(self, index: int) -> str:
        """Return a value with its unit."""
        unit = QUANTITIES[self.quantity][1]
        return f"{self.value[index]:.3g} {unit}".rstrip()

    def reason(self, index: int, spread: Spread, *, in_full: bool = False) -> str:
        """Return why a value stands out; in full with the numbers that say so."""
        side = "above" if spread.score[index] > 0 else "below"
        words = f"{abs(spread.score[index]):.1f} σ {side}"
        if not in_full:
            return f"{words} median"
        unit = QUANTITIES[self.quantity][1]
        middle, width = (f"{number} {unit}".rstrip() for number in (f"{spread.median:.3g}", f"{spread.sigma:.2g}"))
        return f"{self.words(index)}, {words} the median {middle} (robust σ {width}, limit {THRESHOLD:g} σ)"


@dataclass(frozen=True, slots=True)
class ImageTrendPlot:
    """The figure and the parts of it that are patched or listened to."""

    figure: Figure
    source: Any
    names: Any
    median: Any
    band: Any
    words: Any


def image_trend_columns(series: ImageSeries, *, theme: str = "dark") -> dict[str, dict[str, Any]]:
    """Return the columns of the points and of the names of outliers, by the name of their source."""
    colours, spread = get_theme(theme), series.spread
    known = np.flatnonzero(np.isfinite(series.mjd) & np.isfinite(series.value))
    known = known[np.argsort(series.mjd[known], kind="stable")]
    out = spread.stands_out[known]
    points = {
        "utc_ms": utc_ms(series.mjd[known]),
        "value": series.value[known],
        "id": [series.ids[int(i)] for i in known],
        "name": [series.names[int(i)] for i in known],
        "why": [
            series.reason(int(i), spread, in_full=True) if o else _USUAL for i, o in zip(known, out, strict=True)
        ],
        "marker": ["diamond" if o else "circle" for o in out],
        "colour": [colours.warn if o else colours.accent for o in out],
        "size": np.where(out, 11, 6),
    }  # fmt: skip
    return {"image_trend": points, "image_trend_names": _named(series, spread, known[out])}


def _named(series: ImageSeries, spread: Spread, rows: npt.NDArray[np.int64]) -> dict[str, Any]:
    """Name the most extreme outliers, as far as their names do not fall upon each other."""
    shown = series.mjd[np.isfinite(series.mjd) & np.isfinite(series.value)]
    first, span = (float(shown.min()), float(np.ptp(shown)) or 1.0) if shown.size else (0.0, 1.0)
    chosen: list[int] = []
    for row in rows[np.argsort(-np.abs(spread.score[rows]), kind="stable")].tolist():
        if len(chosen) < _MOST_NAMES and all(abs(series.mjd[row] - series.mjd[c]) > _APART * span for c in chosen):
            chosen.append(row)
    place = [(series.mjd[row] - first) / span for row in chosen]
    return {
        "utc_ms": utc_ms(series.mjd[chosen]) if chosen else np.array([]),
        "value": series.value[chosen] if chosen else np.array([]),
        "text": [plain_text(series.names[row])[:32] for row in chosen],
        "align": ["left" if share < 0.5 else "right" for share in place],
        "shift": [9 if share < 0.5 else -9 for share in place],
    }


def plot_image_trend(series: ImageSeries, *, theme: str = "dark", height: int = 260) -> ImageTrendPlot:
    """Return a figure of images against the time of observation: median, band without outliers, outliers named.

    Box and tap select points; the selection of the source is the page's to listen to.
    """
    colours = get_theme(theme)
    figure = new_figure(
        colours, title="", x_label="Time (UTC)", y_label=QUANTITIES[series.quantity][2], height=height,
        x_axis_type="datetime", name="image_trend_figure", tools="pan,box_zoom,wheel_zoom,box_select,tap,reset,save",
        x_range=models.DataRange1d(default_span=MS_PER_DAY), y_range=models.DataRange1d(range_padding=0.15),
    )  # fmt: skip
    figure.select_one({"type": models.TapTool}).visible = False  # it always is on: no button takes room for it
    figure.xaxis[0].formatter = utc_formatter()
    add_mjd_axis(figure)
    columns = image_trend_columns(series, theme=theme)
    source = models.ColumnDataSource(columns["image_trend"], name="image_trend")
    points = figure.scatter(
        "utc_ms", "value", source=source, marker="marker", size="size", color="colour", fill_alpha=0.7,
        nonselection_alpha=0.25, selection_alpha=1.0, selection_line_color=colours.text, selection_line_width=2,
        name="points",
    )  # fmt: skip
    names = models.ColumnDataSource(columns["image_trend_names"], name="image_trend_names")
    figure.text(
        "utc_ms", "value", text="text", x_offset="shift", text_align="align", text_baseline="middle", source=names,
        text_color=colours.warn, text_font=value(FONT), text_font_size="11px",
    )  # fmt: skip
    figure.y_range.renderers = [points]
    figure.x_range.renderers = [points]
    median = models.Span(dimension="width", line_color=colours.muted, line_dash="dashed", name="median", location=0)
    band = models.BoxAnnotation(fill_color=colours.accent, fill_alpha=0.06, line_color=None, name="band")
    for part in (median, band):
        figure.add_layout(part)
    unit = QUANTITIES[series.quantity][1]
    rows = [("image", "@name"), ("UTC", "@utc_ms{%F %T}"), ("value", f"@value{{%.4g}} {unit}"), ("", "@why")]
    add_hover(figure, colours, rows, renderers=[points], formatters={"@utc_ms": "datetime", "@value": "printf"})
    words = add_subtitle(figure, colours, "", name="image_trend_words")
    plot = ImageTrendPlot(figure, source, names, median, band, words)
    _set_words(plot, series)
    paint(figure, colours)
    return plot


def update_image_trend(plot: ImageTrendPlot, series: ImageSeries, *, theme: str = "dark") -> None:
    """Give a figure that is on a screen newer images or another quantity; the selection is the caller's."""
    columns = image_trend_columns(series, theme=theme)
    for source in (plot.source, plot.names):
        if not _same(source.data, columns[source.name]):
            source.data = columns[source.name]
    _set_words(plot, series)


def _set_words(plot: ImageTrendPlot, series: ImageSeries) -> None:
    label, unit, axis = QUANTITIES[series.quantity]
    spread, figure = series.spread, plot.figure
    n, n_out = len(plot.source.data["id"]), int(spread.stands_out.sum())
    low, high = spread.band if np.isfinite(spread.median) else (None, None)
    figure.title.text = f"{label} of images"
    figure.yaxis[0].axis_label = axis
    plot.median.update(location=0.0 if low is None else spread.median, visible=low is not None)
    plot.band.update(bottom=low, top=high, visible=low is not None)
    median = f"median {spread.median:.3g} {unit}".rstrip()
    words = [f"{median} of {series.scope or f'{n:,} images'}" if n else "no image with an epoch and a value"]
    words += [f"{n_out:,} beyond {THRESHOLD:g} σ (◆)"] if n_out else []
    words += [f"{len(series.ids) - n:,} without epoch or value"] if len(series.ids) > n else []
    plot.words.text = plain_text(" · ".join(words))


def _same(old: dict[str, Any], new: dict[str, Any]) -> bool:
    return old.keys() == new.keys() and all(np.array_equal(old[name], new[name]) for name in new)
