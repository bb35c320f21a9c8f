"""Variability of all sources together, as numpy columns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class VariabilityTable:
    """Metrics of every source that was measured; arrays of shape (n_src,), unflagged measurements only.

    Attributes
    ----------
    flux : str
        ``"peak"`` (Jy/beam) or ``"integrated"`` (Jy).
    source_id : array of str
        In the order in which the sources appeared.
    n_rows, n : int64
        Measurements recorded, and the unflagged ones with a finite flux and an error above zero.
    eta, v, chi2_nu, mean, std, min, max : float64
        NaN where a number does not exist; `chi2_nu` is taken about the weighted mean: the same number as eta.
    chi2_mean : float64
        Reduced chi-squared about the unweighted mean, as the pipeline stores it.
    md : float64
        Debiased modulation index; NaN where the scatter is smaller than that of the errors.
    reason : int64
        Key of `data_access.analysis.variability.moments.REASONS`: why a source has no place in the eta-V plane.
    ra_deg, dec_deg : float64
        As recorded with the first measurement.
    last_mjd : float64
        Newest epoch (UTC): of the observation where it is recorded, else the time of the processing.
    last_processed : bool
        The newest epoch is a processing time.
    last_id : int
        Newest photometry row that is counted.
    n_flagged : int64
        Measurements that the pipeline flagged.
    xi : float64
        Mean weighted by 1/err².
    xi_err : float64
        Standard error of that mean: one over the square root of the sum of the weights.
    sigma : float64
        The largest deviation from the mean in standard deviations that divide by n: the pipeline's sigma_deviation.
    snr : float64
        Mean over the root mean square of the errors: of one typical measurement.
    history : str
        Of the sums: in tables of the same history a source stands at the same place.
    """

    flux: Literal["peak", "integrated"]
    source_id: npt.NDArray[np.str_]
    n_rows: IntArray
    n: IntArray
    eta: FloatArray
    v: FloatArray
    chi2_nu: FloatArray
    mean: FloatArray
    std: FloatArray
    min: FloatArray
    max: FloatArray
    reason: IntArray
    ra_deg: FloatArray
    dec_deg: FloatArray
    last_mjd: FloatArray
    last_id: int = 0
    n_flagged: IntArray = field(default_factory=lambda: np.array([], dtype=np.int64))
    chi2_mean: FloatArray = field(default_factory=lambda: np.array([], dtype=np.float64))
    md: FloatArray = field(default_factory=lambda: np.array([], dtype=np.float64))
    last_processed: npt.NDArray[np.bool_] = field(default_factory=lambda: np.array([], dtype=np.bool_))
    xi: FloatArray = field(default_factory=lambda: np.array([], dtype=np.float64))
    xi_err: FloatArray = field(default_factory=lambda: np.array([], dtype=np.float64))
    sigma: FloatArray = field(default_factory=lambda: np.array([], dtype=np.float64))
    snr: FloatArray = field(default_factory=lambda: np.array([], dtype=np.float64))
    history: str = ""

    def __len__(self) -> int:
        return int(self.eta.size)


@dataclass(frozen=True, slots=True)
class VariabilityState:
    """How far the kept sums have come.

    Attributes
    ----------
    last_id, newest_id : int
        Newest photometry row that is counted, and the newest there is as last seen.
    rows_per_s : float
        Speed of the last reading; 0 before the first.
    checked_at : float or None
        Unix seconds when the sums were last compared with the database.
    computing : bool
    note : str
        What the reader must know: why the sums were made anew, or why they cannot be kept.
    """

    last_id: int = 0
    newest_id: int = 0
    rows_per_s: float = 0.0
    checked_at: float | None = None
    computing: bool = False
    note: str = ""

    @property
    def share(self) -> float:
        """Share of the rows that is counted, 0 to 1."""
        return 1.0 if self.newest_id <= 0 else min(1.0, self.last_id / self.newest_id)


@dataclass(frozen=True, slots=True)
class EpochQuestion:
    """SQL that answers (path, MS, MJD, origin) for names of images: before and after the list of these."""

    before: str
    after: str

    def sql(self, n_names: int) -> str:
        """Return the SELECT that binds this many names."""
        return f"{self.before} ({','.join('?' * n_names)}) {self.after}"


@dataclass(frozen=True, slots=True)
class BlockQuery:
    """How a worker process reads a stretch of photometry.

    Attributes
    ----------
    expressions : tuple of str
        SQL of row number, source, peak, its error, integrated flux, its error, image, mosaic, MJD, MJD of the
        processing, flags and quality; NULL where the file lacks them.
    from_where : str
        Table and condition; the row number is bound twice: above the first, up to the second.
    names : tuple of str
        Sources that are bound after the row numbers, where the condition asks for some only; else empty.
    has_quality : bool
        Whether a column says which measurements are forced; else the lowest bit of the flags does.
    observed : tuple of EpochQuestion
        What tells when images were observed whose names do not, the best first.
    """

    role: str
    path: str
    immutable: bool
    expressions: tuple[str, ...]
    from_where: str
    has_quality: bool
    busy_timeout_s: float
    deadline_s: float
    names: tuple[str, ...] = ()
    observed: tuple[EpochQuestion, ...] = ()


@dataclass(frozen=True, slots=True)
class Chunk:
    """A stretch of rows, above `after_id` up to `last_id`, and what it adds up to.

    Attributes
    ----------
    totals : tuple of 4 float
        Sums of the absolute peaks, their errors, integrated fluxes, their errors: to compare with the database later.
    """

    after_id: int
    last_id: int
    n_rows: int
    totals: tuple[float, ...]
