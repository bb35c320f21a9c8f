"""What lies over an image and follows the view: tick labels, beam, scale bar, position under the pointer.

Python draws the state for the whole image; the scripts below repeat the geometry in the browser for the part
that is visible after zooming. They read plain numbers from sources, never text from files.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from dashboards.plots.bokeh_models import Figure, models, value
from dashboards.plots.sky import Box, FloatArray, LocalSky, beam_outline, orientation
from dashboards.plots.theme import FONT, Theme
from data_access.records import BeamShape

# share of the image's width that the scale bar may take
LONGEST_SCALE_BAR = 0.25
SCALE_LENGTHS_ARCSEC = tuple(
    float(value)
    for value in (
        *(0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30),
        *(60 * m for m in (1, 2, 5, 10, 20, 30)),
        *(3600 * d for d in (1, 2, 5, 10, 20, 30, 60)),
    )
)

_JS_CROSSING = """
function crossing(across, along, at) {
  for (let i = 0; i < across.length; i++) if (Math.abs(across[i] - at) < 1e-6) return along[i]
  for (let i = 1; i < across.length; i++) {
    const a = across[i - 1] - at, b = across[i] - at
    if (a * b < 0) return along[i - 1] - a * (along[i] - along[i - 1]) / (b - a)
  }
  return null
}
"""

# The visible part of the image; an axis that runs to the left or downwards (an image stored mirrored) is turned.
_JS_VISIBLE = """
const turned_x = xr.start > xr.end, turned_y = yr.start > yr.end
const x0 = Math.max(Math.min(xr.start, xr.end), box[0]), x1 = Math.min(Math.max(xr.start, xr.end), box[2])
const y0 = Math.max(Math.min(yr.start, yr.end), box[1]), y1 = Math.min(Math.max(yr.start, yr.end), box[3])
"""

_JS_TICKS = (
    _JS_CROSSING
    + _JS_VISIBLE
    + """
const d = graticule.data
function place(axis, family, across, along, at, low, high) {
  const ticks = [], labels = new Map()
  for (let k = 0; k < d.label.length; k++) {
    if (d.family[k] != family) continue
    const p = crossing(d[across][k], d[along][k], at)
    if (p === null || p < low || p > high) continue
    ticks.push(p); labels.set(p, d.label[k])
  }
  axis.major_label_overrides = labels
  axis.ticker.ticks = ticks.sort((a, b) => a - b)
}
const families = graticule.tags
place(below, families[0], 'ys', 'xs', turned_y ? y1 : y0, x0, x1)
place(left, families[1], 'xs', 'ys', turned_x ? x1 : x0, y0, y1)
"""
)

_JS_CORNERS = (
    _JS_VISIBLE
    + """
if (!(x1 > x0 && y1 > y0)) return
const m = 0.04 * Math.min(x1 - x0, y1 - y0)
const [from_x, to_x, sx] = turned_x ? [x1, x0, -1] : [x0, x1, 1], [from_y, sy] = turned_y ? [y1, -1] : [y0, 1]
if (beam !== null) {
  const fits = 2 * Math.max(reach[0], reach[1]) < 0.6 * Math.min(x1 - x0, y1 - y0)
  const d = beam.data, cx = from_x + sx * (m + reach[0]), cy = from_y + sy * (m + reach[1])
  const dx = Array.from(d.dx[0]), dy = Array.from(d.dy[0])
  // larger than what is visible, it would only hide the pixels
  const none = [[NaN], [NaN]], [xs, ys] = fits ? [dx.map((v) => cx + v), dy.map((v) => cy + v)] : none
  beam.data = {...d, xs: [xs], ys: [ys]}
}
let length = lengths[0]
for (const one of lengths) if (one / pixel <= share * (x1 - x0)) length = one
const text = length >= 3600 ? length / 3600 + '°' : length >= 60 ? length / 60 + '′' : length + '″'
const right = to_x - sx * m, left = right - sx * length / pixel
bar.data = {x0: [left], x1: [right], y: [from_y + sy * m], middle: [(left + right) / 2], text: [text]}
if (compass !== null) {
  const d = compass.data, cx = to_x - sx * 1.7 * m, cy = (turned_y ? y0 : y1) - sy * 1.7 * m
  const at = (k, f) => [cx + f * m * d.dx[k], cy + f * m * d.dy[k]]
  const tips = [at(0, 0.8), at(1, 0.8)], words = [at(0, 1.25), at(1, 1.25)]
  compass.data = {...d, x0: [cx, cx], y0: [cy, cy], x1: tips.map((p) => p[0]), y1: tips.map((p) => p[1]),
    tx: words.map((p) => p[0]), ty: words.map((p) => p[1])}
}
"""
)

_JS_SKY = """
const ux = grid.data.ux, uy = grid.data.uy, uz = grid.data.uz, n = Math.round(Math.sqrt(ux.length))
const gx = (special_vars.x - box[0]) / (box[2] - box[0]) * (n - 1)
const gy = (special_vars.y - box[1]) / (box[3] - box[1]) * (n - 1)
const i = Math.min(Math.max(Math.floor(gx), 0), n - 2), j = Math.min(Math.max(Math.floor(gy), 0), n - 2)
const a = gx - i, b = gy - j, k = j * n + i
const mix = (u) => (1 - b) * ((1 - a) * u[k] + a * u[k + 1]) + b * ((1 - a) * u[k + n] + a * u[k + n + 1])
const X = mix(ux), Y = mix(uy), Z = mix(uz)
if (!Number.isFinite(X + Y + Z)) return 'off the sky'
const lon = (Math.atan2(Y, X) * 180 / Math.PI + 360) % 360, lat = Math.atan2(Z, Math.hypot(X, Y)) * 180 / Math.PI
function parts(value, digits) {
  const scale = 10 ** digits, total = Math.round(value * 3600 * scale), second = total % (60 * scale)
  const minute = Math.floor(total / (60 * scale)) % 60, whole = Math.floor(total / (3600 * scale))
  const pad = (v, w) => v.toFixed(0).padStart(w, '0')
  const s = (second / scale).toFixed(digits).padStart(digits ? digits + 3 : 2, '0')
  return [pad(whole, 2), pad(minute, 2), s]
}
"""
_JS_EQUATORIAL = (
    _JS_SKY
    + """
