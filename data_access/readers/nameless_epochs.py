"""When the rows of a stretch of photometry were observed whose images do not carry it in their names."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from data_access.analysis.observed_epochs import PATHS_AT_ONCE, names_to_ask, observed_epochs
from data_access.analysis.variability.moments import FloatArray, IntArray
from data_access.read_only_connection import connect_read_only
from data_access.records import Epoch
from data_access.records.variability import BlockQuery


class NamelessRows:
    """Rows that a look at other tables may tell the time of.

    They are gathered first and asked for together, when nothing else holds the file open: see
    `data_access.arrow_connection`.
    """

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._rows: list[IntArray] = []
        self._paths: list[IntArray] = []

    def add(self, rows: IntArray, columns: Sequence[tuple[IntArray, Sequence[Any]]]) -> None:
        """Take rows by their places in the stretch, with the path in each of them: which, and of which paths."""
        numbers = [np.array([*map(self._number, paths)], dtype=np.int64)[places] for places, paths in columns]
        self._rows.append(rows)
        self._paths.append(np.stack(numbers))

    def _number(self, path: Any) -> int:
        if not isinstance(path, bytes | str):
            return -1
        text = path.decode("utf-8", "replace") if isinstance(path, bytes) else path
        return self._numbers.setdefault(text, len(self._numbers))

    def ask(self, query: BlockQuery) -> tuple[IntArray, FloatArray]:
        """Return the rows whose epochs are recorded, and these (MJD, UTC): of the image first, else of the mosaic.

        Raises
        ------
        sqlite3.Error, OSError, QueryTooSlow
        """
        if not self._numbers or not query.observed:
            return np.zeros(0, dtype=np.int64), np.zeros(0)
        known = np.array([*self._ask(query), np.nan])
        image, mosaic = known[np.concatenate(self._paths, axis=1)]
        mjd, rows = np.where(np.isnan(image), mosaic, image), np.concatenate(self._rows)
        return rows[~np.isnan(mjd)], mjd[~np.isnan(mjd)]

    def _ask(self, query: BlockQuery) -> list[float]:
        """Return the epoch of every path; NaN where nothing tells it."""
        paths = list(self._numbers)
        found: dict[str, Epoch] = {}
        path, patience_s = Path(query.path), query.busy_timeout_s
        with closing(connect_read_only(path, busy_timeout_s=patience_s, immutable=query.immutable)) as connection:
            connection.begin(query.deadline_s)
            for question in query.observed:
                rest = [path for path in paths if path not in found]
                for start in range(0, len(rest), PATHS_AT_ONCE):
                    some = rest[start : start + PATHS_AT_ONCE]
                    names = names_to_ask(some)
                    found |= observed_epochs(some, connection.execute(question.sql(len(names)), names))
        return [np.nan if path not in found else found[path].mjd or np.nan for path in paths]
