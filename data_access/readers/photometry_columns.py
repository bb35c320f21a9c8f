"""Columns of a stretch of the photometry table, as numpy arrays.

Measured for 10 million rows: the time goes into making an object of every value. Arrow record batches make none and
take a third of the processor time of tuples, but only in a worker process (see `data_access.arrow_connection`) and
only where a column holds values of one kind. Everything else comes as tuples, in batches that stay in the processor's
cache.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from data_access.analysis.times import EARLIEST_MJD, LATEST_MJD, mjd_in_name
from data_access.analysis.variability.moments import FloatArray, IntArray
from data_access.arrow_connection import NotAsArrow, read_arrow_batches
from data_access.read_only_connection import connect_read_only
from data_access.readers.nameless_epochs import NamelessRows
from data_access.records.measurement_quality import quality_of
from data_access.records.variability import BlockQuery

if TYPE_CHECKING:
    import pyarrow as pa

BoolArray = npt.NDArray[np.bool_]

log = logging.getLogger(__name__)

_TUPLES_AT_ONCE = 20_000
_ARROW_ROWS_AT_ONCE = 250_000
# Columns of a `BlockQuery` in this order.
COLUMNS = (
    "id", "source_id", "peak", "peak_err", "flux", "flux_err", "image", "mosaic", "mjd", "measured", "flags",
    "quality",
)  # fmt: skip
FLUXES = COLUMNS[2:6]
_OPTIONAL = ("flux", "flux_err", "mosaic", "flags", "quality")
# Wanted only where the name of the image does not say when it was observed.
_TIMES = ("mjd", "measured")
_SAME_MOMENT_DAYS = 60.0 / 86400.0
# The images of a batch are few where the pipeline writes; where every row has its own, they are not all kept.
_MOST_PATHS = 100_000


@dataclass(slots=True)
class PhotometryColumns:
    """Columns of a stretch, shape (n_rows,) each.

    Attributes
    ----------
    names : list of str
        Sources in the order in which they appear.
    ids, codes : int64
        Row numbers, and positions in `names`; -1 for rows without a name.
    values : dict of float64 arrays
        `FLUXES` by name, Jy/beam and Jy; NaN where there is no number.
    mjd : float64
        The epoch of the observation where a path says it, else the recorded one (UTC); NaN where there is none.
    processed : bool
        `mjd` is a processing time.
    flags : int64
    forced, bad : bool
        Rows that are forced measurements or limits by their words, and those with a word of a fault.
    """

    names: list[str]
    ids: IntArray
    codes: IntArray
    values: dict[str, FloatArray]
    mjd: FloatArray
    processed: BoolArray
    flags: IntArray
    forced: BoolArray
    bad: BoolArray


def read_columns(query: BlockQuery, after_id: int, last_id: int, *, in_worker: bool) -> PhotometryColumns:
    """Return the columns of the rows above `after_id` up to `last_id`.

    Parameters
    ----------
    in_worker : bool
        Nothing else in this process has the file open, nor will have meanwhile.

    Raises
    ------
    sqlite3.Error, OSError, QueryTooSlow
    """
    limits = (after_id, last_id)
    if in_worker:
        try:
            return _read(_arrow_batches, query, limits)
        except NotAsArrow as err:
            # Whatever it was: rows can hold anything, and say what is wrong with the file.
            log.info("rows %d to %d of %s are read one by one: %s", after_id + 1, last_id, query.path, err)
    return _read(_tuple_batches, query, limits)


class _Batch(Protocol):
    """Some columns of some rows."""

    n_rows: int
    has_more: bool

    def __contains__(self, name: str) -> bool: ...

    def numbered(self, name: str) -> tuple[IntArray, Sequence[Any]]:
        """Return the values, each once, and which of them stands in each row; -1 for NULL."""

    def floats(self, name: str) -> FloatArray:
        """Return numbers; anything else becomes NaN."""

    def whole(self, name: str) -> IntArray:
        """Return whole numbers; anything else becomes 0."""


@dataclass(slots=True)
class _TupleBatch:
    n_rows: int
    has_more: bool
    columns: Mapping[str, Sequence[Any]]

    def __contains__(self, name: str) -> bool:
        return name in self.columns

    def numbered(self, name: str) -> tuple[IntArray, Sequence[Any]]:
        column = self.columns[name]
        values = [value for value in dict.fromkeys(column) if value is not None]
        known = {value: i for i, value in enumerate(values)}
        return np.fromiter(map(known.get, column, repeat(-1)), np.int64, self.n_rows), values

    def floats(self, name: str) -> FloatArray:
        try:
            return np.array(self.columns[name], dtype=np.float64)
        except (TypeError, ValueError, OverflowError):
            return np.array([_one_float(value) for value in self.columns[name]], dtype=np.float64)

    def whole(self, name: str) -> IntArray:
        return np.array([value if isinstance(value, int) else 0 for value in self.columns[name]], dtype=np.int64)


def _one_float(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return float("nan")


@dataclass(slots=True)
class _ArrowBatch:
    n_rows: int
    has_more: bool
    columns: Mapping[str, pa.Array]

    def __contains__(self, name: str) -> bool:
        return name in self.columns

    def numbered(self, name: str) -> tuple[IntArray, Sequence[Any]]:
        column = self.columns[name]
        if column.null_count == len(column):
            return np.full(self.n_rows, -1, dtype=np.int64), []
        encoded = self._of_type(name, "string").cast("binary").dictionary_encode()
        numbers = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        return numbers, encoded.dictionary.to_numpy(zero_copy_only=False)

    def floats(self, name: str) -> FloatArray:
        column = self._of_type(name, "double", "int64")
        return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.float64)

    def whole(self, name: str) -> IntArray:
        column = self._of_type(name, "int64")
        return np.asarray(column.fill_null(0).to_numpy(zero_copy_only=False), dtype=np.int64)

    def _of_type(self, name: str, *types: str) -> pa.Array:
        column = self.columns[name]
        if str(column.type) not in types:
            raise NotAsArrow(f"{name} is {column.type}")
        return column


_Batches = Callable[[BlockQuery, Sequence[str], tuple[int, int]], Iterator[_Batch]]


def _select(query: BlockQuery, wanted: Sequence[str]) -> str:
    """Return the SQL of the wanted columns, and as the last one whether a row has a value that is not wanted."""
    by_name = dict(zip(COLUMNS, query.expressions, strict=True))
    unwanted = [f"{by_name[name]} IS NOT NULL" for name in _OPTIONAL if name not in wanted]
    select = ", ".join([*(by_name[name] for name in wanted), " OR ".join(unwanted) or "0"])
    return f"SELECT {select} {query.from_where} ORDER BY rowid"


def _tuple_batches(query: BlockQuery, wanted: Sequence[str], limits: tuple[int, int]) -> Iterator[_Batch]:
    connection = connect_read_only(Path(query.path), busy_timeout_s=query.busy_timeout_s, immutable=query.immutable)
    with closing(connection):
        connection.text_factory = bytes  # names are decoded once each, not once a row
        connection.begin(query.deadline_s)
        cursor = connection.execute(_select(query, wanted), (*limits, *query.names))
        while rows := cursor.fetchmany(_TUPLES_AT_ONCE):
            *columns, has_more = zip(*rows, strict=True)
            yield _TupleBatch(len(rows), any(has_more), dict(zip(wanted, columns, strict=True)))


def _arrow_batches(query: BlockQuery, wanted: Sequence[str], limits: tuple[int, int]) -> Iterator[_Batch]:
    for batch in read_arrow_batches(
        Path(query.path),
        _select(query, wanted),
        (*limits, *query.names),
        immutable=query.immutable,
        busy_timeout_s=query.busy_timeout_s,
        deadline_s=query.deadline_s,
        batch_rows=_ARROW_ROWS_AT_ONCE,
    ):
        *columns, has_more = batch.columns
        is_more = bool(has_more.to_numpy(zero_copy_only=False).any())
        yield _ArrowBatch(batch.num_rows, is_more, dict(zip(wanted, columns, strict=True)))


def _read(batches: _Batches, query: BlockQuery, limits: tuple[int, int]) -> PhotometryColumns:
    # Of some sources the rows have gaps: nothing but the rows themselves tells their numbers.
    possible = COLUMNS if query.names else COLUMNS[1:]
    wanted: Sequence[str] = [name for name in possible if name not in (*_OPTIONAL, *_TIMES)]
    while True:
        gathered = _Gathered()
        more = gathered.fill(batches(query, wanted, limits), wanted)
        if not more:
            columns = gathered.joined()
            rows, mjd = gathered.nameless.ask(query)
            columns.mjd[rows], columns.processed[rows] = mjd, False
            if "id" in wanted:
                return columns
            if columns.codes.size == limits[1] - limits[0]:
                columns.ids = np.arange(limits[0] + 1, limits[1] + 1, dtype=np.int64)
                return columns
        wanted = more or COLUMNS


class _Gathered:
    """What was read of a stretch so far."""

    def __init__(self) -> None:
        self._names: dict[Any, int] = {}
        self._stamps: dict[Any, float] = {}
        self._parts: list[PhotometryColumns] = []
        self._n_rows = 0
        self.nameless = NamelessRows()

    def fill(self, batches: Iterator[_Batch], wanted: Sequence[str]) -> Sequence[str]:
        """Take all batches; stop as soon as a row needs a column that is not wanted, and return what to read instead.

        The pipeline fills few columns, and stepping through empty ones costs as much as through full ones.
        """
        for batch in batches:
            if batch.has_more:
                return COLUMNS
            self._add(batch)
            if _TIMES[0] not in wanted and np.isnan(self._parts[-1].mjd).any():
                return [name for name in COLUMNS if name in wanted or name in _TIMES]
        return ()

    def joined(self) -> PhotometryColumns:
        """Return all of it as one."""
        if not self._parts:
            self._add(_TupleBatch(0, False, {"source_id": ()}))
        parts = self._parts
        names: dict[str, int] = {}
        places = [names.setdefault(_text(name), len(names)) for name in self._names]
        return PhotometryColumns(
            list(names),
            np.concatenate([part.ids for part in parts]),
            np.array([*places, -1])[np.concatenate([part.codes for part in parts])],
            {name: np.concatenate([part.values[name] for part in parts]) for name in parts[0].values},
            np.concatenate([part.mjd for part in parts]),
            np.concatenate([part.processed for part in parts]),
            np.concatenate([part.flags for part in parts]),
            np.concatenate([part.forced for part in parts]),
            np.concatenate([part.bad for part in parts]),
        )

    def _add(self, batch: _Batch) -> None:
        n, names = batch.n_rows, self._names
        numbers, values = batch.numbered("source_id")
        if not names.keys() >= set(values):
            for name in values:
                names.setdefault(name, len(names))
        known = np.fromiter(map(names.__getitem__, values), np.int64, len(values))
        mjd, processed = self._epochs(batch)
        self._parts.append(
            PhotometryColumns(
                [],
                batch.whole("id") if "id" in batch else np.zeros(n, dtype=np.int64),
                np.append(known, -1)[numbers],
                {name: batch.floats(name) if name in batch else np.full(n, np.nan) for name in FLUXES},
                mjd,
                processed,
                batch.whole("flags") if "flags" in batch else np.zeros(n, dtype=np.int64),
                *_words(batch),
            )
        )
        self._n_rows += n

    def _epochs(self, batch: _Batch) -> tuple[FloatArray, BoolArray]:
        """Return when every row was observed, as its light curve has it, and whether that is a processing time.

        The time in the name of the image, else of the mosaic, else the recorded one.
        """
        made = np.full(batch.n_rows, np.nan)
        for name in ("image", "mosaic"):
            if name in batch and np.isnan(made).any():
                made = np.where(np.isnan(made), self._times_in_names(batch, name), made)
        rest = np.flatnonzero(np.isnan(made))
        processed = np.zeros(batch.n_rows, dtype=np.bool_)
        if rest.size and _TIMES[0] in batch:
            mjd, measured = (batch.floats(name)[rest] for name in _TIMES)
            self.nameless.add(self._n_rows + rest, [_paths(batch, name, rest) for name in ("image", "mosaic")])
            has_mjd = _is_possible(mjd)
            made[rest] = np.where(has_mjd, mjd, np.where(_is_possible(measured), measured, np.nan))
            with np.errstate(invalid="ignore"):
                at_once = np.abs(mjd - measured) < _SAME_MOMENT_DAYS
            processed[rest] = np.where(has_mjd, at_once, _is_possible(measured))
        return made, processed

    def _times_in_names(self, batch: _Batch, name: str) -> FloatArray:
        """Return the times in the names of paths, each name read once; NaN where there is none."""
        numbers, paths = batch.numbered(name)
        if len(self._stamps) > _MOST_PATHS:
            self._stamps.clear()
        times = np.full(len(paths) + 1, np.nan)
        for i, path in enumerate(paths):
            if (stamp := self._stamps.get(path)) is None:
                stamp = self._stamps[path] = _time_in_name(path)
            times[i] = stamp
        return times[numbers]


def _time_in_name(path: Any) -> float:
    stamp = mjd_in_name(path.decode("utf-8", "replace")) if isinstance(path, bytes) else None
    return float("nan") if stamp is None else stamp


def _is_possible(mjd: FloatArray) -> BoolArray:
    return (mjd > EARLIEST_MJD) & (mjd < LATEST_MJD)


def _paths(batch: _Batch, name: str, rows: IntArray) -> tuple[IntArray, Sequence[Any]]:
    """Return which of the paths stands in each of some rows, and these paths; one is None where there is none."""
    if name not in batch:
        return np.zeros(rows.size, dtype=np.int64), (None,)
    numbers, paths = batch.numbered(name)
    used, places = np.unique(numbers[rows], return_inverse=True)
    return places, [paths[i] if i >= 0 else None for i in used.tolist()]


def _words(batch: _Batch) -> tuple[BoolArray, BoolArray]:
    """Return which rows their words spare the bit "forced", and which their words call faulty."""
    if "quality" not in batch:
        return np.zeros(batch.n_rows, dtype=np.bool_), np.zeros(batch.n_rows, dtype=np.bool_)
    numbers, words = batch.numbered("quality")
    meanings = [quality_of(word) for word in words]
    spared = np.array([meaning in ("forced", "limit") for meaning in meanings] + [False])
    bad = np.array([meaning == "bad" for meaning in meanings] + [False])
    return spared[numbers], bad[numbers]


def _text(name: Any) -> str:
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)
