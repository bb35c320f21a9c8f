"""Time on an axis: UTC below, Modified Julian Date above."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from dashboards.plots.bokeh_models import Figure, models

MJD_OF_1970 = 40587.0
MS_PER_DAY = 86_400_000.0

# round numbers of MJD in the visible range; about one label per 140 screen pixels
_JS_TICKS = """
const day = 86400000, low = cb_data.start / day + 40587, high = cb_data.end / day + 40587
if (!(high > low)) return []
const raw = (high - low) / 6, power = 10 ** Math.floor(Math.log10(raw))
const step = [1, 2, 5, 10].map((k) => k * power).find((s) => s >= raw)
const ticks = []
for (let k = Math.ceil(low / step); k <= Math.floor(high / step) && ticks.length < 50; k++)
  ticks.push((k * step - 40587) * day)
return ticks
"""
_JS_LABEL = """
const step = ticks.length > 1 ? Math.abs(ticks[1] - ticks[0]) / 86400000 : 1
const digits = Math.min(Math.max(Math.ceil(-Math.log10(step) - 1e-6), 0), 8)
return (index == 0 ? 'MJD ' : '') + (tick / 86400000 + 40587).toFixed(digits)
"""


def utc_ms(mjd: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return milliseconds since 1970-01-01 UTC, Bokeh's unit of time, of MJD days (UTC)."""
    return (mjd - MJD_OF_1970) * MS_PER_DAY


def utc_formatter() -> Any:
    """Return tick labels in ISO order at every zoom, with the date once where the labels show only hours."""
    return models.DatetimeTickFormatter(
        microseconds="%H:%M:%S",
        milliseconds="%H:%M:%S",
        seconds="%H:%M:%S",
        minsec="%H:%M:%S",
        minutes="%H:%M",
        hourmin="%H:%M",
        hours="%H:%M",
        days="%Y-%m-%d",
        months="%Y-%m",
        years="%Y",
        context=models.DatetimeTickFormatter(
            microseconds="%Y-%m-%d",
            milliseconds="%Y-%m-%d",
            seconds="%Y-%m-%d",
            minsec="%Y-%m-%d",
            minutes="%Y-%m-%d",
            hourmin="%Y-%m-%d",
            hours="%Y-%m-%d",
            days="",
            months="",
            years="",
        ),
        context_which="start",
    )


def add_mjd_axis(figure: Figure) -> None:
    """Add an MJD axis above a figure whose x axis is time; it follows panning and zooming by itself.

    Its first label says MJD: an axis title would take a line of height from the data.
    """
    axis = models.LinearAxis(
        ticker=models.CustomJSTicker(major_code=_JS_TICKS),
        formatter=models.CustomJSTickFormatter(code=_JS_LABEL),
        name="mjd_axis",
    )
    figure.add_layout(axis, "above")
