"""Long gaps in a light curve: shaded, with their length as text, and counted in words."""

from __future__ import annotations

from typing import Any

import numpy as np

from dashboards.plots.bokeh_models import Figure, models, value
from dashboards.plots.measurement_kinds import FloatArray
from dashboards.plots.theme import FONT, Theme
from dashboards.plots.time_axis import utc_ms
from data_access.analysis.times import format_mjd_utc
from data_access.records import LightCurve

# A gap is long when it is so many times the usual spacing.
LONG = 5.0
MOST_GAPS = 20
# Within a night a source is measured several times, minutes apart: that is not how often it is looked at.
_WITHIN_A_NIGHT_DAYS = 0.5
# Text on a band narrower than this part of the whole span would lie on the points beside it.
_WIDE_ENOUGH = 0.03


def find_gaps(lc: LightCurve) -> FloatArray:
    """Return begin and end (MJD) of the long gaps between measurements, shape (n_gap, 2), the longest first.

    Long is `LONG` times the usual spacing: the median of the spacings of half a day or more, else of all.
    """
    mjd = np.unique(lc.mjd[np.isfinite(lc.mjd)])
    spacing = np.diff(mjd)
    if spacing.size < 2:
        return np.empty((0, 2))
    nights = spacing[spacing >= _WITHIN_A_NIGHT_DAYS]
    usual = float(np.median(nights if nights.size > 1 else spacing))
    at = np.flatnonzero(spacing > LONG * usual)
    at = at[np.argsort(-spacing[at], kind="stable")]
    return np.column_stack((mjd[at], mjd[at + 1]))


def gap_words(lc: LightCurve) -> str:
    """Return how many long gaps there are and which is the longest; empty without one."""
    gaps = find_gaps(lc)
    if not gaps.size:
        return ""
    begin, end = gaps[0].tolist()
    count = "1 long gap" if len(gaps) == 1 else f"{len(gaps):,} long gaps, the longest"
    return f"{count} {span_words(end - begin)} from {format_mjd_utc(begin)[:10]}"


def span_words(days: float) -> str:
    """Return a length of time in its two largest units, such as ``41 d 12 h``."""
    minutes = round(days * 1440)
    for unit, size, smaller, smaller_size in (("d", 1440, "h", 60), ("h", 60, "min", 1)):
        if minutes >= size:
            whole, rest = divmod(minutes, size)
            return f"{whole:,} {unit}" + (f" {rest // smaller_size} {smaller}" if rest >= smaller_size else "")
    return f"{minutes} min"


def gap_columns(lc: LightCurve, columns: dict[str, Any]) -> dict[str, Any]:
    """Return the columns of the source ``"gaps"``: the longest gaps, with their text at the foot of the points."""
    gaps = find_gaps(lc)[:MOST_GAPS]
    known = lc.mjd[np.isfinite(lc.mjd)]
    span = float(np.ptp(known)) if known.size else 0.0
    low = np.asarray(columns["view_low"], dtype=float)
    foot = float(np.min(low)) if low.size else float("nan")
    return {
        "x0": utc_ms(gaps[:, 0]),
        "x1": utc_ms(gaps[:, 1]),
        "middle": utc_ms(gaps.mean(axis=1)),
        "foot": np.full(len(gaps), foot),
        "words": [f"gap {span_words(b - a)}" if b - a > _WIDE_ENOUGH * span else "" for a, b in gaps.tolist()],
    }


def show_gaps(figure: Figure, theme: Theme, lc: LightCurve, columns: dict[str, Any]) -> None:
    """Shade the long gaps; a figure that never had one gets no models: each delays the first plot of a page."""
    data = gap_columns(lc, columns)
    band = next((renderer for renderer in figure.renderers if renderer.name == "gaps"), None)
    if band is not None:
        band.data_source.data = data
    elif len(data["x0"]):
        source = models.ColumnDataSource(data, name="gaps")
        figure.vstrip(
            x0="x0", x1="x1", source=source, fill_color=theme.muted, fill_alpha=0.12, line_color=None,
            level="underlay", name="gaps",
        )  # fmt: skip
        figure.text(
            "middle", "foot", text="words", source=source, angle=np.pi / 2, text_color=theme.muted,
            text_font=value(FONT), text_font_size="11px", text_baseline="middle", level="underlay", name="gap_words",
        )  # fmt: skip
