"""Calibration of each night: tables on disk and their registry, transits, calibrators, quality figures."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from data_access.demo.array import REFERENCE_ANTENNA, instrument_of_night
from data_access.demo.caltables import (
    ORDER,
    SOLVER_VERSION,
    SUFFIXES,
    CaltableType,
    WrittenCaltable,
    caltable_path,
    solver_parameters,
    spw_statistics,
    write_caltable,
)
from data_access.demo.databases import DemoDatabases
from data_access.demo.nights import Night
from data_access.demo.plan import STRIPS_DEG, TILE_S, iso, mjd
from data_access.demo.runs import CALIBRATED_S, Run
from data_access.demo.sky import HALF_WIDTH_DEG, Sky, Source

VALID_DAYS = 1.1
NIGHTS_WITH_TABLES = 20
RETIRED_NIGHT = 4
FAILED_NIGHT = 6
CALIBRATION_TABLES = (
    "caltables",
    "calibration_qa",
    "calibration_applied",
    "calibrator_transits",
    "bandpass_calibrators",
    "calibrator_catalog",
    "vla_calibrators",
    "vla_flux_info",
    "calibrator_positions",
    "calibrator_fluxes",
)


def write_calibration(
    db: DemoDatabases, nights: Sequence[Night], sky: Sky, *, now: float, seed: int
) -> list[WrittenCaltable]:
    """Write calibration tables for the recent nights, and the rows of all; return what was written to disk."""
    written: list[WrittenCaltable] = []
    with db.transaction(*CALIBRATION_TABLES):
        for night in nights[:NIGHTS_WITH_TABLES]:
            new = _write_tables(night, seed=seed) if night.is_recent else []
            written += new
            db.insert("caltables", [_caltable_row(night, table_type, new) for table_type in SUFFIXES])
            db.insert("calibrator_transits", [_transit_row(night, sky)])
            if new:
                db.insert("calibration_qa", [_qa_row(night, new)])
                db.insert("calibration_applied", _applied_rows(night))
        _write_calibrators(db, sky, now)
    return written


def _write_tables(night: Night, *, seed: int) -> list[WrittenCaltable]:
    run = night.calibrator_run
    instrument = instrument_of_night(night.number, seed=seed)
    return [
        write_caltable(
            caltable_path(run.ms_folder, run.tile, table_type),
            table_type,
            run.tile,
            instrument,
            ms_name=f"{run.group_id}.ms",
            seed=seed,
        )
        for table_type in SUFFIXES
    ]


def _caltable_row(night: Night, table_type: CaltableType, written: Sequence[WrittenCaltable]) -> dict[str, Any]:
    """Return the row of ``caltables``; what is solved before it is registered loses its origin, as upstream."""
    run = night.calibrator_run
    metrics = next((table.metrics for table in written if table.table_type == table_type), None)
    has_origin = metrics is not None and table_type != "K"
    status = {RETIRED_NIGHT: "retired", FAILED_NIGHT: "failed"}.get(night.number, "active")
    start_mjd = run.tile.mid_mjd
    return {
        "set_name": f"cal_{run.group_id}",
        "path": str(caltable_path(run.ms_folder, run.tile, table_type)),
        "table_type": table_type,
        "order_index": ORDER[table_type],
        "cal_field": "0",
        "refant": str(REFERENCE_ANTENNA + 1),
        "created_at": run.stage_ends_at(CALIBRATED_S) + ORDER[table_type] / 10,
        "valid_start_mjd": start_mjd,
        "valid_end_mjd": None if night.number == 0 else start_mjd + VALID_DAYS,
        "status": status,
        "notes": "retired: phases jump at 06:10" if status == "retired" else None,
        "source_ms_path": run.ms_path if has_origin else None,
        "solver_command": ("bandpass" if table_type == "BP" else "gaincal") if has_origin else None,
        "solver_version": SOLVER_VERSION if has_origin else None,
        "solver_params": solver_parameters(table_type, run.ms_path) if has_origin else None,
        "quality_metrics": json.dumps(metrics) if has_origin else None,
    }


def _qa_row(night: Night, written: Sequence[WrittenCaltable]) -> dict[str, Any]:
    run = night.calibrator_run
    by_type = {table.table_type: table for table in written}
    flagged = {key: table.metrics["flagged_fraction"] for key, table in by_type.items()}
    mean = sum(flagged.values()) / len(flagged)
    words = ((0.1, "excellent"), (0.3, "good"), (0.5, "marginal"))
    return {
        "ms_path": run.ms_path,
        "job_id": 1,
        "k_metrics": json.dumps({"flag_fraction": flagged["K"], "avg_snr": by_type["K"].metrics["snr_mean"]}),
        "bp_metrics": json.dumps({"flag_fraction": flagged["BP"], "amp_mean": 0.98, "amp_std": 0.14}),
        "g_metrics": json.dumps({"flag_fraction": flagged["GP"], "amp_mean": 1.0}),
        "overall_quality": next((word for cut, word in words if mean < cut), "poor"),
        "flags_total": mean,
        "per_spw_stats": json.dumps(spw_statistics(by_type["BP"])),
        "timestamp": run.stage_ends_at(CALIBRATED_S) + 20.0,
    }


def _applied_rows(night: Night) -> list[dict[str, Any]]:
    """Return rows of ``calibration_applied`` (unified layout): the set of the night, on all its runs."""
    calibrator = night.calibrator_run
    return [
        applied_row(run, str(caltable_path(calibrator.ms_folder, calibrator.tile, table_type)), at)
        for run in night.processed_runs()
        if (at := run.stage_ends_at(CALIBRATED_S)) >= calibrator.stage_ends_at(CALIBRATED_S)
        for table_type in SUFFIXES
    ]


def applied_row(run: Run, caltable: str, at: float) -> dict[str, Any]:
    """Return one row of ``calibration_applied``."""
    return {
        "ms_path": run.ms_path,
        "caltable_path": caltable,
        "applied_at": at,
        "quality": None,
        "success": 1,
        "error_message": None,
    }


def _transit_row(night: Night, sky: Sky) -> dict[str, Any]:
    run = night.calibrator_run
    calibrator, east_deg, north_deg = sky.nearest_calibrator(run.tile.ra_deg, run.tile.dec_deg)
    # The sky moves by 15 degrees an hour on the equator.
    minutes = east_deg / math.cos(math.radians(run.tile.dec_deg)) * 4.0
    mid_unix = run.tile.start_unix + TILE_S / 2
    transit_unix = mid_unix + minutes * 60.0
    return {
        "calibrator_name": calibrator_name(calibrator),
        "transit_mjd": mjd(transit_unix),
        "transit_iso": iso(transit_unix),
        "has_data": 1,
        "group_id": run.group_id,
        "group_mid_iso": iso(mid_unix),
        "delta_minutes": -minutes,
        "pb_response": math.exp(-4 * math.log(2.0) * (math.hypot(east_deg, north_deg) / 2.6) ** 2),
        "dec_match": 1,
        "calculated_at": run.received_at,
        "updated_at": run.received_at,
    }


def calibrator_name(source: Source) -> str:
    """Return the short name of a calibrator, ``HHMM+DDM`` as in the VLA's list."""
    minutes = int(source.ra_deg * 4.0)
    return f"{minutes // 60:02d}{minutes % 60:02d}{source.dec_deg:+06.2f}".replace(".", "")[:8]


