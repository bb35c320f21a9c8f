"""Where images lie on the sky: their fields as outlines, coloured by noise or age, selectable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from dashboards.plots.bokeh_models import Figure, models
from dashboards.plots.style import add_hover, add_subtitle, how_many, new_figure, paint, plain_text
from dashboards.plots.theme import Theme, get_theme

FloatArray = npt.NDArray[np.float64]
MapColour = Literal["noise", "age"]
MAP_COLOURS: dict[MapColour, str] = {"noise": "Noise (mJy/beam)", "age": "Age (days)"}
# Half of the full width at half power of a 4.65 m dish at 1.4 GHz, 1.02 wavelengths over the diameter.
PRIMARY_BEAM_RADIUS_DEG = 1.35
_DARKEST_LEVEL = 70
_POLAR_DEG = 85.0
_MOST_POLAR = 200
_N_POINTS = 49
_TICKER = """
const {start, end} = cb_data.range, low = Math.min(start, end), high = Math.max(start, end)
const step = [0.25, 0.5, 1.25, 2.5, 5, 7.5, 15, 30, 45, 60, 90].find(s => (high - low) / s <= 9) ?? 90
const places = []
for (let k = Math.ceil(low / step); k * step <= high && places.length < 40; k++) places.push(k * step)
return places
"""
_HOURS = """
const minutes = Math.round((((tick % 360) + 360) % 360) * 4 * 60) / 60, whole = Math.floor(minutes / 60) % 24
const rest = minutes - Math.floor(minutes / 60) * 60
return `${whole}h` + (rest > 1e-6 ? `${String(Math.floor(rest)).padStart(2, '0')}m` : '') + (rest % 1 > 1e-3 ? `${Math.round(rest % 1 * 60)}s` : '')
"""  # noqa: E501 - one expression


@dataclass(frozen=True, slots=True)
class ImageFields:
    """Fields of images on the sky; positions ICRS degrees, NaN where not known.

    Attributes
    ----------
    radius_deg : float64, shape (n_image,)
        Of the circle that is drawn; NaN where neither size nor pixels are recorded (`PRIMARY_BEAM_RADIUS_DEG` then).
    noise_mjy, age_days : float64, shape (n_image,)
    """

    ids: Sequence[str]
    names: Sequence[str]
    ra_deg: FloatArray
    dec_deg: FloatArray
    radius_deg: FloatArray
    noise_mjy: FloatArray
    age_days: FloatArray
    scope: str = ""


@dataclass(frozen=True, slots=True)
class ImageMapPlot:
    """The figure and the parts of it that are patched or listened to."""

    figure: Figure
    source: Any
    polar: Any
    mapper: Any
    bar: Any
    words: Any


def image_map_columns(fields: ImageFields, colour: MapColour) -> dict[str, dict[str, Any]]:
    """Return the columns of the fields and of those around a pole, by the name of their source.

    Right ascension runs on beyond 0h so that no outline is cut. An ellipse in right ascension and declination is a
    circle on the sky to a tenth of its radius up to 85 degrees; nearer to a pole the outlines are computed.
    """
    known = np.flatnonzero(np.isfinite(fields.ra_deg) & np.isfinite(fields.dec_deg))
    middle = _middle(fields.ra_deg[known])
    ra = middle + (fields.ra_deg[known] - middle + 180.0) % 360.0 - 180.0
    dec = fields.dec_deg[known]
    own = fields.radius_deg[known]
    radius = np.where(np.isfinite(own) & (own > 0), own, PRIMARY_BEAM_RADIUS_DEG)
    polar = np.abs(dec) + radius > _POLAR_DEG
    columns = {
        "ra": ra,
        "dec": dec,
        "ra_true": ra % 360.0,
        "width": np.where(polar, np.nan, 2 * radius / np.cos(np.radians(np.where(polar, 0.0, dec)))),
        "height": 2 * radius,
        "id": [fields.ids[int(i)] for i in known],
        "name": [fields.names[int(i)] for i in known],
        "noise": fields.noise_mjy[known],
        "age": fields.age_days[known],
        "level": (fields.noise_mjy if colour == "noise" else fields.age_days)[known],
        "field": [
            f"radius {r:.3g}°" if is_own else f"radius {r:.3g}° assumed (primary beam)"
            for r, is_own in zip(radius.tolist(), (radius == own).tolist(), strict=True)
        ],
    }
    rims = np.unique(np.column_stack([ra, dec, radius])[polar], axis=0)[:_MOST_POLAR]
    outlines = [_outline(x, y, r) for x, y, r in rims.tolist()]
    return {"image_map": columns, "image_map_polar": {"xs": [o[0] for o in outlines], "ys": [o[1] for o in outlines]}}


def plot_image_map(fields: ImageFields, colour: MapColour, *, theme: str = "dark", height: int = 360) -> ImageMapPlot:
    """Return the fields on the sky, right ascension growing to the left; box and tap select images."""
    colours = get_theme(theme)
    figure = new_figure(
        colours, title="Sky coverage", x_label="Right ascension (ICRS)", y_label="Declination (°, ICRS)",
        height=height, name="image_map_figure", tools="pan,box_zoom,wheel_zoom,box_select,tap,reset,save",
        x_range=models.DataRange1d(flipped=True, range_padding=0.08, default_span=10.0),
        y_range=models.DataRange1d(range_padding=0.12, default_span=5.0),
    )  # fmt: skip
    figure.xaxis.ticker = models.CustomJSTicker(major_code=_TICKER)
    figure.xaxis.formatter = models.CustomJSTickFormatter(code=_HOURS)
    figure.xgrid.ticker = figure.xaxis[0].ticker
    columns = image_map_columns(fields, colour)
    source = models.ColumnDataSource(columns["image_map"], name="image_map")
    mapper = models.LinearColorMapper(palette=_palette(colours), nan_color=colours.muted)
    paint_by = {"field": "level", "transform": mapper}
    outlines = figure.ellipse(
        "ra", "dec", "width", "height", source=source, fill_color=paint_by, line_color=paint_by, fill_alpha=0.08,
        line_alpha=0.8, nonselection_fill_alpha=0.02, nonselection_line_alpha=0.35, selection_fill_alpha=0.3,
        selection_line_width=2.5, name="outlines",
    )  # fmt: skip
    polar = models.ColumnDataSource(columns["image_map_polar"], name="image_map_polar")
    figure.patches("xs", "ys", source=polar, fill_alpha=0.0, line_color=colours.muted, name="polar")
    centres = figure.scatter(
        "ra", "dec", source=source, size=5, fill_color=paint_by, line_color=colours.text, line_alpha=0.4,
        nonselection_alpha=0.4, selection_line_alpha=1.0, selection_line_width=2, name="centres",
    )  # fmt: skip
    figure.select_one({"type": models.TapTool}).renderers = [centres, outlines]
    figure.select_one({"type": models.BoxSelectTool}).renderers = [centres]
    bar = models.ColorBar(color_mapper=mapper, title=MAP_COLOURS[colour], width=10, title_text_font_size="12px")
    figure.add_layout(bar, "right")
    rows = [
        ("image", "@name"), ("right ascension", "@ra_true{0.0000}°"), ("declination", "@dec{0.0000}°"),
        ("noise", "@noise{0.000} mJy/beam"), ("age", "@age{0.0} days"), ("field", "@field"),
    ]  # fmt: skip
    add_hover(figure, colours, rows, renderers=[centres])
    words = add_subtitle(figure, colours, "", name="image_map_words")
    plot = ImageMapPlot(figure, source, polar, mapper, bar, words)
    _set_words(plot, fields, colour)
    paint(figure, colours)
    return plot


def update_image_map(plot: ImageMapPlot, fields: ImageFields, colour: MapColour) -> None:
    """Give a map that is on a screen newer images or another colour."""
    columns, old = image_map_columns(fields, colour), plot.source.data
    if columns["image_map"]["id"] != old["id"] or any(
        not np.array_equal(columns["image_map"][name], old[name], equal_nan=True) for name in ("level", "ra", "dec")
    ):
        plot.source.data = columns["image_map"]
        plot.polar.data = columns["image_map_polar"]
    _set_words(plot, fields, colour)


def _set_words(plot: ImageMapPlot, fields: ImageFields, colour: MapColour) -> None:
    level = plot.source.data["level"]
    finite = level[np.isfinite(level)]
    low, high = np.percentile(finite, (2, 98)) if finite.size else (0.0, 1.0)
    plot.mapper.update(
        low=float(low), high=float(high) if high > low else float(low) + (abs(float(low)) or 1.0) * 1e-3
    )
    plot.bar.title = MAP_COLOURS[colour]
    n = len(level)
    words = [f"{how_many(n, 'image')} with a position" if n else "no image with a position"]
    words += [f"{len(fields.ids) - n:,} without"] if len(fields.ids) > n else []
    words += [fields.scope] if fields.scope else []
    plot.words.text = plain_text(" · ".join(words))


def _palette(colours: Theme) -> tuple[str, ...]:
    """Return the colours of images without their darkest (or, on paper, lightest) ones, which nobody could see."""
    return colours.image_palette[_DARKEST_LEVEL:]


def _middle(ra_deg: FloatArray) -> float:
    """Return the direction of the mean of unit vectors along the equator: right also where the fields cross 0h."""
    if not ra_deg.size:
        return 180.0
    angle = np.radians(ra_deg)
    x, y = float(np.cos(angle).mean()), float(np.sin(angle).mean())
    return 180.0 if np.hypot(x, y) < 1e-3 else float(np.degrees(np.arctan2(y, x)) % 360.0)


def _outline(ra_deg: float, dec_deg: float, radius_deg: float) -> tuple[list[float], list[float]]:
    """Return a true circle about a centre; one that holds a pole is the cap down to its edge."""
    bearing = np.linspace(0.0, 2 * np.pi, _N_POINTS)
    dec, radius = np.radians(dec_deg), np.radians(radius_deg)
    sin_lat = np.sin(dec) * np.cos(radius) + np.cos(dec) * np.sin(radius) * np.cos(bearing)
    step = np.arctan2(np.sin(bearing) * np.sin(radius) * np.cos(dec), np.cos(radius) - np.sin(dec) * sin_lat)
    x, y = np.degrees(step), np.degrees(np.arcsin(np.clip(sin_lat, -1, 1)))
    if abs(dec_deg) + radius_deg > 90.0:
        order = np.argsort(x, kind="stable")
        pole = float(np.copysign(90.0, dec_deg))
        x, y = (
            np.concatenate([[-180.0], x[order], [180.0, 180.0, -180.0]]),
            np.concatenate([[y[order][0]], y[order], [y[order][-1], pole, pole]]),
        )
    return (ra_deg + x).tolist(), y.tolist()