let [h, m, s] = parts(lon / 15, digits + 1)
if (h == '24') h = '00'
const [d, p, q] = parts(Math.abs(lat), digits)
return h + 'h' + m + 'm' + s + 's  ' + (lat < 0 ? '−' : '+') + d + '°' + p + '′' + q + '″'
"""
)
_JS_DECIMAL = _JS_SKY + "return lon.toFixed(digits + 4) + '°  ' + lat.toFixed(digits + 4) + '°'"

_JS_PIXEL = """
const {x, y} = special_vars
return rows.map((row) => (row[0] * x + row[1] * y + row[2]).toFixed(0)).join(' , ')
"""

_JS_VALUE = """
if (!Number.isFinite(value)) return 'blank'
const n = image?.data.factor?.[0] ?? 1
const how = n > 1 ? ' (' + image.data.reduction[0] + ' of ' + n + ' × ' + n + ')' : ''
return (value * scale).toPrecision(4) + ' ' + unit + how
"""


def position_formatter(
    grid: models.ColumnDataSource, box: Box, *, pixel_arcsec: float, equatorial: bool
) -> models.CustomJSHover:
    """Return what turns the pointer's place into sky coordinates, to about a tenth of a pixel."""
    digits = int(np.clip(np.ceil(-np.log10(pixel_arcsec / 10)), 0, 4)) if pixel_arcsec > 0 else 1
    args = {"grid": grid, "box": list(box), "digits": digits}
    return models.CustomJSHover(args=args, code=_JS_EQUATORIAL if equatorial else _JS_DECIMAL)


def pixel_formatter(to_file: list[list[float]]) -> models.CustomJSHover:
    """Return what writes the pixel of the file under the pointer, of a figure that is turned by an angle."""
    return models.CustomJSHover(args={"rows": to_file}, code=_JS_PIXEL)


def value_formatter(unit: str, scale: float, image: models.ColumnDataSource | None = None) -> models.CustomJSHover:
    """Return what shows a value in the display unit; blank ones say so, and those of blocks of how many pixels."""
    return models.CustomJSHover(args={"scale": scale, "unit": unit, "image": image}, code=_JS_VALUE)


def label_edges(
    figure: Figure,
    graticule: models.ColumnDataSource,
    box: Box,
    *,
    ticks: tuple[dict[float, str], dict[float, str]],
) -> None:
    """Put graticule labels on the axes below and at the left, and keep them right while view or lines change.

    Which family of lines is labelled below and which at the left is in the tags of the graticule.
    """
    axes: list[models.LinearAxis] = [figure.xaxis[0], figure.yaxis[0]]
    for axis, labels in zip(axes, ticks, strict=True):
        axis.ticker = models.FixedTicker(ticks=list(labels), minor_ticks=[])
        axis.major_label_overrides = dict(labels)
        # a narrow panel drops labels instead of writing one over the other
        axis.major_label_policy = models.NoOverlap(min_distance=8)
    args = {
        "graticule": graticule,
        "below": axes[0],
        "left": axes[1],
        "box": list(box),
    }
    callback = follow_view(figure, args, _JS_TICKS)
    graticule.js_on_change("data", callback)


