"""Measurement Sets: what the subtables say and what share of the data is flagged.

Blocking, for a worker process: casacore holds the interpreter lock while it reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units
from astropy.coordinates import SkyCoord

from data_access.errors import MeasurementSetError
from data_access.readers.casa_epochs import time_reference, to_utc
from data_access.readers.casa_tables import (
    SECONDS_PER_DAY,
    column,
    count_antennas,
    fraction,
    names_of,
    opened_subtable,
    opened_table,
    read_antennas,
    read_spectral_windows,
)
from data_access.readers.flag_counts import DataDescription, FlagCounts, IntArray, count_flags
from data_access.records.measurement_sets import MeasurementSetDetail, SpectralWindow

_DATA_COLUMNS = ("DATA", "CORRECTED_DATA", "MODEL_DATA", "FLOAT_DATA")
_NEEDED = ("ANTENNA1", "ANTENNA2", "DATA_DESC_ID", "FIELD_ID", "FLAG", "FLAG_ROW", "TIME")
_SAME_INTERVAL = 1e-6  # correlators write the same time with different last digits
# casacore Stokes codes of what receivers measure (casa/measures/Measures/Stokes.h).
_STOKES = dict(
    enumerate(("?", "I", "Q", "U", "V", "RR", "RL", "LR", "LL", "XX", "XY", "YX", "YY", "RX", "RY", "LX", "LY"))
)
_STOKES |= dict(enumerate(("XR", "XL", "YR", "YL", "PP", "PQ", "QP", "QQ"), start=17))


def read_measurement_set(path: str, *, max_rows: int | None = None) -> MeasurementSetDetail:
    """Return what a Measurement Set contains, and the fractions of its flags.

    Parameters
    ----------
    path : str
        Directory. It may be open for writing elsewhere: no lock is taken.
    max_rows : int, optional
        Read the flags of the first so many rows; `truncated` says when that left some out. Times, antennas
        and baselines always come from all rows.

    Returns
    -------
    MeasurementSetDetail
        The phase centre is that of the field with most rows, None when its frame is not fixed on the sky; B1950 is
        transformed to ICRS. A cross-correlation counts for both its antennas.

    Raises
    ------
    FileMissing, FileUnreadable
        When there is no such directory, or no permission.
    MeasurementSetError
        When it is no Measurement Set, or damaged.
    """
    with opened_table(path, MeasurementSetError, "Measurement Set", settle=(*_NEEDED, "INTERVAL")) as tab:
        missing = sorted(set(_NEEDED) - set(tab.colnames()))
        if missing:
            raise MeasurementSetError(f"{path} is no Measurement Set: it lacks {', '.join(missing)}", path=path)
        windows = read_spectral_windows(path)
        descriptions = _read_descriptions(path, windows)
        offsets = np.cumsum([0, *(window.n_chan for window in windows)], dtype=np.int64)
        times = np.unique(tab.getcol("TIME")) if tab.nrows() else np.empty(0)
        counts = FlagCounts(path, count_antennas(path), offsets[:-1], int(offsets[-1]), times)
        count_flags(tab, descriptions, counts, max_rows=max_rows)
        return _detail(path, tab, windows, descriptions, counts)


def _detail(
    path: str,
    tab: Any,
    windows: tuple[SpectralWindow, ...],
    descriptions: list[DataDescription],
    counts: FlagCounts,
) -> MeasurementSetDetail:
    n_rows = int(tab.nrows())
    times_mjd, time_remark = to_utc(counts.times / SECONDS_PER_DAY, time_reference(tab))
    antennas, problems = read_antennas(
        path,
        has_data=np.logical_or(counts.pairs.any(axis=0), counts.pairs.any(axis=1)),
        flag_fraction=fraction(*counts.by_antenna),
    )
    ra_deg, dec_deg, remark = (
        _phase_centre(path, int(np.argmax(counts.rows_of_field))) if n_rows else (None, None, "")
    )
    fields, with_data = names_of(path, "FIELD"), np.flatnonzero(counts.rows_of_field)
    telescopes = names_of(path, "OBSERVATION", "TELESCOPE_NAME")
    used = np.unique(column(tab, "DATA_DESC_ID")).astype(int)
    flagged, read = counts.by_time.sum(axis=1)
    return MeasurementSetDetail(
        path=path,
        telescope=", ".join(dict.fromkeys(filter(None, telescopes))),
        n_rows=n_rows,
        n_baselines=int(np.count_nonzero(np.triu(counts.pairs | counts.pairs.T))),
        n_autocorrelation_rows=counts.n_autocorrelation_rows,
        fields=fields,
        spectral_windows=windows,
        correlations=_correlations(path, {descriptions[i].polarization_id for i in used}),
        data_columns=tuple(name for name in _DATA_COLUMNS if name in tab.colnames()),
        start_mjd=float(times_mjd[0]) if n_rows else None,
        end_mjd=float(times_mjd[-1]) if n_rows else None,
        intervals_s=_intervals_s(tab),
        phase_ra_deg=ra_deg,
        phase_dec_deg=dec_deg,
        size_bytes=_size_bytes(path),
        antennas=antennas,
        flag_fraction=float(flagged / read) if read else float("nan"),
        times_mjd=times_mjd,
        flag_by_time=fraction(*counts.by_time),
        chan_freq_hz=np.concatenate([np.empty(0), *(window.chan_freq_hz for window in windows)]),
        flag_by_channel=fraction(*counts.by_channel),
        truncated=counts.n_rows_read < n_rows,
        problems=(*problems, *(one for one in (remark, time_remark) if one)),
        phase_field=_name_at(fields, counts.rows_of_field),
        n_fields_with_data=len(with_data),
        field_span_deg=_span_deg(path, with_data),
    )


def _intervals_s(tab: Any) -> tuple[float, ...]:
    """Return the different integration times, the shortest first; rows at an end of a scan may be shorter."""
    interval, used = column(tab, "INTERVAL"), column(tab, "DATA_DESC_ID")
    n_rows = min(len(interval), len(used))  # the table may grow between the two
    interval, used = interval[:n_rows], used[:n_rows]
    medians = sorted(float(np.median(interval[used == i])) for i in np.unique(used))
    return tuple(m for n, m in enumerate(medians) if n == 0 or m > medians[n - 1] * (1 + _SAME_INTERVAL))


def _name_at(names: Sequence[str], rows: IntArray) -> str:
    """Return the name with most rows; its number when it has none."""
    n = int(np.argmax(rows))
    return (names[n] if n < len(names) else "") or f"#{n}"


def _span_deg(path: str, field_ids: IntArray) -> float:
    """Return the greatest distance between two phase centres; a day of drift scans crosses right ascension 0."""
    with opened_subtable(path, "FIELD") as tab:
        if tab is None or "PHASE_DIR" not in tab.colnames():
            return float("nan")
        cells = [tab.getcell("PHASE_DIR", int(i)) for i in field_ids if i < tab.nrows()]
    ra, dec = np.array([np.reshape(cell, (-1, 2))[0] for cell in cells]).reshape(-1, 2).T
    places = np.stack((np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)), axis=1)
    chords = [float(np.linalg.norm(places - place, axis=1).max()) for place in places]
    return float(np.degrees(2 * np.arcsin(min(1.0, max(chords, default=0.0) / 2))))


def _read_descriptions(path: str, windows: tuple[SpectralWindow, ...]) -> list[DataDescription]:
    with opened_subtable(path, "POLARIZATION") as tab:
        n_corr = column(tab, "NUM_CORR").astype(int)
    with opened_subtable(path, "DATA_DESCRIPTION") as tab:
        spw_ids = column(tab, "SPECTRAL_WINDOW_ID").astype(int)
        polarization_ids = column(tab, "POLARIZATION_ID").astype(int)
    descriptions = []
    for spw_id, polarization_id in zip(spw_ids, polarization_ids, strict=True):
        if not (0 <= spw_id < len(windows) and 0 <= polarization_id < len(n_corr)):
            raise MeasurementSetError(
                f"{path}: DATA_DESCRIPTION names spectral window {spw_id} or polarisation {polarization_id}, "
                "which does not exist",
                path=path,
            )
        descriptions.append(
            DataDescription(int(spw_id), int(polarization_id), windows[spw_id].n_chan, int(n_corr[polarization_id]))
        )
    return descriptions


def _correlations(path: str, polarization_ids: set[int]) -> tuple[str, ...]:
    """Return the correlations of the polarisation setups that have data, each once, in order."""
    names: dict[str, None] = {}
    with opened_subtable(path, "POLARIZATION") as tab:
        for i in sorted(polarization_ids):
            codes = np.ravel(tab.getcell("CORR_TYPE", i))
            names |= dict.fromkeys(_STOKES.get(int(code), f"Stokes {code}") for code in codes)
    return tuple(names)


def _phase_centre(path: str, field_id: int) -> tuple[float | None, float | None, str]:
    """Return right ascension and declination in degrees, or None and the reason."""
    with opened_subtable(path, "FIELD") as tab:
        if tab is None or field_id >= tab.nrows() or "PHASE_DIR" not in tab.colnames():
            return None, None, f"FIELD has no phase centre for field {field_id}"
        direction = np.degrees(np.asarray(tab.getcell("PHASE_DIR", field_id)).reshape(-1, 2)[0])
        frame = _direction_frame(tab, field_id)
    ra_deg, dec_deg = float(direction[0]) % 360, float(direction[1])
    if frame in ("J2000", "ICRS"):
        return ra_deg, dec_deg, ""
    if frame in ("B1950", "B1950_VLA"):
        position = SkyCoord(ra_deg, dec_deg, unit=units.deg, frame="fk4", equinox="B1950").icrs
        return float(position.ra.deg), float(position.dec.deg), ""
    return None, None, f"the phase centre is given in the frame {frame}, which is not fixed on the sky"


def _direction_frame(tab: Any, field_id: int) -> str:
    """Return the frame of PHASE_DIR: one for the column, or a code for each row (ALMA)."""
    info = tab.getcolkeywords("PHASE_DIR").get("MEASINFO", {})
    by_row = info.get("VarRefCol", "")
    if not by_row or by_row not in tab.colnames():
        return str(info.get("Ref", "J2000"))
    value = tab.getcell(by_row, field_id)
    codes = [int(code) for code in np.ravel(info.get("TabRefCodes", []))]
    names = [str(name) for name in info.get("TabRefTypes", [])]
    if isinstance(value, str):
        return value
    return names[codes.index(int(value))] if int(value) in codes else f"code {value}"


def _size_bytes(path: str) -> int | None:
    """Return the bytes of all files, None when one vanishes while they are added: the table is being written."""
    try:
        return sum(file.stat().st_size for file in Path(path).rglob("*") if file.is_file())
    except OSError:
        return None
