"""What is known of every source, as columns: name, unit and definition, once for filters, tables and exports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Origin = Literal["position", "ours", "stored", "list"]


@dataclass(frozen=True, slots=True)
class SourceColumn:
    """One quantity of a source.

    Attributes
    ----------
    name : str
        In URLs and files.
    label, unit : str
        As the reader sees them; the unit is one that astropy understands, empty for none.
    definition : str
        What it is and where it comes from, in one sentence.
    origin : str
        ``"ours"``: computed here from the photometry; ``"stored"``: as the pipeline stored it.
    whole : bool
        True for counts.
    """

    name: str
    label: str
    unit: str
    definition: str
    origin: Origin
    whole: bool = False


_USABLE = "unflagged measurements with a finite flux and an error above zero"


def _ours(kind: str, suffix: str, unit: str) -> tuple[SourceColumn, ...]:
    word = "" if not suffix else " int."
    return (
        SourceColumn(f"n{suffix}", f"N{word}", "", f"Number of {_USABLE} ({kind})", "ours", whole=True),
        SourceColumn(
            f"eta{suffix}", f"η{word}", "",
            f"Weighted reduced chi-squared against a constant, {kind}: sum(w (f - wmean)^2) / (N - 1), w = 1/err^2 "
            "(Swinbank et al. 2015, eq. 35); absent below 2 measurements", "ours",
        ),
        SourceColumn(
            f"v{suffix}", f"V{word}", "",
            f"Sample standard deviation (N - 1) over the mean, {kind} (Swinbank et al. 2015, eq. 36); absent where "
            "the mean is not above zero", "ours",
        ),
        SourceColumn(
            f"md{suffix}", f"m_d{word}", "",
            f"Debiased modulation index, {kind}: the scatter left when that of the errors is taken off, over the "
            "mean (Barvainis et al. 2005); absent where the scatter is smaller than the errors", "ours",
        ),
        SourceColumn(
            f"chi2{suffix}", f"χ²ν{word}", "",
            f"Reduced chi-squared about the weighted mean, {kind}: the same number as eta; absent below 2 "
            "measurements", "ours",
        ),
        SourceColumn(
            f"chi2_mean{suffix}", f"χ²ν mean{word}", "",
            f"Reduced chi-squared about the unweighted mean, {kind}: what the pipeline stores as chi2_nu, never "
            "below eta; absent below 2 measurements", "ours",
        ),
        SourceColumn(f"xi{suffix}", f"ξ{word}", unit, f"Mean weighted by 1/err^2 of the {_USABLE}, {kind}", "ours"),
        SourceColumn(f"mean{suffix}", f"Mean{word}", unit, f"Mean of the {_USABLE}, {kind}", "ours"),
        SourceColumn(f"std{suffix}", f"Std{word}", unit, f"Sample standard deviation (N - 1), {kind}", "ours"),
        SourceColumn(f"min{suffix}", f"Min{word}", unit, f"Smallest of the {_USABLE}, {kind}", "ours"),
        SourceColumn(f"max{suffix}", f"Max{word}", unit, f"Largest of the {_USABLE}, {kind}", "ours"),
        SourceColumn(
            f"sigma{suffix}", f"σ dev.{word}", "",
            f"Largest deviation from the mean, {kind}, in standard deviations that divide by N: max(max - mean, "
            "mean - min) / sqrt(sum((f - mean)^2) / N), never above sqrt(N - 1); absent below 2 measurements", "ours",
        ),
        SourceColumn(
            f"snr{suffix}", f"SNR{word}", "",
            f"Mean over the root mean square of the errors, {kind}: the signal to noise of one typical measurement",
            "ours",
        ),
        SourceColumn(
            f"vs{suffix}", f"|Vs|{word}", "",
            f"Two-epoch significance, {kind}: |Ia - Ib| / sqrt(ea^2 + eb^2) of the pair with the largest |m| among "
            "those with |Vs| of 4.3 or more, else of that with the largest |Vs| (Mooley et al. 2016, section 5); "
            "absent below 2 measurements", "ours",
        ),
        SourceColumn(
            f"m{suffix}", f"|m|{word}", "",
            f"Two-epoch modulation, {kind}: 2 |Ia - Ib| / (Ia + Ib) of the same pair as |Vs| (Mooley et al. 2016, "
            "section 5); absent where the two fluxes do not add up to more than zero", "ours",
        ),
        SourceColumn(
            f"leave_one_out{suffix}", f"z, 1 out{word}", "",
            f"Largest leave-one-out z, {kind}, signed: (f - mean of all others) / sqrt(err^2 + error of that mean^2) "
            "with the mean weighted by 1/err^2, of the measurement where it is largest in size (of two as large, the "
            "positive one); negative is too faint. Of many epochs it passes 3 by chance; absent below 2 measurements",
            "ours",
        ),
        SourceColumn(
            f"von_neumann{suffix}", f"von Neumann{word}", "",
            f"Von Neumann ratio, {kind}: sum((f[i+1] - f[i])^2) / sum((f - mean)^2) in the order of the epochs (von "
            "Neumann 1941); near 2 for uncorrelated measurements, small for smooth changes; ignores the errors; "
            "absent below 3 measurements and where all are equal", "ours",
        ),
    )  # fmt: skip


def _stored(name: str, label: str, unit: str, definition: str, *, whole: bool = False) -> SourceColumn:
    return SourceColumn(name, label, unit, f"{definition}, as the pipeline stored it", "stored", whole)


COLUMNS: tuple[SourceColumn, ...] = (
    SourceColumn("ra_deg", "RA", "deg", "ICRS right ascension of the first measurement, else as stored", "position"),
    SourceColumn("dec_deg", "Dec", "deg", "ICRS declination of the first measurement, else as stored", "position"),
    SourceColumn(
        "neighbour_arcsec", "Neighbour", "arcsec",
        "Angle to the nearest other source of the archive; absent when none is within 1 degree", "position",
    ),
    SourceColumn("n_rows", "Rows", "", "Measurements recorded, flagged ones included", "ours", whole=True),
    SourceColumn("n_flagged", "Flagged", "", "Measurements that the pipeline flagged", "ours", whole=True),
    SourceColumn(
        "seen_mjd", "Last seen", "d",
        "Newest epoch, MJD (UTC), as in the light curve: the time of the observation in the name of the image, else "
        "the mjd column, else the time of the processing, which is then said", "ours",
    ),
    SourceColumn(
        "seen_processed", "Last seen is processing", "",
        "1 where Last seen is the time of the processing, because no observation time is recorded; 0 where it is "
        "that of the observation", "ours", whole=True,
    ),
    *_ours("peak flux density", "", "Jy/beam"),
    *_ours("integrated flux density", "_int", "Jy"),
    _stored("n_obs", "Stored N", "", "n_obs: number of measurements", whole=True),
    _stored("eta_metric", "Stored η", "", "eta_metric, else eta of the monitored sources: a weighted chi-squared"),
    _stored("v_stored", "Stored V", "", "v_index of the monitored sources, else std_flux_mjy over mean_flux_mjy"),
    _stored("chi2_nu", "Stored χ²ν", "", "chi2_nu: taken about the unweighted mean"),
    _stored("sigma_deviation", "Stored σ dev.", "", "sigma_deviation: max|flux - mean| / std"),
    _stored("mean_flux_mjy", "Stored mean", "mJy", "mean_flux_mjy; one code path of the pipeline writes Jy here"),
    _stored("std_flux_mjy", "Stored std", "mJy", "std_flux_mjy; one code path of the pipeline writes Jy here"),
    _stored("min_flux_mjy", "Stored min", "mJy", "min_flux_mjy; one code path of the pipeline writes Jy here"),
    _stored("max_flux_mjy", "Stored max", "mJy", "max_flux_mjy; one code path of the pipeline writes Jy here"),
    _stored("nvss_flux_mjy", "NVSS", "mJy", "nvss_flux_mjy: catalogue flux density; some are 1000 times too large"),
    _stored("last_mjd", "Stored last", "d", "last_mjd: newest measurement, MJD (UTC)"),
)  # fmt: skip
BY_NAME: Mapping[str, SourceColumn] = MappingProxyType({column.name: column for column in COLUMNS})
STORED_NAMES = tuple(c.name for c in COLUMNS if c.origin == "stored" and c.name != "v_stored")
METRIC_NAMES = ("n", "eta", "v", "md", "chi2_mean", "xi", "mean", "std", "min", "max", "sigma", "snr")
# Those of whole light curves are made only when somebody asks for them; by the kind of flux that they are of.
CURVE_METRIC_NAMES = ("vs", "m", "leave_one_out", "von_neumann")
CURVE_METRICS: Mapping[str, Literal["peak", "integrated"]] = MappingProxyType(
    {**dict.fromkeys(CURVE_METRIC_NAMES, "peak"), **{f"{name}_int": "integrated" for name in CURVE_METRIC_NAMES}}
)
STATE_KINDS = ("ese", "transient")
