"""Oddities that real archives have, put in on purpose and told in ``truth.json``."""

from __future__ import annotations

from typing import Any

from data_access.demo.databases import DemoDatabases
from data_access.demo.nights import Night
from data_access.demo.photometry import photometry_rows
from data_access.demo.plan import iso
from data_access.demo.runs import IMAGED_S, MEASURED_S, image_row, ms_row

HOSTILE_TEXT = "<img src=x onerror=alert(1)>"
STRANGE_MS_SUFFIX = " re-run: µ Lyr é.ms"
MOCK_SOURCE = "NVSS J345678+234567"
TRAP_TABLES = (
    "images",
    "ms_index",
    "photometry",
    "variability_stats",
    "monitoring_sources",
    "ese_candidates",
    "regions",
    "alert_history",
)
TEXT_TIME, NOT_ON_DISK, NOT_FITS, TWICE, ODD_NAME, NO_SOURCE = range(2, 8)
"""Which processed run of the newest night carries which oddity."""


def write_traps(db: DemoDatabases, night: Night, *, now: float) -> dict[str, Any]:
    """Insert the oddities and return what was done: {name: path or key}."""
    with db.transaction(*TRAP_TABLES):
        told = _image_traps(db, night)
        told |= _ms_traps(db, night)
        told |= _photometry_traps(db, night)
        told |= _text_traps(db)
        told |= _statistics_traps(db, now)
    return told


def _image_traps(db: DemoDatabases, night: Night) -> dict[str, Any]:
    runs = night.processed_runs()
    told: dict[str, Any] = {}
    db.update(
        "images", {"path": runs[TEXT_TIME].fits_path}, {"created_at": iso(runs[TEXT_TIME].stage_ends_at(IMAGED_S))}
    )
    told["image_with_text_created_at"] = runs[TEXT_TIME].fits_path

    gone = f"{runs[NOT_ON_DISK].image_root}-residual.fits"
    broken = f"{runs[NOT_FITS].image_root}-dirty.fits"
    for run, path in ((runs[NOT_ON_DISK], gone), (runs[NOT_FITS], broken)):
        at = run.stage_ends_at(IMAGED_S) + 1.0
        db.insert("images", [image_row(run, path, at=at, peak_jyb=None, is_complete=False)])
    unreadable = db.root / "stage" / "images" / broken.rsplit("/", 1)[-1]
    unreadable.write_text("<!doctype html><title>504 Gateway Time-out</title>\n", encoding="utf-8")
    told["image_missing_on_disk"] = gone
    told["image_not_fits"] = broken

    again = runs[TWICE]
    if db.layout == "split":
        at = again.stage_ends_at(IMAGED_S) + 3000.0
        db.insert("images", [image_row(again, again.fits_path, at=at, peak_jyb=None, is_complete=False)])
        told["image_registered_twice"] = again.fits_path
    return told


def _ms_traps(db: DemoDatabases, night: Night) -> dict[str, Any]:
    run = night.processed_runs()[ODD_NAME]
    strange = run.ms_path.removesuffix(".ms") + STRANGE_MS_SUFFIX
    row = ms_row(run, "converted", "ok", at=run.stage_ends_at(IMAGED_S) + 400.0)
    empty = dict.fromkeys(row, None) | {
        "path": str(run.ms_folder / "unknown.ms"),
        "created_at": run.received_at,
    }
    db.insert("ms_index", [row | {"path": strange}, empty])
    return {"ms_with_strange_name": strange, "ms_with_nothing_known": empty["path"]}


def _photometry_traps(db: DemoDatabases, night: Night) -> dict[str, Any]:
    run = next(run for run in night.processed_runs()[NO_SOURCE:] if night.measurements[run.group_id])
    rows = photometry_rows(
        run.tile,
        night.measurements[run.group_id][:1],
        image_path=run.fits_path,
        measured_at=run.stage_ends_at(MEASURED_S) + 5.0,
    )
    db.insert("photometry", [row | {"source_id": None} for row in rows])
    bright = db.select(
        "photometry",
        "source_id",
        "WHERE source_id IS NOT NULL GROUP BY source_id ORDER BY max(peak_jyb) DESC LIMIT 1",
    )[0]["source_id"]
    stored = db.select("photometry", "id, nvss_flux_mjy", "WHERE source_id = ? ORDER BY id DESC LIMIT 3", (bright,))
    for row in stored:
        db.update("photometry", {"id": row["id"]}, {"nvss_flux_mjy": row["nvss_flux_mjy"] * 1000.0})
    return {"photometry_without_source": run.fits_path, "catalogue_flux_times_1000": bright}


def _text_traps(db: DemoDatabases) -> dict[str, Any]:
    source_id = db.select("monitoring_sources", "source_id", "ORDER BY id LIMIT 1")[0]["source_id"]
    db.update("monitoring_sources", {"source_id": source_id}, {"notes": HOSTILE_TEXT, "name": HOSTILE_TEXT})
    db.update("ese_candidates", {"id": 1}, {"notes": HOSTILE_TEXT})
    db.update("regions", {"id": 1}, {"name": HOSTILE_TEXT})
    db.update("alert_history", {"id": 1}, {"message": f"worker said {HOSTILE_TEXT}"})
    return {"hostile_text": HOSTILE_TEXT, "source_with_hostile_name": source_id}


def _statistics_traps(db: DemoDatabases, now: float) -> dict[str, Any]:
    """Add a mock source as upstream's script writes it: Jy in mJy columns, a deviation that 20 epochs cannot have."""
    mock = {
        "source_id": MOCK_SOURCE,
        "ra_deg": 58.8,
        "dec_deg": 23.77,
        "nvss_flux_mjy": 52.0,
        "n_obs": 20,
        "mean_flux_mjy": 0.052,
        "std_flux_mjy": 0.008,
        "min_flux_mjy": 0.031,
        "max_flux_mjy": 0.118,
        "chi2_nu": 6.1,
        "sigma_deviation": 8.2,
        "eta_metric": 5.8,
        "last_measured_at": now - 86400.0,
        "last_mjd": None,
        "updated_at": now - 86400.0,
    }
    db.insert("variability_stats", [mock])
    row = db.select("variability_stats", "*", "WHERE n_obs > 30 ORDER BY source_id LIMIT 1")[0]
    columns = ("mean_flux_mjy", "std_flux_mjy", "min_flux_mjy", "max_flux_mjy")
    db.update("variability_stats", {"source_id": row["source_id"]}, {name: row[name] * 1e-3 for name in columns})
    return {"mock_source": MOCK_SOURCE, "source_with_jy_in_mjy_columns": row["source_id"]}
