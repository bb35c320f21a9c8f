"""Photometry as what the metrics of whole light curves are made of: read and reduced in one worker process."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from data_access.analysis.ese import leave_one_out
from data_access.analysis.variability import maximum_pair
from data_access.analysis.variability.fronts import Fronts, Members, fronts_of, two_epoch_maxima
from data_access.analysis.variability.metric import FloatArray, Metric
from data_access.analysis.variability.moments import FluxKind
from data_access.analysis.variability.runs import Runs, runs_of
from data_access.readers.photometry import read_usable_measurements
from data_access.records.variability import BlockQuery

# All pairs are looked at: of as many measurements as the page of a source takes.
_MOST_IN_PAIRS = 20_000


@dataclass(frozen=True, slots=True)
class CurveParts:
    """What a stretch of the table has of the light curves in it.

    Attributes
    ----------
    names : tuple of str, length n_src
    fronts : Fronts
        Codes are positions in the names.
    runs : Runs, length n_src
    """

    names: tuple[str, ...]
    fronts: Fronts
    runs: Runs


@dataclass(frozen=True, slots=True)
class WholeCurves:
    """What needs all measurements of a source at once; arrays of shape (n_src,), NaN where there is no number.

    Attributes
    ----------
    vs, m, z : float64
        |Vs|, |m| and the largest leave-one-out z, signed.
    runs : Runs
        Of the whole light curves.
    """

    vs: FloatArray
    m: FloatArray
    z: FloatArray
    runs: Runs


def read_curve_parts(
    query: BlockQuery, after_id: int, last_id: int, kind: FluxKind, *, in_worker: bool = False
) -> CurveParts:
    """Return what the rows above `after_id` up to `last_id` have; `in_worker` as in `read_columns`.

    Raises
    ------
    DatabaseError
        And its kin: missing, locked, damaged, too slow.
    """
    found = read_usable_measurements(query, after_id, last_id, kind, in_worker=in_worker)
    fronts = fronts_of(Members(found.codes, found.flux, found.err))
    return CurveParts(found.names, fronts, runs_of(found.codes, found.mjd, found.flux, len(found.names)))


def read_whole_curves(
    query: BlockQuery,
    last_id: int,
    kind: FluxKind,
    *,
    wanted: npt.NDArray[np.bool_],
    in_worker: bool = False,
) -> WholeCurves:
    """Return the metrics of the sources that the query names, in its order, of all rows up to `last_id`.

    Parameters
    ----------
    wanted : bool, shape (n_src,)
        Sources of which |Vs|, |m| and z are needed, which may take time n_epoch²/2 each.

    Raises
    ------
    DatabaseError
        And its kin: missing, locked, damaged, too slow.
    """
    found = read_usable_measurements(query, 0, last_id, kind, in_worker=in_worker)
    place_of = {name: place for place, name in enumerate(query.names)}
    places = np.array([place_of.get(name, -1) for name in found.names], dtype=np.int64)[found.codes]
    known = places >= 0
    codes, flux, err, n_src = places[known], found.flux[known], found.err[known], len(query.names)
    vs, m, z = np.full((3, n_src), np.nan)
    fronts = two_epoch_maxima(fronts_of(Members(codes.astype(np.int32), flux, err)), n_src)
    order = np.argsort(codes, kind="stable")
    edges = np.searchsorted(codes[order], np.arange(n_src + 1))
    for place in np.flatnonzero(wanted & (np.diff(edges) > 1)).tolist():
        rows = order[edges[place] : edges[place + 1]][-_MOST_IN_PAIRS:]
        vs[place], m[place] = fronts.vs[place], fronts.m[place]
        if not fronts.decided[place]:
            pair = maximum_pair(flux[rows], err[rows])
            vs[place], m[place] = abs(_number(pair.vs)), abs(_number(pair.m))
        z[place] = _number(leave_one_out(flux[rows], err[rows]).largest)
    return WholeCurves(vs, m, z, runs_of(codes, found.mjd[known], flux, n_src))


def _number(metric: Metric) -> float:
    return np.nan if metric.value is None else metric.value
