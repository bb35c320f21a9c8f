"""What is known of a calibration table as labelled values and tables: the registry's, the file's, and the links."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dashboards.components.cells import Cell, cell
from dashboards.components.facts import fact, group
from dashboards.components.record_table import Column, Row, row
from dashboards.links import Links
from dashboards.pages.applied_words import set_names
from dashboards.pages.calibration import NO_SNR, flagged_share_cell, stored_number, validity_cells
from dashboards.pages.grades import caltable_grades, grade_cell
from dashboards.pages.job_words import run_cell
from dashboards.pages.wording import epoch_cell, full_mjd_cell, state_cell, window_words
from data_access.records import AppliedCaltable, Caltable, CaltableDetail
from data_access.records.calibration import ANTENNA_POSITIONS
from data_access.services.provenance import CaltableUse, Provenance

# Stored figures are rounded or made from a slightly different choice of solutions: one per cent is no difference.
_TOLERANCE = 0.01
_NAMES_SHOWN = 40
_TEXT_SHOWN = 2000

SET_COLUMNS: tuple[Column, ...] = (
    {"name": "name", "label": "Table"},
    {"name": "order", "label": "Order", "align": "right", "title": "Tables are applied in this order"},
    {"name": "type", "label": "Type"},
    {"name": "status", "label": "Status"},
    {"name": "made", "label": "Made", "align": "right"},
)
COMPARED_COLUMNS: tuple[Column, ...] = (
    {"name": "figure", "label": "Figure"},
    {"name": "file", "label": "File", "align": "right"},
    {"name": "stored", "label": "Stored", "align": "right"},
    {"name": "verdict", "label": "Verdict"},
)
USER_COLUMNS: tuple[Column, ...] = (
    {"name": "name", "label": "Measurement Set"},
    {"name": "observed", "label": "Observed", "unit": "UTC"},
    {"name": "status", "label": "Status"},
    {
        "name": "set",
        "label": "Set that applies",
        "title": "What is recorded as applied; else, of all sets that were valid, the one made last",
    },
)


def registry_groups(table: Caltable, links: Links, *, registered: bool = True) -> list[dict[str, Any]]:
    """Return what the registry says; a dash means that the pipeline did not record it.

    A table that is not registered has no open validity: when it is valid is not known.
    """
    unknown = cell("not known", state="off", note="only the file of the table is known")
    start, end = validity_cells(table, in_full=True) if registered else (unknown, unknown)
    in_set = links.calibration(text=table.set_name) if table.set_name else None
    recorded = group(
        "Recorded by the pipeline",
        [
            fact("Type", cell(table.table_type)),
            fact("Set", cell(table.set_name, href=in_set)),
            fact("Order in the set", cell(table.order_index)),
            fact("Status", state_cell(table.status)),
            fact("Notes", cell(table.notes)),
            fact("Made", cell(None, unix=table.created_at)),
            fact("Valid from", start),
            fact("Valid to", end),
            fact("Field", cell(table.cal_field)),
            fact("Reference antenna", cell(table.refant)),
            fact("Path", cell(table.path, mono=True)),
        ],
    )
    return [recorded, solver_group(table)]


def solver_group(table: Caltable) -> dict[str, Any]:
    """Return how the table was solved, as plain text."""
    items = [
        fact("Command", cell(_cut(table.solver_command), mono=True)),
        fact("Version", cell(table.solver_version)),
    ]
    parameters = table.solver_params
    if isinstance(parameters, Mapping):
        items += [fact(str(name)[:80], cell(_plain(value), mono=True)) for name, value in parameters.items()]
    elif parameters is not None:
        items.append(fact("Parameters", cell(_plain(parameters), mono=True)))
    return group("Solver", items)


def file_groups(table: Caltable, detail: CaltableDetail, links: Links) -> list[dict[str, Any]]:
    """Return what the table itself says, and its grades with their reasons."""
    flagged, snr, finite = caltable_grades(detail)
    along = "Axes" if detail.kind == ANTENNA_POSITIONS else "Polarisations"
    items = [
        fact("Kind", cell(detail.kind or None, note=detail.parameter)),
        fact("Solved from", _named_set_cell(detail.ms_name, links)),
        fact("Solutions", cell(detail.n_solutions, note=f"{detail.n_rows:,} rows")),
        fact("Flagged", flagged_share_cell(detail.flag_fraction, unit="%")),
        fact("Fully flagged antennas", _names_cell(detail.fully_flagged)),
        fact("Median signal-to-noise", snr_number_cell(detail)),
        fact("Antennas", cell(f"{_n_unflagged(detail)} with unflagged solutions of {len(detail.antennas.names)}")),
        fact("Reference antenna", _refant_cell(table, detail)),
        fact(along, cell(", ".join(detail.pol_names) or None)),
        fact("Spectral windows", cell(window_words(detail.spectral_windows))),
        fact("Fields", _names_cell(detail.field_names, none=None)),
        fact("Times", _times_cell(detail)),
    ]
    if detail.parameter == "CPARAM":
        items.append(fact("Median amplitude", cell(detail.median_amplitude, digits=4)))
    items += [fact("Odd", cell(problem, state="warn")) for problem in detail.problems]
    grades = [
        fact("Flagged share", grade_cell(flagged, explain=True)),
        fact("Signal-to-noise", grade_cell(snr, explain=True)),
        fact("Finite solutions", grade_cell(finite, explain=True)),
    ]
    return [group("Found in the table", items), group("Grades", grades)]


def _named_set_cell(name: str, links: Links) -> Cell:
    """Return the set that a table names: its file knows no folder, so the link leads to the list of that name."""
    return cell(name, mono=True, href=links.ms(text=name.removesuffix(".ms"))) if name else cell(None)


def snr_number_cell(detail: CaltableDetail) -> Cell:
    """Return the median signal-to-noise; zero everywhere means that the solver computed none."""
    if detail.median_snr == 0:
        return NO_SNR
    return cell(detail.median_snr, digits=1)


def source_group(table: Caltable, origin: Provenance, links: Links) -> dict[str, Any]:
    """Return the Measurement Set the table was solved from, with its run and images."""
    title = "Where it comes from"
    if not table.source_ms_path:
        why = "The pipeline notes it only when the table was registered before it was solved"
        return group(title, [fact("Measurement Set", cell("not recorded", state="off", note=why))])
    name = table.source_ms_path.rstrip("/").rsplit("/", 1)[-1]
    href = links.ms_detail(table.source_ms_path)
    note = None if origin.measurement_set is not None else "not in the index"
    items = [fact("Measurement Set", cell(name, href=href, mono=True, note=note))]
    if origin.run_id:
        items.append(fact("Run and log", run_cell(origin, links)))
    items += [
        fact(image.type or "image", cell(image.name, href=links.image(image.id), mono=True))
        for image in origin.images[:8]
    ]
    return group(title, items)


def set_rows(tables: Sequence[Caltable], links: Links, *, present: str) -> list[Row]:
    """Return one row per table of a set, in the order of application."""
    return [
        row(
            table.id,
            [
                cell(table.name, mono=True, note="this table" if table.path == present else None),
                cell(table.order_index),
                cell(table.table_type),
                state_cell(table.status, title=table.notes),
                cell(None, unix=table.created_at),
            ],
            href=links.calibration_detail(table.path),
        )
        for table in tables
    ]


def user_rows(uses: Sequence[CaltableUse], present: Caltable, links: Links) -> list[Row]:
    """Return one row per Measurement Set, with the set that was applied or applies: this table's own or another."""
    return [
        row(
            ms.path,
            [
                cell(ms.name, mono=True),
                epoch_cell(ms.epoch),
                state_cell(ms.status),
                _applied_cell(use.applied, present) if use.applied else _applies_cell(use.set_name, present),
            ],
            href=links.ms_detail(ms.path),
        )
        for use in uses
        if (ms := use.measurement_set)
    ]


