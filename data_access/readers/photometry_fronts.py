"""A stretch of the photometry table as the fronts of its sources: read and reduced in one worker process."""

from __future__ import annotations

from data_access.analysis.variability.fronts import Fronts, Members, fronts_of
from data_access.analysis.variability.moments import FluxKind
from data_access.readers.photometry import read_usable_measurements
from data_access.records.variability import BlockQuery


def read_fronts(
    query: BlockQuery, after_id: int, last_id: int, kind: FluxKind, *, in_worker: bool = False
) -> tuple[tuple[str, ...], Fronts]:
    """Return the sources in the rows above `after_id` up to `last_id`, and the fronts of their usable measurements.

    The codes of the fronts are positions in the names; `in_worker` as in `read_columns`.

    Raises
    ------
    DatabaseError
        And its kin: missing, locked, damaged, too slow.
    """
    found, err = read_usable_measurements(query, after_id, last_id, kind, in_worker=in_worker)
    return found.names, fronts_of(Members(found.codes, found.flux, err))
