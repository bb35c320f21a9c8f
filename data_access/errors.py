"""Everything that can go wrong, as one small tree; each error knows its HTTP status and what to do about it.

ArchiveError                     500
  DatabaseError                  500
    DatabaseMissing              503   no such file, or no file configured for this role
    DatabaseLocked               503   a writer holds it longer than the busy timeout
      TransactionLeftOpen        503   a writer died in the middle of a transaction
    DatabaseCorrupt              500   not a database, or damaged
    TableMissing                 503   the layout has no such table
    QueryTooSlow                 503   deadline reached
    NotesTooNew                  503   our own database was written by a newer dashboard
    SearchNotReady               503   the index of all sources is being made
  RecordNotFound                 404   no row with that key
  FileError                      500
    FileMissing                  404   recorded in a database, but no longer on disk
    FileUnreadable               403   permission, or not the format it claims
    PathOutsideRoots             403   a path that leaves the configured folders
    FITSError, MeasurementSetError, CaltableError, CasaImageError   422
    ReadTooSlow                  503   a worker process was stopped at its deadline
  ValidationError                400   malformed input: coordinates, dates, cursors, numbers
  MarkConflict                   409   somebody else has marked the same thing meanwhile
  QAError                        422   a quality figure could not be computed
"""

from __future__ import annotations

from pathlib import Path
from typing import Any


class ArchiveError(Exception):
    """Base of all errors of the data layer.

    Parameters
    ----------
    message : str
        What happened, naming the thing. Plain text, never markup.
    remedy : str
        What the reader can do about it.
    **facts
        What is known: ``table``, ``key``, ``path``, ``sql``, ...
    """

    status: int = 500
    remedy: str = "The traceback is in the server's log."

    def __init__(self, message: str, *, remedy: str | None = None, **facts: Any) -> None:
        super().__init__(message)
        self.message = message
        if remedy is not None:
            self.remedy = remedy
        self.facts = facts

    def __reduce__(self) -> tuple[Any, ...]:
        """Survive the trip from a worker process: keyword arguments are restored as state."""
        return (_rebuild, (type(self), self.message, self.remedy, self.facts))


def _rebuild(cls: type[ArchiveError], message: str, remedy: str, facts: dict[str, Any]) -> ArchiveError:
    return cls(message, remedy=remedy, **facts)


class DatabaseError(ArchiveError):
    """A pipeline database could not answer."""

    remedy = "The page tries again by itself; `python app.py check` says what of the databases can be read."


class DatabaseMissing(DatabaseError):
    """The file of this database does not exist, or none is configured."""

    status = 503
    remedy = "Set its path (see the settings table in README.md) or run `python app.py check`."


class DatabaseLocked(DatabaseError):
    """A writer held the database longer than the busy timeout."""

    status = 503
    remedy = "The pipeline is writing; the page tries again by itself."


class TransactionLeftOpen(DatabaseLocked):
    """A writer died in the middle of a transaction: what the file says was never committed."""

    remedy = "The pipeline rolls it back when it opens the file again; the page tries again by itself."


class DatabaseCorrupt(DatabaseError):
    """The file is not an SQLite database, or it is damaged."""

    remedy = "Run `sqlite3 FILE 'PRAGMA integrity_check'` on a copy; the dashboard does not repair pipeline files."


class TableMissing(DatabaseError):
    """No configured database has this table in this layout."""

    status = 503
    remedy = "This pipeline version does not write it, or its database is not configured: see /status."


class QueryTooSlow(DatabaseError):
    """The query was stopped at its deadline."""

    status = 503
    remedy = "Narrow the filter, or raise `query_deadline_s`."


class NotesTooNew(DatabaseError):
    """Our own database has tables that this version does not know."""

    status = 503
    remedy = "Update this dashboard, or set `data_dir` to another folder. Nothing was changed."


class SearchNotReady(DatabaseError):
    """The index of all sources is being made for the first time."""

    status = 503
    remedy = "This happens once; the page asks again by itself."


class RecordNotFound(ArchiveError):
    """No record has this key."""

    status = 404
    remedy = "It may have been removed by the pipeline; look for it in the list."


class FileError(ArchiveError):
    """A file of the archive could not be used."""


class FileMissing(FileError):
    """The file is recorded, but it is not on disk."""

    status = 404
    remedy = "The pipeline may have cleaned it up or moved it; the database record is shown as it is."


class FileUnreadable(FileError):
    """The file exists but cannot be read."""

    status = 403
    remedy = "Check the permissions of the file for the account that runs the dashboard."


class PathOutsideRoots(FileError):
    """The path is not below any configured root."""

    status = 403
    remedy = "Add the folder to `roots` in the settings if the dashboard may read it."


class FITSError(FileError):
    """The FITS file is damaged or not FITS at all."""

    status = 422
    remedy = "Check the file with `fitsverify` or make it again."


class CasaImageError(FileError):
    """The CASA image directory is damaged or not an image."""

    status = 422
    remedy = "Open it with CASA's `imhead` to see what is wrong."


class MeasurementSetError(FileError):
    """The Measurement Set is damaged or incomplete."""

    status = 422
    remedy = "Open it with CASA's `listobs` to see what is wrong."


class CaltableError(FileError):
    """The calibration table is damaged or incomplete."""

    status = 422
    remedy = "Open it with CASA's `browsetable` to see what is wrong."


class ReadTooSlow(FileError):
    """A read was stopped at its deadline."""

    status = 503
    remedy = "The disk may be busy; try again, or raise `read_deadline_s`."


class ValidationError(ArchiveError):
    """The input does not mean anything here."""

    status = 400
    remedy = "Correct the value and try again."


class MarkConflict(ArchiveError):
    """Somebody else has marked the same thing since it was read; `facts` has what stands there now."""

    status = 409
    remedy = "Look at what stands there now, then mark it again if you disagree."


class QAError(ArchiveError):
    """A quality figure could not be computed."""

    status = 422
    remedy = "The figure is shown as 'could not compute', which is not the same as bad."


def file_error(path: str | Path, err: OSError) -> FileError:
    """Return the error of this tree that an ``OSError`` on `path` means."""
    if isinstance(err, FileNotFoundError | NotADirectoryError):
        return FileMissing(f"{path} is not on disk", path=str(path))
    if isinstance(err, PermissionError):
        return FileUnreadable(f"{path} cannot be read: permission denied", path=str(path))
    return FileUnreadable(f"{path} cannot be read: {err.strerror or err}", path=str(path))
