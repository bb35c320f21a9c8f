"""What a measurement is: one rule for the light curve, the strip of epochs and the tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from data_access.records import LightCurve

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
FluxKind = Literal["peak", "integrated"]
FluxUnit = Literal["mJy", "Jy"]
MeasurementKind = Literal["detection", "forced", "limit", "flagged"]

LIMIT_SIGMA = 3.0


@dataclass(frozen=True, slots=True)
class Kinds:
    """What each measurement is; every array has shape (n_epoch,), fluxes in Jy/beam or Jy.

    Attributes
    ----------
    kind : str
        One of `MeasurementKind`.
    at : float64
        The flux, but the limit itself for a limit: `LIMIT_SIGMA` times `sigma`, never below what was measured.
    sigma : float64
        The noise that decides between a faint measurement and a limit, NaN where none is recorded.
    is_borrowed : bool
        True for limits of an integrated flux whose noise is one per beam: no error of the integrated flux exists.
    """

    kind: npt.NDArray[np.str_]
    at: FloatArray
    sigma: FloatArray
    is_borrowed: BoolArray


def fluxes(lc: LightCurve, flux: FluxKind) -> tuple[FloatArray, FloatArray]:
    """Return flux and error of the chosen kind, Jy/beam or Jy, each of shape (n_epoch,)."""
    return (lc.peak_jyb, lc.peak_err_jyb) if flux == "peak" else (lc.flux_jy, lc.flux_err_jy)


def noise_origin(lc: LightCurve) -> tuple[str, str]:
    """Return what stands for the noise where no local rms is recorded, in words, and the column that it is from."""
    if lc.peak_err_is_recorded:
        return "rms of the annulus around the source", "peak_err_jyb"
    return "error of the integrated flux", "flux_err_jy"


def measurement_kinds(lc: LightCurve, flux: FluxKind) -> Kinds:
    """Return what each measurement is.

    A limit is a forced measurement below `LIMIT_SIGMA` times the noise at its place, a row with a noise and no flux
    at all, or what the pipeline calls one. The noise is the local rms for peaks, and the error of the integrated
    flux for integrated ones.
    """
    values, errors = fluxes(lc, flux)
    noise = lc.noise_jy
    has_error = np.isfinite(errors) & (errors > 0)
    sigma = noise if flux == "peak" else np.where(has_error, errors, noise)
    no_flux = ~np.isfinite(values) & ~np.isfinite(lc.peak_jyb) & np.isfinite(sigma)
    with np.errstate(invalid="ignore"):
        faint = lc.is_forced & (values < LIMIT_SIGMA * sigma)
    is_limit = (no_flux | faint | lc.is_upper_limit) & ~lc.is_flagged
    kind = np.where(lc.is_forced, "forced", "detection").astype("U9")
    kind[is_limit] = "limit"
    kind[lc.is_flagged] = "flagged"
    at = np.where(is_limit | no_flux, np.fmax(values, LIMIT_SIGMA * sigma), values)
    borrowed = is_limit & ~has_error if flux == "integrated" else np.zeros_like(is_limit)
    return Kinds(kind, at, sigma, borrowed)
