"""A log inside a page: opened at its end or at its first error, followed while it is written."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass

from dashboards.boundary import Boundary
from dashboards.components.log_view import LogView
from dashboards.session import PageView
from data_access.readers.logs import LogWindow, find_in_log, level_of, read_log_tail, read_log_window
from data_access.tail import LogBatch, watch_log

_TAIL_LINES = 5000
_TAIL_BYTES = 1_000_000
_MOST_HITS = 5000
_SEARCH_S = 2.0
# A line that starts a record carries a time or a level; what follows without one belongs to it (tracebacks).
_RECORD_START = re.compile(r"\s*(?:[\[{(\"]\s*)?\d{4}-\d{2}-\d{2}[T ]|\s*(?:DEBUG|INFO|WARNING|ERROR|CRITICAL)\b")
# Some writers give neither: a line about another Measurement Set, or group, continues nothing.
_OTHER_WORK = re.compile(r"[\w:+-]\.ms(?!\w)|\bgroup_id=")


@dataclass(frozen=True, slots=True)
class LogChoice:
    """What a panel shows.

    Attributes
    ----------
    path : str
        File to follow; empty when `lines` are given instead.
    lines : tuple of str
        A log that is complete.
    only : str
        Show only the records that mention this text; empty for all.
    at_first_error : bool
        Open at the first error instead of at the end.
    """

    path: str = ""
    lines: tuple[str, ...] = ()
    only: str = ""
    at_first_error: bool = False


class RecordFilter:
    """Keeps the lines that mention a text, and the lines that continue such a record (tracebacks).

    A record ends where another one starts, or where a line names another Measurement Set.
    """

    def __init__(self, needle: str) -> None:
        self._needle = needle
        self._inside = False

    def keep(self, lines: Iterable[str]) -> list[str]:
        """Return the lines that belong; what was kept last is remembered for the next call."""
        return [line for line in lines if self._belongs(line)]

    def _belongs(self, line: str) -> bool:
        if not self._needle or self._needle in line:
            self._inside = True
        elif _RECORD_START.match(line) or _OTHER_WORK.search(line):
            self._inside = False
        return self._inside


@dataclass(frozen=True, slots=True)
class _Start:
    """The first lines, what is missing before them in words, and where to follow the file from."""

    lines: list[str]
    cut: str
    end_offset: int
    inode: int
    first_error: str


class LogPanel:
    """A `LogView` in a slot of a page, with the task that follows its file; the task ends with the page.

    Parameters
    ----------
    page : PageView
        Owner of the slot and of the task.
    height : int
        Pixels.
    on_opened : callable, optional
        Called under the document's lock when the first lines of a log were sent.

    Attributes
    ----------
    last_line_at : float
        When the last line came while the log was followed, unix seconds; 0 before any.
    first_error : str
        The first error among the lines that were sent first; empty without one.
    """

    def __init__(self, page: PageView, *, height: int = 460, on_opened: Callable[[], object] | None = None) -> None:
        self.view = LogView(on_ready=self._ready, height=height)
        self.slot = page.new_slot("log", height=height)
        self.last_line_at = 0.0
        self.first_error = ""
        self._on_opened = on_opened
        self._page = page
        self._choice: LogChoice | None = None
        self._is_ready = False
        self._task: asyncio.Task[None] | None = None

    def open(self, choice: LogChoice) -> LogView:
        """Show a log from now on; the same choice again changes nothing."""
        if choice != self._choice:
            self._choice = choice
            self.view.label = choice.path or "Log of a task"
            if self._is_ready:
                self._restart()
        return self.view

    def _ready(self) -> None:
        """Send everything: the browser has drawn the view, or has come back."""
        self._is_ready = True
        self._restart()

    def _restart(self) -> None:
        if self._task is not None:
            self._task.cancel()
        if self._choice is not None:
            self._task = self._page.session.spawn(self._run(self._choice))

    async def _run(self, choice: LogChoice) -> None:
        with Boundary(f"log {choice.path}") as boundary:
            if choice.path:
                await self._follow(choice)
            else:
                start = _Start(list(choice.lines), "", 0, 0, first_error(choice.lines))
                await self._page.patch(lambda: self._show_first(choice, start))
        if boundary.failure is not None:
            await self._page.show_failure(self.slot, boundary.failure)

    async def _follow(self, choice: LogChoice) -> None:
        kept = RecordFilter(choice.only)
        start = await asyncio.to_thread(_read_start, choice, kept)
        await self._page.patch(lambda: self._show_first(choice, start))
        async with aclosing(watch_log(choice.path, from_offset=start.end_offset, inode=start.inode)) as batches:
            async for batch in batches:
                await self._page.patch(lambda b=batch: self._show_more(b, kept))  # type: ignore[misc]

    def _show_first(self, choice: LogChoice, start: _Start) -> None:
        self.view.append(start.lines, reset=True, skipped=start.cut)
        self.first_error = start.first_error
        if choice.at_first_error:
            self.view.show_first_error()
        if self._on_opened is not None:
            self._on_opened()

    def _show_more(self, batch: LogBatch, kept: RecordFilter) -> None:
        if batch.state != "following":
            self.view.append((), skipped=f"the log is {batch.state}: waiting for a new file")
        if batch.reset:
            self.view.append((), skipped="the log was rotated or rewritten; it goes on here")
        if batch.lines:
            self.last_line_at = time.time()
        skipped = f"{batch.skipped_bytes:,} bytes skipped: too much at once" if batch.skipped_bytes else ""
        lines = [f"… {line}" if i == 0 and batch.continues else line for i, line in enumerate(batch.lines)]
        self.view.append(kept.keep(lines), skipped=skipped)


def first_error(lines: Iterable[str]) -> str:
    """Return the first line that states an error, without the blanks around it; empty when none does."""
    return next((line.strip() for line in lines if level_of(line) in ("error", "critical")), "")


def _read_start(choice: LogChoice, kept: RecordFilter) -> _Start:
    """Return the lines to begin with; blocking."""
    tail = read_log_tail(choice.path, n_lines=_TAIL_LINES, max_bytes=_TAIL_BYTES)
    if choice.only and tail.truncated_at_start:
        return _read_mentions(choice, tail, kept)
    cut = f"{tail.start_offset:,} bytes before this are not shown" if tail.truncated_at_start else ""
    lines = kept.keep(tail.lines)
    return _Start(lines, cut, tail.end_offset, tail.inode, first_error(lines))


def _read_mentions(choice: LogChoice, tail: LogWindow, kept: RecordFilter) -> _Start:
    """Return what mentions the text, wherever it is in a long log: whole records from the first mention on.

    Beyond `_TAIL_BYTES` from the first mention only the lines themselves are given, without what continues them.
    """
    search = find_in_log(choice.path, choice.only, limit=_MOST_HITS, deadline_s=_SEARCH_S)
    hits = [hit for hit in search.hits if hit.offset < tail.end_offset]
    cut = "" if search.stopped_by == "end" else f"searched {search.scanned_to:,} of {search.size:,} bytes only"
    if not hits:
        return _Start([], cut, tail.end_offset, tail.inode, "")
    window = read_log_window(choice.path, hits[0].offset, _TAIL_BYTES)
    lines = kept.keep(window.lines)
    if window.end_offset >= tail.end_offset:
        return _Start(lines, cut, window.end_offset, window.inode, first_error(lines))
    lines += [hit.line for hit in hits if hit.offset >= window.end_offset]
    return _Start(lines, cut, tail.end_offset, tail.inode, first_error(lines))
