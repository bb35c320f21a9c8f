"""What a light curve draws, as columns: kinds of measurements, the robust range, means of very many points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dashboards.plots.light_curve_gaps import gap_words
from dashboards.plots.measurement_kinds import (
    BoolArray,
    FloatArray,
    FluxKind,
    FluxUnit,
    fluxes,
    measurement_kinds,
    noise_origin,
)
from dashboards.plots.sent_columns import sent_column
from dashboards.plots.style import how_many
from dashboards.plots.theme import SYMBOLS, get_theme
from dashboards.plots.time_axis import utc_ms
from data_access.analysis.variability import total_error, weighted_mean
from data_access.analysis.variability.metric import usable
from data_access.records import LightCurve

MOST_POINTS = 20_000
# more symbols than this would hide each other, and their outlines take as long to paint as what is inside
MANY_POINTS = 300
_WITHOUT_INSIDE = frozenset({"x", "cross"})
_MARKERS = {kind: symbol.marker for kind, symbol in SYMBOLS.items()}
_ANGLES = {kind: symbol.angle_rad for kind, symbol in SYMBOLS.items()}
AGGREGATE_BINS = 500
# points further from the median than this many robust standard deviations are marked at the edge
ROBUST_RANGE_SIGMA = 12.0

# to the last bit; the others are numbers of which seven digits are enough
_EXACT = ("utc_ms", "mjd", "colour", "flags", "photometry_id", "n")
_DRAWN = ("flux", "error", "lower", "upper", "drawn", "rms", "angle", "fill_alpha", "outline")
POINT_COLUMNS = (*_EXACT, *_DRAWN, "marker")
# Kinds that count in a mean: a limit drawn for a faint forced measurement still has its measured flux.
MEASURED_KINDS = frozenset({"detection", "forced", "limit", "mean"})
_DETECTED_KINDS = frozenset({"detection", "forced"})
# a spread can be judged from this many points on
_FEWEST_FOR_SPREAD = 5
# below this share of the points detections are what the reader came for: none of them is out of place
_RARE_DETECTIONS = 0.1


@dataclass(frozen=True, slots=True)
class Marks:
    """What the reader wants measurements to count as; names of measurements are photometry row numbers.

    Attributes
    ----------
    left_out : frozenset of int
        Left out by the reader.
    off_scale : frozenset of int
        Made on images whose flux scale the neighbours call wrong.
    flagged : bool
        Whether flagged measurements count in the mean.
    fractional_error, additive_error_jy : float
        Systematic errors, added to each error in quadrature: a fraction of the flux, and a constant.
    """

    left_out: frozenset[int] = frozenset()
    off_scale: frozenset[int] = frozenset()
    flagged: bool = False
    fractional_error: float = 0.0
    additive_error_jy: float = 0.0

    @property
    def systematic_words(self) -> str:
        """The systematic errors in words; empty without one."""
        return systematic_words(self.fractional_error, self.additive_error_jy)


NO_MARKS = Marks()


def systematic_words(fractional_error: float, additive_error_jy: float) -> str:
    """Return systematic errors, a fraction of the flux and a constant in Jy, in words; empty without one."""
    fraction = f"{fractional_error * 100:g} % of the flux" if fractional_error else ""
    constant = f"{additive_error_jy * 1e3:g} mJy" if additive_error_jy else ""
    return " and ".join(word for word in (fraction, constant) if word)


def bar_words(systematic: str) -> str:
    """Return what error bars are made of, given the systematic errors in words."""
    return f"bars: σ with {systematic} in quadrature" if systematic else "bars are 1 σ"


@dataclass(frozen=True, slots=True)
class Selected:
    """Measurements in display units, with what each one is; every array has shape (n_epoch,).

    `at` is where a measurement is drawn: limits stand at `LIMIT_SIGMA` times the noise.
    """

    mjd: FloatArray
    flux: FloatArray
    error: FloatArray
    at: FloatArray
    rms: FloatArray
    has_rms: BoolArray
    kind: npt.NDArray[np.str_]
    observed: BoolArray


def light_curve_columns(
    lc: LightCurve,
    flux: FluxKind = "peak",
    unit: FluxUnit = "mJy",
    *,
    theme: str = "dark",
    marks: Marks = NO_MARKS,
) -> dict[str, Any]:
    """Return everything about each point: what is drawn (`POINT_COLUMNS`), and what is said of it.

    ``flux, error, lower, upper, rms`` are in `unit`, errors with the systematic ones of `marks` (`lower` and `upper`
    are flux ∓ error, both the limit itself for a limit); ``drawn`` is where the point stands, kept inside the robust
    range ``view_low`` to ``view_high``; ``utc_ms`` is milliseconds since 1970; ``n`` is how many measurements a point
    stands for; ``outline`` is the opacity of the line around it. Measurements without an epoch are left out. A
    forced measurement below `LIMIT_SIGMA` times the noise is drawn as a limit and keeps its measured flux in
    ``flux``; see `measurement_kinds`. ``image`` is the path of the image, None where it is not recorded.
    """
    selected = _select(lc, flux, unit, marks)
    known = np.isfinite(selected.mjd) & np.isfinite(selected.flux)
    if int(known.sum()) > MOST_POINTS:
        return _dress(_aggregate(selected, known, flagged=marks.flagged), theme)
    index = np.flatnonzero(known)
    at, error = selected.at[index], selected.error[index]
    bar = np.where(np.isfinite(error) & (selected.kind[index] != "limit"), error, 0.0)
    columns: dict[str, Any] = {
        "mjd": selected.mjd[index],
        "flux": selected.flux[index],
        "at": at,
        "error": error,
        "lower": at - bar,
        "upper": at + bar,
        "rms": selected.rms[index],
        "rms_from": np.where(selected.has_rms[index], "local", noise_origin(lc)[0]).tolist(),
        "kind": selected.kind[index].tolist(),
        "fill_alpha": np.where(selected.observed[index], 0.9, 0.0),
        "image": [lc.image_path[i] for i in index],
        "flags": lc.flags[index],
        "quality": [lc.quality[i] for i in index] if lc.quality else [""] * index.size,
        "origin": [lc.origin[i] for i in index],
        "photometry_id": lc.photometry_id[index],
        "n": np.ones(index.size, dtype=np.int64),
    }
    return _dress(columns, theme)


def point_columns(columns: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the browser needs of `light_curve_columns` to draw the points and to name their numbers."""
    return {name: sent_column(columns[name], drawn=name in _DRAWN) for name in POINT_COLUMNS}


