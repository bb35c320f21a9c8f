"""What an error of SQLite or of the file system means, in words and with what can be done about it."""

from __future__ import annotations

import shlex
import sqlite3
from pathlib import Path

from data_access.errors import (
    DatabaseCorrupt,
    DatabaseError,
    DatabaseLocked,
    DatabaseMissing,
    QueryTooSlow,
    TableMissing,
    TransactionLeftOpen,
    ValidationError,
)

_PERMISSIONS = "Check the permissions of the file, its -wal and -shm files and its folder."


EXPLAINED = (sqlite3.Error, OSError, OverflowError, UnicodeEncodeError)
"""What SQLite, the file system and values that it cannot hold raise."""


def explained_error(err: Exception, role: str, path: Path) -> Exception:
    """Return the error of the archive that one of `EXPLAINED` means for a database."""
    if getattr(err, "sqlite_errorname", "") == "SQLITE_READONLY_ROLLBACK":
        return _of_hot_journal(role, path)
    if isinstance(err, sqlite3.Error):
        return _of_sqlite(str(err), role, path)
    if isinstance(err, OSError):
        return explained_file_error(err, role, path)
    return ValidationError(f"A value of this query cannot stand in a database: {err}")


def explained_file_error(err: OSError, role: str, path: Path) -> DatabaseError:
    """Return the error of the archive that an error of the file system means for a database."""
    name, facts = f"The {role} database {path}", {"path": str(path), "role": role}
    if isinstance(err, FileNotFoundError | NotADirectoryError):
        return DatabaseMissing(f"{name} does not exist", **facts)
    return DatabaseError(f"{name} cannot be opened: {err.strerror or err}", remedy=_PERMISSIONS, **facts)


def no_file_error(role: str, path: Path) -> DatabaseError:
    """Return the error of a database that is a folder, a pipe or a device."""
    return DatabaseError(
        f"The {role} database {path} cannot be opened: it is a folder, a pipe or a device, and not a file",
        remedy="Set its path (see the settings table in README.md).",
        path=str(path), role=role,
    )  # fmt: skip


def _of_hot_journal(role: str, path: Path) -> TransactionLeftOpen:
    command = f"sqlite3 {shlex.quote(str(path))} .tables"
    return TransactionLeftOpen(
        f"A writer of the {role} database {path} died in the middle of a transaction: what it wrote is not valid",
        remedy=f"The pipeline, or `{command}` run as its user, rolls it back; then the page shows it by itself.",
        path=str(path), role=role,
    )  # fmt: skip


def _of_sqlite(text: str, role: str, path: Path) -> Exception:
    name, facts = f"database {path}", {"path": str(path), "role": role}
    if "interrupted" in text:
        return QueryTooSlow(f"A query on the {role} {name} was stopped at its deadline", **facts)
    if "locked" in text or "busy" in text:
        return DatabaseLocked(f"The {role} {name} is locked by a writer", **facts)
    if "no such table" in text:
        return TableMissing(f"{text} in the {role} {name}", **facts)
    if "not a database" in text or "malformed" in text or "disk image" in text:
        return DatabaseCorrupt(f"The {role} {name} is damaged or no database: {text}", **facts)
    if "unable to open" in text or "disk I/O" in text:
        return DatabaseError(f"The {role} {name} cannot be opened: {text}", remedy=_PERMISSIONS, **facts)
    return DatabaseError(f"A query on the {role} {name} failed: {text}", **facts)
