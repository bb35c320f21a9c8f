"""The columns that the list of sources can show, and the cells in them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dashboards.components.cells import Cell, cell
from dashboards.components.record_table import Column
from dashboards.pages.source_search import group_of, shown_unit
from dashboards.pages.source_words import ese_cell, short_cell, stored_sigma_cell
from dashboards.pages.wording import mjd_cell, position_cells
from data_access.analysis.coordinates import format_dec, format_ra
from data_access.analysis.times import format_mjd_utc
from data_access.analysis.variability import compare_stored
from data_access.records import Source
from data_access.records.source_columns import BY_NAME, COLUMNS, SourceColumn
from data_access.repositories.photometry_epochs import Measurement

CELL = Callable[["Line"], Cell]
CURVE_EPOCHS = 40
DEFAULT_COLUMNS = (
    "ra_deg", "dec_deg", "n_rows", "curve", "mean", "snr", "eta", "v", "sigma_deviation",
    "seen_mjd", "ese",
)  # fmt: skip
SOURCE_COLUMN: Column = {
    "name": "source_id", "label": "Source", "sortable": True, "width": "12.5rem", "least": "8.5rem",
}  # fmt: skip
_OTHERS = {
    "curve": (
        "Light curve",
        f"Peak flux density of the newest {CURVE_EPOCHS} epochs; forced ones are open, flagged ones crossed",
    ),
    "ese": ("ESE candidate", "State of the pipeline's ESE candidate"),
}
_POSITION = ("ra_deg", "dec_deg")
_LABELS = {"n_rows": "Epochs", "ra_deg": "RA", "dec_deg": "Dec"}


ORDERS = frozenset({"source_id", "sep_arcsec", *BY_NAME})


@dataclass(frozen=True, slots=True)
class Line:
    """What is known of the source in one row: its record, its numbers in the index, its distance from the position.

    `numbers` is None while there is no index, `curve` while the light curve is not read.
    """

    source: Source
    numbers: Mapping[str, float] | None = None
    apart_arcsec: float | None = None
    curve: Mapping[str, Any] | None = None


def table_columns(chosen: Sequence[str], *, cone: bool = False) -> list[Column]:
    """Return the columns of the table: the source, its distance where a place was asked for, then the chosen ones."""
    apart: Column = {
        "name": "sep_arcsec", "label": "Distance", "unit": "″", "sortable": True, "align": "right",
        "title": "from the position that was asked for",
    }  # fmt: skip
    return [SOURCE_COLUMN, *([apart] if cone else []), *(_column(name) for name in chosen)]


def line_cells(line: Line, chosen: Sequence[str], *, cone: bool = False) -> list[Cell]:
    """Return the cells of one row, in the order of `table_columns`."""
    source = line.source
    remarks = stored_remarks(source)
    first = cell(source.source_id, title=_title(source), note="; ".join(remarks) or None)
    apart = [cell(line.apart_arcsec, digits=1)] if cone else []
    return [first, *apart, *(_cell_of(name, line, remarks) for name in chosen)]


def choosable() -> list[tuple[str, list[tuple[str, str, str]]]]:
    """Return the groups of columns that can be chosen: title, then (name, label with unit, definition) of each."""
    groups: dict[str, list[tuple[str, str, str]]] = {}
    for column in COLUMNS:
        groups.setdefault(group_of(column), []).append((column.name, _label(column), column.definition))
    return [("Drawn and judged", [(name, *words) for name, words in _OTHERS.items()]), *groups.items()]


def chosen_of(text: str) -> tuple[str, ...]:
    """Return the chosen columns that a URL names; the usual ones when it names none that exists."""
    known = {*BY_NAME, *_OTHERS}
    named = tuple(dict.fromkeys(name for name in text.split(",") if name in known))
    return named or DEFAULT_COLUMNS


def are_columns(text: str) -> bool:
    """Return whether a text names columns of the table and nothing else."""
    return {*text.split(",")} <= {*BY_NAME, *_OTHERS}


def _label(column: SourceColumn) -> str:
    unit, _ = shown_unit(column)
    label = _LABELS.get(column.name, column.label)
    return f"{label} ({unit})" if unit else label


def _column(name: str) -> Column:
    if name in _OTHERS:
        label, words = _OTHERS[name]
        return {"name": name, "label": label.removesuffix(" candidate"), "title": words}
    column = BY_NAME[name]
    made: Column = {
        "name": name, "label": _LABELS.get(name, column.label), "sortable": True, "title": column.definition,
    }  # fmt: skip
    unit = "ICRS" if name in _POSITION else shown_unit(column)[0]
    if unit:
        made["unit"] = unit
    if name in _POSITION:
        made["least"] = "7rem"
    if name not in (*_POSITION, "seen_mjd", "last_mjd"):
        made["align"] = "right"
    return made


def _cell_of(name: str, line: Line, remarks: Sequence[str]) -> Cell:
    special = _SPECIAL.get(name)
    if special is not None:
        return special(line)
    column = BY_NAME[name]
    if column.origin == "stored":
        return _stored_cell(column, line, remarks)
    if line.numbers is None or (line.numbers and name not in line.numbers):
        return {**cell(None), "title": "computed from the photometry: not counted yet"}
    return _number_cell(column, line.numbers.get(name, math.nan))


def _number_cell(column: SourceColumn, value: float) -> Cell:
    if math.isnan(value):
        return {**cell(None), "title": "does not exist for these measurements"}
    if column.whole:
        return cell(int(value))
    return short_cell(value / shown_unit(column)[1])


def _stored_cell(column: SourceColumn, line: Line, remarks: Sequence[str]) -> Cell:
    source = line.source
    value = {"v_stored": source.v_stored, "eta_metric": source.eta_stored}.get(
        column.name, getattr(source.stored, column.name, None)
    )
    if column.name.endswith("flux_mjy"):
        doubt = next((r for r in remarks if "Jy" in r), "")
        return cell(value, digits=2, state="warn" if doubt else None, title=doubt or None)
    return cell(value) if column.whole else short_cell(value)


def _place_cell(line: Line, which: int) -> Cell:
    ra, dec = line.source.ra_deg, line.source.dec_deg
    made = position_cells(ra, dec)[which]
    if which == 1 and ra is not None and dec is not None and abs(dec) <= 90:
        return {**made, "c": f"{format_ra(ra)} {format_dec(dec)}"}
    return made


def _neighbour_cell(line: Line) -> Cell:
    value = (line.numbers or {}).get("neighbour_arcsec", math.nan)
    if math.isinf(value):
        return cell("> 1°", title="no other source within 1 degree")
    return cell(None if math.isnan(value) else value, digits=1)


def _day_cell(mjd: float | None) -> Cell:
    if mjd is None or math.isnan(mjd):
        return cell(None)
    made = mjd_cell(mjd)
    if "title" not in made:
        return made
    return {**made, "t": made["t"].partition(" ")[0], "title": f"{made['t']} UTC, {made['title']}"}


def _seen_cell(line: Line) -> Cell:
    numbers = line.numbers or {}
    made = _day_cell(numbers.get("seen_mjd"))
    if not numbers.get("seen_processed") or "title" not in made:
        return made
    words = f"{made['title']}: the time of the processing, no observation time is recorded"
    return {**made, "n": "processing time", "title": words}


def _sigma_cell(line: Line) -> Cell:
    stored = line.source.stored
    if stored is None:
        return cell(None)
    return stored_sigma_cell(stored)


def curve_of(measurements: Sequence[Measurement]) -> dict[str, Any]:
    """Return what a line of the table draws of these measurements: x and y from 0 to 100, kind, and all in words."""
    if not measurements:
        return {"x": [], "y": [], "k": [], "label": "no measurement with a time"}
    first, last = measurements[0].mjd, measurements[-1].mjd
    peaks = [m.peak_jyb for m in measurements]
    low, high = min(peaks), max(peaks)
    kinds = [2 if m.is_flagged else 1 if m.is_forced else 0 for m in measurements]
    days = f"{format_mjd_utc(first)[:10]} to {format_mjd_utc(last)[:10]}"
    words = f"{len(peaks)} newest epochs, {days}, {1e3 * low:.4g} to {1e3 * high:.4g} mJy/beam"
    marked = [f"{kinds.count(kind)} {name}" for kind, name in ((1, "forced"), (2, "flagged")) if kind in kinds]
    return {
        "x": [round(100 * (m.mjd - first) / (last - first)) if last > first else 50 for m in measurements],
        "y": [round(100 * (p - low) / (high - low)) if high > low else 50 for p in peaks],
        "k": kinds,
        "label": "; ".join([words, *marked]),
    }


def _curve_cell(line: Line) -> Cell:
    if line.curve is None:
        return {**cell(None), "title": "not read yet"}
    return {"t": "", "k": dict(line.curve)} if line.curve["x"] else {**cell(None), "title": line.curve["label"]}


_SPECIAL: Mapping[str, CELL] = {
    "curve": _curve_cell,
    "ra_deg": lambda line: _place_cell(line, 0),
    "dec_deg": lambda line: _place_cell(line, 1),
    "n_rows": lambda line: cell(line.source.n_epochs),
    "neighbour_arcsec": _neighbour_cell,
    "seen_mjd": _seen_cell,
    "last_mjd": lambda line: _day_cell(line.source.stored.last_mjd if line.source.stored else None),
    "sigma_deviation": _sigma_cell,
    "ese": lambda line: ese_cell(line.source.ese_status),
}


def stored_remarks(source: Source) -> tuple[str, ...]:
    """Return what is odd about the stored statistics of a source, judged by the row alone."""
    if source.stored is None:
        return source.problems
    without_photometry = compare_stored(source.stored, (), ())[1:]
    known = " ".join(without_photometry)
    rest = [p for p in source.problems if not ("impossible" in p and "impossible" in known)]
    return (*without_photometry, *rest)


def _title(source: Source) -> str:
    name = source.name if source.name and source.name != source.source_id else None
    catalogue = source.monitoring.catalog if source.monitoring else None
    return ", ".join(part for part in (source.source_id, name, catalogue) if part)


def numbers_by_name(names: Sequence[str], values: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Return the numbers of each source by column, from columns of numbers."""
    columns = {name: column.tolist() for name, column in values.items()}
    return {name: {key: column[i] for key, column in columns.items()} for i, name in enumerate(names)}
