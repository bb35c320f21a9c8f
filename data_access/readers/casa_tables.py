"""Opening casacore tables without locks, and the subtables that Measurement Sets and calibration tables share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy import units
from astropy.coordinates import EarthLocation
from casacore.tables import table as casa_table

from data_access.errors import FileError, file_error
from data_access.records.measurement_sets import AntennaTable, FloatArray, SpectralWindow

SECONDS_PER_DAY = 86400.0
# Nothing on Earth is closer to its centre: smaller positions are unset or in a local frame.
_LEAST_RADIUS_M = 6.0e6


@contextmanager
def opened_table(path: str, error: type[FileError], kind: str, *, settle: Sequence[str] = ()) -> Iterator[Any]:
    """Yield a casacore table, opened read-only and without a lock.

    ``usernoread`` never asks for a lock, so a table that the pipeline is writing, and holds locked, can be
    read; with casacore's default the call would wait until the writer lets go.

    Parameters
    ----------
    path : str
        Directory of the table.
    error : type
        Raised for whatever casacore cannot read inside the ``with`` block.
    kind : str
        What it should be, for the message: ``"Measurement Set"``.
    settle : sequence of str
        Columns that will be read of a table that may be growing.

    Raises
    ------
    FileMissing, FileUnreadable
        When the path is missing or not permitted.
    """
    try:
        entries = {entry.name for entry in Path(path).iterdir()} if Path(path).is_dir() else None
        if entries is None:
            Path(path).stat()
    except OSError as err:
        raise file_error(path, err) from err
    if entries is None or "table.dat" not in entries:
        found = "a file" if entries is None else "a directory without table.dat"
        raise error(f"{path} is {found}, not a {kind}", path=path)
    try:
        tab = casa_table(path, readonly=True, lockoptions="usernoread", ack=False)
        try:
            _settle(tab, settle)
            yield tab
        finally:
            tab.close()
    except RuntimeError as err:
        # casacore has one exception for everything.
        raise error(f"{path} cannot be read as a {kind}: {_reason(err)}", path=path) from err


def _settle(tab: Any, columns: Sequence[str]) -> None:
    """Make all columns agree on the number of rows.

    A column's file is opened at its first use. When the writer has added rows since the table was opened,
    the two disagree and casacore (python-casacore 3.8) writes past the end of its buffer: the process dies.
    Once the files are open, `resync` brings table and columns together; later growth is not seen.
    """
    if not columns:
        return
    known = set(tab.colnames())
    for name in columns:
        if name in known and tab.nrows():
            with suppress(RuntimeError):  # a cell without a value; its file is open all the same
                tab.getcell(name, 0)
    tab.resync()


def _reason(err: RuntimeError) -> str:
    return " ".join(str(err).split())[:300]


@contextmanager
def opened_subtable(path: str, name: str) -> Iterator[Any]:
    """Yield a subtable by its usual place, or None when there is none.

    The keyword of the main table could point anywhere on the disk; the place below it cannot.
    """
    place = Path(path) / name
    if not (place / "table.dat").is_file():
        yield None
        return
    tab = casa_table(str(place), readonly=True, lockoptions="usernoread", ack=False)
    try:
        yield tab
    finally:
        tab.close()


def column(tab: Any, name: str) -> npt.NDArray[Any]:
    """Return a column as an array, row first; empty when the table is None, lacks it or has no rows."""
    if tab is None or tab.nrows() == 0 or name not in tab.colnames():
        return np.empty(0)
    return np.asarray(tab.getcol(name))


def names_of(path: str, subtable: str, name: str = "NAME") -> tuple[str, ...]:
    """Return a column of text of a subtable; empty without the subtable or the column."""
    with opened_subtable(path, subtable) as tab:
        return tuple(str(text).strip() for text in column(tab, name))


def read_spectral_windows(path: str) -> tuple[SpectralWindow, ...]:
    """Return the rows of SPECTRAL_WINDOW in the order of the file, which need not be that of frequency."""
    with opened_subtable(path, "SPECTRAL_WINDOW") as tab:
        if tab is None:
            return ()
        names = column(tab, "NAME")
        return tuple(
            _spectral_window(tab, i, str(names[i]).strip() if len(names) else "") for i in range(tab.nrows())
        )


def _spectral_window(tab: Any, row: int, name: str) -> SpectralWindow:
    freq_hz = np.ravel(tab.getcell("CHAN_FREQ", row)).astype(np.float64)
    widths = np.ravel(tab.getcell("CHAN_WIDTH", row)) if "CHAN_WIDTH" in tab.colnames() else np.empty(0)
    return SpectralWindow(
        spw_id=row,
        name=name,
        n_chan=len(freq_hz),
        chan_freq_hz=freq_hz,
        chan_width_hz=float(widths[0]) if len(widths) else float("nan"),
    )


def read_antennas(
    path: str, *, has_data: npt.NDArray[np.bool_], flag_fraction: FloatArray
) -> tuple[AntennaTable, tuple[str, ...]]:
    """Return the antennas of a table with what was counted for them, and remarks on their positions.

    Parameters
    ----------
    has_data, flag_fraction : shape (n_ant,)
        As in `AntennaTable`.
    """
    with opened_subtable(path, "ANTENNA") as tab:
        names = [str(text).strip() for text in column(tab, "NAME")]
        positions = column(tab, "POSITION").astype(np.float64).reshape(-1, 3)
    n_ant = len(has_data)
    if len(positions) != n_ant:
        positions = np.full((n_ant, 3), np.nan)
    local, remarks = local_positions(positions)
    antennas = AntennaTable(
        names=tuple(name or f"#{i}" for i, name in enumerate(names or [""] * n_ant)),
        east_m=local[:, 0],
        north_m=local[:, 1],
        up_m=local[:, 2],
        has_data=has_data,
        flag_fraction=flag_fraction,
    )
    return antennas, remarks


def local_positions(positions_m: FloatArray) -> tuple[FloatArray, tuple[str, ...]]:
    """Return east, north and up about the mean of the antennas.

    Parameters
    ----------
    positions_m : shape (n_ant, 3)
        ITRF x, y, z in metres.

    Returns
    -------
    array, shape (n_ant, 3)
        Metres; NaN for antennas without a position. Up is the normal of the WGS84 ellipsoid at the mean.
    tuple of str
        Remarks.
    """
    radius = np.linalg.norm(positions_m, axis=1)
    geocentric = np.isfinite(radius) & (radius > _LEAST_RADIUS_M)
    local = np.full(positions_m.shape, np.nan)
    if not geocentric.any():
        usable = np.isfinite(radius)
        if not usable.any():
            return local, ("the antennas have no positions",) if len(positions_m) else ()
        local[usable] = positions_m[usable] - positions_m[usable].mean(axis=0)
        return local, ("the antenna positions are not geocentric: taken as east, north, up",)
    centre = positions_m[geocentric].mean(axis=0)
    place = EarthLocation.from_geocentric(*centre, unit=units.m).to_geodetic("WGS84")
    lon, lat = float(place.lon.rad), float(place.lat.rad)
    east = [-np.sin(lon), np.cos(lon), 0.0]
    north = [-np.sin(lat) * np.cos(lon), -np.sin(lat) * np.sin(lon), np.cos(lat)]
    up = [np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)]
    local[geocentric] = (positions_m[geocentric] - centre) @ np.array([east, north, up]).T
    n_missing = int(np.count_nonzero(~geocentric))
    return local, (f"antennas without a position: {n_missing}",) if n_missing else ()


def count_antennas(path: str) -> int:
    """Return the number of rows of the ANTENNA subtable, 0 without one."""
    with opened_subtable(path, "ANTENNA") as tab:
        return 0 if tab is None else int(tab.nrows())


def fraction(part: npt.NDArray[Any], whole: npt.NDArray[Any]) -> FloatArray:
    """Return `part` / `whole`, NaN where `whole` is zero."""
    result = np.full(np.shape(whole), np.nan)
    np.divide(part, whole, out=result, where=np.asarray(whole) > 0)
    return result
