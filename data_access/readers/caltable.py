"""CASA calibration tables: their solutions as one rectangular array, and figures of their quality.

Blocking, for a worker process: casacore holds the interpreter lock while it reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt

from data_access.errors import CaltableError
from data_access.readers.casa_epochs import time_reference, to_utc
from data_access.readers.casa_tables import (
    SECONDS_PER_DAY,
    column,
    count_antennas,
    fraction,
    names_of,
    opened_table,
    read_antennas,
    read_spectral_windows,
)
from data_access.readers.solution_times import group_times
from data_access.records.calibration import ANTENNA_POSITIONS, CaltableDetail
from data_access.records.measurement_sets import FloatArray, SpectralWindow

# 16 bytes of value, 8 of SNR and 1 of flag per cell: 200 MB.
MAX_CELLS = 8_000_000
_COLUMNS = ("TIME", "ANTENNA1", "ANTENNA2", "SPECTRAL_WINDOW_ID", "CPARAM", "FPARAM", "FLAG", "SNR")
_POL_NAMES: dict[str, tuple[str, ...]] = {"lin": ("X", "Y"), "cir": ("R", "L")}
# gencal writes the corrections to ITRF positions in the place of polarisations.
_AXES = ("x", "y", "z")


@dataclass(frozen=True, slots=True)
class _Window:
    """Solutions of one spectral window; arrays have shape (n_row, n_chan, n_pol)."""

    spw_id: int
    rows: npt.NDArray[np.int64]
    values: npt.NDArray[Any]
    flag: npt.NDArray[np.bool_]
    snr: npt.NDArray[Any]
    exists: npt.NDArray[np.bool_]

    @property
    def unflagged(self) -> npt.NDArray[np.bool_]:
        """Which solutions exist and are not flagged."""
        return np.asarray(~self.flag & self.exists[:, None, None])

    @property
    def usable(self) -> npt.NDArray[np.bool_]:
        """Which solutions are unflagged and finite."""
        return np.asarray(self.unflagged & np.isfinite(self.values))


@dataclass(frozen=True, slots=True)
class _Rows:
    """Scalar columns of all rows; `time_index` counts solution intervals."""

    antenna: npt.NDArray[np.int64]
    reference: npt.NDArray[np.int64]
    spw: npt.NDArray[np.int64]
    time_index: npt.NDArray[np.int64]
    times_mjd: FloatArray
    time_remark: str


def read_caltable(path: str) -> CaltableDetail:
    """Return the solutions of a calibration table.

    Parameters
    ----------
    path : str
        Directory. It may be open for writing elsewhere: no lock is taken.

    Returns
    -------
    CaltableDetail
        Only windows with solutions are given, in the order of the file (`spw_id` is their number there);
        those with fewer channels than the widest are padded with NaN. CASA gives each window a time of
        its own, the mean of its unflagged data: times of one solution interval are taken together.
        Antennas without a name are ``#<id>``; `refants` has the most frequent one first.
        `values`, `flag` and `snr` leave out the last times of a table above `MAX_CELLS`, with a remark in
        `problems`; the figures always cover the whole table.

    Raises
    ------
    FileMissing, FileUnreadable
        When there is no such directory, or no permission.
    CaltableError
        When it is no calibration table, or damaged.
    """
    with opened_table(path, CaltableError, "calibration table", settle=_COLUMNS) as tab:
        parameter = next((name for name in ("CPARAM", "FPARAM") if name in tab.colnames()), "")
        if not parameter or "ANTENNA1" not in tab.colnames():
            raise CaltableError(f"{path} is no calibration table: it has neither CPARAM nor FPARAM", path=path)
        spectral_windows = read_spectral_windows(path)
        n_ant = count_antennas(path)
        rows = _read_rows(path, tab, n_ant, len(spectral_windows))
        windows = [_read_window(path, tab, parameter, rows, int(i)) for i in np.unique(rows.spw)]
        keywords = tab.getkeywords()
    return _detail(path, keywords, parameter, rows, windows, n_ant, spectral_windows)


def _read_rows(path: str, tab: Any, n_ant: int, n_spw: int) -> _Rows:
    antenna = column(tab, "ANTENNA1").astype(np.int64)
    spw = column(tab, "SPECTRAL_WINDOW_ID").astype(np.int64)
    reference = column(tab, "ANTENNA2").astype(np.int64)
    time_s = column(tab, "TIME").astype(np.float64)
    for name, ids, limit in (("antenna", antenna, n_ant), ("spectral window", spw, n_spw)):
        wrong = ids[(ids < 0) | (ids >= limit)]
        if len(wrong):
            raise CaltableError(f"{path} names {name} {wrong[0]}, its subtable has {limit} rows", path=path)
    time_index, times_s = group_times(time_s, antenna * max(n_spw, 1) + spw)
    return _Rows(antenna, reference, spw, time_index, *to_utc(times_s / SECONDS_PER_DAY, time_reference(tab)))


def _read_window(path: str, tab: Any, parameter: str, rows: _Rows, spw_id: int) -> _Window:
    chosen = np.flatnonzero(rows.spw == spw_id)
    part = tab.selectrows(chosen)
    values, exists = _cells(path, part, parameter)
    if values is None:
        values, exists = np.empty((len(chosen), 0, 0), dtype=np.complex128), np.zeros(len(chosen), dtype=np.bool_)
    flag, has_flag = _cells(path, part, "FLAG")
    snr, has_snr = _cells(path, part, "SNR")
    if flag is None or flag.shape != values.shape:
        raise CaltableError(f"{path}: FLAG and {parameter} of window {spw_id} have different shapes", path=path)
    if snr is None or snr.shape != values.shape:
        snr = np.full(values.shape, np.nan)
    else:
        snr = np.where(has_snr[:, None, None], snr, np.nan)
    return _Window(spw_id, chosen, values, flag.astype(np.bool_), snr, exists & has_flag)


def _cells(path: str, part: Any, name: str) -> tuple[npt.NDArray[Any] | None, npt.NDArray[np.bool_]]:
    """Return an array column as (n_row, n_chan, n_pol), and which rows have a value.

    Columns may be absent, and cells of SNR, PARAMERR or WEIGHT undefined: `getcol` then fails as a whole.
    """
    n = part.nrows()
    if name not in part.colnames():
        return None, np.zeros(n, dtype=np.bool_)
    try:
        return np.asarray(part.getcol(name)), np.ones(n, dtype=np.bool_)
    except RuntimeError:
        defined = np.array([part.iscelldefined(name, row) for row in range(n)], dtype=np.bool_)
    if not defined.any():
        return None, defined
    cells = {int(row): np.asarray(part.getcell(name, int(row))) for row in np.flatnonzero(defined)}
    shapes = {cell.shape for cell in cells.values()}
    if len(shapes) > 1:
        raise CaltableError(f"{path}: {name} has several shapes in one spectral window: {sorted(shapes)}", path=path)
    values = np.zeros((n, *shapes.pop()), dtype=next(iter(cells.values())).dtype)
    for row, cell in cells.items():
        values[row] = cell
    return values, defined


def _detail(
    path: str,
    keywords: Mapping[str, Any],
    parameter: str,
    rows: _Rows,
    windows: list[_Window],
    n_ant: int,
    spectral_windows: tuple[SpectralWindow, ...],
) -> CaltableDetail:
    solutions, flagged = _count(windows, rows, n_ant)
    antennas, problems = read_antennas(
        path, has_data=np.bincount(rows.antenna, minlength=n_ant) > 0, flag_fraction=fraction(flagged, solutions)
    )
    kind = str(keywords.get("VisCal", "")).strip()
    values, flag, snr, n_time = _rectangle(windows, rows, n_ant, parameter)
    if n_time < len(rows.times_mjd):
        problems += (f"the first {n_time} of {len(rows.times_mjd)} times are given: the table is too large",)
    if _has_duplicates(rows, n_ant, len(spectral_windows)):
        problems += ("some antennas have more than one solution at the same time: the last one is given",)
    n_not_finite = sum(int(np.count_nonzero(window.unflagged & ~window.usable)) for window in windows)
    if rows.time_remark:
        problems += (rows.time_remark,)
    if n_not_finite:
        problems += (f"unflagged solutions that are not finite: {n_not_finite:,}",)
    return CaltableDetail(
        path=path,
        kind=kind,
        parameter=parameter,
        ms_name=PurePosixPath(str(keywords.get("MSName", ""))).name,
        n_rows=len(rows.antenna),
        values=values,
        flag=flag,
        snr=snr,
        times_mjd=rows.times_mjd[:n_time],
        pol_names=_pol_names(kind, str(keywords.get("PolBasis", "")), values.shape[4]),
        antennas=antennas,
        spectral_windows=tuple(_as_solved(spectral_windows[w.spw_id], w.values.shape[1]) for w in windows),
        field_names=names_of(path, "FIELD"),
        refants=_reference_antennas(rows.reference, antennas.names),
        n_solutions=int(solutions.sum()),
        n_flagged=int(flagged.sum()),
        fully_flagged=tuple(antennas.names[i] for i in np.flatnonzero((solutions > 0) & (flagged == solutions))),
        n_not_finite=n_not_finite,
        median_snr=_median([window.snr[window.usable] for window in windows]),
        median_amplitude=_median([np.abs(window.values[window.usable]) for window in windows]),
        problems=problems,
    )


def _count(windows: list[_Window], rows: _Rows, n_ant: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return solutions and flagged solutions of each antenna."""
    solutions, flagged = np.zeros(n_ant, dtype=np.int64), np.zeros(n_ant, dtype=np.int64)
    for window in windows:
        antenna = rows.antenna[window.rows][window.exists]
        np.add.at(solutions, antenna, window.values.shape[1] * window.values.shape[2])
        np.add.at(flagged, antenna, window.flag[window.exists].sum(axis=(1, 2)))
    return solutions, flagged