def mean_in_use(lc: LightCurve, flux: FluxKind = "peak", *, marks: Marks = NO_MARKS) -> tuple[float, float, int]:
    """Return (mean, its standard error, number) of the measurements in use that have a positive error, in Jy.

    It is the weighted mean of the metrics: weights are 1/error² with the systematic errors, flagged measurements
    count when the reader says so, and the time of a measurement does not matter. NaN without a measurement.
    """
    use = ~np.isin(lc.photometry_id, list(marks.left_out))
    if not marks.flagged:
        use &= ~lc.is_flagged
    values, errors = fluxes(lc, flux)
    values, errors = values[use], _total(values, errors, marks)[use]
    mean = weighted_mean(values, errors).value
    good = usable(values, errors)
    if mean is None:
        return float("nan"), float("nan"), 0
    return mean, float(1.0 / np.sqrt(np.sum(errors[good] ** -2.0))), int(np.count_nonzero(good))


def light_curve_summary(
    lc: LightCurve, columns: dict[str, Any], flux: FluxKind = "peak", *, marks: Marks = NO_MARKS
) -> str:
    """Return the subtitle: what the reader must know about these points before believing them."""
    parts: list[str] = []
    drawn = int(np.sum(columns["n"]))
    late = int(np.count_nonzero(~lc.is_observed))
    if late:
        parts.append(f"epochs are processing times for {late:,} of {lc.n_epoch:,} points")
    if drawn > MOST_POINTS:
        parts.append(f"{drawn:,} points as means in {len(columns['mjd']):,} bins, bars: lowest to highest")
    above, below = columns["marker"].count("triangle"), columns["marker"].count("inverted_triangle")
    if above or below:
        parts.append(f"outside the axis: {above} above, {below} below")
    if cut := _n_cut_bars(columns):
        parts.append(f"{how_many(cut, 'error bar')} reach{'es' if cut == 1 else ''} past the axis")
    flagged = int(np.count_nonzero(lc.is_flagged))
    if flagged:
        parts.append(f"{flagged:,} flagged" + (", in use" if marks.flagged else ""))
    if left_out := columns["kind"].count("left out"):
        parts.append(f"{left_out:,} left out by you")
    if borrowed := int(np.count_nonzero(measurement_kinds(lc, flux).is_borrowed)):
        parts.append(f"{borrowed:,} limits from the noise per beam: no error of the integrated flux")
    if marks.systematic_words:
        parts.append(bar_words(marks.systematic_words))
    not_drawn = lc.n_epoch - drawn - (flagged if drawn > MOST_POINTS and not marks.flagged else 0)
    if not_drawn > 0:
        parts.append(f"{not_drawn:,} without epoch or flux")
    if lc.truncated:
        parts.append("older epochs not read")
    if gaps := gap_words(lc):
        parts.append(gaps)
    return " · ".join(parts) or f"epochs are times of observation; {bar_words('')}"


