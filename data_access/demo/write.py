"""Write a complete demo archive."""

from __future__ import annotations

import json
import math
import shlex
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from data_access.demo.calibration_rows import write_calibration
from data_access.demo.caltables import WrittenCaltable
from data_access.demo.catalogs import write_catalogs
from data_access.demo.databases import DemoDatabases
from data_access.demo.logs import run_lines, write_archive_logs, write_run_log
from data_access.demo.measurement_sets import WrittenSet
from data_access.demo.nights import (
    LightCurves,
    Night,
    make_night,
    sources_seen,
    write_images,
    write_measurement_sets,
    write_night,
)
from data_access.demo.operations_rows import HOST_BEHIND_UTC_S, write_operations
from data_access.demo.photometry import eta
from data_access.demo.schema import PIPELINE, PRODUCTS, Layout, check_layout
from data_access.demo.science_rows import write_science
from data_access.demo.sky import Sky, make_sky
from data_access.demo.traps import write_traps
from data_access.errors import FileMissing, ValidationError

MARKER = ".dsa110_demo"
EDITION = 2
"""Raise it when the same seed and time give another sky: an older archive cannot go on growing."""
HISTORY_NIGHTS = 60
"""Nights before the recent ones: their files were cleaned up, their rows stayed."""
RUNS_WITH_LOGS = 20
OWN_ENTRIES = ("state", "stage", "incoming", "archive.env", "truth.json")
KNOWN_HABITS = {
    "photometry_mjd_is_processing_time": True,
    "earlier_images_are_named_as_casa_directories_and_gone": True,
    "batch_params_as_python_repr": 1,
    "batch_times_seconds_too_late": HOST_BEHIND_UTC_S,
    "pointing_timestamp_is_mjd": True,
}
"""What upstream does everywhere, not in single rows."""
COUNTED = (
    "ms_index",
    "images",
    "photometry",
    "variability_stats",
    "monitoring_sources",
    "ese_candidates",
    "transient_candidates",
    "mosaics",
    "mosaic_groups",
    "caltables",
    "calibrator_transits",
    "calibration_qa",
    "image_qa",
    "jobs",
    "batch_jobs",
    "batch_job_items",
    "ingest_queue",
    "subband_files",
    "performance_metrics",
    "pointing_history",
    "hdf5_file_index",
    "alert_history",
    "alert_rules",
    "regions",
    "storage_locations",
    "data_registry",
    "bandpass_calibrators",
    "vla_calibrators",
)


@dataclass(frozen=True, slots=True)
class DemoArchive:
    """What an archive was made from; kept in its marker file.

    Attributes
    ----------
    written_for_unix : float
        The `now` it was written for.
    is_complete : bool
        False while it is being written, or when that was interrupted.
    edition : int
        Of the program that wrote it.
    """

    layout: Layout
    seed: int
    written_for_unix: float
    is_complete: bool
    edition: int = 1

    def save(self, root: Path) -> None:
        """Write the marker file of the archive at `root`."""
        (root / MARKER).write_text(json.dumps(asdict(self)) + "\n", encoding="utf-8")


