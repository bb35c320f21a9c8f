"""Flags of a Measurement Set, reduced while they are read: fractions per antenna, integration and channel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from data_access.errors import MeasurementSetError
from data_access.records.measurement_sets import FloatArray

IntArray = npt.NDArray[np.int64]

# One reused buffer of this size: small enough for the cache, large enough for the overhead of a call.
BLOCK_BYTES = 4_000_000
_MAX_BLOCK_ROWS = 100_000


@dataclass(slots=True)
class FlagCounts:
    """Flagged and read visibilities, counted in every direction.

    Attributes
    ----------
    by_antenna, by_time, by_channel : int64, shape (2, n)
        Flagged and read visibilities. A cross-correlation counts for both its antennas. Channels are those of
        all spectral windows one after the other.
    pairs : bool, shape (n_ant, n_ant)
        True where rows of this pair of antennas occur, autocorrelations included.
    rows_of_field : int64, shape (n_field,)
    """

    path: str
    n_ant: int
    chan_offset: IntArray
    n_chan_total: int
    times: FloatArray
    by_antenna: IntArray = field(init=False)
    by_time: IntArray = field(init=False)
    by_channel: IntArray = field(init=False)
    pairs: npt.NDArray[np.bool_] = field(init=False)
    rows_of_field: IntArray = field(init=False)
    n_autocorrelation_rows: int = 0
    n_rows_read: int = 0

    def __post_init__(self) -> None:
        self.by_antenna = np.zeros((2, self.n_ant), dtype=np.int64)
        self.by_time = np.zeros((2, len(self.times)), dtype=np.int64)
        self.by_channel = np.zeros((2, self.n_chan_total), dtype=np.int64)
        self.pairs = np.zeros((self.n_ant, self.n_ant), dtype=np.bool_)
        self.rows_of_field = np.zeros(1, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class DataDescription:
    """A row of DATA_DESCRIPTION, resolved: `n_chan` and `n_corr` are the shape of its visibilities."""

    spw_id: int
    polarization_id: int
    n_chan: int
    n_corr: int


def count_flags(
    tab: Any, descriptions: Sequence[DataDescription], counts: FlagCounts, *, max_rows: int | None
) -> None:
    """Add all rows of a Measurement Set to `counts`; the flags of the first `max_rows` only.

    Rows are read in blocks of equal shape: windows of different channel numbers are separate selections.

    Raises
    ------
    MeasurementSetError
        When rows name an antenna or a data description that does not exist, or FLAG has another shape than
        the subtables say.
    """
    limit = tab.nrows() if max_rows is None else max_rows
    for part, shape, n_with_flags in _parts_of_one_shape(counts.path, tab, descriptions, limit):
        n_rows = max(1, min(_MAX_BLOCK_ROWS, BLOCK_BYTES // max(1, shape[0] * shape[1])))
        buffer = np.empty((n_rows, *shape), dtype=np.bool_)
        for start in range(0, part.nrows(), n_rows):
            n = min(n_rows, part.nrows() - start)
            block = _Block.read(part, start, n, counts)
            n_flags = min(n, n_with_flags - start)
            if n_flags > 0:
                _add_flags(part, start, block.head(n_flags), buffer[:n_flags], descriptions, counts)


@dataclass(frozen=True, slots=True)
class _Block:
    """The scalar columns of some rows."""

    antenna1: IntArray
    antenna2: IntArray
    time_index: IntArray
    description: IntArray
    flag_row: npt.NDArray[np.bool_]

    @classmethod
    def read(cls, part: Any, start: int, n: int, counts: FlagCounts) -> _Block:
        """Read a block, and count what is counted for every row."""
        antenna1, antenna2 = part.getcol("ANTENNA1", start, n), part.getcol("ANTENNA2", start, n)
        if max(antenna1.max(), antenna2.max()) >= counts.n_ant or min(antenna1.min(), antenna2.min()) < 0:
            raise MeasurementSetError(
                f"{counts.path} names an antenna that its ANTENNA table of {counts.n_ant} does not have",
                path=counts.path,
            )
        counts.pairs[antenna1, antenna2] = True
        counts.n_autocorrelation_rows += int(np.count_nonzero(antenna1 == antenna2))
        fields = np.bincount(np.maximum(part.getcol("FIELD_ID", start, n), 0), minlength=len(counts.rows_of_field))
        fields[: len(counts.rows_of_field)] += counts.rows_of_field
        counts.rows_of_field = fields
        return cls(
            antenna1=antenna1,
            antenna2=antenna2,
            time_index=np.searchsorted(counts.times, part.getcol("TIME", start, n)),
            description=part.getcol("DATA_DESC_ID", start, n),
            flag_row=part.getcol("FLAG_ROW", start, n),
        )

    def head(self, n: int) -> _Block:
        """Return the first `n` rows."""
        return _Block(
            self.antenna1[:n], self.antenna2[:n], self.time_index[:n], self.description[:n], self.flag_row[:n]
        )


def _parts_of_one_shape(
    path: str, tab: Any, descriptions: Sequence[DataDescription], limit: int
) -> Iterator[tuple[Any, tuple[int, int], int]]:
    """Yield selections of rows whose visibilities have one shape; the table itself when there is only one.

    With each come its shape and how many of its rows are among the first `limit` of the table.
    """
    if tab.nrows() == 0:
        return
    used = tab.getcol("DATA_DESC_ID")
    if used.min() < 0 or used.max() >= len(descriptions):
        raise MeasurementSetError(f"{path} has rows of a data description that does not exist", path=path)
    shape_of = [(item.n_chan, item.n_corr) for item in descriptions]
    shapes = sorted({shape_of[i] for i in np.unique(used)})
    if len(shapes) == 1:
        yield tab, shapes[0], min(limit, tab.nrows())
        return
    for shape in shapes:
        of_this_shape = [i for i, other in enumerate(shape_of) if other == shape]
        rows = np.flatnonzero(np.isin(used, of_this_shape))
        yield tab.selectrows(rows), shape, int(np.count_nonzero(rows < limit))


def _add_flags(
    part: Any,
    start: int,
    block: _Block,
    buffer: npt.NDArray[np.bool_],
    descriptions: Sequence[DataDescription],
    counts: FlagCounts,
) -> None:
    try:
        part.getcolnp("FLAG", buffer, start, len(buffer))
    except RuntimeError as err:
        raise MeasurementSetError(
            f"{counts.path}: flags of rows {start} to {start + len(buffer) - 1} cannot be read as "
            f"{buffer.shape[1]} channels x {buffer.shape[2]} correlations, which the subtables say",
            path=counts.path,
        ) from err
    buffer[block.flag_row] = True
    per_row = buffer.shape[1] * buffer.shape[2]
    flagged = _flagged_per_row(buffer)
    read = np.full(len(flagged), per_row)
    cross = block.antenna1 != block.antenna2
    for target, values in ((0, flagged), (1, read)):
        counts.by_antenna[target] += _sums(block.antenna1, values, counts.n_ant)
        counts.by_antenna[target] += _sums(block.antenna2[cross], values[cross], counts.n_ant)
        counts.by_time[target] += _sums(block.time_index, values, len(counts.times))
    for description in np.unique(block.description):
        item = descriptions[description]
        rows = _rows_where(block.description == description)
        where = slice(counts.chan_offset[item.spw_id], counts.chan_offset[item.spw_id] + item.n_chan)
        chosen = buffer[rows]
        counts.by_channel[0, where] += _flagged_per_channel(chosen)
        counts.by_channel[1, where] += len(chosen) * item.n_corr
    counts.n_rows_read += len(buffer)


def _sums(index: IntArray, values: IntArray, length: int) -> IntArray:
    return np.bincount(index, weights=values, minlength=length).astype(np.int64)


def _rows_where(mask: npt.NDArray[np.bool_]) -> slice | IntArray:
    """Return a slice where the rows are consecutive, as they usually are: it needs no copy of the flags."""
    rows = np.flatnonzero(mask)
    return slice(rows[0], rows[-1] + 1) if rows[-1] - rows[0] + 1 == len(rows) else rows


def _flagged_per_row(flags: npt.NDArray[np.bool_]) -> IntArray:
    """Count True in each row of (n_row, n_chan, n_corr): eight flags at a time where they fill whole words."""
    rows = flags.reshape(len(flags), -1).view(np.uint8)
    if rows.shape[1] % 8:
        return np.asarray(rows.sum(axis=1, dtype=np.int64))
    return np.asarray(np.bitwise_count(rows.view(np.uint64)).sum(axis=1, dtype=np.int64))


def _flagged_per_channel(flags: npt.NDArray[np.bool_]) -> IntArray:
    """Count True in each channel of (n_row, n_chan, n_corr)."""
    n_rows, n_chan, n_corr = flags.shape
    total = np.zeros(n_chan * n_corr, dtype=np.int64)
    rows = flags.reshape(n_rows, -1).view(np.uint8)
    # Sums of up to 255 rows fit into the bytes they are made of, which numpy adds many at a time.
    for start in range(0, n_rows, 255):
        total += np.add.reduce(rows[start : start + 255], axis=0, dtype=np.uint8)
    return np.asarray(total.reshape(n_chan, n_corr).sum(axis=1))
