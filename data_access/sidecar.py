"""Our own file with kept sums, in a cache folder: may be deleted at any time, and never lies beside the pipeline's.

The only module beside the database layer that opens SQLite, and the only one that writes it.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import uuid
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from data_access.analysis.variability.moments import MOMENTS
from data_access.database_errors import explained_error
from data_access.own_folder import own_folder
from data_access.records.variability import Chunk

FORMAT = 3
BLOCK = 4096
_BUSY_TIMEOUT_S = 2.0
_TABLES = (
    "CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS sources (block INTEGER PRIMARY KEY, names TEXT NOT NULL, moments BLOB NOT NULL)",
    "CREATE TABLE IF NOT EXISTS chunks (after_id INTEGER PRIMARY KEY, last_id INTEGER NOT NULL, "
    "n_rows INTEGER NOT NULL, totals TEXT NOT NULL)",
)


@dataclass(slots=True)
class Sums:
    """Everything that is kept.

    Attributes
    ----------
    identity : str
        Of the file, table and columns that the sums are made of.
    names : list of str, length n_src
    moments : structured array, shape (n_src,)
    chunks : list of Chunk
        In order, without gaps.
    saved_to : int
        Newest row that was counted when this was last read from or written to the disk.
    history : str
        Another one for sums that were made anew: what was derived from sums of another history is not to be trusted.
    """

    identity: str
    names: list[str]
    moments: npt.NDArray[Any]
    chunks: list[Chunk]
    saved_to: int = 0
    history: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def last_id(self) -> int:
        """Newest row that is counted; 0 for none."""
        return self.chunks[-1].last_id if self.chunks else 0


class Sidecar:
    """One file of kept sums.

    Parameters
    ----------
    cache_dir : Path
        Made when it does not exist.
    source : Path
        The database that the sums are made of; it names the file.
    forbidden : sequence of Path
        Folders of the pipeline: nothing is ever written there.

    Raises
    ------
    ValidationError
        The cache folder lies inside one of them; symbolic links are followed first.
    """

    def __init__(self, cache_dir: Path, source: Path, *, forbidden: Sequence[Path]) -> None:
        real = own_folder(cache_dir, (*forbidden, source.parent), name="cache folder", setting="cache_dir")
        key = hashlib.sha256(str(source.absolute()).encode()).hexdigest()[:16]
        self.path = real / f"variability-{key}.sqlite3"

    def load(self, identity: str) -> Sums | None:
        """Return what is kept for this identity; None when nothing is, or it is damaged or of another format.

        Raises
        ------
        DatabaseError
            The file cannot be used.
        """
        try:
            if not self.path.is_file():
                return None
            with closing(self._open()) as connection:
                connection.execute("BEGIN")  # another process may save meanwhile: all of it from one moment
                meta = dict(connection.execute("SELECT name, value FROM meta ORDER BY name"))
                if meta.get("identity") != identity or meta.get("format") != self._format():
                    return None
                return _read_sums(connection, identity, meta.get("history", ""))
        except (sqlite3.OperationalError, OSError) as err:
            raise self._explained(err) from err
        except (sqlite3.DatabaseError, ValueError, TypeError):
            self._discard()  # damaged: it is only a cache
            return None

    def save(self, sums: Sums, changed: npt.NDArray[np.int64] | None = None) -> None:
        """Write the sums; with `changed` (positions of sources) only the blocks that these are in.

        Raises
        ------
        DatabaseError
            The file cannot be written.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(self._open()) as connection:
                self._write(connection, sums, changed)
        except sqlite3.OperationalError as err:
            raise self._explained(err) from err
        except sqlite3.DatabaseError:
            self._discard()  # damaged: the next save makes it anew
        except OSError as err:
            raise self._explained(err) from err

    def _write(self, connection: sqlite3.Connection, sums: Sums, changed: npt.NDArray[np.int64] | None) -> None:
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            kept = dict(connection.execute("SELECT name, value FROM meta ORDER BY name"))
            # Another process may have written here meanwhile: blocks of two histories must not stand side by side.
            own = kept.get("identity") == sums.identity and kept.get("written_to") == str(sums.saved_to)
            blocks: Sequence[int] = range(-(-len(sums.names) // BLOCK))
            if own and changed is not None:
                blocks = np.unique(changed // BLOCK).tolist()
            else:
                for table in ("sources", "chunks"):
                    connection.execute(f"DELETE FROM {table}")
            connection.executemany(
                "INSERT OR REPLACE INTO sources VALUES (?, ?, ?)", (_block_row(sums, block) for block in blocks)
            )
            connection.executemany(
                "INSERT OR REPLACE INTO chunks VALUES (?, ?, ?, ?)",
                ((c.after_id, c.last_id, c.n_rows, json.dumps(c.totals)) for c in sums.chunks),
            )
            meta = {
                "identity": sums.identity,
                "format": self._format(),
                "n_src": str(len(sums.names)),
                "written_to": str(sums.last_id),
                "history": sums.history,
            }
            connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", list(meta.items()))
        sums.saved_to = sums.last_id

    def _explained(self, err: Exception) -> Exception:
        return explained_error(err, "cache", self.path)

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=_BUSY_TIMEOUT_S, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=OFF")  # lost with the machine's power, it is made anew
            for sql in _TABLES:
                connection.execute(sql)
        except BaseException:
            connection.close()
            raise
        return connection

    def _discard(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self.path}{suffix}").unlink(missing_ok=True)

    @staticmethod
    def _format() -> str:
        return f"{FORMAT} {MOMENTS.descr}"


def _block_row(sums: Sums, block: int) -> tuple[int, str, bytes]:
    part = slice(block * BLOCK, (block + 1) * BLOCK)
    return block, json.dumps(sums.names[part]), sums.moments[part].tobytes()


def _read_sums(connection: sqlite3.Connection, identity: str, history: str) -> Sums | None:
    names: list[str] = []
    parts: list[npt.NDArray[Any]] = []
    for text, blob in connection.execute("SELECT names, moments FROM sources ORDER BY block"):
        names += json.loads(text)
        parts.append(np.frombuffer(blob, dtype=MOMENTS))
    rows = connection.execute("SELECT after_id, last_id, n_rows, totals FROM chunks ORDER BY after_id")
    chunks = [Chunk(after, last, n, tuple(json.loads(totals))) for after, last, n, totals in rows]
    n_src = connection.execute("SELECT value FROM meta WHERE name = 'n_src'").fetchone()
    moments = np.concatenate(parts) if parts else np.zeros(0, dtype=MOMENTS)
    if n_src is None or not len(names) == len(moments) == int(n_src[0]) or len(set(names)) != len(names):
        return None
    return Sums(identity, names, moments, chunks, saved_to=chunks[-1].last_id if chunks else 0, history=history)