def add_corners(figure: Figure, theme: Theme, sky: LocalSky, box: Box, beam: BeamShape | None) -> None:
    """Draw the beam in the lower left corner and a scale bar in the lower right one."""
    margin = 0.04 * min(box[2] - box[0], box[3] - box[1])
    beam_source: models.ColumnDataSource | None = None
    reach = [0.0, 0.0]
    if beam is not None and beam.has_outline:
        columns = beam_columns(sky, beam, box)
        reach = [float(np.max(columns["dx"][0])), float(np.max(columns["dy"][0]))]
        beam_source = models.ColumnDataSource(columns, name="beam")
        for look in _over_pixels(theme, width=1.5):
            figure.patches(
                "xs", "ys", source=beam_source, fill_color=theme.overlay, fill_alpha=0.2, name="beam", **look
            )
    bar_source = models.ColumnDataSource(scale_bar_columns(sky.pixel_arcsec, box, margin), name="scale_bar")
    for look in _over_pixels(theme, width=3):
        figure.segment("x0", "y", "x1", "y", source=bar_source, name="scale_bar", **look)
    figure.text(
        "middle",
        "y",
        "text",
        source=bar_source,
        y_offset=-6,
        text_align="center",
        text_color=theme.overlay,
        background_fill_color=theme.background,
        background_fill_alpha=0.6,
        padding=1,
        text_font=value(FONT),
        text_font_size="12px",
    )
    args = {
        "beam": beam_source,
        "bar": bar_source,
        "compass": add_compass(figure, theme, sky, box),
        "reach": reach,
        "box": list(box),
        "pixel": sky.pixel_arcsec,
        "share": LONGEST_SCALE_BAR,
        "lengths": list(SCALE_LENGTHS_ARCSEC),
    }
    follow_view(figure, args, _JS_CORNERS)


def add_compass(figure: Figure, theme: Theme, sky: LocalSky, box: Box) -> models.ColumnDataSource | None:
    """Draw north and east in the upper right corner where north is not up or east not left."""
    if orientation(sky).upright:
        return None
    steps = [np.array(one) / np.hypot(*one) for one in (sky.north, sky.east)]
    margin = 0.04 * min(box[2] - box[0], box[3] - box[1])
    x, y = box[2] - 1.7 * margin, box[3] - 1.7 * margin
    columns: dict[str, list[Any]] = {
        "x0": [x, x],
        "y0": [y, y],
        "x1": [x + 0.8 * margin * step[0] for step in steps],
        "y1": [y + 0.8 * margin * step[1] for step in steps],
        "tx": [x + 1.25 * margin * step[0] for step in steps],
        "ty": [y + 1.25 * margin * step[1] for step in steps],
        "dx": [float(step[0]) for step in steps],
        "dy": [float(step[1]) for step in steps],
        "text": ["N", "E"],
    }
    source = models.ColumnDataSource(columns, name="compass")
    for look in _over_pixels(theme, width=2):
        figure.segment("x0", "y0", "x1", "y1", source=source, name="compass", **look)
    figure.text(
        "tx", "ty", "text", source=source, text_align="center", text_baseline="middle", text_color=theme.overlay,
        background_fill_color=theme.background, background_fill_alpha=0.6,
        text_font=value(FONT), text_font_size="12px",
    )  # fmt: skip
    return source


def _over_pixels(theme: Theme, *, width: float) -> list[dict[str, Any]]:
    """Return two line styles, a wide one in the ground's colour under the real one: legible on any pixels."""
    return [
        {"line_color": theme.background, "line_alpha": 0.8, "line_width": width + 3},
        {"line_color": theme.overlay, "line_alpha": 1.0, "line_width": width},
    ]


def beam_columns(sky: LocalSky, beam: BeamShape, box: Box) -> dict[str, list[FloatArray]]:
    """Return the outline of the beam in the lower left corner (``xs, ys``) and about its centre (``dx, dy``)."""
    dx, dy = beam_outline(sky, beam)
    margin = 0.04 * min(box[2] - box[0], box[3] - box[1])
    x, y = box[0] + margin + dx.max(), box[1] + margin + dy.max()
    return {"xs": [x + dx], "ys": [y + dy], "dx": [dx], "dy": [dy]}


def scale_bar_columns(pixel_arcsec: float, box: Box, margin: float) -> dict[str, list[Any]]:
    """Return ends and label of the longest round scale bar that fits."""
    room = LONGEST_SCALE_BAR * (box[2] - box[0])
    fitting = [length for length in SCALE_LENGTHS_ARCSEC if length / pixel_arcsec <= room]
    length = fitting[-1] if fitting else SCALE_LENGTHS_ARCSEC[0]
    right = box[2] - margin
    left = right - length / pixel_arcsec
    middle = (left + right) / 2
    return {"x0": [left], "x1": [right], "y": [box[1] + margin], "middle": [middle], "text": [_angle_text(length)]}


def _angle_text(arcsec: float) -> str:
    if arcsec >= 3600:
        return f"{arcsec / 3600:g}°"
    return f"{arcsec / 60:g}′" if arcsec >= 60 else f"{arcsec:g}″"


def follow_view(figure: Figure, args: dict[str, Any], code: str) -> models.CustomJS:
    """Run a script in the browser whenever the visible range changes, and return it."""
    callback = models.CustomJS(args={**args, "xr": figure.x_range, "yr": figure.y_range}, code=code)
    for view in (figure.x_range, figure.y_range):
        view.js_on_change("start", callback)
        view.js_on_change("end", callback)
    return callback
