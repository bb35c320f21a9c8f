"""Measurement Sets: the database row and what the table itself says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
import numpy.typing as npt

from data_access.records.base import Epoch

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class MeasurementSet:
    """One row of ``ms_index``; MJD days UTC, unix seconds UTC, degrees ICRS."""

    path: str
    start_mjd: float | None
    end_mjd: float | None
    mid_mjd: float | None
    processed_at: float | None
    status: str | None
    stage: str | None
    stage_updated_at: float | None
    cal_applied: bool | None
    imagename: str | None
    field_name: str | None
    pointing_ra_deg: float | None
    pointing_dec_deg: float | None
    epoch: Epoch
    problems: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Last part of the path."""
        return PurePosixPath(self.path).name or self.path


@dataclass(frozen=True, slots=True)
class SpectralWindow:
    """One row of SPECTRAL_WINDOW: Hz; `chan_freq_hz` has shape (n_chan,), in the order of the file."""

    spw_id: int
    name: str
    n_chan: int
    chan_freq_hz: FloatArray
    chan_width_hz: float


@dataclass(frozen=True, slots=True)
class AntennaTable:
    """Antennas of a table; every array has shape (n_ant,), in the order of the ANTENNA subtable.

    Attributes
    ----------
    names : tuple of str
        Empty names are replaced by ``#<id>``.
    east_m, north_m, up_m : float64, metres
        Local position about the mean of the antennas.
    has_data : bool
        True when the antenna occurs in the main table.
    flag_fraction : float64
        Fraction of its visibilities (or solutions) that are flagged; NaN without data.
    """

    names: tuple[str, ...]
    east_m: FloatArray
    north_m: FloatArray
    up_m: FloatArray
    has_data: npt.NDArray[np.bool_]
    flag_fraction: FloatArray


@dataclass(frozen=True, slots=True)
class MeasurementSetDetail:
    """What a Measurement Set on disk contains.

    Attributes
    ----------
    phase_ra_deg, phase_dec_deg : float or None
        Phase centre of the field with most rows, ICRS degrees.
    phase_field : str
        The name of that field.
    n_fields_with_data : int
    field_span_deg : float
        Greatest distance on the sky between the phase centres of two fields with data; NaN when it is not known.
    telescope : str
        All different names of OBSERVATION, joined with commas.
    n_baselines : int
        Pairs of antennas that occur, in whichever order, autocorrelations included.
    intervals_s : tuple of float
        The different integration times of the data descriptions with data, each the median of its rows, seconds,
        the shortest first.
    flag_by_time : (n_time,) with `times_mjd` (n_time,)
        Fraction flagged per integration.
    flag_by_channel : (n_chan_total,) with `chan_freq_hz` (n_chan_total,)
        Fraction flagged per channel, all spectral windows one after the other.
    flag_fraction : float
        Of all visibilities (rows x channels x correlations); rows with FLAG_ROW count as flagged.
    truncated : bool
        True when the deadline or a row cap stopped the reading of flags: fractions then cover the rows read.
    """

    path: str
    telescope: str
    n_rows: int
    n_baselines: int
    n_autocorrelation_rows: int
    fields: tuple[str, ...]
    spectral_windows: tuple[SpectralWindow, ...]
    correlations: tuple[str, ...]
    data_columns: tuple[str, ...]
    start_mjd: float | None
    end_mjd: float | None
    intervals_s: tuple[float, ...]
    phase_ra_deg: float | None
    phase_dec_deg: float | None
    size_bytes: int | None
    antennas: AntennaTable
    flag_fraction: float
    times_mjd: FloatArray
    flag_by_time: FloatArray
    chan_freq_hz: FloatArray
    flag_by_channel: FloatArray
    truncated: bool = False
    problems: tuple[str, ...] = ()
    phase_field: str = ""
    n_fields_with_data: int = 0
    field_span_deg: float = 0.0
