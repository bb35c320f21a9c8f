"""A figure of images against time, in which outliers are named and points can be selected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from dashboards.plots.bokeh_models import Figure, models, value
from dashboards.plots.style import add_hover, add_subtitle, how_many, new_figure, paint, plain_text
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
_LARGEST_MJY = 1e4
_USUAL = "within the usual scatter"
# Inside of its axes, on a screen of 1280 pixels.
NARROWEST_PX, LOWEST_PX = 300.0, 110.0
_LONGEST_NAME = 24
_LETTER_PX, _LINE_PX = 6.5, 14.0
_SHIFT = {"left": 9, "right": -9, "center": 0}
_DROP = 15


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

    @property
    def is_drawn(self) -> npt.NDArray[np.bool_]:
        """Which images have both an epoch and a value, shape (n_image,)."""
        return np.isfinite(self.mjd) & np.isfinite(self.value)

    def words(self, index: int) -> str:
        """Return a value with its unit."""
        return self._with_unit(float(self.value[index]))

    def _with_unit(self, number: float, *, digits: int = 3) -> str:
        unit = QUANTITIES[self.quantity][1]
        if unit == "mJy/beam" and abs(number) >= _LARGEST_MJY:
            number, unit = number / 1e3, "Jy/beam"
        return f"{number:.{digits}g} {unit}".rstrip()

    def reason(self, index: int, spread: Spread, *, in_full: bool = False) -> str:
        """Return why a value stands out; in full with the numbers that say so."""
        side = "above" if spread.score[index] > 0 else "below"
        words = f"{abs(spread.score[index]):.1f} σ {side}"
        if not in_full:
            return f"{words} median"
        middle, width = self._with_unit(spread.median), self._with_unit(spread.sigma, digits=2)
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
    known = np.flatnonzero(series.is_drawn)
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
    shown = series.is_drawn
    x, y = _shares(series.mjd, shown), _shares(series.value, shown)
    chosen: list[_Name] = []
    for row in rows[np.argsort(-np.abs(spread.score[rows]), kind="stable")].tolist():
        name = _Name(row, _shortened(series.names[row]), float(x[row]), float(y[row]))
        if len(chosen) < _MOST_NAMES and not any(name.meets(other) for other in chosen):
            chosen.append(name)
    places = [name.row for name in chosen]
    return {
        "utc_ms": utc_ms(series.mjd[places]) if places else np.array([]),
        "value": series.value[places] if places else np.array([]),
        "text": [name.text for name in chosen],
        "align": [name.align for name in chosen],
        "shift": [_SHIFT[name.align] for name in chosen],
        "drop": [name.drop for name in chosen],
    }


def _shares(values: FloatArray, shown: npt.NDArray[np.bool_]) -> FloatArray:
    """Return where values lie on an axis that holds the shown ones, 0 to 1; a single one lies in its middle."""
    low, span = (float(values[shown].min()), float(np.ptp(values[shown]))) if shown.any() else (0.0, 0.0)
    return (values - low) / span if span > 0 else np.full(values.size, 0.5)


def _shortened(name: str) -> str:
    return plain_text(name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…")


@dataclass(frozen=True, slots=True)
class _Name:
    """The name of an outlier where it stays inside of a narrow figure: beside its point, below or above it."""

    row: int
    text: str
    x: float
    y: float

    @property
    def align(self) -> str:
        """Towards the middle of the figure."""
        return "left" if self.x < 1 / 3 else "right" if self.x > 2 / 3 else "center"

    @property
    def drop(self) -> int:
        """Pixels below the point: a name in the middle stands on the side with more room."""
        return 0 if self.align != "center" else _DROP if self.y > 0.5 else -_DROP

    def ends(self) -> tuple[float, float]:
        """Left and right end of the text as shares of the narrowest figure."""
        width = len(self.text) * _LETTER_PX / NARROWEST_PX
        away = _SHIFT[self.align] / NARROWEST_PX
        left = {"left": self.x + away, "right": self.x + away - width, "center": self.x - width / 2}[self.align]
        return left, left + width

    def meets(self, other: _Name) -> bool:
        """Return whether two names would touch."""
        (left, right), (other_left, other_right) = self.ends(), other.ends()
        own, height = (name.y - name.drop / LOWEST_PX for name in (self, other))
        return left < other_right and other_left < right and abs(own - height) < _LINE_PX / LOWEST_PX


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
        "utc_ms", "value", text="text", x_offset="shift", y_offset="drop", text_align="align",
        text_baseline="middle", source=names, text_color=colours.warn, text_font=value(FONT), text_font_size="11px",
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
    words = [f"{median} of {series.scope or how_many(n, 'image')}" if n else "no image with an epoch and a value"]
    words += [f"{n_out:,} beyond {THRESHOLD:g} σ (◆)"] if n_out else []
    words += [f"{len(series.ids) - n:,} without epoch or value"] if len(series.ids) > n else []
    plot.words.text = plain_text(" · ".join(words))


def _same(old: dict[str, Any], new: dict[str, Any]) -> bool:
    return old.keys() == new.keys() and all(np.array_equal(old[name], new[name]) for name in new)
