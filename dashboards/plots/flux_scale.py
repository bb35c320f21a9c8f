"""The flux scale of the images of a light curve: the common factor of steady neighbours against time."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from dashboards.plots.bokeh_models import Figure, models
from dashboards.plots.empty import empty_figure
from dashboards.plots.style import add_hover, add_subtitle, new_figure, paint, plain_text, steady_formatter
from dashboards.plots.theme import SYMBOLS, Theme, get_theme
from dashboards.plots.time_axis import MS_PER_DAY, utc_formatter, utc_ms
from data_access.analysis.flux_scale import LARGEST_OFFSET, SIGMA, off_scale
from data_access.records import LightCurve
from data_access.records.neighbours import NeighbourCurves

TITLE = "Flux scale of the images"


def plot_flux_scale(
    lc: LightCurve, neighbours: NeighbourCurves, *, theme: str = "dark", height: int = 220, x_range: Any = None
) -> Figure:
    """Return the common factor of the neighbours: 1 where the scale is right, with its error and their scatter.

    Bars are the error of the factor, the wide pale lines the scatter of the neighbours. Epochs that are off by more
    than 5 % and 3 errors are squares. The source is named ``"flux_scale"``, see `flux_scale_columns`.

    Parameters
    ----------
    x_range : Bokeh range, optional
        That of the light curve, so that both move together.
    """
    columns = flux_scale_columns(lc, neighbours, theme=theme)
    if not len(columns["mjd"]):
        words = neighbours.ensemble.reason or "no epoch has enough neighbours"
        return empty_figure(words, theme, title=TITLE, height=height)
    colours = get_theme(theme)
    figure = new_figure(
        colours, title=TITLE, x_label="Time (UTC)", y_label="Common factor", height=height,
        x_axis_type="datetime", name="flux_scale_figure",
        x_range=x_range or models.DataRange1d(range_padding=0.04, default_span=MS_PER_DAY),
        y_range=models.DataRange1d(range_padding=0.1, default_span=0.2),
    )  # fmt: skip
    figure.yaxis[0].formatter = steady_formatter()
    figure.add_layout(
        models.BoxAnnotation(
            bottom=1 - LARGEST_OFFSET, top=1 + LARGEST_OFFSET, fill_color=colours.muted, fill_alpha=0.12,
            line_color=None,
        )
    )  # fmt: skip
    figure.add_layout(models.Span(location=1.0, dimension="width", line_color=colours.muted, line_dash="dashed"))
    source = models.ColumnDataSource(columns, name="flux_scale")
    points = _draw(figure, colours, source)
    figure.xaxis[0].formatter = utc_formatter()
    rows = [
        ("UTC", "@utc_ms{%F %T}"), ("MJD", "@mjd{%.5f}"), ("factor", "@factor{%.4f} ± @error{%.4f}"),
        ("scatter", "@scatter{%.3f}"), ("neighbours", "@n"), ("", "@word"),
    ]  # fmt: skip
    formats = {"@utc_ms": "datetime", **dict.fromkeys(("@mjd", "@factor", "@error", "@scatter"), "printf")}
    add_hover(figure, colours, rows, renderers=[points], formatters=formats)
    add_subtitle(figure, colours, flux_scale_summary(neighbours))
    return paint(figure, colours)


def update_flux_scale(figure: Figure | None, lc: LightCurve, neighbours: NeighbourCurves, *, theme: str) -> bool:
    """Patch a figure of `plot_flux_scale`; False when it has to be made anew."""
    source = (
        figure.select_one({"name": "flux_scale", "type": models.ColumnDataSource}) if figure is not None else None
    )
    columns = flux_scale_columns(lc, neighbours, theme=theme)
    if figure is None or source is None or not len(columns["mjd"]):
        return False
    source.data = columns
    # not by `select`: through the shared time axis it reaches the light curve and the subtitle there
    subtitle = next(part for part in figure.above if part.name == "subtitle")
    subtitle.text = plain_text(flux_scale_summary(neighbours))
    figure.hold_render = False
    return True


def flux_scale_columns(lc: LightCurve, neighbours: NeighbourCurves, *, theme: str = "dark") -> dict[str, Any]:
    """Return ``utc_ms, mjd, factor, error, scatter, low, high, wide_low, wide_high, n, word, marker, colour``."""
    ensemble, colours = neighbours.ensemble, get_theme(theme)
    known = np.isfinite(ensemble.factor) & np.isfinite(lc.mjd)
    factor, error, scatter = ensemble.factor[known], ensemble.error[known], ensemble.scatter[known]
    kinds = ["off scale" if off else "mean" for off in off_scale(ensemble)[known]]
    return {
        "utc_ms": utc_ms(lc.mjd[known]),
        "mjd": lc.mjd[known],
        "factor": factor,
        "error": error,
        "scatter": scatter,
        "low": factor - error,
        "high": factor + error,
        "wide_low": factor - scatter,
        "wide_high": factor + scatter,
        "n": ensemble.n_used[known],
        "word": [SYMBOLS[kind].word if kind == "off scale" else "" for kind in kinds],
        "marker": ["square" if kind == "off scale" else "circle" for kind in kinds],
        "colour": [colours.colour(SYMBOLS[kind].token) for kind in kinds],
    }


def flux_scale_summary(neighbours: NeighbourCurves) -> str:
    """Return the subtitle: who the neighbours are, and how many epochs are off."""
    ensemble = neighbours.ensemble
    n_known: int = int(np.count_nonzero(np.isfinite(ensemble.factor)))
    n_off = int(np.count_nonzero(off_scale(ensemble)))
    steady: npt.NDArray[np.bool_] = ensemble.is_steady
    parts = [
        f"{int(np.count_nonzero(steady))} steady of the {len(neighbours.names)} nearest sources within "
        f"{neighbours.radius_deg:g}°",
        f"{n_off} of {n_known} epochs off by more than {LARGEST_OFFSET:.0%} and {SIGMA:g} σ",
    ]
    if neighbours.truncated:
        parts.append("older measurements not read")
    return " · ".join(parts)


def _draw(figure: Figure, colours: Theme, source: Any) -> Any:
    figure.segment(
        "utc_ms", "wide_low", "utc_ms", "wide_high", source=source, line_color=colours.muted, line_width=4,
        line_alpha=0.35, name="scatter",
    )  # fmt: skip
    errors = figure.segment("utc_ms", "low", "utc_ms", "high", source=source, line_color="colour", line_width=1.5)
    points = figure.scatter(
        "utc_ms", "factor", source=source, marker="marker", size=7, line_color="colour", fill_color="colour",
        fill_alpha=0.8, name="factors",
    )  # fmt: skip
    figure.y_range.renderers = [points, errors]
    return points
