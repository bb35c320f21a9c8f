"""Calibration tables, their sets, calibrator transits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt

from data_access.records.measurement_sets import AntennaTable, SpectralWindow

FloatArray = npt.NDArray[np.float64]
ANTENNA_POSITIONS = "KAntPos Jones"
"""`CaltableDetail.kind` of offsets of the antennas' positions: no delays, though CASA applies them as such."""


@dataclass(frozen=True, slots=True)
class Caltable:
    """One row of ``caltables``; `source_ms_path` is the calibrator MS the table was solved from."""

    id: int
    set_name: str | None
    path: str
    table_type: str | None
    order_index: int | None
    cal_field: str | None
    refant: str | None
    created_at: float | None
    valid_start_mjd: float | None
    valid_end_mjd: float | None
    status: str | None
    notes: str | None
    source_ms_path: str | None
    solver_command: str | None
    solver_version: str | None
    solver_params: Any
    quality_metrics: dict[str, Any] | None
    problems: tuple[str, ...] = ()

    def is_valid_at(self, mjd: float) -> bool:
        """Return whether its validity window contains a moment (MJD, UTC); an open end contains everything."""
        start, end = self.valid_start_mjd, self.valid_end_mjd
        return (start is None or start <= mjd) and (end is None or end >= mjd)

    @property
    def name(self) -> str:
        """Last part of the path."""
        return PurePosixPath(self.path).name or self.path


@dataclass(frozen=True, slots=True)
class CaltableSet:
    """The tables that apply to a moment, and the rule by which they were chosen."""

    set_name: str | None
    mjd: float | None
    tables: tuple[Caltable, ...]
    rule: str


@dataclass(frozen=True, slots=True)
class AppliedCaltable:
    """One row of ``calibration_applied``: a table that was applied to a Measurement Set, or failed to be.

    Attributes
    ----------
    path : str
        Of the calibration table.
    applied_at : float or None
        Unix seconds, UTC.
    success : bool or None
        None where it is not recorded.
    caltable : Caltable or None
        Its row in the registry; None when it has none.
    """

    path: str
    applied_at: float | None
    success: bool | None
    error_message: str | None
    caltable: Caltable | None = None

    @property
    def failed(self) -> bool:
        """Whether it is recorded that it was not applied: an error without a word on success is such a record."""
        return self.success is False or (self.success is None and self.error_message is not None)

    @property
    def name(self) -> str:
        """Last part of the path."""
        return PurePosixPath(self.path).name or self.path


@dataclass(frozen=True, slots=True)
class CalibratorTransit:
    """One row of ``calibrator_transits``."""

    calibrator_name: str
    transit_mjd: float | None
    has_data: bool | None
    group_id: str | None
    delta_minutes: float | None
    pb_response: float | None
    dec_match: bool | None


@dataclass(frozen=True, slots=True)
class CaltableDetail:
    """Solutions of a calibration table on disk.

    Attributes
    ----------
    kind : str
        ``VisCal`` keyword: ``"B Jones"``, ``"G Jones"``, ``"K Jones"``, ...
    parameter : str
        ``"CPARAM"`` (complex gain, dimensionless) or ``"FPARAM"`` (real; delays in ns for K,
        offsets in m for `ANTENNA_POSITIONS`).
    values : complex128 or float64, shape (n_time, n_ant, n_spw, n_chan, n_pol)
        NaN where there is no solution. Flagged solutions keep their values: see `flag`.
    flag : bool, same shape
        True also where there is no solution.
    snr : float64, same shape
        NaN where absent.
    pol_names : tuple of str, length n_pol
        The receptors; of `ANTENNA_POSITIONS` the axes of the offsets.
    times_mjd : (n_time,) MJD UTC days; `antennas` of length n_ant; `spectral_windows` of length n_spw
    n_solutions, n_flagged : int
        Over the cells that exist in the file.
    n_not_finite : int
        Unflagged solutions that are no finite number: nothing can be calibrated with them.
    median_snr : float
        Of unflagged finite solutions, NaN if there is none.
    refants : tuple of str
        Reference antennas found in ANTENNA2.
    """

    path: str
    kind: str
    parameter: str
    ms_name: str
    n_rows: int
    values: npt.NDArray[Any]
    flag: npt.NDArray[np.bool_]
    snr: FloatArray
    times_mjd: FloatArray
    pol_names: tuple[str, ...]
    antennas: AntennaTable
    spectral_windows: tuple[SpectralWindow, ...]
    field_names: tuple[str, ...]
    refants: tuple[str, ...]
    n_solutions: int
    n_flagged: int
    fully_flagged: tuple[str, ...]
    median_snr: float
    median_amplitude: float
    n_not_finite: int = 0
    problems: tuple[str, ...] = ()

    @property
    def flag_fraction(self) -> float:
        """Flagged share of the solutions in the file; NaN for an empty table."""
        return self.n_flagged / self.n_solutions if self.n_solutions else float("nan")
