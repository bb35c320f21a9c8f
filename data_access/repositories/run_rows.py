"""Rows of ``ms_index`` seen as runs: their names, their states, their records."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from data_access.analysis.times import epoch_of_ms
from data_access.layout import Table
from data_access.records import Run
from data_access.repositories.base import RowReader

RUN_COLUMNS = ("path", "status", "stage", "processed_at", "stage_updated_at", "mid_mjd", "start_mjd", "imagename")
_FAILED = {"failed", "error", "skipped_no_caltables"}
_FINISHED = {"done", "completed"}
_PENDING = {"", "discovered", "pending"}
_CALIBRATORS = "/calibrators/"
IMAGED_STAGES = frozenset({"imaged", "mosaicked", "cataloged", "photometry_complete"})
"""Stages of a run whose image is made."""


def run_id_of(ms_path: str) -> str:
    """Return the pipeline's name for the run of a Measurement Set.

    ``2025-10-02T00:12:00.ms`` -> ``job-2025-10-02-001200``; a stem without a time keeps its name: ``job-<stem>``.
    """
    name = ms_path.rstrip("/").rpartition("/")[2]
    stem = name[:-3] if name.endswith(".ms") else name
    date, found, time = stem.partition("T")
    if not found or not re.fullmatch(r"\d{4}-\d{2}-\d{2}", date):
        return f"job-{stem}"
    return f"job-{date}-{re.sub(r'(?<=[0-9]{2}:[0-9]{2}:[0-9]{2})[.][0-9]+', '', time).replace(':', '')}"


def state_of(status: str | None, stage: str | None, ms_path: str) -> str:
    """Return one word for a run: failed, completed, running or pending, from what its row says.

    ``ok`` says that a stage went well, not that it was the last one: sets in the folder of the calibrators end with
    ``calibrated``, all others are imaged after it.
    """
    word = (status or "").lower()
    if word in _FAILED:
        return "failed"
    if word in _FINISHED:
        return "completed"
    if word in _PENDING:
        return "pending"
    if word == "ok" and (not stage or (stage == "calibrated" and _CALIBRATORS in ms_path)):
        return "completed"
    return "completed" if stage in IMAGED_STAGES else "running"


def state_sql(table: Table) -> str:
    """Return `state_of` as SQL."""
    status, stage, path = table.select(("status", "stage", "path"), "m")
    failed, finished, pending, made = (
        ", ".join(f"'{word}'" for word in sorted(words)) for words in (_FAILED, _FINISHED, _PENDING, IMAGED_STAGES)
    )
    return (
        f"(CASE WHEN lower({status}) IN ({failed}) THEN 'failed' "
        f"WHEN lower({status}) IN ({finished}) THEN 'completed' "
        f"WHEN lower(coalesce({status}, '')) IN ({pending}) THEN 'pending' "
        f"WHEN lower({status}) = 'ok' AND (coalesce({stage}, '') = '' "
        f"OR ({stage} = 'calibrated' AND instr({path}, '{_CALIBRATORS}') > 0)) THEN 'completed' "
        f"WHEN {stage} IN ({made}) THEN 'completed' ELSE 'running' END)"
    )


def to_run(values: Sequence[Any]) -> Run:
    """Return the run in a row of `RUN_COLUMNS`."""
    row = RowReader(RUN_COLUMNS, values)
    path, status, stage = row.text("path") or "", row.text("status"), row.text("stage")
    return Run(
        run_id=run_id_of(path),
        ms_path=path,
        state=state_of(status, stage, path),
        status=status,
        stage=stage,
        processed_at=row.unix("processed_at"),
        stage_updated_at=row.unix("stage_updated_at"),
        epoch=epoch_of_ms(path, row.real("mid_mjd"), row.real("start_mjd")),
        imagename=row.text("imagename"),
    )
