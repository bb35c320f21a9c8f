"""The observations of one night: which runs there were, their rows, their images and Measurement Sets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from data_access.demo.array import instrument_of_night
from data_access.demo.databases import DemoDatabases
from data_access.demo.images import write_tile_image
from data_access.demo.measurement_sets import WrittenSet, write_measurement_set
from data_access.demo.photometry import Measurement, measure, photometry_rows
from data_access.demo.plan import Tile, plan_night
from data_access.demo.runs import (
    CALIBRATED_S,
    CONVERTED_S,
    ERRORS,
    IMAGED_S,
    MEASURED_S,
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
from data_access.demo.sky import Sky, Source

FloatArray = npt.NDArray[np.float64]

IMAGES_ON_DISK = 16
NIGHTS_WITH_SETS = 2
OUTCOMES: dict[tuple[int, int], Outcome] = {
    (0, 5): "stuck",
    (0, 20): "failed_convert",
    (0, 33): "failed_image",
    (0, 57): "in_progress",
    (0, 58): "pending",
    (0, 59): "collecting",
    (1, 12): "incomplete",
    (1, 40): "skipped_no_caltables",
}
"""What went wrong, or is still going on, by (night, number of the tile); everything else was processed."""
NIGHT_TABLES = (
    "hdf5_file_index",
    "raw_index",
    "subband_files",
    "ingest_queue",
    "performance_metrics",
    "ms_index",
    "images",
    "image_qa",
    "jobs",
    "photometry",
    "pointing_history",
    "calibration_applied",
)
SPARSE_POINTING = 10
_QUEUE_STATES: dict[Outcome, tuple[str, str]] = {
    "done": ("completed", "completed"),
    "collecting": ("collecting", "collecting"),
    "pending": ("pending", "collecting"),
    "in_progress": ("in_progress", "imaging"),
    "stuck": ("in_progress", "converting"),
    "incomplete": ("failed", "collecting"),
    "failed_convert": ("failed", "converting"),
    "failed_image": ("failed", "imaging"),
    "skipped_no_caltables": ("completed", "calibrating"),
}
_MS_STATES: dict[Outcome, tuple[str, str]] = {
    "done": ("imaged", "done"),
    "in_progress": ("calibrated", "ok"),
    "failed_image": ("calibrated", "failed"),
    "skipped_no_caltables": ("converted", "skipped_no_caltables"),
}


@dataclass(frozen=True, slots=True)
class LightCurves:
    """Measurements of every source, and the runs that they come from, by source."""

    peaks: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    errors: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    measured_at: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    runs: defaultdict[str, list[Run]] = field(default_factory=lambda: defaultdict(list))

    def add(self, run: Run, measurements: Sequence[Measurement], measured_at: float) -> None:
        """Append the measurements of one run."""
        for measured in measurements:
            key = measured.source.source_id
            self.peaks[key].append(measured.peak_jyb)
            self.errors[key].append(measured.error_jyb)
            self.measured_at[key].append(measured_at)
            self.runs[key].append(run)


@dataclass(frozen=True, slots=True)
class Night:
    """The runs of one night and what was measured in each.

    Attributes
    ----------
    number : int
        0 is the newest.
    is_recent : bool
        Recent nights still have their files, jobs and raw data; of earlier ones only rows are left.
    """

    number: int
    is_recent: bool
    runs: tuple[Run, ...]
    measurements: dict[str, list[Measurement]]

    @property
    def calibrator_run(self) -> Run:
        """The run whose tile comes closest to a calibrator."""
        return next(run for run in self.runs if run.has_calibrator)

    def processed_runs(self) -> list[Run]:
        """Return the runs that went through to photometry."""
        return [run for run in self.runs if run.outcome == "done"]

    def runs_with(self, kinds: tuple[str, ...]) -> list[Run]:
        """Return the processed runs in whose field there is a source of one of `kinds`."""
        return [
            run
            for run in self.processed_runs()
            if any(measured.source.kind in kinds for measured in self.measurements[run.group_id])
        ]


def make_night(root: Path, now: float, number: int, sky: Sky, *, seed: int, is_recent: bool) -> Night:
    """Return one night: its tiles, what became of each, and the measurements in them."""
    tiles = plan_night(now, number, seed=seed)
    measurements = {tile.group_id: measure(tile, sky, seed=seed) for tile in tiles}
    worked = [index for index in range(len(tiles)) if (number, index) not in OUTCOMES]
    calibrator_index = min(worked, key=lambda index: _calibrator_distance_deg(tiles[index], sky))
    runs = tuple(
        Run(root, tile, OUTCOMES.get((number, index), "done"), has_calibrator=index == calibrator_index)
        for index, tile in enumerate(tiles)
    )
    return Night(number, is_recent, runs, measurements)


def _calibrator_distance_deg(tile: Tile, sky: Sky) -> float:
    """Return how far from the centre the nearest calibrator is.

    At the second declination the images of a night leave gaps: at some hours every calibrator is in one of them.
    """
    _, east_deg, north_deg = sky.nearest_calibrator(tile.ra_deg, tile.dec_deg)
    return float(np.hypot(east_deg, north_deg))


def choose_images(night: Night) -> list[Run]:
    """Return the runs whose images stay on disk: those with something to see first, then evenly over the night."""
    chosen = night.runs_with(("ese", "transient", "variable", "calibrator"))[:IMAGES_ON_DISK]
    others = [run for run in night.processed_runs() if run not in chosen]
    spread = np.linspace(0, len(others) - 1, IMAGES_ON_DISK - len(chosen)).round().astype(int)
    return sorted([*chosen, *(others[index] for index in spread)], key=lambda run: run.group_id)


def write_images(night: Night, sky: Sky, *, seed: int) -> list[Path]:
    """Write the FITS images of one night that stay on disk."""
    paths = []
    for run in choose_images(night):
        path = Path(run.fits_path)
        write_tile_image(path, run.tile, sky, seed=seed)
        paths.append(path)
    return paths


def runs_with_sets(night: Night) -> list[Run]:
    """Return the runs whose Measurement Sets stay on disk: the calibrator's, a science field, one that failed.

    Nights before the last two have none left.
    """
    if night.number >= NIGHTS_WITH_SETS:
        return []
    failed = [run for run in night.runs if run.outcome == "failed_image"]
    # The field of the event may be the calibrator's: then a field of another source with something to see.
    fields = [*night.runs_with(("ese",)), *night.runs_with(("transient", "variable"))]
    science = [run for run in fields if not run.has_calibrator]
    return [night.calibrator_run, *science[:1], *failed[:1]]


def write_measurement_sets(night: Night, *, seed: int) -> list[WrittenSet]:
    """Write the Measurement Sets of one night that stay on disk."""
    instrument = instrument_of_night(night.number, seed=seed)
    return [
        write_measurement_set(Path(run.ms_path), run.tile, night.measurements[run.group_id], instrument, seed=seed)
        for run in runs_with_sets(night)
    ]


def image_path_of(night: Night, run: Run) -> str:
    """Return what ``images.path`` holds: a FITS file, or in earlier nights the name of a CASA image directory."""
    return run.fits_path if night.is_recent else f"{run.image_root}.image"


def write_night(db: DemoDatabases, night: Night, curves: LightCurves) -> None:
    """Insert the rows of one night and add its measurements to `curves`."""
    rows: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    next_job = db.count("jobs") + 1
    for index, run in enumerate(night.runs):
        if night.is_recent:
            _add_raw_data(rows, run)
            rows["jobs"] += _jobs(run, next_job + len(rows["jobs"]))
        if night.is_recent or index % SPARSE_POINTING == 0:
            rows["pointing_history"].append(pointing_row(run.tile))
        _add_products(rows, night, run, curves)
    with db.transaction(*NIGHT_TABLES):
        for table in NIGHT_TABLES:
            db.insert(table, rows[table])


def _add_raw_data(rows: defaultdict[str, list[dict[str, Any]]], run: Run) -> None:
    arrived = {"incomplete": 14, "collecting": 9}.get(run.outcome, N_SUBBANDS)
    raw = raw_rows(run, range(arrived), indexed_at=run.received_at, is_stored=run.outcome not in ("done",))
    rows["hdf5_file_index"] += raw
    rows["raw_index"] += raw
    rows["subband_files"] += subband_rows(run, range(arrived))
    state, stage = _QUEUE_STATES[run.outcome]
    is_waiting = run.outcome in ("collecting", "pending")
    rows["ingest_queue"].append(
        queue_row(
            run,
            state,
            stage,
            at=run.received_at + 20.0 if is_waiting else run.stage_ends_at(MEASURED_S),
            error=ERRORS.get(run.outcome) if state == "failed" else None,
            # A group that has been tried three times is not tried again: somebody has to look at it.
            retries=3 if run.outcome == "stuck" or state == "failed" else 0,
        )
    )
    if run.outcome in _MS_STATES:
        rows["performance_metrics"].append(performance_row(run, at=run.stage_ends_at(CONVERTED_S)))


def _jobs(run: Run, first_id: int) -> list[dict[str, Any]]:
    ends = [("convert", CONVERTED_S), ("apply", CALIBRATED_S), ("image", IMAGED_S)]
    last = {"done": 3, "in_progress": 2, "failed_image": 3, "failed_convert": 1, "stuck": 1}.get(run.outcome, 0)
    jobs = []
    started_at = run.received_at + 30.0
    for number, (kind, seconds) in enumerate(ends[:last]):
        finished_at: float | None = run.stage_ends_at(seconds)
        status, logs = "completed", f"{kind} of {run.group_id} finished"
        if number == last - 1 and run.outcome in ERRORS:
            status, logs = "failed", ERRORS[run.outcome]
        if number == last - 1 and run.outcome == "stuck":
            status, logs, finished_at = "running", "Converting 16 subbands", None
        job = job_row(run, kind, status, started_at=started_at, finished_at=finished_at, logs=logs)
        jobs.append({"id": first_id + number} | job)
        started_at = (finished_at or started_at) + 2.0
    return jobs


def _add_products(rows: defaultdict[str, list[dict[str, Any]]], night: Night, run: Run, curves: LightCurves) -> None:
    if run.outcome not in _MS_STATES:
        return
    stage, status = _MS_STATES[run.outcome]
    if run.outcome == "done" and not night.is_recent:
        stage = ("mosaicked", "cataloged", "imaged")[run.tile.draw % 3]
    rows["ms_index"].append(ms_row(run, stage, status, at=run.stage_ends_at(IMAGED_S)))
    if run.outcome != "done":
        return
    measurements = night.measurements[run.group_id]
    peak = max((measured.peak_jyb for measured in measurements), default=None)
    path = image_path_of(night, run)
    at = run.stage_ends_at(IMAGED_S)
    # The pipeline fills in the rest only since it was mended: old rows and one recent row in four lack it.
    is_complete = night.is_recent and run.tile.draw % 4 != 0
    rows["images"].append(image_row(run, path, at=at, peak_jyb=peak, is_complete=is_complete))
    measured_at = run.stage_ends_at(MEASURED_S)
    rows["photometry"] += photometry_rows(run.tile, measurements, image_path=run.fits_path, measured_at=measured_at)
    curves.add(run, measurements, measured_at)
    if night.is_recent and peak is not None and rows["jobs"]:
        rows["image_qa"].append(
            image_qa_row(
                run, path, at=at + 4.0, peak_jyb=peak, n_sources=len(measurements), job_id=rows["jobs"][-1]["id"]
            )
        )


def sources_seen(sky: Sky, curves: LightCurves) -> list[Source]:
    """Return the sources that were measured at least once, in catalogue order."""
    return [source for source in sky.sources if source.source_id in curves.peaks]
