"""Why the pipeline's stored variability row and the photometry disagree, in words."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from data_access.analysis.variability.formulas import eta, modulation_index, unweighted_chi_squared
from data_access.analysis.variability.metric import FloatArray, Metric, too_few, valid_measurements
from data_access.analysis.variability.sigma_deviation import largest_possible_stored, sigma_deviation
from data_access.records.sources import MonitoringState, Source, StoredVariability

_SAME = 1e-4
_MJY_PER_JY = 1000.0
_SCALES = {
    1.0: "",
    1 / _MJY_PER_JY: "the stored fluxes are in Jy although their columns say mJy",
    _MJY_PER_JY: "the stored fluxes are 1000 times too large for mJy",
}


def compare_stored(stored: StoredVariability, flux_jy: npt.ArrayLike, err_jy: npt.ArrayLike) -> tuple[str, ...]:
    """Return what is odd about a stored row, one sentence each; empty when it agrees with the photometry.

    Parameters
    ----------
    stored : StoredVariability
    flux_jy, err_jy : shape (n_epoch,), Jy
        The photometry that the row should describe (the pipeline uses the peak). Measurements without a finite
        flux or an error above zero are left out. May be empty: the row is then only held against itself.

    Notes
    -----
    Known causes: one recompute path of the pipeline writes Jy into the ``*_mjy`` columns; it mixes population
    (N) and sample (N-1) standard deviations; its ``chi2_nu`` is about the unweighted mean; mock rows hold a
    ``sigma_deviation`` above sqrt(n-1), which no set of n numbers can reach (Samuelson 1968).
    """
    f, e = valid_measurements(flux_jy, err_jy)
    f_mjy, e_mjy = f * _MJY_PER_JY, e * _MJY_PER_JY
    remarks: list[str] = []
    with np.errstate(all="ignore"):
        if f_mjy.size == 0:
            remarks.append("there is no usable photometry to compare the stored row with")
            remarks.extend(_unit_by_catalogue(stored))
        else:
            remarks.extend(_against_photometry(stored, f_mjy, e_mjy))
    remarks.extend(_impossible(stored, int(f_mjy.size)))
    return tuple(remarks)


def compare_monitoring(monitoring: MonitoringState, flux_jy: npt.ArrayLike, err_jy: npt.ArrayLike) -> tuple[str, ...]:
    """Return why η and V of a monitored source differ from the photometry, one sentence each; empty when they agree.

    Parameters
    ----------
    flux_jy, err_jy : shape (n_epoch,), Jy
        As for `compare_stored`.
    """
    f, e = valid_measurements(flux_jy, err_jy)
    ours = modulation_index(f, e)
    remarks = [_monitored("η", monitoring.eta, eta(f, e))]
    population = ours.value * math.sqrt((f.size - 1) / f.size) if ours.value is not None else math.nan
    if monitoring.v_index is not None and ours.value and _same(monitoring.v_index, population):
        remarks.append(
            f"V of the monitored sources divides by n, ours by n-1: {population:g} instead of {ours.value:g}"
        )
    else:
        remarks.append(_monitored("V", monitoring.v_index, ours))
    return tuple(remark for remark in remarks if remark)


def compare_v(source: Source, flux_jy: npt.ArrayLike, err_jy: npt.ArrayLike) -> tuple[str, ...]:
    """Return why V of the stored mean and standard deviation differs from the photometry; empty when it agrees.

    Also empty where V is that of a monitored source, which `compare_monitoring` holds against the photometry, and
    without usable photometry, which `compare_stored` says.
    """
    f, e = valid_measurements(flux_jy, err_jy)
    value, monitoring = source.v_stored, source.monitoring
    if value is None or not f.size or (monitoring is not None and monitoring.v_index is not None):
        return ()
    ours = modulation_index(f, e)
    if ours.value is not None and _same(value, ours.value):
        return ()
    if ours.value is not None and _same(value, ours.value * math.sqrt((f.size - 1) / f.size)):
        return (f"V of the stored statistics divides by n, ours by n-1: {value:g} instead of {ours.value:g}",)
    return (_differs("V (standard deviation over mean)", value, ours),)


def _monitored(symbol: str, stored: float | None, ours: Metric) -> str:
    if stored is None or (ours.value is not None and _same(stored, ours.value)):
        return ""
    if ours.value is None:
        return f"{symbol} of the monitored sources is {stored:g}, the photometry has none: {ours.reason}"
    return f"{symbol} of the monitored sources is {stored:g}, that of the photometry {ours.value:g}"


def _against_photometry(stored: StoredVariability, f_mjy: FloatArray, e_mjy: FloatArray) -> Iterator[str]:
    n = int(f_mjy.size)
    if stored.n_obs is not None and stored.n_obs != n:
        yield f"the row counts {stored.n_obs} measurements, the photometry has {n} usable ones"
    mean = float(np.mean(f_mjy))
    scale = _scale_of(stored.mean_flux_mjy, mean)
    if _SCALES[scale]:
        yield f"{_SCALES[scale]} (mean {stored.mean_flux_mjy:g}, photometry {mean:g} mJy)"
    elif stored.mean_flux_mjy is not None and not _same(stored.mean_flux_mjy, mean):
        yield f"the stored mean is {stored.mean_flux_mjy:g} mJy, that of the photometry {mean:g} mJy"
    yield from _spread(stored, f_mjy, scale)
    yield from _extremes(stored, f_mjy, scale)
    yield from _chi_squared(stored, f_mjy, e_mjy)
    yield from _sigma_deviation(stored, f_mjy)
    ours = eta(f_mjy, e_mjy)
    if stored.eta_metric is not None and (ours.value is None or not _same(stored.eta_metric, ours.value)):
        yield _differs("η", stored.eta_metric, ours)


def _differs(what: str, stored: float, ours: Metric, unit: str = "") -> str:
    """Say that a stored number and ours differ, or why there is none of ours."""
    if ours.value is None:
        return f"the stored {what} is {stored:g}{unit}, the photometry has none: {ours.reason}"
    return f"the stored {what} is {stored:g}{unit}, that of the photometry {ours.value:g}{unit}"


def _scale_of(stored_mean: float | None, mean: float) -> float:
    """Return the factor of `_SCALES` by which the stored mean is off; 1 when none explains it."""
    if stored_mean is None or mean == 0:
        return 1.0
    ratio = stored_mean / mean
    # 10 %: a row from before the last few measurements still shows its unit
    return next((scale for scale in _SCALES if 0.9 < ratio / scale < 1.1), 1.0)


def _spread(stored: StoredVariability, f_mjy: FloatArray, scale: float) -> Iterator[str]:
    if stored.std_flux_mjy is None:
        return
    std = stored.std_flux_mjy / scale
    if f_mjy.size < 2:
        yield _differs("standard deviation", std, too_few(2, f_mjy.size), " mJy")
        return
    sample, population = float(np.std(f_mjy, ddof=1)), float(np.std(f_mjy))
    if _same(std, sample):
        return
    if _same(std, population):
        yield (f"the stored standard deviation divides by n, ours by n-1: {population:g} instead of {sample:g} mJy")
    else:
        yield _differs("standard deviation", std, Metric(sample), " mJy")


def _extremes(stored: StoredVariability, f_mjy: FloatArray, scale: float) -> Iterator[str]:
    for word, value, ours in (
        ("smallest", stored.min_flux_mjy, float(np.min(f_mjy))),
        ("largest", stored.max_flux_mjy, float(np.max(f_mjy))),
    ):
        if value is not None and not _same(value / scale, ours):
            yield f"the stored {word} flux is {value / scale:g} mJy, that of the photometry {ours:g} mJy"


def _chi_squared(stored: StoredVariability, f_mjy: FloatArray, e_mjy: FloatArray) -> Iterator[str]:
    ours = eta(f_mjy, e_mjy)
    about_plain_mean = unweighted_chi_squared(f_mjy, e_mjy).value
    if stored.chi2_nu is None or (ours.value is not None and _same(stored.chi2_nu, ours.value)):
        return
    if ours.value is not None and about_plain_mean is not None and _same(stored.chi2_nu, about_plain_mean):
        yield f"the stored χ²ν is about the unweighted mean: {stored.chi2_nu:g} instead of {ours.value:g}"
    else:
        yield _differs("χ²ν", stored.chi2_nu, ours)


def _sigma_deviation(stored: StoredVariability, f_mjy: FloatArray) -> Iterator[str]:
    value = stored.sigma_deviation
    if value is None or _is_impossible(stored, int(f_mjy.size)):
        return
    ours, of_sample = sigma_deviation(f_mjy), sigma_deviation(f_mjy, ddof=1).value
    if ours.value is not None and _same(value, ours.value):
        return
    if ours.value is not None and of_sample is not None and _same(value, of_sample):
        yield (
            "the stored σ deviation is in standard deviations that divide by n-1, ours by n: "
            f"{value:g} instead of {ours.value:g}"
        )
    else:
        yield _differs("σ deviation", value, ours)


def _unit_by_catalogue(stored: StoredVariability) -> Iterator[str]:
    mean, catalogue = stored.mean_flux_mjy, stored.nvss_flux_mjy
    if mean and catalogue and mean > 0 and 0.3 < mean * _MJY_PER_JY / catalogue < 3:
        yield (
            "the stored fluxes look like Jy although their columns say mJy "
            f"(mean {mean:g}, catalogue {catalogue:g} mJy)"
        )


def _impossible(stored: StoredVariability, n_valid: int) -> Iterator[str]:
    if _is_impossible(stored, n_valid):
        n = _count(stored, n_valid)
        largest, measurements = largest_possible_stored(n), "measurement" if n == 1 else "measurements"
        yield (
            f"a deviation of {stored.sigma_deviation:g} standard deviations is impossible with {n} {measurements}: "
            f"the largest possible is {largest:.2f}"
        )
    low, mean, high = stored.min_flux_mjy, stored.mean_flux_mjy, stored.max_flux_mjy
    if low is not None and high is not None and low > high:
        yield f"the smallest flux ({low:g} mJy) is above the largest ({high:g} mJy)"
    elif mean is not None and ((low is not None and mean < low) or (high is not None and mean > high)):
        yield f"the mean flux ({mean:g} mJy) is not between the smallest and the largest"
    if stored.std_flux_mjy is not None and stored.std_flux_mjy < 0:
        yield f"the standard deviation is negative ({stored.std_flux_mjy:g} mJy)"


def _count(stored: StoredVariability, n_valid: int) -> int:
    return stored.n_obs if stored.n_obs is not None else n_valid


def _is_impossible(stored: StoredVariability, n_valid: int) -> bool:
    """Return whether no set of so many numbers has the stored deviation."""
    largest, value = largest_possible_stored(_count(stored, n_valid)), stored.sigma_deviation
    return value is not None and largest is not None and value > largest * (1 + 1e-9)


def _same(a: float, b: float) -> bool:
    return math.isclose(a, b, rel_tol=_SAME, abs_tol=1e-12)