def _applied_cell(applied: Sequence[AppliedCaltable], present: Caltable) -> Cell:
    """Return what is recorded as applied to a set: this table, as it went the last time, or those of other sets."""
    own = [one for one in applied if one.path == present.path]
    if not own:
        title = ", ".join(one.path for one in applied)
        name = set_names(applied) or "tables of no known set"
        return cell(name, state="warn", title=title, note="recorded as applied")
    if own[-1].failed:
        return cell("this one", state="bad", note=f"failed: {own[-1].error_message or 'no reason is recorded'}")
    return cell("this one", state="ok", note="recorded as applied")


def _applies_cell(name: str | None, present: Caltable) -> Cell:
    if name is None:
        return cell("none", state="off")
    if name != present.set_name:
        return cell(name, state="warn", title="another set applies")
    if present.status != "active":
        return cell("this one, without this table", state="off", title="only active tables are applied")
    return cell("this one", state="ok")


def compared_rows(table: Caltable, detail: CaltableDetail | None) -> list[Row]:
    """Return the stored quality figures beside the same figures of the file, those that differ first."""
    recomputed = {} if detail is None else _recomputed(detail)
    names = list(dict.fromkeys([*recomputed, *(table.quality_metrics or {})]))
    rows = [_compared_row(table, name, recomputed.get(name)) for name in names]
    rows.sort(key=lambda r: r["cells"][-1].get("s") != "warn")
    return rows


