"""How runs, tasks, batches and queue states are worded, with what is suspicious about them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

from dashboards.components.cells import Cell, cell
from dashboards.components.record_table import Column, Row, row
from dashboards.links import Links
from dashboards.pages.wording import state_cell
from dashboards.plots.style import how_many
from data_access.analysis.times import age_words
from data_access.readers.logs import clean_line, level_of
from data_access.records import BatchItem, LogFile, QueueItem, Run, Task
from data_access.records.jobs import STUCK_S, UNFINISHED_STATES
from data_access.services.provenance import Provenance

_LONGEST_PARAMS = 160
_MOST_NAMES = 3

TASK_COLUMNS: Sequence[Column] = (
    {"name": "id", "label": "Task", "sortable": True, "least": "4rem"},
    {"name": "type", "label": "Type", "sortable": True},
    {"name": "status", "label": "Status", "sortable": True},
    {"name": "run", "label": "Run", "sortable": True},
    {"name": "created_at", "label": "Created", "sortable": True, "align": "right"},
    {"name": "started_at", "label": "Started", "sortable": True, "align": "right"},
    {"name": "finished_at", "label": "Ended", "sortable": True, "align": "right"},
    {"name": "took", "label": "Took", "sortable": True, "align": "right"},
    {"name": "params", "label": "Parameters", "width": "36rem"},
    {
        "name": "logs",
        "label": "Log",
        "title": "the first error of a failed task, else the last line",
        "width": "24rem",
    },
)

NAMESAKE_COLUMNS: Sequence[Column] = (
    {"name": "path", "label": "Measurement Set"},
    {"name": "state", "label": "State"},
    {"name": "stage", "label": "Stage"},
    {"name": "processed_at", "label": "Processed", "align": "right"},
    {"name": "shown", "label": "This page"},
)
NAMESAKES_NOTE = (
    "The name of a run has neither the folder of its Measurement Set nor fractions of a second: these sets share it. "
    "Logs are found by the name, they can be those of any of them."
)

ITEM_COLUMNS: Sequence[Column] = (
    {"name": "item", "label": "Item", "width": "26rem"},
    {"name": "status", "label": "Status"},
    {"name": "error", "label": "Error", "width": "30rem"},
    {"name": "took", "label": "Took", "align": "right"},
    {"name": "done", "label": "Ended", "align": "right"},
)


def run_state_cell(run: Run, now: float) -> Cell:
    """Return the state of a run; one that says running but stands still is marked as suspicious."""
    known = f"status {run.status or 'not recorded'}, stage {run.stage or 'not recorded'}"
    since = run.stage_updated_at if run.stage_updated_at is not None else run.processed_at
    if run.state == "running" and since is not None and now - since > STUCK_S:
        title = f"{known}: no progress for {age_words(now - since)}"
        return cell("running?", state="warn", title=title, note=f"no progress for {age_words(now - since)}")
    return state_cell(run.state, title=known)


def run_cell(made: Provenance, links: Links) -> Cell:
    """Return the name of the run that something comes from, with the way to it where there is such a run."""
    if made.run_id is None:
        return cell(None)
    if made.run_ms_path is None:
        return cell(made.run_id, note="no such run: its Measurement Set is not in the index")
    note = None if made.run_ms_path == made.ms_path else f"of the set of the same name, {made.run_ms_path}"
    return cell(made.run_id, href=links.job(made.run_id, ms=made.run_ms_path), note=note)


def namesake_row(run: Run, shown: Run, links: Links, now: float) -> Row:
    """Return the table row of a run that has the name of the one that is shown, or is that one."""
    is_shown = run.ms_path == shown.ms_path
    cells = [
        cell(run.ms_path, mono=True),
        run_state_cell(run, now),
        cell(run.stage),
        cell(None, unix=run.processed_at),
        cell("shown here" if is_shown else None, state="info" if is_shown else None),
    ]
    return row(run.ms_path, cells, href=None if is_shown else links.job(run.run_id, ms=run.ms_path))


def queue_state_cell(item: QueueItem, now: float) -> Cell:
    """Return the state of a group in the queue, with the time it is stuck when that is too long."""
    since = item.progress_at
    if since is not None and item.is_stuck(now):
        return cell(f"{item.state}?", state="warn", note=f"for {age_words(now - since)}: stuck?")
    return state_cell(item.state)


def subbands_cell(item: QueueItem) -> Cell:
    """Return how many subbands of a group have arrived; an incomplete group stands out."""
    expected, n = item.expected_subbands, item.n_subbands
    if n is None:
        return cell(None if expected is None else f"? / {expected}", title="the files of the group are not recorded")
    if expected is None:
        return cell(n)
    return cell(f"{n} / {expected}", state="warn" if n < expected else None)


def task_row(task: Task, links: Links, now: float, *, with_run: bool = True) -> Row:
    """Return the table row of one task."""
    cells = [
        cell(str(task.id)),
        cell(task.type),
        state_cell(task.status),
        cell(None, unix=task.created_at),
        cell(None, unix=task.started_at),
        cell(None, unix=task.finished_at),
        took_cell(task.started_at, task.finished_at, now, ended=(task.status or "") not in UNFINISHED_STATES),
        cell(params_text(task.params)),
        cell(task_line(task), mono=True),
    ]
    if not with_run:
        return row(task.id, cells)
    cells.insert(3, cell(task.run_id, mono=True, title=task.ms_path))
    return row(task.id, cells, href=links.job(task.run_id, ms=task.ms_path) if task.run_id else None)


def item_row(item: BatchItem, links: Links, now: float, run: tuple[str, str] | None = None) -> Row:
    """Return the table row of one batch item; with a `run` (its name, its set or an empty text) it leads there."""
    ended = (item.status or "") not in UNFINISHED_STATES
    return row(
        item.id,
        [
            cell(item_name(item), mono=True, title=item.ms_path),
            state_cell(item.status),
            cell(item.error),
            took_cell(item.started_at, item.completed_at, now, ended=ended),
            cell(None, unix=item.completed_at),
        ],
        href=links.job(run[0], ms=run[1]) if run else None,
    )


def item_name(item: BatchItem) -> str | None:
    """Return the last part of what a batch item worked on."""
    return PurePosixPath(item.ms_path).name or item.ms_path if item.ms_path else None


def took_cell(started: float | None, ended_at: float | None, now: float, *, ended: bool) -> Cell:
    """Return how long something took, or how long it has been running."""
    if started is None:
        return cell(None)
    if ended_at is not None:
        return cell(age_words(ended_at - started))
    if ended:
        return cell(None, title="its end is not recorded")
    running = now - started
    return cell(age_words(running), state="warn" if running > STUCK_S else "info", title="still running")


def params_text(params: Any) -> str | None:
    """Return parameters as ``name=value`` pairs in one line, cut when they are long."""
    if params in (None, "", {}):
        return None
    text = ", ".join(f"{k}={v}" for k, v in params.items()) if isinstance(params, dict) else str(params)
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST_PARAMS else f"{text[: _LONGEST_PARAMS - 1]}…"


def log_lines(text: str | None) -> list[str]:
    """Return the lines of a log that is stored in a column, cleaned like those of a file."""
    return [clean_line(line.encode("utf-8", "surrogatepass")) for line in (text or "").splitlines() if line.strip()]


def unsearched_words(logs: Sequence[LogFile]) -> dict[str, str]:
    """Return text and remedy of a notice on shared logs that were not searched to their end; empty without any."""
    if not logs:
        return {"text": "", "remedy": ""}
    names = ", ".join(PurePosixPath(log.path).name for log in logs[:_MOST_NAMES])
    more = f" and {len(logs) - _MOST_NAMES:,} more" if len(logs) > _MOST_NAMES else ""
    was = "was" if len(logs) == 1 else "were"
    return {
        "text": f"{how_many(len(logs), 'shared log')} {was} not searched to the end: {names}{more}.",
        "remedy": "What they say of this run may be missing here: open them from the list of logs.",
    }


def task_line(task: Task) -> str | None:
    """Return the line of a task's log that says most: the first error of a failed one, else the last."""
    lines = log_lines(task.logs)
    if not lines:
        return None
    if (task.status or "").lower() in ("failed", "error"):
        return next((line for line in lines if level_of(line) in ("error", "critical")), lines[-1])
    return lines[-1]
