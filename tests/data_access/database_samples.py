"""Real SQLite files for the tests: a writer in a process of its own, and small databases of known content."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from data_access.archive import Archive
from data_access.database import Rows

PHOTOMETRY = (
    "CREATE TABLE photometry (id INTEGER PRIMARY KEY, source_id TEXT, image_path TEXT, peak_jyb REAL, "
    "peak_err_jyb REAL, flux_jy REAL, flux_err_jy REAL, mjd REAL, measured_at REAL, flags INTEGER)"
)
Make = Callable[..., Awaitable[Archive]]
_WRITER = """
import json, os, sqlite3, sys
for number in map(int, sys.argv[2:]):
    os.setgroups([]); os.setgid(number); os.setuid(number)
connection = sqlite3.connect(sys.argv[1], timeout=5, isolation_level=None)
for line in sys.stdin:
    try:
        rows = [connection.execute(sql, values).fetchall() for sql, values in json.loads(line)]
        print(json.dumps(rows[-1]), flush=True)
    except sqlite3.Error as err:
        print(json.dumps(f"{type(err).__name__}: {err}"), flush=True)
"""


class OtherProcess:
    """A pipeline stand-in: runs statements on a database from another process, and says what came back.

    Root can make it one of another account, of the number `user`.
    """

    def __init__(self, path: Path, *, user: int | None = None) -> None:
        self._path = path
        self._account = [] if user is None else [str(user)]

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(self._path), *self._account],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        return self

    def run(self, *statements: str | tuple[str, Sequence[Any]]) -> Any:
        """Run statements one after the other; return the rows of the last one, or the text of an error."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        pairs = [(s, ()) if isinstance(s, str) else s for s in statements]
        self._process.stdin.write(json.dumps(pairs) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)
        assert self._process.stdout is not None
        self._process.stdout.close()


def make_database(path: Path, *statements: str, journal: str = "wal") -> Path:
    """Create a database from SQL statements."""
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute(f"PRAGMA journal_mode={journal}")
    for statement in statements:
        connection.execute(statement)
    connection.close()
    return path


_DYING_WRITER = """
import os, signal, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
for statement in ("PRAGMA cache_size = 2", "BEGIN", sys.argv[2]):
    connection.execute(statement)
os.kill(os.getpid(), signal.SIGKILL)
"""


def die_writing(path: Path, statement: str) -> None:
    """Run a statement in a transaction of a process that is killed in it; it must write more than a few pages."""
    subprocess.run([sys.executable, "-c", _DYING_WRITER, str(path), statement], check=False)


def measure(path: Path, rows: list[tuple[str, float | None, float | None, int]]) -> None:
    """Add (source, peak, its error, flags) to a table `PHOTOMETRY`."""
    with closing(sqlite3.connect(path)) as db, db:
        db.executemany(
            "INSERT INTO photometry (source_id, peak_jyb, peak_err_jyb, flags, mjd) VALUES (?, ?, ?, ?, 60000)", rows
        )


def numbers(path: Path, n: int, *, journal: str = "wal") -> Path:
    """Create a table ``t(id, x)`` with x = 1..n."""
    return make_database(
        path,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, x REAL)",
        f"WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < {n}) "
        "INSERT INTO t (x) SELECT i FROM c",
        journal=journal,
    )


SLOW_SQL = "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 1000000000) SELECT max(i) FROM c"


def digests(folder: Path) -> dict[str, str]:
    """Return a hash of every file below a folder, without SQLite's shared memory and empty logs of readers."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith("-shm") and not _is_empty_log(path)
    }


def _is_empty_log(path: Path) -> bool:
    return path.name.endswith("-wal") and path.stat().st_size == 0


def plain(found: Rows) -> list[list[Any]]:
    """Return the rows as lists."""
    return [list(row) for row in found.rows]
