"""A simulated pipeline that keeps a demo archive growing, one stage of one observation at a time.

Real observations last five minutes. So that there is always something to see, the simulated telescope starts a new
one as soon as the previous one is through, always some minutes in the past: the observations overlap, but time and
position on the sky agree for each.

Where the pipeline stands is read from the queue in the database, and each stage leaves alone what it finds done: it
may be stopped, or killed, at any moment, and the next start continues there.
"""

from __future__ import annotations

import itertools
import json
import math
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from data_access.demo.calibration_rows import applied_row
from data_access.demo.databases import DemoDatabases
from data_access.demo.images import write_tile_image
from data_access.demo.live_sources import SOURCE_TABLES, update_sources
from data_access.demo.logs import LogLine, append_lines, failure_lines, stage_lines, write_run_log
from data_access.demo.photometry import measure, photometry_rows
from data_access.demo.plan import TILE_S, observe
from data_access.demo.runs import (
    ERRORS,
    N_SUBBANDS,
    Outcome,
    Run,
    image_qa_row,
    image_row,
    job_row,
    ms_row,
    performance_row,
    pointing_row,
    queue_row,
    raw_rows,
    subband_rows,
)
from data_access.demo.science_rows import alert_row
from data_access.demo.sky import make_sky
from data_access.demo.write import load_archive

GROWN_IMAGES_KEPT = 60
RUN_LOGS_KEPT = 80
RETRIES_BEFORE_GIVING_UP = 3
FIRST_SUBBANDS = 9
LAG_S = TILE_S + 20.0
"""A group appears when its observation is over."""
HEARTBEAT_STEPS = 5
SERVICE_STEPS = 40


def grow_once(out: Path, step: int, now: float) -> str:
    """Let the pipeline take one step in the archive at `out`.

    Parameters
    ----------
    out : Path
        An archive that `write_demo` made.
    step : int
        Counts the steps of one run of the pipeline; decides what happens beside the observations.
    now : float
        Unix seconds (UTC) written as the time of the step.

    Returns
    -------
    str
        What was done: ``"<group_id> <stage>"``.

    Raises
    ------
    FileMissing
        `out` is not a complete demo archive.
    """
    with LivePipeline(out) as pipeline:
        return pipeline.advance(step, now)


def grow(out: Path, *, period_s: float = 4.0, stop: threading.Event) -> None:
    """Keep the archive at `out` growing, one step every `period_s` seconds, until `stop` is set.

    Raises FileMissing when `out` is not a complete demo archive.
    """
    with LivePipeline(out) as pipeline:
        for step in itertools.count():
            pipeline.advance(step, time.time())
            if stop.wait(period_s):
                return


