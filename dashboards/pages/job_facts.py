"""What is known about one run, worded: its state, what it was made from, what it made, what is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dashboards.components.cells import cell
from dashboards.components.facts import fact, group
from dashboards.links import Links
from dashboards.pages.applied_words import Product, calibration_facts
from dashboards.pages.job_words import run_state_cell, task_line
from dashboards.pages.wording import full_epoch_cell, unknown_cell
from dashboards.plots.style import how_many
from data_access.analysis.times import age_words
from data_access.records import BatchItem, LogFile, Run, Task
from data_access.records.jobs import STUCK_S
from data_access.services.provenance import Provenance

_MANY = 12


@dataclass(frozen=True, slots=True)
class JobWork:
    """The tasks and batch items that worked on a run, newest first."""

    tasks: tuple[Task, ...]
    items: tuple[BatchItem, ...]


def heading_items(run: Run, links: Links, now: float) -> list[dict[str, Any]]:
    """Return what stands beside the name of the run."""
    return [
        fact("state", run_state_cell(run, now)),
        fact("stage", cell(run.stage)),
        fact("status", cell(run.status)),
        fact("observed", full_epoch_cell(run.epoch)),
        fact("processed", cell(None, unix=run.processed_at)),
        fact("MS", cell(_name(run.ms_path), mono=True, title=run.ms_path, href=links.ms_detail(run.ms_path))),
    ]


def run_notice(
    run: Run, work: JobWork, files: Sequence[LogFile], *, first_error: str, last_line_at: float, now: float
) -> dict[str, Any]:
    """Return the params of the notice on top: why a run failed, or that a running one is silent; else no text.

    Parameters
    ----------
    first_error : str
        Of the log that is shown; empty when it has none or is not read yet.
    last_line_at : float
        When the followed log got its last line, unix seconds; 0 when it got none yet.
    """
    if run.state == "failed":
        return {"kind": "bad", "text": f"Failed: {_reason(run, work, first_error)}", "remedy": "", "small": ""}
    newest = max((last_line_at, *(f.modified_at for f in files)))
    if run.state == "running" and files and now - newest > STUCK_S:
        text = f"It says running, but nothing was written to its log for {age_words(now - newest)}."
        return {"kind": "warn", "text": text, "remedy": "Look whether the process is still there.", "small": ""}
    return {"kind": "info", "text": "", "remedy": "", "small": ""}


def origin_group(run: Run, provenance: Provenance, links: Links) -> dict[str, Any]:
    """Return what the run was made from: the set, and its calibration tables."""
    items = [
        fact(
            "Measurement Set",
            cell(_name(run.ms_path), mono=True, title=run.ms_path, href=links.ms_detail(run.ms_path)),
        ),
        fact("Last progress", cell(None, unix=run.stage_updated_at)),
    ]
    product = Product("the Measurement Set was processed", run.processed_at)
    return group("Made from", [*items, *calibration_facts(provenance, product, links)])


def made_group(provenance: Provenance, links: Links) -> dict[str, Any]:
    """Return the images made from the set."""
    items = [
        fact(image.type or "Image", cell(image.name, mono=True, title=image.path, href=links.image(image.id)))
        for image in provenance.images[:_MANY]
    ]
    if len(provenance.images) > _MANY:
        items.append(fact("And", cell(how_many(len(provenance.images) - _MANY, "more image"))))
    return group("Images made", items or [fact("Images", cell("none registered"))])


def solved_group(provenance: Provenance, links: Links) -> dict[str, Any]:
    """Return the calibration tables that were solved from the set."""
    if provenance.trouble is not None:
        return group("Calibration solved from it", [fact("Tables", unknown_cell(provenance.trouble))])
    items = [
        fact(table.table_type or "Table", _table_cell(table.name, table.path, table.status, links))
        for table in provenance.solved[:_MANY]
    ]
    return group("Calibration solved from it", items or [fact("Tables", cell("none recorded"))])


def _table_cell(name: str, path: str, status: str | None, links: Links) -> dict[str, Any]:
    shown = cell(name, mono=True, title=path, href=links.calibration_detail(path))
    return {**shown, "n": status} if status and status != "active" else shown


def _reason(run: Run, work: JobWork, first_error: str) -> str:
    """Return the best reason that is recorded for a failure."""
    for item in work.items:
        if item.error and (item.status or "") == "failed":
            return f"batch {item.batch_id}: {item.error}"
    for task in work.tasks:
        if (task.status or "") in ("failed", "error") and (line := task_line(task)):
            return f"task {task.id} ({task.type}): {line}"
    if first_error:
        return f"first error in its log: {first_error}"
    failed = next((t for t in work.tasks if (t.status or "") in ("failed", "error")), None)
    if failed is not None:
        return f"task {failed.id} ({failed.type}) failed; it wrote no log of its own"
    return f"status {run.status}, stage {run.stage}; the log may say why"


def _name(path: str) -> str:
    return path.rstrip("/").rsplit("/", 1)[-1] or path