def _write_calibrators(db: DemoDatabases, sky: Sky, now: float) -> None:
    calibrators = [source for source in sky.sources if source.kind == "calibrator"]
    registered_at = now - 90 * 86400.0
    rows = [_calibrator_row(source, number, registered_at) for number, source in enumerate(calibrators, start=1)]
    db.insert("bandpass_calibrators", rows)
    db.insert("calibrator_catalog", rows)
    db.insert("vla_calibrators", rows)
    db.insert("calibrator_positions", rows)
    db.insert("vla_flux_info", [_flux_row(row) for row in rows])
    db.insert("calibrator_fluxes", [_flux_row(row) for row in rows])


def _calibrator_row(source: Source, number: int, registered_at: float) -> dict[str, Any]:
    strip = min(STRIPS_DEG, key=lambda dec: abs(dec - source.dec_deg))
    name = calibrator_name(source)
    return {
        "id": number,
        "name": name,
        "calibrator_name": name,
        "ra_deg": source.ra_deg,
        "dec_deg": source.dec_deg,
        "flux_jy": source.flux_jy,
        "flux_freq_ghz": 1.4,
        "dec_range_min": strip - HALF_WIDTH_DEG,
        "dec_range_max": strip + HALF_WIDTH_DEG,
        "source_catalog": "VLA",
        "status": "active",
        "registered_at": registered_at,
        "registered_by": "demo",
        "code_20_cm": "P",
        "position_code": "A",
        "alt_name": None,
        "notes": None,
    }


def _flux_row(calibrator: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": calibrator["name"],
        "vla_calibrator_id": calibrator["id"],
        "frequency_ghz": 1.4,
        "flux_jy": calibrator["flux_jy"],
        "flux_uncertainty": 0.03 * calibrator["flux_jy"],
        "measurement_date": None,
        "band": "20cm",
        "band_code": "L",
        "freq_hz": 1.4e9,
        "quality_codes": "PPPP",
    }
