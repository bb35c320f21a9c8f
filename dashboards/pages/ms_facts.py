"""What is known of a Measurement Set as labelled values and tables: the row's, the file's, and the links."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dashboards.components.cells import Cell, State, cell
from dashboards.components.facts import fact, group
from dashboards.components.record_table import Column, Row, row
from dashboards.links import Links
from dashboards.pages.applied_words import Product, calibration_facts, table_fact
from dashboards.pages.job_words import run_cell
from dashboards.pages.ms import duration_cell
from dashboards.pages.wording import (
    full_epoch_cell,
    full_mjd_cell,
    position_cells,
    size_text,
    state_cell,
    window_words,
)
from data_access.records import AntennaTable, MeasurementSet, MeasurementSetDetail, SpectralWindow, Task
from data_access.services.provenance import Provenance

SOME_FLAGGED, MOST_FLAGGED = 0.2, 0.5
_SIBLINGS = 12
_SECONDS_PER_DAY = 86400.0

WINDOW_COLUMNS: tuple[Column, ...] = (
    {"name": "spw", "label": "Spw"},
    {"name": "name", "label": "Name"},
    {"name": "channels", "label": "Channels", "align": "right"},
    {"name": "lowest", "label": "Lowest", "unit": "MHz", "align": "right"},
    {"name": "highest", "label": "Highest", "unit": "MHz", "align": "right"},
    {"name": "width", "label": "Width", "title": "of one channel", "unit": "kHz", "align": "right"},
)
ANTENNA_COLUMNS: tuple[Column, ...] = (
    {"name": "name", "label": "Antenna", "sortable": True},
    {"name": "flagged", "label": "Flagged", "sortable": True, "align": "right"},
    {"name": "east", "label": "East", "unit": "m", "sortable": True, "align": "right"},
    {"name": "north", "label": "North", "unit": "m", "sortable": True, "align": "right"},
    {"name": "up", "label": "Up", "unit": "m", "sortable": True, "align": "right"},
)


def record_group(ms: MeasurementSet) -> dict[str, Any]:
    """Return what the index says; a dash means that the pipeline did not record it."""
    ra, dec = position_cells(ms.pointing_ra_deg, ms.pointing_dec_deg)
    return group(
        "Recorded by the pipeline",
        [
            fact("Observed", full_epoch_cell(ms.epoch)),
            fact("Start", full_mjd_cell(ms.start_mjd)),
            fact("End", full_mjd_cell(ms.end_mjd)),
            fact("Duration", duration_cell(ms, unit="min")),
            fact("Field", cell(ms.field_name)),
            fact("Pointing RA", ra),
            fact("Pointing Dec", dec),
            fact("Stage", state_cell(ms.stage)),
            fact("Stage reached", cell(None, unix=ms.stage_updated_at)),
            fact("Status", state_cell(ms.status)),
            fact("Processed", cell(None, unix=ms.processed_at)),
            fact("Calibration applied", cell(ms.cal_applied)),
            fact("Image root", cell(ms.imagename, mono=True)),
            fact("Path", cell(ms.path, mono=True)),
        ],
    )


def file_group(detail: MeasurementSetDetail) -> dict[str, Any]:
    """Return what the Measurement Set itself says."""
    ra, dec = position_cells(detail.phase_ra_deg, detail.phase_dec_deg)
    items = [
        fact("Telescope", cell(detail.telescope or None)),
        fact("Rows", cell(detail.n_rows, note=_autocorrelation_words(detail))),
        fact("Baselines", cell(detail.n_baselines, title="pairs of antennas that occur, autocorrelations included")),
        fact("Antennas", cell(_antenna_words(detail.antennas))),
        fact("Integrations", cell(int(detail.times_mjd.size))),
        fact("Integration time", _integration_cell(detail.intervals_s)),
        fact("First", full_mjd_cell(detail.start_mjd)),
        fact("Last", full_mjd_cell(detail.end_mjd)),
        fact("Spectral windows", cell(window_words(detail.spectral_windows))),
        fact("Correlations", cell(", ".join(detail.correlations) or None)),
        fact("Data columns", cell(", ".join(detail.data_columns) or None, mono=True)),
        fact("Fields", _field_cell(detail.fields)),
        fact("Phase centre RA", ra, note=_drift_words(detail)),
        fact("Phase centre Dec", dec),
        fact("Size on disk", cell(size_text(detail.size_bytes))),
        fact("Flagged", percent_cell(detail.flag_fraction, note=_truncated_words(detail))),
    ]
    items += [fact("Odd", cell(problem, state="warn")) for problem in detail.problems]
    return group("Found in the Measurement Set", items)


def link_groups(ms: MeasurementSet, made: Provenance, links: Links) -> list[dict[str, Any]]:
    """Return what was made from a Measurement Set, with which tables, and in which run."""
    items = [fact("Run and log", run_cell(made, links))]
    items += [
        fact(image.type or "image", cell(image.name, href=links.image(image.id), mono=True))
        for image in made.images[:_SIBLINGS]
    ]
    if not made.images:
        items.append(fact("Images", cell("none registered", state="off")))
    elif len(made.images) > _SIBLINGS:
        found = f"all {len(made.images)} images"
        items.append(fact("More", cell(found, href=links.images(text=ms.name.removesuffix(".ms")))))
    groups = [group("Run and images", items), _applied_group(ms, made, links)]
    if made.solved:
        solved = [table_fact(t, links, note=t.status) for t in made.solved[:_SIBLINGS]]
        groups.append(group("Calibration tables solved from it", solved))
    return groups


def task_groups(tasks: Sequence[Task], links: Links) -> list[dict[str, Any]]:
    """Return the newest tasks that worked on a Measurement Set; no group without one."""
    return [group("Tasks", [_task_fact(task, links) for task in tasks[:_SIBLINGS]])] if tasks else []


def _applied_group(ms: MeasurementSet, made: Provenance, links: Links) -> dict[str, Any]:
    recorded = "Calibration tables recorded as applied"
    title = recorded if made.applied and made.trouble is None else "Calibration tables that apply"
    product = Product("the Measurement Set was processed", ms.processed_at)
    return group(title, calibration_facts(made, product, links))


def _task_fact(task: Task, links: Links) -> dict[str, Any]:
    value = state_cell(task.status)
    if task.run_id:
        value["h"] = links.job(task.run_id, ms=task.ms_path)
    if task.created_at is not None:
        value["x"] = task.created_at
    return fact(f"{task.type or 'task'} #{task.id}", value)


def window_rows(windows: Sequence[SpectralWindow]) -> list[Row]:
    """Return one row per spectral window, in the order of the file; frequencies whatever their order in it."""
    return [row(w.spw_id, _window_cells(w)) for w in windows]


def _window_cells(window: SpectralWindow) -> list[Cell]:
    freq_mhz = window.chan_freq_hz[np.isfinite(window.chan_freq_hz)] / 1e6
    falling = freq_mhz.size > 1 and freq_mhz[0] > freq_mhz[-1]
    return [
        cell(window.spw_id),
        cell(window.name or None),
        cell(window.n_chan),
        cell(float(freq_mhz.min()) if freq_mhz.size else None, digits=3),
        cell(float(freq_mhz.max()) if freq_mhz.size else None, digits=3),
        cell(abs(window.chan_width_hz) / 1e3, digits=2, title="falling order in the file" if falling else None),
    ]


def antenna_rows(antennas: AntennaTable, *, sort: str, descending: bool) -> list[Row]:
    """Return one row per antenna; antennas without data come last, whatever the order."""
    columns = {
        "flagged": antennas.flag_fraction,
        "east": antennas.east_m,
        "north": antennas.north_m,
        "up": antennas.up_m,
    }
    known = antennas.has_data & np.isfinite(antennas.flag_fraction)
    order = sorted(range(len(antennas.names)), key=lambda i: _natural(antennas.names[i]))
    if sort in columns:
        order = sorted(order, key=lambda i: float(np.nan_to_num(columns[sort][i])), reverse=descending)
    elif descending:
        order.reverse()
    order.sort(key=lambda i: not known[i])
    return [row(i, _antenna_cells(antennas, i)) for i in order]


def _antenna_cells(antennas: AntennaTable, i: int) -> list[Cell]:
    has_data = bool(antennas.has_data[i])
    flagged = percent_cell(float(antennas.flag_fraction[i])) if has_data else cell("no data", state="off")
    metres = [cell(float(a[i]), digits=1) for a in (antennas.east_m, antennas.north_m, antennas.up_m)]
    return [cell(antennas.names[i]), flagged, *metres]


def percent_cell(fraction: float | None, *, note: str | None = None) -> Cell:
    """Return a flagged share in percent, with a state above 20 and 50 %."""
    if fraction is None or not np.isfinite(fraction):
        return cell(None, note=note)
    state: State | None = None
    if fraction > SOME_FLAGGED:
        state = "bad" if fraction > MOST_FLAGGED else "warn"
    return cell(f"{100 * fraction:.1f}", unit="%", state=state, note=note)


def _natural(name: str) -> tuple[Any, ...]:
    """Sort ``pad2`` before ``pad10``."""
    digits = "".join(c for c in name if c.isdigit())
    letters = "".join(c for c in name if not c.isdigit())
    return letters, int(digits[:18] or -1) if digits.isascii() else -1, name


def _antenna_words(antennas: AntennaTable) -> str:
    return f"{int(np.count_nonzero(antennas.has_data))} with data of {len(antennas.names)}"


def _autocorrelation_words(detail: MeasurementSetDetail) -> str | None:
    n = detail.n_autocorrelation_rows
    return f"{n:,} of them autocorrelations" if n else None


def _integration_cell(intervals_s: Sequence[float]) -> Cell:
    """Return the integration time; where windows differ, the shortest and the longest."""
    if not intervals_s:
        return cell(None)
    shown = [f"{seconds:.{3 if seconds < 1 else 2}f}" for seconds in intervals_s]
    if len(shown) == 1:
        return cell(shown[0], unit="s")
    return cell(f"{shown[0]} to {shown[-1]}", unit="s", note="not the same in all spectral windows")


def _drift_words(detail: MeasurementSetDetail) -> str:
    """Say of which field the phase centre is where several have data; empty where it is that of all."""
    if detail.phase_ra_deg is None or detail.n_fields_with_data < 2:
        return ""
    span = f" span {detail.field_span_deg:.2f} degrees" if np.isfinite(detail.field_span_deg) else ""
    return f"of field {detail.phase_field}; {detail.n_fields_with_data} fields with data{span}"


def _truncated_words(detail: MeasurementSetDetail) -> str | None:
    return "of the rows that could be read in time" if detail.truncated else None


def _field_cell(fields: Sequence[str]) -> Cell:
    if len(fields) <= 4:
        return cell(", ".join(fields) or None)
    return cell(f"{len(fields)}: {fields[0]} … {fields[-1]}", title=", ".join(fields)[:2000])
