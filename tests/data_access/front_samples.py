"""Fronts of made-up measurements."""

from __future__ import annotations

import numpy as np

from data_access.analysis.variability.fronts import Fronts, Members, fronts_of, merged_fronts, no_fronts
from data_access.analysis.variability.metric import usable


def fronts_in_pieces(rows: list[tuple[int, float, float]], n_pieces: int) -> Fronts:
    """Return the fronts of the usable rows (code, flux, error), put together piece by piece."""
    made = no_fronts()
    for piece in range(n_pieces):
        columns = np.array(rows[piece::n_pieces], dtype=np.float64).reshape(-1, 3)
        good = usable(columns[:, 1], columns[:, 2])
        members = Members(columns[good, 0].astype(np.int32), columns[good, 1], columns[good, 2])
        made = merged_fronts(made, fronts_of(members))
    return made