def _compared_row(table: Caltable, name: str, found: float | None) -> Row:
    stored = stored_number(table, name)
    raw = (table.quality_metrics or {}).get(name)
    shown = cell(stored) if stored is not None else cell(_plain(raw) if raw is not None else None)
    if found is None or not math.isfinite(found):
        verdict = cell(None, title="Only stored: not a figure that is read from the file here")
    elif stored is None:
        verdict = cell(None, title="Only in the file: the pipeline stored no such figure")
    elif math.isclose(stored, found, rel_tol=_TOLERANCE, abs_tol=1e-9):
        verdict = cell("agrees", state="ok")
    else:
        why = "By more than 1 %: the file changed since, or was counted differently"
        verdict = cell("differs", state="warn", title=why)
    return row(name, [cell(name.replace("_", " ")), cell(found), shown, verdict])


def _recomputed(detail: CaltableDetail) -> dict[str, float]:
    return {
        "n_solutions": float(detail.n_solutions),
        "flagged_fraction": detail.flag_fraction,
        "snr_median": detail.median_snr,
        "n_antennas": float(_n_with_data(detail)),
        "n_spws": float(len(detail.spectral_windows)),
    }


def _n_with_data(detail: CaltableDetail) -> int:
    return int(np.count_nonzero(detail.antennas.has_data))


def _n_unflagged(detail: CaltableDetail) -> int:
    antennas = detail.antennas
    return int(np.count_nonzero(antennas.has_data & (antennas.flag_fraction < 1)))


def _refant_cell(table: Caltable, detail: CaltableDetail) -> Cell:
    if not detail.refants:
        return cell("none found", state="off", title="ANTENNA2 names no antenna: each solution stands for itself")
    found = ", ".join(detail.refants[:6])
    wanted = [name.strip() for name in (table.refant or "").split(",") if name.strip()]
    if wanted and detail.refants[0] not in wanted:
        return cell(found, state="warn", note=f"the registry says {', '.join(wanted[:6])}")
    return cell(found)


def _names_cell(names: Sequence[str], *, none: str | None = "none") -> Cell:
    if not names:
        return cell(none)
    if len(names) <= _NAMES_SHOWN:
        return cell(", ".join(names), note=f"{len(names)} of them" if len(names) > 3 else None)
    shown = ", ".join(names[:_NAMES_SHOWN])
    return cell(f"{shown} …", title=_cut(", ".join(names)), note=f"{len(names)} of them")


def _times_cell(detail: CaltableDetail) -> Cell:
    known = detail.times_mjd[np.isfinite(detail.times_mjd)]
    if not known.size:
        return cell(None)
    first = full_mjd_cell(float(known.min()))
    return first if known.size == 1 else {**first, "n": f"first of {known.size} solution intervals"}


def _plain(value: object) -> str:
    if isinstance(value, str):
        return _cut(value) or "''"
    return _cut(json.dumps(value, default=str, ensure_ascii=False)) or ""


def _cut(text: str | None) -> str | None:
    return text if text is None or len(text) <= _TEXT_SHOWN else f"{text[:_TEXT_SHOWN]}…"