def load_archive(root: Path) -> DemoArchive:
    """Return what the demo archive at `root` was made from.

    Raises
    ------
    FileMissing
        `root` is not a complete demo archive of this edition.
    """
    marker = root / MARKER
    if not marker.is_file():
        raise FileMissing(f"{root} is not a demo archive", path=str(root), remedy="Write one with write_demo.")
    try:
        archive = DemoArchive(**json.loads(marker.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as err:
        raise FileMissing(
            f"{root} was not finished: {MARKER} is damaged", path=str(root), remedy="Write it again with write_demo."
        ) from err
    if not archive.is_complete:
        raise FileMissing(f"{root} was not finished", path=str(root), remedy="Write it again with write_demo.")
    if archive.edition != EDITION:
        message = f"{root} was written by another version of the dashboard"
        raise FileMissing(message, path=str(root), remedy="Write it again with write_demo.")
    return archive


def write_demo(
    out: Path, *, layout: Layout = "split", seed: int = 110, nights: int = 3, now: float | None = None
) -> Path:
    """Write a complete synthetic archive of the pipeline's products below `out`.

    Every night has 60 tiles of 309 s along a strip of constant declination; the newest ends shortly before `now`.
    The last `nights` nights have files, jobs and raw data; of 60 nights before them the rows are left, as after the
    pipeline's clean-up, so that light curves are long. The same arguments give the same rows.

    Parameters
    ----------
    out : Path
        New or empty folder, or one that this function made before: that one is replaced.
    layout : {'split', 'unified'}
        Several databases, or one.
    seed : int
        Everything random follows from it.
    nights : int
        Nights with files, at least 1.
    now : float, optional
        Unix seconds (UTC) taken as the present; by default the clock's.

    Returns
    -------
    Path
        `out`, resolved. ``archive.env`` in it points the pipeline's environment variables at the archive,
        ``truth.json`` says what is in it.

    Raises
    ------
    ValidationError
        Unknown layout, no night, or a folder that holds something else.
    """
    layout = check_layout(layout)
    if nights < 1:
        raise ValidationError(f"{nights} nights are too few", remedy="Ask for at least one night.")
    root = out.resolve()
    moment = math.floor(time.time() if now is None else now)
    _make_room(root)
    DemoArchive(layout, seed, moment, is_complete=False, edition=EDITION).save(root)
    sky = make_sky(seed, moment)
    planned = [
        make_night(root, moment, number, sky, seed=seed, is_recent=number < nights)
        for number in range(nights + HISTORY_NIGHTS)
    ]
    curves = LightCurves()
    with DemoDatabases(root, layout) as db:
        db.create()
        for night in reversed(planned):
            write_night(db, night, curves)
        caltables = write_calibration(db, planned, sky, now=moment, seed=seed)
        write_science(db, sky, curves, now=moment)
        write_operations(db, planned, sky, now=moment, seed=seed)
        recent = planned[:nights]
        images = [path for night in recent for path in write_images(night, sky, seed=seed)]
        sets = [written for night in recent for written in write_measurement_sets(night, seed=seed)]
        traps = write_traps(db, planned[0], now=moment) | KNOWN_HABITS
        counts = {table: db.count(table) for table in COUNTED}
    write_catalogs(root, sky)
    _write_logs(root, planned)
    _write_environment(root, layout)
    truth = {
        "layout": layout,
        "seed": seed,
        "now_unix": moment,
        "counts": counts,
        "traps": traps,
        "sources": _true_sources(sky, curves),
        "images_on_disk": [str(path) for path in images],
        "measurement_sets": [_told_set(written) for written in sets],
        "caltables": [_told_caltable(written) for written in caltables],
    }
    (root / "truth.json").write_text(json.dumps(truth, indent=1) + "\n", encoding="utf-8")
    DemoArchive(layout, seed, moment, is_complete=True, edition=EDITION).save(root)
    return root


def _make_room(root: Path) -> None:
    """Leave `root` as an existing folder without anything of an earlier demo; refuse to touch anything else."""
    if root.exists() and not root.is_dir():
        raise ValidationError(f"{root} is not a folder", path=str(root), remedy="Name a new folder.")
    root.mkdir(parents=True, exist_ok=True)
    is_ours = (root / MARKER).is_file()
    if not is_ours and any(root.iterdir()):
        raise ValidationError(
            f"{root} is not empty and was not made by the demo",
            path=str(root),
            remedy="Name a new or empty folder; nothing was changed.",
        )
    for name in OWN_ENTRIES:
        entry = root / name
        if entry.is_dir():
            shutil.rmtree(entry)
        else:
            entry.unlink(missing_ok=True)


def _write_logs(root: Path, nights: Sequence[Night]) -> None:
    newest = nights[0]
    recent = [line for run in newest.runs for line in run_lines(run)]
    older = [line for run in nights[1].runs for line in run_lines(run)]
    write_archive_logs(root, recent, older)
    with_logs = [run for run in newest.runs if run.outcome.startswith("failed")] + list(newest.runs[-RUNS_WITH_LOGS:])
    for run in with_logs:
        write_run_log(run, run_lines(run))


def _write_environment(root: Path, layout: Layout) -> None:
    state = root / "state"
    variables: dict[str, Path]
    if layout == "unified":
        variables = {"PIPELINE_DB": root / PIPELINE, "PIPELINE_PRODUCTS_DB": root / PIPELINE}
    else:
        db = state / "db"
        variables = {
            "PIPELINE_PRODUCTS_DB": root / PRODUCTS,
            "CONTIMG_PRODUCTS_DB": root / PRODUCTS,
            "PIPELINE_CAL_REGISTRY_DB": db / "cal_registry.sqlite3",
            "CAL_REGISTRY_DB": db / "cal_registry.sqlite3",
            "PIPELINE_HDF5_DB": db / "hdf5.sqlite3",
            "HDF5_DB_PATH": db / "hdf5.sqlite3",
            "PIPELINE_INGEST_DB": db / "ingest.sqlite3",
            "PIPELINE_QUEUE_DB": db / "ingest.sqlite3",
            "PIPELINE_DATA_REGISTRY_DB": db / "data_registry.sqlite3",
            "DATA_REGISTRY_DB": db / "data_registry.sqlite3",
            "PIPELINE_CALIBRATORS_DB": db / "calibrators.sqlite3",
        }
    variables |= {
        "VLA_CATALOG": state / "catalogs" / "vla_calibrators.sqlite3",
        "PIPELINE_STATE_DIR": state,
        "DSA110_STATE_DIR": state,
        "PIPELINE_LOG_DIR": state / "logs",
        "DSA110_ALLOWED_LOG_ROOTS": state / "logs",
        "DSA110_ALLOWED_MS_ROOTS": root / "stage",
    }
    text = "".join(f"{name}={shlex.quote(str(path))}\n" for name, path in variables.items())
    (root / "archive.env").write_text(text, encoding="utf-8")


def _true_sources(sky: Sky, curves: LightCurves) -> dict[str, dict[str, Any]]:
    told = {}
    for source in sources_seen(sky, curves):
        peaks, errors = np.array(curves.peaks[source.source_id]), np.array(curves.errors[source.source_id])
        several = peaks.size > 1
        told[source.source_id] = asdict(source) | {
            "n_epochs": int(peaks.size),
            "eta": eta(peaks, errors) if several else None,
            "v": float(peaks.std(ddof=1) / peaks.mean()) if several else None,
        }
    return told


def _told_set(written: WrittenSet) -> dict[str, Any]:
    return asdict(written) | {"path": str(written.path)}


def _told_caltable(written: WrittenCaltable) -> dict[str, Any]:
    return asdict(written) | {"path": str(written.path)}
