"""Which calibration tables an observation has: those recorded as applied, else those that the rule chooses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dashboards.components.cells import cell
from dashboards.components.facts import fact
from dashboards.links import Links
from dashboards.pages.wording import unknown_cell
from data_access.analysis.times import format_utc
from data_access.records import AppliedCaltable, Caltable
from data_access.services.provenance import Provenance

_SET = "Calibration set"


def calibration_facts(made: Provenance, links: Links) -> list[dict[str, Any]]:
    """Return the calibration set and its tables in the order of application, as links.

    What the pipeline recorded as applied counts; where it recorded nothing, the set that the rule chooses now.
    """
    if made.trouble is not None:
        return [fact(_SET, unknown_cell(made.trouble))]
    if made.applied:
        return _recorded_facts(made.applied, links)
    if made.applicable is None:
        why = "no time of observation is recorded in the databases, and the rule needs one"
        return [fact(_SET, cell("unknown", state="off", note=why))]
    rule, tables = f"Rule: {made.applicable.rule}", made.applicable.tables
    if not tables:
        return [fact(_SET, cell("none", state="warn", title=rule, note="no active table was valid at this time"))]
    name = made.applicable.set_name
    href = links.calibration(text=name) if name else None
    shown = cell(name, href=href, title=rule, note="that applies by the rule, as of now")
    return [fact(_SET, shown), *(_table_fact(table, links) for table in tables)]


def _recorded_facts(applied: Sequence[AppliedCaltable], links: Links) -> list[dict[str, Any]]:
    names = set_names(applied)
    n_failed = sum(one.failed for one in applied)
    note = "recorded as applied" + (f", {n_failed} of {len(applied)} tables failed" if n_failed else "")
    shown = cell(names, href=links.calibration(text=names) if names and ", " not in names else None, note=note)
    return [fact(_SET, shown), *(_applied_fact(one, links) for one in applied)]


def set_names(applied: Sequence[AppliedCaltable]) -> str | None:
    """Return the sets of tables in the order of application, each once; None when the registry knows of none."""
    names = (one.caltable.set_name for one in applied if one.caltable is not None)
    return ", ".join(dict.fromkeys(name for name in names if name)) or None


def _table_fact(table: Caltable, links: Links) -> dict[str, Any]:
    href = links.calibration_detail(table.path)
    return fact(table.table_type or "table", cell(table.name, href=href, mono=True))


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
