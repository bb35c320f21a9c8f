"""Rows of a database as Arrow record batches, for worker processes that read millions of them.

The driver brings a SQLite library of its own. Two of them must not hold the same file open in one process: closing a
file gives up the locks of the whole process, those of the other library too. So this is for a worker process only,
and only while it has no other connection to the file open.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from data_access.errors import QueryTooSlow
from data_access.side_files import has_files_of_wal_mode, is_guest

if TYPE_CHECKING:
    import pyarrow as pa


class NotAsArrow(Exception):
    """These rows cannot be had as columns of one type each; read row by row they can."""


def read_arrow_batches(
    path: Path,
    sql: str,
    parameters: Sequence[int | str],
    *,
    immutable: bool,
    busy_timeout_s: float,
    deadline_s: float,
    batch_rows: int,
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a SELECT in batches of `batch_rows`; the types are those of the values of the first batch.

    Raises
    ------
    NotAsArrow
        A column holds values of several kinds, or the driver met an error that it cannot put in words.
    QueryTooSlow
        Not all of it was read within `deadline_s`.
    """
    import pyarrow as pa  # half a second, and no other worker needs it
    from adbc_driver_manager import Error
    from adbc_driver_sqlite import StatementOptions, dbapi

    expires = time.monotonic() + deadline_s
    uri = f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' if immutable else ''}"
    options = {StatementOptions.BATCH_ROWS.value: str(batch_rows)}
    pragmas = [f"busy_timeout = {int(1000 * busy_timeout_s)}", "query_only = 1"]
    if not immutable and is_guest(path) and not has_files_of_wal_mode(path):
        pragmas.insert(0, "locking_mode = EXCLUSIVE")  # refuses what is in WAL mode (see `ReadOnlyConnection`)
    try:
        with dbapi.connect(uri, autocommit=True) as connection:
            for pragma in pragmas:
                with closing(connection.cursor()) as cursor:
                    cursor.execute(f"PRAGMA {pragma}")
            with closing(connection.cursor(adbc_stmt_kwargs=options)) as cursor:
                cursor.execute(sql, tuple(parameters))
                with closing(cursor.fetch_record_batch()) as reader:
                    for batch in reader:
                        if time.monotonic() > expires:
                            raise QueryTooSlow(f"Reading {path} was stopped at its deadline", path=str(path))
                        yield batch
    except (Error, pa.ArrowException, OSError) as err:  # ArrowIOError is an OSError
        raise NotAsArrow(str(err)) from err