def _select(lc: LightCurve, flux: FluxKind, unit: FluxUnit, marks: Marks) -> Selected:
    scale = 1e3 if unit == "mJy" else 1.0
    values, errors = fluxes(lc, flux)
    errors = _total(values, errors, marks)
    kinds = measurement_kinds(lc, flux)
    kind = kinds.kind.copy()
    if marks.left_out:
        kind[np.isin(lc.photometry_id, list(marks.left_out))] = "left out"
    no_flux = ~np.isfinite(values)
    measured = np.where(no_flux, kinds.at, values) * scale
    return Selected(
        mjd=lc.mjd,
        flux=measured,
        error=np.where(no_flux, np.nan, errors) * scale,
        at=np.where(kind == "limit", kinds.at * scale, measured),
        rms=lc.noise_jy * scale,
        has_rms=lc.has_rms,
        kind=kind,
        observed=lc.is_observed,
    )


def _total(values: FloatArray, errors: FloatArray, marks: Marks) -> FloatArray:
    """Return the errors with the systematic ones; one that is zero or missing stays as it is."""
    total = total_error(
        values, errors, fractional_error=marks.fractional_error, additive_error=marks.additive_error_jy
    )
    return np.where(np.isfinite(total), total, errors)


def _aggregate(selected: Selected, known: BoolArray, *, flagged: bool) -> dict[str, Any]:
    """Average the measurements in use in equal bins of time; bars become lowest to highest value."""
    in_use = MEASURED_KINDS | {"flagged"} if flagged else MEASURED_KINDS
    use = np.flatnonzero(known & _is_one_of(selected.kind.tolist(), in_use))
    use = use if use.size else np.flatnonzero(known)
    mjd, flux, error = selected.mjd[use], selected.flux[use], selected.error[use]
    weight = np.where(np.isfinite(error) & (error > 0), 1.0 / np.square(np.where(error > 0, error, 1.0)), 0.0)
    edges = np.linspace(mjd.min(), mjd.max(), AGGREGATE_BINS + 1)
    bins = np.clip(np.digitize(mjd, edges) - 1, 0, AGGREGATE_BINS - 1)
    # a bin without any usable error falls back to the plain mean
    weight = np.where(np.bincount(bins, weight, AGGREGATE_BINS)[bins] > 0, weight, 1.0)
    total = np.bincount(bins, weight, AGGREGATE_BINS)
    filled = np.flatnonzero(total > 0)
    low, high = np.full(AGGREGATE_BINS, np.inf), np.full(AGGREGATE_BINS, -np.inf)
    np.minimum.at(low, bins, flux)
    np.maximum.at(high, bins, flux)
    size = filled.size
    return {
        "mjd": (np.bincount(bins, weight * mjd, AGGREGATE_BINS) / np.maximum(total, 1e-300))[filled],
        "flux": (np.bincount(bins, weight * flux, AGGREGATE_BINS) / np.maximum(total, 1e-300))[filled],
        "error": 1.0 / np.sqrt(total[filled]),
        "lower": low[filled],
        "upper": high[filled],
        "rms": np.full(size, np.nan),
        "rms_from": ["several"] * size,
        "kind": ["mean"] * size,
        "fill_alpha": np.full(size, 0.9),
        "image": ["several"] * size,
        "flags": np.zeros(size, dtype=np.int64),
        "quality": [""] * size,
        "origin": ["several"] * size,
        "photometry_id": np.full(size, -1, dtype=np.int64),
        "n": np.bincount(bins, minlength=AGGREGATE_BINS)[filled],
    }


