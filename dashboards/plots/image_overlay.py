"""What lies over an image and follows the view: tick labels, beam, scale bar, position under the pointer.

Python draws the state for the whole image; the scripts below repeat the geometry in the browser for the part
that is visible after zooming. They read plain numbers from sources, never text from files.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from dashboards.plots.bokeh_models import Figure, models, value
from dashboards.plots.sky import Box, FloatArray, LocalSky, beam_outline
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

_JS_TICKS = (
    _JS_CROSSING
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
const x0 = Math.max(xr.start, box[0]), x1 = Math.min(xr.end, box[2])
const y0 = Math.max(yr.start, box[1]), y1 = Math.min(yr.end, box[3])
place(below, families[0], 'ys', 'xs', y0, x0, x1)
place(left, families[1], 'xs', 'ys', x0, y0, y1)
"""
)

_JS_CORNERS = """
const x0 = Math.max(xr.start, box[0]), x1 = Math.min(xr.end, box[2])
const y0 = Math.max(yr.start, box[1]), y1 = Math.min(yr.end, box[3])
if (!(x1 > x0 && y1 > y0)) return
const m = 0.04 * Math.min(x1 - x0, y1 - y0)
if (beam !== null) {
  const d = beam.data, cx = x0 + m + reach[0], cy = y0 + m + reach[1]
  const dx = Array.from(d.dx[0]), dy = Array.from(d.dy[0])
  beam.data = {...d, xs: [dx.map((v) => cx + v)], ys: [dy.map((v) => cy + v)]}
}
let length = lengths[0]
for (const one of lengths) if (one / pixel <= share * (x1 - x0)) length = one
const text = length >= 3600 ? length / 3600 + '°' : length >= 60 ? length / 60 + '′' : length + '″'
const right = x1 - m, left = right - length / pixel
bar.data = {x0: [left], x1: [right], y: [y0 + m], middle: [(left + right) / 2], text: [text]}
"""

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

_JS_VALUE = "return Number.isFinite(value) ? (value * scale).toPrecision(4) + ' ' + unit : 'blank'"


def position_formatter(
    grid: models.ColumnDataSource, box: Box, *, pixel_arcsec: float, equatorial: bool
) -> models.CustomJSHover:
    """Return what turns the pointer's place into sky coordinates, to about a tenth of a pixel."""
    digits = int(np.clip(np.ceil(-np.log10(pixel_arcsec / 10)), 0, 4)) if pixel_arcsec > 0 else 1
    args = {"grid": grid, "box": list(box), "digits": digits}
    return models.CustomJSHover(args=args, code=_JS_EQUATORIAL if equatorial else _JS_DECIMAL)


def value_formatter(unit: str, scale: float) -> models.CustomJSHover:
    """Return what shows a pixel's value in the display unit; blank pixels say so."""
    return models.CustomJSHover(args={"scale": scale, "unit": unit}, code=_JS_VALUE)


def label_edges(
    figure: Figure,
    graticule: models.ColumnDataSource,
    box: Box,
    *,
    families: tuple[str, str],
    ticks: tuple[dict[float, str], dict[float, str]],
) -> None:
    """Put graticule labels on the axes below and at the left, and keep them right while the view changes."""
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
        "families": list(families),
        "box": list(box),
    }
    follow_view(figure, args, _JS_TICKS)


def add_corners(figure: Figure, theme: Theme, sky: LocalSky, box: Box, beam: BeamShape | None) -> None:
    """Draw the beam in the lower left corner and a scale bar in the lower right one."""
    margin = 0.04 * min(box[2] - box[0], box[3] - box[1])
    beam_source: models.ColumnDataSource | None = None
    reach = [0.0, 0.0]
    if beam is not None and beam.major_arcsec > 0:
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
        "reach": reach,
        "box": list(box),
        "pixel": sky.pixel_arcsec,
        "share": LONGEST_SCALE_BAR,
        "lengths": list(SCALE_LENGTHS_ARCSEC),
    }
    follow_view(figure, args, _JS_CORNERS)


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


def follow_view(figure: Figure, args: dict[str, Any], code: str) -> None:
    """Run a script in the browser whenever the visible range changes."""
    callback = models.CustomJS(args={**args, "xr": figure.x_range, "yr": figure.y_range}, code=code)
    for view in (figure.x_range, figure.y_range):
        view.js_on_change("start", callback)
        view.js_on_change("end", callback)