def _rectangle(
    windows: list[_Window], rows: _Rows, n_ant: int, parameter: str
) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_], FloatArray, int]:
    """Return values, flags and SNR of shape (n_time, n_ant, n_spw, n_chan, n_pol), and the n_time that fits."""
    n_chan = max((window.values.shape[1] for window in windows), default=0)
    n_pol = max((window.values.shape[2] for window in windows), default=0)
    per_time = max(1, n_ant * len(windows) * n_chan * n_pol)
    n_time = min(len(rows.times_mjd), max(1, MAX_CELLS // per_time))
    shape = (n_time, n_ant, len(windows), n_chan, n_pol)
    values = np.full(shape, np.nan, dtype=np.complex128 if parameter == "CPARAM" else np.float64)
    flag = np.ones(shape, dtype=np.bool_)
    snr = np.full(shape, np.nan)
    for i, window in enumerate(windows):
        kept = window.exists & (rows.time_index[window.rows] < n_time)
        chosen = window.rows[kept]
        _, chans, pols = window.values.shape
        where = (rows.time_index[chosen], rows.antenna[chosen], i, slice(chans), slice(pols))
        values[where], flag[where], snr[where] = window.values[kept], window.flag[kept], window.snr[kept]
    return values, flag, snr, n_time


def _has_duplicates(rows: _Rows, n_ant: int, n_spw: int) -> bool:
    key = (rows.time_index * n_ant + rows.antenna) * max(n_spw, 1) + rows.spw
    return len(np.unique(key)) < len(key)


def _as_solved(window: SpectralWindow, n_chan: int) -> SpectralWindow:
    """Return the window with the channels of its solutions: one mean frequency where all were solved as one."""
    if n_chan != 1 or window.n_chan <= 1:
        return window
    return SpectralWindow(
        spw_id=window.spw_id,
        name=window.name,
        n_chan=1,
        chan_freq_hz=np.array([window.chan_freq_hz.mean()]),
        chan_width_hz=window.chan_width_hz * window.n_chan,
    )


def _pol_names(kind: str, basis: str, n_pol: int) -> tuple[str, ...]:
    """Return the receptor names; CASA mostly writes 'unknown', and then they are only numbered."""
    names = _AXES if kind == ANTENNA_POSITIONS else _POL_NAMES.get(basis[:3].lower(), ())
    return names if len(names) == n_pol else tuple(f"pol {i}" for i in range(n_pol))


def _reference_antennas(reference: npt.NDArray[np.int64], names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the reference antennas, the most frequent first; -1 stands for none."""
    counts = np.bincount(reference[(reference >= 0) & (reference < len(names))], minlength=len(names))
    return tuple(names[i] for i in np.argsort(-counts, kind="stable") if counts[i])


def _median(parts: list[npt.NDArray[Any]]) -> float:
    values = np.concatenate([np.ravel(part) for part in parts]) if parts else np.empty(0)
    values = values[np.isfinite(values)]
    return float(np.median(values)) if len(values) else float("nan")
