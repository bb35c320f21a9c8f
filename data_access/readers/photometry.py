"""A stretch of the photometry table as moments of its sources: read and reduced in one worker process.

Measured for 10 million rows: the time goes into stepping rows; plain tuples in batches that stay in the processor's
cache beat rows packed as JSON here, because nothing is printed and parsed, and nobody waits for the interpreter.
"""

from __future__ import annotations

import gc
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise, repeat
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from data_access.analysis.times import mjd_in_name
from data_access.analysis.variability.moments import FloatArray, FluxKind, IntArray, empty_moments, kind_moments
from data_access.database_errors import explained_error
from data_access.errors import DatabaseError
from data_access.read_only_connection import FileReplaced, ReadOnlyConnection, connect_read_only
from data_access.records.measurement_quality import quality_of
from data_access.records.variability import BlockQuery, Chunk

_BATCH = 20_000
_EARLIEST_MJD, _LATEST_MJD = 15_000.0, 100_000.0
_HUGE = 1e300
# Columns of a `BlockQuery` in this order.
COLUMNS = (
    "id", "source_id", "peak", "peak_err", "flux", "flux_err", "image", "mosaic", "mjd", "measured", "flags",
    "quality",
)  # fmt: skip
_OPTIONAL = ("flux", "flux_err", "mosaic", "flags", "quality")
# Wanted only where the name of the image does not say when it was observed.
_TIMES = ("mjd", "measured")
_FLUXES = COLUMNS[2:6]
_SAME_MOMENT_DAYS = 60.0 / 86400.0
# The images of a batch are few where the pipeline writes; where every row has its own, they are not all kept.
_MOST_PATHS = 100_000


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


def read_photometry_block(query: BlockQuery, after_id: int, last_id: int, chunk_rows: int) -> PhotometryBlock:
    """Return the moments of the rows above `after_id` up to `last_id`, in chunks of `chunk_rows` row numbers.

    Raises
    ------
    DatabaseError
        And its kin: missing, locked, damaged, too slow.
    """
    columns = _explained_columns(query, after_id, last_id)
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


def read_usable_fluxes(query: BlockQuery, after_id: int, last_id: int, kind: FluxKind) -> UsableFluxes:
    """Return the usable fluxes of one kind in the rows above `after_id` up to `last_id`.

    Raises
    ------
    DatabaseError
        And its kin: missing, locked, damaged, too slow.
    """
    return read_usable_measurements(query, after_id, last_id, kind)[0]


def read_usable_measurements(
    query: BlockQuery, after_id: int, last_id: int, kind: FluxKind
) -> tuple[UsableFluxes, FloatArray]:
    """Return the usable fluxes and the error of each, as `read_usable_fluxes` does."""
    columns = _explained_columns(query, after_id, last_id)
    name = "peak" if kind == "peak" else "flux"
    flux, err = columns.values[name], columns.values[f"{name}_err"]
    with np.errstate(invalid="ignore"):
        keep = (columns.codes >= 0) & ~_flagged(columns, has_quality=query.has_quality)
        keep &= np.isfinite(flux) & np.isfinite(err) & (err > 0)
    names = tuple(_text(name) for name in columns.names)
    return UsableFluxes(names, columns.codes[keep].astype(np.int32), flux[keep]), err[keep]


def _explained_columns(query: BlockQuery, after_id: int, last_id: int) -> _Columns:
    collecting = gc.isenabled()
    gc.disable()  # half a million tuples without a cycle among them would be looked through again and again
    try:
        return _read_columns(query, after_id, last_id)
    except FileReplaced as err:
        raise DatabaseError(f"{query.path} was replaced while it was read", path=query.path) from err
    except BaseException as err:
        if (explained := explained_error(err, query.role, Path(query.path))) is not None:
            raise explained from err
        raise
    finally:
        if collecting:
            gc.enable()


