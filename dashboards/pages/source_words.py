"""How sources, candidates and metrics are worded, for the list and for the page of one source."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dashboards.components.cells import Cell, State, cell
from dashboards.components.record_table import Column, Row, row
from dashboards.components.switches import option, switch
from dashboards.links import Links
from dashboards.plots.style import how_many
from data_access.analysis.variability.sigma_deviation import largest_possible_stored
from data_access.records import EseCandidate, StoredVariability, TransientCandidate
from data_access.records.marks import Mark

_ESE_STATES: dict[str, State] = {"active": "warn", "investigated": "info", "dismissed": "off"}
_VERDICT_STATES: dict[str, State] = {"real": "ok", "artefact": "off", "unsure": "warn", "follow-up": "info"}
_BOUND = "max|flux - mean| / std can never pass sqrt(n - 1) (Samuelson 1968), whatever the source does"


def ese_cell(status: str | None) -> Cell:
    """Return the status of an ESE candidate: an active one wants attention."""
    if not status:
        return cell(None, title="not a candidate of the pipeline")
    return cell(status, state=_ESE_STATES.get(status.lower(), "info"))


def short_cell(value: float | None) -> Cell:
    """Return a number to four significant digits, with all of them in the tooltip."""
    return cell(value) if value is None else cell(f"{value:.4g}", title=f"{value:.10g}")


def bounded_cell(sigma: float | None, bound: float | None, *, of: str = "so many epochs") -> Cell:
    """Return a sigma_deviation with the largest value that the number of epochs allows; `of` says which number."""
    if sigma is None or bound is None:
        return cell(sigma, digits=2, title=None if sigma is None else "the number of epochs is not known")
    if sigma > bound * (1 + 1e-6):
        title = f"impossible: at most {bound:.2f} with {of}. {_BOUND}"
        return cell(sigma, digits=2, unit=f"> {bound:.2f}", state="bad", title=title)
    return cell(sigma, digits=2, unit=f"of {bound:.3g}", title=f"at most {bound:.2f} with {of}: {_BOUND}")


def stored_sigma_cell(stored: StoredVariability) -> Cell:
    """Return the stored sigma_deviation, and what is possible with the measurements that it is of."""
    of = f"the {stored.n_obs or 0:,} epochs of the stored statistics"
    return bounded_cell(stored.sigma_deviation, largest_possible_stored(stored.n_obs), of=of)


def flagged_cell(candidate: EseCandidate) -> Cell:
    """Return the sigma_deviation that a source was flagged with, and what is possible with its measurements."""
    n = candidate.n_epoch
    epochs = f"the {how_many(n, 'epoch')}" if n is not None else ""
    where = "of the stored statistics (there is no photometry)" if candidate.n_is_stored else "in the photometry"
    return bounded_cell(candidate.significance, candidate.largest_possible, of=f"{epochs} {where}")


def candidate_columns(*, with_source: bool = True) -> Sequence[Column]:
    """Return the columns of a table of ESE candidates."""
    columns: list[Column] = [
        {"name": "source", "label": "Source"},
        {"name": "status", "label": "Status"},
        {"name": "significance", "label": "σ deviation", "align": "right", "title": _BOUND},
        {"name": "flagged", "label": "Flagged", "align": "right"},
    ]
    if with_source:
        return [*columns, {"name": "mark", "label": "Mark", "title": "what people say, see the page Review"}]
    return [*columns[1:], {"name": "by", "label": "Flagged by"}, {"name": "notes", "label": "Notes"}]


def candidate_row(
    candidate: EseCandidate, links: Links, *, with_source: bool = True, mark: Mark | None = None
) -> Row:
    """Return the table row of one ESE candidate, with what people say about its source."""
    by = " / ".join(word for word in (candidate.flagged_by, candidate.flag_type) if word)
    cells = [
        ese_cell(candidate.status),
        flagged_cell(candidate),
        cell(None, unix=candidate.flagged_at),
    ]
    if not with_source:
        return row(candidate.id, [*cells, cell(by or None), cell(candidate.notes)])
    flagged = f"flagged by {by}" if by else ""
    name = cell(candidate.source_id, title="; ".join(t for t in (flagged, candidate.notes) if t) or None)
    return row(candidate.id, [name, *cells, verdict_cell(mark)], href=links.source(candidate.source_id))


def transient_row(candidate: TransientCandidate, links: Links, mark: Mark | None = None) -> Row:
    """Return the table row of one transient candidate, with what people say about it."""
    flux = None
    if candidate.flux_obs_mjy is not None:
        flux = f"observed {candidate.flux_obs_mjy:.4g} mJy, baseline {_mjy(candidate.flux_baseline_mjy)}"
    return row(
        candidate.id,
        [
            cell(candidate.source_name),
            cell(candidate.detection_type, title=f"classification: {candidate.classification or 'none'}"),
            cell(candidate.flux_ratio, digits=2, title=flux),
            cell(candidate.significance_sigma, digits=1, title=f"baseline catalogue {candidate.baseline_catalog}"),
            cell(None, unix=candidate.detected_at),
            verdict_cell(mark),
        ],
        href=links.source(candidate.source_name) if candidate.source_name else None,
    )


def verdict_cell(mark: Mark | None) -> Cell:
    """Return what is said of a candidate, as glyph, word and colour."""
    if mark is None or mark.is_empty:
        return cell(None, title="nobody has marked it")
    title = f"by {mark.who}" + (f": {mark.comment}" if mark.comment else "")
    if not mark.verdict:
        return cell("comment only", title=title)
    return cell(mark.verdict, state=_VERDICT_STATES[mark.verdict], title=title)


def _mjy(value: float | None) -> str:
    return "not recorded" if value is None else f"{value:.4g} mJy"


def source_switches(flux: str, unit: str, definitions: str, missing: str) -> list[dict[str, Any]]:
    """Return how the page of a source can be looked at, with what is chosen now."""
    shown = [option("off", "hidden"), option("on", "shown")]
    return [
        switch("flux", "Flux density", flux, [option("peak", "peak"), option("integrated", "integrated")]),
        switch("unit", "Unit", unit, [option("mJy", "mJy"), option("Jy", "Jy")]),
        switch("definitions", "Definitions of the metrics", definitions, shown),
        switch("missing", "Missing epochs", missing, shown),
    ]
