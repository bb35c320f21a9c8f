"""Rows of the tables about sources to records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from data_access.analysis.variability.sigma_deviation import largest_possible_stored
from data_access.layout import TABLES
from data_access.records import EseCandidate, MonitoringState, Source, StoredVariability, TransientCandidate
from data_access.repositories.base import RowReader

Position = tuple[float | None, float | None]
NO_POSITION: Position = (None, None)
STATS_COLUMNS = TABLES["variability_stats"].columns
MONITORING_COLUMNS = TABLES["monitoring_sources"].columns
ESE_COLUMNS = TABLES["ese_candidates"].columns
TRANSIENT_COLUMNS = TABLES["transient_candidates"].columns


def to_source(
    name: str,
    stored: StoredVariability | None,
    monitoring: MonitoringState | None,
    n_epochs: int | None,
    measured: Position,
    ese_status: str | None,
) -> Source:
    """Return one line of the source list from what the tables say of it."""
    ra, dec = place_of(stored, monitoring, measured)
    return Source(
        source_id=name,
        name=monitoring.name if monitoring else None,
        ra_deg=ra,
        dec_deg=dec,
        n_epochs=n_epochs if n_epochs is not None else 0,
        stored=stored,
        monitoring=monitoring,
        ese_status=ese_status,
        problems=(stored.suspect,) if stored is not None and stored.suspect else (),
    )


def place_of(stored: StoredVariability | None, monitoring: MonitoringState | None, measured: Position) -> Position:
    """Return the position that is whole: of the monitoring, of the statistics, else of the photometry."""
    known = [(row.ra_deg, row.dec_deg) for row in (monitoring, stored) if row is not None]
    return min((*known, measured), key=lambda place: place.count(None))


def to_stored(values: Sequence[Any]) -> StoredVariability:
    """Return the statistics in a row of `STATS_COLUMNS`, with what contradicts itself in words."""
    return _stored_of(*values)


# A list is read again after every commit, and most of its rows are as they were.
@lru_cache(maxsize=4096, typed=True)
def _stored_of(*values: Any) -> StoredVariability:
    row = RowReader(STATS_COLUMNS, values)
    n_obs, sigma = row.integer("n_obs"), row.real("sigma_deviation")
    return StoredVariability(
        source_id=row.text("source_id") or "",
        ra_deg=row.real("ra_deg", -360, 360),
        dec_deg=row.real("dec_deg", -90, 90),
        nvss_flux_mjy=row.real("nvss_flux_mjy"),
        n_obs=n_obs,
        mean_flux_mjy=row.real("mean_flux_mjy"),
        std_flux_mjy=row.real("std_flux_mjy"),
        min_flux_mjy=row.real("min_flux_mjy"),
        max_flux_mjy=row.real("max_flux_mjy"),
        chi2_nu=row.real("chi2_nu"),
        sigma_deviation=sigma,
        eta_metric=row.real("eta_metric"),
        last_mjd=row.real("last_mjd", 0, 1e6),
        updated_at=row.moment("updated_at"),
        suspect=_suspect(n_obs, sigma, row.problems),
    )


def _suspect(n_obs: int | None, sigma: float | None, problems: Sequence[str]) -> str:
    bound = largest_possible_stored(n_obs)
    if sigma is not None and bound is not None and sigma > bound * 1.001:
        epochs = f"{n_obs} epoch{'' if n_obs == 1 else 's'}"
        return f"sigma_deviation {sigma:.3g} is impossible with {epochs} (at most {bound:.3g})"
    return "; ".join(problems)


def to_monitoring(values: Sequence[Any]) -> MonitoringState:
    """Return the monitoring state in a row of `MONITORING_COLUMNS`."""
    row = RowReader(MONITORING_COLUMNS, values)
    return MonitoringState(
        source_id=row.text("source_id") or "",
        name=row.text("name"),
        ra_deg=row.real("ra_deg", -360, 360),
        dec_deg=row.real("dec_deg", -90, 90),
        catalog=row.text("catalog"),
        priority=row.text("priority"),
        n_detections=row.integer("n_detections"),
        mean_flux_jy=row.real("mean_flux_jy"),
        std_flux_jy=row.real("std_flux_jy"),
        eta=row.real("eta"),
        v_index=row.real("v_index"),
        is_variable=row.flag("is_variable"),
        ese_candidate=row.flag("ese_candidate"),
    )


def to_candidate(values: Sequence[Any], epochs: Mapping[str, int], stored: Mapping[str, int]) -> EseCandidate:
    """Return the candidate in a row of `ESE_COLUMNS`.

    `epochs` has the measurements in the photometry by source, `stored` those that the stored statistics are of.
    """
    row = RowReader(ESE_COLUMNS, values)
    name = row.text("source_id") or ""
    measured = epochs.get(name)
    n = measured or stored.get(name)
    return EseCandidate(
        id=row.integer("id") or 0,
        source_id=name,
        flagged_at=row.unix("flagged_at"),
        flagged_by=row.text("flagged_by"),
        significance=row.real("significance"),
        flag_type=row.text("flag_type"),
        status=row.text("status"),
        notes=row.text("notes"),
        n_epoch=n,
        n_is_stored=n is not None and not measured,
        largest_possible=largest_possible_stored(n),
    )


def to_transient(values: Sequence[Any]) -> TransientCandidate:
    """Return the candidate in a row of `TRANSIENT_COLUMNS`."""
    row = RowReader(TRANSIENT_COLUMNS, values)
    return TransientCandidate(
        id=row.integer("id") or 0,
        source_name=row.text("source_name"),
        ra_deg=row.real("ra_deg", -360, 360),
        dec_deg=row.real("dec_deg", -90, 90),
        detection_type=row.text("detection_type"),
        flux_obs_mjy=row.real("flux_obs_mjy"),
        flux_baseline_mjy=row.real("flux_baseline_mjy"),
        flux_ratio=row.real("flux_ratio"),
        significance_sigma=row.real("significance_sigma"),
        baseline_catalog=row.text("baseline_catalog"),
        detected_at=row.unix("detected_at"),
        classification=row.text("classification"),
    )
