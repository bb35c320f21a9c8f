"""What the pipeline concludes about the sources: statistics, monitoring, candidates and transients."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from data_access.demo.databases import DemoDatabases
from data_access.demo.images import FREQ_HZ
from data_access.demo.nights import LightCurves, sources_seen
from data_access.demo.photometry import DETECTION_SIGMA, is_ese_candidate, monitoring_row, variability_row
from data_access.demo.sky import Sky, Source

SCIENCE_TABLES = (
    "variability_stats",
    "monitoring_sources",
    "sources",
    "ese_candidates",
    "transient_candidates",
    "transient_alerts",
    "transient_lightcurves",
    "alert_history",
)


def write_science(db: DemoDatabases, sky: Sky, curves: LightCurves, *, now: float) -> None:
    """Insert the statistics of all sources and the candidates that follow from them."""
    seen = sources_seen(sky, curves)
    stats = [_statistics(source, curves, now) for source in seen]
    with db.transaction(*SCIENCE_TABLES):
        db.insert("variability_stats", stats)
        db.insert(
            "monitoring_sources",
            [
                monitoring_row(row, min(curves.measured_at[source.source_id]), kind=source.kind)
                for source, row in zip(seen, stats, strict=True)
            ],
        )
        db.insert("sources", [_source_row(source, curves) for source in seen])
        flagged = [row for row in stats if is_ese_candidate(row)]
        db.insert("ese_candidates", [ese_row(row, at=now - 1800.0) for row in flagged] + _judged(seen, stats, now))
        db.insert("alert_history", [ese_alert_row(row, at=now - 1790.0) for row in flagged])
        _write_transients(db, [source for source in seen if source.kind == "transient"], curves, now)


def _statistics(source: Source, curves: LightCurves, now: float) -> dict[str, Any]:
    key = source.source_id
    return variability_row(source, curves.peaks[key], curves.errors[key], curves.measured_at[key], now=now)


def _source_row(source: Source, curves: LightCurves) -> dict[str, Any]:
    epochs = [run.tile.mid_mjd for run in curves.runs[source.source_id]]
    return {
        "id": source.source_id,
        "name": source.source_id,
        "ra_deg": source.ra_deg,
        "dec_deg": source.dec_deg,
        "catalog_match": None if source.catalog_flux_jy is None else "NVSS",
        "source_type": "calibrator" if source.kind == "calibrator" else "continuum",
        "first_detected_mjd": min(epochs),
        "last_detected_mjd": max(epochs),
        "detection_count": len(epochs),
    }


def ese_row(stats: Mapping[str, Any], *, at: float) -> dict[str, Any]:
    """Return the row of ``ese_candidates`` that the pipeline's rule makes of a row of statistics."""
    return {
        "source_id": stats["source_id"],
        "flagged_at": at,
        "flagged_by": "auto",
        "significance": stats["sigma_deviation"],
        "flag_type": "auto",
        "notes": None,
        "status": "active",
        "investigated_at": None,
        "dismissed_at": None,
    }


def ese_alert_row(stats: Mapping[str, Any], *, at: float) -> dict[str, Any]:
    """Return the row of ``alert_history`` for a new candidate, with the columns of both layouts."""
    message = f"{stats['source_id']}: {stats['sigma_deviation']:.1f} sigma from its mean over {stats['n_obs']} epochs"
    return alert_row("ese_candidate", "warning", message, at=at, source_id=stats["source_id"])


def alert_row(kind: str, severity: str, message: str, *, at: float, source_id: str = "system") -> dict[str, Any]:
    """Return a row of ``alert_history``, with the columns of both layouts."""
    return {
        "source_id": source_id,
        "alert_type": kind,
        "severity": severity,
        "message": message,
        "sent_at": at,
        "channel": "#ese-alerts" if kind == "ese_candidate" else "#pipeline",
        "success": 1,
        "error_msg": None,
        "alert_name": kind,
        "details": json.dumps({"source_id": source_id}),
        "triggered_at": at,
        "resolved_at": None,
        "acknowledged_by": None,
        "acknowledged_at": None,
    }


