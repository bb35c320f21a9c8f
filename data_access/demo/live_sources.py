"""What the running pipeline updates about the sources of one observation once they are measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from data_access.demo.databases import DemoDatabases
from data_access.demo.photometry import (
    ESE_SIGMA,
    Measurement,
    is_ese_candidate,
    monitoring_row,
    variability_row,
)
from data_access.demo.runs import Run
from data_access.demo.science_rows import ese_alert_row, ese_row
from data_access.demo.sky import Source

SOURCE_TABLES = ("variability_stats", "monitoring_sources", "sources", "ese_candidates", "alert_history")
EPOCHS_BEFORE_FLAGGING = 10


def update_sources(db: DemoDatabases, run: Run, found: Sequence[Measurement], *, now: float) -> None:
    """Compute the statistics of the sources in one observation anew, and flag candidates; inside a transaction."""
    stats = [_update_statistics(db, measured.source, run, now) for measured in found]
    for row in stats:
        _flag(db, run, row, now, is_first=row is stats[0])


def _update_statistics(db: DemoDatabases, source: Source, run: Run, now: float) -> dict[str, Any]:
    rows = db.select(
        "photometry",
        "peak_jyb, peak_err_jyb, measured_at",
        "WHERE source_id = ? ORDER BY measured_at",
        (source.source_id,),
    )
    peaks, errors, times = zip(*rows, strict=True)
    stats = variability_row(source, peaks, errors, times, now=now)
    db.upsert("variability_stats", stats, "source_id")
    db.upsert("monitoring_sources", monitoring_row(stats, min(times), kind=source.kind), "source_id")
    _update_catalogue(db, source, run, len(rows))
    return stats


def _update_catalogue(db: DemoDatabases, source: Source, run: Run, n_epochs: int) -> None:
    """Update the table ``sources`` of the unified layout."""
    known = db.select("sources", "first_detected_mjd", "WHERE id = ?", (source.source_id,))
    row = {
        "id": source.source_id,
        "name": source.source_id,
        "ra_deg": source.ra_deg,
        "dec_deg": source.dec_deg,
        "catalog_match": None if source.catalog_flux_jy is None else "NVSS",
        "source_type": "calibrator" if source.kind == "calibrator" else "continuum",
        "first_detected_mjd": known[0]["first_detected_mjd"] if known else run.tile.mid_mjd,
        "last_detected_mjd": run.tile.mid_mjd,
        "detection_count": n_epochs,
    }
    db.upsert("sources", row, "id")


def _flag(db: DemoDatabases, run: Run, stats: dict[str, Any], now: float, *, is_first: bool) -> None:
    """Flag what the pipeline's rule flags; now and then somebody on shift flags a source by hand."""
    is_by_rule = is_ese_candidate(stats)
    is_by_hand = is_first and stats["n_obs"] > EPOCHS_BEFORE_FLAGGING and run.tile.draw % 11 == 0
    if not (is_by_rule or is_by_hand):
        return
    known = db.select("ese_candidates", "id", "WHERE source_id = ? AND status = 'active'", (stats["source_id"],))
    if known:
        db.update("ese_candidates", {"id": known[0]["id"]}, {"significance": stats["sigma_deviation"]})
        return
    candidate = ese_row(stats, at=now)
    if not is_by_rule:
        candidate |= {"flagged_by": "observer", "flag_type": "user", "notes": f"below {ESE_SIGMA:g} sigma"}
    db.insert("ese_candidates", [candidate])
    db.insert("alert_history", [ese_alert_row(stats, at=now)])