@dataclass(slots=True)
class _Columns:
    """Columns of a stretch; `codes` number the names from 0, -1 for rows without a name.

    `mjd` is the epoch of the observation where a path says it; `processed` marks epochs that are processing times.
    `forced` are the rows that are forced measurements or limits by their words, `bad` those with a word of a fault.
    """

    names: dict[Any, int]
    ids: IntArray
    codes: IntArray
    values: dict[str, FloatArray]
    mjd: FloatArray
    processed: npt.NDArray[np.bool_]
    flags: IntArray
    forced: npt.NDArray[np.bool_]
    bad: npt.NDArray[np.bool_]


def _read_columns(query: BlockQuery, after_id: int, last_id: int) -> _Columns:
    connection = connect_read_only(Path(query.path), busy_timeout_s=query.busy_timeout_s, immutable=query.immutable)
    with closing(connection):
        connection.text_factory = bytes  # names are decoded once each, not once a row
        limits = (after_id, last_id)
        wanted: Sequence[str] = [name for name in COLUMNS[1:] if name not in (*_OPTIONAL, *_TIMES)]
        while True:
            read = _step(connection, query, wanted, limits)
            if not isinstance(read, _Columns):
                wanted = read
            elif "id" in wanted:
                return read
            elif read.codes.size == last_id - after_id:
                read.ids = np.arange(after_id + 1, last_id + 1, dtype=np.int64)
                return read
            else:
                wanted = COLUMNS


def _step(
    connection: ReadOnlyConnection, query: BlockQuery, wanted: Sequence[str], limits: tuple[int, int]
) -> _Columns | Sequence[str]:
    """Return the wanted columns; as soon as a row needs one that is not wanted, the columns to read instead.

    The pipeline fills few columns, and stepping through empty ones costs as much as through full ones.
    """
    names: dict[Any, int] = {}
    stamps: dict[Any, float] = {}
    batches: list[_Columns] = []
    by_name = dict(zip(COLUMNS, query.expressions, strict=True))
    unwanted = [f"{by_name[name]} IS NOT NULL" for name in _OPTIONAL if name not in wanted]
    select = ", ".join([*(by_name[name] for name in wanted), " OR ".join(unwanted) or "0"])
    connection.begin(query.deadline_s)
    cursor = connection.execute(f"SELECT {select} {query.from_where} ORDER BY rowid", limits)
    while rows := cursor.fetchmany(_BATCH):
        *columns, has_more = zip(*rows, strict=True)
        if any(has_more):
            return COLUMNS
        batches.append(_batch(names, stamps, dict(zip(wanted, columns, strict=True)), len(rows)))
        if _TIMES[0] not in wanted and np.isnan(batches[-1].mjd).any():
            return [name for name in COLUMNS if name in wanted or name in _TIMES]
    return _joined(names, batches)


def _joined(names: dict[Any, int], batches: list[_Columns]) -> _Columns:
    batches = batches or [_batch(names, {}, {}, 0)]
    return _Columns(
        names,
        np.concatenate([b.ids for b in batches]),
        np.concatenate([b.codes for b in batches]),
        {name: np.concatenate([b.values[name] for b in batches]) for name in batches[0].values},
        np.concatenate([b.mjd for b in batches]),
        np.concatenate([b.processed for b in batches]),
        np.concatenate([b.flags for b in batches]),
        np.concatenate([b.forced for b in batches]),
        np.concatenate([b.bad for b in batches]),
    )


def _batch(names: dict[Any, int], stamps: dict[Any, float], columns: Mapping[str, Sequence[Any]], n: int) -> _Columns:
    sources = columns.get("source_id", ())
    codes = np.fromiter(map(names.get, sources, repeat(-1)), np.int64, n)
    if (codes < 0).any():
        for name in dict.fromkeys(sources):
            if name is not None and name not in names:
                names[name] = len(names)
        codes = np.fromiter(map(names.get, sources, repeat(-1)), np.int64, n)
    mjd, processed = _epochs(stamps, columns, n)
    return _Columns(
        names,
        np.array(columns.get("id", np.zeros(n)), dtype=np.int64),
        codes,
        {name: _floats(columns[name]) if name in columns else np.full(n, np.nan) for name in _FLUXES},
        mjd,
        processed,
        _whole(columns["flags"]) if "flags" in columns else np.zeros(n, dtype=np.int64),
        *_quality(columns.get("quality", ()), n),
    )


