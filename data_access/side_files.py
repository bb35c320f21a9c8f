"""The files that SQLite keeps beside a database: its write-ahead log, shared memory and rollback journal.

SQLite keeps them beside the file that a symbolic link leads to, and a link may be led elsewhere: every function here
follows it at the moment of the look.
"""

from __future__ import annotations

import os
from pathlib import Path

Stamps = tuple[tuple[int, int, int] | None, ...]
"""Inode, time of the last write in ns and size, of a database and of its log."""


def write_ahead_log(path: Path) -> Path:
    """Return where the write-ahead log of a database is when it has one."""
    return Path(_log(os.path.realpath(path)))


def has_write_ahead_log(path: Path) -> bool:
    """Return whether commits may stand outside the file; an empty ``-wal`` is what a reader leaves behind."""
    return (_size(_log(os.path.realpath(path))) or 0) > 0


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
    return _has_hot_journal(os.path.realpath(path))


def side_identity(path: Path) -> tuple[int, ...]:
    """Return what changes when a writer comes: the state of the log, of the journal and of the shared memory."""
    file = os.path.realpath(path)
    log = _size(_log(file))
    return (-1 if log is None else int(log > 0), int(_has_hot_journal(file)), int(_has_shared_memory(file)))


def has_files_of_wal_mode(path: Path) -> bool:
    """Return whether the files that SQLite needs beside a database in WAL mode are there: nobody has to make them."""
    file = os.path.realpath(path)
    return _has_shared_memory(file) and _size(_log(file)) is not None


def is_guest(path: Path) -> bool:
    """Return whether SQLite could make files beside a database that its owner may not be able to write.

    It makes them for readers too, with the mode of the database: those of another account stop the pipeline from
    writing until somebody removes them. Those that root makes are given to the owner of the database.
    """
    if os.geteuid() in (0, path.stat().st_uid):
        return False
    folder = Path(os.path.realpath(path)).parent
    return os.access(folder, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def _log(file: str) -> str:
    return f"{file}-wal"


def _has_shared_memory(file: str) -> bool:
    return _size(f"{file}-shm") is not None


def _has_hot_journal(file: str) -> bool:
    journal = f"{file}-journal"
    if not _size(journal):
        return False
    try:
        with Path(journal).open("rb") as opened:
            return opened.read(1) not in (b"", b"\0")
    except FileNotFoundError:
        return False
    except PermissionError:
        return True


def _size(name: str) -> int | None:
    try:
        return os.stat(name).st_size  # noqa: PTH116  as in `file_identity`, before every question
    except FileNotFoundError:
        return None


def write_stamps(path: Path) -> Stamps:
    """Return what changes when a database or its write-ahead log is written, None for one that is not there.

    An empty one counts as absent: a reader that opens a database in WAL mode makes an empty log, which is no news.
    """
    return tuple(_stamp(file) for file in (path, write_ahead_log(path)))


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return (stat.st_ino, stat.st_mtime_ns, stat.st_size) if stat.st_size else None
