"""Which log files belong to a run, and safe access to the ones inside the log folders."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

from data_access.analysis.times import stamp_in_name
from data_access.errors import FileError, FileMissing, file_error
from data_access.offload import Offload
from data_access.readers.logs import find_in_log
from data_access.records import Count, Cursor, LogFile, PageRequest, RecordPage, Run
from data_access.services.roots import Roots

_LOG_NAME = re.compile(r"\.(log|out|err|txt)(\.\d+)?$")
_SEARCH_S = 1.0
_MANY = 500
_ALL = PageRequest(limit=_MANY)


class LogService:
    """Finds log files below the configured log folders."""

    def __init__(self, roots: Roots, offload: Offload) -> None:
        self._roots = roots
        self._offload = offload

    async def find(self, request: PageRequest = _ALL, *, text: str = "") -> RecordPage[LogFile]:
        """Return one page of the log files, the one written last first whatever order is asked for.

        `text` is a part of the path, without regard to case.
        """
        cursor = Cursor.decode(request.cursor) if request.cursor else None
        return _page_of(await self._named(text), cursor, request.limit)

    async def count(self, *, text: str = "") -> Count:
        """Return how many log files there are with this text in their path."""
        return Count(len(await self._named(text)))

    async def _named(self, text: str) -> tuple[LogFile, ...]:
        wanted = text.strip().casefold()
        return tuple(f for f in await self._offload.in_thread(self._all) if wanted in f.path.casefold())

    async def find_of_run(self, run: Run) -> tuple[LogFile, ...]:
        """Return the log files of a run: the one named after it, then the shared ones that mention it.

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
        return tuple(sorted(found.values(), key=_place, reverse=True))

    def _of_run(self, run: Run) -> tuple[LogFile, ...]:
        own, mentioning = [], []
        stamp = stamp_in_name(run.ms_path) or Path(run.ms_path).stem
        for log_file in self._all()[:_MANY]:
            name = Path(log_file.path).name
            if name.startswith(f"{run.run_id}.log"):
                own.append(_because(log_file, "named after the run"))
            elif not name.startswith("job-"):
                with suppress(FileError):
                    if find_in_log(log_file.path, stamp, limit=1, deadline_s=_SEARCH_S).hits:
                        mentioning.append(_because(log_file, f"mentions {stamp}"))
        return (*own, *mentioning)

    @staticmethod
    def _one(path: Path, why: str) -> LogFile:
        try:
            stat = path.stat()
        except OSError as err:
            raise file_error(path, err) from err
        if not path.is_file():
            raise FileMissing(f"{path} is not a log file", path=str(path))
        return LogFile(str(path), stat.st_size, stat.st_mtime, why)


def _place(log_file: LogFile) -> tuple[float, str]:
    return log_file.modified_at, log_file.path


def _page_of(files: tuple[LogFile, ...], cursor: Cursor | None, limit: int) -> RecordPage[LogFile]:
    """Return the files after (or before) a position in a list with the newest first."""
    if cursor is None:
        begin = 0
    else:
        at = (float(cursor.value or 0.0), str(cursor.key))
        n_before = sum(_place(f) > at for f in files)
        begin = max(0, n_before - limit) if cursor.backwards else sum(_place(f) >= at for f in files)
    shown = files[begin : begin + limit]
    if not shown:
        return RecordPage(())
    (first, first_path), (last, last_path) = _place(shown[0]), _place(shown[-1])
    return RecordPage(
        shown,
        next_cursor=Cursor(last, last_path).encode() if begin + limit < len(files) else "",
        previous_cursor=Cursor(first, first_path, 0, True).encode() if begin else "",
    )


def _because(log_file: LogFile, why: str) -> LogFile:
    return LogFile(log_file.path, log_file.size_bytes, log_file.modified_at, why)
