"""A stretch of the photometry table as moments of its sources: read and reduced in one go."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from data_access.analysis.variability.moments import FloatArray, FluxKind, IntArray, empty_moments, kind_moments
from data_access.database_errors import EXPLAINED, explained_error
from data_access.errors import DatabaseError
from data_access.read_only_connection import FileReplaced
from data_access.readers.photometry_columns import FLUXES, PhotometryColumns, read_columns
from data_access.records.variability import BlockQuery, Chunk

_HUGE = 1e300


@dataclass(frozen=True, slots=True)
class PhotometryBlock:
    """What some rows add up to.

    Attributes
    ----------
    names : tuple of str, length n_src
        Sources in the order in which they appear.
    moments : structured array, shape (n_src,)
        See `data_access.analysis.variability.moments.MOMENTS`; without positions.
    chunks : tuple of Chunk
        One after the other.
    """

    names: tuple[str, ...]
    moments: npt.NDArray[Any]
    chunks: tuple[Chunk, ...]

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return sum(chunk.n_rows for chunk in self.chunks)


def read_photometry_block(
    query: BlockQuery, after_id: int, last_id: int, chunk_rows: int, *, in_worker: bool = False
) -> PhotometryBlock:
    """Return the moments of the rows above `after_id` up to `last_id`, in chunks of `chunk_rows` row numbers.

    Parameters
    ----------
    in_worker : bool
        As in `read_columns`: true only in a worker process.

    Raises
    ------
    DatabaseError
        And its kin: missing, locked, damaged, too slow.
    """
    columns = _explained_columns(query, after_id, last_id, in_worker=in_worker)
    edges = [*range(after_id, last_id, chunk_rows), last_id]
    return _reduced(columns, edges, has_quality=query.has_quality)


@dataclass(frozen=True, slots=True)
class UsableFluxes:
    """Fluxes of the measurements that count: unflagged, finite, with an error above zero.

    Attributes
    ----------
    names : tuple of str, length n_src
    codes : int32, shape (n_measurement,)
        Position in `names` of the source of each flux.
    flux : float64, shape (n_measurement,)
    """

    names: tuple[str, ...]
    codes: npt.NDArray[np.int32]
    flux: FloatArray


@dataclass(frozen=True, slots=True)
class UsableMeasurements(UsableFluxes):
    """The same with the error and the epoch of each, in the order of their rows.

    Attributes
    ----------
    err : float64, shape (n_measurement,)
        In the unit of the flux.
    mjd : float64, shape (n_measurement,)
        As in the light curve (UTC); NaN where none is recorded.
    """

    err: FloatArray
    mjd: FloatArray


def read_usable_fluxes(
    query: BlockQuery, after_id: int, last_id: int, kind: FluxKind, *, in_worker: bool = False
) -> UsableFluxes:
    """Return the usable fluxes of one kind in the rows above `after_id` up to `last_id`; `in_worker` as above.

    Raises
    ------
    DatabaseError
        And its kin: missing, locked, damaged, too slow.
    """
    found = read_usable_measurements(query, after_id, last_id, kind, in_worker=in_worker)
    return UsableFluxes(found.names, found.codes, found.flux)


def read_usable_measurements(
    query: BlockQuery, after_id: int, last_id: int, kind: FluxKind, *, in_worker: bool = False
) -> UsableMeasurements:
    """Return the usable measurements, as `read_usable_fluxes` does their fluxes."""
    columns = _explained_columns(query, after_id, last_id, in_worker=in_worker)
    name = "peak" if kind == "peak" else "flux"
    flux, err = columns.values[name], columns.values[f"{name}_err"]
    with np.errstate(invalid="ignore"):
        keep = (columns.codes >= 0) & ~_flagged(columns, has_quality=query.has_quality)
        keep &= np.isfinite(flux) & np.isfinite(err) & (err > 0)
    codes = columns.codes[keep].astype(np.int32)
    return UsableMeasurements(tuple(columns.names), codes, flux[keep], err[keep], columns.mjd[keep])


def _explained_columns(query: BlockQuery, after_id: int, last_id: int, *, in_worker: bool) -> PhotometryColumns:
    collecting = gc.isenabled()
    gc.disable()  # half a million tuples without a cycle among them would be looked through again and again
    try:
        return read_columns(query, after_id, last_id, in_worker=in_worker)
    except FileReplaced as err:
        raise DatabaseError(f"{query.path} was replaced while it was read", path=query.path) from err
    except EXPLAINED as err:
        raise explained_error(err, query.role, Path(query.path)) from err
    finally:
        if collecting:
            gc.enable()


def _reduced(columns: PhotometryColumns, edges: Sequence[int], *, has_quality: bool) -> PhotometryBlock:
    values = columns.values
    places = np.searchsorted(columns.ids, edges, side="right")
    chunks = tuple(
        Chunk(after, last, int(stop - start), tuple(_total(values[name][start:stop]) for name in FLUXES))
        for (after, last), (start, stop) in zip(pairwise(edges), pairwise(places), strict=True)
    )
    n_src = len(columns.names)
    named = columns.codes >= 0
    codes, ids = columns.codes[named], columns.ids[named]
    flagged = _flagged(columns, has_quality=has_quality)[named]
    good = ~flagged
    made = empty_moments(n_src)
    made["n_rows"] = np.bincount(codes, minlength=n_src)
    made["n_flagged"] = np.bincount(codes[flagged], minlength=n_src)
    made["first_id"][codes[::-1]] = ids[::-1]
    made["last_mjd"], made["last_processed"] = _newest(
        codes, columns.mjd[named], columns.processed[named], n_src
    )  # fmt: skip
    for kind, flux, err in (("peak", "peak", "peak_err"), ("integrated", "flux", "flux_err")):
        made[kind] = kind_moments(codes[good], values[flux][named][good], values[err][named][good], n_src)
    return PhotometryBlock(tuple(columns.names), made, chunks)


def _flagged(columns: PhotometryColumns, *, has_quality: bool) -> npt.NDArray[np.bool_]:
    forced = columns.forced if has_quality else (columns.flags & 1).astype(np.bool_)
    return np.asarray(((columns.flags & ~forced.astype(np.int64)) != 0) | columns.bad)


def _newest(
    codes: IntArray, mjd: FloatArray, processed: npt.NDArray[np.bool_], n_src: int
) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """Return the newest epoch of every source, and whether it is a processing time."""
    made = np.full(n_src, -np.inf)
    known = ~np.isnan(mjd)
    np.maximum.at(made, codes[known], mjd[known])
    is_processed = np.zeros(n_src, dtype=np.bool_)
    if processed.any():
        is_processed[codes[processed & (mjd == made[codes])]] = True
    return np.where(np.isfinite(made), made, np.nan), is_processed


def _total(values: FloatArray) -> float:
    size = np.abs(values)
    return float(np.sum(size[size < _HUGE]))
