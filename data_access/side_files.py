"""The files that SQLite keeps beside a database: its write-ahead log, shared memory and rollback journal.

SQLite keeps them beside the file that a symbolic link leads to, and a link may be led elsewhere: every function here
follows it at the moment of the look.
"""

from __future__ import annotations

import os
from pathlib import Path


def write_ahead_log(path: Path) -> Path:
    """Return where the write-ahead log of a database is when it has one."""
    return _beside(path, "-wal")


def has_write_ahead_log(path: Path) -> bool:
    """Return whether commits may stand outside the file; an empty ``-wal`` is what a reader leaves behind."""
    return (_size(write_ahead_log(path)) or 0) > 0


def is_in_wal_mode(path: Path) -> bool:
    """Return whether the header of a database says so.

    Not for a file to which a connection of this process holds a lock: to close it here would give that up.
    """
    with path.open("rb") as file:
        return file.read(20)[18:] == b"\2\2"


def has_hot_journal(path: Path) -> bool:
    """Return whether a writer is, or died, in the middle of a transaction with a rollback journal.

    As SQLite has it, a journal that is empty or begins with a zero is finished, and one that nobody may read is not.
    """
    journal = _beside(path, "-journal")
    if not _size(journal):
        return False
    try:
        with journal.open("rb") as file:
            return file.read(1) not in (b"", b"\0")
    except FileNotFoundError:
        return False
    except PermissionError:
        return True


def side_identity(path: Path) -> tuple[int, ...]:
    """Return what changes when a writer comes: the state of the log, of the journal and of the shared memory."""
    log = _size(write_ahead_log(path))
    return (-1 if log is None else int(log > 0), int(has_hot_journal(path)), int(_is_there(_beside(path, "-shm"))))


def is_guest(path: Path) -> bool:
    """Return whether SQLite could make files beside a database that its owner may not be able to write.

    It makes them for readers too, with the mode of the database: those of another account stop the pipeline from
    writing until somebody removes them. Those that root makes are given to the owner of the database.
    """
    if os.geteuid() in (0, path.stat().st_uid):
        return False
    folder = Path(os.path.realpath(path)).parent
    return os.access(folder, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def has_files_of_wal_mode(path: Path) -> bool:
    """Return whether the files that SQLite needs beside a database in WAL mode are there: nobody has to make them."""
    return _is_there(_beside(path, "-shm")) and _is_there(write_ahead_log(path))


def _beside(path: Path, suffix: str) -> Path:
    return Path(f"{os.path.realpath(path)}{suffix}")


def _is_there(path: Path) -> bool:
    return _size(path) is not None


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None
