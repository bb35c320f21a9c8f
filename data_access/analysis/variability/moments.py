"""Kept sums of many light curves: two parts of a light curve merge into the numbers of the whole, to the last digits.

Means and sums of squared deviations are kept, never raw sums of squares, and both about the first flux of a source:
the digits of a small spread on a large flux survive any number of merges. Two sets merge exactly (Chan, Golub &
LeVeque 1979, eq. 2.1; weighted: West 1979).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from data_access.analysis.variability.formulas import excess_variance

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
FluxKind = Literal["peak", "integrated"]
KINDS: tuple[FluxKind, ...] = ("peak", "integrated")

# last_processed: the newest epoch is a processing time, no observation time being recorded.
# n, n_flux: usable measurements, and finite fluxes with or without an error; shift: the first usable flux, about
# which everything else is counted; w, wmean, wm2: weights 1/err²; mean, m2: no weights; e2: sum of err².
_KIND = np.dtype(
    [("n", "<i8"), ("n_flux", "<i8")]
    + [(name, "<f8") for name in ("shift", "w", "wmean", "wm2", "mean", "m2", "e2", "min", "max")]
)
MOMENTS = np.dtype(
    [("n_rows", "<i8"), ("n_flagged", "<i8"), ("first_id", "<i8"), ("last_mjd", "<f8"),
     ("last_processed", "?"), ("ra_deg", "<f8"), ("dec_deg", "<f8"), *((kind, _KIND) for kind in KINDS)]
)  # fmt: skip

REASONS: Mapping[int, str] = MappingProxyType(
    {
        0: "",
        1: "no flux of this kind is recorded",
        2: "no error is recorded with the fluxes",
        3: "fewer than 2 usable measurements",
        4: "the mean flux is zero or negative: V means nothing",
        5: "η or V is zero: it has no logarithm",
        6: "the numbers are too large or too small to compute with",
    }
)


def empty_moments(n_src: int) -> npt.NDArray[Any]:
    """Return moments of no measurements, shape (n_src,)."""
    made = np.zeros(n_src, dtype=MOMENTS)
    for name in ("last_mjd", "ra_deg", "dec_deg"):
        made[name] = np.nan
    for kind in KINDS:
        made[kind]["min"], made[kind]["max"] = np.inf, -np.inf
    return made


def kind_moments(codes: IntArray, flux: FloatArray, err: FloatArray, n_src: int) -> npt.NDArray[Any]:
    """Return the moments of one kind of flux, shape (n_src,), by two passes over the measurements.

    Parameters
    ----------
    codes : shape (n_measurement,)
        Which source each measurement belongs to, 0 to n_src-1.
    flux, err : shape (n_measurement,)
        Same unit. Measurements with a flux that is not finite or an error that is not above zero are left out.
    """
    made = empty_moments(n_src)["peak"].copy()
    finite = np.isfinite(flux)
    if not finite.any():
        return made
    made["n_flux"] = np.bincount(codes[finite], minlength=n_src)
    keep = finite & np.isfinite(err) & (err > 0)
    c, f, e = codes[keep], flux[keep], err[keep]
    made["shift"][c[::-1]] = f[::-1]
    n = made["n"] = np.bincount(c, minlength=n_src)
    with np.errstate(all="ignore"):
        d, weights = f - made["shift"][c], 1.0 / e**2
        made["mean"], made["m2"] = _two_pass(c, d, np.ones_like(d), n_src)
        made["wmean"], made["wm2"] = _two_pass(c, d, weights, n_src)
        made["w"] = np.bincount(c, weights, n_src)
        made["e2"] = np.bincount(c, e**2, n_src)
    np.minimum.at(made["min"], c, f)
    np.maximum.at(made["max"], c, f)
    for name in ("mean", "m2", "wmean", "wm2"):
        made[name][n == 0] = 0.0
    return made


def _two_pass(c: IntArray, d: FloatArray, weights: FloatArray, n_src: int) -> tuple[FloatArray, FloatArray]:
    total = np.bincount(c, weights, n_src)
    mean = np.bincount(c, weights * d, n_src) / total
    rest = d - mean[c]
    # The second term is what the rounding of the mean adds (Chan et al. 1979, eq. 1.7).
    spread = np.bincount(c, weights * rest**2, n_src) - np.bincount(c, weights * rest, n_src) ** 2 / total
    return mean, np.maximum(spread, 0.0)


def merge_moments(kept: npt.NDArray[Any], where: IntArray, more: npt.NDArray[Any]) -> None:
    """Merge `more`, shape (n_more,), into the sources `where` (each at most once) of `kept`, in place."""
    merged = kept[where]
    is_new = merged["n_rows"] == 0
    for name in ("first_id", "ra_deg", "dec_deg"):
        merged[name] = np.where(is_new, more[name], merged[name])
    newer = ~(merged["last_mjd"] >= more["last_mjd"]) & ~np.isnan(more["last_mjd"])
    merged["last_processed"] = np.where(newer, more["last_processed"], merged["last_processed"])
    merged["last_mjd"] = np.fmax(merged["last_mjd"], more["last_mjd"])
    for name in ("n_rows", "n_flagged"):
        merged[name] += more[name]
    for kind in KINDS:
        _merge_kind(merged[kind], more[kind])
    kept[where] = merged


def _merge_kind(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> None:
    na, nb = a["n"].astype(np.float64), b["n"].astype(np.float64)
    wa, wb = a["w"].copy(), b["w"]
    some = nb > 0
    with np.errstate(all="ignore"):
        a["shift"] = np.where(na > 0, a["shift"], b["shift"])
        offset = b["shift"] - a["shift"]
        for mean, m2, ka, kb in (("mean", "m2", na, nb), ("wmean", "wm2", wa, wb)):
            delta = b[mean] + offset - a[mean]
            share = np.where(na > 0, kb / (ka + kb), 1.0)
            a[m2] = np.where(some, a[m2] + b[m2] + np.where(na > 0, delta**2 * ka * share, 0.0), a[m2])
            a[mean] = np.where(some, np.where(na > 0, a[mean] + delta * share, b[mean]), a[mean])
    a["w"] += wb
    for name in ("n", "n_flux", "e2"):
        a[name] += b[name]
    a["min"], a["max"] = np.minimum(a["min"], b["min"]), np.maximum(a["max"], b["max"])


def metrics_of(moments: npt.NDArray[Any], kind: FluxKind) -> dict[str, npt.NDArray[Any]]:
    """Return the metrics of every source, shape (n_src,) each, and `reason`; named as in `VariabilityTable`.

    A source without any finite peak flux is answered by its integrated fluxes, as its light curve is. NaN where a
    number does not exist; `reason` is then a key of `REASONS`. Formulas as in `formulas`; fluxes in the unit given.
    """
    own = moments[kind]
    if kind == "peak":
        absent = own["n_flux"] == 0
        own = np.where(absent, moments["integrated"], own)
    n = own["n"]
    with np.errstate(all="ignore"):
        eta = np.where(n > 1, own["wm2"] / (n - 1), np.nan)
        mean = np.where(n > 0, own["shift"] + own["mean"], np.nan)
        std = np.where(n > 1, np.sqrt(own["m2"] / (n - 1)), np.nan)
        v = np.where(mean > 0, std / mean, np.nan)
        snr = np.where(n > 0, mean / np.sqrt(own["e2"] / n), np.nan)
        excess = excess_variance(own["m2"] / n, own["e2"] / n)
        md = np.where((n > 1) & (mean > 0) & (excess >= 0), np.sqrt(np.maximum(excess, 0.0)) / mean, np.nan)
        about_mean = own["wm2"] + own["w"] * (own["mean"] - own["wmean"]) ** 2
        xi = np.where(n > 0, own["shift"] + own["wmean"], np.nan)
        xi_err = np.where(n > 0, 1.0 / np.sqrt(own["w"]), np.nan)
        furthest = np.maximum(own["max"] - mean, mean - own["min"])
        sigma = np.where((n > 1) & (own["max"] > own["min"]), furthest / np.sqrt(own["m2"] / n), np.nan)
        chi2_mean = np.where(n > 1, about_mean / (n - 1), np.nan)
    reason = np.select(
        [
            own["n_flux"] == 0,
            n == 0,
            n < 2,
            ~np.isfinite(eta) | ~np.isfinite(std) | ~np.isfinite(mean),
            mean <= 0,
            (eta <= 0) | (v <= 0),
            ~np.isfinite(v),
        ],
        [1, 2, 3, 6, 4, 5, 6],
        0,
    )
    finite = n > 0
    return {
        "n": n.copy(),
        "eta": np.where(np.isfinite(eta), eta, np.nan),
        "v": np.where(np.isfinite(v), v, np.nan),
        "chi2_nu": np.where(np.isfinite(eta), eta, np.nan),
        "chi2_mean": np.where(np.isfinite(chi2_mean), chi2_mean, np.nan),
        "md": np.where(np.isfinite(md), md, np.nan),
        "mean": mean,
        "std": std,
        "min": np.where(finite, own["min"], np.nan),
        "max": np.where(finite, own["max"], np.nan),
        "xi": np.where(np.isfinite(xi), xi, np.nan),
        "xi_err": np.where(np.isfinite(xi_err), xi_err, np.nan),
        "sigma": np.where(np.isfinite(sigma), sigma, np.nan),
        "snr": np.where(np.isfinite(snr), snr, np.nan),
        "reason": reason.astype(np.int64),
    }