def _epochs(
    stamps: dict[Any, float], columns: Mapping[str, Sequence[Any]], n: int
) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """Return when every row was observed, as its light curve has it, and whether that is a processing time.

    The time in the name of the image, else of the mosaic, else the recorded one; `stamps` are kept by path.
    """
    made = np.full(n, np.nan)
    for name in ("image", "mosaic"):
        if name in columns and np.isnan(made).any():
            made = np.where(np.isnan(made), _stamps(stamps, columns[name], n), made)
    rest = np.flatnonzero(np.isnan(made))
    processed = np.zeros(n, dtype=np.bool_)
    if rest.size and _TIMES[0] in columns:
        mjd, measured = (_floats(columns[name])[rest] for name in ("mjd", "measured"))
        has_mjd = _is_possible(mjd)
        made[rest] = np.where(has_mjd, mjd, np.where(_is_possible(measured), measured, np.nan))
        with np.errstate(invalid="ignore"):
            at_once = np.abs(mjd - measured) < _SAME_MOMENT_DAYS
        processed[rest] = np.where(has_mjd, at_once, _is_possible(measured))
    return made, processed


def _is_possible(mjd: FloatArray) -> npt.NDArray[np.bool_]:
    return (mjd > _EARLIEST_MJD) & (mjd < _LATEST_MJD)


def _stamps(known: dict[Any, float], paths: Sequence[Any], n: int) -> FloatArray:
    """Return the times in the names of paths, each name read once; NaN where there is none."""
    try:
        return np.fromiter(map(known.__getitem__, paths), np.float64, n)
    except KeyError:
        pass
    if len(known) > _MOST_PATHS:
        known.clear()
    for path in dict.fromkeys(paths):
        if path not in known:
            stamp = mjd_in_name(path.decode("utf-8", "replace")) if isinstance(path, bytes) else None
            known[path] = np.nan if stamp is None else stamp
    return np.fromiter(map(known.__getitem__, paths), np.float64, n)


def _quality(words: Sequence[Any], n: int) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Return which of `n` rows their words spare the bit "forced", and which their words call faulty."""
    meaning = {word: quality_of(word) for word in set(words)}
    spared = {word for word, quality in meaning.items() if quality in ("forced", "limit")}
    bad = {word for word, quality in meaning.items() if quality == "bad"}
    one, other = (
        np.fromiter(map(known.__contains__, words), np.bool_, n) if known else np.zeros(n, dtype=np.bool_)
        for known in (spared, bad)
    )
    return one, other


def _floats(values: Sequence[Any]) -> FloatArray:
    """Return numbers as float64; anything else becomes NaN."""
    try:
        return np.array(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        return np.array([_one_float(value) for value in values], dtype=np.float64)


def _one_float(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return float("nan")


def _whole(values: Sequence[Any]) -> IntArray:
    """Return whole numbers; anything else becomes 0."""
    return np.array([value if isinstance(value, int) else 0 for value in values], dtype=np.int64)


def _reduced(columns: _Columns, edges: Sequence[int], *, has_quality: bool) -> PhotometryBlock:
    values = columns.values
    places = np.searchsorted(columns.ids, edges, side="right")
    chunks = tuple(
        Chunk(after, last, int(stop - start), tuple(_total(values[name][start:stop]) for name in _FLUXES))
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
    names = tuple(_text(name) for name in columns.names)
    return PhotometryBlock(names, made, chunks)


def _flagged(columns: _Columns, *, has_quality: bool) -> npt.NDArray[np.bool_]:
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


def _text(name: Any) -> str:
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)
