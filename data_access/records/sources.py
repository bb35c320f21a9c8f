"""Sources, light curves, variability and candidates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from data_access.records.base import Epoch, EpochOrigin
from data_access.records.measurement_quality import Quality, quality_of

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class StoredVariability:
    """One row of ``variability_stats``, as the pipeline stored it.

    The unit of the ``*_mjy`` columns is unreliable: one recompute path of the pipeline writes Jy there.
    `suspect` says so in words when the row contradicts itself or the photometry.
    """

    source_id: str
    ra_deg: float | None
    dec_deg: float | None
    nvss_flux_mjy: float | None
    n_obs: int | None
    mean_flux_mjy: float | None
    std_flux_mjy: float | None
    min_flux_mjy: float | None
    max_flux_mjy: float | None
    chi2_nu: float | None
    sigma_deviation: float | None
    eta_metric: float | None
    last_mjd: float | None
    updated_at: float | None
    suspect: str = ""


@dataclass(frozen=True, slots=True)
class MonitoringState:
    """One row of ``monitoring_sources``: fluxes in Jy."""

    source_id: str
    name: str | None
    ra_deg: float | None
    dec_deg: float | None
    catalog: str | None
    priority: str | None
    n_detections: int | None
    mean_flux_jy: float | None
    std_flux_jy: float | None
    eta: float | None
    v_index: float | None
    is_variable: bool | None
    ese_candidate: bool | None


@dataclass(frozen=True, slots=True)
class EseCandidate:
    """One row of ``ese_candidates``; `significance` is the pipeline's sigma_deviation.

    Attributes
    ----------
    n_epoch : int or None
        Measurements of the source in the photometry; without any there, those that its stored statistics are of.
    n_is_stored : bool
        True for the latter.
    largest_possible : float or None
        The largest value that this statistic can reach with `n_epoch` measurements, sqrt(n - 1) (Samuelson 1968);
        0 for one, None when their number is not known.
    """

    id: int
    source_id: str
    flagged_at: float | None
    flagged_by: str | None
    significance: float | None
    flag_type: str | None
    status: str | None
    notes: str | None
    n_epoch: int | None = None
    n_is_stored: bool = False
    largest_possible: float | None = None


@dataclass(frozen=True, slots=True)
class TransientCandidate:
    """One row of ``transient_candidates``: fluxes in mJy."""

    id: int
    source_name: str | None
    ra_deg: float | None
    dec_deg: float | None
    detection_type: str | None
    flux_obs_mjy: float | None
    flux_baseline_mjy: float | None
    flux_ratio: float | None
    significance_sigma: float | None
    baseline_catalog: str | None
    detected_at: float | None
    classification: str | None


@dataclass(frozen=True, slots=True)
class Source:
    """One line of the source list.

    `n_epochs` counts photometry rows. The variability figures are the pipeline's own, stored ones. `is_registered`
    is true of what stands in the table ``sources``.
    """

    source_id: str
    name: str | None
    ra_deg: float | None
    dec_deg: float | None
    n_epochs: int | None
    stored: StoredVariability | None
    monitoring: MonitoringState | None
    ese_status: str | None
    problems: tuple[str, ...] = ()
    is_registered: bool = False

    @property
    def eta_stored(self) -> float | None:
        """The eta_metric of the stored statistics, else the stored eta of a monitored source."""
        if self.stored is not None and self.stored.eta_metric is not None:
            return self.stored.eta_metric
        return None if self.monitoring is None else self.monitoring.eta

    @property
    def v_stored(self) -> float | None:
        """The stored v_index of a monitored source, else the stored standard deviation over the stored mean."""
        if self.monitoring is not None and self.monitoring.v_index is not None:
            return self.monitoring.v_index
        stored = self.stored
        if stored is None or stored.std_flux_mjy is None or not stored.mean_flux_mjy or stored.mean_flux_mjy < 0:
            return None
        return stored.std_flux_mjy / stored.mean_flux_mjy


@dataclass(frozen=True, slots=True)
class LightCurve:
    """Photometry of one source, ordered by epoch; every array has shape (n_epoch,).

    Attributes
    ----------
    mjd : float64, MJD UTC days
        Epoch of the observation wherever it is recorded.
    origin : tuple of str
        Where each epoch comes from (see `Epoch`).
    peak_jyb, peak_err_jyb : float64, Jy/beam
        Without any error of a peak the local rms stands in its place, else the error of the integrated flux.
    peak_err_is_recorded : bool
        False where something stands in its place.
    flux_jy, flux_err_jy : float64, Jy
    snr, rms_jy : float64
        As stored; NaN where absent.
    flags : int64
        Pipeline flags; 0 where absent.
    is_forced : bool
        True for forced measurements (no detection at that epoch) where the row says so.
    photometry_id : int64
    image_path : tuple of (str or None)
    quality : tuple of str
        What the pipeline says of each measurement in words, see `quality_of`; without any word it may be empty.
    nvss_flux_mjy : float or None
        Catalogue flux as stored; one code path of the pipeline stores it 1000 times too large.
    truncated : bool
        True when the source has more epochs than were read.
    problems : tuple of str
    """

    source_id: str
    mjd: FloatArray
    origin: tuple[EpochOrigin, ...]
    peak_jyb: FloatArray
    peak_err_jyb: FloatArray
    flux_jy: FloatArray
    flux_err_jy: FloatArray
    snr: FloatArray
    rms_jy: FloatArray
    flags: npt.NDArray[np.int64]
    is_forced: npt.NDArray[np.bool_]
    photometry_id: npt.NDArray[np.int64]
    image_path: tuple[str | None, ...]
    ra_deg: float | None
    dec_deg: float | None
    nvss_flux_mjy: float | None
    truncated: bool = False
    problems: tuple[str, ...] = ()
    quality: tuple[str, ...] = ()
    peak_err_is_recorded: bool = True

    @property
    def is_upper_limit(self) -> npt.NDArray[np.bool_]:
        """Whether the pipeline calls a measurement an upper limit, shape (n_epoch,)."""
        return self._is("limit")

    @property
    def is_flagged(self) -> npt.NDArray[np.bool_]:
        """Whether the pipeline flagged a measurement, by a bit or in words, shape (n_epoch,).

        The bit that says "forced" is not a fault, neither of forced measurements nor of limits.
        """
        spared = (self.is_forced | self.is_upper_limit).astype(np.int64)
        return np.asarray(((self.flags & ~spared) != 0) | self._is("bad"))

    def _is(self, wanted: Quality) -> npt.NDArray[np.bool_]:
        meaning = {word: quality_of(word) for word in set(self.quality)}
        if wanted not in meaning.values():
            return np.zeros(self.n_epoch, dtype=np.bool_)
        return np.array([meaning[word] == wanted for word in self.quality], dtype=np.bool_)

    @property
    def is_observed(self) -> npt.NDArray[np.bool_]:
        """Whether an epoch is the time of the observation, not only of the processing, shape (n_epoch,)."""
        known = {origin: Epoch(0.0, origin).is_observation for origin in set(self.origin)}  # few, epochs are many
        return np.fromiter(map(known.__getitem__, self.origin), np.bool_, len(self.origin))

    def n_repeated(self, use: npt.NDArray[np.bool_]) -> int:
        """Return how many of the measurements in `use`, shape (n_epoch,), repeat an observation.

        An image that was measured again, or another product of the same observation: no epochs of their own.
        """
        observed = self.mjd[use & self.is_observed]
        return int(np.count_nonzero(np.diff(observed) == 0.0))

    @property
    def has_rms(self) -> npt.NDArray[np.bool_]:
        """Whether a local rms is recorded, shape (n_epoch,)."""
        return np.asarray(np.isfinite(self.rms_jy) & (self.rms_jy > 0))

    @property
    def noise_jy(self) -> FloatArray:
        """Noise at the place of each measurement, Jy/beam, shape (n_epoch,); NaN where none is recorded.

        The local rms, else the error of the peak: the pipeline writes the rms of the annulus around the source there.
        Where no such error is recorded it is what stands in its place.
        """
        has_error = np.isfinite(self.peak_err_jyb) & (self.peak_err_jyb > 0)
        return np.where(self.has_rms, self.rms_jy, np.where(has_error, self.peak_err_jyb, np.nan))

    @property
    def n_epoch(self) -> int:
        """Number of measurements."""
        return int(self.mjd.size)

    @property
    def version(self) -> tuple[str, int, int]:
        """What changes with every new measurement and with those that are written anew in place."""
        arrays = (
            self.photometry_id, self.mjd, self.peak_jyb, self.peak_err_jyb, self.flux_jy, self.flux_err_jy,
            self.rms_jy, self.flags, self.is_forced,
        )  # fmt: skip
        content = (*(array.tobytes() for array in arrays), self.image_path, self.quality)
        return self.source_id, self.n_epoch, hash(content)


@dataclass(frozen=True, slots=True)
class SourceDetail:
    """Everything the databases say about one source."""

    source: Source
    light_curve: LightCurve
    ese_candidates: tuple[EseCandidate, ...]
    transients: tuple[TransientCandidate, ...]


@dataclass(frozen=True, slots=True)
class MeasuredSources:
    """The measurements on an image.

    Attributes
    ----------
    path : str
        The image that they were made on: the one that was asked for, or another product of its observation.
    rows : tuple of (source_id, ra_deg, dec_deg, peak_jyb)
        The brightest first, in Jy/beam; a source is there as often as it was measured.
    truncated : bool
        True when fainter ones were left out.
    """

    path: str = ""
    rows: tuple[tuple[str, float, float, float], ...] = ()
    truncated: bool = False

    @property
    def n_sources(self) -> int:
        """How many sources the rows are of."""
        return len({name for name, *_ in self.rows})