def _dress(columns: dict[str, Any], theme: str) -> dict[str, Any]:
    """Add times, the robust range and the look of each point."""
    colours = get_theme(theme)
    colour_of = {kind: _rgba(colours.colour(symbol.token)) for kind, symbol in SYMBOLS.items()}
    low, high = _with_bars(columns, *robust_range(columns))
    at = np.asarray(columns.get("at", columns["flux"]), dtype=float)
    names = list(columns["kind"])
    for outside, name in ((at > high, "above"), (at < low, "below")):
        for i in np.flatnonzero(outside).tolist():
            names[i] = name
    markers = [_MARKERS[name] for name in names]
    return {
        **columns,
        "utc_ms": utc_ms(np.asarray(columns["mjd"], dtype=float)),
        "drawn": np.clip(at, low, high),
        "view_low": np.clip(columns["lower"], low, high),
        "view_high": np.clip(columns["upper"], low, high),
        "marker": markers,
        "angle": np.fromiter(map(_ANGLES.__getitem__, names), float, len(names)),
        "colour": np.fromiter(map(colour_of.__getitem__, columns["kind"]), np.uint32, len(names)),
        "outline": _outlines(markers, columns["fill_alpha"]),
    }


def _rgba(colour: str) -> int:
    """Return ``#rrggbb`` as the number 0xrrggbbff: BokehJS need not parse it for each point."""
    return int(f"{colour.removeprefix('#')}ff", 16)


def _outlines(markers: list[str], fill_alpha: FloatArray) -> FloatArray:
    """Return the opacity of outlines: among many symbols only those that are nothing else have one."""
    if len(markers) <= MANY_POINTS:
        return np.ones(len(markers))
    return np.where(_is_one_of(markers, _WITHOUT_INSIDE) | (fill_alpha == 0.0), 1.0, 0.0)


def _is_one_of(words: Sequence[str], wanted: frozenset[str]) -> BoolArray:
    """Return which words are among the wanted ones: numpy would compare texts, ten times slower."""
    return np.fromiter(map(wanted.__contains__, words), np.bool_, len(words))


