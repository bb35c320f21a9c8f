"""Which calibration tables an observation has: those recorded as applied, else those that the rule chooses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dashboards.components.cells import cell
from dashboards.components.facts import fact
from dashboards.links import Links
from dashboards.pages.wording import unknown_cell
from dashboards.plots.style import how_many
from data_access.analysis.times import format_utc, mjd_in_name
from data_access.records import AppliedCaltable, Caltable
from data_access.services.provenance import Provenance

_SET = "Calibration set"
_DAYS = 1.0  # further from the observation, a set has missed the transits of a day


@dataclass(frozen=True, slots=True)
class Product:
    """What was made with the calibration, in words that follow "after", and when it was (unix seconds, UTC)."""

    name: str
    made_at: float | None


def calibration_facts(made: Provenance, product: Product, links: Links) -> list[dict[str, Any]]:
    """Return the calibration set and its tables in the order of application, as links.

    What the pipeline recorded as applied counts; where it recorded nothing, the set that the rule chooses now, marked
    where it is younger than the product.
    """
    if made.trouble is not None:
        return [fact(_SET, unknown_cell(made.trouble))]
    if made.applied:
        return _recorded_facts(made, links)
    if made.applicable is None:
        why = "no time of observation is in the database: the rule needs one"
        return [fact(_SET, cell("unknown", state="off", note=why))]
    rule, tables = f"Rule: {made.applicable.rule}", made.applicable.tables
    if not tables:
        return [fact(_SET, cell("none", state="warn", title=rule, note="no active table was valid at this time"))]
    name, late = made.applicable.set_name, _lateness(tables, product)
    notes = ("that applies by the rule, as of now", _distance(tables, made.observed_mjd), late)
    shown = cell(
        name,
        href=links.calibration(text=name) if name else None,
        state="warn" if late else None,
        title=rule,
        note="; ".join(note for note in notes if note),
    )
    return [fact(_SET, shown), *(table_fact(table, links) for table in tables)]


def _lateness(tables: Sequence[Caltable], product: Product) -> str:
    """Say that tables were made after the product: the rule of now knows more than the pipeline did then."""
    if not product.made_at:
        return ""
    n_late = sum(table.created_at is not None and table.created_at > product.made_at for table in tables)
    if not n_late:
        return ""
    which = "" if n_late == len(tables) else f"{n_late} of {how_many(len(tables), 'table')} "
    return f"{which}made after {product.name}: {'they' if which else 'it'} cannot have been applied"


def _distance(tables: Sequence[Caltable], observed_mjd: float | None) -> str:
    """Say how far from the observation the nearest of the tables was solved, when it is more than a day."""
    solved = [mjd for table in tables if (mjd := _solved_mjd(table)) is not None]
    if observed_mjd is None or not solved:
        return ""
    days = min((mjd - observed_mjd for mjd in solved), key=abs)
    if abs(days) <= _DAYS:
        return ""
    return f"{abs(days):,.{0 if abs(days) >= 10 else 1}f} d {'before' if days < 0 else 'after'} the observation"


def _solved_mjd(table: Caltable) -> float | None:
    """Return when the calibrator was observed: the time in the name of its set, else the start of the validity."""
    named = mjd_in_name(table.source_ms_path)
    return table.valid_start_mjd if named is None else named


def _recorded_facts(made: Provenance, links: Links) -> list[dict[str, Any]]:
    applied, names = made.applied, set_names(made.applied)
    n_failed = sum(one.failed for one in applied)
    notes = (
        "recorded as applied",
        f"{n_failed} of {how_many(len(applied), 'table')} failed" if n_failed else "",
        _distance([one.caltable for one in applied if one.caltable is not None], made.observed_mjd),
    )
    href = links.calibration(text=names) if names and ", " not in names else None
    shown = cell(names, href=href, note="; ".join(note for note in notes if note))
    return [fact(_SET, shown), *(_applied_fact(one, links) for one in applied)]


def set_names(applied: Sequence[AppliedCaltable]) -> str | None:
    """Return the sets of tables in the order of application, each once; None when the registry knows of none."""
    names = (one.caltable.set_name for one in applied if one.caltable is not None)
    return ", ".join(dict.fromkeys(name for name in names if name)) or None


def table_fact(table: Caltable, links: Links, *, note: str | None = None) -> dict[str, Any]:
    """Return one calibration table under its type, as a link."""
    href = links.calibration_detail(table.path)
    return fact(table.table_type or "table", cell(table.name, href=href, mono=True, note=note))


def _applied_fact(one: AppliedCaltable, links: Links) -> dict[str, Any]:
    """Return one table with the time of its application; one that failed says why, one of no row has no page."""
    known = one.caltable
    at = format_utc(one.applied_at)
    notes = [
        "failed" if one.failed else "",
        one.error_message or "",
        f"{'tried' if one.failed else 'applied'} {at} UTC" if at else "",
        "" if known is not None else "not in the registry",
    ]
    shown = cell(
        one.name,
        href=links.calibration_detail(one.path) if known is not None else None,
        mono=True,
        state="bad" if one.failed else None,
        title=one.path,
        note="; ".join(note for note in notes if note),
    )
    return fact((known.table_type if known is not None else None) or "table", shown)