class LivePipeline:
    """The running pipeline of one demo archive: every stage is one short transaction per database."""

    def __init__(self, out: Path) -> None:
        self.root = out.resolve()
        self.archive = load_archive(self.root)
        self.sky = make_sky(self.archive.seed, self.archive.written_for_unix)
        self.db = DemoDatabases(self.root, self.archive.layout)
        self._stages: dict[tuple[str, str], Callable[[Run, float], str]] = {
            ("collecting", "collecting"): self._complete,
            ("pending", "collecting"): self._pick_up,
            ("in_progress", "converting"): self._convert,
            ("in_progress", "calibrating"): self._calibrate,
            ("in_progress", "imaging"): self._image,
            ("in_progress", "photometry"): self._measure,
            ("in_progress", "variability"): self._conclude,
        }

    def __enter__(self) -> LivePipeline:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.db.close()

    def advance(self, step: int, now: float) -> str:
        """Take the oldest unfinished observation through its next stage, or start a new one."""
        if step % HEARTBEAT_STEPS == 0:
            append_lines(
                self.root, [LogLine(now, "DEBUG", "dsa110_contimg.streaming", f"poll {step}: alive", "", "")]
            )
        if step % SERVICE_STEPS == SERVICE_STEPS - 1:
            self._report_service(step, now)
        unfinished = self.db.select(
            "ingest_queue",
            "group_id, state, processing_stage",
            "WHERE state IN ('collecting', 'pending', 'in_progress') AND retry_count < ? ORDER BY group_id LIMIT 1",
            (RETRIES_BEFORE_GIVING_UP,),
        )
        if not unfinished:
            run = self._run_of(self._next_start(now))
            return f"{run.group_id} {self._collect(run, now)}"
        waiting = unfinished[0]
        start = datetime.fromisoformat(waiting["group_id"]).replace(tzinfo=UTC)
        run = self._run_of(int(start.timestamp()))
        stage = self._stages[waiting["state"], waiting["processing_stage"]]
        return f"{run.group_id} {stage(run, now)}"

    def _next_start(self, now: float) -> int:
        newest = self.db.select("ingest_queue", "max(group_id) AS group_id")[0]["group_id"]
        after = int(datetime.fromisoformat(newest).replace(tzinfo=UTC).timestamp()) + 1
        return max(math.floor(now - LAG_S), after)

    def _run_of(self, start_unix: int) -> Run:
        """Return the run that starts at `start_unix`; its fate follows from its start alone."""
        outcome: Outcome = "done"
        is_grown = self._is_grown(start_unix)
        if is_grown and start_unix % 23 == 5:
            outcome = "failed_convert"
        elif is_grown and start_unix % 29 == 3:
            outcome = "failed_image"
        is_disturbed = is_grown and start_unix % 31 == 7
        tile = observe(
            start_unix, now=self.archive.written_for_unix, seed=self.archive.seed, is_disturbed=is_disturbed
        )
        return Run(self.root, tile, outcome)

    def _is_grown(self, start_unix: float) -> bool:
        return start_unix > self.archive.written_for_unix - LAG_S - 1.0

    def _queue(self, run: Run, state: str, stage: str, now: float, error: str | None = None) -> None:
        """Move the observation on, after everything that belongs to the stage was committed."""
        with self.db.transaction("ingest_queue"):
            self.db.update(
                "ingest_queue",
                {"group_id": run.group_id},
                {
                    "state": state,
                    "processing_stage": stage,
                    "last_update": now,
                    "error": error,
                    "error_message": error,
                },
            )

    def _log(self, run: Run, lines: list[LogLine]) -> None:
        append_lines(self.root, lines)
        write_run_log(run, lines)

    def _collect(self, run: Run, now: float) -> str:
        with self.db.transaction("hdf5_file_index", "raw_index", "subband_files", "pointing_history"):
            self._add_raw(run, range(FIRST_SUBBANDS), now)
            self.db.insert("pointing_history", [pointing_row(run.tile)], on_conflict="IGNORE")
        with self.db.transaction("ingest_queue"):
            self.db.insert("ingest_queue", [queue_row(run, "collecting", "collecting", at=now)])
        return "collecting"

    def _complete(self, run: Run, now: float) -> str:
        with self.db.transaction("hdf5_file_index", "raw_index", "subband_files"):
            self._add_raw(run, range(N_SUBBANDS), now)
        self._queue(run, "pending", "collecting", now)
        self._log(run, stage_lines(run, "collecting", now))
        return "pending"

    def _add_raw(self, run: Run, subbands: range, now: float) -> None:
        rows = raw_rows(run, subbands, indexed_at=now, is_stored=True)
        self.db.insert("hdf5_file_index", rows, on_conflict="IGNORE")
        self.db.insert("raw_index", rows, on_conflict="IGNORE")
        self.db.insert("subband_files", subband_rows(run, subbands), on_conflict="IGNORE")

    def _pick_up(self, run: Run, now: float) -> str:
        with self.db.transaction("ms_index", "jobs"):
            self._put_ms(run, "discovered", "discovered", now)
            job = job_row(run, "convert", "running", started_at=now, finished_at=None, logs="Converting 16 subbands")
            self.db.insert_once("jobs", job, "ms_path", "type")
        self._queue(run, "in_progress", "converting", now)
        return "discovered"

    def _convert(self, run: Run, now: float) -> str:
        if run.outcome == "failed_convert":
            return self._fail(run, "convert", now)
        with self.db.transaction("ms_index", "jobs", "performance_metrics"):
            self._put_ms(run, "converted", "converted", now)
            self._finish_job(run, "convert", "completed", now)
            self.db.insert_once("performance_metrics", performance_row(run, at=now), "group_id")
        self._log(run, stage_lines(run, "converting", now))
        self._queue(run, "in_progress", "calibrating", now)
        return "converted"

    def _calibrate(self, run: Run, now: float) -> str:
        applied = self._tables_to_apply(run)
        with self.db.transaction("ms_index", "jobs", "calibration_applied"):
            self._put_ms(run, "calibrated", "ok", now)
            self.db.insert_once(
                "jobs", job_row(run, "apply", "completed", started_at=now - 3.0, finished_at=now), "ms_path", "type"
            )
            for path in applied:
                self.db.insert_once("calibration_applied", applied_row(run, path, now), "ms_path", "caltable_path")
            job = job_row(run, "image", "running", started_at=now, finished_at=None, logs="wsclean started")
            self.db.insert_once("jobs", job, "ms_path", "type")
        self._log(run, stage_lines(run, "calibrating", now))
        self._queue(run, "in_progress", "imaging", now)
        return "calibrated"

    def _tables_to_apply(self, run: Run) -> list[str]:
        """Return the active tables valid for the observation, of the set created last, in order."""
        at_mjd = run.tile.mid_mjd
        rows = self.db.select(
            "caltables",
            "path, set_name",
            "WHERE status = 'active' AND valid_start_mjd <= ? AND coalesce(valid_end_mjd, 1e9) >= ?"
            " ORDER BY created_at DESC",
            (at_mjd, at_mjd),
        )
        newest = rows[0]["set_name"] if rows else None
        return [row["path"] for row in reversed(rows) if row["set_name"] == newest]

    def _image(self, run: Run, now: float) -> str:
        if run.outcome == "failed_image":
            return self._fail(run, "image", now)
        found = measure(run.tile, self.sky, seed=self.archive.seed)
        plane = write_tile_image(Path(run.fits_path), run.tile, self.sky, seed=self.archive.seed)
        peak = float(plane.max())
        with self.db.transaction("images", "ms_index", "jobs", "image_qa"):
            row = image_row(run, run.fits_path, at=now, peak_jyb=peak, is_complete=True)
            self.db.insert_once("images", row, "path")
            self._put_ms(run, "imaged", "done", now)
            job_id = self._finish_job(run, "image", "completed", now)
            qa = image_qa_row(run, run.fits_path, at=now, peak_jyb=peak, n_sources=len(found), job_id=job_id)
            self.db.insert_once("image_qa", qa, "image_path")
        self._log(run, stage_lines(run, "imaging", now))
        self._queue(run, "in_progress", "photometry", now)
        self._tidy()
        return "imaged"

    def _measure(self, run: Run, now: float) -> str:
        found = measure(run.tile, self.sky, seed=self.archive.seed)
        with self.db.transaction("photometry"):
            if not self.db.select("photometry", "1", "WHERE image_path = ? LIMIT 1", (run.fits_path,)):
                rows = photometry_rows(run.tile, found, image_path=run.fits_path, measured_at=now)
                self.db.insert("photometry", rows)
        self._log(run, stage_lines(run, "photometry", now))
        self._queue(run, "in_progress", "variability", now)
        return "measured"

    def _conclude(self, run: Run, now: float) -> str:
        found = measure(run.tile, self.sky, seed=self.archive.seed)
        with self.db.transaction(*SOURCE_TABLES):
            update_sources(self.db, run, found, now=now)
        self._queue(run, "completed", "completed", now)
        return "completed"

    def _fail(self, run: Run, kind: str, now: float) -> str:
        message = ERRORS[run.outcome]
        with self.db.transaction("ms_index", "jobs", "alert_history"):
            stage = "discovered" if kind == "convert" else "calibrated"
            self._put_ms(run, stage, "failed", now)
            self._finish_job(run, kind, "failed", now, logs=message)
            alert = alert_row("system_error", "critical", f"{kind} of {run.group_id} failed: {message}", at=now)
            self.db.insert_once("alert_history", alert, "message")
        self._log(run, failure_lines(run, run.outcome, now))
        self._queue(run, "failed", "converting" if kind == "convert" else "imaging", now, error=message)
        return "failed"

    def _put_ms(self, run: Run, stage: str, status: str, now: float) -> None:
        self.db.upsert("ms_index", ms_row(run, stage, status, at=now), "path")

    def _finish_job(self, run: Run, kind: str, status: str, now: float, logs: str | None = None) -> int:
        """Close the running job of `kind` (open it first if there is none) and return its id."""
        key = {"ms_path": run.ms_path, "type": kind}
        done = job_row(run, kind, status, started_at=now - 20.0, finished_at=now, logs=logs or f"{kind} finished")
        self.db.insert_once("jobs", done, "ms_path", "type")
        changes = {name: done[name] for name in ("status", "logs", "artifacts", "finished_at")}
        self.db.update("jobs", key, changes)
        found = self.db.select("jobs", "id", "WHERE ms_path = ? AND type = ?", (run.ms_path, kind))
        return int(found[0]["id"])

    def _report_service(self, step: int, now: float) -> None:
        """Let the alert manager fire a rule, and resolve it at the next occasion."""
        is_firing = step // SERVICE_STEPS % 2 == 0
        with self.db.transaction("alert_rules"):
            if is_firing:
                row = {
                    "rule_name": "storage_sync_low",
                    "severity": "warning",
                    "state": "firing",
                    "message": "raw index lags behind the disk: 94 %",
                    "fired_at": now,
                    "resolved_at": None,
                    "labels_json": json.dumps({"step": step}),
                    "created_at": now,
                }
                self.db.insert("alert_rules", [row])
            else:
                key = {"rule_name": "storage_sync_low", "state": "firing"}
                self.db.update("alert_rules", key, {"state": "resolved", "resolved_at": now})

    def _tidy(self) -> None:
        """Remove the oldest images and run logs that this pipeline made; their rows stay."""
        images = sorted((self.root / "stage" / "images").glob("*.fits*"))
        grown = [path for path in images if self._is_grown(_start_of(path))]
        for path in grown[:-GROWN_IMAGES_KEPT]:
            path.unlink(missing_ok=True)
        run_logs = sorted((self.root / "state" / "logs").glob("job-*.log"))
        for path in run_logs[:-RUN_LOGS_KEPT]:
            path.unlink(missing_ok=True)


def _start_of(path: Path) -> float:
    """Return the start of the observation in the name of an image, unix seconds; -inf for another name."""
    try:
        return datetime.fromisoformat(path.name[:19]).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return -math.inf
