"""HoloViews elements of the same data, for notebooks: unlike finished figures they compose with ``*`` and ``+``."""

from __future__ import annotations

import holoviews as hv
import numpy as np

from data_access.records import ImagePreview, LightCurve

_TIME = hv.Dimension("mjd", label="Time", unit="MJD, UTC")


def light_curve_elements(light_curve: LightCurve, *, flux: str = "peak", unit: str = "mJy") -> hv.Overlay:
    """Return points with error bars, one overlay per source, to be laid over those of other sources.

    Parameters
    ----------
    flux : ``"peak"`` or ``"integrated"``
    unit : ``"mJy"`` or ``"Jy"``

    Notes
    -----
    The elements register themselves with the extension that is loaded: call ``hv.extension("bokeh")`` first.
    """
    scale = 1e3 if unit == "mJy" else 1.0
    value, error = (
        (light_curve.peak_jyb, light_curve.peak_err_jyb)
        if flux == "peak"
        else (light_curve.flux_jy, light_curve.flux_err_jy)
    )
    label = hv.Dimension(
        "flux", label=f"{flux.capitalize()} flux density", unit=f"{unit}/beam" if flux == "peak" else unit
    )
    known = np.isfinite(light_curve.mjd) & np.isfinite(value)
    columns = (light_curve.mjd[known], value[known] * scale, np.nan_to_num(error[known]) * scale)
    points = hv.Scatter(columns[:2], _TIME, label, label=light_curve.source_id)
    bars = hv.ErrorBars(columns, _TIME, [label, hv.Dimension("error", unit=unit)], label=light_curve.source_id)
    return points * bars


def image_element(preview: ImagePreview) -> hv.Image:
    """Return the pixels as an image in file pixels, first FITS row at the bottom, blank pixels transparent."""
    ny, nx = preview.data.shape
    x0, y0 = preview.origin_x - 0.5, preview.origin_y - 0.5
    bounds = (x0, y0, x0 + nx * preview.factor, y0 + ny * preview.factor)
    value = hv.Dimension("value", label="Brightness", unit=preview.header.bunit or None)
    axes = [hv.Dimension("x", unit="pixel"), hv.Dimension("y", unit="pixel")]
    # hv.Image takes the top row first.
    return hv.Image(preview.data[::-1], bounds=bounds, kdims=axes, vdims=[value])
