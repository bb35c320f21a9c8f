"""The rest of what an operator looks at: alerts, batches, mosaics, regions, storage, the data registry."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from data_access.demo.databases import DemoDatabases
from data_access.demo.images import BEAM_MAJOR_ARCSEC, BEAM_MINOR_ARCSEC, BEAM_PA_DEG, write_mosaic
from data_access.demo.nights import Night
from data_access.demo.plan import TILE_S, mjd
from data_access.demo.runs import MEASURED_S, Run
from data_access.demo.science_rows import alert_row
from data_access.demo.sky import HALF_WIDTH_DEG, Sky

HOST_BEHIND_UTC_S = 8 * 3600.0
"""Batch times come from a naive UTC clock on a host in California: they are 8 h too late."""
GROUP_SIZE = 10
GROUP_OVERLAP = 2
MOSAIC_TILES = slice(6, 18)
OPERATIONS_TABLES = (
    "alert_history",
    "alert_rules",
    "batch_jobs",
    "batch_job_items",
    "mosaics",
    "mosaic_groups",
    "mosaic_ms_membership",
    "regions",
    "storage_locations",
    "data_registry",
    "jobs",
)


def write_operations(db: DemoDatabases, nights: Sequence[Night], sky: Sky, *, now: float, seed: int) -> None:
    """Insert alerts, batches, mosaics (one with its file), regions, storage and registry rows."""
    with db.transaction(*OPERATIONS_TABLES):
        _write_alerts(db, now)
        _write_batches(db, nights[0], now)
        for night in nights:
            if night.is_recent:
                _write_mosaic(db, night, sky, seed=seed)
        _write_mosaic_groups(db, nights[0])
        _write_regions(db, nights[0])
        _write_storage(db, now)
        _write_registry(db, nights[0])
        _write_detection_job(db, nights[0], now)


def _write_alerts(db: DemoDatabases, now: float) -> None:
    alerts = [
        ("system_error", "critical", "imaging worker ended: std::bad_alloc while gridding", 2.4),
        ("calibrator_missing", "warning", "no calibrator transit with data in the last 20 h", 30.0),
        ("system_error", "info", "streaming converter restarted", 31.0),
    ]
    db.insert(
        "alert_history",
        [alert_row(kind, severity, text, at=now - hours * 3600.0) for kind, severity, text, hours in alerts],
    )
    rules = [
        ("storage_sync_low", "warning", "resolved", "raw index lags behind the disk: 93 %", 26.0, 25.0),
        ("stream_service_down", "critical", "firing", "streaming converter does not answer", 1.5, None),
    ]
    db.insert(
        "alert_rules",
        [
            {
                "rule_name": name,
                "severity": severity,
                "state": state,
                "message": text,
                "fired_at": now - fired * 3600.0,
                "resolved_at": None if resolved is None else now - resolved * 3600.0,
                "labels_json": json.dumps({"host": "demo"}),
                "created_at": now - fired * 3600.0,
            }
            for name, severity, state, text, fired, resolved in rules
        ],
    )


def _write_batches(db: DemoDatabases, night: Night, now: float) -> None:
    """Insert three batches; the pipeline writes the parameters of the first kind as Python repr, not as JSON."""
    runs = night.processed_runs()[:8]
    settings = {"niter": 10000, "robust": 0.5, "pbcor": True, "mask": None}
    batches = [
        ("batch_image", "failed", str(settings), [run.ms_path for run in runs[:4]], 1),
        (
            "batch_photometry",
            "done",
            json.dumps({"box_size_pix": 5}),
            [f"{run.fits_path}:40.0:54.6" for run in runs],
            0,
        ),
        ("batch_ese-detect", "running", json.dumps({"source_ids": ["all_sources"]}), ["all_sources"], 0),
    ]
    for number, (kind, status, params, items, n_failed) in enumerate(batches, start=1):
        started = now - 7200.0 / number + HOST_BEHIND_UTC_S
        is_running = status == "running"
        db.insert(
            "batch_jobs",
            [
                {
                    "id": number,
                    "type": kind,
                    "created_at": started,
                    "status": status,
                    "total_items": len(items),
                    "completed_items": 0 if is_running else len(items) - n_failed,
                    "failed_items": n_failed,
                    "params": params,
                }
            ],
        )
        db.insert(
            "batch_job_items",
            [
                {
                    "batch_id": number,
                    "ms_path": item,
                    "job_id": None,
                    "status": "running" if is_running else "failed" if index < n_failed else "done",
                    "error": "RuntimeError: wsclean exited with status 134" if index < n_failed else None,
                    "started_at": started + 30.0 * index,
                    "completed_at": None if is_running else started + 30.0 * index + 28.0,
                }
                for index, item in enumerate(items)
            ],
        )


def _write_mosaic(db: DemoDatabases, night: Night, sky: Sky, *, seed: int) -> None:
    runs = night.processed_runs()[MOSAIC_TILES]
    created_at = runs[-1].stage_ends_at(MEASURED_S) + 900.0
    name = f"mosaic_group_{runs[0].group_id}_{int(created_at)}"
    path = db.root / "stage" / "mosaics" / f"{name}.fits"
    tiles = [run.tile for run in runs]
    middle = tiles[len(tiles) // 2]
    if night.number == 0:
        write_mosaic(path, tiles, sky, seed=seed)
    noise_jy = sum(tile.noise_jy for tile in tiles) / len(tiles)
    db.insert(
        "mosaics",
        [
            {
                "path": str(path),
                "name": name,
                "created_at": created_at,
                "start_mjd": mjd(tiles[0].start_unix),
                "end_mjd": mjd(tiles[-1].start_unix + TILE_S),
                "integration_sec": TILE_S * len(tiles),
                "n_images": len(tiles),
                "center_ra_deg": middle.ra_deg,
                "center_dec_deg": middle.dec_deg,
                "dec_min_deg": middle.dec_deg - HALF_WIDTH_DEG,
                "dec_max_deg": middle.dec_deg + HALF_WIDTH_DEG,
                "noise_jy": noise_jy,
                "effective_noise_jy": noise_jy / 1.3**0.5,
                "beam_major_arcsec": BEAM_MAJOR_ARCSEC,
                "beam_minor_arcsec": BEAM_MINOR_ARCSEC,
                "beam_pa_deg": BEAM_PA_DEG,
                "n_sources": sum(len(night.measurements[run.group_id]) for run in runs),
                "thumbnail_path": None,
                "status": "completed",
                "method": "weighted",
                "tiles": json.dumps([run.fits_path for run in runs]),
                "output_path": str(path),
                "validation_issues": None,
                "metrics_path": None,
            }
        ],
    )


def _write_mosaic_groups(db: DemoDatabases, night: Night) -> None:
    runs = night.processed_runs()
    starts = range(0, len(runs) - GROUP_SIZE + 1, GROUP_SIZE - GROUP_OVERLAP)
    last = len(starts) - 1
    for number, first in enumerate(starts):
        members = runs[first : first + GROUP_SIZE]
        group_id = f"group_{members[0].group_id}"
        at = members[-1].stage_ends_at(MEASURED_S)
        is_done = number < last
        row: dict[str, Any] = {
            "group_id": group_id,
            "ms_paths": json.dumps([run.ms_path for run in members]),
            "status": "completed" if is_done else "pending",
            "mosaic_path": None,
            "mosaic_id": None,
            "created_at": at,
            "completed_at": at + 420.0 if is_done else None,
            "mosaicked_at": at + 420.0 if is_done else None,
            "error": None,
        }
        db.insert("mosaic_groups", [row])
        db.insert(
            "mosaic_ms_membership",
            [
                {"ms_path": run.ms_path, "mosaic_group_id": group_id, "position_in_group": position}
                for position, run in enumerate(members)
            ],
        )


def _write_regions(db: DemoDatabases, night: Night) -> None:
    run = night.processed_runs()[0]
    centre = {"ra_deg": run.tile.ra_deg, "dec_deg": run.tile.dec_deg}
    shapes = {
        "circle": centre | {"radius_deg": 0.05},
        "rectangle": centre | {"width_deg": 0.2, "height_deg": 0.1, "angle_deg": 30.0},
    }
    db.insert(
        "regions",
        [
            {
                "name": f"{shape} around the centre",
                "type": shape,
                "coordinates": json.dumps(coordinates),
                "image_path": run.fits_path,
                "created_at": run.stage_ends_at(MEASURED_S) + 60.0,
                "created_by": "observer",
                "updated_at": None,
            }
            for shape, coordinates in shapes.items()
        ],
    )


def _write_storage(db: DemoDatabases, now: float) -> None:
    folders = {
        "ms": "stage/ms",
        "image": "stage/images",
        "mosaic": "stage/mosaics",
        "raw": "incoming",
        "gone": "backup",
    }
    db.insert(
        "storage_locations",
        [
            {
                "location_type": kind,
                "base_path": str(db.root / folder),
                "path": str(db.root / folder),
                "description": f"{kind} files",
                "registered_at": now - 90 * 86400.0,
                "created_at": now - 90 * 86400.0,
                "last_checked": now - 600.0,
                "size_bytes": None,
                "status": "active",
                "notes": None,
            }
            for kind, folder in folders.items()
        ],
    )


def _write_registry(db: DemoDatabases, night: Night) -> None:
    rows = []
    for number, run in enumerate(night.processed_runs()[:12]):
        is_published = number % 3 != 2
        at = run.stage_ends_at(MEASURED_S)
        rows.append(
            {
                "data_type": "image",
                "data_id": f"image_{run.group_id}",
                "base_path": str(Path(run.fits_path).parent),
                "status": "published" if is_published else "staging",
                "stage_path": run.fits_path,
                "published_path": None,
                "created_at": at,
                "staged_at": at + 5.0,
                "published_at": at + 60.0 if is_published else None,
                "publish_mode": "auto" if is_published else None,
                "metadata_json": json.dumps({"group_id": run.group_id}),
                "qa_status": "passed" if is_published else "pending",
                "validation_status": "validated" if is_published else "pending",
                "finalization_status": "finalized" if is_published else "pending",
                "photometry_status": "completed",
            }
        )
    db.insert("data_registry", rows)


def _write_detection_job(db: DemoDatabases, night: Night, now: float) -> None:
    run: Run = night.processed_runs()[-1]
    db.insert(
        "jobs",
        [
            {
                "type": "ese-detect",
                "status": "done",
                "ms_path": run.ms_path,
                "params": json.dumps({"min_sigma": 5.0, "recompute": False}),
                "logs": "checked all sources with new photometry",
                "artifacts": None,
                "created_at": now - 1805.0,
                "started_at": now - 1804.0,
                "finished_at": now - 1795.0,
            }
        ],
    )