def _judged(seen: list[Source], stats: list[dict[str, Any]], now: float) -> list[dict[str, Any]]:
    """Return candidates that people flagged: the true event, which the pipeline's rule misses, and variables."""
    by_kind = [
        (source, row)
        for source, row in zip(seen, stats, strict=True)
        if source.kind in ("ese", "variable") and row["sigma_deviation"] is not None
    ]
    words = {
        "ese": ("rapid_change", "active", "dip of 45 % with brightenings before and after; see 0954+658"),
        "variable": ("variability", "investigated", "slow sine-like variation, not an ESE"),
    }
    rows = []
    for number, (source, row) in enumerate(by_kind[:5]):
        flag_type, status, notes = words[source.kind]
        if number == 4:
            status, notes = "dismissed", "calibration artefact in two tiles"
        candidate = ese_row(row, at=now - 86400.0 * (number + 0.3))
        candidate |= {"flagged_by": "observer", "flag_type": flag_type, "status": status, "notes": notes}
        candidate["investigated_at"] = now - 40000.0 if status == "investigated" else None
        candidate["dismissed_at"] = now - 30000.0 if status == "dismissed" else None
        rows.append(candidate)
    return rows


def _write_transients(db: DemoDatabases, transients: list[Source], curves: LightCurves, now: float) -> None:
    for source in transients:
        key = source.source_id
        peaks, errors = np.array(curves.peaks[key]), np.array(curves.errors[key])
        if not np.any(peaks > DETECTION_SIGMA * errors):
            continue
        brightest = int(np.argmax(peaks))
        candidate_id = db.count("transient_candidates") + 1
        db.insert(
            "transient_candidates",
            [_transient_row(candidate_id, source, peaks[brightest], errors[brightest], curves, brightest)],
        )
        db.insert("transient_alerts", [_transient_alert(candidate_id, source, now)])
        db.insert(
            "transient_lightcurves",
            [
                {
                    "candidate_id": candidate_id,
                    "mjd": run.tile.mid_mjd,
                    "flux_mjy": peak * 1e3,
                    "flux_err_mjy": error * 1e3,
                    "frequency_ghz": FREQ_HZ / 1e9,
                    "mosaic_id": None,
                    "image_path": run.fits_path,
                    "measured_at": measured_at,
                }
                for run, peak, error, measured_at in zip(
                    curves.runs[key], curves.peaks[key], curves.errors[key], curves.measured_at[key], strict=True
                )
            ],
        )


def _transient_row(
    candidate_id: int, source: Source, peak_jyb: float, error_jyb: float, curves: LightCurves, index: int
) -> dict[str, Any]:
    detected_at = curves.measured_at[source.source_id][index]
    run = curves.runs[source.source_id][index]
    sigma = float(peak_jyb / error_jyb)
    return {
        "id": candidate_id,
        "ra_deg": source.ra_deg,
        "dec_deg": source.dec_deg,
        "detection_type": "new",
        "significance_sigma": sigma,
        "detected_at": detected_at,
        "last_updated": detected_at + 600.0,
        "notes": None,
        "peak_mjy": float(peak_jyb) * 1e3,
        "ms_path": run.ms_path,
        "flux_ratio": None,
        "variability_index": None,
        "source_name": source.source_id,
        "flux_obs_mjy": float(peak_jyb) * 1e3,
        "timestamp_mjd": run.tile.mid_mjd,
        "snr": sigma,
        "image_path": run.fits_path,
        "baseline_catalog": "NVSS",
        "flux_baseline_mjy": None,
        "mosaic_id": None,
        "rms_mjy": float(error_jyb) * 1e3,
        "classification": "unclassified",
        "classified_by": None,
        "classified_at": None,
        "follow_up_status": "pending",
    }


def _transient_alert(candidate_id: int, source: Source, now: float) -> dict[str, Any]:
    return {
        "candidate_id": candidate_id,
        "alert_level": "CRITICAL",
        "alert_message": f"new source {source.source_id}, not in NVSS",
        "created_at": now - 4.0 * 86400.0,
        "acknowledged": 0,
        "acknowledged_at": None,
        "acknowledged_by": None,
        "follow_up_status": "pending",
        "notes": None,
    }
