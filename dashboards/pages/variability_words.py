"""The eta-V plane in words: fields, rows, reasons, how far the sums are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from dashboards.components.cells import cell
from dashboards.components.facts import fact, group
from dashboards.components.filters import Field
from dashboards.components.record_table import Column, Row, row
from dashboards.links import Links
from dashboards.pages.list_page import FieldError, number_of
from dashboards.pages.wording import mjd_cell
from dashboards.plots.eta_v_data import Cuts, EtaVData, PanelData, drawn_words
from dashboards.plots.light_curve_hover import unit_text
from dashboards.plots.measurement_kinds import FluxKind
from data_access.analysis.eta_v import LogGaussian
from data_access.analysis.variability import DEFINITIONS
from data_access.analysis.variability.moments import REASONS
from data_access.records.marks import Marks
from data_access.records.source_columns import BY_NAME
from data_access.records.variability import VariabilityState, VariabilityTable
from data_access.services.medians import Medians

MOST_LISTED = 200
# As many names as a URL carries without trouble.
MOST_PICKED = 40
_RECIPE = "log10, values beyond 3 σ (MAD) dropped until none is, Gaussian: Rowlinson et al. 2019, A&C 27, 111"

FIELDS: Sequence[Field] = (
    {"name": "k", "label": "Published cuts at", "kind": "number", "unit": "σ", "placeholder": "3", "width": "9rem"},
    {"name": "eta_cut", "label": "η above", "kind": "number", "placeholder": "published", "width": "7rem"},
    {"name": "v_cut", "label": "V above", "kind": "number", "placeholder": "published", "width": "7rem"},
    {"name": "epochs", "label": "Measurements at least", "kind": "number", "placeholder": "2", "width": "9rem"},
)
COLUMNS: Sequence[Column] = (
    {"name": "source_id", "label": "Source"},
    {"name": "n", "label": "N", "align": "right", "title": "usable measurements"},
    {"name": "eta", "label": "η", "align": "right", "title": DEFINITIONS["eta"].formula},
    {"name": "v", "label": "V", "align": "right", "title": DEFINITIONS["modulation_index"].formula},
    {"name": "mean", "label": "Mean", "align": "right"},
    {"name": "vs", "label": "|Vs|", "align": "right", "title": BY_NAME["vs"].definition},
    {"name": "m", "label": "|m|", "align": "right", "title": BY_NAME["m"].definition},
)  # fmt: skip
# |Vs| and |m| by the name of the source.
Pairs = Mapping[str, tuple[float, float]]


def table_columns(flux: FluxKind) -> list[Column]:
    """Return the columns of the two tables: means of peaks are per beam."""
    return [{**one, "unit": unit_text(flux, "mJy")} if one["name"] == "mean" else one for one in COLUMNS]


def positive(field: str, text: str) -> float | None:
    """Return the number above zero in a field, None when empty; raise `FieldError` for anything else."""
    value = number_of(field, text)
    if value is not None and not (math.isfinite(value) and 0 < value < 1e300):
        raise FieldError(field, f"'{text[:40]}' is not a number above zero")
    return value


def source_rows(
    table: VariabilityTable, rows: npt.NDArray[np.int64], links: Links, marks: Marks, pairs: Pairs
) -> list[Row]:
    """Return the table rows of some sources, linked to their pages, with what people say about them."""
    return with_pairs([_source_row(table, int(i), links, marks) for i in rows], pairs)


def with_pairs(rows: Sequence[Row], pairs: Pairs) -> list[Row]:
    """Return the rows with the two-epoch metrics that are known of them in their last two cells."""
    n_own = len(COLUMNS) - 2
    return [{**one, "cells": [*one["cells"][:n_own], *_pair_cells(pairs.get(one["key"]))]} for one in rows]


def _pair_cells(pair: tuple[float, float] | None) -> list[Any]:
    if pair is None:
        return [{**cell(None), "title": "not read yet"}] * 2
    return [_short(value) for value in pair]


def _source_row(table: VariabilityTable, i: int, links: Links, marks: Marks) -> Row:
    name = str(table.source_id[i])
    mark = marks.get(("source", name))
    said = f"{mark.verdict}, says {mark.who}" if mark is not None and mark.verdict else ""
    reason = "; ".join(words for words in (said, REASONS[int(table.reason[i])]) if words)
    seen = mjd_cell(float(table.last_mjd[i]) if math.isfinite(table.last_mjd[i]) else None)
    when = "last processed" if table.last_processed.size and table.last_processed[i] else "last measured"
    title = f"{name}, {when} {seen['t']} UTC" if not seen.get("missing") else name
    return row(
        name,
        [
            cell(name, title=title, note=reason or None),
            cell(int(table.n[i])),
            _short(table.eta[i]),
            _short(table.v[i]),
            _short(table.mean[i] * 1e3),
        ],
        href=links.source(name),
    )


def _short(value: float) -> Any:
    return cell(f"{value:.4g}") if math.isfinite(value) else cell(None)


def plane_facts(table: VariabilityTable, cuts: Cuts, min_epochs: int, data: EtaVData) -> list[dict[str, Any]]:
    """Return the cuts with their origin, how the plane is drawn, and who is left out and why."""
    published = cuts.published
    return [
        group(
            f"Published cuts, {cuts.k_sigma:g} σ",
            [
                fact("η", _cut(published[0], cuts.eta), note=_fit_words(cuts.eta_fit)),
                fact("V", _cut(published[1], cuts.v), note=_fit_words(cuts.v_fit)),
                fact("Recipe", cell(_RECIPE)),
            ],
        ),
        group("Drawn", [fact("Sources", cell(drawn_words(data.n_rows, data.n_drawn)))]),
        group("Left out, of the sources with measurements", _left_out(table, data.n_rows, min_epochs)),
    ]


def _cut(published: float, own: float) -> Any:
    if not math.isfinite(published):
        return cell(None)
    note = None if math.isclose(published, own, rel_tol=0.01) else f"the lines stand at {own:.4g}"
    return cell(f"{published:.4g}", note=note)


def _fit_words(fit: LogGaussian) -> str:
    if not math.isfinite(fit.mu):
        return fit.reason
    words = f"10^({fit.mu:.3f} + k · {fit.sigma:.3f}), {fit.n_kept:,} of {fit.n:,} sources kept"
    return f"{words}; {fit.reason}" if fit.reason else words


def _left_out(table: VariabilityTable, n_drawn: int, min_epochs: int) -> list[dict[str, Any]]:
    found = [
        fact(f"{int((table.reason == key).sum()):,}", cell(words))
        for key, words in REASONS.items()
        if key and (table.reason == key).any()
    ]
    few = int(((table.reason == 0) & (table.n < min_epochs)).sum())
    if few:
        found.append(fact(f"{few:,}", cell(f"fewer than {min_epochs} usable measurements")))
    drawn = "the one source is drawn" if n_drawn == 1 else f"all {n_drawn:,} sources are drawn"
    return found or [fact("None", cell(drawn))]


def filling_words(state: VariabilityState) -> str:
    """Return how far the sums are while they are made."""
    speed = f", {state.rows_per_s:,.0f} a second" if state.rows_per_s else ""
    return f"Adding up the photometry: {state.share:.0%} of {state.newest_id:,} measurements{speed}"


def recent_words(table: VariabilityTable) -> str:
    """Return what a plane is that was made before, while the newest measurements are still being looked for."""
    return f"Measurements up to row {table.last_id:,}; what was written since is being added"


def state_words(state: VariabilityState) -> tuple[str, str]:
    """Return the kind of notice and its words once the sums are made; no words when all is as it should be."""
    return ("warn" if "memory" in state.note else "info", state.note[:1].upper() + state.note[1:])


def median_words(medians: Medians) -> str:
    """Return what the medians are of, for an axis; nothing when they are of every measurement."""
    return f" of the newest {medians.last_id - medians.after_id:,} rows" if medians.is_partial else ""


def panel_words(table: VariabilityTable, medians: Medians, data: PanelData) -> str:
    """Return what the reader of the diagnostic panels must know; empty when they show every source exactly."""
    words = []
    if medians.is_partial:
        words.append(
            f"The medians are of the newest {medians.last_id - medians.after_id:,} rows of the photometry; "
            f"{medians.after_id:,} older ones are not read for them."
        )
    if medians.last_id < table.last_id:
        words.append(f"The {table.last_id - medians.last_id:,} newest rows are not in the medians yet.")
    if data.n_without:
        who = "1 source has" if data.n_without == 1 else f"{data.n_without:,} sources have"
        words.append(f"{who} no median above zero and no place in the panels on the right.")
    return " ".join(words)