def robust_range(columns: dict[str, Any]) -> tuple[float, float]:
    """Return the range of flux that is drawn in place: all of it unless a few points are far outside.

    The range is the median ± 12 robust standard deviations (1.4826 × the median absolute deviation, but at least
    the median error) of the points in use; with fewer than five of them everything is drawn. Where limits are among
    them, detections are also judged by themselves and both ranges are drawn; when they are fewer than five, or than
    a tenth of the points, none of them is out of place: limits never hide the flare of a transient. For averaged
    points it runs from the 1st percentile of the lowest values to the 99th of the highest.
    """
    flux = np.asarray(columns.get("at", columns["flux"]), dtype=float)
    if "mean" in columns["kind"]:
        # bins carry their extremes as bars: show nearly all of them
        return float(np.percentile(columns["lower"], 1.0)), float(np.percentile(columns["upper"], 99.0))
    good = _is_one_of(columns["kind"], MEASURED_KINDS)
    if np.count_nonzero(good) < _FEWEST_FOR_SPREAD:
        good = np.ones(flux.size, dtype=bool)
    if flux[good].size < _FEWEST_FOR_SPREAD:
        return -np.inf, np.inf
    errors = np.asarray(columns["error"], dtype=float)
    errors = errors[np.isfinite(errors)]
    typical = float(np.median(errors)) if errors.size else 0.0
    low, high = _spread(flux[good], typical)
    detected = flux[_is_one_of(columns["kind"], _DETECTED_KINDS)]
    if "limit" not in columns["kind"] or not detected.size:
        return low, high
    few = max(_FEWEST_FOR_SPREAD, _RARE_DETECTIONS * np.count_nonzero(good))
    ends = (detected.min(), detected.max()) if detected.size < few else _spread(detected, typical)
    return min(low, float(ends[0])), max(high, float(ends[1]))


def _with_bars(columns: dict[str, Any], low: float, high: float) -> tuple[float, float]:
    """Return a robust range widened to hold the whole error bar of every point in it, at most to three times itself.

    A wider range takes in more points, whose bars count too.
    """
    if "mean" in columns["kind"] or not np.isfinite(high - low):
        return low, high
    at, lower, upper = (np.asarray(columns[name], dtype=float) for name in ("at", "lower", "upper"))
    most_low, most_high = low - (high - low), high + (high - low)
    while True:
        inside = (at >= low) & (at <= high)
        wider = (
            max(most_low, float(lower[inside].min(initial=low))),
            min(most_high, float(upper[inside].max(initial=high))),
        )
        if wider == (low, high):
            return wider
        low, high = wider


def _n_cut_bars(columns: dict[str, Any]) -> int:
    """Return how many points inside the axis have an error bar that leaves it."""
    low, high = (np.asarray(columns[name], dtype=float) for name in ("view_low", "view_high"))
    is_out = _is_one_of(columns["marker"], frozenset({_MARKERS["above"], _MARKERS["below"]}))
    is_cut = (np.asarray(columns["lower"], dtype=float) < low) | (np.asarray(columns["upper"], dtype=float) > high)
    return 0 if "mean" in columns["kind"] else int(np.count_nonzero(is_cut & ~is_out))


def axis_ends(columns: dict[str, Any]) -> tuple[float, float]:
    """Return the flux at which the axis of dressed columns ends; infinite where every point is in its place."""
    drawn = np.asarray(columns["drawn"], dtype=float)
    low = float(drawn.min()) if _MARKERS["below"] in columns["marker"] else -np.inf
    high = float(drawn.max()) if _MARKERS["above"] in columns["marker"] else np.inf
    return low, high


def reach_of(columns: Mapping[str, Any]) -> tuple[float, float]:
    """Return the lowest and the highest flux that bars of dressed columns reach, on the axis."""
    return float(np.min(columns["view_low"])), float(np.max(columns["view_high"]))


def _spread(flux: FloatArray, typical_error: float) -> tuple[float, float]:
    """Return the median ± 12 robust standard deviations; infinite ends for values that are all the same."""
    middle = float(np.median(flux))
    width = ROBUST_RANGE_SIGMA * max(1.4826 * float(np.median(np.abs(flux - middle))), typical_error)
    return (middle - width, middle + width) if width > 0 else (-np.inf, np.inf)
