"""Which log files belong to a run, and safe access to the ones inside the log folders."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from data_access.analysis.times import stamp_in_name
from data_access.errors import FileError, FileMissing, ValidationError, file_error
from data_access.offload import Offload
from data_access.readers.logs import find_in_log
from data_access.records import Count, Cursor, LogFile, PageRequest, RecordPage, Run, RunLogs
from data_access.services.roots import Roots

_LOG_NAME = re.compile(r"\.(log|out|err|txt)(\.\d+)?$")
_SEARCH_S = 1.0
_MANY = 500
_ALL = PageRequest(limit=_MANY)
SORTS: Mapping[str, Callable[[LogFile], str | float]] = MappingProxyType(
    {
        "modified": lambda log_file: log_file.modified_at,
        "size": lambda log_file: float(log_file.size_bytes),
        "name": lambda log_file: Path(log_file.path).name,
        "folder": lambda log_file: str(Path(log_file.path).parent),
    }
)
"""Name of the order -> what the log files are sorted by."""


class LogService:
    """Finds log files below the configured log folders."""

    def __init__(self, roots: Roots, offload: Offload) -> None:
        self._roots = roots
        self._offload = offload

    async def find(self, request: PageRequest = _ALL, *, text: str = "") -> RecordPage[LogFile]:
        """Return one page of the log files, the one written last first unless asked otherwise.

        `text` is a part of the path, without regard to case. `request.sort` is one of `SORTS`.

        Raises
        ------
        ValidationError
            For any other order.
        FileUnreadable
            No log was found, and a folder cannot be read.
        """
        sort = request.sort or "modified"
        if sort not in SORTS:
            raise ValidationError(
                f"This list cannot be sorted by '{sort}'", remedy=f"Choose one of: {', '.join(SORTS)}."
            )

        def place(log_file: LogFile) -> tuple[Any, str]:
            return SORTS[sort](log_file), log_file.path

        files = sorted(await self._named(text), key=place, reverse=request.descending)
        page = _page_of([(place(f), f) for f in files], request)
        complaint = await self._offload.in_thread(self._complaint)
        return page if complaint is None else replace(page, note=complaint.message)

    async def count(self, *, text: str = "") -> Count:
        """Return how many log files there are with this text in their path."""
        return Count(len(await self._named(text)))

    async def _named(self, text: str) -> tuple[LogFile, ...]:
        wanted = text.strip().casefold()
        return tuple(f for f in await self._offload.in_thread(self._all) if wanted in f.path.casefold())

    async def find_of_run(self, run: Run) -> RunLogs:
        """Return the log files of a run, and which shared ones were not searched to their end.

        The pipeline itself writes no file per run: its lines are in the shared logs, marked with the group.
        """
        return await self._offload.in_thread(self._of_run, run)

    async def get(self, path: str) -> LogFile:
        """Return one log file; raise `PathOutsideRoots`, `FileMissing` or `FileUnreadable`."""
        real = await self._offload.in_thread(self._roots.inside, path)
        return await self._offload.in_thread(self._one, Path(real), "asked for")

    def _all(self) -> tuple[LogFile, ...]:
        found: dict[Path, LogFile] = {}
        for folder in self._roots.folders:
            for path in (*folder.glob("*"), *folder.glob("*/*")):
                if _LOG_NAME.search(path.name) and path not in found:
                    # A link may lead out of the folders, a log may be rotated away meanwhile: neither ends the list.
                    with suppress(FileError):
                        self._roots.inside(str(path.absolute()))
                        found[path] = self._one(path, "in the log folder")
        if not found and (complaint := self._complaint()) is not None:
            raise complaint
        return tuple(sorted(found.values(), key=lambda f: (f.modified_at, f.path), reverse=True))

    def _complaint(self) -> FileError | None:
        """Return what is wrong with a log folder that is there and cannot be read: it is not empty."""
        for folder in self._roots.folders:
            try:
                os.scandir(folder).close()
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as err:
                return file_error(folder, err)
        return None

    def _of_run(self, run: Run) -> RunLogs:
        own, mentioning, unsearched, n_searched = [], [], [], 0
        stamp = stamp_in_name(run.ms_path) or Path(run.ms_path).stem
        for log_file in self._all():
            name = Path(log_file.path).name
            if name.startswith(f"{run.run_id}.log"):
                own.append(_because(log_file, "named after the run"))
            elif not name.startswith("job-"):
                n_searched += 1
                found = _mentions(log_file, stamp) if n_searched <= _MANY else None
                if found is None:
                    unsearched.append(_because(log_file, "not searched to its end"))
                elif found:
                    mentioning.append(_because(log_file, f"mentions {stamp}"))
        return RunLogs((*own, *mentioning), tuple(unsearched))

    @staticmethod
    def _one(path: Path, why: str) -> LogFile:
        try:
            stat = path.stat()
        except OSError as err:
            raise file_error(path, err) from err
        if not path.is_file():
            raise FileMissing(f"{path} is not a log file", path=str(path))
        return LogFile(str(path), stat.st_size, stat.st_mtime, why)


def _page_of(placed: Sequence[tuple[tuple[Any, str], LogFile]], request: PageRequest) -> RecordPage[LogFile]:
    """Return the files after (or before) the position that is asked for, of files in order with their places."""
    cursor, begin = Cursor.decode(request.cursor) if request.cursor else None, 0
    if cursor is not None:
        try:
            at = (type(placed[0][0][0])(cursor.value), str(cursor.key)) if placed else (0.0, "")
        except (TypeError, ValueError) as err:
            raise ValidationError("That is not a position in this list", remedy="Start from the first page.") from err
        n_before = sum(place > at if request.descending else place < at for place, _ in placed)
        n_until = n_before + sum(place == at for place, _ in placed)
        begin = max(0, n_before - request.limit) if cursor.backwards else n_until
    shown = placed[begin : begin + request.limit]
    if not shown:
        return RecordPage(())
    (first, first_path), (last, last_path) = shown[0][0], shown[-1][0]
    return RecordPage(
        tuple(log_file for _, log_file in shown),
        next_cursor=Cursor(last, last_path).encode() if begin + request.limit < len(placed) else "",
        previous_cursor=Cursor(first, first_path, 0, True).encode() if begin else "",
    )


def _mentions(log_file: LogFile, text: str) -> bool | None:
    """Tell whether a log contains a text; None when the time was up before its end. One that is gone does not."""
    try:
        search = find_in_log(log_file.path, text, limit=1, deadline_s=_SEARCH_S)
    except FileError:
        return False
    return True if search.hits else None if search.stopped_by == "deadline" else False


def _because(log_file: LogFile, why: str) -> LogFile:
    return LogFile(log_file.path, log_file.size_bytes, log_file.modified_at, why)
