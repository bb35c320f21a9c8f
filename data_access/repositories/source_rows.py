"""Rows of the tables about sources to records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from data_access.analysis.variability.sigma_deviation import largest_possible_stored
from data_access.layout import TABLES
from data_access.records import EseCandidate, MonitoringState, Source, StoredVariability, TransientCandidate
from data_access.repositories.base import RowReader

Position = tuple[float | None, float | None]
NO_POSITION: Position = (None, None)
STATS_COLUMNS = TABLES["variability_stats"].columns
REGISTERED_COLUMNS = TABLES["sources"].columns
MONITORING_COLUMNS = TABLES["monitoring_sources"].columns
ESE_COLUMNS = TABLES["ese_candidates"].columns
TRANSIENT_COLUMNS = TABLES["transient_candidates"].columns


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """What the tables say of some sources, by name.

    Attributes
    ----------
    registered : mapping of name to (other name or None, position)
        Of the table ``sources``.
    ese_status : mapping of name to str
    n_epochs : mapping of name to int
        Measurements; without any the name is not there.
    """

    stored: Mapping[str, StoredVariability]
    monitored: Mapping[str, MonitoringState]
    registered: Mapping[str, tuple[str | None, Position]]
    ese_status: Mapping[str, str]
    n_epochs: Mapping[str, int]

    def place_of(self, name: str, measured: Position = NO_POSITION) -> Position:
        """Return the first whole position: of the monitoring, of the statistics, as registered, else as measured."""
        rows = (self.monitored.get(name), self.stored.get(name))
        known = [(row.ra_deg, row.dec_deg) for row in rows if row is not None]
        registered = [self.registered[name][1]] if name in self.registered else []
        return min((*known, *registered, measured), key=lambda place: place.count(None))


def to_source(name: str, facts: SourceFacts, measured: Position) -> Source:
    """Return one line of the source list from what the tables say of it, and from where it was measured."""
    stored, monitoring = facts.stored.get(name), facts.monitored.get(name)
    other_name, _ = facts.registered.get(name, (None, NO_POSITION))
    ra, dec = facts.place_of(name, measured)
    return Source(
        source_id=name,
        name=(monitoring.name if monitoring else None) or other_name,
        ra_deg=ra,
        dec_deg=dec,
        n_epochs=facts.n_epochs.get(name, 0),
        stored=stored,
        monitoring=monitoring,
        ese_status=facts.ese_status.get(name),
        problems=(stored.suspect,) if stored is not None and stored.suspect else (),
        is_registered=name in facts.registered,
    )


def to_registered(values: Sequence[Any]) -> tuple[str | None, Position]:
    """Return other name and position of a row of `REGISTERED_COLUMNS`."""
    row = RowReader(REGISTERED_COLUMNS, values)
    return row.text("name"), (row.real("ra_deg", -360, 360), row.real("dec_deg", -90, 90))


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
